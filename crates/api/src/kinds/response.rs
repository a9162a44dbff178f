//! Response: who is on call, whom an alert pages, and the incident that comes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::kinds::delivery::API_VERSION;
use crate::kinds::signals::Severity;
use crate::object::ObjectRef;
use crate::units::Span;

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $spec:ident, $status:ident) => {
        $(#[$doc])*
        pub struct $name;

        impl Kind for $name {
            type Spec = $spec;
            type Status = $status;
            const KIND: &'static str = stringify!($name);
            const API_VERSION: &'static str = API_VERSION;
        }
    };
}

kind!(
    /// The kind `Schedule`: who is on call when.
    Schedule, ScheduleSpec, NoStatus
);
kind!(
    /// The kind `EscalationPolicy`: whom an alert pages, in which order, after which delay.
    EscalationPolicy, EscalationPolicySpec, NoStatus
);
kind!(
    /// The kind `ContactMethod`: one way to reach one person.
    ContactMethod, ContactMethodSpec, ContactMethodStatus
);
kind!(
    /// The kind `Alert`: something that wants an answer, from first event to resolution.
    Alert, AlertSpec, AlertStatus
);
kind!(
    /// The kind `Incident`: what hurts customers, who answers, and what was done.
    Incident, IncidentSpec, IncidentStatus
);

/// The status of kinds that observe nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoStatus {}

/// A rotation in civil time: its boundaries are wall-clock times of its zone, so that summer time never moves a hand-off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleSpec {
    /// The group whose rotation it is.
    pub owner: String,
    /// The IANA time zone, for example `Europe/Berlin`.
    pub time_zone: String,
    /// The layers; the last one that has somebody wins.
    pub layers: Vec<Layer>,
    /// Exceptions: somebody else for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// One rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// The wall-clock time of the first hand-off.
    pub anchor: DateTime,
    /// The unit of a turn.
    #[serde(default)]
    pub every: TurnUnit,
    /// How many units a turn lasts.
    #[serde(default = "one")]
    pub count: u32,
    /// The users, in the order of their turns.
    pub members: Vec<String>,
    /// The hours of the week that the layer covers; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restrictions: Vec<Restriction>,
}

const fn one() -> u32 {
    1
}

/// The unit of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TurnUnit {
    /// Elapsed hours.
    Hour,
    /// Civil days.
    Day,
    /// Civil weeks.
    #[default]
    Week,
    /// Civil months, clamped to the month's end.
    Month,
}

/// A window of the week in which a layer covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restriction {
    /// The days it starts on: `monday` to `sunday`; every day when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// The wall-clock time it starts.
    pub start: Time,
    /// The wall-clock time it ends; at or before the start means the next day.
    pub end: Time,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Somebody else for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// Who is on call instead.
    pub user: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Whom an alert pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EscalationPolicySpec {
    /// The group whose policy it is; its services' alerts go here unless they say otherwise.
    pub owner: String,
    /// The steps, in order.
    pub steps: Vec<EscalationStep>,
    /// How often the steps start again when nobody answers.
    #[serde(default)]
    pub repeat: u32,
    /// After which time an acknowledged alert that is still open pages again; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_timeout: Option<Span>,
    /// Who is paged when nobody is on call at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catch_all: Vec<String>,
}

/// One step of an escalation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EscalationStep {
    /// Whom: `schedule:default/payments` or `user:default/maya`.
    pub targets: Vec<ObjectRef>,
    /// How long to wait for an answer before the next step.
    #[serde(default = "five_minutes")]
    pub wait: Span,
}

fn five_minutes() -> Span {
    Span::from_seconds(300)
}

/// One way to reach one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContactMethodSpec {
    /// Whom it reaches.
    pub user: String,
    /// How.
    pub channel: Channel,
    /// The mail address or the URL.
    pub target: String,
    /// The secret that signs webhook bodies (`X-Andon-Signature: sha256=…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How long after the page this method is used.
    #[serde(default)]
    pub delay: Span,
}

/// A channel of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Channel {
    /// Mail over SMTP.
    Email,
    /// A JSON body to a URL.
    Webhook,
    /// A body that Slack's incoming webhooks, and what is compatible with them, understand.
    Slack,
}

/// Whether a method has been seen to work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactMethodStatus {
    /// When a message was last accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_accepted_at: Option<Timestamp>,
    /// The last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// What wants an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertSpec {
    /// One line for people.
    pub title: String,
    /// Where it comes from: `alarm:default/payments-errors`, `prometheus`, `andon:default/andon-3`.
    pub source: String,
    /// The identity under which the source repeats itself.
    pub dedup_key: String,
    /// The component it speaks of, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ObjectRef>,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// The source's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The source's longer texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The escalation policy it follows, pinned at the trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_policy: Option<ObjectRef>,
}

/// How an alert stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatus {
    /// The state.
    pub state: AlertState,
    /// How many events it has had.
    pub event_count: i64,
    /// When the trouble started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// The step of the escalation that ran last, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// How often the steps have started again.
    #[serde(default)]
    pub round: u32,
    /// The round with which the escalation ends unless somebody answers.
    #[serde(default)]
    pub final_round: u32,
    /// Why nobody is being paged, where it wants an answer and nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// When the next step is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due_at: Option<Timestamp>,
    /// The incident it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<ObjectRef>,
    /// The pages that went out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<PageSummary>,
}

/// The states of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AlertState {
    /// Wants an answer.
    #[default]
    Triggered,
    /// Somebody is on it.
    Acknowledged,
    /// Over.
    Resolved,
}

/// One page of one person by one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageSummary {
    /// The id, also the idempotency key of its message.
    pub id: String,
    /// Whom.
    pub user: ObjectRef,
    /// How.
    pub channel: Channel,
    /// When it was due.
    pub due_at: Timestamp,
    /// How it stands.
    pub state: PageState,
    /// When the provider accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The states of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PageState {
    /// In the outbox.
    Pending,
    /// The provider has it.
    Accepted,
    /// Answered before it was sent.
    Cancelled,
    /// Given up.
    Failed,
}

/// What hurts customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncidentSpec {
    /// The symptom, not the cause.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// The components it hurts.
    pub services: Vec<ObjectRef>,
    /// Who commands: a user's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commander: Option<String>,
}

/// How an incident stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentStatus {
    /// The state.
    pub state: IncidentState,
    /// The alerts it gathers.
    #[serde(default)]
    pub alerts: Vec<ObjectRef>,
    /// The andons it gathers.
    #[serde(default)]
    pub andons: Vec<ObjectRef>,
    /// When customers began to be hurt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<Timestamp>,
    /// When somebody was on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When customers were no longer hurt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigated_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// The changes that may have caused it, most likely first.
    #[serde(default)]
    pub suspects: Vec<Suspect>,
    /// What happened, oldest first.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// The COE that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coe: Option<ObjectRef>,
}

/// The states of an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IncidentState {
    /// Nobody knows the cause.
    #[default]
    Investigating,
    /// The cause is known.
    Identified,
    /// Customers are no longer hurt.
    Mitigated,
    /// Over.
    Resolved,
}

/// A change that may have caused an incident, with the reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspect {
    /// The change.
    pub change: ObjectRef,
    /// How likely it is among the suspects, from 0 to 1.
    pub score: f64,
    /// Why, in words, strongest first.
    pub reasons: Vec<String>,
}

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What sort: `alarm`, `alert`, `page`, `acknowledge`, `change`, `andon`, `note`, `state`.
    pub entry_type: String,
    /// Who.
    pub actor: String,
    /// What, in words.
    pub text: String,
    /// The object it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The event it comes from, where it comes from the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}
