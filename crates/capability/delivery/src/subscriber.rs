//! An alarm that fires pulls the andon on its service, where it says so.

use andon_api::event::Actor;
use andon_api::kinds::delivery::PullAndon;
use andon_api::kinds::signals::{AlarmSpec, AlarmStatus};
use andon_api::{AnyObject, Event, Problem};
use andon_module::{BoxFuture, Subscriber, World};
use andon_objects::Tx;

use crate::andon::Puller;
use crate::limits::WORDS_BYTES_MAX;
use crate::import::cut;
use crate::line_stop;
use crate::recorder::Origin;
use crate::scope::ScopeName;

/// Pulls the andon when an alarm fires.
pub(crate) struct AlarmPulls;

impl Subscriber for AlarmPulls {
    fn name(&self) -> &'static str {
        "delivery-alarm-pulls-andon"
    }

    fn actions(&self) -> &'static [&'static str] {
        &["alarm.fired"]
    }

    fn handle<'a>(&'a self, _world: &'a World, tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let Some(reference) = event.object.as_ref().filter(|object| object.kind() == "alarm") else {
                return Ok(());
            };
            let Some(alarm) = tx.get(reference).await? else { return Ok(()) };
            let Some((scope, command)) = pull_of(&alarm) else { return Ok(()) };
            let puller = Puller { by: "system:alarms".to_owned(), alarm: Some(reference.clone()) };
            let rules = vec!["alarms-may-stop-the-line".to_owned()];
            let origin = Origin { actor: Actor::system("alarms"), rules };
            line_stop::pull(tx, &scope, &command, &puller, &origin).await.map(|_| ())
        })
    }
}

/// Decides whether, and how, an alarm pulls the andon; an alarm that cannot be read pulls nothing.
fn pull_of(alarm: &AnyObject) -> Option<(ScopeName, PullAndon)> {
    let spec: AlarmSpec = alarm.spec_as().ok()?;
    if !spec.pulls_andon {
        return None;
    }
    let status: AlarmStatus = alarm.status_as().unwrap_or_default();
    let title = alarm.metadata.title.as_deref().unwrap_or(&alarm.metadata.name);
    let mut reason = match status.reason.trim() {
        "" => format!("{title}."),
        seen => format!("{title}: {seen}"),
    };
    cut(&mut reason, WORDS_BYTES_MAX);
    let scope = ScopeName::parse(&spec.service.to_string()).ok()?;
    Some((scope, PullAndon { scope: spec.service.to_string(), reason, case: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alarm(pulls: bool) -> AnyObject {
        serde_json::from_value(json!({
            "apiVersion": "andon.dev/v1", "kind": "Alarm", "metadata": {"name": "payments-errors", "title": "Payments fails"},
            "spec": {"service": "component:default/payments", "query": "level:error", "window": "10s", "threshold": 2,
                     "pullsAndon": pulls},
            "status": {"state": "firing", "reason": "7 lines in 10s", "firedCount": 1}
        }))
        .unwrap()
    }

    #[test]
    fn an_alarm_pulls_on_its_service_with_what_it_saw() {
        let (scope, command) = pull_of(&alarm(true)).unwrap();
        assert_eq!(scope.to_string(), "component:default/payments");
        assert_eq!(command.reason, "Payments fails: 7 lines in 10s");
    }

    #[test]
    fn an_alarm_that_does_not_say_so_pulls_nothing() {
        assert!(pull_of(&alarm(false)).is_none());
    }
}
