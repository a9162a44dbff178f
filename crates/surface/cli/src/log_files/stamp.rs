//! Times as log files begin with. Pure: what a time without year or zone means is an argument.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// What times are read against.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The zone of times that say none.
    pub(crate) zone: TimeZone,
    /// Times without a year are of the last year in which they are not ahead of this one.
    pub(crate) near: Timestamp,
}

impl Clock {
    /// Makes a clock in UTC.
    #[cfg(test)]
    pub(crate) fn at(near: Timestamp) -> Self {
        Self { zone: TimeZone::UTC, near }
    }
}

/// How far into a line a time is looked for that does not begin it.
const FAR_BYTES: usize = 200;
/// How many words are looked at there.
const FAR_WORDS: usize = 6;

/// Reads the time that a line begins with, and tells where it ends.
pub(crate) fn leading(line: &str, clock: &Clock) -> Option<(i64, usize)> {
    let mut text = Text { bytes: line.as_bytes(), at: 0 };
    // `[2026-…]`, and the mark of BlueGene's and Thunderbird's alerts.
    if !text.take(b"- ") {
        text.take(b"[");
    }
    let read = |form: fn(&mut Text<'_>, &Clock) -> Option<i64>| {
        let mut text = text.clone();
        let time = form(&mut text, clock)?;
        Some((time, text.at))
    };
    match text.peek()? {
        b'0'..=b'9' => read(year_first).or_else(|| read(short_year)).or_else(|| read(day_first)).or_else(|| read(compact)).or_else(|| read(count)),
        b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'.' => read(month_first).or_else(|| read(klog)),
        _ => None,
    }
}

/// Reads the time of a line: where it begins, or behind its first words.
pub(crate) fn time_of(line: &str, clock: &Clock) -> Option<i64> {
    if let Some((time, _)) = leading(line, clock) {
        return Some(time);
    }
    let head = line.get(..line.floor_char_boundary(FAR_BYTES)).unwrap_or(line);
    let starts = head.bytes().enumerate().filter(|(_, byte)| matches!(byte, b' ' | b'|')).map(|(at, _)| at + 1);
    starts.take(FAR_WORDS).find_map(|start| {
        let mut text = Text { bytes: line.as_bytes(), at: start };
        text.take(b"[");
        // Only what can hardly be anything else.
        let mut again = text.clone();
        year_first(&mut text, clock).or_else(|| day_first(&mut again, clock))
    })
}

#[derive(Clone)]
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, wanted: &[u8]) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(wanted));
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| wanted.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    fn blanks(&mut self) -> Option<()> {
        let before = self.at;
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        (self.at > before).then_some(())
    }

    /// Reads exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.bytes.get(self.at..self.at + count)?;
        let number = digits.iter().try_fold(0_i64, |sum, byte| {
            let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
            sum.checked_mul(10)?.checked_add(digit)
        })?;
        self.at += count;
        Some(number)
    }

    fn one_or_two(&mut self) -> Option<i64> {
        let mut two = self.clone();
        if let Some(number) = two.digits(2) {
            self.at = two.at;
            return Some(number);
        }
        self.digits(1)
    }

    /// `08:00:00`, with or without a fraction behind one of the marks.
    fn time(&mut self, marks: &[u8]) -> Option<Time> {
        let hour = self.one_or_two()?;
        self.one_of(b":.")?;
        let minute = self.digits(2)?;
        self.one_of(b":.")?;
        let second = self.digits(2)?;
        let nanosecond = self.fraction(marks);
        let small = |number: i64| i8::try_from(number).ok();
        // A leap second is the last one of its minute.
        (second <= 60).then(|| Time::new(small(hour)?, small(minute)?, small(second.min(59))?, nanosecond).ok())?
    }

    fn fraction(&mut self, marks: &[u8]) -> i32 {
        let mut behind = self.clone();
        if behind.one_of(marks).is_none() {
            return 0;
        }
        let (start, mut nanosecond, mut scale) = (behind.at, 0_i32, 100_000_000_i32);
        while let Some(digit) = behind.peek().filter(u8::is_ascii_digit) {
            nanosecond += i32::from(digit - b'0') * scale;
            scale /= 10;
            behind.at += 1;
        }
        if behind.at > start {
            self.at = behind.at;
        }
        nanosecond
    }

    /// `Z`, `+01:00`, ` +0100`, ` UTC`; nothing where no zone is said.
    fn zone(&mut self) -> Option<TimeZone> {
        if self.take(b"Z") || self.take(b" UTC") || self.take(b" GMT") {
            return Some(TimeZone::UTC);
        }
        let mut behind = self.clone();
        behind.take(b" ");
        let sign = if behind.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = behind.digits(2)?;
        behind.take(b":");
        let minutes = behind.digits(2)?;
        let seconds = i32::try_from(sign * (hours * 3_600 + minutes * 60)).ok()?;
        let zone = TimeZone::fixed(Offset::from_seconds(seconds).ok()?);
        self.at = behind.at;
        Some(zone)
    }

    /// Nothing more of a number or word follows.
    fn ends(&self) -> Option<()> {
        self.peek().is_none_or(|byte| !byte.is_ascii_alphanumeric()).then_some(())
    }

    fn month(&mut self) -> Option<i64> {
        const MONTHS: [&[u8]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
        let word = self.bytes.get(self.at..self.at + 3)?;
        let found = MONTHS.iter().position(|month| word.eq_ignore_ascii_case(month))?;
        self.at += 3;
        i64::try_from(found + 1).ok()
    }
}

