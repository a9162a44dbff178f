//! GELF messages, one per line, as Graylog exports and forwards them.

use serde_json::{Map, Value};

use super::object::Object;

const SERVICE: [&str; 5] = ["service", "service.name", "service_name", "app", "application"];

/// Tells whether an object is a GELF message.
pub(crate) fn is_gelf(object: &Map<String, Value>) -> bool {
    object.get("short_message").is_some_and(Value::is_string) && object.contains_key("host")
}

/// Writes what a message says.
pub(crate) fn write(mut message: Map<String, Value>, service: &str, object: &mut Object) {
    message.shift_remove("version");
    if let Some(time) = message.shift_remove("timestamp") {
        object.value("timestamp", &time);
    }
    let short = take_text(&mut message, "short_message");
    let full = take_text(&mut message, "full_message");
    object.text("message", if full.is_empty() { &short } else { &full });
    if let Some(level) = message.get("level").and_then(Value::as_u64).and_then(level_name) {
        message.shift_remove("level");
        object.text("level", level);
    }
    let host = take_text(&mut message, "host");
    let mut attributes = Map::new();
    for (name, value) in message {
        let plain = name.strip_prefix('_').filter(|plain| !plain.is_empty()).unwrap_or(&name);
        attributes.entry(plain).or_insert(value);
    }
    let named = SERVICE.iter().map(|name| take_text(&mut attributes, name)).find(|text| !text.is_empty());
    object.text("service", named.as_deref().unwrap_or(service));
    for (name, known) in [("trace_id", "trace_id"), ("span_id", "span_id"), ("logger", "scope")] {
        object.text(known, &take_text(&mut attributes, name));
    }
    if !host.is_empty() {
        object.map("resource", Map::from_iter([("host.name".to_owned(), host.into())]));
    }
    object.map("attributes", attributes);
}

fn take_text(object: &mut Map<String, Value>, name: &str) -> String {
    match object.get(name) {
        Some(Value::String(_)) => match object.shift_remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The names of syslog's severities.
pub(crate) fn level_name(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "emergency",
        1 => "alert",
        2 => "critical",
        3 => "error",
        4 => "warning",
        5 => "notice",
        6 => "info",
        7 => "debug",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_keeps_its_fields() {
        let message = json!({"version": "1.1", "host": "web01", "short_message": "boom", "full_message": "boom\n at x",
            "timestamp": 1769850000.25, "level": 3, "_service": "shop", "_status": 502, "_trace_id": "ab", "facility": "f"});
        let mut object = Object::new(0);
        write(message.as_object().cloned().unwrap(), "", &mut object);
        let read: Value = serde_json::from_slice(&object.finish()).unwrap();
        assert_eq!(
            read,
            json!({"timestamp": 1769850000.25, "message": "boom\n at x", "level": "error", "service": "shop", "trace_id": "ab",
                "resource": {"host.name": "web01"}, "attributes": {"status": 502, "facility": "f"}})
        );
    }
}
