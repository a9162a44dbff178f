//! `POST /gelf`: one message, or several one after the other; 202 once they are safe on disk.

use andon_reader::LogSink;

use crate::answer::{InputAnswer, newest_of, refusal_text};
use crate::aside::aside;
use crate::frames::Frame;
use crate::gelf::row::gelf_rows;

/// Answers `POST /gelf`.
pub async fn post_gelf(sink: &dyn LogSink, body: Vec<u8>, peer: &str) -> InputAnswer {
    let bytes = body.len() as u64;
    let frame = Frame { bytes: body, cut_bytes: 0 };
    let rows = match aside(frame.bytes.len(), || gelf_rows(&frame, peer)) {
        Ok(rows) => rows,
        Err(error) => return refusal_text(error, 1, bytes),
    };
    let (lines, newest_us) = (rows.len() as u64, newest_of(&rows));
    match sink.append(rows).await {
        Ok(receipt) => InputAnswer {
            status: 202,
            accepted: receipt.rows,
            truncated: receipt.truncated_rows,
            newest_us,
            bytes,
            ..InputAnswer::default()
        },
        Err(error) => refusal_text(error.into(), lines, bytes),
    }
}
