//! Signals: alarms over telemetry, the searches that people keep, and streams of lines.
//!
//! Purpose: asks each alarm's question of closed windows of received time and announces changes of
//! state as events (`alarm.fired`, `alarm.resolved`, `alarm.unknown`).
//!
//! Invariants: one leased evaluator per alarm; incomplete data is `unknown`, never fine and never
//! zero; evaluations live in a plain table, only changes of state are events.
//!
//! Absent: alerts, paging and the andon, which listen to the events.

mod check;
mod controller;
pub mod decide;
mod explain;
mod kinds;
pub mod limits;
mod routes;
mod saved_search;
mod stream;
mod table;
mod unreadable;
pub mod window;

use std::sync::Arc;

use andon_module::Module;

pub use routes::{Evaluations, StateChange};

/// Tells everything that signals bring.
pub fn module() -> Module {
    Module {
        name: "signals",
        kinds: vec![kinds::ALARM, kinds::SAVED_SEARCH, stream::STREAM],
        endpoints: routes::endpoints(),
        controllers: vec![Arc::new(controller::Evaluator::default())],
        migrations: table::MIGRATIONS,
        ..Module::default()
    }
}
