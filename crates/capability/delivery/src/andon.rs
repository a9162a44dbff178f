//! The andon from pull to release.
//!
//! Invariants: pure; at most one andon per scope is open, further pulls join it; nothing but a
//! release with a countermeasure lets the line run again; a repeated call changes nothing.

use andon_api::kinds::delivery::{AndonSpec, AndonState, AndonStatus, PullAndon, Pull};
use andon_api::{ErrorCode, ObjectRef, Problem};
use jiff::Timestamp;

use crate::limits::{ANSWER_MS_MAX, CASE_BYTES_MAX, PULLS_MAX, WORDS_BYTES_MAX};
use crate::scope::ScopeName;

/// What a pull leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pulled {
    /// The line stops with this new andon.
    Opened(AndonSpec, AndonStatus),
    /// The line was stopped already; the pull is added.
    Joined(AndonSpec, AndonStatus),
    /// The very same pull was recorded before.
    Known,
}

/// Who pulls, and why, for which alarm.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Puller {
    pub(crate) by: String,
    pub(crate) alarm: Option<ObjectRef>,
}

/// Decides what a pull leads to.
///
/// # Errors
/// `REQ-0001` when the words or the case number are too long.
pub(crate) fn pull(
    open: Option<(&AndonSpec, &AndonStatus)>,
    scope: &ScopeName,
    command: &PullAndon,
    puller: &Puller,
    now: Timestamp,
) -> Result<Pulled, Problem> {
    let reason = checked(&command.reason, "reason", WORDS_BYTES_MAX)?;
    let case = checked(command.case.as_deref().unwrap_or_default(), "case", CASE_BYTES_MAX)?;
    let case = (!case.is_empty()).then_some(case);
    let Some((spec, status)) = open else {
        let spec = AndonSpec {
            scope: scope.to_string(),
            reason,
            cases: case.into_iter().collect(),
            pulled_by: puller.by.clone(),
            alarm: puller.alarm.clone(),
        };
        return Ok(Pulled::Opened(spec, AndonStatus { pulled_at: Some(now), ..AndonStatus::default() }));
    };
    if is_known(spec, status, puller, &reason, case.as_ref()) {
        return Ok(Pulled::Known);
    }
    let (mut spec, mut status) = (spec.clone(), status.clone());
    if let Some(case) = case.as_ref().filter(|case| !spec.cases.contains(case)) {
        spec.cases.push(case.clone());
    }
    spec.alarm = spec.alarm.or_else(|| puller.alarm.clone());
    status.pulls.push(Pull { by: puller.by.clone(), at: now, reason, case });
    if status.pulls.len() > PULLS_MAX {
        status.pulls.remove(0);
    }
    spec.cases.truncate(PULLS_MAX);
    Ok(Pulled::Joined(spec, status))
}

fn is_known(spec: &AndonSpec, status: &AndonStatus, puller: &Puller, reason: &str, case: Option<&String>) -> bool {
    let first = spec.pulled_by == puller.by
        && spec.reason == reason
        && spec.cases.first() == case
        && puller.alarm.as_ref().is_none_or(|alarm| spec.alarm.as_ref() == Some(alarm));
    first || status.pulls.iter().any(|pull| pull.by == puller.by && pull.reason == reason && pull.case.as_ref() == case)
}

fn checked(text: &str, place: &str, bytes_max: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.len() > bytes_max {
        return Err(Problem::new(ErrorCode::RequestInvalid, format!("The {place} is over {bytes_max} bytes.")).place(place));
    }
    Ok(text.to_owned())
}

/// Decides what an acknowledgement leads to; `None` when somebody is on it already.
///
/// # Errors
/// `DEL-0004` when the line runs again.
pub(crate) fn acknowledge(status: &AndonStatus, by: &str, now: Timestamp) -> Result<Option<AndonStatus>, Problem> {
    match status.state {
        AndonState::Pulled => Ok(Some(AndonStatus {
            state: AndonState::Acknowledged,
            acknowledged_at: Some(now),
            acknowledged_by: Some(by.to_owned()),
            ..status.clone()
        })),
        AndonState::Acknowledged => Ok(None),
        AndonState::Released => Err(already_released(status)),
    }
}

/// Decides what a release leads to.
///
/// # Errors
/// `DEL-0004` when the line runs already or no countermeasure is told.
pub(crate) fn release(status: &AndonStatus, countermeasure: &str, by: &str, now: Timestamp) -> Result<AndonStatus, Problem> {
    if status.state == AndonState::Released {
        return Err(already_released(status));
    }
    let countermeasure = checked(countermeasure, "countermeasure", WORDS_BYTES_MAX)?;
    if countermeasure.is_empty() {
        return Err(Problem::new(ErrorCode::AndonState, "The andon is released with a countermeasure, and none is told.")
            .place("countermeasure")
            .hint("Say what was done against the cause, for example `rolled back to version 1`."));
    }
    Ok(AndonStatus {
        state: AndonState::Released,
        released_at: Some(now),
        released_by: Some(by.to_owned()),
        countermeasure: Some(countermeasure),
        ..status.clone()
    })
}

fn already_released(status: &AndonStatus) -> Problem {
    let by = status.released_by.as_deref().unwrap_or("somebody");
    let at = status.released_at.map_or_else(|| "earlier".to_owned(), |at| format!("at {at}"));
    Problem::new(ErrorCode::AndonState, format!("The andon was released {at} by {by}."))
        .hint("Pull it again if something is still wrong.")
}

