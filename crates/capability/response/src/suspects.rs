//! Which change most likely caused an incident, and why. Pure.
//!
//! Purpose: ranks recent changes by how close to the first failing line they reached production, how
//! near they are to the failing service, whether the failing lines carry their version, and what their
//! tests said. Evidence is combined as independent chances: each adds, none decides alone.
//!
//! Absent: the reading of changes, the catalog and logs.

use std::collections::BTreeMap;

use andon_api::kinds::delivery::{ChangeType, Outcome, TestResult};
use andon_api::kinds::response::Suspect;
use andon_api::object::ObjectRef;
use jiff::Timestamp;

use crate::limits::{SUSPECT_HORIZON_MS, SUSPECT_SLACK_MS, SUSPECTS_MAX};

/// What is known of the failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// When the first failing line was written, or the trouble was noticed.
    pub started_at: Timestamp,
    /// Which of the two it is, as reasons say it: `the first failing line` or `it was noticed`.
    pub seen: &'static str,
    /// The failing services.
    pub services: Vec<ObjectRef>,
    /// What they depend on, directly.
    pub dependencies: Vec<ObjectRef>,
    /// How many failing lines carry which version, per service name.
    pub versions: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many failing lines were looked at.
    pub lines: u64,
}

/// What is known of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeFact {
    /// The change.
    pub change: ObjectRef,
    /// What it changed.
    pub service: ObjectRef,
    /// The version it brought.
    pub version: String,
    /// The environment.
    pub environment: String,
    /// What sort of change.
    pub change_type: ChangeType,
    /// When its deployment began to reach customers.
    pub reached_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What its tests said.
    pub tests: BTreeMap<String, TestResult>,
}

/// Ranks the changes that may have caused a failure, the likeliest first.
pub fn rank(failure: &Failure, changes: &[ChangeFact]) -> Vec<Suspect> {
    let mut found: Vec<Suspect> = changes.iter().filter_map(|change| judge(failure, change, changes)).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| b.change.cmp(&a.change)));
    found.truncate(SUSPECTS_MAX);
    let total: f64 = found.iter().map(|suspect| suspect.score).sum();
    for suspect in &mut found {
        // Shares of one whole where the evidence is plenty; a lone weak suspect stays weak.
        suspect.score = (suspect.score / total.max(1.0) * 100.0).round() / 100.0;
    }
    found
}

struct Evidence {
    chance: f64,
    reason: String,
}

fn judge(failure: &Failure, change: &ChangeFact, all: &[ChangeFact]) -> Option<Suspect> {
    let lead_ms = failure.started_at.duration_since(change.reached_at).as_millis();
    let lead_ms = i64::try_from(lead_ms).ok()?;
    let carried = carries_version(failure, change);
    let recent = (-SUSPECT_SLACK_MS..=SUSPECT_HORIZON_MS).contains(&lead_ms);
    if !recent && !(carried.is_some() && lead_ms > 0) {
        return None;
    }
    let relation = relation(failure, change)?;
    let mut evidence = vec![closeness(failure, lead_ms), relation];
    evidence.extend(carried);
    evidence.extend(tests(change));
    evidence.extend(nature(change));
    let spared: f64 = evidence.iter().map(|item| 1.0 - item.chance).product();
    let mut score = 1.0 - spared;
    if change.environment != "production" {
        score *= 0.2;
        evidence
            .push(Evidence { chance: 0.0, reason: format!("it went to {}, not to production", change.environment) });
    }
    if let Some(alibi) = alibi(failure, change, all, lead_ms) {
        score *= ALIBI;
        evidence.push(Evidence { chance: 0.0, reason: alibi });
    }
    let reasons = evidence.into_iter().map(|item| item.reason).collect();
    Some(Suspect { change: change.change.clone(), score, reasons })
}

/// What is left of the chance of a change that has an alibi.
const ALIBI: f64 = 0.15;

