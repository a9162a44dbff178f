//! GELF: messages, compressed and not, and datagrams that are parts of messages.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use andon_ingest::{Chunked, Frame, Reassembly, gelf_rows};
use libfuzzer_sys::fuzz_target;

const HELD_BYTES: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let frame = Frame {
        bytes: input.to_vec(),
        cut_bytes: 0,
    };
    let _either = gelf_rows(&frame, "192.0.2.1");
    // The same bytes as datagrams, each after its length.
    let mut reassembly = Reassembly::new(HELD_BYTES);
    let mut rest = input;
    let mut now_us = 0;
    while let Some((&length, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        now_us += i64::from(length) * 10_000;
        let peer = IpAddr::V4(Ipv4Addr::new(192, 0, 2, length % 3));
        if let Chunked::Complete(bytes) = reassembly.take(peer, datagram, now_us) {
            let _either = gelf_rows(
                &Frame {
                    bytes,
                    cut_bytes: 0,
                },
                "192.0.2.1",
            );
        }
        assert!(reassembly.held_bytes() <= HELD_BYTES + (64 << 10));
    }
    reassembly.expire(i64::MAX);
    assert_eq!(reassembly.held_bytes(), 0);
});
