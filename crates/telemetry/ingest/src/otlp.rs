//! OTLP log records to rows.

use std::sync::Arc;

use andon_reader::{Attributes, NewLogRow, parse_severity};
use base64::Engine as _;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::Value;

/// Turns a request into rows, in its order.
pub(crate) fn rows_of(request: ExportLogsServiceRequest) -> Vec<NewLogRow> {
    let mut rows = Vec::new();
    for resource_logs in request.resource_logs {
        let resource = resource_logs
            .resource
            .map(|resource| map_of(resource.attributes))
            .unwrap_or_default();
        let service = text_of(resource.get("service.name"));
        let resource = Arc::new(resource);
        for scope_logs in resource_logs.scope_logs {
            let (scope, scope_attributes) = scope_of(scope_logs.scope);
            for record in scope_logs.log_records {
                rows.push(NewLogRow {
                    service: service.clone(),
                    scope: scope.clone(),
                    resource: Arc::clone(&resource),
                    ..row_of(record, scope_attributes.clone())
                });
            }
        }
    }
    rows
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn scope_of(scope: Option<InstrumentationScope>) -> (String, Attributes) {
    let Some(scope) = scope else {
        return Default::default();
    };
    let mut attributes = Attributes::new();
    if !scope.version.is_empty() {
        attributes.insert("scope.version".to_owned(), scope.version.into());
    }
    for (key, value) in map_of(scope.attributes) {
        attributes.insert(format!("scope.{key}"), value);
    }
    (scope.name, attributes)
}

fn row_of(record: LogRecord, mut attributes: Attributes) -> NewLogRow {
    attributes.extend(map_of(record.attributes));
    if !record.event_name.is_empty() {
        attributes.insert("event.name".to_owned(), record.event_name.into());
    }
    if record.dropped_attributes_count > 0 {
        attributes.insert(
            "otel.dropped_attributes_count".to_owned(),
            record.dropped_attributes_count.into(),
        );
    }
    let message = message_of(record.body, &mut attributes);
    let said = u8::try_from(record.severity_number)
        .ok()
        .filter(|number| (1..=24).contains(number));
    NewLogRow {
        timestamp_us: time_of(record.time_unix_nano)
            .or_else(|| time_of(record.observed_time_unix_nano)),
        severity_number: said
            .or_else(|| parse_severity(&record.severity_text))
            .unwrap_or(0),
        severity_text: record.severity_text,
        message,
        trace_id: id_of(&record.trace_id),
        span_id: id_of(&record.span_id),
        attributes,
        ..NewLogRow::default()
    }
}

fn time_of(nanoseconds: u64) -> Option<i64> {
    (nanoseconds > 0).then(|| i64::try_from(nanoseconds / 1_000).unwrap_or(i64::MAX))
}

/// Ids of zeroes mean "none".
fn id_of(bytes: &[u8]) -> String {
    if bytes.iter().all(|&byte| byte == 0) {
        String::new()
    } else {
        hex::encode(bytes)
    }
}

/// A structured body can be searched as `body.key`; its own message, if any, is the line.
fn message_of(body: Option<AnyValue>, attributes: &mut Attributes) -> String {
    match body.map(json_of) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Object(map)) => {
            let inner = ["message", "msg"]
                .iter()
                .find_map(|key| map.get(*key)?.as_str().map(str::to_owned));
            let structured = Value::Object(map);
            let message = inner.unwrap_or_else(|| structured.to_string());
            attributes.insert("body".to_owned(), structured);
            message
        }
        Some(other) => other.to_string(),
    }
}

fn map_of(list: Vec<KeyValue>) -> Attributes {
    list.into_iter()
        .map(|pair| (pair.key, pair.value.map(json_of).unwrap_or(Value::Null)))
        .collect()
}

fn json_of(value: AnyValue) -> Value {
    match value.value {
        None => Value::Null,
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(flag)) => flag.into(),
        Some(Any::IntValue(number)) => number.into(),
        Some(Any::DoubleValue(number)) => {
            // JSON has no NaN and no infinity; as text they can at least be found.
            serde_json::Number::from_f64(number)
                .map_or_else(|| number.to_string().into(), Value::Number)
        }
        Some(Any::ArrayValue(list)) => list.values.into_iter().map(json_of).collect(),
        Some(Any::KvlistValue(list)) => Value::Object(map_of(list.values)),
        Some(Any::BytesValue(bytes)) => base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into(),
        #[allow(unreachable_patterns)]
        Some(_) => Value::Null,
    }
}
