//! The one error type of telemetry: a stable code, what happened, where, and what to do next.

use serde::{Deserialize, Serialize};

/// Stable codes of telemetry errors; each is a page of the error reference.
pub mod code {
    /// The search text does not follow the syntax.
    pub const QUERY_SYNTAX: &str = "log-query-syntax";
    /// The search text, a pattern or its nesting is larger than allowed.
    pub const QUERY_TOO_LARGE: &str = "log-query-too-large";
    /// A regular expression is wrong or too expensive.
    pub const QUERY_REGEX: &str = "log-query-regex";
    /// A parameter of the request is out of its range.
    pub const REQUEST: &str = "log-request-invalid";
    /// The disk has no room for more telemetry.
    pub const DISK_FULL: &str = "log-disk-full";
    /// Telemetry could not be written for another reason than space.
    pub const WRITE_FAILED: &str = "log-write-failed";
    /// Stored telemetry could not be read.
    pub const READ_FAILED: &str = "log-read-failed";
    /// More arrives than can be stored now.
    pub const OVERLOADED: &str = "log-store-overloaded";
    /// The process that owns the store is not there now.
    pub const UNAVAILABLE: &str = "telemetry-unavailable";
    /// The store has been shut down.
    pub const CLOSED: &str = "log-store-closed";
    /// The data directory was written by a newer version.
    pub const NEWER_FORMAT: &str = "log-format-newer";
    /// The place of the archive refuses, or cannot be reached.
    pub const ARCHIVE_FAILED: &str = "log-archive-failed";
    /// What is asked for does not fit the state of the archive: there is none, or the lines are in it.
    pub const ARCHIVE_STATE: &str = "log-archive-state";
    /// A query passed its time limit.
    pub const TIMEOUT: &str = "query-timeout";
    /// A query passed its memory limit.
    pub const MEMORY: &str = "query-memory";
    /// SQL text is wrong: syntax, unknown table, unknown column, wrong type.
    pub const SQL_INVALID: &str = "sql-invalid";
    /// SQL text would write or change something.
    pub const SQL_READ_ONLY: &str = "sql-read-only";
    /// More than one SQL statement was sent.
    pub const SQL_ONE_STATEMENT: &str = "sql-one-statement";
    /// The caller may not read the table.
    pub const SQL_FORBIDDEN: &str = "sql-forbidden";
    /// The engine failed in a way the caller cannot change.
    pub const INTERNAL: &str = "telemetry-internal";
}

/// A place in a text, both counted from one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Line, from one.
    pub line: u32,
    /// Column in characters, from one.
    pub column: u32,
}

impl Position {
    /// Finds line and column of a byte offset.
    #[must_use]
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            line: clamp(line),
            column: clamp(column),
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What went wrong while reading or writing telemetry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}{}", .position.map(|p| format!(" (at {p})")).unwrap_or_default())]
pub struct ReaderError {
    /// Stable code, see [`code`].
    pub code: String,
    /// What happened, for the caller.
    pub message: String,
    /// Where in the caller's text, if there is such a place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<Position>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

impl ReaderError {
    /// Makes an error without place and hint.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            position: None,
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the place in the caller's text.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// Says whether the same request may succeed later without any change by the caller.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.code.as_str(),
            code::DISK_FULL | code::WRITE_FAILED | code::OVERLOADED | code::UNAVAILABLE | code::TIMEOUT | code::ARCHIVE_FAILED
        )
    }
}
