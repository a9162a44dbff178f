//! The list of segments: a small file of checksummed JSON lines, appended and synced per change.
//!
//! A segment counts from the moment its line is durable; files without a line are left-overs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::{ReaderError, code};
use serde::{Deserialize, Serialize};

use crate::archive::{ArchiveStep, ArchivedList};
use crate::disk::{Disk, DiskFile, read_whole, write_atomically};
use crate::failure::read_failed;
use crate::home::HomeStep;
use crate::objects::Stored;
use crate::segment::SegmentEntry;
use crate::tombstone::{DeletionStep, Deletions};

const FORMAT: u32 = 1;
pub(crate) const FILE_NAME: &str = "manifest.jsonl";

/// Lines after which the file is written anew.
const LINES_BEFORE_REWRITE: usize = 2_000;

/// Why lines were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DropReason {
    Age,
    Cap,
    /// More than the size of its stream.
    Size,
}

/// One change of the list, all or nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) add: Vec<SegmentEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remove: Vec<u64>,
    /// Log files up to this number are in segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) flushed_log: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dropped: Option<(DropReason, u64)>,
    /// The same by stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dropped_of: Vec<(String, DropReason, u64)>,
    /// What was done for deletions.
    #[serde(default, skip_serializing_if = "DeletionStep::is_empty")]
    pub(crate) deletions: DeletionStep,
    /// What went to the archive or came back.
    #[serde(default, skip_serializing_if = "ArchiveStep::is_empty")]
    pub(crate) archive: ArchiveStep,
    /// What went to the home, and what is gone from there.
    #[serde(default, skip_serializing_if = "HomeStep::is_empty")]
    pub(crate) home: HomeStep,
}

/// Everything the lines add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listing {
    format: u32,
    pub(crate) segments: BTreeMap<u64, SegmentEntry>,
    pub(crate) last_segment: u64,
    pub(crate) flushed_log: u64,
    pub(crate) last_sequence: u64,
    pub(crate) last_received_us: i64,
    pub(crate) dropped_by_age_rows: u64,
    pub(crate) dropped_by_cap_rows: u64,
    /// What was dropped of each stream.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) dropped_of: BTreeMap<String, Dropped>,
    #[serde(default)]
    pub(crate) deletions: Deletions,
    #[serde(default, skip_serializing_if = "ArchivedList::is_empty")]
    pub(crate) archived: ArchivedList,
    /// Segments that were dropped, and what the home still has of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) discarded: BTreeMap<u64, Stored>,
    /// Segments that were dropped lately: their files do not come back when their removal was lost.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) gone: BTreeSet<u64>,
}

/// Lines of one stream that were dropped, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    pub(crate) by_age_rows: u64,
    pub(crate) by_size_rows: u64,
    pub(crate) by_cap_rows: u64,
}

