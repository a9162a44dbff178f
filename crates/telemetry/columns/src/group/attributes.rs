//! The attributes of a group while it grows: one column per name and kind, however rare.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, PROMOTED_FIELDS};
use crate::keys::{GroupKeys, KeySpace};
use crate::lines::{Cell, Kind};

use super::StoredColumn;
use super::message::{REFERENCE_COLUMNS, is_referable};
use super::rest::{FieldNames, write_member};
use super::rows::RowSet;
use super::text::{Absence, TextBuilder};

/// Most columns that grow at the same time; values of later ones go to the rest at once.
pub(super) const GROWING_COLUMNS: usize = 16_384;
/// Most columns that may turn into templates: those must be promoted.
const TEMPLATE_COLUMNS: usize = 100;
const NONE: u32 = u32::MAX;

/// One name.
#[derive(Debug)]
struct Field {
    name: Box<str>,
    /// Column per kind.
    columns: [u32; 5],
    /// The last row that had a value, plus one: the first value of a line wins.
    seen: u32,
}

#[derive(Debug)]
enum Values {
    Text(TextBuilder),
    Integers(RowSet, Vec<i64>),
    Floats(RowSet, Vec<f64>),
    Booleans(RowSet, Vec<bool>),
}

#[derive(Debug)]
struct Growing {
    field: u32,
    kind: Kind,
    values: Values,
}

/// A value that goes to the rest before anything else is known.
#[derive(Debug)]
struct Early {
    row: u32,
    field: u32,
    json: Box<str>,
}

/// All attributes.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    fields: Vec<Field>,
    by_name: FxHashMap<Box<str>, u32>,
    columns: Vec<Growing>,
    early: Vec<Early>,
    template_columns: usize,
}

/// What becomes of the attributes.
pub(super) struct Finished {
    pub(super) columns: Vec<(ColumnName, StoredColumn)>,
    pub(super) rest: TextBuilder,
    pub(super) rest_fields: FieldNames,
}

impl Attributes {
    /// Gives the number of a name.
    pub(super) fn field(&mut self, name: &str) -> u32 {
        if let Some(&field) = self.by_name.get(name) {
            return field;
        }
        let field = u32::try_from(self.fields.len()).unwrap_or(NONE);
        self.fields.push(Field {
            name: name.into(),
            columns: [NONE; 5],
            seen: 0,
        });
        self.by_name.insert(name.into(), field);
        field
    }

    /// Adds a value of a line; lines ascend.
    pub(super) fn push(&mut self, row: u32, field: u32, cell: Cell<'_>) {
        let Some(known) = self.fields.get_mut(field as usize) else { return };
        if known.seen > row {
            return;
        }
        known.seen = row + 1;
        let kind = cell.kind();
        let Some(slot) = known.columns.get_mut(kind as usize) else { return };
        if *slot == NONE {
            if self.columns.len() >= GROWING_COLUMNS {
                self.push_early(row, field, cell);
                return;
            }
            *slot = u32::try_from(self.columns.len()).unwrap_or(NONE);
            self.columns.push(Growing::new(field, kind));
        }
        let place = known_column(&self.fields, field, kind);
        let Some(growing) = self.columns.get_mut(place as usize) else { return };
        match (&mut growing.values, cell) {
            (Values::Text(builder), Cell::Text(text) | Cell::Json(text)) => {
                let was_templates = builder.is_templates();
                if !was_templates && self.template_columns >= TEMPLATE_COLUMNS {
                    builder.stay_readable();
                }
                builder.push(row, text, &[]);
                self.template_columns += usize::from(!was_templates && builder.is_templates());
            }
            (Values::Integers(rows, values), Cell::Integer(number)) => {
                rows.push(row);
                values.push(number);
            }
            (Values::Floats(rows, values), Cell::Float(number)) => {
                rows.push(row);
                values.push(number);
            }
            (Values::Booleans(rows, values), Cell::Boolean(flag)) => {
                rows.push(row);
                values.push(flag);
            }
            _ => {}
        }
    }

    fn push_early(&mut self, row: u32, field: u32, cell: Cell<'_>) {
        let mut json = String::new();
        let name = self
            .fields
            .get(field as usize)
            .map_or("", |field| &field.name);
        write_member(&mut json, name, cell);
        self.early.push(Early {
            row,
            field,
            json: json.into(),
        });
    }

