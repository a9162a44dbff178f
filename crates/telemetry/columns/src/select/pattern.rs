//! Tests of texts as templates want to know them: which words, which literals.

use andon_reader::query::{Check, TokenSequence};

use crate::bits::Bits;
use crate::column::GroupView;
use crate::error::ColumnError;
use crate::lines::Kind;
use crate::references::GroupReferences;
use crate::template::{Literal, TemplateColumn, TextPattern};

use super::{Checkpoint, Selector};
use super::literals::required;
use super::texts::{Reading, TextTest};

/// A test of texts and what is known about the texts that pass it.
struct Pattern<'a> {
    test: &'a TextTest<'a>,
    literals: Vec<Literal>,
    words: Option<&'a TokenSequence>,
    /// For each literal whether it is a word that only constant text of templates has.
    constant: Vec<bool>,
    /// For each literal whether it is a word that no constant has.
    varying: Vec<bool>,
    /// For each literal the buckets of templates in which a variable may have it.
    buckets: Vec<u64>,
    /// For each literal whether it is a word that no column referred to has.
    unreferred: Vec<bool>,
    is_substring: bool,
    equals: Option<&'a str>,
}

impl<'a> Pattern<'a> {
    fn new(test: &'a TextTest<'a>) -> Self {
        let mut pattern = Self {
            test,
            literals: Vec::new(),
            words: None,
            constant: Vec::new(),
            varying: Vec::new(),
            buckets: Vec::new(),
            unreferred: Vec::new(),
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
                let is_unreferred = selector.references_lack(word)?;
                pattern.unreferred.push(is_unreferred);
                pattern.buckets.push(if is_unreferred { group.message_buckets(word) } else { u64::MAX });
                pattern.varying.push(selector.message_constants_lack(word));
                pattern.constant.push(is_unreferred && selector.message_variables_lack(word));
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

    fn is_constant(&self, literal: usize) -> bool {
        self.constant.get(literal).is_some_and(|&is_constant| is_constant)
    }

    fn buckets(&self, literal: usize) -> u64 {
        self.buckets.get(literal).copied().unwrap_or(u64::MAX)
    }

    fn is_in_constants(&self, literal: usize) -> bool {
        self.varying.get(literal).is_none_or(|&is_varying| !is_varying)
    }

    fn is_in_references(&self, literal: usize) -> bool {
        self.unreferred.get(literal).is_none_or(|&is_unreferred| !is_unreferred)
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
