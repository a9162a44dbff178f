//! Times as senders write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Reads a time: RFC 3339, `2026-01-31 08:00:00` (UTC), or a count since 1970 in seconds,
/// milliseconds, microseconds or nanoseconds, told apart by its size.
pub(crate) fn time_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(from_count)
            .or_else(|| number.as_f64().and_then(from_fraction)),
        Value::String(text) => from_text(text.trim()),
        _ => None,
    }
}

fn from_text(text: &str) -> Option<i64> {
    let first = text.bytes().next()?;
    if text.len() > 64 || !(first.is_ascii_digit() || first == b'-' || first == b'+') {
        return None;
    }
    if let Ok(count) = text.parse::<i64>() {
        return Some(from_count(count));
    }
    if let Ok(fraction) = text.parse::<f64>() {
        return from_fraction(fraction);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_microsecond());
    }
    // log4j and Python write a comma before the milliseconds.
    let with_point = text.replacen(',', ".", 1);
    let civil: DateTime = with_point.parse().ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

/// Seconds reach the year 5138 before they look like milliseconds, and so on.
fn from_count(count: i64) -> i64 {
    match count.unsigned_abs() {
        0..100_000_000_000 => count.saturating_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => count.saturating_mul(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => count,
        _ => count / 1_000,
    }
}

fn from_fraction(count: f64) -> Option<i64> {
    let size = count.abs();
    let micros = if !size.is_finite() {
        return None;
    } else if size < 1e11 {
        count * 1e6
    } else if size < 1e14 {
        count * 1e3
    } else if size < 1e17 {
        count
    } else {
        count / 1e3
    };
    #[allow(clippy::cast_possible_truncation)]
    Some(micros.round() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_in_the_usual_spellings() {
        let expected = Some(1_767_225_600_250_000);
        for value in [
            json!("2026-01-01T00:00:00.25Z"),
            json!("2026-01-01T01:00:00.25+01:00"),
            json!("2026-01-01 00:00:00,250"),
            json!("2026-01-01 00:00:00.25"),
            json!("2026-01-01T00:00:00.250"),
            json!(1_767_225_600.25),
            json!(1_767_225_600_250i64),
            json!(1_767_225_600_250_000i64),
            json!(1_767_225_600_250_000_000i64),
            json!("1767225600250"),
            json!("1767225600.25"),
        ] {
            assert_eq!(time_of(&value), expected, "{value}");
        }
        for value in [
            json!("soon"),
            json!(null),
            json!(true),
            json!(""),
            json!("-"),
            json!({"a": 1}),
        ] {
            assert_eq!(time_of(&value), None, "{value}");
        }
    }
}
