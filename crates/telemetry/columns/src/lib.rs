//! Log lines as columns.
//!
//! Purpose: [`lines::Lines`], a batch as it arrives and as it is logged; groups of columns as they
//! are stored and searched ([`column`]); templates with typed variables.
//!
//! Invariants: no I/O, no clock; damaged bytes are an error, never a panic; what goes in comes out
//! byte for byte.
//!
//! Absent: files, caches and threads (see `andon-store`).

pub mod aggregate;
pub mod bits;
pub mod column;
mod error;
pub mod fields;
pub mod group;
pub mod keys;
pub mod lines;
pub mod newest;
pub mod numbered;
pub mod pick;
mod references;
pub mod rows;
pub mod select;
pub mod sink;
pub mod template;
mod texts;
pub mod wire;

pub use error::ColumnError;
pub use sink::LinesSink;