/// Tells whether the andon has waited too long for an answer.
pub(crate) fn is_unanswered(status: &AndonStatus, now: Timestamp) -> bool {
    let waited_ms = |at: Timestamp| now.as_millisecond() - at.as_millisecond();
    status.state == AndonState::Pulled && status.pulled_at.is_some_and(|at| waited_ms(at) >= ANSWER_MS_MAX)
}

/// Says in one sentence what stands and why, for a refusal at 3 a.m.
pub(crate) fn sentence(spec: &AndonSpec, status: &AndonStatus) -> String {
    let since = status.pulled_at.map_or_else(String::new, |at| format!(" since {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
    let scope = if spec.scope == "*" { "the whole line" } else { &spec.scope };
    let words = if spec.reason.is_empty() { String::new() } else { format!(": “{}”", spec.reason) };
    let cases = match spec.cases.as_slice() {
        [] => String::new(),
        [case] => format!(" (case {case})"),
        cases => format!(" (cases {})", cases.join(", ")),
    };
    let more = match status.pulls.len() {
        0 => String::new(),
        1 => ", and pulled once more".to_owned(),
        count => format!(", and pulled {count} more times"),
    };
    format!("The andon on {scope} is pulled{since} by {}{words}{cases}{more}.", spec.pulled_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn person(name: &str) -> Puller {
        Puller { by: format!("user:default/{name}"), alarm: None }
    }

    fn command(reason: &str, case: &str) -> PullAndon {
        PullAndon { scope: "payments".into(), reason: reason.into(), case: (!case.is_empty()).then(|| case.to_owned()) }
    }

    fn opened() -> (AndonSpec, AndonStatus) {
        let scope = ScopeName::parse("payments").unwrap();
        match pull(None, &scope, &command("they were charged twice", "4711"), &person("ida"), at(0)).unwrap() {
            Pulled::Opened(spec, status) => (spec, status),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pull_stops_the_line_with_the_words_and_the_case() {
        let (spec, status) = opened();
        assert_eq!((spec.scope.as_str(), spec.cases.as_slice()), ("component:default/payments", &["4711".to_owned()][..]));
        assert_eq!((status.state, status.pulled_at), (AndonState::Pulled, Some(at(0))));
    }

    #[test]
    fn further_pulls_join_the_same_andon_with_their_case() {
        let (spec, status) = opened();
        let scope = ScopeName::parse("payments").unwrap();
        let alarm = Puller { by: "system:alarms".into(), alarm: Some(ObjectRef::new("alarm", "default", "errors")) };
        let Pulled::Joined(spec, status) = pull(Some((&spec, &status)), &scope, &command("errors", ""), &alarm, at(5)).unwrap() else {
            panic!("not joined")
        };
        assert_eq!((status.pulls.len(), spec.alarm.as_ref()), (1, alarm.alarm.as_ref()));
        let Pulled::Joined(spec, status) = pull(Some((&spec, &status)), &scope, &command("me too", "4712"), &person("tom"), at(9)).unwrap() else {
            panic!("not joined")
        };
        assert_eq!((spec.cases.len(), status.pulls.len(), status.pulled_at), (2, 2, Some(at(0))));
    }

    #[test]
    fn the_same_pull_sent_twice_is_one_pull() {
        let (spec, status) = opened();
        let scope = ScopeName::parse("payments").unwrap();
        let again = pull(Some((&spec, &status)), &scope, &command("they were charged twice", "4711"), &person("ida"), at(2));
        assert_eq!(again.unwrap(), Pulled::Known);
    }

    #[test]
    fn an_answer_is_taken_once_and_a_release_needs_a_countermeasure() {
        let (_, status) = opened();
        let acknowledged = acknowledge(&status, "user:default/maya", at(60)).unwrap().unwrap();
        assert!(acknowledge(&acknowledged, "user:default/sam", at(61)).unwrap().is_none());
        let refused = release(&acknowledged, "  ", "user:default/maya", at(90)).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.place.as_deref()), ("DEL-0004", Some("countermeasure")));
        let released = release(&acknowledged, "rolled back", "user:default/maya", at(90)).unwrap();
        assert_eq!(released.state, AndonState::Released);
        assert_eq!(release(&released, "again", "x", at(99)).unwrap_err().code, "DEL-0004");
        assert_eq!(acknowledge(&released, "x", at(99)).unwrap_err().code, "DEL-0004");
    }

    #[test]
    fn five_minutes_without_an_answer_are_too_long() {
        let (_, status) = opened();
        assert!(!is_unanswered(&status, at(299)));
        assert!(is_unanswered(&status, at(300)));
        let acknowledged = acknowledge(&status, "x", at(10)).unwrap().unwrap();
        assert!(!is_unanswered(&acknowledged, at(10_000)));
    }

    #[test]
    fn the_sentence_says_what_since_when_by_whom_and_why() {
        let (spec, status) = opened();
        assert_eq!(
            sentence(&spec, &status),
            "The andon on component:default/payments is pulled since 2023-11-14 22:13:20 UTC by user:default/ida: “they were charged twice” (case 4711)."
        );
    }

    #[test]
    fn words_beyond_the_limit_are_refused_not_cut() {
        let scope = ScopeName::Line;
        let long = command(&"x".repeat(WORDS_BYTES_MAX + 1), "");
        assert_eq!(pull(None, &scope, &long, &person("ida"), at(0)).unwrap_err().place.as_deref(), Some("reason"));
    }
}
