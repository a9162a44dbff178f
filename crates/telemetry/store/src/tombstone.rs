//! What is to be deleted: as the manifest keeps it, and as searches use it.
//!
//! Invariants: numbers ascend; a tombstone concerns only lines that were there when it was made; a segment is
//! cleared of a tombstone when none of its lines matches, and tombstones are applied to a segment in the order of
//! their numbers, so that one number says of which ones it is cleared.

use std::collections::BTreeMap;
use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::GroupView;
use andon_columns::pick::rows_before;
use andon_columns::select::{Checkpoint, Span, may_match, rows_in, select};
use andon_reader::query::{Filter, RowView};
use andon_reader::{Clock, Deletion, DeletionRecord, DeletionState, ReaderError};
use serde::{Deserialize, Serialize};

use crate::extent::{Extent, Interval};
use crate::manifest::{Change, Listing};

/// A deletion that is under way, as the manifest keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TombstoneEntry {
    pub(crate) id: u64,
    pub(crate) query: String,
    pub(crate) since_us: i64,
    pub(crate) until_us: i64,
    pub(crate) through_sequence: u64,
    /// The last log file that may hold a line up to that sequence.
    pub(crate) through_log: u64,
    pub(crate) reason: String,
    pub(crate) requested_by: String,
    pub(crate) requested_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_event: Option<String>,
    /// What was done so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) records: Vec<DeletionRecord>,
}

impl TombstoneEntry {
    /// Tells how far it is, without what is still to be done.
    pub(crate) fn describe(&self) -> Deletion {
        Deletion {
            id: self.id,
            query: self.query.clone(),
            since_us: self.since_us,
            until_us: self.until_us,
            through_sequence: self.through_sequence,
            reason: self.reason.clone(),
            requested_by: self.requested_by.clone(),
            requested_at_us: self.requested_at_us,
            request_event: self.request_event.clone(),
            state: DeletionState::Hidden,
            pending: Vec::new(),
            removed_rows: self.records.iter().map(|record| record.removed_rows).sum(),
            finished_at_us: None,
            records: self.records.clone(),
            digest: None,
        }
    }
}

/// What the manifest knows of deletions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deletions {
    /// Under way, by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) open: BTreeMap<u64, TombstoneEntry>,
    /// Finished: the SHA-256 of each one's proof, by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) finished: BTreeMap<u64, String>,
    /// The highest number that was given.
    #[serde(default)]
    pub(crate) last: u64,
}

impl Deletions {
    /// Says whether a deletion has rewritten a segment.
    pub(crate) fn has_replaced(&self, segment: u64) -> bool {
        self.replacing(segment).is_some()
    }

    /// Finds the record of the deletion that has rewritten a segment: its file, should it be there still, counts
    /// no more.
    pub(crate) fn replacing(&self, segment: u64) -> Option<&DeletionRecord> {
        let mut records = self.open.values().flat_map(|entry| &entry.records);
        records.find(|record| record.old.as_ref().is_some_and(|old| old.segment == segment))
    }
}

/// A step of deletions, part of a change of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeletionStep {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begun: Option<TombstoneEntry>,
    /// What was done for a deletion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) done: Vec<(u64, DeletionRecord)>,
    /// Segments, and the deletion of which they are cleared now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cleared: Vec<(u64, u64)>,
    /// A deletion, and the SHA-256 of its proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finished: Option<(u64, String)>,
    /// The last sequence and time of receipt of lines that were flushed, also when none of them was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<(u64, i64)>,
}

impl DeletionStep {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Listing {
    pub(crate) fn apply_deletions(&mut self, change: &Change) {
        let step = &change.deletions;
        if let Some(entry) = &step.begun {
            self.deletions.last = self.deletions.last.max(entry.id);
            self.deletions.open.insert(entry.id, entry.clone());
        }
        for (id, record) in &step.done {
            if let Some(entry) = self.deletions.open.get_mut(id) {
                entry.records.push(record.clone());
            }
        }
        for (segment, id) in &step.cleared {
            if let Some(entry) = self.segments.get_mut(segment) {
                entry.cleared_through = entry.cleared_through.max(*id);
            }
            let copied = self.archived.values_mut().find(|entry| entry.copy.is_some_and(|copy| copy.number == *segment));
            if let Some(entry) = copied {
                // What is not in the copy is not in the archive.
                entry.segment.cleared_through = entry.segment.cleared_through.max(*id);
            }
        }
        if let Some((id, digest)) = &step.finished {
            self.deletions.open.remove(id);
            self.deletions.finished.insert(*id, digest.clone());
        }
        if let Some((sequence, received_us)) = step.reached {
            self.last_sequence = self.last_sequence.max(sequence);
            self.last_received_us = self.last_received_us.max(received_us);
        }
    }
}

/// A deletion as searches use it.
#[derive(Debug)]
pub(crate) struct Tombstone {
    pub(crate) id: u64,
    pub(crate) through_sequence: u64,
    pub(crate) through_log: u64,
    pub(crate) filter: Filter,
    pub(crate) interval: Interval,
}

impl Tombstone {
    pub(crate) fn new(entry: &TombstoneEntry) -> Result<Self, ReaderError> {
        Ok(Self {
            id: entry.id,
            through_sequence: entry.through_sequence,
            through_log: entry.through_log,
            filter: Filter::parse(&entry.query)?,
            interval: Interval {
                since_us: entry.since_us,
                until_us: entry.until_us,
                clock: Clock::Timestamp,
            },
        })
    }

    /// Says whether it may hide a line of an extent.
    pub(crate) fn concerns(&self, extent: &Extent) -> bool {
        extent.min_sequence <= self.through_sequence && extent.touches(&self.interval)
    }

    /// Says whether it hides a line.
    pub(crate) fn hides<R: RowView>(&self, sequence: u64, line: &R) -> bool {
        sequence <= self.through_sequence
            && self.interval.has(line.timestamp_us())
            && self.filter.matches(line)
    }

    /// Finds the lines of a group that it hides; nothing when there is none.
    pub(crate) fn rows_of(
        &self,
        group: &dyn GroupView,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Option<Bits>, ColumnError> {
        if !may_match(&self.filter, group, checkpoint)? {
            return Ok(None);
        }
        let span = Span {
            since_us: self.interval.since_us,
            until_us: self.interval.until_us,
            clock: self.interval.clock,
        };
        let mut rows = rows_in(group, span)?;
        let old = rows_before(group, self.through_sequence.saturating_add(1))?;
        if old < group.rows() {
            let mut first = Bits::none(group.rows());
            first.set_range(0..old);
            rows.and(&first);
        }
        let rows = select(&self.filter, group, rows, checkpoint)?;
        Ok(rows.any().then_some(rows))
    }
}

/// The deletions that are under way, the oldest first.
pub(crate) type Tombstones = Arc<Vec<Arc<Tombstone>>>;

/// Says whether one of several tombstones hides a line.
pub(crate) fn is_hidden<R: RowView>(tombstones: &[&Tombstone], sequence: u64, line: &R) -> bool {
    tombstones.iter().any(|tombstone| tombstone.hides(sequence, line))
}

/// The tombstones that may hide a line of an extent; of a segment those of which it is not cleared.
pub(crate) fn concerning<'t>(
    tombstones: &'t [Arc<Tombstone>],
    extent: &Extent,
    cleared_through: u64,
) -> Vec<&'t Tombstone> {
    let all = tombstones.iter().map(AsRef::as_ref);
    all.filter(|tombstone| tombstone.id > cleared_through && tombstone.concerns(extent)).collect()
}
