//! NDJSON: any program's lines, in any pieces, in any compression.

use std::io::Write;

use andon_ingest::{
    ContentEncoding, NdjsonAnswer, NdjsonFailure, NdjsonOptions, code, ingest_ndjson, limits,
};
use bytes::Bytes;
use futures::stream;
use proptest::prelude::*;
use serde_json::json;

use crate::memory_sink::MemorySink;

/// Runs as the server does: reading, taking lines apart and storing them at the same time.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn send(
    sink: &MemorySink,
    pieces: Vec<Vec<u8>>,
    options: &NdjsonOptions,
) -> Result<NdjsonAnswer, Box<NdjsonFailure>> {
    let body = stream::iter(
        pieces
            .into_iter()
            .map(|piece| Ok::<_, String>(Bytes::from(piece))),
    );
    block_on(ingest_ndjson(sink, body, options))
}

fn send_text(sink: &MemorySink, text: &str) -> NdjsonAnswer {
    send(
        sink,
        vec![text.as_bytes().to_vec()],
        &NdjsonOptions::default(),
    )
    .expect("accepted")
}

#[test]
fn the_usual_names_are_recognised() {
    let sink = MemorySink::default();
    let answer = send_text(
        &sink,
        concat!(
            r#"{"timestamp":"2026-01-01T00:00:00Z","level":"WARN","service":"payments","message":"slow","duration_ms":12.5,"trace_id":"AB"}"#,
            "\n",
            "\r\n",
            r#"{"time":1767225600000,"level":50,"msg":"boom","logger":"db","service":{"name":"ecs"}}"#,
            "\r\n",
            r#"{"@timestamp":"yesterday","severity":"loud","user":{"id":7}}"#,
            "\n",
            r#"{"timestamp_us":1767225600000001,"severity_number":17,"message":"back","attributes":{"k":1},"resource":{"service.name":"r"}}"#,
        ),
    );
    assert_eq!((answer.accepted, answer.refused), (4, 0));
    let rows = sink.taken();
    assert_eq!(rows[0].timestamp_us, Some(1_767_225_600_000_000));
    assert_eq!(
        (rows[0].severity_number, rows[0].severity_text.as_str()),
        (13, "WARN")
    );
    assert_eq!(
        (
            rows[0].service.as_str(),
            rows[0].message.as_str(),
            rows[0].trace_id.as_str()
        ),
        ("payments", "slow", "ab")
    );
    assert_eq!(json!(rows[0].attributes), json!({"duration_ms": 12.5}));
    assert_eq!(
        (
            rows[1].severity_number,
            rows[1].scope.as_str(),
            rows[1].service.as_str()
        ),
        (17, "db", "ecs")
    );
    assert_eq!(rows[1].timestamp_us, Some(1_767_225_600_000_000));
    assert_eq!(rows[2].timestamp_us, None);
    assert_eq!(
        rows[2].message,
        r#"{"@timestamp":"yesterday","severity":"loud","user":{"id":7}}"#
    );
    assert_eq!(
        json!(rows[2].attributes),
        json!({"@timestamp": "yesterday", "user": {"id": 7}})
    );
    assert_eq!(
        (rows[3].severity_number, rows[3].service.as_str()),
        (17, "r")
    );
    assert_eq!(json!(rows[3].attributes), json!({"k": 1}));
}

#[test]
fn named_fields_win() {
    let sink = MemorySink::default();
    let options = NdjsonOptions {
        time_field: Some("at".into()),
        message_field: Some("what".into()),
        ..NdjsonOptions::default()
    };
    let body = r#"{"at":1767225600,"what":"hello","message":"other","time":"2020-01-01T00:00:00Z"}
{"at":"???","what":5}"#;
    let answer = send(&sink, vec![body.into()], &options).expect("accepted");
    assert_eq!(answer.accepted, 2);
    let rows = sink.taken();
    assert_eq!(
        (rows[0].timestamp_us, rows[0].message.as_str()),
        (Some(1_767_225_600_000_000), "hello")
    );
    assert_eq!(rows[0].attributes["message"], "other");
    assert_eq!(
        (rows[1].timestamp_us, rows[1].message.as_str()),
        (None, "5")
    );
    assert_eq!(rows[1].attributes["at"], "???");
    assert_eq!(rows[1].attributes["andon.time_unread"], true);
}

