//! OTLP over HTTP as real exporters send it.

use andon_ingest::{OtlpAnswer, OtlpRequest, code, limits, otlp_logs, otlp_metrics, otlp_traces};
use futures::executor::block_on;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Value, json};

use crate::memory_sink::MemorySink;

fn example() -> Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "payments"}},
            {"key": "host.name", "value": {"stringValue": "web-1"}}
        ]},
        "scopeLogs": [{
            "scope": {"name": "db.pool", "version": "1.2"},
            "logRecords": [
                {
                    "timeUnixNano": "1767225600123456789", "severityNumber": 17, "severityText": "ERROR",
                    "body": {"stringValue": "charge failed"}, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
                    "attributes": [
                        {"key": "amount", "value": {"doubleValue": 12.5}}, {"key": "attempt", "value": {"intValue": "3"}},
                        {"key": "ok", "value": {"boolValue": false}},
                        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}]}}}
                    ]
                },
                {"observedTimeUnixNano": "1767225600000000000", "severityText": "warning",
                 "body": {"kvlistValue": {"values": [{"key": "msg", "value": {"stringValue": "structured"}}, {"key": "code", "value": {"intValue": "7"}}]}}},
                {}
            ]
        }]
    }]})
}

fn post(sink: &MemorySink, content_type: &str, encoding: Option<&str>, body: &[u8]) -> OtlpAnswer {
    let request = OtlpRequest {
        content_type: Some(content_type),
        content_encoding: encoding,
        body,
    };
    block_on(otlp_logs(sink, request))
}

fn check_rows(sink: &MemorySink) {
    let rows = sink.taken();
    assert_eq!(rows.len(), 3);
    let first = &rows[0];
    assert_eq!(first.timestamp_us, Some(1_767_225_600_123_456));
    assert_eq!(
        (
            first.severity_number,
            first.message.as_str(),
            first.service.as_str()
        ),
        (17, "charge failed", "payments")
    );
    assert_eq!(
        (first.scope.as_str(), first.span_id.as_str()),
        ("db.pool", "00f067aa0ba902b7")
    );
    assert_eq!(first.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        json!(first.attributes),
        json!({"scope.version": "1.2", "amount": 12.5, "attempt": 3, "ok": false, "tags": ["a", 1]})
    );
    assert_eq!(first.resource["host.name"], "web-1");
    assert_eq!(
        (rows[1].timestamp_us, rows[1].severity_number),
        (Some(1_767_225_600_000_000), 13)
    );
    assert_eq!(
        (
            rows[1].message.as_str(),
            &rows[1].attributes["body"]["code"]
        ),
        ("structured", &json!(7))
    );
    assert_eq!((rows[2].timestamp_us, rows[2].message.as_str()), (None, ""));
}

#[test]
fn json_and_protobuf_mean_the_same_in_every_compression() {
    let text = serde_json::to_vec(&example()).expect("json");
    let message: ExportLogsServiceRequest = serde_json::from_value(example()).expect("a request");
    let bytes = message.encode_to_vec();
    let sink = MemorySink::default();
    for (content_type, body) in [
        ("application/json; charset=utf-8", &text),
        ("application/x-protobuf", &bytes),
    ] {
        let gzip = {
            use std::io::Write;
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).expect("compressed");
            encoder.finish().expect("compressed")
        };
        let zstd = zstd::encode_all(body.as_slice(), 3).expect("compressed");
        for (encoding, body) in [(None, body), (Some("gzip"), &gzip), (Some("zstd"), &zstd)] {
            let answer = post(&sink, content_type, encoding, body);
            assert_eq!(
                (answer.status, answer.accepted),
                (200, 3),
                "{content_type} {encoding:?}: {:?}",
                answer.error
            );
            check_rows(&sink);
        }
    }
    let answer = post(&sink, "application/x-protobuf", None, &bytes);
    assert_eq!(
        ExportLogsServiceResponse::decode(answer.body.as_slice())
            .expect("a response")
            .partial_success,
        None
    );
    assert_eq!(answer.content_type, "application/x-protobuf");
}

