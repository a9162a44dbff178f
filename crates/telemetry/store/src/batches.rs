//! The direct scan as Arrow batches, for the SQL engine: the only place where Arrow leaves the store.

use std::collections::VecDeque;
use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{ColumnName, GroupView};
use andon_columns::lines::{Line, Lines, text_place};
use andon_columns::pick::integers;
use andon_columns::rows::{each_text, fetch};
use andon_columns::select::{Span, rows_in, select};
use andon_reader::query::{Filter, FixedField, RowView};
use andon_reader::{ReaderError, code, level_of};
use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::extent::Interval;
use crate::group::StoredGroup;
use crate::scan::Snapshot;
use crate::segment::Segment;
use crate::shared::Shared;

/// Lines per batch made from memory.
const BATCH_ROWS: usize = 8_192;

/// A column of the table `logs`, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogColumn {
    /// Opaque id of the line.
    Id,
    /// Their time.
    Timestamp,
    /// Our time.
    ReceivedAt,
    /// Severity band in lower case.
    Severity,
    /// OpenTelemetry's number.
    SeverityNumber,
    /// As the sender spelt it.
    SeverityText,
    /// Service name.
    Service,
    /// The line.
    Message,
    /// Trace id.
    TraceId,
    /// Span id.
    SpanId,
    /// Logger.
    Scope,
    /// JSON text.
    Attributes,
    /// JSON text.
    Resource,
}

impl LogColumn {
    /// All columns in their order.
    pub const ALL: [Self; 13] = [
        Self::Id,
        Self::Timestamp,
        Self::ReceivedAt,
        Self::Severity,
        Self::SeverityNumber,
        Self::SeverityText,
        Self::Service,
        Self::Message,
        Self::TraceId,
        Self::SpanId,
        Self::Scope,
        Self::Attributes,
        Self::Resource,
    ];

    /// Name in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Timestamp => "timestamp",
            Self::ReceivedAt => "received_at",
            Self::Severity => "severity",
            Self::SeverityNumber => "severity_number",
            Self::SeverityText => "severity_text",
            Self::Service => "service",
            Self::Message => "message",
            Self::TraceId => "trace_id",
            Self::SpanId => "span_id",
            Self::Scope => "scope",
            Self::Attributes => "attributes",
            Self::Resource => "resource",
        }
    }

    fn field(self) -> Field {
        let data_type = match self {
            Self::Timestamp | Self::ReceivedAt => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
            }
            Self::SeverityNumber => DataType::Int64,
            _ => DataType::Utf8View,
        };
        Field::new(self.name(), data_type, false)
    }
}

const UTC: &str = "+00:00";

/// Schema of the table `logs`.
#[must_use]
pub fn log_schema() -> SchemaRef {
    Arc::new(Schema::new(LogColumn::ALL.map(LogColumn::field).to_vec()))
}

fn internal(error: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(
        code::INTERNAL,
        format!("a batch of log lines could not be made: {error}"),
    )
}

/// The lines that a statement sees: fixed when it is planned, so that every scan of it agrees.
#[derive(Clone)]
pub struct SqlSnapshot {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    filter: Arc<Filter>,
    interval: Interval,
}

enum Part {
    Memory(usize),
    Group(Arc<Segment>),
}

/// The matching lines of one segment that are still to be given.
struct Reading {
    /// Keeps the files while they are read.
    _segment: Arc<Segment>,
    group: Arc<StoredGroup>,
    rows: Vec<usize>,
    next: usize,
}

impl SqlSnapshot {
    pub(crate) fn new(shared: &Arc<Shared>, filter: Filter, interval: Interval) -> Self {
        let snapshot = Arc::new(Snapshot {
            visible: shared.visible().clone(),
        });
        Self {
            shared: Arc::clone(shared),
            snapshot,
            filter: Arc::new(filter),
            interval,
        }
    }

    /// The same lines under another filter and interval.
    #[must_use]
    pub fn narrowed(&self, filter: Filter, interval: Interval) -> Self {
        Self {
            filter: Arc::new(filter),
            interval,
            ..self.clone()
        }
    }

