//! Streams: log lines with a retention of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::kinds::delivery::API_VERSION;
use crate::kinds::response::NoStatus;
use crate::size::Size;
use crate::units::Span;

/// The kind `Stream`: log lines that are kept apart, with a retention of their own.
pub struct Stream;

impl Kind for Stream {
    type Spec = StreamSpec;
    type Status = NoStatus;
    const KIND: &'static str = "Stream";
    const API_VERSION: &'static str = API_VERSION;
}

/// Which lines belong to a stream, and how long they are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamSpec {
    /// The log query that its lines match, in the search's own syntax, for example `level:<info`. A change concerns
    /// lines that are written to files from then on; those that are there stay where they are.
    pub query: String,
    /// How long and how much is kept; the server's own settings where nothing is said.
    #[serde(default)]
    pub retention: StreamRetention,
    /// Who gets a line that several streams match: the one with the smallest number, among equals the first by name.
    #[serde(default)]
    pub priority: i64,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How long and how much of a stream is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamRetention {
    /// Lines that were received longer ago go, for example `30d`; `0s` or nothing: the server's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Span>,
    /// The oldest lines beyond it go, for example `10GB`; `0` or nothing: no bound but that of the whole store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}
