//! The trace: from any object of the chain to the whole chain, or to the name of what is missing. Pure.
//!
//! change -> alarm -> alert -> andon -> incident -> COE -> action -> policy -> refusal elsewhere -> review
//!
//! Invariant: each hop is present or says what to do; `complete` is true only when none is missing.

use andon_api::kinds::learning::{CoeState, Hop, Trace, Verifier};
use andon_api::object::ObjectRef;
use jiff::Timestamp;

use crate::pack::Refusal;
use crate::typed::{ActionObject, AlarmObject, AlertObject, AndonObject, ChangeObject, CoeObject, IncidentObject, PolicyObject, ReviewObject};

/// The objects of the chain that were found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) change: Option<ChangeObject>,
    pub(crate) alarms: Vec<AlarmObject>,
    pub(crate) alerts: Vec<AlertObject>,
    pub(crate) andons: Vec<AndonObject>,
    pub(crate) incident: Option<IncidentObject>,
    pub(crate) coe: Option<CoeObject>,
    pub(crate) actions: Vec<ActionObject>,
    pub(crate) policies: Vec<PolicyObject>,
    /// Refusals by one of the policies, each with the group that answers for the scope.
    pub(crate) refusals: Vec<(Refusal, Option<ObjectRef>)>,
    /// The group that owns the COE: a refusal counts when it is another's.
    pub(crate) team: Option<ObjectRef>,
    pub(crate) reviews: Vec<ReviewObject>,
}

/// Builds the trace of a chain.
pub(crate) fn trace(chain: &Chain) -> Trace {
    let mut hops = Vec::new();
    change(chain, &mut hops);
    signal(chain, &mut hops);
    stop(chain, &mut hops);
    learn(chain, &mut hops);
    propagate(chain, &mut hops);
    review(chain, &mut hops);
    Trace { complete: hops.iter().all(|hop| hop.missing.is_none()), hops }
}

fn there(name: &str, object: &ObjectRef, title: impl Into<String>, at: Option<Timestamp>) -> Hop {
    Hop { name: name.to_owned(), object: Some(object.clone()), title: title.into(), at, ..Hop::default() }
}

fn missing(name: &str, what_to_do: impl Into<String>) -> Hop {
    let what_to_do = what_to_do.into();
    Hop { name: name.to_owned(), title: format!("No {name}"), missing: Some(what_to_do), ..Hop::default() }
}

/// Adds a hop for each object, or one that says what is missing.
fn each<T>(hops: &mut Vec<Hop>, name: &str, objects: &[T], hop: impl Fn(&T) -> Hop, what_to_do: &str) {
    if objects.is_empty() {
        hops.push(missing(name, what_to_do));
    }
    hops.extend(objects.iter().map(hop));
}

fn change(chain: &Chain, hops: &mut Vec<Hop>) {
    hops.push(match &chain.change {
        Some(change) => {
            let title = if change.spec.title.is_empty() { String::new() } else { format!(": {}", change.spec.title) };
            let at = change.status.deployed_at.or_else(|| change.status.stages.first().map(|stage| stage.started_at));
            there("change", &change.reference, format!("{} {}{title}", change.spec.service.name(), change.spec.version), at)
        }
        None => missing("change", "No recorded change is a suspect. Record changes with `andon change record` in the deploy script."),
    });
}

fn signal(chain: &Chain, hops: &mut Vec<Hop>) {
    each(
        hops,
        "alarm",
        &chain.alarms,
        |alarm| there("alarm", &alarm.reference, format!("{} over {}", alarm.spec.query, alarm.spec.window), alarm.status.last_fired_at),
        "No alarm saw it: people did. Add an Alarm on the symptom, best as an action of the COE.",
    );
    each(
        hops,
        "alert",
        &chain.alerts,
        |alert| there("alert", &alert.reference, alert.spec.title.clone(), alert.status.started_at),
        "Nobody was alerted. Give the service an owner with an escalation policy.",
    );
}

