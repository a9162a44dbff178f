//! Different texts, each once, numbered by first appearance.

use crate::keys::hash;
use crate::lines::Texts;

/// Numbers texts.
#[derive(Debug, Default)]
pub(super) struct DictionaryBuilder {
    texts: Texts,
    /// Open addressing: part of the hash, and the number plus one; zero is free.
    slots: Vec<(u32, u32)>,
    last: u32,
}

impl DictionaryBuilder {
    /// Says how many different texts there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(super) fn into_texts(self) -> Texts {
        self.texts
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.texts.memory_bytes() + self.slots.capacity() * 8
    }

    /// Gives the number of a text, entered if it is new.
    #[inline]
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if self.texts.get_bytes(self.last as usize) == text.as_bytes() && !self.texts.is_empty() {
            return self.last;
        }
        if (self.texts.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let key = hash(0, text.as_bytes());
        #[allow(clippy::cast_possible_truncation)]
        let (part, mut place) = ((key >> 32) as u32, key as usize);
        let mask = self.slots.len() - 1;
        loop {
            place &= mask;
            let Some(slot) = self.slots.get_mut(place) else {
                return 0;
            };
            if slot.1 == 0 {
                let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX - 1);
                *slot = (part, number + 1);
                self.texts.push(text);
                self.last = number;
                return number;
            }
            let number = slot.1 - 1;
            if slot.0 == part && self.texts.get_bytes(number as usize) == text.as_bytes() {
                self.last = number;
                return number;
            }
            place += 1;
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(8);
        let mut slots = vec![(0u32, 0u32); size];
        for number in 0..self.texts.len() {
            let key = hash(0, self.texts.get_bytes(number));
            #[allow(clippy::cast_possible_truncation)]
            let (part, mut place) = ((key >> 32) as u32, key as usize);
            while let Some(slot) = slots.get_mut(place & (size - 1)) {
                if slot.1 == 0 {
                    *slot = (part, u32::try_from(number + 1).unwrap_or(u32::MAX));
                    break;
                }
                place += 1;
            }
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_numbers_in_the_order_of_appearance() {
        let mut builder = DictionaryBuilder::default();
        for round in 0..2 {
            for number in 0..5_000u32 {
                let found = builder.number(&format!("text {number}"));
                assert_eq!(found, number, "round {round}");
                assert_eq!(builder.number(&format!("text {number}")), number);
            }
        }
        assert_eq!(builder.number(""), 5_000);
        assert_eq!(builder.len(), 5_001);
        assert_eq!(builder.texts().get(4_999), "text 4999");
        let mut builder = DictionaryBuilder::default();
        assert_eq!(builder.number(""), 0);
        assert_eq!(builder.number("a"), 1);
    }
}
