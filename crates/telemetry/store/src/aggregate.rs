//! Figures over matching lines, see `andon_columns::aggregate`.

use andon_columns::ColumnError;
use andon_columns::aggregate::{Aggregation, Limits, Totals};
use andon_columns::column::GroupView;
use andon_columns::lines::Line;
use andon_columns::select::Checkpoint;
use andon_reader::{AggregateRequest, AggregateResult, Order, ReaderError};

use crate::extent::Interval;
use crate::scan::{Budget, Found, Outcome, Plan, Snapshot, Visitor, scan};
use crate::segment::OpenedCache;

struct Tally<'a> {
    aggregation: &'a Aggregation,
    totals: Totals,
}

impl Visitor for Tally<'_> {
    fn beside(&self) -> Self {
        Self { aggregation: self.aggregation, totals: self.aggregation.totals() }
    }

    fn join(&mut self, beside: Self) -> Result<(), ColumnError> {
        self.totals.merge(self.aggregation, &beside.totals)
    }

    fn line(
        &mut self,
        _found: Found,
        _time_us: i64,
        _sequence: u64,
        line: &Line<'_>,
    ) -> Result<(), ColumnError> {
        self.totals.add_row(self.aggregation, line)
    }

    fn group(
        &mut self,
        _number: usize,
        group: &dyn GroupView,
        _plan: &Plan<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        self.totals.add_group(self.aggregation, group, checkpoint)
    }
}

/// Checks and compiles a request.
pub(crate) fn prepare(request: AggregateRequest) -> Result<Aggregation, ReaderError> {
    Aggregation::new(request, Limits::default())
}

/// Takes in all matching lines of a snapshot.
pub(crate) fn tally(
    aggregation: &Aggregation,
    snapshot: &Snapshot,
    opened: &OpenedCache,
    budget: &Budget,
) -> (Totals, Outcome) {
    let span = aggregation.span();
    let plan = Plan {
        filter: aggregation.filter(),
        interval: Interval {
            since_us: span.since_us,
            until_us: span.until_us,
            clock: span.clock,
        },
        order: Order::NewestFirst,
    };
    let mut tally = Tally {
        aggregation,
        totals: aggregation.totals(),
    };
    let outcome = scan(snapshot, opened, &plan, budget, &mut tally);
    (tally.totals, outcome)
}

/// Runs an aggregation over a snapshot.
pub(crate) fn run(
    aggregation: &Aggregation,
    snapshot: &Snapshot,
    opened: &OpenedCache,
    budget: &Budget,
) -> AggregateResult {
    let (totals, outcome) = tally(aggregation, snapshot, opened, budget);
    let mut result = aggregation.answer(totals);
    result.scanned_rows = outcome.scanned_rows;
    result.missing.extend(outcome.missing);
    result.notes = outcome.notes;
    result.complete = result.missing.is_empty();
    result
}
