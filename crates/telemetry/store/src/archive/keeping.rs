//! What the keeper does for the archive: the list of segments is changed here, in one step with what searches see.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use andon_reader::{Amount, ReaderError};

use crate::archive::micros;
use crate::archive::listed::{Archived, ArchivedEntry, ArchiveStep, Restored};
use crate::extent::Interval;
use crate::keeper::Keeper;
use crate::manifest::{Change, DropReason};
use crate::objects::Stored;
use crate::segment::{Segment, SegmentEntry};
use crate::tombstone::concerning;

impl Keeper {
    /// Says whether a segment stays although its age is over: copies have a time of their own, and what is to be
    /// archived at that age or before goes to the archive first.
    pub(crate) fn stays(&self, segment: &Segment, retention_us: i64) -> bool {
        let number = segment.entry.number;
        if self.shared.visible().archived.is_copy(number) {
            return true;
        }
        let archive = self.shared.config.archive.as_ref();
        archive.and_then(|archive| archive.after).is_some_and(|after| micros(after) <= retention_us) && !self.unarchivable.contains(&number)
    }

    /// Parts segments into the numbers of copies and the others.
    pub(crate) fn without_copies(&self, segments: Vec<Arc<Segment>>) -> (Vec<u64>, Vec<Arc<Segment>>) {
        let archived = Arc::clone(&self.shared.visible().archived);
        let (copies, others): (Vec<_>, Vec<_>) = segments.into_iter().partition(|segment| archived.is_copy(segment.entry.number));
        (copies.iter().map(|segment| segment.entry.number).collect(), others)
    }

