//! The ledger: gapless, hash-chained, verifiable.
//!
//! `hash(n) = SHA-256(hash(n-1) || canonical entry n)`; the entry holds a salted digest of the payload
//! and not the payload itself, so that a payload can be erased for privacy and the chain still verifies.
//! A chain alone cannot show a truncated tail: checkpoints, signed with Ed25519 (RFC 8032), can be
//! shipped off the machine.

use std::collections::BTreeSet;

use andon_api::event::Actor;
use andon_api::{ErrorCode, Event, ObjectRef, Problem};
use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use crate::database::{Arg, Database, Engine, Row, execute, fetch};

/// An event before it has its number.
#[derive(Clone, Debug)]
pub struct EventDraft {
    pub(crate) actor: Actor,
    pub(crate) action: String,
    pub(crate) rules: Vec<String>,
    pub(crate) object: Option<ObjectRef>,
    pub(crate) payload: Option<Value>,
}

impl EventDraft {
    /// Says who did what.
    pub fn new(actor: Actor, action: impl Into<String>) -> Self {
        Self { actor, action: action.into(), rules: Vec::new(), object: None, payload: None }
    }

    /// Says which rules allowed or refused it.
    #[must_use]
    pub fn rules(mut self, rules: impl IntoIterator<Item = String>) -> Self {
        self.rules = rules.into_iter().collect();
        self
    }

    /// Says which object it happened to; set by the transaction where an object is written.
    #[must_use]
    pub fn object(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    /// Adds facts; where an object is written, its difference is added under `difference`.
    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = Some(payload);
        self
    }
}

/// What to look for in the ledger.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// The object's reference.
    pub object: Option<ObjectRef>,
    /// The action, or its beginning when it ends with `.`, or its end when it starts with `.`.
    pub action: Option<String>,
    /// The principal, or the person behind it.
    pub actor: Option<String>,
    /// From when.
    pub since: Option<Timestamp>,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
    /// Only events with a higher number.
    pub after_sequence: Option<i64>,
    /// Only events with a lower number.
    pub before_sequence: Option<i64>,
    /// How many at most; 0 means 1,000.
    pub limit: usize,
    /// Whether the newest come first.
    pub newest_first: bool,
}

/// What a verification of the ledger found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether every entry is what was written.
    pub ok: bool,
    /// How many entries were read.
    pub events: i64,
    /// The hash of the last entry.
    pub head: String,
    /// How many payloads were erased for privacy.
    pub erased: i64,
    /// How many signed checkpoints fit the chain.
    pub checkpoints: i64,
    /// The first entry that is not what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<i64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A signed statement of the chain's head, to be kept elsewhere.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The number of the last entry.
    pub sequence: i64,
    /// Its hash.
    pub hash: String,
    /// When it was signed.
    pub at: Timestamp,
    /// The Ed25519 signature over `sequence:hash`, hex.
    pub signature: String,
    /// The public key, hex.
    pub public_key: String,
}

/// An event of a transaction that has not been numbered yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) id: String,
    pub(crate) draft: EventDraft,
    pub(crate) version: Option<i64>,
}

/// Locks the head, numbers the events and appends them. Runs last in the transaction.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    engine: Engine,
    now: Timestamp,
    pending: &[Pending],
) -> Result<i64, Problem> {
    let lock = match engine {
        Engine::Sqlite => "SELECT sequence, hash FROM ledger_head WHERE id = 1",
        Engine::Postgres => "SELECT sequence, hash FROM ledger_head WHERE id = 1 FOR UPDATE",
    };
    let rows = fetch(connection, lock, vec![]).await?;
    let head = rows.first().ok_or_else(|| Problem::internal("the ledger has no head row"))?;
    let (mut sequence, mut hash) = (head.integer("sequence")?, head.text("hash")?);
    for event in pending {
        sequence += 1;
        hash = insert(connection, now, sequence, &hash, event).await?;
    }
    if !pending.is_empty() {
        let sql = "UPDATE ledger_head SET sequence = $1, hash = $2 WHERE id = 1";
        execute(connection, sql, vec![sequence.into(), hash.into()]).await?;
    }
    Ok(sequence)
}

