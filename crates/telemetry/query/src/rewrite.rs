//! Steps of a plan that the logs do better themselves: the first half of an aggregation, and finding the
//! newest lines.
//!
//! Invariant: a step is replaced only when it gives exactly the same.

use std::sync::Arc;

use andon_reader::{Clock, Order};
use andon_store::{LogColumn, SqlColumn};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::bound::Bound;
use crate::logs_aggregate::{Figure, LogsAggregate};
use crate::logs_scan::{LogsScan, NEWEST, Newest};

/// Replaces steps right above a scan of the logs.
#[derive(Debug)]
pub(crate) struct UseLogs;

/// The engine's own rules, and ours at the place where plans have their last form but no guards yet.
pub(crate) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let place = rules.iter().position(|rule| rule.name() == "EnsureCooperative");
    rules.insert(place.unwrap_or(rules.len()), Arc::new(UseLogs));
    rules
}

impl PhysicalOptimizerRule for UseLogs {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_down(|node| {
            let replacement = if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
                aggregate_of(aggregate)?
            } else if let Some(sort) = node.downcast_ref::<SortExec>() {
                newest_of(&node, sort)?
            } else {
                None
            };
            Ok(match replacement {
                Some(replacement) => Transformed::new(replacement, true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        })?;
        Ok(replaced.data)
    }

    fn name(&self) -> &str {
        "UseLogs"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A scan below steps that only compute columns, and what each of the columns is.
struct Source<'a> {
    scan: &'a LogsScan,
    outputs: Vec<Arc<dyn PhysicalExpr>>,
}

impl<'a> Source<'a> {
    fn of(plan: &'a Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if let Some(scan) = plan.downcast_ref::<LogsScan>() {
            let fields = scan.columns.iter().map(SqlColumn::name).enumerate();
            let outputs = fields.map(|(place, name)| Arc::new(Column::new(&name, place)) as _);
            return Ok(Some(Self { scan, outputs: outputs.collect() }));
        }
        if let Some(guard) = plan.downcast_ref::<CooperativeExec>() {
            return Self::of(guard.input());
        }
        let Some(projection) = plan.downcast_ref::<ProjectionExec>() else {
            return Ok(None);
        };
        let Some(below) = Self::of(projection.input())? else {
            return Ok(None);
        };
        let outputs = projection.expr().iter().map(|output| below.resolved(&output.expr));
        let outputs: Result<Vec<_>> = outputs.collect();
        Ok(Some(Self { scan: below.scan, outputs: outputs? }))
    }

    /// An expression over the outputs as one over the scan.
    fn resolved(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let replaced = Arc::clone(expr).transform_down(|node| {
            let output = node.downcast_ref::<Column>().and_then(|column| self.outputs.get(column.index()));
            Ok(match output {
                Some(output) => Transformed::new(Arc::clone(output), true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        })?;
        Ok(replaced.data)
    }

    fn bound(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Bound>> {
        Bound::new(&self.resolved(expr)?, &self.scan.columns)
    }
}

fn aggregate_of(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let by = aggregate.group_expr();
    if *aggregate.mode() != AggregateMode::Partial || by.has_grouping_set() {
        return Ok(None);
    }
    let Some(source) = Source::of(aggregate.input())? else {
        return Ok(None);
    };
    if source.scan.limit.is_some() || source.scan.newest.is_some() {
        return Ok(None);
    }
    let mut keys = Vec::new();
    for (expr, _) in by.expr() {
        let Some(key) = source.bound(expr)? else {
            return Ok(None);
        };
        keys.push(key);
    }
    let mut figures = Vec::new();
    for (function, condition) in aggregate.aggr_expr().iter().zip(aggregate.filter_expr()) {
        let is_ready = keys.is_empty() || function.groups_accumulator_supported();
        if !is_ready || !function.order_bys().is_empty() {
            return Ok(None);
        }
        let mut arguments = Vec::new();
        for argument in function.expressions() {
            let Some(argument) = source.bound(&argument)? else {
                return Ok(None);
            };
            arguments.push(argument);
        }
        let condition = match condition {
            None => None,
            Some(condition) => match source.bound(condition)? {
                None => return Ok(None),
                condition => condition,
            },
        };
        figures.push(Figure { function: Arc::clone(function), arguments, condition });
    }
    let replacement = LogsAggregate::new(source.scan.clone(), keys, figures, aggregate.schema());
    Ok(Some(Arc::new(replacement)))
}

/// A sort of which only the first lines by time are wanted gets only those.
fn newest_of(node: &Arc<dyn ExecutionPlan>, sort: &SortExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(limit) = sort.fetch().filter(|limit| (1..=NEWEST).contains(limit)) else {
        return Ok(None);
    };
    let Some(source) = Source::of(sort.input())? else {
        return Ok(None);
    };
    if source.scan.limit.is_some() || source.scan.newest.is_some() {
        return Ok(None);
    }
    let mut keys = sort.expr().iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Ok(None);
    };
    let column = source.resolved(&key.expr)?;
    let column = column.downcast_ref::<Column>().and_then(|column| source.scan.columns.get(column.index()));
    let clock = match column {
        Some(SqlColumn::Plain(LogColumn::Timestamp)) => Clock::Timestamp,
        Some(SqlColumn::Plain(LogColumn::ReceivedAt)) => Clock::ReceivedAt,
        _ => return Ok(None),
    };
    let order = if key.options.descending { Order::NewestFirst } else { Order::OldestFirst };
    let scan: Arc<dyn ExecutionPlan> = Arc::new(source.scan.with_newest(Newest { clock, order, limit }));
    let replaced = Arc::clone(node).transform_up(|below| {
        Ok(if below.downcast_ref::<LogsScan>().is_some() {
            Transformed::yes(Arc::clone(&scan))
        } else {
            Transformed::no(below)
        })
    })?;
    Ok(Some(replaced.data))
}
