//! Lines to a Parquet file and its index, in memory: the caller makes them durable.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use andon_reader::query::{FixedField, canonical_number, fold_token, tokens};
use andon_reader::{Attributes, ReaderError, code};
use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Array, Int64Builder, RecordBatch,
    StringViewArray, StringViewBuilder, UInt8Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::Value;

use crate::bloom;
use crate::extent::Extent;
use crate::record::{StoredRow, parse_object};

use super::index::{FieldNames, Group, Index, PromotedType};
use super::rows::{column, promoted_column};
use super::{FORMAT, GROUP_ROWS, LISTED_FIELDS, PROMOTED_FIELDS};

/// How many lines are looked at to choose the promoted attributes.
const SAMPLED_ROWS: usize = 20_000;

/// A segment ready to be put on disk.
pub(crate) struct Written {
    pub(crate) data: Vec<u8>,
    pub(crate) index: Vec<u8>,
    pub(crate) extent: Extent,
}

fn failed(error: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(
        code::INTERNAL,
        format!("a segment could not be encoded: {error}"),
    )
}

/// Encodes lines as a segment.
pub(crate) fn write_segment(mut rows: Vec<&StoredRow>) -> Result<Written, ReaderError> {
    rows.sort_by_key(|row| (row.timestamp_us, row.sequence));
    let promoted = choose_promoted(&rows);
    let schema = schema(&promoted);
    let properties = properties()?;
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))
        .map_err(|e| failed(&e))?;
    let mut index = Index {
        format: FORMAT,
        promoted: promoted.clone(),
        rest_fields: Some(BTreeSet::new()),
        resource_fields: Some(BTreeSet::new()),
        ..Index::default()
    };
    for group in rows.chunks(GROUP_ROWS) {
        let mut builder = GroupBuilder::new(&promoted, &mut index);
        group.iter().for_each(|row| builder.add(row));
        let (columns, keys, severities) = builder.finish(group);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|e| failed(&e))?;
        writer
            .write(&batch)
            .and_then(|()| writer.flush())
            .map_err(|e| failed(&e))?;
        let extent = Extent::of(group.iter().copied());
        index.push(
            Group::new(extent, severities),
            &bloom::build(keys.into_iter()),
        );
    }
    let data = writer.into_inner().map_err(|e| failed(&e))?;
    let extent = Extent::of(rows.iter().copied());
    Ok(Written {
        data,
        index: index.to_bytes(),
        extent,
    })
}

fn properties() -> Result<WriterProperties, ReaderError> {
    let level = ZstdLevel::try_new(1).map_err(|e| failed(&e))?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64))
        .set_data_page_row_count_limit(8_192)
        .build())
}

fn schema(promoted: &BTreeMap<String, PromotedType>) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8View, false);
    let mut fields = vec![
        Field::new(column::SEQUENCE, DataType::UInt64, false),
        Field::new(column::TIMESTAMP, DataType::Int64, false),
        Field::new(column::RECEIVED_AT, DataType::Int64, false),
        Field::new(column::SEVERITY_NUMBER, DataType::UInt8, false),
    ];
    fields.extend(column::TEXTS.iter().map(|name| text(name)));
    fields.extend(promoted.iter().map(|(name, kind)| {
        let data_type = match kind {
            PromotedType::Text => DataType::Utf8View,
            PromotedType::Integer => DataType::Int64,
            PromotedType::Float => DataType::Float64,
            PromotedType::Boolean => DataType::Boolean,
        };
        Field::new(promoted_column(name), data_type, true)
    }));
    Arc::new(Schema::new(fields))
}

fn promoted_type(value: &Value) -> Option<PromotedType> {
    match value {
        Value::String(_) => Some(PromotedType::Text),
        Value::Bool(_) => Some(PromotedType::Boolean),
        Value::Number(number) if number.is_i64() => Some(PromotedType::Integer),
        Value::Number(number) if number.is_f64() => Some(PromotedType::Float),
        _ => None,
    }
}

