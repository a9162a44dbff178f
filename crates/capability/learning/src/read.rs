//! What learning reads of the world: the catalog with its owners, whole lists, events since the last look.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use andon_api::error::Problem;
use andon_api::event::Event;
use andon_api::graph::{DependencyGraph, OwnerTree};
use andon_api::kinds::catalog::UserSpec;
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::World;
use andon_objects::{EventQuery, ListQuery};
use serde::de::DeserializeOwned;

use crate::limits::EVENTS;
use crate::owners::Owners;
use crate::pack::Refusal;
use crate::typed::Typed;

/// The catalog, read once.
pub(crate) struct Catalog {
    pub(crate) tree: OwnerTree,
    pub(crate) components: Vec<AnyObject>,
    pub(crate) systems: Vec<AnyObject>,
    pub(crate) users: Vec<AnyObject>,
}

impl Catalog {
    /// Reads the catalog.
    ///
    /// # Errors
    /// As the store.
    pub(crate) async fn read(world: &World) -> Result<Self, Problem> {
        let (groups, users) = (world.store.all("Group").await?, world.store.all("User").await?);
        Ok(Self {
            tree: OwnerTree::new(&groups, &users),
            components: world.store.all("Component").await?,
            systems: world.store.all("System").await?,
            users,
        })
    }

    pub(crate) fn owners(&self) -> Owners<'_> {
        Owners::new(&self.tree, self.components.iter().chain(&self.systems))
    }

    /// Lists the full names of people, which may not end a chain of whys.
    ///
    /// Single words are left out: "Max" and "Will" are words of any text.
    pub(crate) fn people(&self) -> Vec<String> {
        let name = |user: &AnyObject| user.spec_as::<UserSpec>().ok()?.profile?.display_name;
        self.users.iter().filter_map(name).filter(|name| name.split_whitespace().count() > 1).collect()
    }

    /// Lists the components that depend on these, directly or through others, nearest first.
    ///
    /// # Errors
    /// As the store.
    pub(crate) async fn dependants(&self, world: &World, services: &[ObjectRef]) -> Result<Vec<ObjectRef>, Problem> {
        let (apis, resources) = (world.store.all("API").await?, world.store.all("Resource").await?);
        let graph = DependencyGraph::new(&self.components, &apis, &resources);
        let mut found: Vec<ObjectRef> = Vec::new();
        for service in services {
            for reached in graph.dependants(service) {
                let fresh = !found.contains(&reached.reference) && !services.contains(&reached.reference);
                if reached.reference.kind() == "component" && fresh {
                    found.push(reached.reference);
                }
            }
        }
        Ok(found)
    }
}

/// Reads every object of a kind.
///
/// # Errors
/// As the store.
pub(crate) async fn all<Spec, Status>(world: &World, kind: &str) -> Result<Vec<Typed<Spec, Status>>, Problem>
where
    Spec: DeserializeOwned,
    Status: DeserializeOwned + Default,
{
    Typed::read_all(&world.store.all(kind).await?)
}

/// Reads one object, where it exists.
///
/// # Errors
/// As the store.
pub(crate) async fn one<Spec, Status>(world: &World, reference: &ObjectRef) -> Result<Option<Typed<Spec, Status>>, Problem>
where
    Spec: DeserializeOwned,
    Status: DeserializeOwned + Default,
{
    world.store.get(reference).await?.as_ref().map(Typed::read).transpose()
}

/// Reads the pages of a list, up to a limit.
///
/// # Errors
/// As the store.
pub(crate) async fn pages(world: &World, query: ListQuery, limit: usize) -> Result<Vec<AnyObject>, Problem> {
    let (mut objects, mut cursor) = (Vec::new(), None);
    while objects.len() < limit {
        let page = world.store.list(&query.clone().limit(1_000).cursor(cursor)).await?;
        objects.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    objects.truncate(limit);
    Ok(objects)
}

/// Reads events, oldest first, up to a limit.
///
/// # Errors
/// As the store.
pub(crate) async fn events(world: &World, mut query: EventQuery, limit: usize) -> Result<Vec<Event>, Problem> {
    let mut events: Vec<Event> = Vec::new();
    query.limit = EVENTS;
    query.newest_first = false;
    while events.len() < limit {
        let page = world.store.events(&query).await?;
        let more = page.len() == EVENTS;
        query.after_sequence = page.last().map(|event| event.sequence).or(query.after_sequence);
        events.extend(page);
        if !more {
            break;
        }
    }
    events.truncate(limit);
    Ok(events)
}

/// Reads what a refused check says.
pub(crate) fn refusal(event: &Event) -> Option<Refusal> {
    let payload = event.payload.as_ref();
    let written = payload.and_then(|payload| payload.get("scope")?.as_str().map(str::to_owned));
    let reasons = payload.and_then(|payload| payload.get("reasons")?.as_array().cloned()).unwrap_or_default();
    let by = reasons.iter().filter_map(|reason| ObjectRef::parse(reason.get("object")?.as_str()?, None, "default").ok());
    Some(Refusal {
        event: event.id.clone(),
        at: event.at,
        scope: written.or_else(|| event.object.as_ref().map(ToString::to_string))?,
        by: by.collect(),
    })
}

/// Remembers how far a controller has looked into the ledger, so that a commit that does not concern
/// it costs one short read. After a start it looks at everything once.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: AtomicI64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { seen: AtomicI64::new(-1) }
    }
}

/// What happened since a controller looked last.
#[derive(Debug)]
pub(crate) struct News {
    /// The kinds of the objects that something happened to; `None` after a start: everything is news.
    kinds: Option<BTreeSet<String>>,
    /// Up to which event it looked.
    pub(crate) until: i64,
}

impl News {
    /// Tells whether something happened to an object of one of the kinds.
    pub(crate) fn touches(&self, kinds: &[&str]) -> bool {
        self.kinds.as_ref().is_none_or(|touched| kinds.iter().any(|kind| touched.contains(*kind)))
    }
}

impl Watch {
    /// Tells what happened since [`Watch::done`].
    ///
    /// # Errors
    /// As the store.
    pub(crate) async fn news(&self, world: &World) -> Result<News, Problem> {
        let seen = self.seen.load(Ordering::Acquire);
        if seen < 0 {
            return Ok(News { kinds: None, until: *world.store.head().borrow() });
        }
        let query = EventQuery { after_sequence: Some(seen), ..EventQuery::default() };
        let events = events(world, query, 10 * EVENTS).await?;
        let until = events.last().map_or(seen, |event| event.sequence);
        let kinds = events.iter().filter_map(|event| Some(event.object.as_ref()?.kind().to_owned()));
        Ok(News { kinds: Some(kinds.collect()), until })
    }

    /// Remembers that everything up to an event has been dealt with.
    pub(crate) fn done(&self, until: i64) {
        self.seen.store(until, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_start_everything_is_news_and_later_only_what_happened() {
        let first = News { kinds: None, until: 7 };
        assert!(first.touches(&["policy"]));
        let later = News { kinds: Some(BTreeSet::from(["alarm".to_owned()])), until: 9 };
        assert!(later.touches(&["policy", "alarm"]) && !later.touches(&["policy"]));
    }
}