#[test]
fn refused_lines_are_counted_with_their_number_and_reason() {
    let sink = MemorySink::default();
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(limits::LINE_BYTES));
    let body = format!(
        "{{\"message\":\"a\"}}\n{{\"message\":\n[1]\n{long}\n\n\"t\"\n{{\"message\":\"b\"}}\n\u{0}\n"
    );
    let answer = send_text(&sink, &body);
    assert_eq!((answer.accepted, answer.refused), (2, 5));
    let told: Vec<(u64, &str)> = answer
        .reasons
        .iter()
        .map(|r| (r.line, r.code.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (2, code::LINE_MALFORMED),
            (3, code::LINE_NOT_OBJECT),
            (4, code::LINE_TOO_LONG),
            (6, code::LINE_NOT_OBJECT),
            (8, code::LINE_MALFORMED),
        ]
    );
    let many = send_text(&sink, &"x\n".repeat(100));
    assert_eq!(
        (many.refused, many.reasons.len()),
        (100, limits::REFUSALS_TOLD)
    );
}

fn compress(encoding: ContentEncoding, plain: &[u8]) -> Vec<u8> {
    match encoding {
        ContentEncoding::Identity => plain.to_vec(),
        ContentEncoding::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(plain).expect("compressed");
            encoder.finish().expect("compressed")
        }
        ContentEncoding::Zstd => zstd::encode_all(plain, 1).expect("compressed"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pieces_and_compression_do_not_matter(
        lines in proptest::collection::vec("[a-z]{0,30}", 0..50),
        sizes in proptest::collection::vec(1usize..50, 1..10),
        encoding in proptest::sample::select(vec![ContentEncoding::Identity, ContentEncoding::Gzip, ContentEncoding::Zstd]),
    ) {
        let body: String = lines.iter().map(|line| format!("{}\n", json!({"message": line}))).collect();
        let compressed = compress(encoding, body.as_bytes());
        let mut pieces = Vec::new();
        let mut rest = compressed.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = tail;
        }
        let sink = MemorySink::default();
        let options = NdjsonOptions { encoding, ..NdjsonOptions::default() };
        let answer = send(&sink, pieces, &options).expect("accepted");
        prop_assert_eq!(answer.accepted as usize, lines.len());
        let found: Vec<String> = sink.taken().into_iter().map(|row| row.message).collect();
        prop_assert_eq!(found, lines);
    }
}

#[test]
fn a_body_far_larger_than_memory_allows_at_once_is_streamed() {
    let sink = MemorySink::default();
    let line = format!("{}\n", json!({"message": "x".repeat(100)}));
    let body = compress(ContentEncoding::Zstd, line.repeat(20_000).as_bytes());
    assert!(body.len() < 10_000);
    let options = NdjsonOptions {
        encoding: ContentEncoding::Zstd,
        ..NdjsonOptions::default()
    };
    assert_eq!(
        send(&sink, vec![body], &options)
            .expect("accepted")
            .accepted,
        20_000
    );
}

#[test]
fn a_full_store_says_what_is_safe() {
    let sink = MemorySink::full_after(2);
    let body = "{\"message\":\"x\"}\n\n".repeat(limits::BATCH_LINES * 8);
    let pieces = body.as_bytes().chunks(8_192).map(<[u8]>::to_vec).collect();
    let failure = send(&sink, pieces, &NdjsonOptions::default()).expect_err("full");
    assert_eq!(failure.error.status, 503);
    assert_eq!(failure.so_far.accepted as usize, sink.taken().len());
    assert!(failure.so_far.accepted > 0);
    // Half of the lines are blank: those that are dealt with end where the stored ones end.
    let stored = failure.so_far.accepted * 2;
    assert!((stored - 1..=stored).contains(&failure.lines_read), "{failure:?}");
}

