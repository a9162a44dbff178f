use andon_api::kinds::signals::Severity;
use andon_api::object::ObjectRef;
use andon_api::units::Span;
use proptest::prelude::*;

use super::*;

fn alarm(comparison: Comparison, threshold: f64, breaching_windows: u32, clear_windows: u32) -> AlarmSpec {
    AlarmSpec {
        service: ObjectRef::new("component", "default", "payments"),
        query: "service:payments AND level:error".to_owned(),
        window: Span::from_seconds(30),
        comparison,
        threshold,
        breaching_windows,
        clear_windows,
        severity: Severity::Sev2,
        pulls_andon: true,
        escalation_policy: None,
        runbook: None,
        customer_symptom: None,
    }
}

/// 2026-02-01 12:00:30 UTC ends the first window.
fn window(index: i64) -> Window {
    let end_us = 1_769_947_230_000_000 + index * 30_000_000;
    Window { start_us: end_us - 30_000_000, end_us }
}

fn missing(at_least: u64) -> WindowResult {
    WindowResult::Incomplete { at_least, reason: "one segment cannot be read".to_owned() }
}

fn play(spec: &AlarmSpec, results: &[WindowResult]) -> (Progress, Vec<Transition>) {
    let mut progress = Progress::default();
    let mut transitions = Vec::new();
    for (index, result) in results.iter().enumerate() {
        let decision = decide(spec, &progress, window(i64::try_from(index).unwrap()), result);
        progress = decision.progress;
        transitions.extend(decision.transition);
    }
    (progress, transitions)
}

fn announcements(spec: &AlarmSpec, results: &[WindowResult]) -> Vec<&'static str> {
    play(spec, results).1.iter().map(|transition| transition.announcement.action()).collect()
}

use WindowResult::Count;

#[test]
fn the_reason_can_be_read_aloud() {
    let spec = alarm(Comparison::Above, 5.0, 1, 2);
    let (_, transitions) = play(&spec, &[Count(14)]);
    assert_eq!(
        transitions[0].reason,
        "14 lines of `service:payments AND level:error` in the 30s to 12:00:30 UTC, more than 5"
    );
    let quiet = decide(&alarm(Comparison::Below, 1.0, 1, 1), &Progress::default(), window(0), &Count(0));
    assert_eq!(quiet.reason, "0 lines of `service:payments AND level:error` in the 30s to 12:00:30 UTC, fewer than 1");
    let even = decide(&spec, &Progress::default(), window(0), &Count(5));
    assert!(even.reason.ends_with("not more than 5"), "{}", even.reason);
}

#[test]
fn it_fires_after_enough_windows_in_a_row_and_resolves_after_enough_fine_ones() {
    let spec = alarm(Comparison::Above, 5.0, 2, 2);
    let results = [Count(0), Count(9), Count(0), Count(9), Count(9), Count(9), Count(1), Count(9), Count(1), Count(1)];
    assert_eq!(announcements(&spec, &results), ["alarm.cleared", "alarm.fired", "alarm.resolved"]);
    assert_eq!(announcements(&spec, &results[..4]), ["alarm.cleared"]);
}

#[test]
fn too_few_lines_can_be_the_alarm() {
    let spec = alarm(Comparison::Below, 10.0, 1, 1);
    assert_eq!(
        announcements(&spec, &[Count(20), Count(9), Count(10)]),
        ["alarm.cleared", "alarm.fired", "alarm.resolved"]
    );
}

#[test]
fn incomplete_data_is_unknown_and_neither_fine_nor_zero() {
    for comparison in [Comparison::Above, Comparison::Below] {
        let spec = alarm(comparison, 5.0, 1, 1);
        let (progress, transitions) = play(&spec, &[missing(0), missing(0)]);
        assert_eq!(progress.state, AlarmState::Unknown);
        assert!(transitions.is_empty());
    }
    let spec = alarm(Comparison::Above, 5.0, 1, 1);
    let (_, transitions) = play(&spec, &[Count(0), missing(3)]);
    assert_eq!(transitions[1].announcement, Announcement::Unknown);
    assert_eq!(transitions[1].value, None);
    assert_eq!(transitions[1].reason, "nothing is known of the 30s to 12:01:00 UTC: one segment cannot be read");
}

#[test]
fn what_was_found_of_incomplete_data_can_already_be_too_much() {
    let spec = alarm(Comparison::Above, 5.0, 1, 1);
    let (_, transitions) = play(&spec, &[missing(6)]);
    assert_eq!(transitions[0].announcement, Announcement::Fired);
    assert!(transitions[0].reason.starts_with("at least 6 lines"), "{}", transitions[0].reason);
}

#[test]
fn an_unknown_alarm_keeps_its_alert_until_windows_are_known_to_be_fine() {
    let spec = alarm(Comparison::Above, 5.0, 1, 2);
    let fired = [Count(9), missing(0), Count(0), missing(0), Count(0)];
    assert_eq!(announcements(&spec, &fired), ["alarm.fired", "alarm.unknown"]);
    let resolved = [Count(9), missing(0), Count(0), Count(0)];
    assert_eq!(announcements(&spec, &resolved), ["alarm.fired", "alarm.unknown", "alarm.resolved"]);
    let again = [Count(9), missing(0), Count(9)];
    assert_eq!(announcements(&spec, &again), ["alarm.fired", "alarm.unknown", "alarm.confirmed"]);
}

#[test]
fn a_gap_does_not_excuse_the_breach_before_it() {
    let spec = alarm(Comparison::Above, 5.0, 2, 1);
    assert_eq!(announcements(&spec, &[Count(9), missing(0), Count(9)]), ["alarm.fired"]);
}

fn any_result() -> impl Strategy<Value = WindowResult> {
    prop_oneof![(0u64..12).prop_map(Count), (0u64..12).prop_map(missing)]
}

proptest! {
    #[test]
    fn every_alert_that_opens_is_resolved_at_most_once_and_never_by_missing_data(
        results in prop::collection::vec(any_result(), 1..80),
        breaching in 1u32..4, clear in 1u32..4, below in any::<bool>(),
    ) {
        let comparison = if below { Comparison::Below } else { Comparison::Above };
        let spec = alarm(comparison, 5.0, breaching, clear);
        let mut progress = Progress::default();
        let mut open = false;
        let mut fine_in_a_row = 0;
        for (index, result) in results.iter().enumerate() {
            let decision = decide(&spec, &progress, window(i64::try_from(index).unwrap()), result);
            let fine = matches!(result, Count(count) if below && *count >= 5 || !below && *count <= 5);
            fine_in_a_row = if fine { fine_in_a_row + 1 } else { 0 };
            if let Some(transition) = &decision.transition {
                prop_assert_ne!(transition.from, transition.to);
                match transition.announcement {
                    Announcement::Fired => { prop_assert!(!open); open = true; }
                    Announcement::Confirmed => prop_assert!(open),
                    Announcement::Resolved => { prop_assert!(open && fine_in_a_row >= clear); open = false; }
                    Announcement::Cleared => prop_assert!(!open && fine),
                    Announcement::Unknown => {
                        let is_incomplete = matches!(result, WindowResult::Incomplete { .. });
                        prop_assert!(is_incomplete);
                    }
                }
            }
            prop_assert_eq!(decision.progress.open, open);
            progress = decision.progress;
        }
    }
}
