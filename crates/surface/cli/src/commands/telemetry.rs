//! `andon telemetry`: who sends lines, and what becomes of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::commands::{telemetry_archive, telemetry_streams};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone};
use crate::words::{bytes, count, length};

/// What to do with telemetry.
#[derive(Subcommand, Debug)]
pub enum TelemetryCommand {
    /// List who sends lines: how many were stored, how many refused and why
    Senders(SendersArgs),
    /// List the streams: lines, bytes, the oldest line, and what was dropped and why
    #[command(after_help = "Streams are objects: `andon explain Stream` shows one. Lines in memory are in no stream yet.

Example:\n  andon telemetry streams")]
    Streams,
    /// Move old lines to the archive now
    Archive(telemetry_archive::ArchiveArgs),
    /// Bring lines back from the archive, for a time
    Restore(telemetry_archive::RestoreArgs),
    /// Tell how telemetry and its archive do
    #[command(after_help = "Example:\n  andon telemetry status")]
    Status,
    /// Look at the stored files: segments, columns, templates, checksums; also while the server runs
    Inspect(InspectArgs),
    /// Mend damaged files, while the server is stopped; nothing is deleted
    Repair(RepairArgs),
}

/// Which folder is looked at, and how closely.
#[derive(Args, Debug)]
#[command(after_help = "It reads the files itself and needs no server and no token; nothing is written.

Examples:
  andon telemetry inspect --data /var/lib/andon
  andon telemetry inspect --data /var/lib/andon 1f          one segment, with the different values of its columns
  andon telemetry inspect --data /var/lib/andon -o json | jq .damage")]
pub struct InspectArgs {
    /// The data directory of the server.
    #[arg(long, value_name = "FOLDER", default_value = "./data")]
    pub data: PathBuf,
    /// Only checksums and sizes; the values are not unpacked.
    #[arg(long)]
    pub quick: bool,
    /// Only this segment.
    #[arg(value_name = "SEGMENT")]
    pub segment: Option<String>,
}

/// Which folder is mended.
#[derive(Args, Debug)]
#[command(after_help = "Each damage is named with what is done about it. Segments are written anew without what cannot be read,
lost indexes are made anew, damaged ends of logs are cut, segments that the list has lost are listed again.
What is replaced or cannot be read goes to telemetry/quarantine/ in the data directory.

Examples:
  andon telemetry repair --data /var/lib/andon --dry-run
  andon telemetry repair --data /var/lib/andon")]
pub struct RepairArgs {
    /// The data directory of the server.
    #[arg(long, value_name = "FOLDER", default_value = "./data")]
    pub data: PathBuf,
    /// Tell what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Which senders.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  andon telemetry senders
  andon telemetry senders --input syslog
  andon telemetry senders --refused          only those of whom something was refused or lost

The counters begin anew when the process that stores lines starts.")]
pub struct SendersArgs {
    /// Only inputs whose name begins so: otlp, ndjson, gelf, syslog, elasticsearch, loki.
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// Only those of whom something was refused or lost.
    #[arg(long)]
    refused: bool,
}

pub(crate) async fn run(context: &Context, command: TelemetryCommand) -> Result<Exit, Failure> {
    match command {
        TelemetryCommand::Senders(args) => senders(context, args).await,
        TelemetryCommand::Streams => telemetry_streams::run(context).await,
        TelemetryCommand::Archive(args) => telemetry_archive::archive(context, args).await,
        TelemetryCommand::Restore(args) => telemetry_archive::restore(context, args).await,
        TelemetryCommand::Status => telemetry_archive::status(context).await,
        TelemetryCommand::Inspect(_) | TelemetryCommand::Repair(_) => {
            Err(Failure::usage("There is no store in this program; it is in `andon` itself."))
        }
    }
}

async fn senders(context: &Context, args: SendersArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    let answer: Value = client.get("/api/v1/telemetry/senders").send().await?;
    let input = args.input.unwrap_or_default();
    let is_wanted = |item: &&Value| {
        fields::text(item, "/input").starts_with(&input) && (!args.refused || refused_of(item) > 0)
    };
    let items: Vec<Value> = fields::list(&answer, "/items").iter().filter(is_wanted).cloned().collect();
    output.show(&items, || table(&items, output))?;
    if items.is_empty() {
        output.remark("Nobody has sent anything like it since the start; docs/guides says how to send.");
    }
    Ok(Exit::Ok)
}

fn refusals(item: &Value) -> impl Iterator<Item = (&String, i64)> {
    let refused = item.get("refused").and_then(Value::as_object);
    refused.into_iter().flatten().map(|(code, count)| (code, count.as_i64().unwrap_or(0)))
}

fn refused_of(item: &Value) -> i64 {
    refusals(item).map(|(_, count)| count).sum()
}

fn table(items: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Input", "Address", "Token", "Stored", "Bytes", "Cut", "Refused", "Lag", "Last", "Why"]);
    for item in items {
        let number = |pointer: &str| fields::integer(item, pointer).unwrap_or(0);
        let refused = refused_of(item);
        let tone = if refused > 0 { Tone::Warning } else { Tone::Plain };
        let why: Vec<String> = refusals(item).map(|(code, times)| format!("{code} {}", count(times))).collect();
        let lag = fields::integer(item, "/lagMs").map(length).unwrap_or_default();
        table.row(vec![
            Cell::new(fields::text(item, "/input")),
            Cell::new(fields::text(item, "/address")),
            Cell::new(fields::text(item, "/sender")),
            Cell::number(number("/accepted")),
            Cell::right(bytes(u64::try_from(number("/bytes")).unwrap_or(0))),
            Cell::number(number("/truncated")),
            Cell::number(refused).tone(tone),
            Cell::right(lag),
            Cell::age(fields::time(item, "/lastSeenAt"), output),
            Cell::new(why.join(", ")),
        ]);
    }
    table.render(output)
}
