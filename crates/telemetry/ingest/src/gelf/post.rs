//! `POST /gelf`: one message, or several one after the other; 202 once they are safe on disk.

use andon_reader::LogSink;

use crate::answer::InputAnswer;
use crate::frames::Frame;
use crate::gelf::row::gelf_rows;
use crate::whole_body::store_whole;

/// Answers `POST /gelf`.
pub async fn post_gelf(sink: &dyn LogSink, body: Vec<u8>, peer: &str) -> InputAnswer {
    let frame = Frame { bytes: body, cut_bytes: 0 };
    store_whole(sink, frame.bytes.len(), 202, || gelf_rows(&frame, peer)).await
}
