//! What the work of a thread reads from disk: told to those who explain a question.
//!
//! Columns in the cache are not read again and do not count.

use std::cell::Cell;

thread_local! {
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static COLUMNS: Cell<u64> = const { Cell::new(0) };
}

/// Notes bytes read.
pub(super) fn note_bytes(bytes: u64) {
    BYTES.set(BYTES.get().wrapping_add(bytes));
}

/// Notes a column decoded.
pub(super) fn note_column() {
    COLUMNS.set(COLUMNS.get().wrapping_add(1));
}

/// Bytes read and columns decoded by this thread, ever.
pub(crate) fn read_so_far() -> (u64, u64) {
    (BYTES.get(), COLUMNS.get())
}