    /// Takes the number of the next segment.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next_segment;
        self.next_segment += 1;
        number
    }

    /// Lists a segment as archived, whose files are safe at the place; false when it has changed meanwhile.
    pub(crate) fn note_moved(&mut self, segment: &Segment, stored: Stored) -> Result<bool, ReaderError> {
        let number = segment.entry.number;
        let Some(listed) = self.manifest.listing.segments.get(&number).cloned() else { return Ok(false) };
        let is_to_be_rewritten = {
            let visible = self.shared.visible();
            !concerning(&visible.tombstones, segment.extent(), segment.cleared_through()).is_empty()
        };
        if is_to_be_rewritten {
            return Ok(false);
        }
        let entry = ArchivedEntry { segment: SegmentEntry { stored: None, ..listed }, stored, copy: None, is_replaced: false };
        self.apply_step(ArchiveStep { moved: vec![entry], ..ArchiveStep::default() })?;
        self.show_archived(&[number], None);
        Ok(true)
    }

    /// Lists a copy, whose files are on the disk; false when it is not wanted any more.
    pub(crate) fn note_restored(&mut self, archived: u64, copy: SegmentEntry, until_us: i64) -> Result<bool, ReaderError> {
        let is_away = self.manifest.listing.archived.get(&archived).is_some_and(|entry| entry.copy.is_none() && !entry.is_replaced);
        if !is_away {
            return Ok(false);
        }
        let restored = Restored { archived, copy: copy.clone(), until_us };
        self.apply_step(ArchiveStep { restored: vec![restored], ..ArchiveStep::default() })?;
        let segment = self.segment(copy);
        self.show_archived(&[], Some(segment));
        Ok(true)
    }

    /// Lets the copies of an interval stay until a time, where they would go earlier.
    pub(crate) fn extend_copies(&mut self, interval: &Interval, until_us: i64) -> Result<(), ReaderError> {
        let list = self.manifest.listing.archived.iter();
        let shorter = list.filter(|(_, entry)| {
            entry.segment.extent.touches(interval) && entry.copy.is_some_and(|copy| copy.until_us < until_us)
        });
        let extended: Vec<(u64, i64)> = shorter.map(|(&number, _)| (number, until_us)).collect();
        if extended.is_empty() {
            return Ok(());
        }
        self.apply_step(ArchiveStep { extended, ..ArchiveStep::default() })?;
        self.show_archived(&[], None);
        Ok(())
    }

    /// Lists what an interval has in the archive without a copy, the newest first: it is mostly wanted most.
    pub(crate) fn away(&self, interval: &Interval) -> Vec<ArchivedEntry> {
        let list = self.manifest.listing.archived.values();
        let away = list.filter(|entry| entry.copy.is_none() && !entry.is_replaced && entry.segment.extent.touches(interval));
        let mut away: Vec<ArchivedEntry> = away.cloned().collect();
        away.sort_by_key(|entry| std::cmp::Reverse(entry.segment.extent.max_timestamp_us));
        away
    }

    /// Removes copies whose time is over; the archive keeps them.
    pub(crate) fn release_due(&mut self) -> Result<(), ReaderError> {
        let now_us = self.shared.now_us();
        let is_due = self.shared.visible().archived.first_end_us().is_some_and(|end_us| end_us <= now_us);
        if !is_due {
            return Ok(());
        }
        let list = self.manifest.listing.archived.values();
        let due = list.filter_map(|entry| entry.copy).filter(|copy| copy.until_us <= now_us);
        let copies = due.map(|copy| copy.number).collect();
        self.release(copies)
    }

    /// Removes copies by their numbers; the archive keeps them.
    pub(crate) fn release(&mut self, copies: Vec<u64>) -> Result<(), ReaderError> {
        let list = self.manifest.listing.archived.iter();
        let named = list.filter(|(_, entry)| entry.copy.is_some_and(|copy| copies.contains(&copy.number)));
        let released: Vec<u64> = named.map(|(&number, _)| number).collect();
        if released.is_empty() {
            return Ok(());
        }
        tracing::info!(segments = released.len(), "restored telemetry goes back to the archive");
        self.apply_step(ArchiveStep { released, ..ArchiveStep::default() })?;
        self.show_archived(&copies, None);
        Ok(())
    }

    /// Finds an archived segment that is to be deleted: replaced by a rewritten copy, or received before a time.
    pub(crate) fn to_be_forgotten(&self, received_before_us: Option<i64>, place: &str) -> Option<ArchivedEntry> {
        let is_old = |entry: &ArchivedEntry| received_before_us.is_some_and(|before_us| entry.segment.extent.max_received_us < before_us);
        let mut list = self.manifest.listing.archived.values();
        list.find(|entry| entry.stored.place == place && (entry.is_replaced || is_old(entry))).cloned()
    }

    /// Forgets an archived segment whose objects are gone, with its copy.
    pub(crate) fn note_forgotten(&mut self, entry: &ArchivedEntry) -> Result<(), ReaderError> {
        let number = entry.segment.number;
        let copy: Vec<u64> = self.manifest.listing.archived.get(&number).and_then(|entry| entry.copy).map(|copy| copy.number).into_iter().collect();
        let rows = entry.segment.extent.rows;
        // The lines of a replaced one are in the segment that replaced it, or were deleted on purpose.
        let dropped = (!entry.is_replaced).then_some((DropReason::Age, rows));
        let archive = ArchiveStep { forgotten: vec![number], ..ArchiveStep::default() };
        self.apply(&Change { dropped, archive, ..Change::default() })?;
        if dropped.is_some() {
            self.shared.counters.dropped_by_age_rows.fetch_add(rows, Ordering::Relaxed);
            tracing::info!(rows, "archived telemetry dropped because of its age");
        }
        self.show_archived(&copy, None);
        Ok(())
    }

    /// Sums up archived segments.
    pub(crate) fn amount(entries: &[ArchivedEntry]) -> Amount {
        let mut amount = Amount::default();
        entries.iter().for_each(|entry| amount.add(entry.segment.extent.rows, entry.segment.bytes));
        amount
    }

    fn apply_step(&mut self, archive: ArchiveStep) -> Result<(), ReaderError> {
        self.apply(&Change { archive, ..Change::default() })
    }

    /// Shows searches the archive as the list has it, in one step with the segments that go and come.
    pub(crate) fn show_archived(&self, removed: &[u64], added: Option<Arc<Segment>>) {
        let archived = Arc::new(Archived::of(&self.manifest.listing.archived));
        let mut visible = self.shared.visible_mut();
        visible.segments.retain(|segment| {
            let goes = removed.contains(&segment.entry.number);
            if goes {
                segment.condemn();
            }
            !goes
        });
        visible.segments.extend(added);
        visible.archived = archived;
        drop(visible);
        removed.iter().for_each(|&number| self.shared.opened.forget(number));
    }
}
