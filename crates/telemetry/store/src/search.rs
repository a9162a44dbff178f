//! Finding lines: the best `limit` by time and sequence, fetched whole only once they are known.

use std::collections::{BTreeMap, BinaryHeap};

use andon_columns::ColumnError;
use andon_columns::column::GroupView;
use andon_columns::lines::Line;
use andon_columns::newest::{Wanted, newest};
use andon_columns::rows::fetch as fetch_rows;
use andon_columns::select::{Checkpoint, count as count_group, may_match, rows_in, select};
use andon_reader::query::Filter;
use andon_reader::{
    Clipped, CountResult, LogRow, Order, Position, ReaderError, SearchRequest, SearchResult, clip, code,
};

use crate::archive::line_is_away;
use crate::extent::{Extent, Interval};
use crate::live::LiveGroup;
use crate::scan::{Budget, Found, Outcome, Plan, Snapshot, Visitor, scan};
use crate::segment::OpenedCache;

/// Most lines of one answer.
pub(crate) const LIMIT: usize = 10_000;

/// Place of a line in an order: time, then sequence.
type Key = (i64, u64);

/// Turns a key so that the best is always the smallest.
fn ranked(order: Order, key: Key) -> Key {
    match order {
        Order::OldestFirst => key,
        // Turned around without overflow.
        Order::NewestFirst => (!key.0, !key.1),
    }
}

/// Keeps the best lines seen so far.
struct Best {
    order: Order,
    clock: andon_reader::Clock,
    after: Option<Key>,
    wanted: usize,
    heap: BinaryHeap<(Key, Found)>,
}

impl Best {
    fn take(&mut self, found: Found, key: Key) {
        let rank = ranked(self.order, key);
        if self.after.is_some_and(|after| rank <= ranked(self.order, after)) {
            return;
        }
        if self.heap.len() < self.wanted {
            self.heap.push((rank, found));
        } else if self.heap.peek().is_some_and(|(last, _)| rank < *last) {
            self.heap.pop();
            self.heap.push((rank, found));
        }
    }

    /// The last line that is known to be enough.
    fn worst(&self) -> Option<Key> {
        let is_full = self.heap.len() >= self.wanted;
        let worst = self.heap.peek().filter(|_| is_full);
        worst.map(|(last, _)| ranked(self.order, *last))
    }
}

impl Visitor for Best {
    fn beside(&self) -> Self {
        Self { heap: BinaryHeap::new(), ..*self }
    }

    fn join(&mut self, beside: Self) -> Result<(), ColumnError> {
        for (rank, found) in beside.heap {
            self.take(found, ranked(self.order, rank));
        }
        Ok(())
    }

    fn wants(&self, extent: &Extent) -> bool {
        let (low, high) = extent.times(self.clock);
        let (best, worst) = match self.order {
            Order::OldestFirst => ((low, extent.min_sequence), (high, extent.max_sequence)),
            Order::NewestFirst => ((high, extent.max_sequence), (low, extent.min_sequence)),
        };
        let rank = |key| ranked(self.order, key);
        self.worst().is_none_or(|last| rank(best) < rank(last))
            && self.after.is_none_or(|after| rank(worst) > rank(after))
    }

    fn line(
        &mut self,
        found: Found,
        time_us: i64,
        sequence: u64,
        _line: &Line<'_>,
    ) -> Result<(), ColumnError> {
        self.take(found, (time_us, sequence));
        Ok(())
    }

    fn group(
        &mut self,
        number: usize,
        group: &dyn GroupView,
        plan: &Plan<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        if !may_match(plan.filter, group, checkpoint)? {
            return Ok(0);
        }
        let rows = rows_in(group, plan.span())?;
        let looked_at = rows.count() as u64;
        let rows = select(plan.filter, group, rows, checkpoint)?;
        let wanted = Wanted {
            clock: self.clock,
            order: self.order,
            limit: self.wanted,
            after: self.after,
            before: self.worst(),
        };
        for placed in newest(group, &rows, &wanted)? {
            self.take(Found::Segment(number, placed.row), placed.moment);
        }
        Ok(looked_at)
    }
}

