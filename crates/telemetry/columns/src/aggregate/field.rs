//! A field by its name, and its values on a single line.

use andon_reader::query::{FixedField, Place, RowView, Scalar};
use andon_reader::{Clock, level_of};

use super::numbers::Sums;
use super::value::FieldValue;

/// A field as figures see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Level,
    SeverityNumber,
    Time(Clock),
    Text(FixedField),
    Named(Place, String),
}

impl Field {
    pub(crate) fn of(name: &str) -> Self {
        match FixedField::by_name(name) {
            Some(FixedField::Level) => Self::Level,
            Some(FixedField::SeverityNumber) => Self::SeverityNumber,
            Some(FixedField::Timestamp) => Self::Time(Clock::Timestamp),
            Some(FixedField::ReceivedAt) => Self::Time(Clock::ReceivedAt),
            Some(field) => Self::Text(field),
            None => {
                let (place, key) = Place::of(name);
                Self::Named(place, key.to_owned())
            }
        }
    }

    /// The first value of the field on a line.
    pub(crate) fn value_on<R: RowView + ?Sized>(&self, row: &R) -> FieldValue {
        match self {
            Self::Level => FieldValue::Text(level_of(row.severity_number()).name().into()),
            Self::SeverityNumber => FieldValue::Integer(i128::from(row.severity_number())),
            Self::Time(clock) => FieldValue::Integer(i128::from(time_of(row, *clock))),
            Self::Text(field) => match row.text(*field) {
                "" => FieldValue::None,
                text => FieldValue::Text(text.into()),
            },
            Self::Named(place, name) => {
                let mut found = None;
                row.any_value(*place, name, &mut |value| {
                    found = FieldValue::of(value);
                    found.is_some()
                });
                found.unwrap_or(FieldValue::None)
            }
        }
    }

    /// Adds the first number of the field on a line.
    pub(crate) fn add_number_on<R: RowView + ?Sized>(&self, row: &R, sums: &mut Sums) {
        match self {
            Self::Level | Self::Text(_) => {}
            Self::SeverityNumber => sums.add_integer(i64::from(row.severity_number())),
            Self::Time(clock) => sums.add_integer(time_of(row, *clock)),
            Self::Named(place, name) => {
                row.any_value(*place, name, &mut |value| sums.add(value));
            }
        }
    }
}

pub(crate) fn time_of<R: RowView + ?Sized>(row: &R, clock: Clock) -> i64 {
    match clock {
        Clock::Timestamp => row.timestamp_us(),
        Clock::ReceivedAt => row.received_at_us(),
    }
}

impl Sums {
    /// Adds a value if it is a number, and says whether it was.
    pub(crate) fn add(&mut self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Integer(number) => match i64::try_from(number) {
                Ok(number) => self.add_integer(number),
                #[allow(clippy::cast_precision_loss)]
                Err(_) => self.add_float(number as f64),
            },
            Scalar::Float(number) => self.add_float(number),
            _ => return false,
        }
        true
    }
}
