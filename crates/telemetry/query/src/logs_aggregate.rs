//! The first half of an aggregation, done on the parts of the logs themselves.
//!
//! Keys are numbered per part: what makes a group is computed once per different value, and no line is put
//! together. What is measured is added up by the engine's own accumulators, whose states the second half,
//! the engine's own, joins: so sums, means, nulls and types are the engine's in every detail.
//!
//! Absent: a state that lives longer than a part; the number of groups of all parts is limited by the memory
//! of the second half.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use andon_columns::numbered::{first_rows, join_numbers};
use andon_store::{Effort, SqlPart, SqlRows};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{filter, take};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream;

use crate::bound::{Bound, Computed, Reader, external, retain};
use crate::effort_metrics::effort_metrics;
use crate::logs_scan::{LogsScan, SHARES, properties_of};

/// Lines that are counted at once.
const COUNTED: usize = 1 << 20;

/// What is measured.
#[derive(Clone)]
pub(crate) struct Figure {
    pub(crate) function: Arc<AggregateFunctionExpr>,
    pub(crate) arguments: Vec<Bound>,
    /// Only rows for which it is true count.
    pub(crate) condition: Option<Bound>,
}

impl Figure {
    fn is_constant(&self) -> bool {
        self.condition.is_none() && self.arguments.iter().all(Bound::is_constant)
    }
}

/// Groups and states of the lines of a scan.
pub(crate) struct LogsAggregate {
    scan: LogsScan,
    keys: Vec<Bound>,
    figures: Vec<Figure>,
    effort: Arc<Effort>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl LogsAggregate {
    /// `schema` is that of the states as the engine's first half would give them.
    pub(crate) fn new(scan: LogsScan, keys: Vec<Bound>, figures: Vec<Figure>, schema: SchemaRef) -> Self {
        Self {
            scan,
            keys,
            figures,
            effort: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
            properties: properties_of(schema),
        }
    }
}

impl fmt::Debug for LogsAggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogsAggregate({:?})", self.scan)
    }
}

impl DisplayAs for LogsAggregate {
    fn fmt_as(&self, _form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        let figures: Vec<&str> = self.figures.iter().map(|figure| figure.function.name()).collect();
        write!(
            f,
            "LogsAggregate: by=[{}], figures=[{}], {}",
            keys.join(", "),
            figures.join(", "),
            self.scan.searched()
        )
    }
}

