//! Objects, the ledger and the outbox on SQLite or PostgreSQL.
//!
//! One shape for change: a transaction writes objects, appends the events that tell of it and
//! enqueues what must leave; it is on disk when [`Store::write`] returns. The last step of each
//! transaction locks the head row of the ledger and gives the next gapless sequence numbers, so that
//! the order of numbers is the order of commits and a cursor never skips.
//!
//! Invariants: SQL drivers are known to this crate alone; every version of an object is kept; an
//! object is never changed without an event; secrets never enter a difference.
//! Absent on purpose: authorisation (`auth`), behaviour (`module`), telemetry (never goes through here).

mod clock;
mod database;
mod difference;
mod ledger;
mod lock;
mod outbox;
mod query;
mod read;
mod registry;
mod schema;
mod store;
mod transaction;
mod writer;

pub use clock::{Clock, Ids, SystemClock};
pub use database::{Arg, Engine, Row};
pub use difference::difference;
pub use ledger::{Checkpoint, EventDraft, EventQuery, Verification};
pub use lock::DirectoryLock;
pub use outbox::{Leased, Message};
pub use query::{ListQuery, Listing, Order, Version};
pub use registry::Registry;
pub use schema::Migration;
pub use store::{Options, Store};
pub use transaction::Tx;
pub use writer::Priority;
