//! Problems: what went wrong, where, and what to do next, under a stable code.
//!
//! Every problem carries two texts. `detail` and `hint` are for the caller; `internal` is for the
//! operator's log and never travels (it is not serialised and has no `Display`).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a problem means to whoever called, in the words of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The request cannot be understood or breaks a rule of its own (400).
    Invalid,
    /// Nobody is signed in (401).
    Unauthenticated,
    /// The caller may not (403).
    Forbidden,
    /// There is no such thing (404).
    NotFound,
    /// The world has moved on, or a rule of the world stands against it (409).
    Conflict,
    /// It is larger than allowed (413).
    TooLarge,
    /// It is well formed but cannot be done as asked (422).
    Unprocessable,
    /// There were too many (429).
    TooMany,
    /// Andon is at fault (500).
    Internal,
    /// It may work later (503).
    Unavailable,
    /// There is no room on the disk (507).
    Full,
}

impl Meaning {
    /// Tells the HTTP status of the meaning.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Unprocessable => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::Full => 507,
        }
    }

    /// Tells whether the same call may succeed later.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable | Self::Full)
    }
}

macro_rules! error_codes {
    ($($variant:ident $code:literal $meaning:ident $title:literal $help:literal;)*) => {
        /// The stable code of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)*
        }

        impl ErrorCode {
            /// Lists every code, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Tells the code as people quote it, for example `OBJ-0001`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Tells what the code means in the words of HTTP.
            pub const fn meaning(self) -> Meaning {
                match self { $(Self::$variant => Meaning::$meaning,)* }
            }

            /// Tells the title, the same for every problem of the code.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Tells why it happens and what to do: the help page of the code.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

error_codes! {
    SystemFault "SYS-0001" Internal "Andon failed"
        "Something that should not happen did. Nothing was half applied. The server's log has the details under the request's id; please report it.";
    SystemUnavailable "SYS-0002" Unavailable "Not available now"
        "A part that the call needs is starting, stopping or overloaded. Try again in a moment; `andon status` shows which part.";
    DiskFull "SYS-0003" Full "No room on the disk"
        "The data directory's disk is full, so the call was refused rather than half stored. Free space or lower the retention; Andon goes on by itself once there is room.";
    RequestInvalid "REQ-0001" Invalid "The request cannot be read"
        "A parameter or the body is malformed. The detail names the place.";
    RequestTooLarge "REQ-0002" TooLarge "The request is too large"
        "The body is over the limit that the detail names. Send it in parts.";
    NoSuchPath "REQ-0003" NotFound "No such path"
        "The API has no such path or verb. `GET /api/v1/openapi.json` lists them all.";
    TooManyRequests "REQ-0004" TooMany "Too many requests"
        "The limit that the detail names is reached. Wait and try again.";
    NotSignedIn "AUT-0001" Unauthenticated "Not signed in"
        "Send `Authorization: Bearer <token>`, or sign in. `andon` reads ANDON_TOKEN.";
    TokenExpired "AUT-0002" Unauthenticated "The token has expired or was revoked"
        "Make a new one with `andon token create`, or ask an administrator.";
    NotAllowed "AUT-0003" Forbidden "Not allowed"
        "No rule allows this call. The detail names the permission that is missing; `andon can` explains.";
    SignatureInvalid "AUT-0004" Unauthenticated "The signature does not fit"
        "The call's signature was not made with the secret of this source. Nothing was stored. Compare the secrets on both sides.";
    ObjectNotFound "OBJ-0001" NotFound "No such object"
        "No object of this kind has this name. `andon get <kind>` lists them.";
    ObjectInvalid "OBJ-0002" Unprocessable "The object does not fit its kind"
        "A field is unknown, missing or of the wrong type. The detail names file, line and column; `andon explain <kind>` shows the fields.";
    ReferenceInvalid "OBJ-0003" Unprocessable "Not a reference"
        "References read `[kind:][namespace/]name`.";
    DurationInvalid "OBJ-0004" Unprocessable "Not a duration"
        "Durations read 30s, 5m, 12h, 7d, or a sum such as 1h30m.";
    VersionConflict "OBJ-0005" Conflict "The object has changed since you read it"
        "Somebody else stored a newer version. Read it again, repeat your change on it, and send it with the new version.";
    ReferenceBroken "OBJ-0006" Unprocessable "A reference leads nowhere"
        "The object names another that does not exist. Apply both together, or create the other first.";
    KindUnknown "OBJ-0007" NotFound "No such kind"
        "`andon kinds` lists the kinds of this server.";
    RecordReadOnly "OBJ-0008" Conflict "Records are written by the system"
        "Objects of this kind are opened and closed by their own verbs, not by apply or delete. `andon explain <kind>` names the verbs.";
    YamlInvalid "OBJ-0009" Invalid "The YAML cannot be read"
        "The detail names file, line and column. Duplicate keys, tabs and unknown anchors are refused.";
    TooManyDocuments "OBJ-0010" TooLarge "Too many documents at once"
        "One apply takes at most 10,000 documents, all or none. Send them in parts.";
    ObjectInUse "OBJ-0011" Conflict "Other objects name this one"
        "Delete or change the objects that the detail names first.";
    LedgerDamaged "LED-0001" Internal "The ledger does not verify"
        "An entry, or the chain between two entries, is not what was written. The detail names the first sequence number that fails. Keep the data directory as it is and restore from a backup.";
    AndonPulled "DEL-0001" Conflict "The andon is pulled"
        "The line is stopped for this scope. The detail says who pulled it and why. Roll back (always allowed), or release the andon with a countermeasure.";
    ChangeRefused "DEL-0002" Conflict "A policy refuses the change"
        "The detail names the policy, its reason and the lesson it comes from.";
    ChangeInvalid "DEL-0003" Unprocessable "The change cannot be recorded so"
        "A stage is unknown, ends before it starts, or the service does not exist.";
    AndonState "DEL-0004" Conflict "The andon is not in a state for that"
        "The detail says in which state it is. Release needs a countermeasure.";
    ImportInvalid "DEL-0005" Unprocessable "The import has a line that cannot be read"
        "The detail names the file and line. Nothing of that batch was stored.";
    QueryInvalid "LOG-0001" Invalid "The query cannot be read"
        "The detail names the place. Words, \"phrases\", field:value, field:[a TO b], AND OR NOT and groups are understood.";
    QueryTooExpensive "LOG-0002" Unprocessable "The query exceeds its budget"
        "It was stopped at the limit that the detail names. Narrow the time range or the filter.";
    SqlRefused "LOG-0003" Invalid "The SQL is refused"
        "Only one reading statement is allowed. The detail names the place.";
    IngestInvalid "LOG-0004" Invalid "The telemetry cannot be read"
        "The body is not what its content type says. Nothing of it was stored.";
    LineNotFound "LOG-0010" NotFound "No such log line"
        "No stored line has this id: it was deleted by the retention or by a deletion, or lies in the archive. Search for its words instead.";
    ArchiveFailed "LOG-0005" Unavailable "A place of log files cannot be used"
        "The archive, or the home of the segments (`--segments`), refuses or cannot be reached; the detail says which. Lines that were to go there stay on the disk and are searchable. `andon telemetry status` shows both and when they are tried again.";
    ArchiveState "LOG-0006" Conflict "The archive is not in a state for that"
        "There is no archive, no room for what should come back, or the line asked for is in the archive and has to be restored first. The detail says which.";
    DeletionNotFound "LOG-0007" NotFound "No such deletion"
        "No deletion of log lines has this number. `andon logs deletions` lists them.";
    ScheduleInvalid "RSP-0001" Unprocessable "The schedule cannot be worked out"
        "The time zone is unknown, nobody is in the rotation, or the hand-off is not a time of day.";
    AlertState "RSP-0002" Conflict "The alert is not in a state for that"
        "The detail says in which state it is.";
    PageLinkInvalid "RSP-0003" NotFound "The page link does not fit"
        "The link is damaged, has expired or belongs to a page that is no longer open. Sign in to see the alert.";
    IncidentState "RSP-0004" Conflict "The incident is not in a state for that"
        "The detail says in which state it is.";
    AlarmInvalid "SIG-0001" Unprocessable "The alarm cannot be evaluated"
        "Its query or its threshold does not make sense. The detail names the place.";
    SavedSearchInvalid "SIG-0002" Unprocessable "The saved search cannot be run"
        "Its query cannot be read, or its times or columns do not make sense. The detail names the place, for the query with line and column.";
    StreamInvalid "SIG-0003" Unprocessable "The stream cannot be used"
        "Its query cannot be read, or its name is taken by Andon. The detail names the place, for the query with line and column.";
    GateFailed "LRN-0001" Conflict "A gate of the COE is not met"
        "The detail lists what is missing.";
    VerifierFailed "LRN-0002" Conflict "The verifier does not pass"
        "An action is closed by its verifier alone. The detail says what the verifier saw.";
    ActionInvalid "LRN-0003" Unprocessable "The corrective action is incomplete"
        "A corrective action has an owner, a due date and a verifier.";
    PolicyInvalid "GOV-0001" Unprocessable "The policy does not compile"
        "The detail names the line and column of the Rego text.";
    PolicyFailed "GOV-0002" Conflict "A policy could not be evaluated"
        "It ran into its limit of time or memory, or failed. What cannot be judged is refused, never let through. Mend the policy or take it out of enforcement.";
}

/// What went wrong, in the form of RFC 9457 (`application/problem+json`).
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The address of the help page of the code.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The title, the same for every problem of the code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code, for example `OBJ-0001`.
    pub code: String,
    /// What happened, for the caller.
    pub detail: String,
    /// Where: file, line and column, or a field's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The id under which the operator finds the call in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Facts for programs, for example the reasons of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<serde_json::Value>,
    #[serde(skip)]
    #[schemars(skip)]
    internal: Option<String>,
}

impl Problem {
    /// Makes a problem with a text for the caller.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            problem_type: format!("/help/errors/{}", code.code()),
            title: code.title().to_owned(),
            status: code.meaning().status(),
            code: code.code().to_owned(),
            detail: detail.into(),
            place: None,
            hint: None,
            request_id: None,
            facts: None,
            internal: None,
        }
    }

    /// Makes the problem of a fault of Andon itself; the cause is for the operator alone.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut problem = Self::new(ErrorCode::SystemFault, "Andon failed; nothing was half applied.");
        problem.internal = Some(cause.to_string());
        problem
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says where.
    #[must_use]
    pub fn place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Adds facts for programs.
    #[must_use]
    pub fn facts(mut self, facts: serde_json::Value) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Adds the operator's text.
    #[must_use]
    pub fn operator(mut self, text: impl fmt::Display) -> Self {
        self.internal = Some(text.to_string());
        self
    }

    /// Tells the operator's text.
    pub fn operator_text(&self) -> Option<&str> {
        self.internal.as_deref()
    }

    /// Tells whether this problem has the code.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.code()
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: {}", self.code, self.title, self.detail)?;
        if let Some(place) = &self.place {
            write!(out, " at {place}")?;
        }
        if let Some(internal) = &self.internal {
            write!(out, " (operator: {internal})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_every_code_has_a_page() {
        let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|code| code.help().len() > 20));
    }

    #[test]
    fn the_operators_text_never_travels() {
        let problem = Problem::internal("password=hunter2");
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
        assert!(!problem.to_string().contains("hunter2"));
    }
}
