//! From received bytes to stored lines: decoded, stored, and only then counted and let go.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use andon_reader::NewLogRow;
use jiff::tz::TimeZone;

use crate::aside::aside;
use crate::failure::IngestError;
use crate::frames::Frame;
use crate::gelf::gelf_rows;
use crate::limits;
use crate::listen::{Protocol, Shared, now_us};
use crate::senders::{Sender, Taken};
use crate::syslog::syslog_row;

/// The first pause before the store is asked again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Messages that were received and not yet stored.
pub(crate) type Received = Vec<(IpAddr, Frame)>;

/// What became of the messages of one sender.
#[derive(Default)]
struct Tally {
    taken: Taken,
    newest_us: Option<i64>,
    refused: Vec<(IngestError, u64)>,
}

/// The lines of messages, and who sent them.
struct Decoded {
    rows: Vec<NewLogRow>,
    tallies: BTreeMap<IpAddr, Tally>,
}

/// Decodes messages; pure, so that it can be done again when the store refuses for now.
fn decode(protocol: Protocol, received: &Received, now_us: i64, zone: &TimeZone) -> Decoded {
    let mut decoded = Decoded {
        rows: Vec::with_capacity(received.len()),
        tallies: BTreeMap::new(),
    };
    for (peer, frame) in received {
        let tally = decoded.tallies.entry(*peer).or_default();
        let address = peer.to_string();
        let rows = match protocol {
            Protocol::Syslog => Ok(vec![syslog_row(frame, &address, now_us, zone)]),
            Protocol::Gelf => gelf_rows(frame, &address),
        };
        match rows {
            Ok(rows) => {
                tally.taken.bytes += frame.bytes.len() as u64 + frame.cut_bytes;
                for row in rows {
                    tally.taken.rows += 1;
                    let is_cut = frame.cut_bytes > 0 || row.message.len() > limits::KEPT_BYTES;
                    tally.taken.truncated_rows += u64::from(is_cut);
                    tally.newest_us = tally.newest_us.max(row.timestamp_us);
                    decoded.rows.push(row);
                }
            }
            Err(error) => match tally.refused.iter_mut().find(|(known, _)| known.code == error.code) {
                Some((_, count)) => *count += 1,
                None => tally.refused.push((error, 1)),
            },
        }
    }
    decoded
}

/// Stores messages and returns when they are safe on disk, or when their loss is counted. A store
/// that refuses for now is asked again until it takes them, or everything stops.
pub(crate) async fn store(shared: &Shared, protocol: Protocol, input: &'static str, received: &Received) {
    let mut pause = PAUSE_MIN;
    loop {
        let bytes = received.iter().map(|(_, frame)| frame.bytes.len()).sum();
        let decoded = aside(bytes, || decode(protocol, received, now_us(), &shared.zone));
        let Decoded { rows, tallies } = decoded;
        let stored = if rows.is_empty() { Ok(()) } else { shared.sink.append(rows).await.map(|_receipt| ()) };
        let error = match stored {
            Ok(()) => return tell(shared, input, tallies, None),
            Err(error) => IngestError::from(error),
        };
        if !error.is_retryable() || shared.is_stopping() {
            tracing::error!(input, error = %error, "received lines could not be stored and are lost");
            return tell(shared, input, tallies, Some(&error));
        }
        if pause == PAUSE_MIN {
            tracing::warn!(input, error = %error, "the store does not take lines now; senders wait");
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.stopping() => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn tell(shared: &Shared, input: &'static str, tallies: BTreeMap<IpAddr, Tally>, lost: Option<&IngestError>) {
    let now = now_us();
    for (peer, tally) in tallies {
        let address = peer.to_string();
        let sender = Sender {
            input,
            name: "",
            address: &address,
        };
        for (error, count) in &tally.refused {
            shared.senders.refused(sender, &error.code, &error.message, *count, now);
        }
        match lost {
            Some(error) => shared.senders.refused(sender, &error.code, &error.message, tally.taken.rows, now),
            None if tally.taken.rows > 0 => {
                let lag_us = tally.newest_us.map(|newest| now.saturating_sub(newest));
                shared.senders.accepted(sender, Taken { lag_us, ..tally.taken }, now);
            }
            None => {}
        }
    }
}
