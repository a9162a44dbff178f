//! `POST /loki/api/v1/push`.

use andon_reader::{Attributes, LogSink, NewLogRow};
use prost::Message as _;
use serde_json::Value;

use crate::answer::InputAnswer;
use crate::content::{ContentEncoding, decode_body};
use crate::elements::count_loki;
use crate::failure::{IngestError, code};
use crate::limits;
use crate::loki::json;
use crate::loki::proto::{Entry, PushRequest, Time};
use crate::loki::row::StreamRows;
use crate::times::time_of;
use crate::whole_body::store_whole;

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct LokiRequest<'a> {
    /// Header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// Header `X-Scope-OrgID`.
    pub tenant: Option<&'a str>,
    /// The body, compressed as it came.
    pub body: &'a [u8],
}

/// Answers a push: 204 once every line is stored.
pub async fn push_loki(sink: &dyn LogSink, request: LokiRequest<'_>) -> InputAnswer {
    store_whole(sink, request.body.len(), 204, || rows_of(request)).await
}

/// Reads a request in either encoding.
fn rows_of(request: LokiRequest<'_>) -> Result<Vec<NewLogRow>, IngestError> {
    let tenant = request.tenant.filter(|tenant| !tenant.is_empty() && *tenant != "fake");
    let is_json = request.content_type.is_some_and(|kind| kind.trim_start().starts_with("application/json"));
    if is_json {
        let encoding = ContentEncoding::from_header(request.content_encoding)?;
        return rows_of_json(&decode_body(request.body, encoding, limits::MESSAGE_BYTES)?, tenant);
    }
    rows_of_protobuf(&unsnap(request)?, tenant)
}

fn malformed(why: impl std::fmt::Display) -> IngestError {
    IngestError::new(
        400,
        code::LOKI_MALFORMED,
        format!("the body is no push request: {why}"),
        "send application/json, or application/x-protobuf in Snappy's block format",
    )
}

/// Undoes Snappy, which protobuf always comes in, whatever the header says, and a transport's gzip.
fn unsnap(request: LokiRequest<'_>) -> Result<Vec<u8>, IngestError> {
    let outer = match request.content_encoding.map(str::trim) {
        Some("gzip") => decode_body(request.body, ContentEncoding::Gzip, limits::MESSAGE_BYTES)?,
        _ => request.body.to_vec(),
    };
    let length = snap::raw::decompress_len(&outer).map_err(malformed)?;
    if length > limits::MESSAGE_BYTES {
        return Err(IngestError::new(
            413,
            code::TOO_LARGE,
            format!("the body has {length} bytes after decompression, at most {} are read", limits::MESSAGE_BYTES),
            "send smaller batches",
        ));
    }
    snap::raw::Decoder::new().decompress_vec(&outer).map_err(malformed)
}

fn check_count(elements: usize) -> Result<(), IngestError> {
    if elements <= limits::OTLP_ELEMENTS {
        return Ok(());
    }
    Err(IngestError::new(
        413,
        code::TOO_LARGE,
        format!("the request has {elements} entries and labels, at most {} are read at once", limits::OTLP_ELEMENTS),
        "send smaller batches",
    ))
}

fn rows_of_protobuf(body: &[u8], tenant: Option<&str>) -> Result<Vec<NewLogRow>, IngestError> {
    check_count(count_loki(body))?;
    let push = PushRequest::decode(body).map_err(malformed)?;
    let mut rows = Vec::new();
    for stream in push.streams {
        let shared = StreamRows::of_text(&stream.labels, tenant);
        rows.extend(stream.entries.into_iter().map(|entry| row_of_entry(&shared, entry)));
    }
    Ok(rows)
}

fn row_of_entry(shared: &StreamRows, entry: Entry) -> NewLogRow {
    let pairs = entry.structured_metadata.into_iter().chain(entry.parsed);
    let metadata: Attributes = pairs.map(|pair| (pair.name, Value::from(pair.value))).collect();
    shared.row(entry.timestamp.as_ref().map(micros), &entry.line, metadata)
}

fn micros(time: &Time) -> i64 {
    time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1_000)
}

fn rows_of_json(body: &[u8], tenant: Option<&str>) -> Result<Vec<NewLogRow>, IngestError> {
    check_count(memchr::memchr2_iter(b'[', b'{', body).count())?;
    let (text, _) = crate::marks::text_of(body);
    let push: json::Push = serde_json::from_str(&text).map_err(malformed)?;
    let mut rows = Vec::new();
    for stream in push.streams {
        let shared = match &stream.labels {
            Some(labels) => StreamRows::of_text(labels, tenant),
            None => StreamRows::new(stream.stream, tenant),
        };
        for entry in stream.values {
            let (time, line, metadata) = match entry {
                json::Entry::Plain((time, line)) => (time, line, Attributes::new()),
                json::Entry::WithMetadata(parts) => parts,
            };
            rows.push(shared.row(nanoseconds(&time), line.as_bytes(), metadata));
        }
        rows.extend(stream.entries.into_iter().map(|old| shared.row(time_of(&old.ts), old.line.as_bytes(), Attributes::new())));
    }
    Ok(rows)
}

