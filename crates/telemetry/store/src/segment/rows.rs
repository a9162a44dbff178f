//! Decoded columns seen as lines.

use std::sync::Arc;

use andon_reader::query::{FixedField, Place, RowView, Scalar};
use andon_reader::{Attributes, LogRow};
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, UInt8Array, UInt64Array,
};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt8Type, UInt64Type};
use serde_json::Value;

use crate::record::{StoredRow, parse_object, visit_json};

/// Names of the fixed columns.
pub(crate) mod column {
    pub(crate) const SEQUENCE: &str = "sequence";
    pub(crate) const TIMESTAMP: &str = "timestamp";
    pub(crate) const RECEIVED_AT: &str = "received_at";
    pub(crate) const SEVERITY_NUMBER: &str = "severity_number";
    pub(crate) const SEVERITY_TEXT: &str = "severity_text";
    pub(crate) const SERVICE: &str = "service";
    pub(crate) const MESSAGE: &str = "message";
    pub(crate) const TRACE_ID: &str = "trace_id";
    pub(crate) const SPAN_ID: &str = "span_id";
    pub(crate) const SCOPE: &str = "scope";
    pub(crate) const ATTRIBUTES: &str = "attributes";
    pub(crate) const RESOURCE: &str = "resource";
    /// The text columns in their order in the file.
    pub(crate) const TEXTS: [&str; 8] = [
        SEVERITY_TEXT,
        SERVICE,
        MESSAGE,
        TRACE_ID,
        SPAN_ID,
        SCOPE,
        ATTRIBUTES,
        RESOURCE,
    ];
}

const PROMOTED_PREFIX: &str = "a.";

/// Name of the column of a promoted attribute.
pub(crate) fn promoted_column(name: &str) -> String {
    format!("{PROMOTED_PREFIX}{name}")
}

/// Name of the attribute of a promoted column.
pub(crate) fn promoted_name(column: &str) -> Option<&str> {
    column.strip_prefix(PROMOTED_PREFIX)
}

fn slot(field: FixedField) -> Option<usize> {
    Some(match field {
        FixedField::SeverityText => 0,
        FixedField::Service => 1,
        FixedField::Message => 2,
        FixedField::TraceId => 3,
        FixedField::SpanId => 4,
        FixedField::Scope => 5,
        _ => return None,
    })
}

const ATTRIBUTES_SLOT: usize = 6;
const RESOURCE_SLOT: usize = 7;

/// Some columns of some lines. Columns that were not read are empty.
pub(crate) struct ColumnBatch {
    pub(crate) rows: usize,
    sequence: Option<UInt64Array>,
    timestamp: Option<Int64Array>,
    received_at: Option<Int64Array>,
    severity_number: Option<UInt8Array>,
    texts: [Option<StringViewArray>; 8],
    promoted: Vec<(String, ArrayRef)>,
}

impl ColumnBatch {
    pub(crate) fn new(batch: &RecordBatch) -> Self {
        let mut columns = Self {
            rows: batch.num_rows(),
            sequence: None,
            timestamp: None,
            received_at: None,
            severity_number: None,
            texts: Default::default(),
            promoted: Vec::new(),
        };
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            columns.set(field.name(), array);
        }
        columns
    }

    fn set(&mut self, name: &str, array: &ArrayRef) {
        match name {
            column::SEQUENCE => self.sequence = array.as_primitive_opt::<UInt64Type>().cloned(),
            column::TIMESTAMP => self.timestamp = array.as_primitive_opt::<Int64Type>().cloned(),
            column::RECEIVED_AT => {
                self.received_at = array.as_primitive_opt::<Int64Type>().cloned()
            }
            column::SEVERITY_NUMBER => {
                self.severity_number = array.as_primitive_opt::<UInt8Type>().cloned();
            }
            _ => {
                let slot = column::TEXTS.iter().position(|text| *text == name);
                if let Some(text) = slot.and_then(|slot| self.texts.get_mut(slot)) {
                    *text = array.as_string_view_opt().cloned();
                } else if let Some(attribute) = promoted_name(name) {
                    self.promoted
                        .push((attribute.to_owned(), ArrayRef::clone(array)));
                }
            }
        }
    }

    pub(crate) fn row(&self, index: usize) -> ColumnRow<'_> {
        ColumnRow { batch: self, index }
    }

    pub(crate) fn times(&self, clock: andon_reader::Clock) -> Option<&Int64Array> {
        match clock {
            andon_reader::Clock::Timestamp => self.timestamp.as_ref(),
            andon_reader::Clock::ReceivedAt => self.received_at.as_ref(),
        }
    }
}

/// One line of a batch of columns.
pub(crate) struct ColumnRow<'a> {
    batch: &'a ColumnBatch,
    index: usize,
}

