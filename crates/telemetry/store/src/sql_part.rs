//! The lines of a snapshot part by part, for SQL: which of them match, and the values of their columns.
//!
//! A part is a segment or a chunk of memory. Values come numbered where few differ (see
//! [`andon_columns::numbered`]), so that an expression is computed once per different value; a column in
//! which most differ is read slice by slice.
//!
//! Invariants: exactly the lines that match; the order of rows is the same for every column.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{ColumnName, GroupView};
use andon_columns::lines::{Lines, text_place};
use andon_columns::newest::{Moment, Wanted, newest};
use andon_columns::numbered::{
    LineAttribute, NumberedTexts, Numbers, attribute_numbers, attribute_texts, dictionary_texts,
    number_of, severity_numbers, time_steps,
};
use andon_columns::pick::integers;
use andon_columns::select::{Span, count, may_match, rows_in, select, select_lines};
use andon_reader::query::{FixedField, RowView};
use andon_reader::{Clock, Order, ReaderError, level_of};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, StringViewBuilder, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, SchemaRef};

use crate::batches::{LogColumn, SqlSnapshot, group_column, internal, memory_column, times, unreadable};
use crate::chunk::Batch;
use crate::effort::Effort;
use crate::live::LiveGroup;
use crate::scan::Patience;
use crate::segment::Segment;
use crate::tombstone::{concerning, is_hidden};

/// Rows that are read at once where values are not numbered.
pub const SLICE_ROWS: usize = 8_192;

/// What SQL may ask of a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SqlColumn {
    /// A column of the table.
    Plain(LogColumn),
    /// `attr(attributes, NAME)`.
    Text(Arc<str>),
    /// `attr_number(attributes, NAME)`.
    Number(Arc<str>),
}

impl SqlColumn {
    /// The column as SQL writes it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Plain(column) => column.name().to_owned(),
            Self::Text(name) => format!("attr(attributes,{name})"),
            Self::Number(name) => format!("attr_number(attributes,{name})"),
        }
    }

    /// Name and type of its arrays.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Plain(column) => column.field(),
            Self::Text(_) => Field::new(self.name(), DataType::Utf8View, true),
            Self::Number(_) => Field::new(self.name(), DataType::Float64, true),
        }
    }
}

/// Values of the rows of a part.
#[derive(Debug, Clone)]
pub enum Values {
    /// Few different ones; every one of them occurs.
    Numbered {
        /// Per row the number of its value.
        codes: UInt32Array,
        /// The values.
        values: ArrayRef,
    },
    /// One per row.
    Plain(ArrayRef),
    /// So many different texts that they are read slice by slice, see [`SqlRows::slice`].
    Wide,
}

/// A piece of the lines of a snapshot.
#[derive(Clone)]
pub struct SqlPart {
    source: SqlSnapshot,
    piece: Piece,
}

#[derive(Clone)]
enum Piece {
    Memory(usize),
    Segment(Arc<Segment>),
}

/// The matching lines of a part.
pub struct SqlRows {
    found: Found,
}

enum Found {
    Memory {
        batches: Vec<Arc<Batch>>,
        /// Batch, and line in it.
        rows: Vec<(usize, usize)>,
    },
    Group {
        /// Keeps the files while they are read.
        _segment: Arc<Segment>,
        group: Arc<LiveGroup>,
        rows: Bits,
        /// The same as a list.
        list: Vec<usize>,
    },
}

impl SqlSnapshot {
    /// Gives the parts that may have matching lines by their time, one of several interleaved shares.
    #[must_use]
    pub fn parts(&self, share: usize, shares: usize, effort: &Effort) -> Vec<SqlPart> {
        let mut number = 0;
        let mut is_mine = || {
            number += 1;
            (number - 1) % shares.max(1) == share
        };
        let mut parts = Vec::new();
        let part = |piece| SqlPart { source: self.clone(), piece };
        for (index, chunk) in self.snapshot.chunks().enumerate() {
            if chunk.extent.touches(&self.interval) && is_mine() {
                parts.push(part(Piece::Memory(index)));
            }
        }
        for segment in &self.snapshot.visible.segments {
            if !segment.extent().touches(&self.interval) {
                if share == 0 {
                    Effort::add(&effort.skipped_by_time, 1);
                }
            } else if is_mine() {
                parts.push(part(Piece::Segment(Arc::clone(segment))));
            }
        }
        parts
    }
}

impl SqlPart {
    /// Inclusive bounds of the times of its lines.
    #[must_use]
    pub fn bounds_us(&self, clock: Clock) -> (i64, i64) {
        match &self.piece {
            Piece::Segment(segment) => segment.extent().times(clock),
            Piece::Memory(number) => {
                let chunk = self.source.snapshot.chunks().nth(*number);
                chunk.map_or((i64::MAX, i64::MIN), |chunk| chunk.extent.times(clock))
            }
        }
    }

