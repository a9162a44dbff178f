//! Expressions over one column of the logs, computed once per different value of it.
//!
//! Invariants: an expression is only computed for values that a wanted line has; what it gives is what
//! it would give for each line alone, errors included.

use std::ops::Range;
use std::sync::Arc;

use andon_columns::numbered::rows_where;
use andon_store::{Effort, LogColumn, SLICE_ROWS, SqlColumn, SqlRows, Values};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::PhysicalExpr;

use crate::attribute::{NUMBER, TEXT};
use crate::step::step_of;

/// An expression over at most one column.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    column: Option<SqlColumn>,
    /// Over a batch of that column alone.
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    /// Times of one interval of this width all give the same.
    step_us: Option<i64>,
}

/// Replaces columns of a scan, and attributes of their objects, by places in a list of columns, which
/// grows by what is missing.
pub(crate) fn replace_columns(
    expr: &Arc<dyn PhysicalExpr>,
    scanned: &[SqlColumn],
    list: &mut Vec<SqlColumn>,
) -> Result<Arc<dyn PhysicalExpr>> {
    let replaced = Arc::clone(expr).transform_down(|node| {
        let column = match node.downcast_ref::<Column>() {
            Some(column) => scanned.get(column.index()).cloned(),
            None => attribute_of(&node, scanned),
        };
        let Some(column) = column else {
            return Ok(Transformed::no(node));
        };
        let place = list.iter().position(|known| *known == column).unwrap_or_else(|| {
            list.push(column.clone());
            list.len() - 1
        });
        let replacement: Arc<dyn PhysicalExpr> = Arc::new(Column::new(&column.name(), place));
        Ok(Transformed::new(replacement, true, TreeNodeRecursion::Jump))
    })?;
    Ok(replaced.data)
}

/// Recognises `attr(attributes, 'name')` and `attr_number(attributes, 'name')`.
fn attribute_of(node: &Arc<dyn PhysicalExpr>, scanned: &[SqlColumn]) -> Option<SqlColumn> {
    let call = node.downcast_ref::<ScalarFunctionExpr>()?;
    let [object, name] = call.args() else {
        return None;
    };
    let object = scanned.get(object.downcast_ref::<Column>()?.index())?;
    if *object != SqlColumn::Plain(LogColumn::Attributes) {
        return None;
    }
    let name: Arc<str> = match name.downcast_ref::<Literal>()?.value() {
        ScalarValue::Utf8View(Some(name)) | ScalarValue::Utf8(Some(name)) => name.as_str().into(),
        _ => return None,
    };
    match call.fun().name() {
        TEXT => Some(SqlColumn::Text(name)),
        NUMBER => Some(SqlColumn::Number(name)),
        _ => None,
    }
}

impl Bound {
    /// Binds an expression over the columns of a scan; nothing when it needs several of them, or gives
    /// something else each time.
    pub(crate) fn new(expr: &Arc<dyn PhysicalExpr>, scanned: &[SqlColumn]) -> Result<Option<Self>> {
        if is_volatile(expr) {
            return Ok(None);
        }
        let mut columns = Vec::new();
        let expr = replace_columns(expr, scanned, &mut columns)?;
        if columns.len() > 1 {
            return Ok(None);
        }
        let column = columns.pop();
        let schema = Schema::new(column.iter().map(SqlColumn::field).collect::<Vec<_>>());
        let is_time = matches!(column, Some(SqlColumn::Plain(LogColumn::Timestamp | LogColumn::ReceivedAt)));
        let step_us = if is_time { step_of(&expr) } else { None };
        Ok(Some(Self { column, expr, schema: Arc::new(schema), step_us }))
    }

    /// Says whether no line is looked at.
    pub(crate) fn is_constant(&self) -> bool {
        self.column.is_none()
    }

    /// Computes it for some values of its column.
    pub(crate) fn compute(&self, values: Option<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let arrays = values.into_iter().collect();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        self.expr.evaluate(&batch)?.into_array(rows)
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The place of the only column tells nothing.
        f.write_str(&self.expr.to_string().replace("@0", ""))
    }
}

/// A condition's values.
fn truths(values: &ArrayRef) -> Result<&BooleanArray> {
    let truths = values.as_boolean_opt();
    truths.ok_or_else(|| DataFusionError::Internal("a condition gives something else than true and false".to_owned()))
}

