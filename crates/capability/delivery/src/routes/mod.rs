//! Delivery over HTTP: one file per subject, one row per operation.

mod andons;
mod changes;
mod hooks;
mod imports;
mod pages;

use andon_module::{Call, Endpoint};

use crate::recorder::{Origin, Recorder};

/// Lists every row.
pub(crate) fn endpoints(recorder: &Recorder) -> Vec<Endpoint> {
    let mut rows = changes::endpoints(recorder);
    rows.extend(andons::endpoints());
    rows.extend(imports::endpoints(recorder));
    rows.extend(hooks::endpoints(recorder));
    rows.extend(pages::endpoints());
    rows
}

/// Tells who a call acts for, as the ledger names them.
fn origin(call: &Call) -> Origin {
    Origin { actor: call.caller.actor.clone(), rules: call.rules.clone() }
}

/// Names whoever calls: the person, or else the program.
fn who(call: &Call) -> String {
    call.caller.user.as_ref().map_or_else(|| call.caller.actor.principal.clone(), ToString::to_string)
}