impl ExecutionPlan for LogsAggregate {
    fn name(&self) -> &str {
        "LogsAggregate"
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
        let time = |name: &'static str| MetricBuilder::new(&self.metrics).subset_time(name, partition);
        let mut work = Work {
            schema: self.schema(),
            conditions: self.scan.conditions.clone(),
            keys: self.keys.clone(),
            figures: self.figures.clone(),
            parts: self.scan.snapshot.parts(partition, SHARES, &self.effort).into(),
            ready: VecDeque::new(),
            effort: Arc::clone(&self.effort),
            finding: time("finding_time"),
            aggregating: time("aggregating_time"),
        };
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        let batches = std::iter::from_fn(move || {
            let batch = work.next().transpose();
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

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}

/// One share of an aggregation under way.
struct Work {
    schema: SchemaRef,
    conditions: Vec<Bound>,
    keys: Vec<Bound>,
    figures: Vec<Figure>,
    parts: VecDeque<SqlPart>,
    ready: VecDeque<RecordBatch>,
    effort: Arc<Effort>,
    finding: Time,
    aggregating: Time,
}

impl Work {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(part) = self.parts.pop_front() else {
                return Ok(None);
            };
            self.part(&part)?;
        }
    }

    fn part(&mut self, part: &SqlPart) -> Result<()> {
        let is_counted = self.keys.is_empty() && self.figures.iter().all(Figure::is_constant);
        if is_counted && self.conditions.is_empty() {
            let timer = self.finding.timer();
            let count = part.count(&self.effort).map_err(external)?;
            drop(timer);
            if count > 0 {
                let batch = self.of_count(usize::try_from(count).unwrap_or(usize::MAX))?;
                self.ready.push_back(batch);
            }
            return Ok(());
        }
        let finding = self.finding.timer();
        let mut rows = part.select(&self.effort).map_err(external)?;
        retain(&mut rows, &self.conditions, &self.effort)?;
        drop(finding);
        if rows.is_empty() {
            return Ok(());
        }
        let aggregating = self.aggregating.clone();
        let _timer = aggregating.timer();
        if self.keys.is_empty() { self.of_all(&rows) } else { self.by_keys(&rows) }
    }

    fn batch(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }

    fn accumulators(&self) -> Result<Vec<Box<dyn Accumulator>>> {
        self.figures.iter().map(|figure| figure.function.create_accumulator()).collect()
    }

    fn of_accumulators(&self, mut accumulators: Vec<Box<dyn Accumulator>>) -> Result<RecordBatch> {
        let mut arrays = Vec::new();
        for accumulator in &mut accumulators {
            for value in accumulator.state()? {
                arrays.push(value.to_array()?);
            }
        }
        self.batch(arrays, 1)
    }

    /// Figures that look at no column need only know how many lines there are.
    fn of_count(&self, count: usize) -> Result<RecordBatch> {
        let mut accumulators = self.accumulators()?;
        for (figure, accumulator) in self.figures.iter().zip(&mut accumulators) {
            for start in (0..count).step_by(COUNTED) {
                let rows = COUNTED.min(count - start);
                let arguments: Result<Vec<ArrayRef>> =
                    figure.arguments.iter().map(|argument| argument.compute(None, rows)).collect();
                accumulator.update_batch(&arguments?)?;
            }
        }
        self.of_accumulators(accumulators)
    }

    /// One group of all rows.
    fn of_all(&mut self, rows: &SqlRows) -> Result<()> {
        let effort = Arc::clone(&self.effort);
        let mut reader = Reader::new(rows, &effort);
        let mut accumulators = self.accumulators()?;
        for (figure, accumulator) in self.figures.iter().zip(&mut accumulators) {
            let inputs = Inputs::new(&mut reader, figure)?;
            for range in reader.slices() {
                let (mut arguments, condition) = inputs.slice(&mut reader, figure, range)?;
                if let Some(condition) = condition {
                    for argument in &mut arguments {
                        *argument = filter(argument, &condition)?;
                    }
                }
                accumulator.update_batch(&arguments)?;
            }
        }
        let batch = self.of_accumulators(accumulators)?;
        self.ready.push_back(batch);
        Ok(())
    }

    fn by_keys(&mut self, rows: &SqlRows) -> Result<()> {
        let effort = Arc::clone(&self.effort);
        let mut reader = Reader::new(rows, &effort);
        let keys: Result<Vec<Computed>> = self.keys.iter().map(|key| reader.computed(key)).collect();
        let keys = keys?;
        let inputs: Result<Vec<Inputs>> =
            self.figures.iter().map(|figure| Inputs::new(&mut reader, figure)).collect();
        let inputs = inputs?;
        if let Some(grouped) = Grouped::new(&keys, rows.len())? {
            let ids = grouped.ids;
            let batch = self.states(&mut reader, &inputs, grouped.keys, grouped.count, |range| {
                ids.get(range).unwrap_or_default().to_vec()
            }, 0..rows.len())?;
            self.ready.push_back(batch);
            return Ok(());
        }
        // Most rows differ: each is a group of its own, and the second half joins what is equal.
        for range in reader.slices() {
            let arrays: Result<Vec<ArrayRef>> = keys
                .iter()
                .zip(&self.keys)
                .map(|(computed, key)| reader.slice(key, computed, range.clone()))
                .collect();
            let count = range.len();
            let batch = self.states(&mut reader, &inputs, arrays?, count, |slice| (0..slice.len()).collect(), range)?;
            self.ready.push_back(batch);
        }
        Ok(())
    }

    /// Adds rows up and gives keys and states.
    fn states(
        &self,
        reader: &mut Reader<'_>,
        inputs: &[Inputs],
        mut arrays: Vec<ArrayRef>,
        groups: usize,
        ids_of: impl Fn(Range<usize>) -> Vec<usize>,
        rows: Range<usize>,
    ) -> Result<RecordBatch> {
        let accumulators: Result<Vec<Box<dyn GroupsAccumulator>>> =
            self.figures.iter().map(|figure| figure.function.create_groups_accumulator()).collect();
        let mut accumulators = accumulators?;
        for slice in reader.slices() {
            let slice = slice.start.max(rows.start)..slice.end.min(rows.end);
            if slice.is_empty() || self.figures.is_empty() {
                continue;
            }
            let ids = ids_of(slice.clone());
            for ((figure, inputs), accumulator) in self.figures.iter().zip(inputs).zip(&mut accumulators) {
                let (arguments, condition) = inputs.slice(reader, figure, slice.clone())?;
                accumulator.update_batch(&arguments, &ids, condition.as_ref(), groups)?;
            }
        }
        for accumulator in &mut accumulators {
            arrays.extend(accumulator.state(EmitTo::All)?);
        }
        self.batch(arrays, groups)
    }
}

/// The columns of a figure.
struct Inputs {
    arguments: Vec<Computed>,
    condition: Option<Computed>,
}

impl Inputs {
    fn new(reader: &mut Reader<'_>, figure: &Figure) -> Result<Self> {
        let arguments: Result<Vec<Computed>> =
            figure.arguments.iter().map(|argument| reader.computed(argument)).collect();
        let condition = figure.condition.as_ref().map(|condition| reader.computed(condition)).transpose()?;
        Ok(Self { arguments: arguments?, condition })
    }

