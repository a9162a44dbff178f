//! Single values out of the columns of a group.

use crate::column::{Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::select::numbers::value_at;

/// Gives the whole numbers of some rows; every line has one in the fixed columns.
///
/// # Errors
/// When the column is missing, has another form or cannot be read.
pub fn integers(
    group: &dyn GroupView,
    name: &ColumnName,
    rows: &[usize],
) -> Result<Vec<i64>, ColumnError> {
    let column = group.column(name)?;
    let Some(Column::Integers { base, offsets, .. }) = column.as_deref() else {
        return Err(ColumnError::damaged(format!("the column {name:?} is missing")));
    };
    Ok(rows.iter().map(|&row| value_at(*base, offsets.get(row))).collect())
}

/// Finds the row with a sequence, which ascend; a hidden one is not found.
///
/// # Errors
/// When the column of sequences cannot be read.
pub fn row_of_sequence(
    group: &dyn GroupView,
    sequence: u64,
) -> Result<Option<usize>, ColumnError> {
    let row = rows_before(group, sequence)?;
    let is_hidden = group.hidden().is_some_and(|hidden| hidden.get(row));
    if row >= group.rows() || is_hidden {
        return Ok(None);
    }
    let found = integers(group, &ColumnName::Sequence, &[row])?;
    Ok((found.first().map(|number| number.cast_unsigned()) == Some(sequence)).then_some(row))
}

/// Counts the rows with a smaller sequence; they are the first ones.
///
/// # Errors
/// When the column of sequences cannot be read.
pub fn rows_before(group: &dyn GroupView, sequence: u64) -> Result<usize, ColumnError> {
    let column = group.column(&ColumnName::Sequence)?;
    let Some(Column::Integers { base, offsets, .. }) = column.as_deref() else {
        return Err(ColumnError::damaged("the column of sequences is missing"));
    };
    let at = |row: usize| value_at(*base, offsets.get(row)).cast_unsigned();
    let (mut low, mut high) = (0, group.rows());
    while low < high {
        let middle = low + (high - low) / 2;
        if at(middle) < sequence {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
