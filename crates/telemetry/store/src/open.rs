//! Start: read the manifest, list the log files, tidy what a crash left behind; never refuse for
//! anything but a newer format or a disk that cannot be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::{ReaderError, SegmentDigest};

use crate::archive::{Archived, is_leftover};
use crate::config::StoreConfig;
use crate::deletion::compile;
use crate::disk::Disk;
use crate::failure::{read_failed, write_failed};
use crate::group::{ColumnCache, FORMAT, StoredGroup, data_name, index_name};
use crate::home::Home;
use crate::keeper::extent_of;
use crate::manifest::{Change, Manifest};
use crate::segment::{Segment, SegmentEntry, number_of};
use crate::shared::Visible;
use crate::streams::StreamSet;
use crate::wal::{file_number, first_sequence};

/// What was found in a folder.
pub(crate) struct Found {
    pub(crate) visible: Visible,
    pub(crate) manifest: Manifest,
    /// Log files to be read.
    pub(crate) logs: Vec<(u64, PathBuf)>,
    pub(crate) next_log: u64,
    pub(crate) next_segment: u64,
    pub(crate) streams: StreamSet,
    pub(crate) notes: Vec<String>,
}

/// Reads a folder.
pub(crate) fn open_folder(config: &StoreConfig, home: Option<&Arc<Home>>) -> Result<Found, ReaderError> {
    let disk = &config.disk;
    let folder = config.folder.as_path();
    disk.create_directory(folder)
        .map_err(|error| write_failed("the folder", folder, &error))?;
    let names = disk
        .list(folder)
        .map_err(|error| read_failed(folder, &error))?;
    let (manifest, mut notes) = Manifest::open(disk, folder)?;
    let listing = &manifest.listing;
    let mut found = Found {
        visible: Visible::default(),
        logs: Vec::new(),
        next_log: listing.flushed_log + 1,
        next_segment: listing.last_segment + 1,
        streams: StreamSet::default(),
        notes: Vec::new(),
        manifest,
    };
    found.tidy_files(disk, folder, &names, &mut notes);
    found.add_segments(config, home, &mut notes);
    found.add_logs(disk, folder, &names);
    let (tombstones, unread) = compile(found.manifest.listing.deletions.open.values());
    found.visible.tombstones = tombstones;
    notes.extend(unread);
    let (streams, unread) = StreamSet::read(disk.as_ref(), folder);
    found.streams = streams;
    notes.extend(unread);
    for note in &notes {
        tracing::warn!(note, "telemetry recovery");
    }
    found.notes = notes;
    Ok(found)
}

impl Found {
    /// Removes what a crash left of segments that are not listed.
    fn tidy_files(
        &mut self,
        disk: &Arc<dyn Disk>,
        folder: &Path,
        names: &[String],
        notes: &mut Vec<String>,
    ) {
        for name in names {
            let is_leftover = match number_of(name) {
                Some(number) => {
                    self.next_segment = self.next_segment.max(number + 1);
                    !self.manifest.listing.segments.contains_key(&number)
                        && !self.adopted(disk, folder, names, number, notes)
                }
                None => name.ends_with(".tmp"),
            };
            let is_deleted = number_of(name).is_some_and(|number| self.is_deleted(disk, folder, number));
            // With a damaged manifest a file without a line may be somebody's only copy.
            if is_deleted || (is_leftover && !self.manifest.is_damaged) {
                let _next_start_tries_again = disk.remove(&folder.join(name));
            }
        }
    }

    fn add_segments(&mut self, config: &StoreConfig, home: Option<&Arc<Home>>, notes: &mut Vec<String>) {
        self.visible.archived = Arc::new(Archived::of(&self.manifest.listing.archived));
        let mut elsewhere: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in self.manifest.listing.segments.values() {
            let segment = Segment::new(entry.clone(), config, home);
            if let Some(stored) = entry.stored.as_ref().filter(|_| !segment.is_here()) {
                if !segment.is_kept() {
                    *elsewhere.entry(&stored.place).or_default() += entry.extent.rows;
                }
            } else if let Err(error) = config.disk.open(segment.data_path()) {
                notes.push(format!(
                    "{}: DAMAGED: a listed segment of {} lines cannot be opened: {error}",
                    segment.data_path().display(),
                    entry.extent.rows
                ));
            }
            // Kept even when unreadable, so that every search says what is missing.
            self.visible.segments.push(Arc::new(segment));
        }
        for (place, rows) in elsewhere {
            notes.push(format!("{rows} lines are in {place} alone, which is not the home of this server's segments; start it with --segments {place}"));
        }
    }

