//! The symptom in the logs: what to count and draw for a COE, and the counting.
//!
//! The alarm's own query, window and threshold where an alarm saw it, by received time as the alarm
//! counts. Where only people saw it: the error lines of the services that were hurt, without a threshold.
//! Invariant: an incomplete count is no count.

use andon_api::kinds::learning::Graph;
use andon_api::kinds::signals::AlarmSpec;
use andon_api::object::ObjectRef;
use andon_module::World;
use andon_reader::{Clock, CountRequest, HistogramRequest};
use jiff::Timestamp;

use crate::draft::{Symptom, Times};
use crate::limits::{GRAPH_BUCKETS, GRAPH_MARGIN_US};

/// The width of a bar where no alarm gives one, in microseconds.
const BUCKET_US: i64 = 30 * 1_000_000;

/// What to count and draw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    pub(crate) query: String,
    /// While customers were hurt.
    pub(crate) from_us: i64,
    pub(crate) until_us: i64,
    /// What the graph shows: a margin before and after.
    pub(crate) graph_from_us: i64,
    pub(crate) graph_until_us: i64,
    pub(crate) bucket_us: i64,
    pub(crate) threshold: Option<f64>,
}

/// Plans what to count; `None` without a start, or without anything to look for.
pub(crate) fn probe(alarm: Option<&AlarmSpec>, services: &[ObjectRef], times: Times, now: Timestamp) -> Option<Probe> {
    let query = match alarm {
        Some(alarm) => alarm.query.clone(),
        None => errors_of(services)?,
    };
    let from_us = times.started?.as_microsecond();
    let until_us = times.mitigated.unwrap_or(now).as_microsecond().max(from_us + 1);
    let graph_from_us = from_us - GRAPH_MARGIN_US;
    let graph_until_us = (until_us + GRAPH_MARGIN_US).min(now.as_microsecond()).max(until_us);
    let window_us = alarm.map_or(BUCKET_US, |alarm| alarm.window.microseconds()).max(1_000_000);
    let mut bucket_us = window_us;
    while (graph_until_us - graph_from_us) / bucket_us > GRAPH_BUCKETS {
        bucket_us *= 2;
    }
    // The threshold is per window: a wider bar is not to be compared with it.
    let threshold = alarm.filter(|_| bucket_us == window_us).map(|alarm| alarm.threshold);
    Some(Probe { query, from_us, until_us, graph_from_us, graph_until_us, bucket_us, threshold })
}

fn errors_of(services: &[ObjectRef]) -> Option<String> {
    let names: Vec<String> = services.iter().map(|service| format!("service:\"{}\"", service.name())).collect();
    if names.is_empty() { None } else { Some(format!("({}) AND level:error", names.join(" OR "))) }
}

/// Counts and draws; what the logs cannot say now is absent.
pub(crate) async fn measure(world: &World, probe: &Probe) -> Symptom {
    Symptom { failing_lines: count(world, probe).await, graph: draw(world, probe).await }
}

async fn count(world: &World, probe: &Probe) -> Option<i64> {
    let request = CountRequest { query: probe.query.clone(), since_us: probe.from_us, until_us: probe.until_us, clock: Clock::ReceivedAt };
    match world.logs.count(request).await {
        Ok(counted) if counted.complete => i64::try_from(counted.count).ok(),
        Ok(counted) => {
            tracing::info!(missing = ?counted.missing, "the impact of a COE is not counted: the logs are incomplete");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the impact of a COE cannot be counted");
            None
        }
    }
}

async fn draw(world: &World, probe: &Probe) -> Option<Graph> {
    let request = HistogramRequest {
        query: probe.query.clone(),
        since_us: probe.graph_from_us,
        until_us: probe.graph_until_us,
        buckets: None,
        bucket_us: Some(probe.bucket_us),
        by: None,
        clock: Clock::ReceivedAt,
    };
    let histogram = match world.logs.histogram(request).await {
        Ok(histogram) if histogram.total > 0 => histogram,
        Ok(_) => return None,
        Err(error) => {
            tracing::warn!(%error, "the graph of a COE cannot be drawn");
            return None;
        }
    };
    let mut counts = vec![0i64; histogram.starts_us.len()];
    for series in &histogram.series {
        for (count, more) in counts.iter_mut().zip(&series.counts) {
            *count += i64::try_from(*more).unwrap_or(i64::MAX);
        }
    }
    Some(Graph {
        query: probe.query.clone(),
        bucket_us: histogram.bucket_us,
        starts_us: histogram.starts_us,
        counts,
        threshold: probe.threshold,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn times(started: &str, mitigated: Option<&str>) -> Times {
        Times { started: Some(at(started)), mitigated: mitigated.map(at), ..Times::default() }
    }

    fn alarm() -> AlarmSpec {
        serde_json::from_value(serde_json::json!({
            "service": "component:default/payments", "query": "service:payments AND level:error", "window": "30s", "threshold": 3.0
        }))
        .unwrap()
    }

    #[test]
    fn an_alarm_gives_query_window_and_threshold() {
        let probe = probe(Some(&alarm()), &[], times("2026-03-02T10:00:00Z", Some("2026-03-02T10:14:00Z")), at("2026-03-02T11:00:00Z")).unwrap();
        assert_eq!(probe.query, "service:payments AND level:error");
        assert_eq!((probe.bucket_us, probe.threshold), (30_000_000, Some(3.0)));
        assert_eq!(probe.until_us - probe.from_us, 14 * 60 * 1_000_000);
        assert_eq!(probe.graph_until_us - probe.graph_from_us, 34 * 60 * 1_000_000);
    }

    #[test]
    fn a_long_incident_has_wider_bars_and_then_no_threshold() {
        let probe = probe(Some(&alarm()), &[], times("2026-03-02T10:00:00Z", Some("2026-03-03T10:00:00Z")), at("2026-03-04T00:00:00Z")).unwrap();
        assert!((probe.graph_until_us - probe.graph_from_us) / probe.bucket_us <= GRAPH_BUCKETS);
        assert_eq!(probe.threshold, None);
    }

    #[test]
    fn without_an_alarm_the_errors_of_the_services_are_counted() {
        let services = [ObjectRef::new("component", "default", "payments"), ObjectRef::new("component", "default", "checkout")];
        let found = probe(None, &services, times("2026-03-02T10:00:00Z", None), at("2026-03-02T10:01:00Z")).unwrap();
        assert_eq!(found.query, "(service:\"payments\" OR service:\"checkout\") AND level:error");
        assert!(andon_reader::query::Filter::parse(&found.query).is_ok());
        assert_eq!(found.graph_until_us, at("2026-03-02T10:01:00Z").as_microsecond());
        assert_eq!(probe(None, &[], times("2026-03-02T10:00:00Z", None), at("2026-03-02T10:01:00Z")), None);
        assert_eq!(probe(Some(&alarm()), &services, Times::default(), at("2026-03-02T10:01:00Z")), None);
    }
}
