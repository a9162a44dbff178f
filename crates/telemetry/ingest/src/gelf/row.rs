//! GELF messages to rows.

use std::sync::Arc;

use andon_reader::{Attributes, NewLogRow};
use serde_json::Value;

use crate::failure::{IngestError, code};
use crate::fields::{SCOPE, SERVICE, SPAN, TRACE, take_text};
use crate::frames::Frame;
use crate::gelf::inflate::inflate;
use crate::limits;
use crate::marks::{UNPARSED, mark, text_of};
use crate::origin::resource_of;
use crate::severity;
use crate::times::time_of;

/// Reads a frame: one message, compressed or not, or several one after the other.
///
/// # Errors
/// When it is no GELF: damaged compression, or no JSON object. Nothing of it is given then.
pub fn gelf_rows(frame: &Frame, peer: &str) -> Result<Vec<NewLogRow>, IngestError> {
    if frame.cut_bytes > 0 {
        return Ok(vec![unparsed(frame, peer)]);
    }
    let bytes = inflate(&frame.bytes, limits::MESSAGE_BYTES)?;
    let (text, is_lossy) = text_of(trim(&bytes));
    let mut rows = Vec::new();
    for object in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match object {
            Ok(Value::Object(object)) => {
                let mut row = row_of(object, peer);
                mark(&mut row.attributes, 0, is_lossy);
                rows.push(row);
            }
            Ok(_) => return Err(malformed("it is JSON, but no object".to_owned())),
            Err(error) => return Err(malformed(error.to_string())),
        }
    }
    if rows.is_empty() {
        return Err(malformed("it is empty".to_owned()));
    }
    Ok(rows)
}

fn malformed(why: String) -> IngestError {
    IngestError::new(
        400,
        code::GELF_MALFORMED,
        format!("the message is no GELF: {why}"),
        "send a JSON object with `short_message`, plain, gzip or zlib",
    )
}

/// Some senders end a message with NUL or a line feed where the protocol does not.
fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [inner @ .., 0] = rest {
        rest = inner;
    }
    rest
}

/// JSON that was cut cannot be read: its beginning is kept as it came.
fn unparsed(frame: &Frame, peer: &str) -> NewLogRow {
    let (shown, cut) = frame.bytes.split_at(frame.bytes.len().min(limits::KEPT_BYTES));
    let (text, is_lossy) = text_of(shown);
    let mut row = NewLogRow {
        message: text.into_owned(),
        resource: Arc::new(resource_of("", peer)),
        ..NewLogRow::default()
    };
    row.attributes.insert(UNPARSED.to_owned(), "gelf".into());
    mark(&mut row.attributes, frame.cut_bytes + cut.len() as u64, is_lossy);
    row
}

fn row_of(mut object: Attributes, peer: &str) -> NewLogRow {
    let (timestamp_us, message) = (take_time(&mut object), take_message(&mut object));
    let (severity_text, severity_number) = take_level(&mut object);
    object.shift_remove("version");
    let host = take_text(&mut object, &["host"]);
    let mut attributes = Attributes::new();
    for (name, value) in object {
        // Additional fields begin with an underscore that is not part of their name.
        let plain = name.strip_prefix('_').filter(|plain| !plain.is_empty() && *plain != "id");
        match plain {
            Some(plain) if !attributes.contains_key(plain) => attributes.insert(plain.to_owned(), value),
            _ => attributes.insert(name, value),
        };
    }
    NewLogRow {
        timestamp_us,
        severity_number,
        severity_text: severity_text.to_owned(),
        service: take_text(&mut attributes, &SERVICE),
        message,
        trace_id: take_text(&mut attributes, &TRACE),
        span_id: take_text(&mut attributes, &SPAN),
        scope: take_text(&mut attributes, &SCOPE),
        attributes,
        resource: Arc::new(resource_of(&host, peer)),
    }
}

/// `level` is a severity of syslog; one that is not said is not made up.
fn take_level(object: &mut Attributes) -> (&'static str, u8) {
    let number = match object.get("level") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let known = number.and_then(|number| severity::of_syslog(u8::try_from(number).ok()?));
    match known {
        Some(known) => {
            object.shift_remove("level");
            known
        }
        None => ("", 0),
    }
}

fn take_time(object: &mut Attributes) -> Option<i64> {
    let time = object.get("timestamp").and_then(time_of)?;
    object.shift_remove("timestamp");
    Some(time)
}

