//! The hours of the week that a layer covers.

use andon_api::kinds::response::Weekday;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::turn::resolve;

/// One window of the week, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Cover {
    days: [bool; 7],
    start: Time,
    end: Time,
}

impl Cover {
    /// Makes a window that starts on the days, every day when none is named.
    pub(super) fn new(days: &[Weekday], start: Time, end: Time) -> Self {
        let mut starts = [days.is_empty(); 7];
        for day in days {
            starts[*day as usize] = true;
        }
        Self { days: starts, start, end }
    }

    /// Tells the window that starts on a date, if one does.
    fn on(&self, zone: &TimeZone, date: Date) -> Option<(Timestamp, Timestamp)> {
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !self.days[weekday] {
            return None;
        }
        let last = if self.end <= self.start { date.tomorrow().ok()? } else { date };
        let start = resolve(zone, date.to_datetime(self.start))?;
        // The second of two equal local times: rather an overlap than a hole.
        let end = zone.to_ambiguous_timestamp(last.to_datetime(self.end)).later().ok()?;
        (start < end).then_some((start, end))
    }

    /// Tells whether the window covers an instant.
    pub(super) fn covers(&self, zone: &TimeZone, at: Timestamp) -> bool {
        self.around(zone, at, at).any(|(start, end)| start <= at && at < end)
    }

    /// Lists the starts and ends with `from < edge < until`.
    pub(super) fn edges(&self, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        self.around(zone, from, until)
            .flat_map(|(start, end)| [start, end])
            .filter(|edge| from < *edge && *edge < until)
            .collect()
    }

    fn around<'a>(
        &'a self,
        zone: &'a TimeZone,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        // Two days before, because a window may end the day after it starts, and a day may be skipped.
        let first = zone.to_datetime(from).date().saturating_sub(jiff::Span::new().days(2));
        let last = zone.to_datetime(until).date().saturating_add(jiff::Span::new().days(1));
        first
            .series(jiff::Span::new().days(1))
            .take_while(move |date| *date <= last)
            .filter_map(|date| self.on(zone, date))
    }
}
