//! Batches of an import on their way: sent, waited for, and never stored twice.
//!
//! Each record carries the name of its import and the number of its line. After anything that leaves open
//! whether a batch was stored, the server is asked which of its lines it has, and only the others are sent.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::time::Duration;

use andon_client::{Client, ClientError, Refused};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::fields;
use crate::log_files::batch::Batch;
use crate::output::Output;
use crate::words::{clean, length};

/// How long a batch may take; the server takes its time when its disk is slow.
const BATCH_TIME: Duration = Duration::from_secs(120);
/// Lines asked for at once when looking what is stored.
const PAGE_LINES: usize = 10_000;
/// Most lines that are looked up; more were never on their way at once.
const LOOKED_UP_LINES: usize = 2_000_000;
/// The first pause after a failure without a word of when to come back.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a pause is told of.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// Refused lines that are named one by one.
pub(crate) const NAMED_REFUSALS: usize = 20;

/// A line that the server refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedLine {
    pub(crate) line: u64,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) truncated: u64,
    /// Records that were stored before, by a batch whose answer never came.
    pub(crate) known: u64,
    pub(crate) reasons: Vec<RefusedLine>,
    pub(crate) last_line: u64,
    pub(crate) end: u64,
}

#[derive(Debug, Deserialize)]
struct Answer {
    accepted: u64,
    refused: u64,
    truncated: u64,
    reasons: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    line: usize,
    code: String,
    message: String,
}

/// Sends the batches of one import.
pub(crate) struct Sending {
    pub(crate) client: Client,
    pub(crate) output: Output,
    /// The name of the import.
    pub(crate) import: String,
    pub(crate) time_field: Option<String>,
    pub(crate) message_field: Option<String>,
    /// How long a server that cannot take lines is waited for; not at all before it has taken any.
    pub(crate) patience: Duration,
    pub(crate) told: Mutex<Told>,
}

/// What was said already, so that it is not said for every batch.
#[derive(Debug, Default)]
pub(crate) struct Told {
    has_answered: bool,
    last_pause: Option<Instant>,
    is_blind: bool,
}

impl Told {
    /// Knows whether the server has ever answered this import.
    pub(crate) fn new(has_answered: bool) -> Self {
        Self { has_answered, ..Self::default() }
    }
}

impl Sending {
    /// Sends a batch until it is stored, or it is clear that it will not be.
    pub(crate) async fn send(&self, batch: Batch) -> Result<Done, ClientError> {
        let mut done = Done { last_line: batch.last_line, end: batch.end, ..Done::default() };
        let (mut rest, mut pauses) = (batch, Pauses::default());
        while !rest.lines.is_empty() {
            match self.post(&rest).await {
                Ok(answer) => {
                    done.take(answer, &rest);
                    break;
                }
                Err(refused) => self.pause(refused, &mut pauses).await?,
            }
            let (Some(first), Some(last)) = (rest.lines.first(), rest.lines.last()) else { break };
            let stored = self.stored(*first..=*last, &mut pauses).await?;
            let missing = rest.without(&stored);
            done.known += (rest.lines.len() - missing.lines.len()) as u64;
            rest = missing;
        }
        self.note(|told| told.has_answered = true);
        Ok(done)
    }

    async fn post(&self, batch: &Batch) -> Result<Answer, Refused> {
        let call = self
            .client
            .post("/api/v1/ingest/ndjson")
            .query_some("time_field", self.time_field.as_deref())
            .query_some("message_field", self.message_field.as_deref())
            .bytes("application/x-ndjson", batch.body.clone())
            .deadline(BATCH_TIME);
        call.send_paced().await
    }

    /// Finds which lines of the import are stored. A token that may not read finds none, and says so once.
    pub(crate) async fn stored(&self, lines: RangeInclusive<u64>, pauses: &mut Pauses) -> Result<BTreeSet<u64>, ClientError> {
        loop {
            match self.look_up(&lines).await {
                Ok(stored) => return Ok(stored),
                Err(refused) if matches!(&refused.error, ClientError::Problem(problem) if problem.status == 403) => {
                    self.remark_blind();
                    return Ok(BTreeSet::new());
                }
                Err(refused) => self.pause(refused, pauses).await?,
            }
        }
    }

