//! The kinds, by the capability that owns them.

pub mod catalog;
pub mod delivery;
pub mod governance;
pub mod learning;
pub mod response;
pub mod signals;
pub mod streams;
