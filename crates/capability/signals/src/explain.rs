//! The words in which an alarm says what it saw. People read them at night: numbers first.

use andon_api::kinds::signals::{AlarmSpec, Comparison};
use andon_api::units::Span;
use jiff::Timestamp;

use crate::window::Window;

/// Says what a complete window held, for example ``14 lines of `level:error` in the 30s to 12:00:30 UTC, more than 5``.
pub(crate) fn counted(spec: &AlarmSpec, window: Window, count: u64, at_least: bool) -> String {
    let noun = if count == 1 { "line" } else { "lines" };
    let bound = if at_least { "at least " } else { "" };
    format!("{bound}{count} {noun} of `{}` in {}, {}", spec.query, period(window), compared(spec, count))
}

/// Says why a window could not be judged.
pub(crate) fn incomplete(window: Window, why: &str) -> String {
    format!("nothing is known of {}: {why}", period(window))
}

/// Says that a window counts towards a change of state that needs several.
pub(crate) fn in_a_row(text: String, have: u32, need: u32) -> String {
    if need > 1 { format!("{text}, {have} of {need} windows in a row") } else { text }
}

fn period(window: Window) -> String {
    let length = Span::parse(&format!("{}ms", (window.end_us - window.start_us) / 1_000)).unwrap_or_default();
    format!("the {length} to {}", time_of_day(window.end_us))
}

fn time_of_day(at_us: i64) -> String {
    match Timestamp::from_microsecond(at_us) {
        Ok(at) => format!("{} UTC", at.strftime("%H:%M:%S")),
        Err(_) => "an instant out of range".to_owned(),
    }
}

fn compared(spec: &AlarmSpec, count: u64) -> String {
    let threshold = spec.threshold;
    let difference = exact(count).partial_cmp(&threshold);
    match (spec.comparison, difference) {
        (_, Some(std::cmp::Ordering::Greater)) => format!("more than {threshold}"),
        (_, Some(std::cmp::Ordering::Less)) => format!("fewer than {threshold}"),
        (Comparison::Above, _) => format!("not more than {threshold}"),
        (Comparison::Below, _) => format!("not fewer than {threshold}"),
    }
}

/// Turns a count into a number that compares with a threshold; counts beyond 2^53 do not occur in a window.
#[expect(clippy::cast_precision_loss, reason = "a window with more than 2^53 lines does not exist")]
pub(crate) fn exact(count: u64) -> f64 {
    count as f64
}
