//! Which fields lines have: how often, of which types, with which values.

use std::collections::BTreeMap;

use andon_reader::{Attributes, FieldSummary, FieldType, LogRow, ValueCount, level_of};
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::aggregate::FieldValue;
use crate::aggregate::codes::{FieldCodes, field_codes};
use crate::aggregate::field::Field;
use crate::aggregate::slots::{Slots, count_rows};
use crate::bits::Bits;
use crate::column::{ColumnName, GroupView};
use crate::error::ColumnError;
use crate::lines::{Kind, parse_object};
use crate::rows::each_text;
use crate::select::Checkpoint;

/// Different values counted per field.
const DISTINCT: usize = 1_000;
/// Values named per field.
const TOP: usize = 10;
/// Fields named.
const FIELDS: usize = 2_000;
/// Longest value shown, characters.
const VALUE_CHARS: usize = 200;
/// The fixed fields that are told.
const FIXED: [&str; 5] = ["level", "service", "scope", "trace_id", "span_id"];

#[derive(Debug, Default)]
struct Seen {
    kind: Option<FieldType>,
    count: u64,
    values: FxHashMap<String, u64>,
}

impl Seen {
    fn add(&mut self, kind: FieldType, value: &str, count: u64) {
        self.count += count;
        self.kind = Some(match self.kind {
            Some(known) if known != kind => FieldType::Mixed,
            _ => kind,
        });
        let end = value.char_indices().nth(VALUE_CHARS).map_or(value.len(), |(end, _)| end);
        let short = value.get(..end).unwrap_or(value);
        if let Some(known) = self.values.get_mut(short) {
            *known += count;
        } else if self.values.len() < DISTINCT {
            self.values.insert(short.to_owned(), count);
        }
    }

    fn summary(self, name: String) -> FieldSummary {
        let distinct = self.values.len() as u64;
        let values = self.values.into_iter();
        let mut top: Vec<ValueCount> =
            values.map(|(value, count)| ValueCount { value, count }).collect();
        top.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        top.truncate(TOP);
        FieldSummary {
            name,
            kind: self.kind.unwrap_or(FieldType::Text),
            count: self.count,
            top,
            distinct,
        }
    }
}

/// Fields seen so far.
#[derive(Debug, Default)]
pub struct FieldTally {
    fixed: [Seen; 5],
    named: BTreeMap<String, Seen>,
    rows: u64,
}

impl FieldTally {
    /// How many lines were taken in.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes in a line.
    pub fn add_row(&mut self, row: &LogRow) {
        self.rows += 1;
        let level = level_of(row.severity_number).name();
        let values = [level, &row.service, &row.scope, &row.trace_id, &row.span_id];
        for (seen, value) in self.fixed.iter_mut().zip(values) {
            if !value.is_empty() {
                seen.add(FieldType::Text, value, 1);
            }
        }
        self.add_map("", &row.attributes, 1);
        self.add_map("", &row.resource, 1);
    }

    /// Takes in lines of a group.
    ///
    /// # Errors
    /// When a column cannot be read, or the checkpoint stops the work.
    pub fn add_group(
        &mut self,
        group: &dyn GroupView,
        rows: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        self.rows += rows.count() as u64;
        for (place, name) in FIXED.into_iter().enumerate() {
            let codes = field_codes(group, &Field::of(name), rows, checkpoint)?;
            if let Some(seen) = self.fixed.get_mut(place) {
                add_codes(codes, rows, |value| match value {
                    FieldValue::Text(text) => Some((FieldType::Text, text.to_string())),
                    _ => None,
                }, seen);
            }
        }
        for (name, kind) in group.attributes() {
            checkpoint()?;
            if kind == Kind::Json {
                self.add_json(group, &name, rows, checkpoint)?;
                continue;
            }
            let column = ColumnName::Attribute(name.clone(), kind);
            let codes = crate::aggregate::codes::column_codes(group, &column, kind, rows, checkpoint)?;
            add_codes(codes, rows, typed, self.named.entry(name).or_default());
        }
        self.add_objects(group, &ColumnName::Rest, rows, checkpoint)?;
        self.add_objects(group, &ColumnName::Resource, rows, checkpoint)?;
        self.named.retain(|_, seen| seen.count > 0);
        Ok(())
    }

