//! A set of row numbers of one row group, one bit each.
//!
//! Invariants: bits at and past `len` are clear, so that counting and iterating need no care; rows
//! out of range are never set and read as absent. Sets that are combined belong to the same rows.

/// A bitmap over the rows `0..len`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// Makes a set of `len` rows with none in it.
    #[must_use]
    pub fn none(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// Makes a set of `len` rows with all in it.
    #[must_use]
    pub fn all(len: usize) -> Self {
        let mut bits = Self {
            words: vec![u64::MAX; len.div_ceil(64)],
            len,
        };
        bits.clear_tail();
        bits
    }

    /// Number of rows that the set speaks about.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether the set speaks about no row at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits, 64 rows in each word, the lowest row in the lowest bit.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Takes bits that somebody else computed; bits past `len` are dropped, missing ones are clear.
    #[must_use]
    pub fn from_words(mut words: Vec<u64>, len: usize) -> Self {
        words.resize(len.div_ceil(64), 0);
        let mut bits = Self { words, len };
        bits.clear_tail();
        bits
    }

    /// Says whether the row is in the set.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        self.words
            .get(row / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Puts the row into the set.
    #[inline]
    pub fn set(&mut self, row: usize) {
        if row < self.len
            && let Some(word) = self.words.get_mut(row / 64)
        {
            *word |= 1 << (row % 64);
        }
    }

    /// Takes the row out of the set.
    #[inline]
    pub fn clear(&mut self, row: usize) {
        if let Some(word) = self.words.get_mut(row / 64) {
            *word &= !(1 << (row % 64));
        }
    }

    /// Puts the rows of a range into the set.
    pub fn set_range(&mut self, rows: std::ops::Range<usize>) {
        let end = rows.end.min(self.len);
        let mut row = rows.start;
        while row < end {
            let in_word = row % 64;
            let taken = (64 - in_word).min(end - row);
            if let Some(word) = self.words.get_mut(row / 64) {
                *word |= (u64::MAX >> (64 - taken)) << in_word;
            }
            row += taken;
        }
    }

    /// Keeps the rows that are in both.
    pub fn and(&mut self, other: &Self) {
        self.zip(other, |mine, theirs| mine & theirs);
    }

    /// Adds the rows of the other.
    pub fn or(&mut self, other: &Self) {
        self.zip(other, |mine, theirs| mine | theirs);
        self.clear_tail();
    }

    /// Takes the rows of the other away.
    pub fn and_not(&mut self, other: &Self) {
        self.zip(other, |mine, theirs| mine & !theirs);
    }

    /// Turns every row around.
    pub fn not(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        self.clear_tail();
    }

    /// Number of rows in the set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Says whether a row is in the set.
    #[must_use]
    pub fn any(&self) -> bool {
        self.words.iter().any(|&word| word != 0)
    }

    /// The rows of the set, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }

    /// The rows of the set, descending: what a search for the newest lines walks.
    pub fn ones_descending(&self) -> impl Iterator<Item = usize> + '_ {
        let words = self.words.iter().enumerate().rev();
        words.flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = 63 - left.leading_zeros() as usize;
                left &= !(1 << bit);
                Some(index * 64 + bit)
            })
        })
    }

    /// Memory that the set holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.words.capacity() * 8
    }

    fn zip(&mut self, other: &Self, combine: impl Fn(u64, u64) -> u64) {
        let theirs = other.words.iter().copied().chain(std::iter::repeat(0));
        for (mine, theirs) in self.words.iter_mut().zip(theirs) {
            *mine = combine(*mine, theirs);
        }
    }

    fn clear_tail(&mut self) {
        let used = self.len % 64;
        if used != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= u64::MAX >> (64 - used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(len: usize, rows: &[usize]) -> Bits {
        let mut bits = Bits::none(len);
        for &row in rows {
            bits.set(row);
        }
        bits
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets(len in 0usize..300, a in prop::collection::vec(0usize..320, 0..60),
                               b in prop::collection::vec(0usize..320, 0..60)) {
            let left: std::collections::BTreeSet<usize> = a.iter().copied().filter(|&r| r < len).collect();
            let right: std::collections::BTreeSet<usize> = b.iter().copied().filter(|&r| r < len).collect();
            let (x, y) = (of(len, &a), of(len, &b));
            let rows = |bits: &Bits| bits.ones().collect::<Vec<_>>();
            prop_assert_eq!(rows(&x), left.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(x.ones_descending().collect::<Vec<_>>(), left.iter().rev().copied().collect::<Vec<_>>());
            prop_assert_eq!(x.count(), left.len());
            let mut both = x.clone();
            both.and(&y);
            prop_assert_eq!(rows(&both), left.intersection(&right).copied().collect::<Vec<_>>());
            let mut either = x.clone();
            either.or(&y);
            prop_assert_eq!(rows(&either), left.union(&right).copied().collect::<Vec<_>>());
            let mut only = x.clone();
            only.and_not(&y);
            prop_assert_eq!(rows(&only), left.difference(&right).copied().collect::<Vec<_>>());
            let mut turned = x.clone();
            turned.not();
            prop_assert_eq!(turned.count(), len - left.len());
            turned.or(&x);
            prop_assert_eq!(turned, Bits::all(len));
        }

        #[test]
        fn ranges_set_their_rows(len in 0usize..300, from in 0usize..320, rows in 0usize..320) {
            let mut bits = Bits::none(len);
            bits.set_range(from..from + rows);
            let expected: Vec<usize> = (from..from + rows).filter(|&r| r < len).collect();
            prop_assert_eq!(bits.ones().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn foreign_bits_past_the_end_are_dropped() {
        let bits = Bits::from_words(vec![u64::MAX; 3], 70);
        assert_eq!(bits.count(), 70);
        assert!(!bits.get(70));
    }
}
