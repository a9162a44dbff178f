//! The stages of a change: what may be reported, how reports come together, what waited how long.
//!
//! Invariants: pure; a time once reported never changes (a second report of the same stage may add
//! what was missing and nothing else); a wait is never negative.

use andon_api::kinds::delivery::{Stage, StageReport};
use andon_api::{ErrorCode, Problem};
use jiff::Timestamp;

use crate::limits::{AHEAD_MS_MAX, NAME_BYTES_MAX, STAGES_MAX};

/// The stages on the way from commit to customer, in their usual order.
pub(crate) const NAMES: [&str; 6] = ["commit", "review", "build", "test", "deploy", "feature-on"];

/// Checks reports and adds them to the stages so far, in the order of their start, with waits.
///
/// # Errors
/// `DEL-0003` when a stage is unknown, ends before it starts, lies in the future, or contradicts an
/// earlier report.
pub(crate) fn merge(stages: &[Stage], reports: &[StageReport], now: Timestamp) -> Result<Vec<Stage>, Problem> {
    let mut merged = stages.to_vec();
    for (index, report) in reports.iter().enumerate() {
        let place = format!("stages[{index}]");
        check(report, &place, now)?;
        merge_one(&mut merged, report, &place)?;
    }
    if merged.len() > STAGES_MAX {
        return Err(Problem::new(
            ErrorCode::ChangeInvalid,
            format!("The change would have {} stages; at most {STAGES_MAX} are kept.", merged.len()),
        ));
    }
    merged.sort_by(|a, b| (a.started_at, order(&a.name)).cmp(&(b.started_at, order(&b.name))));
    compute_waits(&mut merged);
    Ok(merged)
}

fn order(name: &str) -> usize {
    NAMES.iter().position(|known| *known == name).unwrap_or(NAMES.len())
}

fn check(report: &StageReport, place: &str, now: Timestamp) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::new(ErrorCode::ChangeInvalid, detail).place(place));
    if !NAMES.contains(&report.name.as_str()) {
        let shown: String = report.name.chars().take(40).collect();
        return Err(Problem::new(ErrorCode::ChangeInvalid, format!("There is no stage `{shown}`."))
            .place(format!("{place}.name"))
            .hint(format!("The stages are: {}.", NAMES.join(", "))));
    }
    if let Some(finished) = report.finished_at.filter(|finished| *finished < report.started_at) {
        return refuse(format!(
            "The stage `{}` ends ({finished}) before it starts ({}).",
            report.name, report.started_at
        ));
    }
    let latest = report.finished_at.unwrap_or(report.started_at);
    if latest.as_millisecond() > now.as_millisecond().saturating_add(AHEAD_MS_MAX) {
        return refuse(format!(
            "The stage `{}` lies in the future ({latest}; the server's clock says {now}).",
            report.name
        ));
    }
    let texts = [&report.actor, &report.wait_reason];
    if texts.into_iter().flatten().any(|text| text.len() > NAME_BYTES_MAX) {
        return refuse(format!("A text of the stage `{}` is over {NAME_BYTES_MAX} bytes.", report.name));
    }
    Ok(())
}

fn merge_one(stages: &mut Vec<Stage>, report: &StageReport, place: &str) -> Result<(), Problem> {
    let known = stages
        .iter_mut()
        .find(|stage| stage.name == report.name && stage.started_at == report.started_at);
    let Some(stage) = known else {
        stages.push(Stage {
            name: report.name.clone(),
            started_at: report.started_at,
            // A commit is a moment, not a span: reported without an end, it ends when it begins.
            finished_at: report.finished_at.or_else(|| (report.name == "commit").then_some(report.started_at)),
            actor: report.actor.clone().unwrap_or_default(),
            waited_ms: 0,
            wait_reason: report.wait_reason.clone(),
        });
        return Ok(());
    };
    match (stage.finished_at, report.finished_at) {
        (Some(before), Some(after)) if before != after => {
            return Err(Problem::new(
                ErrorCode::ChangeInvalid,
                format!("The stage `{}` already ended at {before}; a time once recorded is not changed.", stage.name),
            )
            .place(place)
            .hint("Report a second run of the stage with its own start."));
        }
        (None, finished) => stage.finished_at = finished,
        (Some(_), _) => {}
    }
    if stage.actor.is_empty() {
        stage.actor = report.actor.clone().unwrap_or_default();
    }
    if stage.wait_reason.is_none() {
        stage.wait_reason.clone_from(&report.wait_reason);
    }
    Ok(())
}

