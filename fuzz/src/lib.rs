//! What targets share.

#[cfg(feature = "ingest")]
pub mod kept;
#[cfg(feature = "store")]
pub mod segment_file;
#[cfg(any(feature = "ingest", feature = "store"))]
pub mod waiting;
