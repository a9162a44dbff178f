//! What the server knows of the process that owns the store.
//!
//! The supervisor tells it, everybody else asks. Invariant: the watermark is one that the other side has told;
//! from it until lines are known to be received again lies an outage.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use andon_reader::{ReaderError, StoreStatus};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::failure::unavailable;
use crate::outages::{Outage, Outages};
use crate::wire::{Pulse, TableShape};

/// Whether the other side can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Condition {
    /// It opens the store.
    Starting {
        /// What it waits for.
        note: String,
    },
    /// It answers.
    Up,
    /// It has ended, and is started again.
    Down {
        /// Why it ended.
        reason: String,
    },
    /// It cannot be reached, and is tried again; whether it runs is not known.
    Away {
        /// Why not.
        reason: String,
    },
    /// It was turned off for good.
    Off {
        /// By what.
        reason: String,
    },
}

impl Condition {
    fn why(&self) -> String {
        match self {
            Self::Starting { note } => format!("it is starting: {note}"),
            Self::Up => "it has just ended".to_owned(),
            Self::Down { reason } => format!("it has ended and is started again: {reason}"),
            Self::Away { reason } => format!("it cannot be reached and is tried again: {reason}"),
            Self::Off { reason } => format!("it is turned off: {reason}"),
        }
    }
}

/// What the server knows of the process that owns the store.
pub struct Link {
    condition: watch::Sender<Condition>,
    known: Mutex<Known>,
}

struct Known {
    pulse: Pulse,
    outages: Outages,
    /// Since when the other side cannot be asked.
    away_since: Instant,
}

impl Link {
    /// Starts without knowing anything: until the other side is up, nothing is received.
    #[must_use]
    pub fn new(now_us: i64) -> Self {
        let (condition, _) = watch::channel(Condition::Starting { note: "the process has not answered yet".to_owned() });
        let mut known = Known { pulse: Pulse::default(), outages: Outages::default(), away_since: Instant::now() };
        known.outages.begin(now_us);
        Self { condition, known: Mutex::new(known) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the other side is up and what it told.
    pub fn up(&self, pulse: Pulse, now_us: i64) {
        let mut known = self.known();
        known.outages.end(now_us);
        // Before a store's first start nobody could have sent anything: nothing is missing.
        if known.pulse.store.is_none() && pulse.store.as_ref().is_some_and(is_unused) {
            known.outages = Outages::default();
        }
        known.pulse = pulse;
        drop(known);
        self.turn(Condition::Up);
    }

    /// Notes that the other side opens the store.
    pub fn starting(&self, note: &str) {
        self.turn(Condition::Starting { note: note.to_owned() });
    }

    /// Notes that the other side has ended: what was received after its last watermark is not known to be whole.
    pub fn down(&self, reason: &str) {
        self.end(Condition::Down { reason: reason.to_owned() });
    }

    /// Notes that the other side cannot be reached: what it receives meanwhile is not known to be whole.
    pub fn away(&self, reason: &str) {
        self.end(Condition::Away { reason: reason.to_owned() });
    }

    fn end(&self, condition: Condition) {
        let mut known = self.known();
        let from_us = known.pulse.watermark_us;
        known.outages.begin(from_us);
        known.pulse.resident_bytes = 0;
        if *self.condition.borrow() == Condition::Up {
            known.away_since = Instant::now();
        }
        drop(known);
        self.turn(condition);
    }

    /// Notes that there is no other side.
    pub fn off(&self, reason: &str) {
        self.turn(Condition::Off { reason: reason.to_owned() });
    }

    fn turn(&self, condition: Condition) {
        self.condition.send_if_modified(|now| {
            let differs = *now != condition;
            *now = condition;
            differs
        });
    }

    /// Tells whether the other side can be asked.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// Waits until the other side can be asked, until it has been away for `patience`: who calls later is refused
    /// at once.
    ///
    /// # Errors
    /// When it cannot be asked in that time, or never will.
    pub async fn ready(&self, patience: Duration) -> Result<(), ReaderError> {
        let until = self.known().away_since + patience;
        self.ready_until(until).await
    }

    /// Waits until the other side can be asked, however long it has been away.
    ///
    /// # Errors
    /// When it cannot before a time, or never will.
    pub(crate) async fn ready_until(&self, until: Instant) -> Result<(), ReaderError> {
        let mut condition = self.condition.subscribe();
        let settled = condition.wait_for(|now| matches!(now, Condition::Up | Condition::Off { .. }));
        match tokio::time::timeout_at(until, settled).await {
            Ok(Ok(now)) if *now == Condition::Up => Ok(()),
            _ => Err(unavailable(&self.condition().why())),
        }
    }

    /// Waits until the other side, which can be asked, cannot any more.
    pub(crate) async fn lost(&self) -> ReaderError {
        let mut condition = self.condition.subscribe();
        let lost = condition.wait_for(|now| *now != Condition::Up).await.map(|now| now.why());
        unavailable(&lost.unwrap_or_else(|_| Condition::Up.why()))
    }

    /// Tells up to where everything received is visible.
    #[must_use]
    pub fn watermark_us(&self) -> i64 {
        self.known().pulse.watermark_us
    }

    /// Tells how the store was when it last told, and that it is not there while it is not.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let mut status = self.known().pulse.store.clone().unwrap_or_default();
        match self.condition() {
            Condition::Up => {}
            other => status.failing = Some(format!("telemetry is not available: {}", other.why())),
        }
        status
    }

    /// Lists the store's own tables.
    #[must_use]
    pub fn tables(&self) -> Vec<TableShape> {
        self.known().pulse.tables.clone()
    }

    /// Tells what the other side told last.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.known().pulse.clone()
    }

