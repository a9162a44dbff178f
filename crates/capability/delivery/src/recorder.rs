//! Records changes: decides, stores, takes back what a rollback rolls back.
//!
//! One transaction per change (or per hundred of an import): the change, its event, its key and the
//! mark on the change that it rolls back are stored together or not at all.

use std::sync::Arc;

use andon_api::event::Actor;
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::delivery::{
    Change, ChangeSpec, ChangeStatus, ChangeType, Outcome, RecordChange, StageReport,
};
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use andon_module::World;
use andon_objects::{EventDraft, EventQuery, ListQuery, Priority, Tx};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::change;
use crate::commit_graph::Counted;
use crate::commits::GraphCache;
use crate::limits::CHECK_AGE_MS_MAX;
use crate::line::{self, LineChange};

/// Who acts, allowed by which rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) actor: Actor,
    pub(crate) rules: Vec<String>,
}

impl Origin {
    /// Starts an event of this actor.
    pub(crate) fn draft(&self, action: &str) -> EventDraft {
        EventDraft::new(self.actor.clone(), action).rules(self.rules.clone())
    }
}

/// A recorded change, and whether it is new.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) change: AnyObject,
    pub(crate) is_new: bool,
}

/// Records changes with the graphs of their repositories at hand.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    pub(crate) graphs: Arc<GraphCache>,
}

impl Recorder {
    /// Records one change; the same request under the same key gives the same change.
    pub(crate) async fn record(
        &self,
        world: &World,
        command: RecordChange,
        origin: Origin,
    ) -> Result<Recorded, Problem> {
        let now = world.now();
        // Decided once before anything is read for it, so that a bad request costs nothing.
        let draft = change::record(&command, &Counted::Unknown, now)?;
        require_service(world, &command.spec.service).await?;
        let stored = line::read(world, &command.spec.service, &command.spec.environment).await?;
        let new = LineChange::new(&command.spec, &draft, now);
        let counted = line::count(world, &self.graphs, &command.spec.service, &stored, vec![new]).await?;
        let counted = counted.last().cloned().unwrap_or(Counted::Unknown);
        let check = check_of(world, &command.spec, now).await?;
        world
            .store
            .write(Priority::Object, move |tx| {
                Box::pin(async move { record_in(tx, &command, &counted, check, &origin).await })
            })
            .await
    }

    /// Records many changes of one line, counted together, a hundred per transaction.
    pub(crate) async fn record_line(
        &self,
        world: &World,
        commands: Vec<RecordChange>,
        origin: &Origin,
    ) -> Result<Vec<Recorded>, Problem> {
        let Some(first) = commands.first().map(|command| command.spec.clone()) else { return Ok(Vec::new()) };
        let now = world.now();
        let stored = line::read(world, &first.service, &first.environment).await?;
        let mut new = Vec::with_capacity(commands.len());
        for command in &commands {
            let status = change::record(command, &Counted::Unknown, now)?;
            new.push(LineChange::new(&command.spec, &status, now));
        }
        let counted = line::count(world, &self.graphs, &first.service, &stored, new).await?;
        let mut pairs: Vec<(RecordChange, Counted)> =
            commands.into_iter().zip(counted.into_iter().skip(stored.len())).collect();
        let mut recorded = Vec::with_capacity(pairs.len());
        while !pairs.is_empty() {
            let rest = pairs.split_off(pairs.len().min(CHANGES_PER_WRITE));
            let (chunk, origin) = (std::mem::replace(&mut pairs, rest), origin.clone());
            let part = world.store.write(Priority::Background, move |tx| {
                Box::pin(async move {
                    let mut part = Vec::with_capacity(chunk.len());
                    for (command, counted) in &chunk {
                        part.push(record_in(tx, command, counted, None, &origin).await?);
                    }
                    Ok(part)
                })
            });
            recorded.extend(part.await?);
        }
        Ok(recorded)
    }

