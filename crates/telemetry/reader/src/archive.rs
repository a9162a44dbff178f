//! The archive: lines that have left the disk for another place, and how they come back.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::ReaderError;

/// Asks to move lines to the archive now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRequest {
    /// Moves what was received before this; without it what is due by age.
    pub before_us: Option<i64>,
}

/// Asks for lines of the archive to be searchable again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// Start of the interval of the sender's time, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// How long they stay; above zero.
    pub keep_us: i64,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveWork {
    /// Moves segments to the archive.
    Archive,
    /// Brings copies of segments back.
    Restore,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It has segments left.
    Running,
    /// All of its segments are done.
    Done,
    /// It ended early, or not all of its segments could be done.
    Failed,
}

/// A job of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveJob {
    /// Its number; a store that is opened again gives larger ones.
    pub id: u64,
    /// What it does.
    pub work: ArchiveWork,
    /// How far it is.
    pub state: JobState,
    /// When it was asked for.
    pub started_at_us: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_us: Option<i64>,
    /// Segments, lines and bytes of the whole job.
    pub total: Amount,
    /// Of these, what is done.
    pub done: Amount,
    /// Time spent on what is done.
    pub busy_us: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ReaderError>,
}

/// How much something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    /// Segments.
    pub segments: u64,
    /// Lines in them.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

impl Amount {
    /// Adds one segment.
    pub fn add(&mut self, rows: u64, bytes: u64) {
        self.segments += 1;
        self.rows += rows;
        self.bytes += bytes;
    }
}

/// The state of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArchiveState {
    /// Where it is, without secrets; nothing when the store was started without an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Lines received longer ago are moved; nothing when only by command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_s: Option<u64>,
    /// Archived lines received longer ago are deleted; nothing when they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_s: Option<u64>,
    /// Everything in the archive.
    pub archived: Amount,
    /// The earliest of the sender's times of archived lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_us: Option<i64>,
    /// The latest of these times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_us: Option<i64>,
    /// Of the archive, what is searchable now because it was restored.
    pub restored: Amount,
    /// When the next of these goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_until_us: Option<i64>,
    /// What is due and not moved yet.
    pub waiting: Amount,
    /// What was moved since the start.
    pub moved: Amount,
    /// Why the last step failed; nothing when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<ReaderError>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_us: Option<i64>,
    /// The latest jobs, the newest first.
    #[serde(default)]
    pub jobs: Vec<ArchiveJob>,
}

/// Moves lines to the archive and back. How a job does is told by the status of the store.
pub trait LogArchive: Send + Sync {
    /// Begins to move lines to the archive.
    fn archive(&self, request: ArchiveRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>>;

    /// Begins to bring lines back.
    fn restore(&self, request: RestoreRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>>;
}
