//! Trials: what would a policy have refused? Each change of the past is judged by what was recorded
//! then: its own tests and version, and its service as the catalog had it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use andon_api::graph::declared_owner;
use andon_api::kinds::delivery::{ChangeSpec, ChangeStatus, ChangeType};
use andon_api::kinds::governance::{PolicySpec, PolicyStatus, PolicyTrial, TrialRefusal};
use andon_api::{AnyObject, ObjectRef, Problem};
use andon_module::World;
use andon_objects::{EventDraft, ListQuery, Order, Priority};
use jiff::Timestamp;
use serde_json::json;

use crate::engine::Failure;
use crate::limits::{TRIAL_CHANGES, TRIAL_LISTED, TRIAL_MS};
use crate::{input, judge, scope};

/// A change of the past.
struct Past {
    reference: ObjectRef,
    spec: ChangeSpec,
    at: Option<Timestamp>,
}

/// Tries a policy on the changes since a time, and keeps the counts with the policy.
///
/// # Errors
/// As the store. A change that cannot be judged is listed, and fails nothing.
pub(crate) async fn run(world: &World, reference: &ObjectRef, since: Timestamp, draft: EventDraft) -> Result<PolicyTrial, Problem> {
    let policy = world.store.require(reference).await?;
    let spec: PolicySpec = policy.spec_as()?;
    let (past, mut skipped) = past_changes(world, since).await?;
    let rego: Arc<str> = spec.rego.as_str().into();
    let begun = Instant::now();
    let mut trial = PolicyTrial::default();
    for change in past {
        if begun.elapsed() > Duration::from_millis(TRIAL_MS) {
            skipped += 1;
            continue;
        }
        let service = service_then(world, &change).await?;
        if !concerns(&spec, &change.spec, service.as_ref()) {
            continue;
        }
        let owner = service.as_ref().and_then(declared_owner);
        let input = Arc::new(input::of_change(&change.spec, service.as_ref(), owner.as_ref())?);
        let at = change.at.unwrap_or_else(|| world.now());
        note(&mut trial, &change, judge::ask(Arc::clone(&rego), input, at).await);
    }
    trial.skipped = skipped;
    keep(world, reference, &trial, since, draft).await?;
    Ok(trial)
}

/// Tells whether a change would have been judged: rollbacks are exempt, and the scope must fit.
fn concerns(policy: &PolicySpec, change: &ChangeSpec, service: Option<&AnyObject>) -> bool {
    let system = service.and_then(system_of);
    change.change_type != ChangeType::Rollback && scope::covers(&policy.scope, &change.service.to_string(), system.as_deref())
}

fn system_of(service: &AnyObject) -> Option<String> {
    let written = service.spec.get("system")?.as_str()?;
    Some(ObjectRef::parse(written, Some("system"), &service.metadata.namespace).ok()?.to_string())
}

fn note(trial: &mut PolicyTrial, change: &Past, answer: Result<Vec<String>, Failure>) {
    trial.tried += 1;
    let line = |reasons: Vec<String>| TrialRefusal {
        change: change.reference.clone(),
        service: change.spec.service.clone(),
        at: change.at,
        reasons,
    };
    match answer {
        Ok(reasons) if reasons.is_empty() => {}
        Ok(reasons) => trial.refused.push(line(reasons)),
        Err(failure) => trial.failed.push(line(vec![failure.to_string()])),
    }
}

/// Reads the changes since a time, newest first, and how many there were beyond the limit.
async fn past_changes(world: &World, since: Timestamp) -> Result<(Vec<Past>, i64), Problem> {
    let (mut past, mut cursor, mut total) = (Vec::new(), None, 0);
    while past.len() < TRIAL_CHANGES {
        let query = ListQuery::kind("Change").from("deployed_at", since).order(Order::CreatedDescending).limit(1_000).cursor(cursor);
        let page = world.store.list(&query).await?;
        total = page.total;
        for object in &page.items {
            let status: ChangeStatus = object.status_as()?;
            past.push(Past { reference: object.reference(), spec: object.spec_as()?, at: status.deployed_at });
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    past.truncate(TRIAL_CHANGES);
    past.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| other.reference.cmp(&one.reference)));
    let skipped = (total - i64::try_from(past.len()).unwrap_or(i64::MAX)).max(0);
    Ok((past, skipped))
}

/// Reads a change's service as it was then; services that came into the catalog later count as they came.
async fn service_then(world: &World, change: &Past) -> Result<Option<AnyObject>, Problem> {
    if let Some(at) = change.at {
        let then = world.store.as_of(&change.spec.service, at).await?;
        if then.is_some() {
            return Ok(then);
        }
    }
    world.store.get(&change.spec.service).await
}

/// Keeps the counts with the policy, and shortens what is listed.
async fn keep(world: &World, reference: &ObjectRef, trial: &PolicyTrial, since: Timestamp, draft: EventDraft) -> Result<(), Problem> {
    let (reference, tried) = (reference.clone(), trial.tried);
    let refused = i64::try_from(trial.refused.len()).unwrap_or(i64::MAX);
    let failed = trial.failed.len();
    world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move {
                let Some(mut policy) = tx.get(&reference).await? else { return Ok(()) };
                let mut status: PolicyStatus = policy.status_as()?;
                status.tried_at = Some(tx.now());
                status.tried_count = tried;
                status.would_refuse_count = refused;
                policy.status = Some(serde_json::to_value(status).map_err(Problem::internal)?);
                let facts = json!({"since": since, "tried": tried, "wouldRefuse": refused, "failed": failed});
                tx.put(policy, draft.payload(facts)).await?;
                Ok(())
            })
        })
        .await
}

/// Shortens the lists of a trial to what a page shows; the counts are in the policy's status.
pub(crate) fn shortened(mut trial: PolicyTrial) -> PolicyTrial {
    trial.refused.truncate(TRIAL_LISTED);
    trial.failed.truncate(TRIAL_LISTED);
    trial
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(scope: &[&str]) -> PolicySpec {
        serde_json::from_value(json!({"owner": "pay", "rego": "", "scope": scope})).unwrap()
    }

    fn change(change_type: &str) -> ChangeSpec {
        serde_json::from_value(json!({"service": "component:default/payments", "version": "2", "changeType": change_type})).unwrap()
    }

    fn payments() -> AnyObject {
        serde_json::from_value(json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "payments"},
            "spec": {"type": "service", "lifecycle": "production", "owner": "pay", "system": "shop"}}))
        .unwrap()
    }

    #[test]
    fn a_trial_looks_at_what_a_check_would_have_looked_at() {
        assert!(concerns(&policy(&[]), &change("deploy"), None));
        assert!(!concerns(&policy(&[]), &change("rollback"), None));
        assert!(!concerns(&policy(&["checkout"]), &change("deploy"), None));
        assert!(concerns(&policy(&["system:default/shop"]), &change("deploy"), Some(&payments())));
    }

    #[test]
    fn a_change_is_passed_refused_or_not_judged() {
        let past = Past { reference: ObjectRef::new("change", "default", "chg-1"), spec: change("deploy"), at: None };
        let mut trial = PolicyTrial::default();
        note(&mut trial, &past, Ok(vec![]));
        note(&mut trial, &past, Ok(vec!["no".to_owned()]));
        note(&mut trial, &past, Err(Failure::TimeLimit { limit_ms: 250 }));
        assert_eq!((trial.tried, trial.refused.len(), trial.failed.len()), (3, 1, 1));
    }
}
