//! Intervals of time as codes.

use andon_reader::Clock;
use rustc_hash::FxHashMap;

use crate::bits::Bits;
use crate::column::{Codes, Column, GroupView};
use crate::error::ColumnError;
use crate::select::interval::clock_column;
use crate::select::numbers::value_at;

use super::codes::{FieldCodes, LocalValues};
use super::slots::for_each_row;
use super::value::FieldValue;

/// The start of the interval in which a time lies.
pub(crate) fn start_of(time_us: i64, width_us: i64) -> i64 {
    let width_us = width_us.max(1);
    time_us.div_euclid(width_us).saturating_mul(width_us)
}

/// Gives each row of `within` the number of its interval.
pub(crate) fn codes(
    group: &dyn GroupView,
    clock: Clock,
    width_us: i64,
    within: &Bits,
) -> Result<FieldCodes, ColumnError> {
    let column = group.column(&clock_column(clock))?;
    let Some(Column::Integers { base, offsets, .. }) = column.as_deref() else {
        return Err(ColumnError::damaged("the column of times is missing or has another form"));
    };
    let mut walk = Walk::new(width_us, within.len());
    match offsets {
        Codes::U8(offsets) => walk.run(*base, offsets, within),
        Codes::U16(offsets) => walk.run(*base, offsets, within),
        Codes::U32(offsets) => walk.run(*base, offsets, within),
        Codes::U64(offsets) => walk.run(*base, offsets, within),
    }
    Ok(FieldCodes { codes: walk.codes, values: LocalValues::List(walk.values) })
}

/// Times mostly follow each other: the interval of the last one is tried first.
struct Walk {
    width_us: i64,
    codes: Vec<u32>,
    values: Vec<FieldValue>,
    known: FxHashMap<i64, u32>,
}

impl Walk {
    fn new(width_us: i64, rows: usize) -> Self {
        Self {
            width_us: width_us.max(1),
            codes: vec![0; rows],
            values: Vec::new(),
            known: FxHashMap::default(),
        }
    }

    fn run<T: Copy + Into<u64>>(&mut self, base: i64, offsets: &[T], within: &Bits) {
        let width = self.width_us.cast_unsigned();
        let mut start = 0i64;
        let mut code = u32::MAX;
        for_each_row(within, |row| {
            let Some(&offset) = offsets.get(row) else {
                return;
            };
            let time = value_at(base, offset.into());
            if code == u32::MAX || time < start || time.wrapping_sub(start).cast_unsigned() >= width {
                start = start_of(time, self.width_us);
                code = self.code_of(start);
            }
            if let Some(slot) = self.codes.get_mut(row) {
                *slot = code;
            }
        });
    }

    fn code_of(&mut self, start: i64) -> u32 {
        if let Some(&code) = self.known.get(&start) {
            return code;
        }
        let code = u32::try_from(self.values.len()).unwrap_or(u32::MAX - 1);
        self.values.push(FieldValue::Integer(i128::from(start)));
        self.known.insert(start, code);
        code
    }
}
