//! The home of the segments: a place of objects that keeps every one of them, with the disk as its cache.
//!
//! Purpose: what is written goes to the home in the background ([`Uploader`]); what is there may leave the disk when
//! that is full, the least recently read first, and comes back when it is read ([`SegmentFile`]).
//!
//! Invariants: nothing leaves the disk before the home was verified to have it and the list of segments says so; a
//! home that is slow or away holds up neither appends nor the keeper, and what a search cannot have it names as missing.
//!
//! Absent: reading parts of an object, fetching ahead, the list of segments at the home.

mod file;
mod keeping;
mod uploader;

pub(crate) use file::{Kept, SegmentFile};
pub(crate) use keeping::HomeStep;
pub(crate) use uploader::Uploads;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use andon_columns::ColumnError;
use andon_reader::HomeState;

use crate::config::{HomeConfig, StoreConfig};
use crate::place::{ObjectPlace, PlaceError};
use crate::shared::Shared;

/// Files that are fetched at the same time: each is held in memory as a whole.
const FETCHERS: usize = 2;
/// After a failure of the home, searches name what they miss at once for so long.
const PAUSE_US: i64 = 2_000_000;

/// The home of the segments of a store.
pub(crate) struct Home {
    name: String,
    home: HomeConfig,
    store: StoreConfig,
    readings: AtomicU64,
    files: Mutex<Vec<Weak<SegmentFile>>>,
    queue: Mutex<Queue>,
    idle: Condvar,
    /// Until when reading is not tried, and why.
    refused: Mutex<Option<(i64, PlaceError)>>,
    fetched_files: AtomicU64,
    fetched_bytes: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<SegmentFile>>,
    running: usize,
    is_closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets work go on until the store is closed.
///
/// # Errors
/// When it is being closed.
pub(crate) fn until_closed(shared: &Shared) -> Result<(), ColumnError> {
    match shared.is_closed() {
        true => Err(ColumnError::stopped("the store is being closed")),
        false => Ok(()),
    }
}

impl Home {
    /// Makes the home of a store; nothing where its segments are on the disk alone.
    pub(crate) fn of(config: &StoreConfig) -> Option<Arc<Self>> {
        let home = config.home.clone()?;
        Some(Arc::new(Self {
            name: home.place.name(),
            home,
            store: config.clone(),
            readings: AtomicU64::new(0),
            files: Mutex::default(),
            queue: Mutex::default(),
            idle: Condvar::new(),
            refused: Mutex::default(),
            fetched_files: AtomicU64::new(0),
            fetched_bytes: AtomicU64::new(0),
        }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn place(&self) -> &dyn ObjectPlace {
        self.home.place.as_ref()
    }

    fn know(&self, file: &Arc<SegmentFile>) {
        lock(&self.files).push(Arc::downgrade(file));
    }

    fn tick(&self) -> u64 {
        self.readings.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn living(&self) -> Vec<Arc<SegmentFile>> {
        let mut files = lock(&self.files);
        files.retain(|file| file.strong_count() > 0);
        files.iter().filter_map(Weak::upgrade).collect()
    }

    /// Says whether somebody may still read a segment.
    fn is_read(&self, number: u64) -> bool {
        self.living().iter().any(|file| file.number == number && file.is_alive())
    }

    /// Bytes on the disk that the home has, too.
    pub(crate) fn cached_bytes(&self) -> u64 {
        self.living().iter().map(|file| file.droppable_bytes()).sum()
    }

    /// Drops what was not read for longest until the cache has at most so many bytes, and at most its own bound.
    pub(crate) fn trim(&self, most: u64) {
        self.drop_files(self.living(), most);
    }

    fn drop_files(&self, mut files: Vec<Arc<SegmentFile>>, most: u64) {
        let most = most.min(self.home.cache_bytes);
        let mut used: u64 = files.iter().map(|file| file.droppable_bytes()).sum();
        if used <= most {
            return;
        }
        files.sort_by_key(|file| (file.is_index, file.read_at.load(Ordering::Relaxed), file.number));
        for file in files {
            let bytes = file.droppable_bytes();
            if bytes > 0 && used > most {
                file.drop_from_disk();
                used = used.saturating_sub(bytes);
            }
        }
    }

    /// Makes room on the disk for so many bytes, beside what the records need; says whether there is.
    pub(crate) fn make_room(&self, bytes: u64) -> bool {
        let lacking = || self.store.spare_bytes().map_or(0, |spare| bytes.saturating_sub(spare));
        let missing = lacking();
        if missing > 0 {
            self.trim(self.cached_bytes().saturating_sub(missing));
        }
        missing == 0 || lacking() == 0
    }

    /// Has a file fetched.
    fn order(self: &Arc<Self>, file: &Arc<SegmentFile>) -> Result<(), PlaceError> {
        if let Some((until_us, error)) = &*lock(&self.refused)
            && (self.store.now)() < *until_us
        {
            return Err(error.clone());
        }
        let mut queue = lock(&self.queue);
        if queue.is_closed {
            return Err(closed());
        }
        if queue.running < FETCHERS {
            let home = Arc::clone(self);
            let spawned = std::thread::Builder::new().name("andon-fetch".to_owned()).spawn(move || home.fetch_all());
            spawned.map_err(|error| PlaceError::new(format!("no thread can be started: {error}"), "check the limits on processes and memory"))?;
            queue.running += 1;
        }
        queue.waiting.push_back(Arc::clone(file));
        Ok(())
    }

    /// Fetches what is wanted until there is nothing left.
    fn fetch_all(&self) {
        loop {
            let next = {
                let mut queue = lock(&self.queue);
                let next = queue.waiting.pop_front();
                if next.is_none() {
                    queue.running -= 1;
                    self.idle.notify_all();
                }
                next
            };
            let Some(file) = next else { return };
            file.fetch(self);
            let mut others = self.living();
            others.retain(|file| !file.is_awaited());
            self.drop_files(others, u64::MAX);
        }
    }

    fn has_read(&self, bytes: u64) {
        self.fetched_files.fetch_add(1, Ordering::Relaxed);
        self.fetched_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes how reading went: when the whole home fails, the next ones need not wait to hear it.
    fn note_read(&self, error: Option<&PlaceError>) {
        let until_us = (self.store.now)().saturating_add(PAUSE_US);
        *lock(&self.refused) = error.filter(|error| !error.is_of_object).map(|error| (until_us, error.clone()));
    }

    /// Ends running calls, and waits for their threads: nothing is written to the folder afterwards.
    pub(crate) fn close(&self) {
        self.place().close();
        let mut queue = lock(&self.queue);
        queue.is_closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        let queue = self.idle.wait_while(queue, |queue| queue.running > 0);
        drop(queue.unwrap_or_else(PoisonError::into_inner));
        waiting.iter().for_each(|file| file.cancel(closed()));
    }

    /// Tells how it does, but for its uploads.
    fn describe(&self) -> HomeState {
        HomeState {
            place: self.name.clone(),
            cache_bytes: self.home.cache_bytes,
            cached_bytes: self.cached_bytes(),
            fetched_files: self.fetched_files.load(Ordering::Relaxed),
            fetched_bytes: self.fetched_bytes.load(Ordering::Relaxed),
            ..HomeState::default()
        }
    }
}

fn closed() -> PlaceError {
    PlaceError::of_object("the store is being closed", "ask again when the server is back")
}
