//! The words of texts that no template's constant text holds whole: what a filter must know.
//!
//! A word may join constant and variable bytes (`u` and `479`), or several variables (`_`), and a
//! search sees it whole, so whole words are given. What cannot join its neighbours is given once for
//! each stored value instead of once for each row.

use andon_reader::query::{fold_token, tokens};

use crate::bits::Bits;

use super::values::{SlotValues, Texts};

/// Numbers below this are remembered when they were given as words of their own.
const REMEMBERED: usize = 1 << 16;

/// A variable and the constant text before it.
pub(super) struct Part<'a> {
    pub(super) constant: &'a str,
    pub(super) slot: &'a SlotValues,
}

/// Which numbers of a variable were already seen, when they lie close enough together.
struct Repeats<'a> {
    values: &'a [i64],
    smallest: i64,
    seen: Bits,
}

impl<'a> Repeats<'a> {
    const RANGE: i64 = 1 << 22;

    fn of(slot: &'a SlotValues) -> Option<Self> {
        let SlotValues::Numbers(numbers) = slot else {
            return None;
        };
        let smallest = numbers.values.iter().copied().min()?;
        let largest = numbers.values.iter().copied().max()?;
        let range = largest.checked_sub(smallest)?;
        let range = usize::try_from(range).ok().filter(|_| range < Self::RANGE)?;
        Some(Self {
            values: &numbers.values,
            smallest,
            seen: Bits::none(range + 1),
        })
    }

    fn is_known(&mut self, row: usize) -> bool {
        let Some(&value) = self.values.get(row) else {
            return false;
        };
        let place = usize::try_from(value.wrapping_sub(self.smallest)).unwrap_or(0);
        let is_known = self.seen.get(place);
        self.seen.set(place);
        is_known
    }
}

/// Gives words to somebody who gathers them.
pub(super) struct WordWriter<'a> {
    word: &'a mut dyn FnMut(usize, &str),
    template: usize,
    numbers: Vec<u64>,
    text: String,
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The constant's end that belongs to a word of the variable behind it.
pub(super) fn joined_end(constant: &str) -> &str {
    let kept = constant.trim_end_matches(is_word_char).len();
    constant.get(kept..).unwrap_or_default()
}

/// The constant's start that belongs to a word of the variable before it.
pub(super) fn joined_start(constant: &str) -> &str {
    let rest = constant.trim_start_matches(is_word_char).len();
    constant
        .get(..constant.len() - rest)
        .unwrap_or_default()
}

/// Says whether a folded word is one word still: `İ` folds to a letter and a mark that parts words.
pub(crate) fn is_one_word(folded: &str) -> bool {
    let mut words = tokens(folded);
    words.next() == Some(folded) && words.next().is_none()
}

/// The part of a constant whose words cannot go on in a variable.
pub(super) fn whole_words<'a>(segments: &[&'a str], at: usize) -> &'a str {
    let segment = segments.get(at).copied().unwrap_or_default();
    let start = if at > 0 { joined_start(segment).len() } else { 0 };
    let rest = segment.get(start..).unwrap_or_default();
    let cut = if at + 1 < segments.len() { joined_end(rest).len() } else { 0 };
    rest.get(..rest.len() - cut).unwrap_or_default()
}

impl<'a> WordWriter<'a> {
    pub(super) fn new(word: &'a mut dyn FnMut(usize, &str)) -> Self {
        Self {
            word,
            template: 0,
            numbers: vec![0; REMEMBERED / 64],
            text: String::new(),
        }
    }

    /// Gives the words of a template's variables.
    pub(super) fn write(&mut self, template: usize, parts: &[Part<'_>], last: &str, rows: usize) {
        self.template = template;
        let mut start = 0;
        while start < parts.len() {
            let mut end = start + 1;
            // Variables with nothing but word characters between them make words together.
            while parts
                .get(end)
                .is_some_and(|part| part.constant.chars().all(is_word_char))
            {
                end += 1;
            }
            let group = parts.get(start..end).unwrap_or_default();
            let behind = parts.get(end).map_or(last, |part| part.constant);
            self.write_group(group, joined_start(behind), rows);
            start = end;
        }
    }

    fn write_group(&mut self, group: &[Part<'_>], after: &str, rows: usize) {
        let before = group.first().map_or("", |part| joined_end(part.constant));
        if let [part] = group
            && before.is_empty()
            && after.is_empty()
        {
            self.write_alone(part.slot, rows);
            return;
        }
        if let [part] = group
            && let SlotValues::Texts(texts) = part.slot
        {
            for entry in 0..texts.entries() {
                self.text.clear();
                self.text.push_str(before);
                let value = std::str::from_utf8(texts.entry(entry));
                self.text.push_str(value.unwrap_or_default());
                self.text.push_str(after);
                self.give_text();
            }
            return;
        }
        let mut repeats = match group {
            [part] => Repeats::of(part.slot),
            _ => None,
        };
        for row in 0..rows {
            if repeats.as_mut().is_some_and(|repeats| repeats.is_known(row)) {
                continue;
            }
            self.text.clear();
            self.text.push_str(before);
            for (number, part) in group.iter().enumerate() {
                if number > 0 {
                    self.text.push_str(part.constant);
                }
                part.slot.write(row, &mut self.text);
            }
            self.text.push_str(after);
            self.give_text();
        }
    }

    fn write_alone(&mut self, slot: &SlotValues, rows: usize) {
        match slot {
            SlotValues::Reference(_) => {}
            SlotValues::Texts(texts) => self.write_texts(texts),
            SlotValues::Ipv4(addresses) => {
                for address in addresses {
                    for part in address.to_be_bytes() {
                        self.give_number(i64::from(part));
                    }
                }
            }
            SlotValues::Numbers(numbers) if !numbers.is_padded => {
                for &number in &numbers.values {
                    self.give_number(number);
                }
            }
            SlotValues::Numbers(_) | SlotValues::Decimals { .. } => {
                for row in 0..rows {
                    self.text.clear();
                    slot.write(row, &mut self.text);
                    self.give_text();
                }
            }
        }
    }

    fn write_texts(&mut self, texts: &Texts) {
        for entry in 0..texts.entries() {
            self.text.clear();
            let value = std::str::from_utf8(texts.entry(entry));
            self.text.push_str(value.unwrap_or_default());
            self.give_text();
        }
    }

    /// The minus is no part of a word.
    fn give_number(&mut self, number: i64) {
        let magnitude = number.unsigned_abs();
        if let Ok(small) = usize::try_from(magnitude)
            && let Some(word) = self.numbers.get_mut(small / 64)
        {
            if *word >> (small % 64) & 1 == 1 {
                return;
            }
            *word |= 1 << (small % 64);
        }
        self.text.clear();
        super::values::write_number(number, 0, &mut self.text);
        (self.word)(self.template, self.text.trim_start_matches('-'));
    }

    fn give_text(&mut self) {
        if self.text.is_ascii() {
            self.text.make_ascii_lowercase();
            for token in tokens(&self.text) {
                (self.word)(self.template, token);
            }
        } else {
            for token in tokens(&self.text) {
                (self.word)(self.template, &fold_token(token));
            }
        }
    }
}
