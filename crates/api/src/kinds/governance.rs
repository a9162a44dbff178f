//! Governance: policies in Rego, what they would have refused, and what they refuse.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::kinds::delivery::API_VERSION;
use crate::object::ObjectRef;

/// The kind `Policy`: a rule over changes, in Rego.
pub struct Policy;

impl Kind for Policy {
    type Spec = PolicySpec;
    type Status = PolicyStatus;
    const KIND: &'static str = "Policy";
    const API_VERSION: &'static str = API_VERSION;
}

/// A rule over changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// The group that owns it.
    pub owner: String,
    /// The Rego module; its `deny` rules (Conftest's convention) are the reasons to refuse.
    pub rego: String,
    /// Whether it refuses or only tells.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// The components it applies to, as references with `*` for any part; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// The COE it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<ObjectRef>,
    /// What to do when it refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether a policy refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Enforcement {
    /// It is tried, and refuses nothing.
    #[default]
    Trial,
    /// It refuses.
    Enforced,
}

/// What the engine knows of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// When it was last tried on past changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// How many past changes it was tried on.
    #[serde(default)]
    pub tried_count: i64,
    /// How many of them it would have refused.
    #[serde(default)]
    pub would_refuse_count: i64,
    /// How many it has refused.
    #[serde(default)]
    pub refused_count: i64,
    /// The change or scope it refused last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<String>,
}

/// The result of a trial over past changes (`POST /api/v1/policies/{name}/trial`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTrial {
    /// How many changes it was tried on.
    pub tried: i64,
    /// Those it would have refused, newest first.
    pub refused: Vec<TrialRefusal>,
    /// Those it could not judge, newest first.
    pub failed: Vec<TrialRefusal>,
    /// How many changes were left out because the trial reached its limit of time or number.
    #[serde(default)]
    pub skipped: i64,
}

/// One change that a policy would have refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrialRefusal {
    /// The change.
    pub change: ObjectRef,
    /// Its service.
    pub service: ObjectRef,
    /// When it reached customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The policy's words.
    pub reasons: Vec<String>,
}