impl Listing {
    fn apply(&mut self, change: &Change) {
        for entry in &change.add {
            self.last_segment = self.last_segment.max(entry.number);
            self.last_sequence = self.last_sequence.max(entry.extent.max_sequence);
            self.last_received_us = self.last_received_us.max(entry.extent.max_received_us);
            self.segments.insert(entry.number, entry.clone());
        }
        change.remove.iter().for_each(|&number| self.unlist(number));
        self.flushed_log = self.flushed_log.max(change.flushed_log.unwrap_or(0));
        match change.dropped {
            Some((DropReason::Age, rows)) => self.dropped_by_age_rows += rows,
            // What a stream's own bound drops counts with what the store's does.
            Some((DropReason::Cap | DropReason::Size, rows)) => self.dropped_by_cap_rows += rows,
            None => {}
        }
        for (stream, reason, rows) in &change.dropped_of {
            let dropped = self.dropped_of.entry(stream.clone()).or_default();
            match reason {
                DropReason::Age => dropped.by_age_rows += rows,
                DropReason::Size => dropped.by_size_rows += rows,
                DropReason::Cap => dropped.by_cap_rows += rows,
            }
        }
        self.apply_archive(change);
        self.apply_home(&change.home);
        self.apply_deletions(change);
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Listing(Listing),
    Change(Change),
}

/// The manifest, open for changes.
pub(crate) struct Manifest {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Option<Box<dyn DiskFile>>,
    lines: usize,
    pub(crate) listing: Listing,
    /// True when lines were lost: files without a line must then be kept.
    pub(crate) is_damaged: bool,
}

impl Manifest {
    /// Reads the manifest, or starts one.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        folder: &Path,
    ) -> Result<(Self, Vec<String>), ReaderError> {
        let path = folder.join(FILE_NAME);
        let bytes = match read_whole(disk.as_ref(), &path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(read_failed(&path, &error)),
        };
        let mut manifest = Self {
            disk: Arc::clone(disk),
            path,
            file: None,
            lines: 0,
            listing: Listing {
                format: FORMAT,
                ..Listing::default()
            },
            is_damaged: false,
        };
        let notes = manifest.read(&bytes)?;
        Ok((manifest, notes))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Vec<String>, ReaderError> {
        let mut notes = Vec::new();
        let lines: Vec<&[u8]> = bytes
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        for (index, line) in lines.iter().enumerate() {
            match read_line(line) {
                Some(Line::Listing(listing)) if listing.format > FORMAT => {
                    return Err(ReaderError::new(
                        code::NEWER_FORMAT,
                        format!(
                            "{} has format {}, this version reads up to {FORMAT}",
                            self.path.display(),
                            listing.format
                        ),
                    )
                    .with_hint("start the newer version again"));
                }
                Some(Line::Listing(listing)) => self.listing = listing,
                Some(Line::Change(change)) => self.listing.apply(&change),
                None if index + 1 == lines.len() && !bytes.ends_with(b"\n") => {
                    notes.push(format!(
                        "{}: the last line is torn and was never acknowledged",
                        self.path.display()
                    ));
                }
                None => {
                    self.is_damaged = true;
                    notes.push(format!("{}: DAMAGED: line {} is unreadable; segments it listed are kept on disk but not searched", self.path.display(), index + 1));
                }
            }
        }
        Ok(notes)
    }

    /// Makes a change durable.
    pub(crate) fn apply(&mut self, change: &Change) -> io::Result<()> {
        let mut next = self.listing.clone();
        next.apply(change);
        match &mut self.file {
            Some(file) if self.lines < LINES_BEFORE_REWRITE => {
                let line = write_line(&Line::Change(change.clone()))?;
                if let Err(error) = file.write_all(&line).and_then(|()| file.sync_data()) {
                    // What is on disk is unknown now: the next change writes the whole file.
                    self.file = None;
                    return Err(error);
                }
                self.lines += 1;
            }
            _ => self.rewrite(&next)?,
        }
        self.listing = next;
        Ok(())
    }

    /// Makes sure that what is on disk is what is known here: after a failed change its line may be there or not.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let listing = self.listing.clone();
        self.rewrite(&listing)
    }

    fn rewrite(&mut self, listing: &Listing) -> io::Result<()> {
        let line = write_line(&Line::Listing(listing.clone()))?;
        self.file = None;
        write_atomically(self.disk.as_ref(), &self.path, &line)?;
        self.file = Some(self.disk.open_append(&self.path)?);
        self.lines = 1;
        Ok(())
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn write_line(line: &Line) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(line)?;
    let mut out = format!("{:08x} ", checksum(&json)).into_bytes();
    out.extend_from_slice(&json);
    out.push(b'\n');
    Ok(out)
}

fn read_line(line: &[u8]) -> Option<Line> {
    let (sum, json) = line.split_at_checked(9)?;
    let expected = u32::from_str_radix(std::str::from_utf8(sum).ok()?.trim_end(), 16).ok()?;
    (checksum(json) == expected).then(|| serde_json::from_slice(json).ok())?
}
