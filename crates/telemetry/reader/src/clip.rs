//! Lines cut short for a list: a page of lines of a megabyte each need not travel to be looked over.
//!
//! Invariants: what was cut is named with its original length; a cut never divides a character. The
//! stored line is untouched: [`crate::LogReader::row`] gives the whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::row::{Attributes, LogRow};

/// A text of an answer that was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clipped {
    /// Which line of the answer, from zero.
    pub row: usize,
    /// Which text: `message`, `attributes.x` or `resource.x`, with further names and places behind points.
    pub field: String,
    /// Its original length in characters.
    pub characters: u64,
}

/// Cuts every text of a line that is longer than so many characters and names the ones that were.
pub fn clip(row: &mut LogRow, characters: usize) -> Vec<(String, u64)> {
    let mut cut = Vec::new();
    if let Some(length) = shorten(&mut row.message, characters) {
        cut.push(("message".to_owned(), length));
    }
    clip_attributes("attributes", &mut row.attributes, characters, &mut cut);
    clip_attributes("resource", &mut row.resource, characters, &mut cut);
    cut
}

fn clip_attributes(place: &str, attributes: &mut Attributes, characters: usize, cut: &mut Vec<(String, u64)>) {
    for (name, value) in attributes {
        clip_value(&|| format!("{place}.{name}"), value, characters, cut);
    }
}

/// Goes through a value; its name is only written where something is cut. Its depth is that of what JSON's
/// reader takes.
fn clip_value(place: &dyn Fn() -> String, value: &mut Value, characters: usize, cut: &mut Vec<(String, u64)>) {
    match value {
        Value::String(text) => {
            if let Some(length) = shorten(text, characters) {
                cut.push((place(), length));
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                clip_value(&|| format!("{}.{index}", place()), value, characters, cut);
            }
        }
        Value::Object(values) => {
            for (name, value) in values {
                clip_value(&|| format!("{}.{name}", place()), value, characters, cut);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cuts a text and tells its length before; nothing when it is short enough.
fn shorten(text: &mut String, characters: usize) -> Option<u64> {
    // Bytes are never fewer than characters.
    if text.len() <= characters {
        return None;
    }
    let (end, _) = text.char_indices().nth(characters)?;
    let length = text.chars().count() as u64;
    text.truncate(end);
    text.shrink_to_fit();
    Some(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn line(message: &str, attributes: Value) -> LogRow {
        LogRow {
            id: "1".into(),
            timestamp_us: 0,
            received_at_us: 0,
            severity_number: 0,
            severity_text: String::new(),
            service: "payments".into(),
            message: message.into(),
            trace_id: String::new(),
            span_id: String::new(),
            scope: String::new(),
            attributes: attributes.as_object().cloned().unwrap_or_default(),
            resource: Attributes::new(),
        }
    }

    #[test]
    fn long_texts_are_cut_and_named_with_their_length() {
        let mut row = line(&"ü".repeat(1_000), json!({"stack": "s".repeat(30), "n": 5, "deep": {"list": ["short", "l".repeat(40)]}}));
        assert_eq!(
            clip(&mut row, 20),
            [("message".to_owned(), 1_000), ("attributes.stack".to_owned(), 30), ("attributes.deep.list.1".to_owned(), 40)]
        );
        assert_eq!(row.message, "ü".repeat(20));
        assert_eq!(row.attributes["deep"]["list"], json!(["short", "l".repeat(20)]));
        assert_eq!(row.attributes["n"], json!(5));
    }

    proptest! {
        #[test]
        fn a_text_is_cut_to_its_first_characters(text in "\\PC{0,40}", characters in 0_usize..50) {
            let mut row = line(&text, json!({}));
            let cut = clip(&mut row, characters);
            prop_assert_eq!(&row.message, &text.chars().take(characters).collect::<String>());
            let length = text.chars().count();
            prop_assert_eq!(cut.first().map(|cut| cut.1), (length > characters).then_some(length as u64));
        }
    }
}
