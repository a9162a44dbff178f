//! `POST /_bulk`: read as it comes, stored in batches, answered item by item.

use std::time::Instant;

use andon_reader::{LogSink, NewLogRow, Receipt};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde_json::{Value, json};

use crate::answer::{InputAnswer, newest_of};
use crate::content::{ContentEncoding, Decompressor};
use crate::elastic::action::{self, Action};
use crate::elastic::document::{error_type, item_status, read, refusal};
use crate::failure::{IngestError, code};
use crate::frames::{DelimitedFrames, Frame};
use crate::limits;

/// Answers a bulk request; `index` is the one of the path, or empty.
pub async fn bulk<E: std::fmt::Display>(
    sink: &dyn LogSink,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    encoding: ContentEncoding,
    index: &str,
) -> InputAnswer {
    let began = Instant::now();
    let mut reader = Reader::new(index);
    let outcome = read_all(sink, body, encoding, &mut reader).await;
    reader.answer(outcome.err(), began.elapsed().as_millis())
}

async fn read_all<E: std::fmt::Display>(
    sink: &dyn LogSink,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    encoding: ContentEncoding,
    reader: &mut Reader,
) -> Result<(), IngestError> {
    let mut decompressor = Decompressor::new(encoding)?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| {
            IngestError::new(400, code::BODY_BROKEN, format!("the body broke off: {error}"), "send the rest again")
        })?;
        reader.bytes += piece.len() as u64;
        let mut rest: &[u8] = &piece;
        while !rest.is_empty() {
            let taken = decompressor.push(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            reader.take(decompressor.output())?;
            if reader.is_full() {
                reader.store(sink).await;
            }
        }
    }
    decompressor.finish()?;
    reader.take(decompressor.output())?;
    reader.end()?;
    reader.store(sink).await;
    Ok(())
}

enum Outcome {
    /// Not decided yet: the line waits to be stored.
    Waiting,
    Stored(String),
    /// By the number of the reason in [`Reader::refusals`].
    Refused(usize),
}

struct Item {
    action: Action,
    outcome: Outcome,
}

struct Reader {
    index: String,
    lines: DelimitedFrames,
    /// The action whose document comes next; an error instead where the action was wrong.
    pending: Option<Result<Action, ()>>,
    items: Vec<Item>,
    rows: Vec<NewLogRow>,
    row_bytes: usize,
    /// The first item that waits.
    first_waiting: usize,
    /// What was refused and how often; equal reasons share a place.
    refusals: Vec<(IngestError, u64)>,
    /// Why the store refuses, once it does: nothing more is asked of it.
    closed: Option<usize>,
    accepted: u64,
    truncated: u64,
    newest_us: Option<i64>,
    bytes: u64,
}

