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
mod archive;
mod backoff;
mod batches;
mod chunk;
mod commit;
mod config;
mod custody;
mod deletion;
mod disk;
mod effort;
mod extent;
mod failure;
mod fields;
mod flush;
mod group;
mod histogram;
mod home;
mod inspect;
mod keeper;
mod live;
mod log_v1;
mod manifest;
mod objects;
mod open;
mod parquet_lines;
mod pending;
mod periodic;
mod place;
mod proof;
mod recover;
mod repair;
mod retention;
mod salvage;
mod scan;
mod search;
mod segment;
mod shared;
mod simulation;
mod sql_part;
mod store;
mod streams;
mod tail;
mod tombstone;
mod wal;
mod workers;

pub use batches::{LogColumn, SqlSnapshot, log_schema};
pub use andon_columns::lines::{LONGEST_TEXT_BYTES, TRUNCATED_ATTRIBUTE};
pub use config::{ArchiveConfig, HomeConfig, NowMicros, StoreConfig};
pub use disk::{Disk, DiskFile, DiskRead, RealDisk, Room};
pub use effort::Effort;
pub use extent::Interval;
pub use parquet_lines::ParquetLines;
pub use inspect::{InspectOptions, InspectedColumn, InspectedLog, InspectedSegment, InspectedTemplate, Inspection, inspect};
pub use place::{FolderPlace, ObjectFacts, ObjectPlace, PlaceError, StoredObject};
pub use repair::{RepairFinding, RepairReport, repair};
pub use simulation::SimulatedDisk;
pub use sql_part::{SLICE_ROWS, SqlColumn, SqlPart, SqlRows, Values};
pub use store::LogStore;
