//! What a change becomes: recorded, staged, counted, rolled back.
//!
//! Invariants: pure; an outcome once told stays, except that a rollback takes back what arrived;
//! time to value runs from the first commit written to the end of the deploy, and a rollback, a
//! redeploy and a first deploy that says nothing of its commits have none.

use andon_api::kinds::delivery::{ChangeSpec, ChangeStatus, ChangeType, Outcome, RecordChange, StageReport};
use andon_api::{ErrorCode, ObjectRef, Problem};
use jiff::Timestamp;

use crate::commit_graph::Counted;
use crate::limits::{
    KEY_BYTES_MAX, NAME_BYTES_MAX, REPOSITORY_BYTES_MAX, TESTS_MAX, TITLE_BYTES_MAX, VERSION_BYTES_MAX,
};
use crate::stage;

/// Decides what a new change looks like.
///
/// # Errors
/// `DEL-0003` with the place of what cannot be recorded so.
pub(crate) fn record(command: &RecordChange, counted: &Counted, now: Timestamp) -> Result<ChangeStatus, Problem> {
    check_spec(&command.spec)?;
    if command.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
        return Err(refuse("idempotencyKey", format!("An idempotency key has 1 to {KEY_BYTES_MAX} bytes.")));
    }
    let empty = ChangeStatus::default();
    advance(&command.spec, &empty, &command.stages, command.outcome, counted, now)
}

/// Decides what a change looks like after further stages and, perhaps, its outcome.
///
/// # Errors
/// `DEL-0003` when a stage or the outcome contradicts what was recorded before.
pub(crate) fn advance(
    spec: &ChangeSpec,
    status: &ChangeStatus,
    reports: &[StageReport],
    outcome: Option<Outcome>,
    counted: &Counted,
    now: Timestamp,
) -> Result<ChangeStatus, Problem> {
    let stages = stage::merge(&status.stages, reports, now)?;
    let outcome = next_outcome(status.outcome, outcome)?;
    let arrived = matches!(outcome, Outcome::Succeeded | Outcome::RolledBack);
    // When it reached the customer is settled once: a later report adds stages, not another arrival.
    let deployed_at = match status.deployed_at {
        Some(at) => Some(at),
        None if arrived => Some(stage::delivered_at(&stages).unwrap_or(now)),
        None => None,
    };
    let next = ChangeStatus { stages, outcome, deployed_at, ..status.clone() };
    Ok(count(spec, &next, counted))
}

fn next_outcome(before: Outcome, reported: Option<Outcome>) -> Result<Outcome, Problem> {
    match (before, reported) {
        (_, Some(Outcome::RolledBack)) => {
            Err(refuse("outcome", "A change is rolled back by another change.").hint("Record a change with `changeType: rollback`."))
        }
        (before, None | Some(Outcome::InProgress)) => Ok(before),
        (Outcome::InProgress, Some(reported)) => Ok(reported),
        (before, Some(reported)) if before == reported => Ok(before),
        (Outcome::RolledBack, Some(Outcome::Succeeded)) => Ok(Outcome::RolledBack),
        (before, Some(reported)) => Err(refuse(
            "outcome",
            format!("The change has already {}; it cannot be told that it has {}.", words(before), words(reported)),
        )
        .hint("Record another change for another attempt.")),
    }
}

const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InProgress => "started",
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::RolledBack => "been rolled back",
    }
}

/// Computes commits, authors and time to value from what the commit graph, or else the stages, say.
pub(crate) fn count(spec: &ChangeSpec, status: &ChangeStatus, counted: &Counted) -> ChangeStatus {
    let mut next = status.clone();
    match counted {
        _ if spec.change_type == ChangeType::Rollback => {
            (next.commit_count, next.authors, next.first_commit_at) = (0, Vec::new(), None);
        }
        Counted::Known(brought) => {
            next.commit_count = i64::try_from(brought.commits).unwrap_or(i64::MAX);
            next.authors.clone_from(&brought.authors);
            next.first_commit_at = brought.first_us.and_then(|us| Timestamp::from_microsecond(us).ok());
        }
        Counted::Unknown | Counted::Baseline => count_commit_stages(&mut next),
    }
    let elapsed_ms = |first: Timestamp, deployed: Timestamp| deployed.as_millisecond() - first.as_millisecond();
    next.time_to_value_ms = next
        .first_commit_at
        .zip(next.deployed_at)
        .map(|(first, deployed)| elapsed_ms(first, deployed))
        // A commit dated after its deploy is a wrong clock somewhere: no number is better than a wrong one.
        .filter(|elapsed| *elapsed >= 0);
    next
}

