//! What a query can see of a line, so that it runs on rows, on memory chunks and on columns alike.

use serde_json::Value;

use crate::row::{Attributes, LogRow};

/// A field that every line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FixedField {
    /// The line itself.
    Message,
    /// Service name.
    Service,
    /// Severity band; also `severity`.
    Level,
    /// OpenTelemetry's number.
    SeverityNumber,
    /// As the sender spelt it.
    SeverityText,
    /// Trace id.
    TraceId,
    /// Span id.
    SpanId,
    /// Logger.
    Scope,
    /// Their time.
    Timestamp,
    /// Our time.
    ReceivedAt,
}

impl FixedField {
    /// Finds a fixed field by the name used in queries.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "message" => Self::Message,
            "service" => Self::Service,
            "level" | "severity" => Self::Level,
            "severity_number" => Self::SeverityNumber,
            "severity_text" => Self::SeverityText,
            "trace_id" => Self::TraceId,
            "span_id" => Self::SpanId,
            "scope" => Self::Scope,
            "timestamp" => Self::Timestamp,
            "received_at" => Self::ReceivedAt,
            _ => return None,
        })
    }
}

/// Where a named value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Attributes and resource attributes.
    Any,
    /// Attributes of the line only.
    Attributes,
    /// Resource attributes only.
    Resource,
}

impl Place {
    /// Splits the name of a field into place and key.
    #[must_use]
    pub fn of(name: &str) -> (Self, &str) {
        if let Some(key) = name.strip_prefix("attributes.") {
            (Self::Attributes, key)
        } else if let Some(key) = name.strip_prefix("resource.") {
            (Self::Resource, key)
        } else {
            (Self::Any, name)
        }
    }
}

/// One value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Text.
    Text(&'a str),
    /// Whole number.
    Integer(i128),
    /// Other number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A list or an object as such.
    Structure,
}

/// A line as queries see it.
pub trait RowView {
    /// Text of a fixed text field; empty for the others.
    fn text(&self, field: FixedField) -> &str;
    /// OpenTelemetry's severity number.
    fn severity_number(&self) -> u8;
    /// Their time.
    fn timestamp_us(&self) -> i64;
    /// Our time.
    fn received_at_us(&self) -> i64;
    /// Calls `test` with each value found under the name until one answers true.
    fn any_value(&self, place: Place, name: &str, test: &mut dyn FnMut(Scalar<'_>) -> bool)
    -> bool;
}

impl RowView for LogRow {
    fn text(&self, field: FixedField) -> &str {
        match field {
            FixedField::Message => &self.message,
            FixedField::Service => &self.service,
            FixedField::SeverityText => &self.severity_text,
            FixedField::TraceId => &self.trace_id,
            FixedField::SpanId => &self.span_id,
            FixedField::Scope => &self.scope,
            _ => "",
        }
    }

    fn severity_number(&self) -> u8 {
        self.severity_number
    }

    fn timestamp_us(&self) -> i64 {
        self.timestamp_us
    }

    fn received_at_us(&self) -> i64 {
        self.received_at_us
    }

    fn any_value(
        &self,
        place: Place,
        name: &str,
        test: &mut dyn FnMut(Scalar<'_>) -> bool,
    ) -> bool {
        (place != Place::Resource && visit_path(&self.attributes, name, test))
            || (place != Place::Attributes && visit_path(&self.resource, name, test))
    }
}

/// Visits the values under a dotted name: the key as a whole, and keys inside objects.
pub fn visit_path(map: &Attributes, name: &str, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    if map.get(name).is_some_and(|value| visit_value(value, test)) {
        return true;
    }
    name.match_indices('.').any(|(dot, _)| {
        let inner = map.get(&name[..dot]).and_then(Value::as_object);
        inner.is_some_and(|inner| visit_path(inner, &name[dot + 1..], test))
    })
}

fn visit_value(value: &Value, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => {
            test(Scalar::Structure) || items.iter().any(|item| visit_value(item, test))
        }
        Value::Object(_) => test(Scalar::Structure),
        scalar => scalar_of(scalar).is_some_and(test),
    }
}

fn scalar_of(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::String(text) => Some(Scalar::Text(text)),
        Value::Bool(flag) => Some(Scalar::Boolean(*flag)),
        Value::Number(number) => {
            let integer = number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from));
            integer
                .map(Scalar::Integer)
                .or_else(|| number.as_f64().map(Scalar::Float))
        }
        _ => None,
    }
}
