//! What the manifest says of archived segments, and what searches and people are told of them.

use std::collections::BTreeMap;

use andon_reader::{Amount, Clock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::extent::{Extent, Interval};
use crate::manifest::{Change, Listing};
use crate::objects::Stored;
use crate::segment::SegmentEntry;

/// A segment that is in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchivedEntry {
    /// As it was on the disk.
    pub(crate) segment: SegmentEntry,
    /// Where its files are.
    #[serde(flatten)]
    pub(crate) stored: Stored,
    /// A copy on the disk, until a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copy: Option<LocalCopy>,
    /// The copy was rewritten without some of its lines and is the only truth now: these objects go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_replaced: bool,
}

/// A copy of an archived segment on the disk, listed among the segments, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LocalCopy {
    pub(crate) number: u64,
    pub(crate) until_us: i64,
}

/// A copy that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restored {
    /// Number of the archived segment.
    pub(crate) archived: u64,
    /// Its copy, under a number of its own: readers of the segment as it was may still hold its files.
    pub(crate) copy: SegmentEntry,
    pub(crate) until_us: i64,
}

/// A step to or from the archive, part of a change of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveStep {
    /// Segments whose files are in the archive now, and not on the disk any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) moved: Vec<ArchivedEntry>,
    /// Copies that are on the disk again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) restored: Vec<Restored>,
    /// Archived segments, and until when their copies stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) extended: Vec<(u64, i64)>,
    /// Archived segments whose copies go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) released: Vec<u64>,
    /// Archived segments that are deleted, with their copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) forgotten: Vec<u64>,
}

impl ArchiveStep {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Listing {
    pub(crate) fn apply_archive(&mut self, change: &Change) {
        for entry in self.archived.values_mut() {
            if entry.copy.is_some_and(|copy| change.remove.contains(&copy.number)) {
                entry.copy = None;
                // What only takes room is dropped; anything else has rewritten the copy.
                entry.is_replaced |= change.dropped.is_none();
            }
        }
        let step = &change.archive;
        for entry in &step.moved {
            self.unlist(entry.segment.number);
            self.archived.insert(entry.segment.number, entry.clone());
        }
        for restored in &step.restored {
            if let Some(entry) = self.archived.get_mut(&restored.archived) {
                let number = restored.copy.number;
                entry.copy = Some(LocalCopy { number, until_us: restored.until_us });
                self.last_segment = self.last_segment.max(number);
                self.segments.insert(number, restored.copy.clone());
            }
        }
        for (number, until_us) in &step.extended {
            if let Some(copy) = self.archived.get_mut(number).and_then(|entry| entry.copy.as_mut()) {
                copy.until_us = *until_us;
            }
        }
        for number in step.released.iter().chain(&step.forgotten) {
            if let Some(copy) = self.archived.get_mut(number).and_then(|entry| entry.copy.take()) {
                self.unlist(copy.number);
                self.gone.insert(copy.number);
            }
        }
        for number in &step.forgotten {
            self.archived.remove(number);
            self.gone.insert(*number);
        }
        if change.dropped.is_some() {
            self.gone.extend(&change.remove);
        }
        while self.gone.len() > GONE {
            self.gone.pop_first();
        }
    }
}

/// Dropped segments that are remembered: their files go soon, and the next start sees to what is left.
const GONE: usize = 4_096;

/// Archived segments by the number that they had on the disk.
pub(crate) type ArchivedList = BTreeMap<u64, ArchivedEntry>;

/// Says whether files of this number or extent are left-overs of the way to or from the archive.
pub(crate) fn is_leftover(list: &ArchivedList, number: u64, extent: &Extent) -> bool {
    let same = |entry: &ArchivedEntry| entry.segment.number == number || entry.segment.extent == *extent;
    list.values().any(same)
}

/// The archive as a snapshot of searches sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Archived {
    /// Extents of segments without a copy on the disk.
    away: Vec<Extent>,
    /// Copies on the disk and until when they stay.
    copies: BTreeMap<u64, i64>,
    pub(crate) all: Amount,
    pub(crate) restored: Amount,
    /// Bounds of the sender's times of everything archived.
    pub(crate) bounds_us: Option<(i64, i64)>,
}

impl Archived {
    pub(crate) fn of(list: &ArchivedList) -> Self {
        let mut archived = Self::default();
        for entry in list.values().filter(|entry| !entry.is_replaced) {
            let extent = entry.segment.extent;
            archived.all.add(extent.rows, entry.segment.bytes);
            let (low, high) = archived.bounds_us.unwrap_or((i64::MAX, i64::MIN));
            archived.bounds_us = Some((low.min(extent.min_timestamp_us), high.max(extent.max_timestamp_us)));
            match entry.copy {
                Some(copy) => {
                    archived.copies.insert(copy.number, copy.until_us);
                    archived.restored.add(extent.rows, entry.segment.bytes);
                }
                None => archived.away.push(extent),
            }
        }
        archived
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.segments == 0
    }

