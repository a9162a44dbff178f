//! Telemetry coming in: each row runs where the store is.
//!
//! In the server a row admits the caller and then passes the body on as it comes: not buffered, not looked at.
//! In the process that owns the store the same row reads it. A row that finds nobody there words the refusal in
//! its own protocol.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use andon_api::{Actor, ErrorCode, Problem};
use andon_auth::Caller;
use andon_module::{BodyStream, BoxFuture, Call, Endpoint, Reply, World};
use andon_columns::LinesSink;
use andon_reader::ReaderError;
use andon_remote::{Relayed, Remote, Shelf};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::telemetry::telemetry;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;
/// Reads what came and stores it.
pub(crate) type Take = fn(Arc<dyn LinesSink>, Call) -> Answer;
/// Words a refusal in the protocol of the row.
pub(crate) type Refuse = fn(Call, ReaderError) -> Answer;

/// A row by which telemetry comes in.
pub(crate) struct Row {
    /// Path, permission and words; the handler is set here.
    pub(crate) endpoint: Endpoint,
    /// The most bytes of a body that is read whole; without it the row reads the stream.
    pub(crate) whole_body_bytes: Option<usize>,
    pub(crate) take: Take,
    pub(crate) refuse: Refuse,
}

/// Where telemetry is taken in.
#[derive(Clone)]
pub(crate) enum Intake {
    /// In this process.
    Here(Arc<dyn LinesSink>),
    /// In the process that owns the store.
    There(Remote),
}

impl Intake {
    /// Asks a row of the other process; nothing where the rows run in this one.
    pub(crate) async fn ask(&self, operation: &str) -> Result<Option<Bytes>, Problem> {
        let Self::There(remote) = self else { return Ok(None) };
        let mut headers = HeaderMap::new();
        about_grpc(operation, 0, &mut headers)?;
        let body = futures::stream::empty::<Result<Bytes, std::io::Error>>();
        let relayed = remote.relay(Method::POST, &format!("/intake/{operation}"), headers, body).await;
        relayed.map(|relayed| Some(relayed.body)).map_err(andon_module::telemetry_problem)
    }
}

/// What a call is besides its body and its own headers, on its way to the other process.
const ABOUT: HeaderName = HeaderName::from_static("x-andon-call");
/// Says that an answer is a problem of Andon's own, not a row's answer.
const PROBLEM: HeaderName = HeaderName::from_static("x-andon-problem");
/// Headers that belong to one connection or to the server alone.
const KEPT_BACK: [HeaderName; 11] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::HOST,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    ABOUT,
    PROBLEM,
];
/// How long the rest of a refused body is read, so that its sender reads the refusal and not a broken pipe.
const DRAIN_TIME: Duration = Duration::from_secs(10);
const DRAIN_BYTES: usize = 64 << 20;
/// How long a sender may take over a body that is read whole.
const WHOLE_BODY_TIME: Duration = Duration::from_secs(60);
/// What a body of unknown length is expected to have.
const UNKNOWN_LENGTH_BYTES: usize = 4 << 20;
/// Bytes of whole bodies that are held at once, where there is no budget.
const HELD_BYTES: u64 = 256 << 20;
const UNIT_BYTES: usize = 1 << 10;

#[derive(Default, Serialize, Deserialize)]
struct About {
    operation: String,
    path: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    principal: String,
    origin: String,
    request_id: String,
}

/// Makes the rows of the API.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let endpoint = |row: Row| {
        let Row { endpoint, whole_body_bytes, take, refuse } = row;
        endpoint.streamed().handle(move |_world: World, call: Call| -> Answer {
            Box::pin(async move {
                match &telemetry()?.intake {
                    Intake::Here(sink) => take(sink.clone(), with_body(call, whole_body_bytes).await?).await,
                    Intake::There(remote) => pass_on(remote, call, refuse).await,
                }
            })
        })
    };
    crate::ingest::rows().into_iter().map(endpoint).collect()
}

async fn pass_on(remote: &Remote, mut call: Call, refuse: Refuse) -> Result<Reply, Problem> {
    let headers = headers_for(&call)?;
    let body = ReadToItsEnd { rest: call.stream.take() };
    let body = body.map_err(|problem| std::io::Error::other(problem.detail));
    match remote.relay(Method::POST, &format!("/intake/{}", call.operation), headers, body).await {
        Ok(relayed) => reply_of(relayed),
        Err(error) => refuse(call, error).await,
    }
}

