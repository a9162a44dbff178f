//! The gates of a COE: what must be there before it is published, and which state may follow which.
//!
//! Invariants: a gate says what is missing in words that tell what to do; `verified` is reached by the
//! system alone, when every action is verified, and left by the system alone, when one is not any more.
//! Pure.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::learning::{ActionPurpose, ActionSpec, ActionState, CoeSpec, CoeState, CoeStatus, Factor};
use andon_api::kinds::signals::Severity;
use serde_json::json;

use crate::limits::{SUMMARY_WORDS, WHYS, WHYS_SEVERE};
use crate::words;

/// The categories that a factor may have.
pub(crate) const CATEGORIES: [&str; 7] =
    ["change", "capacity", "dependency", "configuration", "interface", "monitoring", "process"];

/// Everything that the gates look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dossier<'a> {
    pub(crate) spec: &'a CoeSpec,
    pub(crate) status: &'a CoeStatus,
    pub(crate) actions: &'a [ActionSpec],
    /// Names of persons, as they are written; they may not end a chain of whys.
    pub(crate) people: &'a [String],
}

/// Lists what is missing before the COE can be published; empty when all gates are met.
pub(crate) fn open_gates(dossier: Dossier<'_>) -> Vec<String> {
    let mut open = Vec::new();
    summary(&dossier.spec.summary, &mut open);
    impact(dossier, &mut open);
    graph(dossier, &mut open);
    factors(dossier, &mut open);
    if dossier.spec.lessons.iter().all(|lesson| lesson.trim().is_empty()) {
        open.push("lessons: write at least one general rule that follows".to_owned());
    }
    actions(dossier.actions, &mut open);
    open
}

fn summary(text: &str, open: &mut Vec<String>) {
    match text.split_whitespace().count() {
        0 => open.push(format!("summary: write what customers saw, how long, why, and what changes, in at most {SUMMARY_WORDS} words")),
        words if words > SUMMARY_WORDS => open.push(format!("summary: it has {words} words; at most {SUMMARY_WORDS} are read")),
        _ => {}
    }
}

fn impact(dossier: Dossier<'_>, open: &mut Vec<String>) {
    let impact = &dossier.status.impact;
    let counted = impact.failing_lines.is_some_and(|lines| lines > 0) || !impact.cases.is_empty();
    let note = dossier.spec.impact_note.trim();
    let number = note.chars().any(|character| character.is_ascii_digit());
    if !counted && !number && !is_reasoned_unknown(note) {
        open.push("impactNote: give a number of the impact, or write `unknown, because …`".to_owned());
    }
}

fn is_reasoned_unknown(note: &str) -> bool {
    let note = note.to_lowercase();
    let Some(rest) = note.strip_prefix("unknown") else { return false };
    let Some(reason) = rest.trim_start_matches([',', ' ', ':', '-']).strip_prefix("because") else { return false };
    reason.split_whitespace().count() >= 2
}

fn graph(dossier: Dossier<'_>, open: &mut Vec<String>) {
    let drawn = dossier.status.graph.as_ref().is_some_and(|graph| !graph.counts.is_empty());
    let reasoned = is_reasoned_unknown(dossier.spec.impact_note.trim());
    if !drawn && !reasoned {
        open.push("graph: no alarm counted the symptom; add an alarm for it as an action, and write `unknown, because …` as the impact".to_owned());
    }
}

fn factors(dossier: Dossier<'_>, open: &mut Vec<String>) {
    let needed = whys_needed(dossier.spec.severity);
    let longest = dossier.spec.factors.iter().map(|factor| given_whys(factor).count()).max().unwrap_or(0);
    if longest < needed {
        open.push(format!("factors: the longest chain of whys has {longest}; ask why at least {needed} times"));
    }
    for (index, factor) in dossier.spec.factors.iter().enumerate() {
        if !CATEGORIES.contains(&factor.category.as_str()) {
            open.push(format!("factors[{index}].category: `{}` is none of {}", factor.category, CATEGORIES.join(", ")));
        }
        match given_whys(factor).last() {
            None => open.push(format!("factors[{index}].whys: it has no why")),
            Some(leaf) => {
                if let Some(why) = words::no_cause(leaf, dossier.people) {
                    open.push(format!("factors[{index}].whys: {why}"));
                }
            }
        }
    }
}

fn given_whys(factor: &Factor) -> impl Iterator<Item = &String> {
    factor.whys.iter().filter(|why| !why.trim().is_empty())
}

/// Tells how many whys the longest branch needs.
pub(crate) fn whys_needed(severity: Severity) -> usize {
    match severity {
        Severity::Sev1 | Severity::Sev2 => WHYS_SEVERE,
        Severity::Sev3 | Severity::Sev4 | Severity::Sev5 => WHYS,
    }
}

