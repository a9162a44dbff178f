//! From rows to a router.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use andon_api::{ErrorCode, Problem};
use andon_auth::{Caller, Target, Tokens};
use andon_module::{Access, BodyStream, Call, Endpoint, Reply, World, decode_pairs};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{MethodFilter, MethodRouter};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::problem::reply_to_problem;
use crate::refusals::Refusals;

/// The rows that this crate brings itself.
pub fn endpoints() -> Vec<Endpoint> {
    let mut rows = crate::generic::endpoints();
    rows.extend(crate::audit::endpoints());
    rows.extend(crate::tokens::endpoints());
    rows.extend(crate::signin::endpoints());
    rows
}

/// Answers calls by the rows.
#[derive(Clone)]
pub struct Service {
    world: World,
    tokens: Tokens,
    refusals: Refusals,
}

impl Service {
    /// Makes the service of a world.
    pub fn new(world: World) -> Self {
        let tokens = Tokens::new(world.store.clone());
        Self { world, tokens, refusals: Refusals::default() }
    }

    /// Counts the refusals of strangers.
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// Finds the caller of a request that does not go through the rows, and asks the rules.
    ///
    /// # Errors
    /// `AUT-0001`, `AUT-0002` or `AUT-0003`; a refusal is recorded.
    pub async fn admit(
        &self,
        headers: &http::HeaderMap,
        origin: &str,
        permission: &'static str,
    ) -> Result<Caller, Problem> {
        let now = self.world.now();
        let caller = crate::caller::identify(&self.tokens, headers, &Method::POST, origin, now).await?;
        let decision = self.world.authorizer.decide(&caller, permission, &Target::default())?;
        match decision.require(&caller, permission) {
            Ok(_) => Ok(caller),
            Err(problem) => {
                self.refusals.note(&self.world, &caller, permission, &problem).await;
                Err(problem)
            }
        }
    }

    /// Makes the router of the rows.
    pub fn router(&self, endpoints: &[Endpoint]) -> Router {
        let mut paths: BTreeMap<&'static str, MethodRouter> = BTreeMap::new();
        for (path, fixed, endpoint) in with_hidden_methods(endpoints) {
            let Some(filter) = filter_of(&endpoint.method) else { continue };
            let (service, row) = (self.clone(), Arc::new((endpoint.clone(), fixed)));
            let answer = move |request: Request<Body>| {
                let (service, row) = (service.clone(), row.clone());
                async move {
                    let id = row.0.id;
                    let is_streamed = row.0.body_max_bytes.is_none();
                    let answered = async move { service.answer(&row.0, &row.1, request).await };
                    if !is_streamed {
                        return answered.await;
                    }
                    // Some senders of lines hang up without waiting for the answer, and a server drops what it does for
                    // whoever has hung up: what they have sent is stored all the same.
                    let answered = tokio::spawn(answered).await;
                    answered.unwrap_or_else(|error| reply_to_problem(Problem::internal(error), id, "-"))
                }
            };
            let known = paths.remove(path).unwrap_or_default();
            paths.insert(path, known.on(filter, answer));
        }
        paths.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
    }

    async fn answer(&self, row: &Endpoint, fixed: &Parameters, request: Request<Body>) -> Response<Body> {
        let request_id = self.world.ids.new_id();
        let (mut parts, body) = request.into_parts();
        let origin = origin_of(&parts);
        let now = self.world.now();
        let found = crate::caller::identify(&self.tokens, &parts.headers, &parts.method, &origin, now).await;
        let (caller, outcome) = match found {
            Err(problem) => (Caller::anonymous(&origin), Err(problem)),
            Ok(caller) => {
                let outcome = self.call(row, fixed, &mut parts, body, caller.clone(), &request_id).await;
                (caller, outcome)
            }
        };
        match outcome {
            Ok(reply) => into_response(reply),
            Err(problem) => {
                self.refusals.note(&self.world, &caller, row.id, &problem).await;
                if problem.is(ErrorCode::NotSignedIn) && wants_page(&parts) {
                    return into_response(Reply::redirect(format!("/signin?return={}", encode(&parts))));
                }
                reply_to_problem(problem, row.id, &request_id)
            }
        }
    }

    async fn call(
        &self,
        row: &Endpoint,
        fixed: &Parameters,
        parts: &mut Parts,
        body: Body,
        caller: Caller,
        request_id: &str,
    ) -> Result<Reply, Problem> {
        let rules = match row.access {
            Access::Open => Vec::new(),
            Access::Permission(permission) => {
                self.world.authorizer.decide(&caller, permission, &Target::default())?.require(&caller, permission)?
            }
        };
        let mut path = path_parameters(parts).await?;
        path.extend(fixed.clone());
        let query = decode_pairs(parts.uri.query().unwrap_or_default());
        let (body, stream) = read_body(row, parts, body).await?;
        let call = Call {
            caller,
            rules,
            operation: row.id,
            path,
            query,
            headers: parts.headers.clone(),
            body,
            stream,
            request_id: request_id.to_owned(),
        };
        (row.handler)(self.world.clone(), call).await
    }
}

type Parameters = BTreeMap<String, String>;

