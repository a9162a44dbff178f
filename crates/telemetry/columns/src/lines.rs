//! Lines as they arrive: a batch of rows in columns, cheap to fill, to log, and to look at row by row.
//!
//! One allocation per column instead of a dozen per line. The write-ahead log holds exactly
//! [`Lines::encode`], so that what is acknowledged is what is read back.

use std::sync::Arc;

use andon_reader::query::{FixedField, Place, RowView, Scalar, visit_path};
use andon_reader::{Attributes, LogRow, NewLogRow};
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::wire::{put_bytes, put_number, take_bytes, take_number, take_text};

pub use crate::texts::Texts;
use crate::texts::truncated;

/// Longest text that is kept whole, bytes.
pub const LONGEST_TEXT_BYTES: usize = 1 << 20;

/// Attribute that says how many bytes of a line were cut off.
pub const TRUNCATED_ATTRIBUTE: &str = "andon.truncated_bytes";

/// Stands for "the sender gave no time" until the time of receipt is known.
const NO_TIME: i64 = i64::MIN;

/// Type of one attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    Text = 0,
    /// A whole number of 64 bits.
    Integer = 1,
    /// Another finite number.
    Float = 2,
    /// True or false.
    Boolean = 3,
    /// Anything else, as JSON text: lists, objects, null, larger numbers.
    Json = 4,
}

/// One attribute's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number of 64 bits.
    Integer(i64),
    /// Another finite number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// JSON text.
    Json(&'a str),
}

impl Cell<'_> {
    /// Says of which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Integer(_) => Kind::Integer,
            Self::Float(_) => Kind::Float,
            Self::Boolean(_) => Kind::Boolean,
            Self::Json(_) => Kind::Json,
        }
    }

    /// Gives it as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Text(text) => Value::from(text),
            Self::Integer(number) => Value::from(number),
            Self::Float(number) => Value::from(number),
            Self::Boolean(flag) => Value::from(flag),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }

    /// Shows it to a test, lists item by item, as [`visit_path`] does.
    pub fn visit(&self, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        match *self {
            Self::Text(text) => test(Scalar::Text(text)),
            Self::Integer(number) => test(Scalar::Integer(i128::from(number))),
            Self::Float(number) => test(Scalar::Float(number)),
            Self::Boolean(flag) => test(Scalar::Boolean(flag)),
            Self::Json(_) => {
                let mut map = Attributes::new();
                map.insert("v".to_owned(), self.to_value());
                visit_path(&map, "v", test)
            }
        }
    }
}

/// The text columns that every line has.
pub const TEXT_FIELDS: [FixedField; 6] = [
    FixedField::SeverityText,
    FixedField::Service,
    FixedField::Message,
    FixedField::TraceId,
    FixedField::SpanId,
    FixedField::Scope,
];

/// So many resources are looked through before a map is made of them.
const FEW_RESOURCES: usize = 16;

/// Place of [`FixedField::Message`] in [`TEXT_FIELDS`].
pub(crate) const MESSAGE_PLACE: usize = 2;
/// Place of [`FixedField::TraceId`] in [`TEXT_FIELDS`].
pub(crate) const TRACE_PLACE: usize = 3;
/// Place of [`FixedField::SpanId`] in [`TEXT_FIELDS`].
pub(crate) const SPAN_PLACE: usize = 4;

/// Gives the place of a fixed text field in [`TEXT_FIELDS`].
#[must_use]
pub fn text_place(field: FixedField) -> Option<usize> {
    TEXT_FIELDS.iter().position(|&known| known == field)
}

/// A batch of lines.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    timestamps_us: Vec<i64>,
    severity_numbers: Vec<u8>,
    texts: [Texts; 6],
    /// Per row: entries of field number, kind and value.
    cells: Records,
    names: Vec<Box<str>>,
    number_of: FxHashMap<Box<str>, u32>,
    resources: Vec<u32>,
    resource_texts: Vec<Arc<str>>,
    /// Places of the resources, once there are more than a few; built when it is needed.
    resource_of: FxHashMap<Arc<str>, u32>,
    truncated_rows: u64,
    /// Bytes cut from the row being filled.
    cut_bytes: u64,
    first_sequence: u64,
    received_at_us: i64,
}