fn stop(chain: &Chain, hops: &mut Vec<Hop>) {
    each(
        hops,
        "andon",
        &chain.andons,
        |andon| {
            let words = if andon.spec.reason.is_empty() { andon.spec.pulled_by.clone() } else { andon.spec.reason.clone() };
            there("andon", &andon.reference, format!("{} stopped: {words}", andon.spec.scope), andon.status.pulled_at)
        },
        "The line was not stopped. Pull the andon (`andon andon pull SCOPE`), or set `pullsAndon` on the alarm.",
    );
    hops.push(match &chain.incident {
        Some(incident) => {
            let at = incident.status.started_at.or(incident.status.detected_at);
            there("incident", &incident.reference, incident.spec.title.clone(), at)
        }
        None => missing("incident", "No incident was opened. Open one with `POST /api/v1/incidents`, or from the alert."),
    });
}

fn learn(chain: &Chain, hops: &mut Vec<Hop>) {
    let incident = chain.incident.as_ref().map_or("NAME", |incident| incident.reference.name());
    hops.push(match &chain.coe {
        None => missing("coe", format!("No COE yet. It opens by itself once a sev1 or sev2 is mitigated; else `POST /api/v1/incidents/{incident}/coe`.")),
        Some(coe) if matches!(coe.status.state, CoeState::Draft | CoeState::InReview) => {
            let open = coe.status.open_gates.len();
            let what_to_do = format!("The COE is not published; {open} gates are open. Complete it, then `andon coe state {} published`.", coe.reference.name());
            Hop { missing: Some(what_to_do), ..there("coe", &coe.reference, coe.spec.title.clone(), None) }
        }
        Some(coe) => there("coe", &coe.reference, coe.spec.title.clone(), coe.status.published_at),
    });
    each(
        hops,
        "action",
        &chain.actions,
        |action| {
            let hop = there("action", &action.reference, action.spec.title.clone(), action.status.closed_at);
            let verdict = action.status.verdict.as_deref().unwrap_or("It has not run yet.");
            let open = action.status.closed_at.is_none();
            Hop { missing: open.then(|| format!("Its verifier does not pass yet. {verdict}")), ..hop }
        },
        "The COE has no action. Add one with owner, due date and verifier (`POST /api/v1/actions`).",
    );
}

fn propagate(chain: &Chain, hops: &mut Vec<Hop>) {
    let coe = chain.coe.as_ref().map_or_else(|| "the COE".to_owned(), |coe| coe.reference.to_string());
    each(
        hops,
        "policy",
        &chain.policies,
        |policy| {
            let on_trial = policy.spec.enforcement == andon_api::kinds::governance::Enforcement::Trial;
            let title = if on_trial { "on trial" } else { "enforced" };
            let what_to_do = on_trial.then(|| format!("The policy is on trial. Try it (`andon policy trial {}`), then set `enforcement: enforced`.", policy.reference.name()));
            Hop { missing: what_to_do, ..there("policy", &policy.reference, title, None) }
        },
        &format!("No policy cites the lesson. Apply a Policy with `lesson: {coe}`."),
    );
    let elsewhere: Vec<&(Refusal, Option<ObjectRef>)> =
        chain.refusals.iter().filter(|(_, owner)| owner.is_some() && *owner != chain.team).collect();
    each(
        hops,
        "refusal",
        &elsewhere,
        |(refusal, owner)| {
            let object = ObjectRef::parse(&refusal.scope, Some("component"), "default").ok();
            let owner = owner.as_ref().map(ToString::to_string).unwrap_or_default();
            Hop {
                name: "refusal".to_owned(),
                object,
                title: format!("a change of {} ({owner}) was refused", refusal.scope),
                at: Some(refusal.at),
                event: Some(refusal.event.clone()),
                missing: None,
            }
        },
        "No other team's change has been refused by the policy yet; the lesson has not travelled.",
    );
}

fn review(chain: &Chain, hops: &mut Vec<Hop>) {
    each(
        hops,
        "review",
        &chain.reviews,
        |review| there("review", &review.reference, format!("week of {} for {}", review.spec.week, review.spec.group), review.status.frozen_at),
        "No frozen review shows it. Freeze the week with `POST /api/v1/reviews`, or `andon review --spin`.",
    );
}