    /// The columns that messages may refer to, in the order of their numbers, see [`super::message`].
    pub(super) fn references(&self) -> Vec<ColumnName> {
        self.referable().map(|column| self.name_of(column)).collect()
    }

    fn referable(&self) -> impl Iterator<Item = &Growing> {
        self.columns.iter().filter(|column| is_referable(column.kind)).take(REFERENCE_COLUMNS)
    }

    fn name_of(&self, column: &Growing) -> ColumnName {
        let field = self.fields.get(column.field as usize);
        ColumnName::Attribute(
            field.map_or_else(String::new, |field| field.name.to_string()),
            column.kind,
        )
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let names: usize = self.fields.iter().map(|f| f.name.len() * 2 + 96).sum();
        let early: usize = self.early.iter().map(|e| e.json.len() + 32).sum();
        let columns: usize = self.columns.iter().map(Growing::memory_bytes).sum();
        names + early + columns
    }

    /// Ends the group: the most frequent columns stay, the others go to the rest.
    pub(super) fn finish(mut self, rows: usize, keys: &mut GroupKeys) -> Finished {
        let promoted = self.choose();
        let mut rest_fields = FieldNames::default();
        let rest = self.rest(&promoted, &mut rest_fields);
        let columns = std::mem::take(&mut self.columns);
        let mut kept = Vec::new();
        for (column, is_promoted) in columns.into_iter().zip(promoted) {
            if is_promoted {
                let name = self.name_of(&column);
                let space = KeySpace::of(&name);
                kept.push((name, column.values.finish(rows, space, keys)));
            }
        }
        Finished {
            columns: kept,
            rest,
            rest_fields,
        }
    }

    /// Says of each column whether it stays.
    fn choose(&self) -> Vec<bool> {
        let referable: FxHashSet<(u32, Kind)> = self.referable().map(|column| (column.field, column.kind)).collect();
        let must_stay = |column: &Growing| {
            referable.contains(&(column.field, column.kind))
                || matches!(&column.values, Values::Text(builder) if builder.is_templates())
        };
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|&place| {
            let column = self.columns.get(place);
            std::cmp::Reverse(column.map(|c| (must_stay(c), c.values.rows().count())))
        });
        let mut promoted = vec![false; self.columns.len()];
        for &place in order.iter().take(PROMOTED_FIELDS) {
            if let Some(slot) = promoted.get_mut(place) {
                *slot = true;
            }
        }
        promoted
    }

    /// Writes the objects of the lines that have values without a column.
    fn rest(&self, promoted: &[bool], names: &mut FieldNames) -> TextBuilder {
        // Row, order within the line, member.
        let mut places: Vec<(u32, u32, u32)> = Vec::new();
        let mut members: Vec<u8> = Vec::new();
        let mut ends: Vec<usize> = Vec::new();
        let mut add = |row: usize, order: u32, member: &str| {
            let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
            places.push((u32::try_from(row).unwrap_or(NONE), order, number));
            members.extend_from_slice(member.as_bytes());
            ends.push(members.len());
        };
        for (order, (column, is_promoted)) in (0u32..).zip(self.columns.iter().zip(promoted)) {
            if !is_promoted {
                let name = self
                    .fields
                    .get(column.field as usize)
                    .map_or("", |f| &f.name);
                let mut json = String::new();
                column.each_value(&mut |row, cell| {
                    match cell {
                        Cell::Json(text) => names.add_json(name, text),
                        _ => names.add(name),
                    }
                    json.clear();
                    write_member(&mut json, name, cell);
                    add(row, order, json.get(1..).unwrap_or_default());
                });
            }
        }
        for early in &self.early {
            if let Some(field) = self.fields.get(early.field as usize) {
                names.add(&field.name);
            }
            let member = early.json.get(1..).unwrap_or_default();
            names.add_object("", &crate::lines::parse_object(&format!("{{{member}}}")));
            add(early.row as usize, u32::MAX, member);
        }
        places.sort_unstable();
        let member = |number: u32| {
            let number = number as usize;
            let start = number.checked_sub(1).and_then(|before| ends.get(before));
            let range = start.copied().unwrap_or(0)..ends.get(number).copied().unwrap_or(0);
            let bytes = members.get(range).unwrap_or_default();
            std::str::from_utf8(bytes).unwrap_or_default()
        };
        let mut rest = TextBuilder::new(Absence::Empty);
        let mut object = String::new();
        for line in places.chunk_by(|left, right| left.0 == right.0) {
            object.clear();
            for &(_, _, number) in line {
                object.push(if object.is_empty() { '{' } else { ',' });
                object.push_str(member(number));
            }
            object.push('}');
            rest.push(line.first().map_or(0, |first| first.0), &object, &[]);
        }
        rest
    }
}

