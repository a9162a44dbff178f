//! Corrective actions: what is refused, what a verifier says, and what follows from it. Pure.
//!
//! Invariants: an action is closed by its verifier alone and opened again by it; a verdict says in words
//! what was seen, so that whoever waits knows what to do.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::delivery::TestResult;
use andon_api::kinds::governance::Enforcement;
use andon_api::kinds::learning::{ActionSpec, ActionState, ActionStatus, Verifier};
use andon_api::kinds::signals::AlarmState;
use andon_api::object::ObjectRef;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::limits::{TITLE_CHARACTERS, VERIFY_EVERY_MS};
use crate::words;

/// What the world says about what a verifier names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Facts {
    /// The policy that the verifier names, where it exists, and whom it has refused.
    Policy(Option<PolicyFacts>),
    /// The alarm that the verifier names, where it exists.
    Alarm(Option<AlarmFacts>),
    /// The latest change of the service, where there is one, and what it says of the test.
    Change(Option<ChangeFacts>),
}

/// What is known of a policy; a stored policy compiles, else it would not have been stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PolicyFacts {
    pub(crate) enforcement: Enforcement,
    pub(crate) lesson: Option<ObjectRef>,
    /// Scopes that it refused, with the group that answers for each, newest first.
    pub(crate) refused: Vec<(String, Option<ObjectRef>)>,
}

/// What is known of an alarm.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AlarmFacts {
    pub(crate) state: AlarmState,
    pub(crate) fired_count: i64,
}

/// What is known of the latest change of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChangeFacts {
    pub(crate) change: ObjectRef,
    pub(crate) version: String,
    pub(crate) result: Option<TestResult>,
}

/// What a verifier says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) passed: bool,
    pub(crate) text: String,
}

fn passed(text: String) -> Verdict {
    Verdict { passed: true, text }
}

fn failed(text: String) -> Verdict {
    Verdict { passed: false, text }
}

/// Runs a verifier on facts; `team` is the group that owns the COE of the action.
pub(crate) fn verify(action: &ActionSpec, team: Option<&ObjectRef>, facts: &Facts) -> Verdict {
    match (&action.verifier, facts) {
        (Verifier::PolicyEnforced { policy }, Facts::Policy(facts)) => policy_enforced(policy, &action.coe, facts.as_ref()),
        (Verifier::PolicyRefused { policy }, Facts::Policy(facts)) => policy_refused(policy, team, facts.as_ref()),
        (Verifier::AlarmFired { alarm }, Facts::Alarm(facts)) => alarm_fired(alarm, facts.as_ref()),
        (Verifier::TestPassed { service, test }, Facts::Change(facts)) => test_passed(service, test, facts.as_ref()),
        _ => failed("The verifier was given facts of another sort.".to_owned()),
    }
}

fn policy_enforced(name: &str, coe: &ObjectRef, facts: Option<&PolicyFacts>) -> Verdict {
    match facts {
        None => failed(format!("There is no policy `{name}` yet.")),
        Some(facts) if facts.lesson.as_ref() != Some(coe) => failed(format!("The policy `{name}` does not cite {coe} as its lesson.")),
        Some(facts) if facts.enforcement != Enforcement::Enforced => failed(format!("The policy `{name}` is on trial, not enforced.")),
        Some(_) => passed(format!("The policy `{name}` is enforced and cites {coe}.")),
    }
}

fn policy_refused(name: &str, team: Option<&ObjectRef>, facts: Option<&PolicyFacts>) -> Verdict {
    let Some(facts) = facts else { return failed(format!("There is no policy `{name}` yet.")) };
    let elsewhere = facts.refused.iter().find(|(_, owner)| owner.is_some() && owner.as_ref() != team);
    match elsewhere {
        Some((scope, Some(owner))) => passed(format!("The policy `{name}` refused a change of {scope}, owned by {owner}.")),
        _ if facts.refused.is_empty() => failed(format!("The policy `{name}` has refused nothing yet.")),
        _ => failed(format!("The policy `{name}` has refused changes of the same team only.")),
    }
}

fn alarm_fired(name: &str, facts: Option<&AlarmFacts>) -> Verdict {
    match facts {
        None => failed(format!("There is no alarm `{name}` yet.")),
        Some(facts) if facts.state == AlarmState::Unknown => failed(format!("The alarm `{name}` is unknown: its data is incomplete.")),
        Some(facts) if facts.fired_count < 1 => failed(format!("The alarm `{name}` has never fired; try it.")),
        Some(facts) => passed(format!("The alarm `{name}` works; it has fired {} times.", facts.fired_count)),
    }
}

fn test_passed(service: &ObjectRef, test: &str, facts: Option<&ChangeFacts>) -> Verdict {
    let Some(facts) = facts else { return failed(format!("No change of {service} is recorded.")) };
    let (change, version) = (&facts.change, &facts.version);
    match facts.result {
        Some(TestResult::Passed) => passed(format!("The test `{test}` passed in {change} ({version}).")),
        Some(TestResult::Failed) => failed(format!("The test `{test}` failed in {change} ({version}).")),
        Some(TestResult::Missing) | None => failed(format!("The latest change {change} ({version}) does not carry the test `{test}`.")),
    }
}

