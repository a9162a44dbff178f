//! Runs verifiers: gathers the facts that a verifier asks for, and writes what follows from its verdict.

use andon_api::error::{ErrorCode, Problem};
use andon_api::event::Event;
use andon_api::kinds::delivery::ChangeType;
use andon_api::kinds::learning::{ActionSpec, Verifier};
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::World;
use andon_objects::{EventDraft, EventQuery, ListQuery, Priority};
use serde_json::json;

use crate::actions::{AlarmFacts, ChangeFacts, Facts, PolicyFacts, Verdict, settle, verify};
use crate::limits::{EVENTS, LATEST_CHANGES, REFUSALS};
use crate::read::{self, Catalog};
use crate::typed::{ActionObject, AlarmObject, ChangeObject, CoeObject, PolicyObject};

/// Runs the verifier of an action.
///
/// # Errors
/// As the store.
pub(crate) async fn run(world: &World, catalog: &Catalog, action: &ActionSpec) -> Result<Verdict, Problem> {
    let coe: Option<CoeObject> = read::one(world, &action.coe).await?;
    let team = coe.and_then(|coe| catalog.owners().of_coe(&coe));
    let facts = facts(world, catalog, &action.verifier).await?;
    Ok(verify(action, team.as_ref(), &facts))
}

async fn facts(world: &World, catalog: &Catalog, verifier: &Verifier) -> Result<Facts, Problem> {
    match verifier {
        Verifier::PolicyEnforced { policy } => Ok(Facts::Policy(policy_facts(world, policy).await?.map(|(_, facts)| facts))),
        Verifier::PolicyRefused { policy } => {
            let Some((reference, mut facts)) = policy_facts(world, policy).await? else { return Ok(Facts::Policy(None)) };
            facts.refused = refused_by(world, catalog, &reference).await?;
            Ok(Facts::Policy(Some(facts)))
        }
        Verifier::AlarmFired { alarm } => {
            let Some(reference) = named(alarm, "alarm") else { return Ok(Facts::Alarm(None)) };
            let found: Option<AlarmObject> = read::one(world, &reference).await?;
            Ok(Facts::Alarm(found.map(|alarm| AlarmFacts { state: alarm.status.state, fired_count: alarm.status.fired_count })))
        }
        Verifier::TestPassed { service, test } => Ok(Facts::Change(latest_change(world, service, test).await?)),
    }
}

/// Reads a name as a reference of a kind; of another kind it names nothing that could be looked at.
fn named(text: &str, kind: &str) -> Option<ObjectRef> {
    ObjectRef::parse(text.trim(), Some(kind), "default").ok().filter(|reference| reference.kind() == kind)
}

async fn policy_facts(world: &World, name: &str) -> Result<Option<(ObjectRef, PolicyFacts)>, Problem> {
    let Some(reference) = named(name, "policy") else { return Ok(None) };
    let policy: Option<PolicyObject> = read::one(world, &reference).await?;
    Ok(policy.map(|policy| {
        let facts = PolicyFacts { enforcement: policy.spec.enforcement, lesson: policy.spec.lesson, refused: Vec::new() };
        (reference, facts)
    }))
}

/// Finds whom a policy has refused, newest first, up to the first refusal of each scope.
async fn refused_by(world: &World, catalog: &Catalog, policy: &ObjectRef) -> Result<Vec<(String, Option<ObjectRef>)>, Problem> {
    let owners = catalog.owners();
    let mut found: Vec<(String, Option<ObjectRef>)> = Vec::new();
    let mut query = EventQuery {
        object: Some(policy.clone()),
        action: Some("policy.refused".to_owned()),
        newest_first: true,
        limit: EVENTS,
        ..EventQuery::default()
    };
    for _ in 0..REFUSALS / EVENTS {
        let page = world.store.events(&query).await?;
        for scope in page.iter().filter_map(scope_of) {
            if !found.iter().any(|(known, _)| *known == scope) {
                let owner = owners.of_scope(&scope);
                found.push((scope, owner));
            }
        }
        match page.last() {
            Some(last) if page.len() == EVENTS => query.before_sequence = Some(last.sequence),
            _ => break,
        }
    }
    Ok(found)
}

fn scope_of(event: &Event) -> Option<String> {
    event.payload.as_ref()?.get("scope")?.as_str().map(str::to_owned)
}

/// Finds the latest change of a service that brought something; a rollback brings no tests.
async fn latest_change(world: &World, service: &ObjectRef, test: &str) -> Result<Option<ChangeFacts>, Problem> {
    let query = ListQuery::kind("Change").filter("service", service).limit(LATEST_CHANGES);
    let changes = ChangeObject::read_all(&world.store.list(&query).await?.items)?;
    let latest = changes
        .into_iter()
        .filter(|change| change.spec.change_type != ChangeType::Rollback)
        .max_by_key(|change| change.status.deployed_at.or_else(|| change.status.stages.last().map(|stage| stage.started_at)));
    Ok(latest.map(|change| ChangeFacts {
        result: change.spec.tests.get(test).copied(),
        change: change.reference,
        version: change.spec.version,
    }))
}

/// Writes what follows from a verdict; gives the action as it then is.
///
/// # Errors
/// `OBJ-0001` when the action is gone; otherwise as the store.
pub(crate) async fn write(world: &World, reference: &ObjectRef, spec: &ActionSpec, verdict: Verdict, draft: impl Fn(&str) -> EventDraft + Send + 'static) -> Result<AnyObject, Problem> {
    let (reference, spec) = (reference.clone(), spec.clone());
    world
        .store
        .write(Priority::Background, move |tx| {
            Box::pin(async move {
                let gone = || Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}."));
                let mut object = tx.get(&reference).await?.ok_or_else(gone)?;
                let action = ActionObject::read(&object)?;
                if action.spec != spec {
                    // It was changed while its verifier ran: the verdict is about something else.
                    return Ok(object);
                }
                let Some(settlement) = settle(&action.status, &verdict, tx.now()) else { return Ok(object) };
                object.status = Some(serde_json::to_value(&settlement.status).map_err(Problem::internal)?);
                let facts = json!({"passed": verdict.passed, "verdict": verdict.text});
                tx.put(object, draft(settlement.event).payload(facts)).await
            })
        })
        .await
}
