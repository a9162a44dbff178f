//! Lines in memory: searchable from their acknowledgement until their segment is written.

use std::sync::Arc;

use andon_columns::lines::Lines;

use crate::extent::Extent;

/// Most lines of a group of columns, see `andon_columns::column::GROUP_ROWS`.
pub(crate) const GROUP_ROWS: usize = 262_144;

/// Lines that were appended and committed together.
pub(crate) struct Batch {
    pub(crate) lines: Arc<Lines>,
    pub(crate) extent: Extent,
}

impl Batch {
    pub(crate) fn new(lines: Lines) -> Self {
        let extent = Extent::of_lines(&lines);
        Self {
            lines: Arc::new(lines),
            extent,
        }
    }
}

/// The lines of one write-ahead log file, or of a part of one. Cloning shares the lines.
#[derive(Clone)]
pub(crate) struct Chunk {
    pub(crate) log_number: u64,
    /// Whether the log file has no lines after these: it can go when these are in a segment.
    pub(crate) ends_log: bool,
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
            ends_log: false,
            batches: Vec::new(),
            extent: Extent::EMPTY,
            memory_bytes: 0,
            log_bytes: 0,
            opened_at_us,
        }
    }

    /// Says whether so many more lines still make one group.
    pub(crate) fn has_room_for(&self, rows: usize) -> bool {
        self.extent.rows == 0 || self.extent.rows + rows as u64 <= GROUP_ROWS as u64
    }

    pub(crate) fn push(&mut self, batch: Arc<Batch>) {
        self.memory_bytes += batch.lines.memory_bytes() as u64;
        self.extent = self.extent.join(batch.extent);
        self.batches.push(batch);
    }
}
