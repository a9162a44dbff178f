//! Access logs of web servers: Apache's and nginx's `common` and `combined`.

use serde_json::{Map, Value};

use super::object::number_or_text;

/// Reads what a line of an access log says, beside its time; nothing for other lines.
pub(crate) fn fields_of(line: &str) -> Option<Map<String, Value>> {
    let (client, rest) = line.split_once(' ')?;
    let (_identity, rest) = rest.split_once(' ')?;
    let (user, rest) = rest.split_once(" [")?;
    let (_time, rest) = rest.split_once("] \"")?;
    let (request, rest) = quoted(rest)?;
    let mut words = rest.trim_start().split(' ');
    let status: u16 = words.next()?.parse().ok().filter(|status| (100..1_000).contains(status))?;
    let bytes = words.next()?;
    let mut fields = Map::new();
    fields.insert("client.address".to_owned(), client.into());
    if user != "-" {
        fields.insert("user.name".to_owned(), user.into());
    }
    let mut parts = request.split(' ');
    if let (Some(method), Some(path), Some(protocol)) = (parts.next(), parts.next(), parts.next()) {
        fields.insert("http.request.method".to_owned(), method.into());
        fields.insert("url.path".to_owned(), path.split('?').next().unwrap_or(path).into());
        if let Some((_, query)) = path.split_once('?') {
            fields.insert("url.query".to_owned(), query.into());
        }
        fields.insert("network.protocol".to_owned(), protocol.into());
    }
    fields.insert("http.response.status_code".to_owned(), status.into());
    if bytes != "-" {
        fields.insert("http.response.body.size".to_owned(), number_or_text(bytes));
    }
    let behind = rest.trim_start().splitn(3, ' ').nth(2).unwrap_or_default();
    if let Some((referrer, rest)) = behind.strip_prefix('"').and_then(quoted) {
        if referrer != "-" && !referrer.is_empty() {
            fields.insert("http.request.header.referer".to_owned(), referrer.into());
        }
        if let Some((agent, _)) = rest.trim_start().strip_prefix('"').and_then(quoted) {
            fields.insert("user_agent.original".to_owned(), agent.into());
        }
    }
    Some(fields)
}

/// Splits behind the quote that ends a text; a backslash before one belongs to the text.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => is_escaped = byte == b'\\' && !is_escaped,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_becomes_fields() {
        let line = r#"83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://e.org/\"q\"" "Mozilla/5.0 (X11)""#;
        assert_eq!(
            Value::Object(fields_of(line).unwrap()),
            json!({
                "client.address": "83.149.9.216", "user.name": "frank", "http.request.method": "GET", "url.path": "/a/b.png",
                "url.query": "x=1", "network.protocol": "HTTP/1.1", "http.response.status_code": 200,
                "http.response.body.size": 203023, "http.request.header.referer": "http://e.org/\\\"q\\\"",
                "user_agent.original": "Mozilla/5.0 (X11)",
            })
        );
        let common = fields_of(r#"::1 - - [10/Oct/2000:13:55:36 -0700] "-" 408 -"#).unwrap();
        assert_eq!(Value::Object(common), json!({"client.address": "::1", "http.response.status_code": 408}));
    }

    #[test]
    fn other_lines_are_left_alone() {
        for line in ["", "a b c", "a - - [x] \"GET / HTTP/1.1\" abc 5", "a - - [x] \"never closed 200 5"] {
            assert_eq!(fields_of(line), None, "{line}");
        }
    }
}
