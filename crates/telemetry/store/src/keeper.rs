//! The keeper: turns full chunks into segments, drops what is too old or too much, merges small
//! segments. One at a time, behind a lock; the manifest is only changed here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::group::{GroupBuilder, GroupFacts, GroupRows, RowBuffer};
use andon_reader::ReaderError;

use crate::chunk::Chunk;
use crate::disk::write_atomically;
use crate::extent::Extent;
use crate::failure::write_failed;
use crate::live::LiveGroup;
use crate::manifest::{Change, Manifest};
use crate::scan::Patience;
use crate::group::{FORMAT, WrittenGroup, data_name, index_name, write_group};
use crate::segment::{Segment, SegmentEntry};
use crate::shared::{Shared, Writing};
use crate::wal::file_name;

/// Segments with fewer lines are merged.
const SMALL_ROWS: u64 = 65_536;
/// Lines of a merged segment at most; bounds the memory of a merge.
const MERGED_ROWS: u64 = 262_144;
/// Bytes of the segments merged at once at most; bounds the memory of a merge.
const MERGED_BYTES: u64 = 48 << 20;
/// How many small segments make a merge worth it.
const MERGE_COUNT: usize = 6;
const DAY_US: i64 = 24 * 3_600 * 1_000_000;

pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) manifest: Manifest,
    pub(crate) next_segment: u64,
    /// Segments that cannot be read whole: they are left as they are.
    pub(crate) unmergeable: BTreeSet<u64>,
    /// Segments that cannot be read as they are: they stay out of the archive.
    pub(crate) unarchivable: BTreeSet<u64>,
    /// Segments in which deletions cannot look for lines, and why.
    pub(crate) undeletable: BTreeMap<u64, String>,
    /// Whether there is more to do at once.
    pub(crate) has_more: bool,
}

impl Keeper {
    /// Does all that is due.
    pub(crate) fn maintain(&mut self) -> Result<(), ReaderError> {
        let done = self
            .flush_sealed()
            .and_then(|()| self.release_due())
            .and_then(|()| self.drop_due())
            .and_then(|()| self.delete_some())
            .and_then(|()| self.merge_small());
        self.shared.set_failing(
            Writing::Segment,
            done.as_ref().err().map(|error| error.message.clone()),
        );
        done
    }

    /// Writes each full chunk as a segment, oldest first.
    pub(crate) fn flush_sealed(&mut self) -> Result<(), ReaderError> {
        loop {
            let next = self.shared.visible().sealed.first().cloned();
            let Some(chunk) = next else { return Ok(()) };
            self.flush(&chunk)?;
        }
    }

    fn flush(&mut self, chunk: &Arc<Chunk>) -> Result<(), ReaderError> {
        let mut change = Change {
            flushed_log: chunk.ends_log.then_some(chunk.log_number),
            ..Change::default()
        };
        self.write_chunk(chunk, &mut change)?;
        self.apply(&change)?;
        let segments: Vec<Arc<Segment>> = change.add.iter().map(|entry| self.segment(entry.clone())).collect();
        let mut visible = self.shared.visible_mut();
        visible.sealed.retain(|sealed| !Arc::ptr_eq(sealed, chunk));
        visible.segments.extend(segments);
        drop(visible);
        self.shared.freed.notify_waiters();
        if !chunk.ends_log {
            return Ok(());
        }
        let config = &self.shared.config;
        if let Err(error) = config
            .disk
            .remove(&config.folder.join(file_name(chunk.log_number)))
        {
            tracing::warn!(%error, "a flushed log file could not be removed; the next start tries again");
        }
        Ok(())
    }

    pub(crate) fn segment(&self, entry: SegmentEntry) -> Arc<Segment> {
        Arc::new(Segment::new(entry, &self.shared.config, self.shared.home.as_ref()))
    }

    /// Makes the files of a segment durable; no deletion up to a number hides a line of it.
    pub(crate) fn put(&mut self, written: &WrittenGroup, cleared_through: u64) -> Result<SegmentEntry, ReaderError> {
        let config = &self.shared.config;
        let number = self.next_segment;
        self.next_segment += 1;
        let data = config.folder.join(data_name(number));
        let index = config.folder.join(index_name(number));
        let write = |path: &Path, bytes: &[u8]| {
            write_atomically(config.disk.as_ref(), path, bytes)
                .map_err(|error| write_failed("a segment", path, &error))
        };
        write(&index, &written.index)?;
        if let Err(error) = write(&data, &written.data) {
            let _best_effort = config.disk.remove(&index);
            return Err(error);
        }
        let bytes = (written.data.len() + written.index.len()) as u64;
        Ok(SegmentEntry {
            number,
            format: FORMAT,
            bytes,
            extent: extent_of(&written.facts),
            stream: written.facts.stream.clone(),
            cleared_through,
            stored: None,
        })
    }