async fn insert(
    connection: &mut AnyConnection,
    now: Timestamp,
    sequence: i64,
    previous_hash: &str,
    pending: &Pending,
) -> Result<String, Problem> {
    let draft = &pending.draft;
    let payload = draft.payload.as_ref().map(Value::to_string);
    let salt = hex::encode(crate::clock::random_bytes::<16>());
    let entry = Entry {
        sequence,
        id: pending.id.clone(),
        at: now.as_microsecond(),
        principal: draft.actor.principal.clone(),
        on_behalf_of: draft.actor.on_behalf_of.clone(),
        origin: draft.actor.origin.clone(),
        action: draft.action.clone(),
        object: draft.object.as_ref().map(ToString::to_string),
        version: pending.version,
        rules: json!(draft.rules).to_string(),
        payload_digest: payload_digest(&salt, payload.as_deref()),
    };
    let hash = entry.hash(previous_hash);
    let sql = "INSERT INTO event (sequence, id, at, principal, on_behalf_of, origin, action, object, version, rules, \
               payload, salt, payload_digest, hash) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)";
    let args: Vec<Arg> = vec![
        sequence.into(),
        entry.id.into(),
        entry.at.into(),
        entry.principal.into(),
        entry.on_behalf_of.into(),
        entry.origin.into(),
        entry.action.into(),
        entry.object.into(),
        entry.version.into(),
        entry.rules.into(),
        payload.into(),
        salt.into(),
        entry.payload_digest.into(),
        hash.clone().into(),
    ];
    execute(connection, sql, args).await?;
    Ok(hash)
}

fn payload_digest(salt: &str, payload: Option<&str>) -> String {
    let mut digest = Sha256::new();
    digest.update(salt.as_bytes());
    digest.update([u8::from(payload.is_some())]);
    digest.update(payload.unwrap_or_default().as_bytes());
    hex::encode(digest.finalize())
}

/// The part of an event that the chain covers.
struct Entry {
    sequence: i64,
    id: String,
    at: i64,
    principal: String,
    on_behalf_of: Option<String>,
    origin: String,
    action: String,
    object: Option<String>,
    version: Option<i64>,
    rules: String,
    payload_digest: String,
}

impl Entry {
    /// Hashes the entry after the one before it; a JSON array keeps the fields apart.
    fn hash(&self, previous_hash: &str) -> String {
        let canonical = json!([
            previous_hash,
            self.sequence,
            self.id,
            self.at,
            self.principal,
            self.on_behalf_of,
            self.origin,
            self.action,
            self.object,
            self.version,
            self.rules,
            self.payload_digest
        ]);
        hex::encode(Sha256::digest(canonical.to_string().as_bytes()))
    }

    fn read(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            sequence: row.integer("sequence")?,
            id: row.text("id")?,
            at: row.integer("at")?,
            principal: row.text("principal")?,
            on_behalf_of: row.optional_text("on_behalf_of")?,
            origin: row.text("origin")?,
            action: row.text("action")?,
            object: row.optional_text("object")?,
            version: row.optional_integer("version")?,
            rules: row.text("rules")?,
            payload_digest: row.text("payload_digest")?,
        })
    }
}

const COLUMNS: &str = "sequence, id, at, principal, on_behalf_of, origin, action, object, version, rules, payload, salt, \
                       payload_digest, hash, erased_by";

