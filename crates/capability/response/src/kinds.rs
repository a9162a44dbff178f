//! What is known of the five kinds of response.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::delivery::API_VERSION;
use andon_api::kinds::response::{
    Alert, Channel, ContactMethod, ContactMethodSpec, EscalationPolicy, EscalationPolicySpec, Incident, Schedule,
    ScheduleSpec,
};
use andon_api::object::AnyObject;

use crate::limits::{
    ACKNOWLEDGE_TIMEOUT_MIN_MS, CONTACT_DELAY_MAX_MS, REPEAT_MAX, STEPS_MAX, TARGET_BYTES, TARGETS_MAX, WAIT_MAX_MS,
    WAIT_MIN_MS,
};
use crate::oncall::{Rota, user_reference};

const fn text(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Text }
}

const fn time(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Time }
}

const fn column(title: &'static str, pointer: &'static str) -> ListColumn {
    ListColumn { title, pointer }
}

const fn reference(pointer: &'static str, default_kind: &'static str, required: bool) -> ReferenceField {
    ReferenceField { pointer, default_kind, required }
}

const SCHEDULE: KindInfo = KindInfo {
    kind: Schedule::KIND,
    plural: "schedules",
    api_version: API_VERSION,
    capability: "response",
    nature: Nature::Resource,
    prefix: "",
    summary: "Who is on call when: rotations in civil time, restrictions, overrides.",
    indexed: &[text("owner", "/spec/owner"), text("time_zone", "/spec/timeZone")],
    columns: &[column("Name", "/metadata/name"), column("Owner", "/spec/owner"), column("Time zone", "/spec/timeZone")],
    references: &[
        reference("/spec/owner", "Group", true),
        // A hand-off to somebody who does not exist would be found out at night.
        reference("/spec/layers/*/members", "User", true),
        reference("/spec/overrides/*/user", "User", true),
    ],
    secrets: &[],
    example: include_str!("examples/schedule.yaml"),
    open: false,
    schema: Schedule::schema,
    check: check_schedule,
};

const ESCALATION_POLICY: KindInfo = KindInfo {
    kind: EscalationPolicy::KIND,
    plural: "escalation-policies",
    summary: "Whom an alert pages, in which order, after which delay.",
    indexed: &[text("owner", "/spec/owner")],
    columns: &[column("Name", "/metadata/name"), column("Owner", "/spec/owner"), column("Repeat", "/spec/repeat")],
    references: &[
        reference("/spec/owner", "Group", true),
        reference("/spec/steps/*/targets", "User", true),
        reference("/spec/catchAll", "User", true),
    ],
    example: include_str!("examples/escalation_policy.yaml"),
    schema: EscalationPolicy::schema,
    check: check_policy,
    ..SCHEDULE
};

const CONTACT_METHOD: KindInfo = KindInfo {
    kind: ContactMethod::KIND,
    plural: "contact-methods",
    summary: "One way to reach one person.",
    indexed: &[text("user", "/spec/user"), text("channel", "/spec/channel")],
    columns: &[
        column("Name", "/metadata/name"),
        column("User", "/spec/user"),
        column("Channel", "/spec/channel"),
        column("Target", "/spec/target"),
        column("Last accepted", "/status/lastAcceptedAt"),
        column("Last failure", "/status/lastFailure"),
    ],
    references: &[reference("/spec/user", "User", true)],
    secrets: &["/spec/secret"],
    example: include_str!("examples/contact_method.yaml"),
    schema: ContactMethod::schema,
    check: check_contact,
    ..SCHEDULE
};

const ALERT: KindInfo = KindInfo {
    kind: Alert::KIND,
    plural: "alerts",
    nature: Nature::Record,
    prefix: "alt",
    summary: "Something that wants an answer, from first event to resolution.",
    indexed: &[
        text("state", "/status/state"),
        text("service", "/spec/service"),
        text("severity", "/spec/severity"),
        text("source", "/spec/source"),
        text("incident", "/status/incident"),
        time("started_at", "/status/startedAt"),
        time("next_due_at", "/status/nextDueAt"),
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Title", "/spec/title"),
        column("State", "/status/state"),
        column("Severity", "/spec/severity"),
        column("Service", "/spec/service"),
        column("Started", "/status/startedAt"),
        column("Acknowledged by", "/status/acknowledgedBy"),
    ],
    references: &[
        reference("/spec/service", "Component", false),
        reference("/spec/escalationPolicy", "EscalationPolicy", false),
    ],
    example: include_str!("examples/alert.yaml"),
    schema: Alert::schema,
    check: Alert::fits,
    ..SCHEDULE
};

const INCIDENT: KindInfo = KindInfo {
    kind: Incident::KIND,
    plural: "incidents",
    nature: Nature::Record,
    prefix: "inc",
    summary: "What hurts customers, who answers, and what was done.",
    indexed: &[
        text("state", "/status/state"),
        text("severity", "/spec/severity"),
        text("commander", "/spec/commander"),
        time("started_at", "/status/startedAt"),
        time("resolved_at", "/status/resolvedAt"),
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Title", "/spec/title"),
        column("State", "/status/state"),
        column("Severity", "/spec/severity"),
        column("Started", "/status/startedAt"),
        column("Commander", "/spec/commander"),
    ],
    references: &[reference("/spec/services", "Component", false), reference("/spec/commander", "User", false)],
    example: include_str!("examples/incident.yaml"),
    schema: Incident::schema,
    check: Incident::fits,
    ..SCHEDULE
};