/// Adds to each literal path the methods that only a path with parameters has.
///
/// A literal path wins over one with parameters for every method, so `POST /api/v1/changes` alone would
/// hide the list of changes, which `GET /api/v1/{plural}` gives.
fn with_hidden_methods(endpoints: &[Endpoint]) -> Vec<(&'static str, Parameters, &Endpoint)> {
    let mut rows: Vec<_> = endpoints.iter().map(|row| (row.path, Parameters::new(), row)).collect();
    let known = |path: &str, method: &Method| endpoints.iter().any(|row| row.path == path && row.method == *method);
    let mut paths: Vec<&'static str> = endpoints.iter().map(|row| row.path).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let mut hidden: Vec<(Parameters, &Endpoint)> = endpoints
            .iter()
            .filter(|row| row.path != path && !known(path, &row.method))
            .filter_map(|row| Some((fixed_by(path, row.path)?, row)))
            .collect();
        // Of several patterns the most literal one would have answered.
        hidden.sort_by_key(|(fixed, _)| fixed.len());
        let mut methods: Vec<&Method> = Vec::new();
        for (fixed, row) in hidden {
            if !methods.contains(&&row.method) {
                methods.push(&row.method);
                rows.push((path, fixed, row));
            }
        }
    }
    rows
}

/// Tells which parameters of a pattern a more literal path fixes; none when it does not fit the pattern.
fn fixed_by(path: &str, pattern: &str) -> Option<Parameters> {
    if path.split('/').count() != pattern.split('/').count() {
        return None;
    }
    let mut fixed = Parameters::new();
    for (part, wanted) in path.split('/').zip(pattern.split('/')) {
        let name = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match name {
            _ if part == wanted => {}
            Some(name) if !part.starts_with('{') => {
                fixed.insert(name.to_owned(), part.to_owned());
            }
            _ => return None,
        }
    }
    Some(fixed)
}

fn filter_of(method: &Method) -> Option<MethodFilter> {
    MethodFilter::try_from(method.clone()).ok()
}

fn origin_of(parts: &Parts) -> String {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or_else(String::new, |info| info.0.ip().to_string())
}

/// Tells whether a person's browser asks for a page.
fn wants_page(parts: &Parts) -> bool {
    let accept = parts.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    parts.method == Method::GET && accept.is_some_and(|accept| accept.contains("text/html"))
}

fn encode(parts: &Parts) -> String {
    let text = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

async fn path_parameters(parts: &mut Parts) -> Result<BTreeMap<String, String>, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| {
        Problem::new(ErrorCode::RequestInvalid, "The path holds bytes that are not UTF-8.")
    })?;
    Ok(parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn read_body(row: &Endpoint, parts: &Parts, body: Body) -> Result<(Bytes, Option<BodyStream>), Problem> {
    let Some(most) = row.body_max_bytes else {
        let stream = body.into_data_stream().map_err(|error| {
            Problem::new(ErrorCode::RequestInvalid, "The body broke off; what was acknowledged before is stored.").operator(error)
        });
        return Ok((Bytes::new(), Some(Box::pin(stream))));
    };
    if parts.method == Method::GET {
        return Ok((Bytes::new(), None));
    }
    match axum::body::to_bytes(body, most).await {
        Ok(bytes) => Ok((bytes, None)),
        Err(error) => {
            let detail = format!("The body is over {most} bytes, or broke off.");
            Err(Problem::new(ErrorCode::RequestTooLarge, detail).operator(error))
        }
    }
}

fn with_headers(
    status: StatusCode,
    body: Body,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    map.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(name, value);
        }
    }
    response
}

fn into_response(reply: Reply) -> Response<Body> {
    match reply {
        Reply::Body { status, content_type, body, headers } => with_headers(status, Body::from(body), content_type, headers),
        Reply::File { content_type, pieces, headers } => {
            let pieces = pieces.inspect_err(|problem| {
                tracing::warn!(code = problem.code, detail = problem.detail, operator = problem.operator_text(), "a file broke off");
            });
            let body = Body::from_stream(pieces.map_err(|problem| std::io::Error::other(problem.detail)));
            with_headers(StatusCode::OK, body, content_type, headers)
        }
        Reply::Events(stream) => {
            let events = stream.map(|event| {
                let data = event.data.to_string();
                let sent = Event::default().event(event.name).data(data);
                Ok::<_, Infallible>(match event.id {
                    Some(id) => sent.id(id),
                    None => sent,
                })
            });
            // A proxy may hold the headers back until the first byte, which may be long in coming.
            let opened = futures::stream::once(async { Ok(Event::default().comment("open")) });
            let events = opened.chain(events);
            let alive = KeepAlive::new().interval(Duration::from_secs(15));
            let mut response = Sse::new(events).keep_alive(alive).into_response();
            response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
            *response.status_mut() = StatusCode::OK;
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_path_does_not_hide_what_a_pattern_answers() {
        let rows = [Endpoint::post("/a/changes", "record"), Endpoint::get("/a/{plural}", "list"), Endpoint::get("/a/line", "line")];
        let all = with_hidden_methods(&rows);
        let found: Vec<_> = all.iter().map(|(path, fixed, row)| (*path, row.id, fixed.get("plural").cloned())).collect();
        assert_eq!(found[3..], [("/a/changes", "list", Some("changes".to_owned()))]);
    }

    #[test]
    fn of_two_patterns_the_more_literal_one_answers() {
        let rows = [Endpoint::post("/a/logs/sums", "sum"), Endpoint::get("/a/{plural}/{name}", "object"), Endpoint::get("/a/logs/{id}", "line")];
        let all = with_hidden_methods(&rows);
        let found: Vec<_> = all[3..].iter().map(|(path, fixed, row)| (*path, row.id, fixed.len())).collect();
        assert_eq!(found, [("/a/logs/sums", "line", 1)]);
    }

    #[test]
    fn a_path_fixes_parameters_only_where_it_fits() {
        assert_eq!(fixed_by("/a/b/{name}", "/a/{plural}/{name}"), Some(Parameters::from([("plural".to_owned(), "b".to_owned())])));
        assert_eq!(fixed_by("/a/b/{id}", "/a/{plural}/{name}"), None);
        assert_eq!(fixed_by("/a/b/c", "/a/{plural}"), None);
        assert_eq!(fixed_by("/x/b", "/a/{plural}"), None);
    }
}
