//! What targets share.

#[cfg(feature = "ingest")]
pub mod kept;
#[cfg(feature = "ingest")]
pub mod waiting;
