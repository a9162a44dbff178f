//! What the ledger says: who did what to which object, from where, allowed by which rule.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object::ObjectRef;

/// Who acted, and the person behind it where a program acted for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The principal, for example `user:default/maya`, `token:ci`, `system:alarms` or `anonymous`.
    pub principal: String,
    /// The person on whose behalf a token or a program acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// The address or room the call came from, for example `127.0.0.1` or `controller`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
}

impl Actor {
    /// Names a part of Andon as the actor, for example `system:alarms`.
    pub fn system(room: &str) -> Self {
        Self { principal: format!("system:{room}"), on_behalf_of: None, origin: "controller".to_owned() }
    }
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The gapless number of the event; order of numbers is order of commits.
    pub sequence: i64,
    /// The identity of the event, also the idempotency key of whoever handles it.
    pub id: String,
    /// When it was committed, on the database's clock.
    pub at: Timestamp,
    /// Who acted.
    pub actor: Actor,
    /// What happened: `<noun>.<past tense>`, for example `change.recorded`; refusals end in `.refused`.
    pub action: String,
    /// The object it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The object's version after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The rules that allowed (or refused) it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What changed, or the facts of the refusal; absent when erased for privacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The hash of this event, hex SHA-256 over the previous hash and this entry.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}
