//! Segments of the store: what the manifest says of them, opened on demand, removed when nobody reads
//! them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use andon_columns::ColumnError;
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::extent::Extent;
use crate::group::{ColumnCache, FORMAT, StoredGroup, data_name, index_name};

/// What the manifest says about a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    pub(crate) number: u64,
    pub(crate) format: u32,
    pub(crate) bytes: u64,
    pub(crate) extent: Extent,
    /// The stream of its lines; empty for the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) stream: String,
    /// Holds no line that a deletion up to this number hides.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) cleared_through: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Number of a segment by the name of one of its files.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let stem = name.strip_prefix("seg-")?;
    let hex = stem
        .strip_suffix(".parquet")
        .or_else(|| stem.strip_suffix(".index"))?;
    u64::from_str_radix(hex, 16).ok()
}

/// A segment that belongs to the store.
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    is_condemned: AtomicBool,
    cleared_through: AtomicU64,
}

impl Segment {
    pub(crate) fn new(entry: SegmentEntry, folder: &Path, disk: &Arc<dyn Disk>) -> Self {
        Self {
            cleared_through: AtomicU64::new(entry.cleared_through),
            entry,
            folder: folder.to_owned(),
            disk: Arc::clone(disk),
            is_condemned: AtomicBool::new(false),
        }
    }

    pub(crate) fn extent(&self) -> &Extent {
        &self.entry.extent
    }

    /// Tells up to which deletion none hides a line of it; later than what its entry said when it was opened.
    pub(crate) fn cleared_through(&self) -> u64 {
        self.cleared_through.load(Ordering::Acquire)
    }

    /// Notes that no deletion up to this number hides a line of it.
    pub(crate) fn clear_through(&self, deletion: u64) {
        self.cleared_through.fetch_max(deletion, Ordering::AcqRel);
    }

    /// Removes the files once the last reader is done.
    pub(crate) fn condemn(&self) {
        self.is_condemned.store(true, Ordering::Release);
    }

    pub(crate) fn data_path(&self) -> PathBuf {
        self.folder.join(data_name(self.entry.number))
    }

    fn open(&self, cache: &Arc<ColumnCache>) -> Result<StoredGroup, ColumnError> {
        if self.entry.format < FORMAT {
            return Err(ColumnError::damaged(format!(
                "{} has the format {} of a version before the first release, which is no longer read",
                self.data_path().display(),
                self.entry.format
            )));
        }
        let group = StoredGroup::open(self.disk.as_ref(), &self.folder, self.entry.number, cache)?;
        if let Some(damage) = group.damage() {
            tracing::warn!(damage, "a segment is damaged; what is whole of it is still read");
        }
        Ok(group)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.is_condemned.load(Ordering::Acquire) {
            for name in [data_name(self.entry.number), index_name(self.entry.number)] {
                if let Err(error) = self.disk.remove(&self.folder.join(&name)) {
                    tracing::warn!(%error, name, "a dropped segment could not be removed; the next start tries again");
                }
            }
        }
    }
}

/// Keeps headers and handles of recently read segments, and the cache of their columns.
pub(crate) struct OpenedCache {
    capacity_bytes: usize,
    clock: AtomicU64,
    entries: Mutex<HashMap<u64, (Arc<StoredGroup>, u64)>>,
    columns: Arc<ColumnCache>,
}

/// Most segments kept open, for the sake of file handles.
const OPEN_SEGMENTS: usize = 400;

impl OpenedCache {
    pub(crate) fn new(capacity_bytes: usize, column_bytes: u64) -> Self {
        Self {
            capacity_bytes,
            clock: AtomicU64::new(0),
            entries: Mutex::default(),
            columns: Arc::new(ColumnCache::new(column_bytes)),
        }
    }

    pub(crate) fn open(&self, segment: &Segment) -> Result<Arc<StoredGroup>, ColumnError> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let number = segment.entry.number;
        {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((opened, used)) = entries.get_mut(&number) {
                *used = now;
                return Ok(Arc::clone(opened));
            }
        }
        let opened = Arc::new(segment.open(&self.columns)?);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(number, (Arc::clone(&opened), now));
        self.evict(&mut entries);
        Ok(opened)
    }

    pub(crate) fn forget(&self, number: u64) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number);
        self.columns.forget(number);
    }

    fn evict(&self, entries: &mut HashMap<u64, (Arc<StoredGroup>, u64)>) {
        let mut total: usize = entries
            .values()
            .map(|(opened, _)| opened.memory_bytes())
            .sum();
        while entries.len() > 1 && (total > self.capacity_bytes || entries.len() > OPEN_SEGMENTS) {
            let oldest = entries
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(number, _)| *number);
            let Some((removed, _)) = oldest.and_then(|number| entries.remove(&number)) else {
                return;
            };
            total = total.saturating_sub(removed.memory_bytes());
        }
    }
}
