//! What a crash left in the log files becomes searchable again, a bounded part of it at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::{ReaderError, code};

use crate::chunk::{Batch, Chunk};
use crate::disk::Disk;
use crate::keeper::Keeper;
use crate::shared::Shared;
use crate::wal::LogFile;

/// What the log files tell about the numbers that were given.
pub(crate) struct Recovered {
    pub(crate) next_sequence: u64,
    pub(crate) last_received_us: i64,
    pub(crate) notes: Vec<String>,
}

/// Reads log files in their order. When more is found than a chunk holds, segments are made of it at
/// once, so that a long log needs no more memory than it did before the crash.
///
/// # Errors
/// When a newer version has written a file. Everything else is a note.
pub(crate) fn recover_logs(
    shared: &Shared,
    keeper: &mut Keeper,
    logs: &[(u64, PathBuf)],
) -> Result<Recovered, ReaderError> {
    let listing = &keeper.manifest.listing;
    let mut recovery = Recovery {
        shared,
        stored_sequence: listing.last_sequence,
        recovered: Recovered {
            next_sequence: listing.last_sequence + 1,
            last_received_us: listing.last_received_us,
            notes: Vec::new(),
        },
    };
    for (number, path) in logs {
        let disk = &shared.config.disk;
        let mut file = match LogFile::open(disk.as_ref(), path) {
            Ok(file) => file,
            Err(error) if error.code == code::NEWER_FORMAT => return Err(error),
            Err(error) => {
                recovery.set_aside(path, &error);
                continue;
            }
        };
        recovery.file(*number, path, &mut file, keeper);
    }
    for note in &recovery.recovered.notes {
        tracing::warn!(note, "telemetry recovery");
    }
    Ok(recovery.recovered)
}

struct Recovery<'a> {
    shared: &'a Shared,
    /// Lines up to this one are in segments.
    stored_sequence: u64,
    recovered: Recovered,
}

impl Recovery<'_> {
    fn file(&mut self, number: u64, path: &Path, file: &mut LogFile, keeper: &mut Keeper) {
        let now_us = self.shared.now_us();
        let mut chunk = Chunk::new(number, now_us);
        loop {
            let lines = match file.next() {
                Ok(Some(lines)) => lines,
                Ok(None) => break,
                Err(error) => {
                    self.set_aside(path, &error);
                    break;
                }
            };
            let batch = Batch::new(lines);
            let known = &mut self.recovered;
            let after = batch.extent.max_sequence.saturating_add(1);
            known.next_sequence = known.next_sequence.max(after);
            known.last_received_us = known.last_received_us.max(batch.extent.max_received_us);
            // A part of this file became a segment before the crash.
            if batch.extent.rows == 0 || batch.extent.max_sequence <= self.stored_sequence {
                continue;
            }
            let config = &self.shared.config;
            let is_full = chunk.memory_bytes >= config.flush_bytes;
            if is_full || !chunk.has_room_for(batch.lines.len()) {
                let full = std::mem::replace(&mut chunk, Chunk::new(number, now_us));
                self.add(full, keeper);
            }
            chunk.push(Arc::new(batch));
        }
        self.recovered.notes.append(&mut file.notes);
        if file.is_damaged {
            self.keep_copy(path);
        }
        // Also without lines: flushing it removes the file.
        chunk.ends_log = true;
        chunk.log_bytes = file.length();
        self.add(chunk, keeper);
    }

    fn add(&mut self, chunk: Chunk, keeper: &mut Keeper) {
        self.shared.visible_mut().sealed.push(Arc::new(chunk));
        if self.shared.visible().memory_bytes() <= self.shared.config.flush_bytes {
            return;
        }
        if let Err(error) = keeper.flush_sealed() {
            // They stay in memory: as much as was in memory before the crash.
            let note = format!("recovered lines could not be made a segment yet: {error}");
            if !self.recovered.notes.contains(&note) {
                self.recovered.notes.push(note);
            }
        }
    }

    /// Out of the way, or a later flush would count it as done and remove it.
    fn set_aside(&mut self, path: &Path, error: &ReaderError) {
        let disk = &self.shared.config.disk;
        let is_aside = disk.rename(path, &path.with_extension("damaged")).is_ok();
        self.recovered.notes.push(format!(
            "{}: DAMAGED: {error}; set aside: {is_aside}",
            path.display()
        ));
    }

    /// Keeps the bytes of a damaged log file for people, beside the lines saved from it.
    fn keep_copy(&mut self, path: &Path) {
        let copy = path.with_extension("damaged");
        let kept = copy_file(self.shared.config.disk.as_ref(), path, &copy);
        self.recovered.notes.push(match kept {
            Ok(()) => format!("a copy of the damaged file is kept as {}", copy.display()),
            Err(error) => format!("a copy of the damaged file could not be kept: {error}"),
        });
    }
}

fn copy_file(disk: &dyn Disk, from: &Path, to: &Path) -> std::io::Result<()> {
    const PART_BYTES: u64 = 1 << 20;
    let source = disk.open(from)?;
    let mut target = disk.create(to)?;
    let mut at = 0;
    while at < source.length() {
        let length = PART_BYTES.min(source.length() - at);
        let mut part = vec![0; usize::try_from(length).unwrap_or(0)];
        source.read_at(at, &mut part)?;
        target.write_all(&part)?;
        at += length;
    }
    target.sync_data()
}