/// Reads commits from the change's own `commit` stages, where no repository tells better.
fn count_commit_stages(status: &mut ChangeStatus) {
    let commits: Vec<_> = status.stages.iter().filter(|stage| stage.name == "commit").collect();
    let mut authors: Vec<String> =
        commits.iter().map(|stage| stage.actor.clone()).filter(|actor| !actor.is_empty()).collect();
    authors.sort();
    authors.dedup();
    let first = commits.iter().map(|stage| stage.started_at).min();
    status.commit_count = i64::try_from(commits.len()).unwrap_or(i64::MAX);
    (status.authors, status.first_commit_at) = (authors, first);
}

/// Decides what a rolled-back change looks like; `None` when it is already marked.
pub(crate) fn roll_back(status: &ChangeStatus, by: &ObjectRef) -> Option<ChangeStatus> {
    if status.rolled_back_by.is_some() {
        return None;
    }
    let outcome = match status.outcome {
        // What failed never arrived; that it was cleaned up is still worth knowing.
        Outcome::Failed => Outcome::Failed,
        _ => Outcome::RolledBack,
    };
    Some(ChangeStatus { outcome, rolled_back_by: Some(by.clone()), ..status.clone() })
}

fn refuse(place: &str, detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::ChangeInvalid, detail).place(place)
}

fn check_spec(spec: &ChangeSpec) -> Result<(), Problem> {
    if spec.service.kind() != "component" {
        return Err(refuse("spec.service", format!("`{}` is not a component.", spec.service))
            .hint("A change is recorded for a component, for example `component:default/payments`."));
    }
    if spec.version.trim().is_empty() || spec.version.len() > VERSION_BYTES_MAX {
        return Err(refuse("spec.version", format!("A version has 1 to {VERSION_BYTES_MAX} bytes.")));
    }
    if !is_environment(&spec.environment) {
        return Err(refuse("spec.environment", "An environment has 1 to 63 letters, digits, `-`, `_`, `.` or `/`."));
    }
    if spec.title.len() > TITLE_BYTES_MAX {
        return Err(refuse("spec.title", format!("The title is over {TITLE_BYTES_MAX} bytes.")));
    }
    if spec.repository.as_ref().is_some_and(|repository| repository.is_empty() || repository.len() > REPOSITORY_BYTES_MAX) {
        return Err(refuse("spec.repository", format!("A repository's address has 1 to {REPOSITORY_BYTES_MAX} bytes.")));
    }
    if let Some(commit) = spec.commit.as_ref().filter(|commit| !is_commit(commit)) {
        let shown: String = commit.chars().take(80).collect();
        return Err(refuse("spec.commit", format!("`{shown}` is not a commit: it has 7 to 64 hex digits.")));
    }
    if spec.rolls_back.is_some() && spec.change_type != ChangeType::Rollback {
        return Err(refuse("spec.rollsBack", "Only a rollback rolls another change back.")
            .hint("Set `changeType: rollback`."));
    }
    if let Some(change) = spec.rolls_back.as_ref().filter(|change| change.kind() != "change") {
        return Err(refuse("spec.rollsBack", format!("`{change}` is not a change.")));
    }
    check_tests(spec)
}

fn check_tests(spec: &ChangeSpec) -> Result<(), Problem> {
    if spec.tests.len() > TESTS_MAX {
        return Err(refuse("spec.tests", format!("There are {} tests; at most {TESTS_MAX} are kept.", spec.tests.len())));
    }
    match spec.tests.keys().find(|name| name.trim().is_empty() || name.len() > NAME_BYTES_MAX) {
        Some(_) => Err(refuse("spec.tests", format!("The name of a test has 1 to {NAME_BYTES_MAX} bytes."))),
        None => Ok(()),
    }
}

