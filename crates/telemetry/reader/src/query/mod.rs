//! The search language: Lucene's syntax over log lines. Pure.
//!
//! | text | finds lines |
//! | --- | --- |
//! | `timeout` | whose message has the word, in any case |
//! | `"connection refused"` | whose message has these words next to each other |
//! | `time*` `*out` `t?me` | whose message has a matching word |
//! | `service:payments` | of that service, in any case, the whole value |
//! | `http.response.status_code:>=500` | whose attribute (or resource attribute) compares so |
//! | `level:>=warn` | of that severity or a higher one |
//! | `status:[400 TO 500}` | in a range; `[` `]` include the bound, `{` `}` exclude it, `*` is open |
//! | `user:*` | that have the field |
//! | `level:(error OR warn)` | where one of them holds for the field |
//! | `/tim(e|ing)/` | whose message matches the regular expression anywhere, in this case |
//! | `a b`, `a AND b`, `a && b`, `+a` | where both hold |
//! | `a OR b`, `a \|\| b` | where one holds |
//! | `NOT a`, `!a`, `-a` | where it does not hold |
//! | `*` or nothing | all |
//!
//! Blank means AND and binds tighter than OR; there is no scoring, so `+` changes nothing.
//! Fixed fields: `message`, `service`, `level` (also `severity`), `severity_number`,
//! `severity_text`, `trace_id`, `span_id`, `scope`, `timestamp`, `received_at`. Every other name
//! is an attribute or else a resource attribute; `attributes.x` and `resource.x` say which.
//! A word of 16 or 32 hexadecimal digits without a field also finds span and trace ids.
//!
//! Values are compared by what they are: as numbers when both are numbers, else as text; numeric
//! bounds never match text that is no number. A conflict of types is never refused.
//!
//! Invariants: `parse(query.to_string()) == query`; parsing and matching never panic and are
//! bounded by [`limits`].
//!
//! Absent: scoring, boosts (`^2`), fuzzy and proximity search (`~`): [`read`] leaves them out with a note,
//! [`parse`], for what is kept and acts by itself, refuses them with a hint.

mod filter;
mod leaf;
mod note;
mod parse;
mod syntax;
mod token;
mod view;

pub use filter::{Filter, Needs, Node, Summary};
pub use leaf::{Check, Number, Range, Subject, Test, Wanted};
pub use note::{Note, Reading, note_code};
pub use parse::{parse, read};
pub use syntax::{Bound, Leaf, Matcher, Piece, Query};
pub use token::{TokenSequence, canonical_number, fold_token, tokens};
pub use view::{FixedField, Place, RowView, Scalar, visit_path};

/// Bounds of the language.
pub mod limits {
    /// Longest search text, bytes.
    pub const TEXT_BYTES: usize = 32 * 1024;
    /// Deepest nesting of groups and negations.
    pub const DEPTH: usize = 40;
    /// Most leaves (words, phrases, field tests) of one query.
    pub const LEAVES: usize = 1_000;
    /// Most notes about one query.
    pub const NOTES: usize = 20;
    /// Longest regular expression, bytes.
    pub const REGEX_BYTES: usize = 1_000;
    /// Largest compiled regular expression, bytes.
    pub const REGEX_COMPILED_BYTES: usize = 1 << 20;
}
