//! `andon telemetry archive`, `restore` and `status`: old lines go to another place and come back.

use std::time::Duration;

use andon_api::{ErrorCode, Problem};
use andon_client::{Client, LONG_DEADLINE};
use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Tone, facts};
use crate::words::{bytes, clean, count, length, moment};

/// How often a job is looked at: soon for short ones, then rarely.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What goes to the archive.
#[derive(Args, Debug)]
#[command(after_help = "Whole segments go: a line received before the time stays as long as its segment has one received later.
Searches say how many lines they did not see, and the command that brings them back.

Examples:
  andon telemetry archive                        what is due by --archive-after of the server
  andon telemetry archive --before 7d
  andon telemetry archive --before 2026-01-01T00:00:00Z --no-wait")]
pub struct ArchiveArgs {
    /// Everything received before this: RFC 3339, or an age such as 7d; what is due without it.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Do not wait until it is done; `andon telemetry status` tells how far it is.
    #[arg(long)]
    no_wait: bool,
}

/// What comes back.
#[derive(Args, Debug)]
#[command(after_help = "Whole segments come back, so lines beside the time come with them. After the time of --for only the copy on the
server's disk goes; the archive keeps the lines.

Examples:
  andon telemetry restore --since 2026-01-31T09:00:00Z --until 2026-01-31T12:00:00Z
  andon telemetry restore --since 90d --until 60d --for 1d")]
pub struct RestoreArgs {
    /// Lines from when on, by their own time: RFC 3339, or an age such as 90d.
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Lines until when.
    #[arg(long, value_name = "TIME")]
    until: String,
    /// How long they stay.
    #[arg(long = "for", value_name = "AGE", default_value = "7d")]
    kept: String,
    /// Do not wait until it is done; `andon telemetry status` tells how far it is.
    #[arg(long)]
    no_wait: bool,
}

pub(crate) async fn archive(context: &Context, args: ArchiveArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let body = json!({"before": args.before});
    let job: Value = client.post("/api/v1/telemetry/archive").json(&body).deadline(LONG_DEADLINE).send().await?;
    finish(&client, &context.output, job, args.no_wait, "archived").await
}

pub(crate) async fn restore(context: &Context, args: RestoreArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let body = json!({"since": args.since, "until": args.until, "for": args.kept});
    let job: Value = client.post("/api/v1/telemetry/restore").json(&body).deadline(LONG_DEADLINE).send().await?;
    finish(&client, &context.output, job, args.no_wait, "restored").await
}

/// Follows a job to its end and says how it went.
async fn finish(client: &Client, output: &Output, mut job: Value, no_wait: bool, done: &str) -> Result<Exit, Failure> {
    let id = fields::text(&job, "/id");
    let mut pause = PAUSE_MIN;
    while !no_wait && fields::text(&job, "/state") == "running" {
        output.progress(&progress(&job));
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(PAUSE_MAX);
        let state: Value = client.get("/api/v1/telemetry/archive").send().await?;
        let jobs = fields::list(&state, "/jobs");
        let Some(found) = jobs.iter().find(|job| fields::text(job, "/id") == id) else {
            output.end_progress();
            let problem = Problem::new(ErrorCode::ArchiveFailed, "The job is gone: telemetry was started again.");
            return Err(problem.hint("Run the command again; what was done already is not done twice.").into());
        };
        job = found.clone();
    }
    output.end_progress();
    output.show(&job, || summary(&job, done))?;
    match job.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(problem_of(error).into()),
        None => Ok(Exit::Ok),
    }
}

fn problem_of(error: &Value) -> Problem {
    let named = fields::text(error, "/code");
    let code = ErrorCode::ALL.iter().find(|code| code.code() == named).copied().unwrap_or(ErrorCode::ArchiveFailed);
    Problem::new(code, fields::text(error, "/detail")).hint(fields::text(error, "/hint"))
}

fn size(value: &Value, pointer: &str) -> u64 {
    fields::integer(value, pointer).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

fn rate(job: &Value) -> String {
    match size(job, "/bytesPerSecond") {
        0 => String::new(),
        rate => format!(", {}/s", bytes(rate)),
    }
}

fn progress(job: &Value) -> String {
    let number = |pointer: &str| count(fields::integer(job, pointer).unwrap_or(0));
    format!(
        "{} of {} segments, {} of {} lines, {} of {}{}",
        number("/done/segments"),
        number("/total/segments"),
        number("/done/rows"),
        number("/total/rows"),
        bytes(size(job, "/done/bytes")),
        bytes(size(job, "/total/bytes")),
        rate(job),
    )
}

fn summary(job: &Value, done: &str) -> String {
    let number = |pointer: &str| count(fields::integer(job, pointer).unwrap_or(0));
    if fields::text(job, "/state") == "running" {
        return format!("begun: {} lines in {} segments\n", number("/total/rows"), number("/total/segments"));
    }
    if size(job, "/total/segments") == 0 {
        return format!("nothing to be {done}\n");
    }
    format!("{done}: {} lines in {} segments, {}{}\n", number("/done/rows"), number("/done/segments"), bytes(size(job, "/done/bytes")), rate(job))
}

pub(crate) async fn status(context: &Context) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    let telemetry: Value = client.get("/api/v1/telemetry/status").send().await?;
    let archive: Value = client.get("/api/v1/telemetry/archive").send().await?;
    let both = json!({"telemetry": telemetry, "archive": archive});
    output.show(&both, || status_text(&telemetry, &archive, output))?;
    Ok(Exit::Ok)
}