    fn add_json(
        &mut self,
        group: &dyn GroupView,
        name: &str,
        rows: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let column = ColumnName::Attribute(name.to_owned(), Kind::Json);
        let Some(column) = group.column(&column)? else {
            return Ok(());
        };
        each_text(group, &column, rows, checkpoint, &mut |_, text| {
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                self.add_value(name, &value, 1);
            }
            Ok(())
        })
    }

    /// Objects often are the same as those of the line before.
    fn add_objects(
        &mut self,
        group: &dyn GroupView,
        name: &ColumnName,
        rows: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let Some(column) = group.column(name)? else {
            return Ok(());
        };
        let mut counts: FxHashMap<String, u64> = FxHashMap::default();
        each_text(group, &column, rows, checkpoint, &mut |_, text| {
            if let Some(count) = counts.get_mut(text) {
                *count += 1;
            } else if !text.is_empty() {
                counts.insert(text.to_owned(), 1);
            }
            Ok(())
        })?;
        for (text, count) in counts {
            self.add_map("", &parse_object(&text), count);
        }
        Ok(())
    }

    fn add_map(&mut self, prefix: &str, map: &Attributes, count: u64) {
        for (key, value) in map {
            if prefix.is_empty() {
                self.add_value(key, value, count);
            } else {
                self.add_value(&format!("{prefix}.{key}"), value, count);
            }
        }
    }

    fn add_value(&mut self, name: &str, value: &Value, count: u64) {
        let (kind, text) = match value {
            Value::Null => return,
            Value::Object(inner) => return self.add_map(name, inner, count),
            Value::String(text) => (FieldType::Text, text.clone()),
            Value::Bool(flag) => (FieldType::Boolean, flag.to_string()),
            Value::Number(number) => (FieldType::Number, number.to_string()),
            Value::Array(_) => (FieldType::Structure, value.to_string()),
        };
        if !self.named.contains_key(name) {
            self.named.insert(name.to_owned(), Seen::default());
        }
        if let Some(seen) = self.named.get_mut(name) {
            seen.add(kind, &text, count);
        }
    }

    /// The fields, the fixed ones first, then by count.
    #[must_use]
    pub fn finish(self) -> Vec<FieldSummary> {
        let named = self.named.into_iter();
        let mut others: Vec<FieldSummary> = named.map(|(name, seen)| seen.summary(name)).collect();
        others.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        others.truncate(FIELDS);
        let fixed = self.fixed.into_iter().zip(FIXED);
        let fixed = fixed.filter(|(seen, _)| seen.count > 0);
        let mut fields: Vec<FieldSummary> =
            fixed.map(|(seen, name)| seen.summary(name.to_owned())).collect();
        fields.append(&mut others);
        fields
    }
}

fn typed(value: FieldValue) -> Option<(FieldType, String)> {
    Some(match value {
        FieldValue::None | FieldValue::Other => return None,
        FieldValue::Text(text) => (FieldType::Text, text.to_string()),
        FieldValue::Boolean(flag) => (FieldType::Boolean, flag.to_string()),
        FieldValue::Integer(number) => (FieldType::Number, number.to_string()),
        FieldValue::Float(bits) => (FieldType::Number, f64::from_bits(bits).to_string()),
    })
}

fn add_codes(
    codes: FieldCodes,
    rows: &Bits,
    value_of: impl Fn(FieldValue) -> Option<(FieldType, String)>,
    seen: &mut Seen,
) {
    let values = codes.values;
    let counts = count_rows(&Slots::Rows(codes.codes), rows, values.len());
    let mut counts: Vec<(usize, u64)> =
        counts.into_iter().enumerate().filter(|&(_, count)| count > 0).collect();
    // The most frequent are counted for certain.
    counts.sort_unstable_by_key(|&(code, count)| (std::cmp::Reverse(count), code));
    for (code, count) in counts {
        let code = u32::try_from(code).unwrap_or(u32::MAX);
        if let Some((kind, value)) = value_of(values.get(code)) {
            seen.add(kind, &value, count);
        }
    }
}
