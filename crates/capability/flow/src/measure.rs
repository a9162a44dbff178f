//! Flow from changes: time to value, waits by stage, batch size.
//!
//! Invariants: pure; the same changes in any order give the same numbers; rollbacks have no time to
//! value and are counted apart; a deploy that brought no commits is no batch.

use std::collections::{BTreeMap, BTreeSet};

use andon_api::kinds::delivery::{ChangeSpec, ChangeStatus, ChangeType, Outcome};
use andon_api::{AnyObject, ObjectRef};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::percentile::percentile;

/// A change that reached customers, as flow sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) change: ObjectRef,
    pub(crate) at: Timestamp,
    pub(crate) spec: ChangeSpec,
    pub(crate) status: ChangeStatus,
}

impl Arrival {
    /// Reads a change; `None` where it has not reached customers or cannot be read.
    pub(crate) fn of(object: &AnyObject) -> Option<Self> {
        let spec: ChangeSpec = object.spec_as().ok()?;
        let status: ChangeStatus = object.status_as().ok()?;
        let arrived = matches!(status.outcome, Outcome::Succeeded | Outcome::RolledBack);
        let at = status.deployed_at.filter(|_| arrived)?;
        Some(Self { change: object.reference(), at, spec, status })
    }

    fn is_rollback(&self) -> bool {
        self.spec.change_type == ChangeType::Rollback
    }
}

/// Time to value of the changes in question, and where they waited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeToValue {
    /// How many changes have a time to value.
    pub count: usize,
    /// Half of them took at most this long, in milliseconds.
    pub p50_ms: Option<i64>,
    /// Nine in ten took at most this long, in milliseconds.
    pub p90_ms: Option<i64>,
    /// Each of them, oldest first.
    pub points: Vec<Point>,
    /// Where changes waited, longest in all first.
    pub waits: Vec<Wait>,
    /// How many changes arrived without a time to value: rollbacks, redeploys, first deploys.
    pub without_count: usize,
}

/// The time to value of one change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The change.
    pub change: ObjectRef,
    /// Its service.
    pub service: ObjectRef,
    /// Its version.
    pub version: String,
    /// When it reached customers.
    pub at: Timestamp,
    /// From the first commit written to the customer, in milliseconds.
    pub time_to_value_ms: i64,
    /// How many commits came with it.
    pub commit_count: i64,
}

/// The wait before one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// The stage that was waited for.
    pub stage: String,
    /// Half of the waits were at most this long, in milliseconds.
    pub p50_ms: i64,
    /// All of them together, in milliseconds.
    pub total_ms: i64,
    /// Its share of all waiting, from 0 to 1.
    pub share: f64,
}

/// Measures time to value and waits.
pub(crate) fn time_to_value(arrivals: &[Arrival]) -> TimeToValue {
    let mut points: Vec<Point> = arrivals.iter().filter(|arrival| !arrival.is_rollback()).filter_map(point).collect();
    points.sort_by(|a, b| (a.at, &a.change).cmp(&(b.at, &b.change)));
    let times: Vec<i64> = points.iter().map(|point| point.time_to_value_ms).collect();
    TimeToValue {
        count: points.len(),
        p50_ms: percentile(&times, 50),
        p90_ms: percentile(&times, 90),
        without_count: arrivals.len() - points.len(),
        points,
        waits: waits(arrivals),
    }
}

fn point(arrival: &Arrival) -> Option<Point> {
    Some(Point {
        change: arrival.change.clone(),
        service: arrival.spec.service.clone(),
        version: arrival.spec.version.clone(),
        at: arrival.at,
        time_to_value_ms: arrival.status.time_to_value_ms?,
        commit_count: arrival.status.commit_count,
    })
}

fn waits(arrivals: &[Arrival]) -> Vec<Wait> {
    let mut by_stage: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for arrival in arrivals.iter().filter(|arrival| !arrival.is_rollback()) {
        // The first stage of a change waits for nothing: there is no stage before it.
        for stage in arrival.status.stages.iter().skip(1) {
            by_stage.entry(&stage.name).or_default().push(stage.waited_ms);
        }
    }
    let all: i64 = by_stage.values().flatten().fold(0, |sum, wait| sum.saturating_add(*wait));
    let mut waits: Vec<Wait> = by_stage
        .into_iter()
        .map(|(stage, waits)| {
            let total_ms = waits.iter().fold(0i64, |sum, wait| sum.saturating_add(*wait));
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
            let share = if all > 0 { total_ms as f64 / all as f64 } else { 0.0 };
            Wait { stage: stage.to_owned(), p50_ms: percentile(&waits, 50).unwrap_or(0), total_ms, share }
        })
        .collect();
    waits.sort_by(|a, b| (std::cmp::Reverse(a.total_ms), &a.stage).cmp(&(std::cmp::Reverse(b.total_ms), &b.stage)));
    waits
}

/// The flow of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFlow {
    /// The service.
    pub service: ObjectRef,
    /// The group that owns it; absent where nobody does.
    pub owner: Option<ObjectRef>,
    /// How many changes reached customers, rollbacks not among them.
    pub changes: usize,
    /// How many rollbacks.
    pub rollbacks: usize,
    /// Half of the changes took at most this long, in milliseconds.
    pub p50_ms: Option<i64>,
    /// Nine in ten took at most this long, in milliseconds.
    pub p90_ms: Option<i64>,
    /// Half of the changes brought at most this many commits.
    pub batch_p50: Option<i64>,
    /// How many different people wrote the commits.
    pub authors: usize,
    /// When the last change reached customers.
    pub last_change_at: Option<Timestamp>,
}