fn status_text(telemetry: &Value, archive: &Value, output: &Output) -> String {
    let number = |pointer: &str| Cell::number(fields::integer(telemetry, pointer).unwrap_or(0));
    let room = |pointer: &str| Cell::new(bytes(size(telemetry, pointer)));
    let oldest = fields::integer(telemetry, "/store/oldest_received_at_us").and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    let rows = [
        ("state", Cell::state(fields::text(telemetry, "/state"))),
        ("detail", Cell::new(clean(&fields::text(telemetry, "/detail")))),
        ("process", Cell::new(fields::text(telemetry, "/pid"))),
        ("lines", number("/store/rows")),
        ("in memory", number("/store/memory_rows")),
        ("segments", number("/store/segments")),
        ("on disk", room("/store/segment_bytes")),
        ("disk cap", room("/store/disk_cap_bytes")),
        ("oldest received", Cell::age(oldest, output)),
        ("failing", Cell::new(clean(&fields::text(telemetry, "/store/failing"))).tone(Tone::Stopped)),
    ];
    format!("{}{}\nArchive\n{}", facts(&rows, output), home_text(telemetry, output), archive_text(archive, output))
}

/// Tells of the place that keeps the segments; nothing where that is the disk alone.
fn home_text(telemetry: &Value, output: &Output) -> String {
    let Some(home) = telemetry.pointer("/store/home").filter(|home| home.is_object()) else { return String::new() };
    let retry = fields::integer(home, "/retry_at_us").and_then(|us| jiff::Timestamp::from_microsecond(us).ok());
    let room = |pointer: &str| bytes(size(home, pointer));
    let rows = [
        ("place", Cell::new(clean(&fields::text(home, "/place")))),
        ("stored", Cell::new(amount(home, "/stored"))),
        ("waiting", Cell::new(amount(home, "/waiting"))),
        ("on disk", Cell::new(format!("{} of {}", room("/cached_bytes"), room("/cache_bytes")))),
        ("fetched", Cell::new(format!("{} in {} files", room("/fetched_bytes"), count(fields::integer(home, "/fetched_files").unwrap_or(0))))),
        ("failing", Cell::new(clean(&fields::text(home, "/failing/message"))).tone(Tone::Stopped)),
        ("what to do", Cell::new(clean(&fields::text(home, "/failing/hint")))),
        ("tried again", retry.map_or_else(Cell::default, |time| Cell::age(Some(time), output))),
    ];
    format!("\nSegments\n{}", facts(&rows, output))
}

fn amount(value: &Value, pointer: &str) -> String {
    let number = |part: &str| fields::integer(value, &format!("{pointer}/{part}")).unwrap_or(0);
    match number("segments") {
        0 => String::new(),
        segments => format!("{} lines in {} segments, {}", count(number("rows")), count(segments), bytes(size(value, &format!("{pointer}/bytes")))),
    }
}

fn archive_text(archive: &Value, output: &Output) -> String {
    let amount = |pointer: &str| amount(archive, pointer);
    let time = |pointer: &str| fields::time(archive, pointer).map(moment).unwrap_or_default();
    let range = match (time("/oldest"), time("/newest")) {
        (oldest, newest) if !oldest.is_empty() => format!("{oldest} to {newest}"),
        _ => String::new(),
    };
    let age = |pointer: &str| fields::integer(archive, pointer).map(|seconds| length(seconds.saturating_mul(1_000))).unwrap_or_default();
    let restored = match (amount("/restored"), time("/restoredUntil")) {
        (restored, _) if restored.is_empty() => String::new(),
        (restored, until) => format!("{restored}, the first until {until}"),
    };
    let place = fields::text(archive, "/place");
    let failing = fields::text(archive, "/failing/detail");
    let rows = [
        ("place", Cell::new(if place.is_empty() { "none: start the server with --archive".to_owned() } else { clean(&place) })),
        ("after", Cell::new(age("/afterSeconds"))),
        ("kept for", Cell::new(age("/retentionSeconds"))),
        ("archived", Cell::new(amount("/archived"))),
        ("their time", Cell::new(range)),
        ("restored", Cell::new(restored)),
        ("waiting", Cell::new(amount("/waiting"))),
        ("failing", Cell::new(clean(&failing)).tone(Tone::Stopped)),
        ("what to do", Cell::new(clean(&fields::text(archive, "/failing/hint")))),
        ("tried again", fields::time(archive, "/retryAt").map_or_else(Cell::default, |time| Cell::age(Some(time), output))),
    ];
    let running = fields::list(archive, "/jobs").iter().filter(|job| fields::text(job, "/state") == "running");
    let running: String = running.map(|job| format!("{}: {}\n", fields::text(job, "/work"), progress(job))).collect();
    facts(&rows, output) + &running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_in_words() {
        let job = json!({"id": "1", "state": "done", "total": {"segments": 2, "rows": 5000, "bytes": 3_000_000},
            "done": {"segments": 2, "rows": 5000, "bytes": 3_000_000}, "bytesPerSecond": 40_000_000});
        assert_eq!(summary(&job, "restored"), "restored: 5,000 lines in 2 segments, 2929 KiB, 38 MiB/s\n");
        assert_eq!(summary(&json!({"state": "done"}), "archived"), "nothing to be archived\n");
        assert!(progress(&job).starts_with("2 of 2 segments, 5,000 of 5,000 lines"));
    }
}
