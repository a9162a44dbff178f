//! Lines: the deploys of one service in one environment, and what each of them brought.
//!
//! A change is counted when it is recorded; what comes later (commits imported after the fact, deploys
//! of the past) makes the line due for a recount, which a controller does.

use std::collections::BTreeSet;

use andon_api::kinds::delivery::{ChangeSpec, ChangeStatus, ChangeType, Outcome};
use andon_api::{AnyObject, ObjectRef, Problem};
use andon_module::World;
use andon_objects::{ListQuery, Order, Tx};
use jiff::Timestamp;

use crate::commit_graph::{Counted, LineDeploy, count_line};
use crate::commits::GraphCache;
use crate::import::repository_address;

/// One change of a line, as counting sees it.
#[derive(Clone, Debug)]
pub(crate) struct LineChange {
    /// Its place in the line.
    pub(crate) at: Timestamp,
    pub(crate) repository: Option<String>,
    pub(crate) deploy: LineDeploy,
}

impl LineChange {
    /// Sees a change as counting does; `recorded_at` is its place until it has reached customers.
    pub(crate) fn new(spec: &ChangeSpec, status: &ChangeStatus, recorded_at: Timestamp) -> Self {
        let arrived = matches!(status.outcome, Outcome::Succeeded | Outcome::RolledBack) && status.deployed_at.is_some();
        Self {
            at: status.deployed_at.unwrap_or(recorded_at),
            repository: spec.repository.clone(),
            deploy: LineDeploy {
                commit: spec.commit.clone(),
                rollback: spec.change_type == ChangeType::Rollback,
                arrived,
            },
        }
    }

    fn of(object: &AnyObject) -> Result<Self, Problem> {
        let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as()?, object.status_as()?);
        let recorded_at = object.metadata.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Self::new(&spec, &status, recorded_at))
    }
}

/// Reads every change of a line, in the order in which they reached customers.
pub(crate) async fn read(world: &World, service: &ObjectRef, environment: &str) -> Result<Vec<AnyObject>, Problem> {
    let mut objects = Vec::new();
    let mut cursor = None;
    loop {
        let query = ListQuery::kind("Change")
            .filter("service", service)
            .filter("environment", environment)
            .order(Order::CreatedAscending)
            .limit(1_000)
            .cursor(cursor);
        let page = world.store.list(&query).await?;
        objects.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(objects);
        }
    }
}

/// Counts a whole line: what is stored, and what is about to be.
///
/// The answer has one entry per change, stored ones first, in the order given.
pub(crate) async fn count(
    world: &World,
    cache: &GraphCache,
    service: &ObjectRef,
    stored: &[AnyObject],
    new: Vec<LineChange>,
) -> Result<Vec<Counted>, Problem> {
    let mut changes = stored.iter().map(LineChange::of).collect::<Result<Vec<_>, _>>()?;
    changes.extend(new);
    let mut order: Vec<usize> = (0..changes.len()).collect();
    order.sort_by_key(|index| (changes[*index].at, *index));
    let addresses: BTreeSet<String> = changes
        .iter()
        .filter_map(|change| change.repository.as_deref())
        .filter_map(|text| repository_address(text).ok())
        .collect();
    let commits: Vec<&str> =
        order.iter().rev().filter_map(|index| changes[*index].deploy.commit.as_deref()).collect();
    let graph = cache.graph(world, service, &addresses, &commits).await?;
    let line: Vec<LineDeploy> = order.iter().map(|index| changes[*index].deploy.clone()).collect();
    let counted = count_line(&graph, &line);
    let mut answer = vec![Counted::Unknown; changes.len()];
    for (index, counted) in order.into_iter().zip(counted) {
        answer[index] = counted;
    }
    Ok(answer)
}

/// Makes a line due for a recount.
pub(crate) async fn mark(tx: &mut Tx, service: &ObjectRef, environment: &str) -> Result<(), Problem> {
    let sql = "INSERT INTO delivery_line (service, environment, revision) VALUES ($1, $2, 1) \
               ON CONFLICT (service, environment) DO UPDATE SET revision = delivery_line.revision + 1";
    tx.execute(sql, vec![service.to_string().into(), environment.into()]).await.map(|_| ())
}
