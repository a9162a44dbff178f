//! Logs and SQL over HTTP.

use andon_api::{ErrorCode, Problem};
use andon_auth::Target;
use andon_module::{BoxFuture, Call, Endpoint, Reply, ServerEvent, World, telemetry_problem};
use andon_reader::{Clipped, FieldsRequest, HistogramRequest, LogRow, Order, SearchRequest, SqlLimits, TailEvent};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::telemetry::telemetry;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The rows of logs and SQL.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/logs", "search_logs")
            .permission("telemetry.read")
            .summary("Searches log lines, newest first.")
            .parameter("query", "the search, in Lucene's syntax")
            .parameter("since", "an RFC 3339 time or an age; 1h when absent")
            .parameter("until", "an RFC 3339 time or an age; now when absent")
            .parameter("limit", "lines per page, at most 10,000")
            .parameter("order", "newest or oldest")
            .parameter("cursor", "where an earlier page ended")
            .parameter("clip", "cuts longer texts to so many characters; each line tells in `clipped` how long they were")
            .handle(search),
        Endpoint::get("/api/v1/logs/histogram", "count_logs")
            .permission("telemetry.read")
            .summary("Counts log lines over time.")
            .parameter("query", "the search")
            .parameter("since", "an RFC 3339 time or an age")
            .parameter("until", "an RFC 3339 time or an age")
            .parameter("buckets", "how many bars, about")
            .parameter("by", "the field whose values become series")
            .handle(histogram),
        Endpoint::get("/api/v1/logs/fields", "list_log_fields")
            .permission("telemetry.read")
            .summary("Tells which fields occur, with their most frequent values.")
            .parameter("query", "the search")
            .parameter("since", "an RFC 3339 time or an age")
            .parameter("until", "an RFC 3339 time or an age")
            .handle(fields),
        Endpoint::get("/api/v1/logs/tail", "tail_logs")
            .permission("telemetry.read")
            .summary("Sends matching lines as they arrive (server-sent events).")
            .hidden()
            .handle(tail),
        Endpoint::get("/api/v1/logs/{id}", "read_log_line")
            .permission("telemetry.read")
            .summary("Reads one log line whole, by its id.")
            .handle(line),
        Endpoint::post("/api/v1/sql", "run_sql")
            .permission("telemetry.read")
            .summary("Runs one reading SQL statement over logs, the ledger and every kind.")
            .request::<Value>()
            .handle(sql),
    ]
}

pub(crate) fn interval(world: &World, call: &Call) -> Result<(i64, i64), Problem> {
    let now = world.now();
    // Lines of this very moment are inside: senders' clocks run a little ahead of ours.
    let end = now.checked_add(SignedDuration::from_secs(60)).unwrap_or(now);
    let until = call.time("until", now)?.unwrap_or(end);
    let hour_ago = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = call.time("since", now)?.unwrap_or(hour_ago);
    Ok((since.as_microsecond(), until.as_microsecond()))
}

pub(crate) fn present(row: &LogRow) -> Value {
    let time = |micros: i64| Timestamp::from_microsecond(micros).map(|time| time.to_string()).unwrap_or_default();
    let level = andon_reader::level_of(row.severity_number);
    json!({
        "id": row.id,
        "timestamp": time(row.timestamp_us),
        "receivedAt": time(row.received_at_us),
        "severity": if row.severity_text.is_empty() { level.name().to_owned() } else { row.severity_text.to_lowercase() },
        "severityNumber": row.severity_number,
        "service": row.service,
        "message": row.message,
        "traceId": row.trace_id,
        "spanId": row.span_id,
        "scope": row.scope,
        "attributes": row.attributes,
        "resource": row.resource,
    })
}

/// Fewest and most characters that texts of a list are cut to.
const CLIP: std::ops::RangeInclusive<usize> = 1..=1 << 20;

fn search(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let (since_us, until_us) = interval(&world, &call)?;
        let query = call.query("query").unwrap_or("*");
        let request = SearchRequest {
            limit: call.query_as::<usize>("limit")?.unwrap_or(100).clamp(1, 10_000),
            order: if call.query("order") == Some("oldest") { Order::OldestFirst } else { Order::NewestFirst },
            cursor: call.query("cursor").map(str::to_owned),
            clip: clip_of(&call)?,
            ..SearchRequest::new(query, since_us, until_us)
        };
        let found = world.logs.search(request).await.map_err(telemetry_problem)?;
        Reply::json(&json!({
            "rows": present_clipped(&found.rows, found.clipped),
            "next": found.next,
            "scannedRows": found.scanned_rows,
            "elapsedUs": found.elapsed_us,
            "complete": found.complete,
            "missing": found.missing,
            "notes": all_notes(query, &found.notes),
        }))
    })
}

fn clip_of(call: &Call) -> Result<Option<usize>, Problem> {
    let Some(characters) = call.query_as::<usize>("clip")? else { return Ok(None) };
    if !CLIP.contains(&characters) {
        let problem = Problem::new(ErrorCode::RequestInvalid, format!("Texts cannot be cut to {characters} characters."));
        return Err(problem.place("?clip").hint(format!("Write {} to {}, or leave `clip` out for whole lines.", CLIP.start(), CLIP.end())));
    }
    Ok(Some(characters))
}

