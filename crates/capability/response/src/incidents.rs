//! Opens incidents, gathers alerts and andons, and keeps the timeline. Inside a transaction.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::response::{AlertState, Incident, IncidentSpec, IncidentState, IncidentStatus, TimelineEntry};
use andon_api::kinds::signals::Severity;
use andon_api::object::ObjectRef;
use andon_objects::{ListQuery, Order, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::alerts::{Authority, NewAlert};
use crate::analyst::first_suspects;
use crate::limits::{ALERTS_PER_INCIDENT, REJOIN_MS, TIMELINE_AUTOMATIC_MAX, TIMELINE_MAX, TIMELINE_PAGES_MAX};
use crate::table;
use crate::typed::{AlertObject, IncidentObject, Typed};

/// The states in which an incident is open.
pub(crate) const OPEN_STATES: &str = "investigating,identified,mitigated";

/// The incident that an alert belongs to, before either is written.
pub(crate) struct Prepared {
    incident: IncidentObject,
    is_new: bool,
}

impl Prepared {
    pub(crate) fn reference(&self) -> ObjectRef {
        self.incident.reference()
    }
}

/// Reads the open incidents, the newest first.
pub(crate) async fn open_incidents(tx: &mut Tx) -> Result<Vec<IncidentObject>, Problem> {
    let query =
        ListQuery::kind(Incident::KIND).filter("state", OPEN_STATES).order(Order::CreatedDescending).limit(1_000);
    tx.list(&query).await?.items.into_iter().map(Typed::read).collect()
}

/// Reads an incident that should be there.
pub(crate) async fn require(tx: &mut Tx, reference: &ObjectRef) -> Result<IncidentObject, Problem> {
    let object = tx.get(reference).await?.ok_or_else(|| {
        Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}."))
            .hint("`andon get incidents` lists the incidents.")
    })?;
    Typed::read(object)
}

/// Tells whether a severity makes an incident.
fn makes_incident(severity: Severity) -> bool {
    severity <= Severity::Sev2
}

/// Finds the incident that an alert belongs to, or makes a new one where it is bad enough.
pub(crate) async fn prepare(tx: &mut Tx, alert: &AlertObject, new: &NewAlert) -> Result<Option<Prepared>, Problem> {
    let now = tx.now();
    if let Some(service) = &alert.spec.service {
        let open = open_incidents(tx).await?;
        let fitting =
            open.into_iter().find(|incident| incident.spec.services.contains(service) && takes_in(incident, now));
        if let Some(incident) = fitting {
            return Ok(Some(Prepared { incident, is_new: false }));
        }
    }
    if !makes_incident(alert.spec.severity) && new.andon.is_none() {
        return Ok(None);
    }
    let name = tx.next_name("inc").await?;
    let spec = IncidentSpec {
        title: new.symptom.clone().unwrap_or_else(|| new.title.clone()),
        severity: alert.spec.severity,
        services: alert.spec.service.iter().cloned().collect(),
        commander: None,
    };
    let suspects = first_suspects(tx, &spec.services).await?;
    let status = IncidentStatus {
        started_at: Some(new.started_at),
        detected_at: Some(now),
        suspects,
        ..IncidentStatus::default()
    };
    let incident = Typed::read(to_any(&Incident::object(&name, spec, Some(status)))?)?;
    Ok(Some(Prepared { incident, is_new: true }))
}

/// An incident that was mitigated a while ago is left alone: what comes now is something new.
fn takes_in(incident: &IncidentObject, now: Timestamp) -> bool {
    let rejoin = SignedDuration::from_millis(REJOIN_MS);
    let has_room = incident.status.alerts.len() < ALERTS_PER_INCIDENT;
    has_room && incident.status.mitigated_at.is_none_or(|at| now.duration_since(at) < rejoin)
}

/// Takes an alert, and the andon behind it, into its incident, and writes the incident.
pub(crate) async fn take_in(
    tx: &mut Tx,
    prepared: Prepared,
    alert: &AlertObject,
    new: &NewAlert,
) -> Result<(), Problem> {
    let Prepared { mut incident, is_new } = prepared;
    incident.status.alerts.push(alert.reference());
    incident.status.andons.extend(new.andon.clone());
    incident.spec.severity = incident.spec.severity.min(alert.spec.severity);
    incident.status.started_at = [incident.status.started_at, Some(new.started_at)].into_iter().flatten().min();
    let reopened = incident.status.state == IncidentState::Mitigated;
    if reopened {
        incident.status.state = IncidentState::Investigating;
        incident.status.mitigated_at = None;
    }
    // What joins brings lines and changes of its own: the suspects are worked out again.
    table::set_analysis_runs(tx, &incident.reference(), 0).await?;
    let action = match (is_new, reopened) {
        (true, _) => "incident.opened",
        (false, true) => "incident.reopened",
        (false, false) => "incident.joined",
    };
    let text = if is_new { "The incident opened".to_owned() } else { format!("{} joined the incident", alert.name()) };
    let entry = entry(tx.now(), "state", "system:response", text, Some(alert.reference()));
    add_entry(&mut incident.status, entry);
    write(tx, incident, &Authority::system(), action, json!({"alert": alert.reference(), "andon": new.andon}))
        .await
        .map(|_| ())
}

