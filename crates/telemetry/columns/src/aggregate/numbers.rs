//! Sum, mean, smallest and largest of a field's numbers, per slot.

use andon_reader::query::{Scalar, visit_path};

use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::lines::{Kind, visit_json};
use crate::rows::each_text;
use crate::select::Checkpoint;
use crate::select::interval::clock_column;
use crate::select::named::sources;
use crate::select::numbers::value_at;
use crate::select::texts::{Reading, cell_of};

use super::codes::{joined_objects, object_columns};
use super::field::Field;
use super::slots::{Slots, for_each_row};
use super::value::FieldValue;

/// What is kept of numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    integers: u64,
    integer_sum: i128,
    low: i64,
    high: i64,
    floats: u64,
    float_sum: f64,
    low_float: f64,
    high_float: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            integers: 0,
            integer_sum: 0,
            low: i64::MAX,
            high: i64::MIN,
            floats: 0,
            float_sum: 0.0,
            low_float: f64::INFINITY,
            high_float: f64::NEG_INFINITY,
        }
    }
}

impl Sums {
    #[inline]
    pub(crate) fn add_integer(&mut self, number: i64) {
        self.integers += 1;
        self.integer_sum += i128::from(number);
        self.low = self.low.min(number);
        self.high = self.high.max(number);
    }

    #[inline]
    pub(crate) fn add_float(&mut self, number: f64) {
        self.floats += 1;
        self.float_sum += number;
        self.low_float = self.low_float.min(number);
        self.high_float = self.high_float.max(number);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.integers += other.integers;
        self.integer_sum += other.integer_sum;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.floats += other.floats;
        self.float_sum += other.float_sum;
        self.low_float = self.low_float.min(other.low_float);
        self.high_float = self.high_float.max(other.high_float);
    }

    fn is_empty(&self) -> bool {
        self.integers + self.floats == 0
    }

    #[allow(clippy::cast_precision_loss)]
    fn total(&self) -> f64 {
        self.integer_sum as f64 + self.float_sum
    }

    pub(crate) fn sum(&self) -> FieldValue {
        match (self.is_empty(), self.floats) {
            (true, _) => FieldValue::None,
            (false, 0) => FieldValue::Integer(self.integer_sum),
            _ => FieldValue::Float(self.total().to_bits()),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn mean(&self) -> FieldValue {
        if self.is_empty() {
            return FieldValue::None;
        }
        let count = (self.integers + self.floats) as f64;
        FieldValue::Float((self.total() / count).to_bits())
    }

    pub(crate) fn smallest(&self) -> FieldValue {
        self.extreme(self.low, self.low_float, |whole, other| other < whole)
    }

    pub(crate) fn largest(&self) -> FieldValue {
        self.extreme(self.high, self.high_float, |whole, other| other > whole)
    }

    #[allow(clippy::cast_precision_loss)]
    fn extreme(&self, whole: i64, other: f64, wins: impl Fn(f64, f64) -> bool) -> FieldValue {
        match (self.integers, self.floats) {
            (0, 0) => FieldValue::None,
            (0, _) => FieldValue::Float(other.to_bits()),
            (_, floats) if floats > 0 && wins(whole as f64, other) => {
                FieldValue::Float(other.to_bits())
            }
            _ => FieldValue::Integer(i128::from(whole)),
        }
    }
}

/// Adds the first number of the field of each row to the sums of its slot.
pub(crate) fn accumulate(
    group: &dyn GroupView,
    field: &Field,
    rows: &Bits,
    slots: &Slots,
    sums: &mut [Sums],
    checkpoint: Checkpoint<'_>,
) -> Result<(), ColumnError> {
    let mut add = Adder { slots, sums };
    match field {
        Field::Level | Field::Text(_) => Ok(()),
        Field::SeverityNumber => add.column(group, &ColumnName::SeverityNumber, rows),
        Field::Time(clock) => add.column(group, &clock_column(*clock), rows),
        Field::Named(place, name) => {
            let mut left = rows.clone();
            let sources = sources(group, *place, name);
            let objects = object_columns(&sources);
            let mut is_object_done = false;
            for (column, reading) in &sources {
                checkpoint()?;
                match *reading {
                    _ if objects.len() > 1 && objects.contains(&column) => {
                        if !std::mem::replace(&mut is_object_done, true) {
                            add.objects(group, name, &objects, &mut left, checkpoint)?;
                        }
                    }
                    Reading::Value(Kind::Text | Kind::Boolean) => {}
                    Reading::Value(Kind::Integer | Kind::Float) => {
                        add.column(group, column, &left)?;
                        if let Some(column) = group.column(column)? {
                            match crate::select::texts::presence_of(&column) {
                                Some(presence) => left.and_not(presence),
                                None => left = Bits::none(left.len()),
                            }
                        }
                    }
                    reading => add.texts(group, column, reading, &mut left, checkpoint)?,
                }
            }
            Ok(())
        }
    }
}

struct Adder<'a> {
    slots: &'a Slots,
    sums: &'a mut [Sums],
}

impl Adder<'_> {
    fn column(
        &mut self,
        group: &dyn GroupView,
        name: &ColumnName,
        rows: &Bits,
    ) -> Result<(), ColumnError> {
        let Some(column) = group.column(name)? else {
            return Ok(());
        };
        let mut present = rows.clone();
        if let Some(presence) = crate::select::texts::presence_of(&column) {
            present.and(presence);
        }
        match &*column {
            Column::Integers { base, offsets, .. } => self.integers(*base, offsets, &present),
            Column::Floats { values, .. } => for_each_row(&present, |row| {
                if let (Some(&value), Some(sums)) =
                    (values.get(row), self.sums.get_mut(self.slots.get(row)))
                {
                    sums.add_float(value);
                }
            }),
            _ => {}
        }
        Ok(())
    }

