//! What the filter over the words of a group rules out.
//!
//! A word that neither the filter, nor the constant text of templates, nor a column referred to can
//! have, is in no line. See [`crate::keys`] for what the filter knows.

use andon_reader::query::{Check, FixedField, Node, Place, Subject, Test, TokenSequence, Wanted};

use crate::column::{Column, ColumnName, Form};
use crate::error::ColumnError;
use crate::keys::word_key;
use crate::lines::Kind;
use crate::template::is_one_word;

use super::Selector;
use super::fixed::text_column;
use super::named::sources;
use super::texts::Reading;

/// What may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The two filters alone.
    Filters,
    /// Columns that may keep a word once, too.
    Columns,
}

impl Selector<'_> {
    /// Says whether the keys of the group show that no line matches: of all parts first what needs no column.
    pub(super) fn is_ruled_out(&self, node: &Node) -> Result<bool, ColumnError> {
        Ok(self.rules_out(node, Look::Filters)? || self.rules_out(node, Look::Columns)?)
    }

    fn rules_out(&self, node: &Node, look: Look) -> Result<bool, ColumnError> {
        match node {
            Node::All | Node::Not(_) => Ok(false),
            Node::And(parts) => {
                for part in parts {
                    if self.rules_out(part, look)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Or(parts) => {
                for part in parts {
                    if !self.rules_out(part, look)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Test(test) => self.rules_out_test(test, look),
        }
    }

    fn rules_out_test(&self, test: &Test, look: Look) -> Result<bool, ColumnError> {
        let Check::Wanted(wanted) = test.check() else {
            return Ok(false);
        };
        match test.subject() {
            Subject::Fixed(FixedField::Message) => {
                self.lacks_words(&message_column(), &wanted.sequence, look)
            }
            Subject::Fixed(field @ (FixedField::TraceId | FixedField::SpanId)) => {
                self.lacks_value(*field, wanted, look)
            }
            Subject::Fixed(_) => Ok(false),
            Subject::MessageOrId => Ok(self.lacks_value(FixedField::TraceId, wanted, look)?
                && self.lacks_value(FixedField::SpanId, wanted, look)?
                && self.lacks_words(&message_column(), &wanted.sequence, look)?),
            Subject::Named(place, name) => self.lacks_named(*place, name, wanted, look),
        }
    }

    /// A value equal to the wanted one has its words.
    fn lacks_value(&self, field: FixedField, wanted: &Wanted, look: Look) -> Result<bool, ColumnError> {
        match text_column(field) {
            // Folding may change where the words of other scripts end.
            _ if !wanted.folded.is_ascii() => Ok(false),
            Some(column) => self.lacks_words(&column, &wanted.sequence, look),
            None => Ok(false),
        }
    }

    /// Numbers are compared as numbers, whatever their words.
    fn lacks_named(&self, place: Place, name: &str, wanted: &Wanted, look: Look) -> Result<bool, ColumnError> {
        if wanted.number.is_some() {
            return Ok(false);
        }
        for (column, reading) in sources(self.group, place, name) {
            let is_text = reading == Reading::Value(Kind::Text);
            if !is_text || !self.lacks_words(&column, &wanted.sequence, look)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lacks_words(
        &self,
        column: &ColumnName,
        sequence: &TokenSequence,
        look: Look,
    ) -> Result<bool, ColumnError> {
        if !self.group.has_keys(column) {
            let is_dictionary = self.group.form(column) == Some(Form::Dictionary);
            return Ok(is_dictionary && sequence.folded().iter().any(|word| self.is_not_kept(column, word)));
        }
        for word in sequence.folded() {
            if self.lacks_word(column, word, true, look)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn lacks_word(
        &self,
        column: &ColumnName,
        word: &str,
        follow: bool,
        look: Look,
    ) -> Result<bool, ColumnError> {
        if !self.group.has_keys(column) || self.group.may_have_key(word_key(column, word)) {
            return Ok(false);
        }
        if matches!(self.group.form(column), Some(Form::Identifiers | Form::Texts)) {
            return Ok(true);
        }
        if !self.is_not_kept(column, word) {
            if look == Look::Filters {
                return Ok(false);
            }
            match self.group.column(column)?.as_deref() {
                None | Some(Column::Identifiers { .. } | Column::Texts { .. }) => return Ok(true),
                Some(Column::Templates { column, .. }) if !column.constants_have_word(word) => {}
                Some(_) => return Ok(false),
            }
        }
        Ok(!follow || *column != message_column() || self.references_lack_of(word, look)?)
    }

    /// Says whether the vocabulary shows that neither a constant nor an entry of a dictionary has the word.
    fn is_not_kept(&self, column: &ColumnName, word: &str) -> bool {
        self.group.vocabulary_may_have(word_key(column, word)) == Some(false)
    }

    /// Says whether no variable of a message has the word, whole or in part.
    pub(super) fn message_variables_lack(&self, word: &str) -> bool {
        let column = message_column();
        self.group.has_keys(&column) && !self.group.may_have_key(word_key(&column, word))
    }

    /// Says whether no constant of a message has the word between two variables.
    pub(super) fn message_constants_lack(&self, word: &str) -> bool {
        self.is_not_kept(&message_column(), word)
    }

    /// Messages may hold the values of other columns; those of attributes are looked up in them.
    pub(super) fn references_lack(&self, word: &str) -> Result<bool, ColumnError> {
        self.references_lack_of(word, Look::Columns)
    }

    fn references_lack_of(&self, word: &str, look: Look) -> Result<bool, ColumnError> {
        for referred in self.group.references() {
            if self.group.has_keys(referred) {
                if !self.lacks_word(referred, word, false, look)? {
                    return Ok(false);
                }
                continue;
            }
            match self.group.form(referred) {
                // A whole number is one word, and all digits.
                Some(Form::Integers) if word.bytes().any(|b| !b.is_ascii_digit()) => continue,
                Some(Form::Dictionary) if self.is_not_kept(referred, word) => continue,
                _ if look == Look::Filters => return Ok(false),
                _ => {}
            }
            let sequence = TokenSequence::new(word);
            match self.group.column(referred)?.as_deref() {
                None => {}
                Some(Column::Integers { .. }) if word.bytes().any(|b| !b.is_ascii_digit()) => {}
                Some(Column::Dictionary { dictionary, .. }) => {
                    if !is_one_word(word) || dictionary.have_words(&sequence) {
                        return Ok(false);
                    }
                }
                Some(_) => return Ok(false),
            }
        }
        Ok(true)
    }
}

fn message_column() -> ColumnName {
    text_column(FixedField::Message).unwrap_or(ColumnName::Text(2))
}
