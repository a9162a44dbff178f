//! What a statement of SQL sees of the store, and columns of lines as Arrow arrays; see `sql_part` for how
//! they are read. The only two places where Arrow leaves the store.

use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{ColumnName, GroupView};
use andon_columns::lines::{Line, Lines, text_place};
use andon_columns::pick::integers;
use andon_columns::rows::{each_text, fetch};
use andon_reader::query::{Filter, FixedField, RowView};
use andon_reader::{ReaderError, code, level_of};
use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::extent::Interval;
use crate::scan::Snapshot;
use crate::shared::Shared;
use crate::tombstone::concerning;

/// A column of the table `logs`, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    pub(crate) fn field(self) -> Field {
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

pub(crate) fn internal(error: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(
        code::INTERNAL,
        format!("a batch of log lines could not be made: {error}"),
    )
}

/// The lines that a statement sees: fixed when it is planned, so that every scan of it agrees.
#[derive(Clone)]
pub struct SqlSnapshot {
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) interval: Interval,
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
        let visible = &self.snapshot.visible;
        let segments = visible
            .segments
            .iter()
            .map(|segment| (*segment.extent(), segment.cleared_through()));
        let extents = segments.chain(self.snapshot.chunks().map(|chunk| (chunk.extent, 0)));
        let mut rows = 0;
        for (extent, cleared_through) in extents.filter(|(extent, _)| extent.touches(&self.interval)) {
            let is_whole = self.filter.is_all() && extent.is_inside(&self.interval);
            if !is_whole || !concerning(&visible.tombstones, &extent, cleared_through).is_empty() {
                return None;
            }
            rows += extent.rows;
        }
        Some(rows)
    }

    /// Tells what the snapshot does not have because it is in the archive.
    #[must_use]
    pub fn archived_note(&self) -> Option<String> {
        self.snapshot.visible.archived.note(&self.interval)
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
}

pub(crate) fn times(values: Int64Array) -> ArrayRef {
    let (_, values, _) = values.into_parts();
    Arc::new(TimestampMicrosecondArray::new(values, None).with_timezone(UTC))
}

fn object_text(text: &str) -> &str {
    if text.is_empty() { "{}" } else { text }
}

pub(crate) fn memory_column(column: LogColumn, rows: &[(&Lines, usize)]) -> ArrayRef {
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

pub(crate) fn group_column(
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

pub(crate) fn unreadable(error: &ColumnError) -> ReaderError {
    ReaderError::new(code::READ_FAILED, error.message.clone())
        .with_hint("the status of telemetry names what is damaged; narrow the time to leave it out")
}
