//! SQL over logs and over tables that other parts lend: the only crate with DataFusion.
//!
//! Purpose: [`SqlEngine`] implements [`andon_reader::SqlRunner`]: one reading statement per call over
//! the table `logs` (the store's own direct scan) and every [`andon_reader::TableSource`] that the
//! caller may read.
//!
//! Invariants: a statement never writes, never reads a file, never sees a table its caller may not
//! read, and ends at its limits of time, memory and rows; all of it runs on threads of its own, so
//! that no statement delays anything else; dropping the future ends the work; every reference to
//! `logs` in one statement sees the same lines.
//!
//! Absent: spans and metrics, spilling to disk, distributed workers, prepared statements.

mod attribute;
mod bound;
mod effort_metrics;
mod engine;
mod failure;
mod lent_table;
mod logs_aggregate;
mod logs_scan;
mod logs_table;
mod pushdown;
mod results;
mod rewrite;
mod statement;
mod step;
mod text_pattern;

pub use engine::SqlEngine;
