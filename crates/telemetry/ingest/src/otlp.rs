//! OTLP log records to lines.

use andon_columns::lines::{Cell, Lines};
use andon_reader::{Attributes, NewLogRow, parse_severity};
use base64::Engine as _;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::Value;

/// Most attributes of a record that are compared with each other one by one.
const FEW_ATTRIBUTES: usize = 32;

/// Turns a request into lines, in its order.
pub(crate) fn lines_of(request: ExportLogsServiceRequest) -> Lines {
    let mut lines = Lines::new();
    for resource_logs in request.resource_logs {
        let resource = resource_logs
            .resource
            .map(|resource| map_of(resource.attributes))
            .unwrap_or_default();
        let service = text_of(resource.get("service.name"));
        let resource = if resource.is_empty() {
            0
        } else {
            lines.resource(&Value::Object(resource).to_string())
        };
        for scope_logs in resource_logs.scope_logs {
            let (scope, attributes) = scope_of(scope_logs.scope);
            let origin = Origin {
                service: &service,
                resource,
                scope: &scope,
                attributes: &attributes,
            };
            for record in scope_logs.log_records {
                origin.add(record, &mut lines);
            }
        }
    }
    lines
}

/// What the records of one scope have in common.
struct Origin<'a> {
    service: &'a str,
    resource: u32,
    scope: &'a str,
    attributes: &'a Attributes,
}

impl Origin<'_> {
    fn add(&self, record: LogRecord, lines: &mut Lines) {
        if self.is_simple(&record) {
            return self.add_simple(record, lines);
        }
        let row = NewLogRow {
            service: self.service.to_owned(),
            scope: self.scope.to_owned(),
            ..row_of(record, self.attributes.clone())
        };
        lines.push(&row, self.resource);
    }

    /// Says whether no two attributes have the same name, so that none replaces another.
    fn is_simple(&self, record: &LogRecord) -> bool {
        let given = &record.attributes;
        given.len() <= FEW_ATTRIBUTES
            && given.iter().enumerate().all(|(place, pair)| {
                let before = given.get(..place).unwrap_or_default();
                !OWN_NAMES.contains(&pair.key.as_str())
                    && !self.attributes.contains_key(&pair.key)
                    && before.iter().all(|other| other.key != pair.key)
            })
    }

    fn add_simple(&self, record: LogRecord, lines: &mut Lines) {
        for (name, value) in self.attributes {
            let field = lines.field(name);
            lines.value(field, value);
        }
        for pair in record.attributes {
            let field = lines.field(&pair.key);
            add_value(pair.value, field, lines);
        }
        if !record.event_name.is_empty() {
            let field = lines.field(EVENT_NAME);
            lines.cell(field, Cell::Text(&record.event_name));
        }
        if record.dropped_attributes_count > 0 {
            let field = lines.field(DROPPED);
            lines.cell(field, Cell::Integer(record.dropped_attributes_count.into()));
        }
        let message = match record.body {
            Some(AnyValue {
                value: Some(Any::StringValue(text)),
            }) => text,
            body => {
                let mut structured = Attributes::new();
                let message = message_of(body, &mut structured);
                for (name, value) in &structured {
                    let field = lines.field(name);
                    lines.value(field, value);
                }
                message
            }
        };
        lines.end_row(
            time_of(record.time_unix_nano).or_else(|| time_of(record.observed_time_unix_nano)),
            severity_of(record.severity_number, &record.severity_text),
            [
                &record.severity_text,
                self.service,
                &message,
                &id_of(&record.trace_id),
                &id_of(&record.span_id),
                self.scope,
            ],
            self.resource,
        );
    }
}

fn add_value(value: Option<AnyValue>, field: u32, lines: &mut Lines) {
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => lines.cell(field, Cell::Text(&text)),
        Some(Any::BoolValue(flag)) => lines.cell(field, Cell::Boolean(flag)),
        Some(Any::IntValue(number)) => lines.cell(field, Cell::Integer(number)),
        Some(Any::DoubleValue(number)) if number.is_finite() => {
            lines.cell(field, Cell::Float(number));
        }
        value => lines.value(field, &json_of(AnyValue { value })),
    }
}

const EVENT_NAME: &str = "event.name";
const DROPPED: &str = "otel.dropped_attributes_count";
const BODY: &str = "body";

