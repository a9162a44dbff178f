//! The draft of a COE: everything that a machine can know, filled in before a person opens it. Pure.
//!
//! Invariants: numbers come from records alone, and what is not recorded is absent, never zero; the
//! same records give the same draft, so filling it again changes nothing.

use std::collections::BTreeSet;

use andon_api::kinds::delivery::AndonState;
use andon_api::kinds::learning::{CoeSpec, CoeStatus, Graph, Impact};
use andon_api::kinds::response::{IncidentState, TimelineEntry};
use andon_api::kinds::signals::Severity;
use andon_api::object::ObjectRef;
use jiff::Timestamp;

use crate::limits::{RELATED, TIMELINE_ENTRIES};
use crate::typed::{AndonObject, CoeObject, IncidentObject};

/// What a COE comes from: an incident with its andons, or an andon that led to none.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) incident: Option<IncidentObject>,
    pub(crate) andons: Vec<AndonObject>,
}

/// What the logs say of the symptom.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Symptom {
    pub(crate) failing_lines: Option<i64>,
    pub(crate) graph: Option<Graph>,
}

/// The times of an incident or andon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) started: Option<Timestamp>,
    pub(crate) detected: Option<Timestamp>,
    pub(crate) acknowledged: Option<Timestamp>,
    pub(crate) mitigated: Option<Timestamp>,
}

impl Source {
    /// Tells the times that are recorded.
    pub(crate) fn times(&self) -> Times {
        if let Some(incident) = &self.incident {
            let status = &incident.status;
            return Times {
                started: status.started_at.or(status.detected_at),
                detected: status.detected_at,
                acknowledged: status.acknowledged_at,
                mitigated: status.mitigated_at.or(status.resolved_at),
            };
        }
        let first = self.andons.first().map(|andon| &andon.status);
        Times {
            started: first.and_then(|status| status.pulled_at),
            detected: first.and_then(|status| status.pulled_at),
            acknowledged: first.and_then(|status| status.acknowledged_at),
            mitigated: first.and_then(|status| status.released_at),
        }
    }

    /// Lists the components that were hurt themselves.
    pub(crate) fn services(&self) -> Vec<ObjectRef> {
        let mut services: Vec<ObjectRef> = self.incident.iter().flat_map(|incident| incident.spec.services.clone()).collect();
        for andon in &self.andons {
            if let Ok(scope) = ObjectRef::parse(&andon.spec.scope, Some("component"), "default") {
                if scope.kind() == "component" && andon.spec.scope != "*" && !services.contains(&scope) {
                    services.push(scope);
                }
            }
        }
        services
    }

    /// Lists the customers' cases that were named when the cord was pulled.
    pub(crate) fn cases(&self) -> Vec<String> {
        let mut cases = BTreeSet::new();
        for andon in &self.andons {
            cases.extend(andon.spec.cases.iter().cloned());
            cases.extend(andon.status.pulls.iter().filter_map(|pull| pull.case.clone()));
        }
        cases.into_iter().collect()
    }

    fn title(&self) -> String {
        match (&self.incident, self.andons.first()) {
            (Some(incident), _) => incident.spec.title.clone(),
            (None, Some(andon)) if !andon.spec.reason.trim().is_empty() => andon.spec.reason.clone(),
            (None, Some(andon)) => format!("The andon was pulled on {}", andon.spec.scope),
            (None, None) => "A near miss".to_owned(),
        }
    }
}

/// Tells whether an incident calls for a COE by itself: severe, and customers are no longer hurt.
pub(crate) fn incident_calls(incident: &IncidentObject) -> bool {
    let severe = matches!(incident.spec.severity, Severity::Sev1 | Severity::Sev2);
    severe && matches!(incident.status.state, IncidentState::Mitigated | IncidentState::Resolved)
}

/// Tells whether an andon was upheld: it is released, and while it was pulled an alarm stood behind it
/// or a change was taken back.
pub(crate) fn upheld(andon: &AndonObject, taken_back_at: &[Timestamp]) -> bool {
    let (Some(pulled), Some(released)) = (andon.status.pulled_at, andon.status.released_at) else { return false };
    let taken_back = taken_back_at.iter().any(|at| *at >= pulled && *at <= released);
    andon.status.state == AndonState::Released && (andon.spec.alarm.is_some() || taken_back)
}

