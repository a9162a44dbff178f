//! Listens to the pulse of a telemetry process that runs elsewhere and is kept alive there.
//!
//! It runs on a thread of its own, so that nothing the server does delays it. Invariants: whenever lines may not have
//! been received, the link knows of an outage; what was lost is tried again for ever, at pauses that have a limit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use andon_api::Problem;
use andon_remote::{Condition, Desk, Link, Pulse, Remote, Way};
use jiff::Timestamp;

use super::supervisor::{End, Story, lock};

/// How often the pulse is taken; alarms hear of closed windows at this pace.
const PERIOD: Duration = Duration::from_millis(500);
/// A process without an answer for so long cannot be reached.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// The first pause between two tries to reach it, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Clocks that differ by more than this are told.
const CLOCKS_MAX_US: u64 = 2_000_000;

/// Listens until the server ends.
pub(crate) struct Watcher {
    story: Arc<Mutex<Story>>,
}

impl Watcher {
    pub(crate) fn start(way: &Way, link: Arc<Link>) -> Result<Self, Problem> {
        let story = Arc::new(Mutex::new(Story::default()));
        // Its own calls, on its own thread: a pulse waits for nobody else's.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Problem::internal)?;
        let remote = Remote::new(way, link.clone(), Desk::new(Vec::new())).map_err(andon_module::telemetry_problem)?;
        let mut listener = Listener { remote, link, story: story.clone(), life_us: None };
        let run = move || runtime.block_on(listener.run());
        std::thread::Builder::new().name("andon-telemetry".to_owned()).spawn(run).map_err(Problem::internal)?;
        Ok(Self { story })
    }

    pub(crate) fn story(&self) -> Story {
        lock(&self.story).clone()
    }
}

struct Listener {
    remote: Remote,
    link: Arc<Link>,
    story: Arc<Mutex<Story>>,
    /// When the process that was heard last had started.
    life_us: Option<i64>,
}

impl Listener {
    async fn run(&mut self) {
        let mut failures = 0_u32;
        loop {
            match self.remote.pulse(SILENCE_MAX).await {
                Ok(pulse) => {
                    failures = 0;
                    self.hear(pulse);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
                    self.lose(&format!("{}{hint}", error.message));
                }
            }
            tokio::time::sleep(pause_after(failures)).await;
        }
    }

    fn hear(&mut self, pulse: Pulse) {
        let before = self.life_us.replace(pulse.started_us);
        if before.is_some_and(|before| before != pulse.started_us) {
            // Between two pulses, perhaps: nobody else would notice.
            self.lose("it was started again");
        }
        if let Some(error) = pulse.failed {
            return self.lose(&format!("the store cannot be opened: {}", error.message));
        }
        if let Some(note) = pulse.opening {
            return self.link.starting(&note);
        }
        if self.link.condition() != Condition::Up {
            self.note_reached(&pulse);
        }
        // Lines are stamped by the clock over there.
        let now_us = pulse.now_us;
        self.link.up(pulse, now_us);
    }

    fn note_reached(&self, pulse: &Pulse) {
        let now = Timestamp::now();
        let apart_us = pulse.now_us.abs_diff(now.as_microsecond());
        if apart_us > CLOCKS_MAX_US {
            tracing::warn!(apart_ms = apart_us / 1_000, "the clocks of this machine and of the telemetry's differ: set both by NTP");
        }
        let mut story = lock(&self.story);
        story.since = Some(now);
        story.starts += 1;
        tracing::info!("telemetry is reached");
    }

    fn lose(&self, reason: &str) {
        let mut story = lock(&self.story);
        if story.since.take().is_some() || story.last_end.is_none() {
            tracing::error!(reason, "telemetry cannot be reached and is tried again");
            story.last_end = Some(End { at: Timestamp::now(), reason: reason.to_owned() });
        }
        drop(story);
        self.link.away(reason);
    }
}

fn pause_after(failures: u32) -> Duration {
    match failures {
        0 => PERIOD,
        more => PAUSE_MIN.saturating_mul(2_u32.saturating_pow(more.min(16) - 1)).min(PAUSE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_tried_at_once_and_then_at_pauses_that_have_a_limit() {
        let pauses: Vec<_> = (0..9).map(|failures| pause_after(failures).as_millis()).collect();
        assert_eq!(pauses, [500, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(pause_after(u32::MAX), PAUSE_MAX);
    }
}
