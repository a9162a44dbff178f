//! A JSON object of any program to a row: the usual names are recognised, the rest are attributes.

use std::sync::Arc;

use andon_reader::{Attributes, NewLogRow, parse_severity};
use serde_json::Value;

use crate::times::time_of;

pub(crate) const TIME: [&str; 9] = [
    "timestamp",
    "@timestamp",
    "time",
    "ts",
    "_time",
    "datetime",
    "timestamp_us",
    "eventTime",
    "date",
];
pub(crate) const MESSAGE: [&str; 8] = [
    "message", "msg", "log", "_msg", "body", "event", "text", "line",
];
pub(crate) const SEVERITY: [&str; 9] = [
    "level",
    "severity",
    "severity_text",
    "severityText",
    "log.level",
    "loglevel",
    "levelname",
    "lvl",
    "log_level",
];
pub(crate) const SEVERITY_NUMBER: [&str; 2] = ["severity_number", "severityNumber"];
pub(crate) const SERVICE: [&str; 5] = [
    "service",
    "service.name",
    "service_name",
    "app",
    "application",
];
pub(crate) const TRACE: [&str; 4] = ["trace_id", "traceId", "trace.id", "traceid"];
pub(crate) const SPAN: [&str; 4] = ["span_id", "spanId", "span.id", "spanid"];
pub(crate) const SCOPE: [&str; 5] = [
    "scope",
    "logger",
    "logger_name",
    "log.logger",
    "logger.name",
];

/// Says that the named time field was not understood; the time of receipt stands in.
pub(crate) const TIME_UNREAD: &str = "andon.time_unread";

/// Turns an object into a row.
pub(crate) fn row_of(
    mut object: Attributes,
    time_field: Option<&str>,
    message_field: Option<&str>,
) -> NewLogRow {
    let mut row = NewLogRow::default();
    // Before anything is taken out, so that nothing is missing from it.
    let whole =
        needs_whole(&object, message_field).then(|| Value::Object(object.clone()).to_string());
    take_time(&mut object, time_field, &mut row);
    row.message = match whole {
        Some(text) => text,
        None => take_message(&mut object, message_field),
    };
    take_severity(&mut object, &mut row);
    row.service = take_service(&mut object);
    row.trace_id = take_text(&mut object, &TRACE);
    row.span_id = take_text(&mut object, &SPAN);
    row.scope = take_text(&mut object, &SCOPE);
    if let Some(Value::Object(resource)) = take_if(&mut object, "resource", Value::is_object) {
        if row.service.is_empty() {
            row.service = resource
                .get("service.name")
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned();
        }
        row.resource = Arc::new(resource);
    }
    if let Some(Value::Object(inner)) = take_if(&mut object, "attributes", Value::is_object) {
        for (key, value) in inner {
            object.entry(key).or_insert(value);
        }
    }
    row.attributes.extend(object);
    row
}

pub(crate) fn take_if(object: &mut Attributes, key: &str, test: impl Fn(&Value) -> bool) -> Option<Value> {
    object
        .get(key)
        .is_some_and(test)
        .then(|| object.shift_remove(key))?
}

pub(crate) fn take_text(object: &mut Attributes, keys: &[&str]) -> String {
    let found = keys
        .iter()
        .find_map(|key| take_if(object, key, Value::is_string));
    match found {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// An object without a message is its own message, so that its words are found.
fn needs_whole(object: &Attributes, message_field: Option<&str>) -> bool {
    let has = |key: &str| {
        object
            .get(key)
            .is_some_and(|value| value.is_string() || value.is_number())
    };
    match message_field {
        Some(field) => !has(field),
        None => !MESSAGE
            .iter()
            .any(|key| object.get(*key).is_some_and(Value::is_string)),
    }
}

fn take_message(object: &mut Attributes, message_field: Option<&str>) -> String {
    match message_field {
        Some(field) => match object.shift_remove(field) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        },
        None => take_text(object, &MESSAGE),
    }
}

fn take_time(object: &mut Attributes, time_field: Option<&str>, row: &mut NewLogRow) {
    if let Some(field) = time_field {
        row.timestamp_us = object.get(field).and_then(time_of);
        if row.timestamp_us.is_some() {
            object.shift_remove(field);
        } else {
            row.attributes.insert(TIME_UNREAD.to_owned(), true.into());
        }
        return;
    }
    let found = TIME
        .iter()
        .find_map(|key| Some((*key, time_of(object.get(*key)?)?)));
    if let Some((key, time)) = found {
        row.timestamp_us = Some(time);
        object.shift_remove(key);
    }
}

fn take_severity(object: &mut Attributes, row: &mut NewLogRow) {
    let number = SEVERITY_NUMBER.iter().find_map(|key| {
        let number = object
            .get(*key)?
            .as_u64()
            .filter(|number| (0..=24).contains(number))?;
        object.shift_remove(*key);
        u8::try_from(number).ok()
    });
    let named = SEVERITY.iter().find_map(|key| {
        let (text, number) = match object.get(*key)? {
            Value::String(text) => (text.clone(), parse_severity(text)),
            // The numbers of pino and bunyan; others mean too many things.
            Value::Number(number) => {
                let (name, number) = numbered_level(number.as_u64()?)?;
                (name.to_owned(), Some(number))
            }
            _ => return None,
        };
        object.shift_remove(*key);
        Some((text, number))
    });
    let (text, by_name) = named.unwrap_or_default();
    row.severity_number = number.or(by_name).unwrap_or(0);
    row.severity_text = text;
}

pub(crate) fn numbered_level(number: u64) -> Option<(&'static str, u8)> {
    Some(match number {
        10 => ("trace", 1),
        20 => ("debug", 5),
        30 => ("info", 9),
        40 => ("warn", 13),
        50 => ("error", 17),
        60 => ("fatal", 21),
        _ => return None,
    })
}

/// Also `{"service": {"name": "x"}}`, as the Elastic Common Schema has it.
fn take_service(object: &mut Attributes) -> String {
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    if let Some(service) = object.get("service").and_then(name) {
        return service;
    }
    take_text(object, &SERVICE)
}
