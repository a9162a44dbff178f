//! Start: read the manifest and the log files, tidy what a crash left behind, never refuse for
//! anything but a newer format or a disk that cannot be read.

use std::path::Path;
use std::sync::Arc;

use andon_reader::ReaderError;

use crate::chunk::{Batch, Chunk};
use crate::config::StoreConfig;
use crate::disk::Disk;
use crate::extent::Extent;
use crate::failure::{read_failed, write_failed};
use crate::manifest::Manifest;
use crate::segment::{Segment, number_of};
use crate::shared::Visible;
use crate::wal::{Recovered, file_number, recover};

/// What was found in a folder.
pub(crate) struct Found {
    pub(crate) visible: Visible,
    pub(crate) manifest: Manifest,
    pub(crate) next_sequence: u64,
    pub(crate) next_log: u64,
    pub(crate) next_segment: u64,
    pub(crate) last_received_us: i64,
    pub(crate) notes: Vec<String>,
}

/// Reads a folder.
pub(crate) fn open_folder(config: &StoreConfig, now_us: i64) -> Result<Found, ReaderError> {
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
        next_sequence: listing.last_sequence + 1,
        next_log: listing.flushed_log + 1,
        next_segment: listing.last_segment + 1,
        last_received_us: listing.last_received_us,
        notes: Vec::new(),
        manifest,
    };
    found.add_segments(disk, folder, &names, &mut notes);
    found.add_logs(disk, folder, &names, now_us, &mut notes)?;
    for note in &notes {
        tracing::warn!(note, "telemetry recovery");
    }
    found.notes = notes;
    Ok(found)
}

impl Found {
    fn add_segments(
        &mut self,
        disk: &Arc<dyn Disk>,
        folder: &Path,
        names: &[String],
        notes: &mut Vec<String>,
    ) {
        let listed = &self.manifest.listing.segments;
        for name in names {
            let is_leftover = match number_of(name) {
                Some(number) => {
                    self.next_segment = self.next_segment.max(number + 1);
                    !listed.contains_key(&number)
                }
                None => name.ends_with(".tmp"),
            };
            // With a damaged manifest a file without a line may be somebody's only copy.
            if is_leftover && !self.manifest.is_damaged {
                let _next_start_tries_again = disk.remove(&folder.join(name));
            }
        }
        for entry in listed.values() {
            let segment = Segment::new(entry.clone(), folder, disk);
            if let Err(error) = disk.open(&segment.data_path()) {
                notes.push(format!(
                    "{}: DAMAGED: a listed segment of {} lines cannot be opened: {error}",
                    segment.data_path().display(),
                    entry.extent.rows
                ));
            }
            // Kept even when unreadable, so that every search says what is missing.
            self.visible.segments.push(Arc::new(segment));
        }
    }

    fn add_logs(
        &mut self,
        disk: &Arc<dyn Disk>,
        folder: &Path,
        names: &[String],
        now_us: i64,
        notes: &mut Vec<String>,
    ) -> Result<(), ReaderError> {
        let mut numbers: Vec<(u64, &String)> = names
            .iter()
            .filter_map(|name| Some((file_number(name)?, name)))
            .collect();
        numbers.sort_unstable();
        for (number, name) in numbers {
            self.next_log = self.next_log.max(number + 1);
            let path = folder.join(name);
            if number <= self.manifest.listing.flushed_log {
                let _next_start_tries_again = disk.remove(&path);
                continue;
            }
            let recovered = match recover(disk.as_ref(), &path) {
                Ok(recovered) => recovered,
                Err(error) if error.code == andon_reader::code::NEWER_FORMAT => return Err(error),
                Err(error) => {
                    // Out of the way, or a later flush would count it as done and remove it.
                    let set_aside = disk.rename(&path, &path.with_extension("damaged"));
                    notes.push(format!(
                        "{}: DAMAGED: {error}; set aside: {}",
                        path.display(),
                        set_aside.is_ok()
                    ));
                    continue;
                }
            };
            if recovered.is_damaged {
                keep_copy(disk, &path, notes);
            }
            self.add_chunk(number, recovered, now_us, notes);
        }
        Ok(())
    }

    fn add_chunk(
        &mut self,
        number: u64,
        recovered: Recovered,
        now_us: i64,
        notes: &mut Vec<String>,
    ) {
        notes.extend(recovered.notes);
        let mut chunk = Chunk::new(number, now_us);
        chunk.log_bytes = recovered.file_bytes;
        for rows in recovered.batches {
            let extent = Extent::of(&rows);
            self.next_sequence = self
                .next_sequence
                .max(extent.max_sequence.saturating_add(1));
            self.last_received_us = self.last_received_us.max(extent.max_received_us);
            chunk.push(Arc::new(Batch::new(rows)));
        }
        // Also without lines: flushing it removes the file.
        self.visible.sealed.push(Arc::new(chunk));
    }
}

/// Keeps the bytes of a damaged log file for people, beside the lines saved from it.
fn keep_copy(disk: &Arc<dyn Disk>, path: &Path, notes: &mut Vec<String>) {
    let copy = path.with_extension("damaged");
    let kept = crate::disk::read_whole(disk.as_ref(), path).and_then(|bytes| {
        disk.create(&copy)
            .and_then(|mut file| file.write_all(&bytes))
    });
    notes.push(match kept {
        Ok(()) => format!("a copy of the damaged file is kept as {}", copy.display()),
        Err(error) => format!("a copy of the damaged file could not be kept: {error}"),
    });
}
