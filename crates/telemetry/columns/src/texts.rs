//! Many texts in one allocation: how columns of text are held, logged and read.

use std::sync::OnceLock;

use andon_reader::query::TokenSequence;

use crate::keys::{KeyFilter, KeySpace, Keys};
use crate::template::{Literal, Needle};
use crate::wire::{put_bytes, put_number, take_bytes, take_number};

/// Many texts in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    pub(crate) ends: Vec<u32>,
    pub(crate) text: String,
    words: WordFilter,
}

/// Which words many texts may have, worked out when it is first asked; of the texts, not beside them.
#[derive(Debug, Default)]
struct WordFilter(OnceLock<KeyFilter>);

impl WordFilter {
    /// Says whether a folded word may be in the texts, which never change.
    fn may_have<'a>(&self, word: &str, texts: impl Iterator<Item = &'a str>) -> bool {
        let filter = self.0.get_or_init(|| {
            let mut keys = Keys::default();
            texts.for_each(|text| keys.add_words(KeySpace::ANY, text));
            keys.finish()
        });
        filter.may_have(KeySpace::ANY.key(word))
    }

    /// Memory that it may come to use for texts of so many bytes: as many before it is asked as after.
    fn memory_bytes(text_bytes: usize) -> usize {
        // About one word in eight bytes, and a byte and a fifth for each.
        text_bytes / 6
    }
}

impl Clone for WordFilter {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for WordFilter {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for WordFilter {}

/// Texts with fewer bytes are looked through as quickly as their words are found.
const FILTERED_BYTES: usize = 4 << 10;

impl Texts {
    /// Says how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.end();
    }

    /// Gives one; empty beyond the end.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> &str {
        let (start, end) = self.bounds(index);
        self.text.get(start..end).unwrap_or_default()
    }

    /// Gives the bytes of one.
    #[must_use]
    #[inline]
    pub fn get_bytes(&self, index: usize) -> &[u8] {
        let (start, end) = self.bounds(index);
        self.text.as_bytes().get(start..end).unwrap_or_default()
    }