    /// Tells how much memory the other process held when it last told.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.known().pulse.resident_bytes
    }

    /// Lists the times in which nothing could be received, the oldest first.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        self.known().outages.list()
    }

    /// Says what is missing from an interval of received time, where something is.
    #[must_use]
    pub fn missing(&self, since_us: i64, until_us: i64) -> Option<String> {
        let outage = self.known().outages.within(since_us, until_us)?;
        Some(match outage.until_us {
            Some(until_us) if until_us - outage.from_us < 1_000_000 => {
                format!("telemetry was not running from {} to {}", time(outage.from_us, 3), time(until_us, 3))
            }
            Some(until_us) => format!("telemetry was not running from {} to {}", time(outage.from_us, 0), time(until_us, 0)),
            None => format!("telemetry has not been running since {}", time(outage.from_us, 0)),
        })
    }
}

fn time(us: i64, digits: usize) -> String {
    Timestamp::from_microsecond(us).map(|time| format!("{time:.digits$}")).unwrap_or_default()
}

fn is_unused(store: &StoreStatus) -> bool {
    store.rows == 0 && store.dropped_by_age_rows == 0 && store.dropped_by_cap_rows == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(watermark_us: i64) -> Pulse {
        Pulse { watermark_us, ..Pulse::default() }
    }

    #[test]
    fn a_time_without_the_process_is_missing_until_it_is_there_again() {
        let link = Link::new(100);
        assert!(link.missing(0, 101).is_some(), "nothing was received before the first start");
        link.up(pulse(150), 200);
        link.up(pulse(900), 1_000);
        assert_eq!(link.missing(200, 5_000), None);
        link.down("killed");
        assert!(link.missing(800, 901).is_some(), "from the last watermark on");
        assert_eq!(link.missing(800, 900), None, "what was vouched for stays whole");
        assert!(link.status().failing.is_some());
        link.starting("it reads its log");
        link.up(pulse(1_300), 1_400);
        assert!(link.missing(1_399, 2_000).is_some());
        assert_eq!(link.missing(1_400, 2_000), None);
        assert_eq!(link.status().failing, None);
    }

    #[test]
    fn nothing_is_missing_before_the_first_start_of_a_store() {
        let told = |rows| Pulse { store: Some(StoreStatus { rows, ..StoreStatus::default() }), ..pulse(150) };
        let link = Link::new(100);
        link.up(told(0), 200);
        assert_eq!(link.missing(0, 5_000), None);
        link.down("killed");
        link.up(told(0), 300);
        assert!(link.missing(0, 5_000).is_some(), "one that was up may have missed something");
        let link = Link::new(100);
        link.up(told(1), 200);
        let missing = link.missing(0, 5_000).unwrap();
        assert_eq!(missing, "telemetry was not running from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:00.000Z");
    }

    #[tokio::test]
    async fn a_call_waits_for_a_restart_but_not_for_ever() {
        let link = Link::new(0);
        let error = link.ready(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.code, andon_reader::code::UNAVAILABLE);
        assert!(error.is_retryable());
        let (waited, ()) = tokio::join!(link.ready(Duration::from_secs(60)), async { link.up(pulse(1), 1) });
        assert_eq!(waited, Ok(()));
        link.away("no route");
        let error = link.ready(Duration::ZERO).await.unwrap_err();
        assert!(error.message.contains("cannot be reached") && error.is_retryable(), "{error:?}");
        link.off("by --telemetry off");
        assert!(link.ready(Duration::from_secs(60)).await.unwrap_err().message.contains("turned off"));
    }
}
