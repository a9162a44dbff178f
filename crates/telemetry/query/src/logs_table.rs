//! The table `logs`: the store's direct scan as a plan.

use std::fmt;
use std::sync::Arc;

use andon_reader::query::{Filter, Query};
use andon_store::{LogColumn, SqlSnapshot, log_schema};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::stream;

use crate::pushdown::narrow;

/// Name of the table.
pub(crate) const NAME: &str = "logs";

/// Parts of a scan that may run at the same time.
const SHARES: usize = 2;

/// The table as one statement sees it.
pub(crate) struct LogsTable {
    snapshot: SqlSnapshot,
}

impl LogsTable {
    pub(crate) fn new(snapshot: SqlSnapshot) -> Self {
        Self { snapshot }
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
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let narrowing = narrow(filters);
        let filter = Filter::compile(&narrowing.query)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let snapshot = self.snapshot.narrowed(filter, narrowing.interval);
        let columns: Vec<LogColumn> = match projection {
            None => LogColumn::ALL.to_vec(),
            Some(indices) => indices
                .iter()
                .filter_map(|&index| LogColumn::ALL.get(index).copied())
                .collect(),
        };
        Ok(Arc::new(LogsScan::new(
            snapshot,
            columns,
            narrowing.query,
            limit,
        )?))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let everything = narrow(&[]);
        Ok(filters
            .iter()
            .map(|&filter| {
                if narrow(std::slice::from_ref(filter)) == everything {
                    TableProviderFilterPushDown::Unsupported
                } else {
                    TableProviderFilterPushDown::Inexact
                }
            })
            .collect())
    }
}

/// One scan of the logs.
struct LogsScan {
    snapshot: SqlSnapshot,
    columns: Vec<LogColumn>,
    query: Query,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl LogsScan {
    fn new(
        snapshot: SqlSnapshot,
        columns: Vec<LogColumn>,
        query: Query,
        limit: Option<usize>,
    ) -> Result<Self> {
        let all = log_schema();
        let indices: Vec<usize> = columns
            .iter()
            .filter_map(|column| all.index_of(column.name()).ok())
            .collect();
        let schema: Schema = all.project(&indices)?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(schema)),
            Partitioning::UnknownPartitioning(SHARES),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            snapshot,
            columns,
            query,
            limit,
            properties: Arc::new(properties),
        })
    }
}

impl fmt::Debug for LogsScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogsScan({})", self.query)
    }
}

impl DisplayAs for LogsScan {
    fn fmt_as(&self, _form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name()).collect();
        write!(
            f,
            "LogsScan: columns=[{}], query={}",
            names.join(", "),
            self.query
        )?;
        match self.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for LogsScan {
    fn name(&self) -> &str {
        "LogsScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let external = |error| DataFusionError::External(Box::new(error));
        let batches = self
            .snapshot
            .batches(&self.columns, partition, SHARES)
            .map_err(external)?;
        let schema = batches.schema();
        let mut left = self.limit.unwrap_or(usize::MAX);
        let limited = batches.map_while(move |batch| {
            if left == 0 {
                return None;
            }
            Some(batch.map(|batch: RecordBatch| {
                let rows = batch.num_rows().min(left);
                left -= rows;
                batch.slice(0, rows)
            }))
        });
        let results = limited.map(move |batch| batch.map_err(external));
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            stream::iter(results),
        )))
    }

    /// The number of lines is often known without reading them: then `count(*)` reads nothing.
    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let rows = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        statistics.num_rows = match (args.partition(), self.limit, self.snapshot.exact_rows()) {
            (None, None, Some(exact)) => Precision::Exact(rows(exact)),
            _ => Precision::Inexact(rows(self.snapshot.most_rows())),
        };
        Ok(Arc::new(statistics))
    }
}
