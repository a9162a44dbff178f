//! Hears what happens elsewhere: alarms and andons become alerts, and everything becomes a timeline.
//!
//! One subscriber does both, in the order of the ledger, so that an incident is open before the event
//! that opened it is written into its timeline. Changes and refused checks have a subscriber of their
//! own: an import of ten thousand changes holds up no page. What cannot be read is left out.

use std::collections::BTreeMap;

use andon_api::error::{ErrorCode, Problem};
use andon_api::event::Event;
use andon_api::graph::DependencyGraph;
use andon_api::kinds::delivery::{AndonSpec, ChangeSpec, ChangeStatus};
use andon_api::kinds::learning::CoeSpec;
use andon_api::kinds::response::IncidentState;
use andon_api::kinds::signals::{AlarmSpec, Severity};
use andon_api::object::{AnyObject, DEFAULT_NAMESPACE, ObjectRef};
use andon_module::{BoxFuture, Subscriber, World};
use andon_objects::{ListQuery, Order, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::alertmanager::Episode;
use crate::alerts::{self, Authority, NewAlert};
use crate::directory::{Directory, all};
use crate::escalation::Command;
use crate::incidents;
use crate::limits::TITLE_CHARS;
use crate::table::{self, SourceRow};
use crate::typed::{AlertObject, IncidentObject, Typed};
use crate::words::words_of;

/// Turns events into alerts, incidents and timelines.
pub(crate) struct Listener;

impl Subscriber for Listener {
    fn name(&self) -> &'static str {
        "response.listener"
    }

    fn actions(&self) -> &'static [&'static str] {
        &["alarm.", "andon.", "alert.", "page.", "coe."]
    }

    fn handle<'a>(&'a self, _world: &'a World, tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let object = match &event.object {
                Some(object) => found(tx, object).await?,
                None => None,
            };
            react(tx, event, object.as_ref()).await?;
            tell(tx, event, object.as_ref()).await?;
            follow(tx, event).await
        })
    }
}

/// Writes changes and refused checks into the timelines of the incidents that they concern.
pub(crate) struct ChangeListener;

impl Subscriber for ChangeListener {
    fn name(&self) -> &'static str {
        "response.change-listener"
    }

    fn actions(&self) -> &'static [&'static str] {
        &["change.recorded", "change.staged", "check.refused"]
    }

    fn handle<'a>(&'a self, _world: &'a World, tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let object = match &event.object {
                Some(object) => found(tx, object).await?,
                None => None,
            };
            tell(tx, event, object.as_ref()).await
        })
    }
}

/// Reads an object; one of a kind that this server does not know is not there.
async fn found(tx: &mut Tx, reference: &ObjectRef) -> Result<Option<AnyObject>, Problem> {
    match tx.get(reference).await {
        Err(problem) if problem.is(ErrorCode::KindUnknown) => Ok(None),
        other => other,
    }
}

/// Opens and ends alerts.
async fn react(tx: &mut Tx, event: &Event, object: Option<&AnyObject>) -> Result<(), Problem> {
    let Some(reference) = &event.object else { return Ok(()) };
    match (event.action.as_str(), object) {
        ("alarm.fired" | "alarm.confirmed", Some(alarm)) => match alarm_alert(alarm, event) {
            Some(new) => fire(tx, new).await,
            None => Ok(()),
        },
        ("alarm.resolved" | "alarm.deleted", _) => end(tx, reference, &event_authority(event)).await,
        ("andon.pulled", Some(andon)) => pulled(tx, andon, event).await,
        ("andon.acknowledged", _) => {
            let by =
                event.payload.as_ref().and_then(|payload| payload["by"].as_str()).unwrap_or(&event.actor.principal);
            acknowledged(tx, reference, object, by, &event_authority(event)).await
        }
        ("andon.released", _) => end(tx, reference, &event_authority(event)).await,
        (action, Some(coe)) if action.starts_with("coe.") => link_coe(tx, coe).await,
        _ => Ok(()),
    }
}

fn event_authority(event: &Event) -> Authority {
    Authority { actor: event.actor.clone(), rules: event.rules.clone() }
}

fn shortened(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(TITLE_CHARS).collect()
}