#[test]
fn a_refused_batch_leaves_no_gap_behind_it() {
    /// Refuses one batch and takes those after it.
    struct Gap(std::sync::atomic::AtomicUsize, MemorySink);
    impl andon_reader::LogSink for Gap {
        fn append(
            &self,
            rows: Vec<andon_reader::NewLogRow>,
        ) -> futures::future::BoxFuture<'_, Result<andon_reader::Receipt, andon_reader::ReaderError>>
        {
            self.1.append(rows)
        }
    }
    impl andon_columns::LinesSink for Gap {
        fn append_lines(
            &self,
            lines: andon_columns::lines::Lines,
        ) -> futures::future::BoxFuture<'_, Result<andon_reader::Receipt, andon_reader::ReaderError>>
        {
            let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if number == 1 {
                let error = andon_reader::ReaderError::new(andon_reader::code::DISK_FULL, "no room");
                return Box::pin(async move {
                    tokio::task::yield_now().await;
                    Err(error)
                });
            }
            self.1.append_lines(lines)
        }
    }
    let sink = Gap(std::sync::atomic::AtomicUsize::new(0), MemorySink::default());
    let body = "{\"message\":\"x\"}\n".repeat(limits::BATCH_LINES * 6);
    let stream = stream::iter([Ok::<_, String>(Bytes::from(body))]);
    let failure = block_on(ingest_ndjson(&sink, stream, &NdjsonOptions::default())).expect_err("full");
    assert_eq!(failure.so_far.accepted, limits::BATCH_LINES as u64);
    assert_eq!(failure.lines_read, limits::BATCH_LINES as u64);
}

#[test]
fn very_long_lines_are_kept_and_cut_visibly() {
    for (bytes, has_escapes) in [(255 << 10, false), (3 << 20, true), (30 << 20, false), (30 << 20, true)] {
        let sink = MemorySink::default();
        let escape = if has_escapes { "\\\"" } else { "" };
        let text = format!("begin {escape}{} end", "x".repeat(bytes));
        let body = format!("{{\"message\":\"{text}\",\"n\":1}}\n{{\"message\":\"next\"}}\n");
        let pieces = body.as_bytes().chunks(300_000).map(<[u8]>::to_vec).collect();
        let answer = send(&sink, pieces, &NdjsonOptions::default()).expect("accepted");
        assert_eq!((answer.accepted, answer.refused), (2, 0));
        let said = text.len() - usize::from(has_escapes);
        let kept = said.min(1 << 20);
        assert_eq!(answer.truncated, u64::from(kept < said));
        let rows = sink.taken();
        assert_eq!(rows[0].message.len(), kept);
        assert!(rows[0].message.starts_with("begin "));
        assert_eq!(rows[0].attributes["n"], 1);
        let cut = rows[0].attributes.get("andon.truncated_bytes");
        assert_eq!(cut, (kept < said).then(|| json!(said - kept)).as_ref());
        assert_eq!(rows[1].message, "next");
    }
}

#[test]
fn more_large_lines_at_once_than_there_are_turns_come_all_in() {
    let sink = MemorySink::default();
    let line = format!("{{\"message\":\"{}\"}}\n", "x".repeat(3 * limits::BEGUN_BYTES));
    let options = NdjsonOptions::default();
    let bodies = (0..limits::LARGE_BODIES * 3).map(|_| {
        let pieces: Vec<_> = line.as_bytes().chunks(100_000).map(|piece| Ok::<_, String>(Bytes::copy_from_slice(piece))).collect();
        ingest_ndjson(&sink, stream::iter(pieces), &options)
    });
    for answer in block_on(futures::future::join_all(bodies)) {
        assert_eq!(answer.expect("accepted").accepted, 1);
    }
}

#[test]
fn a_broken_body_keeps_what_came_before() {
    let sink = MemorySink::default();
    let gzip = compress(
        ContentEncoding::Gzip,
        "{\"message\":\"x\"}\n".repeat(5_000).as_bytes(),
    );
    let options = NdjsonOptions {
        encoding: ContentEncoding::Gzip,
        ..NdjsonOptions::default()
    };
    let failure = send(&sink, vec![gzip[..gzip.len() / 2].to_vec()], &options).expect_err("broken");
    assert_eq!(
        (failure.error.code.as_str(), failure.error.status),
        (code::COMPRESSION, 400)
    );
    assert_eq!(failure.so_far.accepted as usize, sink.taken().len());
    let failure = send(&sink, vec![b"plain".to_vec()], &options).expect_err("no gzip");
    assert_eq!(failure.error.code, code::COMPRESSION);
    let body = stream::iter(vec![
        Ok(Bytes::from_static(b"{\"message\":\"x\"}\n{\"mess")),
        Err("reset by peer"),
    ]);
    let failure =
        block_on(ingest_ndjson(&sink, body, &NdjsonOptions::default())).expect_err("broken");
    assert_eq!(
        (failure.error.code.as_str(), failure.so_far.accepted, failure.lines_read),
        (code::BODY_BROKEN, 1, 1)
    );
}
