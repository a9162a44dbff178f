//! A line as the store holds it in memory and writes it to the write-ahead log.
//!
//! Attributes stay JSON text until somebody asks for one of them: most queries never do.

use std::collections::HashMap;
use std::sync::Arc;

use andon_reader::query::{FixedField, Place, RowView, Scalar, visit_path};
use andon_reader::{Attributes, LogRow, NewLogRow};
use serde_json::Value;

/// Longest message and longest text attribute that is kept whole, bytes.
pub const LONGEST_TEXT_BYTES: usize = 1 << 20;

/// Attribute that says how many bytes of a line were cut off.
pub const TRUNCATED_ATTRIBUTE: &str = "andon.truncated_bytes";

/// Stands for "the sender gave no time" until the time of receipt is known.
const NO_TIME: i64 = i64::MIN;

/// A stored line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRow {
    /// Number given at append; unique and rising.
    pub(crate) sequence: u64,
    /// Their time.
    pub(crate) timestamp_us: i64,
    /// Our time.
    pub(crate) received_at_us: i64,
    /// OpenTelemetry's number.
    pub(crate) severity_number: u8,
    /// As the sender spelt it.
    pub(crate) severity_text: Box<str>,
    /// Service name.
    pub(crate) service: Box<str>,
    /// The line.
    pub(crate) message: Box<str>,
    /// Trace id.
    pub(crate) trace_id: Box<str>,
    /// Span id.
    pub(crate) span_id: Box<str>,
    /// Logger.
    pub(crate) scope: Box<str>,
    /// JSON object, or empty for none.
    pub(crate) attributes: Box<str>,
    /// JSON object, or empty for none; shared between lines.
    pub(crate) resource: Arc<str>,
}

impl StoredRow {
    /// Approximate memory in use.
    #[must_use]
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.severity_text.len()
            + self.service.len()
            + self.message.len()
            + self.trace_id.len()
            + self.span_id.len()
            + self.scope.len()
            + self.attributes.len()
    }

    /// Turns it into the plain row that leaves the store.
    #[must_use]
    pub(crate) fn to_log_row(&self) -> LogRow {
        LogRow {
            id: self.sequence.to_string(),
            timestamp_us: self.timestamp_us,
            received_at_us: self.received_at_us,
            severity_number: self.severity_number,
            severity_text: self.severity_text.to_string(),
            service: self.service.to_string(),
            message: self.message.to_string(),
            trace_id: self.trace_id.to_string(),
            span_id: self.span_id.to_string(),
            scope: self.scope.to_string(),
            attributes: parse_object(&self.attributes),
            resource: parse_object(&self.resource),
        }
    }
}

/// Reads a JSON object; anything else is an empty one.
#[must_use]
pub(crate) fn parse_object(text: &str) -> Attributes {
    if text.is_empty() {
        return Attributes::new();
    }
    serde_json::from_str(text).unwrap_or_default()
}

fn write_object(map: &Attributes) -> String {
    if map.is_empty() {
        return String::new();
    }
    serde_json::to_string(map).unwrap_or_default()
}

impl RowView for StoredRow {
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
        (place != Place::Resource && visit_json(&self.attributes, name, test))
            || (place != Place::Attributes && visit_json(&self.resource, name, test))
    }
}

/// Visits the values under a name in JSON text, and parses it only when the name can be inside.
pub(crate) fn visit_json(text: &str, name: &str, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_plain = last.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if is_plain && memchr::memmem::find(text.as_bytes(), last.as_bytes()).is_none() {
        return false;
    }
    visit_path(&parse_object(text), name, test)
}

/// Lines made ready for the log: bounded, and already encoded.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) rows: Vec<StoredRow>,
    pub(crate) encoded: Vec<u8>,
    pub(crate) truncated_rows: u64,
}

/// Bounds and encodes lines; sequence and time of receipt are given later by the committer.
pub(crate) fn prepare(new_rows: Vec<NewLogRow>) -> Prepared {
    let mut resources = ResourceTexts::default();
    let mut truncated_rows = 0;
    let rows: Vec<StoredRow> = new_rows
        .into_iter()
        .map(|row| {
            let (row, truncated) = stored_row(row, &mut resources);
            truncated_rows += u64::from(truncated);
            row
        })
        .collect();
    let encoded = encode_rows(&rows);
    Prepared {
        rows,
        encoded,
        truncated_rows,
    }
}

/// Writes each shared resource once.
#[derive(Default)]
struct ResourceTexts {
    last: Option<(Arc<Attributes>, Arc<str>)>,
    known: HashMap<String, Arc<str>>,
}

impl ResourceTexts {
    fn text(&mut self, resource: Arc<Attributes>) -> Arc<str> {
        if let Some((known, text)) = &self.last
            && Arc::ptr_eq(known, &resource)
        {
            return Arc::clone(text);
        }
        let written = write_object(&resource);
        let text = self
            .known
            .get(&written)
            .map_or_else(|| Arc::from(written.as_str()), Arc::clone);
        self.known.insert(written, Arc::clone(&text));
        self.last = Some((resource, Arc::clone(&text)));
        text
    }
}

