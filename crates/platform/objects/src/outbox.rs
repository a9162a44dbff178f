//! The outbox: what must leave is written in the transaction that decides it, and sent afterwards.
//!
//! Delivery is at least once: a lease that runs out is given to the next sender with the same
//! identity, which is the idempotency key of the message.

use andon_api::Problem;
use jiff::Timestamp;
use serde_json::Value;

use crate::database::{Arg, Row};
use crate::transaction::Tx;

/// A message that must leave.
#[derive(Clone, Debug)]
pub struct Message {
    /// The identity and idempotency key; a second message of the same identity is ignored.
    pub id: String,
    /// Which sender takes it, for example `page`.
    pub topic: String,
    /// What it speaks of, to cancel it by: an object's reference.
    pub subject: String,
    /// What the sender needs.
    pub payload: Value,
    /// Not before this time.
    pub due_at: Timestamp,
}

/// A message that a sender has leased.
#[derive(Clone, Debug)]
pub struct Leased {
    /// The identity and idempotency key.
    pub id: String,
    /// What it speaks of.
    pub subject: String,
    /// What the sender needs.
    pub payload: Value,
    /// When it was due.
    pub due_at: Timestamp,
    /// How often it was leased, this time included.
    pub attempts: i64,
}

impl Tx {
    /// Puts a message into the outbox; the same identity twice is one message.
    ///
    /// # Errors
    /// As the database.
    pub async fn enqueue(&mut self, message: Message) -> Result<(), Problem> {
        let now = self.now();
        let sql = "INSERT INTO outbox (id, topic, subject, payload, state, due_at, attempts, created_at) \
                   VALUES ($1, $2, $3, $4, 'pending', $5, 0, $6) ON CONFLICT (id) DO NOTHING";
        let args: Vec<Arg> = vec![
            message.id.into(),
            message.topic.into(),
            message.subject.into(),
            message.payload.to_string().into(),
            message.due_at.into(),
            now.into(),
        ];
        self.execute(sql, args).await.map(|_| ())
    }

    /// Leases the due messages of a topic, the longest due first; expired leases are due again.
    ///
    /// # Errors
    /// As the database.
    pub async fn lease(&mut self, topic: &str, limit: i64, lease_ms: i64) -> Result<Vec<Leased>, Problem> {
        let now = self.now().as_microsecond();
        let until = now.saturating_add(lease_ms.saturating_mul(1_000));
        let due = "SELECT id FROM outbox WHERE topic = $1 AND ((state = 'pending' AND due_at <= $2) \
                   OR (state = 'leased' AND lease_until <= $2)) ORDER BY due_at, id LIMIT $3";
        let sql = format!(
            "UPDATE outbox SET state = 'leased', lease_until = $4, attempts = attempts + 1 WHERE id IN ({due}{}) \
             RETURNING id, subject, payload, due_at, attempts",
            self.skip_locked()
        );
        let args: Vec<Arg> = vec![topic.into(), now.into(), limit.into(), until.into()];
        let mut leased: Vec<Leased> =
            self.fetch_dynamic(&sql, args).await?.iter().map(read_leased).collect::<Result<_, _>>()?;
        leased.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
        Ok(leased)
    }

    /// Notes that a message was taken by its receiver.
    ///
    /// # Errors
    /// As the database.
    pub async fn complete(&mut self, id: &str) -> Result<(), Problem> {
        let now = self.now();
        let sql = "UPDATE outbox SET state = 'done', done_at = $2, lease_until = NULL, last_error = NULL WHERE id = $1";
        self.execute(sql, vec![id.into(), now.into()]).await.map(|_| ())
    }

    /// Notes that a message was not taken, and when to try again; `None` gives up.
    ///
    /// # Errors
    /// As the database.
    pub async fn postpone(&mut self, id: &str, due_at: Option<Timestamp>, error: &str) -> Result<(), Problem> {
        let state = if due_at.is_some() { "pending" } else { "failed" };
        let sql = "UPDATE outbox SET state = $2, due_at = COALESCE($3, due_at), last_error = $4, lease_until = NULL \
                   WHERE id = $1";
        let due: Option<i64> = due_at.map(Timestamp::as_microsecond);
        self.execute(sql, vec![id.into(), state.into(), due.into(), error.into()]).await.map(|_| ())
    }

    /// Cancels the messages of a subject that have not left, and tells their identities.
    ///
    /// # Errors
    /// As the database.
    pub async fn cancel(&mut self, subject: &str) -> Result<Vec<String>, Problem> {
        let sql = "UPDATE outbox SET state = 'cancelled', lease_until = NULL \
                   WHERE subject = $1 AND state IN ('pending', 'leased') RETURNING id";
        self.fetch(sql, vec![subject.into()]).await?.iter().map(|row| row.text("id")).collect()
    }
}

fn read_leased(row: &Row) -> Result<Leased, Problem> {
    Ok(Leased {
        id: row.text("id")?,
        subject: row.text("subject")?,
        payload: serde_json::from_str(&row.text("payload")?).map_err(Problem::internal)?,
        due_at: row.time("due_at")?,
        attempts: row.integer("attempts")?,
    })
}
