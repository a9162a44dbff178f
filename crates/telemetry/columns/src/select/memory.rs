//! Runs a search over a batch of lines that is not in a group yet.
//!
//! Tests of messages look for a text that every match holds through all messages at once, and see only
//! the lines that have it; every other test sees line after line.

use andon_reader::query::{Check, Filter, FixedField, Node, Subject, Test, TokenSequence};

use crate::bits::Bits;
use crate::error::ColumnError;
use crate::lines::{Lines, MESSAGE_PLACE, SPAN_PLACE, TRACE_PLACE};
use crate::template::Needle;

use super::literals::required;
use super::{CHECKED_ROWS, Checkpoint};

/// With fewer wanted lines than this part of all, lines are tested one by one.
const SPARSE: usize = 16;

/// Gives the lines of `rows` that match.
///
/// # Errors
/// When the checkpoint stops the work.
pub fn select_lines(
    filter: &Filter,
    lines: &Lines,
    rows: Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    Batch { lines, checkpoint }.node(filter.root(), rows)
}

struct Batch<'a> {
    lines: &'a Lines,
    checkpoint: Checkpoint<'a>,
}

impl Batch<'_> {
    fn node(&self, node: &Node, within: Bits) -> Result<Bits, ColumnError> {
        if !within.any() {
            return Ok(within);
        }
        match node {
            Node::All => Ok(within),
            Node::Not(inner) => {
                let mut rest = within.clone();
                rest.and_not(&self.node(inner, within)?);
                Ok(rest)
            }
            Node::And(parts) => {
                let mut left = within;
                for part in super::cost::cheapest_first(parts) {
                    left = self.node(part, left)?;
                }
                Ok(left)
            }
            Node::Or(parts) => {
                let mut left = within;
                let mut found = Bits::none(left.len());
                for part in parts {
                    let more = self.node(part, left.clone())?;
                    left.and_not(&more);
                    found.or(&more);
                }
                Ok(found)
            }
            Node::Test(test) => self.test(test, &within),
        }
    }

    fn test(&self, test: &Test, within: &Bits) -> Result<Bits, ColumnError> {
        (self.checkpoint)()?;
        let candidates = if within.count() * SPARSE < within.len() {
            None
        } else {
            self.candidates(test)
        };
        let mut left = within.clone();
        if let Some(candidates) = candidates {
            left.and(&candidates);
        }
        let mut found = Bits::none(within.len());
        for (done, row) in left.ones().enumerate() {
            if done % CHECKED_ROWS == CHECKED_ROWS - 1 {
                (self.checkpoint)()?;
            }
            if test.matches(&self.lines.row(row)) {
                found.set(row);
            }
        }
        Ok(found)
    }

    /// The lines that can match a test of messages; nothing when each must be looked at.
    fn candidates(&self, test: &Test) -> Option<Bits> {
        let mut rows = Bits::none(self.lines.len());
        match (test.subject(), test.check()) {
            (Subject::Fixed(FixedField::Message), Check::Wanted(wanted)) => {
                self.with_words(MESSAGE_PLACE, &wanted.sequence, &mut rows);
            }
            // A value equal to the wanted one has its words, unless folding moves their ends.
            (Subject::MessageOrId, Check::Wanted(wanted)) if wanted.folded.is_ascii() => {
                for place in [MESSAGE_PLACE, TRACE_PLACE, SPAN_PLACE] {
                    self.with_words(place, &wanted.sequence, &mut rows);
                }
            }
            (Subject::Fixed(FixedField::Message), Check::Pattern(pattern)) => {
                let known = required(pattern.as_str());
                let literal = known.literals.first()?;
                let texts = self.lines.texts(MESSAGE_PLACE)?;
                texts.each_holding(&Needle::new(literal), |row| {
                    rows.set(row);
                    true
                });
            }
            _ => return None,
        }
        Some(rows)
    }

    fn with_words(&self, place: usize, words: &TokenSequence, rows: &mut Bits) {
        if let Some(texts) = self.lines.texts(place) {
            texts.each_with_words(words, |row| {
                rows.set(row);
                true
            });
        }
    }
}
