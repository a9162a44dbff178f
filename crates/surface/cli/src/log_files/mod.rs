//! Log files read line by line and turned into the JSON lines that the server takes.
//!
//! Purpose: everything of `andon import logs` that needs no server: opening and unpacking, finding out what
//! a file is, joining the lines of a stack trace, times, batches, and how far an import has come.
//!
//! Invariants: nothing is read whole; every line is bounded; the same bytes give the same records wherever
//! reading begins at the start of one, so that an import can go on where it stopped. No line is dropped for
//! what it holds: what is not understood is kept as it is, with the time of the import.
//!
//! Absent: sending, which `commands/import_logs.rs` does; following a file that grows.

pub(crate) mod access;
pub(crate) mod batch;
pub(crate) mod format;
pub(crate) mod gelf;
pub(crate) mod level;
pub(crate) mod lines;
pub(crate) mod logfmt;
pub(crate) mod object;
pub(crate) mod record;
pub(crate) mod source;
pub(crate) mod stamp;
pub(crate) mod state;
pub(crate) mod syslog;
