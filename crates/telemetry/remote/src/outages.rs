//! When nothing could be received. Pure.

use std::collections::VecDeque;

use serde::Serialize;

/// How many outages are remembered one by one; older ones run together.
const REMEMBERED: usize = 256;
/// How long an outage is remembered: longer than the longest window of an alarm.
const KEPT_US: i64 = 26 * 3_600 * 1_000_000;

/// A time in which nothing could be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// Up to here everything received is there.
    pub from_us: i64,
    /// From here on lines are received again; nothing while they are not.
    pub until_us: Option<i64>,
}

/// The outages, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    known: VecDeque<Outage>,
}

impl Outages {
    /// Notes the beginning of an outage, unless one lasts already.
    pub(crate) fn begin(&mut self, from_us: i64) {
        if self.known.back().is_some_and(|last| last.until_us.is_none()) {
            return;
        }
        self.known.push_back(Outage { from_us, until_us: None });
        if self.known.len() > REMEMBERED
            && let (Some(first), Some(second)) = (self.known.pop_front(), self.known.front_mut())
        {
            second.from_us = first.from_us;
        }
    }

    /// Notes the end of the outage that lasts.
    pub(crate) fn end(&mut self, until_us: i64) {
        if let Some(last) = self.known.back_mut()
            && last.until_us.is_none()
        {
            last.until_us = Some(until_us.max(last.from_us));
        }
        let oldest_us = until_us.saturating_sub(KEPT_US);
        self.known.retain(|outage| outage.until_us.is_none_or(|end| end >= oldest_us));
    }

    /// Finds the first outage that touches an interval.
    pub(crate) fn within(&self, since_us: i64, until_us: i64) -> Option<Outage> {
        let touches = |outage: &&Outage| outage.from_us < until_us && outage.until_us.is_none_or(|end| end > since_us);
        self.known.iter().find(touches).copied()
    }

    /// Lists what is remembered.
    pub(crate) fn list(&self) -> Vec<Outage> {
        self.known.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_whole_only_beside_outages() {
        let mut outages = Outages::default();
        assert_eq!(outages.within(0, 100), None);
        outages.begin(10);
        outages.begin(15);
        assert_eq!(outages.within(0, 10), None);
        assert_eq!(outages.within(0, 11), Some(Outage { from_us: 10, until_us: None }));
        assert_eq!(outages.within(1_000, 2_000), Some(Outage { from_us: 10, until_us: None }));
        outages.end(20);
        assert_eq!(outages.within(19, 30), Some(Outage { from_us: 10, until_us: Some(20) }));
        assert_eq!(outages.within(20, 30), None);
        outages.end(25);
        assert_eq!(outages.within(20, 30), None, "only one that lasts ends");
    }

    #[test]
    fn what_is_forgotten_is_never_what_an_alarm_may_still_ask_about() {
        let mut outages = Outages::default();
        for second in 0..1_000 {
            outages.begin(second * 10);
            outages.end(second * 10 + 1);
        }
        assert_eq!(outages.list().len(), REMEMBERED);
        assert!(outages.within(0, 1).is_some(), "the oldest run together rather than vanish");
        assert_eq!(outages.within(9_981, 9_990), None);
        outages.begin(2 * KEPT_US);
        outages.end(2 * KEPT_US + 1);
        assert_eq!(outages.list().len(), 1);
    }
}