/// Finds events.
pub(crate) async fn search(database: &Database, query: &EventQuery) -> Result<Vec<Event>, Problem> {
    let mut args: Vec<Arg> = Vec::new();
    let mut conditions: Vec<String> = Vec::new();
    let mut add = |text: &str, arg: Arg| {
        args.push(arg);
        conditions.push(text.replace("$n", &format!("${}", args.len())));
    };
    if let Some(object) = &query.object {
        add("object = $n", object.to_string().into());
    }
    match query.action.as_deref() {
        Some(prefix) if prefix.ends_with('.') => {
            // A range rather than LIKE, so that the index serves it; '/' is the character after '.'.
            add("action >= $n", prefix.into());
            add("action < $n", format!("{}/", prefix.trim_end_matches('.')).into());
        }
        Some(suffix) if suffix.starts_with('.') => add("action LIKE $n", format!("%{suffix}").into()),
        Some(action) => add("action = $n", action.into()),
        None => {}
    }
    if let Some(actor) = &query.actor {
        add("(principal = $n OR on_behalf_of = $n)", actor.as_str().into());
    }
    if let Some(since) = query.since {
        add("at >= $n", since.into());
    }
    if let Some(until) = query.until {
        add("at < $n", until.into());
    }
    if let Some(after) = query.after_sequence {
        add("sequence > $n", after.into());
    }
    if let Some(before) = query.before_sequence {
        add("sequence < $n", before.into());
    }
    let filter = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let direction = if query.newest_first { "DESC" } else { "ASC" };
    let limit = if query.limit == 0 { 1_000 } else { query.limit.min(10_000) };
    let sql = format!("SELECT {COLUMNS} FROM event {filter} ORDER BY sequence {direction} LIMIT {limit}");
    database.fetch(&sql, args).await?.iter().map(read_event).collect()
}

fn read_event(row: &Row) -> Result<Event, Problem> {
    let payload = row.optional_text("payload")?.map(|text| serde_json::from_str(&text)).transpose();
    let object = row.optional_text("object")?.map(|text| ObjectRef::parse(&text, None, "default")).transpose()?;
    Ok(Event {
        sequence: row.integer("sequence")?,
        id: row.text("id")?,
        at: row.time("at")?,
        actor: Actor {
            principal: row.text("principal")?,
            on_behalf_of: row.optional_text("on_behalf_of")?,
            origin: row.text("origin")?,
        },
        action: row.text("action")?,
        object,
        version: row.optional_integer("version")?,
        rules: serde_json::from_str(&row.text("rules")?).map_err(Problem::internal)?,
        payload: payload.map_err(Problem::internal)?,
        hash: row.text("hash")?,
    })
}

const VERIFY_BATCH: i64 = 2_000;

/// Reads the whole chain and tells whether it is what was written.
pub(crate) async fn verify(database: &Database) -> Result<Verification, Problem> {
    // The head is read first: what is appended while we read lies beyond it and is checked as well.
    let rows = database.fetch("SELECT sequence, hash FROM ledger_head WHERE id = 1", vec![]).await?;
    let head = rows.first().ok_or_else(|| Problem::internal("the ledger has no head row"))?;
    let head = (head.integer("sequence")?, head.text("hash")?);
    let mut found =
        Verification { ok: true, events: 0, head: String::new(), erased: 0, checkpoints: 0, first_bad: None, reason: None };
    let mut checkpoints = checkpoints(database).await?.into_iter().peekable();
    let erasures = erasures(database).await?;
    loop {
        let sql = format!("SELECT {COLUMNS} FROM event WHERE sequence > $1 ORDER BY sequence LIMIT {VERIFY_BATCH}");
        let rows = database.fetch(&sql, vec![found.events.into()]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let wrong = check_row(row, &erasures, &mut found)?
                .or_else(|| (found.events == head.0 && found.head != head.1).then(|| "the head is not the one that was written".to_owned()))
                .or_else(|| {
                    let due = checkpoints.next_if(|checkpoint| checkpoint.sequence <= found.events)?;
                    check_checkpoint(&due, &mut found)
                });
            if let Some(reason) = wrong {
                let place = found.events;
                return Ok(found.fail(place, &reason));
            }
        }
    }
    if found.events < head.0 || checkpoints.next().is_some_and(|checkpoint| checkpoint.sequence > found.events) {
        let place = found.events + 1;
        return Ok(found.fail(place, "the tail of the ledger was cut off"));
    }
    Ok(found)
}