fn stored_row(mut row: NewLogRow, resources: &mut ResourceTexts) -> (StoredRow, bool) {
    let mut cut = truncate(&mut row.message);
    for text in [
        &mut row.severity_text,
        &mut row.service,
        &mut row.trace_id,
        &mut row.span_id,
        &mut row.scope,
    ] {
        cut += truncate(text);
    }
    for (_, value) in &mut row.attributes {
        if let Value::String(text) = value {
            cut += truncate(text);
        }
    }
    if cut > 0 {
        row.attributes
            .insert(TRUNCATED_ATTRIBUTE.to_owned(), Value::from(cut));
    }
    row.trace_id.make_ascii_lowercase();
    row.span_id.make_ascii_lowercase();
    let stored = StoredRow {
        sequence: 0,
        timestamp_us: row.timestamp_us.unwrap_or(NO_TIME),
        received_at_us: 0,
        severity_number: row.severity_number.min(24),
        severity_text: row.severity_text.into(),
        service: row.service.into(),
        message: row.message.into(),
        trace_id: row.trace_id.into(),
        span_id: row.span_id.into(),
        scope: row.scope.into(),
        attributes: write_object(&row.attributes).into(),
        resource: resources.text(row.resource),
    };
    (stored, cut > 0)
}

/// Cuts a text at a character and says how many bytes went.
fn truncate(text: &mut String) -> u64 {
    if text.len() <= LONGEST_TEXT_BYTES {
        return 0;
    }
    let before = text.len();
    let mut end = LONGEST_TEXT_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (before - end) as u64
}

/// Gives the lines of a batch their sequence and times.
pub(crate) fn stamp(rows: &mut [StoredRow], first_sequence: u64, received_at_us: i64) {
    for (sequence, row) in (first_sequence..).zip(rows) {
        row.sequence = sequence;
        row.received_at_us = received_at_us;
        if row.timestamp_us == NO_TIME {
            row.timestamp_us = received_at_us;
        }
    }
}

fn encode_rows(rows: &[StoredRow]) -> Vec<u8> {
    let mut resources: Vec<&Arc<str>> = Vec::new();
    let mut index_of: HashMap<*const u8, usize> = HashMap::new();
    for row in rows {
        index_of.entry(row.resource.as_ptr()).or_insert_with(|| {
            resources.push(&row.resource);
            resources.len() - 1
        });
    }
    let size: usize = rows.iter().map(StoredRow::memory_bytes).sum();
    let mut out = Vec::with_capacity(size);
    put_number(&mut out, resources.len() as u64);
    resources.iter().for_each(|text| put_text(&mut out, text));
    put_number(&mut out, rows.len() as u64);
    for row in rows {
        out.extend_from_slice(&row.timestamp_us.to_le_bytes());
        out.push(row.severity_number);
        for text in [
            &row.severity_text,
            &row.service,
            &row.message,
            &row.trace_id,
            &row.span_id,
            &row.scope,
            &row.attributes,
        ] {
            put_text(&mut out, text);
        }
        let index = index_of.get(&row.resource.as_ptr()).copied().unwrap_or(0);
        put_number(&mut out, index as u64);
    }
    out
}

/// Reads what `encode_rows` wrote; nothing when the bytes make no sense.
pub(crate) fn decode_rows(bytes: &[u8]) -> Option<Vec<StoredRow>> {
    let mut input = bytes;
    let resource_count = usize::try_from(take_number(&mut input)?).ok()?;
    let mut resources: Vec<Arc<str>> = Vec::new();
    for _ in 0..resource_count {
        resources.push(Arc::from(take_text(&mut input)?));
    }
    let row_count = usize::try_from(take_number(&mut input)?).ok()?;
    let mut rows = Vec::with_capacity(row_count.min(input.len()));
    for _ in 0..row_count {
        let (time, rest) = input.split_first_chunk::<8>()?;
        let (&severity_number, rest) = rest.split_first()?;
        input = rest;
        let mut text = || take_text(&mut input).map(Box::<str>::from);
        let row = StoredRow {
            sequence: 0,
            timestamp_us: i64::from_le_bytes(*time),
            received_at_us: 0,
            severity_number,
            severity_text: text()?,
            service: text()?,
            message: text()?,
            trace_id: text()?,
            span_id: text()?,
            scope: text()?,
            attributes: text()?,
            resource: Arc::from(""),
        };
        let index = usize::try_from(take_number(&mut input)?).ok()?;
        rows.push(StoredRow {
            resource: Arc::clone(resources.get(index)?),
            ..row
        });
    }
    input.is_empty().then_some(rows)
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[allow(clippy::cast_possible_truncation)]
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)]
    out.push(number as u8);
}

fn take_number(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_number(input)?).ok()?;
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    std::str::from_utf8(text).ok()
}
