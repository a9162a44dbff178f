//! All columns of a group but the messages, while it grows.

use crate::column::{Codes, Column, ColumnName};
use crate::keys::{GroupKeys, KeySpace};
use crate::lines::{Cell, Lines};

use super::attributes::{self, Attributes};
use super::rest::FieldNames;
use super::text::{Absence, TextBuilder};
use super::{GroupFacts, Part, RowParts, StoredColumn, message};

/// The columns.
#[derive(Debug)]
pub(super) struct Columns {
    sequences: Vec<i64>,
    timestamps_us: Vec<i64>,
    received_us: Vec<i64>,
    severity_numbers: Vec<u8>,
    /// That of messages stays empty.
    texts: [TextBuilder; 6],
    resource: TextBuilder,
    attributes: Attributes,
    facts: GroupFacts,
}

/// What becomes of them, in the order of their names.
pub(super) struct FinishedColumns {
    pub(super) facts: GroupFacts,
    pub(super) columns: Vec<(ColumnName, StoredColumn)>,
    pub(super) keys: GroupKeys,
    pub(super) rest_fields: FieldNames,
    pub(super) resource_fields: FieldNames,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            sequences: Vec::new(),
            timestamps_us: Vec::new(),
            received_us: Vec::new(),
            severity_numbers: Vec::new(),
            texts: std::array::from_fn(|_| TextBuilder::new(Absence::Empty)),
            resource: TextBuilder::dictionary(),
            attributes: Attributes::default(),
            facts: GroupFacts::default(),
        }
    }
}

impl Columns {
    pub(super) fn rows(&self) -> usize {
        self.sequences.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.sequences.capacity() * 24
            + self.severity_numbers.capacity()
            + self.texts.iter().map(TextBuilder::memory_bytes).sum::<usize>()
            + self.resource.memory_bytes()
            + self.attributes.memory_bytes()
    }

    /// The number of a name of an attribute.
    pub(super) fn field(&mut self, name: &str) -> u32 {
        self.attributes.field(name)
    }

    /// For each name of a batch its number.
    pub(super) fn fields_of(&mut self, lines: &Lines) -> Vec<u32> {
        lines.names().iter().map(|name| self.attributes.field(name)).collect()
    }

    pub(super) fn push_lines(&mut self, part: &Part<'_>, fields: &[u32]) {
        let lines = part.lines;
        let texts: [_; 6] = std::array::from_fn(|place| lines.texts(place));
        let mut cells: Vec<(u32, Cell<'_>)> = Vec::new();
        for row in part.rows() {
            cells.clear();
            cells.extend(super::cells_of(lines, row, fields));
            let parts = RowParts {
                sequence: lines.first_sequence() + row as u64,
                timestamp_us: lines.timestamps_us().get(row).copied().unwrap_or_default(),
                received_at_us: lines.received_at_us(),
                severity_number: lines.severity_numbers().get(row).copied().unwrap_or_default(),
                texts: texts.map(|texts| texts.map_or("", |texts| texts.get(row))),
                resource: lines.resource_text(row),
                cells: &[],
            };
            self.push(&parts, &cells);
        }
    }

    /// Adds a line, with its attributes by their numbers.
    pub(super) fn push(&mut self, line: &RowParts<'_>, cells: &[(u32, Cell<'_>)]) {
        let row = u32::try_from(self.sequences.len()).unwrap_or(u32::MAX);
        self.add_fixed(line);
        for &(field, cell) in cells {
            self.attributes.push(row, field, cell);
        }
        self.resource.push(row, line.resource, &[]);
        for (place, (builder, text)) in self.texts.iter_mut().zip(line.texts).enumerate() {
            if place != message::PLACE {
                builder.push(row, text, &[]);
            }
        }
    }

    #[allow(clippy::cast_possible_wrap)]
    fn add_fixed(&mut self, line: &RowParts<'_>) {
        self.sequences.push(line.sequence as i64);
        self.timestamps_us.push(line.timestamp_us);
        self.received_us.push(line.received_at_us);
        self.severity_numbers.push(line.severity_number);
        let facts = &mut self.facts;
        facts.rows += 1;
        facts.severities |= 1 << line.severity_number.min(31);
        widen(&mut facts.timestamp_bounds_us, line.timestamp_us);
        widen(&mut facts.received_bounds_us, line.received_at_us);
        let bounds = &mut facts.sequence_bounds;
        *bounds = (bounds.0.min(line.sequence), bounds.1.max(line.sequence));
    }

    pub(super) fn finish(self) -> FinishedColumns {
        let rows = self.rows();
        let mut facts = self.facts;
        let fixed = message::FIXED_REFERENCES.into_iter().map(ColumnName::Text);
        facts.references = fixed.chain(self.attributes.references()).collect();
        let mut keys = GroupKeys::default();
        let mut columns = vec![
            (ColumnName::Sequence, whole(&self.sequences)),
            (ColumnName::Timestamp, whole(&self.timestamps_us)),
            (ColumnName::ReceivedAt, whole(&self.received_us)),
            (ColumnName::SeverityNumber, severities(&self.severity_numbers)),
        ];
        drop((self.sequences, self.timestamps_us, self.received_us));
        for (name, builder) in (0u8..).map(ColumnName::Text).zip(self.texts) {
            if name != message::NAME {
                let column = builder.finish(rows, KeySpace::of(&name), &mut keys);
                columns.push((name, column));
            }
        }
        let mut resource_fields = FieldNames::default();
        let resource = self.resource.finish(rows, KeySpace::of(&ColumnName::Resource), &mut keys);
        if let StoredColumn::Whole(Column::Dictionary { dictionary, .. }) = &resource {
            for text in dictionary.iter() {
                resource_fields.add_object("", &crate::lines::parse_object(text));
            }
        }
        columns.push((ColumnName::Resource, resource));
        let attributes = self.attributes.finish(rows, &mut keys);
        if attributes.rest.rows().count() > 0 {
            // The words of JSON are not those of its values, so the rest has no keys of its own.
            let space = KeySpace::of(&ColumnName::Rest);
            let rest = attributes.rest.finish(rows, space, &mut GroupKeys::default());
            columns.push((ColumnName::Rest, rest));
        }
        columns.extend(attributes.columns);
        FinishedColumns { facts, columns, keys, rest_fields: attributes.rest_fields, resource_fields }
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
