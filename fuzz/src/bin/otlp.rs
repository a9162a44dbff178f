//! OTLP over HTTP, protobuf and JSON, for logs, traces and metrics.
#![no_main]

use andon_fuzz::kept::Kept;
use andon_fuzz::waiting::wait;
use andon_ingest::{OtlpRequest, otlp_logs, otlp_metrics, otlp_traces};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&kind, body)) = input.split_first() else {
        return;
    };
    let content_type = Some(if kind & 1 == 0 {
        "application/x-protobuf"
    } else {
        "application/json"
    });
    let content_encoding = [None, None, None, Some("gzip")][usize::from(kind >> 1) % 4];
    let request = OtlpRequest {
        content_type,
        content_encoding,
        body,
    };
    let kept = Kept::default();
    let answer = wait(otlp_logs(&kept, request));
    assert_eq!(answer.accepted, kept.take().len() as u64);
    assert!(answer.status < 500, "{answer:?}");
    assert!(otlp_traces(request).status < 500);
    assert!(otlp_metrics(request).status < 500);
});
