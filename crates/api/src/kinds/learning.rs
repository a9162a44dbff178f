//! Learning: the correction of errors, its actions with verifiers, the weekly review, the mechanisms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::Kind;
use crate::kinds::delivery::API_VERSION;
use crate::kinds::response::{NoStatus, TimelineEntry};
use crate::kinds::signals::Severity;
use crate::object::ObjectRef;

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $text:literal, $spec:ident, $status:ident) => {
        $(#[$doc])*
        pub struct $name;

        impl Kind for $name {
            type Spec = $spec;
            type Status = $status;
            const KIND: &'static str = $text;
            const API_VERSION: &'static str = API_VERSION;
        }
    };
}

kind!(
    /// The kind `COE`: the correction of errors after an incident.
    Coe, "COE", CoeSpec, CoeStatus
);
kind!(
    /// The kind `Action`: a corrective action that its verifier alone can close.
    Action, "Action", ActionSpec, ActionStatus
);
kind!(
    /// The kind `Review`: the frozen pack of one week for one group.
    Review, "Review", ReviewSpec, ReviewStatus
);
kind!(
    /// The kind `Mechanism`: a tool, its adoption and its inspection.
    Mechanism, "Mechanism", MechanismSpec, NoStatus
);

/// What people write in a COE.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoeSpec {
    /// The symptom, not the cause.
    pub title: String,
    /// The incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<ObjectRef>,
    /// The andon it comes from, where the andon led to no incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub andon: Option<ObjectRef>,
    /// The group that owns it.
    pub owner: String,
    /// How bad it was.
    #[serde(default)]
    pub severity: Severity,
    /// At most 150 words that anyone can read: what customers saw, how long, why, what changes.
    #[serde(default)]
    pub summary: String,
    /// What the impact was in words and money, or `unknown, because …`.
    #[serde(default)]
    pub impact_note: String,
    /// What would have halved the time to detect.
    #[serde(default)]
    pub detection: String,
    /// What would have halved the time to diagnose.
    #[serde(default)]
    pub diagnosis: String,
    /// What would have halved the time to mitigate.
    #[serde(default)]
    pub mitigation: String,
    /// The chain of whys; several branches are possible.
    #[serde(default)]
    pub factors: Vec<Factor>,
    /// The general rules that follow.
    #[serde(default)]
    pub lessons: Vec<String>,
    /// What went well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub went_well: Vec<String>,
    /// What went badly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub went_badly: Vec<String>,
    /// Where there was luck.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lucky: Vec<String>,
}

/// A contributing factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Factor {
    /// The chain of answers to "why?", the first nearest to the symptom.
    pub whys: Vec<String>,
    /// What sort: `change`, `capacity`, `dependency`, `configuration`, `interface`, `monitoring` or `process`.
    pub category: String,
    /// What shows it: a link to data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// What the machine fills in, and how the COE stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoeStatus {
    /// The state.
    pub state: CoeState,
    /// The timeline of the incident.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// The impact in numbers.
    #[serde(default)]
    pub impact: Impact,
    /// The graph of the symptom with the alarm's threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Graph>,
    /// The change that most likely caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ObjectRef>,
    /// Earlier COEs with the same factors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<ObjectRef>,
    /// The version of the incident that the machine filled it from; 0 when it has none.
    #[serde(default)]
    pub incident_version: i64,
    /// What is still missing before it can be published.
    #[serde(default)]
    pub open_gates: Vec<String>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
}

/// The states of a COE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CoeState {
    /// People write it.
    #[default]
    Draft,
    /// Others read it.
    InReview,
    /// It stands; its actions are open.
    Published,
    /// Every action is verified.
    Verified,
}

/// The impact of an incident in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How long customers were hurt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// How many lines matched the alarm in that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_lines: Option<i64>,
    /// From start to detection, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_detect_ms: Option<i64>,
    /// From detection to acknowledgement, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_acknowledge_ms: Option<i64>,
    /// From detection to mitigation, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_mitigate_ms: Option<i64>,
    /// The customers' cases that were named.
    #[serde(default)]
    pub cases: Vec<String>,
    /// The components that were hurt or depend on one that was.
    #[serde(default)]
    pub services: Vec<ObjectRef>,
}