fn moment(year: i64, month: i64, day: i64, time: Time, zone: TimeZone) -> Option<i64> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(DateTime::from_parts(date, time).to_zoned(zone).ok()?.timestamp().as_microsecond())
}

/// How far clocks of senders may be ahead.
const AHEAD_US: i64 = 2 * 86_400 * 1_000_000;

/// The last year in which a time is not ahead of the clock: a log tells what was, and lines of New
/// Year's Eve are read in January.
fn latest(month: i64, day: i64, time: Time, clock: &Clock) -> Option<i64> {
    let year = i64::from(clock.near.to_zoned(clock.zone.clone()).year());
    let near_us = clock.near.as_microsecond();
    // Far enough back for the 29th of February.
    let mut moments = (year - 8..=year + 1).rev().filter_map(|year| moment(year, month, day, time, clock.zone.clone()));
    moments.find(|found| *found <= near_us.saturating_add(AHEAD_US))
}

/// `2026-01-31T08:00:00.123Z`, `2026-01-31 08:00:00,123`, `2026/01/31 08:00:00`, `20171223-22:15:29:606`.
fn year_first(text: &mut Text<'_>, clock: &Clock) -> Option<i64> {
    let year = text.digits(4).filter(|year| (1970..2200).contains(year))?;
    let mark = text.one_of(b"-/.");
    let month = text.digits(2)?;
    if let Some(mark) = mark {
        text.one_of(&[mark])?;
    }
    let day = text.digits(2)?;
    text.one_of(if mark.is_some() { b"T _-".as_slice() } else { b"T-" })?;
    let time = text.time(b".,:")?;
    let zone = text.zone().unwrap_or_else(|| clock.zone.clone());
    text.ends()?;
    moment(year, month, day, time, zone)
}

/// `17/06/09 20:10:40` (year, month, day, as Spark writes it), `081109 203518`, `03-17 16:13:38.811`.
fn short_year(text: &mut Text<'_>, clock: &Clock) -> Option<i64> {
    let first = text.digits(2)?;
    let found = match text.one_of(b"/-") {
        Some(b'/') => {
            let month = text.digits(2)?;
            text.one_of(b"/")?;
            let day = text.digits(2)?;
            text.one_of(b" ")?;
            moment(2_000 + first, month, day, text.time(b".,")?, clock.zone.clone())
        }
        Some(_) => {
            let day = text.digits(2)?;
            text.one_of(b" ")?;
            let time = text.time(b".,")?;
            latest(first, day, time, clock)
        }
        None => {
            let (month, day) = (text.digits(2)?, text.digits(2)?);
            text.one_of(b" ")?;
            let (hour, minute, second) = (text.digits(2)?, text.digits(2)?, text.digits(2)?);
            let small = |number: i64| i8::try_from(number).ok();
            moment(2_000 + first, month, day, Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?, clock.zone.clone())
        }
    };
    text.ends()?;
    found
}

