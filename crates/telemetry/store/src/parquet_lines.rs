//! Whole lines as a Parquet file, piece by piece: for exports that other programs open.
//!
//! Every column is plain: the message is its text. Attributes get a column `a.NAME` with a type of its own
//! when the first lines have them; what comes later, or with another type, stands in `attributes` as JSON.
//!
//! Invariants: nothing of a line is lost; memory is bounded by one row group, whatever is exported; a file
//! that was not finished has no footer, so that nobody takes it for a whole one.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use andon_reader::{Attributes, LogRow, ReaderError, code, level_of};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

/// Most attributes with a column of their own.
const COLUMNS: usize = 200;
/// A row group ends after so many bytes.
const GROUP_BYTES: usize = 16 << 20;
/// A row group ends after so many lines.
const GROUP_LINES: usize = 100_000;
/// Whole numbers up to here are the same as other numbers.
const EXACT: u64 = 1 << 53;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Float,
    Boolean,
}

/// A Parquet file of lines that is being written.
pub struct ParquetLines {
    writer: ArrowWriter<Pipe>,
    pipe: Pipe,
    schema: SchemaRef,
    columns: Vec<(String, Kind)>,
    lines: usize,
}

/// What was written and not taken yet.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Pipe {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn failed(error: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(code::INTERNAL, format!("the Parquet file could not be written: {error}"))
        .with_hint("export NDJSON instead, and please report this")
}

impl ParquetLines {
    /// Begins a file; the first lines say which attributes get a column.
    ///
    /// # Errors
    /// When the writer refuses the columns.
    pub fn new(first: &[LogRow]) -> Result<Self, ReaderError> {
        let columns = columns_of(first);
        let schema = schema_of(&columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_LINES))
            .set_created_by("andon".to_owned())
            .build();
        let pipe = Pipe::default();
        let writer = ArrowWriter::try_new(pipe.clone(), Arc::clone(&schema), Some(properties));
        Ok(Self {
            writer: writer.map_err(|error| failed(&error))?,
            pipe,
            schema,
            columns,
            lines: 0,
        })
    }

    /// Adds lines and gives the bytes that are ready, often none.
    ///
    /// # Errors
    /// When the lines cannot be written.
    pub fn push(&mut self, rows: &[LogRow]) -> Result<Vec<u8>, ReaderError> {
        if !rows.is_empty() {
            let batch = self.batch(rows)?;
            self.writer.write(&batch).map_err(|error| failed(&error))?;
            self.lines += rows.len();
            if self.writer.in_progress_size() > GROUP_BYTES {
                self.writer.flush().map_err(|error| failed(&error))?;
            }
        }
        Ok(self.pipe.take())
    }

    /// Ends the file and gives its last bytes. `next` is where the export would go on, if there is more.
    ///
    /// # Errors
    /// When the footer cannot be written.
    pub fn finish(mut self, next: Option<&str>) -> Result<Vec<u8>, ReaderError> {
        let mut note = |key: &str, value: String| {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        };
        note("andon.lines", self.lines.to_string());
        if let Some(next) = next {
            note("andon.next", next.to_owned());
        }
        self.writer.close().map_err(|error| failed(&error))?;
        Ok(self.pipe.take())
    }

    fn batch(&self, rows: &[LogRow]) -> Result<RecordBatch, ReaderError> {
        let text = |get: fn(&LogRow) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(get))) };
        let time = |get: fn(&LogRow) -> i64| -> ArrayRef {
            let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(get));
            Arc::new(times.with_timezone("UTC"))
        };
        let numbers = rows.iter().map(|row| i64::from(row.severity_number));
        let mut arrays: Vec<ArrayRef> = vec![
            text(|row| &row.id),
            time(|row| row.timestamp_us),
            time(|row| row.received_at_us),
            text(|row| level_of(row.severity_number).name()),
            Arc::new(Int64Array::from_iter_values(numbers)),
            text(|row| &row.severity_text),
            text(|row| &row.service),
            text(|row| &row.message),
            text(|row| &row.trace_id),
            text(|row| &row.span_id),
            text(|row| &row.scope),
        ];
        arrays.extend(self.columns.iter().map(|(name, kind)| attribute(rows, name, *kind)));
        arrays.push(objects(rows.iter().map(|row| self.rest(&row.attributes))));
        arrays.push(objects(rows.iter().map(|row| row.resource.clone())));
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|error| failed(&error))
    }

    /// The attributes that no column holds.
    fn rest(&self, attributes: &Attributes) -> Attributes {
        let is_rest = |(name, value): &(&String, &Value)| {
            let column = self.columns.iter().find(|(known, _)| known == *name);
            !column.is_some_and(|(_, kind)| fits(value, *kind))
        };
        attributes.iter().filter(is_rest).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn objects(objects: impl Iterator<Item = Attributes>) -> ArrayRef {
    let texts = objects.map(|object| {
        (!object.is_empty()).then(|| serde_json::to_string(&object).unwrap_or_default())
    });
    Arc::new(texts.collect::<StringArray>())
}

fn schema_of(columns: &[(String, Kind)]) -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fixed = |name: &str, data_type: DataType| Field::new(name, data_type, false);
    let mut fields = vec![
        fixed("id", DataType::Utf8),
        fixed("timestamp", time.clone()),
        fixed("received_at", time),
        fixed("severity", DataType::Utf8),
        fixed("severity_number", DataType::Int64),
        fixed("severity_text", DataType::Utf8),
        fixed("service", DataType::Utf8),
        fixed("message", DataType::Utf8),
        fixed("trace_id", DataType::Utf8),
        fixed("span_id", DataType::Utf8),
        fixed("scope", DataType::Utf8),
    ];
    fields.extend(columns.iter().map(|(name, kind)| {
        let data_type = match kind {
            Kind::Text => DataType::Utf8,
            Kind::Integer => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Boolean => DataType::Boolean,
        };
        Field::new(format!("a.{name}"), data_type, true)
    }));
    fields.push(Field::new("attributes", DataType::Utf8, true));
    fields.push(Field::new("resource", DataType::Utf8, true));
    Arc::new(Schema::new(fields))
}