fn headers_for(call: &Call) -> Result<HeaderMap, Problem> {
    let about = About {
        operation: call.operation.to_owned(),
        path: call.path.clone(),
        query: call.query.clone(),
        principal: call.caller.actor.principal.clone(),
        origin: call.caller.actor.origin.clone(),
        request_id: call.request_id.clone(),
    };
    let mut headers = call.headers.clone();
    for name in &KEPT_BACK {
        headers.remove(name);
    }
    let about = serde_json::to_vec(&about).map_err(Problem::internal)?;
    headers.insert(ABOUT, HeaderValue::from_bytes(&about).map_err(Problem::internal)?);
    Ok(headers)
}

/// Describes a call that did not come through a row of the API.
pub(crate) fn about_grpc(operation: &str, bytes: usize, headers: &mut HeaderMap) -> Result<(), Problem> {
    let about = About { operation: operation.to_owned(), origin: "grpc".to_owned(), ..About::default() };
    let about = serde_json::to_vec(&about).map_err(Problem::internal)?;
    headers.insert(ABOUT, HeaderValue::from_bytes(&about).map_err(Problem::internal)?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    Ok(())
}

fn reply_of(relayed: Relayed) -> Result<Reply, Problem> {
    if relayed.headers.contains_key(&PROBLEM) {
        let problem = serde_json::from_slice(&relayed.body).map_err(Problem::internal)?;
        return Err(problem);
    }
    let text = |name: HeaderName| relayed.headers.get(name).and_then(|value| value.to_str().ok());
    let status = StatusCode::from_u16(relayed.status).map_err(Problem::internal)?;
    let mut reply = Reply::bytes(status, "application/octet-stream", relayed.body);
    if let Some(kind) = text(header::CONTENT_TYPE) {
        reply = reply.with_header("content-type", kind.to_owned());
    }
    for (name, value) in &relayed.headers {
        // What a row says in its protocol: when to come back, which product it is.
        let told = *name == header::RETRY_AFTER || name.as_str().starts_with("x-") || *name == header::WARNING;
        if let (true, Ok(value)) = (told, value.to_str()) {
            reply = also(reply, name, value);
        }
    }
    Ok(reply)
}

fn also(reply: Reply, name: &HeaderName, value: &str) -> Reply {
    /// The headers that rows use; a reply takes names that are known when it is compiled.
    const KNOWN: [&str; 3] = ["retry-after", "x-elastic-product", "warning"];
    match KNOWN.into_iter().find(|known| *known == name.as_str()) {
        Some(known) => reply.with_header(known, value.to_owned()),
        None => reply,
    }
}

/// Reads a body whole, where its row wants that.
async fn with_body(mut call: Call, most: Option<usize>) -> Result<Call, Problem> {
    let Some(most) = most else { return Ok(call) };
    let Some(mut stream) = call.stream.take() else { return Ok(call) };
    let mut body = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        if body.len() + piece.len() > most {
            return Err(Problem::new(ErrorCode::RequestTooLarge, format!("The body is over {most} bytes.")));
        }
        body.extend_from_slice(&piece);
    }
    call.body = body.freeze();
    Ok(call)
}

/// What the process that owns the store needs to run rows.
struct Rows {
    shelf: Arc<Shelf>,
    rows: BTreeMap<&'static str, Row>,
    held: Semaphore,
    held_units: usize,
}

/// Makes the router of the rows in the process that owns the store.
pub(crate) fn router(shelf: Arc<Shelf>, memory_bytes: Option<u64>) -> Router {
    let rows = crate::ingest::rows().into_iter().chain([super::grpc::row()]);
    let rows = rows.map(|row| (row.endpoint.id, row)).collect();
    let held_bytes = memory_bytes.map_or(HELD_BYTES, |bytes| (bytes / 4).min(HELD_BYTES));
    let held_units = usize::try_from(held_bytes).unwrap_or(usize::MAX) / UNIT_BYTES;
    let rows = Arc::new(Rows { shelf, rows, held: Semaphore::new(held_units), held_units });
    Router::new().route("/intake/{row}", any(taken)).with_state(rows)
}

