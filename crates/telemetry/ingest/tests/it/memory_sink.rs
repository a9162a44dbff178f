//! A sink that keeps rows, or fails as told.

use std::sync::Mutex;

use andon_reader::{LogSink, NewLogRow, ReaderError, Receipt, code};
use futures::FutureExt;
use futures::future::BoxFuture;

#[derive(Default)]
pub(crate) struct MemorySink {
    pub(crate) rows: Mutex<Vec<NewLogRow>>,
    pub(crate) appends_before_full: Mutex<Option<usize>>,
}

impl MemorySink {
    pub(crate) fn full_after(appends: usize) -> Self {
        Self {
            appends_before_full: Mutex::new(Some(appends)),
            ..Self::default()
        }
    }

    pub(crate) fn taken(&self) -> Vec<NewLogRow> {
        std::mem::take(&mut self.rows.lock().expect("not poisoned"))
    }
}

impl LogSink for MemorySink {
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        async move {
            if let Some(left) = self
                .appends_before_full
                .lock()
                .expect("not poisoned")
                .as_mut()
            {
                *left = left
                    .checked_sub(1)
                    .ok_or_else(|| ReaderError::new(code::DISK_FULL, "no room"))?;
            }
            let count = rows.len() as u64;
            self.rows.lock().expect("not poisoned").extend(rows);
            Ok(Receipt {
                first_id: None,
                last_id: None,
                rows: count,
                received_at_us: 0,
                truncated_rows: 0,
            })
        }
        .boxed()
    }
}
