//! A clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use andon_api::units::Span;
use andon_objects::Clock;
use jiff::Timestamp;

/// A clock that is moved by hand. Clones show the same time.
#[derive(Clone)]
pub struct SimulatedClock {
    now_us: Arc<AtomicI64>,
}

impl SimulatedClock {
    /// Starts at a time.
    pub fn at(text: &str) -> Self {
        let start: Timestamp = text.parse().unwrap();
        Self { now_us: Arc::new(AtomicI64::new(start.as_microsecond())) }
    }

    /// Moves on by a duration such as `5m`.
    pub fn advance(&self, span: &str) {
        self.now_us.fetch_add(Span::parse(span).unwrap().microseconds(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_us.load(Ordering::SeqCst)).unwrap()
    }
}
