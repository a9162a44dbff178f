//! COEs in the world: opened from an incident or an andon, kept up to date, moved from state to state.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::learning::{ActionSpec, Coe, CoeSpec, CoeState, CoeStatus};
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::World;
use andon_objects::{EventDraft, Priority, Tx};
use serde_json::json;

use crate::draft::{self, Source};
use crate::gates::{self, Dossier};
use crate::read::{self, Catalog};
use crate::symptom;
use crate::typed::{ActionObject, AlarmObject, AlertObject, AndonObject, CoeObject, IncidentObject};

/// Finds everything about an incident that a COE speaks of.
///
/// # Errors
/// As the store.
pub(crate) async fn source_of(world: &World, incident: IncidentObject) -> Result<Source, Problem> {
    let mut andons: Vec<AndonObject> = Vec::new();
    for reference in &incident.status.andons {
        andons.extend(read::one(world, reference).await?);
    }
    Ok(Source { incident: Some(incident), andons })
}

/// Finds the alarm that saw it: behind one of the andons, or the source of one of the alerts.
async fn alarm_of(world: &World, source: &Source) -> Result<Option<AlarmObject>, Problem> {
    let mut named: Vec<ObjectRef> = source.andons.iter().filter_map(|andon| andon.spec.alarm.clone()).collect();
    for alert in source.incident.iter().flat_map(|incident| &incident.status.alerts) {
        let alert: Option<AlertObject> = read::one(world, alert).await?;
        named.extend(alert.and_then(|alert| ObjectRef::parse(&alert.spec.source, None, "default").ok()).filter(|source| source.kind() == "alarm"));
    }
    for alarm in named {
        if let Some(found) = read::one(world, &alarm).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Fills in what the machine knows of a source.
///
/// # Errors
/// As the store; logs that do not answer leave their numbers out.
pub(crate) async fn filled(world: &World, catalog: &Catalog, source: &Source, status: &CoeStatus) -> Result<CoeStatus, Problem> {
    let alarm = alarm_of(world, source).await?;
    let services = source.services();
    let probe = symptom::probe(alarm.as_ref().map(|alarm| &alarm.spec), &services, source.times(), world.now());
    let symptom = match &probe {
        Some(probe) => symptom::measure(world, probe).await,
        None => draft::Symptom::default(),
    };
    let dependants = catalog.dependants(world, &services).await?;
    Ok(draft::fill(status, source, symptom, &dependants))
}

/// Opens the draft of a COE, or gives the one that there is.
///
/// # Errors
/// As the store.
pub(crate) async fn open(world: &World, source: Source, draft: EventDraft) -> Result<(AnyObject, bool), Problem> {
    let catalog = Catalog::read(world).await?;
    let owners = catalog.owners();
    let owner = source.services().iter().find_map(|service| owners.of(service)).or_else(|| catalog.tree.root());
    let owner = owner.map_or_else(|| "unowned".to_owned(), |owner| owner.to_string());
    let spec = draft::spec(&source, &owner);
    let mut status = filled(world, &catalog, &source, &CoeStatus::default()).await?;
    status.open_gates = gates::open_gates(Dossier { spec: &spec, status: &status, actions: &[], people: &[] });
    let draft = draft.payload(json!({"incident": spec.incident, "andon": spec.andon, "change": status.change}));
    world.store.write(Priority::Object, move |tx| Box::pin(async move { open_once(tx, spec, status, draft).await })).await
}

async fn open_once(tx: &mut Tx, spec: CoeSpec, status: CoeStatus, draft: EventDraft) -> Result<(AnyObject, bool), Problem> {
    let (field, origin) = match (&spec.incident, &spec.andon) {
        (Some(incident), _) => ("incident", incident),
        (None, Some(andon)) => ("andon", andon),
        (None, None) => return Err(Problem::internal("a COE without an origin was to be opened")),
    };
    let known = tx.list(&andon_objects::ListQuery::kind("COE").filter(field, origin).limit(1)).await?;
    if let Some(coe) = known.items.into_iter().next() {
        return Ok((coe, false));
    }
    let name = tx.next_name("coe").await?;
    let object = to_any(&Coe::object(&name, spec, Some(status)))?;
    Ok((tx.put(object, draft).await?, true))
}

/// Works out what else changes with the words and actions of a COE: related ones, open gates, state.
pub(crate) fn derived(coe: &CoeObject, all: &[CoeObject], actions: &[ActionObject], people: &[String]) -> CoeStatus {
    let mine: Vec<&ActionObject> = actions.iter().filter(|action| action.spec.coe == coe.reference).collect();
    let specs: Vec<ActionSpec> = mine.iter().map(|action| action.spec.clone()).collect();
    let states: Vec<_> = mine.iter().map(|action| action.status.state).collect();
    let mut status = coe.status.clone();
    status.related = draft::related(coe, all);
    status.open_gates = gates::open_gates(Dossier { spec: &coe.spec, status: &status, actions: &specs, people });
    status.state = gates::settled_state(status.state, &states);
    status
}

/// Names the event of a change of status.
pub(crate) fn event_of(before: CoeState, after: CoeState) -> &'static str {
    match (before, after) {
        (CoeState::Published, CoeState::Verified) => "coe.verified",
        (CoeState::Verified, CoeState::Published) => "coe.reopened",
        _ => "coe.refreshed",
    }
}

/// Moves a COE to a state, if its gates allow.
///
/// # Errors
/// `OBJ-0001` when there is no such COE, `LRN-0001` with what is missing.
pub(crate) async fn move_to(world: &World, reference: &ObjectRef, to: CoeState, draft: EventDraft) -> Result<AnyObject, Problem> {
    let people = Catalog::read(world).await?.people();
    let reference = reference.clone();
    world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move {
                let missing = || Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}.")).hint("`andon get coes` lists them.");
                let mut object = tx.get(&reference).await?.ok_or_else(missing)?;
                let coe = CoeObject::read(&object)?;
                let listed = tx.list(&andon_objects::ListQuery::kind("Action").filter("coe", &reference).limit(1_000)).await?;
                let actions = ActionObject::read_all(&listed.items)?;
                let mut status = derived(&coe, &[], &actions, &people);
                status.related.clone_from(&coe.status.related);
                gates::may_move(coe.status.state, to, &status.open_gates)?;
                if coe.status.state == to {
                    return Ok(object);
                }
                status.state = to;
                status.published_at = if to == CoeState::Published { Some(tx.now()) } else { None };
                object.status = Some(serde_json::to_value(&status).map_err(Problem::internal)?);
                tx.put(object, draft.payload(json!({"from": coe.status.state, "to": to}))).await
            })
        })
        .await
}
