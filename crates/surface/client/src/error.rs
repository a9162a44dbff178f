//! What can go wrong between the caller and the server.

use std::error::Error;

use andon_api::Problem;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with a problem.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Nobody answered, or not in time.
    #[error("Andon at {url} cannot be reached: {reason}.")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Somebody answered, but not Andon.
    #[error("{url} answered {status}, and not as Andon does: {said}.")]
    Foreign {
        /// Who answered.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        said: String,
    },
    /// Andon answered in a form that this client does not know.
    #[error("The answer of {url} is not understood: {reason}.")]
    Shape {
        /// Who answered.
        url: String,
        /// What does not fit.
        reason: String,
    },
    /// The address cannot be one of a server.
    #[error("`{text}` is no address of a server: {reason}.")]
    Address {
        /// The address.
        text: String,
        /// Why not.
        reason: String,
    },
    /// The token cannot be one.
    #[error("The token is empty or holds a character that no token has.")]
    Token,
    /// The machine's own side of the connection cannot be set up.
    #[error("The connection cannot be set up: {0}.")]
    Setup(String),
}

impl ClientError {
    pub(crate) fn unreachable(base: &reqwest::Url, reason: impl Into<String>) -> Self {
        Self::Unreachable {
            url: base.as_str().trim_end_matches('/').to_owned(),
            reason: reason.into(),
        }
    }

    /// Tells the problem, where the server answered with one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}

/// Says in a few words why a connection failed: the innermost cause is the one that helps.
pub(crate) fn reason_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "there was no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    // The number of the operating system's error says nothing more.
    let text = text
        .split(" (os error")
        .next()
        .unwrap_or(&text)
        .trim_end_matches('.');
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "the connection failed".to_owned(),
    }
}
