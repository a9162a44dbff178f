//! `andon telemetry`: who sends lines, and what becomes of them.

use clap::{Args, Subcommand};
use serde_json::Value;

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