#[test]
fn bad_bodies_get_a_status_in_their_own_encoding() {
    let sink = MemorySink::default();
    let cases = [
        (
            "application/json",
            None,
            b"{\"resourceLogs\": 5}".to_vec(),
            400,
            code::OTLP_MALFORMED,
        ),
        (
            "application/json",
            None,
            b"not json".to_vec(),
            400,
            code::OTLP_MALFORMED,
        ),
        (
            "application/x-protobuf",
            None,
            b"\xff\xff\xff".to_vec(),
            400,
            code::OTLP_MALFORMED,
        ),
        (
            "application/x-protobuf",
            Some("gzip"),
            b"plain".to_vec(),
            400,
            code::COMPRESSION,
        ),
        (
            "application/json",
            Some("br"),
            b"{}".to_vec(),
            415,
            code::ENCODING,
        ),
        ("text/plain", None, b"{}".to_vec(), 415, code::MEDIA_TYPE),
        (
            "application/json",
            Some("zstd"),
            zstd::encode_all(vec![b' '; limits::OTLP_BYTES + 1].as_slice(), 1).expect("compressed"),
            413,
            code::TOO_LARGE,
        ),
    ];
    for (content_type, encoding, body, status, code) in cases {
        let answer = post(&sink, content_type, encoding, &body);
        assert_eq!(answer.status, status, "{code}");
        assert_eq!(
            answer.error.as_ref().map(|error| error.code.as_str()),
            Some(code)
        );
        if answer.content_type == "application/json" {
            let body: Value = serde_json::from_slice(&answer.body).expect("json");
            assert!(
                body["message"]
                    .as_str()
                    .is_some_and(|message| message.contains(code)),
                "{body}"
            );
        }
    }
    assert!(sink.taken().is_empty());
}

#[test]
fn very_many_empty_records_are_refused_before_they_take_memory() {
    // 0x12 0x00 is an empty log record; each takes two bytes here and hundreds when decoded.
    let records = [0x12, 0x00].repeat(limits::OTLP_ELEMENTS + 1);
    let wrap = |tag: u8, inner: &[u8]| {
        let mut out = vec![tag];
        prost::encode_length_delimiter(inner.len(), &mut out).expect("a length");
        out.extend_from_slice(inner);
        out
    };
    let body = wrap(0x0a, &wrap(0x12, &records));
    let answer = post(
        &MemorySink::default(),
        "application/x-protobuf",
        None,
        &body,
    );
    assert_eq!(
        (answer.status, answer.error.map(|e| e.code)),
        (413, Some(code::TOO_LARGE.to_owned()))
    );
}

#[test]
fn a_full_store_asks_to_come_back() {
    let sink = MemorySink::full_after(0);
    let answer = post(
        &sink,
        "application/json",
        None,
        &serde_json::to_vec(&example()).expect("json"),
    );
    assert_eq!((answer.status, answer.retry_after_s.is_some()), (503, true));
}

#[test]
fn spans_and_points_are_visibly_refused() {
    let spans = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "a", "startTimeUnixNano": "1", "endTimeUnixNano": "2"},
        {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b8", "name": "b", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    ]}]}]});
    let body = serde_json::to_vec(&spans).expect("json");
    let request = OtlpRequest {
        content_type: Some("application/json"),
        content_encoding: None,
        body: &body,
    };
    let answer = otlp_traces(request);
    let told: ExportTraceServiceResponse =
        serde_json::from_slice(&answer.body).expect("a response");
    let partial = told.partial_success.expect("a partial success");
    assert_eq!(
        (answer.status, answer.accepted, partial.rejected_spans),
        (200, 0, 2)
    );
    assert!(partial.error_message.contains("not stored"));
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "m", "gauge": {"dataPoints": [{"timeUnixNano": "1", "asInt": "5"}]}}]}]}]});
    let body = serde_json::to_vec(&metrics).expect("json");
    let answer = otlp_metrics(OtlpRequest {
        content_type: Some("application/json"),
        content_encoding: None,
        body: &body,
    });
    assert_eq!(answer.status, 200, "{:?}", answer.error);
    assert!(String::from_utf8_lossy(&answer.body).contains("not stored"));
}
