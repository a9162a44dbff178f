//! What `andon telemetry inspect` and `andon telemetry repair` found, as people read it.

use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::{Format, Output};
use crate::table::{Cell, Table, Tone, facts};
use crate::words::{bytes, clean, count, moment, one_line, shorten};

/// Columns listed of a whole folder; the others are summed up.
const COLUMNS: usize = 25;
/// The longest text of a template in a table.
const TEMPLATE_CHARACTERS: usize = 100;

/// Shows what lies in a folder; fails when something is damaged.
pub(crate) fn show_inspection(output: &Output, found: &Value, is_one: bool) -> Result<Exit, Failure> {
    output.show(found, || inspection(output, found, is_one))?;
    let damage = fields::list(found, "/damage");
    if output.format() == Format::Table {
        for text in damage {
            output.remark(&format!("damaged: {}", clean(text.as_str().unwrap_or_default())));
        }
        if !damage.is_empty() {
            output.remark("`andon telemetry repair --dry-run` tells what can be done, while the server is stopped.");
        }
    }
    Ok(if damage.is_empty() { Exit::Ok } else { Exit::Failed })
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn time(value: &Value, pointer: &str) -> String {
    let micros = value.pointer(pointer).and_then(Value::as_i64);
    micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok()).map(moment).unwrap_or_default()
}

fn inspection(output: &Output, found: &Value, is_one: bool) -> String {
    let mut text = segments(output, found);
    if is_one {
        text.push('\n');
        text.push_str(&columns(output, fields::list(found, "/segments/0/columns"), usize::MAX));
        text.push_str(&templates(output, found));
        return text;
    }
    text.push('\n');
    text.push_str(&columns(output, fields::list(found, "/columns"), COLUMNS));
    text.push_str(&templates(output, found));
    let logs = fields::list(found, "/logs");
    let ratio = match (number(found, "/plainBytes"), number(found, "/bytes")) {
        (0, _) | (_, 0) => String::new(),
        (plain, stored) => format!(", {}.{} times smaller than the {} of their values", plain / stored, plain * 10 / stored % 10, bytes(plain)),
    };
    text.push('\n');
    text.push_str(&facts(
        &[
            ("segments", Cell::new(format!("{} with {} lines, {}{ratio}", fields::list(found, "/segments").len(), count(signed(number(found, "/rows"))), bytes(number(found, "/bytes"))))),
            ("logs", Cell::new(format!("{} with {} lines that are in no segment yet, {}", logs.len(), count(signed(number(found, "/loggedRows"))), bytes(number(found, "/logBytes"))))),
            ("other files", Cell::new(others(found))),
            ("damaged", Cell::new(if fields::list(found, "/damage").is_empty() { "nothing".to_owned() } else { fields::list(found, "/damage").len().to_string() })),
        ],
        output,
    ));
    text
}