/// Makes the alert of an alarm; an alarm that cannot be read makes none.
fn alarm_alert(alarm: &AnyObject, event: &Event) -> Option<NewAlert> {
    let spec: AlarmSpec = alarm.spec_as().ok()?;
    let payload = event.payload.as_ref().unwrap_or(&Value::Null);
    let text = |field: &str| payload[field].as_str().map(str::to_owned);
    let reference = alarm.reference();
    let title = alarm.metadata.title.clone().unwrap_or_else(|| alarm.metadata.name.clone());
    let started_at = text("startedAt").and_then(|at| at.parse().ok()).unwrap_or(event.at);
    let mut annotations = BTreeMap::new();
    let texts = [
        ("description", text("reason")),
        ("query", Some(spec.query.clone())),
        ("runbook", spec.runbook.clone()),
        ("symptom", spec.customer_symptom.clone()),
    ];
    for (name, value) in texts {
        annotations.extend(value.map(|value| (name.to_owned(), value)));
    }
    let labels = BTreeMap::from([
        ("alertname".to_owned(), alarm.metadata.name.clone()),
        ("service".to_owned(), spec.service.name().to_owned()),
    ]);
    Some(NewAlert {
        title: shortened(&title),
        source: reference.to_string(),
        dedup_key: reference.to_string(),
        service: Some(spec.service),
        severity: spec.severity,
        labels,
        annotations,
        policy: spec.escalation_policy,
        team: None,
        started_at,
        symptom: spec.customer_symptom.map(|symptom| shortened(&symptom)),
        andon: None,
    })
}

/// Opens the alert of a source, or tells the open one that it goes on.
async fn fire(tx: &mut Tx, new: NewAlert) -> Result<(), Problem> {
    let known = table::source(tx, &new.source, &new.dedup_key).await?;
    let now = tx.now();
    if let Some(mut row) = known.filter(|row| row.episode.open) {
        row.messages += 1;
        row.received_at = now;
        table::put_source(tx, &row).await?;
        let alert = alerts::require(tx, &row.alert).await?;
        return worsen(tx, alert, new.severity).await;
    }
    let mut directory = Directory::load(tx).await?;
    let row = SourceRow {
        source: new.source.clone(),
        dedup_key: new.dedup_key.clone(),
        alert: ObjectRef::new("Alert", DEFAULT_NAMESPACE, "none"),
        episode: Episode {
            open: true,
            starts_at: new.started_at,
            ends_at: Timestamp::MAX,
            timeout: false,
            resolved_at: None,
        },
        received_at: now,
        messages: 1,
        labels: new.labels.clone(),
        annotations: new.annotations.clone(),
        generator_url: String::new(),
    };
    let alert = alerts::open(tx, &mut directory, new).await?;
    table::put_source(tx, &SourceRow { alert, ..row }).await
}

/// Pages again when what goes on has become worse.
async fn worsen(tx: &mut Tx, mut alert: AlertObject, severity: Severity) -> Result<(), Problem> {
    if severity >= alert.spec.severity {
        return Ok(());
    }
    alert.spec.severity = severity;
    let mut directory = Directory::load(tx).await?;
    let command = Command::Repeat { worse: true };
    alerts::command(tx, &mut directory, alert, &command, &Authority::system()).await.map(|_| ())
}

/// Ends the alert of a source.
async fn end(tx: &mut Tx, source: &ObjectRef, authority: &Authority) -> Result<(), Problem> {
    command_source(tx, source, &Command::Resolve, authority).await
}

async fn command_source(
    tx: &mut Tx,
    source: &ObjectRef,
    command: &Command,
    authority: &Authority,
) -> Result<(), Problem> {
    let source = source.to_string();
    let Some(row) = table::source(tx, &source, &source).await?.filter(|row| row.episode.open) else { return Ok(()) };
    let alert = alerts::require(tx, &row.alert).await?;
    let mut directory = Directory::load(tx).await?;
    alerts::command(tx, &mut directory, alert, command, authority).await.map(|_| ())
}

/// Whoever is on the andon is on its alert, and on that of the alarm that pulled it.
async fn acknowledged(
    tx: &mut Tx,
    andon: &ObjectRef,
    object: Option<&AnyObject>,
    by: &str,
    authority: &Authority,
) -> Result<(), Problem> {
    let command = Command::Acknowledge { by: by.to_owned() };
    command_source(tx, andon, &command, authority).await?;
    match object.and_then(|object| object.spec_as::<AndonSpec>().ok()).and_then(|spec| spec.alarm) {
        Some(alarm) => command_source(tx, &alarm, &command, authority).await,
        None => Ok(()),
    }
}

