//! What is known of the kinds of learning: COE, action, review, mechanism.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::delivery::API_VERSION;
use andon_api::kinds::learning::{Action, ActionSpec, Coe, CoeSpec, Mechanism, MechanismSpec, Review};
use andon_api::object::AnyObject;

use crate::actions;
use crate::limits::{LIST_ITEMS, TEXT_CHARACTERS, TITLE_CHARACTERS};

const fn text(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Text }
}

const fn time(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Time }
}

const fn column(title: &'static str, pointer: &'static str) -> ListColumn {
    ListColumn { title, pointer }
}

const fn reference(pointer: &'static str, default_kind: &'static str, required: bool) -> ReferenceField {
    ReferenceField { pointer, default_kind, required }
}

const COE: KindInfo = KindInfo {
    kind: Coe::KIND,
    plural: "coes",
    api_version: API_VERSION,
    capability: "learning",
    nature: Nature::Resource,
    prefix: "coe",
    summary: "The correction of errors after an incident: a machine fills in the facts, people the causes.",
    indexed: &[
        text("incident", "/spec/incident"),
        text("andon", "/spec/andon"),
        text("owner", "/spec/owner"),
        text("state", "/status/state"),
        text("change", "/status/change"),
        time("published_at", "/status/publishedAt"),
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Title", "/spec/title"),
        column("State", "/status/state"),
        column("Severity", "/spec/severity"),
        column("Owner", "/spec/owner"),
        column("Incident", "/spec/incident"),
    ],
    references: &[
        reference("/spec/owner", "Group", true),
        reference("/spec/incident", "Incident", true),
        reference("/spec/andon", "Andon", true),
    ],
    secrets: &[],
    example: include_str!("examples/coe.yaml"),
    open: false,
    schema: Coe::schema,
    check: check_coe,
};

const ACTION: KindInfo = KindInfo {
    kind: Action::KIND,
    plural: "actions",
    prefix: "act",
    summary: "A corrective action that its verifier alone can close.",
    indexed: &[
        text("coe", "/spec/coe"),
        text("owner", "/spec/owner"),
        text("due", "/spec/due"),
        text("state", "/status/state"),
        time("verified_at", "/status/verifiedAt"),
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Title", "/spec/title"),
        column("State", "/status/state"),
        column("Owner", "/spec/owner"),
        column("Due", "/spec/due"),
        column("COE", "/spec/coe"),
        column("Verdict", "/status/verdict"),
    ],
    references: &[reference("/spec/coe", "COE", true), reference("/spec/owner", "User", true)],
    example: include_str!("examples/action.yaml"),
    schema: Action::schema,
    check: check_action,
    ..COE
};

const REVIEW: KindInfo = KindInfo {
    kind: Review::KIND,
    plural: "reviews",
    nature: Nature::Record,
    prefix: "",
    summary: "The frozen pack of one week for one group, and the draw of the wheel.",
    indexed: &[
        text("week", "/spec/week"),
        text("group_ref", "/spec/group"),
        time("frozen_at", "/status/frozenAt"),
        text("team", "/status/draw/team"),
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Week", "/spec/week"),
        column("Group", "/spec/group"),
        column("Frozen", "/status/frozenAt"),
        column("Presents", "/status/draw/team"),
    ],
    references: &[reference("/spec/group", "Group", true)],
    example: include_str!("examples/review.yaml"),
    schema: Review::schema,
    check: Review::fits,
    ..COE
};

const MECHANISM: KindInfo = KindInfo {
    kind: Mechanism::KIND,
    plural: "mechanisms",
    prefix: "",
    summary: "A tool, its adoption and its inspection.",
    indexed: &[text("owner", "/spec/owner"), text("adoption", "/spec/adoption")],
    columns: &[
        column("Name", "/metadata/name"),
        column("Purpose", "/spec/purpose"),
        column("Owner", "/spec/owner"),
        column("Adoption", "/spec/adoption"),
        column("Target", "/spec/target"),
    ],
    references: &[reference("/spec/owner", "Group", true)],
    example: include_str!("examples/mechanism.yaml"),
    schema: Mechanism::schema,
    check: check_mechanism,
    ..COE
};

/// Lists the kinds of learning.
pub(crate) fn kinds() -> Vec<KindInfo> {
    vec![COE, ACTION, REVIEW, MECHANISM]
}

fn refuse(place: &str, detail: String) -> Problem {
    Problem::new(ErrorCode::ObjectInvalid, detail).place(place)
}

fn within(text: &str, limit: usize, place: &str) -> Result<(), Problem> {
    let length = text.chars().count();
    if length > limit { Err(refuse(place, format!("The text has {length} characters; at most {limit} are kept."))) } else { Ok(()) }
}