    /// Adds stages, and perhaps the outcome, to a change.
    pub(crate) async fn advance(
        &self,
        world: &World,
        reference: ObjectRef,
        reports: Vec<StageReport>,
        outcome: Option<Outcome>,
        origin: Origin,
    ) -> Result<AnyObject, Problem> {
        let object = world.store.require(&reference).await?;
        let spec: ChangeSpec = object.spec_as()?;
        let stored = line::read(world, &spec.service, &spec.environment).await?;
        let counted = line::count(world, &self.graphs, &spec.service, &stored, vec![]).await?;
        let at = stored.iter().position(|other| other.metadata.name == object.metadata.name);
        let counted = at.and_then(|at| counted.get(at).cloned()).unwrap_or(Counted::Unknown);
        world
            .store
            .write(Priority::Object, move |tx| {
                Box::pin(async move { advance_in(tx, &reference, &reports, outcome, &counted, &origin).await })
            })
            .await
    }
}

/// How many changes of an import share a transaction.
const CHANGES_PER_WRITE: usize = 100;

/// Refuses a change of a service that the catalog does not have.
pub(crate) async fn require_service(world: &World, service: &ObjectRef) -> Result<(), Problem> {
    if service.kind() == "component" && world.store.get(service).await?.is_some() {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ChangeInvalid, format!("The catalog has no service {service}."))
        .place("spec.service")
        .hint("`andon get components` lists the services; `andon apply -f catalog-info.yaml` adds one."))
}

async fn record_in(
    tx: &mut Tx,
    command: &RecordChange,
    counted: &Counted,
    check: Option<String>,
    origin: &Origin,
) -> Result<Recorded, Problem> {
    let digest = digest(command)?;
    if let Some(change) = known(tx, command, &digest).await? {
        return Ok(Recorded { change, is_new: false });
    }
    let now = tx.now();
    let mut spec = command.spec.clone();
    if spec.change_type == ChangeType::Rollback && spec.rolls_back.is_none() {
        spec.rolls_back = rolled_back_by_default(tx, &spec).await?;
    }
    if let Some(target) = &spec.rolls_back {
        require_target(tx, &spec, target).await?;
    }
    let status = ChangeStatus { check, ..change::record(command, counted, now)? };
    let name = tx.next_name("chg").await?;
    let object = to_any(&Change::object(&name, spec.clone(), Some(status.clone())))?;
    let facts = json!({"service": spec.service, "version": spec.version, "environment": spec.environment,
                       "changeType": spec.change_type, "outcome": status.outcome});
    let change = tx.put(object, origin.draft("change.recorded").payload(facts)).await?;
    if let Some(key) = &command.idempotency_key {
        let sql = "INSERT INTO delivery_change_key (id, digest, change_name, at) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, vec![key.clone().into(), digest.into(), name.into(), now.into()]).await?;
    }
    take_back(tx, &change.reference(), &spec, status.outcome, origin).await?;
    line::mark(tx, &spec.service, &spec.environment).await?;
    Ok(Recorded { change, is_new: true })
}

fn digest(command: &RecordChange) -> Result<String, Problem> {
    let text = serde_json::to_string(command).map_err(Problem::internal)?;
    Ok(hex::encode(Sha256::digest(text)))
}

/// Finds the change that was recorded under the same key.
async fn known(tx: &mut Tx, command: &RecordChange, digest: &str) -> Result<Option<AnyObject>, Problem> {
    let Some(key) = &command.idempotency_key else { return Ok(None) };
    let sql = "SELECT digest, change_name FROM delivery_change_key WHERE id = $1";
    let rows = tx.fetch(sql, vec![key.clone().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let reference = change_reference(&row.text("change_name")?);
    if row.text("digest")? != digest {
        return Err(Problem::new(
            ErrorCode::ChangeInvalid,
            format!("The key was used before, for another request; that one is {reference}."),
        )
        .place("idempotencyKey")
        .hint("Use a new key for another change, for example the id of the deploy."));
    }
    tx.get(&reference).await
}

/// Names a change by its name alone.
pub(crate) fn change_reference(name: &str) -> ObjectRef {
    ObjectRef::new(Change::KIND, DEFAULT_NAMESPACE, name)
}

/// Finds what a rollback takes back where it does not say so: the last change that arrived and is
/// another version than the one it goes back to.
async fn rolled_back_by_default(tx: &mut Tx, spec: &ChangeSpec) -> Result<Option<ObjectRef>, Problem> {
    let query = ListQuery::kind(Change::KIND)
        .filter("service", &spec.service)
        .filter("environment", &spec.environment)
        .filter("outcome", "succeeded")
        .limit(50);
    let mut newest: Option<(Timestamp, ObjectRef)> = None;
    for object in tx.list(&query).await?.items {
        let (other, status): (ChangeSpec, ChangeStatus) = (object.spec_as()?, object.status_as()?);
        let Some(at) = status.deployed_at else { continue };
        let left = other.change_type != ChangeType::Rollback && other.version != spec.version;
        if left && newest.as_ref().is_none_or(|(known, _)| at > *known) {
            newest = Some((at, object.reference()));
        }
    }
    Ok(newest.map(|(_, reference)| reference))
}

async fn require_target(tx: &mut Tx, spec: &ChangeSpec, target: &ObjectRef) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::new(ErrorCode::ChangeInvalid, detail).place("spec.rollsBack"));
    let Some(object) = tx.get(target).await? else {
        return refuse(format!("There is no {target} that could be rolled back."));
    };
    let other: ChangeSpec = object.spec_as()?;
    if other.service != spec.service || other.environment != spec.environment {
        return refuse(format!("{target} is a change of {} in {}.", other.service, other.environment));
    }
    Ok(())
}