/// Measures one service.
pub(crate) fn service_flow(service: ObjectRef, owner: Option<ObjectRef>, arrivals: &[&Arrival]) -> ServiceFlow {
    let forward: Vec<&&Arrival> = arrivals.iter().filter(|arrival| !arrival.is_rollback()).collect();
    let times: Vec<i64> = forward.iter().filter_map(|arrival| arrival.status.time_to_value_ms).collect();
    let batches: Vec<i64> =
        forward.iter().map(|arrival| arrival.status.commit_count).filter(|commits| *commits > 0).collect();
    let authors: BTreeSet<&String> = forward.iter().flat_map(|arrival| &arrival.status.authors).collect();
    ServiceFlow {
        service,
        owner,
        changes: forward.len(),
        rollbacks: arrivals.len() - forward.len(),
        p50_ms: percentile(&times, 50),
        p90_ms: percentile(&times, 90),
        batch_p50: percentile(&batches, 50),
        authors: authors.len(),
        last_change_at: arrivals.iter().map(|arrival| arrival.at).max(),
    }
}

/// Tells whether an environment is one that customers use, by its usual names.
pub(crate) fn is_production(environment: &str) -> bool {
    let name = environment.to_ascii_lowercase();
    let first = name.split(['-', '_', '/', '.']).next().unwrap_or_default();
    matches!(first, "production" | "prod" | "prd" | "live")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn change(name: &str, extra: &serde_json::Value, status: &serde_json::Value) -> Arrival {
        let mut spec = json!({"service": "component:default/payments", "version": name});
        for (key, value) in extra.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let mut whole = json!({"outcome": "succeeded", "stages": [], "commitCount": 1, "deployedAt": "2026-01-02T00:00:00Z"});
        for (key, value) in status.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let object = json!({"apiVersion": "andon.dev/v1", "kind": "Change", "metadata": {"name": name}, "spec": spec, "status": whole});
        Arrival::of(&serde_json::from_value(object).unwrap()).unwrap()
    }

    fn stage(name: &str, waited_ms: i64) -> serde_json::Value {
        json!({"name": name, "startedAt": "2026-01-01T00:00:00Z", "waitedMs": waited_ms})
    }

    #[test]
    fn rollbacks_are_counted_apart_and_have_no_time() {
        let arrivals = [
            change("chg-1", &json!({}), &json!({"timeToValueMs": 100, "commitCount": 3, "authors": ["maya"]})),
            change("chg-2", &json!({}), &json!({"timeToValueMs": 300, "commitCount": 1, "authors": ["sam", "maya"]})),
            change("chg-3", &json!({"changeType": "rollback"}), &json!({"timeToValueMs": 1, "authors": ["eve"]})),
            change("chg-4", &json!({}), &json!({"commitCount": 0})),
        ];
        let measured = time_to_value(&arrivals);
        assert_eq!((measured.count, measured.p50_ms, measured.p90_ms, measured.without_count), (2, Some(100), Some(300), 2));
        let service = ObjectRef::new("component", "default", "payments");
        let flow = service_flow(service, None, &arrivals.iter().collect::<Vec<_>>());
        assert_eq!((flow.changes, flow.rollbacks, flow.batch_p50, flow.authors), (3, 1, Some(1), 2));
    }

    #[test]
    fn waits_tell_where_the_time_goes() {
        let stages = |review: i64, deploy: i64| json!({"stages": [stage("commit", 0), stage("review", review), stage("deploy", deploy)]});
        let arrivals = [change("chg-1", &json!({}), &stages(10, 50)), change("chg-2", &json!({}), &stages(30, 110))];
        let waits = time_to_value(&arrivals).waits;
        assert_eq!((waits[0].stage.as_str(), waits[0].p50_ms, waits[0].share), ("deploy", 50, 0.8));
        assert_eq!((waits[1].stage.as_str(), waits[1].p50_ms, waits[1].total_ms), ("review", 10, 40));
    }

    #[test]
    fn what_has_not_arrived_is_not_measured() {
        let object = json!({"apiVersion": "andon.dev/v1", "kind": "Change", "metadata": {"name": "chg-1"},
            "spec": {"service": "component:default/a", "version": "1"},
            "status": {"outcome": "failed", "stages": [], "commitCount": 0, "deployedAt": "2026-01-02T00:00:00Z"}});
        assert!(Arrival::of(&serde_json::from_value(object).unwrap()).is_none());
    }

    #[test]
    fn production_goes_by_its_usual_names() {
        for name in ["production", "Prod", "prod-eu", "live", "PRD/1"] {
            assert!(is_production(name), "{name}");
        }
        for name in ["staging", "release", "pre-production", "product"] {
            assert!(!is_production(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_changes_changes_nothing(times in prop::collection::vec(prop::option::of(0i64..1_000), 0..20)) {
            let arrivals: Vec<Arrival> = times.iter().enumerate()
                .map(|(index, time)| change(&format!("chg-{index}"), &json!({}), &json!({"timeToValueMs": time})))
                .collect();
            let mut reversed = arrivals.clone();
            reversed.reverse();
            let measured = time_to_value(&arrivals);
            prop_assert_eq!(&time_to_value(&reversed), &measured);
            prop_assert_eq!(measured.count, times.iter().flatten().count());
        }
    }
}