/// The most frequent attributes, each with its most frequent type.
fn choose_promoted(rows: &[&StoredRow]) -> BTreeMap<String, PromotedType> {
    let step = (rows.len() / SAMPLED_ROWS).max(1);
    let mut counts: HashMap<String, BTreeMap<PromotedType, u64>> = HashMap::new();
    for row in rows.iter().step_by(step) {
        for (name, value) in parse_object(&row.attributes) {
            if let Some(kind) = promoted_type(&value) {
                *counts.entry(name).or_default().entry(kind).or_default() += 1;
            }
        }
    }
    let mut ranked: Vec<(u64, String, PromotedType)> = counts
        .into_iter()
        .filter_map(|(name, kinds)| {
            let (kind, count) = kinds.into_iter().max_by_key(|&(_, count)| count)?;
            Some((count, name, kind))
        })
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    ranked.truncate(PROMOTED_FIELDS);
    ranked
        .into_iter()
        .map(|(_, name, kind)| (name, kind))
        .collect()
}

enum CellBuilder {
    Text(StringViewBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
}

impl CellBuilder {
    fn new(kind: PromotedType) -> Self {
        match kind {
            PromotedType::Text => Self::Text(StringViewBuilder::new()),
            PromotedType::Integer => Self::Integer(Int64Builder::new()),
            PromotedType::Float => Self::Float(Float64Builder::new()),
            PromotedType::Boolean => Self::Boolean(BooleanBuilder::new()),
        }
    }

    fn push(&mut self, value: Option<&Value>) {
        match self {
            Self::Text(builder) => builder.append_option(value.and_then(Value::as_str)),
            Self::Integer(builder) => builder.append_option(value.and_then(Value::as_i64)),
            Self::Float(builder) => builder.append_option(value.and_then(Value::as_f64)),
            Self::Boolean(builder) => builder.append_option(value.and_then(Value::as_bool)),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
        }
    }
}

/// Collects one row group: the columns that need parsing, the filter keys, the names of fields.
struct GroupBuilder<'a> {
    promoted: Vec<(&'a str, PromotedType, CellBuilder)>,
    place_of: HashMap<&'a str, usize>,
    rest: StringViewBuilder,
    index: &'a mut Index,
    keys: Keys,
    resources: HashSet<Arc<str>>,
    severities: u32,
}

impl<'a> GroupBuilder<'a> {
    fn new(promoted: &'a BTreeMap<String, PromotedType>, index: &'a mut Index) -> Self {
        let promoted: Vec<_> = promoted
            .iter()
            .map(|(name, &kind)| (name.as_str(), kind, CellBuilder::new(kind)))
            .collect();
        let place_of = promoted
            .iter()
            .enumerate()
            .map(|(at, (name, ..))| (*name, at))
            .collect();
        Self {
            promoted,
            place_of,
            rest: StringViewBuilder::new(),
            index,
            keys: Keys::default(),
            resources: HashSet::new(),
            severities: 0,
        }
    }

    fn add(&mut self, row: &StoredRow) {
        self.severities |= 1 << row.severity_number.min(31);
        self.keys.add_words(&row.message);
        for (field, value) in [
            (FixedField::Service, &row.service),
            (FixedField::TraceId, &row.trace_id),
            (FixedField::SpanId, &row.span_id),
            (FixedField::Scope, &row.scope),
        ] {
            self.keys.add_value(field, value);
        }
        self.add_attributes(parse_object(&row.attributes));
        if !row.resource.is_empty() && self.resources.insert(Arc::clone(&row.resource)) {
            let resource = parse_object(&row.resource);
            self.keys.add_fields(&resource);
            list_fields(&mut self.index.resource_fields, &resource);
        }
    }

