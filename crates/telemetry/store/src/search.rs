//! Finding lines: the best `limit` by time and sequence, fetched whole only once they are known.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use andon_reader::query::{Filter, Needs, RowView};
use andon_reader::{
    CountResult, LogRow, Order, Position, ReaderError, SearchRequest, SearchResult, code,
};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use crate::extent::{Extent, Interval};
use crate::scan::{Budget, Found, Outcome, Plan, Snapshot, Visitor, scan};
use crate::segment::{ColumnBatch, OpenedCache};

/// Most lines of one answer.
pub(crate) const LIMIT: usize = 10_000;

/// Place of a line in an order: time, then sequence.
type Key = (i64, u64);

/// Turns a key so that the best is always the smallest.
fn ranked(order: Order, key: Key) -> Ranked {
    match order {
        Order::OldestFirst => Ranked::Oldest(key),
        Order::NewestFirst => Ranked::Newest(Reverse(key)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ranked {
    Oldest(Key),
    Newest(Reverse<Key>),
}

impl Ranked {
    fn key(self) -> Key {
        match self {
            Self::Oldest(key) | Self::Newest(Reverse(key)) => key,
        }
    }
}

/// Keeps the best lines seen so far.
struct Best {
    order: Order,
    clock: andon_reader::Clock,
    after: Option<Ranked>,
    wanted: usize,
    heap: BinaryHeap<(Ranked, Candidate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate(Found);

// Ranks are unique by their sequence, so the order of candidates is never looked at.
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, _other: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Visitor for Best {
    fn wants(&self, extent: &Extent) -> bool {
        let (low, high) = extent.times(self.clock);
        let (best, worst) = match self.order {
            Order::OldestFirst => ((low, extent.min_sequence), (high, extent.max_sequence)),
            Order::NewestFirst => ((high, extent.max_sequence), (low, extent.min_sequence)),
        };
        let is_better = self.heap.len() < self.wanted
            || self
                .heap
                .peek()
                .is_some_and(|(last, _)| ranked(self.order, best) < *last);
        is_better
            && self
                .after
                .is_none_or(|after| ranked(self.order, worst) > after)
    }

    fn visit<R: RowView>(&mut self, found: Found, time_us: i64, sequence: u64, _row: &R) -> bool {
        let rank = ranked(self.order, (time_us, sequence));
        if self.after.is_some_and(|after| rank <= after) {
            return true;
        }
        if self.heap.len() < self.wanted {
            self.heap.push((rank, Candidate(found)));
        } else if self.heap.peek().is_some_and(|(last, _)| rank < *last) {
            self.heap.pop();
            self.heap.push((rank, Candidate(found)));
        }
        true
    }
}

fn read_cursor(order: Order, cursor: &str) -> Result<Ranked, ReaderError> {
    let parsed = cursor
        .split_once('.')
        .and_then(|(time, sequence)| Some((time.parse().ok()?, sequence.parse().ok()?)));
    parsed.map(|key| ranked(order, key)).ok_or_else(|| {
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

/// Reads and compiles a search text.
pub(crate) fn compile(query: &str) -> Result<Filter, ReaderError> {
    Filter::parse(query).map_err(|error| match error.position {
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
        let after = request
            .cursor
            .as_deref()
            .map(|cursor| read_cursor(request.order, cursor))
            .transpose()?;
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
        })
    }

    pub(crate) fn run(
        mut self,
        snapshot: &Snapshot,
        opened: &OpenedCache,
        answer_bytes: u64,
        budget: Budget,
    ) -> SearchResult {
        let plan = Plan {
            filter: &self.filter,
            interval: self.interval,
            order: self.best.order,
            extra: Needs::default(),
        };
        let Outcome {
            scanned_rows,
            scanned_segments,
            mut missing,
        } = scan(snapshot, opened, &plan, budget, &mut self.best);
        let mut found = self.best.heap.into_sorted_vec();
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        let page = Page::fetch(snapshot, opened, &found, answer_bytes, &mut missing);
        let next = page
            .last
            .filter(|_| (has_more || page.is_cut) && missing.is_empty())
            .map(|(time, sequence)| format!("{time}.{sequence}"));
        let rows = page.rows;
        SearchResult {
            rows,
            next,
            scanned_rows,
            scanned_segments,
            elapsed_us: 0,
            complete: missing.is_empty(),
            missing,
        }
    }
}

/// Whole lines of an answer, about as many as the store's `answer_bytes` allow.
struct Page {
    rows: Vec<LogRow>,
    last: Option<Key>,
    is_cut: bool,
}

impl Page {
    fn fetch(
        snapshot: &Snapshot,
        opened: &OpenedCache,
        found: &[(Ranked, Candidate)],
        answer_bytes: u64,
        missing: &mut Vec<String>,
    ) -> Self {
        let mut page = Self {
            rows: Vec::new(),
            last: None,
            is_cut: false,
        };
        let places: Vec<Found> = found.iter().map(|(_, candidate)| candidate.0).collect();
        let at_once = rows_at_once(snapshot, opened, &places, answer_bytes);
        let mut bytes = 0;
        let mut done = 0;
        for slice in places.chunks(at_once) {
            let rows = fetch(snapshot, opened, slice, missing);
            bytes += rows.iter().map(weight).sum::<u64>();
            page.rows.extend(rows);
            done += slice.len();
            if bytes >= answer_bytes {
                break;
            }
        }
        page.is_cut = done < places.len();
        page.last = done
            .checked_sub(1)
            .and_then(|last| found.get(last))
            .map(|(rank, _)| rank.key());
        page
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

/// How many lines are read before looking at their size: few where lines are long.
fn rows_at_once(
    snapshot: &Snapshot,
    opened: &OpenedCache,
    places: &[Found],
    answer_bytes: u64,
) -> usize {
    let chunks: Vec<_> = snapshot.chunks().collect();
    let mut groups: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for place in places {
        match *place {
            Found::Memory(chunk, ..) => {
                groups.entry((usize::MAX, chunk)).or_insert_with(|| {
                    chunks
                        .get(chunk)
                        .map_or(0, |chunk| chunk.memory_bytes / chunk.extent.rows.max(1))
                });
            }
            Found::Segment(segment, group, _) => {
                groups.entry((segment, group)).or_insert_with(|| {
                    let segment = snapshot.visible.segments.get(segment);
                    let opened = segment.and_then(|segment| opened.open(segment).ok());
                    opened.map_or(0, |opened| opened.row_bytes(group))
                });
            }
        }
    }
    let largest = groups.into_values().max().unwrap_or(0).max(1);
    usize::try_from(answer_bytes / largest)
        .unwrap_or(LIMIT)
        .clamp(10, LIMIT)
}

/// Reads whole lines, in the order of their places.
pub(crate) fn fetch(
    snapshot: &Snapshot,
    opened: &OpenedCache,
    places: &[Found],
    missing: &mut Vec<String>,
) -> Vec<LogRow> {
    let chunks: Vec<_> = snapshot.chunks().collect();
    let mut rows: Vec<Option<LogRow>> = vec![None; places.len()];
    let mut stored: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
    for (target, place) in places.iter().enumerate() {
        match *place {
            Found::Memory(chunk, batch, index) => {
                let batch = chunks.get(chunk).and_then(|chunk| chunk.batches.get(batch));
                let row = batch.and_then(|batch| batch.rows.get(index));
                if let Some(slot) = rows.get_mut(target) {
                    *slot = row.map(|row| row.to_log_row());
                }
            }
            Found::Segment(segment, group, index) => {
                stored
                    .entry((segment, group))
                    .or_default()
                    .push((index, target));
            }
        }
    }
    for ((segment, group), mut wanted) in stored {
        wanted.sort_unstable();
        if let Err(error) = fetch_group(snapshot, opened, (segment, group), &wanted, &mut rows) {
            missing.push(error.to_string());
        }
    }
    rows.into_iter().flatten().collect()
}

fn fetch_group(
    snapshot: &Snapshot,
    opened: &OpenedCache,
    (segment, group): (usize, usize),
    wanted: &[(usize, usize)],
    rows: &mut [Option<LogRow>],
) -> Result<(), ReaderError> {
    let Some(segment) = snapshot.visible.segments.get(segment) else {
        return Ok(());
    };
    let opened = opened.open(segment)?;
    let mut selectors = Vec::with_capacity(wanted.len() * 2);
    let mut next = 0;
    for &(index, _) in wanted {
        selectors.push(RowSelector::skip(index - next));
        selectors.push(RowSelector::select(1));
        next = index + 1;
    }
    let mut targets = wanted.iter().map(|&(_, target)| target);
    for batch in opened.read(group, None, Some(RowSelection::from(selectors)))? {
        let batch = ColumnBatch::new(&batch?);
        for (index, target) in (0..batch.rows).zip(&mut targets) {
            if let Some(slot) = rows.get_mut(target) {
                *slot = Some(batch.row(index).to_log_row());
            }
        }
    }
    Ok(())
}

/// Counts lines; whole extents without reading them.
#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) count: u64,
}

impl Visitor for Counter {
    fn take_whole(&mut self, extent: &Extent) -> bool {
        self.count += extent.rows;
        true
    }

    fn visit<R: RowView>(
        &mut self,
        _found: Found,
        _time_us: i64,
        _sequence: u64,
        _row: &R,
    ) -> bool {
        self.count += 1;
        true
    }
}

pub(crate) fn count(
    filter: &Filter,
    interval: Interval,
    snapshot: &Snapshot,
    opened: &OpenedCache,
    budget: Budget,
) -> CountResult {
    let mut counter = Counter::default();
    let plan = Plan {
        filter,
        interval,
        order: Order::NewestFirst,
        extra: Needs::default(),
    };
    let outcome = scan(snapshot, opened, &plan, budget, &mut counter);
    CountResult {
        count: counter.count,
        scanned_rows: outcome.scanned_rows,
        elapsed_us: 0,
        complete: outcome.missing.is_empty(),
        missing: outcome.missing,
    }
}

/// Finds one line by its sequence.
pub(crate) struct BySequence {
    wanted: u64,
    found: Option<Found>,
}

impl Visitor for BySequence {
    fn wants(&self, extent: &Extent) -> bool {
        (extent.min_sequence..=extent.max_sequence).contains(&self.wanted)
    }

    fn visit<R: RowView>(&mut self, found: Found, _time_us: i64, sequence: u64, _row: &R) -> bool {
        if sequence == self.wanted {
            self.found = Some(found);
        }
        self.found.is_none()
    }
}

pub(crate) fn by_sequence(
    wanted: u64,
    snapshot: &Snapshot,
    opened: &OpenedCache,
    budget: Budget,
) -> Result<Option<LogRow>, ReaderError> {
    let filter = compile("*")?;
    let plan = Plan {
        filter: &filter,
        interval: Interval::ALWAYS,
        order: Order::NewestFirst,
        extra: Needs::default(),
    };
    let mut visitor = BySequence {
        wanted,
        found: None,
    };
    let mut outcome = scan(snapshot, opened, &plan, budget, &mut visitor);
    let places: Vec<Found> = visitor.found.into_iter().collect();
    let row = fetch(snapshot, opened, &places, &mut outcome.missing).pop();
    match (row, outcome.missing.pop()) {
        (None, Some(why)) => Err(ReaderError::new(code::READ_FAILED, why)),
        (row, _) => Ok(row),
    }
}
