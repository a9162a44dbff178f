//! Tests of the fields that every line has.

use andon_reader::level_of;
use andon_reader::query::{Check, FixedField, Scalar, Subject};

use crate::bits::Bits;
use crate::column::{Column, ColumnName};
use crate::error::ColumnError;
use crate::lines::text_place;

use super::Selector;
use super::kernel::codes_in;
use super::numbers::{integers_between, value_at};
use super::texts::{Reading, TextTest, select_texts};

/// Highest severity number.
pub(crate) const SEVERITIES: u8 = 24;

/// Says whether a severity number passes, whatever the sender calls it.
pub(super) fn level_passes(check: &Check, number: u8) -> bool {
    match check {
        Check::Exists => number > 0,
        Check::Between(low, high) => number > 0 && (*low..=*high).contains(&i64::from(number)),
        Check::Level { numbers, .. } => {
            numbers.is_some_and(|(low, high)| (low..=high).contains(&number))
        }
        Check::Pattern(pattern) => pattern.is_match(level_of(number).name()),
        _ => false,
    }
}

/// Says whether a severity number passes as a number.
pub(super) fn severity_number_passes(check: &Check, number: u8) -> bool {
    match check {
        Check::Exists => number > 0,
        _ => check.has(Scalar::Integer(i128::from(number))),
    }
}

/// The name of the column of a fixed text field.
pub(crate) fn text_column(field: FixedField) -> Option<ColumnName> {
    let place = text_place(field)?;
    u8::try_from(place).ok().map(ColumnName::Text)
}

impl Selector<'_> {
    pub(super) fn by_subject(
        &self,
        subject: &Subject,
        check: &Check,
        within: &Bits,
    ) -> Result<Bits, ColumnError> {
        match subject {
            Subject::Named(place, name) => self.named(*place, name, check, within),
            Subject::MessageOrId => self.message_or_id(check, within),
            Subject::Fixed(field) => self.fixed(*field, check, within),
        }
    }

    fn message_or_id(&self, check: &Check, within: &Bits) -> Result<Bits, ColumnError> {
        let mut left = within.clone();
        let mut found = Bits::none(within.len());
        // The ids are compared by bytes, the message by words: ids first.
        for field in [FixedField::TraceId, FixedField::SpanId, FixedField::Message] {
            let more = self.text(field, check, &left)?;
            left.and_not(&more);
            found.or(&more);
        }
        Ok(found)
    }

    fn fixed(&self, field: FixedField, check: &Check, within: &Bits) -> Result<Bits, ColumnError> {
        match field {
            FixedField::Level => self.level(check, within),
            FixedField::SeverityNumber => {
                self.severity(within, |number| severity_number_passes(check, number))
            }
            FixedField::Timestamp => self.time(&ColumnName::Timestamp, check, within),
            FixedField::ReceivedAt => self.time(&ColumnName::ReceivedAt, check, within),
            _ => self.text(field, check, within),
        }
    }

    fn text(&self, field: FixedField, check: &Check, within: &Bits) -> Result<Bits, ColumnError> {
        let reading = match field {
            FixedField::Message => Reading::Message,
            FixedField::Level => Reading::Severity,
            _ => Reading::Whole,
        };
        let test = TextTest { check, reading };
        let stored = if field == FixedField::Level { FixedField::SeverityText } else { field };
        let column = match text_column(stored) {
            Some(name) if within.any() => self.group.column(&name)?,
            _ => None,
        };
        select_texts(self.group, column.as_deref(), &test, within, self.checkpoint)
    }

    /// A severity passes by its number or by what the sender calls it.
    fn level(&self, check: &Check, within: &Bits) -> Result<Bits, ColumnError> {
        let mut found = self.severity(within, |number| level_passes(check, number))?;
        if !matches!(check, Check::Between(..)) {
            let mut left = within.clone();
            left.and_not(&found);
            found.or(&self.text(FixedField::Level, check, &left)?);
        }
        Ok(found)
    }

    fn severity(&self, within: &Bits, passes: impl Fn(u8) -> bool) -> Result<Bits, ColumnError> {
        let occurring = self.group.severities();
        let mut occurs = (0..=SEVERITIES).filter(|&number| occurring >> number & 1 == 1);
        if occurring != 0 && !occurs.clone().any(&passes) {
            return Ok(Bits::none(within.len()));
        }
        if occurring != 0 && occurs.all(&passes) {
            return Ok(within.clone());
        }
        match self.group.column(&ColumnName::SeverityNumber)?.as_deref() {
            Some(Column::Integers { base, offsets, .. }) => {
                let table: Vec<bool> = (0..=u64::from(SEVERITIES))
                    .map(|offset| u8::try_from(value_at(*base, offset)).is_ok_and(&passes))
                    .collect();
                Ok(codes_in(offsets, &table, false, within))
            }
            None if passes(0) => Ok(within.clone()),
            None => Ok(Bits::none(within.len())),
            Some(_) => Err(ColumnError::damaged("the column of severities has another form")),
        }
    }

    fn time(&self, name: &ColumnName, check: &Check, within: &Bits) -> Result<Bits, ColumnError> {
        let (low, high) = match check {
            Check::Exists => return Ok(within.clone()),
            Check::Between(low, high) => (*low, *high),
            _ => return Ok(Bits::none(within.len())),
        };
        match self.group.column(name)?.as_deref() {
            Some(Column::Integers { base, offsets, presence }) => Ok(integers_between(
                (*base, offsets, presence.as_ref()),
                (low, high),
                within,
            )),
            _ => Err(ColumnError::damaged("a column of times is missing or has another form")),
        }
    }
}