    fn add_attributes(&mut self, attributes: Attributes) {
        self.keys.add_fields(&attributes);
        let mut cells: Vec<Option<Value>> = vec![None; self.promoted.len()];
        let mut rest = Attributes::new();
        for (name, value) in attributes {
            let place = self.place_of.get(name.as_str()).copied();
            let fits = place
                .and_then(|at| self.promoted.get(at))
                .is_some_and(|p| promoted_type(&value) == Some(p.1));
            match place.and_then(|at| cells.get_mut(at)) {
                Some(cell) if fits => *cell = Some(value),
                _ => {
                    rest.insert(name, value);
                }
            }
        }
        for ((_, _, builder), cell) in self.promoted.iter_mut().zip(&cells) {
            builder.push(cell.as_ref());
        }
        list_fields(&mut self.index.rest_fields, &rest);
        let written = if rest.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&rest).unwrap_or_default()
        };
        self.rest.append_value(written);
    }

    fn finish(mut self, rows: &[&StoredRow]) -> (Vec<ArrayRef>, HashSet<u64>, u32) {
        let text = |get: fn(&StoredRow) -> &str| -> ArrayRef {
            Arc::new(StringViewArray::from_iter_values(
                rows.iter().map(|row| get(row)),
            ))
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|r| r.sequence),
            )),
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|r| r.timestamp_us),
            )),
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|r| r.received_at_us),
            )),
            Arc::new(UInt8Array::from_iter_values(
                rows.iter().map(|r| r.severity_number),
            )),
            text(|r| &r.severity_text),
            text(|r| &r.service),
            text(|r| &r.message),
            text(|r| &r.trace_id),
            text(|r| &r.span_id),
            text(|r| &r.scope),
            Arc::new(self.rest.finish()),
            text(|r| &r.resource),
        ];
        columns.extend(
            self.promoted
                .into_iter()
                .map(|(_, _, builder)| builder.finish()),
        );
        (columns, self.keys.hashes, self.severities)
    }
}

/// Notes the dotted names under which values can be asked for.
fn list_fields(names: &mut FieldNames, map: &Attributes) {
    let Some(listed) = names else { return };
    walk_fields("", map, &mut |path, _| {
        if !listed.contains(path) {
            listed.insert(path.to_owned());
        }
    });
    if listed.len() > LISTED_FIELDS {
        *names = None;
    }
}

/// Visits every dotted name and its value, objects included.
fn walk_fields(prefix: &str, map: &Attributes, visit: &mut dyn FnMut(&str, &Value)) {
    for (name, value) in map {
        if prefix.is_empty() {
            visit(name, value);
            if let Value::Object(inner) = value {
                walk_fields(name, inner, visit);
            }
        } else {
            let path = format!("{prefix}.{name}");
            visit(&path, value);
            if let Value::Object(inner) = value {
                walk_fields(&path, inner, visit);
            }
        }
    }
}

/// Keys of the filter of one row group.
#[derive(Default)]
struct Keys {
    hashes: HashSet<u64>,
}

impl Keys {
    fn add_words(&mut self, text: &str) {
        for token in tokens(text) {
            let key = with_folded(token, bloom::word_key);
            self.hashes.insert(key);
        }
    }

    fn add_value(&mut self, field: FixedField, value: &str) {
        if !value.is_empty() {
            self.hashes
                .insert(with_folded(value, |folded| bloom::value_key(field, folded)));
        }
    }

    fn add_fields(&mut self, map: &Attributes) {
        walk_fields("", map, &mut |path, value| {
            self.add_field_value(path, value)
        });
    }

    fn add_field_value(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) => {
                for token in tokens(text) {
                    let key = with_folded(token, |folded| bloom::field_word_key(path, folded));
                    self.hashes.insert(key);
                }
                self.add_number(path, text);
            }
            Value::Number(number) => self.add_number(path, &number.to_string()),
            Value::Bool(flag) => {
                self.hashes.insert(bloom::field_word_key(
                    path,
                    if *flag { "true" } else { "false" },
                ));
            }
            Value::Array(items) => items
                .iter()
                .for_each(|item| self.add_field_value(path, item)),
            Value::Null | Value::Object(_) => {}
        }
    }

    fn add_number(&mut self, path: &str, text: &str) {
        if let Some(number) = canonical_number(text) {
            self.hashes.insert(bloom::field_word_key(path, &number));
        }
    }
}

/// Folds without an allocation where nothing changes.
fn with_folded<R>(token: &str, then: impl FnOnce(&str) -> R) -> R {
    if token
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        then(token)
    } else {
        then(&fold_token(token))
    }
}
