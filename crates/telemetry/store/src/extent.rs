//! How many lines something holds and between which times and sequences they lie.

use andon_columns::lines::Lines;
use andon_reader::Clock;
use serde::{Deserialize, Serialize};


/// Number of lines and the inclusive bounds of their times and sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) rows: u64,
    pub(crate) min_timestamp_us: i64,
    pub(crate) max_timestamp_us: i64,
    pub(crate) min_received_us: i64,
    pub(crate) max_received_us: i64,
    pub(crate) min_sequence: u64,
    pub(crate) max_sequence: u64,
}

impl Extent {
    /// The extent of nothing.
    pub(crate) const EMPTY: Self = Self {
        rows: 0,
        min_timestamp_us: i64::MAX,
        max_timestamp_us: i64::MIN,
        min_received_us: i64::MAX,
        max_received_us: i64::MIN,
        min_sequence: u64::MAX,
        max_sequence: 0,
    };

    pub(crate) fn of_lines(lines: &Lines) -> Self {
        if lines.is_empty() {
            return Self::EMPTY;
        }
        let times = lines.timestamps_us();
        Self {
            rows: lines.len() as u64,
            min_timestamp_us: times.iter().copied().min().unwrap_or(i64::MAX),
            max_timestamp_us: times.iter().copied().max().unwrap_or(i64::MIN),
            min_received_us: lines.received_at_us(),
            max_received_us: lines.received_at_us(),
            min_sequence: lines.first_sequence(),
            max_sequence: lines.first_sequence() + lines.len() as u64 - 1,
        }
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            min_timestamp_us: self.min_timestamp_us.min(other.min_timestamp_us),
            max_timestamp_us: self.max_timestamp_us.max(other.max_timestamp_us),
            min_received_us: self.min_received_us.min(other.min_received_us),
            max_received_us: self.max_received_us.max(other.max_received_us),
            min_sequence: self.min_sequence.min(other.min_sequence),
            max_sequence: self.max_sequence.max(other.max_sequence),
        }
    }

    /// Inclusive bounds by one of the clocks.
    pub(crate) fn times(&self, clock: Clock) -> (i64, i64) {
        match clock {
            Clock::Timestamp => (self.min_timestamp_us, self.max_timestamp_us),
            Clock::ReceivedAt => (self.min_received_us, self.max_received_us),
        }
    }

    /// Says whether any line may lie in `since <= t < until`.
    pub(crate) fn touches(&self, interval: &Interval) -> bool {
        let (low, high) = self.times(interval.clock);
        self.rows > 0 && high >= interval.since_us && interval.ends_after(low)
    }

    /// Says whether every line lies in `since <= t < until`.
    pub(crate) fn is_inside(&self, interval: &Interval) -> bool {
        let (low, high) = self.times(interval.clock);
        low >= interval.since_us && interval.ends_after(high)
    }
}

/// A half-open interval of one of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Start, inclusive.
    pub since_us: i64,
    /// End, exclusive.
    pub until_us: i64,
    /// Which time.
    pub clock: Clock,
}

impl Interval {
    /// Everything.
    pub const ALWAYS: Self = Self {
        since_us: i64::MIN,
        until_us: i64::MAX,
        clock: Clock::Timestamp,
    };

    pub(crate) fn has(&self, time_us: i64) -> bool {
        time_us >= self.since_us && self.ends_after(time_us)
    }

    /// The highest time there is has no time after it: an interval up to it includes it.
    fn ends_after(&self, time_us: i64) -> bool {
        time_us < self.until_us || self.until_us == i64::MAX
    }
}
