//! Lines in memory: searchable from their acknowledgement until their segment is written.

use std::sync::Arc;

use crate::extent::Extent;
use crate::record::StoredRow;

/// Lines of one commit group.
pub(crate) struct Batch {
    pub(crate) rows: Vec<StoredRow>,
    pub(crate) extent: Extent,
}

impl Batch {
    pub(crate) fn new(rows: Vec<StoredRow>) -> Self {
        let extent = Extent::of(&rows);
        Self { rows, extent }
    }
}

/// The lines of one write-ahead log file. Cloning shares the lines.
#[derive(Clone)]
pub(crate) struct Chunk {
    pub(crate) log_number: u64,
    pub(crate) batches: Vec<Arc<Batch>>,
    pub(crate) extent: Extent,
    pub(crate) memory_bytes: u64,
    pub(crate) log_bytes: u64,
    pub(crate) opened_at_us: i64,
}

impl Chunk {
    pub(crate) fn new(log_number: u64, opened_at_us: i64) -> Self {
        Self {
            log_number,
            batches: Vec::new(),
            extent: Extent::EMPTY,
            memory_bytes: 0,
            log_bytes: 0,
            opened_at_us,
        }
    }

    pub(crate) fn push(&mut self, batch: Arc<Batch>) {
        self.memory_bytes += batch
            .rows
            .iter()
            .map(|row| row.memory_bytes() as u64)
            .sum::<u64>();
        self.extent = self.extent.join(batch.extent);
        self.batches.push(batch);
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &StoredRow> {
        self.batches.iter().flat_map(|batch| batch.rows.iter())
    }
}
