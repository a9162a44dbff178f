//! Moves segments to the place and back, one at a time, on a thread of its own: a slow or absent place holds up
//! neither appends nor the keeper.
//!
//! Invariants: a segment leaves the disk after its objects are at the place and were verified, by one line of the
//! manifest; whatever a crash leaves, each line is listed once. Objects that nothing lists are removed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use andon_columns::ColumnError;
use andon_reader::{Amount, ReaderError, code};

use crate::archive::micros;
use crate::archive::jobs::{Desk, Job, Scope};
use crate::archive::listed::ArchivedEntry;
use crate::config::ArchiveConfig;
use crate::disk::{Disk, write_atomically};
use crate::extent::Interval;
use crate::failure::write_failed;
use crate::group::{data_name, index_name};
use crate::home::until_closed;
use crate::keeper::Keeper;
use crate::objects::{Stored, read_files};
use crate::pending::Pending;
use crate::place::{ObjectPlace, PlaceError};
use crate::segment::{Segment, SegmentEntry};
use crate::shared::Shared;
use crate::tombstone::concerning;

/// From this share of the disk cap on the oldest segments go to the archive whatever their age: beyond the cap they
/// would be dropped.
const CAP_SHARE: (u64, u64) = (9, 10);

/// Names of objects that may be in the archive without being listed.
const PENDING_FILE: &str = "archive-pending.json";

/// Why a step failed.
pub(super) struct Trouble {
    error: ReaderError,
    /// Whether others may succeed.
    is_of_object: bool,
}

impl From<PlaceError> for Trouble {
    fn from(error: PlaceError) -> Self {
        Self { is_of_object: error.is_of_object, error: error.into() }
    }
}

impl From<ReaderError> for Trouble {
    fn from(error: ReaderError) -> Self {
        Self { error, is_of_object: false }
    }
}

pub(crate) struct Archiver {
    shared: Arc<Shared>,
    keeper: Arc<Mutex<Keeper>>,
    desk: Arc<Desk>,
    config: ArchiveConfig,
    pending: Pending,
    /// Whether objects may be left from an earlier life, or from what changed meanwhile.
    has_leftovers: bool,
}

