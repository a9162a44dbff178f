//! Groups of columns: every line comes back as it went in, and a search over columns finds exactly the lines that the
//! row-by-row test finds. The first line of the input is the search, the others are JSON objects.
#![no_main]

use std::sync::Arc;

use andon_columns::bits::Bits;
use andon_columns::group::{GroupBuilder, MemoryGroup};
use andon_columns::lines::Lines;
use andon_columns::{rows, select};
use andon_reader::query::Filter;
use andon_reader::{LogRow, NewLogRow};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const MOST_LINES: usize = 200;

fn text(object: &mut Map<String, Value>, name: &str) -> String {
    match object.remove(name) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn row_of(mut object: Map<String, Value>) -> NewLogRow {
    let level = object
        .remove("level")
        .and_then(|level| level.as_u64())
        .unwrap_or(0);
    NewLogRow {
        timestamp_us: object.remove("timestamp").and_then(|time| time.as_i64()),
        severity_number: u8::try_from(level).unwrap_or(24).min(24),
        severity_text: text(&mut object, "severity_text"),
        service: text(&mut object, "service"),
        message: text(&mut object, "message"),
        trace_id: text(&mut object, "trace_id"),
        span_id: text(&mut object, "span_id"),
        scope: text(&mut object, "scope"),
        resource: Arc::new(
            object
                .remove("resource")
                .and_then(|resource| resource.as_object().cloned())
                .unwrap_or_default(),
        ),
        attributes: object,
    }
}

fuzz_target!(|input: &str| {
    let mut parts = input.split('\n');
    let filter = parts.next().and_then(|query| Filter::parse(query).ok());
    let objects = parts
        .take(MOST_LINES)
        .filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    let plain: Vec<NewLogRow> = objects.map(row_of).collect();
    if plain.is_empty() {
        return;
    }
    let mut lines = Lines::of(&plain);
    lines.stamp(7, 1_795_132_800_000_000);
    let mut builder = GroupBuilder::new();
    builder.push(&lines);
    let group = MemoryGroup::new(builder.finish()).expect("a group that was just built opens");
    let every: Vec<usize> = (0..lines.len()).collect();
    let found = rows::fetch(&group, &every, &|| Ok(())).expect("the rows of a whole group");
    let wanted: Vec<LogRow> = every.iter().map(|&row| lines.to_log_row(row)).collect();
    assert_eq!(found, wanted);
    let Some(filter) = filter else { return };
    let found = select::select(&filter, &group, Bits::all(lines.len()), &|| Ok(()))
        .expect("a search of a whole group");
    for row in 0..lines.len() {
        assert_eq!(
            found.get(row),
            filter.matches(&lines.row(row)),
            "row {row}: {:?}",
            lines.to_log_row(row)
        );
    }
});
