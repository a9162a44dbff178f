//! `/api/v2`: what a Prometheus, `amtool` and dashboards call on an Alertmanager.
//!
//! Answers in Alertmanager's own words and shapes, also where it refuses.

use std::sync::OnceLock;

use andon_api::error::Problem;
use andon_api::object::{DEFAULT_NAMESPACE, ObjectRef};
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::{Priority, Tx};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::alertmanager::{
    Action, Matcher, Posted, Shown, fingerprint, read_batch, receive, service_candidates, severity_of, shown,
    status_document, team_of, title_of,
};
use crate::alerts::{self, Authority, NewAlert};
use crate::directory::Directory;
use crate::escalation::Command;
use crate::table::{self, SourceRow};

/// The name under which alerts of Prometheus are kept.
const SOURCE: &str = "prometheus";

/// The most bytes of a batch.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most firing alerts that one answer lists.
const SHOWN_MAX: i64 = 10_000;

/// How many alerts of a batch share a transaction.
const ALERTS_PER_WRITE: usize = 200;

/// When this server began to answer.
static STARTED: OnceLock<Timestamp> = OnceLock::new();

/// Lists the endpoints of Alertmanager's API.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v2/alerts", "post_alertmanager_alerts")
            .permission("telemetry.write")
            .hidden()
            .event("alert.triggered")
            .summary(
                "Takes alerts as Prometheus sends them to an Alertmanager; they are on disk when this answers 200.",
            )
            .body_max_bytes(BODY_MAX_BYTES)
            .handle(|world, call| Box::pin(post_alerts(world, call))),
        Endpoint::get("/api/v2/alerts", "list_alertmanager_alerts")
            .permission("object.read")
            .hidden()
            .summary("Lists what fires, in Alertmanager's shape.")
            .parameter("filter", "A matcher such as severity=\"critical\"; also !=, =~ and !~.")
            .handle(|world, call| Box::pin(list_alerts(world, call))),
        Endpoint::get("/api/v2/status", "read_alertmanager_status")
            .permission("object.read")
            .hidden()
            .summary("Tells the server's state, in Alertmanager's shape.")
            .handle(|world, _call| {
                Box::pin(async move {
                    let started = *STARTED.get_or_init(|| world.now());
                    Reply::json(&status_document(env!("CARGO_PKG_VERSION"), started))
                })
            }),
    ]
}

fn refuse(status: StatusCode, body: &Value) -> Result<Reply, Problem> {
    Reply::json_with(status, body)
}

async fn post_alerts(world: World, call: Call) -> Result<Reply, Problem> {
    let content_type = call.header("content-type").unwrap_or("application/json");
    if !content_type.starts_with("application/json") {
        let message = format!("unsupported media type \"{content_type}\", only [application/json] are allowed");
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!({"code": 415, "message": message}));
    }
    let batch = match read_batch(&call.body, world.now()) {
        Ok(batch) => batch,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, &json!({"code": 400, "message": message})),
    };
    for part in batch.alerts.chunks(ALERTS_PER_WRITE) {
        let part = part.to_vec();
        world.store.write(Priority::Page, move |tx| Box::pin(take(tx, part))).await?;
    }
    if batch.refused.is_empty() {
        return Ok(Reply::bytes(StatusCode::OK, "application/json", ""));
    }
    refuse(StatusCode::BAD_REQUEST, &Value::String(batch.refused.join("; ")))
}

async fn take(tx: &mut Tx, posted: Vec<Posted>) -> Result<(), Problem> {
    // Refreshes are most of what arrives: the organisation is read only when something changes.
    let mut directory = None;
    for one in posted {
        take_one(tx, &mut directory, one).await?;
    }
    Ok(())
}

async fn take_one(tx: &mut Tx, directory: &mut Option<Directory>, posted: Posted) -> Result<(), Problem> {
    let now = tx.now();
    let key = fingerprint(&posted.labels);
    let known = table::source(tx, SOURCE, &key).await?;
    let (episode, action) = receive(known.as_ref().map(|row| &row.episode), &posted, now);
    let Some(episode) = episode else { return Ok(()) };
    let messages = known.as_ref().filter(|_| action != Action::Open).map_or(0, |row| row.messages) + 1;
    let alert = match (action, &known) {
        (Action::Ignore, _) => return Ok(()),
        (Action::Open, _) => {
            let new = new_alert(tx, &posted, &key).await?;
            let directory = loaded(tx, directory).await?;
            alerts::open(tx, directory, new).await?
        }
        (_, Some(row)) => row.alert.clone(),
        (_, None) => return Err(Problem::internal("an alert that is not known was refreshed")),
    };
    let row = SourceRow {
        source: SOURCE.to_owned(),
        dedup_key: key,
        alert: alert.clone(),
        episode,
        received_at: now,
        messages,
        labels: posted.labels,
        annotations: posted.annotations,
        generator_url: posted.generator_url,
    };
    table::put_source(tx, &row).await?;
    if action == Action::Resolve {
        let object = alerts::require(tx, &alert).await?;
        let directory = loaded(tx, directory).await?;
        alerts::command(tx, directory, object, &Command::Resolve, &Authority::system()).await?;
    }
    Ok(())
}

async fn loaded<'a>(tx: &mut Tx, directory: &'a mut Option<Directory>) -> Result<&'a mut Directory, Problem> {
    if directory.is_none() {
        *directory = Some(Directory::load(tx).await?);
    }
    directory.as_mut().ok_or_else(|| Problem::internal("the organisation was not read"))
}

async fn new_alert(tx: &mut Tx, posted: &Posted, key: &str) -> Result<NewAlert, Problem> {
    let mut service = None;
    for candidate in service_candidates(&posted.labels) {
        let Ok(reference) = ObjectRef::parse(&candidate, Some("Component"), DEFAULT_NAMESPACE) else { continue };
        if reference.kind() == "component" && tx.get(&reference).await?.is_some() {
            service = Some(reference);
            break;
        }
    }
    Ok(NewAlert {
        title: title_of(&posted.labels, &posted.annotations),
        source: SOURCE.to_owned(),
        dedup_key: key.to_owned(),
        service,
        severity: severity_of(&posted.labels),
        labels: posted.labels.clone(),
        annotations: posted.annotations.clone(),
        policy: posted.labels.get("escalation_policy").cloned(),
        team: team_of(&posted.labels),
        // A source that says an end and no start is given the end as its start; trouble is never ahead of us.
        started_at: posted.starts_at.min(tx.now()),
        symptom: None,
        andon: None,
    })
}

async fn list_alerts(world: World, call: Call) -> Result<Reply, Problem> {
    let matcher = match call.query("filter").map(Matcher::parse).transpose() {
        Ok(matcher) => matcher,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, &Value::String(message)),
    };
    if call.query("active") == Some("false") {
        return Reply::json(&Vec::<Shown>::new());
    }
    let rows = table::open_sources(&world.store, SHOWN_MAX).await?;
    let fitting = rows.into_iter().filter(|row| matcher.as_ref().is_none_or(|matcher| matcher.matches(&row.labels)));
    let now = world.now();
    let later = now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap_or(now);
    let alerts: Vec<Shown> = fitting
        .map(|row| {
            // Alarms and andons of our own have no end until they end.
            let times = [row.episode.starts_at, row.episode.ends_at.min(later), row.received_at];
            shown(row.labels, row.annotations, times, row.generator_url, "andon")
        })
        .collect();
    Reply::json(&alerts)
}
