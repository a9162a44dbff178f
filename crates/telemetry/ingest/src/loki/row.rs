//! Streams and entries to rows.

use std::sync::Arc;

use andon_reader::{Attributes, NewLogRow, parse_severity};
use serde_json::Value;

use crate::loki::labels;
use crate::marks::{mark, text_of};

/// Labels that name the service, the best first (Loki derives `service_name` in the same order).
const SERVICE: [&str; 11] = [
    "service_name", "service.name", "service", "app", "application", "app_name", "name", "app_kubernetes_io_name",
    "container", "component", "job",
];
const LEVEL: [&str; 5] = ["level", "severity", "detected_level", "severity_text", "lvl"];
const TRACE: [&str; 3] = ["trace_id", "traceID", "traceId"];
const SPAN: [&str; 3] = ["span_id", "spanID", "spanId"];

/// What the lines of a stream have in common.
pub(crate) struct StreamRows {
    service: String,
    severity: (String, u8),
    scope: String,
    resource: Arc<Attributes>,
}

impl StreamRows {
    /// Reads labels as text; malformed ones are kept as they are.
    pub(crate) fn of_text(text: &str, tenant: Option<&str>) -> Self {
        let labels = match labels::parse(text) {
            Some(labels) => labels.into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
            None => Attributes::from_iter([("loki.labels".to_owned(), Value::from(text))]),
        };
        Self::new(labels, tenant)
    }

    pub(crate) fn new(mut labels: Attributes, tenant: Option<&str>) -> Self {
        let service = SERVICE.iter().find_map(|name| text(&labels, name)).unwrap_or_default();
        let severity = take_severity(&mut labels).unwrap_or_default();
        let scope = text(&labels, "logger").unwrap_or_default();
        labels.shift_remove("logger");
        if let Some(tenant) = tenant {
            labels.entry("loki.tenant").or_insert_with(|| tenant.into());
        }
        Self {
            service,
            severity,
            scope,
            resource: Arc::new(labels),
        }
    }

    /// Makes the row of a line; its metadata goes before the labels.
    pub(crate) fn row(&self, timestamp_us: Option<i64>, line: &[u8], mut metadata: Attributes) -> NewLogRow {
        let (message, is_lossy) = text_of(line);
        let (severity_text, severity_number) = take_severity(&mut metadata).unwrap_or_else(|| self.severity.clone());
        let trace_id = take(&mut metadata, &TRACE);
        let span_id = take(&mut metadata, &SPAN);
        mark(&mut metadata, 0, is_lossy);
        NewLogRow {
            timestamp_us,
            severity_number,
            severity_text,
            service: self.service.clone(),
            message: message.into_owned(),
            trace_id,
            span_id,
            scope: self.scope.clone(),
            attributes: metadata,
            resource: self.resource.clone(),
        }
    }
}

fn text(labels: &Attributes, name: &str) -> Option<String> {
    labels.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn take(attributes: &mut Attributes, names: &[&str]) -> String {
    let name = names.iter().find(|name| attributes.get(**name).is_some_and(Value::is_string));
    match name.and_then(|name| attributes.shift_remove(*name)) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// A level that is known; any other stays a label.
fn take_severity(attributes: &mut Attributes) -> Option<(String, u8)> {
    let (name, text, number) = LEVEL.iter().find_map(|name| {
        let text = attributes.get(*name)?.as_str()?;
        Some((*name, text.to_owned(), parse_severity(text)?))
    })?;
    attributes.shift_remove(name);
    Some((text, number))
}
