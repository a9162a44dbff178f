//! Tokens and sessions: random, stored as a digest, revocable, expiring.

use andon_api::event::Actor;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_objects::{Arg, EventDraft, Migration, Priority, Row, Store};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{Caller, ROLES};

/// The tables of this room.
pub const MIGRATIONS: &[Migration] = &[Migration {
    id: "auth-0001-token",
    sql: "CREATE TABLE token (
            id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, user_ref TEXT, roles TEXT NOT NULL,
            purpose TEXT NOT NULL, description TEXT NOT NULL, created_at BIGINT NOT NULL,
            expires_at BIGINT, revoked_at BIGINT, parent TEXT)",
}];

/// The prefix by which a leaked token is recognised.
const PREFIX: &str = "andon_";
/// How long a browser session lasts.
const SESSION: SignedDuration = SignedDuration::from_hours(12);

/// A token to be made.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// Whose token it is; a program's own when absent.
    pub user: Option<ObjectRef>,
    /// What it may do.
    pub roles: Vec<String>,
    /// What it is for.
    pub description: String,
    /// When it ends; never when absent.
    pub expires_at: Option<Timestamp>,
}

/// What is known of a token; never the token itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// The identity, to revoke it by.
    pub id: String,
    /// Whose token it is.
    pub user: Option<String>,
    /// What it may do.
    pub roles: Vec<String>,
    /// `token` or `session`.
    pub purpose: String,
    /// What it is for.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Makes, checks and revokes tokens.
#[derive(Clone)]
pub struct Tokens {
    store: Store,
}

impl Tokens {
    /// Keeps tokens in a store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Makes a token; its text is given once and never again.
    ///
    /// # Errors
    /// `REQ-0001` for an unknown role or none; otherwise as the store.
    pub async fn create(&self, new: NewToken, draft: EventDraft) -> Result<(String, String), Problem> {
        if new.roles.is_empty() || new.roles.iter().any(|role| !ROLES.contains(&role.as_str())) {
            return Err(Problem::new(ErrorCode::RequestInvalid, "A token carries one or more known roles.")
                .hint(format!("The roles are: {}.", ROLES.join(", "))));
        }
        self.insert(new, "token", None, Some(draft)).await
    }

    /// Opens a browser session with the rights of a token.
    ///
    /// # Errors
    /// As [`Tokens::authenticate`].
    pub async fn open_session(&self, caller: &Caller, now: Timestamp) -> Result<String, Problem> {
        let new = NewToken {
            user: caller.user.clone(),
            roles: caller.roles.clone(),
            description: "browser session".to_owned(),
            expires_at: now.checked_add(SESSION).ok(),
        };
        let draft = EventDraft::new(caller.actor.clone(), "session.opened");
        let (secret, _id) = self.insert(new, "session", caller.token_id.clone(), Some(draft)).await?;
        Ok(secret)
    }

