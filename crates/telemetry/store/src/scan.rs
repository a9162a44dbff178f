//! The direct scan: every line of a snapshot that lies in an interval and matches a filter.
//!
//! Memory first, then segments in the order of the clock asked for; row groups whose extent or
//! filter rules a match out are not read, and only the needed columns are. Runs on a blocking
//! thread and stops at its deadline, its byte budget or when the caller has gone, and says so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use andon_reader::query::{Filter, FixedField, Needs, Place, RowView};
use andon_reader::{Clock, Order, ReaderError};

use crate::extent::{Extent, Interval};
use crate::segment::{ColumnBatch, Opened, OpenedCache, Segment, column};
use crate::shared::Visible;

/// Where a line was found, to fetch the whole of it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Number of the chunk, of the batch in it, of the line in that.
    Memory(usize, usize, usize),
    /// Number of the segment in the snapshot, of the row group, of the line in that.
    Segment(usize, usize, usize),
}

/// What is done with matching lines.
pub(crate) trait Visitor {
    /// Says whether lines of this extent can still matter.
    fn wants(&self, _extent: &Extent) -> bool {
        true
    }

    /// Takes an extent of which every line matches, without seeing the lines.
    fn take_whole(&mut self, _extent: &Extent) -> bool {
        false
    }

    /// Takes a matching line; `false` ends the scan.
    fn visit<R: RowView>(&mut self, found: Found, time_us: i64, sequence: u64, row: &R) -> bool;
}

/// What to scan.
pub(crate) struct Plan<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) interval: Interval,
    pub(crate) order: Order,
    /// Fields that the visitor looks at.
    pub(crate) extra: Needs,
}

/// How far a scan may go.
pub(crate) struct Budget {
    pub(crate) deadline: Instant,
    pub(crate) bytes: u64,
    pub(crate) is_cancelled: Arc<AtomicBool>,
}

/// Why a scan stopped before its end.
enum Stop {
    Enough,
    Missing(String),
}

/// How a scan went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) scanned_rows: u64,
    pub(crate) scanned_segments: u64,
    pub(crate) missing: Vec<String>,
}

/// A snapshot and the way to its files.
pub(crate) struct Snapshot {
    pub(crate) visible: Visible,
}

impl Snapshot {
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &crate::chunk::Chunk> {
        self.visible
            .sealed
            .iter()
            .map(AsRef::as_ref)
            .chain(self.visible.active.as_ref())
    }
}

/// Scans a snapshot.
pub(crate) fn scan<V: Visitor>(
    snapshot: &Snapshot,
    opened: &OpenedCache,
    plan: &Plan<'_>,
    budget: Budget,
    visitor: &mut V,
) -> Outcome {
    let mut run = Run {
        opened,
        plan,
        budget,
        outcome: Outcome::default(),
    };
    if let Err(Stop::Missing(why)) = run.everything(snapshot, visitor) {
        run.outcome.missing.push(why);
    }
    run.outcome
}

struct Run<'a> {
    opened: &'a OpenedCache,
    plan: &'a Plan<'a>,
    budget: Budget,
    outcome: Outcome,
}

impl Run<'_> {
    fn everything<V: Visitor>(&mut self, snapshot: &Snapshot, visitor: &mut V) -> Result<(), Stop> {
        for (number, chunk) in snapshot.chunks().enumerate() {
            if self.is_relevant(&chunk.extent, visitor) && !self.taken_whole(&chunk.extent, visitor)
            {
                self.memory(number, chunk, visitor)?;
            }
        }
        for (number, segment) in ordered(&snapshot.visible.segments, self.plan) {
            if !self.is_relevant(segment.extent(), visitor)
                || self.taken_whole(segment.extent(), visitor)
            {
                continue;
            }
            match self.segment(number, segment, visitor) {
                Ok(()) => {}
                Err(SegmentStop::Stop(stop)) => return Err(stop),
                Err(SegmentStop::Unreadable(error)) => {
                    self.outcome
                        .missing
                        .push(format!("segment {}: {error}", segment.entry.number));
                }
            }
        }
        Ok(())
    }

    fn is_relevant<V: Visitor>(&self, extent: &Extent, visitor: &V) -> bool {
        extent.touches(&self.plan.interval) && visitor.wants(extent)
    }

    fn taken_whole<V: Visitor>(&self, extent: &Extent, visitor: &mut V) -> bool {
        self.plan.filter.is_all()
            && extent.is_inside(&self.plan.interval)
            && visitor.take_whole(extent)
    }

    fn check(&self) -> Result<(), Stop> {
        if self.budget.is_cancelled.load(Ordering::Relaxed) {
            return Err(Stop::Missing("the caller went away".to_owned()));
        }
        if Instant::now() >= self.budget.deadline {
            return Err(Stop::Missing(
                "stopped at the time limit of a query: narrow the interval or the query".to_owned(),
            ));
        }
        Ok(())
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Stop> {
        let Some(left) = self.budget.bytes.checked_sub(bytes) else {
            return Err(Stop::Missing(
                "stopped at the byte limit of a query: narrow the interval or the query".to_owned(),
            ));
        };
        self.budget.bytes = left;
        Ok(())
    }

    fn memory<V: Visitor>(
        &mut self,
        number: usize,
        chunk: &crate::chunk::Chunk,
        visitor: &mut V,
    ) -> Result<(), Stop> {
        for (batch_number, batch) in chunk.batches.iter().enumerate() {
            if !self.is_relevant(&batch.extent, visitor) {
                continue;
            }
            self.check()?;
            for (index, row) in batch.rows.iter().enumerate() {
                let time = time_of(row, self.plan.interval.clock);
                if self.plan.interval.has(time)
                    && self.plan.filter.matches(row)
                    && !visitor.visit(
                        Found::Memory(number, batch_number, index),
                        time,
                        row.sequence,
                        row,
                    )
                {
                    return Err(Stop::Enough);
                }
                // A single batch may hold many long lines.
                if index % 4_096 == 4_095 {
                    self.check()?;
                }
            }
            self.outcome.scanned_rows += batch.extent.rows;
        }
        Ok(())
    }

    fn segment<V: Visitor>(
        &mut self,
        number: usize,
        segment: &Segment,
        visitor: &mut V,
    ) -> Result<(), SegmentStop> {
        self.check()?;
        let opened = self.opened.open(segment)?;
        let mut groups: Vec<usize> = (0..opened.index.groups.len()).collect();
        if self.plan.order == Order::NewestFirst {
            groups.reverse();
        }
        let columns = columns_for(self.plan, &opened);
        let mut is_read = false;
        for group in groups {
            let Some(known) = opened.index.groups.get(group) else {
                continue;
            };
            if !self.is_relevant(&known.extent, visitor) || self.taken_whole(&known.extent, visitor)
            {
                continue;
            }
            if self.plan.filter.may_match(&opened.index.summary(known)) {
                is_read = true;
                self.group(number, &opened, group, &columns, visitor)?;
            }
        }
        self.outcome.scanned_segments += u64::from(is_read);
        Ok(())
    }

    fn group<V: Visitor>(
        &mut self,
        number: usize,
        opened: &Opened,
        group: usize,
        columns: &BTreeSet<String>,
        visitor: &mut V,
    ) -> Result<(), SegmentStop> {
        self.charge(opened.column_bytes(group, Some(columns)))?;
        let mut first = 0;
        for batch in opened.read(group, Some(columns), None)? {
            self.check()?;
            let batch = ColumnBatch::new(&batch?);
            let Some(times) = batch.times(self.plan.interval.clock) else {
                continue;
            };
            for (index, &time) in times.values().iter().enumerate() {
                if !self.plan.interval.has(time) {
                    continue;
                }
                let row = batch.row(index);
                if self.plan.filter.matches(&row)
                    && !visitor.visit(
                        Found::Segment(number, group, first + index),
                        time,
                        row.sequence(),
                        &row,
                    )
                {
                    return Err(Stop::Enough.into());
                }
            }
            first += batch.rows;
            self.outcome.scanned_rows += batch.rows as u64;
        }
        Ok(())
    }
}

