//! The times of syslog headers.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// What a time without year or zone is read against.
#[derive(Debug, Clone)]
pub(crate) struct Reference<'a> {
    /// Now, microseconds since the epoch.
    pub(crate) now_us: i64,
    /// The zone of times that say none: RFC 3164 has the sender's local time.
    pub(crate) zone: &'a TimeZone,
}

/// Reads the time at the beginning of an RFC 3164 header and gives it with what follows.
pub(crate) fn leading(text: &str, reference: &Reference<'_>) -> Option<(i64, usize)> {
    rfc3339(text).or_else(|| month_first(text, reference))
}

/// `2026-01-31T08:00:00.123456+01:00`, up to the next blank.
fn rfc3339(text: &str) -> Option<(i64, usize)> {
    let end = text.find(' ').unwrap_or(text.len());
    let token = text.get(..end)?;
    // Cheaper than an attempt for each of the other forms.
    if !(20..=40).contains(&token.len()) || !token.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    Some((token.parse::<Timestamp>().ok()?.as_microsecond(), end))
}

/// `Jan 31 08:00:00`, `Jan  1 08:00:00.123`, `Jan 1 2026 08:00:00`; routers put `*` or `.` before and `:` behind.
fn month_first(text: &str, reference: &Reference<'_>) -> Option<(i64, usize)> {
    let mut rest = Rest { text, at: 0 };
    rest.skip(|byte| byte == b'*' || byte == b'.');
    let month = month_of(rest.take(3)?)?;
    rest.blanks()?;
    let day: i8 = rest.number(2)?;
    rest.blanks()?;
    let year = if rest.peek(4).is_some_and(|byte| byte == b' ') {
        let year: i16 = rest.number(4)?;
        rest.blanks()?;
        Some(year)
    } else {
        None
    };
    let hour: i8 = rest.number(2)?;
    rest.byte(b':')?;
    let minute: i8 = rest.number(2)?;
    rest.byte(b':')?;
    let second: i8 = rest.number(2)?;
    let nanosecond = if rest.byte(b'.').is_some() { rest.fraction()? } else { 0 };
    let _cisco_ends_with_it = rest.byte(b':');
    // A leap second is the last one of its minute.
    if second > 60 || !matches!(rest.peek(0), None | Some(b' ')) {
        return None;
    }
    let time = Time::new(hour, minute, second.min(59), nanosecond).ok()?;
    let at = |year: i16| {
        let zoned = DateTime::from_parts(Date::new(year, month, day).ok()?, time).to_zoned(reference.zone.clone());
        Some(zoned.ok()?.timestamp().as_microsecond())
    };
    let found = match year {
        Some(year) => at(year)?,
        None => nearest(at, reference)?,
    };
    Some((found, rest.at))
}

/// The year in which the time is nearest to now: lines of New Year's Eve may arrive in January.
fn nearest(at: impl Fn(i16) -> Option<i64>, reference: &Reference<'_>) -> Option<i64> {
    let now = Timestamp::from_microsecond(reference.now_us).ok()?;
    let year = now.to_zoned(reference.zone.clone()).year();
    let candidates = [year.checked_sub(1)?, year, year.checked_add(1)?];
    candidates
        .into_iter()
        .filter_map(at)
        .min_by_key(|found| found.abs_diff(reference.now_us))
}

fn month_of(text: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let found = MONTHS.iter().position(|month| text.eq_ignore_ascii_case(month))?;
    i8::try_from(found + 1).ok()
}

struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip(&mut self, test: impl Fn(u8) -> bool) -> usize {
        let before = self.at;
        while self.peek(0).is_some_and(&test) {
            self.at += 1;
        }
        self.at - before
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let taken = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    fn blanks(&mut self) -> Option<()> {
        (self.skip(|byte| byte == b' ') > 0).then_some(())
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.peek(0)? == wanted).then(|| self.at += 1)
    }

    fn number<T: std::str::FromStr>(&mut self, digits_max: usize) -> Option<T> {
        let from = self.at;
        let digits = self.skip(|byte| byte.is_ascii_digit());
        let text = self.text.get(from..self.at)?;
        (1..=digits_max).contains(&digits).then(|| text.parse().ok())?
    }

    /// Digits after the point, as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let from = self.at;
        let digits = self.skip(|byte| byte.is_ascii_digit());
        let text = self.text.get(from..from + digits.min(9))?;
        let scale = 10_i32.pow(9 - u32::try_from(text.len()).ok()?);
        text.parse::<i32>().ok()?.checked_mul(scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, now: &str) -> Option<(String, usize)> {
        let now_us = now.parse::<Timestamp>().expect("a time").as_microsecond();
        let found = leading(text, &Reference { now_us, zone: &TimeZone::UTC })?;
        Some((Timestamp::from_microsecond(found.0).expect("a time").to_string(), found.1))
    }

    #[test]
    fn the_usual_spellings_are_read() {
        let now = "2026-06-01T00:00:00Z";
        for (text, time, end) in [
            ("Oct 11 22:14:15 host", "2026-10-11T22:14:15Z", 15),
            ("Mar  1 02:03:04 host", "2026-03-01T02:03:04Z", 15),
            ("Mar 1 02:03:04.25 host", "2026-03-01T02:03:04.25Z", 17),
            ("*Mar  1 18:46:11.123: x", "2026-03-01T18:46:11.123Z", 21),
            ("Dec 28 2008 16:49:07 host", "2008-12-28T16:49:07Z", 20),
            ("2026-01-01T01:00:00.5+01:00 host", "2026-01-01T00:00:00.5Z", 27),
        ] {
            assert_eq!(read(text, now), Some((time.to_owned(), end)), "{text}");
        }
        for text in ["", "Oct", "Oct 32 22:14:15 x", "Okt 11 22:14:15", "Oct 11 22:14", "Oct 11 22:14:15Z x", "2026-01-01"] {
            assert_eq!(read(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_line_of_new_years_eve_is_of_last_year() {
        assert_eq!(read("Dec 31 23:59:59 h", "2026-01-01T00:00:05Z").map(|found| found.0), Some("2025-12-31T23:59:59Z".to_owned()));
        assert_eq!(read("Jan  1 00:00:01 h", "2025-12-31T23:59:58Z").map(|found| found.0), Some("2026-01-01T00:00:01Z".to_owned()));
        // No other year has the day.
        assert_eq!(read("Feb 29 12:00:00 h", "2025-03-01T00:00:00Z").map(|found| found.0), Some("2024-02-29T12:00:00Z".to_owned()));
    }
}
