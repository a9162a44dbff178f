//! A chunk of memory becomes segments: one, or one for each stream of which it holds lines, and without the lines
//! that deletions hide.

use std::sync::Arc;

use andon_columns::group::{Group, Part};
use andon_reader::{DeletionRecord, ReaderError};

use crate::chunk::{Batch, Chunk};
use crate::group::write_group;
use crate::keeper::Keeper;
use crate::manifest::Change;
use crate::proof::digest_of_written;
use crate::streams::StreamSet;
use crate::tombstone::{Tombstone, concerning};

/// Where the lines of the default stream go; the place of a stream in its set, plus one, is where its lines go.
const DEFAULT: u16 = 0;
/// What is deleted goes nowhere.
const NOWHERE: u16 = u16::MAX;

impl Keeper {
    /// Makes the files of a chunk's segments durable and adds them to a change.
    pub(crate) fn write_chunk(&mut self, chunk: &Chunk, change: &mut Change) -> Result<(), ReaderError> {
        if chunk.extent.rows == 0 {
            return Ok(());
        }
        let streams = self.shared.streams();
        let tombstones = Arc::clone(&self.shared.visible().tombstones);
        let hiding = concerning(&tombstones, &chunk.extent, 0);
        if streams.is_empty() && hiding.is_empty() {
            let parts: Vec<Part<'_>> = chunk.batches.iter().map(|batch| Part { lines: &batch.lines, rows: None }).collect();
            let cleared_through = self.manifest.listing.deletions.last;
            change.add.push(self.put(&write_group(Group::of_lines(&parts))?, cleared_through)?);
            return Ok(());
        }
        let sorted = Sorted::of(chunk, &streams, &hiding);
        let written = self.write_sorted(chunk, &sorted, &streams, change);
        if written.is_err() {
            // Files of a change that is never made would only take room.
            change.add.iter().for_each(|entry| self.discard(entry));
        }
        written
    }

    fn write_sorted(
        &mut self,
        chunk: &Chunk,
        sorted: &Sorted,
        streams: &StreamSet,
        change: &mut Change,
    ) -> Result<(), ReaderError> {
        let cleared_through = self.manifest.listing.deletions.last;
        let names = [""].into_iter().chain(streams.rules().map(|rule| rule.name.as_str()));
        let mut digests = Vec::new();
        for (place, name) in (DEFAULT..NOWHERE).zip(names) {
            let Some(mut group) = sorted.group(chunk, place) else { continue };
            name.clone_into(&mut group.facts.stream);
            let written = write_group(group)?;
            let entry = self.put(&written, cleared_through)?;
            if !sorted.removed.is_empty() {
                digests.push(digest_of_written(entry.number, &written));
            }
            change.add.push(entry);
        }
        for &(deletion, removed_rows) in &sorted.removed {
            let log = Some(chunk.log_number);
            let record = DeletionRecord { old: None, log, new: digests.clone(), removed_rows };
            change.deletions.done.push((deletion, record));
        }
        // Also when nothing is left of the last lines, their numbers are never used again.
        change.deletions.reached = Some((chunk.extent.max_sequence, chunk.extent.max_received_us));
        Ok(())
    }
}

/// Where each line of a chunk goes.
struct Sorted {
    /// Per batch and line.
    places: Vec<Vec<u16>>,
    /// Lines per place; the last one counts what goes nowhere.
    counts: Vec<usize>,
    /// Deletions, and how many lines each has removed.
    removed: Vec<(u64, u64)>,
}

impl Sorted {
    fn of(chunk: &Chunk, streams: &StreamSet, hiding: &[&Tombstone]) -> Self {
        let mut counts = vec![0; streams.len() + 1];
        let mut removed: Vec<(u64, u64)> = hiding.iter().map(|tombstone| (tombstone.id, 0)).collect();
        let mut places = Vec::with_capacity(chunk.batches.len());
        for batch in &chunk.batches {
            let lines = &*batch.lines;
            let place_of = |row: usize| {
                let (line, sequence) = (lines.row(row), lines.first_sequence() + row as u64);
                if let Some(first) = hiding.iter().position(|tombstone| tombstone.hides(sequence, &line)) {
                    if let Some((_, rows)) = removed.get_mut(first) {
                        *rows += 1;
                    }
                    return NOWHERE;
                }
                let place = streams.place_of(&line).map_or(0, |place| place + 1);
                if let Some(count) = counts.get_mut(place) {
                    *count += 1;
                }
                u16::try_from(place).unwrap_or(DEFAULT)
            };
            places.push((0..lines.len()).map(place_of).collect());
        }
        removed.retain(|&(_, rows)| rows > 0);
        Self { places, counts, removed }
    }

    /// Makes the group of the lines of one place; nothing when it has none.
    fn group<'a>(&self, chunk: &'a Chunk, place: u16) -> Option<Group> {
        self.counts.get(usize::from(place)).filter(|&&count| count > 0)?;
        let part = |(batch, places): (&'a Arc<Batch>, &Vec<u16>)| {
            let rows = (0u32..).zip(places).filter(|(_, there)| **there == place);
            Part { lines: &batch.lines, rows: Some(rows.map(|(row, _)| row).collect()) }
        };
        let parts: Vec<Part<'_>> = chunk.batches.iter().zip(&self.places).map(part).collect();
        Some(Group::of_lines(&parts))
    }
}