fn known_column(fields: &[Field], field: u32, kind: Kind) -> u32 {
    let columns = fields.get(field as usize).map(|field| field.columns);
    columns
        .and_then(|columns| columns.get(kind as usize).copied())
        .unwrap_or(NONE)
}

impl Growing {
    fn new(field: u32, kind: Kind) -> Self {
        let values = match kind {
            Kind::Text | Kind::Json => Values::Text(TextBuilder::new(Absence::None)),
            Kind::Integer => Values::Integers(RowSet::default(), Vec::new()),
            Kind::Float => Values::Floats(RowSet::default(), Vec::new()),
            Kind::Boolean => Values::Booleans(RowSet::default(), Vec::new()),
        };
        Self { field, kind, values }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.values {
                Values::Text(builder) => builder.memory_bytes(),
                Values::Integers(rows, values) => rows.memory_bytes() + values.capacity() * 8,
                Values::Floats(rows, values) => rows.memory_bytes() + values.capacity() * 8,
                Values::Booleans(rows, values) => rows.memory_bytes() + values.capacity(),
            }
    }

    /// Shows the lines with a value; a column of templates shows none.
    fn each_value(&self, show: &mut dyn FnMut(usize, Cell<'_>)) {
        match &self.values {
            Values::Text(builder) => {
                let mut rows = builder.rows().iter();
                builder.each_value(&mut |text| {
                    let cell = match self.kind {
                        Kind::Json => Cell::Json(text),
                        _ => Cell::Text(text),
                    };
                    show(rows.next().unwrap_or_default(), cell);
                });
            }
            Values::Integers(rows, values) => {
                let values = rows.iter().zip(values);
                values.for_each(|(row, &value)| show(row, Cell::Integer(value)));
            }
            Values::Floats(rows, values) => {
                let values = rows.iter().zip(values);
                values.for_each(|(row, &value)| show(row, Cell::Float(value)));
            }
            Values::Booleans(rows, values) => {
                let values = rows.iter().zip(values);
                values.for_each(|(row, &value)| show(row, Cell::Boolean(value)));
            }
        }
    }
}

impl Values {
    fn rows(&self) -> &RowSet {
        match self {
            Self::Text(builder) => builder.rows(),
            Self::Integers(rows, _) | Self::Floats(rows, _) | Self::Booleans(rows, _) => rows,
        }
    }

    fn finish(self, rows: usize, space: KeySpace, keys: &mut GroupKeys) -> StoredColumn {
        match self {
            Self::Text(builder) => builder.finish(rows, space, keys),
            Self::Integers(with_value, values) => {
                StoredColumn::Whole(integers(&with_value, &values, rows))
            }
            Self::Floats(with_value, values) => StoredColumn::Whole(Column::Floats {
                values: with_value.spread(&values, 0.0, rows),
                presence: with_value.presence(rows),
            }),
            Self::Booleans(with_value, values) => {
                let mut bits = Bits::none(rows);
                for (row, &value) in with_value.iter().zip(&values) {
                    if value {
                        bits.set(row);
                    }
                }
                StoredColumn::Whole(Column::Booleans {
                    values: bits,
                    presence: with_value.presence(rows),
                })
            }
        }
    }
}

fn integers(with_value: &RowSet, values: &[i64], rows: usize) -> Column {
    let base = values.iter().copied().min().unwrap_or(0);
    let spread = with_value.spread(values, base, rows);
    Column::Integers {
        base,
        offsets: pack_offsets(base, &spread),
        presence: with_value.presence(rows),
    }
}

/// Packs numbers as distances from the smallest.
#[must_use]
pub(super) fn pack_offsets(base: i64, values: &[i64]) -> Codes {
    #[allow(clippy::cast_sign_loss)]
    Codes::pack(values.iter().map(|value| value.wrapping_sub(base) as u64))
}
