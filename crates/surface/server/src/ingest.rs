//! Telemetry coming in over HTTP: what each row reads, and how it refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use andon_api::{ErrorCode, Problem};
use andon_columns::LinesSink;
use andon_columns::lines::Lines;
use andon_ingest::{
    ContentEncoding, IngestError, NdjsonFailure, NdjsonOptions, OtlpAnswer, OtlpRequest, Taken, ingest_ndjson, limits,
    otlp_logs, otlp_metrics, otlp_traces,
};
use andon_module::{BoxFuture, Call, Endpoint, Reply};
use andon_reader::{LogSink, NewLogRow, ReaderError, Receipt};
use futures::TryStreamExt as _;
use http::StatusCode;
use serde_json::json;

use crate::inputs;
use crate::telemetry::Row;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The rows of telemetry coming in. Each runs where the store is.
pub(crate) fn rows() -> Vec<Row> {
    let otlp = |path, id, take| Row {
        endpoint: Endpoint::post(path, id).permission("telemetry.write").hidden(),
        whole_body_bytes: Some(limits::OTLP_BYTES),
        take,
        refuse: refuse_otlp,
    };
    let mut rows = vec![
        Row {
            endpoint: Endpoint::post("/api/v1/ingest/ndjson", "ingest_ndjson")
                .permission("telemetry.write")
                .summary("Stores log lines, one JSON object per line; streamed, without a limit on the whole.")
                .parameter("time_field", "the field that holds the time")
                .parameter("message_field", "the field that holds the message"),
            whole_body_bytes: None,
            take: ndjson,
            refuse: refuse_as_problem,
        },
        otlp("/v1/logs", "otlp_logs", logs),
        otlp("/v1/traces", "otlp_traces", traces),
        otlp("/v1/metrics", "otlp_metrics", metrics),
    ];
    rows.extend(crate::inputs::rows());
    rows
}

fn ndjson(sink: Arc<dyn LinesSink>, mut call: Call) -> Answer {
    Box::pin(async move {
        let encoding = ContentEncoding::from_header(call.header("content-encoding")).map_err(|error| refuse(&error))?;
        let options = NdjsonOptions {
            time_field: call.query("time_field").map(str::to_owned),
            message_field: call.query("message_field").map(str::to_owned),
            encoding,
        };
        let body = call.stream.take().ok_or_else(|| Problem::internal("the body is not a stream"))?;
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        let body = body.inspect_ok(move |piece| {
            counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
        });
        let outcome = ingest_ndjson(sink.as_ref(), body, &options).await;
        let answer = outcome.as_ref().unwrap_or_else(|failure| &failure.so_far);
        let taken = Taken { rows: answer.accepted, bytes: bytes.load(Ordering::Relaxed), truncated_rows: answer.truncated, lag_us: None };
        let lines = answer.reasons.first().map(|first| (first.code.as_str(), first.message.as_str(), answer.refused));
        let broken = outcome.as_ref().err().map(|failure| (failure.error.code.as_str(), failure.error.message.as_str(), 1));
        inputs::count("ndjson", &call, taken, lines.into_iter().chain(broken));
        Reply::json(&outcome.map_err(|failure| broke_off(&failure))?)
    })
}

fn refuse_as_problem(_call: Call, error: ReaderError) -> Answer {
    Box::pin(async move { Err(refuse(&IngestError::from(error))) })
}

fn refuse(error: &IngestError) -> Problem {
    let code = match error.status {
        413 => ErrorCode::RequestTooLarge,
        503 if error.code == andon_reader::code::DISK_FULL => ErrorCode::DiskFull,
        503 if error.code == andon_reader::code::OVERLOADED => ErrorCode::TooManyRequests,
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

fn logs(sink: Arc<dyn LinesSink>, call: Call) -> Answer {
    Box::pin(async move {
        let answer = otlp_logs(sink.as_ref(), request_of(&call)).await;
        let taken = Taken { rows: answer.accepted, bytes: call.body.len() as u64, ..Taken::default() };
        let refused = answer.error.as_ref().map(|error| (error.code.as_str(), error.message.as_str(), 1));
        inputs::count("otlp-http", &call, taken, refused);
        Ok(reply(answer))
    })
}

fn traces(_sink: Arc<dyn LinesSink>, call: Call) -> Answer {
    Box::pin(async move { Ok(reply(otlp_traces(request_of(&call)))) })
}

fn metrics(_sink: Arc<dyn LinesSink>, call: Call) -> Answer {
    Box::pin(async move { Ok(reply(otlp_metrics(request_of(&call)))) })
}

/// A sink that takes nothing, and says why.
struct Refusing(ReaderError);

impl LogSink for Refusing {
    fn append(&self, _rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move { Err(self.0.clone()) })
    }
}

impl LinesSink for Refusing {
    fn append_lines(&self, _lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move { Err(self.0.clone()) })
    }
}

/// Refuses as OTLP asks for: a status message in the form of the request, and when to come back.
fn refuse_otlp(call: Call, error: ReaderError) -> Answer {
    Box::pin(async move {
        let is_json = call.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let empty: &[u8] = if is_json { b"{}" } else { b"" };
        let content_type = Some(if is_json { "application/json" } else { "application/x-protobuf" });
        let request = OtlpRequest { content_type, content_encoding: None, body: empty };
        Ok(reply(otlp_logs(&Refusing(error), request).await))
    })
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
