//! Syslog: messages of both forms, and streams of them, cut anywhere on their way.
#![no_main]

use andon_ingest::{Frame, SyslogFrames, syslog_row};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

const KEPT_BYTES: usize = 4_096;

fn frames(bytes: &[u8], cut: usize) -> Vec<Frame> {
    let mut reader = SyslogFrames::new(KEPT_BYTES);
    let mut found = Vec::new();
    let (head, tail) = bytes.split_at(cut.min(bytes.len()));
    reader.take(head, &mut found);
    reader.take(tail, &mut found);
    reader.finish(&mut found);
    found
}

fuzz_target!(|input: &[u8]| {
    let Some((&[low, high], bytes)) = input.split_first_chunk::<2>() else {
        return;
    };
    let whole = frames(bytes, bytes.len());
    assert_eq!(
        frames(bytes, usize::from(u16::from_le_bytes([low, high]))),
        whole
    );
    for frame in &whole {
        let row = syslog_row(frame, "192.0.2.1", 1_795_132_800_000_000, &TimeZone::UTC);
        assert!(row.severity_number <= 24);
    }
});