    fn span(&self) -> Span {
        let interval = self.source.interval;
        Span {
            since_us: interval.since_us,
            until_us: interval.until_us,
            clock: interval.clock,
        }
    }

    fn open(&self, segment: &Segment) -> Result<LiveGroup, ColumnError> {
        let tombstones = &self.source.snapshot.visible.tombstones;
        let shared = &self.source.shared;
        // The engine stops the statement; a segment that is elsewhere is waited for no longer than by a search.
        let patience = Patience::until(Instant::now() + shared.config.query_timeout);
        LiveGroup::open(&shared.opened, segment, tombstones, &patience)
    }

    /// Counts the matching lines, without noting which they are.
    ///
    /// # Errors
    /// When the part cannot be read.
    pub fn count(&self, effort: &Effort) -> Result<u64, ReaderError> {
        let Piece::Segment(segment) = &self.piece else {
            return self.select(effort).map(|rows| rows.len() as u64);
        };
        let counted = effort.watch(|| {
            let group = self.open(segment)?;
            if !may_match(&self.source.filter, &group, &|| Ok(()))? {
                return Ok(None);
            }
            let found = count(&self.source.filter, &group, self.span(), &|| Ok(()))?;
            Ok(Some((group.rows() as u64, found)))
        });
        let Some((rows, found)) = counted.map_err(|error| unreadable(&error))? else {
            Effort::add(&effort.skipped_by_filter, 1);
            return Ok(0);
        };
        Effort::add(&effort.searched, 1);
        Effort::add(&effort.lines_searched, rows);
        Effort::add(&effort.lines_matched, found);
        Ok(found)
    }

    /// Finds the matching lines.
    ///
    /// # Errors
    /// When the part cannot be read.
    pub fn select(&self, effort: &Effort) -> Result<SqlRows, ReaderError> {
        let rows = match &self.piece {
            Piece::Memory(number) => self.memory_rows(*number, effort),
            Piece::Segment(segment) => effort.watch(|| self.segment_rows(segment, effort)),
        };
        let rows = rows.map_err(|error| unreadable(&error))?;
        Effort::add(&effort.lines_matched, rows.len() as u64);
        Ok(rows)
    }

    fn segment_rows(&self, segment: &Arc<Segment>, effort: &Effort) -> Result<SqlRows, ColumnError> {
        let group = self.open(segment)?;
        let filter = &self.source.filter;
        let rows = if may_match(filter, &group, &|| Ok(()))? {
            Effort::add(&effort.searched, 1);
            Effort::add(&effort.lines_searched, group.rows() as u64);
            let rows = rows_in(&group, self.span())?;
            select(filter, &group, rows, &|| Ok(()))?
        } else {
            Effort::add(&effort.skipped_by_filter, 1);
            Bits::none(group.rows())
        };
        Ok(SqlRows {
            found: Found::Group {
                _segment: Arc::clone(segment),
                list: rows.ones().collect(),
                rows,
                group: Arc::new(group),
            },
        })
    }

    fn memory_rows(&self, number: usize, effort: &Effort) -> Result<SqlRows, ColumnError> {
        let source = &self.source;
        let mut batches = Vec::new();
        let mut rows = Vec::new();
        let chunk = source.snapshot.chunks().nth(number);
        for batch in chunk.iter().flat_map(|chunk| &chunk.batches) {
            if !batch.extent.touches(&source.interval) {
                continue;
            }
            let lines = &*batch.lines;
            Effort::add(&effort.memory_lines, lines.len() as u64);
            let hiding = concerning(&source.snapshot.visible.tombstones, &batch.extent, 0);
            let all = Bits::all(lines.len());
            let matching = select_lines(&source.filter, lines, all, &|| Ok(()))?;
            let place = batches.len();
            let wanted = matching.ones().filter(|&row| {
                let (line, sequence) = (lines.row(row), lines.first_sequence() + row as u64);
                source.interval.has(time_of(&line, source.interval.clock))
                    && !is_hidden(&hiding, sequence, &line)
            });
            rows.extend(wanted.map(|row| (place, row)));
            batches.push(Arc::clone(batch));
        }
        Ok(SqlRows { found: Found::Memory { batches, rows } })
    }
}

fn time_of<R: RowView>(row: &R, clock: Clock) -> i64 {
    match clock {
        Clock::Timestamp => row.timestamp_us(),
        Clock::ReceivedAt => row.received_at_us(),
    }
}

