//! Puts a damaged folder of telemetry in order, while no server owns it.
//!
//! Invariants: nothing is ever deleted: what is replaced or cannot be read goes to `quarantine/`. Each step is
//! durable before the next, in an order in which a crash between them loses nothing: a new file is there before
//! the old one moves, and the list of segments changes last. Repairing twice changes nothing.
//!
//! Absent: bringing back what no file holds any more.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::{ReaderError, code};
use serde::Serialize;

use crate::archive::is_leftover;
use crate::disk::{Disk, read_whole, write_atomically};
use crate::failure::{read_failed, write_failed};
use crate::group::{ColumnCache, Depth, FORMAT, StoredGroup, WrittenGroup, data_name, index_name, write_group};
use crate::inspect::files_of;
use crate::keeper::extent_of;
use crate::manifest::{Change, FILE_NAME, Manifest};
use crate::salvage::salvage;
use crate::segment::{SegmentEntry, number_of};
use crate::wal::{LogFile, Record, file_number, first_sequence, log_header};

/// Where what is replaced or cannot be read goes.
const QUARANTINE: &str = "quarantine";
/// Bytes copied at once.
const PART_BYTES: u64 = 1 << 20;

/// What was found, and what was done, or would be.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepairReport {
    /// The damages, in the order in which they were mended.
    pub findings: Vec<RepairFinding>,
    /// Lines that no file holds any more.
    pub lost_rows: u64,
    /// Whether nothing was changed, because only the plan was wanted.
    pub is_dry_run: bool,
}

/// One damage.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepairFinding {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub damage: String,
    /// What is done.
    pub action: String,
    /// Lines that stay readable; nothing where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_rows: Option<u64>,
    /// Lines that are lost; nothing where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_rows: Option<u64>,
}

/// Puts a folder in order; a dry run only tells what would be done.
///
/// # Errors
/// When the folder cannot be read or written, or a newer version has written it.
pub fn repair(disk: &Arc<dyn Disk>, folder: &Path, is_dry_run: bool) -> Result<RepairReport, ReaderError> {
    let names = disk.list(folder).map_err(|error| read_failed(folder, &error))?;
    let (manifest, notes) = Manifest::open(disk, folder)?;
    let next_number = names.iter().filter_map(|name| number_of(name)).max().unwrap_or(0).max(manifest.listing.last_segment) + 1;
    let mut repair = Repair {
        disk,
        folder,
        manifest,
        next_number,
        cache: Arc::new(ColumnCache::new(0)),
        report: RepairReport { is_dry_run, ..RepairReport::default() },
    };
    let is_list_damaged = repair.manifest.is_damaged || !notes.is_empty();
    if is_list_damaged {
        repair.list(&notes)?;
    }
    for number in repair.manifest.listing.segments.keys().copied().collect::<Vec<_>>() {
        repair.segment(number)?;
    }
    repair.unlisted(&names, is_list_damaged)?;
    repair.logs(&names)?;
    Ok(repair.report)
}

struct Repair<'a> {
    disk: &'a Arc<dyn Disk>,
    folder: &'a Path,
    manifest: Manifest,
    next_number: u64,
    cache: Arc<ColumnCache>,
    report: RepairReport,
}