/// Lists the kinds of response.
pub(crate) fn kinds() -> Vec<KindInfo> {
    vec![SCHEDULE, ESCALATION_POLICY, CONTACT_METHOD, ALERT, INCIDENT]
}

fn refuse(place: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::ObjectInvalid, detail).place(place)
}

fn check_schedule(object: &AnyObject) -> Result<(), Problem> {
    Rota::compile(&object.spec_as::<ScheduleSpec>()?).map(|_| ())
}

fn check_policy(object: &AnyObject) -> Result<(), Problem> {
    let spec: EscalationPolicySpec = object.spec_as()?;
    if spec.steps.is_empty() || spec.steps.len() > STEPS_MAX {
        return Err(refuse("spec.steps", format!("There are {} steps; write 1 to {STEPS_MAX}.", spec.steps.len())));
    }
    for (index, step) in spec.steps.iter().enumerate() {
        let place = |field: &str| format!("spec.steps[{index}].{field}");
        if step.targets.is_empty() || step.targets.len() > TARGETS_MAX {
            return Err(refuse(place("targets"), format!("A step has 1 to {TARGETS_MAX} targets.")));
        }
        if let Some(other) = step.targets.iter().find(|target| !matches!(target.kind(), "schedule" | "user")) {
            return Err(refuse(place("targets"), format!("`{other}` is neither a schedule nor a user.")));
        }
        if !(WAIT_MIN_MS..=WAIT_MAX_MS).contains(&step.wait.milliseconds()) {
            return Err(refuse(place("wait"), format!("The wait is {}; it must be between 10s and 1d.", step.wait)));
        }
    }
    if spec.repeat > REPEAT_MAX {
        return Err(refuse("spec.repeat", format!("The steps start again at most {REPEAT_MAX} times.")));
    }
    if spec.acknowledge_timeout.is_some_and(|wait| wait.milliseconds() < ACKNOWLEDGE_TIMEOUT_MIN_MS) {
        return Err(refuse("spec.acknowledgeTimeout", "The time to end an acknowledged alert is at least 1m."));
    }
    if spec.catch_all.len() > TARGETS_MAX {
        return Err(refuse("spec.catchAll", format!("At most {TARGETS_MAX} people are paged at the end.")));
    }
    spec.catch_all
        .iter()
        .try_for_each(|user| user_reference(user).map(|_| ()).map_err(|problem| problem.place("spec.catchAll")))
}

fn check_contact(object: &AnyObject) -> Result<(), Problem> {
    let spec: ContactMethodSpec = object.spec_as()?;
    user_reference(&spec.user).map_err(|problem| problem.place("spec.user"))?;
    if spec.target.len() > TARGET_BYTES || spec.target.chars().any(char::is_control) {
        return Err(refuse(
            "spec.target",
            format!("The target has more than {TARGET_BYTES} bytes or control characters."),
        ));
    }
    let fits = match spec.channel {
        Channel::Email => {
            spec.target.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        }
        Channel::Webhook | Channel::Slack => spec.target.starts_with("https://") || spec.target.starts_with("http://"),
    };
    if !fits {
        let wanted = if spec.channel == Channel::Email { "a mail address" } else { "an http or https URL" };
        return Err(refuse("spec.target", format!("`{}` is not {wanted}.", spec.target)));
    }
    if spec.delay.milliseconds() > CONTACT_DELAY_MAX_MS {
        return Err(refuse("spec.delay", "A method is used at most 1h after the page."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, spec: serde_json::Value) -> AnyObject {
        serde_json::from_value(
            json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "x"}, "spec": spec}),
        )
        .unwrap()
    }

    fn place(result: Result<(), Problem>) -> String {
        result.unwrap_err().place.unwrap_or_default()
    }

    #[test]
    fn a_policy_that_would_page_nobody_or_at_once_everybody_is_refused() {
        let policy = |spec| check_policy(&object("EscalationPolicy", spec));
        let step = json!({"targets": ["user:default/maya"]});
        policy(json!({"owner": "a", "steps": [step]})).unwrap();
        assert_eq!(place(policy(json!({"owner": "a", "steps": []}))), "spec.steps");
        assert_eq!(place(policy(json!({"owner": "a", "steps": [{"targets": []}]}))), "spec.steps[0].targets");
        assert_eq!(
            place(policy(json!({"owner": "a", "steps": [{"targets": ["group:default/a"]}]}))),
            "spec.steps[0].targets"
        );
        assert_eq!(
            place(policy(json!({"owner": "a", "steps": [{"targets": ["user:a/b"], "wait": "1s"}]}))),
            "spec.steps[0].wait"
        );
        assert_eq!(place(policy(json!({"owner": "a", "steps": [step], "catchAll": ["group:a"]}))), "spec.catchAll");
    }

    #[test]
    fn a_contact_method_that_cannot_work_is_refused() {
        let method = |channel: &str, target: &str| {
            check_contact(&object("ContactMethod", json!({"user": "maya", "channel": channel, "target": target})))
        };
        method("email", "maya@example.org").unwrap();
        method("webhook", "https://example.org/hook").unwrap();
        for (channel, target) in [
            ("email", "maya"),
            ("webhook", "example.org"),
            ("slack", "ftp://example.org"),
            ("email", "a@b\r\nBcc: x@y"),
        ] {
            assert_eq!(place(method(channel, target)), "spec.target", "{target}");
        }
    }
}
