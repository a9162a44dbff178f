//! How a query that cannot be read is told of: the place in the object, and the place in the query in words.

use andon_api::error::{ErrorCode, Problem};
use andon_reader::ReaderError;

/// Longest part of a query that is repeated in a message, in characters.
const REPEATED_CHARACTERS: usize = 120;

/// Makes the problem of a query in `spec.query`: its place ends in `[line:column]`.
pub(crate) fn unreadable(code: ErrorCode, text: &str, error: ReaderError) -> Problem {
    // In words too: the place of a document that is applied is a place of the whole file.
    let (place, at) = match error.position {
        Some(position) => (format!("spec.query[{position}]"), format!(" at line {}, column {}", position.line, position.column)),
        None => ("spec.query".to_owned(), String::new()),
    };
    let (text, why) = (shortened(text), error.message.trim_end_matches('.'));
    let problem = Problem::new(code, format!("The query `{text}` cannot be read{at}: {why}.")).place(place);
    problem.hint(error.hint.unwrap_or_else(|| {
        "Words, \"phrases\", field:value, field:[a TO b], AND, OR, NOT and groups are understood.".to_owned()
    }))
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(REPEATED_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
