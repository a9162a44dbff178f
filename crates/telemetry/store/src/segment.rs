//! Segments of the store: what the manifest says of them, opened on demand, removed when nobody reads
//! them.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use andon_columns::ColumnError;
use andon_columns::select::Checkpoint;
use andon_reader::SegmentDigest;
use serde::{Deserialize, Serialize};

use crate::config::StoreConfig;
use crate::extent::Extent;
use crate::group::{ColumnCache, FORMAT, GroupFiles, StoredGroup, data_name, index_name};
use crate::home::{Home, Kept, SegmentFile};
use crate::objects::{ObjectFile, Stored};

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
    /// What a place of objects has of it, verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stored: Option<Stored>,
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
    data: Arc<SegmentFile>,
    index: Arc<SegmentFile>,
    is_condemned: AtomicBool,
    cleared_through: AtomicU64,
}

impl Segment {
    pub(crate) fn new(entry: SegmentEntry, config: &StoreConfig, home: Option<&Arc<Home>>) -> Self {
        let number = entry.number;
        let [data, index] = kept_files(entry.stored.as_ref());
        Self {
            data: SegmentFile::new(config, home, number, &data_name(number), data),
            index: SegmentFile::new(config, home, number, &index_name(number), index),
            cleared_through: AtomicU64::new(entry.cleared_through),
            entry,
            is_condemned: AtomicBool::new(false),
        }
    }

    fn files(&self) -> [&Arc<SegmentFile>; 2] {
        [&self.data, &self.index]
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

    pub(crate) fn data_path(&self) -> &Path {
        self.data.path()
    }

    /// Says whether both files are on the disk.
    pub(crate) fn is_here(&self) -> bool {
        self.files().iter().all(|file| file.is_here())
    }

    /// Says whether the home has it.
    pub(crate) fn is_kept(&self) -> bool {
        self.files().iter().all(|file| file.is_kept())
    }

    /// Notes that the home has it.
    pub(crate) fn keep(&self, stored: &Stored) {
        for (file, kept) in self.files().into_iter().zip(kept_files(Some(stored))) {
            kept.into_iter().for_each(|kept| file.keep(kept));
        }
    }

    /// Bytes that it takes of the disk for as long as it is listed: those of a segment that is nowhere else.
    pub(crate) fn pinned_bytes(&self) -> u64 {
        if self.is_kept() || !self.is_here() { 0 } else { self.entry.bytes }
    }

    /// Has both files on the disk.
    ///
    /// # Errors
    /// When the home cannot give them, or the checkpoint stops the work.
    pub(crate) fn bring(&self, checkpoint: Checkpoint<'_>) -> Result<(), ColumnError> {
        self.files().into_iter().try_for_each(|file| file.bring(checkpoint))
    }

    /// Has the index, then the data fetched where they are not on the disk, and waits for nothing.
    ///
    /// # Errors
    /// When they are not on the disk; only when they cannot come at all that is a damage.
    pub(crate) fn call(&self) -> Result<(), ColumnError> {
        self.index.call()?;
        self.data.call()
    }

    /// Tells the SHA-256 of its files.
    ///
    /// # Errors
    /// As the operating system says.
    pub(crate) fn digest(&self) -> io::Result<SegmentDigest> {
        Ok(SegmentDigest { segment: self.entry.number, data_sha256: self.data.digest()?, index_sha256: self.index.digest()? })
    }

    fn open(&self, cache: &Arc<ColumnCache>, checkpoint: Checkpoint<'_>) -> Result<StoredGroup, ColumnError> {
        if self.entry.format < FORMAT {
            return Err(ColumnError::damaged(format!(
                "{} has the format {} of a version before the first release, which is no longer read",
                self.data_path().display(),
                self.entry.format
            )));
        }
        self.index.bring(checkpoint)?;
        let files = GroupFiles {
            segment: self.entry.number,
            data: self.data.reader(),
            data_path: self.data.path().to_owned(),
            index: self.index.reader(),
            index_path: self.index.path().to_owned(),
        };
        let group = StoredGroup::of(files, cache)?;
        if let Some(damage) = group.damage() {
            tracing::warn!(damage, "a segment is damaged; what is whole of it is still read");
        }
        Ok(group)
    }
}

/// Parts what a place has of a segment into its files.
fn kept_files(stored: Option<&Stored>) -> [Option<Kept>; 2] {
    let kept = |file: fn(&Stored) -> &ObjectFile| stored.map(|stored| Kept { place: stored.place.clone(), file: file(stored).clone() });
    [kept(|stored| &stored.data), kept(|stored| &stored.index)]
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.is_condemned.load(Ordering::Acquire) {
            self.files().iter().for_each(|file| file.condemn());
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

    pub(crate) fn open(&self, segment: &Segment, checkpoint: Checkpoint<'_>) -> Result<Arc<StoredGroup>, ColumnError> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let number = segment.entry.number;
        {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((opened, used)) = entries.get_mut(&number) {
                *used = now;
                return Ok(Arc::clone(opened));
            }
        }
        let opened = Arc::new(segment.open(&self.columns, checkpoint)?);
        if opened.damage().is_some() && segment.is_kept() {
            // The home may give it whole the next time.
            return Ok(opened);
        }
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