impl Repair<'_> {
    fn is_dry_run(&self) -> bool {
        self.report.is_dry_run
    }

    fn tell(&mut self, file: &str, damage: impl Into<String>, action: impl Into<String>, saved: Option<u64>, lost: Option<u64>) {
        self.report.lost_rows += lost.unwrap_or(0);
        let (damage, action) = (damage.into(), action.into());
        self.report.findings.push(RepairFinding { file: file.to_owned(), damage, action, saved_rows: saved, lost_rows: lost });
    }

    fn failed(&self, what: &str, error: &io::Error) -> ReaderError {
        write_failed(what, self.folder, error)
    }

    /// Writes the list anew from its whole lines, after a copy of it was kept.
    fn list(&mut self, notes: &[String]) -> Result<(), ReaderError> {
        self.tell(FILE_NAME, notes.join("; "), format!("a copy goes to {QUARANTINE}/, the list is written anew from its whole lines"), None, None);
        if self.is_dry_run() {
            return Ok(());
        }
        self.keep_copy(FILE_NAME, 0)?;
        self.apply(&Change::default())
    }

    fn apply(&mut self, change: &Change) -> Result<(), ReaderError> {
        let applied = self.manifest.apply(change);
        applied.map_err(|error| self.failed("the list of segments", &error))
    }

    /// Looks at a listed segment and mends it.
    fn segment(&mut self, number: u64) -> Result<(), ReaderError> {
        let Some(entry) = self.manifest.listing.segments.get(&number).cloned() else { return Ok(()) };
        let file = data_name(number);
        if entry.stored.is_some() && files_of(number).iter().any(|name| self.disk.open(&self.folder.join(name)).is_err()) {
            // It is fetched when it is read.
            return Ok(());
        }
        if entry.format < FORMAT {
            let rows = entry.extent.rows;
            self.tell(&file, "it has the format of a version before the first release", format!("it goes to {QUARANTINE}/"), None, Some(rows));
            return self.take_out(&entry, None);
        }
        let group = match StoredGroup::open(self.disk.as_ref(), self.folder, number, &self.cache) {
            Ok(group) => group,
            Err(error) if entry.stored.is_some() => return self.set_aside(&entry, &error.to_string()),
            Err(error) => {
                let rows = entry.extent.rows;
                self.tell(&file, error.to_string(), format!("what is left of it goes to {QUARANTINE}/, it is listed no more"), Some(0), Some(rows));
                return self.take_out(&entry, None);
            }
        };
        let columns = group.examine(Depth::Checksums).into_iter().filter_map(|column| column.damage);
        let damage: Vec<String> = group.surroundings_damage().into_iter().chain(columns).collect();
        if damage.is_empty() {
            return Ok(());
        }
        if entry.stored.is_some() {
            return self.set_aside(&entry, &damage.join("; "));
        }
        let saved = salvage(&group);
        drop(group);
        let action = match (&saved.group, saved.lost_columns.is_empty()) {
            (None, _) => format!("no line of it can be read; it goes to {QUARANTINE}/"),
            (Some(_), true) => format!("its index is made anew; the damaged files go to {QUARANTINE}/"),
            (Some(_), false) => {
                format!("it is written anew without what cannot be read of: {}; the damaged files go to {QUARANTINE}/", saved.lost_columns.join(", "))
            }
        };
        self.tell(&file, damage.join("; "), action, Some(saved.saved_rows), Some(saved.lost_rows));
        let written = match saved.group {
            Some(group) if !self.is_dry_run() => Some(write_group(group)?),
            _ => None,
        };
        self.take_out(&entry, written.as_ref())
    }

    /// Sets the damaged files of a segment aside that is whole at its home.
    fn set_aside(&mut self, entry: &SegmentEntry, damage: &str) -> Result<(), ReaderError> {
        let place = entry.stored.as_ref().map(|stored| stored.place.as_str()).unwrap_or_default();
        let action = format!("its files go to {QUARANTINE}/; it is whole in {place} and is fetched when it is read");
        self.tell(&data_name(entry.number), damage, action, Some(entry.extent.rows), Some(0));
        if self.is_dry_run() {
            return Ok(());
        }
        files_of(entry.number).iter().try_for_each(|name| self.move_aside(name))
    }

    /// Replaces a segment, or takes it out of the list: the new files first, then the old ones move, then the list.
    fn take_out(&mut self, old: &SegmentEntry, written: Option<&WrittenGroup>) -> Result<(), ReaderError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let mut change = Change { remove: vec![old.number], ..Change::default() };
        if let Some(written) = written {
            change.add.push(self.put(written, old.cleared_through)?);
        }
        for name in files_of(old.number) {
            self.move_aside(&name)?;
        }
        self.apply(&change)
    }

    fn put(&mut self, written: &WrittenGroup, cleared_through: u64) -> Result<SegmentEntry, ReaderError> {
        let number = self.next_number;
        self.next_number += 1;
        let write = |name: String, bytes: &[u8]| write_atomically(self.disk.as_ref(), &self.folder.join(name), bytes);
        write(index_name(number), &written.index)
            .and_then(|()| write(data_name(number), &written.data))
            .map_err(|error| self.failed("a segment", &error))?;
        Ok(SegmentEntry {
            number,
            format: FORMAT,
            bytes: (written.data.len() + written.index.len()) as u64,
            extent: extent_of(&written.facts),
            stream: written.facts.stream.clone(),
            cleared_through,
            stored: None,
        })
    }

    /// Takes files of segments that the list does not name: back into it, or out of the way.
    fn unlisted(&mut self, names: &[String], is_list_damaged: bool) -> Result<(), ReaderError> {
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        // What a crash left is tidied by the next start, as long as the list is to be trusted.
        let first_logged = self.first_logged(names);
        for number in numbers {
            let listing = &self.manifest.listing;
            let is_done_with = listing.deletions.has_replaced(number) || self.is_moved(number);
            if listing.segments.contains_key(&number) || is_done_with {
                continue;
            }
            let opened = StoredGroup::open(self.disk.as_ref(), self.folder, number, &self.cache);
            let held = opened.as_ref().is_ok_and(|group| self.is_held(group, first_logged));
            match opened {
                Ok(group) if !held => self.adopt(number, &group)?,
                Ok(_) if !is_list_damaged => {}
                Ok(_) => self.leave_out(number, "the list does not name it, and its lines are in other files")?,
                Err(error) => self.leave_out(number, &format!("the list does not name it, and it cannot be read: {error}"))?,
            }
        }
        Ok(())
    }

    fn is_moved(&self, number: u64) -> bool {
        files_of(number).iter().all(|name| self.disk.open(&self.folder.join(name)).is_err())
    }

    fn first_logged(&self, names: &[String]) -> Option<u64> {
        let flushed = self.manifest.listing.flushed_log;
        let logs = names.iter().filter(|name| file_number(name).is_some_and(|log| log > flushed));
        logs.filter_map(|name| first_sequence(self.disk.as_ref(), &self.folder.join(name))).min()
    }

    /// Says whether other files hold the lines of a segment: listed segments, or logs that are read at the next start.
    fn is_held(&self, group: &StoredGroup, first_logged: Option<u64>) -> bool {
        let (first, last) = group.facts().sequence_bounds;
        let in_segments = self.manifest.listing.segments.values().any(|entry| {
            entry.extent.min_sequence <= last && first <= entry.extent.max_sequence && entry.stream == group.facts().stream
        });
        let is_archived = is_leftover(&self.manifest.listing.archived, group.number(), &extent_of(group.facts()));
        in_segments || is_archived || first_logged.is_some_and(|logged| last >= logged)
    }

    fn adopt(&mut self, number: u64, group: &StoredGroup) -> Result<(), ReaderError> {
        let rows = group.facts().rows;
        self.tell(&data_name(number), "the list does not name it, and nothing else holds its lines", "it is listed again", Some(rows), Some(0));
        let length = |name: &String| self.disk.open(&self.folder.join(name)).map_or(0, |file| file.length());
        let entry = SegmentEntry {
            number,
            format: FORMAT,
            bytes: files_of(number).iter().map(length).sum(),
            extent: extent_of(group.facts()),
            stream: group.facts().stream.clone(),
            cleared_through: 0,
            stored: None,
        };
        if self.is_dry_run() {
            return Ok(());
        }
        self.apply(&Change { add: vec![entry], ..Change::default() })?;
        // It may be damaged, too.
        self.segment(number)
    }

    fn leave_out(&mut self, number: u64, damage: &str) -> Result<(), ReaderError> {
        self.tell(&data_name(number), damage, format!("it goes to {QUARANTINE}/"), None, None);
        if self.is_dry_run() {
            return Ok(());
        }
        files_of(number).iter().try_for_each(|name| self.move_aside(name))
    }

    /// Mends the log files that the next start reads.
    fn logs(&mut self, names: &[String]) -> Result<(), ReaderError> {
        let flushed = self.manifest.listing.flushed_log;
        for name in names.iter().filter(|name| file_number(name).is_some_and(|log| log > flushed)) {
            self.log(name)?;
        }
        Ok(())
    }

    fn log(&mut self, name: &str) -> Result<(), ReaderError> {
        let path = self.folder.join(name);
        let mut file = match LogFile::open(self.disk.as_ref(), &path) {
            Ok(file) => file,
            Err(error) if error.code == code::NEWER_FORMAT => return Err(error),
            Err(error) => {
                self.tell(name, error.to_string(), format!("it goes to {QUARANTINE}/"), None, None);
                return if self.is_dry_run() { Ok(()) } else { self.move_aside(name) };
            }
        };
        let (mut rows, mut end) = (0, file.position());
        while let Some(lines) = file.next()? {
            rows += lines.len() as u64;
            end = file.position();
        }
        if file.notes.is_empty() {
            return Ok(());
        }
        let (damage, is_torn) = (file.notes.join("; "), !file.is_damaged);
        let action = if is_torn { "its torn end is cut" } else { "it is written anew with its whole batches" };
        let lost = is_torn.then_some(0);
        self.tell(name, damage, format!("a copy goes to {QUARANTINE}/, {action}"), Some(rows), lost);
        if self.is_dry_run() {
            return Ok(());
        }
        if is_torn {
            self.keep_copy(name, end)?;
            let cut = self.disk.open_append(&path).and_then(|mut log| {
                log.truncate(end)?;
                log.sync_data()
            });
            return cut.map_err(|error| self.failed("a log", &error));
        }
        self.keep_copy(name, 0)?;
        self.write_log(&path).map_err(|error| self.failed("a log", &error))
    }

    /// Writes a log with the whole batches of what it was, and puts it in its place in one step.
    fn write_log(&self, path: &Path) -> io::Result<()> {
        let mut old = LogFile::open(self.disk.as_ref(), path).map_err(|error| io::Error::other(error.message))?;
        let new = path.with_extension("tmp");
        let mut file = self.disk.create(&new)?;
        file.write_all(&log_header())?;
        while let Some(lines) = old.next().map_err(|error| io::Error::other(error.message))? {
            let mut record = Record::of(&lines);
            record.stamp(lines.first_sequence(), lines.received_at_us());
            file.write_all(record.bytes())?;
        }
        file.sync_data()?;
        self.disk.rename(&new, path)?;
        self.disk.sync_directory(self.folder)
    }

    fn quarantine(&self) -> Result<PathBuf, ReaderError> {
        let quarantine = self.folder.join(QUARANTINE);
        self.disk.create_directory(&quarantine).map_err(|error| self.failed("the quarantine", &error))?;
        Ok(quarantine)
    }

    /// A name in the quarantine that is not taken.
    fn free_place(&self, name: &str) -> Result<PathBuf, ReaderError> {
        let quarantine = self.quarantine()?;
        let mut place = quarantine.join(name);
        let mut number = 1;
        while self.disk.open(&place).is_ok() {
            number += 1;
            place = quarantine.join(format!("{name}.{number}"));
        }
        Ok(place)
    }

    /// Moves a file to the quarantine; one that is not there has nothing to be moved.
    fn move_aside(&self, name: &str) -> Result<(), ReaderError> {
        let from = self.folder.join(name);
        match self.disk.open(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            _ => {}
        }
        let to = self.free_place(name)?;
        let moved = self.disk.rename(&from, &to).and_then(|()| {
            self.disk.sync_directory(&self.folder.join(QUARANTINE))?;
            self.disk.sync_directory(self.folder)
        });
        moved.map_err(|error| self.failed("the quarantine", &error))
    }

    /// Keeps a copy of a file from an offset on.
    fn keep_copy(&self, name: &str, offset: u64) -> Result<(), ReaderError> {
        let to = self.free_place(name)?;
        let copied = if offset == 0 && name == FILE_NAME {
            read_whole(self.disk.as_ref(), &self.folder.join(name)).and_then(|bytes| write_atomically(self.disk.as_ref(), &to, &bytes))
        } else {
            copy(self.disk.as_ref(), &self.folder.join(name), offset, &to)
        };
        copied.map_err(|error| self.failed("the quarantine", &error))
    }
}

fn copy(disk: &dyn Disk, from: &Path, offset: u64, to: &Path) -> io::Result<()> {
    let source = disk.open(from)?;
    let mut target = disk.create(to)?;
    let mut at = offset;
    while at < source.length() {
        let length = PART_BYTES.min(source.length() - at);
        let mut part = vec![0; usize::try_from(length).unwrap_or(0)];
        source.read_at(at, &mut part)?;
        target.write_all(&part)?;
        at += length;
    }
    target.sync_data()?;
    to.parent().map_or(Ok(()), |folder| disk.sync_directory(folder))
}
