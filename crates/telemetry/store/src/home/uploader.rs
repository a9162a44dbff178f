//! Takes segments to the home, and removes there what was dropped: one at a time, on a thread of its own.
//!
//! Invariants: the names are written down before anything is put, so that a crash leaves nothing behind for good; a
//! segment may leave the disk only after one line of the manifest says that the home has it; objects of a dropped
//! segment go when nobody reads it any more.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use andon_reader::{HomeState, ReaderError};

use crate::backoff::Backoff;
use crate::failure::write_failed;
use crate::home::{Home, lock};
use crate::keeper::Keeper;
use crate::objects::{Stored, read_files};
use crate::pending::Pending;
use crate::periodic::periodically;
use crate::segment::Segment;
use crate::shared::Shared;

/// Names of objects that may be at the home without being listed.
const PENDING_FILE: &str = "segments-pending.json";
/// Dropped segments whose objects are removed by one line of the manifest.
const REMOVED_AT_ONCE: usize = 64;

/// The uploads of an open store.
pub(crate) struct Uploads {
    home: Arc<Home>,
    uploader: Arc<Mutex<Uploader>>,
    backoff: Arc<Mutex<Backoff>>,
    wake: Sender<()>,
}

impl Uploads {
    /// Makes the uploads of a store, and what their thread runs.
    pub(crate) fn new(shared: &Arc<Shared>, keeper: &Arc<Mutex<Keeper>>, home: Arc<Home>) -> (Self, impl FnOnce() + Send + use<>) {
        let backoff = Arc::new(Mutex::new(Backoff::default()));
        let config = &shared.config;
        let pending = Pending::open(&config.disk, &config.folder, PENDING_FILE);
        let uploader = Uploader {
            shared: Arc::clone(shared),
            keeper: Arc::clone(keeper),
            home: Arc::clone(&home),
            backoff: Arc::clone(&backoff),
            has_leftovers: !pending.names().is_empty(),
            pending,
            unreadable: BTreeSet::new(),
        };
        let uploader = Arc::new(Mutex::new(uploader));
        let (wake, woken) = std::sync::mpsc::channel();
        let looped = (Arc::clone(&uploader), Arc::clone(shared));
        (Self { home, uploader, backoff, wake }, move || periodically(&looped.1, &woken, || lock(&looped.0).tend()))
    }

    /// Does what is due now, on the thread of the caller.
    pub(crate) fn tend(&self) {
        lock(&self.uploader).tend();
    }

    /// Has running calls end soon.
    pub(crate) fn close(&self) {
        self.home.close();
        let _thread_gone = self.wake.send(());
    }

    /// Tells how the home does.
    pub(crate) fn describe(&self, shared: &Shared) -> HomeState {
        let mut state = self.home.describe();
        for segment in wanted(shared) {
            let amount = if segment.is_kept() { &mut state.stored } else { &mut state.waiting };
            amount.add(segment.extent().rows, segment.entry.bytes);
        }
        let backoff = lock(&self.backoff);
        state.failing.clone_from(&backoff.failing);
        state.retry_at_us = backoff.retry_at_us;
        state
    }
}

/// Lists what belongs to the home, the oldest first: all but copies of what the archive keeps.
fn wanted(shared: &Shared) -> Vec<Arc<Segment>> {
    let visible = shared.visible();
    let mut list: Vec<Arc<Segment>> = visible.segments.iter().filter(|segment| !visible.archived.is_copy(segment.entry.number)).cloned().collect();
    list.sort_by_key(|segment| segment.entry.number);
    list
}

struct Uploader {
    shared: Arc<Shared>,
    keeper: Arc<Mutex<Keeper>>,
    home: Arc<Home>,
    backoff: Arc<Mutex<Backoff>>,
    pending: Pending,
    /// Whether objects may be left from an earlier life, or from what changed meanwhile.
    has_leftovers: bool,
    /// Segments that cannot be read as they are: searches name them.
    unreadable: BTreeSet<u64>,
}