async fn taken(State(rows): State<Arc<Rows>>, Path(id): Path<String>, request: Request<Body>) -> Response<Body> {
    let Some(row) = rows.rows.get(id.as_str()) else {
        return problem_response(&Problem::internal(format!("no row of telemetry is called {id}")));
    };
    match run(&rows, row, request).await {
        Ok(reply) => response_of(reply),
        Err(problem) => problem_response(&problem),
    }
}

async fn run(rows: &Rows, row: &Row, request: Request<Body>) -> Result<Reply, Problem> {
    let call = call_of(row, request)?;
    let sink = match rows.shelf.opened() {
        Ok(opened) => opened.sink,
        Err(error) => return (row.refuse)(call, error).await,
    };
    let Some(most) = row.whole_body_bytes else { return (row.take)(sink, call).await };
    // Bodies that are read whole take turns, so that a burst of them stays within the budget.
    let expected = call.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(UNKNOWN_LENGTH_BYTES).min(most);
    let units = u32::try_from((expected / UNIT_BYTES + 1).min(rows.held_units)).unwrap_or(u32::MAX);
    let turn = tokio::time::timeout(WHOLE_BODY_TIME, rows.held.acquire_many(units)).await;
    let Ok(Ok(_turn)) = turn else {
        let error = ReaderError::new(andon_reader::code::OVERLOADED, "more bodies arrive than fit into the memory budget");
        return (row.refuse)(call, error.with_hint("send the same again in a moment")).await;
    };
    let call = tokio::time::timeout(WHOLE_BODY_TIME, with_body(call, Some(most))).await;
    let late = || Problem::new(ErrorCode::RequestInvalid, format!("The body took longer than {} s.", WHOLE_BODY_TIME.as_secs()));
    (row.take)(sink, call.map_err(|_| late())??).await
}

fn call_of(row: &Row, request: Request<Body>) -> Result<Call, Problem> {
    let (mut parts, body) = request.into_parts();
    let about = parts.headers.remove(&ABOUT).ok_or_else(|| Problem::internal("a body came without its call"))?;
    let about: About = serde_json::from_slice(about.as_bytes()).map_err(Problem::internal)?;
    let stream = body.into_data_stream().map_err(|error| {
        Problem::new(ErrorCode::RequestInvalid, "The body broke off; what was acknowledged before is stored.").operator(error)
    });
    let actor = Actor { principal: about.principal, on_behalf_of: None, origin: about.origin };
    Ok(Call {
        caller: Caller { actor, ..Caller::default() },
        rules: Vec::new(),
        operation: row.endpoint.id,
        path: about.path,
        query: about.query,
        headers: parts.headers,
        body: Bytes::new(),
        stream: Some(Box::pin(ReadToItsEnd { rest: Some(Box::pin(stream)) })),
        request_id: about.request_id,
    })
}

/// A body whose rest is read and thrown away when nobody wants it any more, within limits.
struct ReadToItsEnd {
    rest: Option<BodyStream>,
}

impl Stream for ReadToItsEnd {
    type Item = Result<Bytes, Problem>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let polled = rest.as_mut().poll_next(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        polled
    }
}

impl Drop for ReadToItsEnd {
    fn drop(&mut self) {
        let (Some(mut rest), Ok(runtime)) = (self.rest.take(), tokio::runtime::Handle::try_current()) else { return };
        let drained = async move {
            let mut bytes = 0;
            while let Some(Ok(piece)) = rest.next().await {
                bytes += piece.len();
                if bytes > DRAIN_BYTES {
                    return;
                }
            }
        };
        runtime.spawn(async move {
            let _enough = tokio::time::timeout(DRAIN_TIME, drained).await;
        });
    }
}

fn response_of(reply: Reply) -> Response<Body> {
    let Reply::Body { status, content_type, body, headers } = reply else {
        return problem_response(&Problem::internal("a row of telemetry answers with a feed"));
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(name, value);
        }
    }
    response
}

fn problem_response(problem: &Problem) -> Response<Body> {
    if let Some(operator) = problem.operator_text() {
        tracing::warn!(code = problem.code, detail = problem.detail, operator, "telemetry was refused");
    }
    let mut response = Response::new(Body::from(serde_json::to_vec(problem).unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(PROBLEM, HeaderValue::from_static("1"));
    response
}