/// Nanoseconds since the epoch, as text or number.
fn nanoseconds(value: &Value) -> Option<i64> {
    let count = match value {
        Value::String(text) => text.trim().parse::<i64>().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    count.map(|count| count / 1_000).or_else(|| time_of(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::loki::proto::{Pair, Stream};

    fn request<'a>(content_type: &'a str, body: &'a [u8]) -> LokiRequest<'a> {
        LokiRequest { content_type: Some(content_type), content_encoding: None, tenant: None, body }
    }

    fn pair(name: &str, value: &str) -> Pair {
        Pair { name: name.into(), value: value.into() }
    }

    #[test]
    fn protobuf_in_snappy_is_read_with_labels_and_metadata() {
        let push = PushRequest {
            streams: vec![Stream {
                labels: r#"{job="default/shop", level="warn", host="web01"}"#.into(),
                entries: vec![
                    Entry {
                        timestamp: Some(Time { seconds: 1_767_225_600, nanos: 250_000_999 }),
                        line: b"first".to_vec(),
                        structured_metadata: vec![pair("trace_id", "ab"), pair("user", "u1"), pair("detected_level", "error")],
                        parsed: vec![],
                    },
                    Entry { line: b"caf\xe9".to_vec(), ..Entry::default() },
                ],
            }],
        };
        let body = snap::raw::Encoder::new().compress_vec(&push.encode_to_vec()).expect("compressed");
        let rows = rows_of(request("application/x-protobuf", &body)).expect("rows");
        let [first, second] = rows.as_slice() else { panic!("two rows") };
        assert_eq!((first.service.as_str(), first.message.as_str(), first.trace_id.as_str()), ("default/shop", "first", "ab"));
        assert_eq!((first.timestamp_us, first.severity_number, &first.severity_text[..]), (Some(1_767_225_600_250_000), 17, "error"));
        assert_eq!(Value::Object(first.attributes.clone()), json!({"user": "u1"}));
        assert_eq!(Value::Object((*first.resource).clone()), json!({"job": "default/shop", "host": "web01"}));
        assert_eq!((second.message.as_str(), second.severity_number, second.timestamp_us), ("caf\u{fffd}", 13, None));
        assert_eq!(second.attributes["andon.invalid_utf8"], json!(true));
    }

    #[test]
    fn json_is_read_in_the_present_and_the_first_format() {
        let body = json!({"streams": [
            {"stream": {"app": "shop", "severity": "info", "logger": "pay"}, "values": [["1767225600250000000", "one"], ["1767225600250000000", "two", {"k": "v"}]]},
            {"labels": "{app=\"old\"}", "entries": [{"ts": "2026-01-01T00:00:00.25Z", "line": "three"}]},
        ]}).to_string();
        let rows = rows_of(request("application/json; charset=utf-8", body.as_bytes())).expect("rows");
        let found: Vec<_> = rows.iter().map(|row| (row.service.as_str(), row.message.as_str(), row.timestamp_us)).collect();
        let time = Some(1_767_225_600_250_000);
        assert_eq!(found, [("shop", "one", time), ("shop", "two", time), ("old", "three", time)]);
        assert_eq!((rows[1].attributes["k"].as_str(), rows[0].severity_number, rows[0].scope.as_str()), (Some("v"), 9, "pay"));
    }

    #[test]
    fn labels_that_cannot_be_read_are_kept() {
        let push = PushRequest { streams: vec![Stream { labels: "what".into(), entries: vec![Entry { line: b"x".to_vec(), ..Entry::default() }] }] };
        let rows = rows_of_protobuf(&push.encode_to_vec(), Some("team")).expect("rows");
        assert_eq!(Value::Object((*rows[0].resource).clone()), json!({"loki.labels": "what", "loki.tenant": "team"}));
    }

    #[test]
    fn a_small_body_that_would_fill_the_memory_is_refused() {
        // 10 MB of empty entries: 5 million of them.
        let mut stream = Vec::new();
        for _ in 0..5_000_000 {
            stream.extend_from_slice(&[0x12, 0]);
        }
        let mut body = vec![0x0a];
        prost::encoding::encode_varint(stream.len() as u64, &mut body);
        body.extend(stream);
        assert_eq!(rows_of_protobuf(&body, None).expect_err("too many").code, code::TOO_LARGE);
        let lies = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert_eq!(rows_of(request("application/x-protobuf", &lies)).expect_err("too large").status, 413);
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _either = rows_of(request("application/x-protobuf", &bytes));
            let _either = rows_of(request("application/json", &bytes));
            let _either = rows_of_protobuf(&bytes, None);
        }
    }
}
