//! The inputs that other products' senders know: GELF, Elasticsearch's bulk, Loki's push; and who sends.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use andon_api::Problem;
use andon_columns::LinesSink;
use andon_ingest::{
    ContentEncoding, IngestError, InputAnswer, ListenOptions, LokiRequest, Opened, PRODUCT_HEADER, Sender, SenderStatus,
    Senders, Taken, bulk, handshake, index_document, limits, media_type, post_gelf, push_loki,
};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};
use andon_reader::ReaderError;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::telemetry::Row;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The senders of this process; rows are plain data, so they find them here.
static SENDERS: LazyLock<Senders> = LazyLock::new(Senders::default);

/// The ports of GELF and syslog that this process has opened, or has not and why.
static PORTS: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// How long the ports may take to store what they have received, at the end.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// How long the status waits for the ports of the other process.
const PORTS_MAX: Duration = Duration::from_secs(1);

/// The ports of GELF and syslog, while the process that owns the store takes lines there.
pub(crate) struct Ports {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Ports {
    /// Opens what the options ask for; what cannot be opened is told by the status and takes nothing else down.
    pub(crate) async fn open(options: &ListenOptions, sink: Arc<dyn LinesSink>) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let opened = andon_ingest::listen(options, sink, senders().clone(), stopping, &mut tasks).await;
        *PORTS.lock().unwrap_or_else(PoisonError::into_inner) = opened;
        Self { stop, tasks }
    }

    /// Takes nothing more, and stores what was received.
    pub(crate) async fn close(mut self) {
        let _nobody_listens = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSE_MAX, all).await.is_err() {
            tracing::warn!("what senders of GELF and syslog had just sent may be lost: the store did not take it in time");
        }
    }
}

/// Tells the ports of GELF and syslog, wherever they are open; none while their process is not there.
pub(crate) async fn ports() -> Vec<Value> {
    let Ok(telemetry) = crate::telemetry::telemetry() else { return Vec::new() };
    let asked = tokio::time::timeout(PORTS_MAX, telemetry.intake.ask("list_senders")).await;
    let answer = match asked {
        Ok(Ok(Some(body))) => serde_json::from_slice(&body).unwrap_or(Value::Null),
        Ok(Ok(None)) => told_senders(),
        _ => Value::Null,
    };
    answer.get("ports").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Gives the counters of this process's senders.
pub(crate) fn senders() -> &'static Senders {
    &SENDERS
}

/// The rows by which lines come in. Each runs where the store is.
pub(crate) fn rows() -> Vec<Row> {
    let row = |endpoint: Endpoint, whole_body_bytes, take, refuse| Row {
        endpoint: endpoint.permission("telemetry.write").hidden(),
        whole_body_bytes,
        take,
        refuse,
    };
    let whole = Some(limits::MESSAGE_BYTES);
    let mut rows = vec![
        row(Endpoint::post("/gelf", "post_gelf"), whole, gelf, refuse_text),
        row(Endpoint::post("/loki/api/v1/push", "push_loki"), whole, loki, refuse_text),
        row(Endpoint::post("/api/prom/push", "push_loki_first"), whole, loki, refuse_text),
        Row {
            endpoint: Endpoint::get("/api/v1/telemetry/senders", "list_senders")
                .permission("telemetry.read")
                .summary("Lists who sends lines: how many were stored, how many refused and why, and when last."),
            whole_body_bytes: Some(0),
            take: list_senders,
            refuse: refuse_as_problem,
        },
    ];
    for (method, path, id) in BULK {
        rows.push(row(Endpoint::new(method, path, id), None, elastic_bulk, refuse_elastic));
    }
    for (method, path, id) in DOCUMENTS {
        rows.push(row(Endpoint::new(method, path, id), whole, elastic_document, refuse_elastic));
    }
    rows
}

const BULK: [(Method, &str, &str); 8] = [
    (Method::POST, "/_bulk", "elastic_bulk"),
    (Method::PUT, "/_bulk", "elastic_bulk_put"),
    (Method::POST, "/{index}/_bulk", "elastic_bulk_index"),
    (Method::PUT, "/{index}/_bulk", "elastic_bulk_index_put"),
    (Method::POST, "/elasticsearch/_bulk", "elastic_prefix_bulk"),
    (Method::PUT, "/elasticsearch/_bulk", "elastic_prefix_bulk_put"),
    (Method::POST, "/elasticsearch/{index}/_bulk", "elastic_prefix_bulk_index"),
    (Method::PUT, "/elasticsearch/{index}/_bulk", "elastic_prefix_bulk_index_put"),
];