    /// Removes the files of a segment that was never listed.
    pub(crate) fn discard(&self, entry: &SegmentEntry) {
        self.segment(entry.clone()).condemn();
    }

    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), ReaderError> {
        let applied = self.manifest.apply(change);
        applied.map_err(|error| {
            // The files of a change that does not count would only take room. But its line may be there all the
            // same, until the list is written anew.
            if self.manifest.settle().is_ok() {
                change.add.iter().for_each(|entry| self.discard(entry));
            }
            write_failed("the manifest", &self.shared.config.folder, &error)
        })
    }

    /// Swaps segments in one step; the files go when the last reader is done.
    pub(crate) fn replace(&self, removed: &[u64], added: Option<Arc<Segment>>) {
        let mut visible = self.shared.visible_mut();
        visible.segments.retain(|segment| {
            let stays = !removed.contains(&segment.entry.number);
            if !stays {
                segment.condemn();
            }
            stays
        });
        visible.segments.extend(added);
        drop(visible);
        removed
            .iter()
            .for_each(|&number| self.shared.opened.forget(number));
    }

    /// Merges runs of small segments of one stream and day into one.
    fn merge_small(&mut self) -> Result<(), ReaderError> {
        loop {
            let segments = self.shared.visible().segments.clone();
            let may_merge = |segment: &Arc<Segment>| {
                // What deletions still look for is not copied once more, and nothing is fetched for a merge.
                segment.is_here()
                    && !self.unmergeable.contains(&segment.entry.number)
                    && !self.may_hold_deleted(segment)
                    && !self.shared.visible().archived.is_copy(segment.entry.number)
            };
            let Some(run) = mergeable(segments.into_iter().filter(may_merge).collect()) else {
                return Ok(());
            };
            let Some(builder) = self.joined(&run) else {
                continue;
            };
            let mut group = builder.finish();
            group.facts.stream = run.first().map(|first| first.entry.stream.clone()).unwrap_or_default();
            let cleared_through = run.iter().map(|segment| segment.cleared_through()).min().unwrap_or(0);
            let entry = self.put(&write_group(group)?, cleared_through)?;
            let numbers: Vec<u64> = run.iter().map(|segment| segment.entry.number).collect();
            self.apply(&Change {
                add: vec![entry.clone()],
                remove: numbers.clone(),
                ..Change::default()
            })?;
            let merged = self.segment(entry);
            self.replace(&numbers, Some(merged));
        }
    }
}

impl Keeper {
    /// Reads segments into one group, in the order of their sequences; nothing when one is damaged.
    fn joined(&mut self, run: &[Arc<Segment>]) -> Option<GroupBuilder> {
        let mut builder = GroupBuilder::new();
        for segment in run {
            if let Err(error) = self.add_segment(segment, &mut builder) {
                if error.is_stopped {
                    // It left the disk in between.
                    return None;
                }
                let number = segment.entry.number;
                tracing::warn!(number, %error, "a segment cannot be merged and is left as it is");
                self.unmergeable.insert(number);
                return None;
            }
        }
        Some(builder)
    }

    fn add_segment(&self, segment: &Segment, builder: &mut GroupBuilder) -> Result<(), ColumnError> {
        let group = LiveGroup::open(&self.shared.opened, segment, &[], &Patience::none())?;
        let rows = GroupRows::open(&group)?;
        let mut buffer = RowBuffer::default();
        for row in 0..rows.len() {
            builder.push_row(&rows.read(row, &mut buffer)?.parts());
        }
        Ok(())
    }
}

/// Says where the lines of a group lie.
pub(crate) fn extent_of(facts: &GroupFacts) -> Extent {
    Extent {
        rows: facts.rows,
        min_timestamp_us: facts.timestamp_bounds_us.0,
        max_timestamp_us: facts.timestamp_bounds_us.1,
        min_received_us: facts.received_bounds_us.0,
        max_received_us: facts.received_bounds_us.1,
        min_sequence: facts.sequence_bounds.0,
        max_sequence: facts.sequence_bounds.1,
    }
}

/// Finds small segments of one stream that lie next to each other by sequence and were received on one day.
fn mergeable(mut segments: Vec<Arc<Segment>>) -> Option<Vec<Arc<Segment>>> {
    segments.sort_by(|a, b| {
        let place = |segment: &Segment| segment.extent().min_sequence;
        (&a.entry.stream, place(a)).cmp(&(&b.entry.stream, place(b)))
    });
    let mut run: Vec<Arc<Segment>> = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    for segment in segments {
        let day = segment.extent().max_received_us.div_euclid(DAY_US);
        let same_day = run
            .first()
            .is_none_or(|first| {
                first.extent().max_received_us.div_euclid(DAY_US) == day
                    && first.entry.stream == segment.entry.stream
            });
        let small = segment.extent().rows < SMALL_ROWS;
        let fits = rows + segment.extent().rows <= MERGED_ROWS
            && bytes + segment.entry.bytes <= MERGED_BYTES;
        if !(small && same_day && fits) {
            if run.len() >= MERGE_COUNT {
                return Some(run);
            }
            run.clear();
            (rows, bytes) = (0, 0);
        }
        if small {
            rows += segment.extent().rows;
            bytes += segment.entry.bytes;
            run.push(segment);
        }
    }
    (run.len() >= MERGE_COUNT).then_some(run)
}
