//! Which fields the newest matching lines have, with their types and most frequent values.

use andon_columns::fields::FieldTally;
use andon_reader::{FieldsResult, LogRow};

/// Lines looked at.
pub(crate) const SAMPLED_ROWS: usize = 10_000;

/// Summarises the fields of lines.
pub(crate) fn summarise(rows: &[LogRow], complete: bool, notes: Vec<String>) -> FieldsResult {
    let mut tally = FieldTally::default();
    rows.iter().for_each(|row| tally.add_row(row));
    FieldsResult {
        sampled_rows: tally.rows(),
        fields: tally.finish(),
        complete,
        notes,
    }
}