/// Binary records in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Records {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Records {
    fn get(&self, index: usize) -> &[u8] {
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).map_or(0, |&end| end as usize),
        };
        let end = self.ends.get(index).map_or(start, |&end| end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }
}

impl Lines {
    /// Makes an empty batch.
    #[must_use]
    pub fn new() -> Self {
        let mut lines = Self::default();
        lines.resource_texts.push(Arc::from(""));
        lines
    }

    /// Makes an empty batch with room for about as much as another one holds.
    #[must_use]
    pub fn with_room_of(other: &Self) -> Self {
        let more = |length: usize| length + length / 16;
        let rows = more(other.len());
        let mut lines = Self::new();
        lines.timestamps_us.reserve(rows);
        lines.severity_numbers.reserve(rows);
        for (texts, known) in lines.texts.iter_mut().zip(&other.texts) {
            texts.ends.reserve(rows);
            texts.text.reserve(more(known.text.len()));
        }
        lines.cells.ends.reserve(rows);
        lines.cells.bytes.reserve(more(other.cells.bytes.len()));
        lines.resources.reserve(rows);
        lines
    }

    /// Says how many lines are complete.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps_us.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps_us.is_empty()
    }

    /// How many lines were cut for their size.
    #[must_use]
    pub fn truncated_rows(&self) -> u64 {
        self.truncated_rows
    }

    /// Memory in use, approximately.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.timestamps_us.capacity() * 8
            + self.severity_numbers.capacity()
            + self.texts.iter().map(Texts::memory_bytes).sum::<usize>()
            + self.cells.ends.capacity() * 4
            + self.cells.bytes.capacity()
            + self.resources.capacity() * 4
            + self.names.iter().map(|name| name.len() + 80).sum::<usize>()
            + self.resource_texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// Gives back what growing took in advance; for batches that stay.
    pub fn shrink(&mut self) {
        self.timestamps_us.shrink_to_fit();
        self.severity_numbers.shrink_to_fit();
        for texts in &mut self.texts {
            texts.ends.shrink_to_fit();
            texts.text.shrink_to_fit();
        }
        self.cells.ends.shrink_to_fit();
        self.cells.bytes.shrink_to_fit();
        self.resources.shrink_to_fit();
    }

    // ---- filling: any number of cells, then `end_row` -------------------------------------------

    /// Gives the number of an attribute's name, for [`Lines::cell`].
    pub fn field(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.number_of.get(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.number_of.insert(name.into(), number);
        number
    }

    /// Adds an attribute to the row being filled. A name said twice counts once: the first wins.
    #[inline]
    pub fn cell(&mut self, field: u32, cell: Cell<'_>) {
        let out = &mut self.cells.bytes;
        match cell {
            Cell::Text(text) => {
                let (kept, cut) = truncated(text);
                self.cut_bytes += cut;
                put_cell_text(out, field, Kind::Text, kept);
            }
            Cell::Json(text) => {
                // Half a list is no list: what is too long is kept as the beginning of its text.
                let (kept, cut) = truncated(text);
                self.cut_bytes += cut;
                let kind = if cut > 0 { Kind::Text } else { Kind::Json };
                put_cell_text(out, field, kind, kept);
            }
            Cell::Integer(number) => {
                put_number(out, u64::from(field));
                let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
                out.extend_from_slice(&[Kind::Integer as u8, a, b, c, d, e, f, g, h]);
            }
            Cell::Float(number) => {
                put_number(out, u64::from(field));
                out.push(Kind::Float as u8);
                out.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Cell::Boolean(flag) => {
                put_number(out, u64::from(field));
                out.extend_from_slice(&[Kind::Boolean as u8, u8::from(flag)]);
            }
        }
    }

    /// Gives the number of a resource's JSON text, for [`Lines::end_row`]; 0 is "none".
    pub fn resource(&mut self, text: &str) -> u32 {
        // Batches have few resources and name the last one most often.
        let count = self.resource_texts.len();
        let near = self.resource_texts.iter().rev().take(FEW_RESOURCES);
        if let Some(back) = near.into_iter().position(|known| &**known == text) {
            return u32::try_from(count - 1 - back).unwrap_or(0);
        }
        if count > FEW_RESOURCES {
            let known = self.resource_texts.iter().zip(0u32..).skip(self.resource_of.len());
            let missing: Vec<_> = known.map(|(text, place)| (Arc::clone(text), place)).collect();
            self.resource_of.extend(missing);
            if let Some(&place) = self.resource_of.get(text) {
                return place;
            }
        }
        self.resource_texts.push(Arc::from(text));
        u32::try_from(count).unwrap_or(0)
    }

    /// Completes a row. Texts are in the order of [`TEXT_FIELDS`].
    pub fn end_row(
        &mut self,
        timestamp_us: Option<i64>,
        severity_number: u8,
        texts: [&str; 6],
        resource: u32,
    ) {
        for (place, text) in texts.into_iter().enumerate() {
            self.text(place, text);
        }
        self.finish_row(timestamp_us, severity_number, resource);
    }

    /// Sets a text of the row being filled by its place in [`TEXT_FIELDS`], at most once per row;
    /// for those who read texts one by one and end with [`Lines::finish_row`].
    #[inline]
    pub fn text(&mut self, place: usize, text: &str) {
        let Some(column) = self.texts.get_mut(place) else {
            return;
        };
        let (kept, cut) = truncated(text);
        self.cut_bytes += cut;
        let start = column.text.len();
        column.text.push_str(kept);
        // Trace and span ids are compared in lower case.
        if place == TRACE_PLACE || place == SPAN_PLACE {
            if let Some(id) = column.text.get_mut(start..) {
                id.make_ascii_lowercase();
            }
        }
    }

    /// Completes the row being filled; texts that were not set are empty.
    pub fn finish_row(&mut self, timestamp_us: Option<i64>, severity_number: u8, resource: u32) {
        self.texts.iter_mut().for_each(Texts::end);
        if self.cut_bytes > 0 {
            let cut = i64::try_from(std::mem::take(&mut self.cut_bytes)).unwrap_or(i64::MAX);
            let field = self.field(TRUNCATED_ATTRIBUTE);
            self.cell(field, Cell::Integer(cut));
            self.truncated_rows += 1;
        }
        self.timestamps_us.push(timestamp_us.unwrap_or(NO_TIME));
        self.severity_numbers.push(severity_number.min(24));
        self.cells
            .ends
            .push(u32::try_from(self.cells.bytes.len()).unwrap_or(u32::MAX));
        self.resources.push(resource);
    }

    /// Forgets the row being filled, as if nothing of it had been said.
    pub fn abandon_row(&mut self) {
        for texts in &mut self.texts {
            let end = texts.ends.last().map_or(0, |&end| end as usize);
            texts.text.truncate(end);
        }
        let end = self.cells.ends.last().map_or(0, |&end| end as usize);
        self.cells.bytes.truncate(end);
        self.cut_bytes = 0;
    }

    /// Copies some of the lines, for appends that are too large for one group. Whether lines were
    /// cut is no longer counted.
    #[must_use]
    pub fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let mut part = Self {
            timestamps_us: self.timestamps_us.get(rows.clone()).unwrap_or_default().to_vec(),
            severity_numbers: self.severity_numbers.get(rows.clone()).unwrap_or_default().to_vec(),
            names: self.names.clone(),
            number_of: self.number_of.clone(),
            resources: self.resources.get(rows.clone()).unwrap_or_default().to_vec(),
            resource_texts: self.resource_texts.clone(),
            first_sequence: self.first_sequence + rows.start as u64,
            received_at_us: self.received_at_us,
            ..Self::default()
        };
        for row in rows.start..rows.end.min(self.len()) {
            for (column, texts) in part.texts.iter_mut().zip(&self.texts) {
                column.push(texts.get(row));
            }
            part.cells.bytes.extend_from_slice(self.cells.get(row));
            let end = u32::try_from(part.cells.bytes.len()).unwrap_or(u32::MAX);
            part.cells.ends.push(end);
        }
        part
    }

    /// Adds the lines of a batch that follow these without a gap, received at the same time.
    pub fn append(&mut self, other: &Self) {
        let fields: Vec<u32> = other.names.iter().map(|name| self.field(name)).collect();
        let resources: Vec<u32> = other.resource_texts.iter().map(|text| self.resource(text)).collect();
        for row in 0..other.len() {
            for (column, texts) in self.texts.iter_mut().zip(&other.texts) {
                column.push(texts.get(row));
            }
            for (field, cell) in other.cells(row) {
                if let Some(&field) = fields.get(field as usize) {
                    self.cell(field, cell);
                }
            }
            let end = u32::try_from(self.cells.bytes.len()).unwrap_or(u32::MAX);
            self.cells.ends.push(end);
            let resource = other.resources.get(row).copied().unwrap_or(0) as usize;
            self.resources.push(resources.get(resource).copied().unwrap_or(0));
        }
        self.timestamps_us.extend_from_slice(&other.timestamps_us);
        self.severity_numbers.extend_from_slice(&other.severity_numbers);
        self.truncated_rows += other.truncated_rows;
    }

    /// Adds a row that came as a plain one.
    pub fn push(&mut self, row: &NewLogRow, resource: u32) {
        for (name, value) in &row.attributes {
            let field = self.field(name);
            self.value(field, value);
        }
        self.end_row(
            row.timestamp_us,
            row.severity_number,
            [
                &row.severity_text,
                &row.service,
                &row.message,
                &row.trace_id,
                &row.span_id,
                &row.scope,
            ],
            resource,
        );
    }

    /// Adds an attribute that came as JSON.
    pub fn value(&mut self, field: u32, value: &Value) {
        match value {
            Value::String(text) => self.cell(field, Cell::Text(text)),
            Value::Bool(flag) => self.cell(field, Cell::Boolean(*flag)),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), _, _) => self.cell(field, Cell::Integer(integer)),
                (None, None, Some(float)) => self.cell(field, Cell::Float(float)),
                _ => self.cell(field, Cell::Json(&number.to_string())),
            },
            other => self.cell(field, Cell::Json(&other.to_string())),
        }
    }

    /// Takes plain rows.
    #[must_use]
    pub fn of(rows: &[NewLogRow]) -> Self {
        let mut lines = Self::new();
        let mut last: Option<(&Arc<Attributes>, u32)> = None;
        for row in rows {
            let resource = match last {
                Some((known, number)) if Arc::ptr_eq(known, &row.resource) => number,
                _ if row.resource.is_empty() => 0,
                _ => {
                    let text = serde_json::to_string(&*row.resource).unwrap_or_default();
                    lines.resource(&text)
                }
            };
            last = Some((&row.resource, resource));
            lines.push(row, resource);
        }
        lines
    }

    // ---- the log ---------------------------------------------------------------------------------

    /// Bounds the length of what [`Lines::encode`] writes, so that it is written without moving.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(Texts::text_bytes).sum();
        let names: usize = self.names.iter().map(|name| name.len() + 10).sum();
        let resources: usize = self.resource_texts.iter().map(|text| text.len() + 10).sum();
        // Time, severity, and a length of at most five bytes for six texts, the cells and the resource.
        self.len() * (9 + 8 * 5) + texts + self.cells.bytes.len() + names + resources + 128
    }

    /// Writes the batch, without sequence and time of receipt.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, self.len() as u64);
        for &time in &self.timestamps_us {
            out.extend_from_slice(&time.to_le_bytes());
        }
        out.extend_from_slice(&self.severity_numbers);
        self.texts.iter().for_each(|texts| texts.encode(out));
        put_number(out, self.names.len() as u64);
        for name in &self.names {
            put_bytes(out, name.as_bytes());
        }
        let mut start = 0;
        for &end in &self.cells.ends {
            put_number(out, u64::from(end - start));
            start = end;
        }
        put_bytes(out, &self.cells.bytes);
        put_number(out, self.resource_texts.len() as u64);
        for text in &self.resource_texts {
            put_bytes(out, text.as_bytes());
        }
        for &resource in &self.resources {
            put_number(out, u64::from(resource));
        }
    }

    /// Reads what [`Lines::encode`] wrote; nothing when the bytes make no sense.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let input = &mut bytes;
        let count = usize::try_from(take_number(input)?).ok()?;
        let times = input.split_off(..count.checked_mul(8)?)?;
        let mut lines = Self {
            timestamps_us: times
                .as_chunks::<8>()
                .0
                .iter()
                .map(|time| i64::from_le_bytes(*time))
                .collect(),
            severity_numbers: input.split_off(..count)?.to_vec(),
            ..Self::default()
        };
        for texts in &mut lines.texts {
            *texts = Texts::decode(input).filter(|texts| texts.len() == count)?;
        }
        for _ in 0..take_number(input)? {
            let name = take_text(input)?;
            lines.field(name);
        }
        let mut end = 0u32;
        for _ in 0..count {
            end = end.checked_add(u32::try_from(take_number(input)?).ok()?)?;
            lines.cells.ends.push(end);
        }
        lines.cells.bytes = take_bytes(input)?.to_vec();
        for _ in 0..take_number(input)? {
            lines.resource_texts.push(Arc::from(take_text(input)?));
        }
        for _ in 0..count {
            let resource = u32::try_from(take_number(input)?).ok()?;
            lines.resources.push(resource);
        }
        let is_sound = input.is_empty()
            && lines.cells.bytes.len() == end as usize
            && lines
                .resources
                .iter()
                .all(|&r| (r as usize) < lines.resource_texts.len())
            && (0..count).all(|row| lines.cells_are_sound(row));
        is_sound.then_some(lines)
    }

    fn cells_are_sound(&self, row: usize) -> bool {
        let mut input = self.cells.get(row);
        while !input.is_empty() {
            match take_cell(&mut input) {
                Some((field, _)) if (field as usize) < self.names.len() => {}
                _ => return false,
            }
        }
        true
    }

    /// Gives the batch its first sequence and its time of receipt.
    pub fn stamp(&mut self, first_sequence: u64, received_at_us: i64) {
        self.first_sequence = first_sequence;
        self.received_at_us = received_at_us;
        for time in &mut self.timestamps_us {
            if *time == NO_TIME {
                *time = received_at_us;
            }
        }
    }

    // ---- reading ---------------------------------------------------------------------------------

    /// Sequence of the first line.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// Our time of all of them.
    #[must_use]
    pub fn received_at_us(&self) -> i64 {
        self.received_at_us
    }

    /// Their times.
    #[must_use]
    pub fn timestamps_us(&self) -> &[i64] {
        &self.timestamps_us
    }

    /// Severity numbers.
    #[must_use]
    pub fn severity_numbers(&self) -> &[u8] {
        &self.severity_numbers
    }

    /// A text column, by its place in [`TEXT_FIELDS`].
    #[must_use]
    pub fn texts(&self, place: usize) -> Option<&Texts> {
        self.texts.get(place)
    }

    /// Names of attributes; a cell's field is a place in it.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// The different resources, as JSON text; the first is "none".
    #[must_use]
    pub fn resource_texts(&self) -> &[Arc<str>] {
        &self.resource_texts
    }

    /// Per line the place of its resource in [`Lines::resource_texts`].
    #[must_use]
    pub fn resources(&self) -> &[u32] {
        &self.resources
    }

    /// The attributes of a line, in the order they came; a name may occur twice, the first wins.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = (u32, Cell<'_>)> {
        let mut input = self.cells.get(row);
        std::iter::from_fn(move || take_cell(&mut input))
    }

    /// The attributes of a line as JSON.
    #[must_use]
    pub fn attributes(&self, row: usize) -> Attributes {
        let mut map = Attributes::new();
        for (field, cell) in self.cells(row) {
            if let Some(name) = self.names.get(field as usize) {
                map.entry(&**name).or_insert_with(|| cell.to_value());
            }
        }
        map
    }

    /// The resource of a line as JSON text, empty for none.
    #[must_use]
    pub fn resource_text(&self, row: usize) -> &str {
        let place = self.resources.get(row).map_or(0, |&place| place as usize);
        self.resource_texts.get(place).map_or("", |text| text)
    }

    /// Gives a row view.
    #[must_use]
    pub fn row(&self, row: usize) -> Line<'_> {
        Line { lines: self, row }
    }

    /// Gives a whole row.
    #[must_use]
    pub fn to_log_row(&self, row: usize) -> LogRow {
        let text = |place: usize| {
            self.texts
                .get(place)
                .map_or_else(String::new, |texts| texts.get(row).to_owned())
        };
        LogRow {
            id: (self.first_sequence + row as u64).to_string(),
            timestamp_us: self.timestamps_us.get(row).copied().unwrap_or_default(),
            received_at_us: self.received_at_us,
            severity_number: self.severity_numbers.get(row).copied().unwrap_or_default(),
            severity_text: text(0),
            service: text(1),
            message: text(2),
            trace_id: text(3),
            span_id: text(4),
            scope: text(5),
            attributes: self.attributes(row),
            resource: parse_object(self.resource_text(row)),
        }
    }
}