    fn integers(&mut self, base: i64, offsets: &Codes, rows: &Bits) {
        match offsets {
            Codes::U8(codes) => self.offsets(base, codes, rows),
            Codes::U16(codes) => self.offsets(base, codes, rows),
            Codes::U32(codes) => self.offsets(base, codes, rows),
            Codes::U64(codes) => self.offsets(base, codes, rows),
        }
    }

    fn offsets<T: Copy + Into<u64>>(&mut self, base: i64, offsets: &[T], rows: &Bits) {
        for_each_row(rows, |row| {
            if let (Some(&offset), Some(sums)) =
                (offsets.get(row), self.sums.get_mut(self.slots.get(row)))
            {
                sums.add_integer(value_at(base, offset.into()));
            }
        });
    }

    /// Numbers inside objects of several columns.
    fn objects(
        &mut self,
        group: &dyn GroupView,
        name: &str,
        columns: &[&ColumnName],
        left: &mut Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        for (row, object) in joined_objects(group, columns, left, checkpoint)? {
            if let Some(sums) = self.sums.get_mut(self.slots.get(row))
                && visit_path(&object, name, &mut |value| sums.add(value))
            {
                left.clear(row);
            }
        }
        Ok(())
    }

    /// Numbers inside JSON.
    fn texts(
        &mut self,
        group: &dyn GroupView,
        name: &ColumnName,
        reading: Reading<'_>,
        left: &mut Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let Some(column) = group.column(name)? else {
            return Ok(());
        };
        let within = left.clone();
        each_text(group, &column, &within, checkpoint, &mut |row, text| {
            let Some(sums) = self.sums.get_mut(self.slots.get(row)) else {
                return Ok(());
            };
            let mut add = |value: Scalar<'_>| sums.add(value);
            let found = match reading {
                Reading::Inside(inner) => !text.is_empty() && visit_json(text, inner, &mut add),
                Reading::Value(kind) => cell_of(kind, text).visit(&mut add),
                _ => false,
            };
            if found {
                left.clear(row);
            }
            Ok(())
        })
    }
}