impl Archiver {
    pub(crate) fn new(shared: Arc<Shared>, keeper: Arc<Mutex<Keeper>>, desk: Arc<Desk>, config: ArchiveConfig) -> Self {
        let pending = Pending::open(&shared.config.disk, &shared.config.folder, PENDING_FILE);
        Self { has_leftovers: !pending.names().is_empty(), shared, keeper, desk, config, pending }
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> &dyn ObjectPlace {
        self.config.place.as_ref()
    }

    /// Does all that is due: jobs first, then what age and room ask for.
    pub(crate) fn tend(&mut self) {
        while !self.shared.is_closed() {
            let has_worked = match self.desk.next() {
                Some(job) => {
                    self.go_on(&job);
                    true
                }
                None => self.go_on_by_itself(),
            };
            if !has_worked {
                break;
            }
        }
        self.desk.set_waiting(amount_of(&self.due()));
    }

    /// Does the next step that nobody asked for; false when there is none, or the place is to be left alone.
    fn go_on_by_itself(&mut self) -> bool {
        let now_us = self.shared.now_us();
        if self.desk.is_pausing(now_us) {
            return false;
        }
        let done = self.tidy().and_then(|has_worked| match self.due().first() {
            _ if has_worked => Ok(true),
            Some(segment) => self.move_segment(segment).map(|_| true),
            None => self.forget_one(),
        });
        match done {
            Ok(true) => {
                self.desk.succeed();
                true
            }
            Ok(false) => {
                self.pending.finish();
                // A failure is over when there is nothing left to do.
                if self.desk.is_failing() {
                    self.desk.succeed();
                }
                false
            }
            Err(trouble) => {
                self.desk.fail(trouble.error, now_us);
                false
            }
        }
    }

    /// Removes objects that were put there and are not listed.
    fn tidy(&mut self) -> Result<bool, Trouble> {
        if !self.has_leftovers {
            return Ok(false);
        }
        let listed: Vec<String> = {
            let mut keeper = self.keeper();
            // A line that could not be written may be there all the same, and would name objects that are gone.
            keeper.manifest.settle().map_err(|error| write_failed("the manifest", &self.shared.config.folder, &error))?;
            let list = keeper.manifest.listing.archived.values();
            list.flat_map(|entry| entry.stored.names().map(str::to_owned)).collect()
        };
        for name in self.pending.names() {
            if !listed.contains(&name) {
                self.place().delete(&name)?;
            }
            self.pending.settle(&[&name]);
        }
        self.has_leftovers = false;
        Ok(true)
    }

    /// Does the next step of a job.
    fn go_on(&mut self, job: &Job) {
        let id = job.told.id;
        let begun = Instant::now();
        let (number, amount, done) = match job.scope {
            Scope::Archive { before_us } => {
                let Some(segment) = self.archivable(before_us).into_iter().find(|segment| !job.tried.contains(&segment.entry.number)) else {
                    return self.desk.end(id, None, self.shared.now_us());
                };
                let amount = (segment.extent().rows, segment.entry.bytes);
                (segment.entry.number, amount, self.move_segment(&segment))
            }
            Scope::Restore { interval, until_us } => {
                let Some(entry) = self.next_away(&interval, job) else {
                    return self.desk.end(id, None, self.shared.now_us());
                };
                let amount = (entry.segment.extent.rows, entry.segment.bytes);
                (entry.segment.number, amount, self.bring_back(&entry, until_us))
            }
        };
        let busy_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut fatal = None;
        self.desk.update(id, |job| {
            job.tried.insert(number);
            job.told.busy_us = job.told.busy_us.saturating_add(busy_us);
            match done {
                Ok(true) => job.told.done.add(amount.0, amount.1),
                // It has changed meanwhile, or cannot be read.
                Ok(false) => {}
                Err(trouble) if trouble.is_of_object => job.told.error = Some(trouble.error),
                Err(trouble) => fatal = Some(trouble.error),
            }
        });
        match fatal {
            Some(error) => self.desk.end(id, Some(error), self.shared.now_us()),
            None => self.desk.succeed(),
        }
    }

    fn next_away(&self, interval: &Interval, job: &Job) -> Option<ArchivedEntry> {
        self.keeper().away(interval).into_iter().find(|entry| !job.tried.contains(&entry.segment.number))
    }

    fn archivable(&self, before_us: i64) -> Vec<Arc<Segment>> {
        let unarchivable = self.keeper().unarchivable.clone();
        archivable(&self.shared, &unarchivable, before_us)
    }

    /// Lists what is due by age, and what the disk cap would drop soon.
    fn due(&self) -> Vec<Arc<Segment>> {
        let Some(after) = self.config.after else { return Vec::new() };
        let cutoff_us = self.shared.now_us().saturating_sub(micros(after));
        let allowed = self.shared.config.disk_cap_bytes.map(|cap| cap / CAP_SHARE.1 * CAP_SHARE.0);
        let mut used = {
            let visible = self.shared.visible();
            visible.pinned_bytes() + visible.log_bytes()
        };
        let mut due = self.archivable(i64::MAX);
        due.retain(|segment| {
            let is_due = segment.extent().max_received_us < cutoff_us || allowed.is_some_and(|allowed| used > allowed);
            used -= if is_due { segment.pinned_bytes().min(used) } else { 0 };
            is_due
        });
        due
    }

    /// Moves a segment; false when it has changed meanwhile or cannot be read.
    fn move_segment(&mut self, segment: &Segment) -> Result<bool, Trouble> {
        let number = segment.entry.number;
        let (disk, folder) = (Arc::clone(&self.shared.config.disk), self.shared.config.folder.clone());
        segment.bring(&|| until_closed(&self.shared)).map_err(|error| unreachable(&error))?;
        let contents = match read_files(disk.as_ref(), &folder, number) {
            Ok(contents) => contents,
            Err(error) if !segment.is_here() => return Err(write_failed("a segment that left the disk in between,", &folder, &error).into()),
            Err(error) => {
                // It is named by searches already; here it must not hold up the others.
                tracing::warn!(number, %error, "a segment cannot be read and stays out of the archive");
                self.keeper().unarchivable.insert(number);
                return Ok(false);
            }
        };
        let stored = Stored::of(self.place(), number, &contents);
        self.pending.begin(&stored.names()).map_err(|error| write_failed("the list of uploads", &folder, &error))?;
        let put = stored.put(self.place(), contents).map_err(Trouble::from);
        let moved = put.and_then(|()| Ok(self.keeper().note_moved(segment, stored.clone())?));
        if matches!(moved, Ok(true)) {
            self.pending.settle(&stored.names());
            self.desk.add_moved(segment.extent().rows, segment.entry.bytes);
        } else {
            self.has_leftovers = true;
        }
        moved
    }

    /// Makes a copy of a segment; false when it is not wanted any more.
    fn bring_back(&mut self, entry: &ArchivedEntry, until_us: i64) -> Result<bool, Trouble> {
        let place = self.place().name();
        if entry.stored.place != place {
            return Err(elsewhere(entry, &place));
        }
        make_sure_of_room(&self.shared, entry.segment.bytes)?;
        let data = entry.stored.data.fetch(self.place())?;
        let index = entry.stored.index.fetch(self.place())?;
        let number = self.keeper().take_number();
        let folder = self.shared.config.folder.clone();
        let paths = [folder.join(index_name(number)), folder.join(data_name(number))];
        let disk = Arc::clone(&self.shared.config.disk);
        let forget = || paths.iter().for_each(|path| {
            let _next_start_tries_again = disk.remove(path);
        });
        if let Err(error) = write_both(disk.as_ref(), &paths, [&index, &data]) {
            forget();
            return Err(error.into());
        }
        let copy = SegmentEntry { number, ..entry.segment.clone() };
        let listed = self.keeper().note_restored(entry.segment.number, copy, until_us);
        // After an error the list may name the copy all the same; if not, the next start removes its files.
        if matches!(listed, Ok(false)) {
            forget();
        }
        listed.map_err(Trouble::from)
    }

    /// Deletes one archived segment whose time is over, or that was replaced.
    fn forget_one(&mut self) -> Result<bool, Trouble> {
        let before_us = self.config.retention.map(|age| self.shared.now_us().saturating_sub(micros(age)));
        let place = self.place().name();
        let Some(entry) = self.keeper().to_be_forgotten(before_us, &place) else { return Ok(false) };
        // In this order: a crash in between finds it listed and deletes it again.
        entry.stored.delete(self.place())?;
        self.keeper().note_forgotten(&entry)?;
        Ok(true)
    }
}

/// Says that a segment, whose home is elsewhere, cannot be had now.
fn unreachable(error: &ColumnError) -> Trouble {
    let error = ReaderError::new(code::ARCHIVE_FAILED, error.message.clone()).with_hint("the status of telemetry says how the home of the segments does");
    Trouble { error, is_of_object: false }
}

/// Writes the files of a copy.
fn write_both(disk: &dyn Disk, paths: &[PathBuf; 2], contents: [&[u8]; 2]) -> Result<(), ReaderError> {
    for (path, bytes) in paths.iter().zip(contents) {
        write_atomically(disk, path, bytes).map_err(|error| write_failed("a restored segment", path, &error))?;
    }
    Ok(())
}

fn elsewhere(entry: &ArchivedEntry, place: &str) -> Trouble {
    let message = format!("{} lines are in {}, and the archive of this server is {place}", entry.segment.extent.rows, entry.stored.place);
    let hint = format!("start the server with --archive {} to bring them back", entry.stored.place);
    PlaceError::of_object(message, hint).into()
}

/// Says whether so many bytes may come back.
///
/// # Errors
/// When the disk, or its cap, has no room for them.
pub(super) fn make_sure_of_room(shared: &Shared, bytes: u64) -> Result<(), ReaderError> {
    let used = {
        let visible = shared.visible();
        visible.pinned_bytes() + visible.log_bytes()
    };
    if let Some(cap) = shared.config.disk_cap_bytes
        && used.saturating_add(bytes) > cap
    {
        let message = format!("{bytes} bytes would come back where {used} of {cap} bytes of the disk cap are used");
        return Err(ReaderError::new(code::ARCHIVE_STATE, message).with_hint("restore a shorter interval, or start the server with a larger --disk-cap"));
    }
    let free = shared.config.disk.room(&shared.config.folder).map_or(u64::MAX, |room| {
        // As for new lines: the last of the disk is left to the records.
        room.free_bytes.saturating_sub(shared.config.reserve_bytes.min(room.total_bytes / 20))
    });
    if bytes > free {
        let message = format!("{bytes} bytes would come back where the disk has room for {free}");
        return Err(ReaderError::new(code::DISK_FULL, message).with_hint("free space, or restore a shorter interval"));
    }
    Ok(())
}

/// Lists what may go to the archive and was received before a time, the oldest first.
pub(super) fn archivable(shared: &Shared, unarchivable: &BTreeSet<u64>, before_us: i64) -> Vec<Arc<Segment>> {
    let visible = shared.visible();
    let may_go = |segment: &&Arc<Segment>| {
        let number = segment.entry.number;
        segment.extent().max_received_us < before_us
            && !visible.archived.is_copy(number)
            && !unarchivable.contains(&number)
            // What a deletion is about to rewrite goes afterwards.
            && concerning(&visible.tombstones, segment.extent(), segment.cleared_through()).is_empty()
    };
    let mut list: Vec<Arc<Segment>> = visible.segments.iter().filter(may_go).cloned().collect();
    list.sort_by_key(|segment| segment.extent().max_received_us);
    list
}

/// Sums up segments.
pub(super) fn amount_of(segments: &[Arc<Segment>]) -> Amount {
    let mut amount = Amount::default();
    segments.iter().for_each(|segment| amount.add(segment.extent().rows, segment.entry.bytes));
    amount
}
