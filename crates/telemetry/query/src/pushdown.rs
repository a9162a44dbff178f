//! Conditions of a statement that the direct scan can use to read less.
//!
//! What [`exact`] gives matches the same lines as the condition. What [`wider`] gives may only let through
//! too much, never too little: the condition itself is tested on what is left.

use andon_reader::{Clock, level_of};
use andon_reader::query::{Bound, Filter, Leaf, Matcher, Query};
use andon_store::Interval;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, Like};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

use crate::text_pattern::{equal_pattern, like_pattern};

/// Conditions that all hold, in two parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Narrowing {
    /// What lines must match.
    pub(crate) query: Query,
    pub(crate) interval: Interval,
    /// What must be tested on the lines that match.
    pub(crate) rest: Vec<Expr>,
}

/// Finds out what the scan can use of conditions that all hold.
pub(crate) fn narrow(filters: &[Expr]) -> Narrowing {
    let mut parts = Vec::new();
    let mut rest = Vec::new();
    let mut timestamp = Bounds::default();
    let mut received = Bounds::default();
    let mut received_filters = Vec::new();
    for filter in filters {
        match time_bounds(filter) {
            Some((Clock::Timestamp, bounds)) => timestamp.join(&bounds),
            Some((Clock::ReceivedAt, bounds)) => {
                received.join(&bounds);
                received_filters.push(filter.clone());
            }
            None => match exact(filter) {
                Some(query) => parts.push(query),
                None => {
                    parts.extend(wider(filter));
                    rest.push(filter.clone());
                }
            },
        }
    }
    // The scan takes an interval of one clock only.
    let interval = if timestamp.is_bounded() || !received.is_bounded() {
        rest.extend(received_filters);
        timestamp.interval(Clock::Timestamp)
    } else {
        received.interval(Clock::ReceivedAt)
    };
    Narrowing { query: Query::and(parts), interval, rest }
}

/// Says whether a condition is used as a whole: nothing of it has to be tested again.
pub(crate) fn is_exact(filter: &Expr) -> bool {
    time_bounds(filter).is_some() || exact(filter).is_some()
}

/// Says whether the scan reads less with a condition, even if it must be tested again.
pub(crate) fn is_useful(filter: &Expr) -> bool {
    is_exact(filter) || wider(filter).is_some()
}

#[derive(Debug, Default, Clone)]
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

    fn join(&mut self, other: &Self) {
        let later = |a: Option<i64>, b: Option<i64>| a.max(b);
        self.since_us = later(self.since_us, other.since_us);
        self.until_us = match (self.until_us, other.until_us) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The whole microseconds for which a comparison with a time in nanoseconds holds.
    fn of(operator: Operator, time_ns: i128) -> Option<Self> {
        let floor = time_ns.div_euclid(1_000);
        let is_whole = time_ns.rem_euclid(1_000) == 0;
        let above = floor + 1;
        let from = if is_whole { floor } else { above };
        let bound = |time: i128| i64::try_from(time).ok().filter(|&time| time != i64::MAX).map(Some);
        Some(match operator {
            Operator::GtEq => Self { since_us: bound(from)?, until_us: None },
            Operator::Gt => Self { since_us: bound(above)?, until_us: None },
            Operator::Lt => Self { since_us: None, until_us: bound(from)? },
            Operator::LtEq => Self { since_us: None, until_us: bound(above)? },
            Operator::Eq if is_whole => Self { since_us: bound(floor)?, until_us: bound(above)? },
            _ => return None,
        })
    }
}

