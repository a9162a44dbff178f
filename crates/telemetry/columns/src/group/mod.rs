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
mod dictionary;
mod reader;
mod rest;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod view;

use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, Form, GROUP_ROWS};
use crate::keys::{KeyFilter, KeySpace, Keys};
use crate::lines::{Cell, Lines};
use crate::template::TemplateEncoded;

use attributes::Attributes;
use text::{Absence, TextBuilder};

pub use reader::{GroupRows, ReadRow, RowBuffer};
pub use rest::{FieldNames, LISTED_FIELDS, each_member};
pub use text::write_hexadecimal;
pub use view::MemoryGroup;

/// Place of the message in [`crate::lines::TEXT_FIELDS`].
const MESSAGE: usize = 2;
/// Fixed text fields that messages may refer to: service, trace id and span id.
const FIXED_REFERENCES: [u8; 3] = [1, 3, 4];
const REFERENCES: usize = FIXED_REFERENCES.len() + attributes::REFERENCE_COLUMNS;
/// Longest value that a message may refer to.
const REFERENCE_BYTES: usize = 256;
/// Smaller numbers would be found in messages by accident.
const SMALLEST_REFERENCE: i64 = 100;

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

/// Gathers lines.
#[derive(Debug)]
pub struct GroupBuilder {
    sequences: Vec<i64>,
    timestamps_us: Vec<i64>,
    received_us: Vec<i64>,
    severity_numbers: Vec<u8>,
    texts: [TextBuilder; 6],
    resource: TextBuilder,
    attributes: Attributes,
    facts: GroupFacts,
    numbers: NumberTexts,
}

impl Default for GroupBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl GroupBuilder {
    /// Begins a group.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sequences: Vec::new(),
            timestamps_us: Vec::new(),
            received_us: Vec::new(),
            severity_numbers: Vec::new(),
            texts: std::array::from_fn(|_| TextBuilder::new(Absence::Empty)),
            resource: TextBuilder::dictionary(),
            attributes: Attributes::default(),
            facts: GroupFacts::default(),
            numbers: NumberTexts::default(),
        }
    }

    /// Says how many lines were added; at most [`GROUP_ROWS`] belong in a group.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.sequences.len()
    }

    /// Says whether no more lines belong in the group.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows() >= GROUP_ROWS
    }

    /// Memory in use, approximately; walks all columns.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.sequences.capacity() * 24
            + self.severity_numbers.capacity()
            + self
                .texts
                .iter()
                .map(TextBuilder::memory_bytes)
                .sum::<usize>()
            + self.resource.memory_bytes()
            + self.attributes.memory_bytes()
    }

    /// Adds all lines of a batch.
    pub fn push(&mut self, lines: &Lines) {
        self.push_rows(lines, 0..lines.len());
    }

    /// Adds some lines of a batch, in their order.
    pub fn push_rows(&mut self, lines: &Lines, rows: impl IntoIterator<Item = usize>) {
        let fields: Vec<u32> = lines
            .names()
            .iter()
            .map(|name| self.attributes.field(name))
            .collect();
        let mut cells: Vec<(u32, Cell<'_>)> = Vec::new();
        for row in rows {
            cells.clear();
            for (field, cell) in lines.cells(row) {
                if let Some(&field) = fields.get(field as usize) {
                    cells.push((field, cell));
                }
            }
            let text = |place: usize| lines.texts(place).map_or("", |texts| texts.get(row));
            let timestamp_us = lines.timestamps_us().get(row).copied().unwrap_or_default();
            let severity = lines
                .severity_numbers()
                .get(row)
                .copied()
                .unwrap_or_default();
            self.add_fixed(
                lines.first_sequence() + row as u64,
                timestamp_us,
                lines.received_at_us(),
                severity,
            );
            self.add_texts(std::array::from_fn(text), lines.resource_text(row), &cells);
        }
    }

    /// Adds one line.
    pub fn push_row(&mut self, row: &RowParts<'_>) {
        let cells: Vec<(u32, Cell<'_>)> = row
            .cells
            .iter()
            .map(|&(name, cell)| (self.attributes.field(name), cell))
            .collect();
        self.add_fixed(
            row.sequence,
            row.timestamp_us,
            row.received_at_us,
            row.severity_number,
        );
        self.add_texts(row.texts, row.resource, &cells);
    }

    #[allow(clippy::cast_possible_wrap)]
    fn add_fixed(&mut self, sequence: u64, timestamp_us: i64, received_us: i64, severity: u8) {
        self.sequences.push(sequence as i64);
        self.timestamps_us.push(timestamp_us);
        self.received_us.push(received_us);
        self.severity_numbers.push(severity);
        let facts = &mut self.facts;
        facts.rows += 1;
        facts.severities |= 1 << severity.min(31);
        widen(&mut facts.timestamp_bounds_us, timestamp_us);
        widen(&mut facts.received_bounds_us, received_us);
        let bounds = &mut facts.sequence_bounds;
        *bounds = (bounds.0.min(sequence), bounds.1.max(sequence));
    }

    fn add_texts<'a>(&mut self, texts: [&'a str; 6], resource: &str, cells: &'a [(u32, Cell<'a>)]) {
        let row = u32::try_from(self.sequences.len() - 1).unwrap_or(u32::MAX);
        let mut referred: [Option<Cell<'a>>; attributes::REFERENCE_COLUMNS] =
            [None; attributes::REFERENCE_COLUMNS];
        for &(field, cell) in cells {
            let reference = self.attributes.push(row, field, cell);
            if let Some(slot) = reference.and_then(|number| referred.get_mut(usize::from(number))) {
                *slot = Some(cell);
            }
        }
        self.resource.push(row, resource, &[]);
        for (place, (builder, text)) in self.texts.iter_mut().zip(texts).enumerate() {
            if place != MESSAGE {
                builder.push(row, text, &[]);
            }
        }
        self.numbers.write(&referred);
        let mut references = [""; REFERENCES];
        let (fixed, named) = references.split_at_mut(FIXED_REFERENCES.len());
        for (slot, place) in fixed.iter_mut().zip(FIXED_REFERENCES) {
            let text = texts.get(usize::from(place)).copied().unwrap_or_default();
            *slot = if text.len() <= REFERENCE_BYTES {
                text
            } else {
                ""
            };
        }
        for (number, (slot, cell)) in named.iter_mut().zip(&referred).enumerate() {
            *slot = match cell {
                Some(Cell::Text(text)) if text.len() <= REFERENCE_BYTES => text,
                Some(Cell::Integer(_)) => self.numbers.get(number),
                _ => "",
            };
        }
        let [_, _, message, ..] = &mut self.texts;
        message.push(row, texts[MESSAGE], &references);
    }

    /// Closes the group.
    #[must_use]
    pub fn finish(self) -> Group {
        let rows = self.rows();
        let mut facts = self.facts;
        facts.references = FIXED_REFERENCES
            .into_iter()
            .map(ColumnName::Text)
            .chain(self.attributes.references())
            .collect();
        let mut keys = Keys::default();
        let mut columns = vec![
            (ColumnName::Sequence, whole(&self.sequences)),
            (ColumnName::Timestamp, whole(&self.timestamps_us)),
            (ColumnName::ReceivedAt, whole(&self.received_us)),
            (
                ColumnName::SeverityNumber,
                severities(&self.severity_numbers),
            ),
        ];
        drop((self.sequences, self.timestamps_us, self.received_us));
        for (place, builder) in (0u8..).zip(self.texts) {
            let name = ColumnName::Text(place);
            let space = KeySpace::of(&name);
            columns.push((name, builder.finish(rows, space, &mut keys)));
        }
        let mut resource_fields = FieldNames::default();
        let resource = self
            .resource
            .finish(rows, KeySpace::of(&ColumnName::Resource), &mut keys);
        if let StoredColumn::Whole(Column::Dictionary { dictionary, .. }) = &resource {
            for text in dictionary.iter() {
                resource_fields.add_object("", &crate::lines::parse_object(text));
            }
        }
        columns.push((ColumnName::Resource, resource));
        let finished = self.attributes.finish(rows, &mut keys);
        if finished.rest.rows().count() > 0 {
            // The words of JSON are not those of its values, so the rest has no keys of its own.
            let rest =
                finished
                    .rest
                    .finish(rows, KeySpace::of(&ColumnName::Rest), &mut Keys::default());
            columns.push((ColumnName::Rest, rest));
        }
        columns.extend(finished.columns);
        Group {
            facts,
            columns,
            filter: keys.finish(),
            rest_fields: finished.rest_fields,
            resource_fields,
        }
    }
}