impl SqlRows {
    /// Says how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.found {
            Found::Memory { rows, .. } => rows.len(),
            Found::Group { list, .. } => list.len(),
        }
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the rows for which a condition is true.
    pub fn retain(&mut self, keep: &BooleanArray) {
        let is_kept = |place: usize| place < keep.len() && keep.is_valid(place) && keep.value(place);
        self.retain_places(is_kept);
    }

    /// Keeps the first rows.
    pub fn truncate(&mut self, most: usize) {
        if most < self.len() {
            self.retain_places(|place| place < most);
        }
    }

    fn retain_places(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut place = 0;
        let mut next = || {
            place += 1;
            is_kept(place - 1)
        };
        match &mut self.found {
            Found::Memory { rows, .. } => rows.retain(|_| next()),
            Found::Group { rows, list, .. } => {
                list.retain(|&row| {
                    let kept = next();
                    if !kept {
                        rows.clear(row);
                    }
                    kept
                });
            }
        }
    }

    /// Keeps the best rows of an order, at most `limit`, and of those the ones before a moment that is
    /// known to be enough; says where they are in the order.
    ///
    /// # Errors
    /// When the columns of times cannot be read.
    pub fn keep_best(
        &mut self,
        clock: Clock,
        order: Order,
        limit: usize,
        before: Option<Moment>,
    ) -> Result<Vec<Moment>, ReaderError> {
        let wanted = Wanted { clock, order, limit, after: None, before };
        match &mut self.found {
            Found::Group { group, rows, list, .. } => {
                let best = newest(group.as_ref(), rows, &wanted).map_err(|error| unreadable(&error))?;
                *rows = Bits::none(rows.len());
                best.iter().for_each(|placed| rows.set(placed.row));
                *list = rows.ones().collect();
                Ok(best.iter().map(|placed| placed.moment).collect())
            }
            Found::Memory { batches, rows } => {
                let mut best: Vec<(Moment, (usize, usize))> = rows
                    .iter()
                    .filter_map(|&(batch, row)| {
                        let lines = &batches.get(batch)?.lines;
                        let time_us = time_of(&lines.row(row), clock);
                        Some(((time_us, lines.first_sequence() + row as u64), (batch, row)))
                    })
                    .collect();
                best.sort_unstable();
                if order == Order::NewestFirst {
                    best.reverse();
                }
                best.truncate(limit);
                *rows = best.iter().map(|(_, place)| *place).collect();
                rows.sort_unstable();
                Ok(best.into_iter().map(|(moment, _)| moment).collect())
            }
        }
    }

    /// Gives the values of a column.
    ///
    /// `step_us` above zero says that only the interval of that width matters in which a time lies:
    /// then any time of the interval stands for all of it.
    ///
    /// # Errors
    /// When the column cannot be read.
    pub fn values(&self, column: &SqlColumn, step_us: Option<i64>, effort: &Effort) -> Result<Values, ReaderError> {
        match &self.found {
            Found::Memory { .. } => Ok(Values::Wide),
            Found::Group { group, rows, list, .. } => {
                let given = effort.watch(|| group_values(group.as_ref(), rows, list, column, step_us));
                given.map_err(|error| unreadable(&error))
            }
        }
    }

    /// Gives the values of some rows of a column.
    ///
    /// # Errors
    /// When the column cannot be read.
    pub fn slice(&self, column: &SqlColumn, values: &Values, range: Range<usize>, effort: &Effort) -> Result<ArrayRef, ReaderError> {
        match values {
            Values::Plain(array) => Ok(array.slice(range.start, range.len())),
            Values::Numbered { codes, values } => {
                let codes = codes.slice(range.start, range.len());
                take(values, &codes, None).map_err(|error| internal(&error))
            }
            Values::Wide => match &self.found {
                Found::Memory { batches, rows } => {
                    let rows = rows.get(range).unwrap_or_default();
                    Ok(memory_values(column, batches, rows))
                }
                Found::Group { group, list, .. } => {
                    let rows = list.get(range).unwrap_or_default();
                    let given = effort.watch(|| wide_values(group.as_ref(), rows, column));
                    given.map_err(|error| unreadable(&error))
                }
            },
        }
    }

    /// Gives some rows of some columns.
    ///
    /// # Errors
    /// When a column cannot be read.
    pub fn batch(
        &self,
        columns: &[SqlColumn],
        values: &[Values],
        schema: &SchemaRef,
        range: Range<usize>,
        effort: &Effort,
    ) -> Result<RecordBatch, ReaderError> {
        let arrays = columns
            .iter()
            .zip(values)
            .map(|(column, values)| self.slice(column, values, range.clone(), effort))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(range.len()));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
            .map_err(|error| internal(&error))
    }
}

fn numbered(codes: Vec<u32>, values: ArrayRef) -> Values {
    Values::Numbered { codes: UInt32Array::from(codes), values }
}

fn text_values(texts: NumberedTexts) -> Values {
    let mut values = StringViewBuilder::with_capacity(texts.texts.len());
    let count = u32::try_from(texts.texts.len()).unwrap_or(u32::MAX);
    (0..count).for_each(|code| values.append_option(texts.get(code)));
    numbered(texts.codes, Arc::new(values.finish()))
}