const DOCUMENTS: [(Method, &str, &str); 10] = [
    (Method::POST, "/{index}/_doc", "elastic_doc"),
    (Method::POST, "/{index}/_doc/{id}", "elastic_doc_id"),
    (Method::PUT, "/{index}/_doc/{id}", "elastic_doc_id_put"),
    (Method::POST, "/{index}/_create/{id}", "elastic_create"),
    (Method::PUT, "/{index}/_create/{id}", "elastic_create_put"),
    (Method::POST, "/elasticsearch/{index}/_doc", "elastic_prefix_doc"),
    (Method::POST, "/elasticsearch/{index}/_doc/{id}", "elastic_prefix_doc_id"),
    (Method::PUT, "/elasticsearch/{index}/_doc/{id}", "elastic_prefix_doc_id_put"),
    (Method::POST, "/elasticsearch/{index}/_create/{id}", "elastic_prefix_create"),
    (Method::PUT, "/elasticsearch/{index}/_create/{id}", "elastic_prefix_create_put"),
];

/// What Elasticsearch's clients ask beside sending: method, path, name of the row, path as it is asked.
const ASKED: [(Method, &str, &str, &str); 34] = [
    (Method::GET, "/elasticsearch", "elastic_info", "/"),
    (Method::GET, "/elasticsearch/", "elastic_info_slash", "/"),
    (Method::GET, "/_license", "elastic_license", "/_license"),
    (Method::GET, "/_xpack", "elastic_xpack", "/_xpack"),
    (Method::GET, "/_cluster/health", "elastic_health", "/_cluster/health"),
    (Method::GET, "/_nodes/http", "elastic_nodes", "/_nodes/http"),
    (Method::GET, "/_template/{name}", "elastic_template", "/_template"),
    (Method::PUT, "/_template/{name}", "elastic_template_put", "/_template"),
    (Method::GET, "/_index_template/{name}", "elastic_index_template", "/_index_template"),
    (Method::PUT, "/_index_template/{name}", "elastic_index_template_put", "/_index_template"),
    (Method::GET, "/_component_template/{name}", "elastic_component", "/_component_template"),
    (Method::PUT, "/_component_template/{name}", "elastic_component_put", "/_component_template"),
    (Method::GET, "/_ilm/policy/{name}", "elastic_policy", "/_ilm/policy"),
    (Method::PUT, "/_ilm/policy/{name}", "elastic_policy_put", "/_ilm/policy"),
    (Method::GET, "/_ingest/pipeline/{name}", "elastic_pipeline", "/_ingest/pipeline"),
    (Method::PUT, "/_ingest/pipeline/{name}", "elastic_pipeline_put", "/_ingest/pipeline"),
    (Method::GET, "/_data_stream/{name}", "elastic_stream", "/_data_stream"),
    (Method::PUT, "/_data_stream/{name}", "elastic_stream_put", "/_data_stream"),
    (Method::GET, "/elasticsearch/_license", "elastic_prefix_license", "/_license"),
    (Method::GET, "/elasticsearch/_xpack", "elastic_prefix_xpack", "/_xpack"),
    (Method::GET, "/elasticsearch/_cluster/health", "elastic_prefix_health", "/_cluster/health"),
    (Method::GET, "/elasticsearch/_nodes/http", "elastic_prefix_nodes", "/_nodes/http"),
    (Method::GET, "/elasticsearch/_template/{name}", "elastic_prefix_template", "/_template"),
    (Method::PUT, "/elasticsearch/_template/{name}", "elastic_prefix_template_put", "/_template"),
    (Method::GET, "/elasticsearch/_index_template/{name}", "elastic_prefix_index_template", "/_index_template"),
    (Method::PUT, "/elasticsearch/_index_template/{name}", "elastic_prefix_index_template_put", "/_index_template"),
    (Method::GET, "/elasticsearch/_component_template/{name}", "elastic_prefix_component", "/_component_template"),
    (Method::PUT, "/elasticsearch/_component_template/{name}", "elastic_prefix_component_put", "/_component_template"),
    (Method::GET, "/elasticsearch/_ilm/policy/{name}", "elastic_prefix_policy", "/_ilm/policy"),
    (Method::PUT, "/elasticsearch/_ilm/policy/{name}", "elastic_prefix_policy_put", "/_ilm/policy"),
    (Method::GET, "/elasticsearch/_ingest/pipeline/{name}", "elastic_prefix_pipeline", "/_ingest/pipeline"),
    (Method::PUT, "/elasticsearch/_ingest/pipeline/{name}", "elastic_prefix_pipeline_put", "/_ingest/pipeline"),
    (Method::GET, "/elasticsearch/_data_stream/{name}", "elastic_prefix_stream", "/_data_stream"),
    (Method::PUT, "/elasticsearch/_data_stream/{name}", "elastic_prefix_stream_put", "/_data_stream"),
];

