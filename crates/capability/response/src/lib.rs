//! Response: who is on call, whom an alert pages, and the incident that comes of it.
//!
//! Purpose: turns alarms, andons and the alerts of other systems into pages that reach somebody, and
//! into incidents whose timeline writes itself.
//!
//! Invariants: what is answered with success is on disk; a page is in the outbox if and only if its
//! alert says so; timers are rows; sending touches no telemetry; opening a link acknowledges nothing.
//!
//! Absent: silences, groups and maintenance windows; voice and SMS; the status page.

pub mod alertmanager;
mod alerts;
mod analyst;
mod audit;
mod directory;
pub mod escalation;
mod events;
mod incidents;
mod kinds;
pub mod limits;
mod link;
mod message;
pub mod oncall;
mod pager;
mod routes;
pub mod suspects;
mod table;
mod timers;
mod typed;
mod words;

use std::sync::Arc;

use andon_module::Module;

pub use audit::overdue_pages;
pub use routes::{IncidentContext, PageEntry, on_call_now};

/// Tells everything that response brings.
pub fn module() -> Module {
    Module {
        name: "response",
        kinds: kinds::kinds(),
        endpoints: routes::endpoints(),
        controllers: vec![
            Arc::new(pager::Pager::default()),
            Arc::new(timers::Timers),
            Arc::new(audit::Audit::default()),
            Arc::new(analyst::Analyst),
        ],
        subscribers: vec![Arc::new(events::Listener), Arc::new(events::ChangeListener)],
        migrations: table::MIGRATIONS,
        ..Module::default()
    }
}
