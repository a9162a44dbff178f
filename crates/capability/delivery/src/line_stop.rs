//! Pulls, acknowledges and releases andons in the store, and tells what stands.

use andon_api::graph::references_of;
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::delivery::{Andon, AndonSpec, AndonState, AndonStatus, PullAndon};
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use andon_module::World;
use andon_objects::{ListQuery, Order, Tx};
use serde_json::json;

use crate::andon::{self, Pulled, Puller};
use crate::recorder::Origin;
use crate::scope::ScopeName;

/// An andon that stands, read once.
#[derive(Clone, Debug)]
pub(crate) struct OpenAndon {
    pub(crate) object: AnyObject,
    pub(crate) spec: AndonSpec,
    pub(crate) status: AndonStatus,
    pub(crate) scope: ScopeName,
}

/// Reads a scope as people write it: a name that no component has may be a system's.
///
/// # Errors
/// `OBJ-0001` when nothing of this name has a line: a typing error must not look like a stopped line.
pub(crate) async fn resolve(world: &World, text: &str) -> Result<ScopeName, Problem> {
    let scope = ScopeName::parse(text)?;
    let Some(reference) = scope.reference() else { return Ok(scope) };
    if world.store.get(reference).await?.is_some() {
        return Ok(scope);
    }
    if !text.contains(':') {
        let system = ObjectRef::new("System", reference.namespace(), reference.name());
        if world.store.get(&system).await?.is_some() {
            return Ok(ScopeName::System(system));
        }
    }
    Err(Problem::new(ErrorCode::ObjectNotFound, format!("The catalog has no {reference}."))
        .place("scope")
        .hint("`andon get components` lists the services; `*` stands for the whole line."))
}

/// Reads every andon that stands, oldest first.
pub(crate) async fn open_andons(world: &World) -> Result<Vec<OpenAndon>, Problem> {
    let mut open = Vec::new();
    let mut cursor = None;
    loop {
        let query = ListQuery::kind(Andon::KIND)
            .filter("state", "pulled,acknowledged")
            .order(Order::CreatedAscending)
            .limit(1_000)
            .cursor(cursor);
        let page = world.store.list(&query).await?;
        for object in page.items {
            let (spec, status): (AndonSpec, AndonStatus) = (object.spec_as()?, object.status_as()?);
            // A scope that cannot be read stops everything rather than nothing.
            let scope = ScopeName::parse(&spec.scope).unwrap_or(ScopeName::Line);
            open.push(OpenAndon { object, spec, status, scope });
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(open);
        }
    }
}

/// Keeps the andons that stand in the way of a change to the scope.
pub(crate) async fn standing_against(
    world: &World,
    scope: &ScopeName,
    open: Vec<OpenAndon>,
) -> Result<Vec<OpenAndon>, Problem> {
    let mut standing = Vec::new();
    for andon in open {
        let component = match (scope, &andon.scope) {
            (ScopeName::System(_), ScopeName::Component(component))
            | (ScopeName::Component(component), ScopeName::System(_)) => Some(component.clone()),
            _ => None,
        };
        let system = match &component {
            Some(component) => system_of(world, component).await?,
            None => None,
        };
        if scope.meets(&andon.scope, &|_| system.clone()) {
            standing.push(andon);
        }
    }
    Ok(standing)
}

/// Tells the system that a component belongs to.
pub(crate) async fn system_of(world: &World, component: &ObjectRef) -> Result<Option<ObjectRef>, Problem> {
    let object = world.store.get(component).await?;
    Ok(object.and_then(|object| references_of(&object, "system", "System").into_iter().next()))
}

/// Names an andon by its name alone.
pub(crate) fn andon_reference(name: &str) -> ObjectRef {
    ObjectRef::new(Andon::KIND, DEFAULT_NAMESPACE, name)
}

