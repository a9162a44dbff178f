//! Telemetry coming in over HTTP and gRPC.

use std::sync::{Arc, OnceLock};

use andon_api::{ErrorCode, Problem};
use andon_http::Service;
use andon_ingest::{
    ContentEncoding, IngestError, NdjsonFailure, NdjsonOptions, OtlpAnswer, OtlpRequest, ingest_ndjson, limits, otlp_logs,
    otlp_metrics, otlp_traces,
};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};
use andon_reader::LogSink;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// Where this process stores telemetry.
static SINK: OnceLock<Arc<dyn LogSink>> = OnceLock::new();

/// Gives the rows the place where telemetry is stored.
pub(crate) fn install(sink: Arc<dyn LogSink>) {
    let _set_before = SINK.set(sink);
}

fn sink() -> Result<&'static dyn LogSink, Problem> {
    let sink = SINK.get().map(AsRef::as_ref);
    sink.ok_or_else(|| Problem::new(ErrorCode::SystemUnavailable, "Telemetry is not taken now."))
}

/// The rows of telemetry coming in.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let otlp = |path, id| {
        Endpoint::post(path, id).permission("telemetry.write").hidden().body_max_bytes(limits::OTLP_BYTES)
    };
    vec![
        Endpoint::post("/api/v1/ingest/ndjson", "ingest_ndjson")
            .permission("telemetry.write")
            .summary("Stores log lines, one JSON object per line; streamed, without a limit on the whole.")
            .parameter("time_field", "the field that holds the time")
            .parameter("message_field", "the field that holds the message")
            .streamed()
            .handle(ndjson),
        otlp("/v1/logs", "otlp_logs").handle(logs),
        otlp("/v1/traces", "otlp_traces").handle(traces),
        otlp("/v1/metrics", "otlp_metrics").handle(metrics),
    ]
}

fn ndjson(_world: World, mut call: Call) -> Answer {
    Box::pin(async move {
        let encoding = ContentEncoding::from_header(call.header("content-encoding")).map_err(|error| refuse(&error))?;
        let options = NdjsonOptions {
            time_field: call.query("time_field").map(str::to_owned),
            message_field: call.query("message_field").map(str::to_owned),
            encoding,
        };
        let body = call.stream.take().ok_or_else(|| Problem::internal("the body is not a stream"))?;
        let answer = ingest_ndjson(sink()?, body, &options).await.map_err(|failure| broke_off(&failure))?;
        Reply::json(&answer)
    })
}

fn refuse(error: &IngestError) -> Problem {
    let code = match error.status {
        413 => ErrorCode::RequestTooLarge,
        503 if error.code == andon_reader::code::DISK_FULL => ErrorCode::DiskFull,
        503 => ErrorCode::SystemUnavailable,
        500 => ErrorCode::SystemFault,
        _ => ErrorCode::IngestInvalid,
    };
    let problem = Problem::new(code, format!("{} ({}).", error.message, error.code));
    match &error.hint {
        Some(hint) => problem.hint(hint.clone()),
        None => problem,
    }
}

/// Says what was stored before the body broke off, so that a sender goes on from there.
fn broke_off(failure: &NdjsonFailure) -> Problem {
    refuse(&failure.error)
        .place(format!("body:{}", failure.lines_read + 1))
        .facts(json!({"soFar": failure.so_far, "linesRead": failure.lines_read}))
}

fn logs(_world: World, call: Call) -> Answer {
    Box::pin(async move { Ok(reply(otlp_logs(sink()?, request_of(&call)).await)) })
}

fn traces(_world: World, call: Call) -> Answer {
    Box::pin(async move { Ok(reply(otlp_traces(request_of(&call)))) })
}

fn metrics(_world: World, call: Call) -> Answer {
    Box::pin(async move { Ok(reply(otlp_metrics(request_of(&call)))) })
}

fn request_of(call: &Call) -> OtlpRequest<'_> {
    OtlpRequest {
        content_type: call.header("content-type"),
        content_encoding: call.header("content-encoding"),
        body: &call.body,
    }
}

fn reply(answer: OtlpAnswer) -> Reply {
    if let Some(error) = &answer.error {
        tracing::debug!(status = answer.status, error = %error, "telemetry was refused");
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = Reply::bytes(status, answer.content_type, answer.body);
    match answer.retry_after_s {
        Some(seconds) => reply.with_header("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// Makes the router of OTLP over gRPC; a call is admitted before its message is read.
pub(crate) fn grpc_router(service: Service, sink: Arc<dyn LogSink>) -> Router {
    let admitted: andon_ingest::Authorize = Arc::new(|_| Ok(()));
    let routes = tonic::service::Routes::new(andon_ingest::logs_service(sink, admitted.clone()))
        .add_service(andon_ingest::trace_service(admitted.clone()))
        .add_service(andon_ingest::metrics_service(admitted));
    let admit = move |request: Request, next: Next| {
        let service = service.clone();
        async move {
            match service.admit(request.headers(), "grpc", "telemetry.write").await {
                Ok(_) => next.run(request).await,
                Err(problem) => grpc_refusal(&problem),
            }
        }
    };
    // Only the services' own paths: the router's fallback belongs to the UI.
    routes.into_axum_router().reset_fallback().route_layer(from_fn(admit))
}

fn grpc_refusal(problem: &Problem) -> Response<Body> {
    const UNAUTHENTICATED: &str = "16";
    const PERMISSION_DENIED: &str = "7";
    const UNAVAILABLE: &str = "14";
    let status = match problem.status {
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        _ => UNAVAILABLE,
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(status));
    if let Ok(message) = HeaderValue::from_str(&format!("{} {}", problem.code, problem.detail)) {
        headers.insert("grpc-message", message);
    }
    response
}
