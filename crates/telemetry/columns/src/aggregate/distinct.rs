//! Different values of a field, exactly, without keeping what does not need to be kept.
//!
//! A text that is some letters and a number is a bit in the letters' bitmap; a text of 32 hexadecimal
//! digits is 16 bytes; others are kept as they are. Every value has one such form, so that groups and
//! lines in memory agree.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::template::TemplateColumn;
use crate::lines::Kind;
use crate::select::Checkpoint;
use crate::select::fixed::text_column;
use crate::select::named::sources;
use crate::select::texts::{Reading, identifier, presence_of, write_hex};

use super::codes::field_codes;
use super::field::Field;
use super::slots::for_each_row;
use super::value::FieldValue;

/// Numbers below this are bits: 2 MB for each prefix at most.
const LARGEST: u64 = 1 << 24;
/// Prefixes with bitmaps.
const PREFIXES: usize = 64;

/// A set of values.
#[derive(Debug, Clone, Default)]
pub(crate) struct ValueSet {
    numbered: Vec<(Box<str>, Vec<u64>)>,
    /// The prefix met last: the next value mostly has the same.
    last: usize,
    identifiers: FxHashSet<u128>,
    others: FxHashSet<FieldValue>,
    text_bytes: usize,
}

/// Parts a text into letters and the number behind them, when the number is written canonically.
fn parted(text: &str) -> Option<(&str, u64)> {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (prefix, number) = text.split_at_checked(text.len() - digits)?;
    if digits == 0 || digits > 8 || (digits > 1 && number.starts_with('0')) {
        return None;
    }
    let number = number.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    (number < LARGEST && prefix.len() <= 32).then_some((prefix, number))
}

fn identifier_of(text: &str) -> Option<u128> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == 32 && text.bytes().all(is_hex))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

impl ValueSet {
    pub(crate) fn count(&self) -> u64 {
        let bits = self.numbered.iter().flat_map(|(_, words)| words).map(|word| u64::from(word.count_ones()));
        bits.sum::<u64>() + (self.identifiers.len() + self.others.len()) as u64
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let bitmaps: usize = self.numbered.iter().map(|(_, words)| words.capacity() * 8).sum();
        bitmaps + self.identifiers.capacity() * 17 + self.others.capacity() * 41 + self.text_bytes
    }

    pub(crate) fn add(&mut self, value: &FieldValue) {
        match value {
            FieldValue::None => {}
            FieldValue::Text(text) => self.add_text(text),
            other => {
                self.others.insert(other.clone());
            }
        }
    }

    pub(crate) fn add_text(&mut self, text: &str) {
        if let Some(id) = identifier_of(text) {
            self.identifiers.insert(id);
            return;
        }
        if let Some((prefix, number)) = parted(text)
            && let Some(words) = self.bitmap(prefix)
        {
            set_bit(words, number);
            return;
        }
        let value = FieldValue::Text(Arc::from(text));
        if self.others.insert(value) {
            self.text_bytes += text.len() + 16;
        }
    }

    /// The bitmap of a prefix; nothing when there are too many.
    fn bitmap(&mut self, prefix: &str) -> Option<&mut Vec<u64>> {
        if self.numbered.get(self.last).is_none_or(|(known, _)| **known != *prefix) {
            match self.numbered.iter().position(|(known, _)| **known == *prefix) {
                Some(place) => self.last = place,
                None if self.numbered.len() >= PREFIXES => return None,
                None => {
                    self.last = self.numbered.len();
                    self.numbered.push((prefix.into(), Vec::new()));
                }
            }
        }
        self.numbered.get_mut(self.last).map(|(_, words)| words)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.identifiers.extend(&other.identifiers);
        other.others.iter().for_each(|value| self.add(value));
        for (prefix, words) in &other.numbered {
            if let Some(mine) = self.bitmap(prefix) {
                if mine.len() < words.len() {
                    mine.resize(words.len(), 0);
                }
                mine.iter_mut().zip(words).for_each(|(mine, theirs)| *mine |= theirs);
                continue;
            }
            for number in Bits::from_words(words.clone(), words.len() * 64).ones() {
                self.add_text(&format!("{prefix}{number}"));
            }
        }
    }

    /// Adds the values of the rows of a group.
    pub(crate) fn add_group(
        &mut self,
        group: &dyn GroupView,
        field: &Field,
        rows: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        if let Some(name) = single_text_column(group, field) {
            let Some(column) = group.column(&name)? else {
                return Ok(());
            };
            if self.add_column(&column, rows, matches!(field, Field::Text(_)))? {
                return Ok(());
            }
        }
        let keyed = field_codes(group, field, rows, checkpoint)?;
        let mut seen = Bits::none(keyed.values.len());
        for_each_row(rows, |row| {
            if let Some(&code) = keyed.codes.get(row) {
                seen.set(code as usize);
            }
        });
        for code in seen.ones() {
            match keyed.values.text(code) {
                Some(text) => self.add_text(text),
                None => self.add(&keyed.values.get(u32::try_from(code).unwrap_or(u32::MAX))),
            }
        }
        Ok(())
    }

