//! What is said between the two sides, beside rows.

use andon_reader::{Column, ReaderError, StoreStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The paths of the process that owns the store.
pub(crate) mod path {
    pub(crate) const PULSE: &str = "/pulse";
    pub(crate) const SEARCH: &str = "/search";
    pub(crate) const COUNT: &str = "/count";
    pub(crate) const HISTOGRAM: &str = "/histogram";
    pub(crate) const AGGREGATE: &str = "/aggregate";
    pub(crate) const FIELDS: &str = "/fields";
    pub(crate) const ROW: &str = "/row";
    pub(crate) const TAIL: &str = "/tail";
    pub(crate) const APPEND: &str = "/append";
    pub(crate) const SQL: &str = "/sql";
    /// Where the server brings what a statement has asked for.
    pub(crate) const LENT: &str = "/lent";
}

/// How the process that owns the store does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulse {
    /// What it waits for, while it opens the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<String>,
    /// Why it could not open the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<ReaderError>,
    /// Everything received up to here (inclusive) is visible.
    pub watermark_us: i64,
    /// How the store is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreStatus>,
    /// The tables of the store itself, for SQL.
    #[serde(default)]
    pub tables: Vec<TableShape>,
    /// Memory that the process holds.
    pub resident_bytes: u64,
    /// When the process started: another time is another process.
    #[serde(default)]
    pub started_us: i64,
    /// What time it is over there: the clock of everything received.
    #[serde(default)]
    pub now_us: i64,
    /// Connections that did not prove the token, since the start.
    #[serde(default)]
    pub refused_connections: u64,
}

/// The name and the columns of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// Its name in SQL.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// Asks the server for rows of one of its tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Borrow {
    /// What the answer is known by.
    pub(crate) loan: String,
    pub(crate) table: String,
    pub(crate) equals: Vec<(String, Value)>,
    pub(crate) limit: Option<usize>,
}
