//! The direct scan of the logs as a step of a plan.
//!
//! It takes over conditions, reads attributes without the objects that hold them, and stops early where
//! only the newest (or oldest) lines are wanted.

use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::Arc;

use andon_reader::{Clock, Order};
use andon_store::{Effort, SLICE_ROWS, SqlColumn, SqlPart, SqlRows, SqlSnapshot, Values};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::stream;

use crate::bound::{Bound, external, replace_columns, retain};
use crate::effort_metrics::{effort_metrics, interval_text};
use crate::pushdown::Narrowing;

/// Parts of a scan that may run at the same time.
pub(crate) const SHARES: usize = 2;

/// Most lines for which it pays to look for the newest only.
pub(crate) const NEWEST: usize = 10_000;

/// The lines at one end of the time, as many as are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Newest {
    pub(crate) clock: Clock,
    pub(crate) order: Order,
    pub(crate) limit: usize,
}

/// One scan of the logs.
#[derive(Clone)]
pub(crate) struct LogsScan {
    pub(crate) snapshot: SqlSnapshot,
    pub(crate) columns: Vec<SqlColumn>,
    pub(crate) narrowing: Narrowing,
    /// What is tested on the lines that match the query.
    pub(crate) conditions: Vec<Bound>,
    pub(crate) limit: Option<usize>,
    pub(crate) newest: Option<Newest>,
    effort: Arc<Effort>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl LogsScan {
    pub(crate) fn new(
        snapshot: SqlSnapshot,
        columns: Vec<SqlColumn>,
        narrowing: Narrowing,
        conditions: Vec<Bound>,
        limit: Option<usize>,
    ) -> Self {
        let properties = properties_of(schema_of(&columns));
        Self {
            snapshot,
            columns,
            narrowing,
            conditions,
            limit,
            newest: None,
            effort: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
            properties,
        }
    }

    fn with_columns(&self, columns: Vec<SqlColumn>) -> Self {
        let newest = self.newest;
        let (narrowing, conditions) = (self.narrowing.clone(), self.conditions.clone());
        let scan = Self::new(self.snapshot.clone(), columns, narrowing, conditions, self.limit);
        Self { newest, ..scan }
    }

    /// The same scan for the lines at one end of the time only.
    pub(crate) fn with_newest(&self, newest: Newest) -> Self {
        Self { newest: Some(newest), ..self.with_columns(self.columns.clone()) }
    }

    fn is_whole(&self) -> bool {
        self.limit.is_none() && self.newest.is_none() && self.conditions.is_empty()
    }

    /// What is searched for, for people who read plans.
    pub(crate) fn searched(&self) -> String {
        let conditions: Vec<String> = self.conditions.iter().map(ToString::to_string).collect();
        let mut text = format!("query={}", self.narrowing.query);
        if let Some(interval) = interval_text(&self.narrowing.interval) {
            text.push_str(&format!(", {interval}"));
        }
        if !conditions.is_empty() {
            text.push_str(&format!(", conditions=[{}]", conditions.join(", ")));
        }
        text
    }
}

pub(crate) fn schema_of(columns: &[SqlColumn]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(SqlColumn::field).collect::<Vec<Field>>()))
}

pub(crate) fn properties_of(schema: SchemaRef) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(SHARES),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

impl fmt::Debug for LogsScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogsScan({})", self.narrowing.query)
    }
}

impl DisplayAs for LogsScan {
    fn fmt_as(&self, _form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.columns.iter().map(SqlColumn::name).collect();
        write!(f, "LogsScan: columns=[{}], {}", names.join(", "), self.searched())?;
        if let Some(newest) = self.newest {
            let end = match newest.order {
                Order::NewestFirst => "newest",
                Order::OldestFirst => "oldest",
            };
            write!(f, ", {end}={}", newest.limit)?;
        }
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

    /// Reads what a projection needs, and no object for the sake of one of its attributes.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut columns = Vec::new();
        let mut expressions = Vec::new();
        for ProjectionExpr { expr, alias } in projection.expr() {
            let expr = replace_columns(expr, &self.columns, &mut columns)?;
            expressions.push(ProjectionExpr { expr, alias: alias.clone() });
        }
        if columns == self.columns {
            return Ok(None);
        }
        let scan: Arc<dyn ExecutionPlan> = Arc::new(self.with_columns(columns));
        let projected = ProjectionExec::try_new(expressions, scan)?;
        Ok(Some(Arc::new(projected)))
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let effort = Arc::clone(&self.effort);
        let mut parts: VecDeque<SqlPart> = self.snapshot.parts(partition, SHARES, &effort).into();
        if let Some(newest) = self.newest {
            sort_parts(&mut parts, newest);
        }
        let time = |name: &'static str| MetricBuilder::new(&self.metrics).subset_time(name, partition);
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        let mut reading = Reading {
            schema: self.schema(),
            columns: self.columns.clone(),
            conditions: self.conditions.clone(),
            newest: self.newest,
            best: BinaryHeap::new(),
            parts,
            current: None,
            left: self.limit.unwrap_or(usize::MAX),
            effort,
            finding: time("finding_time"),
            reading: time("reading_time"),
        };
        let batches = std::iter::from_fn(move || {
            let batch = reading.next().transpose();
            if let Some(Ok(batch)) = &batch {
                rows.add(batch.num_rows());
            }
            batch
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::iter(batches))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(effort_metrics(&self.effort, &self.metrics))
    }

    /// The number of lines is often known without reading them: then `count(*)` reads nothing.
    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let rows = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        let exact = if self.is_whole() { self.snapshot.exact_rows() } else { None };
        statistics.num_rows = match (args.partition(), exact) {
            (None, Some(exact)) => Precision::Exact(rows(exact)),
            _ => Precision::Inexact(rows(self.snapshot.most_rows())),
        };
        Ok(Arc::new(statistics))
    }
}

