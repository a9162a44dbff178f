//! Runs the verifiers of actions: when something happened that they look at, and every night.
//!
//! An action whose verifier passes is closed, and one whose verifier no longer passes is opened again.

use andon_api::error::Problem;
use andon_api::event::Actor;
use andon_api::kinds::learning::Verifier;
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
            let news = self.watch.news(world).await?;
            let now = world.now();
            let actions: Vec<ActionObject> = read::all(world, "Action").await?;
            let is_asked = |action: &&ActionObject| news.touches(&looked_at(&action.spec.verifier)) || is_due(&action.status, now);
            let asked: Vec<&ActionObject> = actions.iter().filter(is_asked).collect();
            if !asked.is_empty() {
                let catalog = Catalog::read(world).await?;
                for action in asked {
                    let verdict = verifiers::run(world, &catalog, &action.spec).await?;
                    let draft = |event: &str| EventDraft::new(Actor::system("learning"), event);
                    verifiers::write(world, &action.reference, &action.spec, verdict, draft).await?;
                }
            }
            self.watch.done(news.until);
            Ok(())
        })
    }
}

/// Names the kinds that a verifier looks at; the action and its COE are always among them.
fn looked_at(verifier: &Verifier) -> [&'static str; 3] {
    let kind = match verifier {
        Verifier::PolicyEnforced { .. } | Verifier::PolicyRefused { .. } => "policy",
        Verifier::AlarmFired { .. } => "alarm",
        Verifier::TestPassed { .. } => "change",
    };
    [kind, "action", "coe"]
}