/// A graph kept with the record, so that it can be read when the lines are gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// The query behind it.
    pub query: String,
    /// The length of a bucket in microseconds.
    pub bucket_us: i64,
    /// The start of each bucket, microseconds since the epoch.
    pub starts_us: Vec<i64>,
    /// The count of each bucket.
    pub counts: Vec<i64>,
    /// The alarm's threshold per bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// A corrective action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionSpec {
    /// What will be done.
    pub title: String,
    /// The COE it comes from.
    pub coe: ObjectRef,
    /// What it is for.
    #[serde(default)]
    pub purpose: ActionPurpose,
    /// Who does it: a user's reference.
    pub owner: String,
    /// Until when.
    pub due: Date,
    /// What proves it done.
    pub verifier: Verifier,
}

/// What an action is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActionPurpose {
    /// It cannot happen again.
    #[default]
    Prevent,
    /// It is noticed sooner.
    Detect,
    /// It hurts less.
    Mitigate,
}

/// What proves an action done; it is run again every night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type", deny_unknown_fields)]
pub enum Verifier {
    /// The policy exists, is enforced, compiles, and cites the COE of the action.
    PolicyEnforced {
        /// The policy's name.
        policy: String,
    },
    /// The policy has refused at least one change of another team than the COE's.
    PolicyRefused {
        /// The policy's name.
        policy: String,
    },
    /// The alarm exists, is not unknown, and has fired at least once.
    AlarmFired {
        /// The alarm's name.
        alarm: String,
    },
    /// The latest change of the service carries this test as passed.
    TestPassed {
        /// The component.
        service: ObjectRef,
        /// The test's name.
        test: String,
    },
}

/// How an action stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionStatus {
    /// The state.
    pub state: ActionState,
    /// What the verifier saw last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// When the verifier ran last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// How often it was opened again because its verifier no longer passed.
    #[serde(default)]
    pub reopened: i64,
}

/// The states of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActionState {
    /// To be done.
    #[default]
    Open,
    /// Its verifier passes.
    Verified,
}

/// The week and the group of a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewSpec {
    /// The Monday of the week.
    pub week: Date,
    /// The group it is held for.
    pub group: ObjectRef,
}

/// The frozen pack and what the meeting decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewStatus {
    /// When the pack was frozen; absent while it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_at: Option<Timestamp>,
    /// The digest of the frozen pack, hex SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_digest: Option<String>,
    /// The frozen pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<ReviewPack>,
    /// The draw of the wheel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<WheelDraw>,
}

/// The numbers of one week, rolled up team -> group -> company.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewPack {
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// One row per group, the root first, children after their parent.
    pub rows: Vec<ReviewRow>,
    /// Adoption per mechanism and team.
    pub adoption: Vec<Adoption>,
    /// Actions past their date.
    pub overdue_actions: Vec<ObjectRef>,
    /// COEs opened or still open.
    pub coes: Vec<ObjectRef>,
    /// Incidents of the week.
    pub incidents: Vec<ObjectRef>,
}

/// The numbers of one group in one week: sums, never averages of averages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewRow {
    /// The group.
    pub group: String,
    /// The group above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How deep it is, 0 for the company.
    pub depth: u32,
    /// Changes that reached customers.
    pub changes: i64,
    /// Of these, rolled back.
    pub rollbacks: i64,
    /// The median time to value in milliseconds, over all changes below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_value_p50_ms: Option<i64>,
    /// The 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_value_p90_ms: Option<i64>,
    /// Pages that went out.
    pub pages: i64,
    /// Incidents.
    pub incidents: i64,
    /// Andon pulls.
    pub andon_pulls: i64,
    /// COEs that are not verified.
    pub open_coes: i64,
    /// Actions past their date.
    pub overdue_actions: i64,
    /// Changes that a policy or an andon refused.
    pub refusals: i64,
}

/// How far a team has adopted a mechanism.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// The mechanism's name.
    pub mechanism: String,
    /// The team.
    pub group: String,
    /// How many have adopted it.
    pub adopters: i64,
    /// Of how many.
    pub population: i64,
}

