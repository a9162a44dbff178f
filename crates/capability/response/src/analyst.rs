//! Works out which changes an incident is suspected of, at first from the records alone and then with
//! the failing lines, several times while lines and changes arrive.

use std::collections::{BTreeMap, BTreeSet};

use andon_api::error::Problem;
use andon_api::graph::DependencyGraph;
use andon_api::kind::Kind;
use andon_api::kinds::delivery::{Change, ChangeSpec, ChangeStatus};
use andon_api::kinds::response::{Incident, IncidentStatus, Suspect};
use andon_api::kinds::signals::AlarmSpec;
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{ListQuery, Order, Priority, Tx};
use andon_reader::{Clock, LogRow, Order as LineOrder, SearchRequest};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::alerts::Authority;
use crate::events::direct;
use crate::incidents::{self, OPEN_STATES, add_entry, entry};
use crate::limits::{ANALYSIS_AGES_MS, FAILING_LINES};
use crate::suspects::{ChangeFact, Failure, rank};
use crate::table;
use crate::typed::{IncidentObject, Typed};
use crate::words::change_words;

/// How many changes of one service are looked at.
const CHANGES_PER_SERVICE: usize = 50;
/// How many suspects are told in the timeline.
const SUSPECTS_TOLD: usize = 3;
/// A sender's clock that is further off than this is not believed.
const CLOCK_TRUST_US: i64 = 5 * 60 * 1_000_000;

/// Works out suspects.
pub(crate) struct Analyst;

impl Controller for Analyst {
    fn name(&self) -> &'static str {
        "response.analyst"
    }

    fn period_ms(&self) -> u64 {
        2_000
    }

    fn wakes_on_commit(&self) -> bool {
        false
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(run(world))
    }
}

async fn run(world: &World) -> Result<(), Problem> {
    let query = ListQuery::kind(Incident::KIND).filter("state", OPEN_STATES).order(Order::CreatedDescending).limit(200);
    for object in world.store.list(&query).await?.items {
        let incident: IncidentObject = Typed::read(object)?;
        let reference = incident.reference();
        let runs = table::analysis_runs(&world.store, &reference).await?;
        let due = runs_due(&incident.status, world.now());
        if due <= runs {
            continue;
        }
        let analysis = analyse(world, &incident).await?;
        world.store.write(Priority::Object, move |tx| Box::pin(keep(tx, reference, due, analysis))).await?;
    }
    Ok(())
}

/// Tells how often an incident of this age should have been looked at.
fn runs_due(status: &IncidentStatus, now: Timestamp) -> i64 {
    let Some(since) = status.detected_at else { return 0 };
    let age = now.duration_since(since).as_millis();
    i64::try_from(ANALYSIS_AGES_MS.iter().filter(|due| i128::from(**due) <= age).count()).unwrap_or(0)
}

/// What the lines and changes say.
struct Analysis {
    suspects: Vec<Suspect>,
    first_line: Option<(Timestamp, String)>,
    /// When the trouble began, where the lines say it better than the alarm's window.
    started_at: Option<Timestamp>,
    /// The suspects' changes as the timeline tells them: when, which, in words.
    told: Vec<(Timestamp, ObjectRef, String)>,
}

/// The question by which the failing lines of an incident are found, and the length of its windows.
pub(crate) struct Question {
    pub(crate) query: String,
    pub(crate) alarm: Option<(ObjectRef, AlarmSpec)>,
}

/// Takes the question of the incident's alarm; without one, the errors of its services.
pub(crate) async fn question(world: &World, incident: &IncidentObject) -> Result<Question, Problem> {
    for alert in &incident.status.alerts {
        let Some(alert) = world.store.get(alert).await? else { continue };
        let source = alert.spec.get("source").and_then(|source| source.as_str()).unwrap_or_default();
        let Ok(reference) = ObjectRef::parse(source, None, "default") else { continue };
        if reference.kind() != "alarm" {
            continue;
        }
        if let Some(spec) = world.store.get(&reference).await?.and_then(|alarm| alarm.spec_as::<AlarmSpec>().ok()) {
            return Ok(Question { query: spec.query.clone(), alarm: Some((reference, spec)) });
        }
    }
    let services: Vec<String> =
        incident.spec.services.iter().map(|service| format!("service:\"{}\"", service.name())).collect();
    let query = match services.len() {
        0 => "level:>=error".to_owned(),
        _ => format!("({}) AND level:>=error", services.join(" OR ")),
    };
    Ok(Question { query, alarm: None })
}