/// The rows of the handshake; they need no store.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let row = |(method, path, id, asked): (Method, &'static str, &'static str, &'static str)| {
        let verb = method.clone();
        Endpoint::new(method, path, id).permission("telemetry.write").hidden().body_max_bytes(limits::TEMPLATE_BYTES).handle(
            move |_world: World, call: Call| -> Answer {
                let rest = call.path.values().next().cloned().unwrap_or_default();
                let path = if asked.len() > 1 { format!("{asked}/{rest}") } else { rest };
                let answer = handshake(verb.as_str(), &path);
                Box::pin(async move {
                    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
                    let content_type = media_type(call.header("accept"));
                    let reply = elastic_reply(Reply::bytes(status, content_type, answer.body.to_string()));
                    Ok(match answer.warning {
                        Some(warning) => reply.with_header("warning", warning.to_owned()),
                        None => reply,
                    })
                })
            },
        )
    };
    ASKED.into_iter().map(row).collect()
}

/// Tells whether `GET /` comes from an Elasticsearch client and not from a browser.
pub(crate) fn asks_for_elastic(headers: &HeaderMap) -> bool {
    const PROGRAMS: [&str; 7] = ["elastic", "logstash", "manticore", "filebeat", "metricbeat", "fluent", "vector"];
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let accept = text(header::ACCEPT);
    if accept.contains("text/html") {
        return false;
    }
    let program = text(header::USER_AGENT);
    accept.contains("json") || headers.contains_key("x-elastic-client-meta") || PROGRAMS.iter().any(|name| program.contains(name))
}

/// Answers `GET /` of an Elasticsearch client.
pub(crate) fn elastic_root(headers: &HeaderMap) -> Response<Body> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let mut response = Response::new(Body::from(handshake("GET", "/").body.to_string()));
    let map = response.headers_mut();
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(accept)));
    map.insert(PRODUCT_HEADER.0, HeaderValue::from_static(PRODUCT_HEADER.1));
    map.insert(header::VARY, HeaderValue::from_static("accept, user-agent"));
    response
}

fn elastic_reply(reply: Reply) -> Reply {
    reply.with_header(PRODUCT_HEADER.0, PRODUCT_HEADER.1.to_owned())
}

fn gelf(sink: Arc<dyn LinesSink>, mut call: Call) -> Answer {
    Box::pin(async move {
        let body = Vec::from(std::mem::take(&mut call.body));
        let answer = post_gelf(sink.as_ref(), body, &call.caller.actor.origin).await;
        Ok(told("gelf-http", &call, answer))
    })
}

fn loki(sink: Arc<dyn LinesSink>, call: Call) -> Answer {
    Box::pin(async move {
        let request = LokiRequest {
            content_type: call.header("content-type"),
            content_encoding: call.header("content-encoding"),
            tenant: call.header("x-scope-orgid"),
            body: &call.body,
        };
        let answer = push_loki(sink.as_ref(), request).await;
        Ok(told("loki", &call, answer))
    })
}

fn elastic_bulk(sink: Arc<dyn LinesSink>, mut call: Call) -> Answer {
    Box::pin(async move {
        let answer = match (ContentEncoding::from_header(call.header("content-encoding")), call.stream.take()) {
            (Ok(encoding), Some(body)) => bulk(sink.as_ref(), body, encoding, call.path("index")).await,
            (Err(error), _) => InputAnswer::refused_elastic(error),
            (_, None) => return Err(Problem::internal("the body is not a stream")),
        };
        Ok(elastic_told(&call, answer))
    })
}

