//! Acknowledging and resolving alerts.

use andon_api::error::Problem;
use andon_api::object::AnyObject;
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::{Priority, Tx};
use jiff::Timestamp;

use super::{authority, named, person_of};
use crate::alerts::{self, Authority};
use crate::directory::Directory;
use crate::escalation::Command;
use andon_api::object::ObjectRef;

/// Lists the endpoints of alerts.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/alerts/{name}/acknowledge", "acknowledge_alert")
            .permission("alert.acknowledge")
            .event("alert.acknowledged")
            .summary("Says that somebody is on an alert: its escalation stops and pages that are not out yet stay in.")
            .response::<AnyObject>()
            .handle(|world, call| {
                Box::pin(async move {
                    let by = person_of(&call);
                    act(world, call, Command::Acknowledge { by }).await
                })
            }),
        Endpoint::post("/api/v1/alerts/{name}/resolve", "resolve_alert")
            .permission("alert.resolve")
            .event("alert.resolved")
            .summary("Says that an alert is over. A source that still fires opens a new one.")
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(act(world, call, Command::Resolve))),
    ]
}

async fn act(world: World, call: Call, command: Command) -> Result<Reply, Problem> {
    let (reference, authority) = (named(&call, "Alert")?, authority(&call));
    let done = world.store.write(Priority::Page, move |tx| Box::pin(answer(tx, reference, command, authority))).await?;
    Reply::json(&done)
}

/// Puts a person's command to an alert.
pub(super) async fn answer(
    tx: &mut Tx,
    reference: ObjectRef,
    command: Command,
    authority: Authority,
) -> Result<AnyObject, Problem> {
    let alert = alerts::require(tx, &reference).await?;
    let mut directory = Directory::load(tx).await?;
    let alert = alerts::command(tx, &mut directory, alert, &command, &authority).await?;
    alert.into_any()
}

/// Reads a time of the query, or takes a default.
pub(super) fn time_or(call: &Call, name: &str, now: Timestamp, default: Timestamp) -> Result<Timestamp, Problem> {
    Ok(call.time(name, now)?.unwrap_or(default))
}