async fn analyse(world: &World, incident: &IncidentObject) -> Result<Analysis, Problem> {
    let question = question(world, incident).await?;
    let window_ms = question.alarm.as_ref().map_or(60_000, |(_, alarm)| alarm.window.milliseconds());
    let noticed = incident.status.detected_at.unwrap_or_else(|| world.now());
    let began = incident.status.started_at.unwrap_or(noticed);
    let rows = failing_lines(world, &question.query, began, window_ms).await;
    let first_line = rows.iter().map(|row| (line_time(row), row)).min_by_key(|(at, _)| *at);
    let first_line = first_line.map(|(at, row)| (at, row.message.clone()));
    let graph = dependencies(world).await?;
    let mut dependencies: Vec<ObjectRef> =
        incident.spec.services.iter().flat_map(|service| direct(&graph, service)).collect();
    dependencies.retain(|dependency| !incident.spec.services.contains(dependency));
    let failure = Failure {
        started_at: first_line.as_ref().map_or(noticed, |(at, _)| *at),
        seen: if first_line.is_some() { FIRST_LINE } else { NOTICED },
        services: incident.spec.services.clone(),
        dependencies,
        versions: versions(&rows),
        lines: rows.len() as u64,
    };
    let near: BTreeSet<ObjectRef> = failure.services.iter().chain(&failure.dependencies).cloned().collect();
    let mut objects = Vec::new();
    for service in near {
        objects.extend(world.store.list(&changes_of(&service)).await?.items);
    }
    let suspects = rank(&failure, &facts(&objects, failure.started_at));
    let told = told(&suspects, &objects, failure.started_at);
    // Lines that come much later belong to something that joined the incident, not to its start.
    let near_start = |at: &Timestamp| at.duration_since(began).abs() <= SignedDuration::from_millis(2 * window_ms);
    let started_at = first_line.as_ref().map(|(at, _)| *at).filter(near_start);
    Ok(Analysis { suspects, first_line, started_at, told })
}

fn changes_of(service: &ObjectRef) -> ListQuery {
    ListQuery::kind(Change::KIND).filter("service", service).order(Order::CreatedDescending).limit(CHANGES_PER_SERVICE)
}

async fn dependencies(world: &World) -> Result<DependencyGraph, Problem> {
    let store = &world.store;
    Ok(DependencyGraph::new(&store.all("Component").await?, &store.all("API").await?, &store.all("Resource").await?))
}

/// Finds the first failing lines; without telemetry there are none, and the incident goes on without.
async fn failing_lines(world: &World, query: &str, began: Timestamp, window_ms: i64) -> Vec<LogRow> {
    let since_us = began.as_microsecond() - window_ms * 1_000;
    let mut request = SearchRequest::new(query, since_us, world.now().as_microsecond() + 1);
    request.limit = FAILING_LINES;
    request.order = LineOrder::OldestFirst;
    request.clock = Clock::ReceivedAt;
    match world.logs.search(request).await {
        Ok(found) => found.rows,
        Err(error) => {
            tracing::warn!(%error, "the failing lines of an incident could not be read");
            Vec::new()
        }
    }
}

/// The sender's time where it can be true, else ours.
fn line_time(row: &LogRow) -> Timestamp {
    let off = (row.received_at_us - row.timestamp_us).abs();
    let at_us = if off <= CLOCK_TRUST_US { row.timestamp_us } else { row.received_at_us };
    Timestamp::from_microsecond(at_us).unwrap_or_default()
}

/// Counts which versions the lines carry, per service.
fn versions(rows: &[LogRow]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for row in rows {
        let value = row.resource.get("service.version").or_else(|| row.attributes.get("service.version"));
        let version = match value {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        *found.entry(row.service.to_lowercase()).or_default().entry(version).or_default() += 1;
    }
    found
}

/// Reads what counts of changes; one that cannot be read is no suspect.
fn facts(objects: &[AnyObject], failure_at: Timestamp) -> Vec<ChangeFact> {
    let read = |object: &AnyObject| {
        let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as().ok()?, object.status_as().ok()?);
        Some(ChangeFact {
            change: object.reference(),
            reached_at: reached_at(object, &status, failure_at),
            service: spec.service,
            version: spec.version,
            environment: spec.environment,
            change_type: spec.change_type,
            outcome: status.outcome,
            tests: spec.tests,
        })
    };
    objects.iter().filter_map(read).collect()
}

