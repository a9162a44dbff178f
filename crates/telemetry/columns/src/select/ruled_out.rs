//! What the filter over the words of a group rules out.
//!
//! A word that neither the filter, nor the constant text of templates, nor a column referred to can
//! have, is in no line. See [`crate::keys`] for what the filter knows.

use andon_reader::query::{Check, FixedField, Node, Place, Subject, Test, TokenSequence, Wanted};

use crate::column::{Column, ColumnName, Form};
use crate::error::ColumnError;
use crate::keys::word_key;
use crate::lines::Kind;

use super::Selector;
use super::fixed::text_column;
use super::named::sources;
use super::texts::Reading;

impl Selector<'_> {
    /// Says whether the keys of the group show that no line matches.
    pub(super) fn is_ruled_out(&self, node: &Node) -> Result<bool, ColumnError> {
        match node {
            Node::All | Node::Not(_) => Ok(false),
            Node::And(parts) => {
                for part in parts {
                    if self.is_ruled_out(part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Or(parts) => {
                for part in parts {
                    if !self.is_ruled_out(part)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Test(test) => self.is_test_ruled_out(test),
        }
    }

    fn is_test_ruled_out(&self, test: &Test) -> Result<bool, ColumnError> {
        let Check::Wanted(wanted) = test.check() else {
            return Ok(false);
        };
        match test.subject() {
            Subject::Fixed(FixedField::Message) => {
                self.lacks_words(&message_column(), &wanted.sequence)
            }
            Subject::Fixed(field @ (FixedField::TraceId | FixedField::SpanId)) => {
                self.lacks_value(*field, wanted)
            }
            Subject::Fixed(_) => Ok(false),
            Subject::MessageOrId => Ok(self.lacks_value(FixedField::TraceId, wanted)?
                && self.lacks_value(FixedField::SpanId, wanted)?
                && self.lacks_words(&message_column(), &wanted.sequence)?),
            Subject::Named(place, name) => self.lacks_named(*place, name, wanted),
        }
    }

    /// A value equal to the wanted one has its words.
    fn lacks_value(&self, field: FixedField, wanted: &Wanted) -> Result<bool, ColumnError> {
        match text_column(field) {
            // Folding may change where the words of other scripts end.
            _ if !wanted.folded.is_ascii() => Ok(false),
            Some(column) => self.lacks_words(&column, &wanted.sequence),
            None => Ok(false),
        }
    }

    /// Numbers are compared as numbers, whatever their words.
    fn lacks_named(&self, place: Place, name: &str, wanted: &Wanted) -> Result<bool, ColumnError> {
        if wanted.number.is_some() {
            return Ok(false);
        }
        for (column, reading) in sources(self.group, place, name) {
            let is_text = reading == Reading::Value(Kind::Text);
            if !is_text || !self.lacks_words(&column, &wanted.sequence)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lacks_words(
        &self,
        column: &ColumnName,
        sequence: &TokenSequence,
    ) -> Result<bool, ColumnError> {
        if !self.group.has_keys(column) {
            return Ok(false);
        }
        for word in sequence.folded() {
            if self.lacks_word(column, word, true)? {
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
    ) -> Result<bool, ColumnError> {
        if !self.group.has_keys(column) || self.group.may_have_key(word_key(column, word)) {
            return Ok(false);
        }
        if matches!(self.group.form(column), Some(Form::Identifiers | Form::Texts)) {
            return Ok(true);
        }
        match self.group.column(column)?.as_deref() {
            None | Some(Column::Identifiers { .. } | Column::Texts { .. }) => Ok(true),
            Some(Column::Templates { column: templates, .. }) => {
                if super::pattern::constants_have_word(templates, word) {
                    return Ok(false);
                }
                Ok(!follow || *column != message_column() || self.references_lack(word)?)
            }
            Some(_) => Ok(false),
        }
    }

    /// Says whether no variable of a message has the word, whole or in part.
    pub(super) fn message_variables_lack(&self, word: &str) -> bool {
        let column = message_column();
        self.group.has_keys(&column) && !self.group.may_have_key(word_key(&column, word))
    }

    /// Messages may hold the values of other columns; those of attributes are looked up in them.
    pub(super) fn references_lack(&self, word: &str) -> Result<bool, ColumnError> {
        for referred in self.group.references() {
            if self.group.has_keys(referred) {
                if !self.lacks_word(referred, word, false)? {
                    return Ok(false);
                }
                continue;
            }
            let sequence = TokenSequence::new(word);
            match self.group.column(referred)?.as_deref() {
                None => {}
                // A whole number is one word, and all digits.
                Some(Column::Integers { .. }) if word.bytes().any(|b| !b.is_ascii_digit()) => {}
                Some(Column::Dictionary { dictionary, .. }) => {
                    if dictionary.have_words(&sequence) {
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