/// Attributes that are made here, and replace those of the same name.
const OWN_NAMES: [&str; 3] = [EVENT_NAME, DROPPED, BODY];

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
        attributes.insert(EVENT_NAME.to_owned(), record.event_name.into());
    }
    if record.dropped_attributes_count > 0 {
        attributes.insert(
            DROPPED.to_owned(),
            record.dropped_attributes_count.into(),
        );
    }
    let message = message_of(record.body, &mut attributes);
    NewLogRow {
        timestamp_us: time_of(record.time_unix_nano)
            .or_else(|| time_of(record.observed_time_unix_nano)),
        severity_number: severity_of(record.severity_number, &record.severity_text),
        severity_text: record.severity_text,
        message,
        trace_id: id_of(&record.trace_id),
        span_id: id_of(&record.span_id),
        attributes,
        ..NewLogRow::default()
    }
}

fn severity_of(number: i32, text: &str) -> u8 {
    let said = u8::try_from(number)
        .ok()
        .filter(|number| (1..=24).contains(number));
    said.or_else(|| parse_severity(text)).unwrap_or(0)
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
            attributes.insert(BODY.to_owned(), structured);
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

#[cfg(test)]
mod tests {
    use andon_reader::LogRow;
    use proptest::prelude::*;

    use super::*;

    fn value(depth: u32) -> BoxedStrategy<AnyValue> {
        let some = |value| AnyValue { value: Some(value) };
        let leaf = prop_oneof![
            Just(AnyValue { value: None }),
            "[a-z\"é]{0,5}".prop_map(move |text| some(Any::StringValue(text))),
            any::<bool>().prop_map(move |flag| some(Any::BoolValue(flag))),
            any::<i64>().prop_map(move |number| some(Any::IntValue(number))),
            any::<f64>().prop_map(move |number| some(Any::DoubleValue(number))),
            Just(some(Any::BytesValue(vec![1, 2, 255]))),
        ];
        if depth == 0 {
            return leaf.boxed();
        }
        let list = proptest::collection::vec(pair(depth - 1), 0..3).prop_map(move |values| {
            some(Any::KvlistValue(
                opentelemetry_proto::tonic::common::v1::KeyValueList { values },
            ))
        });
        prop_oneof![leaf, list].boxed()
    }

    fn pair(depth: u32) -> BoxedStrategy<KeyValue> {
        let names = vec!["a", "b", "c", "event.name", "body", "scope.version", "message"];
        (
            proptest::sample::select(names),
            proptest::option::of(value(depth)),
        )
            .prop_map(|(key, value)| KeyValue {
                key: key.to_owned(),
                value,
                ..KeyValue::default()
            })
            .boxed()
    }

    fn record() -> impl Strategy<Value = LogRecord> {
        (
            proptest::collection::vec(pair(1), 0..6),
            proptest::option::of(value(1)),
            0u64..3,
            -1i32..26,
            proptest::sample::select(vec!["", "warn", "odd"]),
            proptest::sample::select(vec![vec![], vec![0; 16], vec![0xab; 16]]),
        )
            .prop_map(|(attributes, body, number, severity_number, text, trace_id)| LogRecord {
                time_unix_nano: number * 1_500,
                observed_time_unix_nano: 7_000,
                severity_number,
                severity_text: text.to_owned(),
                body,
                attributes,
                dropped_attributes_count: u32::try_from(number).unwrap_or(0),
                trace_id,
                event_name: if number == 1 { "e".to_owned() } else { String::new() },
                ..LogRecord::default()
            })
    }

    proptest! {
        #[test]
        fn the_direct_way_means_what_the_plain_rows_mean(
            records in proptest::collection::vec(record(), 0..5),
            version in proptest::sample::select(vec!["", "1.2"]),
        ) {
            let scope = InstrumentationScope { name: "s".into(), version: version.into(), ..InstrumentationScope::default() };
            let (name, attributes) = scope_of(Some(scope));
            let origin = Origin { service: "pay", resource: 0, scope: &name, attributes: &attributes };
            let mut direct = Lines::new();
            let mut plain = Lines::new();
            for record in records {
                origin.add(record.clone(), &mut direct);
                let row = NewLogRow { service: "pay".into(), scope: name.clone(), ..row_of(record, attributes.clone()) };
                plain.push(&row, 0);
            }
            let rows = |lines: &Lines| -> Vec<LogRow> {
                (0..lines.len()).map(|row| lines.to_log_row(row)).collect()
            };
            prop_assert_eq!(rows(&direct), rows(&plain));
        }
    }
}
