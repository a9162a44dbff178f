//! Everything around an incident in one answer: the graph with the threshold, the failing lines, the
//! suspects, who owns it, who depends on it, who is on call.
//!
//! Telemetry that cannot be read leaves its part out and is named in `missing`; the rest is answered.

use andon_api::error::Problem;
use andon_api::graph::{DependencyGraph, declared_owner};
use andon_api::kinds::learning::OnCallTurn;
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::{Call, Endpoint, Reply, World};
use andon_reader::{Clock, HistogramRequest, LogRow, Order, SearchRequest};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::named;
use super::oncall::on_call_now;
use crate::analyst::{Question, question};
use crate::limits::{BEFORE_START_MS, FAILING_SHOWN};
use crate::typed::{IncidentObject, Typed};

/// The graph of an incident's symptom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SymptomGraph {
    /// The start of each bar, microseconds since the epoch.
    pub starts_us: Vec<i64>,
    /// The matching lines of each bar.
    pub counts: Vec<u64>,
    /// The length of a bar in microseconds.
    pub bucket_us: i64,
    /// The alarm's threshold, scaled to the length of a bar.
    pub threshold: Option<f64>,
}

/// A suspect with its whole change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspectEntry {
    /// The change.
    pub change: AnyObject,
    /// How likely it is among the suspects.
    pub score: f64,
    /// Why, strongest first.
    pub reasons: Vec<String>,
}

/// Everything around an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentContext {
    /// The alarm behind it.
    pub alarm: Option<ObjectRef>,
    /// The query by which its failing lines are found.
    pub query: String,
    /// How many failing lines there were when.
    pub histogram: SymptomGraph,
    /// The first failing lines.
    pub failing: Vec<Value>,
    /// The changes that may have caused it, most likely first.
    pub suspects: Vec<SuspectEntry>,
    /// Who owns the first of its services.
    pub owner: Option<ObjectRef>,
    /// What depends on its services, nearest first.
    pub dependants: Vec<ObjectRef>,
    /// Who is on call for its owners; everybody when none of them has a schedule.
    pub on_call: Vec<OnCallTurn>,
    /// What could not be read, and why.
    pub missing: Vec<String>,
}

/// The most bars of the graph.
const BARS: i64 = 120;

/// Lists the endpoint of the context.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/incidents/{name}/context", "read_incident_context")
            .permission("object.read")
            .summary("Reads everything around an incident: graph, failing lines, suspects, owner, dependants, on call.")
            .response::<IncidentContext>()
            .handle(|world, call| Box::pin(read_context(world, call))),
    ]
}

async fn read_context(world: World, call: Call) -> Result<Reply, Problem> {
    let incident: IncidentObject = Typed::read(world.store.require(&named(&call, "Incident")?).await?)?;
    let question = question(&world, &incident).await?;
    let mut missing = Vec::new();
    let range = range(&incident, world.now());
    let histogram = histogram(&world, &question, range, &mut missing).await;
    let failing = failing(&world, &question, &incident, range, &mut missing).await;
    let mut suspects = Vec::new();
    for suspect in &incident.status.suspects {
        if let Some(change) = world.store.get(&suspect.change).await? {
            suspects.push(SuspectEntry { change, score: suspect.score, reasons: suspect.reasons.clone() });
        }
    }
    let owners = owners(&world, &incident).await?;
    let context = IncidentContext {
        alarm: question.alarm.map(|(alarm, _)| alarm),
        query: question.query,
        histogram,
        failing,
        suspects,
        owner: owners.first().cloned(),
        dependants: dependants(&world, &incident).await?,
        on_call: on_call(&world, &owners).await?,
        missing,
    };
    Reply::json(&context)
}

/// From a quarter of an hour before the start to now, or to a quarter of an hour after the end.
fn range(incident: &IncidentObject, now: Timestamp) -> (i64, i64) {
    let status = &incident.status;
    let began = status.started_at.or(status.detected_at).unwrap_or(now).as_microsecond();
    let margin = BEFORE_START_MS * 1_000;
    let ended = status.resolved_at.or(status.mitigated_at).map(|at| at.as_microsecond().saturating_add(margin));
    let now_us = now.as_microsecond();
    (began - margin, ended.unwrap_or(now_us).min(now_us).max(began + 1))
}

