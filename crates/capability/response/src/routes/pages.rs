//! The list of pages: who was told what, when, by which way, and whether it arrived.

use andon_api::error::Problem;
use andon_api::kinds::response::PageSummary;
use andon_api::object::ObjectRef;
use andon_module::{Call, Endpoint, Reply, World};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alerts::time_or;
use crate::pager::states_of;
use crate::table;

/// One page and its alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageEntry {
    /// The page.
    #[serde(flatten)]
    pub page: PageSummary,
    /// The alert that it speaks of.
    pub alert: ObjectRef,
    /// How often the escalation had started again.
    pub round: i64,
    /// The step of the escalation, from 0, or `catch-all`.
    pub step: String,
}

/// The pages since a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Pages {
    /// The pages, newest first.
    items: Vec<PageEntry>,
    /// How many are in which state.
    states: std::collections::BTreeMap<String, usize>,
    /// How many pages and steps are late now.
    overdue: i64,
    /// Since when the oldest of them was due.
    oldest_due_at: Option<Timestamp>,
}

/// The most pages of one answer.
const PAGES_MAX: i64 = 5_000;

/// Lists the endpoint of pages.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/pages", "list_pages")
            .permission("object.read")
            .summary("Lists the pages since a time: who, how, and whether they arrived; the newest first.")
            .parameter("since", "RFC 3339, or an age such as 7d (the default).")
            .response::<Pages>()
            .handle(|world, call| Box::pin(list_pages(world, call))),
    ]
}

async fn list_pages(world: World, call: Call) -> Result<Reply, Problem> {
    let now = world.now();
    let week_ago = now.checked_sub(SignedDuration::from_hours(7 * 24)).unwrap_or(now);
    let since = time_or(&call, "since", now, week_ago)?;
    let rows = table::pages_since(&world.store, since, PAGES_MAX).await?;
    let overdue = crate::audit::overdue(&world.store, now).await?;
    let states = states_of(&rows).into_iter().map(|(state, count)| (state.to_owned(), count)).collect();
    let items = rows
        .into_iter()
        .map(|row| PageEntry { page: row.summary, alert: row.alert, round: row.round, step: row.part })
        .collect();
    Reply::json(&Pages { items, states, overdue: overdue.count, oldest_due_at: overdue.oldest_due_at })
}
