//! The turns of one layer: boundaries in civil time and whose turn an instant is in.

use andon_api::kinds::response::TurnUnit;
use andon_api::object::ObjectRef;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// One rotation, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    pub(super) zone: TimeZone,
    pub(super) anchor: DateTime,
    pub(super) unit: TurnUnit,
    pub(super) count: i64,
    pub(super) members: Vec<ObjectRef>,
}

impl Turns {
    /// Tells the start of turn `index`; `None` beyond the end of the calendar.
    ///
    /// Every boundary is counted from the anchor, so that a month's clamped end never drifts.
    pub(super) fn boundary(&self, index: i64) -> Option<Timestamp> {
        let units = index.checked_mul(self.count)?;
        let date = self.anchor.date();
        match self.unit {
            TurnUnit::Hour => {
                let start = resolve(&self.zone, self.anchor)?;
                start.checked_add(SignedDuration::from_hours(units)).ok()
            }
            TurnUnit::Day => self.at_anchor_time(add_days(date, units)?),
            TurnUnit::Week => self.at_anchor_time(add_days(date, units.checked_mul(7)?)?),
            TurnUnit::Month => self.at_anchor_time(add_months(date, units)?),
        }
    }

    fn at_anchor_time(&self, date: Date) -> Option<Timestamp> {
        resolve(&self.zone, date.to_datetime(self.anchor.time()))
    }

    /// Tells the number of the turn an instant is in; `None` before the first hand-off.
    pub(super) fn index(&self, at: Timestamp) -> Option<i64> {
        let mut index = self.estimate(at)?;
        // The estimate is off by at most one turn, or by as many as a skipped day makes empty.
        while self.boundary(index)? > at {
            index -= 1;
        }
        while self.boundary(index + 1).is_some_and(|next| next <= at) {
            index += 1;
        }
        (index >= 0).then_some(index)
    }

    fn estimate(&self, at: Timestamp) -> Option<i64> {
        let local = self.zone.to_datetime(at).date();
        let date = self.anchor.date();
        let units = match self.unit {
            TurnUnit::Hour => at.duration_since(resolve(&self.zone, self.anchor)?).as_hours(),
            TurnUnit::Day => days_between(date, local),
            TurnUnit::Week => days_between(date, local).div_euclid(7),
            TurnUnit::Month => {
                let years = i64::from(local.year()) - i64::from(date.year());
                years * 12 + i64::from(local.month()) - i64::from(date.month())
            }
        };
        Some(units.div_euclid(self.count))
    }

    /// Tells whose turn it is; `None` before the first hand-off.
    pub(super) fn member(&self, at: Timestamp) -> Option<&ObjectRef> {
        let index = usize::try_from(self.index(at)?).ok()?;
        self.members.get(index.checked_rem(self.members.len())?)
    }

    /// Lists the hand-offs with `from < hand-off < until`.
    pub(super) fn boundaries(&self, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let mut index = self.index(from).map_or(0, |index| index + 1);
        let mut found = Vec::new();
        while let Some(at) = self.boundary(index).filter(|at| *at < until) {
            if at > from {
                found.push(at);
            }
            index += 1;
        }
        found
    }
}

/// Finds the instant of a local time: the first of two, or counted with the offset before a gap.
pub(super) fn resolve(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

fn add_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

fn add_months(date: Date, months: i64) -> Option<Date> {
    let total = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
    let total = total.checked_add(months)?;
    let year = i16::try_from(total.div_euclid(12)).ok()?;
    let month = i8::try_from(total.rem_euclid(12) + 1).ok()?;
    let first = Date::new(year, month, 1).ok()?;
    Date::new(year, month, date.day().min(first.days_in_month())).ok()
}

fn days_between(from: Date, until: Date) -> i64 {
    from.duration_until(until).as_hours() / 24
}
