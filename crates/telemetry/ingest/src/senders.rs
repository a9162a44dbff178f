//! Who sends, how much of it was stored, and what was refused and why.
//!
//! Counters since the start of the process, for people who ask "did my lines arrive?". Bounded: past
//! [`SENDERS_MAX`] the senders that have been silent for an hour make room, and what has no room is
//! added up under the name [`OTHERS`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Most senders that are told apart.
pub(crate) const SENDERS_MAX: usize = 1_000;
/// The address under which senders without room of their own are added up.
pub(crate) const OTHERS: &str = "(others)";
/// Most reasons per sender.
const REASONS_MAX: usize = 32;
/// How long a sender must be silent before another takes its room.
const SILENT_US: i64 = 3_600_000_000;
/// How often a silent one is looked for, so that a flood of forged addresses costs little.
const SEARCH_EVERY_US: i64 = 1_000_000;
/// Longest example of a refusal, in characters.
const EXAMPLE_CHARACTERS: usize = 300;

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The protocol and how it came, for example `syslog-tcp`.
    pub input: &'static str,
    /// The name of the token, or nothing where there is none.
    pub name: &'a str,
    /// The network address.
    pub address: &'a str,
}

/// What was stored at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Lines.
    pub rows: u64,
    /// Bytes as they came.
    pub bytes: u64,
    /// Lines of them that were cut.
    pub truncated_rows: u64,
    /// How old the newest line was when it was stored, where it said its time.
    pub lag_us: Option<i64>,
}

/// A refusal, told in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRefusal {
    /// Stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// When, microseconds since the epoch.
    pub at_us: i64,
}

/// The counters of one sender.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SenderStatus {
    /// The protocol and how it came.
    pub input: String,
    /// The name of the token, or nothing.
    pub name: String,
    /// The network address.
    pub address: String,
    /// Lines stored.
    pub accepted: u64,
    /// Bytes of what was stored, as they came.
    pub bytes: u64,
    /// Lines stored, but cut for their length.
    pub truncated: u64,
    /// What was refused or lost, by reason: lines, or messages where the lines in them are unknown.
    pub refused: BTreeMap<String, u64>,
    /// The last refusal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_refusal: Option<LastRefusal>,
    /// How old the newest line was when it was stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lag_us: Option<i64>,
    /// When it was first heard, microseconds since the epoch.
    pub first_seen_us: i64,
    /// When it was last heard.
    pub last_seen_us: i64,
}

type Key = (&'static str, String, String);

#[derive(Default)]
struct Registry {
    known: HashMap<Key, SenderStatus>,
    searched_us: i64,
}

/// The counters of all senders of this process.
#[derive(Clone, Default)]
pub struct Senders {
    registry: Arc<Mutex<Registry>>,
}

impl Senders {
    /// Counts what was stored.
    pub fn accepted(&self, sender: Sender<'_>, taken: Taken, now_us: i64) {
        self.change(sender, now_us, |status| {
            status.accepted += taken.rows;
            status.bytes += taken.bytes;
            status.truncated += taken.truncated_rows;
            status.lag_us = taken.lag_us.or(status.lag_us);
        });
    }

    /// Counts what was refused or lost.
    pub fn refused(&self, sender: Sender<'_>, code: &str, message: &str, count: u64, now_us: i64) {
        if count == 0 {
            return;
        }
        self.change(sender, now_us, |status| {
            let is_known = status.refused.contains_key(code);
            let reason = if is_known || status.refused.len() < REASONS_MAX { code } else { "other" };
            *status.refused.entry(reason.to_owned()).or_default() += count;
            status.last_refusal = Some(LastRefusal {
                code: code.to_owned(),
                message: message.chars().take(EXAMPLE_CHARACTERS).collect(),
                at_us: now_us,
            });
        });
    }

    /// Lists the senders, the last heard first.
    #[must_use]
    pub fn list(&self) -> Vec<SenderStatus> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<SenderStatus> = registry.known.values().cloned().collect();
        all.sort_by(|a, b| {
            (b.last_seen_us, &a.input, &a.address, &a.name).cmp(&(a.last_seen_us, &b.input, &b.address, &b.name))
        });
        all
    }

    fn change(&self, sender: Sender<'_>, now_us: i64, change: impl FnOnce(&mut SenderStatus)) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let status = registry.entry(sender, now_us);
        status.last_seen_us = status.last_seen_us.max(now_us);
        change(status);
    }
}