fn kind_of(value: &Value) -> Option<Kind> {
    match value {
        Value::String(_) => Some(Kind::Text),
        Value::Bool(_) => Some(Kind::Boolean),
        Value::Number(number) if number.is_i64() => Some(Kind::Integer),
        Value::Number(number) if number.is_f64() => Some(Kind::Float),
        _ => None,
    }
}

/// Says whether a column holds a value exactly.
fn fits(value: &Value, kind: Kind) -> bool {
    match (kind, kind_of(value)) {
        (Kind::Float, Some(Kind::Integer)) => value.as_i64().is_some_and(|number| number.unsigned_abs() <= EXACT),
        (kind, known) => known == Some(kind),
    }
}

/// The most frequent attributes of some lines, by name.
fn columns_of(rows: &[LogRow]) -> Vec<(String, Kind)> {
    let mut known: BTreeMap<&str, (usize, Kind)> = BTreeMap::new();
    for (name, value) in rows.iter().flat_map(|row| &row.attributes) {
        let Some(kind) = kind_of(value) else {
            continue;
        };
        let (count, first) = known.entry(name).or_insert((0, kind));
        *count += 1;
        if matches!((*first, kind), (Kind::Integer, Kind::Float)) {
            *first = Kind::Float;
        }
    }
    let mut columns: Vec<(&str, (usize, Kind))> = known.into_iter().collect();
    columns.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    columns.truncate(COLUMNS);
    columns.sort_by_key(|(name, _)| *name);
    columns.into_iter().map(|(name, (_, kind))| (name.to_owned(), kind)).collect()
}

fn attribute(rows: &[LogRow], name: &str, kind: Kind) -> ArrayRef {
    let values = rows.iter().map(|row| row.attributes.get(name).filter(|value| fits(value, kind)));
    match kind {
        Kind::Text => Arc::new(values.map(|value| value?.as_str()).collect::<StringArray>()),
        Kind::Integer => Arc::new(values.map(|value| value?.as_i64()).collect::<Int64Array>()),
        Kind::Float => Arc::new(values.map(|value| value?.as_f64()).collect::<Float64Array>()),
        Kind::Boolean => Arc::new(values.map(|value| value?.as_bool()).collect::<BooleanArray>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int64Type};
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use serde_json::json;

    fn row(number: i64, attributes: Value) -> LogRow {
        LogRow {
            id: number.to_string(),
            timestamp_us: number,
            received_at_us: number,
            severity_number: 9,
            severity_text: String::new(),
            service: "web".to_owned(),
            message: format!("line {number}"),
            trace_id: String::new(),
            span_id: String::new(),
            scope: String::new(),
            attributes: attributes.as_object().cloned().unwrap_or_default(),
            resource: Attributes::new(),
        }
    }

    #[test]
    fn a_reader_finds_every_value_again() {
        let first = [
            row(1, json!({"n": 1, "f": 1, "t": "x", "b": true, "o": {"a": 1}})),
            row(2, json!({"n": 2, "f": 1.5, "t": "y"})),
        ];
        let later = [row(3, json!({"n": "many", "f": 9_007_199_254_740_993i64, "new": 1})), row(4, json!({}))];
        let mut file = ParquetLines::new(&first).unwrap();
        let mut bytes = file.push(&first).unwrap();
        bytes.extend(file.push(&later).unwrap());
        bytes.extend(file.finish(Some("17.4")).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        let notes = reader.metadata().file_metadata().key_value_metadata().unwrap();
        assert!(notes.iter().any(|note| note.key == "andon.next" && note.value.as_deref() == Some("17.4")));
        let batches: Vec<RecordBatch> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
        let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
        let messages: Vec<_> = column("message").as_string::<i32>().iter().map(Option::unwrap).collect();
        assert_eq!(messages, ["line 1", "line 2", "line 3", "line 4"]);
        let numbers = column("a.n").as_primitive::<Int64Type>();
        assert_eq!((numbers.value(1), numbers.is_null(2)), (2, true));
        let floats = column("a.f").as_primitive::<Float64Type>();
        assert_eq!((floats.value(0), floats.value(1), floats.is_null(2)), (1.0, 1.5, true));
        let rest: Vec<Option<&str>> = column("attributes").as_string::<i32>().iter().collect();
        assert_eq!(rest[0], Some("{\"o\":{\"a\":1}}"));
        let third: Value = serde_json::from_str(rest[2].unwrap()).unwrap();
        assert_eq!(third, json!({"n": "many", "f": 9_007_199_254_740_993i64, "new": 1}));
        assert_eq!((rest[1], rest[3]), (None, None));
    }
}