    /// The number of lines, when it is known without reading them.
    #[must_use]
    pub fn exact_rows(&self) -> Option<u64> {
        let segments = self
            .snapshot
            .visible
            .segments
            .iter()
            .map(|segment| *segment.extent());
        let extents = segments.chain(self.snapshot.chunks().map(|chunk| chunk.extent));
        let mut rows = 0;
        for extent in extents.filter(|extent| extent.touches(&self.interval)) {
            if !self.filter.is_all() || !extent.is_inside(&self.interval) {
                return None;
            }
            rows += extent.rows;
        }
        Some(rows)
    }

    /// An upper bound of the number of lines.
    #[must_use]
    pub fn most_rows(&self) -> u64 {
        self.snapshot
            .visible
            .segments
            .iter()
            .map(|segment| segment.extent().rows)
            .sum::<u64>()
            + self.snapshot.visible.memory_rows()
    }

    /// Reads columns, one of several interleaved shares of the lines.
    ///
    /// # Errors
    /// When a segment cannot be opened.
    pub fn batches(
        &self,
        columns: &[LogColumn],
        share: usize,
        shares: usize,
    ) -> Result<LogBatches, ReaderError> {
        let mut parts = VecDeque::new();
        let mut number = 0;
        let mut is_mine = || {
            number += 1;
            (number - 1) % shares.max(1) == share
        };
        for (index, chunk) in self.snapshot.chunks().enumerate() {
            if chunk.extent.touches(&self.interval) && is_mine() {
                parts.push_back(Part::Memory(index));
            }
        }
        for segment in &self.snapshot.visible.segments {
            if !segment.extent().touches(&self.interval) {
                continue;
            }
            if is_mine() {
                parts.push_back(Part::Group(Arc::clone(segment)));
            }
        }
        let fields: Vec<Field> = columns.iter().map(|column| column.field()).collect();
        Ok(LogBatches {
            source: self.clone(),
            columns: columns.to_vec(),
            schema: Arc::new(Schema::new(fields)),
            parts,
            memory: None,
            reading: None,
        })
    }

    fn is_wanted<R: RowView>(&self, row: &R) -> bool {
        let time = match self.interval.clock {
            andon_reader::Clock::Timestamp => row.timestamp_us(),
            andon_reader::Clock::ReceivedAt => row.received_at_us(),
        };
        self.interval.has(time) && self.filter.matches(row)
    }
}

/// Batches of some columns of the lines of a snapshot.
pub struct LogBatches {
    source: SqlSnapshot,
    columns: Vec<LogColumn>,
    schema: SchemaRef,
    parts: VecDeque<Part>,
    /// Chunk, and the batch in it to go on with.
    memory: Option<(usize, usize)>,
    reading: Option<Reading>,
}