impl<'a> ColumnRow<'a> {
    pub(crate) fn sequence(&self) -> u64 {
        self.batch
            .sequence
            .as_ref()
            .map_or(0, |array| array.value(self.index))
    }

    fn slot_text(&self, slot: usize) -> &'a str {
        let array = self.batch.texts.get(slot).and_then(Option::as_ref);
        array.map_or("", |array| array.value(self.index))
    }

    /// JSON text of the resource.
    pub(crate) fn resource_text(&self) -> &'a str {
        self.slot_text(RESOURCE_SLOT)
    }

    /// All attributes: the promoted ones and the rest.
    pub(crate) fn attributes(&self) -> Attributes {
        let mut map = Attributes::new();
        for (name, array) in &self.batch.promoted {
            if let Some(value) = scalar_at(array, self.index).and_then(value_of) {
                map.insert(name.clone(), value);
            }
        }
        map.extend(parse_object(self.slot_text(ATTRIBUTES_SLOT)));
        map
    }

    /// The line as it was before it became part of a segment; the resource is shared by the caller.
    pub(crate) fn to_stored_row(&self, resource: Arc<str>) -> StoredRow {
        let attributes = self.attributes();
        let written = if attributes.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&attributes).unwrap_or_default()
        };
        StoredRow {
            sequence: self.sequence(),
            timestamp_us: self.timestamp_us(),
            received_at_us: self.received_at_us(),
            severity_number: self.severity_number(),
            severity_text: self.text(FixedField::SeverityText).into(),
            service: self.text(FixedField::Service).into(),
            message: self.text(FixedField::Message).into(),
            trace_id: self.text(FixedField::TraceId).into(),
            span_id: self.text(FixedField::SpanId).into(),
            scope: self.text(FixedField::Scope).into(),
            attributes: written.into(),
            resource,
        }
    }

    pub(crate) fn to_log_row(&self) -> LogRow {
        LogRow {
            id: self.sequence().to_string(),
            timestamp_us: self.timestamp_us(),
            received_at_us: self.received_at_us(),
            severity_number: self.severity_number(),
            severity_text: self.text(FixedField::SeverityText).to_owned(),
            service: self.text(FixedField::Service).to_owned(),
            message: self.text(FixedField::Message).to_owned(),
            trace_id: self.text(FixedField::TraceId).to_owned(),
            span_id: self.text(FixedField::SpanId).to_owned(),
            scope: self.text(FixedField::Scope).to_owned(),
            attributes: self.attributes(),
            resource: parse_object(self.resource_text()),
        }
    }
}

fn scalar_at(array: &ArrayRef, index: usize) -> Option<Scalar<'_>> {
    if array.is_null(index) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8View => Some(Scalar::Text(array.as_string_view_opt()?.value(index))),
        DataType::Int64 => Some(Scalar::Integer(i128::from(
            array.as_primitive_opt::<Int64Type>()?.value(index),
        ))),
        DataType::Float64 => Some(Scalar::Float(
            array.as_primitive_opt::<Float64Type>()?.value(index),
        )),
        DataType::Boolean => Some(Scalar::Boolean(array.as_boolean_opt()?.value(index))),
        _ => None,
    }
}

fn value_of(scalar: Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Text(text) => Value::from(text),
        Scalar::Integer(number) => Value::from(i64::try_from(number).ok()?),
        Scalar::Float(number) => Value::from(number),
        Scalar::Boolean(flag) => Value::from(flag),
        Scalar::Structure => return None,
    })
}

impl RowView for ColumnRow<'_> {
    fn text(&self, field: FixedField) -> &str {
        slot(field).map_or("", |slot| self.slot_text(slot))
    }

    fn severity_number(&self) -> u8 {
        self.batch
            .severity_number
            .as_ref()
            .map_or(0, |array| array.value(self.index))
    }

    fn timestamp_us(&self) -> i64 {
        self.batch
            .timestamp
            .as_ref()
            .map_or(0, |array| array.value(self.index))
    }

    fn received_at_us(&self) -> i64 {
        self.batch
            .received_at
            .as_ref()
            .map_or(0, |array| array.value(self.index))
    }

    fn any_value(
        &self,
        place: Place,
        name: &str,
        test: &mut dyn FnMut(Scalar<'_>) -> bool,
    ) -> bool {
        if place != Place::Resource {
            let promoted = self
                .batch
                .promoted
                .iter()
                .filter(|(attribute, _)| attribute == name);
            let mut values = promoted.filter_map(|(_, array)| scalar_at(array, self.index));
            if values.any(&mut *test) || visit_json(self.slot_text(ATTRIBUTES_SLOT), name, test) {
                return true;
            }
        }
        place != Place::Attributes && visit_json(self.resource_text(), name, test)
    }
}
