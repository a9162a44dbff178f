//! What delivery does by itself: recounts lines, tells of unanswered andons, forgets old deliveries.

use std::sync::Arc;

use andon_api::event::Actor;
use andon_api::kinds::delivery::{AndonStatus, ChangeSpec, ChangeStatus};
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ObjectRef, Problem};
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{EventDraft, ListQuery, Priority, Tx};
use serde_json::json;

use crate::andon;
use crate::change;
use crate::commit_graph::Counted;
use crate::commits::GraphCache;
use crate::limits::DELIVERY_MEMORY_MS;
use crate::line;
use crate::line_stop::{andon_reference, open_andons};
use crate::recorder::{change_reference, with_status};

/// How many lines one run recounts; the rest is due at the next, which the commits nudge.
const LINES_PER_RUN: i64 = 50;
/// How many changes share a transaction of a recount.
const CHANGES_PER_WRITE: usize = 100;

/// Counts lines again whose commits or deploys came late.
pub(crate) struct Recount {
    pub(crate) graphs: Arc<GraphCache>,
}

impl Controller for Recount {
    fn name(&self) -> &'static str {
        "delivery-recount"
    }

    fn period_ms(&self) -> u64 {
        10_000
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            spread_imports(world).await?;
            let sql = "SELECT service, environment, revision FROM delivery_line ORDER BY service, environment LIMIT $1";
            for row in world.store.fetch(sql, vec![LINES_PER_RUN.into()]).await? {
                let service = ObjectRef::parse(&row.text("service")?, None, DEFAULT_NAMESPACE)?;
                let (environment, revision) = (row.text("environment")?, row.integer("revision")?);
                self.recount(world, &service, &environment).await?;
                // A line that was marked again meanwhile stays due.
                world
                    .store
                    .write(Priority::Background, move |tx| {
                        Box::pin(async move {
                            let sql = "DELETE FROM delivery_line WHERE service = $1 AND environment = $2 AND revision = $3";
                            tx.execute(sql, vec![service.to_string().into(), environment.into(), revision.into()]).await
                        })
                    })
                    .await?;
            }
            Ok(())
        })
    }
}

