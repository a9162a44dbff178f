//! Finds the chain that an object belongs to.

use andon_api::error::{ErrorCode, Problem};
use andon_api::object::ObjectRef;
use andon_module::World;
use andon_objects::{EventQuery, ListQuery};

use crate::limits::{EVENTS, REFUSALS};
use crate::read::{self, Catalog};
use crate::trace::{Chain, cites, concerns, shows};
use crate::typed::{ActionObject, AlertObject, AndonObject, ChangeObject, CoeObject, IncidentObject, PolicyObject, ReviewObject};

/// The kinds from which a trace can start.
const STARTS: [&str; 9] = ["change", "alarm", "alert", "andon", "incident", "coe", "action", "policy", "review"];

/// Finds the chain of an object.
///
/// # Errors
/// `OBJ-0001` when it does not exist, `REQ-0001` when its kind is not part of the chain.
pub(crate) async fn find(world: &World, start: &ObjectRef) -> Result<Chain, Problem> {
    if !STARTS.contains(&start.kind()) {
        return Err(Problem::new(ErrorCode::RequestInvalid, format!("A trace does not start at a {}.", start.kind()))
            .hint(format!("It starts at one of: {}.", STARTS.join(", "))));
    }
    world.store.require(start).await?;
    let mut chain = Chain::default();
    let coes: Vec<CoeObject> = read::all(world, "COE").await?;
    let actions: Vec<ActionObject> = read::all(world, "Action").await?;
    chain.coe = coe_of(world, start, &coes, &actions).await?;
    chain.incident = incident_of(world, start, chain.coe.as_ref()).await?;
    if chain.coe.is_none() {
        let incident = chain.incident.as_ref().map(|incident| &incident.reference);
        chain.coe = coes.into_iter().find(|coe| coe.spec.incident.is_some() && coe.spec.incident.as_ref() == incident);
    }
    before(world, start, &mut chain).await?;
    after(world, start, &mut chain, actions).await?;
    Ok(chain)
}

/// Finds the COE of an object that comes after it, or that names it.
async fn coe_of(world: &World, start: &ObjectRef, coes: &[CoeObject], actions: &[ActionObject]) -> Result<Option<CoeObject>, Problem> {
    let by_reference = |wanted: Option<&ObjectRef>| coes.iter().find(|coe| Some(&coe.reference) == wanted).cloned();
    Ok(match start.kind() {
        "coe" => by_reference(Some(start)),
        "action" => by_reference(actions.iter().find(|action| action.reference == *start).map(|action| &action.spec.coe)),
        "policy" => {
            let policy: Option<PolicyObject> = read::one(world, start).await?;
            let named = policy.as_ref().and_then(|policy| policy.spec.lesson.clone());
            let waiting = policy.as_ref().and_then(|policy| actions.iter().find(|action| cites(policy, &action.spec.coe, std::slice::from_ref(action))));
            by_reference(named.as_ref().or(waiting.map(|action| &action.spec.coe)))
        }
        "review" => {
            let review: Option<ReviewObject> = read::one(world, start).await?;
            review.and_then(|review| coes.iter().rev().find(|coe| shows(&review, coe.spec.incident.as_ref(), Some(&coe.reference))).cloned())
        }
        "incident" => coes.iter().find(|coe| coe.spec.incident.as_ref() == Some(start)).cloned(),
        "andon" => coes.iter().find(|coe| coe.spec.andon.as_ref() == Some(start)).cloned(),
        "change" => coes.iter().find(|coe| coe.status.change.as_ref() == Some(start)).cloned(),
        _ => None,
    })
}

async fn incident_of(world: &World, start: &ObjectRef, coe: Option<&CoeObject>) -> Result<Option<IncidentObject>, Problem> {
    if let Some(incident) = coe.and_then(|coe| coe.spec.incident.as_ref()) {
        return read::one(world, incident).await;
    }
    let alerts = if start.kind() == "alarm" { alerts_of_alarm(world, start).await? } else { Vec::new() };
    let mut incidents: Vec<IncidentObject> = read::all(world, "Incident").await?;
    incidents.sort_by_key(|incident| std::cmp::Reverse(incident.status.started_at));
    Ok(incidents.into_iter().find(|incident| concerns(incident, start, &alerts)))
}