/// What follows from a verdict: the new status, and the event where something happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settlement {
    pub(crate) status: ActionStatus,
    pub(crate) event: &'static str,
}

/// Decides what a verdict makes of an action; `None` when nothing is worth writing.
///
/// A nightly run that says the same as before is written once a day, so that its time can be seen.
pub(crate) fn settle(status: &ActionStatus, verdict: &Verdict, now: Timestamp) -> Option<Settlement> {
    let mut next = status.clone();
    next.verdict = Some(verdict.text.clone());
    next.verified_at = Some(now);
    let event = match (status.state, verdict.passed) {
        (ActionState::Open, true) => {
            next.state = ActionState::Verified;
            next.closed_at = Some(now);
            "action.verified"
        }
        (ActionState::Verified, false) => {
            next.state = ActionState::Open;
            next.closed_at = None;
            next.reopened = status.reopened + 1;
            "action.reopened"
        }
        _ if status.verdict.as_ref() != Some(&verdict.text) => "action.checked",
        _ if is_due(status, now) => "action.checked",
        _ => return None,
    };
    Some(Settlement { status: next, event })
}

/// Tells whether the verifier runs again without any cause: it has never run, or not for a day.
pub(crate) fn is_due(status: &ActionStatus, now: Timestamp) -> bool {
    status.verified_at.is_none_or(|at| now.as_millisecond() - at.as_millisecond() >= VERIFY_EVERY_MS)
}

/// Tells whether an action is past its date: the day after its due date has begun.
pub(crate) fn is_overdue(spec: &ActionSpec, status: &ActionStatus, today: Date) -> bool {
    status.state == ActionState::Open && spec.due < today
}

