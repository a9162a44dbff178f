//! Counts, figures and exports of logs over HTTP.

use andon_api::{ErrorCode, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World, telemetry_problem};
use andon_reader::{AggregateRequest, Clock, CountRequest, GroupBy, GroupOrder, LogRow, Measure, Order, SearchRequest};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::export_parquet::{Wanted, export_parquet};
use crate::logs::{all_notes, interval, present};

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// Most lines of one export; a longer one goes on with its cursor.
const EXPORT_ROWS_MAX: usize = 100_000;
/// Lines read at once for an export.
pub(crate) const EXPORT_PAGE_ROWS: usize = 10_000;
/// Bytes after which an export ends early.
const EXPORT_BYTES: usize = 64 << 20;

/// The rows of counts, figures and exports.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/logs/count", "count_log_lines")
            .permission("telemetry.read")
            .summary("Counts the log lines that match.")
            .parameter("query", "the search, in Lucene's syntax")
            .parameter("since", "an RFC 3339 time or an age; 1h when absent")
            .parameter("until", "an RFC 3339 time or an age; now when absent")
            .handle(count),
        Endpoint::post("/api/v1/logs/aggregate", "aggregate_logs")
            .permission("telemetry.read")
            .summary("Counts, sums, means, extremes and different values of log lines, by fields and by time.")
            .request::<Value>()
            .handle(aggregate),
        Endpoint::get("/api/v1/logs/export", "export_logs")
            .permission("telemetry.read")
            .summary("Gives matching log lines as a file, oldest first.")
            .parameter("query", "the search, in Lucene's syntax")
            .parameter("since", "an RFC 3339 time or an age; 1h when absent")
            .parameter("until", "an RFC 3339 time or an age; now when absent")
            .parameter("format", "ndjson, csv or parquet; ndjson when absent")
            .parameter("limit", "lines, at most 100,000; at most 10,000,000 as Parquet")
            .parameter("cursor", "the header `andon-next` of an export before")
            .handle(export),
    ]
}

fn count(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let (since_us, until_us) = interval(&world, &call)?;
        let request = CountRequest {
            query: call.query("query").unwrap_or("*").to_owned(),
            since_us,
            until_us,
            clock: Clock::Timestamp,
        };
        let counted = world.logs.count(request).await.map_err(telemetry_problem)?;
        Reply::json(&json!({
            "count": counted.count,
            "scannedRows": counted.scanned_rows,
            "elapsedUs": counted.elapsed_us,
            "complete": counted.complete,
            "missing": counted.missing,
            "notes": all_notes(call.query("query").unwrap_or("*"), &counted.notes),
        }))
    })
}

/// The request for figures.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Figures {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    /// Names of fields; an object `{"everyUs": 60000000}` for intervals of time.
    #[serde(default)]
    by: Vec<By>,
    measures: Vec<Measure>,
    #[serde(default)]
    order: Option<GroupOrder>,
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum By {
    Field(String),
    Time {
        #[serde(rename = "everyUs")]
        every_us: i64,
    },
}

/// Groups in an answer when the request does not say.
const GROUPS: usize = 100;

fn aggregate(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted: Figures = call.json()?;
        let now = world.now();
        let time = |text: &Option<String>| {
            text.as_deref().map(|text| andon_module::read_time(text, now)).transpose().map_err(|problem| problem.place("body"))
        };
        let (hour_ago, end) = interval(&world, &call)?;
        let query = wanted.query.clone().unwrap_or_else(|| "*".to_owned());
        let request = AggregateRequest {
            query: query.clone(),
            since_us: time(&wanted.since)?.map_or(hour_ago, Timestamp::as_microsecond),
            until_us: time(&wanted.until)?.map_or(end, Timestamp::as_microsecond),
            clock: Clock::Timestamp,
            by: wanted
                .by
                .into_iter()
                .map(|by| match by {
                    By::Field(name) => GroupBy::Field { name },
                    By::Time { every_us } => GroupBy::Time { width_us: every_us },
                })
                .collect(),
            measures: wanted.measures,
            order: wanted.order,
            limit: wanted.limit.unwrap_or(GROUPS),
        };
        let answer = world.logs.aggregate(request).await.map_err(telemetry_problem)?;
        Reply::json(&json!({
            "columns": answer.columns,
            "rows": answer.rows,
            "groupsTotal": answer.groups_total,
            "scannedRows": answer.scanned_rows,
            "elapsedUs": answer.elapsed_us,
            "complete": answer.complete,
            "missing": answer.missing,
            "notes": all_notes(&query, &answer.notes),
        }))
    })
}