fn check_coe(object: &AnyObject) -> Result<(), Problem> {
    Coe::fits(object)?;
    let spec: CoeSpec = object.spec_as()?;
    if spec.title.trim().is_empty() {
        return Err(refuse("spec.title", "The COE has no title.".to_owned()).hint("Write the symptom, not the cause."));
    }
    within(&spec.title, TITLE_CHARACTERS, "spec.title")?;
    for (place, text) in [
        ("spec.summary", &spec.summary),
        ("spec.impactNote", &spec.impact_note),
        ("spec.detection", &spec.detection),
        ("spec.diagnosis", &spec.diagnosis),
        ("spec.mitigation", &spec.mitigation),
    ] {
        within(text, TEXT_CHARACTERS, place)?;
    }
    let whys = spec.factors.iter().map(|factor| &factor.whys);
    let lists = [&spec.lessons, &spec.went_well, &spec.went_badly, &spec.lucky];
    if spec.factors.len() > LIST_ITEMS {
        return Err(refuse("spec.factors", format!("There are {} factors; at most {LIST_ITEMS} are kept.", spec.factors.len())));
    }
    for list in whys.chain(lists) {
        if list.len() > LIST_ITEMS {
            return Err(refuse("spec", format!("A list has {} entries; at most {LIST_ITEMS} are kept.", list.len())));
        }
        for text in list {
            within(text, TEXT_CHARACTERS, "spec")?;
        }
    }
    Ok(())
}

fn check_action(object: &AnyObject) -> Result<(), Problem> {
    // What an action must have is said with the code of actions, also where a field is missing.
    for (field, hint) in [
        ("owner", "Name the person who does it, for example `user:default/maya`."),
        ("due", "Name the day until which it is done, for example 2026-04-01."),
        ("verifier", "Name what proves it done: policyEnforced, policyRefused, alarmFired or testPassed."),
    ] {
        if object.spec.get(field).is_none_or(serde_json::Value::is_null) {
            return Err(Problem::new(ErrorCode::ActionInvalid, format!("The action has no {field}.")).place("spec").hint(hint));
        }
    }
    Action::fits(object)?;
    actions::check(&object.spec_as::<ActionSpec>()?)
}

fn check_mechanism(object: &AnyObject) -> Result<(), Problem> {
    Mechanism::fits(object)?;
    let spec: MechanismSpec = object.spec_as()?;
    within(&spec.purpose, TEXT_CHARACTERS, "spec.purpose")?;
    if !(0.0..=1.0).contains(&spec.target) {
        return Err(refuse("spec.target", format!("The target is {}; it is a share from 0 to 1.", spec.target)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, spec: serde_json::Value) -> AnyObject {
        serde_json::from_value(json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "x"}, "spec": spec})).unwrap()
    }

    #[test]
    fn an_action_without_owner_date_or_verifier_is_refused_by_its_own_code() {
        let whole = json!({"title": "t", "coe": "coe:default/coe-1", "owner": "maya", "due": "2026-04-01", "verifier": {"type": "alarmFired", "alarm": "a"}});
        assert!(check_action(&object("Action", whole.clone())).is_ok());
        for field in ["owner", "due", "verifier"] {
            let mut spec = whole.clone();
            spec.as_object_mut().unwrap().remove(field);
            let problem = check_action(&object("Action", spec)).unwrap_err();
            assert!(problem.is(ErrorCode::ActionInvalid) && problem.detail.contains(field), "{problem:?}");
        }
    }

    #[test]
    fn a_coe_that_is_too_large_names_the_field() {
        let spec = json!({"title": "t", "owner": "pay", "summary": "x".repeat(TEXT_CHARACTERS + 1)});
        assert_eq!(check_coe(&object("COE", spec)).unwrap_err().place.as_deref(), Some("spec.summary"));
        assert!(check_coe(&object("COE", json!({"title": " ", "owner": "pay"}))).is_err());
        let lessons: Vec<String> = (0..=LIST_ITEMS).map(|index| index.to_string()).collect();
        assert!(check_coe(&object("COE", json!({"title": "t", "owner": "pay", "lessons": lessons}))).is_err());
    }

    #[test]
    fn a_target_is_a_share() {
        let spec = |target: f64| json!({"purpose": "p", "owner": "o", "adoption": "andonAnswered", "target": target});
        assert!(check_mechanism(&object("Mechanism", spec(1.0))).is_ok());
        assert!(check_mechanism(&object("Mechanism", spec(95.0))).is_err());
    }
}