    /// Says whether a deletion has rewritten a segment: its file must not come back, whatever was lost.
    /// Not so when what was written instead is lost: then it is all that is left, and is rewritten once more.
    fn is_deleted(&self, disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> bool {
        let listing = &self.manifest.listing;
        let is_whole = |new: &SegmentDigest| {
            let is_stored = |entry: &SegmentEntry| entry.stored.is_some();
            listing.segments.get(&new.segment).is_none_or(is_stored) || disk.open(&folder.join(data_name(new.segment))).is_ok()
        };
        let record = listing.deletions.replacing(number).filter(|_| !listing.segments.contains_key(&number));
        record.is_some_and(|record| record.new.iter().all(is_whole))
    }

    /// Takes an unlisted segment into the list when nothing else holds its lines: the list has lost
    /// lines then. One that a crash left before it was listed has its lines in a log or in the
    /// segments that it was made from.
    fn adopted(
        &mut self,
        disk: &Arc<dyn Disk>,
        folder: &Path,
        names: &[String],
        number: u64,
        notes: &mut Vec<String>,
    ) -> bool {
        if self.is_deleted(disk, folder, number) {
            return false;
        }
        let cache = Arc::new(ColumnCache::new(0));
        let Ok(group) = StoredGroup::open(disk.as_ref(), folder, number, &cache) else {
            return false;
        };
        let extent = extent_of(group.facts());
        let listing = &self.manifest.listing;
        if listing.gone.contains(&number) || is_leftover(&listing.archived, number, &extent) {
            return false;
        }
        let is_held = self.manifest.listing.segments.values().any(|entry| {
            let overlaps = entry.extent.min_sequence <= extent.max_sequence
                && extent.min_sequence <= entry.extent.max_sequence;
            // Streams lie beside each other.
            let is_other = entry.stream != group.facts().stream;
            overlaps && !is_other && (entry.stored.is_some() || disk.open(&folder.join(data_name(entry.number))).is_ok())
        });
        let first_logged = names
            .iter()
            .filter(|name| file_number(name).is_some_and(|log| log > self.manifest.listing.flushed_log))
            .filter_map(|name| first_sequence(disk.as_ref(), &folder.join(name)))
            .min();
        if is_held || first_logged.is_some_and(|first| extent.max_sequence >= first) {
            return false;
        }
        let length = |name: String| disk.open(&folder.join(name)).map_or(0, |file| file.length());
        let entry = SegmentEntry {
            number,
            format: FORMAT,
            bytes: length(data_name(number)) + length(index_name(number)),
            extent,
            stream: group.facts().stream.clone(),
            cleared_through: 0,
            stored: None,
        };
        notes.push(format!(
            "{}: DAMAGED: the list of segments did not name it, and nothing else holds its {} lines; it is listed again",
            folder.join(data_name(number)).display(),
            extent.rows
        ));
        let change = Change {
            add: vec![entry],
            ..Change::default()
        };
        if let Err(error) = self.manifest.apply(&change) {
            notes.push(format!("the list of segments cannot be written: {error}"));
        }
        true
    }

    /// Lists the log files whose lines are not all in segments, in their order.
    fn add_logs(&mut self, disk: &Arc<dyn Disk>, folder: &Path, names: &[String]) {
        for name in names {
            let Some(number) = file_number(name) else {
                continue;
            };
            self.next_log = self.next_log.max(number + 1);
            let path = folder.join(name);
            if number <= self.manifest.listing.flushed_log {
                let _next_start_tries_again = disk.remove(&path);
            } else {
                self.logs.push((number, path));
            }
        }
        self.logs.sort_unstable();
    }
}
