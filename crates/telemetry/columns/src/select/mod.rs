//! Runs a search over the columns of a group and gives the lines that match.
//!
//! Invariants: exactly the lines for which [`Filter::matches`] holds, whatever form the columns
//! have; what metadata and filters answer is not read; the cheapest tests run first and the later
//! ones see only the lines that are left.

mod cost;
pub(crate) mod fixed;
pub(crate) mod interval;
pub(crate) mod kernel;
mod literals;
mod memory;
pub(crate) mod named;
pub(crate) mod numbers;
mod pattern;
mod ruled_out;
pub(crate) mod texts;
mod verdict;

use andon_reader::query::{Filter, FixedField, Node, Subject, Test};

use crate::bits::Bits;
use crate::column::{Column, GroupView};
use crate::error::ColumnError;

pub use interval::{Span, rows_in};
pub use memory::select_lines;
pub use verdict::{Verdict, verdict};

/// Asked now and then; an error stops the work (time, the caller gone).
pub type Checkpoint<'a> = &'a dyn Fn() -> Result<(), ColumnError>;

/// Rows between two checkpoints where each row costs something.
pub(crate) const CHECKED_ROWS: usize = 4_096;

/// Gives the lines of `rows` that match.
///
/// # Errors
/// When a column cannot be read, or the checkpoint stops the work.
pub fn select(
    filter: &Filter,
    group: &dyn GroupView,
    rows: Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    let selector = Selector { group, checkpoint };
    if rows.any() && selector.is_ruled_out(filter.root())? {
        return Ok(Bits::none(rows.len()));
    }
    selector.node(filter.root(), rows)
}

/// Says whether any line may match, from what is known without the columns: metadata, dictionaries and
/// the filter.
///
/// # Errors
/// When the filter cannot be read.
pub fn may_match(
    filter: &Filter,
    group: &dyn GroupView,
    checkpoint: Checkpoint<'_>,
) -> Result<bool, ColumnError> {
    if verdict(filter, group) == Verdict::None {
        return Ok(false);
    }
    Ok(!Selector { group, checkpoint }.is_ruled_out(filter.root())?)
}

/// Counts the matching lines of an interval, without reading columns where metadata answers.
///
/// # Errors
/// As [`select`].
pub fn count(
    filter: &Filter,
    group: &dyn GroupView,
    span: Span,
    checkpoint: Checkpoint<'_>,
) -> Result<u64, ColumnError> {
    match verdict(filter, group) {
        Verdict::None => return Ok(0),
        Verdict::All if span.covers(group) => return Ok(group.rows() as u64),
        _ => {}
    }
    let rows = rows_in(group, span)?;
    let selector = Selector { group, checkpoint };
    if !rows.any() || selector.is_ruled_out(filter.root())? {
        return Ok(0);
    }
    if let Node::Test(test) = filter.root()
        && let Some(count) = selector.count_messages(test, &rows)?
    {
        return Ok(count);
    }
    Ok(selector.node(filter.root(), rows)?.count() as u64)
}

/// A group on which a search runs.
pub(crate) struct Selector<'a> {
    pub(crate) group: &'a dyn GroupView,
    pub(crate) checkpoint: Checkpoint<'a>,
}

impl Selector<'_> {
    fn node(&self, node: &Node, within: Bits) -> Result<Bits, ColumnError> {
        if !within.any() {
            return Ok(within);
        }
        match verdict::of_node(node, self.group) {
            Verdict::All => return Ok(within),
            Verdict::None => return Ok(Bits::none(within.len())),
            Verdict::Some => {}
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
                for part in cost::cheapest_first(parts) {
                    left = self.node(part, left)?;
                }
                Ok(left)
            }
            Node::Or(parts) => {
                let mut left = within;
                let mut found = Bits::none(left.len());
                for part in cost::cheapest_first(parts) {
                    if !left.any() {
                        break;
                    }
                    if self.is_ruled_out(part)? {
                        continue;
                    }
                    let more = self.node(part, left.clone())?;
                    left.and_not(&more);
                    found.or(&more);
                }
                Ok(found)
            }
            Node::Test(test) => self.test(test, &within),
        }
    }

    /// Counts messages template by template, without noting which lines they are; nothing for
    /// other tests and other forms.
    fn count_messages(&self, test: &Test, within: &Bits) -> Result<Option<u64>, ColumnError> {
        let message = FixedField::Message;
        if *test.subject() != Subject::Fixed(message) {
            return Ok(None);
        }
        let column = match fixed::text_column(message) {
            Some(name) => self.group.column(&name)?,
            None => None,
        };
        let Some(Column::Templates { column, presence: None }) = column.as_deref() else {
            return Ok(None);
        };
        let test = texts::TextTest { check: test.check(), reading: texts::Reading::Message };
        pattern::count_templates(self.group, column, &test, within, self.checkpoint).map(Some)
    }

    fn test(&self, test: &Test, within: &Bits) -> Result<Bits, ColumnError> {
        (self.checkpoint)()?;
        self.by_subject(test.subject(), test.check(), within)
    }
}

#[cfg(test)]
pub(crate) mod tests;
