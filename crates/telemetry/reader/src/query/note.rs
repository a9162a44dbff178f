//! Parts of a search text that mean nothing here: left out with a note, or refused.
//!
//! Who comes from another product types boosts and fuzzy words out of habit. A search goes on without them
//! and says so; what is kept and acts by itself (an alarm, a deletion) must mean what it says.

use serde::{Deserialize, Serialize};

use crate::error::{Position, ReaderError, code};

use super::syntax::Query;

/// Stable codes of notes.
pub mod note_code {
    /// A boost (`^2`) was left out.
    pub const BOOST_IGNORED: &str = "log-query-boost-ignored";
    /// A fuzzy mark (`~`) was left out: the word itself is looked for.
    pub const FUZZY_IGNORED: &str = "log-query-fuzzy-ignored";
    /// A distance (`"a b"~5`) was left out: the words are looked for next to each other.
    pub const PROXIMITY_IGNORED: &str = "log-query-proximity-ignored";
}

/// Something worth knowing about a search text that was read nevertheless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Stable code, see [`note_code`].
    pub code: String,
    /// What was done with it.
    pub message: String,
    /// Where in the text.
    pub position: Position,
}

/// A search text as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The query.
    pub query: Query,
    /// What was left out of it, at most [`super::limits::NOTES`].
    pub notes: Vec<Note>,
}

/// What means nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ignored {
    Boost,
    Fuzzy,
    Proximity,
}

impl Ignored {
    pub(crate) fn note(self, position: Position) -> Note {
        let (code, message) = match self {
            Self::Boost => (note_code::BOOST_IGNORED, "the boost (^) is ignored: lines are not scored"),
            Self::Fuzzy => (
                note_code::FUZZY_IGNORED,
                "fuzzy search (~) is ignored: the word itself is looked for; a wildcard such as time* finds similar ones",
            ),
            Self::Proximity => (
                note_code::PROXIMITY_IGNORED,
                "the distance (~) is ignored: the words are looked for next to each other; AND finds them anywhere",
            ),
        };
        Note { code: code.to_owned(), message: message.to_owned(), position }
    }

    pub(crate) fn refusal(self, position: Position) -> ReaderError {
        let (message, hint) = match self {
            Self::Boost => (
                "boosts (^) mean nothing here: lines are not scored",
                "remove it, or write \\^ for the character",
            ),
            Self::Fuzzy => (
                "fuzzy search (~) is not supported",
                "use a wildcard such as time*, or write \\~ for the character",
            ),
            Self::Proximity => ("proximity search (~) is not supported", "join words with AND instead"),
        };
        ReaderError::new(code::QUERY_SYNTAX, message).at(position).with_hint(hint)
    }
}
