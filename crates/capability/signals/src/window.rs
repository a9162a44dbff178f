//! Windows of received time: aligned to multiples of their length since the epoch, half open.
//!
//! Absent: the clock; every instant is an argument, in microseconds since the epoch.

use crate::limits::CATCH_UP_WINDOWS;

/// One closed window, `start_us <= received < end_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// The first instant of the window.
    pub start_us: i64,
    /// The first instant after the window.
    pub end_us: i64,
}

/// The windows that are due, and how many older ones are given up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The windows to evaluate, oldest first.
    pub windows: Vec<Window>,
    /// How many windows before them are never evaluated.
    pub skipped: i64,
}

/// Tells the end of the window before the one in which an instant lies: where a new alarm starts.
pub fn starting_point(now_us: i64, length_us: i64) -> i64 {
    now_us.div_euclid(length_us) * length_us
}

/// Lists the windows between the last evaluated one and an instant, bounded after a downtime.
pub fn due(last_end_us: i64, until_us: i64, length_us: i64) -> Due {
    let first_end = starting_point(last_end_us, length_us) + length_us;
    let last_end = starting_point(until_us, length_us);
    if last_end < first_end {
        return Due::default();
    }
    let count = (last_end - first_end) / length_us + 1;
    let skipped = (count - CATCH_UP_WINDOWS).max(0);
    let windows = (skipped..count)
        .map(|index| first_end + index * length_us)
        .map(|end_us| Window { start_us: end_us - length_us, end_us })
        .collect();
    Due { windows, skipped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_window_is_due_when_it_has_closed_and_not_before() {
        assert_eq!(due(20 * SECOND, 30 * SECOND - 1, 10 * SECOND).windows, []);
        let due = due(20 * SECOND, 30 * SECOND, 10 * SECOND);
        assert_eq!(due.windows, [Window { start_us: 20 * SECOND, end_us: 30 * SECOND }]);
    }

    #[test]
    fn after_a_long_downtime_only_the_newest_windows_are_evaluated() {
        let due = due(0, 10_000 * 10 * SECOND, 10 * SECOND);
        assert_eq!(i64::try_from(due.windows.len()).unwrap(), CATCH_UP_WINDOWS);
        assert_eq!(due.skipped, 10_000 - CATCH_UP_WINDOWS);
        assert_eq!(due.windows.last().unwrap().end_us, 10_000 * 10 * SECOND);
    }

    proptest! {
        #[test]
        fn windows_follow_each_other_without_gap_or_overlap(
            last in 0i64..1_000_000_000, ahead in 0i64..1_000_000_000, length in 1_000_000i64..100_000_000,
        ) {
            let due = due(last, last + ahead, length);
            for pair in due.windows.windows(2) {
                prop_assert_eq!(pair[0].end_us, pair[1].start_us);
            }
            for window in &due.windows {
                prop_assert_eq!(window.end_us - window.start_us, length);
                prop_assert_eq!(window.end_us % length, 0);
                prop_assert!(window.end_us > last && window.end_us <= last + ahead);
            }
        }
    }
}
