//! What a scan cost, in the terms of `explain analyze`.

use std::sync::Arc;

use andon_reader::Clock;
use andon_store::{Effort, Interval};
use datafusion::physical_plan::Metric;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricValue, MetricsSet};

/// The counts of a scan beside its times.
pub(crate) fn effort_metrics(effort: &Effort, times: &ExecutionPlanMetricsSet) -> MetricsSet {
    let mut all = times.clone_inner();
    for (name, number) in effort.named() {
        let count = Count::new();
        count.add(usize::try_from(number).unwrap_or(usize::MAX));
        let value = MetricValue::Count { name: name.into(), count };
        all.push(Arc::new(Metric::new(value, None)));
    }
    all
}

/// Shows the interval of a scan, if it has one.
pub(crate) fn interval_text(interval: &Interval) -> Option<String> {
    let clock = match interval.clock {
        Clock::Timestamp => "timestamp",
        Clock::ReceivedAt => "received_at",
    };
    let time = |time_us: i64| {
        jiff::Timestamp::from_microsecond(time_us).map_or_else(|_| time_us.to_string(), |time| time.to_string())
    };
    match (interval.since_us, interval.until_us) {
        (i64::MIN, i64::MAX) => None,
        (since_us, i64::MAX) => Some(format!("{clock} from {}", time(since_us))),
        (i64::MIN, until_us) => Some(format!("{clock} before {}", time(until_us))),
        (since_us, until_us) => Some(format!("{clock} from {} before {}", time(since_us), time(until_us))),
    }
}
