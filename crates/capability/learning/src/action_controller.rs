//! Runs the verifiers of actions: when something happened that they look at, and every night.
//!
//! An action whose verifier passes is closed, and one whose verifier no longer passes is opened again.

use andon_api::error::Problem;
use andon_api::event::{Actor, Event};
use andon_module::{BoxFuture, Controller, World};
use andon_objects::EventDraft;

use crate::actions::is_due;
use crate::read::{self, Catalog, Watch};
use crate::typed::ActionObject;
use crate::verifiers;

/// Runs verifiers.
#[derive(Default)]
pub(crate) struct ActionController {
    watch: Watch,
}

impl Controller for ActionController {
    fn name(&self) -> &'static str {
        "actions"
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let (news, until) = self.watch.news(world, concerns).await?;
            let now = world.now();
            let actions: Vec<ActionObject> = read::all(world, "Action").await?;
            let asked: Vec<&ActionObject> = actions.iter().filter(|action| news || is_due(&action.status, now)).collect();
            if !asked.is_empty() {
                let catalog = Catalog::read(world).await?;
                for action in asked {
                    let verdict = verifiers::run(world, &catalog, &action.spec).await?;
                    let draft = |event: &str| EventDraft::new(Actor::system("learning"), event);
                    verifiers::write(world, &action.reference, &action.spec, verdict, draft).await?;
                }
            }
            self.watch.done(until);
            Ok(())
        })
    }
}

/// Alarms fire, policies change and refuse, changes carry tests, actions and COEs are written.
fn concerns(event: &Event) -> bool {
    event.object.as_ref().is_some_and(|object| matches!(object.kind(), "policy" | "alarm" | "change" | "action" | "coe"))
}