/// `10/Oct/2000:13:55:36 -0700`, `31-Jan-2026 08:00:00.123`, `31 Jan 2026 08:00:00.123`.
fn day_first(text: &mut Text<'_>, clock: &Clock) -> Option<i64> {
    let day = text.one_or_two()?;
    let mark = text.one_of(b"/- ")?;
    let month = text.month()?;
    text.one_of(&[mark])?;
    let year = text.digits(4)?;
    text.one_of(b": ")?;
    let time = text.time(b".,")?;
    let zone = text.zone().unwrap_or_else(|| clock.zone.clone());
    text.ends()?;
    moment(year, month, day, time, zone)
}

/// `20260131T080000Z`.
fn compact(text: &mut Text<'_>, clock: &Clock) -> Option<i64> {
    let (year, month, day) = (text.digits(4)?, text.digits(2)?, text.digits(2)?);
    text.one_of(b"T")?;
    let (hour, minute, second) = (text.digits(2)?, text.digits(2)?, text.digits(2)?);
    let zone = text.zone().unwrap_or_else(|| clock.zone.clone());
    text.ends()?;
    let small = |number: i64| i8::try_from(number).ok();
    moment(year, month, day, Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?, zone)
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, of the years 2001 to 2286.
fn count(text: &mut Text<'_>, _clock: &Clock) -> Option<i64> {
    let start = text.at;
    while text.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        text.at += 1;
    }
    let digits = text.at - start;
    text.at = start;
    let number = text.digits(digits.min(19))?;
    let micros = match digits {
        10 => number * 1_000_000 + i64::from(text.fraction(b".")) / 1_000,
        13 => number * 1_000,
        16 => number,
        19 => number / 1_000,
        _ => return None,
    };
    text.ends()?;
    (micros >= 1_000_000_000_000_000).then_some(micros)
}

/// `Jan 31 08:00:00`, `Jan  1 2026 08:00:00.5`, `Sun Dec 04 04:47:44.123 2005`; routers put `*` or `.` before.
fn month_first(text: &mut Text<'_>, clock: &Clock) -> Option<i64> {
    text.one_of(b"*.");
    let has_weekday = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "].iter().any(|day| text.take(*day));
    let month = text.month()?;
    text.blanks()?;
    let day = text.one_or_two()?;
    text.blanks()?;
    let mut behind = text.clone();
    let mut year = behind.digits(4).filter(|_| behind.blanks().is_some());
    if year.is_some() {
        text.at = behind.at;
    }
    let time = text.time(b".,")?;
    let mut behind = text.clone();
    if has_weekday && behind.blanks().is_some() {
        year = year.or_else(|| behind.digits(4).inspect(|_| text.at = behind.at));
    }
    // Cisco ends the time with a colon.
    text.take(b":");
    text.ends()?;
    match year {
        Some(year) => moment(year, month, day, time, clock.zone.clone()),
        None => latest(month, day, time, clock),
    }
}