/// An andon pages its owner, unless the alarm that pulled it has done so already.
async fn pulled(tx: &mut Tx, andon: &AnyObject, event: &Event) -> Result<(), Problem> {
    let Ok(spec) = andon.spec_as::<AndonSpec>() else { return Ok(()) };
    let reference = andon.reference();
    if let Some(alarm) = &spec.alarm {
        let source = alarm.to_string();
        if let Some(row) = table::source(tx, &source, &source).await?.filter(|row| row.episode.open) {
            let alert = alerts::require(tx, &row.alert).await?;
            if let Some(incident) = &alert.status.incident {
                let incident = incidents::require(tx, incident).await?;
                incidents::take_in_andon(tx, incident, &reference).await?;
            }
            return Ok(());
        }
    }
    fire(tx, andon_alert(&reference, &spec, event)).await
}

fn andon_alert(reference: &ObjectRef, spec: &AndonSpec, event: &Event) -> NewAlert {
    let service =
        ObjectRef::parse(&spec.scope, Some("Component"), DEFAULT_NAMESPACE).ok().filter(|_| spec.scope != "*");
    let scope = service.as_ref().map_or("the whole line", ObjectRef::name).to_owned();
    let words = shortened(&spec.reason);
    let title = if words.is_empty() {
        format!("The andon is pulled on {scope}")
    } else {
        format!("The andon is pulled on {scope}: {words}")
    };
    let mut annotations = BTreeMap::from([("description".to_owned(), spec.reason.clone())]);
    if !spec.cases.is_empty() {
        annotations.insert("cases".to_owned(), spec.cases.join(", "));
    }
    NewAlert {
        title: shortened(&title),
        source: reference.to_string(),
        dedup_key: reference.to_string(),
        service,
        severity: Severity::Sev2,
        labels: BTreeMap::from([
            ("alertname".to_owned(), "AndonPulled".to_owned()),
            ("andon".to_owned(), reference.name().to_owned()),
        ]),
        annotations,
        policy: None,
        team: None,
        started_at: event.at,
        symptom: (!words.is_empty()).then_some(words),
        andon: Some(reference.clone()),
    }
}

/// Notes on the incident which COE came of it.
async fn link_coe(tx: &mut Tx, coe: &AnyObject) -> Result<(), Problem> {
    let Ok(CoeSpec { incident: Some(incident), .. }) = coe.spec_as::<CoeSpec>() else { return Ok(()) };
    let Some(object) = tx.get(&incident).await? else { return Ok(()) };
    let mut incident: IncidentObject = Typed::read(object)?;
    if incident.status.coe.is_some() {
        return Ok(());
    }
    incident.status.coe = Some(coe.reference());
    incidents::write(tx, incident, &Authority::system(), "incident.linked", json!({"coe": coe.reference()}))
        .await
        .map(|_| ())
}

/// Writes the event into the timelines of the incidents that it concerns.
async fn tell(tx: &mut Tx, event: &Event, object: Option<&AnyObject>) -> Result<(), Problem> {
    let Some(words) = words_of(event, object) else { return Ok(()) };
    for mut incident in concerned(tx, event, object).await? {
        let actor = &event.actor.principal;
        let mut entry = incidents::entry(event.at, words.entry_type, actor, words.text.clone(), event.object.clone());
        entry.event = Some(event.id.clone());
        if incidents::add_entry(&mut incident.status, entry) {
            if event.action == "alert.acknowledged" {
                incident.status.acknowledged_at.get_or_insert(event.at);
            }
            let payload = json!({"event": event.id});
            incidents::write(tx, incident, &Authority::system(), "incident.continued", payload).await?;
        }
    }
    Ok(())
}