/// Makes the spec of a fresh draft: the title and where it comes from; the rest is for people.
pub(crate) fn spec(source: &Source, owner: &str) -> CoeSpec {
    CoeSpec {
        title: source.title(),
        incident: source.incident.as_ref().map(|incident| incident.reference.clone()),
        andon: match &source.incident {
            Some(_) => None,
            None => source.andons.first().map(|andon| andon.reference.clone()),
        },
        owner: owner.to_owned(),
        severity: source.incident.as_ref().map_or(Severity::Sev3, |incident| incident.spec.severity),
        ..CoeSpec::default()
    }
}

/// Fills in what the machine knows; state and open gates stay as they are.
///
/// A graph or count that is there already is kept when the logs have none any more.
pub(crate) fn fill(status: &CoeStatus, source: &Source, symptom: Symptom, dependants: &[ObjectRef]) -> CoeStatus {
    let mut next = status.clone();
    next.timeline = timeline(source);
    let counted = symptom.failing_lines.or(status.impact.failing_lines);
    next.impact = impact(source, counted, dependants);
    next.graph = symptom.graph.or_else(|| status.graph.clone());
    next.incident_version = source.incident.as_ref().map_or(0, |incident| incident.version);
    if let Some(incident) = &source.incident {
        next.change = incident.status.suspects.first().map(|suspect| suspect.change.clone());
    }
    next
}

fn impact(source: &Source, failing_lines: Option<i64>, dependants: &[ObjectRef]) -> Impact {
    let times = source.times();
    let between = |from: Option<Timestamp>, to: Option<Timestamp>| Some((to?.as_millisecond() - from?.as_millisecond()).max(0));
    let mut services = source.services();
    for dependant in dependants {
        if !services.contains(dependant) {
            services.push(dependant.clone());
        }
    }
    Impact {
        started_at: times.started,
        ended_at: times.mitigated,
        duration_ms: between(times.started, times.mitigated),
        failing_lines,
        time_to_detect_ms: between(times.started, times.detected),
        time_to_acknowledge_ms: between(times.detected, times.acknowledged),
        time_to_mitigate_ms: between(times.detected, times.mitigated),
        cases: source.cases(),
        services,
    }
}

/// Joins the incident's timeline with the pulls and releases that it does not speak of yet, oldest first.
fn timeline(source: &Source) -> Vec<TimelineEntry> {
    let mut entries: Vec<TimelineEntry> = source.incident.iter().flat_map(|incident| incident.status.timeline.clone()).collect();
    for andon in &source.andons {
        let known = entries.iter().any(|entry| entry.object.as_ref() == Some(&andon.reference));
        if !known {
            entries.extend(andon_entries(andon));
        }
    }
    entries.sort_by_key(|entry| entry.at);
    entries.truncate(TIMELINE_ENTRIES);
    entries
}

fn andon_entries(andon: &AndonObject) -> Vec<TimelineEntry> {
    let entry = |at: Timestamp, actor: &str, text: String| TimelineEntry {
        at,
        entry_type: "andon".to_owned(),
        actor: actor.to_owned(),
        text,
        object: Some(andon.reference.clone()),
        event: None,
    };
    let status = &andon.status;
    let mut entries = Vec::new();
    if let Some(at) = status.pulled_at {
        entries.push(entry(at, &andon.spec.pulled_by, format!("pulled the andon on {}: {}", andon.spec.scope, said(&andon.spec.reason))));
    }
    for pull in &status.pulls {
        entries.push(entry(pull.at, &pull.by, format!("pulled it too: {}", said(&pull.reason))));
    }
    if let Some(at) = status.acknowledged_at {
        entries.push(entry(at, status.acknowledged_by.as_deref().unwrap_or_default(), "answered the andon".to_owned()));
    }
    if let Some(at) = status.released_at {
        let countermeasure = status.countermeasure.as_deref().unwrap_or_default();
        entries.push(entry(at, status.released_by.as_deref().unwrap_or_default(), format!("released it: {}", said(countermeasure))));
    }
    entries
}

