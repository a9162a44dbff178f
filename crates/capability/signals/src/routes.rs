//! The chart of an alarm's evaluations.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::signals::{AlarmSpec, AlarmState};
use andon_api::object::{DEFAULT_NAMESPACE, ObjectRef};
use andon_module::{Call, Endpoint, Reply, World};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::CHART_WINDOWS_MAX;
use crate::table::{self, Evaluation};

/// The counts of an alarm's windows and the states they led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evaluations {
    /// The length of a window in microseconds.
    pub bucket_us: i64,
    /// The start of each window, microseconds since the epoch, without holes.
    pub starts_us: Vec<i64>,
    /// The count of each window; absent where it is not known.
    pub counts: Vec<Option<i64>>,
    /// The threshold that counts are compared with.
    pub threshold: f64,
    /// The states, each from its time on.
    pub states: Vec<StateChange>,
}

/// A state and from when on it held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateChange {
    /// From when on.
    pub at: Timestamp,
    /// The state.
    pub state: AlarmState,
    /// Why, in words.
    pub reason: String,
}

/// Lists the endpoints of signals.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/alarms/{name}/evaluations", "read_alarm_evaluations")
            .permission("object.read")
            .summary("Reads the counts and states of an alarm's windows.")
            .parameter("since", "From when: RFC 3339 or an age such as 6h (the default); 7 days are kept.")
            .response::<Evaluations>()
            .handle(|world, call| Box::pin(read_evaluations(world, call))),
    ]
}

async fn read_evaluations(world: World, call: Call) -> Result<Reply, Problem> {
    let reference = ObjectRef::parse(call.path("name"), Some("Alarm"), DEFAULT_NAMESPACE)?;
    if reference.kind() != "alarm" {
        return Err(Problem::new(ErrorCode::ReferenceInvalid, format!("`{reference}` is not an alarm.")));
    }
    let spec: AlarmSpec = world.store.require(&reference).await?.spec_as()?;
    let now = world.now();
    let six_hours_ago = now.checked_sub(SignedDuration::from_hours(6)).unwrap_or(now);
    let since = call.time("since", now)?.unwrap_or(six_hours_ago);
    let found = table::evaluations(&world.store, &reference, since.as_microsecond(), CHART_WINDOWS_MAX).await?;
    Reply::json(&chart(&spec, &found))
}

/// Draws up the chart: windows of the present length, holes filled with "not known".
fn chart(spec: &AlarmSpec, found: &[Evaluation]) -> Evaluations {
    let bucket_us = spec.window.microseconds();
    let mut answer =
        Evaluations { bucket_us, starts_us: vec![], counts: vec![], threshold: spec.threshold, states: vec![] };
    let fitting = found.iter().filter(|one| one.window.end_us - one.window.start_us == bucket_us);
    for one in fitting {
        let mut expected = answer.starts_us.last().map_or(one.window.start_us, |last| last + bucket_us);
        while expected < one.window.start_us && answer.starts_us.len() < 2 * found.len() + 1_000 {
            answer.starts_us.push(expected);
            answer.counts.push(None);
            expected += bucket_us;
        }
        answer.starts_us.push(one.window.start_us);
        answer.counts.push(one.count);
        if answer.states.last().is_none_or(|last| last.state != one.state) {
            let at = Timestamp::from_microsecond(one.window.end_us).unwrap_or_default();
            let reason = one.reason.clone().unwrap_or_default();
            answer.states.push(StateChange { at, state: one.state, reason });
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Window;

    #[test]
    fn holes_are_shown_and_not_counted_as_zero() {
        let spec: AlarmSpec = serde_json::from_value(serde_json::json!({
            "service": "component:default/payments", "query": "level:error", "window": "10s", "threshold": 5,
        }))
        .unwrap();
        let one = |start: i64, count, state| Evaluation {
            window: Window { start_us: start * 1_000_000, end_us: (start + 10) * 1_000_000 },
            count,
            state,
            reason: None,
        };
        let found =
            [one(0, Some(1), AlarmState::Ok), one(10, None, AlarmState::Unknown), one(40, Some(9), AlarmState::Firing)];
        let chart = chart(&spec, &found);
        assert_eq!(chart.counts, [Some(1), None, None, None, Some(9)]);
        assert_eq!(chart.starts_us.len(), 5);
        assert_eq!(chart.states.len(), 3);
    }
}
