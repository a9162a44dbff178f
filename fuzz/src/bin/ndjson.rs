//! Bodies of JSON lines: what serde_json takes for an object is taken, all else is refused by its line, and where the
//! body is cut on its way changes nothing.
#![no_main]

use andon_fuzz::kept::{Kept, body};
use andon_fuzz::waiting::wait;
use andon_ingest::{NdjsonOptions, ingest_ndjson};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// How many lines serde_json takes, and how many it does not.
fn wanted(bytes: &[u8]) -> (u64, u64) {
    let (mut taken, mut refused) = (0, 0);
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        match serde_json::from_slice::<Value>(line) {
            _ if line.is_empty() => {}
            Ok(Value::Object(_)) => taken += 1,
            _ => refused += 1,
        }
    }
    (taken, refused)
}

fuzz_target!(|input: &[u8]| {
    let Some((&[low, high], bytes)) = input.split_first_chunk::<2>() else {
        return;
    };
    let cut = usize::from(u16::from_le_bytes([low, high]));
    let options = NdjsonOptions {
        time_field: Some("timestamp".to_owned()),
        message_field: Some("message".to_owned()),
        ..NdjsonOptions::default()
    };
    let kept = Kept::default();
    let whole = wait(ingest_ndjson(&kept, body(bytes, None), &options))
        .expect("a sink that takes everything");
    let rows = kept.take();
    assert_eq!(rows.len() as u64, whole.accepted);
    assert_eq!((whole.accepted, whole.refused), wanted(bytes));
    let again = wait(ingest_ndjson(&kept, body(bytes, Some(cut)), &options))
        .expect("a sink that takes everything");
    assert_eq!(again, whole);
    assert_eq!(kept.take(), rows);
});