/// The long message where it begins with the short one, as with stack traces; else both are kept.
fn take_message(object: &mut Attributes) -> String {
    let short = take_text(object, &["short_message"]);
    let full = object.get("full_message").and_then(Value::as_str).unwrap_or_default();
    if !full.is_empty() && full.trim_start().starts_with(short.trim()) {
        return take_text(object, &["full_message"]);
    }
    if !short.is_empty() {
        return short;
    }
    match take_text(object, &["message", "_message"]) {
        message if !message.is_empty() => message,
        // Without a message it is its own, so that its words are found.
        _ => Value::Object(object.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn frame(bytes: impl Into<Vec<u8>>) -> Frame {
        Frame { bytes: bytes.into(), cut_bytes: 0 }
    }

    fn read(value: &Value) -> NewLogRow {
        gelf_rows(&frame(value.to_string()), "10.0.0.7").expect("GELF").remove(0)
    }

    #[test]
    fn fields_become_columns_and_attributes() {
        let row = read(&json!({
            "version": "1.1", "host": "web01", "short_message": "boom", "full_message": "boom\n  at main", "timestamp": 1_767_225_600.25,
            "level": 3, "facility": "old", "line": 7, "_service": "shop", "_trace_id": "ab", "_logger": "shop.pay", "_user": "u1",
            "_id": "x", "_is_new": true, "_user_": 2,
        }));
        assert_eq!((row.service.as_str(), row.message.as_str(), row.scope.as_str(), row.trace_id.as_str()), ("shop", "boom\n  at main", "shop.pay", "ab"));
        assert_eq!((row.severity_number, row.severity_text.as_str(), row.timestamp_us), (17, "err", Some(1_767_225_600_250_000)));
        assert_eq!(Value::Object(row.attributes), json!({"facility": "old", "line": 7, "user": "u1", "_id": "x", "is_new": true, "user_": 2}));
        assert_eq!(row.resource["host.name"], json!("web01"));
    }

    #[test]
    fn what_is_not_said_is_not_made_up() {
        let row = read(&json!({"short_message": "hi"}));
        assert_eq!((row.severity_number, row.timestamp_us, row.resource["host.name"].as_str()), (0, None, Some("10.0.0.7")));
        let row = read(&json!({"short_message": "a", "full_message": "something else"}));
        assert_eq!((row.message.as_str(), &row.attributes["full_message"]), ("a", &json!("something else")));
        assert_eq!(read(&json!({"_a": "b"})).message, r#"{"_a":"b"}"#);
        assert_eq!(read(&json!({"short_message": "x", "level": 9})).attributes["level"], json!(9));
    }

    #[test]
    fn both_compressions_are_told_by_their_first_bytes() {
        let plain = json!({"short_message": "hi"}).to_string();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain.as_bytes()).expect("written");
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(plain.as_bytes()).expect("written");
        for bytes in [gzip.finish().expect("ended"), zlib.finish().expect("ended"), [plain.as_bytes(), b"\0"].concat()] {
            assert_eq!(gelf_rows(&frame(bytes), "p").expect("GELF")[0].message, "hi");
        }
    }

    #[test]
    fn a_small_message_that_would_fill_the_memory_is_refused() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..=limits::MESSAGE_BYTES >> 20 {
            zlib.write_all(&[b' '; 1 << 20]).expect("written");
        }
        let error = gelf_rows(&frame(zlib.finish().expect("ended")), "p").expect_err("too large");
        assert_eq!((error.code.as_str(), error.status), (code::TOO_LARGE, 413));
    }

    #[test]
    fn text_that_is_no_utf_8_is_kept_and_marked() {
        let row = gelf_rows(&frame(*b"{\"short_message\":\"caf\xe9\"}"), "p").expect("GELF").remove(0);
        assert_eq!((row.message.as_str(), &row.attributes["andon.invalid_utf8"]), ("caf\u{fffd}", &json!(true)));
    }

    #[test]
    fn a_message_that_was_cut_shows_its_beginning() {
        let cut = Frame { bytes: br#"{"short_message":"long"#.to_vec(), cut_bytes: 9 };
        let row = gelf_rows(&cut, "p").expect("kept").remove(0);
        assert_eq!((row.message.as_str(), &row.attributes["andon.truncated_bytes"]), (r#"{"short_message":"long"#, &json!(9)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _either = gelf_rows(&frame(bytes), "p");
        }

        #[test]
        fn any_text_in_a_message_comes_out_as_it_went_in(text in "\\PC{1,60}") {
            prop_assert_eq!(read(&json!({"short_message": text.clone()})).message, text);
        }
    }
}