    /// Says whether a segment on the disk is a copy of an archived one.
    pub(crate) fn is_copy(&self, number: u64) -> bool {
        self.copies.contains_key(&number)
    }

    /// Tells when the first copy goes.
    pub(crate) fn first_end_us(&self) -> Option<i64> {
        self.copies.values().min().copied()
    }

    /// Says whether a line of this sequence may be in the archive.
    pub(crate) fn may_have(&self, sequence: u64) -> Option<&Extent> {
        self.away.iter().find(|extent| (extent.min_sequence..=extent.max_sequence).contains(&sequence))
    }

    /// Tells what a search over an interval does not see, and the command that brings it back.
    pub(crate) fn note(&self, interval: &Interval) -> Option<String> {
        let mut touched = Extent::EMPTY;
        let mut is_whole = true;
        for extent in self.away.iter().filter(|extent| extent.touches(interval)) {
            is_whole &= extent.is_inside(interval);
            touched = touched.join(*extent);
        }
        if touched.rows == 0 {
            return None;
        }
        let (since_us, until_us) = match interval.clock {
            Clock::Timestamp => (
                touched.min_timestamp_us.max(interval.since_us),
                touched.max_timestamp_us.saturating_add(1).min(interval.until_us),
            ),
            Clock::ReceivedAt => (touched.min_timestamp_us, touched.max_timestamp_us.saturating_add(1)),
        };
        let up_to = if is_whole { "" } else { "up to " };
        Some(format!(
            "{up_to}{} lines of this time are in the archive and were not searched; to bring them back: {}",
            touched.rows,
            restore_command(since_us, until_us)
        ))
    }
}

/// Writes the command that restores an interval.
pub(crate) fn restore_command(since_us: i64, until_us: i64) -> String {
    format!("andon telemetry restore --since {} --until {}", written(since_us, false), written(until_us, true))
}

/// Writes a time in whole seconds, outwards.
fn written(time_us: i64, is_end: bool) -> String {
    const SECOND_US: i64 = 1_000_000;
    let second = time_us.div_euclid(SECOND_US);
    let is_between = time_us.rem_euclid(SECOND_US) > 0;
    let second = if is_end && is_between { second.saturating_add(1) } else { second };
    let bounds = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(second.clamp(bounds.0, bounds.1)).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests stop where they fail")]
mod tests {
    use super::*;
    use crate::objects::ObjectFile;

    fn entry(number: u64, times: (i64, i64)) -> ArchivedEntry {
        let extent = Extent {
            rows: 10,
            min_timestamp_us: times.0,
            max_timestamp_us: times.1,
            min_received_us: times.0,
            max_received_us: times.1,
            min_sequence: number * 10,
            max_sequence: number * 10 + 9,
        };
        let file = ObjectFile { name: "x".to_owned(), bytes: 1, sha256: String::new() };
        ArchivedEntry {
            segment: serde_json::from_value(serde_json::json!({"number": number, "format": 2, "bytes": 7, "extent": extent})).expect("an entry"),
            stored: Stored { place: "file:///a".to_owned(), data: file.clone(), index: file },
            copy: None,
            is_replaced: false,
        }
    }

    fn interval(since_us: i64, until_us: i64) -> Interval {
        Interval { since_us, until_us, clock: Clock::Timestamp }
    }

    #[test]
    fn a_search_is_told_how_many_lines_it_did_not_see_and_how_to_bring_them_back() {
        let mut list = ArchivedList::new();
        list.insert(1, entry(1, (1_500_000, 2_500_000)));
        list.insert(2, entry(2, (10_000_000, 11_000_000)));
        let archived = Archived::of(&list);
        assert_eq!(
            archived.note(&interval(0, 5_000_000)).as_deref(),
            Some("10 lines of this time are in the archive and were not searched; to bring them back: andon telemetry restore --since 1970-01-01T00:00:01Z --until 1970-01-01T00:00:03Z")
        );
        let both = archived.note(&interval(2_000_000, i64::MAX)).unwrap_or_default();
        assert!(both.starts_with("up to 20 lines") && both.ends_with("--since 1970-01-01T00:00:02Z --until 1970-01-01T00:00:12Z"), "{both}");
        assert_eq!(archived.note(&interval(3_000_000, 9_000_000)), None);
        list.entry(1).and_modify(|entry| entry.copy = Some(LocalCopy { number: 9, until_us: 5 }));
        let archived = Archived::of(&list);
        assert_eq!(archived.note(&interval(0, 5_000_000)), None, "a copy is searched");
        assert!(archived.is_copy(9) && archived.first_end_us() == Some(5));
        assert_eq!((archived.all.rows, archived.restored.rows), (20, 10));
    }

    #[test]
    fn times_at_the_ends_of_the_world_can_be_written() {
        assert!(restore_command(i64::MIN, i64::MAX).contains("9999"));
    }
}
