//! How a command ends: the exit code for scripts, and the words for people.

use std::fmt::Write as _;
use std::io;

use andon_api::{ErrorCode, Problem};
use andon_client::ClientError;
use serde_json::Value;

use crate::words::clean;

/// How a command ends, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Ok,
    /// A condition failed: a check refused, a verifier did not pass, the server refused.
    Failed,
    /// It was called wrongly.
    Usage,
    /// Nobody is signed in, or may not.
    NotAllowed,
    /// There is no Andon that answers.
    Unreachable,
}

impl Exit {
    /// Tells the number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotAllowed => 3,
            Self::Unreachable => 4,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused, or could not be reached.
    Client(ClientError),
    /// What was read on this machine has a fault, for example a repository.
    Local(Problem),
    /// The command was called wrongly.
    Usage {
        detail: String,
        place: Option<String>,
        hint: Option<String>,
    },
    /// The output could not be written.
    Output(io::Error),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Local(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::Usage {
            detail: detail.into(),
            place: None,
            hint: None,
        }
    }

    /// Turns a problem of an argument into a fault of the call.
    pub(crate) fn argument(problem: Problem) -> Self {
        Self::Usage {
            detail: problem.detail,
            place: problem.place,
            hint: problem.hint,
        }
    }

    #[must_use]
    pub(crate) fn at(mut self, new: impl Into<String>) -> Self {
        if let Self::Usage { place, .. } = &mut self {
            *place = Some(new.into());
        }
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, new: impl Into<String>) -> Self {
        if let Self::Usage { hint, .. } = &mut self {
            *hint = Some(new.into());
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => exit_of(error),
            Self::Local(_) => Exit::Failed,
            Self::Usage { .. } => Exit::Usage,
            // Whoever reads has seen enough: `andon get changes | head` is no error.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Output(_) => Exit::Failed,
        }
    }

    /// Says what went wrong, where, and what to do next; nothing for a reader that went away.
    pub(crate) fn text(&self, has_token: bool) -> String {
        match self {
            Self::Client(ClientError::Problem(problem)) => problem_text(problem, has_token),
            Self::Local(problem) => problem_text(problem, has_token),
            Self::Client(error) => lines(None, &error.to_string(), None, hint_of(error)),
            Self::Usage {
                detail,
                place,
                hint,
            } => lines(None, detail, place.as_deref(), hint.as_deref()),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => String::new(),
            Self::Output(error) => lines(
                None,
                &format!("The output cannot be written: {error}."),
                None,
                None,
            ),
        }
    }
}

fn exit_of(error: &ClientError) -> Exit {
    match error {
        ClientError::Problem(problem) => match problem.status {
            401 | 403 => Exit::NotAllowed,
            // It starts, stops or is overloaded: for a script that is as if nobody were there.
            503 => Exit::Unreachable,
            _ => Exit::Failed,
        },
        ClientError::Unreachable { .. } | ClientError::Foreign { .. } => Exit::Unreachable,
        ClientError::Shape { .. } | ClientError::Setup(_) => Exit::Failed,
        ClientError::Address { .. } | ClientError::Token => Exit::Usage,
    }
}

fn hint_of(error: &ClientError) -> Option<&'static str> {
    match error {
        ClientError::Unreachable { .. } => {
            Some("Start it with `andon serve`, or set ANDON_URL to where it runs.")
        }
        ClientError::Foreign { .. } => {
            Some("Is ANDON_URL the address of Andon, and not of a proxy or another program?")
        }
        ClientError::Shape { .. } => Some(
            "The server may be newer or older than this command; compare `andon --version` and `andon status`.",
        ),
        ClientError::Address { .. } => Some("Write for example http://127.0.0.1:4700."),
        ClientError::Token => Some("ANDON_TOKEN holds one token and nothing else."),
        ClientError::Setup(_) | ClientError::Problem(_) => None,
    }
}

fn problem_text(problem: &Problem, has_token: bool) -> String {
    let token_hint = "Set ANDON_TOKEN. The first token is in the file that `andon serve --bootstrap-token FILE` wrote.";
    let known = ErrorCode::ALL.iter().find(|code| problem.is(**code));
    let hint = match (&problem.hint, known) {
        (_, Some(ErrorCode::NotSignedIn)) if !has_token => Some(token_hint),
        (Some(hint), _) => Some(hint.as_str()),
        (None, Some(code)) => Some(code.help()),
        (None, None) => None,
    };
    let mut text = lines(
        Some(&problem.code),
        &problem.detail,
        problem.place.as_deref(),
        hint,
    );
    for missing in missing_facts(problem) {
        let _ = writeln!(text, "  missing: {}", clean(&missing));
    }
    if let Some(id) = problem
        .request_id
        .as_deref()
        .filter(|_| problem.status >= 500)
    {
        let _ = writeln!(text, "  request: {}", clean(id));
    }
    text
}

