//! The direct scan: every line of a snapshot that lies in an interval and matches a filter.
//!
//! Memory first, line by line; then segments in the order of the clock asked for, each as a set of
//! rows found on its columns. Segments whose bounds rule a match out are not opened. Runs on a
//! blocking thread, and on a second one while a core is left; stops at its deadline, its byte budget or
//! when the caller has gone, and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::GroupView;
use andon_columns::lines::{Line, Lines};
use andon_columns::select::{Checkpoint, Span, select_lines};
use andon_reader::query::{Filter, RowView};
use andon_reader::{Clock, Order};

use crate::chunk::Chunk;
use crate::extent::{Extent, Interval};
use crate::live::LiveGroup;
use crate::segment::{OpenedCache, Segment};
use crate::shared::Visible;
use crate::tombstone::{Tombstone, concerning, is_hidden};
use crate::workers::{Busy, Workers};

/// How long a query looks through segments before it borrows a thread.
const ALONE: Duration = Duration::from_micros(500);

/// Where a line was found, to fetch the whole of it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// Number of the chunk, of the batch in it, of the line in that.
    Memory(usize, usize, usize),
    /// Number of the segment in the snapshot, of the line in that.
    Segment(usize, usize),
}

/// What is done with matching lines.
pub(crate) trait Visitor: Send + Sized {
    /// Makes one that has seen nothing yet, for another thread.
    fn beside(&self) -> Self;

    /// Takes in what the other one has seen.
    fn join(&mut self, beside: Self) -> Result<(), ColumnError>;

    /// Says whether lines of this extent can still matter.
    fn wants(&self, _extent: &Extent) -> bool {
        true
    }

    /// Takes an extent of which every line matches, without seeing the lines.
    fn take_whole(&mut self, _extent: &Extent) -> bool {
        false
    }

    /// Takes a matching line in memory.
    fn line(
        &mut self,
        found: Found,
        time_us: i64,
        sequence: u64,
        line: &Line<'_>,
    ) -> Result<(), ColumnError>;

    /// Takes the matching lines of a segment; says how many lines were looked at.
    fn group(
        &mut self,
        number: usize,
        group: &dyn GroupView,
        plan: &Plan<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError>;
}

/// What to scan.
pub(crate) struct Plan<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) interval: Interval,
    pub(crate) order: Order,
}

impl Plan<'_> {
    /// The interval as columns take it.
    pub(crate) fn span(&self) -> Span {
        Span {
            since_us: self.interval.since_us,
            until_us: self.interval.until_us,
            clock: self.interval.clock,
        }
    }
}

/// How long a scan may go on, and what it reads be waited for.
#[derive(Clone)]
pub(crate) struct Patience {
    pub(crate) deadline: Instant,
    pub(crate) is_cancelled: Arc<AtomicBool>,
}

/// How far a scan may go.
pub(crate) struct Budget {
    pub(crate) patience: Patience,
    pub(crate) bytes: u64,
    pub(crate) workers: Arc<Workers>,
}

impl Budget {
    /// Says whether to go on.
    pub(crate) fn check(&self) -> Result<(), ColumnError> {
        self.patience.check()
    }
}

impl Patience {
    /// Lasts until a time.
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { deadline, is_cancelled: Arc::default() }
    }

    /// Waits for nothing: what is not on the disk is ordered, and stops the work.
    pub(crate) fn none() -> Self {
        Self::until(Instant::now())
    }

    /// Says whether to go on.
    pub(crate) fn check(&self) -> Result<(), ColumnError> {
        if self.is_cancelled.load(Ordering::Relaxed) {
            return Err(ColumnError::stopped("the caller went away"));
        }
        if Instant::now() >= self.deadline {
            return Err(ColumnError::stopped(
                "stopped at the time limit of a query: narrow the interval or the query",
            ));
        }
        Ok(())
    }
}