    /// Adds the texts of a column; says when it has no quick way.
    fn add_column(
        &mut self,
        column: &Column,
        rows: &Bits,
        empty_is_none: bool,
    ) -> Result<bool, ColumnError> {
        let mut present = rows.clone();
        if let Some(presence) = presence_of(column) {
            present.and(presence);
        }
        match column {
            Column::Identifiers { width: 16, bytes, .. } => {
                for_each_row(&present, |row| {
                    let id = identifier(16, bytes, row).try_into().unwrap_or_default();
                    self.identifiers.insert(u128::from_be_bytes(id));
                });
                Ok(true)
            }
            Column::Identifiers { width, bytes, .. } => {
                let mut known: FxHashSet<&[u8]> = FxHashSet::default();
                let mut text = String::new();
                for row in present.ones() {
                    let id = identifier(*width, bytes, row);
                    if known.insert(id) {
                        text.clear();
                        write_hex(id, &mut text);
                        self.add_text(&text);
                    }
                }
                Ok(true)
            }
            Column::Dictionary { codes, dictionary } => {
                let mut seen = vec![false; dictionary.len()];
                match codes {
                    Codes::U8(codes) => mark(codes, &present, &mut seen),
                    Codes::U16(codes) => mark(codes, &present, &mut seen),
                    Codes::U32(codes) => mark(codes, &present, &mut seen),
                    Codes::U64(codes) => mark(codes, &present, &mut seen),
                }
                for (text, _) in dictionary.iter().zip(&seen).filter(|(_, is_seen)| **is_seen) {
                    if !(text.is_empty() && empty_is_none) {
                        self.add_text(text);
                    }
                }
                Ok(true)
            }
            Column::Templates { column, .. } => self.add_templates(column, &present, empty_is_none),
            _ => Ok(false),
        }
    }

    /// Adds texts that are one constant and one whole number, such as `u479`, by their numbers.
    fn add_templates(
        &mut self,
        column: &TemplateColumn,
        present: &Bits,
        empty_is_none: bool,
    ) -> Result<bool, ColumnError> {
        let Some(single) = column.single_integer()? else {
            return Ok(false);
        };
        if !single.suffix().is_empty()
            || single.prefix().ends_with(|c: char| c.is_ascii_digit())
            || single.prefix().len() > 31
        {
            return Ok(false);
        }
        let mut numbers = Vec::new();
        single.values(&mut numbers)?;
        let is_all = present.count() == present.len();
        let wanted = single.rows().iter().zip(&numbers);
        let wanted = wanted.filter(|&(&row, _)| is_all || present.get(row as usize));
        self.add_numbered(single.prefix(), wanted.map(|(_, &number)| number));
        let has_empty = single.rows().len() < column.rows();
        if has_empty && !empty_is_none {
            let mut empty = present.clone();
            single.rows().iter().for_each(|&row| empty.clear(row as usize));
            if empty.any() {
                self.add_text("");
            }
        }
        Ok(true)
    }

    fn add_numbered(&mut self, prefix: &str, numbers: impl Iterator<Item = i64>) {
        let mut others: Vec<i64> = Vec::new();
        match self.bitmap(prefix) {
            None => others.extend(numbers),
            Some(words) => {
                for number in numbers {
                    match u64::try_from(number) {
                        Ok(number) if number < LARGEST => set_bit(words, number),
                        _ => others.push(number),
                    }
                }
            }
        }
        others.sort_unstable();
        others.dedup();
        for number in others {
            self.add_text(&format!("{prefix}{number}"));
        }
    }
}

/// Notes which codes occur.
fn mark<T: Copy + Into<u64>>(codes: &[T], rows: &Bits, seen: &mut [bool]) {
    for_each_row(rows, |row| {
        let code = codes.get(row).and_then(|&code| usize::try_from(code.into()).ok());
        if let Some(is_seen) = code.and_then(|code| seen.get_mut(code)) {
            *is_seen = true;
        }
    });
}

fn set_bit(words: &mut Vec<u64>, number: u64) {
    #[allow(clippy::cast_possible_truncation)]
    let place = (number / 64) as usize;
    if words.len() <= place {
        words.resize((place + 1).next_power_of_two(), 0);
    }
    if let Some(word) = words.get_mut(place) {
        *word |= 1 << (number % 64);
    }
}

/// The only column that has values of the field, when it has texts.
fn single_text_column(group: &dyn GroupView, field: &Field) -> Option<ColumnName> {
    match field {
        Field::Text(fixed) => text_column(*fixed),
        Field::Named(place, name) => match sources(group, *place, name).as_slice() {
            [(column, Reading::Value(Kind::Text))] => Some(column.clone()),
            _ => None,
        },
        _ => None,
    }
}
