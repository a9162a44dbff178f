//! What becomes of stored lines: deletions that leave a proof, and streams with a retention of their own.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::ReaderError;

/// Name of the stream of lines that no stream's query finds.
pub const DEFAULT_STREAM: &str = "default";

/// Bounds of deletions and streams.
pub mod custody_limits {
    /// Deletions that are under way at the same time: each costs every search a little.
    pub const DELETIONS: usize = 32;
    /// Longest reason of a deletion, characters.
    pub const REASON_CHARACTERS: usize = 2_000;
    /// Streams: a chunk of memory may become one segment for each.
    pub const STREAMS: usize = 64;
}

/// Asks that lines be deleted for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionRequest {
    /// Search text; every line that matches goes.
    pub query: String,
    /// Start of the interval of their time, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub requested_by: String,
    /// The entry of the ledger that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_event: Option<String>,
}

/// Whether lines are gone or only hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletionState {
    /// No question finds the lines any more; some are still in files.
    Hidden,
    /// No file holds a matching line.
    Finished,
}

/// A segment as it was at one moment, by its number and the SHA-256 of its two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentDigest {
    /// Number of the segment.
    pub segment: u64,
    /// Of the Parquet file, hexadecimal.
    pub data_sha256: String,
    /// Of the index beside it, which holds parts of texts, too.
    pub index_sha256: String,
}

/// What a deletion did to one segment, or to the lines of one log file in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionRecord {
    /// The segment that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<SegmentDigest>,
    /// The write-ahead log file that held lines which were never in a segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<u64>,
    /// What was written instead; nothing when no line was left.
    pub new: Vec<SegmentDigest>,
    /// Lines removed.
    pub removed_rows: u64,
}

/// A deletion: what was asked for, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Its number.
    pub id: u64,
    /// The search text as it was understood.
    pub query: String,
    /// Start of the interval, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// Lines up to this number are concerned: those that were stored when it was asked for.
    pub through_sequence: u64,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at_us: i64,
    /// The entry of the ledger that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_event: Option<String>,
    /// Whether the lines are gone.
    pub state: DeletionState,
    /// What is still to be done, in words; nothing when it is finished.
    #[serde(default)]
    pub pending: Vec<String>,
    /// Lines removed from files so far.
    pub removed_rows: u64,
    /// When the last file was rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at_us: Option<i64>,
    /// What was done to each segment; left out of lists.
    #[serde(default)]
    pub records: Vec<DeletionRecord>,
    /// SHA-256 of the file that proves it, once it is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What a verification of a deletion found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionCheck {
    /// The deletion.
    pub id: u64,
    /// True when it is finished, nothing matches and the proof is what was written.
    pub ok: bool,
    /// Stored lines that match, up to the deletion's number; hidden ones included.
    pub matching_rows: u64,
    /// Lines that were looked at.
    pub scanned_rows: u64,
    /// SHA-256 of the proof as it is on disk now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What stands against it, in words.
    pub findings: Vec<String>,
}

/// A stream: which lines belong to it and how long they stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRule {
    /// Its name; never [`DEFAULT_STREAM`].
    pub name: String,
    /// Search text.
    pub query: String,
    /// The stream with the smallest number that finds a line gets it; equal ones by name.
    pub priority: i64,
    /// How long lines stay after their receipt; the store's own setting when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_us: Option<i64>,
    /// Most bytes of its segments; no bound of its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// What a stream holds and what has left it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// Its name.
    pub name: String,
    /// Whether there is such a stream now; lines of one that was removed stay until they are due.
    pub is_known: bool,
    /// Lines in segments.
    pub rows: u64,
    /// Bytes of these segments.
    pub bytes: u64,
    /// How many segments.
    pub segments: u64,
    /// Oldest time of receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_received_at_us: Option<i64>,
    /// How long lines stay; zero for ever.
    pub retention_us: i64,
    /// Most bytes; nothing without a bound of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Lines dropped because of their age, ever.
    pub dropped_by_age_rows: u64,
    /// Lines dropped because of the stream's size, ever.
    pub dropped_by_size_rows: u64,
    /// Lines dropped because of the cap of the whole store, ever.
    pub dropped_by_cap_rows: u64,
}

/// Decides what becomes of stored lines.
pub trait LogCustody: Send + Sync {
    /// Hides matching lines from every question at once and has them removed from every file. The answer comes
    /// after the order is durable.
    fn delete_lines(&self, request: DeletionRequest) -> BoxFuture<'_, Result<Deletion, ReaderError>>;

    /// Counts the lines that such a deletion would remove.
    fn count_deletable(&self, request: DeletionRequest) -> BoxFuture<'_, Result<u64, ReaderError>>;

    /// Lists the deletions, the newest first, without their records.
    fn deletions(&self) -> BoxFuture<'_, Result<Vec<Deletion>, ReaderError>>;

    /// Gives one deletion with its records.
    fn deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<Deletion>, ReaderError>>;

    /// Looks into every stored line whether one matches a deletion still, and whether the proof is whole.
    fn verify_deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<DeletionCheck>, ReaderError>>;

    /// Sets the streams, for lines that become segments from now on, and their retention, at once.
    fn set_streams(&self, streams: Vec<StreamRule>) -> BoxFuture<'_, Result<(), ReaderError>>;

    /// Tells what each stream holds.
    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamStatus>, ReaderError>>;
}
