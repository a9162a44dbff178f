//! Gathers lines and closes them as a group of columns.
//!
//! What a column looks like is decided from what it has seen: few different texts are a dictionary,
//! hexadecimal texts of one length are identifiers, other texts are templates with variables. Every
//! attribute has a column per kind while the group grows; the most frequent keep it, the others share
//! one of JSON. Messages may refer to the values of other columns of their line.
//!
//! Invariants: rows are in the order they were pushed, which is the order of sequence; sequences may
//! have gaps; every value comes out as it went in, and so do conflicts of types.

mod attributes;
mod columns;
mod dictionary;
mod message;
mod reader;
mod rest;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod view;

use crate::bits::Bits;
use crate::column::{Column, ColumnName, Form, GROUP_ROWS};
use crate::keys::{KeyFilter, Keys};
use crate::lines::{Cell, Lines};
use crate::template::TemplateEncoded;

use columns::{Columns, FinishedColumns};
use message::{FinishedMessages, Messages};

pub use reader::{GroupRows, ReadRow, RowBuffer};
pub use rest::{FieldNames, LISTED_FIELDS, each_member};
pub use text::write_hexadecimal;
pub use view::MemoryGroup;

/// A column as it is stored.
#[derive(Debug)]
pub enum StoredColumn {
    /// In the form in which it is searched; anything but templates.
    Whole(Column),
    /// Texts as templates and variables.
    Templates {
        /// What is stored.
        encoded: TemplateEncoded,
        /// Lines with a value.
        presence: Option<Bits>,
    },
}

impl StoredColumn {
    /// Says in which form the column is searched.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::Whole(column) => form_of(column),
            Self::Templates { .. } => Form::Templates,
        }
    }

    /// Says whether the words or identifiers of such a column are keys of the group's filter; those
    /// of [`ColumnName::Rest`] never are.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        matches!(
            self,
            Self::Templates { .. } | Self::Whole(Column::Identifiers { .. } | Column::Texts { .. })
        )
    }
}

fn form_of(column: &Column) -> Form {
    match column {
        Column::Integers { .. } => Form::Integers,
        Column::Floats { .. } => Form::Floats,
        Column::Booleans { .. } => Form::Booleans,
        Column::Dictionary { .. } => Form::Dictionary,
        Column::Identifiers { .. } => Form::Identifiers,
        Column::Templates { .. } => Form::Templates,
        Column::Texts { .. } => Form::Texts,
    }
}

/// What is known about a group without its columns.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GroupFacts {
    /// How many lines.
    pub rows: u64,
    /// Inclusive bounds of the timestamps.
    pub timestamp_bounds_us: (i64, i64),
    /// Inclusive bounds of the times of receipt.
    pub received_bounds_us: (i64, i64),
    /// Inclusive bounds of the sequences.
    pub sequence_bounds: (u64, u64),
    /// Bit n is set when severity number n occurs.
    pub severities: u32,
    /// The columns that templates of messages may refer to, in the order of their numbers.
    pub references: Vec<ColumnName>,
    /// The stream that the lines belong to; empty for the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stream: String,
}

impl Default for GroupFacts {
    fn default() -> Self {
        Self {
            rows: 0,
            timestamp_bounds_us: (i64::MAX, i64::MIN),
            received_bounds_us: (i64::MAX, i64::MIN),
            sequence_bounds: (u64::MAX, 0),
            severities: 0,
            references: Vec::new(),
            stream: String::new(),
        }
    }
}

/// A closed group: what is written to files.
#[derive(Debug)]
pub struct Group {
    /// What is known without the columns.
    pub facts: GroupFacts,
    /// The columns, fixed ones first.
    pub columns: Vec<(ColumnName, StoredColumn)>,
    /// The filter over the keys, see [`crate::keys`].
    pub filter: KeyFilter,
    /// The filter over the words that columns keep once, see [`crate::keys`].
    pub vocabulary: KeyFilter,
    /// The filter over where words of messages stand, see [`crate::keys`].
    pub whereabouts: KeyFilter,
    /// Names found in [`ColumnName::Rest`].
    pub rest_fields: FieldNames,
    /// Names found in the resources.
    pub resource_fields: FieldNames,
}