fn sort_parts(parts: &mut VecDeque<SqlPart>, newest: Newest) {
    parts.make_contiguous().sort_by_key(|part| {
        let (low, high) = part.bounds_us(newest.clock);
        match newest.order {
            Order::NewestFirst => !high,
            Order::OldestFirst => low,
        }
    });
}

/// A moment, turned so that the best is the smallest.
type Rank = (i64, u64);

fn rank(order: Order, (time_us, sequence): (i64, u64)) -> Rank {
    match order {
        Order::OldestFirst => (time_us, sequence),
        Order::NewestFirst => (!time_us, !sequence),
    }
}

/// One share of a scan under way.
struct Reading {
    schema: SchemaRef,
    columns: Vec<SqlColumn>,
    conditions: Vec<Bound>,
    newest: Option<Newest>,
    /// The best moments so far, the worst of them on top.
    best: BinaryHeap<Rank>,
    parts: VecDeque<SqlPart>,
    current: Option<Current>,
    left: usize,
    effort: Arc<Effort>,
    finding: Time,
    reading: Time,
}

struct Current {
    rows: SqlRows,
    values: Vec<Values>,
    next: usize,
}

impl Reading {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.left == 0 {
                return Ok(None);
            }
            if let Some(current) = &mut self.current {
                let end = (current.next + SLICE_ROWS).min(current.rows.len());
                let range = current.next..end;
                if range.is_empty() {
                    self.current = None;
                    continue;
                }
                let _timer = self.reading.timer();
                current.next = end;
                self.left -= range.len();
                let Current { rows, values, .. } = current;
                let batch = rows.batch(&self.columns, values, &self.schema, range, &self.effort);
                return batch.map(Some).map_err(external);
            }
            let Some(part) = self.parts.pop_front() else {
                return Ok(None);
            };
            self.begin(&part)?;
        }
    }

    fn begin(&mut self, part: &SqlPart) -> Result<()> {
        if self.is_too_late(part) {
            Effort::add(&self.effort.skipped_by_order, 1);
            return Ok(());
        }
        let (finding, reading) = (self.finding.clone(), self.reading.clone());
        let timer = finding.timer();
        let mut rows = part.select(&self.effort).map_err(external)?;
        retain(&mut rows, &self.conditions, &self.effort)?;
        rows.truncate(self.left);
        self.keep_best(&mut rows)?;
        drop(timer);
        let _timer = reading.timer();
        if rows.is_empty() {
            return Ok(());
        }
        let values = self.columns.iter().map(|column| rows.values(column, None, &self.effort));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(external)?;
        self.current = Some(Current { rows, values, next: 0 });
        Ok(())
    }

    /// Says whether enough lines are known that come before all of a part.
    fn is_too_late(&self, part: &SqlPart) -> bool {
        let Some(newest) = self.newest.filter(|newest| self.best.len() >= newest.limit) else {
            return false;
        };
        let (low, high) = part.bounds_us(newest.clock);
        let first = match newest.order {
            Order::NewestFirst => rank(newest.order, (high, u64::MAX)),
            Order::OldestFirst => rank(newest.order, (low, 0)),
        };
        self.best.peek().is_some_and(|worst| first > *worst)
    }

    fn keep_best(&mut self, rows: &mut SqlRows) -> Result<()> {
        let Some(Newest { clock, order, limit }) = self.newest else {
            return Ok(());
        };
        let worst = self.best.peek().filter(|_| self.best.len() >= limit);
        let before = worst.map(|&worst| rank(order, worst));
        for moment in rows.keep_best(clock, order, limit, before).map_err(external)? {
            self.best.push(rank(order, moment));
            if self.best.len() > limit {
                self.best.pop();
            }
        }
        Ok(())
    }
}
