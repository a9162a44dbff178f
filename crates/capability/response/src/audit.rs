//! The self-audit: counts the pages and steps that should have happened and have not.
//!
//! Independent of what it watches: it reads due times alone and shares no code with the pager.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use andon_api::error::Problem;
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{Priority, Store};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::alerts::Authority;
use crate::limits::{CLEANING_PERIOD_MS, OVERDUE_MS};
use crate::table;

/// What is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overdue {
    /// How many pages and steps.
    pub(crate) count: i64,
    /// Since when the oldest was due.
    pub(crate) oldest_due_at: Option<Timestamp>,
}

/// Counts the pages and steps that are late at a time.
///
/// # Errors
/// As the store.
pub async fn overdue_pages(store: &Store, now: Timestamp) -> Result<i64, Problem> {
    overdue(store, now).await.map(|overdue| overdue.count)
}

/// Tells which pages and steps are late at a time.
pub(crate) async fn overdue(store: &Store, now: Timestamp) -> Result<Overdue, Problem> {
    let before = now.checked_sub(SignedDuration::from_millis(OVERDUE_MS)).unwrap_or(now);
    let (count, oldest_due_at) = table::overdue(store, before).await?;
    Ok(Overdue { count, oldest_due_at })
}

/// Announces that pages are late, and that they no longer are.
#[derive(Default)]
pub(crate) struct Audit {
    late: AtomicBool,
    cleaned_us: AtomicI64,
}

impl Controller for Audit {
    fn name(&self) -> &'static str {
        "response.audit"
    }

    fn period_ms(&self) -> u64 {
        10_000
    }

    fn wakes_on_commit(&self) -> bool {
        false
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(self.run(world))
    }
}

impl Audit {
    async fn run(&self, world: &World) -> Result<(), Problem> {
        let overdue = overdue(&world.store, world.now()).await?;
        let is_late = overdue.count > 0;
        if is_late != self.late.load(Ordering::Relaxed) {
            let action = if is_late { "paging.delayed" } else { "paging.recovered" };
            tracing::warn!(overdue = overdue.count, oldest = ?overdue.oldest_due_at, action, "the self-audit of paging");
            let draft = Authority::system().draft(action).payload(json!(overdue));
            world.store.write(Priority::Background, move |tx| Box::pin(async move { tx.record(draft).await })).await?;
            self.late.store(is_late, Ordering::Relaxed);
        }
        self.clean(world).await
    }

    /// Deletes links and episodes that are long over, now and then.
    async fn clean(&self, world: &World) -> Result<(), Problem> {
        let now_us = world.now().as_microsecond();
        if now_us - self.cleaned_us.load(Ordering::Relaxed) < CLEANING_PERIOD_MS * 1_000 {
            return Ok(());
        }
        world.store.write(Priority::Background, |tx| Box::pin(table::clean(tx))).await?;
        self.cleaned_us.store(now_us, Ordering::Relaxed);
        Ok(())
    }
}
