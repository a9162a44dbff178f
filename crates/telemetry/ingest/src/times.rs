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
        Value::String(text) => time_of_text(text),
        _ => None,
    }
}

/// Reads a time from text; the usual spelling without asking anybody.
pub(crate) fn time_of_text(text: &str) -> Option<i64> {
    usual_time(text.as_bytes()).or_else(|| from_text(text.trim()))
}

/// Reads `2026-01-31T08:00:00.123Z` between 1970 and 9998: with or without a fraction, with `Z`, an
/// offset or nothing, which means UTC. Nothing for what is spelt otherwise, right or wrong.
fn usual_time(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let pair = |at: usize| two_digits(*date.get(at)?, *date.get(at + 1)?);
    let is_spelt = matches!(
        date,
        [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', _, _, b':', _, _, b':', _, _]
    );
    let year = pair(0)? * 100 + pair(2)?;
    let (month, day) = (pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let is_time = hour < 24 && minute < 60 && second < 60;
    let is_date = (1970..9999).contains(&year) && day >= 1 && day <= days_of_month(year, month)?;
    if !(is_spelt && is_time && is_date) {
        return None;
    }
    let (micros, has_comma, zone) = fraction(rest)?;
    let offset_s = match zone {
        b"" => 0,
        // Only the spelling of log4j and Python has a comma, and no zone.
        _ if has_comma => return None,
        b"Z" => 0,
        _ => offset_of(zone)?,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let time_s = seconds - offset_s;
    // Before 1970 fractions would have to be rounded the other way.
    (time_s >= 0).then_some(time_s * 1_000_000 + micros)
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

/// Reads up to nine digits behind a point or comma as microseconds, and gives what follows.
fn fraction(rest: &[u8]) -> Option<(i64, bool, &[u8])> {
    let Some((mark @ (b'.' | b','), digits)) = rest.split_first() else {
        return Some((0, false, rest));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let (digits, zone) = digits.split_at_checked(count)?;
    let kept = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    let micros = kept.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((micros, *mark == b',', zone))
}

/// Reads `+01:00`; minus zero means something else.
fn offset_of(zone: &[u8]) -> Option<i64> {
    let [sign @ (b'+' | b'-'), h, hh, b':', m, mm] = *zone else {
        return None;
    };
    let (hours, minutes) = (two_digits(h, hh)?, two_digits(m, mm)?);
    let seconds = hours * 3_600 + minutes * 60;
    if hours > 14 || minutes > 59 || (sign == b'-' && seconds == 0) {
        return None;
    }
    Some(if sign == b'-' { -seconds } else { seconds })
}

fn days_of_month(year: i64, month: i64) -> Option<i64> {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days in the proleptic Gregorian calendar; years begin in March, so that leap days come last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
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
pub(crate) fn from_count(count: i64) -> i64 {
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
    use proptest::prelude::*;
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
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_usual_spelling_means_what_it_means_to_jiff(text in prop_oneof![
            "(19[67][0-9]|20[0-9]{2}|999[89])-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.,][0-9]{0,10})?(Z|[+-][01][0-9]:[0-6][0-9]|)",
            "[0-9]{4}-0[1-9]-[012][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z",
            "[-0-9T:.,Z+ ]{0,30}",
        ]) {
            if let Some(time) = usual_time(text.as_bytes()) {
                prop_assert_eq!(Some(time), from_text(text.trim()), "{}", text);
            }
        }
    }
}
