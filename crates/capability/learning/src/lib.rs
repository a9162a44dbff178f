//! Learning: the correction of errors, actions with verifiers, the weekly review and its wheel, the trace.
//!
//! Purpose: after the pain comes the lesson, after the lesson a mechanism, after the mechanism its audit.
//! A COE draft stands there with every fact that a machine knows; people add causes, lessons and
//! actions; an action is closed by its verifier alone; the review rolls everything up.
//!
//! Invariants: the deciding parts (`gates`, `actions`, `draft`, `wheel`, `pack`, `trace`, `home`) are
//! pure; incidents, andons, changes and policies are read, never written; a frozen pack never changes.
//! Absent: who is on call (response), what a policy says (governance).

mod action_controller;
mod actions;
mod admission;
mod adoption;
mod chain;
mod coe_controller;
mod coes;
mod draft;
mod gates;
mod home;
mod homepage;
mod kinds;
mod limits;
mod owners;
mod pack;
mod read;
mod reviews;
mod routes;
mod symptom;
mod trace;
mod typed;
mod verifiers;
mod wheel;
mod words;

use std::sync::Arc;

use andon_api::Problem;
use andon_api::kinds::learning::OnCallTurn;
use andon_module::{BoxFuture, Module, World};

/// Tells who is on call now. Schedules are worked out by response; the surface, which knows both,
/// hands the answer over.
pub type OnCall = Arc<dyn Fn(World) -> BoxFuture<'static, Result<Vec<OnCallTurn>, Problem>> + Send + Sync>;

/// Tells everything that learning brings; the home page then says nothing of who is on call.
pub fn module() -> Module {
    build(None)
}

/// Tells everything that learning brings, with a home page that says who is on call.
pub fn module_with(on_call: OnCall) -> Module {
    build(Some(on_call))
}

fn build(on_call: Option<OnCall>) -> Module {
    Module {
        name: "learning",
        kinds: kinds::kinds(),
        endpoints: routes::endpoints(on_call.as_ref()),
        controllers: vec![
            Arc::new(coe_controller::CoeController::default()),
            Arc::new(action_controller::ActionController::default()),
        ],
        admissions: vec![Arc::new(admission::CoeAdmission), Arc::new(admission::ActionAdmission)],
        ..Module::default()
    }
}