impl Uploader {
    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all that is due, then keeps the cache within its bound and the disk from running full.
    fn tend(&mut self) {
        while !self.shared.is_closed() && self.go_on() {}
        self.home.trim(u64::MAX);
        self.home.make_room(self.shared.config.flush_bytes);
    }

    /// Does the next step; false when there is none, or the home is to be left alone.
    fn go_on(&mut self) -> bool {
        let now_us = self.shared.now_us();
        if lock(&self.backoff).is_pausing(now_us) {
            return false;
        }
        let done = self.tidy().and_then(|has_worked| if has_worked { Ok(true) } else { self.remove_dropped() });
        let done = done.and_then(|has_worked| if has_worked { Ok(true) } else { self.upload_next() });
        let mut backoff = lock(&self.backoff);
        match done {
            Ok(has_worked) => {
                if backoff.succeed() {
                    tracing::info!("the home of the segments can be used again");
                }
                if !has_worked {
                    self.pending.finish();
                }
                has_worked
            }
            Err(error) => {
                if backoff.fail(error.clone(), now_us) {
                    tracing::warn!(code = error.code, message = error.message, hint = error.hint, "the home of the segments cannot be used; lines stay on the disk");
                }
                false
            }
        }
    }

    /// Removes objects that were put there and are not listed.
    fn tidy(&mut self) -> Result<bool, ReaderError> {
        if !self.has_leftovers {
            return Ok(false);
        }
        let listed: BTreeSet<String> = {
            let mut keeper = self.keeper();
            if keeper.manifest.is_damaged {
                // A line that is lost may have named them, and the disk may not have them any more.
                return Ok(false);
            }
            // A line that could not be written may be there all the same, and would name objects that are gone.
            keeper.manifest.settle().map_err(|error| write_failed("the manifest", &self.shared.config.folder, &error))?;
            keeper.manifest.listing.home_objects().map(str::to_owned).collect()
        };
        for name in self.pending.names() {
            if !listed.contains(&name) {
                self.home.place().delete(&name)?;
            }
            self.pending.settle(&[&name]);
        }
        self.has_leftovers = false;
        Ok(true)
    }

    /// Removes the objects of segments that were dropped and are read by nobody.
    fn remove_dropped(&self) -> Result<bool, ReaderError> {
        let discarded = self.keeper().manifest.listing.discarded.clone();
        let here = discarded.into_iter().filter(|(number, stored)| stored.place == self.home.name() && !self.home.is_read(*number));
        let mut removed = Vec::new();
        for (number, stored) in here.take(REMOVED_AT_ONCE) {
            // In this order: a crash in between finds it listed and removes it again.
            stored.delete(self.home.place())?;
            removed.push(number);
        }
        if removed.is_empty() {
            return Ok(false);
        }
        self.keeper().note_removed(removed)?;
        Ok(true)
    }

    fn upload_next(&mut self) -> Result<bool, ReaderError> {
        let mut list = wanted(&self.shared).into_iter();
        let next = list.find(|segment| !segment.is_kept() && segment.is_here() && !self.unreadable.contains(&segment.entry.number));
        let Some(segment) = next else { return Ok(false) };
        let (disk, folder) = (Arc::clone(&self.shared.config.disk), self.shared.config.folder.clone());
        let number = segment.entry.number;
        let contents = match read_files(disk.as_ref(), &folder, number) {
            Ok(contents) => contents,
            Err(error) => {
                tracing::warn!(number, %error, "a segment cannot be read and stays on the disk alone");
                self.unreadable.insert(number);
                return Ok(true);
            }
        };
        let stored = Stored::of(self.home.place(), number, &contents);
        self.pending.begin(&stored.names()).map_err(|error| write_failed("the list of uploads", &folder, &error))?;
        self.has_leftovers = true;
        stored.put(self.home.place(), contents)?;
        if self.keeper().note_stored(number, stored.clone())? {
            segment.keep(&stored);
            self.pending.settle(&stored.names());
            self.has_leftovers = false;
        }
        Ok(true)
    }
}
