//! What goes because it is old or too much: whole segments, by the bounds of their stream, then by those of the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use andon_reader::ReaderError;

use crate::keeper::Keeper;
use crate::manifest::{Change, DropReason};
use crate::segment::Segment;

impl Keeper {
    /// Drops whole segments: those that are too old, then what is beyond the size of a stream, then what is beyond
    /// the cap of the store.
    pub(crate) fn drop_due(&mut self) -> Result<(), ReaderError> {
        self.drop_old()?;
        self.drop_beyond_sizes()?;
        self.drop_beyond_cap()
    }

    fn drop_old(&mut self) -> Result<(), ReaderError> {
        let streams = self.shared.streams();
        let own = self.shared.config.retention;
        let own_us = own.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        if own_us.is_none() && streams.is_empty() {
            return Ok(());
        }
        let now_us = self.shared.now_us();
        let age_us = |segment: &Segment| streams.retention_us(&segment.entry.stream).or(own_us);
        let is_old = |segment: &Arc<Segment>| {
            age_us(segment).is_some_and(|age_us| segment.extent().max_received_us < now_us.saturating_sub(age_us))
        };
        let mut old: Vec<Arc<Segment>> = self.shared.visible().segments.iter().filter(|segment| is_old(segment)).cloned().collect();
        old.retain(|segment| !self.stays(segment, age_us(segment).unwrap_or(i64::MAX)));
        self.remove(old, DropReason::Age)
    }

    fn drop_beyond_sizes(&mut self) -> Result<(), ReaderError> {
        let streams = self.shared.streams();
        for rule in streams.rules() {
            let Some(most) = rule.size_bytes.filter(|&bytes| bytes > 0) else { continue };
            let all = self.shared.visible().segments.clone();
            let own: Vec<_> = all.into_iter().filter(|segment| segment.entry.stream == rule.name).collect();
            let used = own.iter().map(|segment| segment.entry.bytes).sum();
            self.remove(oldest_beyond(own, used, most), DropReason::Size)?;
        }
        Ok(())
    }

    fn drop_beyond_cap(&mut self) -> Result<(), ReaderError> {
        let Some(cap) = self.shared.config.disk_cap_bytes else {
            return Ok(());
        };
        let (mut segments, used) = {
            let visible = self.shared.visible();
            (visible.segments.clone(), visible.pinned_bytes() + visible.log_bytes())
        };
        if let Some(home) = &self.shared.home {
            // What the home has need not be dropped to make room here.
            home.trim(cap.saturating_sub(used));
        }
        segments.retain(|segment| segment.pinned_bytes() > 0);
        self.remove(oldest_beyond(segments, used, cap), DropReason::Cap)
    }

    fn remove(&mut self, segments: Vec<Arc<Segment>>, reason: DropReason) -> Result<(), ReaderError> {
        // A copy of what is archived goes, too, but nothing is lost with it.
        let (copies, segments) = self.without_copies(segments);
        self.release(copies)?;
        if segments.is_empty() {
            return Ok(());
        }
        let mut rows = 0;
        let mut by_stream: BTreeMap<&str, u64> = BTreeMap::new();
        for segment in &segments {
            rows += segment.extent().rows;
            *by_stream.entry(&segment.entry.stream).or_default() += segment.extent().rows;
        }
        let dropped_of = by_stream.into_iter().map(|(name, rows)| (name.to_owned(), reason, rows)).collect();
        let numbers: Vec<u64> = segments.iter().map(|segment| segment.entry.number).collect();
        self.apply(&Change {
            remove: numbers.clone(),
            dropped: Some((reason, rows)),
            dropped_of,
            ..Change::default()
        })?;
        let counters = &self.shared.counters;
        let counter = match reason {
            DropReason::Age => &counters.dropped_by_age_rows,
            DropReason::Cap | DropReason::Size => &counters.dropped_by_cap_rows,
        };
        counter.fetch_add(rows, Ordering::Relaxed);
        tracing::info!(rows, segments = numbers.len(), ?reason, "telemetry dropped");
        self.replace(&numbers, None);
        self.publish_streams();
        Ok(())
    }
}

/// The oldest segments that must go so that what is used fits.
fn oldest_beyond(mut segments: Vec<Arc<Segment>>, mut used: u64, most: u64) -> Vec<Arc<Segment>> {
    segments.sort_by_key(|segment| segment.extent().max_received_us);
    let mut excess = Vec::new();
    for segment in segments {
        if used <= most {
            break;
        }
        used = used.saturating_sub(segment.entry.bytes);
        excess.push(segment);
    }
    excess
}