    #[inline]
    fn bounds(&self, index: usize) -> (usize, usize) {
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).map_or(0, |&end| end as usize),
        };
        let end = self.ends.get(index).map_or(start, |&end| end as usize);
        (start, end)
    }

    /// Gives them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Gives the places of the texts that hold some bytes, ascending.
    pub fn holding<'a>(&'a self, needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let finder = memchr::memmem::Finder::new(needle);
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let start = from + finder.find(self.text.as_bytes().get(from..)?)?;
                let index = self.ends.partition_point(|&end| end as usize <= start);
                let end = *self.ends.get(index)? as usize;
                if start + needle.len() <= end {
                    from = end;
                    return Some(index);
                }
                // It reaches into the next text.
                from = start + 1;
            }
        })
    }

    /// Shows the places of the texts that have words next to each other, ascending, until told to stop.
    ///
    /// Looks for the longest word through all texts at once, so that texts without it cost nothing.
    pub fn each_with_words(&self, words: &TokenSequence, mut found: impl FnMut(usize) -> bool) {
        let text = self.text.as_bytes();
        let Some(needle) = longest_word(words, text) else {
            for (index, text) in self.iter().enumerate() {
                if words.is_in(text) && !found(index) {
                    return;
                }
            }
            return;
        };
        self.each_holding(&needle, |index| !words.is_in(self.get(index)) || found(index));
    }

    /// Shows the places of the texts that hold a literal, ascending, until told to stop.
    pub(crate) fn each_holding(&self, needle: &Needle, mut found: impl FnMut(usize) -> bool) {
        let text = self.text.as_bytes();
        let mut from = 0;
        while let Some(rest) = text.get(from..)
            && let Some(at) = needle.find(rest)
        {
            let start = from + at;
            let index = self.ends.partition_point(|&end| end as usize <= start);
            let Some(&end) = self.ends.get(index) else { return };
            if start + needle.len() > end as usize {
                // It reaches into the next text.
                from = start + 1;
                continue;
            }
            if !found(index) {
                return;
            }
            from = end as usize;
        }
    }

    /// Says whether any text has words next to each other; for texts that no longer change.
    #[must_use]
    pub fn have_words(&self, words: &TokenSequence) -> bool {
        let may_have = |word: &String| self.words.may_have(word, self.iter());
        if self.text.len() >= FILTERED_BYTES && !words.folded().iter().all(may_have) {
            return false;
        }
        let mut any = false;
        self.each_with_words(words, |_| {
            any = true;
            false
        });
        any
    }

    /// Memory in use.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let words = if self.text.len() >= FILTERED_BYTES { WordFilter::memory_bytes(self.text.len()) } else { 0 };
        self.ends.capacity() * 4 + self.text.capacity() + words
    }

    /// Says how many bytes they have together.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Ends a text written piecewise; a batch is bounded far below 4 GiB by its maker.
    pub(crate) fn end(&mut self) {
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Writes them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, self.ends.len() as u64);
        let mut start = 0;
        for &end in &self.ends {
            put_number(out, u64::from(end - start));
            start = end;
        }
        put_bytes(out, self.text.as_bytes());
    }

    /// Reads what [`Texts::encode`] wrote; nothing when the bytes make no sense.
    #[must_use]
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let count = usize::try_from(take_number(input)?).ok()?;
        if count > input.len() {
            return None;
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u32;
        for _ in 0..count {
            end = end.checked_add(u32::try_from(take_number(input)?).ok()?)?;
            ends.push(end);
        }
        let bytes = take_bytes(input)?;
        if bytes.len() != end as usize {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        if !ends.iter().all(|&end| text.is_char_boundary(end as usize)) {
            return None;
        }
        Some(Self {
            ends,
            text: text.to_owned(),
            words: WordFilter::default(),
        })
    }
}

/// The longest of some words as bytes that every text with them holds; none when folding could hide it.
fn longest_word(words: &TokenSequence, text: &[u8]) -> Option<Needle> {
    const KELVIN_SIGN: &[u8] = "\u{212A}".as_bytes();
    let ascii = words.folded().iter().filter(|word| word.is_ascii());
    let longest = ascii.max_by_key(|word| word.len())?;
    // It folds to `k`.
    if longest.contains('k') && memchr::memmem::find(text, KELVIN_SIGN).is_some() {
        return None;
    }
    Some(Needle::new(&Literal {
        bytes: longest.as_bytes().to_vec(),
        ignore_ascii_case: true,
    }))
}

/// Cuts a text at a character and says how many bytes went.
pub(crate) fn truncated(text: &str) -> (&str, u64) {
    if text.len() <= crate::lines::LONGEST_TEXT_BYTES {
        return (text, 0);
    }
    let end = text.floor_char_boundary(crate::lines::LONGEST_TEXT_BYTES);
    (text.get(..end).unwrap_or_default(), (text.len() - end) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_through_all_texts_as_in_each_alone() {
        let texts = [
            "", "a b", "kelvin", "\u{212A}elvin", "xkelvin", "kel", "vin", "a", "b", "A-B", "größe k", "b a b",
        ];
        let all = texts.iter().fold(Texts::default(), |mut all, text| {
            all.push(text);
            all
        });
        for words in ["a", "b", "a b", "kelvin", "kel", "größe", "größe k", "=>", "none", "K"] {
            let words = TokenSequence::new(words);
            let wanted: Vec<usize> = (0..texts.len()).filter(|&at| words.is_in(texts[at])).collect();
            let mut found = Vec::new();
            all.each_with_words(&words, |index| {
                found.push(index);
                true
            });
            assert_eq!(found, wanted, "{words:?}");
            assert_eq!(all.have_words(&words), !wanted.is_empty());
        }
    }
}
