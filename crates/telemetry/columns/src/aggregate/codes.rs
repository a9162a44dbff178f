//! The values of a field over a group as small numbers: equal numbers, equal values.

use std::sync::Arc;

use andon_reader::level_of;
use andon_reader::query::{FixedField, visit_path};
use rustc_hash::FxHashMap;

use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::lines::{Kind, Texts, parse_object, visit_json};
use crate::references::GroupReferences;
use crate::rows::each_text;
use crate::select::Checkpoint;
use crate::select::fixed::text_column;
use crate::select::interval::clock_column;
use crate::select::named::sources;
use crate::select::numbers::value_at;
use crate::select::texts::{Reading, cell_of, identifier, presence_of};

use super::field::Field;
use super::slots::for_each_row;
use super::value::{FieldValue, Interner};

/// One code per row, and what codes mean. Codes of rows that were not asked for mean nothing.
pub(crate) struct FieldCodes {
    pub(crate) codes: Vec<u32>,
    pub(crate) values: LocalValues,
}

/// What codes mean.
pub(crate) enum LocalValues {
    List(Vec<FieldValue>),
    /// Entries of the dictionary, then nothing.
    Dictionary { column: Arc<Column>, empty_is_none: bool },
    /// Texts, then nothing. The same text may have several codes.
    Texts { texts: Texts, empty_is_none: bool },
    /// Whole numbers from a base on, then nothing.
    Offsets { base: i64, count: usize },
}

impl LocalValues {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(values) => values.len(),
            Self::Dictionary { column, .. } => dictionary_of(column).map_or(0, Texts::len) + 1,
            Self::Texts { texts, .. } => texts.len() + 1,
            Self::Offsets { count, .. } => count + 1,
        }
    }

    pub(crate) fn get(&self, code: u32) -> FieldValue {
        let code = code as usize;
        match self {
            Self::List(values) => values.get(code).cloned().unwrap_or(FieldValue::None),
            Self::Dictionary { .. } | Self::Texts { .. } => {
                self.text(code).map_or(FieldValue::None, |text| FieldValue::Text(text.into()))
            }
            Self::Offsets { base, count } if code < *count => {
                FieldValue::Integer(i128::from(value_at(*base, code as u64)))
            }
            Self::Offsets { .. } => FieldValue::None,
        }
    }

    /// Numbers the value among those of many groups.
    pub(crate) fn intern(&self, code: u32, into: &mut Interner) -> u32 {
        match self.text(code as usize) {
            Some(text) => into.text(text),
            None => into.value(&self.get(code)),
        }
    }

    /// The value of a code when it is a text that need not be copied to be looked at.
    pub(crate) fn text(&self, code: usize) -> Option<&str> {
        let (texts, empty_is_none) = match self {
            Self::Dictionary { column, empty_is_none } => (dictionary_of(column)?, *empty_is_none),
            Self::Texts { texts, empty_is_none } => (texts, *empty_is_none),
            _ => return None,
        };
        let text = (code < texts.len()).then(|| texts.get(code))?;
        (!(empty_is_none && text.is_empty())).then_some(text)
    }
}

fn dictionary_of(column: &Column) -> Option<&Texts> {
    match column {
        Column::Dictionary { dictionary, .. } => Some(dictionary),
        _ => None,
    }
}