/// Tells whether an incident belongs to an object of the chain's first half.
pub(crate) fn concerns(incident: &IncidentObject, start: &ObjectRef, alerts: &[AlertObject]) -> bool {
    let status = &incident.status;
    match start.kind() {
        "incident" => incident.reference == *start,
        "change" => status.suspects.first().is_some_and(|suspect| suspect.change == *start),
        "alert" => status.alerts.contains(start),
        "andon" => status.andons.contains(start),
        "alarm" => alerts.iter().any(|alert| alert.spec.source == start.to_string() && status.alerts.contains(&alert.reference)),
        "coe" => status.coe.as_ref() == Some(start),
        _ => false,
    }
}

/// Tells which policies belong to a COE: those that cite it, and those that its actions wait for.
pub(crate) fn cites(policy: &PolicyObject, coe: &ObjectRef, actions: &[ActionObject]) -> bool {
    let named = |action: &ActionObject| match &action.spec.verifier {
        Verifier::PolicyEnforced { policy } | Verifier::PolicyRefused { policy } => {
            ObjectRef::parse(policy, Some("policy"), "default").ok()
        }
        Verifier::AlarmFired { .. } | Verifier::TestPassed { .. } => None,
    };
    policy.spec.lesson.as_ref() == Some(coe) || actions.iter().any(|action| named(action).as_ref() == Some(&policy.reference))
}