/// How a scan went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) scanned_rows: u64,
    pub(crate) scanned_segments: u64,
    pub(crate) missing: Vec<String>,
    pub(crate) notes: Vec<String>,
}

/// A snapshot and the way to its files.
pub(crate) struct Snapshot {
    pub(crate) visible: Visible,
}

impl Snapshot {
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
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
    budget: &Budget,
    visitor: &mut V,
) -> Outcome {
    let bytes_left = AtomicU64::new(budget.bytes);
    let mut run = Run {
        opened,
        plan,
        budget,
        bytes_left: &bytes_left,
        outcome: Outcome::default(),
        tombstones: &snapshot.visible.tombstones,
    };
    let _own = budget.workers.begin();
    if let Err(stopped) = run.everything(snapshot, visitor) {
        run.outcome.missing.push(stopped.message);
    }
    if let Some(note) = snapshot.visible.archived.note(&plan.interval) {
        // Alarms ask by our time, and must not take a part for the whole; people are told.
        match plan.interval.clock {
            Clock::Timestamp => run.outcome.notes.push(note),
            Clock::ReceivedAt => run.outcome.missing.push(note),
        }
    }
    run.outcome
}

impl Outcome {
    fn join(&mut self, beside: Self) {
        self.scanned_rows += beside.scanned_rows;
        self.scanned_segments += beside.scanned_segments;
        self.missing.extend(beside.missing);
        self.notes.extend(beside.notes);
    }
}

/// The segments still to be looked through.
struct Queue<'a> {
    segments: Vec<(usize, &'a Segment)>,
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    fn take(&self) -> Option<(usize, &'a Segment)> {
        self.segments.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }

    fn left(&self) -> &[(usize, &'a Segment)] {
        self.segments.get(self.next.load(Ordering::Relaxed)..).unwrap_or_default()
    }
}

struct Run<'a> {
    opened: &'a OpenedCache,
    plan: &'a Plan<'a>,
    budget: &'a Budget,
    bytes_left: &'a AtomicU64,
    outcome: Outcome,
    /// What no question may find.
    tombstones: &'a [Arc<Tombstone>],
}

