//! The check: may this change go? Every gate of every capability is asked, and every reason is told.
//!
//! Invariants: a gate that fails, hangs or panics refuses (`GOV-0002`), it never lets through; the
//! answer is recorded as an event whichever way it goes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use andon_api::graph::{OwnerTree, references_of};
use andon_api::kinds::delivery::{ChangeType, CheckAnswer, CheckRequest, Reason};
use andon_api::{ErrorCode, Problem};
use andon_module::{BoxFuture, Gate, Scope, Verdict, World};
use andon_objects::Priority;
use futures::FutureExt;
use serde_json::json;

use crate::andon;
use crate::change::{is_commit, is_environment};
use crate::limits::{NAME_BYTES_MAX, TESTS_MAX, VERSION_BYTES_MAX};
use crate::line_stop::{open_andons, resolve, standing_against};
use crate::recorder::Origin;
use crate::scope::ScopeName;

/// How long one gate may take; a deploy waits for the answer.
const GATE_TIMEOUT: Duration = Duration::from_secs(20);

/// Asks every gate, records the answer and gives it.
pub(crate) async fn check(world: &World, mut request: CheckRequest, origin: Origin) -> Result<CheckAnswer, Problem> {
    request.commit = request.commit.map(|commit| commit.trim().to_lowercase());
    check_request(&request)?;
    let name = resolve(world, &request.scope).await?;
    let scope = scope_of(world, &name).await?;
    let mut verdict = Verdict::default();
    for gate in world.gates.iter() {
        let judged = judge(world, gate, &request, &scope).await;
        collect(&mut verdict, gate.name(), judged);
    }
    let answer = CheckAnswer {
        id: String::new(),
        allowed: verdict.reasons.is_empty(),
        scope: scope.text.clone(),
        reasons: verdict.reasons,
        evaluated: verdict.evaluated,
    };
    let action = if answer.allowed { "check.allowed" } else { "check.refused" };
    let facts = json!({
        "scope": answer.scope, "environment": request.environment, "changeType": request.change_type,
        "version": request.version, "commit": request.commit, "tests": request.tests,
        "reasons": answer.reasons, "evaluated": answer.evaluated,
    });
    let mut draft = origin.draft(action).payload(facts);
    if let Some(reference) = scope.reference {
        draft = draft.object(reference);
    }
    let id = world.store.write(Priority::Object, move |tx| Box::pin(async move { tx.record(draft).await })).await?;
    Ok(CheckAnswer { id, ..answer })
}

fn check_request(request: &CheckRequest) -> Result<(), Problem> {
    let refuse = |place: &str, detail: String| Err(Problem::new(ErrorCode::RequestInvalid, detail).place(place));
    if !is_environment(&request.environment) {
        return refuse("environment", "An environment has 1 to 63 letters, digits, `-`, `_`, `.` or `/`.".to_owned());
    }
    if request.version.as_ref().is_some_and(|version| version.len() > VERSION_BYTES_MAX) {
        return refuse("version", format!("The version is over {VERSION_BYTES_MAX} bytes."));
    }
    if request.commit.as_ref().is_some_and(|commit| !is_commit(commit)) {
        return refuse("commit", "A commit has 7 to 64 hex digits.".to_owned());
    }
    let too_long = request.tests.keys().any(|name| name.is_empty() || name.len() > NAME_BYTES_MAX);
    if too_long || request.tests.len() > TESTS_MAX {
        return refuse("tests", format!("There are at most {TESTS_MAX} tests, with names of 1 to {NAME_BYTES_MAX} bytes."));
    }
    Ok(())
}

/// Works out once, for all gates, what the check speaks of.
async fn scope_of(world: &World, name: &ScopeName) -> Result<Scope, Problem> {
    let Some(reference) = name.reference() else {
        return Ok(Scope { text: name.to_string(), ..Scope::default() });
    };
    let object = world.store.require(reference).await?;
    let tree = OwnerTree::new(&world.store.all("Group").await?, &world.store.all("User").await?);
    let system = match name {
        ScopeName::System(system) => Some(system.clone()),
        _ => references_of(&object, "system", "System").into_iter().next(),
    };
    Ok(Scope {
        text: name.to_string(),
        reference: Some(reference.clone()),
        owner: tree.owner_of(&object),
        system,
        object: Some(object),
    })
}