/// Reads a JSON object; anything else is an empty one.
#[must_use]
pub fn parse_object(text: &str) -> Attributes {
    if text.is_empty() {
        return Attributes::new();
    }
    serde_json::from_str(text).unwrap_or_default()
}

#[inline]
fn put_cell_text(out: &mut Vec<u8>, field: u32, kind: Kind, text: &str) {
    // Nearly always one byte each.
    if field < 0x80 && text.len() < 0x80 {
        #[allow(clippy::cast_possible_truncation)]
        out.extend_from_slice(&[field as u8, kind as u8, text.len() as u8]);
        out.extend_from_slice(text.as_bytes());
    } else {
        put_number(out, u64::from(field));
        out.push(kind as u8);
        put_bytes(out, text.as_bytes());
    }
}

fn take_cell<'a>(input: &mut &'a [u8]) -> Option<(u32, Cell<'a>)> {
    let field = u32::try_from(take_number(input)?).ok()?;
    let kind = *input.split_off_first()?;
    let cell = match kind {
        0 => Cell::Text(take_text(input)?),
        1 => Cell::Integer(i64::from_le_bytes(*take_chunk(input)?)),
        2 => Cell::Float(f64::from_bits(u64::from_le_bytes(*take_chunk(input)?))),
        3 => Cell::Boolean(*input.split_off_first()? != 0),
        4 => Cell::Json(take_text(input)?),
        _ => return None,
    };
    Some((field, cell))
}

