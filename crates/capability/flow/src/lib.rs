//! Flow: how long changes take from the first commit to the customer, and where they wait.
//!
//! Purpose: time to value, waits by stage, batch size and authors, per service and for a group with
//! everything below it.
//! Invariants: computed from the recorded changes at each call, nothing is stored, so numbers never
//! go stale; the same changes in any order give the same numbers; rollbacks are counted apart.
//! Absent: counting commits (delivery does, when it records), charts (the UI draws).

mod measure;
mod percentile;
mod routes;

use andon_module::Module;

pub use measure::{Point, ServiceFlow, TimeToValue, Wait};
pub use routes::ServicesFlow;

/// Makes flow's module.
pub fn module() -> Module {
    Module { name: "flow", endpoints: routes::endpoints(), ..Module::default() }
}
