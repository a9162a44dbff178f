//! How a store is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::chunk::GROUP_ROWS;
use crate::disk::{Disk, RealDisk};
use crate::place::ObjectPlace;

/// Tells the time: microseconds since the epoch.
pub type NowMicros = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How a store is set up.
#[derive(Clone)]
pub struct StoreConfig {
    /// Folder of the telemetry, made when missing. Locking it is the server's job.
    pub folder: PathBuf,
    /// Lines received longer ago are dropped, a whole segment at a time; `None` keeps them.
    pub retention: Option<Duration>,
    /// Most bytes on disk; the oldest segments go first; `None` for no cap.
    pub disk_cap_bytes: Option<u64>,
    /// Room on the file system that lines never take, because the records beside them need it: paging
    /// and the andon go on when the logs have filled the disk. At most a twentieth of the whole.
    pub reserve_bytes: u64,
    /// A memory chunk of so many lines becomes a segment; more than a group holds count as that.
    pub flush_rows: u64,
    /// A memory chunk of so many bytes becomes a segment.
    pub flush_bytes: u64,
    /// A memory chunk of this age becomes a segment.
    pub flush_age: Duration,
    /// Appends wait while memory holds more than this, and are refused when that does not help.
    pub memory_cap_bytes: u64,
    /// How long an append waits for room in memory before it is refused: a sender that is faster
    /// than the disk is slowed down first.
    pub overload_wait: Duration,
    /// How long appends are collected for one sync of the log; with zero, as long as the sync before
    /// takes. Every append is answered after its sync, whatever the interval.
    pub commit_interval: Duration,
    /// Headers of segments kept in memory.
    pub index_cache_bytes: usize,
    /// Decoded columns, pages and filters of segments kept in memory.
    pub column_cache_bytes: u64,
    /// Queries by the sender's time (people's) that run at the same time; others wait. Queries by
    /// our time (alarms') have as many turns of their own, so that no search delays an alarm.
    pub scans: usize,
    /// A query answers with what it has after this time, and says so.
    pub query_timeout: Duration,
    /// A query answers with what it has after decoding so much, and says so.
    pub query_bytes: u64,
    /// An answer of lines is cut after about so much; its cursor goes on from there.
    pub answer_bytes: u64,
    /// Whether the store flushes, merges and drops on its own thread. Tests that want to decide
    /// call [`crate::LogStore::maintain`] instead.
    pub background: bool,
    /// Where old lines go before their age is over; without it they are dropped.
    pub archive: Option<ArchiveConfig>,
    /// Where every segment goes, so that the disk needs to keep but a part of them; without it they are on the disk
    /// alone.
    pub home: Option<HomeConfig>,
    /// The clock.
    pub now: NowMicros,
    /// The disk.
    pub disk: Arc<dyn Disk>,
}

/// The archive of a store.
#[derive(Clone)]
pub struct ArchiveConfig {
    /// Where it is. No two stores share one.
    pub place: Arc<dyn ObjectPlace>,
    /// Segments whose lines were received longer ago go there; `None` only by command. It is no longer than the
    /// retention, which then drops nothing that is not archived.
    pub after: Option<Duration>,
    /// Archived lines received longer ago are deleted, a whole segment at a time; `None` keeps them.
    pub retention: Option<Duration>,
}

/// The home of the segments of a store.
#[derive(Clone)]
pub struct HomeConfig {
    /// Where it is. No two stores share one, and none shares it with an archive.
    pub place: Arc<dyn ObjectPlace>,
    /// Most bytes of the disk for segments that are at the home, too; the least recently read go first.
    pub cache_bytes: u64,
}

/// The reserve is at most this part of the disk.
const RESERVE_PART: u64 = 20;

impl StoreConfig {
    /// Tells how much of the disk lines may still take, so that the reserve is left; nothing where nothing is
    /// reserved or the system does not tell.
    pub(crate) fn spare_bytes(&self) -> Option<u64> {
        let room = self.disk.room(&self.folder).ok()?;
        let reserve = self.reserve_bytes.min(room.total_bytes / RESERVE_PART);
        (reserve > 0).then(|| room.free_bytes.saturating_sub(reserve))
    }

    /// The defaults for a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            retention: Some(Duration::from_secs(30 * 24 * 3600)),
            disk_cap_bytes: Some(20 << 30),
            reserve_bytes: 256 << 20,
            flush_rows: GROUP_ROWS as u64,
            flush_bytes: 64 << 20,
            flush_age: Duration::from_secs(300),
            memory_cap_bytes: 112 << 20,
            overload_wait: Duration::from_secs(10),
            commit_interval: Duration::ZERO,
            index_cache_bytes: 16 << 20,
            column_cache_bytes: 192 << 20,
            scans: 2,
            query_timeout: Duration::from_secs(30),
            query_bytes: 16 << 30,
            answer_bytes: 32 << 20,
            background: true,
            archive: None,
            home: None,
            now: Arc::new(|| jiff::Timestamp::now().as_microsecond()),
            disk: Arc::new(RealDisk),
        }
    }
}