impl Reader {
    fn new(index: &str) -> Self {
        Self {
            index: index.to_owned(),
            lines: DelimitedFrames::new(b'\n', limits::MESSAGE_BYTES),
            pending: None,
            items: Vec::new(),
            rows: Vec::new(),
            row_bytes: 0,
            first_waiting: 0,
            refusals: Vec::new(),
            closed: None,
            accepted: 0,
            truncated: 0,
            newest_us: None,
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= limits::BATCH_LINES || self.row_bytes >= limits::BATCH_BYTES
    }

    fn take(&mut self, piece: &mut Vec<u8>) -> Result<(), IngestError> {
        let mut lines = Vec::new();
        self.lines.take(piece, &mut lines);
        piece.clear();
        lines.iter().try_for_each(|line| self.read_line(line))
    }

    fn end(&mut self) -> Result<(), IngestError> {
        let mut lines = Vec::new();
        self.lines.finish(&mut lines);
        lines.iter().try_for_each(|line| self.read_line(line))?;
        if let Some(Ok(action)) = self.pending.take() {
            let error = IngestError::new(400, code::BULK_MALFORMED, "the document of the last action is missing", "end the body with a line feed");
            self.refuse(action, error);
        }
        Ok(())
    }

    fn read_line(&mut self, line: &Frame) -> Result<(), IngestError> {
        let bytes = line.bytes.trim_ascii();
        if bytes.is_empty() {
            return Ok(());
        }
        match self.pending.take() {
            Some(Ok(action)) => self.read_document(action, line),
            // The document of an action that was wrong.
            Some(Err(())) => {}
            None => self.read_action(bytes)?,
        }
        Ok(())
    }

    fn read_action(&mut self, line: &[u8]) -> Result<(), IngestError> {
        if self.items.len() >= limits::BULK_ITEMS {
            let message = format!("the request has more than {} actions", limits::BULK_ITEMS);
            return Err(IngestError::new(413, code::TOO_LARGE, message, "send smaller batches"));
        }
        match action::read(line, &self.index) {
            Ok(action) if action.operation.has_document() => self.pending = Some(Ok(action)),
            Ok(action) => self.refuse(action, written_once()),
            Err(why) => {
                let error = IngestError::new(400, code::BULK_MALFORMED, why, "each document follows an action such as {\"index\":{}}");
                // Without a single good action the body is something else than a bulk request.
                if self.items.is_empty() {
                    return Err(error);
                }
                let action = Action { operation: action::Operation::Index, index: self.index.clone(), id: None };
                self.refuse(action, error);
                self.pending = Some(Err(()));
            }
        }
        Ok(())
    }

    fn read_document(&mut self, action: Action, line: &Frame) {
        if action.operation == action::Operation::Update {
            return self.refuse(action, written_once());
        }
        if let Some(reason) = self.closed {
            return self.refuse_again(action, reason);
        }
        if line.cut_bytes > 0 {
            let message = format!("the document has more than {} bytes", limits::MESSAGE_BYTES);
            return self.refuse(action, IngestError::new(413, code::TOO_LARGE, message, "send the document in parts"));
        }
        match read(&line.bytes, &action.index, action.id.as_deref()) {
            Ok(row) => {
                self.row_bytes += line.bytes.len();
                self.rows.push(row);
                self.items.push(Item { action, outcome: Outcome::Waiting });
            }
            Err(error) => self.refuse(action, error),
        }
    }

    fn refuse(&mut self, action: Action, error: IngestError) {
        // Mistakes come in rows; looking further back would take too long where each is another one.
        if self.refusals.last().is_none_or(|(last, _)| *last != error) {
            self.refusals.push((error, 0));
        }
        self.refuse_again(action, self.refusals.len() - 1);
    }

    fn refuse_again(&mut self, action: Action, reason: usize) {
        self.count_refusal(reason);
        self.items.push(Item { action, outcome: Outcome::Refused(reason) });
    }

    fn count_refusal(&mut self, reason: usize) {
        if let Some((_, count)) = self.refusals.get_mut(reason) {
            *count += 1;
        }
    }

    /// Stores what waits; an item is `created` only after that.
    async fn store(&mut self, sink: &dyn LogSink) {
        if self.rows.is_empty() {
            return;
        }
        self.row_bytes = 0;
        let newest_us = newest_of(&self.rows);
        let stored = sink.append(std::mem::take(&mut self.rows)).await;
        let waiting = self.first_waiting..self.items.len();
        self.first_waiting = self.items.len();
        match stored {
            Ok(receipt) => {
                self.accepted += receipt.rows;
                self.truncated += receipt.truncated_rows;
                self.newest_us = self.newest_us.max(newest_us);
                let items = self.items.get_mut(waiting).unwrap_or_default();
                let items = items.iter_mut().filter(|item| matches!(item.outcome, Outcome::Waiting));
                for (position, item) in items.enumerate() {
                    item.outcome = Outcome::Stored(id_of(&receipt, position));
                }
            }
            Err(error) => {
                self.refusals.push((error.into(), 0));
                let reason = self.refusals.len() - 1;
                self.closed = Some(reason);
                for position in waiting {
                    if let Some(item) = self.items.get_mut(position).filter(|item| matches!(item.outcome, Outcome::Waiting)) {
                        item.outcome = Outcome::Refused(reason);
                        self.count_refusal(reason);
                    }
                }
            }
        }
    }

    fn answer(mut self, failure: Option<IngestError>, took_ms: u128) -> InputAnswer {
        // Nothing is stored: the whole request may be sent again.
        let whole = failure.or_else(|| match self.closed {
            Some(reason) if self.accepted == 0 => self.refusals.get(reason).map(|(error, _)| error.clone()),
            _ => None,
        });
        if let Some(error) = whole {
            let lines = self.items.len().max(1) as u64 - self.accepted.min(self.items.len() as u64);
            let stored = self.accepted;
            let mut answer = refusal(error, lines, self.bytes);
            answer.accepted = stored;
            return answer;
        }
        let has_errors = !self.refusals.is_empty();
        let items: Vec<Value> = self.items.iter().map(|item| self.show(item)).collect();
        let body = json!({"errors": has_errors, "took": u64::try_from(took_ms).unwrap_or(u64::MAX), "items": items});
        InputAnswer {
            status: 200,
            content_type: "application/json",
            body: body.to_string().into_bytes(),
            accepted: self.accepted,
            truncated: self.truncated,
            newest_us: self.newest_us,
            bytes: self.bytes,
            refused: by_code(std::mem::take(&mut self.refusals)),
            ..InputAnswer::default()
        }
    }

    fn show(&self, item: &Item) -> Value {
        let Action { operation, index, id } = &item.action;
        let told = match &item.outcome {
            Outcome::Stored(own) => json!({
                "_index": index, "_id": id.as_ref().unwrap_or(own), "_version": 1, "result": "created",
                "_shards": {"total": 1, "successful": 1, "failed": 0}, "_seq_no": 0, "_primary_term": 1, "status": 201,
            }),
            Outcome::Waiting => json!({"_index": index, "_id": id, "status": 500, "error": {"type": "exception", "reason": "not stored"}}),
            Outcome::Refused(reason) => {
                let (status, kind, text) = match self.refusals.get(*reason) {
                    Some((error, _)) => (item_status(error), error_type(error), error.line()),
                    None => (500, "exception", "not stored".to_owned()),
                };
                json!({"_index": index, "_id": id, "status": status, "error": {"type": kind, "reason": text}})
            }
        };
        json!({operation.name(): told})
    }
}

/// Adds up refusals of the same code, each with its first example.
fn by_code(refusals: Vec<(IngestError, u64)>) -> Vec<(IngestError, u64)> {
    let mut sums: Vec<(IngestError, u64)> = Vec::new();
    for (error, count) in refusals {
        match sums.iter_mut().find(|(known, _)| known.code == error.code) {
            Some((_, sum)) => *sum += count,
            None => sums.push((error, count)),
        }
    }
    sums
}

fn written_once() -> IngestError {
    IngestError::new(400, code::WRITTEN_ONCE, "a log line is written once and never changed", "use index or create")
}

/// Ids of one append follow each other.
fn id_of(receipt: &Receipt, position: usize) -> String {
    let first = receipt.first_id.as_deref().unwrap_or_default();
    match first.parse::<u64>() {
        Ok(first) => first.saturating_add(position as u64).to_string(),
        Err(_) => format!("{first}-{position}"),
    }
}
