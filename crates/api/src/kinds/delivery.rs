//! Delivery: the change on its way to the customer, and the andon that stops the line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::object::ObjectRef;

/// The version of Andon's own kinds.
pub const API_VERSION: &str = "andon.dev/v1";

/// The kind `Change`: one thing on its way from commit to customer.
pub struct Change;

impl Kind for Change {
    type Spec = ChangeSpec;
    type Status = ChangeStatus;
    const KIND: &'static str = "Change";
    const API_VERSION: &'static str = API_VERSION;
}

/// What is changed, as recorded by whoever made the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeSpec {
    /// The component that is changed, for example `component:default/payments`.
    pub service: ObjectRef,
    /// The version that is brought, in the team's own words.
    pub version: String,
    /// The environment, for example `production`.
    #[serde(default = "production")]
    pub environment: String,
    /// What sort of change.
    #[serde(default)]
    pub change_type: ChangeType,
    /// The commit that is deployed, 40 hex digits where it is git's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The repository of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The version that a rollback leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_back: Option<ObjectRef>,
    /// Results of named tests: `passed`, `failed` or `missing`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, TestResult>,
}

fn production() -> String {
    "production".to_owned()
}

/// What sort of change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChangeType {
    /// A new version.
    #[default]
    Deploy,
    /// Back to an earlier version; never held by the andon.
    Rollback,
    /// Settings without a new version.
    Configuration,
    /// A feature flag.
    Flag,
}

/// The result of a named test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TestResult {
    /// It ran and passed.
    Passed,
    /// It ran and failed.
    Failed,
    /// It did not run.
    Missing,
}

/// The way of a change so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStatus {
    /// The outcome so far.
    pub outcome: Outcome,
    /// The stages, in the order of their start.
    pub stages: Vec<Stage>,
    /// How many commits came with it.
    pub commit_count: i64,
    /// Who wrote the commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// When the first of its commits was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_commit_at: Option<Timestamp>,
    /// When it reached the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<Timestamp>,
    /// From the first commit to the customer, in milliseconds; absent for rollbacks and the first deploy ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_value_ms: Option<i64>,
    /// The change that undid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_by: Option<ObjectRef>,
    /// The check that let it through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

/// How a change stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// On its way.
    #[default]
    InProgress,
    /// With the customer.
    Succeeded,
    /// It did not arrive.
    Failed,
    /// It arrived and was taken back.
    RolledBack,
}

/// One stage of the way of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The name: `commit`, `review`, `build`, `test`, `deploy` or `feature-on`.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// The wait before it since the stage before ended, in milliseconds.
    #[serde(default)]
    pub waited_ms: i64,
    /// Why it waited, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_reason: Option<String>,
}

/// The request to record a change (`POST /api/v1/changes`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordChange {
    /// What is changed.
    pub spec: ChangeSpec,
    /// The stages so far.
    #[serde(default)]
    pub stages: Vec<StageReport>,
    /// The outcome, where it is known.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// A key under which the same request, sent again, gives the same change.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// A stage as a deploy script reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageReport {
    /// The name: `commit`, `review`, `build`, `test`, `deploy` or `feature-on`.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Who did it.
    #[serde(default)]
    pub actor: Option<String>,
    /// Why it waited before.
    #[serde(default)]
    pub wait_reason: Option<String>,
}

/// The question whether a change may go (`POST /api/v1/check`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// The scope: a component, a system, or `*` for the whole line.
    pub scope: String,
    /// The environment.
    #[serde(default = "production")]
    pub environment: String,
    /// What sort of change.
    #[serde(default)]
    pub change_type: ChangeType,
    /// The version to be deployed.
    #[serde(default)]
    pub version: Option<String>,
    /// The commit to be deployed.
    #[serde(default)]
    pub commit: Option<String>,
    /// Results of named tests.
    #[serde(default)]
    pub tests: BTreeMap<String, TestResult>,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckAnswer {
    /// The id of the check, also of its event.
    pub id: String,
    /// Whether the change may go.
    pub allowed: bool,
    /// The scope that was checked, in canonical form.
    pub scope: String,
    /// Every reason against it; empty when it may go.
    pub reasons: Vec<Reason>,
    /// What was looked at, also when it passed.
    pub evaluated: Vec<String>,
}

/// One reason not to let a change go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The stable code, `DEL-0001` (andon), `DEL-0002` (policy) or `GOV-0002` (policy failed).
    pub code: String,
    /// What stands against it, in words.
    pub text: String,
    /// The object that refuses: an andon or a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The lesson it comes from: a COE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<ObjectRef>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The kind `Andon`: one pull of the cord, from pull to release.
pub struct Andon;

impl Kind for Andon {
    type Spec = AndonSpec;
    type Status = AndonStatus;
    const KIND: &'static str = "Andon";
    const API_VERSION: &'static str = API_VERSION;
}

/// What was stopped and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AndonSpec {
    /// The scope: a component's or system's reference, or `*`.
    pub scope: String,
    /// The words of whoever pulled.
    #[serde(default)]
    pub reason: String,
    /// Customers' case numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<String>,
    /// Who pulled it: a person or `system:alarms`.
    pub pulled_by: String,
    /// The alarm behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<ObjectRef>,
}

/// How a pull stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AndonStatus {
    /// The state.
    pub state: AndonState,
    /// Further pulls of the same scope while it was pulled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulls: Vec<Pull>,
    /// When it was pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled_at: Option<Timestamp>,
    /// When it was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// When it was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// Who released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_by: Option<String>,
    /// What was done against the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub countermeasure: Option<String>,
    /// The incident it led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<ObjectRef>,
}

/// The states of an andon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AndonState {
    /// The line is stopped.
    #[default]
    Pulled,
    /// The line is stopped and somebody is on it.
    Acknowledged,
    /// The line runs again.
    Released,
}

/// One pull among several of the same scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The customer's case number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
}

/// The request to pull the andon (`POST /api/v1/andons`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PullAndon {
    /// The scope: a component's name or reference, a system, or `*`.
    pub scope: String,
    /// What is wrong, in one's own words.
    #[serde(default)]
    pub reason: String,
    /// A customer's case number.
    #[serde(default)]
    pub case: Option<String>,
}

/// The request to release the andon (`POST /api/v1/andons/{name}/release`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseAndon {
    /// What was done against the cause.
    pub countermeasure: String,
}

/// A commit of an imported repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportedCommit {
    /// The id, 40 hex digits.
    pub sha: String,
    /// The parents' ids.
    #[serde(default)]
    pub parents: Vec<String>,
    /// The author's name.
    pub author: String,
    /// The author's mail address.
    #[serde(default)]
    pub email: String,
    /// When it was written.
    pub authored_at: Timestamp,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// The first line of its message.
    #[serde(default)]
    pub subject: String,
}

/// A tag or a deployment of an imported repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportedDeploy {
    /// The component's reference.
    pub service: String,
    /// The commit that was deployed.
    pub commit: String,
    /// The version.
    pub version: String,
    /// The environment.
    #[serde(default = "production")]
    pub environment: String,
    /// When it started; the end when absent.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it reached the customer.
    pub finished_at: Timestamp,
    /// Who deployed it.
    #[serde(default)]
    pub actor: Option<String>,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}
