//! Stages, tests and times as a deploy script writes them on the command line. Pure.

use andon_api::kinds::delivery::{StageReport, TestResult};
use andon_api::units::Span;
use jiff::{SignedDuration, Timestamp};

const TIME_HINT: &str =
    "Write an RFC 3339 time such as 2026-01-31T09:00:00Z, an age such as 5m, or now.";

/// Reads `NAME=START[..END][,ACTOR]`.
pub(crate) fn stage(text: &str, now: Timestamp) -> Result<StageReport, String> {
    let (name, rest) = text
        .split_once('=')
        .filter(|(name, _)| !name.trim().is_empty())
        .ok_or_else(|| format!("`{text}` is no stage: write NAME=START[..END][,ACTOR]"))?;
    let (times, actor) = match rest.split_once(',') {
        Some((times, actor)) => (
            times,
            Some(actor.trim().to_owned()).filter(|actor| !actor.is_empty()),
        ),
        None => (rest, None),
    };
    let (start, end) = match times.split_once("..") {
        Some((start, end)) => (start, Some(end.trim()).filter(|end| !end.is_empty())),
        None => (times, None),
    };
    let started_at = time(start, now)?;
    let finished_at = end.map(|end| time(end, now)).transpose()?;
    if finished_at.is_some_and(|end| end < started_at) {
        return Err(format!("the stage `{}` ends before it starts", name.trim()));
    }
    Ok(StageReport {
        name: name.trim().to_owned(),
        started_at,
        finished_at,
        actor,
        wait_reason: None,
    })
}

/// Reads a time: RFC 3339, `now`, or an age before now.
pub(crate) fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    Span::parse(text)
        .ok()
        .and_then(|age| {
            now.checked_sub(SignedDuration::from_millis(age.milliseconds()))
                .ok()
        })
        .ok_or_else(|| format!("`{text}` is no time. {TIME_HINT}"))
}

/// Reads `NAME=passed|failed|missing`.
pub(crate) fn test(text: &str) -> Result<(String, TestResult), String> {
    let (name, result) = text
        .split_once('=')
        .filter(|(name, _)| !name.trim().is_empty())
        .ok_or_else(|| {
            format!("`{text}` is no result: write NAME=passed, NAME=failed or NAME=missing")
        })?;
    let result = match result.trim() {
        "passed" => TestResult::Passed,
        "failed" => TestResult::Failed,
        "missing" => TestResult::Missing,
        other => {
            return Err(format!(
                "`{other}` is no result of a test: it is passed, failed or missing"
            ));
        }
    };
    Ok((name.trim().to_owned(), result))
}

/// Reads `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.trim().is_empty())
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| format!("`{text}` is no filter: write NAME=VALUE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-31T09:00:00Z".parse().unwrap()
    }

    fn read(text: &str) -> StageReport {
        stage(text, now()).unwrap()
    }

    #[test]
    fn a_stage_has_a_name_a_start_and_perhaps_more() {
        let plain = read("build=2026-01-31T08:00:00Z");
        assert_eq!(
            (plain.name.as_str(), plain.finished_at, plain.actor),
            ("build", None, None)
        );
        let whole =
            read("deploy=2026-01-31T08:00:00.5+00:00..2026-01-31T10:00:01+02:00,maya@acme.example");
        assert_eq!(
            whole.finished_at,
            Some("2026-01-31T08:00:01Z".parse().unwrap())
        );
        assert_eq!(whole.actor.as_deref(), Some("maya@acme.example"));
    }

    #[test]
    fn gits_own_dates_with_an_author_are_read() {
        let commit = read("commit=2026-01-31T09:30:00+02:00,Maya Lindqvist, Sam");
        assert_eq!(commit.started_at, "2026-01-31T07:30:00Z".parse().unwrap());
        assert_eq!(commit.actor.as_deref(), Some("Maya Lindqvist, Sam"));
        assert_eq!(read("commit=2026-01-31T07:30:00Z,").actor, None);
    }

    #[test]
    fn a_time_may_be_now_or_an_age() {
        let stage = read("test=10m..now");
        assert_eq!(stage.started_at, "2026-01-31T08:50:00Z".parse().unwrap());
        assert_eq!(stage.finished_at, Some(now()));
        assert_eq!(read("build=now..").finished_at, None);
    }

    #[test]
    fn what_is_no_stage_says_why() {
        for (text, why) in [
            ("build", "write NAME=START"),
            ("=now", "write NAME=START"),
            ("build=yesterday", "`yesterday` is no time"),
            ("build=2026-01-31T08:00:00", "is no time"),
            ("build=now..later", "`later` is no time"),
            ("build=now..5m", "ends before it starts"),
        ] {
            let error = stage(text, now()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn results_and_filters_are_pairs() {
        assert_eq!(
            test("idempotency=passed").unwrap(),
            ("idempotency".to_owned(), TestResult::Passed)
        );
        assert!(
            test("idempotency=ok")
                .unwrap_err()
                .contains("passed, failed or missing")
        );
        assert!(test("idempotency").is_err() && test("=passed").is_err());
        assert_eq!(
            pair("owner=group:default/a=b").unwrap(),
            ("owner".to_owned(), "group:default/a=b".to_owned())
        );
        assert!(pair("owner").is_err());
    }
}