fn actions(actions: &[ActionSpec], open: &mut Vec<String>) {
    let any = |purposes: &[ActionPurpose]| actions.iter().any(|action| purposes.contains(&action.purpose));
    if !any(&[ActionPurpose::Prevent]) {
        open.push("actions: add at least one whose purpose is `prevent`, with owner, due date and verifier".to_owned());
    }
    if !any(&[ActionPurpose::Detect, ActionPurpose::Mitigate]) {
        open.push("actions: add at least one whose purpose is `detect` or `mitigate`, with owner, due date and verifier".to_owned());
    }
    for action in actions.iter().filter(|action| words::is_intention(&action.title)) {
        open.push(format!("actions: `{}` is a good intention; write what will make it impossible or visible", action.title));
    }
}

/// Decides whether people may move a COE to a state.
///
/// # Errors
/// `LRN-0001` with everything that is missing, or with the states that may follow.
pub(crate) fn may_move(from: CoeState, to: CoeState, open: &[String]) -> Result<(), Problem> {
    use CoeState::{Draft, InReview, Published, Verified};
    let refuse = |detail: &str, hint: &str| Err(Problem::new(ErrorCode::GateFailed, detail).hint(hint));
    match (from, to) {
        (_, Verified) => refuse(
            "A COE is verified by the system alone.",
            "It becomes verified when the verifier of every action passes; see its actions.",
        ),
        (InReview, Published) if open.is_empty() => Ok(()),
        (Draft, Published) => refuse("A draft is read by others before it is published.", "Move it to `inReview` first."),
        (InReview, Published) => Err(gates_problem(open)),
        (Draft, InReview) | (InReview, Draft) | (Published, InReview) => Ok(()),
        (Published, _) => refuse("A published COE stands.", "Move it back to `inReview` to change its text."),
        (Verified, _) => refuse("A verified COE stands: all its actions are verified.", "What is new belongs into a new COE."),
        (Draft, Draft) | (InReview, InReview) => Ok(()),
    }
}

/// Makes the problem that lists the open gates.
pub(crate) fn gates_problem(open: &[String]) -> Problem {
    Problem::new(ErrorCode::GateFailed, format!("The COE is not complete: {}.", open.join("; ")))
        .hint("Edit the COE, or add actions, until `status.openGates` is empty.")
        .facts(json!({ "missing": open }))
}

