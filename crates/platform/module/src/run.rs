//! Runs controllers and subscribers.
//!
//! A controller runs after a nudge and at least every period. A subscriber reads the ledger from its
//! durable cursor; what it writes and the cursor are one transaction, so that each event is handled
//! once even across kill -9.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use andon_api::{Event, Problem};
use andon_objects::{EventQuery, Priority};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::shape::{Controller, Module, Subscriber};
use crate::world::World;

/// What operators see of a controller or subscriber.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControllerStatus {
    /// Its name.
    pub name: String,
    /// How often it has run.
    pub runs: u64,
    /// When it ran last.
    pub last_run_at: Option<Timestamp>,
    /// Why it failed last, until it succeeds again.
    pub last_error: Option<String>,
}

type Statuses = Arc<Mutex<BTreeMap<String, ControllerStatus>>>;

/// The running controllers and subscribers of a server.
#[derive(Clone, Default)]
pub struct Runner {
    statuses: Statuses,
}

/// A nudge is followed by this pause, so that a burst of commits is one run.
const NUDGE_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause after failures.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How many events a subscriber reads at once.
const EVENT_BATCH: usize = 200;

impl Runner {
    /// Tells how each controller and subscriber does.
    pub fn statuses(&self) -> Vec<ControllerStatus> {
        self.statuses.lock().map(|statuses| statuses.values().cloned().collect()).unwrap_or_default()
    }

    /// Starts everything that the modules bring; it ends when `stop` turns true.
    pub fn start(&self, world: &World, modules: &[Module], stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for controller in modules.iter().flat_map(|module| &module.controllers) {
            let (controller, world, stop) = (controller.clone(), world.clone(), stop.clone());
            let statuses = self.statuses.clone();
            tasks.spawn(run_controller(controller, world, statuses, stop));
        }
        for subscriber in modules.iter().flat_map(|module| &module.subscribers) {
            let (subscriber, world, stop) = (subscriber.clone(), world.clone(), stop.clone());
            let statuses = self.statuses.clone();
            tasks.spawn(run_subscriber(subscriber, world, statuses, stop));
        }
        tasks
    }
}

fn note(statuses: &Statuses, name: &str, now: Timestamp, result: &Result<(), Problem>) {
    if let Err(problem) = result {
        tracing::warn!(controller = name, error = ?problem, "a controller failed and will try again");
    }
    if let Ok(mut statuses) = statuses.lock() {
        let status = statuses.entry(name.to_owned()).or_default();
        name.clone_into(&mut status.name);
        status.runs += 1;
        status.last_run_at = Some(now);
        status.last_error = result.as_ref().err().map(|problem| format!("{problem:?}"));
    }
}

fn pause_after(failures: u32, period: Duration) -> Duration {
    let backoff = Duration::from_millis(500).saturating_mul(2u32.saturating_pow(failures.min(10)));
    if failures == 0 { period } else { backoff.min(BACKOFF_MAX) }
}

async fn run_controller(
    controller: Arc<dyn Controller>,
    world: World,
    statuses: Statuses,
    mut stop: watch::Receiver<bool>,
) {
    let mut head = world.store.head();
    let mut failures = 0;
    let period = Duration::from_millis(controller.period_ms());
    while !*stop.borrow() {
        head.mark_unchanged();
        let result = controller.reconcile(&world).await;
        failures = if result.is_ok() { 0 } else { failures + 1 };
        note(&statuses, controller.name(), world.now(), &result);
        let nudged = async {
            if failures > 0 || !controller.wakes_on_commit() || head.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(NUDGE_PAUSE).await;
        };
        tokio::select! {
            () = nudged => {}
            () = tokio::time::sleep(pause_after(failures, period)) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn run_subscriber(
    subscriber: Arc<dyn Subscriber>,
    world: World,
    statuses: Statuses,
    mut stop: watch::Receiver<bool>,
) {
    let mut head = world.store.head();
    let mut failures = 0;
    while !*stop.borrow() {
        head.mark_unchanged();
        let result = catch_up(&subscriber, &world).await;
        failures = if result.is_ok() { 0 } else { failures + 1 };
        note(&statuses, subscriber.name(), world.now(), &result.as_ref().map(|_| ()).map_err(Clone::clone));
        if matches!(result, Ok(true)) {
            continue;
        }
        let nudged = async {
            if failures > 0 || head.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = nudged => {}
            () = tokio::time::sleep(pause_after(failures, Duration::from_secs(5))) => {}
            _ = stop.changed() => {}
        }
    }
}

fn concerns(subscriber: &dyn Subscriber, event: &Event) -> bool {
    subscriber.actions().iter().any(|action| {
        event.action == *action || (action.ends_with('.') && event.action.starts_with(action))
    })
}

/// Handles the events after the cursor; tells whether there may be more.
async fn catch_up(subscriber: &Arc<dyn Subscriber>, world: &World) -> Result<bool, Problem> {
    let rows = world.store.fetch("SELECT sequence FROM subscription WHERE name = $1", vec![subscriber.name().into()]).await?;
    let cursor = rows.first().map(|row| row.integer("sequence")).transpose()?.unwrap_or(0);
    let query = EventQuery { after_sequence: Some(cursor), limit: EVENT_BATCH, ..EventQuery::default() };
    let events = world.store.events(&query).await?;
    let Some(last) = events.last().map(|event| event.sequence) else { return Ok(false) };
    let more = events.len() == EVENT_BATCH;
    for event in events.iter().filter(|event| concerns(subscriber.as_ref(), event)) {
        handle(subscriber, world, event.clone()).await?;
    }
    // What lies between the last handled event and the end of the batch concerns others.
    let skipped_to = events.iter().rev().find(|event| concerns(subscriber.as_ref(), event)).map_or(cursor, |e| e.sequence);
    if skipped_to < last {
        let name = subscriber.name();
        world.store.write(Priority::Background, move |tx| Box::pin(async move { advance(tx, name, last).await })).await?;
    }
    Ok(more)
}

async fn handle(subscriber: &Arc<dyn Subscriber>, world: &World, event: Event) -> Result<(), Problem> {
    let (subscriber, inner) = (subscriber.clone(), world.clone());
    world
        .store
        .write(Priority::Page, move |tx| {
            Box::pin(async move {
                subscriber.handle(&inner, tx, &event).await?;
                advance(tx, subscriber.name(), event.sequence).await
            })
        })
        .await
}

async fn advance(tx: &mut andon_objects::Tx, name: &'static str, sequence: i64) -> Result<(), Problem> {
    let sql = "INSERT INTO subscription (name, sequence) VALUES ($1, $2) \
               ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence";
    tx.execute(sql, vec![name.into(), sequence.into()]).await.map(|_| ())
}

/// Runs every subscriber and controller until nothing changes any more: what tests call instead of waiting.
///
/// # Errors
/// The first problem of a controller or subscriber; `SYS-0001` when they do not come to rest.
pub async fn settle(world: &World, modules: &[Module]) -> Result<(), Problem> {
    const ROUNDS_MAX: usize = 100;
    let head = world.store.head();
    for _ in 0..ROUNDS_MAX {
        let before = *head.borrow();
        for subscriber in modules.iter().flat_map(|module| &module.subscribers) {
            while catch_up(subscriber, world).await? {}
        }
        for controller in modules.iter().flat_map(|module| &module.controllers) {
            controller.reconcile(world).await?;
        }
        if *head.borrow() == before {
            return Ok(());
        }
    }
    Err(Problem::internal("controllers and subscribers do not come to rest"))
}
