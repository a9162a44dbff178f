//! Ages, lengths of time and numbers as people read them. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// From this age on the date says more, in days.
const AGE_DAYS_MAX: i64 = 90;

/// Tells how long ago a time is, for example `3m ago`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    let far = seconds.abs();
    if far < 1 {
        return "now".to_owned();
    }
    if far > AGE_DAYS_MAX * 86_400 {
        return then.to_zoned(TimeZone::UTC).date().to_string();
    }
    let length = match far {
        0..60 => format!("{far}s"),
        60..3_600 => format!("{}m", far / 60),
        3_600..172_800 => format!("{}h", far / 3_600),
        _ => format!("{}d", far / 86_400),
    };
    if seconds < 0 {
        format!("in {length}")
    } else {
        format!("{length} ago")
    }
}

/// Tells a length of time in its two largest units, for example `4m 12s`.
pub(crate) fn length(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let ms = milliseconds.unsigned_abs();
    let (seconds, minutes, hours, days) =
        (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let text = match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{seconds}s"),
        60_000..3_600_000 => format!("{minutes}m {:02}s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    };
    format!("{sign}{text}")
}

/// Tells a moment to the second, for example `2026-01-31T09:00:00Z`, as it can be given back to a command.
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Tells a moment to the millisecond, as log lines need it.
pub(crate) fn moment_ms(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Tells a number with its thousands apart, for example `12,345`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// Tells bytes in a unit of their size.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = number;
    while scaled >= 10 * 1_024 && unit + 1 < UNITS.len() {
        scaled /= 1_024;
        unit += 1;
    }
    format!("{scaled} {}", UNITS[unit])
}

/// Takes out what would steer a terminal; line breaks and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(steers) {
        text.chars()
            .map(|c| if steers(c) { '\u{fffd}' } else { c })
            .collect()
    } else {
        text.to_owned()
    }
}

/// Brings a text into one line.
pub(crate) fn one_line(text: &str) -> String {
    if text.contains(['\n', '\t', '\r']) {
        clean(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        clean(text)
    }
}

/// Shortens a text to a number of characters.
pub(crate) fn shorten(text: &str, characters_max: usize) -> String {
    if text.chars().count() <= characters_max {
        return text.to_owned();
    }
    let mut short: String = text
        .chars()
        .take(characters_max.saturating_sub(1))
        .collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn ages_are_short_and_old_ones_are_dates() {
        let told = |seconds: i64| age(at(-seconds), at(0));
        assert_eq!(told(0), "now");
        assert_eq!(told(59), "59s ago");
        assert_eq!(told(180), "3m ago");
        assert_eq!(told(47 * 3_600), "47h ago");
        assert_eq!(told(86_400 * 3), "3d ago");
        assert_eq!(told(86_400 * 100), "2026-10-07");
        assert_eq!(told(-300), "in 5m");
    }

    #[test]
    fn lengths_have_two_units() {
        let told: Vec<String> = [
            0,
            850,
            12_000,
            252_000,
            3 * 3_600_000 + 300_000,
            52 * 3_600_000,
            -60_000,
        ]
        .map(length)
        .into();
        assert_eq!(
            told,
            [
                "0ms", "850ms", "12s", "4m 12s", "3h 05m", "2d 04h", "-1m 00s"
            ]
        );
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567, -1_000].map(count),
            ["0", "999", "1,000", "1,234,567", "-1,000"]
        );
        assert_eq!(
            [0, 9_000, 20_480, 21_474_836_480].map(bytes),
            ["0 B", "9000 B", "20 KiB", "20 GiB"]
        );
        assert_eq!(moment_ms(at(0)), "2027-01-15T08:00:00.000Z");
        assert_eq!(moment(at(0)), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            clean("a\u{1b}[31mb\u{7}\u{9b}\u{202e}\tc\n"),
            "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}\tc\n"
        );
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        assert_eq!(shorten("abcdef", 4), "abc…");
    }
}