/// A draw of the wheel that anyone can check: seed, weights and result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WheelDraw {
    /// The hex SHA-256 over the previous draw's seed and the digest of the frozen pack.
    pub seed: String,
    /// The previous draw's seed; empty for the first draw.
    #[serde(default)]
    pub previous_seed: String,
    /// The weight of each team, by name.
    pub weights: BTreeMap<String, f64>,
    /// The team that presents.
    pub team: String,
    /// Why, where a rule and not the draw decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// When it was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn_at: Option<Timestamp>,
}

/// The request to freeze a review (`POST /api/v1/reviews`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FreezeReview {
    /// Any day of the week.
    pub week: Date,
    /// The group it is held for; the company when absent.
    #[serde(default)]
    pub group: Option<String>,
}

/// Whether a frozen review is what was frozen (`GET /api/v1/reviews/{name}/verify`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewVerification {
    /// Whether the digest is the pack's.
    pub pack_ok: bool,
    /// Whether the draw follows from the pack and the previous draw; absent before the spin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw_ok: Option<bool>,
}

/// The request to move a COE on (`POST /api/v1/coes/{name}/state`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveCoe {
    /// The state to move to: `inReview`, `published`, or back to `draft`.
    pub state: CoeState,
}

/// The chain from a change to the review of its lesson (`GET /api/v1/trace/{plural}/{name}`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// Whether no hop is missing.
    pub complete: bool,
    /// The hops in order; a hop with several objects is there several times.
    pub hops: Vec<Hop>,
}

/// One hop of a trace: the object, or what is missing and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// `change`, `alarm`, `alert`, `andon`, `incident`, `coe`, `action`, `policy`, `refusal` or `review`.
    pub name: String,
    /// The object; for a refusal, the scope that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// What it says, in one line.
    pub title: String,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The event, for a hop that is no object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What is missing and what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Whether anything is wrong, what changed, and what waits for the caller (`GET /api/v1/home`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    /// What is wrong now, the worst first.
    pub wrong: Vec<Wrong>,
    /// The newest changes.
    pub changed: Vec<crate::object::AnyObject>,
    /// What waits for the caller, the most urgent first.
    pub waiting: Vec<Waiting>,
    /// Time to value of the last 30 days.
    pub time_to_value: TimeToValue,
    /// Who is on call now; absent where the server does not know schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call: Option<Vec<OnCallTurn>>,
}

/// Who holds one schedule now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnCallTurn {
    /// The schedule.
    pub schedule: ObjectRef,
    /// The group whose schedule it is.
    pub owner: String,
    /// Who; absent when nobody is on call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ObjectRef>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Wrong {
    /// How it is shown.
    pub state: WrongState,
    /// What it is, in one line.
    pub title: String,
    /// The object.
    pub object: ObjectRef,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// How something wrong is shown, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WrongState {
    /// The line is stopped, or customers are hurt.
    Stopped,
    /// Something needs a look.
    Warning,
    /// Nobody knows, because data is missing.
    Unknown,
}

/// Something that waits for the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// What it is, in one line.
    pub title: String,
    /// The object.
    pub object: ObjectRef,
    /// The kind of the object.
    pub kind: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// The median time to value over a number of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeToValue {
    /// The median in milliseconds; absent without changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<i64>,
    /// Over how many changes.
    pub count: i64,
}

/// A mechanism: a tool, its adoption and its inspection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MechanismSpec {
    /// What it is for.
    pub purpose: String,
    /// The group that owns it.
    pub owner: String,
    /// What it turns into what.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// How adoption is counted.
    pub adoption: AdoptionMeasure,
    /// The share that should have adopted it, from 0 to 1.
    #[serde(default = "all")]
    pub target: f64,
    /// Further facts for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Value>,
}

const fn all() -> f64 {
    1.0
}

/// How adoption of a mechanism is counted, per team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AdoptionMeasure {
    /// Services whose changes are recorded, of all services.
    ChangesRecorded,
    /// Services with an alarm, of all services.
    AlarmPerService,
    /// Teams with somebody on call, of all teams with services.
    OnCallCovered,
    /// Incidents of severity 1 and 2 with a COE, of all such incidents.
    CoePerIncident,
    /// Actions with a verifier that has run, of all actions.
    ActionsVerified,
    /// Andon pulls that were answered within five minutes, of all pulls.
    AndonAnswered,
}