impl Iterator for LogBatches {
    type Item = Result<RecordBatch, ReaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let made = if self.memory.is_some() {
                self.next_of_memory()
            } else if self.reading.is_some() {
                self.next_of_group()
            } else {
                match self.parts.pop_front()? {
                    Part::Memory(chunk) => self.memory = Some((chunk, 0)),
                    Part::Group(segment) => match self.begin(segment) {
                        Ok(reading) => self.reading = Some(reading),
                        Err(error) => return Some(Err(unreadable(&error))),
                    },
                }
                continue;
            };
            match made {
                Ok(Some(batch)) if batch.num_rows() == 0 => {}
                Ok(Some(batch)) => return Some(Ok(batch)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl LogBatches {
    /// Schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Finds the matching lines of a segment.
    fn begin(&self, segment: Arc<Segment>) -> Result<Reading, ColumnError> {
        let group = self.source.shared.opened.open(&segment)?;
        let interval = self.source.interval;
        let span = Span {
            since_us: interval.since_us,
            until_us: interval.until_us,
            clock: interval.clock,
        };
        let rows = rows_in(group.as_ref(), span)?;
        let rows = select(&self.source.filter, group.as_ref(), rows, &|| Ok(()))?;
        Ok(Reading {
            _segment: segment,
            group,
            rows: rows.ones().collect(),
            next: 0,
        })
    }

    fn next_of_memory(&mut self) -> Result<Option<RecordBatch>, ReaderError> {
        let Some((chunk_number, first)) = self.memory.take() else {
            return Ok(None);
        };
        let snapshot = Arc::clone(&self.source.snapshot);
        let Some(chunk) = snapshot.chunks().nth(chunk_number) else {
            return Ok(None);
        };
        let mut rows: Vec<(&Lines, usize)> = Vec::new();
        let mut next = first;
        while let Some(batch) = chunk.batches.get(next) {
            let lines = &*batch.lines;
            let wanted = (0..lines.len()).filter(|&row| self.source.is_wanted(&lines.row(row)));
            rows.extend(wanted.map(|row| (lines, row)));
            next += 1;
            if rows.len() >= BATCH_ROWS {
                break;
            }
        }
        if next < chunk.batches.len() {
            self.memory = Some((chunk_number, next));
        }
        self.make(rows.len(), |column| Ok(memory_column(column, &rows)))
            .map(Some)
    }

    fn next_of_group(&mut self) -> Result<Option<RecordBatch>, ReaderError> {
        let Some(reading) = self.reading.as_mut() else {
            return Ok(None);
        };
        let end = (reading.next + BATCH_ROWS).min(reading.rows.len());
        let rows = reading.rows.get(reading.next..end).unwrap_or_default().to_vec();
        reading.next = end;
        let group = Arc::clone(&reading.group);
        if rows.is_empty() {
            self.reading = None;
            return Ok(None);
        }
        let made = self.make(rows.len(), |column| {
            group_column(column, group.as_ref(), &rows).map_err(|error| unreadable(&error))
        });
        made.map(Some)
    }

    fn make(
        &self,
        rows: usize,
        array: impl Fn(LogColumn) -> Result<ArrayRef, ReaderError>,
    ) -> Result<RecordBatch, ReaderError> {
        let arrays = self
            .columns
            .iter()
            .map(|&column| array(column))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema(), arrays, &options)
            .map_err(|error| internal(&error))
    }
}

fn times(values: Int64Array) -> ArrayRef {
    let (_, values, _) = values.into_parts();
    Arc::new(TimestampMicrosecondArray::new(values, None).with_timezone(UTC))
}

fn object_text(text: &str) -> &str {
    if text.is_empty() { "{}" } else { text }
}

fn memory_column(column: LogColumn, rows: &[(&Lines, usize)]) -> ArrayRef {
    let texts = |field: FixedField| -> ArrayRef {
        let place = text_place(field).unwrap_or(usize::MAX);
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(
            |(lines, row)| lines.texts(place).map_or("", |texts| texts.get(*row)),
        )))
    };
    let numbers = |get: fn(&Line<'_>) -> i64| {
        Int64Array::from_iter_values(rows.iter().map(|(lines, row)| get(&lines.row(*row))))
    };
    let severities = || rows.iter().map(|(lines, row)| lines.row(*row).severity_number());
    match column {
        LogColumn::Id => Arc::new(StringViewArray::from_iter_values(
            rows.iter()
                .map(|(lines, row)| (lines.first_sequence() + *row as u64).to_string()),
        )),
        LogColumn::Timestamp => times(numbers(|row| row.timestamp_us())),
        LogColumn::ReceivedAt => times(numbers(|row| row.received_at_us())),
        LogColumn::Severity => Arc::new(StringViewArray::from_iter_values(
            severities().map(|number| level_of(number).name()),
        )),
        LogColumn::SeverityNumber => {
            Arc::new(Int64Array::from_iter_values(severities().map(i64::from)))
        }
        LogColumn::SeverityText => texts(FixedField::SeverityText),
        LogColumn::Service => texts(FixedField::Service),
        LogColumn::Message => texts(FixedField::Message),
        LogColumn::TraceId => texts(FixedField::TraceId),
        LogColumn::SpanId => texts(FixedField::SpanId),
        LogColumn::Scope => texts(FixedField::Scope),
        LogColumn::Attributes => Arc::new(StringViewArray::from_iter_values(rows.iter().map(
            |(lines, row)| serde_json::to_string(&lines.attributes(*row)).unwrap_or_default(),
        ))),
        LogColumn::Resource => Arc::new(StringViewArray::from_iter_values(
            rows.iter()
                .map(|(lines, row)| object_text(lines.resource_text(*row))),
        )),
    }
}

