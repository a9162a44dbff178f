//! What the answers of policies mean for a check: which of them refuse, and with which words. Pure.

use andon_api::error::ErrorCode;
use andon_api::kinds::delivery::{ChangeType, Reason};
use andon_api::kinds::governance::{Enforcement, PolicySpec};
use andon_api::object::ObjectRef;

use crate::engine::Failure;

/// A policy that was asked, and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) policy: ObjectRef,
    pub(crate) version: i64,
    pub(crate) spec: PolicySpec,
    pub(crate) answer: Result<Vec<String>, Failure>,
}

/// The reasons against the change, and what was looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) evaluated: Vec<String>,
}

/// Weighs the answers: enforced policies refuse, also when they fail; a rollback is never refused.
pub(crate) fn weigh(change_type: ChangeType, asked: &[Asked]) -> Outcome {
    let mut outcome = Outcome::default();
    for one in asked {
        let refuses = one.spec.enforcement == Enforcement::Enforced && change_type != ChangeType::Rollback;
        outcome.evaluated.push(line(one, change_type));
        if refuses {
            outcome.reasons.extend(reasons(one));
        }
    }
    outcome
}

fn line(one: &Asked, change_type: ChangeType) -> String {
    let said = match &one.answer {
        Ok(reasons) if reasons.is_empty() => "passed".to_owned(),
        Ok(reasons) => format!("refused: {}", reasons.join("; ")),
        Err(failure) => format!("could not be evaluated: {failure}"),
    };
    let note = match (one.spec.enforcement, change_type) {
        (Enforcement::Trial, _) => " (on trial, refuses nothing)",
        (Enforcement::Enforced, ChangeType::Rollback) => " (rollbacks are exempt)",
        (Enforcement::Enforced, _) => "",
    };
    format!("{}@{} {said}{note}", one.policy, one.version)
}

fn reasons(one: &Asked) -> Vec<Reason> {
    let reason = |code: ErrorCode, text: String, hint: Option<String>| Reason {
        code: code.code().to_owned(),
        text,
        object: Some(one.policy.clone()),
        lesson: one.spec.lesson.clone(),
        hint,
    };
    match &one.answer {
        Ok(texts) => texts.iter().map(|text| reason(ErrorCode::ChangeRefused, text.clone(), one.spec.remedy.clone())).collect(),
        Err(failure) => vec![reason(
            ErrorCode::PolicyFailed,
            format!("The policy `{}` could not be evaluated: {failure}. What cannot be judged is refused.", one.policy.name()),
            Some(format!("Mend the policy, or set its enforcement to `trial`; it is owned by {}.", one.spec.owner)),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(enforcement: Enforcement, answer: Result<Vec<String>, Failure>) -> Asked {
        Asked {
            policy: ObjectRef::new("policy", "default", "idempotency"),
            version: 3,
            spec: PolicySpec {
                owner: "team-pay".to_owned(),
                rego: String::new(),
                enforcement,
                scope: Vec::new(),
                lesson: Some(ObjectRef::new("coe", "default", "coe-1")),
                remedy: Some("Run the idempotency test.".to_owned()),
            },
            answer,
        }
    }

    fn refusing() -> Result<Vec<String>, Failure> {
        Ok(vec!["no passed test".to_owned()])
    }

    #[test]
    fn an_enforced_policy_refuses_and_cites_the_lesson_and_the_remedy() {
        let outcome = weigh(ChangeType::Deploy, &[asked(Enforcement::Enforced, refusing())]);
        let reason = &outcome.reasons[0];
        assert_eq!(reason.code, "DEL-0002");
        assert_eq!(reason.text, "no passed test");
        assert_eq!(reason.lesson.as_ref().unwrap().to_string(), "coe:default/coe-1");
        assert_eq!(reason.hint.as_deref(), Some("Run the idempotency test."));
        assert_eq!(outcome.evaluated, ["policy:default/idempotency@3 refused: no passed test"]);
    }

    #[test]
    fn a_policy_on_trial_refuses_nothing_and_is_listed() {
        let outcome = weigh(ChangeType::Deploy, &[asked(Enforcement::Trial, refusing())]);
        assert!(outcome.reasons.is_empty());
        assert!(outcome.evaluated[0].contains("on trial"));
    }

    #[test]
    fn a_rollback_is_listed_and_never_refused_even_by_a_policy_that_fails() {
        let failing = Err(Failure::TimeLimit { limit_ms: 250 });
        let outcome = weigh(ChangeType::Rollback, &[asked(Enforcement::Enforced, refusing()), asked(Enforcement::Enforced, failing)]);
        assert!(outcome.reasons.is_empty());
        assert_eq!(outcome.evaluated.len(), 2);
        assert!(outcome.evaluated[0].contains("rollbacks are exempt"));
    }

    #[test]
    fn an_enforced_policy_that_fails_refuses() {
        let failing = Err(Failure::TimeLimit { limit_ms: 250 });
        let outcome = weigh(ChangeType::Deploy, &[asked(Enforcement::Enforced, failing)]);
        assert_eq!(outcome.reasons[0].code, "GOV-0002");
        assert!(outcome.reasons[0].text.contains("250 ms"));
    }

    #[test]
    fn a_policy_that_passes_is_listed_as_passed() {
        let outcome = weigh(ChangeType::Deploy, &[asked(Enforcement::Enforced, Ok(Vec::new()))]);
        assert!(outcome.reasons.is_empty());
        assert_eq!(outcome.evaluated, ["policy:default/idempotency@3 passed"]);
    }
}