/// Refuses an action that is no action.
///
/// # Errors
/// `LRN-0003` with what is missing.
pub(crate) fn check(spec: &ActionSpec) -> Result<(), Problem> {
    let refuse = |place: &str, detail: String, hint: &str| Err(Problem::new(ErrorCode::ActionInvalid, detail).place(place).hint(hint));
    let title = spec.title.trim();
    if title.is_empty() || title.chars().count() > TITLE_CHARACTERS {
        return refuse("spec.title", format!("The title has {} characters; 1 to {TITLE_CHARACTERS} are read.", title.chars().count()), "Say in one line what will be done.");
    }
    if words::is_intention(title) {
        return refuse(
            "spec.title",
            format!("`{title}` is a good intention. Good intentions do not work; mechanisms do."),
            "Write what will make the mistake impossible, visible or harmless: a policy, an alarm, a test.",
        );
    }
    if spec.owner.trim().is_empty() {
        return refuse("spec.owner", "The action has no owner.".to_owned(), "Name the person who does it, for example `user:default/maya`.");
    }
    let named = match &spec.verifier {
        Verifier::PolicyEnforced { policy } | Verifier::PolicyRefused { policy } => policy,
        Verifier::AlarmFired { alarm } => alarm,
        Verifier::TestPassed { test, .. } => test,
    };
    if named.trim().is_empty() {
        return refuse("spec.verifier", "The verifier names nothing.".to_owned(), "Name the policy, the alarm or the test that proves the action done.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kinds::learning::ActionPurpose;
    use proptest::prelude::*;

    fn group(name: &str) -> ObjectRef {
        ObjectRef::new("group", "default", name)
    }

    fn coe() -> ObjectRef {
        ObjectRef::new("coe", "default", "coe-1")
    }

    fn action(verifier: Verifier) -> ActionSpec {
        ActionSpec {
            title: "No deploy without the idempotency test".to_owned(),
            coe: coe(),
            purpose: ActionPurpose::Prevent,
            owner: "maya".to_owned(),
            due: "2026-03-10".parse().unwrap(),
            verifier,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_policy_proves_an_action_when_it_is_enforced_and_cites_the_lesson() {
        let action = action(Verifier::PolicyEnforced { policy: "idem".to_owned() });
        let good = PolicyFacts { enforcement: Enforcement::Enforced, lesson: Some(coe()), refused: Vec::new() };
        let verdict = |facts: Option<PolicyFacts>| verify(&action, None, &Facts::Policy(facts));
        assert!(verdict(Some(good.clone())).passed);
        assert!(!verdict(None).passed);
        assert!(!verdict(Some(PolicyFacts { lesson: None, ..good.clone() })).passed);
        assert!(!verdict(Some(PolicyFacts { enforcement: Enforcement::Trial, ..good })).passed);
    }

    #[test]
    fn a_refusal_proves_an_action_when_another_team_was_refused() {
        let action = action(Verifier::PolicyRefused { policy: "idem".to_owned() });
        let verdict = |refused: Vec<(String, Option<ObjectRef>)>| {
            verify(&action, Some(&group("pay")), &Facts::Policy(Some(PolicyFacts { refused, ..PolicyFacts::default() })))
        };
        assert!(!verdict(Vec::new()).passed);
        assert!(!verdict(vec![("component:default/payments".to_owned(), Some(group("pay")))]).passed);
        assert!(!verdict(vec![("*".to_owned(), None)]).passed);
        let both = vec![
            ("component:default/payments".to_owned(), Some(group("pay"))),
            ("component:default/checkout".to_owned(), Some(group("web"))),
        ];
        assert!(verdict(both).text.contains("component:default/checkout"));
    }

    #[test]
    fn an_alarm_proves_an_action_when_it_has_fired_and_is_known() {
        let action = action(Verifier::AlarmFired { alarm: "double".to_owned() });
        let verdict = |state, fired_count| verify(&action, None, &Facts::Alarm(Some(AlarmFacts { state, fired_count })));
        assert!(verdict(AlarmState::Ok, 1).passed);
        assert!(!verdict(AlarmState::Unknown, 1).passed);
        assert!(!verdict(AlarmState::Ok, 0).passed);
        assert!(!verify(&action, None, &Facts::Alarm(None)).passed);
    }

    #[test]
    fn a_test_proves_an_action_when_the_latest_change_carries_it() {
        let service = ObjectRef::new("component", "default", "payments");
        let action = action(Verifier::TestPassed { service, test: "idempotency".to_owned() });
        let verdict = |result| {
            let change = ChangeFacts { change: ObjectRef::new("change", "default", "chg-7"), version: "3".to_owned(), result };
            verify(&action, None, &Facts::Change(Some(change)))
        };
        assert!(verdict(Some(TestResult::Passed)).passed);
        for result in [Some(TestResult::Failed), Some(TestResult::Missing), None] {
            assert!(!verdict(result).passed);
        }
        assert!(!verify(&action, None, &Facts::Change(None)).passed);
    }

    #[test]
    fn facts_of_another_sort_prove_nothing() {
        let action = action(Verifier::AlarmFired { alarm: "x".to_owned() });
        assert!(!verify(&action, None, &Facts::Change(None)).passed);
    }

    #[test]
    fn a_verdict_closes_reopens_or_says_nothing_new() {
        let now = at("2026-03-02T10:00:00Z");
        let open = ActionStatus::default();
        let closed = settle(&open, &passed("works".to_owned()), now).unwrap();
        assert_eq!((closed.event, closed.status.state), ("action.verified", ActionState::Verified));
        assert_eq!(closed.status.closed_at, Some(now));
        assert_eq!(settle(&closed.status, &passed("works".to_owned()), now), None);
        let reopened = settle(&closed.status, &failed("gone".to_owned()), now).unwrap();
        assert_eq!((reopened.event, reopened.status.state, reopened.status.reopened), ("action.reopened", ActionState::Open, 1));
        let nightly = settle(&closed.status, &passed("works".to_owned()), at("2026-03-03T10:00:00Z")).unwrap();
        assert_eq!((nightly.event, nightly.status.state), ("action.checked", ActionState::Verified));
    }

    #[test]
    fn an_action_is_overdue_the_day_after_its_date() {
        let spec = action(Verifier::AlarmFired { alarm: "x".to_owned() });
        let open = ActionStatus::default();
        assert!(!is_overdue(&spec, &open, "2026-03-10".parse().unwrap()));
        assert!(is_overdue(&spec, &open, "2026-03-11".parse().unwrap()));
        let done = ActionStatus { state: ActionState::Verified, ..open };
        assert!(!is_overdue(&spec, &done, "2026-03-11".parse().unwrap()));
    }

    #[test]
    fn an_action_without_owner_mechanism_or_proof_is_refused() {
        let good = action(Verifier::AlarmFired { alarm: "x".to_owned() });
        assert!(check(&good).is_ok());
        for (bad, place) in [
            (ActionSpec { title: "Be more careful".to_owned(), ..good.clone() }, "spec.title"),
            (ActionSpec { title: " ".to_owned(), ..good.clone() }, "spec.title"),
            (ActionSpec { owner: String::new(), ..good.clone() }, "spec.owner"),
            (ActionSpec { verifier: Verifier::AlarmFired { alarm: " ".to_owned() }, ..good }, "spec.verifier"),
        ] {
            let problem = check(&bad).unwrap_err();
            assert!(problem.is(ErrorCode::ActionInvalid));
            assert_eq!(problem.place.as_deref(), Some(place));
        }
    }

    proptest! {
        #[test]
        fn the_state_follows_the_last_verdict(verdicts in prop::collection::vec(any::<bool>(), 1..20)) {
            let mut status = ActionStatus::default();
            let mut regressions = 0;
            for (index, passes) in verdicts.iter().enumerate() {
                let now = Timestamp::from_millisecond(i64::try_from(index).unwrap() * 1_000).unwrap();
                let verdict = Verdict { passed: *passes, text: format!("{passes}") };
                if status.state == ActionState::Verified && !passes { regressions += 1; }
                if let Some(settled) = settle(&status, &verdict, now) { status = settled.status; }
                prop_assert_eq!(status.state == ActionState::Verified, *passes);
                prop_assert_eq!(status.closed_at.is_some(), *passes);
            }
            prop_assert_eq!(status.reopened, regressions);
        }
    }
}
