//! A place for lines, and bodies that come in pieces.

use std::sync::Mutex;

use andon_columns::LinesSink;
use andon_columns::lines::Lines;
use andon_reader::{LogSink, NewLogRow, ReaderError, Receipt};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, stream};

/// Keeps what is stored, as plain JSON.
#[derive(Default)]
pub struct Kept {
    rows: Mutex<Vec<String>>,
}

impl Kept {
    /// Gives the lines so far; what they cannot say themselves (ids, our time) is left out.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.rows.lock().expect("one thread"))
    }

    fn receipt(&self, rows: usize) -> Receipt {
        Receipt {
            first_id: Some("1".to_owned()),
            last_id: Some(rows.to_string()),
            rows: rows as u64,
            received_at_us: 1_795_132_800_000_000,
            truncated_rows: 0,
        }
    }
}

impl LogSink for Kept {
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        self.append_lines(Lines::of(&rows))
    }
}

impl LinesSink for Kept {
    fn append_lines(&self, mut lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        // Through the form of the write-ahead log, as in a server.
        let mut encoded = Vec::new();
        lines.encode(&mut encoded);
        let mut again =
            Lines::decode(&encoded).expect("what a decoder gives can be logged and read again");
        for batch in [&mut lines, &mut again] {
            batch.stamp(1, 1_795_132_800_000_000);
        }
        let mut rows = self.rows.lock().expect("one thread");
        for row in 0..lines.len() {
            let mut whole = lines.to_log_row(row);
            assert_eq!(whole, again.to_log_row(row));
            whole.id.clear();
            rows.push(serde_json::to_string(&whole).expect("JSON"));
        }
        drop(rows);
        std::future::ready(Ok(self.receipt(lines.len()))).boxed()
    }
}

/// A body in one piece, or cut in two at a place.
pub fn body(bytes: &[u8], cut: Option<usize>) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
    let cut = cut.map_or(bytes.len(), |cut| cut % (bytes.len() + 1));
    let (head, tail) = bytes.split_at(cut);
    stream::iter([
        Ok(Bytes::copy_from_slice(head)),
        Ok(Bytes::copy_from_slice(tail)),
    ])
}