/// Pulls the andon on a scope, or joins the one that stands.
pub(crate) async fn pull(
    tx: &mut Tx,
    scope: &ScopeName,
    command: &PullAndon,
    puller: &Puller,
    origin: &Origin,
) -> Result<AnyObject, Problem> {
    let key = scope.to_string();
    // The row is taken before anything is read, so that two servers never open two andons on one scope.
    let sql = "INSERT INTO delivery_open_andon (scope, andon) VALUES ($1, '') ON CONFLICT (scope) DO NOTHING";
    let is_first = tx.execute(sql, vec![key.clone().into()]).await? == 1;
    let standing = if is_first { None } else { standing_on(tx, &key).await? };
    let parts: Option<(AndonSpec, AndonStatus)> =
        standing.as_ref().map(|object| Ok::<_, Problem>((object.spec_as()?, object.status_as()?))).transpose()?;
    let open = parts.as_ref().map(|(spec, status)| (spec, status));
    let facts = json!({"scope": key, "reason": command.reason.trim(), "case": command.case, "by": puller.by, "alarm": puller.alarm});
    match (andon::pull(open, scope, command, puller, tx.now())?, standing) {
        (Pulled::Joined(spec, status), Some(mut object)) => {
            object.spec = serde_json::to_value(&spec).map_err(Problem::internal)?;
            object.status = Some(serde_json::to_value(&status).map_err(Problem::internal)?);
            tx.put(object, origin.draft("andon.joined").payload(facts)).await
        }
        (Pulled::Known, Some(object)) => Ok(object),
        (Pulled::Opened(spec, status), _) => {
            let name = tx.next_name("and").await?;
            let object = to_any(&Andon::object(&name, spec, Some(status)))?;
            let sql = "UPDATE delivery_open_andon SET andon = $2 WHERE scope = $1";
            tx.execute(sql, vec![key.into(), name.into()]).await?;
            tx.put(object, origin.draft("andon.pulled").payload(facts)).await
        }
        (_, None) => Err(Problem::internal("a pull joined an andon that does not stand")),
    }
}

async fn standing_on(tx: &mut Tx, scope: &str) -> Result<Option<AnyObject>, Problem> {
    let sql = "SELECT andon FROM delivery_open_andon WHERE scope = $1";
    let rows = tx.fetch(sql, vec![scope.into()]).await?;
    let Some(name) = rows.first().map(|row| row.text("andon")).transpose()?.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let object = tx.get(&andon_reference(&name)).await?;
    Ok(object.filter(|object| {
        object.status_as::<AndonStatus>().is_ok_and(|status| status.state != AndonState::Released)
    }))
}

async fn require(tx: &mut Tx, reference: &ObjectRef) -> Result<(AnyObject, AndonSpec, AndonStatus), Problem> {
    let object = tx.get(reference).await?.ok_or_else(|| {
        Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}."))
            .hint("`andon andon status` lists those that stand.")
    })?;
    let (spec, status) = (object.spec_as()?, object.status_as()?);
    Ok((object, spec, status))
}

/// Notes that somebody is on it.
pub(crate) async fn acknowledge(
    tx: &mut Tx,
    reference: &ObjectRef,
    by: &str,
    origin: &Origin,
) -> Result<AnyObject, Problem> {
    let (mut object, spec, status) = require(tx, reference).await?;
    let Some(next) = andon::acknowledge(&status, by, tx.now())? else { return Ok(object) };
    object.status = Some(serde_json::to_value(&next).map_err(Problem::internal)?);
    tx.put(object, origin.draft("andon.acknowledged").payload(json!({"scope": spec.scope, "by": by}))).await
}

/// Lets the line run again.
pub(crate) async fn release(
    tx: &mut Tx,
    reference: &ObjectRef,
    countermeasure: &str,
    by: &str,
    origin: &Origin,
) -> Result<AnyObject, Problem> {
    let (mut object, spec, status) = require(tx, reference).await?;
    let next = andon::release(&status, countermeasure, by, tx.now())?;
    object.status = Some(serde_json::to_value(&next).map_err(Problem::internal)?);
    let sql = "DELETE FROM delivery_open_andon WHERE scope = $1 AND andon = $2";
    tx.execute(sql, vec![spec.scope.clone().into(), reference.name().into()]).await?;
    let facts = json!({"scope": spec.scope, "countermeasure": next.countermeasure, "by": by});
    tx.put(object, origin.draft("andon.released").payload(facts)).await
}
