//! Runs what is due: steps that nobody answered, acknowledgements that ran out, episodes that ended.
//!
//! Timers are rows, so that a restart resumes them: what became due meanwhile runs at once.

use andon_api::error::Problem;
use andon_api::object::ObjectRef;
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{Priority, Tx};

use crate::alerts::{self, Authority};
use crate::directory::Directory;
use crate::escalation::{Command, timer};
use crate::table;

/// How many alerts are looked at in one run; what is left is due still.
const AT_ONCE: i64 = 500;

/// Runs the timers of alerts.
pub(crate) struct Timers;

impl Controller for Timers {
    fn name(&self) -> &'static str {
        "response.timers"
    }

    fn period_ms(&self) -> u64 {
        1_000
    }

    fn wakes_on_commit(&self) -> bool {
        false
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(run(world))
    }
}

async fn run(world: &World) -> Result<(), Problem> {
    let now = world.now();
    let mut failed = None;
    // Each alert has its own transaction: one that cannot be escalated holds up no other.
    for alert in table::due_timers(&world.store, now, AT_ONCE).await? {
        let reference = alert.clone();
        let ran = world.store.write(Priority::Page, move |tx| Box::pin(step(tx, alert))).await;
        failed = note(&reference, ran).or(failed);
    }
    for row in table::ended_sources(&world.store, now, AT_ONCE).await? {
        let (reference, source, key) = (row.alert, row.source, row.dedup_key);
        let ran = world.store.write(Priority::Page, move |tx| Box::pin(end(tx, source, key))).await;
        failed = note(&reference, ran).or(failed);
    }
    failed.map_or(Ok(()), Err)
}

fn note(alert: &ObjectRef, ran: Result<(), Problem>) -> Option<Problem> {
    let problem = ran.err()?;
    tracing::error!(%alert, error = ?problem, "a timer of an alert failed and will be tried again");
    Some(problem)
}

async fn step(tx: &mut Tx, reference: ObjectRef) -> Result<(), Problem> {
    let Some(object) = tx.get(&reference).await? else {
        return table::set_timer(tx, &reference, None).await;
    };
    let alert = crate::typed::AlertObject::read(object)?;
    let Some(command) = timer(alert.status.state) else {
        return table::set_timer(tx, &reference, None).await;
    };
    let mut directory = Directory::load(tx).await?;
    alerts::command(tx, &mut directory, alert, &command, &Authority::system()).await.map(|_| ())
}

/// Ends an alert whose source has not repeated it in time.
async fn end(tx: &mut Tx, source: String, dedup_key: String) -> Result<(), Problem> {
    let now = tx.now();
    let Some(row) = table::source(tx, &source, &dedup_key).await? else { return Ok(()) };
    if !row.episode.open || row.episode.ends_at > now {
        return Ok(());
    }
    let alert = alerts::require(tx, &row.alert).await?;
    let mut directory = Directory::load(tx).await?;
    alerts::command(tx, &mut directory, alert, &Command::Resolve, &Authority::system()).await.map(|_| ())
}