/// Computes what each stage waited since the last of the stages before it ended.
fn compute_waits(stages: &mut [Stage]) {
    let mut ended: Option<Timestamp> = None;
    for stage in stages {
        stage.waited_ms = ended.map_or(0, |ended| (stage.started_at.as_millisecond() - ended.as_millisecond()).max(0));
        let end = stage.finished_at.unwrap_or(stage.started_at);
        ended = Some(ended.map_or(end, |ended| ended.max(end)));
    }
}

/// Tells when the change reached the customer, as far as its stages say.
pub(crate) fn delivered_at(stages: &[Stage]) -> Option<Timestamp> {
    let end_of = |name: &str| {
        stages.iter().filter(|stage| stage.name == name).map(|stage| stage.finished_at.unwrap_or(stage.started_at)).max()
    };
    end_of("deploy").or_else(|| end_of("feature-on"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn report(name: &str, start: i64, end: Option<i64>) -> StageReport {
        StageReport { name: name.to_owned(), started_at: at(start), finished_at: end.map(at), actor: None, wait_reason: None }
    }

    #[test]
    fn a_wait_is_what_lies_between_two_stages() {
        let reports = [report("deploy", 100, Some(130)), report("commit", 0, Some(0)), report("build", 60, Some(90))];
        let stages = merge(&[], &reports, at(1_000)).unwrap();
        let waits: Vec<_> = stages.iter().map(|stage| (stage.name.as_str(), stage.waited_ms)).collect();
        assert_eq!(waits, [("commit", 0), ("build", 60_000), ("deploy", 10_000)]);
        assert_eq!(delivered_at(&stages), Some(at(130)));
    }

    #[test]
    fn stages_that_overlap_do_not_wait_for_each_other() {
        let reports = [report("build", 0, Some(50)), report("test", 10, Some(20)), report("deploy", 60, None)];
        let stages = merge(&[], &reports, at(1_000)).unwrap();
        assert_eq!(stages.iter().map(|stage| stage.waited_ms).collect::<Vec<_>>(), [0, 0, 10_000]);
    }

    #[test]
    fn the_end_of_a_running_stage_may_come_later_and_then_stays() {
        let begun = merge(&[], &[report("deploy", 10, None)], at(100)).unwrap();
        let ended = merge(&begun, &[report("deploy", 10, Some(20))], at(100)).unwrap();
        assert_eq!(ended[0].finished_at, Some(at(20)));
        assert_eq!(merge(&ended, &[report("deploy", 10, Some(20))], at(100)).unwrap(), ended);
        assert_eq!(merge(&ended, &[report("deploy", 10, Some(30))], at(100)).unwrap_err().code, "DEL-0003");
        assert_eq!(merge(&ended, &[report("deploy", 30, Some(40))], at(100)).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_have_happened_is_refused_at_its_place() {
        for bad in [report("lunch", 0, None), report("build", 10, Some(5)), report("build", 90_000, None)] {
            let problem = merge(&[], &[report("commit", 0, None), bad], at(0)).unwrap_err();
            assert_eq!(problem.code, "DEL-0003");
            assert!(problem.place.unwrap().starts_with("stages[1]"));
        }
    }

    proptest! {
        #[test]
        fn waits_are_never_negative_and_reports_in_any_order_agree(
            rows in prop::collection::vec((0usize..6, 0i64..1_000, prop::option::of(0i64..500)), 0..12)
        ) {
            let mut reports: Vec<StageReport> = Vec::new();
            for (name, start, length) in rows {
                if !reports.iter().any(|r| r.name == NAMES[name] && r.started_at == at(start)) {
                    reports.push(report(NAMES[name], start, length.map(|length| start + length)));
                }
            }
            let stages = merge(&[], &reports, at(5_000)).unwrap();
            prop_assert!(stages.iter().all(|stage| stage.waited_ms >= 0));
            reports.reverse();
            prop_assert_eq!(&merge(&[], &reports, at(5_000)).unwrap(), &stages);
            prop_assert_eq!(merge(&stages, &reports, at(5_000)).unwrap(), stages);
        }
    }
}
