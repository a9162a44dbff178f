//! The gate `policies`: asks every policy that looks at the scope of a check.

use std::sync::Arc;

use andon_api::Problem;
use andon_api::kinds::delivery::CheckRequest;
use andon_api::kinds::governance::PolicySpec;
use andon_module::{Gate, Scope, Verdict, World};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

use crate::verdict::{Asked, weigh};
use crate::{input, judge, scope};

/// Judges changes by the stored policies.
pub(crate) struct PolicyGate;

impl Gate for PolicyGate {
    fn name(&self) -> &'static str {
        "policies"
    }

    fn judge<'a>(&'a self, world: &'a World, request: &'a CheckRequest, scope: &'a Scope) -> BoxFuture<'a, Result<Verdict, Problem>> {
        judge_change(world, request, scope).boxed()
    }
}

async fn judge_change(world: &World, request: &CheckRequest, scope: &Scope) -> Result<Verdict, Problem> {
    let system = scope.system.as_ref().map(ToString::to_string);
    let input = Arc::new(input::of_check(request, &scope.text, scope.object.as_ref(), scope.owner.as_ref())?);
    let now = world.now();
    let mut asking = Vec::new();
    for object in world.store.all("Policy").await? {
        let spec: PolicySpec = object.spec_as()?;
        if scope::covers(&spec.scope, &scope.text, system.as_deref()) {
            let (policy, version) = (object.reference(), object.metadata.version);
            let answer = judge::ask(spec.rego.as_str().into(), Arc::clone(&input), now);
            asking.push(async move { Asked { policy, version, answer: answer.await, spec } });
        }
    }
    let asked = join_all(asking).await;
    for one in asked.iter().filter(|one| one.answer.is_err()) {
        tracing::warn!(policy = %one.policy, answer = ?one.answer, "a policy could not be evaluated");
    }
    let outcome = weigh(request.change_type, &asked);
    Ok(Verdict { reasons: outcome.reasons, evaluated: outcome.evaluated })
}