/// Reads a condition that compares one of the times with a constant.
fn time_bounds(filter: &Expr) -> Option<(Clock, Bounds)> {
    match filter {
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let clock = clock_of(expr)?;
            let mut bounds = Bounds::of(Operator::GtEq, nanoseconds(low)?)?;
            bounds.join(&Bounds::of(Operator::LtEq, nanoseconds(high)?)?);
            Some((clock, bounds))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let (clock, mut bounds) = time_bounds(left)?;
            let (other, more) = time_bounds(right)?;
            bounds.join(&more);
            (clock == other).then_some((clock, bounds))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (clock_of(left), clock_of(right)) {
            (Some(clock), None) => Some((clock, Bounds::of(*op, nanoseconds(right)?)?)),
            (None, Some(clock)) => Some((clock, Bounds::of(op.swap()?, nanoseconds(left)?)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The time that an expression is, be it in a finer unit.
fn clock_of(expr: &Expr) -> Option<Clock> {
    match expr {
        Expr::Column(column) => match column.name.as_str() {
            "timestamp" => Some(Clock::Timestamp),
            "received_at" => Some(Clock::ReceivedAt),
            _ => None,
        },
        Expr::Cast(cast) => {
            let is_finer = matches!(
                cast.field.data_type(),
                arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some(_))
            );
            if is_finer { clock_of(&cast.expr) } else { None }
        }
        _ => None,
    }
}

fn nanoseconds(expr: &Expr) -> Option<i128> {
    let Expr::Literal(value, _) = expr else {
        return None;
    };
    let (time, unit) = match value {
        ScalarValue::TimestampNanosecond(time, Some(_)) => (*time, 1),
        ScalarValue::TimestampMicrosecond(time, Some(_)) => (*time, 1_000),
        ScalarValue::TimestampMillisecond(time, Some(_)) => (*time, 1_000_000),
        ScalarValue::TimestampSecond(time, Some(_)) => (*time, 1_000_000_000),
        _ => return None,
    };
    Some(i128::from(time?) * unit)
}

/// A query that matches exactly the lines with the condition, if there is one. Only of columns that every
/// line has, so that there is no third answer beside true and false.
fn exact(expr: &Expr) -> Option<Query> {
    let query = exact_query(expr)?;
    // A pattern may be too large for the scan.
    Filter::compile(&query).is_ok().then_some(query)
}

fn exact_query(expr: &Expr) -> Option<Query> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Some(Query::and(vec![exact_query(left)?, exact_query(right)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(Query::or(vec![exact_query(left)?, exact_query(right)?]))
        }
        Expr::Not(inner) => Some(Query::Not(Box::new(exact_query(inner)?))),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            exact_comparison(left, *op, right).or_else(|| exact_comparison(right, op.swap()?, left))
        }
        Expr::InList(InList { expr, list, negated }) if !list.is_empty() && list.len() <= LISTED => {
            let parts: Option<Vec<Query>> =
                list.iter().map(|item| exact_comparison(expr, Operator::Eq, item)).collect();
            Some(negated_if(*negated, Query::or(parts?)))
        }
        Expr::Like(Like { negated, expr, pattern, escape_char, case_insensitive }) => {
            if escape_char.is_some_and(|escape| escape != '\\') {
                return None;
            }
            let pattern = like_pattern(&text(pattern)?, *case_insensitive);
            Some(negated_if(*negated, matching(text_field(expr)?, pattern)))
        }
        Expr::ScalarFunction(call) if call.func.name() == "regexp_like" => {
            let [expr, pattern] = call.args.as_slice() else {
                return None;
            };
            Some(matching(text_field(expr)?, text(pattern)?))
        }
        _ => None,
    }
}

/// Longest list of values that is looked for.
const LISTED: usize = 200;

fn negated_if(is_negated: bool, query: Query) -> Query {
    if is_negated { Query::Not(Box::new(query)) } else { query }
}

fn matching(field: &str, pattern: String) -> Query {
    Query::Leaf(Leaf { field: Some(field.to_owned()), matcher: Matcher::Regex(pattern) })
}

fn exact_comparison(subject: &Expr, operator: Operator, value: &Expr) -> Option<Query> {
    if let Expr::Column(column) = subject {
        match column.name.as_str() {
            "severity_number" => {
                let number = integer(value)?;
                return match operator {
                    Operator::NotEq => severity_number(Operator::Eq, number).map(|query| negated_if(true, query)),
                    operator => severity_number(operator, number),
                };
            }
            "severity" => {
                let query = severity(&text(value)?);
                return match operator {
                    Operator::Eq => Some(query),
                    Operator::NotEq => Some(negated_if(true, query)),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    let field = text_field(subject)?;
    let value = text(value)?;
    let equal = || {
        let whole = matching(field, equal_pattern(&value));
        // The words are what the filters of segments know.
        let words = has_words(&value).then(|| Query::field(field, value.clone()));
        Query::and(words.into_iter().chain([whole]).collect())
    };
    match operator {
        Operator::Eq => Some(equal()),
        Operator::NotEq => Some(negated_if(true, equal())),
        Operator::RegexMatch => Some(matching(field, value)),
        Operator::RegexNotMatch => Some(negated_if(true, matching(field, value))),
        Operator::RegexIMatch => Some(matching(field, format!("(?i){value}"))),
        Operator::RegexNotIMatch => Some(negated_if(true, matching(field, format!("(?i){value}")))),
        Operator::LikeMatch => Some(matching(field, like_pattern(&value, false))),
        Operator::ILikeMatch => Some(matching(field, like_pattern(&value, true))),
        Operator::NotLikeMatch => Some(negated_if(true, matching(field, like_pattern(&value, false)))),
        Operator::NotILikeMatch => Some(negated_if(true, matching(field, like_pattern(&value, true)))),
        _ => None,
    }
}

/// Lines whose severity has a name; no line has another name than these.
fn severity(name: &str) -> Query {
    let numbers = (0..=24u8).filter(|&number| level_of(number).name() == name).map(i64::from);
    let bounds = numbers.clone().min().zip(numbers.max());
    let (low, high) = bounds.unwrap_or((1, 0));
    let bound = |number: i64| Bound::Inclusive(number.to_string());
    Query::Leaf(Leaf {
        field: Some("severity_number".to_owned()),
        matcher: Matcher::Range { lower: bound(low), upper: bound(high) },
    })
}

/// The columns whose texts the scan compares as they are.
fn text_field(expr: &Expr) -> Option<&str> {
    let Expr::Column(column) = expr else {
        return None;
    };
    let names = ["service", "message", "trace_id", "span_id", "scope", "severity_text"];
    names.into_iter().find(|name| *name == column.name)
}

/// A query that every line with the condition matches, if there is one.
fn wider(expr: &Expr) -> Option<Query> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => {
            // One half alone is also a condition that must hold.
            match (wider(left), wider(right)) {
                (Some(left), Some(right)) => Some(Query::and(vec![left, right])),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => Some(Query::or(vec![wider(left)?, wider(right)?])),
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

/// Says whether a search for a text looks for anything.
fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn compared(subject: &Expr, operator: Operator, value: &Expr) -> Option<Query> {
    let field = field_of(subject)?;
    if field == "severity_number" {
        return severity_number(operator, integer(value)?);
    }
    let text = text(value).filter(|text| operator == Operator::Eq && has_words(text))?;
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