fn group_values(
    group: &dyn GroupView,
    rows: &Bits,
    list: &[usize],
    column: &SqlColumn,
    step_us: Option<i64>,
) -> Result<Values, ColumnError> {
    let checkpoint = &|| Ok(());
    let dictionary = |name: ColumnName| -> Result<Values, ColumnError> {
        Ok(dictionary_texts(group, &name, rows)?.map_or(Values::Wide, text_values))
    };
    let text = |field: FixedField| {
        let place = text_place(field).and_then(|place| u8::try_from(place).ok());
        dictionary(ColumnName::Text(place.unwrap_or(u8::MAX)))
    };
    let time = |clock: Clock, name: ColumnName| -> Result<Values, ColumnError> {
        match step_us.filter(|&step| step > 1) {
            Some(step) => {
                let (codes, starts) = time_steps(group, clock, step, rows)?;
                Ok(numbered(codes, times(Int64Array::from(starts))))
            }
            None => Ok(Values::Plain(times(Int64Array::from(integers(group, &name, list)?)))),
        }
    };
    match column {
        SqlColumn::Text(name) => Ok(text_values(attribute_texts(group, name, rows, checkpoint)?)),
        SqlColumn::Number(name) => Ok(match attribute_numbers(group, name, rows, checkpoint)? {
            Numbers::Plain(values) => Values::Plain(Arc::new(Float64Array::from(values))),
            Numbers::Numbered { codes, values } => numbered(codes, Arc::new(Float64Array::from(values))),
        }),
        SqlColumn::Plain(column) => match column {
            LogColumn::Timestamp => time(Clock::Timestamp, ColumnName::Timestamp),
            LogColumn::ReceivedAt => time(Clock::ReceivedAt, ColumnName::ReceivedAt),
            LogColumn::SeverityNumber => {
                let (codes, numbers) = severity_numbers(group, rows)?;
                Ok(numbered(codes, Arc::new(Int64Array::from(numbers))))
            }
            LogColumn::Severity => {
                let (codes, numbers) = severity_numbers(group, rows)?;
                let names = numbers.into_iter().map(|n| level_of(u8::try_from(n).unwrap_or_default()).name());
                Ok(numbered(codes, Arc::new(StringViewArray::from_iter_values(names))))
            }
            LogColumn::SeverityText => text(FixedField::SeverityText),
            LogColumn::Service => text(FixedField::Service),
            LogColumn::Scope => text(FixedField::Scope),
            LogColumn::TraceId => text(FixedField::TraceId),
            LogColumn::SpanId => text(FixedField::SpanId),
            LogColumn::Message => text(FixedField::Message),
            LogColumn::Id | LogColumn::Attributes | LogColumn::Resource => Ok(Values::Wide),
        },
    }
}

/// The values of a slice of rows.
fn wide_values(group: &dyn GroupView, rows: &[usize], column: &SqlColumn) -> Result<ArrayRef, ColumnError> {
    match column {
        SqlColumn::Plain(column) => group_column(*column, group, rows),
        // Attributes are never wide in a group.
        SqlColumn::Text(_) | SqlColumn::Number(_) => {
            Err(ColumnError::damaged("an attribute was asked for in a way that it is not kept"))
        }
    }
}

fn memory_values(column: &SqlColumn, batches: &[Arc<Batch>], rows: &[(usize, usize)]) -> ArrayRef {
    let placed = rows.iter().filter_map(|&(batch, row)| Some((&*batches.get(batch)?.lines, row)));
    match column {
        SqlColumn::Plain(column) => {
            let rows: Vec<(&Lines, usize)> = placed.collect();
            memory_column(*column, &rows)
        }
        SqlColumn::Text(name) => {
            let mut values = StringViewBuilder::with_capacity(rows.len());
            each_attribute(name, batches, rows, |text| values.append_option(text));
            Arc::new(values.finish())
        }
        SqlColumn::Number(name) => {
            let mut values = Vec::with_capacity(rows.len());
            each_attribute(name, batches, rows, |text| values.push(text.and_then(number_of)));
            Arc::new(Float64Array::from(values))
        }
    }
}

fn each_attribute(
    name: &str,
    batches: &[Arc<Batch>],
    rows: &[(usize, usize)],
    mut each: impl FnMut(Option<&str>),
) {
    let mut last: Option<(usize, LineAttribute<'_>)> = None;
    for &(number, row) in rows {
        let Some(batch) = batches.get(number) else {
            each(None);
            continue;
        };
        let known = match last {
            Some((known, attribute)) if known == number => attribute,
            _ => LineAttribute::new(&batch.lines, name),
        };
        last = Some((number, known));
        each(known.text(row).as_deref());
    }
}
