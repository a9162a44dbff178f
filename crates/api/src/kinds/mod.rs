//! The kinds, one file per capability that owns them.

pub mod catalog;
pub mod delivery;
pub mod governance;
pub mod learning;
pub mod response;
pub mod signals;
