//! The home page: is anything wrong, what changed, what waits for me. Pure.

use andon_api::graph::OwnerTree;
use andon_api::kinds::delivery::AndonState;
use andon_api::kinds::learning::{ActionState, CoeState, TimeToValue, Waiting, Wrong, WrongState};
use andon_api::kinds::response::{AlertState, IncidentState};
use andon_api::kinds::signals::{AlarmState, Severity};
use andon_api::object::ObjectRef;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::limits::{HOME_LINES, PUBLISH_DAYS};
use crate::pack::{began, percentile};
use crate::typed::{ActionObject, AlarmObject, AlertObject, AndonObject, CoeObject, IncidentObject};

/// What is open now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Now {
    pub(crate) andons: Vec<AndonObject>,
    pub(crate) alarms: Vec<AlarmObject>,
    pub(crate) alerts: Vec<AlertObject>,
    pub(crate) incidents: Vec<IncidentObject>,
    pub(crate) coes: Vec<CoeObject>,
    pub(crate) actions: Vec<ActionObject>,
}

const fn is_severe(severity: Severity) -> bool {
    matches!(severity, Severity::Sev1 | Severity::Sev2)
}

/// Lists what is wrong now, the worst first, the longest standing first among equals.
pub(crate) fn wrong(now: &Now) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for andon in now.andons.iter().filter(|andon| andon.status.state != AndonState::Released) {
        let title = if andon.spec.reason.is_empty() { format!("{} is stopped", andon.spec.scope) } else { format!("{} is stopped: {}", andon.spec.scope, andon.spec.reason) };
        wrong.push(Wrong { state: WrongState::Stopped, title, object: andon.reference.clone(), since: andon.status.pulled_at });
    }
    for incident in now.incidents.iter().filter(|incident| incident.status.state != IncidentState::Resolved) {
        let hurts = is_severe(incident.spec.severity) && incident.status.state != IncidentState::Mitigated;
        let state = if hurts { WrongState::Stopped } else { WrongState::Warning };
        wrong.push(Wrong { state, title: incident.spec.title.clone(), object: incident.reference.clone(), since: began(incident) });
    }
    for alarm in &now.alarms {
        let state = match alarm.status.state {
            AlarmState::Ok => continue,
            AlarmState::Unknown => WrongState::Unknown,
            AlarmState::Firing if is_severe(alarm.spec.severity) => WrongState::Stopped,
            AlarmState::Firing => WrongState::Warning,
        };
        let verb = if state == WrongState::Unknown { "is unknown" } else { "fires" };
        let title = format!("The alarm {} {verb}: {}", alarm.reference.name(), alarm.status.reason);
        wrong.push(Wrong { state, title, object: alarm.reference.clone(), since: alarm.status.since });
    }
    for alert in now.alerts.iter().filter(|alert| alert.status.state == AlertState::Triggered && alert.status.incident.is_none()) {
        wrong.push(Wrong { state: WrongState::Warning, title: alert.spec.title.clone(), object: alert.reference.clone(), since: alert.status.started_at });
    }
    wrong.sort_by(|one, other| one.state.cmp(&other.state).then_with(|| one.since.cmp(&other.since)).then_with(|| one.object.cmp(&other.object)));
    wrong.truncate(HOME_LINES);
    wrong
}

/// Who looks at the page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    pub(crate) user: Option<ObjectRef>,
    /// The groups that the reader is in.
    pub(crate) groups: Vec<ObjectRef>,
}

/// Lists what waits for a reader, the soonest due first; what has no date waits now.
pub(crate) fn waiting(now: &Now, reader: &Reader, tree: &OwnerTree, owner_of_scope: impl Fn(&str) -> Option<ObjectRef>) -> Vec<Waiting> {
    let Some(user) = &reader.user else { return Vec::new() };
    let mine = |owner: Option<ObjectRef>| owner.is_some_and(|owner| reader.groups.contains(&owner));
    let mut waiting = Vec::new();
    let mut add = |title: String, object: &ObjectRef, due_at: Option<Timestamp>| {
        waiting.push(Waiting { title, object: object.clone(), kind: object.kind().to_owned(), due_at });
    };
    for alert in now.alerts.iter().filter(|alert| alert.status.state == AlertState::Triggered) {
        if alert.status.pages.iter().any(|page| page.user == *user) {
            add(format!("Answer: {}", alert.spec.title), &alert.reference, None);
        }
    }
    for andon in now.andons.iter().filter(|andon| andon.status.state == AndonState::Pulled && mine(owner_of_scope(&andon.spec.scope))) {
        add(format!("Answer the andon on {}", andon.spec.scope), &andon.reference, None);
    }
    for incident in now.incidents.iter().filter(|incident| incident.status.state != IncidentState::Resolved) {
        let commander = incident.spec.commander.as_deref().and_then(|name| ObjectRef::parse(name, Some("user"), "default").ok());
        if commander.as_ref() == Some(user) {
            add(format!("Command: {}", incident.spec.title), &incident.reference, None);
        }
    }
    for action in now.actions.iter().filter(|action| action.status.state == ActionState::Open) {
        if ObjectRef::parse(&action.spec.owner, Some("user"), "default").ok().as_ref() == Some(user) {
            add(action.spec.title.clone(), &action.reference, end_of(action.spec.due));
        }
    }
    for coe in now.coes.iter().filter(|coe| matches!(coe.status.state, CoeState::Draft | CoeState::InReview)) {
        if mine(tree.owner_group(&coe.spec.owner)) {
            add(format!("Complete the COE: {}", coe.spec.title), &coe.reference, publish_by(coe));
        }
    }
    waiting.sort_by(|one, other| one.due_at.cmp(&other.due_at).then_with(|| one.object.cmp(&other.object)));
    waiting.truncate(HOME_LINES);
    waiting
}

