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

/// Finds the row with a sequence, which ascend.
///
/// # Errors
/// When the column of sequences cannot be read.
pub fn row_of_sequence(
    group: &dyn GroupView,
    sequence: u64,
) -> Result<Option<usize>, ColumnError> {
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
    Ok((low < group.rows() && at(low) == sequence).then_some(low))
}
