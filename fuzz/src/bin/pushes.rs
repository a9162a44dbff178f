//! Elasticsearch's bulk requests and Loki's pushes.
#![no_main]

use andon_fuzz::kept::{Kept, body};
use andon_fuzz::waiting::wait;
use andon_ingest::{ContentEncoding, LokiRequest, bulk, push_loki};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    let kept = Kept::default();
    if kind & 1 == 0 {
        let answer = wait(bulk(
            &kept,
            body(bytes, None),
            ContentEncoding::default(),
            if kind & 2 == 0 { "" } else { "logs" },
        ));
        let rows = kept.take();
        assert!(answer.status < 500, "{}", answer.status);
        let _again = wait(bulk(
            &kept,
            body(bytes, Some(usize::from(kind))),
            ContentEncoding::default(),
            if kind & 2 == 0 { "" } else { "logs" },
        ));
        assert_eq!(kept.take().len(), rows.len());
        return;
    }
    let packed;
    let (content_type, body) = if kind & 2 == 0 {
        ("application/json", bytes)
    } else {
        // Behind the compression, which would stop most inputs.
        packed = snap::raw::Encoder::new()
            .compress_vec(bytes)
            .expect("small");
        ("application/x-protobuf", packed.as_slice())
    };
    let answer = wait(push_loki(
        &kept,
        LokiRequest {
            content_type: Some(content_type),
            content_encoding: None,
            tenant: None,
            body,
        },
    ));
    assert!(answer.status < 500, "{}", answer.status);
    let _broken = wait(push_loki(
        &kept,
        LokiRequest {
            content_type: Some("application/x-protobuf"),
            content_encoding: None,
            tenant: None,
            body: bytes,
        },
    ));
});