async fn histogram(
    world: &World,
    question: &Question,
    (since_us, until_us): (i64, i64),
    missing: &mut Vec<String>,
) -> SymptomGraph {
    let window_us = question.alarm.as_ref().map_or(10_000_000, |(_, alarm)| alarm.window.microseconds()).max(1);
    // Bars are whole windows, so that the threshold can be drawn across them.
    let windows = ((until_us - since_us) / window_us / BARS).max(0) + 1;
    let bucket_us = window_us * windows;
    let request = HistogramRequest {
        query: question.query.clone(),
        since_us,
        until_us,
        buckets: None,
        bucket_us: Some(bucket_us),
        by: None,
        clock: Clock::ReceivedAt,
    };
    match world.logs.histogram(request).await {
        Ok(found) => {
            missing.extend(found.missing);
            let threshold = question.alarm.as_ref().map(|(_, alarm)| {
                let windows = i32::try_from(windows).unwrap_or(i32::MAX);
                alarm.threshold * f64::from(windows)
            });
            let counts = found.series.into_iter().next().map(|series| series.counts).unwrap_or_default();
            SymptomGraph { starts_us: found.starts_us, counts, bucket_us: found.bucket_us, threshold }
        }
        Err(error) => {
            missing.push(format!("the graph: {error}"));
            SymptomGraph::default()
        }
    }
}

async fn failing(
    world: &World,
    question: &Question,
    incident: &IncidentObject,
    (since_us, until_us): (i64, i64),
    missing: &mut Vec<String>,
) -> Vec<Value> {
    let began_us = incident.status.started_at.map_or(since_us, Timestamp::as_microsecond);
    let window_us = question.alarm.as_ref().map_or(60_000_000, |(_, alarm)| alarm.window.microseconds());
    let mut request = SearchRequest::new(question.query.clone(), began_us - window_us, until_us);
    request.limit = FAILING_SHOWN;
    request.order = Order::OldestFirst;
    request.clock = Clock::ReceivedAt;
    match world.logs.search(request).await {
        Ok(found) => {
            missing.extend(found.missing);
            found.rows.iter().map(row).collect()
        }
        Err(error) => {
            missing.push(format!("the failing lines: {error}"));
            Vec::new()
        }
    }
}

/// Shows a line as the log search does.
fn row(row: &LogRow) -> Value {
    let instant = |at_us: i64| Timestamp::from_microsecond(at_us).map(|at| at.to_string()).unwrap_or_default();
    serde_json::json!({
        "id": row.id, "timestamp": instant(row.timestamp_us), "receivedAt": instant(row.received_at_us),
        "severity": row.severity_text, "severityNumber": row.severity_number, "service": row.service,
        "message": row.message, "traceId": row.trace_id, "spanId": row.span_id, "scope": row.scope,
        "attributes": row.attributes, "resource": row.resource,
    })
}

async fn owners(world: &World, incident: &IncidentObject) -> Result<Vec<ObjectRef>, Problem> {
    let mut owners = Vec::new();
    for service in &incident.spec.services {
        let owner = world.store.get(service).await?.as_ref().and_then(declared_owner);
        owners.extend(owner.filter(|owner| !owners.contains(owner)));
    }
    Ok(owners)
}

async fn dependants(world: &World, incident: &IncidentObject) -> Result<Vec<ObjectRef>, Problem> {
    let store = &world.store;
    let graph =
        DependencyGraph::new(&store.all("Component").await?, &store.all("API").await?, &store.all("Resource").await?);
    let mut found: Vec<ObjectRef> = Vec::new();
    for service in &incident.spec.services {
        for reached in graph.dependants(service) {
            if reached.reference.kind() == "component" && !found.contains(&reached.reference) {
                found.push(reached.reference);
            }
        }
    }
    Ok(found)
}

async fn on_call(world: &World, owners: &[ObjectRef]) -> Result<Vec<OnCallTurn>, Problem> {
    let all = on_call_now(world).await?;
    let is_owners = |entry: &OnCallTurn| {
        ObjectRef::parse(&entry.owner, Some("Group"), "default").is_ok_and(|owner| owners.contains(&owner))
    };
    let near: Vec<OnCallTurn> = all.iter().filter(|entry| is_owners(entry)).cloned().collect();
    Ok(if near.is_empty() { all } else { near })
}
