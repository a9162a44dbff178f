//! How finely an expression looks at a time: `date_trunc('hour', timestamp)` only sees the hour, so that
//! any time of an hour stands for all of it.
//!
//! Intervals are aligned to the epoch, in UTC, as the table's times are.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::PhysicalExpr;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// The width of intervals within which an expression over a time gives the same everywhere; nothing when
/// it needs the time itself.
pub(crate) fn step_of(expr: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    match width(expr) {
        Width::Of(step) if step > 1 => Some(step),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Width {
    /// There is no time in it.
    Free,
    Of(i64),
}

fn width(expr: &Arc<dyn PhysicalExpr>) -> Width {
    if expr.downcast_ref::<Column>().is_some() {
        return Width::Of(1);
    }
    if let Some(step) = expr.downcast_ref::<ScalarFunctionExpr>().and_then(call_width) {
        return Width::Of(step);
    }
    expr.children().into_iter().map(width).fold(Width::Free, |a, b| match (a, b) {
        (Width::Free, other) | (other, Width::Free) => other,
        (Width::Of(a), Width::Of(b)) => Width::Of(common_divisor(a, b)),
    })
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn call_width(call: &ScalarFunctionExpr) -> Option<i64> {
    let (first, second) = (call.args().first()?, call.args().get(1)?);
    second.downcast_ref::<Column>()?;
    let literal = first.downcast_ref::<Literal>()?.value();
    match (call.fun().name(), call.args()) {
        ("date_trunc", [_, _]) => unit_us(literal, false),
        ("date_part", [_, _]) => unit_us(literal, true),
        ("date_bin", [_, _]) => interval_us(literal),
        _ => None,
    }
}

fn unit_us(unit: &ScalarValue, is_part: bool) -> Option<i64> {
    let (ScalarValue::Utf8(Some(unit)) | ScalarValue::Utf8View(Some(unit)) | ScalarValue::LargeUtf8(Some(unit))) = unit
    else {
        return None;
    };
    Some(match unit.to_lowercase().as_str() {
        "millisecond" if !is_part => 1_000,
        "second" if !is_part => SECOND_US,
        "minute" => 60 * SECOND_US,
        "hour" => 3_600 * SECOND_US,
        "day" | "week" | "month" | "quarter" | "year" => DAY_US,
        "dow" | "doy" | "isodow" if is_part => DAY_US,
        _ => return None,
    })
}

fn interval_us(interval: &ScalarValue) -> Option<i64> {
    let nanoseconds = match interval {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            i64::from(interval.days).checked_mul(DAY_US * 1_000)?.checked_add(interval.nanoseconds)?
        }
        ScalarValue::IntervalDayTime(Some(interval)) => {
            let milliseconds = i64::from(interval.days).checked_mul(86_400_000)?;
            milliseconds.checked_add(i64::from(interval.milliseconds))?.checked_mul(1_000_000)?
        }
        _ => return None,
    };
    (nanoseconds > 0 && nanoseconds % 1_000 == 0).then_some(nanoseconds / 1_000)
}
