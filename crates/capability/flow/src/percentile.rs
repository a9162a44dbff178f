//! Percentiles by nearest rank: always a number that was measured, never one in between.

/// Gives the percentile of the values by nearest rank; `None` of nothing.
///
/// The 50th of 1, 2, 3, 4 is 2: the smallest value that at least half of the values do not exceed.
pub(crate) fn percentile(values: &[i64], percent: u8) -> Option<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * usize::from(percent.min(100))).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_nearest_rank_is_a_measured_value() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 90), Some(7));
        assert_eq!(percentile(&[4, 1, 3, 2], 50), Some(2));
        assert_eq!(percentile(&[15, 20, 35, 40, 50], 30), Some(20));
        assert_eq!(percentile(&(1..=10).collect::<Vec<_>>(), 90), Some(9));
    }

    proptest! {
        #[test]
        fn it_is_the_smallest_value_that_enough_values_do_not_exceed(
            values in prop::collection::vec(-1_000i64..1_000, 1..60), percent in 1u8..=100
        ) {
            let found = percentile(&values, percent).unwrap();
            prop_assert!(values.contains(&found));
            let at_most = |limit: i64| values.iter().filter(|value| **value <= limit).count() * 100;
            let needed = values.len() * usize::from(percent);
            prop_assert!(at_most(found) >= needed);
            prop_assert!(at_most(found - 1) < needed);
        }
    }
}