/// Lists the events that erased payloads: only what one of them names may be missing.
async fn erasures(database: &Database) -> Result<BTreeSet<String>, Problem> {
    let sql = "SELECT id FROM event WHERE action = 'payload.erased'";
    database.fetch(sql, vec![]).await?.iter().map(|row| row.text("id")).collect()
}

fn check_row(row: &Row, erasures: &BTreeSet<String>, found: &mut Verification) -> Result<Option<String>, Problem> {
    let entry = Entry::read(row)?;
    let expected = found.events + 1;
    found.events = expected;
    if entry.sequence != expected {
        return Ok(Some(format!("entry {expected} is missing")));
    }
    let (payload, erased) = (row.optional_text("payload")?, row.optional_text("erased_by")?);
    if payload.is_none() && erased.is_some_and(|by| erasures.contains(&by)) {
        found.erased += 1;
    } else if payload_digest(&row.text("salt")?, payload.as_deref()) != entry.payload_digest {
        return Ok(Some(format!("the payload of entry {expected} is not what was written")));
    }
    let hash = entry.hash(&found.head);
    if hash != row.text("hash")? {
        return Ok(Some(format!("entry {expected} is not what was written")));
    }
    found.head = hash;
    Ok(None)
}

fn check_checkpoint(checkpoint: &Checkpoint, found: &mut Verification) -> Option<String> {
    if checkpoint.sequence == found.events && checkpoint.hash != found.head {
        return Some(format!("the signed checkpoint at {} does not fit the chain", checkpoint.sequence));
    }
    if !checkpoint.is_signed() {
        return Some(format!("the signature of the checkpoint at {} does not fit", checkpoint.sequence));
    }
    found.checkpoints += 1;
    None
}

impl Checkpoint {
    fn is_signed(&self) -> bool {
        let read = || {
            let key: [u8; 32] = hex::decode(&self.public_key).ok()?.try_into().ok()?;
            let signature: [u8; 64] = hex::decode(&self.signature).ok()?.try_into().ok()?;
            let key = VerifyingKey::from_bytes(&key).ok()?;
            let statement = format!("{}:{}", self.sequence, self.hash);
            key.verify(statement.as_bytes(), &ed25519_dalek::Signature::from_bytes(&signature)).ok()
        };
        read().is_some()
    }
}

/// Signs the head of the chain.
pub(crate) fn sign(sequence: i64, hash: &str, at: Timestamp, key: &[u8; 32]) -> Checkpoint {
    let key = SigningKey::from_bytes(key);
    let signature = key.sign(format!("{sequence}:{hash}").as_bytes());
    Checkpoint {
        sequence,
        hash: hash.to_owned(),
        at,
        signature: hex::encode(signature.to_bytes()),
        public_key: hex::encode(key.verifying_key().to_bytes()),
    }
}

/// Lists the signed checkpoints, oldest first.
pub(crate) async fn checkpoints(database: &Database) -> Result<Vec<Checkpoint>, Problem> {
    let sql = "SELECT sequence, hash, at, signature, public_key FROM ledger_checkpoint ORDER BY sequence";
    let rows = database.fetch(sql, vec![]).await?;
    rows.iter()
        .map(|row| {
            Ok(Checkpoint {
                sequence: row.integer("sequence")?,
                hash: row.text("hash")?,
                at: row.time("at")?,
                signature: row.text("signature")?,
                public_key: row.text("public_key")?,
            })
        })
        .collect()
}

impl Verification {
    fn fail(mut self, first_bad: i64, reason: &str) -> Self {
        self.ok = false;
        self.first_bad = Some(first_bad);
        self.reason = Some(reason.to_owned());
        self
    }

    /// Turns a failed verification into a problem.
    ///
    /// # Errors
    /// `LED-0001` with the first entry that fails.
    pub fn require(self) -> Result<Self, Problem> {
        if self.ok {
            return Ok(self);
        }
        let detail = self.reason.clone().unwrap_or_default();
        let place = self.first_bad.map(|sequence| format!("entry {sequence}")).unwrap_or_default();
        Err(Problem::new(ErrorCode::LedgerDamaged, format!("The ledger does not verify: {detail}.")).place(place))
    }
}
