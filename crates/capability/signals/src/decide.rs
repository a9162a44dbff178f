//! What an alarm makes of the result of one window. Pure.
//!
//! Invariants: incomplete data is `unknown`, never fine and never zero; an alarm that becomes
//! unknown while it fires keeps its alert open, and only windows that are known to be fine resolve it;
//! a gap in the data does not excuse the breaches before it.
//!
//! Absent: clock, store and log reader (`controller`), the words (`explain`).

use andon_api::kinds::signals::{AlarmSpec, AlarmState, Comparison};
use serde::{Deserialize, Serialize};

use crate::explain::{counted, exact, in_a_row, incomplete};
use crate::window::Window;

/// What is remembered of an alarm between two windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The state that was announced last.
    pub state: AlarmState,
    /// Whether it has fired and not resolved since; stays set while the state is unknown.
    pub open: bool,
    /// How many windows in a row have breached.
    pub breaching: u32,
    /// How many windows in a row have been fine.
    pub clear: u32,
}

/// What the log store said about one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowResult {
    /// Every line was counted.
    Count(u64),
    /// Something is missing; what was found is a lower bound.
    Incomplete {
        /// How many lines there are at least.
        at_least: u64,
        /// Why it is incomplete, as the end of a sentence.
        reason: String,
    },
}

/// What an alarm announces, in the order in which states follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// It has begun to fire: `alarm.fired`.
    Fired,
    /// It fires still, after a time in which nothing was known: `alarm.confirmed`.
    Confirmed,
    /// It has fired and is fine again: `alarm.resolved`.
    Resolved,
    /// It is fine and had not fired: `alarm.cleared`.
    Cleared,
    /// Nothing is known any more: `alarm.unknown`.
    Unknown,
}

impl Announcement {
    /// Tells the action of the event.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Fired => "alarm.fired",
            Self::Confirmed => "alarm.confirmed",
            Self::Resolved => "alarm.resolved",
            Self::Cleared => "alarm.cleared",
            Self::Unknown => "alarm.unknown",
        }
    }
}

/// The change of state of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The state before.
    pub from: AlarmState,
    /// The state after.
    pub to: AlarmState,
    /// What is announced.
    pub announcement: Announcement,
    /// What was seen, in words.
    pub reason: String,
    /// The count of the window, where it is known.
    pub value: Option<f64>,
}

/// What one window does to an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to remember.
    pub progress: Progress,
    /// What the window held, in words; also when nothing changes.
    pub reason: String,
    /// The change of state, if there is one.
    pub transition: Option<Transition>,
}

enum Judgement {
    Breach { count: u64, at_least: bool },
    Fine { count: u64 },
    Unknown { reason: String },
}

/// Decides what the result of a closed window does to an alarm.
pub fn decide(spec: &AlarmSpec, before: &Progress, window: Window, result: &WindowResult) -> Decision {
    match judge(spec, result) {
        Judgement::Breach { count, at_least } => {
            let text = counted(spec, window, count, at_least);
            after_breach(spec, before, text, count)
        }
        Judgement::Fine { count } => after_fine(spec, before, counted(spec, window, count, false), count),
        Judgement::Unknown { reason } => after_unknown(before, incomplete(window, &reason)),
    }
}

fn judge(spec: &AlarmSpec, result: &WindowResult) -> Judgement {
    match (result, spec.comparison) {
        (WindowResult::Count(count), Comparison::Above) if exact(*count) > spec.threshold => {
            Judgement::Breach { count: *count, at_least: false }
        }
        (WindowResult::Count(count), Comparison::Below) if exact(*count) < spec.threshold => {
            Judgement::Breach { count: *count, at_least: false }
        }
        (WindowResult::Count(count), _) => Judgement::Fine { count: *count },
        // A lower bound that is over the threshold is a breach whatever else is missing.
        (WindowResult::Incomplete { at_least, .. }, Comparison::Above) if exact(*at_least) > spec.threshold => {
            Judgement::Breach { count: *at_least, at_least: true }
        }
        (WindowResult::Incomplete { reason, .. }, _) => Judgement::Unknown { reason: reason.clone() },
    }
}

fn after_breach(spec: &AlarmSpec, before: &Progress, text: String, count: u64) -> Decision {
    let breaching = before.breaching.saturating_add(1);
    let needed = spec.breaching_windows.max(1);
    let reason = in_a_row(text, breaching.min(needed), needed);
    let mut progress = Progress { breaching, clear: 0, ..before.clone() };
    if breaching < needed || before.state == AlarmState::Firing {
        return Decision { progress, reason, transition: None };
    }
    progress.state = AlarmState::Firing;
    progress.open = true;
    let announcement = if before.open { Announcement::Confirmed } else { Announcement::Fired };
    moved(before, progress, announcement, reason, Some(exact(count)))
}

fn after_fine(spec: &AlarmSpec, before: &Progress, text: String, count: u64) -> Decision {
    let clear = before.clear.saturating_add(1);
    let needed = if before.open { spec.clear_windows.max(1) } else { 1 };
    let reason = in_a_row(text, clear.min(needed), needed);
    let mut progress = Progress { breaching: 0, clear, ..before.clone() };
    if clear < needed || before.state == AlarmState::Ok {
        return Decision { progress, reason, transition: None };
    }
    progress.state = AlarmState::Ok;
    progress.open = false;
    let announcement = if before.open { Announcement::Resolved } else { Announcement::Cleared };
    moved(before, progress, announcement, reason, Some(exact(count)))
}

fn after_unknown(before: &Progress, reason: String) -> Decision {
    let mut progress = Progress { clear: 0, ..before.clone() };
    if before.state == AlarmState::Unknown {
        return Decision { progress, reason, transition: None };
    }
    progress.state = AlarmState::Unknown;
    moved(before, progress, Announcement::Unknown, reason, None)
}

fn moved(
    before: &Progress,
    progress: Progress,
    announcement: Announcement,
    reason: String,
    value: Option<f64>,
) -> Decision {
    let transition = Transition { from: before.state, to: progress.state, announcement, reason: reason.clone(), value };
    Decision { progress, reason, transition: Some(transition) }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
