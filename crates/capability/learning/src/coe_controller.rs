//! Opens a COE draft where one is called for, and keeps what the machine fills in up to date.
//!
//! Called for: an incident of severity 1 or 2 that no longer hurts, and an andon that was upheld. While
//! people write (draft, in review) the facts follow the incident; after that they stand.

use andon_api::error::Problem;
use andon_api::event::Actor;
use andon_api::graph::references_of;
use andon_api::kinds::learning::{CoeState, CoeStatus};
use andon_api::object::ObjectRef;
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{EventDraft, ListQuery, Priority};
use jiff::{SignedDuration, Timestamp};

use crate::coes;
use crate::draft::{Source, incident_calls, upheld};
use crate::limits::UPHELD_HOURS;
use crate::read::{self, Catalog, Watch};
use crate::typed::{ActionObject, AndonObject, ChangeObject, CoeObject, IncidentObject};

/// Opens and refreshes COEs.
#[derive(Default)]
pub(crate) struct CoeController {
    watch: Watch,
}

impl Controller for CoeController {
    fn name(&self) -> &'static str {
        "coes"
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let news = self.watch.news(world).await?;
            if news.touches(&["incident", "andon", "coe", "action"]) {
                open_for_incidents(world).await?;
                open_for_andons(world).await?;
                refresh(world).await?;
            }
            self.watch.done(news.until);
            Ok(())
        })
    }
}

fn draft(action: &str) -> EventDraft {
    EventDraft::new(Actor::system("learning"), action)
}

async fn open_for_incidents(world: &World) -> Result<(), Problem> {
    let query = ListQuery::kind("Incident").filter("state", "mitigated,resolved").filter("severity", "sev1,sev2").limit(1_000);
    let incidents = IncidentObject::read_all(&world.store.list(&query).await?.items)?;
    let coes: Vec<CoeObject> = read::all(world, "COE").await?;
    let learned = |incident: &IncidentObject| coes.iter().any(|coe| coe.spec.incident.as_ref() == Some(&incident.reference));
    for incident in incidents {
        if incident_calls(&incident) && !learned(&incident) {
            let source = coes::source_of(world, incident).await?;
            coes::open(world, source, draft("coe.opened")).await?;
        }
    }
    Ok(())
}

async fn open_for_andons(world: &World) -> Result<(), Problem> {
    let since = world.now().checked_sub(SignedDuration::from_hours(UPHELD_HOURS)).map_err(Problem::internal)?;
    let query = ListQuery::kind("Andon").filter("state", "released").from("released_at", since).limit(1_000);
    let andons = AndonObject::read_all(&world.store.list(&query).await?.items)?;
    if andons.is_empty() {
        return Ok(());
    }
    let coes: Vec<CoeObject> = read::all(world, "COE").await?;
    let incidents: Vec<IncidentObject> = read::all(world, "Incident").await?;
    for andon in andons {
        let named = |incident: &&IncidentObject| {
            andon.status.incident.as_ref() == Some(&incident.reference) || incident.status.andons.contains(&andon.reference)
        };
        let incident = incidents.iter().find(named);
        let known = coes.iter().any(|coe| {
            coe.spec.andon.as_ref() == Some(&andon.reference)
                || incident.is_some_and(|incident| coe.spec.incident.as_ref() == Some(&incident.reference))
        });
        if known || !upheld(&andon, &taken_back(world, &andon).await?) {
            continue;
        }
        let source = match incident {
            // What still hurts is first brought to rest; then its COE opens.
            Some(incident) if incident.status.mitigated_at.or(incident.status.resolved_at).is_none() => continue,
            Some(incident) => coes::source_of(world, incident.clone()).await?,
            None => Source { incident: None, andons: vec![andon] },
        };
        coes::open(world, source, draft("coe.opened")).await?;
    }
    Ok(())
}

/// Finds when changes in the scope of an andon were taken back since it was pulled.
async fn taken_back(world: &World, andon: &AndonObject) -> Result<Vec<Timestamp>, Problem> {
    let Some(pulled_at) = andon.status.pulled_at else { return Ok(Vec::new()) };
    let mut query = ListQuery::kind("Change").filter("change_type", "rollback").from("deployed_at", pulled_at);
    let scope = ObjectRef::parse(&andon.spec.scope, Some("component"), "default").ok();
    if let Some(component) = scope.as_ref().filter(|scope| scope.kind() == "component" && andon.spec.scope != "*") {
        query = query.filter("service", component);
    }
    let changes = ChangeObject::read_all(&world.store.list(&query.limit(1_000)).await?.items)?;
    let mut found = Vec::new();
    for change in changes {
        let inside = match &scope {
            Some(system) if system.kind() == "system" => is_part(world, &change.spec.service, system).await?,
            _ => true,
        };
        found.extend(change.status.deployed_at.filter(|_| inside));
    }
    Ok(found)
}

async fn is_part(world: &World, service: &ObjectRef, system: &ObjectRef) -> Result<bool, Problem> {
    let component = world.store.get(service).await?;
    Ok(component.is_some_and(|component| references_of(&component, "system", "System").contains(system)))
}

async fn refresh(world: &World) -> Result<(), Problem> {
    let coes: Vec<CoeObject> = read::all(world, "COE").await?;
    if coes.is_empty() {
        return Ok(());
    }
    let catalog = Catalog::read(world).await?;
    let actions: Vec<ActionObject> = read::all(world, "Action").await?;
    let people = catalog.people();
    for coe in &coes {
        let mut current = coe.clone();
        if matches!(coe.status.state, CoeState::Draft | CoeState::InReview) {
            current.status = follow(world, &catalog, coe).await?;
        }
        let status = coes::derived(&current, &coes, &actions, &people);
        if status != coe.status {
            write(world, coe, status).await?;
        }
    }
    Ok(())
}

/// Fills the facts in again when the incident has moved on since.
async fn follow(world: &World, catalog: &Catalog, coe: &CoeObject) -> Result<CoeStatus, Problem> {
    let Some(reference) = &coe.spec.incident else { return Ok(coe.status.clone()) };
    let incident: Option<IncidentObject> = read::one(world, reference).await?;
    let Some(incident) = incident.filter(|incident| incident.version != coe.status.incident_version) else {
        return Ok(coe.status.clone());
    };
    let source = coes::source_of(world, incident).await?;
    coes::filled(world, catalog, &source, &coe.status).await
}

/// Writes a status, unless somebody has written the COE since; the next look then sees both.
async fn write(world: &World, coe: &CoeObject, status: CoeStatus) -> Result<(), Problem> {
    let (reference, version, before) = (coe.reference.clone(), coe.version, coe.status.state);
    world
        .store
        .write(Priority::Background, move |tx| {
            Box::pin(async move {
                let Some(mut object) = tx.get(&reference).await?.filter(|object| object.metadata.version == version) else {
                    return Ok(());
                };
                object.status = Some(serde_json::to_value(&status).map_err(Problem::internal)?);
                tx.put(object, draft(coes::event_of(before, status.state))).await?;
                Ok(())
            })
        })
        .await
}
