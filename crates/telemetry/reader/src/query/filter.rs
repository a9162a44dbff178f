//! A query in the form in which it runs, and what it needs and can rule out.

use crate::error::ReaderError;

use super::leaf::{Check, Subject, Test};
use super::syntax::Query;
use super::token::TokenSequence;
use super::view::{FixedField, Place, RowView};

/// A compiled query.
#[derive(Debug, Clone)]
pub struct Filter {
    root: Node,
}

/// Part of a compiled query.
#[derive(Debug, Clone)]
pub enum Node {
    /// Every line.
    All,
    /// Lines that do not match.
    Not(Box<Node>),
    /// Lines that match all.
    And(Vec<Node>),
    /// Lines that match one.
    Or(Vec<Node>),
    /// Lines that pass a test.
    Test(Box<Test>),
}

/// The columns a filter looks at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Fixed fields.
    pub fixed: std::collections::BTreeSet<FixedField>,
    /// Attributes and resource attributes.
    pub named: std::collections::BTreeSet<(Place, String)>,
}

/// What is known about many lines without reading them. Each answer may err only towards `true`.
pub trait Summary {
    /// Says whether a message may contain the folded word.
    fn may_have_word(&self, folded: &str) -> bool;
    /// Says whether a fixed text field other than the message may have the folded value.
    fn may_have_value(&self, field: FixedField, folded: &str) -> bool;
    /// Says whether any line may have a value under the name.
    fn may_have_field(&self, place: Place, name: &str) -> bool;
    /// Says whether a value under the name may contain the folded word (numbers: canonical).
    fn may_have_field_word(&self, name: &str, folded: &str) -> bool;
    /// Says whether a severity number in the inclusive range may occur.
    fn may_have_severity(&self, low: i64, high: i64) -> bool;
}

impl Filter {
    /// Compiles a parsed query.
    ///
    /// # Errors
    /// When a regular expression or a bound is wrong. [`super::parse`] has found that already,
    /// with the place; it can only happen here for a query built by hand.
    pub fn compile(query: &Query) -> Result<Self, ReaderError> {
        Ok(Self {
            root: compile(query)?,
        })
    }

    /// Reads and compiles a search text as people type it: what [`super::read`] has notes about is left out.
    ///
    /// # Errors
    /// As [`super::read`].
    pub fn read(text: &str) -> Result<Self, ReaderError> {
        Self::compile(&super::read(text)?.query)
    }

    /// Reads and compiles a search text, and refuses what means nothing here.
    ///
    /// # Errors
    /// As [`super::parse`].
    pub fn parse(text: &str) -> Result<Self, ReaderError> {
        Self::compile(&super::parse(text)?)
    }

    /// The query as a tree, for those who run it on columns.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Says whether the line matches.
    #[must_use]
    pub fn matches<R: RowView + ?Sized>(&self, row: &R) -> bool {
        self.root.matches(row)
    }

    /// Says whether every line matches.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self.root, Node::All)
    }

    /// Says which fields must be read to run the filter.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.root.collect(&mut needs);
        needs
    }

    /// Says whether any of the summarised lines may match.
    #[must_use]
    pub fn may_match(&self, summary: &dyn Summary) -> bool {
        self.root.may_match(summary)
    }
}

fn compile(query: &Query) -> Result<Node, ReaderError> {
    let all = |parts: &[Query]| parts.iter().map(compile).collect::<Result<Vec<_>, _>>();
    Ok(match query {
        Query::All => Node::All,
        Query::Not(inner) => Node::Not(Box::new(compile(inner)?)),
        Query::And(parts) => Node::And(all(parts)?),
        Query::Or(parts) => Node::Or(all(parts)?),
        Query::Leaf(leaf) => Node::Test(Box::new(Test::compile(leaf)?)),
    })
}

impl Node {
    fn matches<R: RowView + ?Sized>(&self, row: &R) -> bool {
        match self {
            Self::All => true,
            Self::Not(inner) => !inner.matches(row),
            Self::And(parts) => parts.iter().all(|part| part.matches(row)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(row)),
            Self::Test(test) => test.matches(row),
        }
    }

    fn collect(&self, needs: &mut Needs) {
        match self {
            Self::All => {}
            Self::Not(inner) => inner.collect(needs),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.collect(needs)),
            Self::Test(test) => match &test.subject {
                Subject::Fixed(FixedField::Level) => {
                    needs
                        .fixed
                        .extend([FixedField::SeverityNumber, FixedField::SeverityText]);
                }
                Subject::Fixed(field) => {
                    needs.fixed.insert(*field);
                }
                Subject::MessageOrId => {
                    needs.fixed.extend([
                        FixedField::Message,
                        FixedField::TraceId,
                        FixedField::SpanId,
                    ]);
                }
                Subject::Named(place, name) => {
                    needs.named.insert((*place, name.clone()));
                }
            },
        }
    }

    fn may_match(&self, summary: &dyn Summary) -> bool {
        match self {
            Self::All | Self::Not(_) => true,
            Self::And(parts) => parts.iter().all(|part| part.may_match(summary)),
            Self::Or(parts) => parts.iter().any(|part| part.may_match(summary)),
            Self::Test(test) => test_may_match(test, summary),
        }
    }
}

fn words_may_be_there(sequence: &TokenSequence, summary: &dyn Summary) -> bool {
    sequence
        .folded()
        .iter()
        .all(|word| summary.may_have_word(word))
}

fn test_may_match(test: &Test, summary: &dyn Summary) -> bool {
    match (&test.subject, &test.check) {
        (Subject::Fixed(FixedField::Message), Check::Wanted(wanted)) => {
            words_may_be_there(&wanted.sequence, summary)
        }
        (Subject::MessageOrId, Check::Wanted(wanted)) => {
            words_may_be_there(&wanted.sequence, summary)
                || summary.may_have_value(FixedField::TraceId, &wanted.folded)
                || summary.may_have_value(FixedField::SpanId, &wanted.folded)
        }
        (Subject::Fixed(FixedField::Level), Check::Between(low, high)) => {
            summary.may_have_severity((*low).max(1), *high)
        }
        (
            Subject::Fixed(
                field @ (FixedField::Service
                | FixedField::TraceId
                | FixedField::SpanId
                | FixedField::Scope),
            ),
            Check::Wanted(wanted),
        ) => summary.may_have_value(*field, &wanted.folded),
        (Subject::Named(place, name), Check::Wanted(wanted)) => {
            let words = wanted.sequence.folded();
            let number = wanted.number.map(super::leaf::Number::canonical);
            summary.may_have_field(*place, name)
                && (words.is_empty()
                    || words
                        .iter()
                        .all(|word| summary.may_have_field_word(name, word))
                    || number.is_some_and(|n| summary.may_have_field_word(name, &n)))
        }
        (Subject::Named(place, name), _) => summary.may_have_field(*place, name),
        _ => true,
    }
}
