//! NDJSON: a stream of JSON objects, one per line, without a limit on the whole.

use andon_reader::{Attributes, LogSink, NewLogRow};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::Value;

use crate::content::{ContentEncoding, Decompressor};
use crate::failure::{IngestError, code};
use crate::fields::row_of;
use crate::limits;

/// How lines are to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NdjsonOptions {
    /// Field with the time; the usual names are tried without it.
    pub time_field: Option<String>,
    /// Field with the message; the usual names are tried without it.
    pub message_field: Option<String>,
    /// How the body is compressed.
    pub encoding: ContentEncoding,
}

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Number of the line in the body, from one.
    pub line: u64,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

/// What became of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NdjsonAnswer {
    /// Lines stored durably.
    pub accepted: u64,
    /// Lines refused.
    pub refused: u64,
    /// Lines stored but truncated for their size.
    pub truncated: u64,
    /// The first refusals.
    pub reasons: Vec<Refusal>,
}

/// Why reading stopped, and what became of the lines before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NdjsonFailure {
    /// Why.
    #[serde(flatten)]
    pub error: IngestError,
    /// The lines up to there: the accepted ones are stored and need not be sent again.
    pub so_far: NdjsonAnswer,
    /// Lines of the body that were read; the sender goes on after the accepted and refused ones.
    pub lines_read: u64,
}

/// Reads a body to its end and stores its lines in batches.
///
/// # Errors
/// When the body breaks off, is badly compressed, or the store refuses a batch: with the counts of
/// what was stored until then.
pub async fn ingest_ndjson<E: std::fmt::Display>(
    sink: &dyn LogSink,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    options: &NdjsonOptions,
) -> Result<NdjsonAnswer, Box<NdjsonFailure>> {
    let mut reader = LineReader::new(options);
    match read_all(sink, body, options, &mut reader).await {
        Ok(()) => Ok(reader.answer),
        Err(error) => {
            // What was read before the body broke is good; a failing store is not asked again.
            let is_sender = error.status < 500;
            if is_sender {
                let _first_error_counts = reader.store(sink).await;
            }
            Err(Box::new(NdjsonFailure {
                error,
                so_far: reader.answer,
                lines_read: reader.line,
            }))
        }
    }
}

async fn read_all<E: std::fmt::Display>(
    sink: &dyn LogSink,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    options: &NdjsonOptions,
    reader: &mut LineReader<'_>,
) -> Result<(), IngestError> {
    let mut decompressor = Decompressor::new(options.encoding)?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| {
            IngestError::new(
                400,
                code::BODY_BROKEN,
                format!("the body broke off: {error}"),
                "send the rest again",
            )
        })?;
        let mut rest: &[u8] = &piece;
        while !rest.is_empty() {
            let taken = decompressor.push(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            reader.take(decompressor.output());
            if reader.is_full() {
                reader.store(sink).await?;
            }
        }
    }
    decompressor.finish()?;
    reader.take(decompressor.output());
    reader.end();
    reader.store(sink).await
}

struct LineReader<'a> {
    options: &'a NdjsonOptions,
    /// The begun line, at most [`limits::LINE_BYTES`] of it.
    partial: Vec<u8>,
    /// True while the rest of a line that is too long is skipped.
    is_skipping: bool,
    line: u64,
    rows: Vec<NewLogRow>,
    bytes: usize,
    answer: NdjsonAnswer,
}

impl<'a> LineReader<'a> {
    fn new(options: &'a NdjsonOptions) -> Self {
        Self {
            options,
            partial: Vec::new(),
            is_skipping: false,
            line: 0,
            rows: Vec::new(),
            bytes: 0,
            answer: NdjsonAnswer::default(),
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= limits::BATCH_LINES || self.bytes >= limits::BATCH_BYTES
    }

    /// Takes a piece and empties it.
    fn take(&mut self, piece: &mut Vec<u8>) {
        let mut rest: &[u8] = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if self.partial.is_empty() && !self.is_skipping && head.len() <= limits::LINE_BYTES {
                self.line += 1;
                self.read_line(head);
            } else {
                self.extend(head);
                self.end_line();
            }
        }
        self.extend(rest);
        piece.clear();
    }

    fn extend(&mut self, part: &[u8]) {
        if self.partial.len() + part.len() > limits::LINE_BYTES {
            self.is_skipping = true;
            self.partial = Vec::new();
        }
        if !self.is_skipping {
            self.partial.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        self.line += 1;
        if std::mem::take(&mut self.is_skipping) {
            self.refuse(
                code::LINE_TOO_LONG,
                format!("the line has more than {} bytes", limits::LINE_BYTES),
            );
            return;
        }
        let line = std::mem::take(&mut self.partial);
        self.read_line(&line);
    }

    /// The last line needs no line feed.
    fn end(&mut self) {
        if self.is_skipping || !self.partial.is_empty() {
            self.end_line();
        }
    }

    fn read_line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        // Some writers begin a file with a byte order mark.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(object)) => self.add(object, line.len()),
            Ok(other) => {
                let kind = match other {
                    Value::Array(_) => "a list",
                    Value::String(_) => "a text",
                    Value::Number(_) => "a number",
                    _ => "true, false or null",
                };
                self.refuse(
                    code::LINE_NOT_OBJECT,
                    format!("the line is {kind}, an object is expected"),
                );
            }
            Err(error) => self.refuse(
                code::LINE_MALFORMED,
                format!("the line is no JSON: {error}"),
            ),
        }
    }

    fn add(&mut self, object: Attributes, bytes: usize) {
        let time_field = self.options.time_field.as_deref();
        self.rows.push(row_of(
            object,
            time_field,
            self.options.message_field.as_deref(),
        ));
        self.bytes += bytes;
    }

    fn refuse(&mut self, code: &str, message: String) {
        self.answer.refused += 1;
        if self.answer.reasons.len() < limits::REFUSALS_TOLD {
            self.answer.reasons.push(Refusal {
                line: self.line,
                code: code.to_owned(),
                message,
            });
        }
    }

    /// Stores what has been read; counted as accepted only when it is durable.
    async fn store(&mut self, sink: &dyn LogSink) -> Result<(), IngestError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let receipt = sink.append(std::mem::take(&mut self.rows)).await?;
        self.answer.accepted += receipt.rows;
        self.answer.truncated += receipt.truncated_rows;
        Ok(())
    }
}
