//! Which fields the newest matching lines have, with their types and most frequent values.

use std::collections::{BTreeMap, HashMap};

use andon_reader::{
    Attributes, FieldSummary, FieldType, FieldsResult, LogRow, ValueCount, level_of,
};
use serde_json::Value;

/// Lines looked at.
pub(crate) const SAMPLED_ROWS: usize = 10_000;
/// Different values counted per field.
const DISTINCT: usize = 1_000;
/// Values named per field.
const TOP: usize = 10;
/// Fields named.
const FIELDS: usize = 2_000;
/// Longest value shown, characters.
const VALUE_CHARS: usize = 200;

#[derive(Default)]
struct Seen {
    kind: Option<FieldType>,
    count: u64,
    values: HashMap<String, u64>,
}

impl Seen {
    fn add(&mut self, kind: FieldType, value: &str) {
        self.count += 1;
        self.kind = Some(match self.kind {
            Some(known) if known != kind => FieldType::Mixed,
            _ => kind,
        });
        let short: String = value.chars().take(VALUE_CHARS).collect();
        let is_full = self.values.len() >= DISTINCT;
        match self.values.get_mut(&short) {
            Some(count) => *count += 1,
            None if !is_full => {
                self.values.insert(short, 1);
            }
            None => {}
        }
    }

    fn summary(self, name: String) -> FieldSummary {
        let distinct = self.values.len() as u64;
        let mut top: Vec<ValueCount> = self
            .values
            .into_iter()
            .map(|(value, count)| ValueCount { value, count })
            .collect();
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

/// Summarises the fields of lines.
pub(crate) fn summarise(rows: &[LogRow], complete: bool) -> FieldsResult {
    let mut fixed: [(&str, Seen); 5] = [
        ("level", Seen::default()),
        ("service", Seen::default()),
        ("scope", Seen::default()),
        ("trace_id", Seen::default()),
        ("span_id", Seen::default()),
    ];
    let mut named: BTreeMap<String, Seen> = BTreeMap::new();
    for row in rows {
        let level = level_of(row.severity_number).name();
        let values = [level, &row.service, &row.scope, &row.trace_id, &row.span_id];
        for ((_, seen), value) in fixed.iter_mut().zip(values) {
            if !value.is_empty() {
                seen.add(FieldType::Text, value);
            }
        }
        add_map("", &row.attributes, &mut named);
        add_map("", &row.resource, &mut named);
    }
    let mut others: Vec<FieldSummary> = named
        .into_iter()
        .map(|(name, seen)| seen.summary(name))
        .collect();
    others.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    others.truncate(FIELDS);
    let mut fields: Vec<FieldSummary> = fixed
        .into_iter()
        .filter(|(_, seen)| seen.count > 0)
        .map(|(name, seen)| seen.summary(name.to_owned()))
        .collect();
    fields.append(&mut others);
    FieldsResult {
        fields,
        sampled_rows: rows.len() as u64,
        complete,
    }
}

fn add_map(prefix: &str, map: &Attributes, named: &mut BTreeMap<String, Seen>) {
    for (key, value) in map {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Object(inner) => add_map(&name, inner, named),
            Value::Null => {}
            Value::String(text) => named.entry(name).or_default().add(FieldType::Text, text),
            Value::Bool(flag) => named
                .entry(name)
                .or_default()
                .add(FieldType::Boolean, &flag.to_string()),
            Value::Number(number) => named
                .entry(name)
                .or_default()
                .add(FieldType::Number, &number.to_string()),
            Value::Array(_) => named
                .entry(name)
                .or_default()
                .add(FieldType::Structure, &value.to_string()),
        }
    }
}
