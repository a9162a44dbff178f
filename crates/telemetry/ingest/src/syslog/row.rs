//! A syslog message to a row (OpenTelemetry logs data model, appendix A: syslog).

use std::sync::Arc;

use andon_reader::{Attributes, NewLogRow};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::frames::Frame;
use crate::marks::{mark, text_of};
use crate::origin::resource_of;
use crate::severity;
use crate::syslog::parse::{Parts, parse};
use crate::syslog::times::Reference;

/// Turns a message into a row. `peer` is the address it came from: it stands in for a missing host.
#[must_use]
pub fn syslog_row(frame: &Frame, peer: &str, now_us: i64, zone: &TimeZone) -> NewLogRow {
    let bytes = trim_end(&frame.bytes);
    let (text, is_lossy) = text_of(bytes);
    let mut row = row_of(parse(&text, &Reference { now_us, zone }), peer);
    mark(&mut row.attributes, frame.cut_bytes, is_lossy);
    row
}

/// What senders put behind a message: line feeds, carriage returns before them, NUL.
fn trim_end(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [inner @ .., b'\n' | b'\r' | 0] = rest {
        rest = inner;
    }
    rest
}

fn row_of(parts: Parts<'_>, peer: &str) -> NewLogRow {
    let (severity_text, severity_number) =
        parts.priority.and_then(|priority| severity::of_syslog(priority & 7)).unwrap_or(("", 0));
    NewLogRow {
        timestamp_us: parts.timestamp_us,
        severity_number,
        severity_text: severity_text.to_owned(),
        service: parts.app.to_owned(),
        message: parts.message.to_owned(),
        resource: Arc::new(resource_of(parts.host, peer)),
        attributes: attributes_of(parts),
        ..NewLogRow::default()
    }
}

fn attributes_of(parts: Parts<'_>) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(facility) = parts.priority.and_then(|priority| severity::facility(priority >> 3)) {
        attributes.insert("syslog.facility".to_owned(), facility.into());
    }
    if !parts.process.is_empty() {
        attributes.insert("syslog.procid".to_owned(), number_or_text(parts.process));
    }
    if !parts.message_id.is_empty() {
        attributes.insert("syslog.msgid".to_owned(), parts.message_id.into());
    }
    for (id, name, value) in parts.structured {
        let key = if name.is_empty() { id.to_owned() } else { format!("{id}.{name}") };
        let value = if name.is_empty() { Value::Bool(true) } else { value.into_owned().into() };
        match attributes.get_mut(&key) {
            // RFC 5424 lets a name come several times in an element.
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                attributes.insert(key, value);
            }
        }
    }
    attributes
}

/// A number where it is spelt as one: `007` stays text.
fn number_or_text(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(bytes: &[u8]) -> NewLogRow {
        let frame = Frame { bytes: bytes.to_vec(), cut_bytes: 0 };
        syslog_row(&frame, "10.0.0.7", 1_780_000_000_000_000, &TimeZone::UTC)
    }

    #[test]
    fn facility_severity_host_and_structured_data_are_columns_and_attributes() {
        let row = read(b"<165>1 2026-01-31T08:00:00Z web01 shop 42 ORDER [order@1 id=\"7\" tag=\"a\" tag=\"b\"] paid\n");
        assert_eq!((row.service.as_str(), row.message.as_str()), ("shop", "paid"));
        assert_eq!((row.severity_number, row.severity_text.as_str()), (10, "notice"));
        assert_eq!(Value::Object(row.attributes), json!({
            "syslog.facility": "local4", "syslog.procid": 42, "syslog.msgid": "ORDER", "order@1.id": "7", "order@1.tag": ["a", "b"],
        }));
        assert_eq!(Value::Object((*row.resource).clone()), json!({"host.name": "web01", "client.address": "10.0.0.7"}));
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_kept_and_marked() {
        let row = read(b"<14>Feb  5 17:32:18 web app: caf\xe9");
        assert_eq!(row.message, "caf\u{fffd}");
        assert_eq!(row.attributes["andon.invalid_utf8"], json!(true));
    }

    #[test]
    fn a_cut_message_says_how_much_is_missing() {
        let frame = Frame { bytes: b"<14>begins".to_vec(), cut_bytes: 30 << 20 };
        let row = syslog_row(&frame, "10.0.0.7", 0, &TimeZone::UTC);
        assert_eq!((row.message.as_str(), &row.attributes["andon.truncated_bytes"]), ("begins", &json!(30 << 20)));
        assert_eq!(row.resource["host.name"], json!("10.0.0.7"));
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_row(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _row = read(&bytes);
        }
    }
}
