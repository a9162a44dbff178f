//! The endpoints of response.

mod alertmanager;
mod alerts;
mod context;
mod incidents;
mod link;
mod oncall;
mod pages;

use andon_api::error::{ErrorCode, Problem};
use andon_api::object::{DEFAULT_NAMESPACE, ObjectRef};
use andon_module::{Call, Endpoint};

use crate::alerts::Authority;

pub use context::IncidentContext;
pub use oncall::on_call_now;
pub use pages::PageEntry;

/// Lists the endpoints of response.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let rooms = [
        alertmanager::endpoints(),
        alerts::endpoints(),
        context::endpoints(),
        incidents::endpoints(),
        link::endpoints(),
        oncall::endpoints(),
        pages::endpoints(),
    ];
    rooms.into_iter().flatten().collect()
}

/// Reads the object that a path names.
fn named(call: &Call, kind: &str) -> Result<ObjectRef, Problem> {
    let text = call.path("name");
    let reference = ObjectRef::parse(text, Some(kind), DEFAULT_NAMESPACE)?;
    if reference.kind() == kind.to_lowercase() {
        Ok(reference)
    } else {
        Err(Problem::new(ErrorCode::ReferenceInvalid, format!("`{text}` is not of kind {kind}.")))
    }
}

/// Tells who acts on a call, and by which rules.
fn authority(call: &Call) -> Authority {
    Authority { actor: call.caller.actor.clone(), rules: call.rules.clone() }
}

/// Names the person who acts: the user behind a token where there is one.
fn person_of(call: &Call) -> String {
    call.caller.user.as_ref().map_or_else(|| call.caller.actor.principal.clone(), ToString::to_string)
}

/// Refuses a text that is empty or too long.
fn text_of(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most {
        let detail = format!("`{field}` has 1 to {most} characters.");
        return Err(Problem::new(ErrorCode::RequestInvalid, detail).place(format!("body.{field}")));
    }
    Ok(text.to_owned())
}
