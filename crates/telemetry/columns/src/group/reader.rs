//! Lines out of a group exactly as they went in, to be put into another group.

use std::ops::Range;
use std::sync::Arc;

use crate::column::{Column, ColumnName, GroupView, held};
use crate::error::ColumnError;
use crate::lines::{Cell, Kind};
use crate::references::GroupReferences;
use crate::template::{NoReferences, References};

use super::{RowParts, each_member, write_hexadecimal};

/// All columns of a group, to take lines out.
pub struct GroupRows<'g> {
    rows: usize,
    numbers: [Option<Arc<Column>>; 4],
    texts: [Option<Arc<Column>>; 6],
    resource: Option<Arc<Column>>,
    rest: Option<Arc<Column>>,
    attributes: Vec<(String, Kind, Arc<Column>)>,
    references: GroupReferences<'g>,
}

impl<'g> GroupRows<'g> {
    /// Reads all columns.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn open(group: &'g dyn GroupView) -> Result<Self, ColumnError> {
        let column = |name: &ColumnName| group.column(name)?.map(held).transpose();
        let mut attributes = Vec::new();
        for (name, kind) in group.attributes() {
            if let Some(column) = column(&ColumnName::Attribute(name.clone(), kind))? {
                attributes.push((name, kind, column));
            }
        }
        let mut texts: [Option<Arc<Column>>; 6] = Default::default();
        for (place, slot) in (0u8..).zip(&mut texts) {
            *slot = column(&ColumnName::Text(place))?;
        }
        Ok(Self {
            rows: group.rows(),
            numbers: [
                column(&ColumnName::Sequence)?,
                column(&ColumnName::Timestamp)?,
                column(&ColumnName::ReceivedAt)?,
                column(&ColumnName::SeverityNumber)?,
            ],
            texts,
            resource: column(&ColumnName::Resource)?,
            rest: column(&ColumnName::Rest)?,
            attributes,
            references: GroupReferences::new(group),
        })
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Takes a line out.
    ///
    /// # Errors
    /// When variables of a template cannot be read.
    pub fn read<'b>(
        &'b self,
        row: usize,
        buffer: &'b mut RowBuffer,
    ) -> Result<ReadRow<'b>, ColumnError> {
        buffer.clear();
        for (column, place) in self.texts.iter().zip(&mut buffer.texts) {
            *place = append(column.as_deref(), row, &self.references, &mut buffer.text)?;
        }
        buffer.resource = append(
            self.resource.as_deref(),
            row,
            &NoReferences,
            &mut buffer.text,
        )?;
        for (place, (_, kind, column)) in self.attributes.iter().enumerate() {
            if !has_value(column, row) {
                continue;
            }
            let value = match number_at(column, row) {
                Some(number) => number,
                None => {
                    let range = append(Some(column), row, &NoReferences, &mut buffer.text)?;
                    match kind {
                        Kind::Json => Kept::Json(range),
                        _ => Kept::Text(range),
                    }
                }
            };
            buffer.cells.push((Name::Column(place), value));
        }
        let object = append(self.rest.as_deref(), row, &NoReferences, &mut buffer.text)?;
        let object = buffer.get(&object).to_owned();
        each_member(&object, &mut |name, cell| buffer.keep(name, cell));
        Ok(self.parts(row, buffer))
    }

    #[allow(clippy::cast_sign_loss)]
    fn parts<'b>(&'b self, row: usize, buffer: &'b RowBuffer) -> ReadRow<'b> {
        let number = |place: usize| {
            let column = self.numbers.get(place).and_then(Option::as_deref);
            match column.and_then(|column| number_at(column, row)) {
                Some(Kept::Integer(number)) => number,
                _ => 0,
            }
        };
        let cells = buffer.cells.iter().map(|(name, value)| {
            let name = match name {
                Name::Column(place) => self.attributes.get(*place).map_or("", |a| &a.0),
                Name::Written(range) => buffer.get(range),
            };
            (name, value.cell(buffer))
        });
        ReadRow {
            sequence: number(0) as u64,
            timestamp_us: number(1),
            received_at_us: number(2),
            severity_number: u8::try_from(number(3)).unwrap_or(0),
            texts: buffer.texts.each_ref().map(|range| buffer.get(range)),
            resource: buffer.get(&buffer.resource),
            cells: cells.collect(),
        }
    }
}

