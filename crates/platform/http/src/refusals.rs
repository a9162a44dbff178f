//! Refusals in the ledger: each of a known caller, and those of strangers added up per minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use andon_api::event::Actor;
use andon_api::{ErrorCode, Problem};
use andon_auth::Caller;
use andon_module::World;
use andon_objects::{EventDraft, Priority};
use serde_json::json;

/// Counts the refusals of strangers until they are written.
#[derive(Clone, Default)]
pub struct Refusals {
    counts: Arc<Mutex<BTreeMap<String, i64>>>,
}

/// How many different operations and reasons are told apart per minute.
const SORTS_MAX: usize = 200;

impl Refusals {
    /// Notes a refusal.
    pub(crate) async fn note(&self, world: &World, caller: &Caller, operation: &str, problem: &Problem) {
        let refused = [ErrorCode::NotSignedIn, ErrorCode::TokenExpired, ErrorCode::NotAllowed, ErrorCode::SignatureInvalid];
        if !refused.iter().any(|code| problem.is(*code)) {
            return;
        }
        if !caller.is_signed_in() {
            if let Ok(mut counts) = self.counts.lock()
                && (counts.len() < SORTS_MAX || counts.contains_key(&format!("{operation} {}", problem.code)))
            {
                *counts.entry(format!("{operation} {}", problem.code)).or_default() += 1;
            }
            return;
        }
        let facts = json!({"operation": operation, "code": problem.code, "detail": problem.detail});
        let draft = EventDraft::new(caller.actor.clone(), "call.refused").payload(facts);
        self.write(world, draft).await;
    }

    /// Writes what strangers were refused since the last time, as one event.
    pub async fn flush(&self, world: &World) {
        let counts = self.counts.lock().map(|mut counts| std::mem::take(&mut *counts)).unwrap_or_default();
        if counts.is_empty() {
            return;
        }
        let actor = Actor { principal: "anonymous".to_owned(), on_behalf_of: None, origin: String::new() };
        let draft = EventDraft::new(actor, "call.refused").payload(json!({"counts": counts}));
        self.write(world, draft).await;
    }

    async fn write(&self, world: &World, draft: EventDraft) {
        let written =
            world.store.write(Priority::Background, move |tx| Box::pin(async move { tx.record(draft).await })).await;
        if let Err(problem) = written {
            tracing::error!(error = ?problem, "a refusal could not be recorded");
        }
    }
}