/// What was left out of a search text. One that cannot be read has none: the search itself says why.
fn notes_of(query: &str) -> Vec<Value> {
    let notes = andon_reader::query::read(query).map(|reading| reading.notes).unwrap_or_default();
    let shown = notes.into_iter().map(|note| {
        json!({"code": note.code, "message": note.message, "line": note.position.line, "column": note.position.column})
    });
    shown.collect()
}

/// What is worth knowing about an answer: of the search text, and of the store.
pub(crate) fn all_notes(query: &str, stored: &[String]) -> Vec<Value> {
    notes_of(query).into_iter().chain(stored.iter().map(stored_note)).collect()
}

/// A note of the store itself, which has no place in the search text.
fn stored_note(message: &String) -> Value {
    json!({"code": "log-note", "message": message})
}

/// Shows lines, each with the original lengths of its texts that were cut.
fn present_clipped(rows: &[LogRow], clipped: Vec<Clipped>) -> Vec<Value> {
    let mut shown: Vec<Value> = rows.iter().map(present).collect();
    for cut in clipped {
        if let Some(Value::Object(row)) = shown.get_mut(cut.row)
            && let Value::Object(lengths) = row.entry("clipped").or_insert_with(|| json!({}))
        {
            lengths.insert(cut.field, cut.characters.into());
        }
    }
    shown
}

fn line(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let id = call.path("id").to_owned();
        let found = world.logs.row(&id).await.map_err(telemetry_problem)?;
        let row = found.ok_or_else(|| {
            Problem::new(ErrorCode::LineNotFound, format!("There is no log line with the id `{}`.", shortened(&id)))
                .hint("It may have been deleted by the retention; search for its words, or look into the archive.")
        })?;
        Reply::json(&present(&row))
    })
}

fn shortened(id: &str) -> String {
    id.chars().take(40).collect()
}

fn histogram(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let (since_us, until_us) = interval(&world, &call)?;
        let request = HistogramRequest {
            query: call.query("query").unwrap_or("*").to_owned(),
            since_us,
            until_us,
            buckets: Some(call.query_as::<usize>("buckets")?.unwrap_or(60).clamp(1, 2_000)),
            bucket_us: None,
            by: call.query("by").map(str::to_owned),
            clock: andon_reader::Clock::Timestamp,
        };
        let counted = world.logs.histogram(request).await.map_err(telemetry_problem)?;
        Reply::json(&json!({
            "bucketUs": counted.bucket_us,
            "startsUs": counted.starts_us,
            "series": counted.series,
            "total": counted.total,
            "elapsedUs": counted.elapsed_us,
            "complete": counted.complete,
            "missing": counted.missing,
            "notes": all_notes(call.query("query").unwrap_or("*"), &counted.notes),
        }))
    })
}

fn fields(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let (since_us, until_us) = interval(&world, &call)?;
        let request = FieldsRequest { query: call.query("query").unwrap_or("*").to_owned(), since_us, until_us };
        let found = world.logs.fields(request).await.map_err(telemetry_problem)?;
        let notes = all_notes(call.query("query").unwrap_or("*"), &found.notes);
        Reply::json(&json!({"items": found.fields, "sampledRows": found.sampled_rows, "complete": found.complete, "notes": notes}))
    })
}

fn tail(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let lines = world.logs.tail(call.query("query").unwrap_or("*")).map_err(telemetry_problem)?;
        let events = lines.map(|event| match event {
            TailEvent::Row { row } => ServerEvent { name: "row", data: present(&row), id: None },
            TailEvent::Lagged { skipped } => ServerEvent { name: "lagged", data: json!({"skipped": skipped}), id: None },
        });
        Ok(Reply::Events(Box::pin(events)))
    })
}

/// The request to run SQL.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunSql {
    sql: String,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

const SQL_ROWS_MAX: usize = 100_000;
const SQL_TIMEOUT_MAX_MS: u64 = 120_000;

fn sql(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted: RunSql = call.json()?;
        let defaults = SqlLimits::default();
        let limits = SqlLimits {
            rows: wanted.limit.unwrap_or(defaults.rows).clamp(1, SQL_ROWS_MAX),
            timeout_ms: wanted.timeout_ms.unwrap_or(defaults.timeout_ms).clamp(1, SQL_TIMEOUT_MAX_MS),
            ..defaults
        };
        let (authorizer, caller) = (world.authorizer.clone(), call.caller.clone());
        let may_read = move |table: &str| {
            let permission = match table {
                "logs" | "spans" => "telemetry.read",
                "events" => "audit.read",
                _ => "object.read",
            };
            authorizer.decide(&caller, permission, &Target::default()).is_ok_and(|decision| decision.allowed)
        };
        let reader = andon_reader::Caller::new(call.caller.actor.principal.clone(), may_read);
        let answer = telemetry()?.sql.run(wanted.sql.clone(), reader, limits).await.map_err(telemetry_problem)?;
        Reply::json(&json!({
            "columns": answer.columns,
            "rows": answer.rows,
            "truncated": answer.truncated,
            "elapsedUs": answer.elapsed_us,
            "notes": all_notes("*", &answer.notes),
        }))
    })
}
