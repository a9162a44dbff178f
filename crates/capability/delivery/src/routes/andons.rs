//! The andon: pull, acknowledge, release, and how the line stands.

use andon_api::kinds::delivery::{PullAndon, ReleaseAndon};
use andon_api::{AnyObject, Problem};
use andon_module::{Endpoint, Reply, World};
use andon_objects::Priority;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{origin, who};
use crate::andon::Puller;
use crate::line_stop::{self, andon_reference, open_andons, standing_against};
use crate::recorder::Origin;

/// How the line stands (`GET /api/v1/line`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineAnswer {
    /// Whether an andon stands against changes to the scope.
    pub stopped: bool,
    /// The andons that stand, oldest first.
    pub andons: Vec<AnyObject>,
}

/// An acknowledgement says nothing but that it is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgeAndon {}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/andons", "pull_andon")
            .permission("andon.pull")
            .event("andon.pulled")
            .summary("Stops the line; a further pull of a stopped scope joins the andon that stands.")
            .request::<PullAndon>()
            .response::<AnyObject>()
            .handle(|world, call| {
                Box::pin(async move {
                    let command: PullAndon = call.json()?;
                    Reply::json(&pull(&world, who(&call), origin(&call), command).await?)
                })
            }),
        Endpoint::post("/api/v1/andons/{name}/acknowledge", "acknowledge_andon")
            .permission("andon.acknowledge")
            .event("andon.acknowledged")
            .summary("Says that somebody is on it; the line stays stopped.")
            .request::<AcknowledgeAndon>()
            .response::<AnyObject>()
            .handle(|world, call| {
                Box::pin(async move {
                    let _nothing: AcknowledgeAndon = call.json()?;
                    let (reference, by, origin) = (andon_reference(call.path("name")), who(&call), origin(&call));
                    let answered = world.store.write(Priority::Page, move |tx| {
                        Box::pin(async move { line_stop::acknowledge(tx, &reference, &by, &origin).await })
                    });
                    Reply::json(&answered.await?)
                })
            }),
        Endpoint::post("/api/v1/andons/{name}/release", "release_andon")
            .permission("andon.release")
            .event("andon.released")
            .summary("Lets the line run again, with what was done against the cause.")
            .request::<ReleaseAndon>()
            .response::<AnyObject>()
            .handle(|world, call| {
                Box::pin(async move {
                    let words: ReleaseAndon = call.json()?;
                    let (reference, by, origin) = (andon_reference(call.path("name")), who(&call), origin(&call));
                    let released = world.store.write(Priority::Page, move |tx| {
                        Box::pin(async move { line_stop::release(tx, &reference, &words.countermeasure, &by, &origin).await })
                    });
                    Reply::json(&released.await?)
                })
            }),
        Endpoint::get("/api/v1/line", "line_status")
            .permission("line.read")
            .summary("Tells whether the line is stopped for a scope, and by which andons.")
            .parameter("scope", "A component, a system, or `*`; everything that stands when absent.")
            .response::<LineAnswer>()
            .handle(|world, call| {
                Box::pin(async move {
                    let open = open_andons(&world).await?;
                    let standing = match call.query("scope") {
                        None => open,
                        Some(text) => {
                            let scope = line_stop::resolve(&world, text).await?;
                            standing_against(&world, &scope, open).await?
                        }
                    };
                    let andons: Vec<AnyObject> = standing.into_iter().map(|open| open.object).collect();
                    Reply::json(&LineAnswer { stopped: !andons.is_empty(), andons })
                })
            }),
    ]
}

/// Pulls the andon for somebody; the page without a script does the same.
pub(super) async fn pull(world: &World, by: String, origin: Origin, command: PullAndon) -> Result<AnyObject, Problem> {
    let scope = line_stop::resolve(world, &command.scope).await?;
    let puller = Puller { by, alarm: None };
    world
        .store
        .write(Priority::Page, move |tx| {
            Box::pin(async move { line_stop::pull(tx, &scope, &command, &puller, &origin).await })
        })
        .await
}
