//! A body in pieces to batches of lines: cut at line feeds, bounded, each line the fast way or the slow.

use std::collections::VecDeque;

use andon_columns::lines::Lines;
use andon_reader::{Attributes, NewLogRow};
use bytes::{Buf as _, Bytes};
use serde_json::Value;

use crate::content::{ContentEncoding, Decompressor};
use crate::failure::{IngestError, code};
use crate::fields::row_of;
use crate::limits;
use crate::ndjson::{NdjsonOptions, Refusal};
use crate::scan::{Named, Scanner};

/// Lines to be stored with one append.
pub(crate) struct Batch {
    pub(crate) lines: Lines,
    pub(crate) dealt: Dealt,
}

/// What else was in the part of the body that a batch stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dealt {
    /// Lines refused.
    pub(crate) refused: u64,
    /// The first of them.
    pub(crate) reasons: Vec<Refusal>,
    /// Number of the last line, from one.
    pub(crate) last_line: u64,
}

/// Room that is kept for a begun line, bytes.
const PARTIAL_BYTES: usize = 4 << 20;

/// The lines of one body.
pub(crate) struct BodyLines {
    named: Named,
    is_plain: bool,
    decompressor: Decompressor,
    scanner: Scanner,
    /// The begun line, at most [`limits::LINE_BYTES`] of it.
    partial: Vec<u8>,
    /// True while the rest of a line that is too long is skipped.
    is_skipping: bool,
    /// Complete lines so far.
    line: u64,
    lines: Lines,
    bytes: usize,
    dealt: Dealt,
    told: usize,
    ready: Vec<Batch>,
}

impl BodyLines {
    pub(crate) fn new(options: &NdjsonOptions) -> Result<Self, IngestError> {
        let named = Named {
            time: options.time_field.clone(),
            message: options.message_field.clone(),
        };
        Ok(Self {
            scanner: Scanner::new(named.clone()),
            named,
            is_plain: options.encoding == ContentEncoding::Identity,
            decompressor: Decompressor::new(options.encoding)?,
            partial: Vec::new(),
            is_skipping: false,
            line: 0,
            lines: Lines::new(),
            bytes: 0,
            dealt: Dealt::default(),
            told: 0,
            ready: Vec::new(),
        })
    }

    /// Says whether the body is not compressed.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Bytes of lines that are in no batch yet.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the line that has begun and not ended.
    pub(crate) fn begun_bytes(&self) -> usize {
        self.partial.len()
    }

    /// Takes pieces apart until there are no more, or a batch is ready.
    pub(crate) fn take(&mut self, pieces: &mut VecDeque<Bytes>) -> Result<(), IngestError> {
        while self.ready.is_empty() {
            let Some(piece) = pieces.front_mut() else {
                return Ok(());
            };
            if self.is_plain {
                let part = piece.split_to(piece.len().min(limits::BATCH_BYTES));
                self.feed(&part);
            } else {
                let taken = self.decompressor.push(piece)?;
                piece.advance(taken);
                self.feed_output();
            }
            if pieces.front().is_some_and(Bytes::is_empty) {
                pieces.pop_front();
            }
        }
        Ok(())
    }

    /// Ends the body: the last line needs no line feed.
    pub(crate) fn end(&mut self) -> Result<(), IngestError> {
        self.decompressor.finish()?;
        self.feed_output();
        if self.is_skipping || !self.partial.is_empty() {
            self.end_line();
        }
        Ok(())
    }

    /// Makes a batch of what is there.
    pub(crate) fn cut(&mut self) {
        self.dealt.last_line = self.line;
        let is_empty = self.lines.is_empty() && self.dealt.refused == 0;
        if is_empty && self.bytes == 0 {
            return;
        }
        let next = Lines::with_room_of(&self.lines);
        self.ready.push(Batch {
            lines: std::mem::replace(&mut self.lines, next),
            dealt: std::mem::take(&mut self.dealt),
        });
        self.bytes = 0;
        self.scanner.begin_batch();
    }

    /// Gives the batches that are ready.
    pub(crate) fn ready(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.ready)
    }

    fn feed_output(&mut self) {
        let mut output = std::mem::take(self.decompressor.output());
        self.feed(&output);
        output.clear();
        *self.decompressor.output() = output;
    }

    fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        if self.is_skipping || !self.partial.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (head, tail) = rest.split_at(end.unwrap_or(rest.len()));
            self.extend(head);
            if end.is_none() {
                return;
            }
            rest = tail.get(1..).unwrap_or_default();
            self.end_line();
        }
        let whole = memchr::memrchr(b'\n', rest).map_or(0, |end| end + 1);
        let (block, begun) = rest.split_at(whole);
        self.block(block);
        self.extend(begun);
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
        if std::mem::take(&mut self.is_skipping) {
            self.line += 1;
            self.bytes += 1;
            let what = format!("the line has more than {} bytes", limits::LINE_BYTES);
            self.refuse(code::LINE_TOO_LONG, what);
            return;
        }
        let mut partial = std::mem::take(&mut self.partial);
        // A blank line is a line, too.
        if partial.is_empty() {
            partial.push(b'\n');
        }
        self.block(&partial);
        if partial.capacity() <= PARTIAL_BYTES {
            partial.clear();
            self.partial = partial;
        }
    }

    /// Reads whole lines.
    fn block(&mut self, block: &[u8]) {
        let mut rest = block;
        while !rest.is_empty() {
            let valid = match std::str::from_utf8(rest) {
                Ok(text) => return self.text(text),
                Err(error) => error.valid_up_to(),
            };
            let good = rest.get(..valid).unwrap_or_default();
            let (good, bad) = rest.split_at(memchr::memrchr(b'\n', good).map_or(0, |end| end + 1));
            self.text(std::str::from_utf8(good).unwrap_or_default());
            // The line with the bytes that are no UTF-8.
            let end = memchr::memchr(b'\n', bad).unwrap_or(bad.len());
            self.line += 1;
            self.slow_line(bad.get(..end).unwrap_or_default());
            self.end_of_lines(end + 1);
            rest = bad.get(end + 1..).unwrap_or_default();
        }
    }

    fn text(&mut self, block: &str) {
        let mut at = 0;
        while at < block.len() {
            self.line += 1;
            let next = match self.scanner.line(block, at, &mut self.lines) {
                Some(next) => next,
                None => {
                    let rest = block.as_bytes().get(at..).unwrap_or_default();
                    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    self.slow_line(rest.get(..end).unwrap_or_default());
                    at + end + 1
                }
            };
            self.end_of_lines(next - at);
            at = next;
        }
    }

    fn end_of_lines(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= limits::BATCH_BYTES || self.lines.len() >= limits::BATCH_LINES {
            self.cut();
        }
    }

    fn slow_line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        // Some writers begin a file with a byte order mark.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(object)) => self.add(object),
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

    fn add(&mut self, object: Attributes) {
        let named = &self.named;
        let row = row_of(object, named.time.as_deref(), named.message.as_deref());
        push_row(&mut self.lines, &row);
    }

    fn refuse(&mut self, code: &str, message: String) {
        self.dealt.refused += 1;
        if self.told < limits::REFUSALS_TOLD {
            self.told += 1;
            self.dealt.reasons.push(Refusal {
                line: self.line,
                code: code.to_owned(),
                message,
            });
        }
    }
}

fn push_row(lines: &mut Lines, row: &NewLogRow) {
    let resource = if row.resource.is_empty() {
        0
    } else {
        lines.resource(&serde_json::to_string(&*row.resource).unwrap_or_default())
    };
    lines.push(row, resource);
}

#[cfg(test)]
mod tests;