/// Takes an andon into an incident that is open for its service already.
pub(crate) async fn take_in_andon(tx: &mut Tx, mut incident: IncidentObject, andon: &ObjectRef) -> Result<(), Problem> {
    if incident.status.andons.contains(andon) {
        return Ok(());
    }
    incident.status.andons.push(andon.clone());
    write(tx, incident, &Authority::system(), "incident.joined", json!({"andon": andon})).await.map(|_| ())
}

/// Writes an incident with its event.
pub(crate) async fn write(
    tx: &mut Tx,
    incident: IncidentObject,
    authority: &Authority,
    action: &str,
    payload: serde_json::Value,
) -> Result<IncidentObject, Problem> {
    let stored = tx.put(incident.into_any()?, authority.draft(action).payload(payload)).await?;
    Typed::read(stored)
}

/// Makes an entry of a timeline.
pub(crate) fn entry(
    at: Timestamp,
    entry_type: &str,
    actor: &str,
    text: String,
    object: Option<ObjectRef>,
) -> TimelineEntry {
    TimelineEntry { at, entry_type: entry_type.to_owned(), actor: actor.to_owned(), text, object, event: None }
}

/// Puts an entry in its place; the entry of an event that is there already is not put twice.
pub(crate) fn add_entry(status: &mut IncidentStatus, entry: TimelineEntry) -> bool {
    let known = entry.event.is_some() && status.timeline.iter().any(|other| other.event == entry.event);
    let most = match entry.entry_type.as_str() {
        "page" => TIMELINE_PAGES_MAX,
        "note" | "state" | "acknowledge" => usize::MAX,
        _ => TIMELINE_AUTOMATIC_MAX,
    };
    if known || status.timeline.len() >= most {
        return false;
    }
    let at = status.timeline.partition_point(|other| other.at <= entry.at);
    status.timeline.insert(at, entry);
    if status.timeline.len() > TIMELINE_MAX {
        // What people wrote is kept longest.
        let oldest = status.timeline.iter().position(|entry| entry.entry_type != "note").unwrap_or(0);
        status.timeline.remove(oldest);
    }
    true
}

/// Tells whether every alert of an incident is over.
pub(crate) async fn all_alerts_over(tx: &mut Tx, incident: &IncidentObject) -> Result<bool, Problem> {
    for alert in &incident.status.alerts {
        if let Some(object) = tx.get(alert).await? {
            let alert: AlertObject = Typed::read(object)?;
            if alert.status.state != AlertState::Resolved {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Moves an incident to a state.
///
/// # Errors
/// `RSP-0004` when it is resolved, or is in that state already.
pub(crate) fn move_to(incident: &mut IncidentObject, state: IncidentState, now: Timestamp) -> Result<(), Problem> {
    let status = &mut incident.status;
    if status.state == IncidentState::Resolved {
        return Err(Problem::new(ErrorCode::IncidentState, "The incident is resolved.")
            .hint("What comes again opens a new incident; notes can still be added."));
    }
    if status.state == state {
        return Err(Problem::new(ErrorCode::IncidentState, format!("The incident is {} already.", state_word(state))));
    }
    status.state = state;
    match state {
        IncidentState::Investigating | IncidentState::Identified => status.mitigated_at = None,
        IncidentState::Mitigated => status.mitigated_at = Some(now),
        IncidentState::Resolved => {
            status.mitigated_at.get_or_insert(now);
            status.resolved_at = Some(now);
        }
    }
    Ok(())
}

/// Names a state as events and people do.
pub(crate) const fn state_word(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Investigating => "investigating",
        IncidentState::Identified => "identified",
        IncidentState::Mitigated => "mitigated",
        IncidentState::Resolved => "resolved",
    }
}

/// Names the event of a move to a state.
pub(crate) const fn move_action(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Investigating => "incident.reopened",
        IncidentState::Identified => "incident.identified",
        IncidentState::Mitigated => "incident.mitigated",
        IncidentState::Resolved => "incident.resolved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_769_947_200 + second).unwrap()
    }

    #[test]
    fn a_timeline_is_in_order_and_has_each_event_once() {
        let mut status = IncidentStatus::default();
        let event = |second, id: &str| {
            let mut entry = entry(at(second), "alert", "system:response", id.to_owned(), None);
            entry.event = Some(id.to_owned());
            entry
        };
        assert!(add_entry(&mut status, event(10, "b")));
        assert!(add_entry(&mut status, event(5, "a")));
        assert!(!add_entry(&mut status, event(10, "b")));
        assert!(add_entry(&mut status, event(10, "c")));
        let texts: Vec<_> = status.timeline.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn a_storm_of_pages_leaves_room_for_what_people_write() {
        let mut status = IncidentStatus::default();
        for second in 0..2_000 {
            add_entry(&mut status, entry(at(second), "page", "system:response", "paged".into(), None));
        }
        assert_eq!(status.timeline.len(), TIMELINE_PAGES_MAX);
        for second in 0..2_000 {
            add_entry(&mut status, entry(at(second), "alert", "system:response", "opened".into(), None));
        }
        assert_eq!(status.timeline.len(), TIMELINE_AUTOMATIC_MAX);
        for second in 0..2_000 {
            add_entry(&mut status, entry(at(second), "note", "user:default/maya", "looked".into(), None));
        }
        assert_eq!(status.timeline.len(), TIMELINE_MAX);
        assert!(status.timeline.iter().all(|entry| entry.entry_type == "note"), "what people wrote is kept longest");
    }
}