fn read_cursor(cursor: &str) -> Result<Key, ReaderError> {
    let parsed = cursor
        .split_once('.')
        .and_then(|(time, sequence)| Some((time.parse().ok()?, sequence.parse().ok()?)));
    parsed.ok_or_else(|| {
        ReaderError::new(code::REQUEST, "the cursor is not one that this store gave")
            .with_hint("send `next` of the answer before, unchanged, or none to begin again")
    })
}

/// Checks what cannot be meant.
pub(crate) fn check_interval(since_us: i64, until_us: i64) -> Result<(), ReaderError> {
    if since_us <= until_us {
        return Ok(());
    }
    Err(
        ReaderError::new(code::REQUEST, "the interval ends before it begins")
            .with_hint("swap `since` and `until`"),
    )
}

/// Reads and compiles a search text; what means nothing here is left out.
pub(crate) fn compile(query: &str) -> Result<Filter, ReaderError> {
    Filter::read(query).map_err(|error| match error.position {
        Some(_) => error,
        None => error.at(Position { line: 1, column: 1 }),
    })
}

/// A checked search.
pub(crate) struct Search {
    filter: Filter,
    interval: Interval,
    best: Best,
    limit: usize,
    clip: Option<usize>,
}

impl Search {
    pub(crate) fn new(request: &SearchRequest) -> Result<Self, ReaderError> {
        check_interval(request.since_us, request.until_us)?;
        if request.limit == 0 || request.limit > LIMIT {
            return Err(ReaderError::new(
                code::REQUEST,
                format!("the limit is {}, it must lie in 1..={LIMIT}", request.limit),
            )
            .with_hint("ask for fewer lines and go on with the cursor"));
        }
        let after = request.cursor.as_deref().map(read_cursor).transpose()?;
        let interval = Interval {
            since_us: request.since_us,
            until_us: request.until_us,
            clock: request.clock,
        };
        let best = Best {
            order: request.order,
            clock: request.clock,
            after,
            // One more, to know whether there is more.
            wanted: request.limit + 1,
            heap: BinaryHeap::new(),
        };
        Ok(Self {
            filter: compile(&request.query)?,
            interval,
            best,
            limit: request.limit,
            clip: request.clip,
        })
    }

    pub(crate) fn run(
        mut self,
        snapshot: &Snapshot,
        opened: &OpenedCache,
        answer_bytes: u64,
        budget: &Budget,
    ) -> SearchResult {
        let plan = Plan {
            filter: &self.filter,
            interval: self.interval,
            order: self.best.order,
        };
        let Outcome {
            scanned_rows,
            scanned_segments,
            mut missing,
            notes,
        } = scan(snapshot, opened, &plan, budget, &mut self.best);
        let order = self.best.order;
        let found = self.best.heap.into_sorted_vec();
        let mut found: Vec<(Key, Found)> = found
            .into_iter()
            .map(|(rank, found)| (ranked(order, rank), found))
            .collect();
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        let mut page = Page { clip: self.clip, ..Page::default() };
        page.fetch(snapshot, (opened, budget), &found, answer_bytes, &mut missing);
        let next = page
            .last
            .filter(|_| (has_more || page.is_cut) && missing.is_empty())
            .map(|(time, sequence)| format!("{time}.{sequence}"));
        SearchResult {
            rows: page.rows,
            next,
            scanned_rows,
            scanned_segments,
            elapsed_us: 0,
            complete: missing.is_empty(),
            missing,
            notes,
            clipped: page.clipped,
        }
    }
}

/// Whole lines of an answer, about as many as the store's `answer_bytes` allow.
#[derive(Default)]
struct Page {
    clip: Option<usize>,
    rows: Vec<LogRow>,
    clipped: Vec<Clipped>,
    last: Option<Key>,
    is_cut: bool,
}

/// Lines fetched at once before looking at their size, growing while they are short.
const FIRST_SLICE: usize = 256;
/// The same where texts are cut: who asks for that expects long ones.
const FIRST_CLIPPED: usize = 64;