async fn judge(world: &World, gate: &Arc<dyn Gate>, request: &CheckRequest, scope: &Scope) -> Result<Verdict, Problem> {
    let judging = AssertUnwindSafe(gate.judge(world, request, scope)).catch_unwind();
    match tokio::time::timeout(GATE_TIMEOUT, judging).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_panic)) => Err(Problem::internal(format!("the gate {} panicked", gate.name()))),
        Err(_elapsed) => Err(Problem::new(
            ErrorCode::SystemUnavailable,
            format!("It did not answer within {} s.", GATE_TIMEOUT.as_secs()),
        )),
    }
}

/// Adds what a gate says; what cannot be judged is a reason against the change.
fn collect(all: &mut Verdict, gate: &'static str, judged: Result<Verdict, Problem>) {
    match judged {
        Ok(verdict) => {
            all.reasons.extend(verdict.reasons);
            all.evaluated.extend(verdict.evaluated);
        }
        Err(problem) => {
            tracing::error!(gate, error = ?problem, "a gate could not judge, so the change is refused");
            all.evaluated.push(format!("{gate}: failed"));
            all.reasons.push(Reason {
                code: ErrorCode::PolicyFailed.code().to_owned(),
                text: format!("The gate `{gate}` could not judge: {}", problem.detail),
                object: None,
                lesson: None,
                hint: Some("What cannot be judged is refused. Mend what failed, or roll back.".to_owned()),
            });
        }
    }
}

/// The gate of the andon: no change goes where the line is stopped, but a rollback always goes.
pub(crate) struct AndonGate;

impl Gate for AndonGate {
    fn name(&self) -> &'static str {
        "andon"
    }

    fn judge<'a>(
        &'a self,
        world: &'a World,
        request: &'a CheckRequest,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Verdict, Problem>> {
        Box::pin(async move {
            if request.change_type == ChangeType::Rollback {
                let evaluated = vec!["andon: a rollback is never held".to_owned()];
                return Ok(Verdict { reasons: Vec::new(), evaluated });
            }
            let name = ScopeName::parse(&scope.text)?;
            let standing = standing_against(world, &name, open_andons(world).await?).await?;
            let evaluated = vec![format!("andon: {} of {} pulled", standing.len(), scope.text)];
            let reasons = standing
                .iter()
                .map(|open| Reason {
                    code: ErrorCode::AndonPulled.code().to_owned(),
                    text: andon::sentence(&open.spec, &open.status),
                    object: Some(open.object.reference()),
                    lesson: None,
                    hint: Some(format!(
                        "Roll back (always allowed), or run `andon andon release {} --countermeasure TEXT`.",
                        open.object.metadata.name
                    )),
                })
                .collect();
            Ok(Verdict { reasons, evaluated })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_and_a_gate_that_fails_is_one() {
        let reason = |text: &str| Reason { code: "X".into(), text: text.into(), object: None, lesson: None, hint: None };
        let mut all = Verdict::default();
        collect(&mut all, "one", Ok(Verdict { reasons: vec![reason("a"), reason("b")], evaluated: vec!["one".into()] }));
        collect(&mut all, "two", Err(Problem::new(ErrorCode::SystemUnavailable, "Away.")));
        collect(&mut all, "three", Ok(Verdict { reasons: vec![], evaluated: vec!["three".into()] }));
        let codes: Vec<_> = all.reasons.iter().map(|reason| reason.code.as_str()).collect();
        assert_eq!(codes, ["X", "X", "GOV-0002"]);
        assert_eq!(all.evaluated, ["one", "two: failed", "three"]);
    }

    #[test]
    fn a_request_with_nonsense_names_its_place() {
        let request: CheckRequest = serde_json::from_value(json!({"scope": "a", "commit": "zz"})).unwrap();
        assert_eq!(check_request(&request).unwrap_err().place.as_deref(), Some("commit"));
    }
}
