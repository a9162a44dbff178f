//! Arrow batches to plain rows.

use andon_reader::{Column, ColumnType, ReaderError};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

use crate::failure::internal;

/// Columns of a result.
pub(crate) fn columns_of(schema: &Schema) -> Vec<Column> {
    schema
        .fields()
        .iter()
        .map(|field| Column::new(field.name(), kind_of(field.data_type())))
        .collect()
}

fn kind_of(data_type: &DataType) -> ColumnType {
    match data_type {
        kind if kind.is_integer() => ColumnType::Integer,
        kind if kind.is_floating()
            || matches!(kind, DataType::Decimal128(..) | DataType::Decimal256(..)) =>
        {
            ColumnType::Float
        }
        DataType::Boolean => ColumnType::Boolean,
        DataType::Timestamp(..) => ColumnType::TimestampMicros,
        _ => ColumnType::Text,
    }
}

/// Appends at most `room` rows of a batch.
pub(crate) fn append_rows(
    batch: &RecordBatch,
    room: usize,
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), ReaderError> {
    for index in 0..batch.num_rows().min(room) {
        let row = batch
            .columns()
            .iter()
            .map(|array| value_at(array.as_ref(), index));
        rows.push(row.collect::<Result<_, _>>()?);
    }
    Ok(())
}

fn value_at(array: &dyn Array, index: usize) -> Result<Value, ReaderError> {
    if array.is_null(index) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(index).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(index).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(index).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(index).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(index).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(index).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(index).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(index).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(index).into(),
        DataType::Float16 => array
            .as_primitive::<Float16Type>()
            .value(index)
            .to_f64()
            .into(),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(index)).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(index).into(),
        DataType::Utf8 => array.as_string::<i32>().value(index).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(index).into(),
        DataType::Utf8View => array.as_string_view().value(index).into(),
        DataType::Timestamp(unit, _) => time_of(nanoseconds(array, *unit, index)),
        DataType::List(_) => list_of(array.as_list::<i32>().value(index).as_ref())?,
        DataType::LargeList(_) => list_of(array.as_list::<i64>().value(index).as_ref())?,
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            let pairs = fields.iter().zip(columns.columns()).map(|(field, column)| {
                Ok((field.name().clone(), value_at(column.as_ref(), index)?))
            });
            Value::Object(pairs.collect::<Result<Map<_, _>, ReaderError>>()?)
        }
        other => formatted(
            array,
            index,
            matches!(other, DataType::Decimal128(..) | DataType::Decimal256(..)),
        )?,
    })
}

fn list_of(items: &dyn Array) -> Result<Value, ReaderError> {
    (0..items.len())
        .map(|index| value_at(items, index))
        .collect()
}

fn nanoseconds(array: &dyn Array, unit: TimeUnit, index: usize) -> i128 {
    match unit {
        TimeUnit::Second => {
            i128::from(array.as_primitive::<TimestampSecondType>().value(index)) * 1_000_000_000
        }
        TimeUnit::Millisecond => {
            i128::from(
                array
                    .as_primitive::<TimestampMillisecondType>()
                    .value(index),
            ) * 1_000_000
        }
        TimeUnit::Microsecond => {
            i128::from(
                array
                    .as_primitive::<TimestampMicrosecondType>()
                    .value(index),
            ) * 1_000
        }
        TimeUnit::Nanosecond => {
            i128::from(array.as_primitive::<TimestampNanosecondType>().value(index))
        }
    }
}

/// Times outside the years that RFC 3339 can write stay numbers of microseconds.
fn time_of(nanoseconds: i128) -> Value {
    match jiff::Timestamp::from_nanosecond(nanoseconds) {
        Ok(time) => time.to_string().into(),
        Err(_) => i64::try_from(nanoseconds / 1_000).map_or(Value::Null, Value::from),
    }
}

fn formatted(array: &dyn Array, index: usize, is_number: bool) -> Result<Value, ReaderError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).map_err(|error| internal(&error))?;
    let text = formatter
        .value(index)
        .try_to_string()
        .map_err(|error| internal(&error))?;
    let number = if is_number {
        text.parse::<f64>().ok().map(Value::from)
    } else {
        None
    };
    Ok(number.unwrap_or_else(|| text.into()))
}
