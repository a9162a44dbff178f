//! The attributes without a column of their own: one JSON object per line.
//!
//! Written so that every value can be taken out again exactly as it was, whatever its type.

use std::collections::BTreeSet;

use andon_reader::Attributes;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::lines::{Cell, parse_object};

/// Most names that a group lists.
pub const LISTED_FIELDS: usize = 5_000;

/// Dotted names under which values can be asked for; nothing when there are too many to list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FieldNames(Option<BTreeSet<String>>);

impl Default for FieldNames {
    fn default() -> Self {
        Self(Some(BTreeSet::new()))
    }
}

impl FieldNames {
    /// Names that rule nothing out.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// Says whether a value may be found under the name.
    #[must_use]
    pub fn may_have(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Memory in use, approximately.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let names = self.0.iter().flatten();
        names.map(|name| name.len() + 48).sum()
    }

    pub(super) fn add(&mut self, name: &str) {
        let Some(names) = &mut self.0 else { return };
        if !names.contains(name) {
            names.insert(name.to_owned());
        }
        if names.len() > LISTED_FIELDS {
            self.0 = None;
        }
    }

    /// Adds the names inside an object.
    pub(super) fn add_object(&mut self, prefix: &str, object: &Attributes) {
        for (name, value) in object {
            if self.0.is_none() {
                return;
            }
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}.{name}")
            };
            self.add(&path);
            if let Value::Object(inner) = value {
                self.add_object(&path, inner);
            }
        }
    }

    /// Adds an attribute that has been seen with JSON values.
    pub(super) fn add_json(&mut self, name: &str, text: &str) {
        self.add(name);
        if text.trim_start().starts_with('{') {
            self.add_object(name, &parse_object(text));
        }
    }
}

/// Adds a member to the object being written; the caller begins and ends it.
pub(super) fn write_member(out: &mut String, name: &str, cell: Cell<'_>) {
    out.push(if out.is_empty() { '{' } else { ',' });
    write_text(out, name);
    out.push(':');
    write_cell(out, cell);
}

fn write_text(out: &mut String, text: &str) {
    let is_plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if is_plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}

fn write_cell(out: &mut String, cell: Cell<'_>) {
    match cell {
        Cell::Text(text) => write_text(out, text),
        // What is no JSON reads as null everywhere else, too.
        Cell::Json(text) if serde_json::from_str::<IgnoredAny>(text).is_err() => {
            out.push_str("null");
        }
        Cell::Json(text) => out.push_str(text.trim()),
        other => out.push_str(&other.to_value().to_string()),
    }
}

/// Shows the members of an object that was written here, each exactly as it was put in.
pub fn each_member(object: &str, show: &mut dyn FnMut(&str, Cell<'_>)) {
    let mut rest = object.strip_prefix('{').unwrap_or_default();
    while let Some(after) = rest.strip_prefix([',']).or(Some(rest)) {
        let Some(name_end) = value_end(after) else {
            return;
        };
        let (name, after) = after.split_at(name_end);
        let Some(after) = after.strip_prefix(':') else {
            return;
        };
        let Some(end) = value_end(after) else { return };
        let (value, left) = after.split_at(end);
        if let Some(name) = read_text(name) {
            show_value(&name, value, show);
        }
        rest = left;
    }
}

fn show_value(name: &str, value: &str, show: &mut dyn FnMut(&str, Cell<'_>)) {
    let cell = match value.as_bytes().first() {
        Some(b'"') => match read_text(value) {
            Some(text) => return show(name, Cell::Text(&text)),
            None => Cell::Json(value),
        },
        Some(b't') if value == "true" => Cell::Boolean(true),
        Some(b'f') if value == "false" => Cell::Boolean(false),
        Some(b'-' | b'0'..=b'9') => number(value),
        _ => Cell::Json(value),
    };
    show(name, cell);
}

/// The number as it was: texts that a float would not be written as were JSON.
fn number(text: &str) -> Cell<'_> {
    if let Ok(integer) = text.parse::<i64>()
        && text != "-0"
    {
        return Cell::Integer(integer);
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() && Value::from(float).to_string() == text => {
            Cell::Float(float)
        }
        _ => Cell::Json(text),
    }
}

fn read_text(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    serde_json::from_str(quoted).ok()
}

/// Where the JSON value at the beginning ends.
fn value_end(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next()? {
                    (_, b'\\') => {
                        bytes.next()?;
                    }
                    (end, b'"') if depth == 0 => return Some(end + 1),
                    (_, b'"') => break,
                    _ => {}
                }
            },
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b',' | b':' | b'}' | b']' if depth == 0 => return (at > 0).then_some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Owned {
        Text(String),
        Integer(i64),
        Float(f64),
        Boolean(bool),
        Json(String),
    }

    fn cell(owned: &Owned) -> Cell<'_> {
        match owned {
            Owned::Text(text) => Cell::Text(text),
            Owned::Integer(number) => Cell::Integer(*number),
            Owned::Float(number) => Cell::Float(*number),
            Owned::Boolean(flag) => Cell::Boolean(*flag),
            Owned::Json(text) => Cell::Json(text),
        }
    }

    fn any_value() -> impl Strategy<Value = Owned> {
        prop_oneof![
            any::<String>().prop_map(Owned::Text),
            any::<i64>().prop_map(Owned::Integer),
            any::<f64>()
                .prop_filter("finite", |f| f.is_finite())
                .prop_map(Owned::Float),
            any::<bool>().prop_map(Owned::Boolean),
            any::<Vec<String>>()
                .prop_map(|texts| Owned::Json(serde_json::to_string(&texts).unwrap())),
            Just(Owned::Json("null".into())),
            Just(Owned::Json("{\"a\":{\"b\":[1,{\"}\":\"]\\\"\"}]}}".into())),
            Just(Owned::Json("18446744073709551615".into())),
        ]
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(members in prop::collection::vec((any::<String>(), any_value()), 0..8)) {
            let mut text = String::new();
            for (name, value) in &members {
                write_member(&mut text, name, cell(value));
            }
            if !text.is_empty() {
                text.push('}');
                prop_assert!(serde_json::from_str::<Attributes>(&text).is_ok(), "{}", text);
            }
            let mut seen = Vec::new();
            each_member(&text, &mut |name, value| seen.push((name.to_owned(), format!("{value:?}"))));
            let expected: Vec<_> = members.iter().map(|(name, value)| (name.clone(), format!("{:?}", cell(value)))).collect();
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn damaged_objects_do_no_harm(text in any::<String>(), tail in "[\\[\\]{}\",:0-9a-z\\\\]{0,40}") {
            each_member(&text, &mut |_, _| {});
            each_member(&format!("{{{tail}"), &mut |_, _| {});
        }
    }
}
