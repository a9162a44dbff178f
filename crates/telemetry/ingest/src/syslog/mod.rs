//! Syslog: RFC 5424 and RFC 3164 as real programs write them, over datagrams and streams.
//!
//! Invariants: every message becomes a row, whatever it is; what is taken out of the text as a header
//! is in a column or an attribute, and the rest is the message, byte for byte.
//!
//! Absent: a crate. `syslog_loose` trims the message, eats its first word where no tag is, and reads a
//! bracketed beginning as structured data; a line that somebody searches for must be the one that was
//! written. It is the oracle of a property test for what both read alike.

mod frames;
mod parse;
mod row;
mod times;

pub use frames::SyslogFrames;
pub use row::syslog_row;
