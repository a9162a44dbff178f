//! What an alert does when something happens to it. Pure.
//!
//! Purpose: the state machine from trigger to resolve, with stored due times.
//!
//! Invariants: an alert that wants an answer always has a due time; a step that reaches nobody
//! is passed over at once; an acknowledgement stops every page that is not out yet; a source that
//! repeats itself pages nobody again unless it has become worse.
//!
//! Absent: who is on call (the plan is resolved before), the outbox, the clock.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::response::{AlertState, AlertStatus};
use andon_api::object::ObjectRef;
use jiff::{SignedDuration, Timestamp};

use crate::limits::{NOBODY_RETRY_MS, UNANSWERED_RETRY_MS};

/// An escalation policy as it stands now: who is reached by each step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// How often the steps start again when nobody answers.
    pub repeat: u32,
    /// After which time an acknowledged alert pages again.
    pub acknowledge_timeout_ms: Option<i64>,
    /// Who is paged when the steps are over.
    pub catch_all: Vec<ObjectRef>,
    /// Why nobody can be reached, where nobody can, as a whole sentence.
    pub nobody_because: String,
}

/// One step as it stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanStep {
    /// Who is on call and can be reached.
    pub users: Vec<ObjectRef>,
    /// How long to wait for an answer.
    pub wait_ms: i64,
}

/// What happens to an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// It begins.
    Trigger,
    /// Its source says it again.
    Repeat {
        /// Whether it has become worse.
        worse: bool,
    },
    /// Somebody is on it.
    Acknowledge {
        /// Who.
        by: String,
    },
    /// It is over.
    Resolve,
    /// The time to answer a step is over.
    StepDue,
    /// No page of the last step can be delivered.
    StepFailed,
    /// Whoever acknowledged it has not ended it in time.
    AcknowledgeTimeout,
}

/// Which part of the plan pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A step, from 0.
    Step(u32),
    /// The catch-all.
    CatchAll,
}

/// What follows from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// People are paged.
    Page {
        /// The round, part of the page's identity.
        round: u32,
        /// The part of the plan.
        part: Part,
        /// Whom.
        users: Vec<ObjectRef>,
    },
    /// Pages that are not out yet stay in.
    CancelPages,
    /// An event is recorded.
    Announce {
        /// The action of the event.
        action: &'static str,
        /// What happened, in words.
        text: String,
    },
}

/// The state after a command, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The state to store.
    pub status: AlertStatus,
    /// What follows, in order; empty when the command changes nothing.
    pub effects: Vec<Effect>,
}

/// Decides what a command does to an alert.
///
/// # Errors
/// `RSP-0002` when the alert is over.
pub fn decide(before: &AlertStatus, plan: &Plan, command: &Command, now: Timestamp) -> Result<Outcome, Problem> {
    let mut next = Next { status: before.clone(), effects: Vec::new(), plan, now };
    match (command, before.state) {
        (Command::Trigger, _) => next.trigger(),
        (Command::Repeat { worse }, AlertState::Triggered | AlertState::Acknowledged) => next.repeat(*worse),
        (Command::Acknowledge { by }, AlertState::Triggered) => next.acknowledge(by),
        (Command::Resolve, AlertState::Triggered | AlertState::Acknowledged) => next.resolve(),
        (Command::StepDue, AlertState::Triggered) if next.is_due() => next.go_on(),
        (Command::StepFailed, AlertState::Triggered) if before.step.is_some() => next.go_on(),
        (Command::AcknowledgeTimeout, AlertState::Acknowledged) if next.is_due() => next.acknowledge_timeout(),
        (Command::Acknowledge { .. } | Command::Repeat { .. }, AlertState::Resolved) => {
            return Err(Problem::new(ErrorCode::AlertState, "The alert is resolved.")
                .hint("A new alert opens when its source fires again."));
        }
        // A timer that is early or late, or an answer given twice, changes nothing.
        _ => {}
    }
    Ok(Outcome { status: next.status, effects: next.effects })
}

/// Tells which timer an alert has, by its state.
pub fn timer(state: AlertState) -> Option<Command> {
    match state {
        AlertState::Triggered => Some(Command::StepDue),
        AlertState::Acknowledged => Some(Command::AcknowledgeTimeout),
        AlertState::Resolved => None,
    }
}

struct Next<'a> {
    status: AlertStatus,
    effects: Vec<Effect>,
    plan: &'a Plan,
    now: Timestamp,
}

