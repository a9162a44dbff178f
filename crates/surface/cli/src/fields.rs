//! Fields of answers, read with tolerance: a server may say more, or less, than this command knows.

use jiff::Timestamp;
use serde_json::Value;

use crate::output::Output;
use crate::table::Cell;
use crate::words::length;

/// Tells the text at a pointer; lists are joined, what is absent is empty.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map_or_else(String::new, plain)
}

/// Tells the time at a pointer.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
}

/// Tells the integer at a pointer.
pub(crate) fn integer(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(|value| {
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|number| number as i64))
    })
}

/// Tells the list at a pointer; empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Tells a value in one line, as people read it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(entries) => entries
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}

/// Makes a cell of a field: times become ages, milliseconds lengths, states their colours.
pub(crate) fn cell(object: &Value, pointer: &str, output: &Output) -> Cell {
    let Some(value) = object.pointer(pointer) else {
        return Cell::default();
    };
    let name = pointer.rsplit('/').next().unwrap_or_default();
    if let Some(number) = value.as_i64() {
        return if name.ends_with("Ms") {
            Cell::right(length(number))
        } else {
            Cell::number(number)
        };
    }
    let text = plain(value);
    if let Ok(time) = text.parse::<Timestamp>() {
        return Cell::age(Some(time), output);
    }
    match name {
        "state" | "outcome" | "severity" | "enforcement" | "changeType" => Cell::state(text),
        _ => Cell::new(text),
    }
}

/// Tells the name of an object, with its namespace where it is not the default.
pub(crate) fn name(object: &Value) -> String {
    let (namespace, name) = (
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    );
    if namespace.is_empty() || namespace == "default" {
        name
    } else {
        format!("{namespace}/{name}")
    }
}

/// Tells the reference of an object.
pub(crate) fn reference(object: &Value) -> String {
    let namespace = text(object, "/metadata/namespace");
    let namespace = if namespace.is_empty() {
        "default"
    } else {
        &namespace
    };
    format!(
        "{}:{namespace}/{}",
        text(object, "/kind"),
        text(object, "/metadata/name")
    )
    .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_absent_is_empty() {
        let value = json!({"a": [1, "b", {"c": true}], "at": "2026-01-01T00:00:00Z", "n": 1.9});
        assert_eq!(text(&value, "/a"), "1, b, c=true");
        assert_eq!(text(&value, "/none"), "");
        assert!(time(&value, "/at").is_some() && time(&value, "/a").is_none());
        assert_eq!(integer(&value, "/n"), Some(1));
        assert!(list(&value, "/none").is_empty());
    }

    #[test]
    fn an_object_is_named_as_it_is_asked_for() {
        let object =
            json!({"kind": "Component", "metadata": {"name": "Payments", "namespace": "shop"}});
        assert_eq!(
            (name(&object).as_str(), reference(&object).as_str()),
            ("shop/Payments", "component:shop/payments")
        );
        assert_eq!(
            name(&json!({"metadata": {"name": "a", "namespace": "default"}})),
            "a"
        );
    }
}
