//! One episode of a source's alert: from its first firing message to its end. Pure.
//!
//! Alertmanager's merge (`types.Alert.Merge`) with one difference: messages are ordered by the
//! source's times, so that a firing message that was overtaken by its resolve opens nothing.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::intake::Posted;
use crate::limits::LATE_FIRING_MS;

/// What is remembered of an alert of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Whether Andon's alert for it is open.
    pub open: bool,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ends unless it is sent again, or when it ended.
    pub ends_at: Timestamp,
    /// Whether the end is a guess of ours.
    pub timeout: bool,
    /// When Andon's alert was resolved, by the source or by a person.
    pub resolved_at: Option<Timestamp>,
}

/// What a message means for Andon's alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new alert opens.
    Open,
    /// The open alert goes on.
    Refresh,
    /// The open alert ends.
    Resolve,
    /// Nothing: it is late, or resolves what is not open.
    Ignore,
}

/// Decides what a message means, given what is remembered.
pub fn receive(known: Option<&Episode>, posted: &Posted, now: Timestamp) -> (Option<Episode>, Action) {
    let firing = posted.ends_at > now;
    match known {
        Some(episode) if episode.open && firing => (Some(refreshed(episode, posted)), Action::Refresh),
        Some(episode) if episode.open => resolved(episode, posted, now),
        _ if !firing => (known.cloned(), Action::Ignore),
        Some(episode) if is_late(episode, posted, now) => (known.cloned(), Action::Ignore),
        _ => (Some(opened(posted)), Action::Open),
    }
}

/// Ends an episode at a time, whoever ends it.
#[must_use]
pub fn ended(episode: &Episode, now: Timestamp) -> Episode {
    Episode { open: false, resolved_at: Some(now), ..episode.clone() }
}

fn opened(posted: &Posted) -> Episode {
    Episode {
        open: true,
        starts_at: posted.starts_at,
        ends_at: posted.ends_at,
        timeout: posted.timeout,
        resolved_at: None,
    }
}

fn refreshed(episode: &Episode, posted: &Posted) -> Episode {
    // An end that the source has said beats a guess, and a later one an earlier one.
    let keeps_end = episode.ends_at > posted.ends_at && !episode.timeout;
    Episode {
        open: true,
        starts_at: episode.starts_at.min(posted.starts_at),
        ends_at: if keeps_end { episode.ends_at } else { posted.ends_at },
        timeout: if keeps_end { false } else { posted.timeout },
        resolved_at: None,
    }
}

fn resolved(episode: &Episode, posted: &Posted, now: Timestamp) -> (Option<Episode>, Action) {
    if posted.ends_at < episode.starts_at {
        // It ends an earlier episode, which two senders of the same rule can cause.
        return (Some(episode.clone()), Action::Ignore);
    }
    let ended = Episode { ends_at: posted.ends_at, timeout: false, ..ended(episode, now) };
    (Some(ended), Action::Resolve)
}

fn is_late(episode: &Episode, posted: &Posted, now: Timestamp) -> bool {
    let Some(resolved_at) = episode.resolved_at else { return false };
    let grace_over = resolved_at.checked_add(SignedDuration::from_millis(LATE_FIRING_MS)).unwrap_or(resolved_at);
    // Beyond the grace a source that still says "firing" is believed: better a page too many.
    posted.starts_at <= resolved_at && now < grace_over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alertmanager::intake::Labels;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_769_947_200 + minute * 60).unwrap()
    }

    fn posted(starts: i64, ends: i64, timeout: bool) -> Posted {
        Posted {
            labels: Labels::from([("alertname".into(), "Errors".into())]),
            annotations: Labels::new(),
            starts_at: at(starts),
            ends_at: at(ends),
            timeout,
            generator_url: String::new(),
        }
    }

    /// Plays messages `(now, starts, ends)` and tells what each means.
    fn play(messages: &[(i64, i64, i64)]) -> Vec<Action> {
        let mut known = None;
        let mut actions = Vec::new();
        for (now, starts, ends) in messages {
            let (next, action) = receive(known.as_ref(), &posted(*starts, *ends, false), at(*now));
            known = next;
            actions.push(action);
        }
        actions
    }

    use Action::{Ignore, Open, Refresh, Resolve};

    #[test]
    fn prometheus_fires_repeats_and_resolves() {
        assert_eq!(play(&[(0, 0, 4), (1, 0, 5), (2, 0, 6), (3, 0, 3)]), [Open, Refresh, Refresh, Resolve]);
    }

    #[test]
    fn resolves_that_repeat_and_firing_messages_that_are_late_open_nothing() {
        assert_eq!(play(&[(0, 0, 4), (3, 0, 3), (4, 0, 3), (4, 0, 7)]), [Open, Resolve, Ignore, Ignore]);
    }

    #[test]
    fn a_new_episode_opens_a_new_alert() {
        assert_eq!(play(&[(0, 0, 4), (3, 0, 3), (4, 4, 8)]), [Open, Resolve, Open]);
    }

    #[test]
    fn a_source_that_goes_on_firing_is_believed_after_the_grace() {
        assert_eq!(play(&[(0, 0, 4), (3, 0, 3), (7, 0, 11), (8, 0, 12)]), [Open, Resolve, Ignore, Open]);
    }

    #[test]
    fn a_resolve_of_an_earlier_episode_ends_nothing() {
        assert_eq!(play(&[(10, 10, 14), (11, 0, 5)]), [Open, Ignore]);
    }

    #[test]
    fn a_resolve_of_something_unknown_is_ignored() {
        assert_eq!(play(&[(5, 0, 3)]), [Ignore]);
    }

    #[test]
    fn an_end_that_was_said_beats_a_guess_and_the_earliest_start_wins() {
        let (said, _) = receive(None, &posted(2, 60, false), at(2));
        let (merged, _) = receive(said.as_ref(), &posted(0, 7, true), at(2));
        let merged = merged.unwrap();
        assert_eq!((merged.starts_at, merged.ends_at, merged.timeout), (at(0), at(60), false));
        let (guessed, _) = receive(None, &posted(0, 5, true), at(0));
        let (merged, _) = receive(guessed.as_ref(), &posted(0, 4, false), at(1));
        assert_eq!(merged.unwrap().ends_at, at(4));
    }
}