/// Marks the change that a rollback has taken back, once the rollback has succeeded.
async fn take_back(
    tx: &mut Tx,
    by: &ObjectRef,
    spec: &ChangeSpec,
    outcome: Outcome,
    origin: &Origin,
) -> Result<(), Problem> {
    let Some(target) = spec.rolls_back.as_ref().filter(|_| outcome == Outcome::Succeeded) else { return Ok(()) };
    let Some(object) = tx.get(target).await? else { return Ok(()) };
    if let Some(status) = change::roll_back(&object.status_as()?, by) {
        let next = with_status(object, &status)?;
        tx.put(next, origin.draft("change.rolledBack").payload(json!({"by": by}))).await?;
    }
    Ok(())
}

pub(crate) fn with_status(mut object: AnyObject, status: &ChangeStatus) -> Result<AnyObject, Problem> {
    object.status = Some(serde_json::to_value(status).map_err(Problem::internal)?);
    Ok(object)
}

async fn advance_in(
    tx: &mut Tx,
    reference: &ObjectRef,
    reports: &[StageReport],
    outcome: Option<Outcome>,
    counted: &Counted,
    origin: &Origin,
) -> Result<AnyObject, Problem> {
    let object = tx.get(reference).await?.ok_or_else(|| {
        Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}.")).hint("`andon get changes` lists them.")
    })?;
    let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as()?, object.status_as()?);
    let next = change::advance(&spec, &status, reports, outcome, counted, tx.now())?;
    if next == status {
        return Ok(object);
    }
    let facts = json!({"stages": reports.iter().map(|report| &report.name).collect::<Vec<_>>(), "outcome": next.outcome});
    let change = tx.put(with_status(object, &next)?, origin.draft("change.staged").payload(facts)).await?;
    take_back(tx, reference, &spec, next.outcome, origin).await?;
    line::mark(tx, &spec.service, &spec.environment).await?;
    Ok(change)
}

/// Finds the check that let a change through: the newest of its service, environment and version.
async fn check_of(world: &World, spec: &ChangeSpec, now: Timestamp) -> Result<Option<String>, Problem> {
    let since = Timestamp::from_millisecond(now.as_millisecond().saturating_sub(CHECK_AGE_MS_MAX)).ok();
    let query = EventQuery {
        object: Some(spec.service.clone()),
        action: Some("check.allowed".to_owned()),
        since,
        limit: 50,
        newest_first: true,
        ..EventQuery::default()
    };
    let events = world.store.events(&query).await?;
    let fits = |payload: &serde_json::Value| {
        let says = |field: &str| payload.get(field).and_then(serde_json::Value::as_str);
        let same_version = says("version").is_none_or(|version| version == spec.version);
        let same_commit = says("commit").zip(spec.commit.as_deref()).is_none_or(|(one, two)| one == two);
        same_version && same_commit && says("environment") == Some(spec.environment.as_str())
    };
    Ok(events.into_iter().find(|event| event.payload.as_ref().is_some_and(fits)).map(|event| event.id))
}