/// Lines to fetch next: about half an answer, were they as long as the ones before.
fn next_slice(whole_bytes: u64, lines: usize, answer_bytes: u64) -> usize {
    let line_bytes = (whole_bytes / lines.max(1) as u64).max(1);
    usize::try_from(answer_bytes / 2 / line_bytes).unwrap_or(LIMIT).clamp(FIRST_CLIPPED, LIMIT)
}

impl Page {
    fn fetch(
        &mut self,
        snapshot: &Snapshot,
        way: (&OpenedCache, &Budget),
        found: &[(Key, Found)],
        answer_bytes: u64,
        missing: &mut Vec<String>,
    ) {
        let places: Vec<Found> = found.iter().map(|(_, found)| *found).collect();
        let mut bytes = 0;
        // Before they are cut: what reading them takes.
        let mut whole_bytes = 0;
        let mut done = 0;
        let mut slice = if self.clip.is_some() { FIRST_CLIPPED } else { FIRST_SLICE };
        while done < places.len() && bytes < answer_bytes {
            let end = (done + slice).min(places.len());
            let wanted = places.get(done..end).unwrap_or_default();
            for row in fetch(snapshot, way, wanted, missing) {
                // The first line always goes out, or a huge one would never be seen.
                if bytes >= answer_bytes {
                    break;
                }
                whole_bytes += weight(&row);
                bytes += self.push(row);
                done += 1;
            }
            if !missing.is_empty() {
                done = end;
            }
            slice = next_slice(whole_bytes, done, answer_bytes);
        }
        self.is_cut = done < places.len();
        self.last = done
            .checked_sub(1)
            .and_then(|last| found.get(last))
            .map(|(key, _)| *key);
    }

    /// Takes a line, cut where that is wanted, and tells its weight.
    fn push(&mut self, mut row: LogRow) -> u64 {
        let place = self.rows.len();
        if let Some(characters) = self.clip {
            let cut = clip(&mut row, characters).into_iter();
            self.clipped.extend(cut.map(|(field, characters)| Clipped { row: place, field, characters }));
        }
        let bytes = weight(&row);
        self.rows.push(row);
        bytes
    }
}

/// Bytes of a line in an answer, roughly.
fn weight(row: &LogRow) -> u64 {
    let values = |map: &andon_reader::Attributes| -> u64 {
        map.iter()
            .map(|(key, value)| (key.len() + value.as_str().map_or(16, str::len)) as u64)
            .sum()
    };
    row.message.len() as u64 + values(&row.attributes) + values(&row.resource) + 200
}

/// Reads whole lines, in the order of their places.
pub(crate) fn fetch(
    snapshot: &Snapshot,
    (opened, budget): (&OpenedCache, &Budget),
    places: &[Found],
    missing: &mut Vec<String>,
) -> Vec<LogRow> {
    let chunks: Vec<_> = snapshot.chunks().collect();
    let mut rows: Vec<Option<LogRow>> = vec![None; places.len()];
    let mut stored: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (target, place) in places.iter().enumerate() {
        match *place {
            Found::Memory(chunk, batch, index) => {
                let batch = chunks.get(chunk).and_then(|chunk| chunk.batches.get(batch));
                if let Some(slot) = rows.get_mut(target) {
                    *slot = batch.map(|batch| batch.lines.to_log_row(index));
                }
            }
            Found::Segment(segment, row) => {
                let (rows, targets) = stored.entry(segment).or_default();
                rows.push(row);
                targets.push(target);
            }
        }
    }
    for (segment, (wanted, targets)) in stored {
        let Some(segment) = snapshot.visible.segments.get(segment) else {
            continue;
        };
        let read = LiveGroup::open(opened, segment, &[], &budget.patience).and_then(|group| fetch_rows(&group, &wanted, &|| Ok(())));
        match read {
            Ok(read) => {
                for (target, row) in targets.into_iter().zip(read) {
                    if let Some(slot) = rows.get_mut(target) {
                        *slot = Some(row);
                    }
                }
            }
            Err(error) => missing.push(format!("segment {}: {error}", segment.entry.number)),
        }
    }
    rows.into_iter().flatten().collect()
}