fn widen(bounds: &mut (i64, i64), value: i64) {
    *bounds = (bounds.0.min(value), bounds.1.max(value));
}

fn whole(values: &[i64]) -> StoredColumn {
    let base = values.iter().copied().min().unwrap_or(0);
    StoredColumn::Whole(Column::Integers {
        base,
        offsets: attributes::pack_offsets(base, values),
        presence: None,
    })
}

fn severities(numbers: &[u8]) -> StoredColumn {
    StoredColumn::Whole(Column::Integers {
        base: 0,
        offsets: Codes::U8(numbers.to_vec()),
        presence: None,
    })
}

/// Writes a number that is not negative.
fn write_digits(mut number: i64, out: &mut String) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    let written = digits.get(start..).unwrap_or_default();
    out.push_str(std::str::from_utf8(written).unwrap_or_default());
}

/// The numbers of a line as texts, without an allocation per line.
#[derive(Debug, Default)]
struct NumberTexts {
    text: String,
    places: [(usize, usize); attributes::REFERENCE_COLUMNS],
}

impl NumberTexts {
    fn write(&mut self, cells: &[Option<Cell<'_>>; attributes::REFERENCE_COLUMNS]) {
        self.text.clear();
        for (place, cell) in self.places.iter_mut().zip(cells) {
            let start = self.text.len();
            if let Some(Cell::Integer(number)) = cell
                && *number >= SMALLEST_REFERENCE
            {
                write_digits(*number, &mut self.text);
            }
            *place = (start, self.text.len());
        }
    }

    fn get(&self, number: usize) -> &str {
        let place = self.places.get(number).copied().unwrap_or_default();
        self.text.get(place.0..place.1).unwrap_or_default()
    }
}
