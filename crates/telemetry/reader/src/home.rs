//! The home of segments: a place of objects that keeps all of them, with the disk as its cache.

use serde::{Deserialize, Serialize};

use crate::archive::Amount;
use crate::error::ReaderError;

/// How the home of the segments does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HomeState {
    /// Where it is, without secrets.
    pub place: String,
    /// What is there.
    pub stored: Amount,
    /// What is on the disk alone, and goes there next.
    pub waiting: Amount,
    /// Bytes on the disk of what is there, too.
    pub cached_bytes: u64,
    /// The most of these.
    pub cache_bytes: u64,
    /// Files fetched from there since the start.
    pub fetched_files: u64,
    /// Bytes of these.
    pub fetched_bytes: u64,
    /// Why the last step failed; nothing when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<ReaderError>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_us: Option<i64>,
}
