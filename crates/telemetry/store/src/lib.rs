//! Stores telemetry durably and finds it again.
//!
//! Purpose: a write-ahead log with group commit, memory chunks that can be searched as soon as an
//! append is acknowledged, immutable segments of columns, a direct scan behind
//! [`andon_reader::LogReader`], and Arrow batches of the same scan for the SQL engine.
//!
//! Invariants: an append is answered after its bytes are durable; a line is visible exactly once
//! from its acknowledgement until retention drops it; recovery never refuses to start for a torn or
//! damaged file; queries run on blocking threads and stop at a deadline and a byte budget.
//!
//! Absent: spans and metrics, replication, the lock of the data folder (the server's).

mod admission;
mod aggregate;
mod batches;
mod chunk;
mod commit;
mod config;
mod disk;
mod extent;
mod failure;
mod fields;
mod group;
mod histogram;
mod keeper;
mod log_v1;
mod manifest;
mod open;
mod recover;
mod scan;
mod search;
mod segment;
mod shared;
mod simulation;
mod store;
mod tail;
mod wal;

pub use batches::{LogBatches, LogColumn, SqlSnapshot, log_schema};
pub use andon_columns::lines::{LONGEST_TEXT_BYTES, TRUNCATED_ATTRIBUTE};
pub use config::{NowMicros, StoreConfig};
pub use disk::{Disk, DiskFile, DiskRead, RealDisk, Room};
pub use extent::Interval;
pub use simulation::SimulatedDisk;
pub use store::LogStore;