fn others(found: &Value) -> String {
    let names: Vec<&str> = fields::list(found, "/otherFiles").iter().filter_map(Value::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { clean(&names.join(", ")) }
}

fn segments(output: &Output, found: &Value) -> String {
    let mut table = Table::new(&["Segment", "Lines", "Bytes", "From", "To", "Stream", "Columns", "Filter", "State"]);
    for segment in fields::list(found, "/segments") {
        let is_damaged = !fields::list(segment, "/damage").is_empty();
        let is_away = segment.pointer("/isHere").and_then(Value::as_bool) == Some(false);
        table.row(vec![
            Cell::new(fields::text(segment, "/name")),
            Cell::number(signed(number(segment, "/rows"))),
            Cell::right(bytes(number(segment, "/bytes"))),
            Cell::new(time(segment, "/timestampsUs/0")),
            Cell::new(time(segment, "/timestampsUs/1")),
            Cell::new(clean(&fields::text(segment, "/stream"))),
            Cell::number(signed(fields::list(segment, "/columns").len() as u64)),
            Cell::right(bytes(number(segment, "/filterBytes"))),
            match (is_damaged, is_away) {
                (true, _) => Cell::new("damaged").tone(Tone::Warning),
                (false, true) => Cell::new(format!("in {}", clean(&fields::text(segment, "/home")))),
                (false, false) => Cell::new("whole"),
            },
        ]);
    }
    table.render(output)
}

fn columns(output: &Output, columns: &[Value], most: usize) -> String {
    let mut table = Table::new(&["Column", "Form", "Encoding", "Bytes", "Values", "Unpacked", "Ratio", "Different", "Templates"]);
    let some = |column: &Value, pointer: &str| column.pointer(pointer).and_then(Value::as_u64);
    for column in columns.iter().take(most) {
        let stored = number(column, "/bytes");
        let plain = some(column, "/plainBytes");
        let ratio = plain.filter(|_| stored > 0).map(|plain| format!("{}.{}", plain / stored, plain * 10 / stored % 10));
        let counted = |pointer: &str| Cell::right(some(column, pointer).map(|number| count(signed(number))).unwrap_or_default());
        table.row(vec![
            Cell::new(one_line(&fields::text(column, "/name"))),
            Cell::new(fields::text(column, "/form")),
            Cell::new(fields::text(column, "/encoding")),
            Cell::right(bytes(stored)),
            counted("/values"),
            Cell::right(plain.map(bytes).unwrap_or_default()),
            Cell::right(ratio.unwrap_or_default()),
            counted("/distinct"),
            counted("/templates"),
        ]);
    }
    let mut text = table.render(output);
    if columns.len() > most {
        let rest: u64 = columns.iter().skip(most).map(|column| number(column, "/bytes")).sum();
        text.push_str(&format!("and {} smaller columns with {} (-o json lists them)\n", columns.len() - most, bytes(rest)));
    }
    text
}

/// The most frequent templates of messages, with their share of all lines.
fn templates(output: &Output, found: &Value) -> String {
    let is_message = |column: &&Value| fields::text(column, "/name").starts_with("message");
    let Some(column) = fields::list(found, "/columns").iter().find(is_message) else { return String::new() };
    let rows = number(found, "/rows").max(1);
    let mut table = Table::new(&["Lines", "Share", "Template of the message"]);
    for template in fields::list(column, "/topTemplates").iter().take(10) {
        let lines = number(template, "/rows");
        let share = lines.saturating_mul(1_000) / rows;
        table.row(vec![
            Cell::number(signed(lines)),
            Cell::right(format!("{}.{} %", share / 10, share % 10)),
            Cell::new(shorten(&one_line(&fields::text(template, "/text")), TEMPLATE_CHARACTERS)),
        ]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.render(output)) }
}

/// Shows what was damaged and what was done about it.
pub(crate) fn show_repair(output: &Output, report: &Value) -> Result<Exit, Failure> {
    output.show(report, || findings(output, report))?;
    let findings = fields::list(report, "/findings");
    let is_dry_run = report.get("isDryRun").and_then(Value::as_bool).unwrap_or(false);
    let lost = number(report, "/lostRows");
    output.remark(&match (findings.len(), is_dry_run) {
        (0, _) => "Nothing is damaged.".to_owned(),
        (damages, true) => format!("{damages} damages; nothing was changed. Without --dry-run they are mended; {} lines cannot be brought back.", count(signed(lost))),
        (damages, false) => format!("{damages} damages are mended; {} lines are lost. What was replaced is in telemetry/quarantine/.", count(signed(lost))),
    });
    Ok(if is_dry_run && !findings.is_empty() { Exit::Failed } else { Exit::Ok })
}

fn findings(output: &Output, report: &Value) -> String {
    let mut text = String::new();
    for finding in fields::list(report, "/findings") {
        let rows = |pointer: &str| finding.pointer(pointer).and_then(Value::as_u64).map_or_else(|| "not known".to_owned(), |rows| count(signed(rows)));
        text.push_str(&facts(
            &[
                ("file", Cell::new(clean(&fields::text(finding, "/file")))),
                ("damage", Cell::new(clean(&fields::text(finding, "/damage")))),
                ("action", Cell::new(clean(&fields::text(finding, "/action")))),
                ("lines saved", Cell::new(rows("/savedRows"))),
                ("lines lost", Cell::new(rows("/lostRows"))),
            ],
            output,
        ));
        text.push('\n');
    }
    text
}
