//! How it goes with a place that may be away: after a failure it is left alone for a while, longer each time.

use andon_reader::ReaderError;

/// The pause after the first failure, and the longest.
const PAUSE_MIN_US: i64 = 1_000_000;
const PAUSE_MAX_US: i64 = 300 * 1_000_000;

/// The last failure, and when to try again.
#[derive(Default)]
pub(crate) struct Backoff {
    pub(crate) failing: Option<ReaderError>,
    pub(crate) retry_at_us: Option<i64>,
    failures: u32,
}

impl Backoff {
    /// Notes that a step succeeded; says whether the one before had failed.
    pub(crate) fn succeed(&mut self) -> bool {
        std::mem::take(self).failing.is_some()
    }

    /// Notes that a step failed; says whether that is news.
    pub(crate) fn fail(&mut self, error: ReaderError, now_us: i64) -> bool {
        let is_new = self.failing.as_ref() != Some(&error);
        let pause_us = PAUSE_MIN_US.saturating_mul(1 << self.failures.min(20)).min(PAUSE_MAX_US);
        self.failures = self.failures.saturating_add(1);
        self.retry_at_us = Some(now_us.saturating_add(pause_us));
        self.failing = Some(error);
        is_new
    }

    /// Says whether a failure is too fresh to try again.
    pub(crate) fn is_pausing(&self, now_us: i64) -> bool {
        self.retry_at_us.is_some_and(|at_us| now_us < at_us)
    }
}
