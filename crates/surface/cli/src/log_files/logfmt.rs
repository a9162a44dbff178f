//! logfmt: `time=… level=info msg="charge failed" status=502`.

use serde_json::{Map, Value};

use super::object::number_or_text;

/// Names under which the message is.
const MESSAGES: [&str; 4] = ["msg", "message", "event", "text"];

/// Reads the pairs of a line; nothing where a part of it is no pair.
pub(crate) fn pairs(line: &str) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '"']).unwrap_or(rest.len());
        let name = rest.get(..end).filter(|name| !name.is_empty())?;
        rest = rest.get(end..)?;
        let value;
        (value, rest) = match rest.strip_prefix('=') {
            Some(behind) => match behind.strip_prefix('"') {
                Some(text) => quoted(text)?,
                None => {
                    let end = behind.find(' ').unwrap_or(behind.len());
                    (plain(behind.get(..end)?), behind.get(end..)?)
                }
            },
            None if rest.starts_with('"') => return None,
            None => (Value::Bool(true), rest),
        };
        map.entry(name).or_insert(value);
        let trimmed = rest.trim_start();
        if trimmed.len() == rest.len() && !rest.is_empty() {
            return None;
        }
        rest = trimmed;
    }
    (!map.is_empty()).then_some(map)
}

/// Tells whether a line is surely logfmt: two pairs at least, and no word without a value among them.
pub(crate) fn is_logfmt(line: &str) -> bool {
    pairs(line).is_some_and(|map| map.len() >= 2 && map.values().all(|value| *value != Value::Bool(true)))
}

/// Adds the line itself as the message where none of its pairs is one.
pub(crate) fn with_message(mut map: Map<String, Value>, line: &str) -> Map<String, Value> {
    if !MESSAGES.iter().any(|name| map.get(*name).is_some_and(Value::is_string)) {
        map.insert("message".to_owned(), line.into());
    }
    map
}

fn plain(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" | "nil" => Value::Null,
        _ => number_or_text(text),
    }
}

fn quoted(text: &str) -> Option<(Value, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value.into(), text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                other => value.push(other),
            },
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pairs_keep_their_types() {
        let line = r#"time=2026-01-31T09:00:00Z level=warn msg="charge \"failed\"\n" status=502 took=0.25 ok=false id=007 empty= retry"#;
        let map = pairs(line).unwrap();
        assert_eq!(
            Value::Object(map),
            json!({"time": "2026-01-31T09:00:00Z", "level": "warn", "msg": "charge \"failed\"\n", "status": 502, "took": 0.25, "ok": false, "id": "007", "empty": "", "retry": true})
        );
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["", "a=\"never closed", "\"x\"", "a=\"b\"c=d", "=x", "   "] {
            assert_eq!(pairs(line), None, "{line}");
        }
        assert!(!is_logfmt("just words here"));
        assert!(is_logfmt("level=info msg=started"));
        let map = with_message(pairs("a=1 b=2").unwrap(), "a=1 b=2");
        assert_eq!(map["message"], json!("a=1 b=2"));
    }
}