fn take_chunk<'a>(input: &mut &'a [u8]) -> Option<&'a [u8; 8]> {
    let (chunk, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(chunk)
}

/// One line of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    lines: &'a Lines,
    row: usize,
}

impl RowView for Line<'_> {
    fn text(&self, field: FixedField) -> &str {
        let texts = text_place(field).and_then(|place| self.lines.texts.get(place));
        texts.map_or("", |texts| texts.get(self.row))
    }

    fn severity_number(&self) -> u8 {
        let numbers = &self.lines.severity_numbers;
        numbers.get(self.row).copied().unwrap_or_default()
    }

    fn timestamp_us(&self) -> i64 {
        let times = &self.lines.timestamps_us;
        times.get(self.row).copied().unwrap_or_default()
    }

    fn received_at_us(&self) -> i64 {
        self.lines.received_at_us
    }

    fn any_value(
        &self,
        place: Place,
        name: &str,
        test: &mut dyn FnMut(Scalar<'_>) -> bool,
    ) -> bool {
        if place != Place::Resource && self.any_cell(name, test) {
            return true;
        }
        place != Place::Attributes && visit_json(self.lines.resource_text(self.row), name, test)
    }
}

impl Line<'_> {
    fn any_cell(&self, name: &str, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        let whole = self.lines.number_of.get(name).copied();
        if let Some(number) = whole
            && let Some((_, cell)) = self.lines.cells(self.row).find(|(field, _)| *field == number)
            && cell.visit(test)
        {
            return true;
        }
        // Keys inside objects: `a.b` also means `b` inside the object `a`.
        name.match_indices('.').any(|(dot, _)| {
            let Some(&number) = name.get(..dot).and_then(|outer| self.lines.number_of.get(outer))
            else {
                return false;
            };
            let found = self.lines.cells(self.row).find(|(field, _)| *field == number);
            match found {
                Some((_, Cell::Json(text))) => {
                    visit_json(text, name.get(dot + 1..).unwrap_or_default(), test)
                }
                _ => false,
            }
        })
    }
}

/// Visits the values under a name in JSON text, and parses it only when the name can be inside.
pub fn visit_json(text: &str, name: &str, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_plain = last.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if is_plain && memchr::memmem::find(text.as_bytes(), last.as_bytes()).is_none() {
        return false;
    }
    visit_path(&parse_object(text), name, test)
}