/// Why the scan of one segment stopped.
enum SegmentStop {
    Stop(Stop),
    Unreadable(ReaderError),
}

impl From<Stop> for SegmentStop {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<ReaderError> for SegmentStop {
    fn from(error: ReaderError) -> Self {
        Self::Unreadable(error)
    }
}

fn time_of<R: RowView>(row: &R, clock: Clock) -> i64 {
    match clock {
        Clock::Timestamp => row.timestamp_us(),
        Clock::ReceivedAt => row.received_at_us(),
    }
}

/// Segments with their number in the snapshot, the likeliest first.
fn ordered<'a>(segments: &'a [Arc<Segment>], plan: &Plan<'_>) -> Vec<(usize, &'a Segment)> {
    let clock = plan.interval.clock;
    let mut list: Vec<(usize, &Segment)> = segments.iter().map(AsRef::as_ref).enumerate().collect();
    match plan.order {
        Order::NewestFirst => {
            list.sort_by_key(|(_, s)| std::cmp::Reverse(s.extent().times(clock).1))
        }
        Order::OldestFirst => list.sort_by_key(|(_, s)| s.extent().times(clock).0),
    }
    list
}

/// The columns of a segment that the filter and the visitor need.
pub(crate) fn columns_for(plan: &Plan<'_>, opened: &Opened) -> BTreeSet<String> {
    let mut columns = BTreeSet::from([column::SEQUENCE.to_owned()]);
    columns.insert(match plan.interval.clock {
        Clock::Timestamp => column::TIMESTAMP.to_owned(),
        Clock::ReceivedAt => column::RECEIVED_AT.to_owned(),
    });
    let needs = plan.filter.needs();
    for field in needs.fixed.iter().chain(&plan.extra.fixed) {
        columns.extend(fixed_columns(*field).iter().map(|name| (*name).to_owned()));
    }
    for (place, name) in needs.named.iter().chain(&plan.extra.named) {
        opened.index.add_columns(*place, name, &mut columns);
    }
    columns
}

fn fixed_columns(field: FixedField) -> &'static [&'static str] {
    match field {
        FixedField::Message => &[column::MESSAGE],
        FixedField::Service => &[column::SERVICE],
        FixedField::Level => &[column::SEVERITY_NUMBER, column::SEVERITY_TEXT],
        FixedField::SeverityNumber => &[column::SEVERITY_NUMBER],
        FixedField::SeverityText => &[column::SEVERITY_TEXT],
        FixedField::TraceId => &[column::TRACE_ID],
        FixedField::SpanId => &[column::SPAN_ID],
        FixedField::Scope => &[column::SCOPE],
        FixedField::Timestamp => &[column::TIMESTAMP],
        FixedField::ReceivedAt => &[column::RECEIVED_AT],
    }
}

/// Names a field as the fields a scan must read for it.
pub(crate) fn needs_of_field(name: &str) -> Needs {
    let mut needs = Needs::default();
    match FixedField::by_name(name) {
        Some(field) => {
            needs.fixed.insert(field);
        }
        None => {
            let (place, key) = Place::of(name);
            needs.named.insert((place, key.to_owned()));
        }
    }
    needs
}
