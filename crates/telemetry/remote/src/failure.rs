//! The errors of the way between the two processes.

use andon_reader::{ReaderError, code};

/// Makes the error of a call that found nobody on the other side.
#[must_use]
pub fn unavailable(why: &str) -> ReaderError {
    ReaderError::new(code::UNAVAILABLE, format!("telemetry is not available: {why}"))
        .with_hint("it comes back by itself; send the same again in a moment")
}

/// Makes the error of an answer or a request that cannot be read.
pub(crate) fn garbled(what: &str, error: &impl std::fmt::Display) -> ReaderError {
    ReaderError::new(code::INTERNAL, format!("{what} between the server and its telemetry process cannot be read: {error}"))
        .with_hint("both must be the same version of Andon; the server's log says more")
}
