//! Signals: alarms over telemetry.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::kinds::delivery::API_VERSION;
use crate::kinds::response::NoStatus;
use crate::object::ObjectRef;
use crate::units::Span;

/// The kind `Alarm`: a question asked of closed windows of received time, and the answer that alarms.
pub struct Alarm;

impl Kind for Alarm {
    type Spec = AlarmSpec;
    type Status = AlarmStatus;
    const KIND: &'static str = "Alarm";
    const API_VERSION: &'static str = API_VERSION;
}

/// What an alarm watches and what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlarmSpec {
    /// The component it speaks of.
    pub service: ObjectRef,
    /// The log query, in the search's own syntax, for example `service:payments AND level:error`.
    pub query: String,
    /// The length of a window of received time.
    pub window: Span,
    /// How the count of matching lines is compared.
    #[serde(default)]
    pub comparison: Comparison,
    /// The count to compare with.
    pub threshold: f64,
    /// How many windows in a row must breach before it fires.
    #[serde(default = "one")]
    pub breaching_windows: u32,
    /// How many windows in a row must be fine before it resolves.
    #[serde(default = "two")]
    pub clear_windows: u32,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// Whether it pulls the andon on its service.
    #[serde(default)]
    pub pulls_andon: bool,
    /// Whom it pages; the service's owner's policy when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_policy: Option<String>,
    /// What to do about it: a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// What customers see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_symptom: Option<String>,
}

const fn one() -> u32 {
    1
}

const fn two() -> u32 {
    2
}

/// How a count is compared with the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Comparison {
    /// More than the threshold breaches.
    #[default]
    Above,
    /// Fewer than the threshold breaches.
    Below,
}

/// How bad something is, as responders count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Customers cannot use the product.
    Sev1,
    /// Customers are hurt.
    #[default]
    Sev2,
    /// Customers notice.
    Sev3,
    /// Nobody notices yet.
    Sev4,
    /// To know of.
    Sev5,
}

/// What the last evaluation said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlarmStatus {
    /// The state.
    pub state: AlarmState,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What was seen, in words.
    #[serde(default)]
    pub reason: String,
    /// The count of the window that led to the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// When it last fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fired_at: Option<Timestamp>,
    /// How often it has fired.
    #[serde(default)]
    pub fired_count: i64,
}

/// The states of an alarm. Incomplete data is `unknown`, never `ok`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AlarmState {
    /// Not evaluated yet, or its data is incomplete.
    #[default]
    Unknown,
    /// Fine.
    Ok,
    /// Breached.
    Firing,
}

/// The kind `SavedSearch`: a search of the logs under a name, to be opened again and shared.
pub struct SavedSearch;

impl Kind for SavedSearch {
    type Spec = SavedSearchSpec;
    type Status = NoStatus;
    const KIND: &'static str = "SavedSearch";
    const API_VERSION: &'static str = API_VERSION;
}

/// What a saved search looks for and how it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedSearchSpec {
    /// What people call it.
    pub title: String,
    /// The log query, in the search's own syntax, for example `service:payments AND level:error`; all lines when empty.
    pub query: String,
    /// Start of the time range: an RFC 3339 time, or an age such as `1h`; the explorer's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// End of the time range: an RFC 3339 time or an age; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The fields that are shown beside time and message, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Which lines come first.
    #[serde(default)]
    pub order: SearchOrder,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Which lines come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SearchOrder {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
}
