//! Turns errors of disk and files into the one error type of telemetry.

use std::io;
use std::path::Path;

use andon_reader::{ReaderError, code};

/// Says whether the disk (or a quota) has no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// What to do about a full disk.
const FULL_HINT: &str =
    "nothing of this request was stored; free space or lower the disk cap, then send it again";

/// Refuses lines for which there is room, but not beside what the records need.
pub(crate) fn no_room_beside(reserve_bytes: u64) -> ReaderError {
    // Without the number of free bytes, so that the same trouble has the same words.
    let message = format!(
        "the disk has no room for telemetry: the last {reserve_bytes} bytes are left to the records, so that paging goes on"
    );
    ReaderError::new(code::DISK_FULL, message).with_hint(FULL_HINT)
}

pub(crate) fn write_failed(what: &str, path: &Path, error: &io::Error) -> ReaderError {
    if is_full(error) {
        return ReaderError::new(
            code::DISK_FULL,
            format!("the disk has no room for telemetry: writing {what} {} failed", path.display()),
        )
        .with_hint(FULL_HINT);
    }
    ReaderError::new(
        code::WRITE_FAILED,
        format!("writing {what} {} failed: {error}", path.display()),
    )
    .with_hint("nothing of this request was stored; check the disk, then send it again")
}

pub(crate) fn read_failed(path: &Path, error: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(
        code::READ_FAILED,
        format!("reading {} failed: {error}", path.display()),
    )
    .with_hint("check the disk; the server's log says more")
}

pub(crate) fn closed() -> ReaderError {
    ReaderError::new(code::CLOSED, "the telemetry store is shut down")
        .with_hint("send it again when the server is back")
}