/// Tells whether the text is a commit's id or an abbreviation that could be looked up.
pub(crate) fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Tells whether the text names an environment.
pub(crate) fn is_environment(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit_graph::Brought;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn command(extra: serde_json::Value) -> RecordChange {
        let mut spec = json!({"service": "component:default/payments", "version": "2"});
        for (key, value) in extra.as_object().unwrap() {
            spec[key] = value.clone();
        }
        RecordChange { spec: serde_json::from_value(spec).unwrap(), stages: vec![], outcome: None, idempotency_key: None }
    }

    fn report(name: &str, start: i64, end: i64, actor: &str) -> StageReport {
        StageReport {
            name: name.to_owned(),
            started_at: at(start),
            finished_at: Some(at(end)),
            actor: Some(actor.to_owned()),
            wait_reason: None,
        }
    }

    fn deployed(extra: serde_json::Value, counted: &Counted) -> ChangeStatus {
        let mut command = command(extra);
        command.stages = vec![report("commit", 0, 0, "maya"), report("deploy", 900, 1_000, "ci")];
        command.outcome = Some(Outcome::Succeeded);
        record(&command, counted, at(2_000)).unwrap()
    }

    #[test]
    fn time_to_value_runs_from_the_first_commit_written_to_the_end_of_the_deploy() {
        let brought = Brought { commits: 3, authors: vec!["maya".into(), "sam".into()], first_us: Some(at(-500).as_microsecond()) };
        let status = deployed(json!({}), &Counted::Known(brought));
        assert_eq!(status.time_to_value_ms, Some(1_500_000));
        assert_eq!((status.commit_count, status.authors.len()), (3, 2));
        assert_eq!(status.deployed_at, Some(at(1_000)));
    }

    #[test]
    fn a_first_deploy_has_the_time_that_its_own_commit_stage_tells() {
        let status = deployed(json!({}), &Counted::Baseline);
        assert_eq!((status.time_to_value_ms, status.commit_count), (Some(1_000_000), 1));
        assert_eq!(status.authors, ["maya"]);
        let mut silent = command(json!({}));
        silent.outcome = Some(Outcome::Succeeded);
        let status = record(&silent, &Counted::Baseline, at(5)).unwrap();
        assert_eq!((status.time_to_value_ms, status.deployed_at), (None, Some(at(5))));
    }

    #[test]
    fn a_rollback_and_a_redeploy_have_no_time_to_value() {
        let status = deployed(json!({"changeType": "rollback"}), &Counted::Unknown);
        assert_eq!((status.time_to_value_ms, status.commit_count), (None, 0));
        let status = deployed(json!({}), &Counted::Known(Brought::default()));
        assert_eq!((status.time_to_value_ms, status.commit_count), (None, 0));
    }

    #[test]
    fn a_commit_dated_after_its_deploy_gives_no_number() {
        let brought = Brought { commits: 1, authors: vec![], first_us: Some(at(9_999).as_microsecond()) };
        assert_eq!(deployed(json!({}), &Counted::Known(brought)).time_to_value_ms, None);
    }

    #[test]
    fn what_is_under_way_arrives_when_its_outcome_is_told() {
        let started = record(&command(json!({})), &Counted::Unknown, at(0)).unwrap();
        assert_eq!((started.outcome, started.deployed_at), (Outcome::InProgress, None));
        let spec = command(json!({})).spec;
        let reports = [report("deploy", 10, 20, "ci")];
        let done = advance(&spec, &started, &reports, Some(Outcome::Succeeded), &Counted::Unknown, at(99)).unwrap();
        assert_eq!(done.deployed_at, Some(at(20)));
        let again = advance(&spec, &done, &reports, Some(Outcome::Succeeded), &Counted::Unknown, at(999)).unwrap();
        assert_eq!(again, done);
        let denied = advance(&spec, &done, &[], Some(Outcome::Failed), &Counted::Unknown, at(999)).unwrap_err();
        assert_eq!((denied.code.as_str(), denied.place.as_deref()), ("DEL-0003", Some("outcome")));
    }

    #[test]
    fn a_rollback_takes_back_what_arrived_once() {
        let by = ObjectRef::new("change", "default", "chg-9");
        let status = deployed(json!({}), &Counted::Unknown);
        let taken = roll_back(&status, &by).unwrap();
        assert_eq!((taken.outcome, taken.rolled_back_by.clone()), (Outcome::RolledBack, Some(by.clone())));
        assert_eq!(taken.time_to_value_ms, status.time_to_value_ms);
        assert!(roll_back(&taken, &by).is_none());
        let failed = ChangeStatus { outcome: Outcome::Failed, ..ChangeStatus::default() };
        assert_eq!(roll_back(&failed, &by).unwrap().outcome, Outcome::Failed);
    }

    #[test]
    fn what_cannot_be_recorded_names_its_place() {
        for (extra, place) in [
            (json!({"service": "group:default/a"}), "spec.service"),
            (json!({"version": " "}), "spec.version"),
            (json!({"environment": "a b"}), "spec.environment"),
            (json!({"commit": "not-hex"}), "spec.commit"),
            (json!({"rollsBack": "change:default/chg-1"}), "spec.rollsBack"),
            (json!({"changeType": "rollback", "rollsBack": "component:default/a"}), "spec.rollsBack"),
            (json!({"tests": {"": "passed"}}), "spec.tests"),
        ] {
            let problem = record(&command(extra), &Counted::Unknown, at(0)).unwrap_err();
            assert_eq!((problem.code.as_str(), problem.place.as_deref()), ("DEL-0003", Some(place)));
        }
        let mut told = command(json!({}));
        told.outcome = Some(Outcome::RolledBack);
        assert_eq!(record(&told, &Counted::Unknown, at(0)).unwrap_err().place.as_deref(), Some("outcome"));
    }
}
