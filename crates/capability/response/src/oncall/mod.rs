//! Who is on call when. Pure: a function of the schedule and an instant.
//!
//! Purpose: turns, restrictions, layers and overrides in civil time, as IANA zones define it.
//!
//! Invariants: one instant is the end of a turn and the start of the next, so that turns neither
//! overlap nor leave a gap; a local time that does not exist counts as RFC 5545 says (the offset
//! before the gap), one that exists twice counts as the first, and a restriction's end as the
//! second; the last layer that has somebody wins, and the last override over every layer.
//!
//! Absent: storage, the clock, and whether a person can be reached.

mod restriction;
mod rota;
mod turn;

pub use rota::{Holder, Rota, Shift, user_reference};

#[cfg(test)]
mod tests;
