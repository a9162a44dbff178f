//! Problems as answers (RFC 9457), and the operator's text in the log.

use andon_api::Problem;
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

/// Turns a problem into an answer; the operator's text goes to the log and nowhere else.
pub fn reply_to_problem(mut problem: Problem, operation: &str, request_id: &str) -> Response<Body> {
    let operator = problem.operator_text().unwrap_or_default().to_owned();
    if problem.status >= 500 {
        tracing::error!(operation, request_id, code = problem.code, detail = problem.detail, operator, "a call failed");
    } else {
        tracing::debug!(operation, request_id, code = problem.code, detail = problem.detail, operator, "a call was refused");
    }
    problem.request_id = Some(request_id.to_owned());
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&problem).unwrap_or_else(|_| b"{}".to_vec());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
