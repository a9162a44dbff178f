//! What a question cost: what was left aside and why, what was read. Shown by `explain analyze`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::group::read_so_far;

/// Counts of one question; several threads add to them.
#[derive(Debug, Default)]
pub struct Effort {
    /// Segments whose bounds lie outside of the interval: not opened.
    pub skipped_by_time: AtomicU64,
    /// Segments in which no line can match, by what is known without their columns.
    pub skipped_by_filter: AtomicU64,
    /// Segments whose lines were not needed any more: newer (or older) ones were enough.
    pub skipped_by_order: AtomicU64,
    /// Segments that were searched.
    pub searched: AtomicU64,
    /// Lines in memory that were searched.
    pub memory_lines: AtomicU64,
    /// Lines of searched segments.
    pub lines_searched: AtomicU64,
    /// Lines that match.
    pub lines_matched: AtomicU64,
    /// Columns that were read and decoded; those in the cache do not count.
    pub columns_decoded: AtomicU64,
    /// Bytes read from disk.
    pub bytes_read: AtomicU64,
}

impl Effort {
    /// Adds to one of the counts.
    pub fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    /// Does a piece of work on this thread and counts what it reads.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let (bytes, columns) = read_so_far();
        let done = work();
        let (bytes_after, columns_after) = read_so_far();
        Self::add(&self.bytes_read, bytes_after.wrapping_sub(bytes));
        Self::add(&self.columns_decoded, columns_after.wrapping_sub(columns));
        done
    }

    /// The counts with their names, in the order in which they are shown.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 10] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "segments_in_range",
                of(&self.skipped_by_filter) + of(&self.skipped_by_order) + of(&self.searched),
            ),
            ("segments_skipped_by_time", of(&self.skipped_by_time)),
            ("segments_skipped_by_filter", of(&self.skipped_by_filter)),
            ("segments_skipped_by_order", of(&self.skipped_by_order)),
            ("segments_searched", of(&self.searched)),
            ("memory_lines", of(&self.memory_lines)),
            ("lines_searched", of(&self.lines_searched)),
            ("lines_matched", of(&self.lines_matched)),
            ("columns_decoded", of(&self.columns_decoded)),
            ("bytes_read", of(&self.bytes_read)),
        ]
    }
}
