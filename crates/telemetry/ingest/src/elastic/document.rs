//! Documents to rows, in the Elastic Common Schema or any other.

use std::sync::Arc;

use andon_reader::{Attributes, LogSink, NewLogRow};
use serde_json::{Value, json};

use crate::answer::{InputAnswer, RETRY_AFTER_S, status_of};
use crate::content::{ContentEncoding, decode_body};
use crate::failure::{IngestError, code};
use crate::fields::row_of;
use crate::limits;
use crate::marks::{mark, text_of};

/// Fields of the Elastic Common Schema that are columns here, in their nested spelling.
const LIFTED: [(&str, &str, &str); 5] = [
    ("log", "level", "log.level"),
    ("log", "logger", "log.logger"),
    ("trace", "id", "trace.id"),
    ("span", "id", "span.id"),
    ("host", "name", "host.name"),
];

/// Reads a document.
pub(crate) fn read(line: &[u8], index: &str, id: Option<&str>) -> Result<NewLogRow, IngestError> {
    let (text, is_lossy) = text_of(line);
    let object = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(malformed("the document is no object".to_owned())),
        Err(error) => return Err(malformed(format!("the document is no JSON: {error}"))),
    };
    let mut row = to_row(object, index, id);
    mark(&mut row.attributes, 0, is_lossy);
    Ok(row)
}

fn malformed(message: String) -> IngestError {
    IngestError::new(400, code::DOCUMENT_MALFORMED, message, "send one JSON object per document")
}

fn to_row(mut object: Attributes, index: &str, id: Option<&str>) -> NewLogRow {
    for (outer, inner, flat) in LIFTED {
        lift(&mut object, outer, inner, flat);
    }
    let host = match object.get("host.name") {
        Some(Value::String(_)) => object.shift_remove("host.name"),
        _ => None,
    };
    let mut row = row_of(object, None, None);
    if let Some(host) = host {
        let mut resource = Attributes::clone(&row.resource);
        resource.entry("host.name").or_insert(host);
        row.resource = Arc::new(resource);
    }
    if row.service.is_empty() {
        row.service = service_of(index).to_owned();
    }
    if !index.is_empty() {
        row.attributes.insert("_index".to_owned(), index.into());
    }
    if let Some(id) = id {
        row.attributes.insert("_id".to_owned(), id.into());
    }
    row
}

/// Moves `{"log": {"level": …}}` to `"log.level"`, unless that is there already.
fn lift(object: &mut Attributes, outer: &str, inner: &str, flat: &str) {
    if object.contains_key(flat) {
        return;
    }
    let Some(Value::Object(nested)) = object.get_mut(outer) else { return };
    let Some(value) = nested.get(inner).filter(|value| value.is_string()).cloned() else { return };
    nested.shift_remove(inner);
    if nested.is_empty() {
        object.shift_remove(outer);
    }
    object.insert(flat.to_owned(), value);
}

/// What an index says about the service: the dataset of a data stream, the name before a date.
fn service_of(index: &str) -> &str {
    if let Some(rest) = index.strip_prefix("logs-")
        && let Some((dataset, _namespace)) = rest.rsplit_once('-')
        && !dataset.is_empty()
    {
        return dataset;
    }
    let is_date = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    let stem = index.trim_end_matches(|letter: char| u8::try_from(letter).is_ok_and(is_date));
    let digits = index.len() - stem.len();
    if stem.is_empty() || digits < 8 { index } else { stem }
}

/// Answers `POST /{index}/_doc` and its relatives: one document.
pub async fn index_document(
    sink: &dyn LogSink,
    body: &[u8],
    encoding: ContentEncoding,
    index: &str,
    id: Option<&str>,
) -> InputAnswer {
    let bytes = body.len() as u64;
    let row = match decode_body(body, encoding, limits::MESSAGE_BYTES).and_then(|body| read(&body, index, id)) {
        Ok(row) => row,
        Err(error) => return refusal(error, 1, bytes),
    };
    let newest_us = row.timestamp_us;
    match sink.append(vec![row]).await {
        Ok(receipt) => InputAnswer {
            status: 201,
            content_type: "application/json",
            body: json!({
                "_index": index, "_id": id.or(receipt.first_id.as_deref()).unwrap_or_default(), "_version": 1,
                "result": "created", "_shards": {"total": 1, "successful": 1, "failed": 0}, "_seq_no": 0, "_primary_term": 1,
            })
            .to_string()
            .into_bytes(),
            accepted: receipt.rows,
            truncated: receipt.truncated_rows,
            newest_us,
            bytes,
            ..InputAnswer::default()
        },
        Err(error) => refusal(error.into(), 1, bytes),
    }
}

/// Elasticsearch's word for why something is refused.
pub(crate) fn error_type(error: &IngestError) -> &'static str {
    match status_of(error) {
        429 | 503 => "es_rejected_execution_exception",
        413 => "illegal_argument_exception",
        500 => "exception",
        _ if error.code == code::DOCUMENT_MALFORMED => "document_parsing_exception",
        _ => "illegal_argument_exception",
    }
}

/// Clients try again at 429 and, most of them, at 503; 429 is what all of them know.
pub(crate) fn item_status(error: &IngestError) -> u16 {
    match status_of(error) {
        503 => 429,
        status => status,
    }
}

/// Refuses a whole request as Elasticsearch does.
pub(crate) fn refusal(error: IngestError, lines: u64, bytes: u64) -> InputAnswer {
    let status = item_status(&error);
    let cause = json!({"type": error_type(&error), "reason": error.line()});
    InputAnswer {
        status,
        content_type: "application/json",
        retry_after_s: error.is_retryable().then_some(RETRY_AFTER_S),
        body: json!({"error": {"root_cause": [cause], "type": error_type(&error), "reason": error.line()}, "status": status})
            .to_string()
            .into_bytes(),
        bytes,
        refused: vec![(error, lines)],
        ..InputAnswer::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_schema_is_understood_nested_and_flat() {
        for document in [
            json!({"@timestamp": "2026-01-01T00:00:00Z", "message": "hi", "log": {"level": "warn", "logger": "a.B", "offset": 7},
                "service": {"name": "shop"}, "trace": {"id": "ab"}, "host": {"name": "web01"}, "user": {"id": "u1"}}),
            json!({"@timestamp": "2026-01-01T00:00:00Z", "message": "hi", "log.level": "warn", "log.logger": "a.B", "log": {"offset": 7},
                "service.name": "shop", "trace.id": "ab", "host.name": "web01", "user": {"id": "u1"}}),
        ] {
            let row = read(document.to_string().as_bytes(), "x", None).expect("a document");
            assert_eq!((row.service.as_str(), row.message.as_str(), row.scope.as_str(), row.trace_id.as_str()), ("shop", "hi", "a.B", "ab"));
            assert_eq!((row.severity_number, row.resource["host.name"].as_str()), (13, Some("web01")));
            assert_eq!(row.attributes["user"], json!({"id": "u1"}));
            assert_eq!(row.attributes["log"], json!({"offset": 7}));
            assert_eq!(row.attributes["_index"], json!("x"));
        }
    }

    #[test]
    fn an_index_names_the_service_where_the_document_does_not() {
        for (index, service) in [
            ("logs-nginx.access-default", "nginx.access"), ("orders-2026.01.31", "orders"), ("orders_20260131", "orders"),
            ("shop", "shop"), ("shop-7", "shop-7"), ("2026.01.31", "2026.01.31"), ("", ""), ("logs-", "logs-"),
        ] {
            assert_eq!(service_of(index), service, "{index}");
        }
    }
}