fn has_value(column: &Column, row: usize) -> bool {
    match column {
        Column::Dictionary { codes, dictionary } => codes.get(row) < dictionary.len() as u64,
        Column::Integers { presence, .. }
        | Column::Floats { presence, .. }
        | Column::Booleans { presence, .. }
        | Column::Identifiers { presence, .. }
        | Column::Templates { presence, .. }
        | Column::Texts { presence, .. } => presence.as_ref().is_none_or(|bits| bits.get(row)),
    }
}

fn number_at(column: &Column, row: usize) -> Option<Kept> {
    Some(match column {
        Column::Integers { base, offsets, .. } => {
            Kept::Integer(base.wrapping_add_unsigned(offsets.get(row)))
        }
        Column::Floats { values, .. } => Kept::Float(values.get(row).copied()?),
        Column::Booleans { values, .. } => Kept::Boolean(values.get(row)),
        _ => return None,
    })
}

/// Appends the text of a line, nothing without one; says where it stands.
fn append(
    column: Option<&Column>,
    row: usize,
    references: &dyn References,
    out: &mut String,
) -> Result<Range<usize>, ColumnError> {
    let start = out.len();
    match column.filter(|column| has_value(column, row)) {
        Some(Column::Dictionary { codes, dictionary }) => {
            let code = usize::try_from(codes.get(row)).unwrap_or(usize::MAX);
            out.push_str(dictionary.get(code));
        }
        Some(Column::Identifiers { width, bytes, .. }) => {
            let id = bytes.get(row * width..(row + 1) * width);
            write_hexadecimal(id.unwrap_or_default(), out);
        }
        Some(Column::Templates { column, .. }) => column.render(row, references, out)?,
        Some(Column::Texts { texts, .. }) => out.push_str(texts.get(row)),
        _ => {}
    }
    Ok(start..out.len())
}

/// A line that was taken out.
#[derive(Debug)]
pub struct ReadRow<'a> {
    /// Unique per store.
    pub sequence: u64,
    /// Their time.
    pub timestamp_us: i64,
    /// Our time.
    pub received_at_us: i64,
    /// OpenTelemetry's number.
    pub severity_number: u8,
    /// In the order of [`crate::lines::TEXT_FIELDS`].
    pub texts: [&'a str; 6],
    /// JSON text, empty for none.
    pub resource: &'a str,
    /// All attributes.
    pub cells: Vec<(&'a str, Cell<'a>)>,
}

impl ReadRow<'_> {
    /// Gives it as it is added to another group.
    #[must_use]
    pub fn parts(&self) -> RowParts<'_> {
        RowParts {
            sequence: self.sequence,
            timestamp_us: self.timestamp_us,
            received_at_us: self.received_at_us,
            severity_number: self.severity_number,
            texts: self.texts,
            resource: self.resource,
            cells: &self.cells,
        }
    }
}

#[derive(Debug)]
enum Name {
    Column(usize),
    Written(Range<usize>),
}

#[derive(Debug)]
enum Kept {
    Text(Range<usize>),
    Json(Range<usize>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

impl Kept {
    fn cell<'b>(&self, buffer: &'b RowBuffer) -> Cell<'b> {
        match self {
            Self::Text(range) => Cell::Text(buffer.get(range)),
            Self::Json(range) => Cell::Json(buffer.get(range)),
            Self::Integer(number) => Cell::Integer(*number),
            Self::Float(number) => Cell::Float(*number),
            Self::Boolean(flag) => Cell::Boolean(*flag),
        }
    }
}

/// What lines are taken out into; used again for the next line.
#[derive(Debug, Default)]
pub struct RowBuffer {
    text: String,
    texts: [Range<usize>; 6],
    resource: Range<usize>,
    cells: Vec<(Name, Kept)>,
}

impl RowBuffer {
    fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
    }

    fn get(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn add(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    fn keep(&mut self, name: &str, cell: Cell<'_>) {
        let name = Name::Written(self.add(name));
        let value = match cell {
            Cell::Text(text) => Kept::Text(self.add(text)),
            Cell::Json(text) => Kept::Json(self.add(text)),
            Cell::Integer(number) => Kept::Integer(number),
            Cell::Float(number) => Kept::Float(number),
            Cell::Boolean(flag) => Kept::Boolean(flag),
        };
        self.cells.push((name, value));
    }
}