/// Decides which state the system gives a COE after its actions were verified, or no longer are.
pub(crate) fn settled_state(state: CoeState, actions: &[ActionState]) -> CoeState {
    let all_verified = !actions.is_empty() && actions.iter().all(|action| *action == ActionState::Verified);
    match (state, all_verified) {
        (CoeState::Published, true) => CoeState::Verified,
        (CoeState::Verified, false) => CoeState::Published,
        (state, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kinds::learning::{Graph, Verifier};
    use andon_api::object::ObjectRef;
    use proptest::prelude::*;

    fn action(title: &str, purpose: ActionPurpose) -> ActionSpec {
        ActionSpec {
            title: title.to_owned(),
            coe: ObjectRef::new("coe", "default", "coe-1"),
            purpose,
            owner: "maya".to_owned(),
            due: "2026-04-01".parse().unwrap(),
            verifier: Verifier::PolicyEnforced { policy: "idempotency".to_owned() },
        }
    }

    fn complete() -> (CoeSpec, CoeStatus, Vec<ActionSpec>) {
        let spec = CoeSpec {
            title: "Customers were charged twice".to_owned(),
            severity: Severity::Sev2,
            summary: "For 14 minutes 3 of 100 customers were charged twice.".to_owned(),
            factors: vec![Factor {
                whys: ["charged twice", "the retry ran", "no key", "no test asks for one", "nothing refuses an untested retry"]
                    .map(str::to_owned)
                    .to_vec(),
                category: "change".to_owned(),
                evidence: None,
            }],
            lessons: vec!["Whatever is retried needs a key.".to_owned()],
            ..CoeSpec::default()
        };
        let mut status = CoeStatus::default();
        status.impact.failing_lines = Some(40);
        status.graph = Some(Graph { counts: vec![1, 9, 2], ..Graph::default() });
        let actions = vec![
            action("No deploy without the idempotency test", ActionPurpose::Prevent),
            action("Alarm on double charges", ActionPurpose::Detect),
        ];
        (spec, status, actions)
    }

    fn gates(spec: &CoeSpec, status: &CoeStatus, actions: &[ActionSpec]) -> Vec<String> {
        open_gates(Dossier { spec, status, actions, people: &["maya".to_owned()] })
    }

    #[test]
    fn a_complete_coe_has_no_open_gate() {
        let (spec, status, actions) = complete();
        assert_eq!(gates(&spec, &status, &actions), Vec::<String>::new());
    }

    #[test]
    fn a_fresh_draft_lists_all_that_people_still_owe() {
        let open = gates(&CoeSpec::default(), &CoeStatus::default(), &[]);
        for start in ["summary", "impactNote", "graph", "factors", "lessons", "actions"] {
            assert!(open.iter().any(|gate| gate.starts_with(start)), "{start} in {open:?}");
        }
    }

    #[test]
    fn each_gate_opens_by_itself() {
        let broken: Vec<(&str, fn(&mut CoeSpec, &mut CoeStatus, &mut Vec<ActionSpec>))> = vec![
            ("summary", |spec, _, _| spec.summary = "word ".repeat(151)),
            ("impactNote", |_, status, _| status.impact.failing_lines = None),
            ("graph", |_, status, _| status.graph = None),
            ("factors: the longest", |spec, _, _| spec.factors[0].whys.truncate(4)),
            ("factors[0].whys", |spec, _, _| spec.factors[0].whys.push("maya merged it".to_owned())),
            ("factors[0].category", |spec, _, _| spec.factors[0].category = "people".to_owned()),
            ("lessons", |spec, _, _| spec.lessons = vec![" ".to_owned()]),
            ("actions", |_, _, actions| actions.truncate(1)),
            ("actions", |_, _, actions| {
                actions.remove(0);
            }),
            ("actions", |_, _, actions| actions.push(action("Be more careful", ActionPurpose::Prevent))),
        ];
        for (gate, breaks) in broken {
            let (mut spec, mut status, mut actions) = complete();
            breaks(&mut spec, &mut status, &mut actions);
            let open = gates(&spec, &status, &actions);
            assert_eq!(open.len(), 1, "{gate}: {open:?}");
            assert!(open[0].starts_with(gate), "{gate}: {open:?}");
        }
    }

    #[test]
    fn an_unknown_impact_needs_a_reason() {
        let (mut spec, mut status, actions) = complete();
        status.impact.failing_lines = None;
        status.graph = None;
        for note in ["unknown", "unknown, because", "not known"] {
            spec.impact_note = note.to_owned();
            assert!(!gates(&spec, &status, &actions).is_empty(), "{note}");
        }
        spec.impact_note = "Unknown, because no line says which customer it was".to_owned();
        assert!(gates(&spec, &status, &actions).is_empty());
    }

    #[test]
    fn less_severe_incidents_need_three_whys() {
        let (mut spec, status, actions) = complete();
        spec.severity = Severity::Sev3;
        spec.factors[0].whys.truncate(3);
        assert!(gates(&spec, &status, &actions).is_empty());
    }

    #[test]
    fn a_coe_goes_through_review_and_is_verified_by_the_system_alone() {
        use CoeState::{Draft, InReview, Published, Verified};
        let open = vec!["summary: write".to_owned()];
        assert!(may_move(Draft, InReview, &open).is_ok());
        assert!(may_move(Draft, Published, &[]).is_err());
        assert!(may_move(InReview, Published, &[]).is_ok());
        let problem = may_move(InReview, Published, &open).unwrap_err();
        assert_eq!(problem.facts.unwrap()["missing"][0], "summary: write");
        for from in [Draft, InReview, Published, Verified] {
            assert!(may_move(from, Verified, &[]).is_err(), "{from:?}");
        }
        assert!(may_move(Verified, Draft, &[]).is_err());
        assert!(may_move(Published, InReview, &[]).is_ok());
    }

    proptest! {
        #[test]
        fn a_coe_is_verified_exactly_while_all_its_actions_are(states in prop::collection::vec(any::<bool>(), 0..6)) {
            let actions: Vec<ActionState> = states.iter().map(|done| if *done { ActionState::Verified } else { ActionState::Open }).collect();
            let all = !states.is_empty() && states.iter().all(|done| *done);
            let settled = settled_state(CoeState::Published, &actions);
            prop_assert_eq!(settled == CoeState::Verified, all);
            prop_assert_eq!(settled_state(settled, &actions), settled);
            prop_assert_eq!(settled_state(CoeState::Draft, &actions), CoeState::Draft);
        }

        #[test]
        fn nothing_that_people_write_upsets_the_gates(text in "\\PC{0,200}", whys in prop::collection::vec("\\PC{0,40}", 0..7)) {
            let spec = CoeSpec {
                summary: text.clone(),
                impact_note: text.clone(),
                factors: vec![Factor { whys, category: text.clone(), evidence: None }],
                lessons: vec![text.clone()],
                ..CoeSpec::default()
            };
            let open = open_gates(Dossier { spec: &spec, status: &CoeStatus::default(), actions: &[], people: &[text] });
            prop_assert!(open.len() >= 2);
        }
    }
}
