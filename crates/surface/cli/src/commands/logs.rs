//! `andon logs`: search log lines, and follow them.

use std::collections::HashSet;

use andon_client::{Client, LONG_DEADLINE, segment};
use clap::{Args, ValueEnum};
use futures::StreamExt;
use serde_json::Value;

use crate::commands::log_deletions::{self, LogsCommand};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::{Format, Output};
use crate::table::{Tone, paint, tone_of};
use crate::words::{clean, count, moment_ms};

/// The most lines that one call gives.
const PAGE_LINES: usize = 10_000;
/// The width of the service's column, where it is not known beforehand.
const SERVICE_CHARACTERS: usize = 12;
/// How many lines are shown before following, where nothing is said.
const FOLLOW_LINES: usize = 10;
/// The longest line of a search that a note points into.
const POINTED_CHARACTERS: usize = 200;

/// What to search for.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "The search knows words, \"phrases\", field:value, field:[a TO b], AND, OR, NOT and groups.
Lines are shown in the order of their time; with -o json they come newest first, unless --oldest is given.

Examples:
  andon logs 'service:payments AND level:error' --since 15m
  andon logs '\"charged twice\"' --since 24h --limit 1000 -o json
  andon logs 'level:error' -f
  andon logs --id 4711 -o json                 one line, whole
  andon logs 'service:payments' --since 24h --export parquet > logs.parquet"
)]
pub struct LogsArgs {
    #[command(subcommand)]
    command: Option<LogsCommand>,
    /// The search; everything without it.
    #[arg(default_value = "*", allow_hyphen_values = true)]
    query: String,
    /// From when: RFC 3339, or an age such as 15m.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    since: String,
    /// Until when; now without it.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    until: Option<String>,
    /// The most lines; 100 without it, 10 before following.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Take the oldest lines of the time instead of the newest.
    #[arg(long, conflicts_with = "follow")]
    oldest: bool,
    /// Go on with lines as they arrive.
    #[arg(short, long)]
    follow: bool,
    /// Show one line whole, by the `id` that a search with -o json gives.
    #[arg(long, value_name = "ID", conflicts_with_all = ["follow", "until", "limit", "oldest"])]
    id: Option<String>,
    /// Write all lines that match as a file to the output, oldest first.
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["follow", "oldest", "id"])]
    export: Option<ExportFormat>,
}

/// What an export is written as.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum ExportFormat {
    /// One Parquet file, for DuckDB, pandas, Spark and others.
    Parquet,
}

pub(crate) async fn run(context: &Context, mut args: LogsArgs) -> Result<Exit, Failure> {
    if let Some(command) = args.command.take() {
        return log_deletions::run(context, command).await;
    }
    let client = context.client()?;
    let output = &context.output;
    if let Some(id) = &args.id {
        return one(&client, output, id).await;
    }
    if args.follow {
        return follow(&client, output, &args).await;
    }
    if let Some(ExportFormat::Parquet) = args.export {
        return export(&client, output, &args).await;
    }
    let mut rows = search(&client, output, &args, args.limit.unwrap_or(100)).await?;
    if output.format() != Format::Table {
        output.document(&rows)?;
        return Ok(Exit::Ok);
    }
    if !args.oldest {
        rows.reverse();
    }
    if rows.is_empty() {
        output.remark("No line matches in this time.");
    }
    output.print(&lines(&rows, output))?;
    Ok(Exit::Ok)
}

async fn one(client: &Client, output: &Output, id: &str) -> Result<Exit, Failure> {
    let row: Value = client.get(&format!("/api/v1/logs/{}", segment(id))).send().await?;
    output.show(&row, || line(&row, SERVICE_CHARACTERS, output))?;
    Ok(Exit::Ok)
}

/// Says what the server left out of the search, under the place that it means.
fn remark_notes(answer: &Value, query: &str, output: &Output) {
    for note in fields::list(answer, "/notes") {
        let text = clean(&fields::text(note, "/message"));
        let place = (fields::integer(note, "/line"), fields::integer(note, "/column"));
        let (Some(line), Some(column)) = place else {
            output.remark(&format!("note: {text}"));
            continue;
        };
        output.remark(&format!("note: {text} (at {line}:{column})"));
        let typed = usize::try_from(line - 1).ok().and_then(|line| query.lines().nth(line)).unwrap_or_default();
        let before = usize::try_from(column - 1).unwrap_or(0);
        if typed.chars().count() <= POINTED_CHARACTERS {
            output.remark(&format!("  {}\n  {}^", clean(typed), " ".repeat(before)));
        }
    }
}

