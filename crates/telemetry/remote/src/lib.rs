//! Telemetry in another process: the traits of [`andon_reader`] over HTTP, on a Unix socket or over a network.
//!
//! Purpose: [`Remote`] is what the server holds instead of a store: a reader, a sink and a runner of SQL that
//! ask the process which owns the store, and a relay for bodies that pass through untouched. [`router`] answers
//! these calls on the other side. [`Desk`] lends the server's own tables to statements that run over there.
//! [`Link`] is what the server knows of the other side: whether it is there, and when it was not.
//!
//! Invariants: a call whose caller has gone ends on the other side too; a line is acknowledged by the other side
//! alone; what is counted over a time in which nothing could be received is incomplete, and says so; every body
//! has a limit; values keep every bit on their way.
//!
//! Over a network both sides prove keys ([`Token`], [`Door`]) before anything is said.
//!
//! Absent: the store, its process and what supervises it (the server's), authorisation of people (the server's,
//! before a call).

mod archive;
mod custody;
mod desk;
mod door;
mod failure;
mod frames;
mod line;
mod link;
mod loans;
mod outages;
mod remote;
mod rows;
mod service;
mod socket;
mod statement;
mod tls;
mod token;
mod values;
mod version;
mod way;
mod wire;

pub use desk::Desk;
pub use door::Door;
pub use failure::unavailable;
pub use link::{Condition, Link};
pub use loans::BorrowedTable;
pub use outages::Outage;
pub use remote::{Relayed, Remote};
pub use service::{Opened, Shelf, Stage, answer, router};
pub use socket::SocketPath;
pub use token::{Fingerprint, Key, Token};
pub use version::VERSION;
pub use way::Way;
pub use wire::{Pulse, TableShape};

/// Bounds of what passes between the two processes.
pub mod limits {
    use std::time::Duration;

    /// Bytes of one append; the store itself takes less.
    pub const APPEND_BYTES: usize = 512 << 20;
    /// Bytes of appends that are under way or wait for the other side; more are refused with "try again".
    pub const APPENDING_BYTES: usize = 256 << 20;
    /// Bytes of one answer.
    pub const ANSWER_BYTES: usize = 512 << 20;
    /// Bytes of the rows that a table lends to one statement.
    pub const LENT_BYTES: usize = 256 << 20;
    /// Tables that are lent at the same time.
    pub const LENDING: usize = 4;
    /// How long after its end calls wait for a process that is starting again; later ones are refused at once.
    pub const PATIENCE: Duration = Duration::from_secs(5);
    /// How long a read may take; the store's own limits end it earlier.
    pub const READ_TIME: Duration = Duration::from_secs(90);
    /// How long an append may take before its fate counts as unknown.
    pub const APPEND_TIME: Duration = Duration::from_secs(60);
    /// How long a caller over a network may take to prove the token.
    pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
    /// Callers over a network that may be about to prove it; more wait for their turn.
    pub const STRANGERS: usize = 128;
    /// How deeply a value may nest.
    pub const DEPTH: usize = 200;
}