/// Finds the incidents that an event concerns.
async fn concerned(tx: &mut Tx, event: &Event, object: Option<&AnyObject>) -> Result<Vec<IncidentObject>, Problem> {
    let Some(reference) = &event.object else { return Ok(Vec::new()) };
    match reference.kind() {
        "alert" => incident_of_alert(tx, object).await,
        "andon" => {
            let recent = ListQuery::kind("Incident").order(Order::CreatedDescending).limit(200);
            let incidents: Vec<IncidentObject> =
                tx.list(&recent).await?.items.into_iter().map(Typed::read).collect::<Result<_, _>>()?;
            Ok(incidents.into_iter().filter(|incident| incident.status.andons.contains(reference)).collect())
        }
        "alarm" => {
            let service = object.and_then(|alarm| alarm.spec_as::<AlarmSpec>().ok()).map(|spec| spec.service);
            of_service(tx, service.as_ref()).await
        }
        "change" => of_change(tx, object).await,
        "component" => of_service(tx, Some(reference)).await,
        _ => Ok(Vec::new()),
    }
}

async fn incident_of_alert(tx: &mut Tx, object: Option<&AnyObject>) -> Result<Vec<IncidentObject>, Problem> {
    let Some(alert) = object else { return Ok(Vec::new()) };
    let alert: AlertObject = Typed::read(alert.clone())?;
    let Some(incident) = &alert.status.incident else { return Ok(Vec::new()) };
    tx.get(incident).await?.map(Typed::read).transpose().map(|incident| incident.into_iter().collect())
}

async fn of_service(tx: &mut Tx, service: Option<&ObjectRef>) -> Result<Vec<IncidentObject>, Problem> {
    let Some(service) = service else { return Ok(Vec::new()) };
    let open = incidents::open_incidents(tx).await?;
    Ok(open.into_iter().filter(|incident| incident.spec.services.contains(service)).collect())
}

/// A change concerns the incidents of its service and of what depends on it directly; a change that
/// was made long before an incident and is recorded late does not.
async fn of_change(tx: &mut Tx, object: Option<&AnyObject>) -> Result<Vec<IncidentObject>, Problem> {
    let Some(change) = object else { return Ok(Vec::new()) };
    let Ok(spec) = change.spec_as::<ChangeSpec>() else { return Ok(Vec::new()) };
    let mut open = incidents::open_incidents(tx).await?;
    if open.is_empty() {
        return Ok(open);
    }
    let status: ChangeStatus = change.status_as().unwrap_or_default();
    let made_at = status.deployed_at.unwrap_or_else(|| tx.now());
    let dependencies = dependencies(tx).await?;
    open.retain(|incident| {
        let near = incident
            .spec
            .services
            .iter()
            .any(|service| *service == spec.service || direct(&dependencies, service).contains(&spec.service));
        let since = incident.status.started_at.unwrap_or(made_at);
        near && made_at >= since.checked_sub(SignedDuration::from_hours(1)).unwrap_or(since)
    });
    Ok(open)
}

async fn dependencies(tx: &mut Tx) -> Result<DependencyGraph, Problem> {
    Ok(DependencyGraph::new(&all(tx, "Component").await?, &all(tx, "API").await?, &all(tx, "Resource").await?))
}

/// Lists what a service needs directly.
pub(crate) fn direct(graph: &DependencyGraph, service: &ObjectRef) -> Vec<ObjectRef> {
    let reached = graph.dependencies(service).into_iter();
    reached.filter(|reached| reached.distance == 1).map(|reached| reached.reference).collect()
}

/// Mitigates an incident when its last alert is over.
async fn follow(tx: &mut Tx, event: &Event) -> Result<(), Problem> {
    if event.action != "alert.resolved" {
        return Ok(());
    }
    let Some(alert) = &event.object else { return Ok(()) };
    let alert = tx.get(alert).await?;
    for mut incident in incident_of_alert(tx, alert.as_ref()).await? {
        let hurting = matches!(incident.status.state, IncidentState::Investigating | IncidentState::Identified);
        if !hurting || !incidents::all_alerts_over(tx, &incident).await? {
            continue;
        }
        incidents::move_to(&mut incident, IncidentState::Mitigated, event.at)?;
        let text = "Every alert is over: customers are no longer hurt".to_owned();
        let entry = incidents::entry(event.at, "state", "system:response", text, None);
        incidents::add_entry(&mut incident.status, entry);
        incidents::write(tx, incident, &Authority::system(), "incident.mitigated", json!({"by": "alerts"})).await?;
    }
    Ok(())
}
