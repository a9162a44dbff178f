//! Delivery: the change on its way to the customer, and the andon that stops the line.
//!
//! Purpose: records what goes where, when, by whom and allowed by what; says whether a change may go;
//! stops the line for anybody who pulls, and lets it run again with a countermeasure; takes people's
//! own world in (git history, deploys, forge webhooks).
//!
//! Invariants: a rollback is never held; what cannot be judged is refused; one andon per scope stands;
//! each commit is counted in one deploy of a line.
//! Absent on purpose: reading git itself (the client does), policies (governance judges by its own
//! gate), paging (response hears `andon.pulled`).

mod andon;
mod change;
mod check;
mod commit_graph;
mod commits;
mod controller;
mod forge;
mod import;
mod kinds;
mod limits;
mod line;
mod line_stop;
mod page;
mod recorder;
mod routes;
mod scope;
mod signature;
mod stage;
mod subscriber;
mod tables;

use std::sync::Arc;

use andon_module::Module;

/// Makes delivery's module.
pub fn module() -> Module {
    let recorder = recorder::Recorder::default();
    let recount = controller::Recount { graphs: recorder.graphs.clone() };
    Module {
        name: "delivery",
        kinds: kinds::kinds(),
        endpoints: routes::endpoints(&recorder),
        controllers: vec![Arc::new(recount), Arc::new(controller::Unanswered), Arc::new(controller::ForgetDeliveries)],
        subscribers: vec![Arc::new(subscriber::AlarmPulls)],
        gates: vec![Arc::new(check::AndonGate)],
        admissions: Vec::new(),
        migrations: tables::MIGRATIONS,
    }
}
