//! The direct scan as Arrow batches, for the SQL engine: the only place where Arrow leaves the store.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use andon_reader::query::{Filter, FixedField, Needs, RowView};
use andon_reader::{Order, ReaderError, code, level_of};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray,
    TimestampMicrosecondArray, UInt8Array,
};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::extent::Interval;
use crate::record::StoredRow;
use crate::scan::{Plan, Snapshot, columns_for};
use crate::segment::{ColumnBatch, GroupReader, Opened, Segment, column, promoted_column};
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

    fn file_columns(self, opened: &Opened, columns: &mut BTreeSet<String>) {
        let one = match self {
            Self::Id => column::SEQUENCE,
            Self::Timestamp => column::TIMESTAMP,
            Self::ReceivedAt => column::RECEIVED_AT,
            Self::Severity | Self::SeverityNumber => column::SEVERITY_NUMBER,
            Self::SeverityText => column::SEVERITY_TEXT,
            Self::Service => column::SERVICE,
            Self::Message => column::MESSAGE,
            Self::TraceId => column::TRACE_ID,
            Self::SpanId => column::SPAN_ID,
            Self::Scope => column::SCOPE,
            Self::Attributes => column::ATTRIBUTES,
            Self::Resource => column::RESOURCE,
        };
        columns.insert(one.to_owned());
        if self == Self::Attributes {
            columns.extend(
                opened
                    .index
                    .promoted
                    .keys()
                    .map(|name| promoted_column(name)),
            );
        }
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
    Group(Arc<Segment>, Arc<Opened>, usize),
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
            let opened = self.shared.opened.open(segment)?;
            for (group, known) in opened.index.groups.iter().enumerate() {
                let may_match = known.extent.touches(&self.interval)
                    && self.filter.may_match(&opened.index.summary(known));
                if may_match && is_mine() {
                    parts.push_back(Part::Group(Arc::clone(segment), Arc::clone(&opened), group));
                }
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
    reading: Option<(GroupReader, Arc<Segment>)>,
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
                    Part::Group(segment, opened, group) => {
                        if let Err(error) = self.begin(segment, &opened, group) {
                            return Some(Err(error));
                        }
                    }
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

    fn begin(
        &mut self,
        segment: Arc<Segment>,
        opened: &Opened,
        group: usize,
    ) -> Result<(), ReaderError> {
        let plan = Plan {
            filter: &self.source.filter,
            interval: self.source.interval,
            order: Order::OldestFirst,
            extra: Needs::default(),
        };
        let mut names = columns_for(&plan, opened);
        for column in &self.columns {
            column.file_columns(opened, &mut names);
        }
        self.reading = Some((opened.read(group, Some(&names), None)?, segment));
        Ok(())
    }

    fn next_of_memory(&mut self) -> Result<Option<RecordBatch>, ReaderError> {
        let Some((chunk_number, first)) = self.memory.take() else {
            return Ok(None);
        };
        let snapshot = Arc::clone(&self.source.snapshot);
        let Some(chunk) = snapshot.chunks().nth(chunk_number) else {
            return Ok(None);
        };
        let mut rows: Vec<&StoredRow> = Vec::new();
        let mut next = first;
        while let Some(batch) = chunk.batches.get(next) {
            rows.extend(batch.rows.iter().filter(|row| self.source.is_wanted(*row)));
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
        let Some(batch) = self.reading.as_mut().and_then(|(reader, _)| reader.next()) else {
            self.reading = None;
            return Ok(None);
        };
        let batch = batch?;
        let columns = ColumnBatch::new(&batch);
        let wanted: Vec<bool> = (0..columns.rows)
            .map(|index| self.source.is_wanted(&columns.row(index)))
            .collect();
        let count = wanted.iter().filter(|&&is_wanted| is_wanted).count();
        let mask = BooleanArray::from(wanted);
        self.make(count, |column| file_column(column, &batch, &columns, &mask))
            .map(Some)
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

fn memory_column(column: LogColumn, rows: &[&StoredRow]) -> ArrayRef {
    let texts = |get: fn(&StoredRow) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(
            rows.iter().map(|row| get(row)),
        ))
    };
    let numbers =
        |get: fn(&StoredRow) -> i64| Int64Array::from_iter_values(rows.iter().map(|row| get(row)));
    match column {
        LogColumn::Id => Arc::new(StringViewArray::from_iter_values(
            rows.iter().map(|row| row.sequence.to_string()),
        )),
        LogColumn::Timestamp => times(numbers(|row| row.timestamp_us)),
        LogColumn::ReceivedAt => times(numbers(|row| row.received_at_us)),
        LogColumn::Severity => texts(|row| level_of(row.severity_number).name()),
        LogColumn::SeverityNumber => Arc::new(numbers(|row| i64::from(row.severity_number))),
        LogColumn::SeverityText => texts(|row| row.text(FixedField::SeverityText)),
        LogColumn::Service => texts(|row| row.text(FixedField::Service)),
        LogColumn::Message => texts(|row| row.text(FixedField::Message)),
        LogColumn::TraceId => texts(|row| row.text(FixedField::TraceId)),
        LogColumn::SpanId => texts(|row| row.text(FixedField::SpanId)),
        LogColumn::Scope => texts(|row| row.text(FixedField::Scope)),
        LogColumn::Attributes => texts(|row| object_text(&row.attributes)),
        LogColumn::Resource => texts(|row| object_text(&row.resource)),
    }
}

fn file_column(
    column: LogColumn,
    batch: &RecordBatch,
    columns: &ColumnBatch,
    mask: &BooleanArray,
) -> Result<ArrayRef, ReaderError> {
    let kept = |name: &str| -> Result<ArrayRef, ReaderError> {
        let array = batch
            .column_by_name(name)
            .ok_or_else(|| internal(&format!("column {name} is missing")))?;
        filter(array, mask).map_err(|error| internal(&error))
    };
    let time = |name: &str| -> Result<ArrayRef, ReaderError> {
        let array = kept(name)?;
        let values = array.as_any().downcast_ref::<Int64Array>().cloned();
        values
            .map(times)
            .ok_or_else(|| internal(&format!("column {name} has another type")))
    };
    let severities = || -> Result<UInt8Array, ReaderError> {
        let array = kept(column::SEVERITY_NUMBER)?;
        array
            .as_any()
            .downcast_ref::<UInt8Array>()
            .cloned()
            .ok_or_else(|| internal(&"severities have another type"))
    };
    let wanted = || {
        (0..columns.rows)
            .filter(|&index| mask.value(index))
            .map(|index| columns.row(index))
    };
    Ok(match column {
        LogColumn::Id => Arc::new(StringViewArray::from_iter_values(
            wanted().map(|row| row.sequence().to_string()),
        )),
        LogColumn::Timestamp => time(column::TIMESTAMP)?,
        LogColumn::ReceivedAt => time(column::RECEIVED_AT)?,
        LogColumn::Severity => {
            let severities = severities()?;
            Arc::new(StringViewArray::from_iter_values(
                severities
                    .values()
                    .iter()
                    .map(|&number| level_of(number).name()),
            ))
        }
        LogColumn::SeverityNumber => {
            let severities = severities()?;
            Arc::new(Int64Array::from_iter_values(
                severities.values().iter().map(|&number| i64::from(number)),
            ))
        }
        LogColumn::SeverityText => kept(column::SEVERITY_TEXT)?,
        LogColumn::Service => kept(column::SERVICE)?,
        LogColumn::Message => kept(column::MESSAGE)?,
        LogColumn::TraceId => kept(column::TRACE_ID)?,
        LogColumn::SpanId => kept(column::SPAN_ID)?,
        LogColumn::Scope => kept(column::SCOPE)?,
        LogColumn::Attributes => {
            let texts =
                wanted().map(|row| serde_json::to_string(&row.attributes()).unwrap_or_default());
            Arc::new(StringViewArray::from_iter_values(texts))
        }
        LogColumn::Resource => Arc::new(StringViewArray::from_iter_values(
            wanted().map(|row| object_text(row.resource_text())),
        )),
    })
}
