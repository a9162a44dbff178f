//! The lines of a group that lie in an interval of time.

use andon_reader::Clock;

use crate::bits::Bits;
use crate::column::{Column, ColumnName, GroupView};
use crate::error::ColumnError;

use super::numbers::integers_between;

/// An interval of one of the two times of a line: `since <= t < until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Start, inclusive.
    pub since_us: i64,
    /// End, exclusive.
    pub until_us: i64,
    /// Which time.
    pub clock: Clock,
}

impl Span {
    /// Says whether a time lies in it.
    #[must_use]
    #[inline]
    pub fn has(&self, time_us: i64) -> bool {
        self.since_us <= time_us && self.ends_after(time_us)
    }

    /// The highest time there is has no time after it: an interval up to it includes it.
    fn ends_after(&self, time_us: i64) -> bool {
        time_us < self.until_us || self.until_us == i64::MAX
    }

    /// The last time in it.
    fn last_us(&self) -> i64 {
        if self.until_us == i64::MAX { i64::MAX } else { self.until_us.saturating_sub(1) }
    }

    /// The bounds of a group's times on this clock.
    #[must_use]
    pub fn bounds(&self, group: &dyn GroupView) -> (i64, i64) {
        bounds(group, self.clock)
    }

    /// Says whether all lines of a group lie in it, none of them hidden.
    #[must_use]
    pub fn covers(&self, group: &dyn GroupView) -> bool {
        group.hidden().is_none() && self.has_bounds(group)
    }

    fn has_bounds(&self, group: &dyn GroupView) -> bool {
        let (low, high) = bounds(group, self.clock);
        self.has(low) && self.has(high)
    }

    /// Says whether a line of a group may lie in it.
    #[must_use]
    pub fn touches(&self, group: &dyn GroupView) -> bool {
        let (low, high) = bounds(group, self.clock);
        self.ends_after(low) && high >= self.since_us
    }
}

fn bounds(group: &dyn GroupView, clock: Clock) -> (i64, i64) {
    match clock {
        Clock::Timestamp => group.timestamp_bounds_us(),
        Clock::ReceivedAt => group.received_bounds_us(),
    }
}

/// The column of a clock.
pub(crate) fn clock_column(clock: Clock) -> ColumnName {
    match clock {
        Clock::Timestamp => ColumnName::Timestamp,
        Clock::ReceivedAt => ColumnName::ReceivedAt,
    }
}

/// Gives the lines of a group in an interval that are not hidden; reads the column of times only when the
/// bounds of the group do not answer. Every question begins here.
///
/// # Errors
/// When the column cannot be read.
pub fn rows_in(group: &dyn GroupView, span: Span) -> Result<Bits, ColumnError> {
    let mut rows = rows_between(group, span)?;
    if let Some(hidden) = group.hidden() {
        rows.and_not(hidden);
    }
    Ok(rows)
}

fn rows_between(group: &dyn GroupView, span: Span) -> Result<Bits, ColumnError> {
    if span.has_bounds(group) {
        return Ok(Bits::all(group.rows()));
    }
    if !span.touches(group) || span.since_us >= span.until_us {
        return Ok(Bits::none(group.rows()));
    }
    let all = Bits::all(group.rows());
    match group.column(&clock_column(span.clock))?.as_deref() {
        Some(Column::Integers { base, offsets, presence }) => Ok(integers_between(
            (*base, offsets, presence.as_ref()),
            (span.since_us, span.last_us()),
            &all,
        )),
        _ => Err(ColumnError::damaged("the column of times is missing or has another form")),
    }
}
