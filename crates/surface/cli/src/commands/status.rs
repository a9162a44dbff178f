//! `andon status`: how the server does.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, facts};
use crate::words::{bytes, count, length, one_line};

/// No arguments.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  andon status")]
pub struct StatusArgs {}

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let status: Value = client.get("/api/v1/status").send().await?;
    context
        .output
        .show(&status, || tell(&client.link(""), &status, &context.output))?;
    Ok(Exit::Ok)
}

fn tell(address: &str, status: &Value, output: &Output) -> String {
    let number = |pointer: &str| fields::integer(status, pointer).unwrap_or(0);
    let overdue = number("/overduePages");
    let pages = if overdue > 0 {
        Cell::number(overdue).tone(Tone::Stopped)
    } else {
        Cell::new("none overdue").tone(Tone::Good)
    };
    let pending = number("/outbox/pending");
    let outbox = match (pending, number("/outbox/oldestDueSeconds")) {
        (0, _) => "empty".to_owned(),
        (pending, 0) => format!("{} waiting", count(pending)),
        (pending, late) => format!(
            "{} waiting, the oldest due {} ago",
            count(pending),
            length(late * 1_000)
        ),
    };
    let mut text = facts(
        &[
            (
                "server",
                Cell::new(format!("{address} {}", fields::text(status, "/version"))),
            ),
            ("up", Cell::new(length(number("/uptimeSeconds") * 1_000))),
            ("store", Cell::new(fields::text(status, "/store/engine"))),
            ("pages", pages),
            ("outbox", Cell::new(outbox)),
        ],
        output,
    );
    if let Some(telemetry) = status.get("telemetry").and_then(Value::as_object) {
        let row = |(name, value): (&String, &Value)| {
            let (name, unit) = words(name);
            let cell = match (unit, value.as_i64()) {
                (Some("us"), Some(at)) if name.ends_with(" at") => {
                    Cell::age(jiff::Timestamp::from_microsecond(at).ok(), output)
                }
                _ => telemetry_cell(unit, value),
            };
            (name, cell)
        };
        // What has parts of its own is told by `andon telemetry status`.
        let rows: Vec<(String, Cell)> = telemetry.iter().filter(|(_, value)| !value.is_object()).map(row).collect();
        let rows: Vec<(&str, Cell)> = rows
            .iter()
            .map(|(name, cell)| (name.as_str(), cell.clone()))
            .collect();
        let _ = write!(text, "\nTelemetry\n{}", facts(&rows, output));
    }
    let listeners = fields::list(status, "/listeners");
    if !listeners.is_empty() {
        let _ = write!(text, "\n{}", listener_table(listeners, output));
    }
    let controllers = fields::list(status, "/controllers");
    if !controllers.is_empty() {
        let _ = write!(text, "\n{}", controller_table(controllers, output));
    }
    text
}

/// The units that a name may end with.
const UNITS: [&str; 5] = ["bytes", "ms", "us", "seconds", "s"];

/// Reads `diskBytes` and `disk_bytes` as `disk` in `bytes`.
fn words(name: &str) -> (String, Option<&'static str>) {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() || letter == '_' {
            text.push(' ');
        }
        text.extend(letter.to_lowercase().filter(|letter| *letter != '_'));
    }
    for unit in UNITS {
        if let Some(short) = text
            .strip_suffix(unit)
            .and_then(|rest| rest.strip_suffix(' '))
        {
            return (short.to_owned(), Some(unit));
        }
    }
    (text, None)
}

fn telemetry_cell(unit: Option<&str>, value: &Value) -> Cell {
    match (value.as_i64(), unit) {
        (Some(number), Some("bytes")) => Cell::new(bytes(u64::try_from(number).unwrap_or(0))),
        (Some(number), Some("us")) => Cell::new(length(number / 1_000)),
        (Some(number), Some("ms")) => Cell::new(length(number)),
        (Some(number), Some(_)) => Cell::new(length(number.saturating_mul(1_000))),
        (Some(number), None) => Cell::new(count(number)),
        (None, _) => Cell::new(fields::plain(value)),
    }
}

fn listener_table(listeners: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Port", "Address", "State", "Detail"]);
    for listener in listeners {
        table.row(vec![
            Cell::new(fields::text(listener, "/name")),
            Cell::new(fields::text(listener, "/address")),
            Cell::state(fields::text(listener, "/state")),
            Cell::new(fields::text(listener, "/detail")),
        ]);
    }
    table.render(output)
}

fn controller_table(controllers: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Controller", "Runs", "Last", "Error"]);
    for controller in controllers {
        table.row(vec![
            Cell::new(fields::text(controller, "/name")),
            Cell::number(fields::integer(controller, "/runs").unwrap_or(0)),
            Cell::age(fields::time(controller, "/lastRunAt"), output),
            Cell::new(one_line(&fields::text(controller, "/lastError"))).tone(Tone::Stopped),
        ]);
    }
    table.render(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_facts_are_words() {
        let told = |name| (words(name).0, words(name).1);
        assert_eq!(told("diskBytes"), ("disk".to_owned(), Some("bytes")));
        assert_eq!(told("retention_s"), ("retention".to_owned(), Some("s")));
        assert_eq!(told("lastFlushAt"), ("last flush at".to_owned(), None));
        assert_eq!(told("rows"), ("rows".to_owned(), None));
    }
}
