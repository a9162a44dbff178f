//! Tests of whole numbers, other numbers and booleans.

use andon_reader::query::{Check, Scalar};

use crate::bits::Bits;
use crate::column::Codes;
use crate::error::ColumnError;

use super::kernel::{codes_between, codes_in, rows_where};
use super::{CHECKED_ROWS, Checkpoint};

/// A column of whole numbers: base, offsets, presence.
pub(crate) type Integers<'a> = (i64, &'a Codes, Option<&'a Bits>);

/// The value at an offset, the inverse of how it was stored.
#[inline]
#[allow(clippy::cast_possible_wrap)]
pub(crate) fn value_at(base: i64, offset: u64) -> i64 {
    base.wrapping_add(offset as i64)
}

/// Gives the rows of `within` with a number in an inclusive interval.
pub(crate) fn integers_between(
    (base, offsets, presence): Integers<'_>,
    (low, high): (i64, i64),
    within: &Bits,
) -> Bits {
    if low > high || high < base {
        return Bits::none(within.len());
    }
    // The base is the smallest value, so that distances from it fit.
    let low = low.max(base).wrapping_sub(base).cast_unsigned();
    let high = high.wrapping_sub(base).cast_unsigned();
    let mut found = codes_between(offsets, low, high, within);
    keep_present(&mut found, presence);
    found
}

pub(crate) fn keep_present(found: &mut Bits, presence: Option<&Bits>) {
    if let Some(presence) = presence {
        found.and(presence);
    }
}

/// Gives the rows of `within` whose number passes.
pub(super) fn integers(
    (base, offsets, presence): Integers<'_>,
    check: &Check,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    if let Some(bounds) = check.whole_numbers() {
        return Ok(integers_between((base, offsets, presence), bounds, within));
    }
    // Compared as text: each of few values once, else each row.
    let has = |offset: u64| check.has(Scalar::Integer(i128::from(value_at(base, offset))));
    let largest = match offsets {
        Codes::U8(codes) => codes.iter().max().copied().map(usize::from),
        Codes::U16(codes) => codes.iter().max().copied().map(usize::from),
        Codes::U32(_) | Codes::U64(_) => None,
    };
    let mut present = within.clone();
    keep_present(&mut present, presence);
    match largest {
        Some(largest) if largest < present.count() => {
            let table: Vec<bool> = (0..=largest as u64).map(has).collect();
            Ok(codes_in(offsets, &table, false, &present))
        }
        _ => one_by_one(&present, checkpoint, |row| Ok(has(offsets.get(row)))),
    }
}

/// Gives the rows of `within` whose number passes.
pub(super) fn floats(
    values: &[f64],
    presence: Option<&Bits>,
    check: &Check,
    within: &Bits,
) -> Bits {
    let mut present = within.clone();
    keep_present(&mut present, presence);
    rows_where(values, &present, |value| check.has(Scalar::Float(value)))
}

/// Gives the rows of `within` whose flag passes.
pub(super) fn booleans(
    values: &Bits,
    presence: Option<&Bits>,
    check: &Check,
    within: &Bits,
) -> Bits {
    let mut present = within.clone();
    keep_present(&mut present, presence);
    match (check.has(Scalar::Boolean(true)), check.has(Scalar::Boolean(false))) {
        (true, true) => {}
        (true, false) => present.and(values),
        (false, true) => present.and_not(values),
        (false, false) => return Bits::none(within.len()),
    }
    present
}

/// Looks at each row of `within`, asking the checkpoint now and then.
pub(super) fn one_by_one(
    within: &Bits,
    checkpoint: Checkpoint<'_>,
    mut passes: impl FnMut(usize) -> Result<bool, ColumnError>,
) -> Result<Bits, ColumnError> {
    let mut found = Bits::none(within.len());
    for (number, row) in within.ones().enumerate() {
        if number % CHECKED_ROWS == CHECKED_ROWS - 1 {
            checkpoint()?;
        }
        if passes(row)? {
            found.set(row);
        }
    }
    Ok(found)
}