/// Counts lines; whole extents without reading them.
#[derive(Default)]
struct Counter {
    count: u64,
}

impl Visitor for Counter {
    fn beside(&self) -> Self {
        Self::default()
    }

    fn join(&mut self, beside: Self) -> Result<(), ColumnError> {
        self.count += beside.count;
        Ok(())
    }

    fn take_whole(&mut self, extent: &Extent) -> bool {
        self.count += extent.rows;
        true
    }

    fn line(
        &mut self,
        _found: Found,
        _time_us: i64,
        _sequence: u64,
        _line: &Line<'_>,
    ) -> Result<(), ColumnError> {
        self.count += 1;
        Ok(())
    }

    fn group(
        &mut self,
        _number: usize,
        group: &dyn GroupView,
        plan: &Plan<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        if !may_match(plan.filter, group, checkpoint)? {
            return Ok(0);
        }
        self.count += count_group(plan.filter, group, plan.span(), checkpoint)?;
        Ok(group.rows() as u64)
    }
}

pub(crate) fn count(
    filter: &Filter,
    interval: Interval,
    snapshot: &Snapshot,
    opened: &OpenedCache,
    budget: &Budget,
) -> CountResult {
    let mut counter = Counter::default();
    let plan = Plan {
        filter,
        interval,
        order: Order::NewestFirst,
    };
    let outcome = scan(snapshot, opened, &plan, budget, &mut counter);
    CountResult {
        count: counter.count,
        scanned_rows: outcome.scanned_rows,
        elapsed_us: 0,
        complete: outcome.missing.is_empty(),
        missing: outcome.missing,
        notes: outcome.notes,
    }
}

/// Finds one line by its sequence.
struct BySequence {
    wanted: u64,
    found: Option<Found>,
}

impl Visitor for BySequence {
    fn beside(&self) -> Self {
        Self { wanted: self.wanted, found: None }
    }

    fn join(&mut self, beside: Self) -> Result<(), ColumnError> {
        self.found = self.found.or(beside.found);
        Ok(())
    }

    fn wants(&self, extent: &Extent) -> bool {
        self.found.is_none() && (extent.min_sequence..=extent.max_sequence).contains(&self.wanted)
    }

    fn line(
        &mut self,
        found: Found,
        _time_us: i64,
        sequence: u64,
        _line: &Line<'_>,
    ) -> Result<(), ColumnError> {
        if sequence == self.wanted {
            self.found = Some(found);
        }
        Ok(())
    }

    fn group(
        &mut self,
        number: usize,
        group: &dyn GroupView,
        _plan: &Plan<'_>,
        _checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        let row = andon_columns::pick::row_of_sequence(group, self.wanted)?;
        self.found = row.map(|row| Found::Segment(number, row));
        Ok(1)
    }
}

pub(crate) fn by_sequence(
    wanted: u64,
    snapshot: &Snapshot,
    opened: &OpenedCache,
    budget: &Budget,
) -> Result<Option<LogRow>, ReaderError> {
    let filter = compile("*")?;
    let plan = Plan {
        filter: &filter,
        interval: Interval::ALWAYS,
        order: Order::NewestFirst,
    };
    let mut visitor = BySequence {
        wanted,
        found: None,
    };
    let mut outcome = scan(snapshot, opened, &plan, budget, &mut visitor);
    let places: Vec<Found> = visitor.found.into_iter().collect();
    let row = fetch(snapshot, (opened, budget), &places, &mut outcome.missing).pop();
    if row.is_none()
        && outcome.missing.is_empty()
        && let Some(extent) = snapshot.visible.archived.may_have(wanted)
    {
        return Err(line_is_away(wanted, extent));
    }
    match (row, outcome.missing.pop()) {
        (None, Some(why)) => Err(ReaderError::new(code::READ_FAILED, why)),
        (row, _) => Ok(row),
    }
}
