//! Counts what policies refuse: hears of refused checks and keeps the number with the policy.

use std::collections::BTreeSet;

use andon_api::event::{Actor, Event};
use andon_api::kinds::governance::PolicyStatus;
use andon_api::{ObjectRef, Problem};
use andon_module::{Subscriber, World};
use andon_objects::{EventDraft, Tx};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// Hears of refused checks.
pub(crate) struct RefusalCounter;

impl Subscriber for RefusalCounter {
    fn name(&self) -> &'static str {
        "policy-refusals"
    }

    fn actions(&self) -> &'static [&'static str] {
        &["check.refused"]
    }

    fn handle<'a>(&'a self, _world: &'a World, tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<(), Problem>> {
        count(tx, event).boxed()
    }
}

async fn count(tx: &mut Tx, event: &Event) -> Result<(), Problem> {
    let Some(payload) = &event.payload else { return Ok(()) };
    let scope = scope_of(payload, event.object.as_ref());
    for reference in policies_of(payload) {
        let Some(mut policy) = tx.get(&reference).await? else { continue };
        let status = refused(policy.status_as()?, scope.as_deref());
        policy.status = Some(serde_json::to_value(status).map_err(Problem::internal)?);
        let draft = EventDraft::new(Actor::system("policies"), "policy.refused")
            .payload(json!({"check": event.id, "scope": scope}));
        tx.put(policy, draft).await?;
    }
    Ok(())
}

/// Adds one refusal to what is known of a policy.
fn refused(mut status: PolicyStatus, scope: Option<&str>) -> PolicyStatus {
    status.refused_count += 1;
    status.last_refused = scope.map(str::to_owned).or(status.last_refused);
    status
}

/// Finds the policies among the reasons of a refused check, each once.
fn policies_of(payload: &Value) -> BTreeSet<ObjectRef> {
    let reasons = payload.get("reasons").and_then(Value::as_array);
    reasons
        .into_iter()
        .flatten()
        .filter_map(|reason| ObjectRef::parse(reason.get("object")?.as_str()?, None, "default").ok())
        .filter(|object| object.kind() == "policy")
        .collect()
}

fn scope_of(payload: &Value, object: Option<&ObjectRef>) -> Option<String> {
    let written = payload.get("scope").and_then(Value::as_str).map(str::to_owned);
    written.or_else(|| object.map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_check_counts_once_for_each_policy_that_refused() {
        let payload = json!({"scope": "component:default/checkout", "reasons": [
            {"code": "DEL-0001", "text": "stopped", "object": "andon:default/and-1"},
            {"code": "DEL-0002", "text": "a", "object": "policy:default/idempotency"},
            {"code": "DEL-0002", "text": "b", "object": "policy:default/idempotency"},
            {"code": "GOV-0002", "text": "c"}
        ]});
        let found: Vec<String> = policies_of(&payload).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["policy:default/idempotency"]);
        let status = refused(PolicyStatus::default(), scope_of(&payload, None).as_deref());
        assert_eq!((status.refused_count, status.last_refused.as_deref()), (1, Some("component:default/checkout")));
        assert!(policies_of(&json!({})).is_empty());
    }
}
