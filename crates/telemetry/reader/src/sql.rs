//! SQL over logs and over tables that others lend (the ledger, every kind): plain types only.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ReaderError;

type MayRead = dyn Fn(&str) -> bool + Send + Sync;

/// Who runs a statement and which tables that person may read.
#[derive(Clone)]
pub struct Caller {
    /// The person or token, for messages and for row rules of the tables.
    pub subject: String,
    /// What the lender of a table knows this caller by in another process; empty within one.
    pub ticket: String,
    may_read: Arc<MayRead>,
}

impl Caller {
    /// Makes a caller; `may_read` is asked with the name of a table.
    pub fn new(
        subject: impl Into<String>,
        may_read: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            subject: subject.into(),
            ticket: String::new(),
            may_read: Arc::new(may_read),
        }
    }

    /// Adds what the lender of a table knows this caller by.
    #[must_use]
    pub fn with_ticket(mut self, ticket: impl Into<String>) -> Self {
        self.ticket = ticket.into();
        self
    }

    /// Says whether this caller may read a table at all.
    #[must_use]
    pub fn may_read(&self, table: &str) -> bool {
        (self.may_read)(table)
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text; a structured value is its JSON text.
    Text,
    /// 64-bit signed.
    Integer,
    /// 64-bit floating point.
    Float,
    /// True or false.
    Boolean,
    /// Microseconds since the epoch (UTC); a source hands it over as an integer or RFC 3339 text.
    TimestampMicros,
}

/// A column of a table or of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

impl Column {
    /// Makes a column.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Self {
        Self {
            name: name.into(),
            kind,
        }
    }
}

/// What a scan may use to return less; using it is optional, the engine filters again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableHint {
    /// Only rows where each of these columns equals the value are of interest.
    pub equals: Vec<(String, Value)>,
    /// No more rows than this are of interest. Only given when no further filter applies.
    pub limit: Option<usize>,
}

/// A table that another part of the system lends to SQL.
pub trait TableSource: Send + Sync {
    /// Name in SQL, lower case with underscores; also what [`Caller::may_read`] is asked.
    fn name(&self) -> &str;

    /// Columns, the same at every call.
    fn columns(&self) -> Vec<Column>;

    /// Rows that the caller may see (the source applies row rules), one value per column in order.
    /// Values of another type than the column's become null, except that a structure in a text
    /// column becomes its JSON text.
    fn scan(
        &self,
        caller: &Caller,
        hint: TableHint,
    ) -> BoxFuture<'_, Result<Vec<Vec<Value>>, ReaderError>>;
}

/// How much one statement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlLimits {
    /// Wall-clock time, milliseconds.
    pub timeout_ms: u64,
    /// Memory of sorts, joins and aggregates, bytes.
    pub memory_bytes: usize,
    /// Rows in the answer; the rest is cut and `truncated` says so.
    pub rows: usize,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            memory_bytes: 256 * 1024 * 1024,
            rows: 10_000,
        }
    }
}

/// Answer to a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlResult {
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Rows; timestamps are RFC 3339 text in UTC.
    pub rows: Vec<Vec<Value>>,
    /// True when rows were cut at the limit.
    pub truncated: bool,
    /// How long it took.
    pub elapsed_us: u64,
    /// What is worth knowing about the answer: lines of its time that are in the archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Runs SQL.
pub trait SqlRunner: Send + Sync {
    /// Runs one reading statement for a caller. Dropping the future stops the work.
    fn run(
        &self,
        sql: String,
        caller: Caller,
        limits: SqlLimits,
    ) -> BoxFuture<'_, Result<SqlResult, ReaderError>>;

    /// Lists the tables the caller may read, with their columns.
    fn tables(&self, caller: &Caller) -> Vec<(String, Vec<Column>)>;
}
