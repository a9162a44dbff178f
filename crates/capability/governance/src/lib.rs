//! Governance: policies in Rego, what they would have refused, and what they refuse.
//!
//! Purpose: a lesson becomes a policy that refuses the same mistake in another team. This crate owns
//! the kind `Policy`, the gate that every `check` passes, and trials over past changes.
//!
//! Invariants: a policy is pure (change in, reasons out; no network, files, clock or chance); what
//! cannot be judged is refused (`GOV-0002`), never let through; rollbacks are never refused.
//! Absent: findings, waivers, readiness (a later issue).

mod admission;
mod bounded;
mod engine;
mod gate;
mod input;
mod judge;
mod kinds;
mod limits;
mod refusals;
mod routes;
mod scope;
mod trial;
mod verdict;
mod worker;

pub use judge::isolate_policies;
pub use worker::run_policy_worker;

use std::sync::Arc;

use andon_module::Module;

/// Tells everything that governance brings.
pub fn module() -> Module {
    Module {
        name: "governance",
        kinds: vec![kinds::policy()],
        endpoints: routes::endpoints(),
        subscribers: vec![Arc::new(refusals::RefusalCounter)],
        gates: vec![Arc::new(gate::PolicyGate)],
        ..Module::default()
    }
}