    fn slice(
        &self,
        reader: &mut Reader<'_>,
        figure: &Figure,
        range: Range<usize>,
    ) -> Result<(Vec<ArrayRef>, Option<BooleanArray>)> {
        let arguments: Result<Vec<ArrayRef>> = figure
            .arguments
            .iter()
            .zip(&self.arguments)
            .map(|(argument, computed)| reader.slice(argument, computed, range.clone()))
            .collect();
        let condition = match (&figure.condition, &self.condition) {
            (Some(condition), Some(computed)) => {
                let values = reader.slice(condition, computed, range)?;
                values.as_boolean_opt().cloned()
            }
            _ => None,
        };
        Ok((arguments?, condition))
    }
}

/// Rows with the numbers of their groups; every group has a row.
struct Grouped {
    ids: Vec<usize>,
    count: usize,
    keys: Vec<ArrayRef>,
}

impl Grouped {
    /// Joins the numbers of the keys; nothing when a key is not numbered.
    fn new(keys: &[Computed], rows: usize) -> Result<Option<Self>> {
        if keys.iter().any(|key| matches!(key, Computed::Plain(_) | Computed::Wide)) {
            return Ok(None);
        }
        let mut ids = vec![0usize; rows];
        let mut count = 1;
        for key in keys {
            if let Computed::Numbered { codes, values } = key {
                count = join_numbers(&mut ids, count, codes.values(), values.len());
            }
        }
        let firsts = UInt32Array::from(first_rows(&ids, count));
        let keys: Result<Vec<ArrayRef>> = keys
            .iter()
            .map(|key| match key {
                Computed::Numbered { codes, values } => {
                    let codes = take(codes, &firsts, None)?;
                    Ok(take(values, &codes, None)?)
                }
                Computed::Constant(value) | Computed::Plain(value) => {
                    Ok(take(value, &UInt32Array::from(vec![0; count]), None)?)
                }
                Computed::Wide => Ok(Arc::new(UInt32Array::from(vec![0; count])) as ArrayRef),
            })
            .collect();
        Ok(Some(Self { ids, count, keys: keys? }))
    }
}
