//! The catalog: teams, services, dependencies, owners.
//!
//! Purpose: Backstage descriptors are taken as they are (format v1alpha1) and answer who owns what
//! and what depends on what.
//! Invariants: fields that Andon does not know are kept; references that lead nowhere are taken and
//! shown, never refused; the graph is computed from the objects, never stored.
//! Absent: the graph functions themselves (in `andon_api::graph`, since others ask them too), storage.

mod answer;
mod check;
mod grammar;
mod kinds;
mod limits;
mod routes;

use andon_module::Module;

pub use answer::{GraphAnswer, TreeAnswer, TreeGroup};

/// Makes the catalog's module.
pub fn module() -> Module {
    Module { name: "catalog", kinds: kinds::kinds(), endpoints: routes::endpoints(), ..Module::default() }
}