/// Tells why a change can hardly have done it: it came later, it was gone by then, or the failing lines
/// say that another version wrote them.
fn alibi(failure: &Failure, change: &ChangeFact, all: &[ChangeFact], lead_ms: i64) -> Option<String> {
    if lead_ms <= -1_000 {
        return Some(format!("it came after {}", failure.seen));
    }
    let replaced = all.iter().find(|other| {
        other.service == change.service
            && other.environment == change.environment
            && other.reached_at > change.reached_at
            && other.reached_at <= failure.started_at
    });
    if let Some(other) = replaced {
        return Some(format!("version {} had replaced it by then", other.version));
    }
    let versions = failure.versions.get(change.service.name())?;
    let foreign = !versions.is_empty() && !versions.contains_key(&change.version);
    foreign.then(|| "no failing line carries its version".to_owned())
}

/// The chance halves with every half hour between the change and the failure.
fn closeness(failure: &Failure, lead_ms: i64) -> Evidence {
    let seen = failure.seen;
    let minutes = f64::from(i32::try_from(lead_ms.max(0) / 1_000).unwrap_or(i32::MAX)) / 60.0;
    let reason = match lead_ms {
        ..=-1_000 => format!("reached production {} after {seen}", duration(-lead_ms)),
        -999..=999 => format!("reached production less than 1 s before {seen}"),
        _ => format!("reached production {} before {seen}", duration(lead_ms)),
    };
    Evidence { chance: 0.6 * 0.5f64.powf(minutes / 30.0), reason }
}

fn relation(failure: &Failure, change: &ChangeFact) -> Option<Evidence> {
    if failure.services.contains(&change.service) {
        return Some(Evidence { chance: 0.5, reason: "same service".to_owned() });
    }
    if failure.dependencies.contains(&change.service) {
        let reason = format!("{} is a dependency of the failing service", change.service.name());
        return Some(Evidence { chance: 0.25, reason });
    }
    None
}

fn carries_version(failure: &Failure, change: &ChangeFact) -> Option<Evidence> {
    let versions = failure.versions.get(change.service.name())?;
    let count = *versions.get(&change.version)?;
    let all: u64 = versions.values().sum();
    if count == all {
        let reason = format!("the failing lines carry its version {}", change.version);
        return Some(Evidence { chance: 0.8, reason });
    }
    let reason = format!("{count} of {all} failing lines carry its version {}", change.version);
    let percent = u32::try_from(count.saturating_mul(100) / all.max(1)).unwrap_or(100);
    Some(Evidence { chance: 0.8 * f64::from(percent) / 100.0, reason })
}

fn tests(change: &ChangeFact) -> Vec<Evidence> {
    let mut found = Vec::new();
    for (name, result) in &change.tests {
        match result {
            TestResult::Failed => {
                found.push(Evidence { chance: 0.3, reason: format!("its {name} test failed") });
            }
            TestResult::Missing => {
                found.push(Evidence { chance: 0.15, reason: format!("no {name} test") });
            }
            TestResult::Passed => {}
        }
    }
    found
}

fn nature(change: &ChangeFact) -> Option<Evidence> {
    match (change.outcome, change.change_type) {
        (Outcome::Failed, _) => Some(Evidence { chance: 0.2, reason: "it failed on its way".to_owned() }),
        (_, ChangeType::Rollback) => Some(Evidence { chance: 0.0, reason: "it is a rollback".to_owned() }),
        _ => None,
    }
}