fn is_volatile(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let mut found = false;
    let _ = expr.apply(|node| {
        found |= node.is_volatile_node();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

pub(crate) fn external(error: andon_reader::ReaderError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// What an expression gives for the rows of a part.
pub(crate) enum Computed {
    /// The same for all; one value.
    Constant(ArrayRef),
    /// Per row the number of what it gives.
    Numbered { codes: UInt32Array, values: ArrayRef },
    /// One per row.
    Plain(ArrayRef),
    /// To be computed slice by slice.
    Wide,
}

/// The rows of a part, each column read once.
pub(crate) struct Reader<'a> {
    pub(crate) rows: &'a SqlRows,
    effort: &'a Effort,
    known: Vec<(SqlColumn, Option<i64>, Values)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rows: &'a SqlRows, effort: &'a Effort) -> Self {
        Self { rows, effort, known: Vec::new() }
    }

    fn values(&mut self, column: &SqlColumn, step_us: Option<i64>) -> Result<Values> {
        let known = self.known.iter().find(|(known, step, _)| known == column && *step == step_us);
        if let Some((_, _, values)) = known {
            return Ok(values.clone());
        }
        let values = self.rows.values(column, step_us, self.effort).map_err(external)?;
        self.known.push((column.clone(), step_us, values.clone()));
        Ok(values)
    }

    /// Computes an expression as far as that is done at once.
    pub(crate) fn computed(&mut self, bound: &Bound) -> Result<Computed> {
        let Some(column) = &bound.column else {
            return Ok(Computed::Constant(bound.compute(None, 1)?));
        };
        Ok(match self.values(column, bound.step_us)? {
            Values::Numbered { codes, values } => {
                let count = values.len();
                Computed::Numbered { codes, values: bound.compute(Some(values), count)? }
            }
            Values::Plain(values) => {
                let count = values.len();
                Computed::Plain(bound.compute(Some(values), count)?)
            }
            Values::Wide => Computed::Wide,
        })
    }

    /// Gives what an expression gives for some rows.
    pub(crate) fn slice(&mut self, bound: &Bound, computed: &Computed, range: Range<usize>) -> Result<ArrayRef> {
        match computed {
            Computed::Constant(value) => {
                let zeros = UInt32Array::from(vec![0; range.len()]);
                Ok(take(value, &zeros, None)?)
            }
            Computed::Numbered { codes, values } => {
                Ok(take(values, &codes.slice(range.start, range.len()), None)?)
            }
            Computed::Plain(values) => Ok(values.slice(range.start, range.len())),
            Computed::Wide => {
                let count = range.len();
                let values = match &bound.column {
                    Some(column) => {
                        Some(self.rows.slice(column, &Values::Wide, range, self.effort).map_err(external)?)
                    }
                    None => None,
                };
                bound.compute(values, count)
            }
        }
    }

    /// The rows in slices.
    pub(crate) fn slices(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let count = self.rows.len();
        (0..count).step_by(SLICE_ROWS).map(move |start| start..(start + SLICE_ROWS).min(count))
    }

    /// Says for which rows a condition is true.
    fn condition(&mut self, bound: &Bound) -> Result<BooleanArray> {
        let computed = self.computed(bound)?;
        match &computed {
            Computed::Plain(values) => Ok(truths(values)?.clone()),
            Computed::Numbered { codes, values } => {
                let values = truths(values)?;
                let table: Vec<bool> =
                    (0..values.len()).map(|code| values.is_valid(code) && values.value(code)).collect();
                Ok(BooleanArray::from(rows_where(codes.values(), &table)))
            }
            Computed::Constant(_) | Computed::Wide => {
                let mut all = BooleanBuilder::with_capacity(self.rows.len());
                for range in self.slices() {
                    let values = self.slice(bound, &computed, range)?;
                    truths(&values)?.iter().for_each(|value| all.append_option(value));
                }
                Ok(all.finish())
            }
        }
    }
}

/// Keeps the rows for which all conditions are true.
pub(crate) fn retain(rows: &mut SqlRows, conditions: &[Bound], effort: &Effort) -> Result<()> {
    for condition in conditions {
        if rows.is_empty() {
            return Ok(());
        }
        let keep = Reader::new(rows, effort).condition(condition)?;
        if keep.null_count() > 0 || keep.false_count() > 0 {
            rows.retain(&keep);
        }
    }
    Ok(())
}