    async fn insert(
        &self,
        new: NewToken,
        purpose: &'static str,
        parent: Option<String>,
        draft: Option<EventDraft>,
    ) -> Result<(String, String), Problem> {
        let secret = format!("{PREFIX}{}", self.store.ids().new_secret());
        let digest = digest(&secret);
        let id = self.store.ids().new_id();
        let row_id = id.clone();
        self.store
            .write(Priority::Object, move |tx| {
                Box::pin(async move {
                    let user = new.user.as_ref().map(ToString::to_string);
                    let args: Vec<Arg> = vec![
                        row_id.clone().into(),
                        digest.into(),
                        user.clone().into(),
                        new.roles.join(",").into(),
                        purpose.into(),
                        new.description.clone().into(),
                        tx.now().into(),
                        new.expires_at.map(Timestamp::as_microsecond).into(),
                        parent.into(),
                    ];
                    let sql = "INSERT INTO token (id, digest, user_ref, roles, purpose, description, created_at, \
                               expires_at, parent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
                    tx.execute(sql, args).await?;
                    if let Some(draft) = draft {
                        let facts = json!({"token": row_id, "user": user, "roles": new.roles, "description": new.description});
                        tx.record(draft.payload(facts)).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok((secret, id))
    }

    /// Finds the caller behind a token's text.
    ///
    /// # Errors
    /// `AUT-0001` for a text that is no token, `AUT-0002` for one that has ended.
    pub async fn authenticate(&self, secret: &str, origin: &str, now: Timestamp) -> Result<Caller, Problem> {
        let unknown = || {
            Problem::new(ErrorCode::NotSignedIn, "The token is not known here.")
                .hint("Check ANDON_TOKEN and ANDON_URL: the token belongs to one server.")
        };
        if !secret.starts_with(PREFIX) || secret.len() > 200 {
            return Err(unknown());
        }
        let sql = "SELECT t.id, t.user_ref, t.roles, t.purpose, t.description, t.created_at, t.expires_at, t.revoked_at, \
                   p.revoked_at AS parent_revoked_at \
                   FROM token t LEFT JOIN token p ON p.id = t.parent WHERE t.digest = $1";
        let rows = self.store.fetch(sql, vec![digest(secret).into()]).await?;
        let row = rows.first().ok_or_else(unknown)?;
        let info = read_info(row)?;
        let ended = info.revoked_at.is_some()
            || row.optional_integer("parent_revoked_at")?.is_some()
            || info.expires_at.is_some_and(|end| end <= now);
        if ended {
            return Err(Problem::new(ErrorCode::TokenExpired, "The token has expired or was revoked.")
                .hint("Make a new one with `andon token create`, or sign in again."));
        }
        self.caller(info, origin).await
    }

    async fn caller(&self, info: TokenInfo, origin: &str) -> Result<Caller, Problem> {
        let user = info.user.as_deref().map(|text| ObjectRef::parse(text, Some("user"), "default")).transpose()?;
        let groups = match &user {
            Some(user) => self.groups_of(user).await?,
            None => Vec::new(),
        };
        let principal = user.as_ref().map_or_else(|| format!("token:{}", info.description), ToString::to_string);
        Ok(Caller {
            actor: Actor { principal, on_behalf_of: None, origin: origin.to_owned() },
            user,
            roles: info.roles,
            groups,
            token_id: Some(info.id),
        })
    }

    /// Lists the groups of a person, from the person's own descriptor and the groups above these.
    async fn groups_of(&self, user: &ObjectRef) -> Result<Vec<ObjectRef>, Problem> {
        let Ok(Some(object)) = self.store.get(user).await else { return Ok(Vec::new()) };
        let named = object.spec.get("memberOf").and_then(|value| value.as_array()).cloned().unwrap_or_default();
        let mut open: Vec<ObjectRef> = named
            .iter()
            .filter_map(|value| value.as_str())
            .filter_map(|text| ObjectRef::parse(text, Some("group"), user.namespace()).ok())
            .collect();
        let mut groups: Vec<ObjectRef> = Vec::new();
        while let Some(group) = open.pop() {
            if groups.contains(&group) {
                continue;
            }
            let parent = self.store.get(&group).await?.and_then(|object| {
                let text = object.spec.get("parent")?.as_str()?.to_owned();
                ObjectRef::parse(&text, Some("group"), group.namespace()).ok()
            });
            groups.push(group);
            open.extend(parent);
        }
        Ok(groups)
    }

    /// Lists tokens, newest first; sessions are left out.
    ///
    /// # Errors
    /// As the store.
    pub async fn list(&self) -> Result<Vec<TokenInfo>, Problem> {
        let sql = "SELECT id, user_ref, roles, purpose, description, created_at, expires_at, revoked_at FROM token \
                   WHERE purpose = 'token' ORDER BY created_at DESC LIMIT 1000";
        self.store.fetch(sql, vec![]).await?.iter().map(read_info).collect()
    }

    /// Ends a token, and the sessions opened with it.
    ///
    /// # Errors
    /// `OBJ-0001` when there is no such token; otherwise as the store.
    pub async fn revoke(&self, id: &str, draft: EventDraft) -> Result<(), Problem> {
        let id = id.to_owned();
        self.store
            .write(Priority::Object, move |tx| {
                Box::pin(async move {
                    let args = vec![Arg::from(id.as_str()), tx.now().into()];
                    let sql = "UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
                    if tx.execute(sql, args).await? == 0 {
                        return Err(Problem::new(ErrorCode::ObjectNotFound, format!("There is no open token {id}.")));
                    }
                    tx.record(draft.payload(json!({"token": id}))).await.map(|_| ())
                })
            })
            .await
    }
}

fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

fn read_info(row: &Row) -> Result<TokenInfo, Problem> {
    let time = |column: &str| -> Result<Option<Timestamp>, Problem> {
        row.optional_integer(column)?.map(Timestamp::from_microsecond).transpose().map_err(Problem::internal)
    };
    Ok(TokenInfo {
        id: row.text("id")?,
        user: row.optional_text("user_ref")?,
        roles: row.text("roles")?.split(',').map(str::to_owned).collect(),
        purpose: row.text("purpose")?,
        description: row.text("description")?,
        created_at: row.time("created_at")?,
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
    })
}
