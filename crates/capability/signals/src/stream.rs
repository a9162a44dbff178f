//! What a stream must be, refused with `SIG-0003` and the place, and what is known of its kind. Pure.
//!
//! Absent: the sorting of lines into streams and their retention, which the store does.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{Kind, KindInfo, ListColumn, Nature};
use andon_api::kinds::delivery::API_VERSION;
use andon_api::kinds::streams::{Stream, StreamSpec};
use andon_api::object::AnyObject;
use andon_reader::{DEFAULT_STREAM, query};

use crate::limits::DESCRIPTION_CHARACTERS;
use crate::unreadable::unreadable;

const fn column(title: &'static str, pointer: &'static str) -> ListColumn {
    ListColumn { title, pointer }
}

/// What is known of streams.
pub(crate) const STREAM: KindInfo = KindInfo {
    kind: Stream::KIND,
    plural: "streams",
    api_version: API_VERSION,
    capability: "signals",
    nature: Nature::Resource,
    prefix: "",
    summary: "Log lines that are kept apart, with a retention of their own by age and by size.",
    indexed: &[],
    columns: &[
        column("Name", "/metadata/name"),
        column("Query", "/spec/query"),
        column("Age", "/spec/retention/age"),
        column("Size", "/spec/retention/size"),
        column("Priority", "/spec/priority"),
    ],
    references: &[],
    secrets: &[],
    example: include_str!("examples/stream.yaml"),
    open: false,
    schema: Stream::schema,
    check: check_object,
};

/// Checks a stream as an object.
///
/// # Errors
/// `OBJ-0002` when it is none, `SIG-0003` when lines could not be sorted into it.
fn check_object(object: &AnyObject) -> Result<(), Problem> {
    if object.metadata.name == DEFAULT_STREAM {
        let text = format!("The stream `{DEFAULT_STREAM}` is that of all lines that no other stream gets.");
        return Err(refuse("metadata.name", text).hint("Choose another name; `andon serve --retention` is for the default one."));
    }
    check(&object.spec_as::<StreamSpec>()?)
}

fn check(spec: &StreamSpec) -> Result<(), Problem> {
    query::parse(&spec.query).map_err(|error| unreadable(ErrorCode::StreamInvalid, &spec.query, error))?;
    let characters = spec.description.as_deref().unwrap_or_default().chars().count();
    if characters > DESCRIPTION_CHARACTERS {
        let text = format!("It has {characters} characters; at most {DESCRIPTION_CHARACTERS} are kept.");
        return Err(refuse("spec.description", text));
    }
    Ok(())
}

fn refuse(place: &str, detail: String) -> Problem {
    Problem::new(ErrorCode::StreamInvalid, detail).place(place)
}