fn end_of(day: Date) -> Option<Timestamp> {
    Some(day.checked_add(1.day()).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn publish_by(coe: &CoeObject) -> Option<Timestamp> {
    let ended = coe.status.impact.ended_at.or(coe.status.impact.started_at)?;
    ended.checked_add(SignedDuration::from_hours(24 * PUBLISH_DAYS)).ok()
}

/// Takes the median of times to value.
pub(crate) fn time_to_value(mut times_ms: Vec<i64>) -> TimeToValue {
    times_ms.sort_unstable();
    TimeToValue { p50_ms: percentile(&times_ms, 50), count: i64::try_from(times_ms.len()).unwrap_or(i64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::object::AnyObject;
    use serde_json::json;

    fn object(kind: &str, name: &str, spec: serde_json::Value, status: serde_json::Value) -> AnyObject {
        serde_json::from_value(json!({"apiVersion": "andon.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec, "status": status})).unwrap()
    }

    fn now() -> Now {
        let alarm = |name: &str, severity: &str, state: &str| {
            let spec = json!({"service": "component:default/p", "query": "q", "window": "30s", "threshold": 1.0, "severity": severity});
            AlarmObject::read(&object("Alarm", name, spec, json!({"state": state, "reason": "r"}))).unwrap()
        };
        let incident = |name: &str, state: &str| {
            let spec = json!({"title": name, "severity": "sev2", "services": [], "commander": "maya"});
            IncidentObject::read(&object("Incident", name, spec, json!({"state": state, "startedAt": "2026-03-02T10:00:00Z"}))).unwrap()
        };
        let andon = object("Andon", "and-1", json!({"scope": "component:default/p", "pulledBy": "kim"}), json!({"state": "pulled", "pulledAt": "2026-03-02T09:00:00Z"}));
        let page = json!({"id": "p", "user": "user:default/maya", "channel": "email", "dueAt": "2026-03-02T10:00:00Z", "state": "accepted"});
        let alert = object("Alert", "alt-1", json!({"title": "t", "source": "s", "dedupKey": "k"}), json!({"state": "triggered", "eventCount": 1, "pages": [page]}));
        let action = object("Action", "act-1", json!({"title": "a", "coe": "coe:default/coe-1", "owner": "user:default/maya", "due": "2026-03-05",
            "verifier": {"type": "alarmFired", "alarm": "a"}}), json!(null));
        let coe = object("COE", "coe-1", json!({"title": "c", "owner": "pay"}), json!({"state": "draft", "impact": {"endedAt": "2026-03-02T10:00:00Z"}}));
        Now {
            andons: vec![AndonObject::read(&andon).unwrap()],
            alarms: vec![alarm("ok", "sev1", "ok"), alarm("blind", "sev1", "unknown"), alarm("small", "sev3", "firing")],
            alerts: vec![AlertObject::read(&alert).unwrap()],
            incidents: vec![incident("inc-1", "investigating"), incident("inc-2", "mitigated"), incident("inc-3", "resolved")],
            coes: vec![CoeObject::read(&coe).unwrap()],
            actions: vec![ActionObject::read(&action).unwrap()],
        }
    }

    #[test]
    fn the_worst_comes_first_and_what_is_fine_does_not_come() {
        let names: Vec<String> = wrong(&now()).iter().map(|wrong| wrong.object.name().to_owned()).collect();
        assert_eq!(names, ["and-1", "inc-1", "small", "alt-1", "inc-2", "blind"]);
        assert!(wrong(&Now::default()).is_empty());
    }

    #[test]
    fn what_waits_is_mine_and_what_has_no_date_waits_now() {
        let groups = [object("Group", "pay", json!({"type": "team", "children": []}), json!(null))];
        let tree = OwnerTree::new(&groups, &[]);
        let pay = ObjectRef::new("group", "default", "pay");
        let reader = |name: &str, groups: Vec<ObjectRef>| Reader { user: Some(ObjectRef::new("user", "default", name)), groups };
        let list = |reader: &Reader| -> Vec<String> {
            waiting(&now(), reader, &tree, |_| Some(pay.clone())).iter().map(|one| one.object.name().to_owned()).collect()
        };
        assert_eq!(list(&reader("maya", vec![pay.clone()])), ["alt-1", "and-1", "inc-1", "inc-2", "act-1", "coe-1"]);
        assert_eq!(list(&reader("kim", vec![])), Vec::<String>::new());
        assert_eq!(list(&Reader::default()), Vec::<String>::new());
    }

    #[test]
    fn the_median_of_nothing_is_absent() {
        assert_eq!(time_to_value(vec![]), TimeToValue { p50_ms: None, count: 0 });
        assert_eq!(time_to_value(vec![5, 1, 9]), TimeToValue { p50_ms: Some(5), count: 3 });
    }
}
