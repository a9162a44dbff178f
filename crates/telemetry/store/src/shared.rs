//! What the committer, the keeper and the queries share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::{Notify, broadcast};

use crate::archive::Archived;
use crate::chunk::{Batch, Chunk};
use crate::config::StoreConfig;
use crate::custody::Custody;
use crate::home::Home;
use crate::manifest::Listing;
use crate::segment::{OpenedCache, Segment};
use crate::tombstone::Tombstones;
use crate::workers::Workers;

/// What can be searched. A chunk is replaced by its segment in one step under the lock, so that a
/// snapshot has each line exactly once.
#[derive(Default, Clone)]
pub(crate) struct Visible {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Full chunks waiting for their segment, oldest first.
    pub(crate) sealed: Vec<Arc<Chunk>>,
    pub(crate) active: Option<Chunk>,
    /// What is in the archive, and so is not searched.
    pub(crate) archived: Arc<Archived>,
    /// What is hidden, until it is gone.
    pub(crate) tombstones: Tombstones,
}

impl Visible {
    pub(crate) fn memory_bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|chunk| chunk.memory_bytes).sum();
        sealed + self.active.as_ref().map_or(0, |chunk| chunk.memory_bytes)
    }

    pub(crate) fn memory_rows(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|chunk| chunk.extent.rows).sum();
        sealed + self.active.as_ref().map_or(0, |chunk| chunk.extent.rows)
    }

    /// When the first line in memory was received; the highest time when there is none.
    pub(crate) fn oldest_in_memory_us(&self) -> i64 {
        let chunks = self.sealed.iter().map(AsRef::as_ref).chain(self.active.as_ref());
        chunks.map(|chunk| chunk.extent.min_received_us).min().unwrap_or(i64::MAX)
    }

    pub(crate) fn log_bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|chunk| chunk.log_bytes).sum();
        sealed + self.active.as_ref().map_or(0, |chunk| chunk.log_bytes)
    }

    /// Bytes of the segments that are on the disk alone.
    pub(crate) fn pinned_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.pinned_bytes()).sum()
    }

    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.entry.bytes)
            .sum()
    }
}

/// Gives times of receipt that never go backwards and keeps the watermark honest.
#[derive(Default)]
pub(crate) struct Receipts {
    last_us: i64,
    in_flight_us: Option<i64>,
}

impl Receipts {
    /// Makes every later time lie after this one.
    pub(crate) fn start_after(&mut self, last_us: i64) {
        self.last_us = self.last_us.max(last_us);
    }

    /// Begins a group: its time of receipt lies after every watermark given so far.
    pub(crate) fn begin(&mut self, now_us: i64) -> i64 {
        self.last_us = now_us.max(self.last_us.saturating_add(1));
        self.in_flight_us = Some(self.last_us);
        self.last_us
    }

    /// Ends the group, visible or failed.
    pub(crate) fn end(&mut self) {
        self.in_flight_us = None;
    }

    /// The time up to which nothing will be added any more.
    pub(crate) fn watermark(&mut self, now_us: i64) -> i64 {
        if let Some(in_flight) = self.in_flight_us {
            return in_flight - 1;
        }
        self.last_us = self.last_us.max(now_us);
        self.last_us
    }
}

/// A published group, for tails.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) batch: Arc<Batch>,
    /// Lines published before this batch since start.
    pub(crate) rows_before: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) appended_rows: AtomicU64,
    pub(crate) truncated_rows: AtomicU64,
    pub(crate) refused_rows: AtomicU64,
    pub(crate) dropped_by_age_rows: AtomicU64,
    pub(crate) dropped_by_cap_rows: AtomicU64,
}

impl Counters {
    /// Goes on from what was dropped in earlier lives of the store.
    pub(crate) fn take_over(&self, listing: &Listing) {
        self.dropped_by_age_rows.store(listing.dropped_by_age_rows, Ordering::Relaxed);
        self.dropped_by_cap_rows.store(listing.dropped_by_cap_rows, Ordering::Relaxed);
    }
}

/// The two kinds of writing that can fail independently.
#[derive(Clone, Copy)]
pub(crate) enum Writing {
    Log = 0,
    Segment = 1,
}

/// Groups a slow tail may fall behind before lines are skipped.
const TAIL_GROUPS: usize = 512;

pub(crate) struct Shared {
    pub(crate) config: StoreConfig,
    visible: RwLock<Visible>,
    receipts: Mutex<Receipts>,
    pub(crate) tail: broadcast::Sender<Published>,
    pub(crate) counters: Counters,
    failing: Mutex<[Option<String>; 2]>,
    recovery_notes: Mutex<Vec<String>>,
    /// Bytes of lines on their way to the log.
    pub(crate) pending_bytes: AtomicU64,
    /// Tells those who wait for room that there may be some.
    pub(crate) freed: Notify,
    pub(crate) opened: OpenedCache,
    pub(crate) workers: Arc<Workers>,
    pub(crate) custody: Custody,
    /// Where every segment goes, if not to the disk alone.
    pub(crate) home: Option<Arc<Home>>,
    pub(crate) is_closed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        config: StoreConfig,
        home: Option<Arc<Home>>,
        visible: Visible,
        recovery_notes: Vec<String>,
    ) -> Self {
        let opened = OpenedCache::new(config.index_cache_bytes, config.column_cache_bytes);
        Self {
            config,
            visible: RwLock::new(visible),
            receipts: Mutex::default(),
            tail: broadcast::channel(TAIL_GROUPS).0,
            counters: Counters::default(),
            failing: Mutex::default(),
            recovery_notes: Mutex::new(recovery_notes),
            pending_bytes: AtomicU64::new(0),
            freed: Notify::new(),
            opened,
            workers: Arc::default(),
            custody: Custody::default(),
            home,
            is_closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn visible(&self) -> RwLockReadGuard<'_, Visible> {
        self.visible.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn visible_mut(&self) -> RwLockWriteGuard<'_, Visible> {
        self.visible.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn receipts(&self) -> MutexGuard<'_, Receipts> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was wrong at the start.
    pub(crate) fn recovery_notes(&self) -> MutexGuard<'_, Vec<String>> {
        let notes = self.recovery_notes.lock();
        notes.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_us(&self) -> i64 {
        (self.config.now)()
    }

    /// Notes that a kind of writing fails, or that it succeeded.
    pub(crate) fn set_failing(&self, writing: Writing, reason: Option<String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = failing.get_mut(writing as usize) else {
            return;
        };
        if let Some(reason) = &reason
            && known.as_ref() != Some(reason)
        {
            tracing::error!(reason, "telemetry cannot be written");
        }
        *known = reason;
    }

    pub(crate) fn failing(&self) -> Option<String> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.iter().flatten().next().cloned()
    }

    /// Why segments cannot be written, if so.
    pub(crate) fn failing_segments(&self) -> Option<String> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.get(Writing::Segment as usize).cloned().flatten()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}