/// Reads what a gate misses, where a problem says it.
fn missing_facts(problem: &Problem) -> Vec<String> {
    let missing = problem
        .facts
        .as_ref()
        .and_then(|facts| facts.get("missing"))
        .and_then(Value::as_array);
    missing
        .into_iter()
        .flatten()
        .map(|item| {
            item.as_str()
                .map_or_else(|| item.to_string(), str::to_owned)
        })
        .collect()
}

fn lines(code: Option<&str>, detail: &str, place: Option<&str>, hint: Option<&str>) -> String {
    let code = code.map_or_else(String::new, |code| format!("[{}]", clean(code)));
    let mut text = format!("error{code}: {}\n", clean(detail));
    if let Some(place) = place {
        let _ = writeln!(text, "  at: {}", clean(place));
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "  hint: {}", clean(hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answered(code: ErrorCode) -> Failure {
        Failure::Client(ClientError::Problem(Box::new(Problem::new(
            code,
            "It did not work.",
        ))))
    }

    #[test]
    fn scripts_can_tell_how_it_ended() {
        let exit = |failure: Failure| failure.exit().code();
        assert_eq!(exit(answered(ErrorCode::VerifierFailed)), 1);
        assert_eq!(exit(answered(ErrorCode::ObjectNotFound)), 1);
        assert_eq!(exit(answered(ErrorCode::NotSignedIn)), 3);
        assert_eq!(exit(answered(ErrorCode::TokenExpired)), 3);
        assert_eq!(exit(answered(ErrorCode::NotAllowed)), 3);
        assert_eq!(exit(answered(ErrorCode::SystemUnavailable)), 4);
        let gone = ClientError::Unreachable {
            url: "http://x".into(),
            reason: "connection refused".into(),
        };
        assert_eq!(exit(gone.into()), 4);
        assert_eq!(
            exit(
                ClientError::Foreign {
                    url: "http://x".into(),
                    status: 200,
                    said: "x".into()
                }
                .into()
            ),
            4
        );
        assert_eq!(
            exit(
                ClientError::Address {
                    text: "x".into(),
                    reason: "y".into()
                }
                .into()
            ),
            2
        );
        assert_eq!(exit(Failure::usage("no")), 2);
        assert_eq!(
            exit(Failure::Local(Problem::new(ErrorCode::ImportInvalid, "no"))),
            1
        );
        assert_eq!(exit(io::Error::from(io::ErrorKind::BrokenPipe).into()), 0);
        assert_eq!(exit(io::Error::from(io::ErrorKind::StorageFull).into()), 1);
    }

    #[test]
    fn an_error_says_what_where_and_what_next() {
        let problem = Problem::new(ErrorCode::ObjectInvalid, "`spec.typ` is unknown.")
            .place("a.yaml:3:1")
            .hint("Mend it.");
        let text = Failure::Client(ClientError::Problem(Box::new(problem))).text(true);
        assert_eq!(
            text,
            "error[OBJ-0002]: `spec.typ` is unknown.\n  at: a.yaml:3:1\n  hint: Mend it.\n"
        );
    }

    #[test]
    fn a_code_without_a_hint_gives_its_help_and_a_gate_what_it_misses() {
        let problem = Problem::new(ErrorCode::GateFailed, "No.")
            .facts(json!({"missing": ["five whys", "a lesson"]}));
        let text = Failure::Client(ClientError::Problem(Box::new(problem))).text(true);
        assert!(text.contains("hint: The detail lists what is missing.\n  missing: five whys\n  missing: a lesson\n"), "{text}");
        assert!(
            answered(ErrorCode::NotSignedIn)
                .text(false)
                .contains("Set ANDON_TOKEN")
        );
    }

    #[test]
    fn nothing_that_a_server_says_can_play_with_the_terminal() {
        let problem = Problem::new(ErrorCode::ObjectInvalid, "\u{1b}[2Jgone");
        assert!(
            !Failure::Client(ClientError::Problem(Box::new(problem)))
                .text(true)
                .contains('\u{1b}')
        );
    }
}
