//! The JSON of a push: `values` of `[nanoseconds, line, metadata?]`, and the first format's `entries`.

use andon_reader::Attributes;
use serde::Deserialize;
use serde_json::Value;

/// A request.
#[derive(Debug, Deserialize)]
pub(crate) struct Push {
    pub(crate) streams: Vec<Stream>,
}

/// A stream in either format.
#[derive(Debug, Deserialize)]
pub(crate) struct Stream {
    #[serde(default)]
    pub(crate) stream: Attributes,
    #[serde(default)]
    pub(crate) values: Vec<Entry>,
    /// Labels as text: the first format.
    #[serde(default)]
    pub(crate) labels: Option<String>,
    #[serde(default)]
    pub(crate) entries: Vec<OldEntry>,
}

/// `[nanoseconds, line]` or `[nanoseconds, line, metadata]`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Plain((Value, String)),
    WithMetadata((Value, String, Attributes)),
}

/// `{"ts": …, "line": …}`.
#[derive(Debug, Deserialize)]
pub(crate) struct OldEntry {
    #[serde(alias = "timestamp")]
    pub(crate) ts: Value,
    pub(crate) line: String,
}