fn said(text: &str) -> &str {
    if text.trim().is_empty() { "without words" } else { text }
}

/// Finds earlier COEs of the same services or with the same categories of factors, the closest first.
pub(crate) fn related(coe: &CoeObject, others: &[CoeObject]) -> Vec<ObjectRef> {
    let categories = |coe: &CoeObject| -> BTreeSet<String> {
        coe.spec.factors.iter().map(|factor| factor.category.clone()).collect()
    };
    let services = |coe: &CoeObject| -> BTreeSet<ObjectRef> { coe.status.impact.services.iter().cloned().collect() };
    let (mine, hurt) = (categories(coe), services(coe));
    let mut found: Vec<(usize, &CoeObject)> = others
        .iter()
        .filter(|other| other.reference != coe.reference)
        .map(|other| {
            let same_factors = categories(other).intersection(&mine).count();
            let same_services = services(other).intersection(&hurt).count();
            (2 * same_factors + same_services, other)
        })
        .filter(|(closeness, _)| *closeness > 0)
        .collect();
    found.sort_by(|(a, one), (b, two)| b.cmp(a).then_with(|| one.reference.cmp(&two.reference)));
    found.into_iter().take(RELATED).map(|(_, other)| other.reference.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kinds::learning::Factor;
    use andon_api::kinds::response::{IncidentSpec, IncidentStatus, Suspect};
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn component(name: &str) -> ObjectRef {
        ObjectRef::new("component", "default", name)
    }

    fn incident() -> IncidentObject {
        IncidentObject {
            reference: ObjectRef::new("incident", "default", "inc-1"),
            version: 7,
            spec: IncidentSpec {
                title: "Customers are charged twice".to_owned(),
                severity: Severity::Sev2,
                services: vec![component("payments")],
                commander: None,
            },
            status: IncidentStatus {
                state: IncidentState::Mitigated,
                started_at: Some(at("2026-03-02T10:00:00Z")),
                detected_at: Some(at("2026-03-02T10:00:30Z")),
                acknowledged_at: Some(at("2026-03-02T10:02:30Z")),
                mitigated_at: Some(at("2026-03-02T10:14:00Z")),
                suspects: vec![Suspect { change: ObjectRef::new("change", "default", "chg-2"), score: 0.9, reasons: vec![] }],
                ..IncidentStatus::default()
            },
        }
    }

    fn andon() -> AndonObject {
        AndonObject {
            reference: ObjectRef::new("andon", "default", "and-1"),
            version: 3,
            spec: serde_json::from_value(json!({
                "scope": "component:default/payments", "reason": "they were charged twice",
                "cases": ["4711"], "pulledBy": "user:default/kim"
            }))
            .unwrap(),
            status: serde_json::from_value(json!({
                "state": "released", "pulledAt": "2026-03-02T10:01:00Z", "releasedAt": "2026-03-02T10:20:00Z",
                "countermeasure": "rolled back", "releasedBy": "user:default/maya",
                "pulls": [{"by": "user:default/lee", "at": "2026-03-02T10:03:00Z", "case": "4712"}]
            }))
            .unwrap(),
        }
    }

    #[test]
    fn the_draft_of_an_incident_has_its_numbers_cases_services_and_change() {
        let source = Source { incident: Some(incident()), andons: vec![andon()] };
        let symptom = Symptom { failing_lines: Some(42), graph: Some(Graph { counts: vec![1], ..Graph::default() }) };
        let status = fill(&CoeStatus::default(), &source, symptom, &[component("checkout"), component("payments")]);
        let impact = &status.impact;
        assert_eq!(impact.duration_ms, Some(14 * 60_000));
        assert_eq!(impact.time_to_detect_ms, Some(30_000));
        assert_eq!(impact.time_to_acknowledge_ms, Some(120_000));
        assert_eq!(impact.time_to_mitigate_ms, Some(13 * 60_000 + 30_000));
        assert_eq!(impact.failing_lines, Some(42));
        assert_eq!(impact.cases, ["4711", "4712"]);
        assert_eq!(impact.services, [component("payments"), component("checkout")]);
        assert_eq!(status.change.as_ref().unwrap().name(), "chg-2");
        assert_eq!(status.incident_version, 7);
        let texts: Vec<&str> = status.timeline.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts.len(), 3);
        assert!(texts[0].contains("charged twice") && texts[2].contains("rolled back"));
        let spec = spec(&source, "group:default/pay");
        assert_eq!(spec.title, "Customers are charged twice");
        assert!(spec.andon.is_none());
    }

    #[test]
    fn what_was_not_recorded_is_absent_and_not_zero() {
        let mut incident = incident();
        incident.status.acknowledged_at = None;
        incident.status.mitigated_at = None;
        let source = Source { incident: Some(incident), andons: vec![] };
        let status = fill(&CoeStatus::default(), &source, Symptom::default(), &[]);
        assert_eq!(status.impact.time_to_acknowledge_ms, None);
        assert_eq!(status.impact.duration_ms, None);
        assert_eq!(status.impact.failing_lines, None);
    }

    #[test]
    fn filling_again_keeps_a_graph_that_the_logs_no_longer_have() {
        let source = Source { incident: Some(incident()), andons: vec![] };
        let symptom = Symptom { failing_lines: Some(42), graph: Some(Graph { counts: vec![1], ..Graph::default() }) };
        let first = fill(&CoeStatus::default(), &source, symptom.clone(), &[]);
        assert_eq!(fill(&first, &source, symptom, &[]), first);
        assert_eq!(fill(&first, &source, Symptom::default(), &[]), first);
    }

    #[test]
    fn an_andon_without_an_incident_gives_a_draft_of_its_own() {
        let source = Source { incident: None, andons: vec![andon()] };
        let spec = spec(&source, "group:default/pay");
        assert_eq!(spec.title, "they were charged twice");
        assert_eq!(spec.andon.as_ref().unwrap().name(), "and-1");
        assert_eq!(spec.severity, Severity::Sev3);
        let status = fill(&CoeStatus::default(), &source, Symptom::default(), &[]);
        assert_eq!(status.impact.duration_ms, Some(19 * 60_000));
    }

    #[test]
    fn an_andon_is_upheld_by_an_alarm_or_by_a_change_taken_back() {
        let mut andon = andon();
        assert!(!upheld(&andon, &[]));
        assert!(!upheld(&andon, &[at("2026-03-02T09:00:00Z")]));
        assert!(upheld(&andon, &[at("2026-03-02T10:10:00Z")]));
        andon.spec.alarm = Some(ObjectRef::new("alarm", "default", "payments-errors"));
        assert!(upheld(&andon, &[]));
        andon.status.state = AndonState::Acknowledged;
        assert!(!upheld(&andon, &[]));
    }

    #[test]
    fn only_severe_incidents_that_no_longer_hurt_call_for_a_coe() {
        let mut incident = incident();
        assert!(incident_calls(&incident));
        incident.status.state = IncidentState::Identified;
        assert!(!incident_calls(&incident));
        incident.status.state = IncidentState::Resolved;
        incident.spec.severity = Severity::Sev3;
        assert!(!incident_calls(&incident));
    }

    #[test]
    fn coes_with_the_same_factors_or_services_are_related_the_closest_first() {
        let coe = |name: &str, category: &str, service: &str| {
            let mut coe = CoeObject {
                reference: ObjectRef::new("coe", "default", name),
                version: 1,
                spec: CoeSpec { factors: vec![Factor { whys: vec![], category: category.to_owned(), evidence: None }], ..CoeSpec::default() },
                status: CoeStatus::default(),
            };
            coe.status.impact.services = vec![component(service)];
            coe
        };
        let mine = coe("coe-9", "change", "payments");
        let others = [mine.clone(), coe("coe-1", "capacity", "payments"), coe("coe-2", "change", "payments"), coe("coe-3", "process", "web")];
        let names: Vec<String> = related(&mine, &others).iter().map(|coe| coe.name().to_owned()).collect();
        assert_eq!(names, ["coe-2", "coe-1"]);
    }
}