impl Next<'_> {
    fn is_due(&self) -> bool {
        self.status.next_due_at.is_some_and(|due| due <= self.now)
    }

    fn trigger(&mut self) {
        self.status.state = AlertState::Triggered;
        self.status.event_count = 1;
        self.status.final_round = self.plan.repeat;
        self.advance(0);
    }

    fn repeat(&mut self, worse: bool) {
        self.status.event_count += 1;
        if worse {
            self.announce("alert.worsened", "It has become worse.".to_owned());
            self.start_again();
        }
    }

    fn acknowledge(&mut self, by: &str) {
        self.status.state = AlertState::Acknowledged;
        self.status.acknowledged_at = Some(self.now);
        self.status.acknowledged_by = Some(by.to_owned());
        self.status.stalled = None;
        self.status.next_due_at = self.plan.acknowledge_timeout_ms.map(|wait| later(self.now, wait));
        self.effects.push(Effect::CancelPages);
        self.announce("alert.acknowledged", format!("{by} is on it."));
    }

    fn resolve(&mut self) {
        self.status.state = AlertState::Resolved;
        self.status.resolved_at = Some(self.now);
        self.status.next_due_at = None;
        self.status.stalled = None;
        self.effects.push(Effect::CancelPages);
        self.announce("alert.resolved", "It is over.".to_owned());
    }

    fn go_on(&mut self) {
        let from = self.status.step.map_or(0, |step| step.saturating_add(1));
        self.advance(from);
    }

    fn acknowledge_timeout(&mut self) {
        let by = self.status.acknowledged_by.take().unwrap_or_else(|| "Somebody".to_owned());
        self.announce("alert.retriggered", format!("{by} acknowledged it, and it is still open."));
        self.start_again();
    }

    fn start_again(&mut self) {
        self.status.state = AlertState::Triggered;
        self.status.acknowledged_at = None;
        self.status.acknowledged_by = None;
        self.status.round += 1;
        self.status.final_round = self.status.round + self.plan.repeat;
        self.advance(0);
    }

    /// Pages the first step from a given one that reaches somebody, in this round or the next ones.
    fn advance(&mut self, from: u32) {
        let mut from = from as usize;
        let reachable = self.plan.steps.iter().any(|step| !step.users.is_empty());
        loop {
            let step = self.plan.steps.iter().enumerate().skip(from).find(|(_, step)| !step.users.is_empty());
            if let Some((index, step)) = step {
                return self.page(index, step);
            }
            if !reachable || self.status.round >= self.status.final_round {
                return self.run_out(reachable);
            }
            self.status.round += 1;
            from = 0;
        }
    }

    fn page(&mut self, index: usize, step: &PlanStep) {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.status.step = Some(index);
        self.status.stalled = None;
        self.status.next_due_at = Some(later(self.now, step.wait_ms));
        let users = step.users.clone();
        self.effects.push(Effect::Page { round: self.status.round, part: Part::Step(index), users });
    }

    /// Ends an escalation that nobody answered, and stores when it starts again: nothing stays silent for ever.
    fn run_out(&mut self, reachable: bool) {
        if !reachable && self.plan.catch_all.is_empty() {
            if self.status.stalled.is_none() {
                self.announce("page.unroutable", self.plan.nobody_because.clone());
            }
            self.status.stalled = Some(self.plan.nobody_because.clone());
            self.status.step = None;
            self.status.next_due_at = Some(later(self.now, NOBODY_RETRY_MS));
            return;
        }
        let text = if reachable {
            "Every step has been paged and nobody has answered."
        } else {
            "Nobody of the steps can be reached."
        };
        self.announce("alert.unanswered", text.to_owned());
        if !self.plan.catch_all.is_empty() {
            let users = self.plan.catch_all.clone();
            self.effects.push(Effect::Page { round: self.status.round, part: Part::CatchAll, users });
        }
        self.status.stalled = Some(text.to_owned());
        self.status.step = None;
        self.status.round += 1;
        self.status.final_round = self.status.round + self.plan.repeat;
        self.status.next_due_at = Some(later(self.now, UNANSWERED_RETRY_MS));
    }

    fn announce(&mut self, action: &'static str, text: String) {
        self.effects.push(Effect::Announce { action, text });
    }
}

fn later(now: Timestamp, wait_ms: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_millis(wait_ms)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "escalation_tests.rs"]
mod tests;
