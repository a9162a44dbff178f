//! A table that another part of the system lends: its rows are fetched when a statement needs them.

use std::fmt;
use std::sync::Arc;

use andon_reader::{Caller, Column, ColumnType, TableHint, TableSource};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

const UTC: &str = "+00:00";

/// Schema of lent columns.
pub(crate) fn schema_of(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let data_type = match column.kind {
            ColumnType::Text => DataType::Utf8View,
            ColumnType::Integer => DataType::Int64,
            ColumnType::Float => DataType::Float64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::TimestampMicros => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
            }
        };
        Field::new(&column.name, data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A lent table as one caller sees it.
pub(crate) struct LentTable {
    source: Arc<dyn TableSource>,
    caller: Caller,
    columns: Vec<Column>,
    schema: SchemaRef,
    memory_bytes: usize,
    home: Handle,
}

impl LentTable {
    pub(crate) fn new(
        source: Arc<dyn TableSource>,
        caller: Caller,
        memory_bytes: usize,
        home: Handle,
    ) -> Self {
        let columns = source.columns();
        let schema = schema_of(&columns);
        Self {
            source,
            caller,
            columns,
            schema,
            memory_bytes,
            home,
        }
    }

    /// Reads on the runtime of the caller; ends with the statement.
    async fn rows(&self, hint: TableHint) -> Result<Vec<Vec<Value>>> {
        let (source, caller) = (Arc::clone(&self.source), self.caller.clone());
        let mut reading = JoinSet::new();
        reading.spawn_on(async move { source.scan(&caller, hint).await }, &self.home);
        match reading.join_next().await {
            Some(Ok(rows)) => rows.map_err(|error| DataFusionError::External(Box::new(error))),
            Some(Err(error)) => Err(DataFusionError::ExecutionJoin(Box::new(error))),
            None => Ok(Vec::new()),
        }
    }

    fn batch(&self, rows: &[Vec<Value>]) -> Result<RecordBatch> {
        let arrays = self.columns.iter().enumerate().map(|(index, column)| {
            let values = rows
                .iter()
                .map(|row| row.get(index).unwrap_or(&Value::Null));
            array_of(column.kind, values)
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            arrays.collect(),
            &options,
        )?)
    }
}

impl fmt::Debug for LentTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LentTable({})", self.source.name())
    }
}

fn array_of<'a>(kind: ColumnType, values: impl Iterator<Item = &'a Value>) -> ArrayRef {
    match kind {
        ColumnType::Text => Arc::new(values.map(text_of).collect::<StringViewArray>()),
        ColumnType::Integer => Arc::new(values.map(Value::as_i64).collect::<Int64Array>()),
        ColumnType::Float => Arc::new(values.map(Value::as_f64).collect::<Float64Array>()),
        ColumnType::Boolean => Arc::new(values.map(Value::as_bool).collect::<BooleanArray>()),
        ColumnType::TimestampMicros => Arc::new(
            values
                .map(micros_of)
                .collect::<TimestampMicrosecondArray>()
                .with_timezone(UTC),
        ),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn micros_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text
            .parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_microsecond),
        _ => None,
    }
}

/// Conditions of the form column = constant.
fn equality(filter: &Expr) -> Option<(String, Value)> {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = filter
    else {
        return None;
    };
    let (column, value) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _))
        | (Expr::Literal(value, _), Expr::Column(column)) => (column, value),
        _ => return None,
    };
    let value = match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::Utf8View(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => Value::from(text.as_str()),
        ScalarValue::Int64(Some(number)) => Value::from(*number),
        ScalarValue::Boolean(Some(flag)) => Value::from(*flag),
        _ => return None,
    };
    Some((column.name.clone(), value))
}

/// Approximate memory of rows, before they become arrays.
fn weight(rows: &[Vec<Value>]) -> usize {
    let value = |value: &Value| match value {
        Value::String(text) => 32 + text.len(),
        Value::Array(_) | Value::Object(_) => 256,
        _ => 32,
    };
    rows.iter().flatten().map(value).sum()
}

#[async_trait]
impl TableProvider for LentTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let equals = filters.iter().filter_map(equality).collect();
        let hint = TableHint {
            equals,
            limit: limit.filter(|_| filters.is_empty()),
        };
        let rows = self.rows(hint).await?;
        let bytes = weight(&rows);
        if bytes > self.memory_bytes {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "the table {} has about {bytes} bytes",
                self.source.name()
            )));
        }
        let batches: Vec<RecordBatch> = rows
            .chunks(8_192)
            .map(|rows| self.batch(rows))
            .collect::<Result<_>>()?;
        let plan =
            MemorySourceConfig::try_new_exec(&[batches], self.schema(), projection.cloned())?;
        Ok(plan)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match equality(filter) {
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }
}