fn group_column(
    column: LogColumn,
    group: &dyn GroupView,
    rows: &[usize],
) -> Result<ArrayRef, ColumnError> {
    let numbers = |name: ColumnName| -> Result<Int64Array, ColumnError> {
        Ok(Int64Array::from(integers(group, &name, rows)?))
    };
    let text = |field: FixedField| -> Result<ArrayRef, ColumnError> {
        let place = text_place(field).and_then(|place| u8::try_from(place).ok());
        text_column(group, &ColumnName::Text(place.unwrap_or(u8::MAX)), rows, "")
    };
    Ok(match column {
        LogColumn::Id => Arc::new(StringViewArray::from_iter_values(
            integers(group, &ColumnName::Sequence, rows)?
                .into_iter()
                .map(|sequence| sequence.cast_unsigned().to_string()),
        )),
        LogColumn::Timestamp => times(numbers(ColumnName::Timestamp)?),
        LogColumn::ReceivedAt => times(numbers(ColumnName::ReceivedAt)?),
        LogColumn::Severity => Arc::new(StringViewArray::from_iter_values(
            integers(group, &ColumnName::SeverityNumber, rows)?
                .into_iter()
                .map(|number| level_of(u8::try_from(number).unwrap_or_default()).name()),
        )),
        LogColumn::SeverityNumber => Arc::new(numbers(ColumnName::SeverityNumber)?),
        LogColumn::SeverityText => text(FixedField::SeverityText)?,
        LogColumn::Service => text(FixedField::Service)?,
        LogColumn::Message => text(FixedField::Message)?,
        LogColumn::TraceId => text(FixedField::TraceId)?,
        LogColumn::SpanId => text(FixedField::SpanId)?,
        LogColumn::Scope => text(FixedField::Scope)?,
        LogColumn::Attributes => {
            let whole = fetch(group, rows, &|| Ok(()))?;
            let texts = whole
                .iter()
                .map(|row| serde_json::to_string(&row.attributes).unwrap_or_default());
            Arc::new(StringViewArray::from_iter_values(texts))
        }
        LogColumn::Resource => text_column(group, &ColumnName::Resource, rows, "{}")?,
    })
}

/// The texts of rows, ascending; `none` where there is nothing.
fn text_column(
    group: &dyn GroupView,
    name: &ColumnName,
    rows: &[usize],
    none: &str,
) -> Result<ArrayRef, ColumnError> {
    let mut texts: Vec<Option<(usize, usize)>> = vec![None; rows.len()];
    let mut bytes = String::new();
    if let Some(column) = group.column(name)? {
        let mut within = Bits::none(group.rows());
        rows.iter().for_each(|&row| within.set(row));
        each_text(group, &column, &within, &|| Ok(()), &mut |row, text| {
            if let Ok(place) = rows.binary_search(&row)
                && let Some(slot) = texts.get_mut(place)
            {
                *slot = Some((bytes.len(), text.len()));
                bytes.push_str(text);
            }
            Ok(())
        })?;
    }
    let values = texts.into_iter().map(|place| {
        let text = place.and_then(|(start, length)| bytes.get(start..start + length));
        text.filter(|text| !text.is_empty()).unwrap_or(none)
    });
    Ok(Arc::new(StringViewArray::from_iter_values(values)))
}

fn unreadable(error: &ColumnError) -> ReaderError {
    ReaderError::new(code::READ_FAILED, error.message.clone())
        .with_hint("the status of telemetry names what is damaged; narrow the time to leave it out")
}