/// Tells whether a frozen review shows an incident or a COE.
pub(crate) fn shows(review: &ReviewObject, incident: Option<&ObjectRef>, coe: Option<&ObjectRef>) -> bool {
    review.status.pack.as_ref().is_some_and(|pack| {
        incident.is_some_and(|incident| pack.incidents.contains(incident)) || coe.is_some_and(|coe| pack.coes.contains(coe))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::object::AnyObject;
    use serde_json::json;

    fn object(kind: &str, name: &str, spec: serde_json::Value, status: serde_json::Value) -> AnyObject {
        serde_json::from_value(json!({"apiVersion": "andon.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec, "status": status})).unwrap()
    }

    fn full() -> Chain {
        let change = object("Change", "chg-2", json!({"service": "component:default/payments", "version": "2"}), json!({"outcome": "rolledBack", "stages": [], "commitCount": 1}));
        let alarm = object("Alarm", "a", json!({"service": "component:default/payments", "query": "level:error", "window": "30s", "threshold": 3.0}), json!({"state": "ok", "reason": ""}));
        let alert = object("Alert", "alt-1", json!({"title": "errors", "source": "alarm:default/a", "dedupKey": "a"}), json!({"state": "resolved", "eventCount": 1}));
        let andon = object("Andon", "and-1", json!({"scope": "component:default/payments", "pulledBy": "system:alarms"}), json!({"state": "released"}));
        let incident = object("Incident", "inc-1", json!({"title": "twice", "severity": "sev2", "services": ["component:default/payments"]}), json!({
            "state": "resolved", "alerts": ["alert:default/alt-1"], "andons": ["andon:default/and-1"],
            "suspects": [{"change": "change:default/chg-2", "score": 0.9, "reasons": []}]}));
        let coe = object("COE", "coe-1", json!({"title": "twice", "owner": "pay", "incident": "incident:default/inc-1"}), json!({"state": "verified"}));
        let action = object("Action", "act-1", json!({"title": "policy", "coe": "coe:default/coe-1", "owner": "maya", "due": "2026-03-10",
            "verifier": {"type": "policyEnforced", "policy": "idem"}}), json!({"state": "verified", "closedAt": "2026-03-03T00:00:00Z"}));
        let policy = object("Policy", "idem", json!({"owner": "pay", "rego": "", "enforcement": "enforced", "lesson": "coe:default/coe-1"}), json!(null));
        let review = object("Review", "2026-03-02-acme", json!({"week": "2026-03-02", "group": "group:default/acme"}), json!({
            "frozenAt": "2026-03-09T00:00:00Z", "pack": {"from": null, "until": null, "rows": [], "adoption": [], "overdueActions": [], "coes": ["coe:default/coe-1"], "incidents": []}}));
        let refusal = Refusal { event: "e".to_owned(), at: Timestamp::UNIX_EPOCH, scope: "component:default/checkout".to_owned(), by: vec![policy.reference()] };
        Chain {
            change: Some(ChangeObject::read(&change).unwrap()),
            alarms: vec![AlarmObject::read(&alarm).unwrap()],
            alerts: vec![AlertObject::read(&alert).unwrap()],
            andons: vec![AndonObject::read(&andon).unwrap()],
            incident: Some(IncidentObject::read(&incident).unwrap()),
            coe: Some(CoeObject::read(&coe).unwrap()),
            actions: vec![ActionObject::read(&action).unwrap()],
            policies: vec![PolicyObject::read(&policy).unwrap()],
            refusals: vec![(refusal, Some(ObjectRef::new("group", "default", "web")))],
            team: Some(ObjectRef::new("group", "default", "pay")),
            reviews: vec![ReviewObject::read(&review).unwrap()],
        }
    }

    #[test]
    fn a_whole_chain_is_complete_and_in_order() {
        let trace = trace(&full());
        let names: Vec<&str> = trace.hops.iter().map(|hop| hop.name.as_str()).collect();
        assert_eq!(names, ["change", "alarm", "alert", "andon", "incident", "coe", "action", "policy", "refusal", "review"]);
        assert!(trace.complete, "{trace:?}");
    }

    #[test]
    fn an_empty_chain_says_at_each_hop_what_to_do() {
        let trace = trace(&Chain::default());
        assert!(!trace.complete);
        assert_eq!(trace.hops.len(), 10);
        assert!(trace.hops.iter().all(|hop| hop.missing.as_ref().is_some_and(|text| text.len() > 20)));
    }

    #[test]
    fn each_hop_that_breaks_is_the_one_that_is_named() {
        let breaks: Vec<(&str, fn(&mut Chain))> = vec![
            ("change", |chain| chain.change = None),
            ("alarm", |chain| chain.alarms.clear()),
            ("andon", |chain| chain.andons.clear()),
            ("coe", |chain| chain.coe.as_mut().unwrap().status.state = CoeState::Draft),
            ("action", |chain| chain.actions[0].status.closed_at = None),
            ("policy", |chain| chain.policies[0].spec.enforcement = andon_api::kinds::governance::Enforcement::Trial),
            ("refusal", |chain| chain.refusals[0].1 = chain.team.clone()),
            ("review", |chain| chain.reviews.clear()),
        ];
        for (name, break_it) in breaks {
            let mut chain = full();
            break_it(&mut chain);
            let trace = trace(&chain);
            let missing: Vec<&str> = trace.hops.iter().filter(|hop| hop.missing.is_some()).map(|hop| hop.name.as_str()).collect();
            assert_eq!(missing, [name]);
            assert!(!trace.complete);
        }
    }

    #[test]
    fn an_incident_is_found_from_every_object_before_it() {
        let chain = full();
        let incident = chain.incident.as_ref().unwrap();
        for start in ["incident:default/inc-1", "change:default/chg-2", "alert:default/alt-1", "andon:default/and-1", "alarm:default/a"] {
            let start = ObjectRef::parse(start, None, "default").unwrap();
            assert!(concerns(incident, &start, &chain.alerts), "{start}");
        }
        let stranger = ObjectRef::new("change", "default", "chg-1");
        assert!(!concerns(incident, &stranger, &chain.alerts));
    }

    #[test]
    fn a_policy_belongs_to_the_coe_that_it_cites_or_whose_action_waits_for_it() {
        let chain = full();
        let coe = ObjectRef::new("coe", "default", "coe-1");
        let mut policy = chain.policies[0].clone();
        assert!(cites(&policy, &coe, &[]));
        policy.spec.lesson = None;
        assert!(!cites(&policy, &coe, &[]));
        assert!(cites(&policy, &coe, &chain.actions));
    }
}