/// Says a length of time with its two largest units.
pub fn duration(milliseconds: i64) -> String {
    let seconds = milliseconds / 1_000;
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) if rest == 0 || minutes >= 10 => format!("{minutes} min"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests_of_ranking {
    use super::*;

    fn component(name: &str) -> ObjectRef {
        ObjectRef::new("component", "default", name)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_769_947_200 + second).unwrap()
    }

    fn failure() -> Failure {
        Failure {
            started_at: at(0),
            seen: "the first failing line",
            services: vec![component("payments")],
            dependencies: vec![component("ledger")],
            versions: BTreeMap::from([("payments".to_owned(), BTreeMap::from([("2".to_owned(), 14)]))]),
            lines: 14,
        }
    }

    fn change(name: &str, service: &str, version: &str, reached: i64) -> ChangeFact {
        ChangeFact {
            change: ObjectRef::new("change", "default", name),
            service: component(service),
            version: version.to_owned(),
            environment: "production".to_owned(),
            change_type: ChangeType::Deploy,
            reached_at: at(reached),
            outcome: Outcome::Succeeded,
            tests: BTreeMap::new(),
        }
    }

    #[test]
    fn a_change_that_was_replaced_before_the_failure_has_an_alibi() {
        let changes = [change("chg-1", "payments", "1", -60), change("chg-2", "payments", "2", -42)];
        let ranked = rank(&failure(), &changes);
        assert_eq!(ranked[1].change.name(), "chg-1");
        assert!(ranked[1].reasons.contains(&"version 2 had replaced it by then".to_owned()));
        assert!(ranked[0].score > 5.0 * ranked[1].score, "{ranked:?}");
    }

    #[test]
    fn the_change_that_fits_is_first_and_says_why() {
        let mut culprit = change("chg-7", "payments", "2", -42);
        culprit.tests.insert("idempotency".to_owned(), TestResult::Missing);
        let changes = [
            change("chg-6", "ledger", "9", -20),
            culprit,
            change("chg-3", "payments", "1", -7_200),
            change("chg-5", "storefront", "4", -10),
        ];
        let ranked = rank(&failure(), &changes);
        let names: Vec<_> = ranked.iter().map(|suspect| suspect.change.name()).collect();
        assert_eq!(names, ["chg-7", "chg-6", "chg-3"], "a change of an unrelated service is no suspect");
        assert_eq!(
            ranked[0].reasons,
            [
                "reached production 42 s before the first failing line",
                "same service",
                "the failing lines carry its version 2",
                "no idempotency test",
            ]
        );
        assert!(ranked.iter().map(|suspect| suspect.score).sum::<f64>() <= 1.01);
    }

    #[test]
    fn a_change_after_the_first_failing_line_did_not_cause_it() {
        assert!(rank(&failure(), &[change("chg-8", "payments", "3", 300)]).is_empty());
        let slack = rank(&failure(), &[change("chg-8", "payments", "3", 20)]);
        assert_eq!(slack[0].reasons[0], "reached production 20 s after the first failing line");
    }

    #[test]
    fn an_old_change_is_suspected_only_when_the_lines_carry_its_version() {
        let old = -3 * 86_400;
        assert_eq!(rank(&failure(), &[change("chg-1", "payments", "2", old)]).len(), 1);
        assert!(rank(&failure(), &[change("chg-1", "payments", "1", old)]).is_empty());
    }

    #[test]
    fn a_lone_weak_suspect_does_not_look_certain() {
        let mut failure = failure();
        failure.versions.clear();
        let ranked = rank(&failure, &[change("chg-2", "ledger", "9", -6 * 3_600)]);
        assert!(ranked[0].score < 0.5, "{:?}", ranked[0]);
    }

    #[test]
    fn only_a_part_of_the_lines_can_carry_the_version() {
        let mut failure = failure();
        failure.versions =
            BTreeMap::from([("payments".to_owned(), BTreeMap::from([("2".to_owned(), 3), ("1".to_owned(), 9)]))]);
        let ranked = rank(&failure, &[change("chg-7", "payments", "2", -42)]);
        assert!(ranked[0].reasons.contains(&"3 of 12 failing lines carry its version 2".to_owned()));
    }

    #[test]
    fn lengths_of_time_read_well() {
        for (milliseconds, text) in [
            (42_000, "42 s"),
            (95_000, "1 min 35 s"),
            (120_000, "2 min"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(milliseconds), text);
        }
    }
}
