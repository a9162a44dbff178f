//! What a saved search must be to be run again; refused with `SIG-0002` and the place. Pure.
//!
//! Invariants: a search that is stored can be opened: its query is read here by the parser that runs it, its
//! times by the one of the API. Absent: running it, which the explorer and `andon logs` do.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::signals::SavedSearchSpec;
use andon_api::object::AnyObject;
use andon_module::read_time;
use andon_reader::query;
use jiff::Timestamp;

use crate::limits::{COLUMN_BYTES, COLUMNS, DESCRIPTION_CHARACTERS, TITLE_CHARACTERS};
use crate::unreadable::unreadable;

/// Checks a saved search as an object.
///
/// # Errors
/// `OBJ-0002` when it is none, `SIG-0002` when it could not be run.
pub(crate) fn check_object(object: &AnyObject) -> Result<(), Problem> {
    check(&object.spec_as::<SavedSearchSpec>()?)
}

/// Checks that a saved search can be run.
///
/// # Errors
/// `SIG-0002` with the field, and for the query the line and column in it.
pub(crate) fn check(spec: &SavedSearchSpec) -> Result<(), Problem> {
    check_words(spec)?;
    query::read(&spec.query).map_err(|error| unreadable(ErrorCode::SavedSearchInvalid, &spec.query, error))?;
    check_times(spec.since.as_deref(), spec.until.as_deref())?;
    check_columns(&spec.columns)
}

fn check_words(spec: &SavedSearchSpec) -> Result<(), Problem> {
    if spec.title.trim().is_empty() {
        return Err(refuse("spec.title", "The title is empty.".to_owned()).hint("Write what people call the search."));
    }
    let description = spec.description.as_deref().unwrap_or_default();
    for (place, text, most) in
        [("spec.title", spec.title.as_str(), TITLE_CHARACTERS), ("spec.description", description, DESCRIPTION_CHARACTERS)]
    {
        let characters = text.chars().count();
        if characters > most {
            return Err(refuse(place, format!("It has {characters} characters; at most {most} are kept.")));
        }
    }
    Ok(())
}

/// Reads both times; an age and a time are not compared, because which is the earlier changes with the clock.
fn check_times(since: Option<&str>, until: Option<&str>) -> Result<(), Problem> {
    let since = since.map(|text| time("spec.since", text)).transpose()?;
    let until = until.map(|text| time("spec.until", text)).transpose()?;
    match (since, until) {
        (Some(since), Some(until)) if since.is_age == until.is_age && since.at >= until.at => {
            Err(refuse("spec.until", "The time range ends before it starts, so no line is ever found.".to_owned())
                .hint("Write the earlier time, or the longer age, as `since`."))
        }
        _ => Ok(()),
    }
}

struct Bound {
    is_age: bool,
    at: Timestamp,
}

/// Reads a time at two moments: what differs between them is an age.
fn time(place: &str, text: &str) -> Result<Bound, Problem> {
    let early = Timestamp::UNIX_EPOCH;
    let read = |now| read_time(text, now).map_err(|problem| refuse(place, problem.detail.clone()).hint(HOW_TO_WRITE_TIMES));
    let (at, later) = (read(early)?, read(Timestamp::from_second(1).map_err(Problem::internal)?)?);
    Ok(Bound { is_age: at != later, at })
}

const HOW_TO_WRITE_TIMES: &str = "Write an RFC 3339 time such as 2026-01-31T09:00:00Z, or an age such as 30m, 24h, 7d.";

fn check_columns(columns: &[String]) -> Result<(), Problem> {
    if columns.len() > COLUMNS {
        return Err(refuse("spec.columns", format!("There are {} columns; at most {COLUMNS} are shown.", columns.len())));
    }
    for (index, name) in columns.iter().enumerate() {
        let place = format!("spec.columns[{index}]");
        if name.trim().is_empty() || name.len() > COLUMN_BYTES {
            return Err(refuse(&place, format!("A column is the name of a field, 1 to {COLUMN_BYTES} bytes long.")));
        }
        if columns.iter().take(index).any(|earlier| earlier == name) {
            return Err(refuse(&place, format!("The column `{name}` is named twice.")));
        }
    }
    Ok(())
}

fn refuse(place: &str, detail: String) -> Problem {
    Problem::new(ErrorCode::SavedSearchInvalid, detail).place(place)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn search(change: impl FnOnce(&mut Value)) -> Result<(), Problem> {
        let mut spec = json!({"title": "Declined payments", "query": "service:payments AND declined"});
        change(&mut spec);
        check(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn what_can_be_opened_is_kept() {
        search(|_| {}).unwrap();
        search(|spec| spec["query"] = "".into()).unwrap();
        // The search ignores it with a note.
        search(|spec| spec["query"] = "declined^2".into()).unwrap();
        search(|spec| {
            spec["since"] = "24h".into();
            spec["until"] = "1h".into();
            spec["columns"] = json!(["level", "http.status"]);
            spec["order"] = "oldest".into();
        })
        .unwrap();
        search(|spec| {
            spec["since"] = "2026-01-31T09:00:00Z".into();
            spec["until"] = "5m".into();
        })
        .unwrap();
        search(|spec| spec["until"] = "now".into()).unwrap();
    }

    #[test]
    fn a_broken_query_is_refused_with_its_column() {
        let problem = search(|spec| spec["query"] = "service:payments AND (declined".into()).unwrap_err();
        assert_eq!(problem.code, "SIG-0002");
        assert_eq!(problem.place.as_deref(), Some("spec.query[1:22]"));
        assert!(problem.detail.contains("at line 1, column 22"), "{}", problem.detail);
        assert!(problem.hint.is_some());
    }

    #[test]
    fn what_could_not_be_shown_is_refused_with_its_field() {
        for (field, value, place) in [
            ("title", json!("  "), "spec.title"),
            ("title", json!("t".repeat(201)), "spec.title"),
            ("description", json!("d".repeat(2_001)), "spec.description"),
            ("since", json!("yesterday"), "spec.since"),
            ("until", json!("soon"), "spec.until"),
            ("columns", json!(["level", ""]), "spec.columns[1]"),
            ("columns", json!(["level", "service", "level"]), "spec.columns[2]"),
            ("columns", Value::from((0..51).map(|n| format!("field{n}")).collect::<Vec<_>>()), "spec.columns"),
        ] {
            let problem = search(|spec| spec[field] = value.clone()).unwrap_err();
            assert_eq!((problem.code.as_str(), problem.place.as_deref()), ("SIG-0002", Some(place)), "{}", problem.detail);
        }
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_refused() {
        for (since, until) in [("1h", "24h"), ("now", "1h"), ("2026-02-01", "2026-01-31T09:00:00Z")] {
            let problem = search(|spec| {
                spec["since"] = since.into();
                spec["until"] = until.into();
            });
            assert_eq!(problem.unwrap_err().place.as_deref(), Some("spec.until"), "{since} {until}");
        }
    }
}