/// One line to be added; texts are in the order of [`crate::lines::TEXT_FIELDS`].
#[derive(Debug, Clone, Copy)]
pub struct RowParts<'a> {
    /// Unique per store, ascending.
    pub sequence: u64,
    /// Their time.
    pub timestamp_us: i64,
    /// Our time.
    pub received_at_us: i64,
    /// OpenTelemetry's number.
    pub severity_number: u8,
    /// The text fields.
    pub texts: [&'a str; 6],
    /// JSON text, empty for none.
    pub resource: &'a str,
    /// Attributes; a name said twice counts once.
    pub cells: &'a [(&'a str, Cell<'a>)],
}

/// Lines of a batch that belong in a group.
pub struct Part<'a> {
    /// The batch.
    pub lines: &'a Lines,
    /// Which of its lines, ascending; all when there is none.
    pub rows: Option<Vec<u32>>,
}

impl Part<'_> {
    fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.lines.len(), Vec::len)
    }

    fn rows(&self) -> impl Iterator<Item = usize> {
        let all = if self.rows.is_some() { 0 } else { self.lines.len() };
        (0..all).chain(self.rows.iter().flatten().map(|&row| row as usize))
    }
}

impl Group {
    /// Makes a group of lines in memory. Messages are about half of the work and have a thread of their own.
    #[must_use]
    pub fn of_lines(parts: &[Part<'_>]) -> Self {
        let mut columns = Columns::default();
        let numbered: Vec<(&Part<'_>, Vec<u32>)> = parts.iter().map(|part| (part, columns.fields_of(part.lines))).collect();
        let rows = parts.iter().map(Part::len).sum();
        let messages = || {
            let mut messages = Messages::default();
            numbered.iter().for_each(|(part, fields)| messages.push_lines(part, fields));
            messages.finish(rows)
        };
        std::thread::scope(|scope| {
            let beside = std::thread::Builder::new().name("andon-messages".into()).spawn_scoped(scope, messages);
            numbered.iter().for_each(|(part, fields)| columns.push_lines(part, fields));
            let columns = columns.finish();
            let messages = match beside {
                Ok(beside) => beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // The system has no thread to give: one after the other.
                Err(_) => messages(),
            };
            Self::joined(columns, messages)
        })
    }

    fn joined(columns: FinishedColumns, messages: FinishedMessages) -> Self {
        let FinishedColumns { facts, mut columns, mut keys, rest_fields, resource_fields } = columns;
        let place = columns.iter().position(|(name, _)| *name > message::NAME).unwrap_or(columns.len());
        columns.insert(place, (message::NAME, messages.column));
        keys.append(messages.keys);
        let (filter, vocabulary) = (keys.varying.finish(), keys.vocabulary.finish());
        let whereabouts = keys.whereabouts.map_or_else(KeyFilter::unknown, Keys::finish);
        Self { facts, columns, filter, vocabulary, whereabouts, rest_fields, resource_fields }
    }
}

/// Gathers lines one by one.
#[derive(Debug, Default)]
pub struct GroupBuilder {
    columns: Columns,
    messages: Messages,
}

impl GroupBuilder {
    /// Begins a group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how many lines were added; at most [`GROUP_ROWS`] belong in a group.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    /// Says whether no more lines belong in the group.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows() >= GROUP_ROWS
    }

    /// Memory in use, approximately; walks all columns.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.columns.memory_bytes() + self.messages.memory_bytes()
    }

    /// Adds all lines of a batch.
    pub fn push(&mut self, lines: &Lines) {
        let fields = self.columns.fields_of(lines);
        let part = Part { lines, rows: None };
        self.columns.push_lines(&part, &fields);
        self.messages.push_lines(&part, &fields);
    }

    /// Adds one line.
    pub fn push_row(&mut self, row: &RowParts<'_>) {
        let cells = row.cells.iter();
        let cells: Vec<(u32, Cell<'_>)> = cells.map(|&(name, cell)| (self.columns.field(name), cell)).collect();
        self.columns.push(row, &cells);
        self.messages.push(&row.texts, cells.iter().copied());
    }

    /// Closes the group.
    #[must_use]
    pub fn finish(self) -> Group {
        let rows = self.rows();
        Group::joined(self.columns.finish(), self.messages.finish(rows))
    }
}

/// The attributes of a line of a batch, by the numbers of their names in the group.
fn cells_of<'a>(lines: &'a Lines, row: usize, fields: &[u32]) -> impl Iterator<Item = (u32, Cell<'a>)> {
    lines.cells(row).filter_map(|(field, cell)| Some((*fields.get(field as usize)?, cell)))
}
