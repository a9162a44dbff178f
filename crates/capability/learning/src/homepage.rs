//! Reads what the home page shows.

use andon_api::error::Problem;
use andon_api::kinds::learning::Home;
use andon_api::object::ObjectRef;
use andon_module::{Caller, World};
use andon_objects::{ListQuery, Order};
use jiff::SignedDuration;

use crate::home::{self, Now, Reader};
use crate::limits::{FLOW_HOURS, HOME_CHANGES, HOME_SAMPLE};
use crate::read::{self, Catalog};
use crate::typed::{ActionObject, AlarmObject, AlertObject, AndonObject, ChangeObject, CoeObject, IncidentObject};

/// Builds the home page of a caller.
///
/// # Errors
/// As the store.
pub(crate) async fn build(world: &World, caller: &Caller) -> Result<Home, Problem> {
    let catalog = Catalog::read(world).await?;
    let owners = catalog.owners();
    let now = open_now(world).await?;
    let reader = reader(&catalog, caller);
    let newest = ListQuery::kind("Change").order(Order::CreatedDescending).limit(HOME_CHANGES);
    let since = world.now().checked_sub(SignedDuration::from_hours(FLOW_HOURS)).map_err(Problem::internal)?;
    let recent = read::pages(world, ListQuery::kind("Change").from("deployed_at", since), HOME_SAMPLE).await?;
    let times = ChangeObject::read_all(&recent)?.into_iter().filter_map(|change| change.status.time_to_value_ms).collect();
    Ok(Home {
        wrong: home::wrong(&now),
        changed: world.store.list(&newest).await?.items,
        waiting: home::waiting(&now, &reader, &catalog.tree, |scope| owners.of_scope(scope)),
        time_to_value: home::time_to_value(times),
        on_call: None,
    })
}

/// The caller's own groups: what waits for the company does not wait for everybody in it.
fn reader(catalog: &Catalog, caller: &Caller) -> Reader {
    let is_member = |group: &ObjectRef, user: &ObjectRef| catalog.tree.members(group).contains(user);
    let groups = caller.user.iter().flat_map(|user| caller.groups.iter().filter(|group| is_member(group, user)).cloned()).collect();
    Reader { user: caller.user.clone(), groups }
}

async fn open_now(world: &World) -> Result<Now, Problem> {
    let list = |kind: &str, states: &str| ListQuery::kind(kind).filter("state", states).limit(1_000);
    let andons = world.store.list(&list("Andon", "pulled,acknowledged")).await?.items;
    let alarms = world.store.list(&list("Alarm", "firing,unknown")).await?.items;
    let alerts = world.store.list(&list("Alert", "triggered")).await?.items;
    let incidents = world.store.list(&list("Incident", "investigating,identified,mitigated")).await?.items;
    let coes = world.store.list(&list("COE", "draft,inReview")).await?.items;
    let actions = world.store.list(&list("Action", "open")).await?.items;
    Ok(Now {
        andons: AndonObject::read_all(&andons)?,
        alarms: AlarmObject::read_all(&alarms)?,
        alerts: AlertObject::read_all(&alerts)?,
        incidents: IncidentObject::read_all(&incidents)?,
        coes: CoeObject::read_all(&coes)?,
        actions: ActionObject::read_all(&actions)?,
    })
}