/// Marks the lines that imported commits concern.
async fn spread_imports(world: &World) -> Result<(), Problem> {
    let due = "SELECT id, address, service, revision FROM delivery_repository WHERE counted < revision ORDER BY id LIMIT 100";
    for row in world.store.fetch(due, vec![]).await? {
        let (id, revision) = (row.integer("id")?, row.integer("revision")?);
        let mut lines = Vec::new();
        if let Some(service) = row.optional_text("service")? {
            lines = lines_of(world, &ListQuery::kind("Change").filter("service", service)).await?;
        } else {
            // Nobody said which service the repository makes: the changes that name its commits do.
            let sql = "SELECT sha FROM delivery_commit WHERE repository = $1";
            let known: std::collections::HashSet<String> = world
                .store
                .fetch(sql, vec![id.into()])
                .await?
                .iter()
                .map(|row| row.text("sha"))
                .collect::<Result<_, _>>()?;
            for (line, commit) in commits_of_changes(world).await? {
                if known.contains(&commit) && !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        world
            .store
            .write(Priority::Background, move |tx| {
                Box::pin(async move {
                    for (service, environment) in lines {
                        line::mark(tx, &service, &environment).await?;
                    }
                    let sql = "UPDATE delivery_repository SET counted = $2 WHERE id = $1 AND counted < $2";
                    tx.execute(sql, vec![id.into(), revision.into()]).await
                })
            })
            .await?;
    }
    Ok(())
}

type Line = (ObjectRef, String);

async fn lines_of(world: &World, query: &ListQuery) -> Result<Vec<Line>, Problem> {
    let mut lines: Vec<Line> = Vec::new();
    let mut cursor = None;
    loop {
        let page = world.store.list(&query.clone().limit(1_000).cursor(cursor)).await?;
        for object in page.items {
            let spec: ChangeSpec = object.spec_as()?;
            let line = (spec.service, spec.environment);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(lines);
        }
    }
}

async fn commits_of_changes(world: &World) -> Result<Vec<(Line, String)>, Problem> {
    let mut found = Vec::new();
    for object in world.store.all("Change").await? {
        let spec: ChangeSpec = object.spec_as()?;
        if let Some(commit) = spec.commit {
            found.push(((spec.service, spec.environment), commit));
        }
    }
    Ok(found)
}

impl Recount {
    async fn recount(&self, world: &World, service: &ObjectRef, environment: &str) -> Result<(), Problem> {
        let stored = line::read(world, service, environment).await?;
        let counted = line::count(world, &self.graphs, service, &stored, vec![]).await?;
        let mut due = Vec::new();
        for (object, counted) in stored.iter().zip(counted) {
            let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as()?, object.status_as()?);
            if change::count(&spec, &status, &counted) != status {
                due.push((object.reference(), counted));
            }
        }
        while !due.is_empty() {
            let rest = due.split_off(due.len().min(CHANGES_PER_WRITE));
            let chunk = std::mem::replace(&mut due, rest);
            world
                .store
                .write(Priority::Background, move |tx| {
                    Box::pin(async move {
                        for (reference, counted) in &chunk {
                            recount_one(tx, reference, counted).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
        }
        Ok(())
    }
}

async fn recount_one(tx: &mut Tx, reference: &ObjectRef, counted: &Counted) -> Result<(), Problem> {
    let Some(object) = tx.get(&change_reference(reference.name())).await? else { return Ok(()) };
    let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as()?, object.status_as()?);
    let next = change::count(&spec, &status, counted);
    if next == status {
        return Ok(());
    }
    let facts = json!({"commitCount": next.commit_count, "timeToValueMs": next.time_to_value_ms});
    let draft = EventDraft::new(Actor::system("delivery"), "change.counted").payload(facts);
    tx.put(with_status(object, &next)?, draft).await.map(|_| ())
}

/// Tells once of each andon that nobody answers.
pub(crate) struct Unanswered;

impl Controller for Unanswered {
    fn name(&self) -> &'static str {
        "delivery-unanswered-andons"
    }

    fn wakes_on_commit(&self) -> bool {
        false
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let now = world.now();
            for open in open_andons(world).await? {
                if andon::is_unanswered(&open.status, now) {
                    let name = open.object.metadata.name.clone();
                    world.store.write(Priority::Page, move |tx| Box::pin(async move { remind(tx, &name).await })).await?;
                }
            }
            Ok(())
        })
    }
}

async fn remind(tx: &mut Tx, name: &str) -> Result<(), Problem> {
    let reference = andon_reference(name);
    let Some(object) = tx.get(&reference).await? else { return Ok(()) };
    let status: AndonStatus = object.status_as()?;
    if !andon::is_unanswered(&status, tx.now()) {
        return Ok(());
    }
    let now = tx.now();
    let sql = "INSERT INTO delivery_reminder (andon, at) VALUES ($1, $2) ON CONFLICT (andon) DO NOTHING";
    if tx.execute(sql, vec![name.into(), now.into()]).await? == 1 {
        let facts = json!({"scope": object.spec.get("scope"), "pulledAt": status.pulled_at});
        let draft = EventDraft::new(Actor::system("delivery"), "andon.unanswered").object(reference).payload(facts);
        tx.record(draft).await?;
    }
    Ok(())
}

/// Forgets the ids of deliveries that no forge sends again.
pub(crate) struct ForgetDeliveries;

impl Controller for ForgetDeliveries {
    fn name(&self) -> &'static str {
        "delivery-forget-deliveries"
    }

    fn period_ms(&self) -> u64 {
        3_600_000
    }

    fn wakes_on_commit(&self) -> bool {
        false
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let before_us = world.now().as_millisecond().saturating_sub(DELIVERY_MEMORY_MS).saturating_mul(1_000);
            let rows = "SELECT count(*) AS old FROM delivery_hook_seen WHERE at < $1";
            let old = world.store.fetch(rows, vec![before_us.into()]).await?;
            let minute = before_us / 60_000_000;
            if old.first().map(|row| row.integer("old")).transpose()?.unwrap_or(0) == 0 {
                return Ok(());
            }
            world
                .store
                .write(Priority::Background, move |tx| {
                    Box::pin(async move {
                        tx.execute("DELETE FROM delivery_hook_seen WHERE at < $1", vec![before_us.into()]).await?;
                        tx.execute("DELETE FROM delivery_hook_refusal WHERE minute < $1", vec![minute.into()]).await
                    })
                })
                .await
                .map(|_| ())
        })
    }
}
