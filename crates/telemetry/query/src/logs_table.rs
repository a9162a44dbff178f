//! The table `logs`: which conditions its scan takes over.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use andon_reader::query::Filter;
use andon_store::{LogColumn, SqlColumn, SqlSnapshot, log_schema};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::attribute::{NUMBER, TEXT};
use crate::bound::{Bound, external};
use crate::logs_scan::LogsScan;
use crate::pushdown::{is_exact, is_useful, narrow};

/// Name of the table.
pub(crate) const NAME: &str = "logs";

/// What is worth knowing about the answer to a statement, each thing once.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<BTreeSet<String>>>);

impl Notes {
    fn add(&self, note: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(note);
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// The table as one statement sees it.
pub(crate) struct LogsTable {
    snapshot: SqlSnapshot,
    notes: Notes,
}

impl LogsTable {
    pub(crate) fn new(snapshot: SqlSnapshot, notes: Notes) -> Self {
        Self { snapshot, notes }
    }
}

impl fmt::Debug for LogsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogsTable")
    }
}

#[async_trait]
impl TableProvider for LogsTable {
    fn schema(&self) -> SchemaRef {
        log_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let narrowing = narrow(filters);
        let filter = Filter::compile(&narrowing.query).map_err(external)?;
        let snapshot = self.snapshot.narrowed(filter, narrowing.interval);
        if let Some(note) = snapshot.archived_note() {
            self.notes.add(note);
        }
        let all = LogColumn::ALL.map(SqlColumn::Plain);
        let schema = DFSchema::try_from(log_schema())?;
        let mut conditions = Vec::new();
        // What needs several columns is tested again by the engine.
        for filter in narrowing.rest.iter().filter(|filter| needs_one_column(filter)) {
            let condition = state.create_physical_expr(filter.clone(), &schema)?;
            let bound = Bound::new(&condition, &all)?.ok_or_else(|| {
                DataFusionError::Internal(format!("the condition {condition} needs several columns"))
            })?;
            conditions.push(bound);
        }
        let columns = match projection {
            None => all.to_vec(),
            Some(indices) => indices.iter().filter_map(|&index| all.get(index).cloned()).collect(),
        };
        Ok(Arc::new(LogsScan::new(snapshot, columns, narrowing, conditions, limit)))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|&filter| {
                if is_exact(filter) || needs_one_column(filter) {
                    TableProviderFilterPushDown::Exact
                } else if is_useful(filter) {
                    TableProviderFilterPushDown::Inexact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }
}

/// Says whether a condition looks at one column, or one attribute, and always says the same of it.
fn needs_one_column(filter: &Expr) -> bool {
    let mut columns: Vec<String> = Vec::new();
    let mut is_plain = !filter.is_volatile();
    let walked = filter.apply(|expr| {
        let name = match expr {
            Expr::Column(column) => Some(column.name.clone()),
            Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::Placeholder(_) => {
                is_plain = false;
                None
            }
            other => attribute_name(other),
        };
        let Some(name) = name else {
            return Ok(TreeNodeRecursion::Continue);
        };
        if !columns.contains(&name) {
            columns.push(name);
        }
        Ok(TreeNodeRecursion::Jump)
    });
    walked.is_ok() && is_plain && columns.len() == 1
}

/// Recognises an attribute, see `Bound`.
fn attribute_name(expr: &Expr) -> Option<String> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    let function = call.func.name();
    match call.args.as_slice() {
        [
            Expr::Column(object),
            Expr::Literal(ScalarValue::Utf8View(Some(name)) | ScalarValue::Utf8(Some(name)), _),
        ] if object.name == "attributes" && matches!(function, TEXT | NUMBER) => {
            Some(format!("{function} {name}"))
        }
        _ => None,
    }
}