async fn search(
    client: &Client,
    output: &Output,
    args: &LogsArgs,
    limit: usize,
) -> Result<Vec<Value>, Failure> {
    let mut rows: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    while rows.len() < limit {
        let mut answer: Value = client
            .get("/api/v1/logs")
            .query("query", &args.query)
            .query("since", &args.since)
            .query_some("until", args.until.as_deref())
            .query("limit", (limit - rows.len()).min(PAGE_LINES))
            .query("order", if args.oldest { "oldest" } else { "newest" })
            .query_some("cursor", cursor.as_deref())
            .deadline(LONG_DEADLINE)
            .send()
            .await?;
        if answer.get("complete").and_then(Value::as_bool) == Some(false) {
            output.remark(&format!(
                "This is not everything; missing: {}",
                clean(&fields::text(&answer, "/missing"))
            ));
        }
        if cursor.is_none() {
            remark_notes(&answer, &args.query, output);
        }
        cursor = answer
            .get("next")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let found = match answer.get_mut("rows").map(Value::take) {
            Some(Value::Array(found)) => found,
            _ => Vec::new(),
        };
        let ended = found.is_empty() || cursor.is_none();
        rows.extend(found);
        if ended {
            break;
        }
    }
    rows.truncate(limit);
    Ok(rows)
}

/// Passes a file on as it comes; a terminal is no place for it.
async fn export(client: &Client, output: &Output, args: &LogsArgs) -> Result<Exit, Failure> {
    if output.is_terminal() {
        let failure = Failure::usage("A Parquet file is nothing for a terminal.");
        return Err(failure.at("--export").hint("Write it to a file: `--export parquet > logs.parquet`."));
    }
    let pieces = client
        .get("/api/v1/logs/export")
        .query("query", &args.query)
        .query("since", &args.since)
        .query_some("until", args.until.as_deref())
        .query_some("limit", args.limit)
        .query("format", "parquet")
        .pieces()
        .await?;
    let mut pieces = std::pin::pin!(pieces);
    while let Some(piece) = pieces.next().await {
        output.bytes(&piece?)?;
    }
    Ok(Exit::Ok)
}

/// Opens the stream first and reads what was before then, so that no line falls between the two.
async fn follow(client: &Client, output: &Output, args: &LogsArgs) -> Result<Exit, Failure> {
    let mut events = client
        .get("/api/v1/logs/tail")
        .query("query", &args.query)
        .events()
        .await?;
    let mut before = search(client, output, args, args.limit.unwrap_or(FOLLOW_LINES)).await?;
    before.reverse();
    let shown: HashSet<String> = before.iter().map(|row| fields::text(row, "/id")).collect();
    for row in &before {
        show(row, output)?;
    }
    while let Some(event) = events.next().await {
        let event = event?;
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        match event.name.as_str() {
            "row" if !shown.contains(&fields::text(&data, "/id")) => show(&data, output)?,
            "lagged" => output.remark(&format!(
                "{} lines were passed over, because they arrived faster than they could be shown",
                count(fields::integer(&data, "/skipped").unwrap_or(0))
            )),
            _ => {}
        }
    }
    Ok(Exit::Ok)
}

/// Shows one line of a stream that has no end: with `-o json` one object per line.
fn show(row: &Value, output: &Output) -> Result<(), Failure> {
    match output.format() {
        Format::Table => output.print(&line(row, SERVICE_CHARACTERS, output)),
        Format::Json => output.json_line(row),
        Format::Yaml => output.print(&format!("---\n{}", crate::output::yaml(row)?)),
    }
}

fn lines(rows: &[Value], output: &Output) -> String {
    let width = rows
        .iter()
        .map(|row| fields::text(row, "/service").chars().count())
        .max()
        .unwrap_or(0)
        .min(32);
    rows.iter().map(|row| line(row, width, output)).collect()
}

/// Writes time, level, service and message; further lines of a message stand under its first.
fn line(row: &Value, service_width: usize, output: &Output) -> String {
    let time =
        fields::time(row, "/timestamp").map_or_else(|| fields::text(row, "/timestamp"), moment_ms);
    let level = fields::text(row, "/severity");
    let tone = tone_of(level.to_lowercase().as_str());
    let level = paint(&format!("{:<5}", clean(&level)), tone, output);
    let service = format!("{:<service_width$}", clean(&fields::text(row, "/service")));
    let message = clean(fields::text(row, "/message").trim_end());
    let margin = " ".repeat(24 + 2 + 5 + 2 + service_width.max(service.chars().count()) + 2);
    let message = message.replace('\n', &format!("\n{margin}"));
    format!(
        "{}  {level}  {service}  {message}\n",
        paint(&time, Tone::Faint, output)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Streams;
    use jiff::Timestamp;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_line_is_aligned_and_its_further_lines_stand_under_the_first() {
        let sink = || Arc::new(Mutex::new(Vec::<u8>::new()));
        let streams = Streams {
            out: sink(),
            err: sink(),
            out_is_terminal: false,
            err_is_terminal: false,
            colour: false,
        };
        let output = Output::new(streams, None, Timestamp::UNIX_EPOCH);
        let rows = [
            json!({"timestamp": "2026-01-31T09:00:00.0015Z", "severity": "error", "service": "payments", "message": "boom\n at x\n"}),
            json!({"timestamp": "2026-01-31T09:00:01Z", "severity": "info", "service": "web", "message": "a\u{1b}[2Jb"}),
        ];
        assert_eq!(
            lines(&rows, &output),
            "2026-01-31T09:00:00.001Z  error  payments  boom\n                                            at x\n\
             2026-01-31T09:00:01.000Z  info   web       a\u{fffd}[2Jb\n"
        );
    }
}