/// Gives the first value of the field of each row of `within` as a code.
pub(crate) fn field_codes(
    group: &dyn GroupView,
    field: &Field,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<FieldCodes, ColumnError> {
    match field {
        Field::Level => levels(group),
        Field::SeverityNumber => numbers(group, &ColumnName::SeverityNumber, within),
        Field::Time(clock) => numbers(group, &clock_column(*clock), within),
        Field::Text(fixed) => texts(group, *fixed, within, checkpoint),
        Field::Named(place, name) => {
            let sources = sources(group, *place, name);
            named(group, name, &sources, within, checkpoint)
        }
    }
}

fn nothing(rows: usize) -> FieldCodes {
    FieldCodes {
        codes: vec![0; rows],
        values: LocalValues::List(vec![FieldValue::None]),
    }
}

fn levels(group: &dyn GroupView) -> Result<FieldCodes, ColumnError> {
    let column = group.column(&ColumnName::SeverityNumber)?;
    let Some(Column::Integers { base, offsets, .. }) = column.as_deref() else {
        return Ok(FieldCodes {
            codes: vec![0; group.rows()],
            values: LocalValues::List(vec![level_value(0)]),
        });
    };
    // One code per severity number; the same name is the same value later.
    let values = (0..=24).map(level_value).collect();
    let table: Vec<u32> = (0..=255u64)
        .map(|offset| u32::try_from(value_at(*base, offset)).unwrap_or(0).min(24))
        .collect();
    let code = |offset: usize| table.get(offset).copied().unwrap_or(0);
    let codes = match offsets {
        Codes::U8(codes) => codes.iter().map(|&offset| code(usize::from(offset))).collect(),
        other => (0..other.len())
            .map(|row| code(usize::try_from(other.get(row)).unwrap_or(usize::MAX)))
            .collect(),
    };
    Ok(FieldCodes { codes, values: LocalValues::List(values) })
}

fn level_value(number: u8) -> FieldValue {
    FieldValue::Text(level_of(number).name().into())
}

fn numbers(
    group: &dyn GroupView,
    name: &ColumnName,
    within: &Bits,
) -> Result<FieldCodes, ColumnError> {
    let Some(column) = group.column(name)? else {
        return Ok(nothing(group.rows()));
    };
    if let Some(codes) = narrow_integers(&column) {
        return Ok(codes);
    }
    let mut builder = Builder::new(group.rows());
    builder.numbers(&column, &mut within.clone());
    Ok(builder.finish())
}

fn texts(
    group: &dyn GroupView,
    field: FixedField,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<FieldCodes, ColumnError> {
    let column = match text_column(field) {
        Some(name) => group.column(&name)?,
        None => None,
    };
    let Some(column) = column else {
        return Ok(nothing(group.rows()));
    };
    if let Some(codes) = dictionary(&column, true) {
        return Ok(codes);
    }
    if let Some(codes) = templates(group, &column, within, true, checkpoint)? {
        return Ok(codes);
    }
    let mut builder = Builder::new(group.rows());
    builder.empty_is_none = true;
    builder.texts(group, &column, Reading::Value(Kind::Text), &mut within.clone(), checkpoint)?;
    Ok(builder.finish())
}

fn named(
    group: &dyn GroupView,
    name: &str,
    sources: &[(ColumnName, Reading<'_>)],
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<FieldCodes, ColumnError> {
    if let [(column, Reading::Value(kind))] = sources {
        let Some(column) = group.column(column)? else {
            return Ok(nothing(group.rows()));
        };
        let direct = match kind {
            Kind::Text => match dictionary(&column, false) {
                None => templates(group, &column, within, false, checkpoint)?,
                codes => codes,
            },
            _ => narrow_integers(&column),
        };
        if let Some(codes) = direct {
            return Ok(codes);
        }
    }
    let mut builder = Builder::new(group.rows());
    let mut left = within.clone();
    let mut is_object_done = false;
    for (column_name, reading) in sources {
        checkpoint()?;
        if !left.any() {
            break;
        }
        if is_in_object(column_name, *reading) {
            if !is_object_done {
                builder.objects(group, name, &object_columns(sources), &mut left, checkpoint)?;
                is_object_done = true;
            }
            continue;
        }
        let Some(column) = group.column(column_name)? else {
            continue;
        };
        match reading {
            Reading::Value(Kind::Integer | Kind::Float | Kind::Boolean) => {
                builder.numbers(&column, &mut left);
            }
            reading => builder.texts(group, &column, *reading, &mut left, checkpoint)?,
        }
    }
    Ok(builder.finish())
}

/// Gives the values of one column of an attribute.
pub(crate) fn column_codes(
    group: &dyn GroupView,
    column: &ColumnName,
    kind: Kind,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<FieldCodes, ColumnError> {
    let sources = [(column.clone(), Reading::Value(kind))];
    named(group, "", &sources, within, checkpoint)
}

fn widened(codes: &Codes, limit: u32) -> Vec<u32> {
    match codes {
        Codes::U8(codes) => codes.iter().map(|&code| u32::from(code).min(limit)).collect(),
        Codes::U16(codes) => codes.iter().map(|&code| u32::from(code).min(limit)).collect(),
        Codes::U32(codes) => codes.iter().map(|&code| code.min(limit)).collect(),
        Codes::U64(codes) => codes
            .iter()
            .map(|&code| u32::try_from(code).unwrap_or(limit).min(limit))
            .collect(),
    }
}

/// A dictionary is its own code.
fn dictionary(column: &Arc<Column>, empty_is_none: bool) -> Option<FieldCodes> {
    let Column::Dictionary { codes, dictionary } = &**column else {
        return None;
    };
    let limit = u32::try_from(dictionary.len()).ok()?;
    Some(FieldCodes {
        codes: widened(codes, limit),
        values: LocalValues::Dictionary { column: Arc::clone(column), empty_is_none },
    })
}

/// Texts of templates are numbered by template and variables; each number's text is written once.
fn templates(
    group: &dyn GroupView,
    column: &Column,
    within: &Bits,
    empty_is_none: bool,
    checkpoint: Checkpoint<'_>,
) -> Result<Option<FieldCodes>, ColumnError> {
    let Column::Templates { column, presence } = column else {
        return Ok(None);
    };
    let mut present = within.clone();
    if let Some(presence) = presence {
        present.and(presence);
    }
    if present.count() < column.rows() / 16 {
        return Ok(None);
    }
    let references = GroupReferences::new(group);
    let mut numbered = column.number_texts(&references, &present, checkpoint)?;
    let mut firsts = Bits::none(column.rows());
    numbered.rows.iter().for_each(|&row| firsts.set(row as usize));
    let none = u32::try_from(numbered.rows.len()).unwrap_or(u32::MAX);
    let mut renumbered = vec![none; numbered.rows.len()];
    let mut texts = Texts::default();
    column.for_each_text(&references, &firsts, checkpoint, &mut |row, text| {
        let code = numbered.codes.get(row).map_or(usize::MAX, |&code| code as usize);
        if let Some(place) = renumbered.get_mut(code) {
            *place = u32::try_from(texts.len()).unwrap_or(none);
            texts.push(text);
        }
        Ok(())
    })?;
    for (row, code) in numbered.codes.iter_mut().enumerate() {
        *code = match renumbered.get(*code as usize) {
            Some(&code) if present.get(row) => code,
            _ => none,
        };
    }
    Ok(Some(FieldCodes {
        codes: numbered.codes,
        values: LocalValues::Texts { texts, empty_is_none },
    }))
}

/// Numbers that lie close together are their own codes.
fn narrow_integers(column: &Column) -> Option<FieldCodes> {
    let Column::Integers { base, offsets, presence } = column else {
        return None;
    };
    let count: u32 = match offsets {
        Codes::U8(_) => 1 << 8,
        Codes::U16(_) => 1 << 16,
        Codes::U32(_) | Codes::U64(_) => return None,
    };
    let mut codes = widened(offsets, count);
    if let Some(presence) = presence {
        for (row, code) in codes.iter_mut().enumerate() {
            if !presence.get(row) {
                *code = count;
            }
        }
    }
    Some(FieldCodes {
        codes,
        values: LocalValues::Offsets { base: *base, count: count as usize },
    })
}

fn is_in_object(column: &ColumnName, reading: Reading<'_>) -> bool {
    matches!(reading, Reading::Inside(_)) && *column != ColumnName::Resource
}

/// The columns with objects of a line's attributes. Of several none comes first: a line's attributes
/// must be put together to know which value it names first.
pub(super) fn object_columns<'a>(sources: &'a [(ColumnName, Reading<'_>)]) -> Vec<&'a ColumnName> {
    let objects = sources.iter().filter(|(column, reading)| is_in_object(column, *reading));
    objects.map(|(column, _)| column).collect()
}

/// The attributes of lines as far as some columns have them, put together as the line had them.
pub(super) fn joined_objects(
    group: &dyn GroupView,
    columns: &[&ColumnName],
    rows: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<FxHashMap<usize, andon_reader::Attributes>, ColumnError> {
    let mut objects: FxHashMap<usize, andon_reader::Attributes> = FxHashMap::default();
    for name in columns {
        let Some(column) = group.column(name)? else {
            continue;
        };
        each_text(group, &column, rows, checkpoint, &mut |row, text| {
            let object = objects.entry(row).or_default();
            match name {
                ColumnName::Attribute(outer, kind) => {
                    object.insert(outer.clone(), cell_of(*kind, text).to_value());
                }
                _ => object.append(&mut parse_object(text)),
            }
            Ok(())
        })?;
    }
    Ok(objects)
}

/// Codes put together from several columns.
struct Builder {
    codes: Vec<u32>,
    values: Interner,
    empty_is_none: bool,
}

impl Builder {
    fn new(rows: usize) -> Self {
        let mut values = Interner::default();
        values.value(&FieldValue::None);
        Self { codes: vec![0; rows], values, empty_is_none: false }
    }

    fn finish(self) -> FieldCodes {
        FieldCodes {
            codes: self.codes,
            values: LocalValues::List(self.values.into_values()),
        }
    }

    fn set(&mut self, row: usize, code: u32) {
        if let Some(slot) = self.codes.get_mut(row) {
            *slot = code;
        }
    }

    fn numbers(&mut self, column: &Column, left: &mut Bits) {
        let mut present = left.clone();
        if let Some(presence) = presence_of(column) {
            present.and(presence);
        }
        left.and_not(&present);
        match column {
            Column::Integers { base, offsets, .. } => {
                let mut known: FxHashMap<u64, u32> = FxHashMap::default();
                for_each_row(&present, |row| {
                    let offset = offsets.get(row);
                    let code = *known.entry(offset).or_insert_with(|| {
                        let value = i128::from(value_at(*base, offset));
                        self.values.value(&FieldValue::Integer(value))
                    });
                    if let Some(slot) = self.codes.get_mut(row) {
                        *slot = code;
                    }
                });
            }
            Column::Floats { values, .. } => {
                for row in present.ones() {
                    let value = FieldValue::of_float(values.get(row).copied().unwrap_or_default());
                    let code = self.values.value(&value);
                    self.set(row, code);
                }
            }
            Column::Booleans { values, .. } => {
                for row in present.ones() {
                    let code = self.values.value(&FieldValue::Boolean(values.get(row)));
                    self.set(row, code);
                }
            }
            _ => {}
        }
    }

    /// The first value in a text; nothing when it has none.
    fn read(&mut self, reading: Reading<'_>, text: &str) -> Option<u32> {
        if matches!(reading, Reading::Value(Kind::Text)) {
            return if text.is_empty() && self.empty_is_none {
                None
            } else {
                Some(self.values.text(text))
            };
        }
        let mut found = None;
        let mut take = |value: andon_reader::query::Scalar<'_>| {
            found = FieldValue::of(value);
            found.is_some()
        };
        match reading {
            Reading::Value(kind) => cell_of(kind, text).visit(&mut take),
            Reading::Inside(name) => !text.is_empty() && visit_json(text, name, &mut take),
            _ => false,
        };
        found.map(|value| self.values.value(&value))
    }

    fn texts(
        &mut self,
        group: &dyn GroupView,
        column: &Arc<Column>,
        reading: Reading<'_>,
        left: &mut Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let mut present = left.clone();
        if let Some(presence) = presence_of(column) {
            present.and(presence);
        }
        match &**column {
            Column::Dictionary { codes, dictionary } => {
                let mut known: FxHashMap<u64, Option<u32>> = FxHashMap::default();
                for row in present.ones() {
                    let code = codes.get(row);
                    let value = match known.get(&code) {
                        Some(&value) => value,
                        None => {
                            let place = usize::try_from(code).unwrap_or(usize::MAX);
                            let value = (place < dictionary.len())
                                .then(|| self.read(reading, dictionary.get(place)))
                                .flatten();
                            known.insert(code, value);
                            value
                        }
                    };
                    if let Some(value) = value {
                        self.set(row, value);
                        left.clear(row);
                    }
                }
                Ok(())
            }
            Column::Identifiers { width, bytes, .. } => {
                let mut known: FxHashMap<&[u8], Option<u32>> = FxHashMap::default();
                let mut text = String::new();
                for row in present.ones() {
                    let id = identifier(*width, bytes, row);
                    let value = match known.get(id) {
                        Some(&value) => value,
                        None => {
                            text.clear();
                            crate::select::texts::write_hex(id, &mut text);
                            let value = self.read(reading, &text);
                            known.insert(id, value);
                            value
                        }
                    };
                    if let Some(value) = value {
                        self.set(row, value);
                        left.clear(row);
                    }
                }
                Ok(())
            }
            Column::Templates { column, .. } => {
                self.templates(&GroupReferences::new(group), column, reading, &present, left, checkpoint)
            }
            _ => each_text(group, column, &present, checkpoint, &mut |row, text| {
                if let Some(value) = self.read(reading, text) {
                    self.set(row, value);
                    left.clear(row);
                }
                Ok(())
            }),
        }
    }

    /// Texts are numbered by template and variables; each different one is written once.
    fn templates(
        &mut self,
        references: &GroupReferences<'_>,
        column: &crate::template::TemplateColumn,
        reading: Reading<'_>,
        present: &Bits,
        left: &mut Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        if present.count() < column.rows() / 16 {
            return column.for_each_text(references, present, checkpoint, &mut |row, text| {
                if let Some(value) = self.read(reading, text) {
                    self.set(row, value);
                    left.clear(row);
                }
                Ok(())
            });
        }
        let numbered = column.number_texts(references, present, checkpoint)?;
        let mut firsts = Bits::none(column.rows());
        numbered.rows.iter().for_each(|&row| firsts.set(row as usize));
        let mut values: Vec<Option<u32>> = vec![None; numbered.rows.len()];
        column.for_each_text(references, &firsts, checkpoint, &mut |row, text| {
            let code = numbered.codes.get(row).copied().unwrap_or_default();
            let value = self.read(reading, text);
            if let Some(place) = values.get_mut(code as usize) {
                *place = value;
            }
            Ok(())
        })?;
        for_each_row(present, |row| {
            let code = numbered.codes.get(row).copied().unwrap_or_default();
            if let Some(Some(value)) = values.get(code as usize).copied() {
                if let Some(slot) = self.codes.get_mut(row) {
                    *slot = value;
                }
                left.clear(row);
            }
        });
        Ok(())
    }

    /// Values inside objects: of the rest and of columns of JSON, put together as the line had them.
    fn objects(
        &mut self,
        group: &dyn GroupView,
        name: &str,
        columns: &[&ColumnName],
        left: &mut Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        if let [only] = columns {
            let Some(column) = group.column(only)? else {
                return Ok(());
            };
            let inner = match only {
                ColumnName::Attribute(outer, _) => name.get(outer.len() + 1..).unwrap_or_default(),
                _ => name,
            };
            return self.texts(group, &column, Reading::Inside(inner), left, checkpoint);
        }
        let objects = joined_objects(group, columns, left, checkpoint)?;
        for (row, object) in objects {
            let mut found = None;
            visit_path(&object, name, &mut |value| {
                found = FieldValue::of(value);
                found.is_some()
            });
            if let Some(value) = found {
                let code = self.values.value(&value);
                self.set(row, code);
                left.clear(row);
            }
        }
        Ok(())
    }
}