fn elastic_document(sink: Arc<dyn LinesSink>, call: Call) -> Answer {
    Box::pin(async move {
        let id = call.path.get("id").map(String::as_str);
        let answer = match ContentEncoding::from_header(call.header("content-encoding")) {
            Ok(encoding) => index_document(sink.as_ref(), &call.body, encoding, call.path("index"), id).await,
            Err(error) => InputAnswer::refused_elastic(error),
        };
        Ok(elastic_told(&call, answer))
    })
}

fn elastic_told(call: &Call, mut answer: InputAnswer) -> Reply {
    answer.content_type = media_type(call.header("accept"));
    elastic_reply(told("elasticsearch", call, answer))
}

/// Counts what became of a request and words its answer.
fn told(input: &'static str, call: &Call, answer: InputAnswer) -> Reply {
    let lag_us = answer.newest_us.map(|newest| Timestamp::now().as_microsecond().saturating_sub(newest));
    let taken = Taken { rows: answer.accepted, bytes: answer.bytes, truncated_rows: answer.truncated, lag_us };
    let refused = answer.refused.iter().map(|(error, lines)| (error.code.as_str(), error.message.as_str(), *lines));
    count(input, call, taken, refused);
    reply(answer)
}

/// Counts what became of a request, for its token and address.
pub(crate) fn count<'a>(
    input: &'static str,
    call: &Call,
    taken: Taken,
    refused: impl IntoIterator<Item = (&'a str, &'a str, u64)>,
) {
    let actor = &call.caller.actor;
    let sender = Sender { input, name: &actor.principal, address: &actor.origin };
    let now_us = Timestamp::now().as_microsecond();
    if taken.rows > 0 {
        senders().accepted(sender, taken, now_us);
    }
    for (code, message, lines) in refused {
        senders().refused(sender, code, message, lines, now_us);
    }
}

fn reply(answer: InputAnswer) -> Reply {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reply = Reply::bytes(status, answer.content_type, answer.body);
    match answer.retry_after_s {
        Some(seconds) => reply.with_header("retry-after", seconds.to_string()),
        None => reply,
    }
}

fn refuse_text(_call: Call, error: ReaderError) -> Answer {
    Box::pin(async move { Ok(reply(InputAnswer::refused(IngestError::from(error)))) })
}

fn refuse_elastic(call: Call, error: ReaderError) -> Answer {
    Box::pin(async move {
        let mut answer = InputAnswer::refused_elastic(IngestError::from(error));
        answer.content_type = media_type(call.header("accept"));
        Ok(elastic_reply(reply(answer)))
    })
}

fn refuse_as_problem(_call: Call, error: ReaderError) -> Answer {
    Box::pin(async move { Err(andon_module::telemetry_problem(error)) })
}

fn list_senders(_sink: Arc<dyn LinesSink>, _call: Call) -> Answer {
    Box::pin(async move { Reply::json(&told_senders()) })
}

fn told_senders() -> Value {
    let items: Vec<Value> = senders().list().iter().map(show).collect();
    let ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    json!({"items": items, "ports": ports.iter().map(show_port).collect::<Vec<_>>()})
}

fn show_port(port: &Opened) -> Value {
    let state = if port.problem.is_none() { "open" } else { "closed" };
    json!({"name": port.name, "address": port.address, "state": state, "detail": port.problem})
}

fn show(status: &SenderStatus) -> Value {
    let time = |us: i64| Timestamp::from_microsecond(us).ok();
    let last = status.last_refusal.as_ref();
    json!({
        "input": status.input,
        "sender": status.name,
        "address": status.address,
        "accepted": status.accepted,
        "bytes": status.bytes,
        "truncated": status.truncated,
        "refused": status.refused,
        "lastRefusal": last.map(|last| json!({"code": last.code, "message": last.message, "at": time(last.at_us)})),
        "lagMs": status.lag_us.map(|lag| lag / 1_000),
        "firstSeenAt": time(status.first_seen_us),
        "lastSeenAt": time(status.last_seen_us),
    })
}