/// `I0131 08:00:00.123456`, as glog and Kubernetes write it.
fn klog(text: &mut Text<'_>, clock: &Clock) -> Option<i64> {
    text.one_of(b"IWEF")?;
    let (month, day) = (text.digits(2)?, text.digits(2)?);
    text.blanks()?;
    let time = text.time(b".")?;
    text.ends()?;
    latest(month, day, time, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::at("2026-08-01T00:00:00Z".parse().unwrap())
    }

    fn told(time_us: i64) -> String {
        Timestamp::from_microsecond(time_us).unwrap().to_string()
    }

    #[test]
    fn the_usual_spellings_are_read() {
        for (line, time) in [
            ("2026-01-31T08:00:00.123456+01:00 x", "2026-01-31T07:00:00.123456Z"),
            ("2026-01-31T08:00:00Z x", "2026-01-31T08:00:00Z"),
            ("2015-10-18 18:01:47,978 INFO [main] x", "2015-10-18T18:01:47.978Z"),
            ("[2016-12-19 16:14:08,000] TRACE x", "2016-12-19T16:14:08Z"),
            ("2016-09-28 04:30:30, Info x", "2016-09-28T04:30:30Z"),
            ("2026/01/31 08:00:00 [error] 7#7: x", "2026-01-31T08:00:00Z"),
            ("20171223-22:15:29:606|Step_LSC|x", "2017-12-23T22:15:29.606Z"),
            ("20260131T080000Z x", "2026-01-31T08:00:00Z"),
            ("17/06/09 20:10:40 INFO x", "2017-06-09T20:10:40Z"),
            ("081109 203615 148 INFO x", "2008-11-09T20:36:15Z"),
            ("03-17 16:13:38.811  1702  2395 D x", "2026-03-17T16:13:38.811Z"),
            ("- 1117838570 2005.06.03 R02 x", "2005-06-03T22:42:50Z"),
            ("1767225600.250 x", "2026-01-01T00:00:00.25Z"),
            ("1767225600250 x", "2026-01-01T00:00:00.25Z"),
            ("[Sun Dec 04 04:47:44 2005] [notice] x", "2005-12-04T04:47:44Z"),
            ("Jun 14 15:16:01 combo x", "2026-06-14T15:16:01Z"),
            ("Jul  1 09:00:55 h x", "2026-07-01T09:00:55Z"),
            ("Dec 28 2008 16:49:07 h", "2008-12-28T16:49:07Z"),
            ("*Mar  1 18:46:11.123: x", "2026-03-01T18:46:11.123Z"),
            ("31-Jan-2026 08:00:00.123 INFO x", "2026-01-31T08:00:00.123Z"),
            ("I0131 08:00:00.123456 7 x.go:1] x", "2026-01-31T08:00:00.123456Z"),
        ] {
            let found = leading(line, &clock()).map(|(time_us, _)| told(time_us));
            assert_eq!(found.as_deref(), Some(time), "{line}");
        }
    }

    #[test]
    fn a_time_behind_the_first_words_is_found_and_does_not_begin_the_line() {
        for (line, time) in [
            ("83.149.9.216 - - [17/May/2015:10:05:03 +0200] \"GET / HTTP/1.1\" 200 1", "2015-05-17T08:05:03Z"),
            ("nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO x", "2017-05-16T00:00:00.008Z"),
        ] {
            assert_eq!(leading(line, &clock()), None, "{line}");
            assert_eq!(time_of(line, &clock()).map(told).as_deref(), Some(time), "{line}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for line in [
            "", "\tat java.lang.Thread.run", "Caused by: x", "12345 lines", "2026-13-01 00:00:00 x", "2026-01-31", "10.0.0.1 x",
            "2026-01-31T08:00:00abc", "Mayday 5 08:00:00", "- bullet", "99999999999 x", "200 OK",
        ] {
            assert_eq!(time_of(line, &clock()), None, "{line}");
        }
    }

    #[test]
    fn zones_and_new_years_eve_are_minded() {
        let clock = Clock { zone: TimeZone::get("Europe/Berlin").unwrap(), near: "2026-01-01T00:00:05Z".parse().unwrap() };
        assert_eq!(told(leading("2026-07-01 12:00:00 x", &clock).unwrap().0), "2026-07-01T10:00:00Z");
        assert_eq!(told(leading("Dec 31 23:59:59 h x", &clock).unwrap().0), "2025-12-31T22:59:59Z");
        assert_eq!(told(leading("Jan  2 00:00:00 h x", &clock).unwrap().0), "2026-01-01T23:00:00Z");
        assert_eq!(told(leading("Jan 31 08:00:00 h x", &clock).unwrap().0), "2025-01-31T07:00:00Z");
        assert_eq!(told(leading("Feb 29 08:00:00 h x", &clock).unwrap().0), "2024-02-29T07:00:00Z");
    }
}
