//! Conditions of a statement that the direct scan can use to read less.
//!
//! Everything here may only let through too much, never too little: the engine filters again.

use andon_reader::Clock;
use andon_reader::query::{Bound, Leaf, Matcher, Query};
use andon_store::Interval;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

/// What a scan can use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Narrowing {
    pub(crate) query: Query,
    pub(crate) interval: Interval,
}

/// Finds out what the scan can use of conditions that all hold.
pub(crate) fn narrow(filters: &[Expr]) -> Narrowing {
    let mut parts = Vec::new();
    let mut timestamp = Bounds::default();
    let mut received = Bounds::default();
    for filter in filters {
        collect(filter, &mut parts, &mut timestamp, &mut received);
    }
    let interval = if timestamp.is_bounded() || !received.is_bounded() {
        timestamp.interval(Clock::Timestamp)
    } else {
        received.interval(Clock::ReceivedAt)
    };
    Narrowing {
        query: Query::and(parts),
        interval,
    }
}

#[derive(Default)]
struct Bounds {
    since_us: Option<i64>,
    until_us: Option<i64>,
}

impl Bounds {
    fn is_bounded(&self) -> bool {
        self.since_us.is_some() || self.until_us.is_some()
    }

    fn interval(&self, clock: Clock) -> Interval {
        Interval {
            since_us: self.since_us.unwrap_or(i64::MIN),
            until_us: self.until_us.unwrap_or(i64::MAX),
            clock,
        }
    }

    /// Bounds are widened to whole microseconds, so that rounding never loses a line.
    fn add(&mut self, operator: Operator, time_us: i64) {
        let after = time_us.saturating_add(1);
        if matches!(operator, Operator::Gt | Operator::GtEq | Operator::Eq) {
            self.since_us = Some(self.since_us.map_or(time_us, |since| since.max(time_us)));
        }
        if matches!(operator, Operator::Lt | Operator::LtEq | Operator::Eq) {
            self.until_us = Some(self.until_us.map_or(after, |until| until.min(after)));
        }
    }
}

fn collect(filter: &Expr, parts: &mut Vec<Query>, timestamp: &mut Bounds, received: &mut Bounds) {
    match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => {
            collect(left, parts, timestamp, received);
            collect(right, parts, timestamp, received);
        }
        Expr::Between(Between {
            expr,
            negated: false,
            low,
            high,
        }) => {
            for (operator, bound) in [(Operator::GtEq, low), (Operator::LtEq, high)] {
                add_time(expr, operator, bound, timestamp, received);
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is_time = add_time(left, *op, right, timestamp, received)
                || op
                    .swap()
                    .is_some_and(|swapped| add_time(right, swapped, left, timestamp, received));
            if !is_time {
                parts.extend(query_of(filter));
            }
        }
        other => parts.extend(query_of(other)),
    }
}

fn add_time(
    column: &Expr,
    operator: Operator,
    bound: &Expr,
    timestamp: &mut Bounds,
    received: &mut Bounds,
) -> bool {
    let (Expr::Column(column), Some(time_us)) = (column, micros(bound)) else {
        return false;
    };
    match column.name.as_str() {
        "timestamp" => timestamp.add(operator, time_us),
        "received_at" => received.add(operator, time_us),
        _ => return false,
    }
    true
}

fn micros(expr: &Expr) -> Option<i64> {
    let Expr::Literal(value, _) = expr else {
        return None;
    };
    match value {
        ScalarValue::TimestampMicrosecond(time, _) => *time,
        ScalarValue::TimestampNanosecond(time, _) => time.map(|time| time.div_euclid(1_000)),
        ScalarValue::TimestampMillisecond(time, _) => time.and_then(|time| time.checked_mul(1_000)),
        ScalarValue::TimestampSecond(time, _) => time.and_then(|time| time.checked_mul(1_000_000)),
        _ => None,
    }
}

/// A query that every line with the condition matches, if there is one.
fn query_of(expr: &Expr) -> Option<Query> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => {
            // One half alone is also a condition that must hold.
            match (query_of(left), query_of(right)) {
                (Some(left), Some(right)) => Some(Query::and(vec![left, right])),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => Some(Query::or(vec![query_of(left)?, query_of(right)?])),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            compared(left, *op, right).or_else(|| compared(right, op.swap()?, left))
        }
        Expr::InList(list) if !list.negated && list.list.len() <= 200 => {
            let parts: Option<Vec<Query>> = list
                .list
                .iter()
                .map(|item| compared(&list.expr, Operator::Eq, item))
                .collect();
            parts.filter(|parts| !parts.is_empty()).map(Query::or)
        }
        _ => None,
    }
}

fn compared(subject: &Expr, operator: Operator, value: &Expr) -> Option<Query> {
    let field = field_of(subject)?;
    if field == "severity_number" {
        return severity_number(operator, integer(value)?);
    }
    let text = text(value).filter(|_| operator == Operator::Eq)?;
    // The text of a structure is nothing that a line is searched by.
    if text.starts_with(['[', '{']) && field.starts_with("attributes.") {
        return None;
    }
    let field = if field == "severity" {
        "level".to_owned()
    } else {
        field
    };
    Some(Query::field(field, text))
}

fn severity_number(operator: Operator, number: i64) -> Option<Query> {
    let number = number.to_string();
    let (lower, upper) = match operator {
        Operator::Eq => (Bound::Inclusive(number.clone()), Bound::Inclusive(number)),
        Operator::Gt => (Bound::Exclusive(number), Bound::Open),
        Operator::GtEq => (Bound::Inclusive(number), Bound::Open),
        Operator::Lt => (Bound::Open, Bound::Exclusive(number)),
        Operator::LtEq => (Bound::Open, Bound::Inclusive(number)),
        _ => return None,
    };
    let matcher = Matcher::Range { lower, upper };
    Some(Query::Leaf(Leaf {
        field: Some("severity_number".to_owned()),
        matcher,
    }))
}

fn field_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Column(column) => {
            let names = [
                "service",
                "message",
                "trace_id",
                "span_id",
                "scope",
                "severity",
                "severity_text",
                "severity_number",
            ];
            names
                .contains(&column.name.as_str())
                .then(|| column.name.clone())
        }
        Expr::ScalarFunction(call) if call.func.name() == "attr" => {
            let [Expr::Column(column), name] = call.args.as_slice() else {
                return None;
            };
            (column.name == "attributes").then(|| Some(format!("attributes.{}", text(name)?)))?
        }
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    let Expr::Literal(value, _) = expr else {
        return None;
    };
    match value {
        ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => {
            text.clone()
        }
        _ => None,
    }
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(number), _) => *number,
        Expr::Literal(ScalarValue::Int32(number), _) => number.map(i64::from),
        _ => None,
    }
}
