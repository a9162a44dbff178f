//! Log lines as columns.
//!
//! Purpose: [`lines::Lines`], a batch as it arrives and as it is logged; groups of columns as they
//! are stored and searched ([`column`]); templates with typed variables.
//!
//! Invariants: no I/O, no clock; damaged bytes are an error, never a panic; what goes in comes out
//! byte for byte.
//!
//! Absent: files, caches and threads (see `andon-store`).

pub mod bits;
mod error;
pub mod lines;
pub mod sink;
pub mod wire;

pub use error::ColumnError;
pub use sink::LinesSink;
