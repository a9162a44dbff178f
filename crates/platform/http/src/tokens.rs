//! Tokens over HTTP, and the questions "who am I" and "who may what".

use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_auth::{Caller, NewToken, Target, Tokens};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The request to make a token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateToken {
    /// Whose token it is: a user's reference.
    #[serde(default)]
    user: Option<String>,
    /// What it may do.
    roles: Vec<String>,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// After which time it ends, for example `90d`.
    #[serde(default)]
    expires_in: Option<andon_api::units::Span>,
}

/// The question whether somebody may do something.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CanRequest {
    /// The permission, for example `andon.release`.
    permission: String,
    /// The roles to ask for; the caller's own when absent.
    #[serde(default)]
    roles: Option<Vec<String>>,
    /// The object it is about.
    #[serde(default)]
    object: Option<ObjectRef>,
    /// The group that owns the object.
    #[serde(default)]
    owner: Option<ObjectRef>,
}

/// The rows of tokens.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/me", "read_me")
            .permission("self.read")
            .summary("Tells who calls, with which roles and in which groups.")
            .handle(me),
        Endpoint::post("/api/v1/tokens", "create_token")
            .permission("token.write")
            .event("token.created")
            .summary("Makes a token; its text is given once.")
            .request::<CreateToken>()
            .handle(create),
        Endpoint::get("/api/v1/tokens", "list_tokens")
            .permission("token.write")
            .summary("Lists tokens, never their texts.")
            .handle(list),
        Endpoint::delete("/api/v1/tokens/{id}", "revoke_token")
            .permission("token.write")
            .event("token.revoked")
            .summary("Ends a token and the sessions opened with it.")
            .handle(revoke),
        Endpoint::post("/api/v1/can", "can")
            .permission("self.read")
            .summary("Tells whether a call would be allowed, and by which rule.")
            .request::<CanRequest>()
            .handle(can),
    ]
}

/// The permissions that the UI asks about.
const SHOWN_PERMISSIONS: [&str; 14] = [
    "object.read", "object.write", "object.delete", "change.record", "andon.pull", "andon.release", "alert.acknowledge",
    "incident.write", "coe.write", "action.write", "policy.try", "audit.read", "telemetry.read", "token.write",
];

fn me(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let caller = &call.caller;
        let mut permissions = Vec::new();
        for permission in SHOWN_PERMISSIONS {
            if world.authorizer.decide(caller, permission, &Target::default())?.allowed {
                permissions.push(permission);
            }
        }
        Reply::json(&json!({
            "principal": caller.actor.principal,
            "user": caller.user,
            "roles": caller.roles,
            "groups": caller.groups,
            "permissions": permissions,
            "demo": world.settings.demo,
            "instance": {"version": env!("CARGO_PKG_VERSION")},
        }))
    })
}

fn create(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted: CreateToken = call.json()?;
        let user = wanted.user.as_deref().map(|text| ObjectRef::parse(text, Some("user"), "default")).transpose()?;
        let expires_at = wanted
            .expires_in
            .map(|age| world.now().checked_add(jiff::SignedDuration::from_millis(age.milliseconds())))
            .transpose()
            .map_err(Problem::internal)?;
        let new = NewToken { user, roles: wanted.roles, description: wanted.description, expires_at };
        let (token, id) = Tokens::new(world.store.clone()).create(new, call.event("token.created")).await?;
        Reply::created(&json!({"token": token, "id": id}))
    })
}

fn list(world: World, _call: Call) -> Answer {
    Box::pin(async move { Reply::json(&json!({"items": Tokens::new(world.store.clone()).list().await?})) })
}

fn revoke(world: World, call: Call) -> Answer {
    Box::pin(async move {
        Tokens::new(world.store.clone()).revoke(call.path("id"), call.event("token.revoked")).await?;
        Ok(Reply::nothing())
    })
}

fn can(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let asked: CanRequest = call.json()?;
        if asked.permission.len() > 100 {
            return Err(Problem::new(ErrorCode::RequestInvalid, "A permission is at most 100 bytes long."));
        }
        let caller = match asked.roles {
            Some(roles) => Caller { roles, ..call.caller.clone() },
            None => call.caller.clone(),
        };
        let target = Target { object: asked.object, owner: asked.owner };
        let decision = world.authorizer.decide(&caller, &asked.permission, &target)?;
        Reply::json(&json!({"allowed": decision.allowed, "rules": decision.rules}))
    })
}