impl Registry {
    fn entry(&mut self, sender: Sender<'_>, now_us: i64) -> &mut SenderStatus {
        let mut key = (sender.input, sender.name.to_owned(), sender.address.to_owned());
        if !self.known.contains_key(&key) && self.known.len() >= SENDERS_MAX && !self.make_room(now_us) {
            key = (sender.input, String::new(), OTHERS.to_owned());
        }
        let (input, name, address) = key.clone();
        self.known.entry(key).or_insert_with(|| SenderStatus {
            input: input.to_owned(),
            name,
            address,
            first_seen_us: now_us,
            ..SenderStatus::default()
        })
    }

    /// Adds the sender that has been silent longest to the others, if it has been so for long.
    fn make_room(&mut self, now_us: i64) -> bool {
        if now_us.saturating_sub(self.searched_us) < SEARCH_EVERY_US {
            return false;
        }
        self.searched_us = now_us;
        let silent = self
            .known
            .iter()
            .filter(|(_, status)| status.address != OTHERS && now_us - status.last_seen_us > SILENT_US)
            .min_by_key(|(_, status)| status.last_seen_us)
            .map(|(key, _)| key.clone());
        let Some(key) = silent else { return false };
        let Some(gone) = self.known.remove(&key) else { return false };
        let others = self.known.entry((key.0, String::new(), OTHERS.to_owned())).or_insert_with(|| SenderStatus {
            input: key.0.to_owned(),
            address: OTHERS.to_owned(),
            first_seen_us: gone.first_seen_us,
            ..SenderStatus::default()
        });
        others.accepted += gone.accepted;
        others.bytes += gone.bytes;
        others.truncated += gone.truncated;
        others.last_seen_us = others.last_seen_us.max(gone.last_seen_us);
        for (reason, count) in gone.refused {
            *others.refused.entry(reason).or_default() += count;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Sender<'_> {
        Sender { input: "gelf-udp", name: "", address }
    }

    #[test]
    fn counts_are_kept_per_sender_with_every_reason() {
        let senders = Senders::default();
        senders.accepted(from("a"), Taken { rows: 2, bytes: 90, truncated_rows: 1, lag_us: Some(5) }, 10);
        senders.accepted(from("a"), Taken { rows: 1, bytes: 10, ..Taken::default() }, 20);
        senders.refused(from("a"), "gelf-malformed", "no JSON", 3, 30);
        senders.refused(from("b"), "gelf-malformed", "no JSON", 1, 25);
        let list = senders.list();
        assert_eq!(list.len(), 2);
        let a = &list[0];
        assert_eq!((a.address.as_str(), a.accepted, a.bytes, a.truncated, a.lag_us), ("a", 3, 100, 1, Some(5)));
        assert_eq!((a.refused["gelf-malformed"], a.first_seen_us, a.last_seen_us), (3, 10, 30));
        assert_eq!(a.last_refusal.as_ref().map(|last| last.at_us), Some(30));
    }

    #[test]
    fn a_flood_of_addresses_is_added_up_and_nothing_is_lost() {
        let senders = Senders::default();
        let one = Taken { rows: 1, ..Taken::default() };
        for address in 0..3 * SENDERS_MAX {
            senders.accepted(from(&address.to_string()), one, 1_000);
        }
        let list = senders.list();
        assert!(list.len() <= SENDERS_MAX + 1, "{}", list.len());
        assert_eq!(list.iter().map(|status| status.accepted).sum::<u64>(), 3 * SENDERS_MAX as u64);
        // Hours later a new one gets room again.
        senders.accepted(from("late"), one, 2 * SILENT_US);
        assert_eq!(senders.list()[0].address, "late");
        assert_eq!(senders.list().iter().map(|status| status.accepted).sum::<u64>(), 3 * SENDERS_MAX as u64 + 1);
    }
}