impl Run<'_> {
    fn everything<V: Visitor>(
        &mut self,
        snapshot: &Snapshot,
        visitor: &mut V,
    ) -> Result<(), ColumnError> {
        for (number, chunk) in snapshot.chunks().enumerate() {
            if self.is_relevant(&chunk.extent, visitor) && !self.taken_whole(&chunk.extent, 0, visitor)
            {
                self.memory(number, chunk, visitor)?;
            }
        }
        let segments = ordered(&snapshot.visible.segments, self.plan);
        let queue = Queue { segments, next: AtomicUsize::new(0) };
        // Many queries are answered sooner than a thread is there.
        let begun = Instant::now();
        while begun.elapsed() < ALONE
            && let Some((number, segment)) = queue.take()
        {
            self.look_through(number, segment, visitor)?;
        }
        let left = queue.left().iter().filter(|(_, segment)| self.is_relevant(segment.extent(), visitor));
        let lent = if left.take(2).count() == 2 { self.budget.workers.borrow() } else { None };
        match lent {
            Some(lent) => self.in_two(&queue, visitor, &lent),
            None => self.rest(&queue, visitor, None),
        }
    }

    /// Looks through what is left, with the help of a thread that goes when others need its core.
    fn in_two<V: Visitor>(&mut self, queue: &Queue<'_>, visitor: &mut V, lent: &Busy) -> Result<(), ColumnError> {
        let mut run = Run { outcome: Outcome::default(), ..*self };
        let mut beside = visitor.beside();
        std::thread::scope(|scope| {
            let helper = std::thread::Builder::new().name("andon-scan".into()).spawn_scoped(scope, move || {
                let ended = run.rest(queue, &mut beside, Some(lent));
                (run.outcome, beside, ended)
            });
            let ended = self.rest(queue, visitor, None);
            // Without a thread to be had there is nothing to join.
            let Ok(helper) = helper else { return ended };
            let (outcome, beside, theirs) =
                helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            self.outcome.join(outcome);
            visitor.join(beside)?;
            ended.and(theirs)
        })
    }

    fn rest<V: Visitor>(
        &mut self,
        queue: &Queue<'_>,
        visitor: &mut V,
        lent: Option<&Busy>,
    ) -> Result<(), ColumnError> {
        while !lent.is_some_and(Busy::is_crowded)
            && let Some((number, segment)) = queue.take()
        {
            self.look_through(number, segment, visitor)?;
        }
        Ok(())
    }

    /// Looks through a segment, if it may matter.
    fn look_through<V: Visitor>(
        &mut self,
        number: usize,
        segment: &Segment,
        visitor: &mut V,
    ) -> Result<(), ColumnError> {
        if !self.is_relevant(segment.extent(), visitor)
            || self.taken_whole(segment.extent(), segment.cleared_through(), visitor)
        {
            return Ok(());
        }
        match self.segment(number, segment, visitor) {
            Err(damage) if !damage.is_stopped => {
                let missing = format!("segment {}: {damage}", segment.entry.number);
                self.outcome.missing.push(missing);
                Ok(())
            }
            ended => ended,
        }
    }

    fn is_relevant<V: Visitor>(&self, extent: &Extent, visitor: &V) -> bool {
        extent.touches(&self.plan.interval) && visitor.wants(extent)
    }

    fn taken_whole<V: Visitor>(&self, extent: &Extent, cleared_through: u64, visitor: &mut V) -> bool {
        self.plan.filter.is_all()
            && extent.is_inside(&self.plan.interval)
            && concerning(self.tombstones, extent, cleared_through).is_empty()
            && visitor.take_whole(extent)
    }

    fn memory<V: Visitor>(
        &mut self,
        number: usize,
        chunk: &Chunk,
        visitor: &mut V,
    ) -> Result<(), ColumnError> {
        for (batch_number, batch) in chunk.batches.iter().enumerate() {
            if !self.is_relevant(&batch.extent, visitor) {
                continue;
            }
            self.budget.check()?;
            let budget = self.budget;
            let rows = lines_in(&batch.lines, &batch.extent, &self.plan.interval);
            let filter = self.plan.filter;
            let hiding = concerning(self.tombstones, &batch.extent, 0);
            let rows = select_lines(filter, &batch.lines, rows, &|| budget.check())?;
            for index in rows.ones() {
                let line = batch.lines.row(index);
                let time = time_of(&line, self.plan.interval.clock);
                let sequence = batch.lines.first_sequence() + index as u64;
                if is_hidden(&hiding, sequence, &line) {
                    continue;
                }
                let found = Found::Memory(number, batch_number, index);
                visitor.line(found, time, sequence, &line)?;
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
    ) -> Result<(), ColumnError> {
        self.budget.check()?;
        let budget = self.budget;
        let group = LiveGroup::open(self.opened, segment, self.tombstones, &budget.patience)?;
        let looked_at = visitor.group(number, &group, self.plan, &|| budget.check())?;
        self.outcome.scanned_rows += looked_at;
        self.outcome.scanned_segments += u64::from(looked_at > 0);
        if looked_at > 0 {
            let taken = |left: u64| left.checked_sub(segment.entry.bytes);
            let taken = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
            taken.map_err(|_| {
                ColumnError::stopped(
                    "stopped at the byte limit of a query: narrow the interval or the query",
                )
            })?;
        }
        Ok(())
    }
}

/// The lines of a batch that lie in an interval.
fn lines_in(lines: &Lines, extent: &Extent, interval: &Interval) -> Bits {
    if extent.is_inside(interval) {
        return Bits::all(lines.len());
    }
    let mut rows = Bits::none(lines.len());
    for row in 0..lines.len() {
        if interval.has(time_of(&lines.row(row), interval.clock)) {
            rows.set(row);
        }
    }
    rows
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