/// A deployment that was under way when the failure began reached customers with its start: a rolling
/// deploy serves before it reports. Otherwise it reached them with its end.
fn reached_at(object: &AnyObject, status: &ChangeStatus, failure_at: Timestamp) -> Timestamp {
    let deploy = status.stages.iter().rev().find(|stage| stage.name == "deploy");
    let started = deploy.map(|stage| stage.started_at);
    let finished = deploy.and_then(|stage| stage.finished_at).or(status.deployed_at);
    match (started, finished) {
        (Some(started), Some(finished)) if started <= failure_at && failure_at < finished => started,
        (_, Some(finished)) => finished,
        (Some(started), None) => started,
        (None, None) => object.metadata.created_at.unwrap_or(failure_at),
    }
}

fn told(suspects: &[Suspect], objects: &[AnyObject], failure_at: Timestamp) -> Vec<(Timestamp, ObjectRef, String)> {
    let tell = |suspect: &Suspect| {
        let object = objects.iter().find(|object| object.reference() == suspect.change)?;
        let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as().ok()?, object.status_as().ok()?);
        let words = change_words(suspect.change.name(), &spec, &status);
        Some((reached_at(object, &status, failure_at), suspect.change.clone(), words))
    };
    suspects.iter().take(SUSPECTS_TOLD).filter_map(tell).collect()
}

/// Writes what was found, where it is news.
async fn keep(tx: &mut Tx, reference: ObjectRef, runs: i64, analysis: Analysis) -> Result<(), Problem> {
    table::set_analysis_runs(tx, &reference, runs).await?;
    let mut incident = incidents::require(tx, &reference).await?;
    let before = incident.status.clone();
    let status = &mut incident.status;
    status.suspects = analysis.suspects;
    for (at, change, words) in analysis.told {
        if !status.timeline.iter().any(|entry| entry.object.as_ref() == Some(&change)) {
            add_entry(status, entry(at, "change", "system:response", words, Some(change)));
        }
    }
    if let Some((at, message)) = analysis.first_line {
        let known = status.timeline.iter().any(|entry| entry.text.starts_with(FIRST_LINE_ENTRY));
        if !known {
            let message: String = message.chars().take(300).collect();
            add_entry(status, entry(at, "alarm", "system:response", format!("{FIRST_LINE_ENTRY}: {message}"), None));
        }
    }
    status.started_at = analysis.started_at.or(status.started_at);
    if incident.status == before {
        return Ok(());
    }
    let payload = json!({"suspects": incident.status.suspects.len()});
    incidents::write(tx, incident, &Authority::system(), "incident.analysed", payload).await.map(|_| ())
}

const FIRST_LINE: &str = "the first failing line";
const FIRST_LINE_ENTRY: &str = "The first failing line";
const NOTICED: &str = "it was noticed";

/// Suspects at once, from the records alone: the first page names the change.
pub(crate) async fn first_suspects(tx: &mut Tx, services: &[ObjectRef]) -> Result<Vec<Suspect>, Problem> {
    let mut objects = Vec::new();
    for service in services {
        objects.extend(tx.list(&changes_of(service)).await?.items);
    }
    let noticed = tx.now();
    let failure = Failure { started_at: noticed, seen: NOTICED, services: services.to_vec(), ..Failure::default() };
    Ok(rank(&failure, &facts(&objects, noticed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(stages: serde_json::Value) -> (AnyObject, ChangeStatus) {
        let object: AnyObject = serde_json::from_value(json!({
            "apiVersion": "andon.dev/v1", "kind": "Change", "metadata": {"name": "chg-1"},
            "spec": {"service": "component:default/payments", "version": "2"},
            "status": {"outcome": "succeeded", "stages": stages, "commitCount": 1}
        }))
        .unwrap();
        let status = object.status_as().unwrap();
        (object, status)
    }

    #[test]
    fn a_rolling_deploy_reaches_customers_before_it_has_ended() {
        let (object, status) = change(
            json!([{"name": "deploy", "startedAt": "2026-03-02T09:00:00Z", "finishedAt": "2026-03-02T09:10:00Z"}]),
        );
        let reached = |failure: &str| reached_at(&object, &status, failure.parse().unwrap()).to_string();
        assert_eq!(reached("2026-03-02T09:01:00Z"), "2026-03-02T09:00:00Z");
        assert_eq!(reached("2026-03-02T09:11:00Z"), "2026-03-02T09:10:00Z");
        assert_eq!(reached("2026-03-02T08:00:00Z"), "2026-03-02T09:10:00Z");
    }

    #[test]
    fn an_incident_is_looked_at_again_while_it_is_young() {
        let at = |second: i64| Timestamp::from_second(1_769_947_200 + second).unwrap();
        let status = IncidentStatus { detected_at: Some(at(0)), ..IncidentStatus::default() };
        assert_eq!([0, 10, 29, 30, 120, 7_200].map(|second| runs_due(&status, at(second))), [1, 2, 2, 3, 4, 6]);
    }
}
