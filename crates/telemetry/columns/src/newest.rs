//! The newest or oldest of many lines, without sorting all of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use andon_reader::{Clock, Order};

use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::select::interval::clock_column;
use crate::select::numbers::value_at;

/// Place of a line in an order: time, then sequence.
pub type Moment = (i64, u64);

/// A line of a group and its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Number of the line in its group.
    pub row: usize,
    /// Its place.
    pub moment: Moment,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Which time.
    pub clock: Clock,
    /// Which end first.
    pub order: Order,
    /// At most so many lines.
    pub limit: usize,
    /// Only lines behind this one in the order.
    pub after: Option<Moment>,
    /// Only lines before this one: the last that could still matter, when enough are known already.
    pub before: Option<Moment>,
}

/// Ranks moments so that the best is the smallest.
fn rank(order: Order, moment: Moment) -> (i64, u64) {
    match order {
        Order::OldestFirst => moment,
        // Turned around without overflow.
        Order::NewestFirst => (!moment.0, !moment.1),
    }
}

/// Gives the best of `rows`, the best first.
///
/// # Errors
/// When the columns of times and sequences cannot be read.
pub fn newest(
    group: &dyn GroupView,
    rows: &Bits,
    wanted: &Wanted,
) -> Result<Vec<Placed>, ColumnError> {
    if wanted.limit == 0 || !rows.any() {
        return Ok(Vec::new());
    }
    let times = group.column(&clock_column(wanted.clock))?;
    let sequences = group.column(&ColumnName::Sequence)?;
    let (
        Some(Column::Integers { base, offsets, .. }),
        Some(Column::Integers { base: first, offsets: sequence_offsets, .. }),
    ) = (times.as_deref(), sequences.as_deref())
    else {
        return Err(ColumnError::damaged("the columns of times and sequences are missing"));
    };
    let mut best = Best {
        wanted: *wanted,
        heap: BinaryHeap::with_capacity(wanted.limit.min(rows.len()) + 1),
        worst_time: wanted.before.map(|before| rank(wanted.order, before).0),
        sequence_of: |row: usize| value_at(*first, sequence_offsets.get(row)).cast_unsigned(),
    };
    match offsets {
        Codes::U64(offsets) => best.run(rows, |row| {
            value_at(*base, offsets.get(row).copied().unwrap_or(0))
        }),
        offsets => best.run(rows, |row| value_at(*base, offsets.get(row))),
    }
    let mut found = best.heap.into_vec();
    found.sort_unstable();
    let placed = found.into_iter().map(|(ranked, Reverse(row))| Placed {
        row,
        moment: rank(wanted.order, ranked),
    });
    Ok(placed.collect())
}

struct Best<S> {
    wanted: Wanted,
    heap: BinaryHeap<(Moment, Reverse<usize>)>,
    /// Times ranked behind this one no longer matter.
    worst_time: Option<i64>,
    sequence_of: S,
}

impl<S: Fn(usize) -> u64> Best<S> {
    fn run(&mut self, rows: &Bits, time_of: impl Fn(usize) -> i64) {
        // Lines lie about in the order of time, so that the best come early.
        match self.wanted.order {
            Order::NewestFirst => rows.ones_descending().for_each(|row| self.add(row, time_of(row))),
            Order::OldestFirst => rows.ones().for_each(|row| self.add(row, time_of(row))),
        }
    }

    #[inline]
    fn add(&mut self, row: usize, time_us: i64) {
        let ranked_time = rank(self.wanted.order, (time_us, 0)).0;
        if self.worst_time.is_some_and(|worst| ranked_time > worst) {
            return;
        }
        let ranked = rank(self.wanted.order, (time_us, (self.sequence_of)(row)));
        let order = self.wanted.order;
        let is_out = |limit: Option<Moment>, is_out: fn(&Moment, &Moment) -> bool| {
            limit.is_some_and(|limit| is_out(&ranked, &rank(order, limit)))
        };
        if is_out(self.wanted.after, |a, b| a <= b) || is_out(self.wanted.before, |a, b| a >= b) {
            return;
        }
        self.heap.push((ranked, Reverse(row)));
        if self.heap.len() > self.wanted.limit {
            self.heap.pop();
            self.worst_time = self.heap.peek().map(|(worst, _)| worst.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::tests::{TestGroup, chooser, lines_of, row};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_a_full_sort(
            rows in prop::collection::vec(row(), 1..120),
            skipped in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            (limit, is_newest) in (0usize..30, any::<bool>()),
            (after, before) in (prop::option::of((0i64..2_000_000, 100u64..200)), prop::option::of((0i64..2_000_000, 100u64..200))),
        ) {
            let lines = lines_of(&rows);
            let group = TestGroup::new(&lines, chooser(vec![0]));
            let mut within = Bits::all(lines.len());
            skipped.iter().for_each(|index| within.clear(index.index(lines.len())));
            let order = if is_newest { Order::NewestFirst } else { Order::OldestFirst };
            let wanted = Wanted { clock: Clock::Timestamp, order, limit, after, before };
            let found = newest(&group, &within, &wanted).unwrap();
            let mut expected: Vec<Placed> = within
                .ones()
                .map(|row| Placed { row, moment: (lines.timestamps_us()[row], 100 + row as u64) })
                .collect();
            expected.sort_by_key(|placed| placed.moment);
            if is_newest {
                expected.reverse();
                expected.retain(|p| after.is_none_or(|a| p.moment < a) && before.is_none_or(|b| p.moment > b));
            } else {
                expected.retain(|p| after.is_none_or(|a| p.moment > a) && before.is_none_or(|b| p.moment < b));
            }
            expected.truncate(limit);
            prop_assert_eq!(found, expected);
        }
    }
}