#[derive(Clone, Copy)]
enum Format {
    Ndjson,
    Csv,
}

fn export(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let format = match call.query("format").unwrap_or("ndjson") {
            "parquet" => {
                let wanted = Wanted::of(&world, &call)?;
                return export_parquet(world, wanted).await;
            }
            "ndjson" => Format::Ndjson,
            "csv" => Format::Csv,
            other => {
                let problem = Problem::new(ErrorCode::RequestInvalid, format!("`{other}` is no format of an export."));
                return Err(problem.place("?format").hint("ndjson, csv and parquet are."));
            }
        };
        let (since_us, until_us) = interval(&world, &call)?;
        let limit = call.query_as::<usize>("limit")?.unwrap_or(EXPORT_ROWS_MAX).clamp(1, EXPORT_ROWS_MAX);
        let mut request = SearchRequest {
            order: Order::OldestFirst,
            cursor: call.query("cursor").map(str::to_owned),
            ..SearchRequest::new(call.query("query").unwrap_or("*"), since_us, until_us)
        };
        let mut file = Vec::new();
        if matches!(format, Format::Csv) {
            file.extend_from_slice(b"timestamp,received_at,level,service,message,trace_id,span_id,scope,attributes,resource\n");
        }
        let mut rows = 0;
        let mut notes: Vec<String>;
        let next = loop {
            request.limit = (limit - rows).min(EXPORT_PAGE_ROWS);
            let found = world.logs.search(request.clone()).await.map_err(telemetry_problem)?;
            if let Some(why) = found.missing.first() {
                // Half a file that looks whole would lie.
                return Err(Problem::new(ErrorCode::QueryTooExpensive, format!("The export is incomplete: {why}.")));
            }
            rows += found.rows.len();
            notes = found.notes;
            found.rows.iter().for_each(|row| write(row, format, &mut file));
            match found.next {
                Some(next) if rows < limit && file.len() < EXPORT_BYTES => request.cursor = Some(next),
                next => break next,
            }
        };
        let (content_type, name) = match format {
            Format::Ndjson => ("application/x-ndjson", "logs.ndjson"),
            Format::Csv => ("text/csv; charset=utf-8", "logs.csv"),
        };
        let reply = Reply::bytes(StatusCode::OK, content_type, file)
            .with_header("content-disposition", format!("attachment; filename=\"{name}\""))
            .with_header("andon-rows", rows.to_string());
        let reply = if notes.is_empty() { reply } else { reply.with_header("andon-notes", in_a_header(&notes)) };
        Ok(match next {
            Some(next) => reply.with_header("andon-next", next),
            None => reply,
        })
    })
}

/// Writes notes so that they may stand in a header.
fn in_a_header(notes: &[String]) -> String {
    notes.join("; ").chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

fn write(row: &LogRow, format: Format, file: &mut Vec<u8>) {
    match format {
        Format::Ndjson => {
            file.extend(serde_json::to_vec(&present(row)).unwrap_or_default());
            file.push(b'\n');
        }
        Format::Csv => write_csv(row, file),
    }
}

/// Writes a record as RFC 4180 says, with a quote before what a spreadsheet would run as a formula.
fn write_csv(row: &LogRow, file: &mut Vec<u8>) {
    let shown = present(row);
    let text = |name: &str| match shown.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(map)) if map.is_empty() => String::new(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let names = ["timestamp", "receivedAt", "severity", "service", "message", "traceId", "spanId", "scope", "attributes", "resource"];
    for (place, name) in names.into_iter().enumerate() {
        if place > 0 {
            file.push(b',');
        }
        let value = text(name);
        let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
        file.push(b'"');
        if is_formula {
            file.push(b'\'');
        }
        file.extend_from_slice(value.replace('"', "\"\"").as_bytes());
        file.push(b'"');
    }
    file.push(b'\n');
}
