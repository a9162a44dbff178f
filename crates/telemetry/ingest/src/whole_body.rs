//! Requests whose body is read whole and stored with one append: all of its lines are safe on disk, or none is taken.

use andon_reader::{LogSink, NewLogRow};

use crate::answer::{InputAnswer, newest_of, refusal_text};
use crate::aside::aside;
use crate::failure::IngestError;

/// Reads the lines of a body of so many bytes, stores them, and answers with `status` once they are safe.
pub(crate) async fn store_whole(
    sink: &dyn LogSink,
    body_bytes: usize,
    status: u16,
    read: impl FnOnce() -> Result<Vec<NewLogRow>, IngestError>,
) -> InputAnswer {
    let bytes = body_bytes as u64;
    let rows = match aside(body_bytes, read) {
        Ok(rows) => rows,
        Err(error) => return refusal_text(error, 1, bytes),
    };
    let (lines, newest_us) = (rows.len() as u64, newest_of(&rows));
    match sink.append(rows).await {
        Ok(receipt) => InputAnswer {
            status,
            accepted: receipt.rows,
            truncated: receipt.truncated_rows,
            newest_us,
            bytes,
            ..InputAnswer::default()
        },
        Err(error) => refusal_text(error.into(), lines, bytes),
    }
}
