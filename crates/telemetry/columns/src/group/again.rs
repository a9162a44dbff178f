//! Lines that were stored before, added to a new group: merging and rewriting.

use andon_reader::{Attributes, LogRow};
use serde_json::Value;

use crate::lines::Cell;

use super::{GroupBuilder, RowParts};

impl GroupBuilder {
    /// Adds a line as a group gave it.
    pub fn push_log_row(&mut self, row: &LogRow) {
        let structures: Vec<String> = row
            .attributes
            .values()
            .map(|value| {
                if is_plain(value) {
                    String::new()
                } else {
                    value.to_string()
                }
            })
            .collect();
        let cells: Vec<(&str, Cell<'_>)> = row
            .attributes
            .iter()
            .zip(&structures)
            .map(|((name, value), json)| (name.as_str(), cell_of(value, json)))
            .collect();
        self.push_row(&RowParts {
            sequence: row.id.parse().unwrap_or_default(),
            timestamp_us: row.timestamp_us,
            received_at_us: row.received_at_us,
            severity_number: row.severity_number,
            texts: [
                &row.severity_text,
                &row.service,
                &row.message,
                &row.trace_id,
                &row.span_id,
                &row.scope,
            ],
            resource: &text_of(&row.resource),
            cells: &cells,
        });
    }
}

fn text_of(object: &Attributes) -> String {
    if object.is_empty() {
        return String::new();
    }
    serde_json::to_string(object).unwrap_or_default()
}

/// Says whether a value has a form of its own, as `Lines::value` decides.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Bool(_) => true,
        Value::Number(number) => number.is_i64() || number.is_f64(),
        _ => false,
    }
}

fn cell_of<'a>(value: &'a Value, json: &'a str) -> Cell<'a> {
    match value {
        Value::String(text) => Cell::Text(text),
        Value::Bool(flag) => Cell::Boolean(*flag),
        Value::Number(number) => match (number.as_i64(), number.is_f64(), number.as_f64()) {
            (Some(integer), _, _) => Cell::Integer(integer),
            (None, true, Some(float)) => Cell::Float(float),
            _ => Cell::Json(json),
        },
        _ => Cell::Json(json),
    }
}
