//! Tests of texts as templates want to know them: which words, which literals.

use andon_reader::query::{Check, TokenSequence};

use crate::bits::Bits;
use crate::column::GroupView;
use crate::error::ColumnError;
use crate::lines::Kind;
use crate::references::GroupReferences;
use crate::template::{Known, Literal, TemplateColumn, TextPattern};

use super::literals::required;
use super::texts::{Reading, TextTest};
use super::{Checkpoint, Selector};

/// A test of texts and what is known about the texts that pass it.
struct Pattern<'a> {
    test: &'a TextTest<'a>,
    literals: Vec<Literal>,
    words: Option<&'a TokenSequence>,
    /// For each literal where it may stand.
    known: Vec<Known>,
    is_substring: bool,
    equals: Option<&'a str>,
}

impl<'a> Pattern<'a> {
    fn new(test: &'a TextTest<'a>) -> Self {
        let mut pattern = Self {
            test,
            literals: Vec::new(),
            words: None,
            known: Vec::new(),
            is_substring: false,
            equals: None,
        };
        match (test.reading, test.check) {
            (Reading::Inside(_) | Reading::Value(Kind::Json), _) => {}
            (_, Check::Pattern(regex)) => {
                let known = required(regex.as_str());
                pattern.literals = known.literals;
                pattern.is_substring = known.is_substring;
            }
            (Reading::Message, Check::Wanted(wanted)) => pattern.look_for(&wanted.sequence),
            // A value that is a number is found by its size, however it is written.
            (Reading::Value(Kind::Text), Check::Wanted(wanted)) if wanted.number.is_none() => {
                pattern.look_for(&wanted.sequence);
            }
            (Reading::Whole | Reading::Severity, Check::Wanted(wanted) | Check::Level { wanted, .. }) => {
                pattern.literals = Literal::of_words(&wanted.sequence);
                let has_case = |c: char| !c.is_ascii() || c.is_ascii_alphabetic();
                pattern.equals = (!wanted.folded.contains(has_case)).then_some(&wanted.folded);
            }
            _ => {}
        }
        pattern
    }

    /// A pattern that knows what the keys of the group say about its words.
    fn of_group(
        test: &'a TextTest<'a>,
        group: &dyn GroupView,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, ColumnError> {
        let mut pattern = Self::new(test);
        if test.reading == Reading::Message && pattern.words.is_some() {
            let selector = Selector { group, checkpoint };
            for literal in &pattern.literals {
                let word = std::str::from_utf8(&literal.bytes).unwrap_or_default();
                let in_references = !selector.references_lack(word)?;
                pattern.known.push(Known {
                    is_constant: !in_references && selector.message_variables_lack(word),
                    buckets: if in_references { u64::MAX } else { group.message_buckets(word) },
                    in_constants: !selector.message_constants_lack(word),
                    in_references,
                });
            }
        }
        Ok(pattern)
    }

    fn look_for(&mut self, sequence: &'a TokenSequence) {
        if sequence.text().is_empty() {
            // In every text.
        } else if sequence.folded().is_empty() {
            self.literals = vec![Literal::exact(sequence.text())];
            self.is_substring = true;
        } else {
            self.literals = Literal::of_words(sequence);
            self.words = Some(sequence);
        }
    }
}

impl TextPattern for Pattern<'_> {
    fn is_match(&self, text: &str) -> bool {
        self.test.passes(text)
    }

    fn literals(&self) -> &[Literal] {
        &self.literals
    }

    fn words(&self) -> Option<&TokenSequence> {
        self.words
    }

    fn known(&self, literal: usize) -> Known {
        self.known.get(literal).copied().unwrap_or_default()
    }

    fn substring(&self) -> Option<&Literal> {
        self.literals.first().filter(|_| self.is_substring)
    }

    fn equals(&self) -> Option<&str> {
        self.equals
    }
}

/// Gives the rows of `within` whose text passes.
pub(super) fn templates(
    group: &dyn GroupView,
    column: &TemplateColumn,
    test: &TextTest<'_>,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    let references = GroupReferences::new(group);
    let pattern = Pattern::of_group(test, group, checkpoint)?;
    column.select(&pattern, &references, within, checkpoint)
}

/// Counts the rows of `within` whose text passes.
pub(super) fn count_templates(
    group: &dyn GroupView,
    column: &TemplateColumn,
    test: &TextTest<'_>,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<u64, ColumnError> {
    let references = GroupReferences::new(group);
    let pattern = Pattern::of_group(test, group, checkpoint)?;
    column.count_matching(&pattern, &references, within, checkpoint)
}