async fn alerts_of_alarm(world: &World, alarm: &ObjectRef) -> Result<Vec<AlertObject>, Problem> {
    let query = ListQuery::kind("Alert").filter("source", alarm).limit(1_000);
    AlertObject::read_all(&world.store.list(&query).await?.items)
}

/// Fills in what led to the incident.
async fn before(world: &World, start: &ObjectRef, chain: &mut Chain) -> Result<(), Problem> {
    let status = chain.incident.as_ref().map(|incident| incident.status.clone()).unwrap_or_default();
    let suspect = chain.coe.as_ref().and_then(|coe| coe.status.change.clone()).or_else(|| status.suspects.first().map(|suspect| suspect.change.clone()));
    let change = suspect.or_else(|| (start.kind() == "change").then(|| start.clone()));
    if let Some(change) = change {
        let change: Option<ChangeObject> = read::one(world, &change).await?;
        chain.change = change;
    }
    for alert in status.alerts.iter().chain(Some(start).filter(|start| start.kind() == "alert" && !status.alerts.contains(start))) {
        chain.alerts.extend(read::one(world, alert).await?);
    }
    let beside = chain.coe.as_ref().and_then(|coe| coe.spec.andon.clone()).or_else(|| (start.kind() == "andon").then(|| start.clone()));
    for andon in status.andons.iter().chain(beside.as_ref().filter(|andon| !status.andons.contains(andon))) {
        let andon: Option<AndonObject> = read::one(world, andon).await?;
        chain.andons.extend(andon);
    }
    let mut alarms: Vec<ObjectRef> = chain.andons.iter().filter_map(|andon| andon.spec.alarm.clone()).collect();
    alarms.extend(chain.alerts.iter().filter_map(|alert| ObjectRef::parse(&alert.spec.source, None, "default").ok()));
    alarms.extend((start.kind() == "alarm").then(|| start.clone()));
    alarms.retain(|alarm| alarm.kind() == "alarm");
    alarms.sort();
    alarms.dedup();
    for alarm in &alarms {
        chain.alarms.extend(read::one(world, alarm).await?);
    }
    Ok(())
}

/// Fills in what came of the COE.
async fn after(world: &World, start: &ObjectRef, chain: &mut Chain, actions: Vec<ActionObject>) -> Result<(), Problem> {
    let coe = chain.coe.as_ref().map(|coe| coe.reference.clone());
    chain.actions = actions.into_iter().filter(|action| Some(&action.spec.coe) == coe.as_ref()).collect();
    let policies: Vec<PolicyObject> = read::all(world, "Policy").await?;
    chain.policies = policies
        .into_iter()
        .filter(|policy| coe.as_ref().is_some_and(|coe| cites(policy, coe, &chain.actions)) || policy.reference == *start)
        .collect();
    let catalog = Catalog::read(world).await?;
    let owners = catalog.owners();
    chain.team = chain.coe.as_ref().and_then(|coe| owners.of_coe(coe));
    let named: Vec<&ObjectRef> = chain.policies.iter().map(|policy| &policy.reference).collect();
    if !named.is_empty() {
        let mut query = EventQuery { action: Some("check.refused".to_owned()), newest_first: true, limit: EVENTS, ..EventQuery::default() };
        for _ in 0..REFUSALS / EVENTS {
            let page = world.store.events(&query).await?;
            for refusal in page.iter().filter_map(read::refusal).filter(|refusal| refusal.by.iter().any(|by| named.contains(&by))) {
                // One refusal of each scope is enough to see where the lesson has travelled.
                if !chain.refusals.iter().any(|(known, _)| known.scope == refusal.scope) {
                    let owner = owners.of_scope(&refusal.scope);
                    chain.refusals.push((refusal, owner));
                }
            }
            match page.last() {
                Some(last) if page.len() == EVENTS => query.before_sequence = Some(last.sequence),
                _ => break,
            }
        }
    }
    let incident = chain.incident.as_ref().map(|incident| &incident.reference);
    let reviews: Vec<ReviewObject> = read::all(world, "Review").await?;
    chain.reviews = reviews.into_iter().filter(|review| shows(review, incident, coe.as_ref()) || review.reference == *start).collect();
    Ok(())
}