    fn remark_blind(&self) {
        let mut is_first = false;
        self.note(|told| is_first = !std::mem::replace(&mut told.is_blind, true));
        if is_first {
            self.output.remark(
                "This token may not read, so nobody can tell whether a batch without an answer was stored: its lines may be there twice.",
            );
        }
    }

    async fn look_up(&self, lines: &RangeInclusive<u64>) -> Result<BTreeSet<u64>, Refused> {
        let (mut found, mut cursor) = (BTreeSet::new(), None::<String>);
        let upper = if *lines.end() == u64::MAX { "*".to_owned() } else { lines.end().to_string() };
        let query = format!("import.id:{} AND import.line:[{} TO {upper}]", self.import, lines.start());
        while found.len() < LOOKED_UP_LINES {
            let call = self
                .client
                .get("/api/v1/logs")
                .query("query", &query)
                .query("since", "0001-01-01T00:00:00Z")
                .query("until", "9999-12-30T00:00:00Z")
                .query("limit", PAGE_LINES)
                .query("order", "oldest")
                .query("clip", 1)
                .query_some("cursor", cursor.as_deref())
                .deadline(BATCH_TIME);
            let answer: Value = call.send_paced().await?;
            if answer.get("complete").and_then(Value::as_bool) != Some(true) {
                let reason = "not everything that is stored could be looked at".to_owned();
                return Err(ClientError::Unreachable { url: self.client.link(""), reason }.into());
            }
            let rows = fields::list(&answer, "/rows");
            found.extend(rows.iter().filter_map(|row| row.get("attributes")?.get("import.line")?.as_u64()));
            cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Waits before the next try, and says why; gives the failure back where trying again is of no use.
    async fn pause(&self, refused: Refused, pauses: &mut Pauses) -> Result<(), ClientError> {
        let has_answered = self.told.lock().is_ok_and(|told| told.has_answered);
        if !is_passing(&refused.error, has_answered) {
            return Err(refused.error);
        }
        let Some(pause) = pauses.next(refused.retry_after, self.patience) else { return Err(refused.error) };
        let mut is_due = false;
        self.note(|told| {
            is_due = told.last_pause.is_none_or(|last| last.elapsed() >= TOLD_EVERY);
            if is_due {
                told.last_pause = Some(Instant::now());
            }
        });
        if is_due {
            let asked = if refused.retry_after.is_some() { ", as the server asks" } else { "" };
            let waits = length(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
            self.output.end_progress();
            self.output.remark(&format!("{} Waiting {waits}{asked}; nothing is lost.", clean(&refused.error.to_string())));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn note(&self, change: impl FnOnce(&mut Told)) {
        if let Ok(mut told) = self.told.lock() {
            change(&mut told);
        }
    }
}

/// Says whether the same call may succeed later. A server that has never answered is more likely not there at all.
fn is_passing(error: &ClientError, has_answered: bool) -> bool {
    match error {
        ClientError::Problem(problem) => matches!(problem.status, 429 | 503 | 507),
        ClientError::Foreign { status, .. } => has_answered && matches!(status, 429 | 502 | 503 | 504),
        ClientError::Unreachable { .. } => has_answered,
        _ => false,
    }
}

/// The pauses between tries of one batch: longer and longer, or as long as the server asks for.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    count: u32,
    begun: Option<Instant>,
}

impl Pauses {
    fn next(&mut self, asked: Option<Duration>, patience: Duration) -> Option<Duration> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        if begun.elapsed() > patience {
            return None;
        }
        let grown = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.count)).min(LONGEST_PAUSE);
        self.count += 1;
        Some(asked.map_or(grown, |asked| asked.min(patience)))
    }
}

impl Done {
    fn take(&mut self, answer: Answer, sent: &Batch) {
        self.accepted += answer.accepted;
        self.refused += answer.refused;
        self.truncated += answer.truncated;
        let named = answer.reasons.into_iter().filter_map(|reason| {
            // The server counts the lines of the body from one.
            let line = *sent.lines.get(reason.line.checked_sub(1)?)?;
            Some(RefusedLine { line, code: reason.code, message: reason.message })
        });
        self.reasons.extend(named.take(NAMED_REFUSALS));
    }
}
