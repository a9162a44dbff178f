//! What an alarm must be to be evaluated; refused with `SIG-0001` and the place.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::signals::{AlarmSpec, Comparison};
use andon_api::object::AnyObject;
use andon_reader::query;

use crate::limits::{WINDOW_MAX_MS, WINDOW_MIN_MS, WINDOWS_IN_A_ROW_MAX};
use crate::unreadable::unreadable;

/// Checks an alarm as an object.
///
/// # Errors
/// `OBJ-0002` when it is no alarm, `SIG-0001` when it cannot be evaluated.
pub(crate) fn check_object(object: &AnyObject) -> Result<(), Problem> {
    check(&object.spec_as::<AlarmSpec>()?)
}

/// Checks that an alarm can be evaluated.
///
/// # Errors
/// `SIG-0001` with the field, and for the query the line and column in it.
pub(crate) fn check(spec: &AlarmSpec) -> Result<(), Problem> {
    query::parse(&spec.query).map_err(|error| unreadable(ErrorCode::AlarmInvalid, &spec.query, error))?;
    let window_ms = spec.window.milliseconds();
    if !(WINDOW_MIN_MS..=WINDOW_MAX_MS).contains(&window_ms) {
        return Err(refuse("spec.window", format!("The window is {}; it must be between 1s and 1d.", spec.window)));
    }
    if !spec.threshold.is_finite() || spec.threshold < 0.0 {
        return Err(refuse("spec.threshold", "The threshold must be a number of lines, 0 or more.".to_owned()));
    }
    if spec.comparison == Comparison::Below && spec.threshold == 0.0 {
        let text = "Fewer than 0 lines never happens, so the alarm would never fire.".to_owned();
        return Err(refuse("spec.threshold", text).hint("Write `threshold: 1` to fire when there are none."));
    }
    for (place, windows) in
        [("spec.breachingWindows", spec.breaching_windows), ("spec.clearWindows", spec.clear_windows)]
    {
        if windows == 0 || windows > WINDOWS_IN_A_ROW_MAX {
            let text = format!("{windows} windows in a row cannot be asked for; write 1 to {WINDOWS_IN_A_ROW_MAX}.");
            return Err(refuse(place, text));
        }
    }
    Ok(())
}

fn refuse(place: &str, detail: String) -> Problem {
    Problem::new(ErrorCode::AlarmInvalid, detail).place(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(change: impl FnOnce(&mut serde_json::Value)) -> Result<(), Problem> {
        let mut spec = serde_json::json!({
            "service": "component:default/payments", "query": "service:payments AND level:error",
            "window": "30s", "threshold": 5,
        });
        change(&mut spec);
        check(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_sound_alarm_passes() {
        alarm(|_| {}).unwrap();
        alarm(|spec| spec["query"] = "*".into()).unwrap();
    }

    #[test]
    fn a_broken_query_is_refused_with_its_place() {
        let problem = alarm(|spec| spec["query"] = "service:payments AND (level:error".into()).unwrap_err();
        assert_eq!(problem.code, "SIG-0001");
        let place = problem.place.unwrap();
        assert!(place.starts_with("spec.query[1:"), "{place}");
        assert!(problem.detail.contains("at line 1, column "), "{}", problem.detail);
        assert!(problem.hint.is_some());
    }

    #[test]
    fn what_could_never_fire_or_never_end_is_refused() {
        for (field, value) in [
            ("window", serde_json::json!("500ms")),
            ("window", serde_json::json!("2d")),
            ("threshold", serde_json::json!(-1)),
            ("breachingWindows", serde_json::json!(0)),
            ("clearWindows", serde_json::json!(1000)),
        ] {
            let problem = alarm(|spec| spec[field] = value.clone()).unwrap_err();
            assert_eq!(problem.code, "SIG-0001");
            assert_eq!(problem.place.unwrap(), format!("spec.{field}"));
        }
        let never = alarm(|spec| {
            spec["comparison"] = "below".into();
            spec["threshold"] = 0.into();
        });
        assert!(never.is_err());
    }
}
