//! A sink that keeps rows, or fails as told.

use std::sync::{Arc, Mutex};

use andon_columns::LinesSink;
use andon_columns::lines::Lines;
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

impl MemorySink {
    fn keep(&self, rows: Vec<NewLogRow>, truncated_rows: u64) -> Result<Receipt, ReaderError> {
        let mut left = self.appends_before_full.lock().expect("not poisoned");
        if let Some(left) = left.as_mut() {
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
            truncated_rows,
        })
    }
}

impl LogSink for MemorySink {
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        async move { self.keep(rows, 0) }.boxed()
    }
}

impl LinesSink for MemorySink {
    fn append_lines(&self, lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        let rows = (0..lines.len()).map(|row| plain(&lines, row)).collect();
        async move { self.keep(rows, lines.truncated_rows()) }.boxed()
    }
}

fn plain(lines: &Lines, row: usize) -> NewLogRow {
    let line = lines.to_log_row(row);
    NewLogRow {
        // The lowest time there is stands for none until the store gives its own.
        timestamp_us: Some(line.timestamp_us).filter(|&time| time != i64::MIN),
        severity_number: line.severity_number,
        severity_text: line.severity_text,
        service: line.service,
        message: line.message,
        trace_id: line.trace_id,
        span_id: line.span_id,
        scope: line.scope,
        attributes: line.attributes,
        resource: Arc::new(line.resource),
    }
}
