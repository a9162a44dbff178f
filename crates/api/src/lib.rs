//! The contract of Andon: everything that crosses a process boundary is named here.
//!
//! Purpose: one place for the kinds people declare, the records the system keeps, the events of the
//! ledger, references, units and error codes. Every other crate depends on this one.
//!
//! Invariants: no I/O, no async, no clock, no randomness; types that people write refuse unknown
//! fields, types that programs read tolerate them.

pub mod error;
pub mod event;
pub mod graph;
pub mod kind;
pub mod kinds;
pub mod object;
pub mod size;
pub mod units;

pub use error::{ErrorCode, Problem};
pub use event::{Actor, Event};
pub use kind::{Kind, KindInfo};
pub use object::{AnyObject, Metadata, Object, ObjectRef};
