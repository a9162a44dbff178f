//! Keys of a group's filter: what is in it, and how a key is made.
//!
//! A key is made of a column and a folded word. The filter of a group holds
//!
//! - for a column of **identifiers**: the whole value, once per different value;
//! - for a column of **templates**: each word (as [`andon_reader::query::tokens`] splits and
//!   `fold_token` folds) that some line has and that does not lie wholly in the constant text of the
//!   line's template. A word that is partly variable (`blk_` + digits) counts whole. Words inside the
//!   value of *another* column that the template refers to are left out: they are words of that
//!   column, see `GroupView::references`;
//! - for a column of plain **texts**: every word.
//!
//! A second, small filter, the *vocabulary*, holds what columns keep once however many lines have it:
//!
//! - for a column of **templates**: each word of the constant text between two variables, also one that may
//!   go on in a variable;
//! - for a **dictionary**: each word of its texts.
//!
//! A third one, the *whereabouts*, holds for messages in which templates a word stands that is no number and
//! does not lie wholly in constant text: the most frequent templates have a bucket of their own, see
//! [`bucket_of`], the others share some. It is asked for words that some line has.
//!
//! So a word cannot be in a column of templates when (a) no template constant has it, (b) the filter does
//! not have [`word_key`] of it, and (c) no column referred to can have it. Numbers are searched
//! themselves. Parts of words (wildcards, substrings, regular expressions) have no keys and must not be
//! asked for.
//!
//! Invariants: the functions here are part of the segment format; they never change for a version.

use xorf::{BinaryFuse8, Filter as _};

use andon_reader::query::{fold_token, tokens};

use crate::column::ColumnName;
use crate::wire::{put_number, take_number};

const FIRST: u64 = 0xa076_1d64_78bd_642f;
const SECOND: u64 = 0xe703_7ed1_a0b4_28db;

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    #[allow(clippy::cast_possible_truncation)]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// Hashes bytes; part of the segment format.
#[inline]
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ FIRST;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        state = fold(state ^ u64::from_le_bytes(*chunk), SECOND);
    }
    let mut last = [0u8; 8];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    state = fold(state ^ u64::from_le_bytes(last), SECOND);
    fold(state ^ bytes.len() as u64, FIRST)
}

/// Makes the keys of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpace(u64);

impl KeySpace {
    /// Keys that stay in memory and belong to one column anyway.
    pub(crate) const ANY: Self = Self(0);

    /// The keys of a column. Attributes of one name share them, whatever the kind.
    #[must_use]
    pub fn of(column: &ColumnName) -> Self {
        Self(match column {
            ColumnName::Text(place) => hash(1, &[*place]),
            ColumnName::Attribute(name, _) => hash(2, name.as_bytes()),
            ColumnName::Rest => hash(3, &[]),
            ColumnName::Resource => hash(4, &[]),
            _ => hash(5, &[]),
        })
    }

    /// The keys of the same column in a bucket of templates.
    #[must_use]
    pub fn in_bucket(self, bucket: u8) -> Self {
        Self(hash(self.0, &[bucket]))
    }

    /// The key of a folded word, or of a whole identifier.
    #[must_use]
    #[inline]
    pub fn key(self, folded: &str) -> u64 {
        hash(self.0, folded.as_bytes())
    }
}

/// Buckets into which templates fall.
pub const BUCKETS: u8 = 64;
/// Templates with a bucket of their own.
const OWN_BUCKETS: usize = 48;

/// Gives the bucket of a template by its number; frequent ones have small numbers.
#[must_use]
pub fn bucket_of(template: usize) -> u8 {
    let shared = usize::from(BUCKETS) - OWN_BUCKETS;
    let bucket = if template < OWN_BUCKETS { template } else { OWN_BUCKETS + template % shared };
    u8::try_from(bucket).unwrap_or(0)
}

/// Says whether the whereabouts of a folded word are known.
#[must_use]
pub fn has_whereabouts(folded: &str) -> bool {
    folded.bytes().any(|byte| !byte.is_ascii_digit())
}

/// Gives the key of a folded word of a column.
#[must_use]
pub fn word_key(column: &ColumnName, folded: &str) -> u64 {
    KeySpace::of(column).key(folded)
}

/// Remembered keys that were seen a moment ago, so that words that repeat cost nothing.
const RECENT: usize = 1 << 14;
/// Keys after which doubles are removed for the first time.
const DEDUPLICATE: usize = 1 << 18;

/// Gathers the different keys of a group.
#[derive(Debug, Default)]
pub struct Keys {
    keys: Vec<u64>,
    recent: Vec<u64>,
    next_cleaning: usize,
}

impl Keys {
    /// Adds a key.
    #[inline]
    pub fn add(&mut self, key: u64) {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, 0);
            self.next_cleaning = DEDUPLICATE;
        }
        #[allow(clippy::cast_possible_truncation)]
        let place = key as usize % RECENT;
        if let Some(slot) = self.recent.get_mut(place) {
            if *slot == key && key != 0 {
                return;
            }
            *slot = key;
        }
        self.keys.push(key);
        if self.keys.len() >= self.next_cleaning {
            self.clean();
            self.next_cleaning = (self.keys.len() * 2).max(DEDUPLICATE);
        }
    }

    /// Adds the words of a text.
    pub(crate) fn add_words(&mut self, space: KeySpace, text: &str) {
        for token in tokens(text) {
            let is_folded = token.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
            self.add(if is_folded { space.key(token) } else { space.key(&fold_token(token)) });
        }
    }

    /// Adds the keys gathered elsewhere.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.keys.append(&mut other.keys);
    }

    fn clean(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup();
    }

    /// Builds the filter of what was added.
    #[must_use]
    pub fn finish(mut self) -> KeyFilter {
        self.clean();
        KeyFilter::build(&self.keys)
    }
}

/// The keys of the three filters of a group.
#[derive(Debug, Default)]
pub(crate) struct GroupKeys {
    /// Of what varies from line to line.
    pub(crate) varying: Keys,
    /// Of what columns keep once.
    pub(crate) vocabulary: Keys,
    /// Of where words stand; of messages only.
    pub(crate) whereabouts: Option<Keys>,
}

impl GroupKeys {
    /// Adds the keys gathered elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        self.varying.append(other.varying);
        self.vocabulary.append(other.vocabulary);
        self.whereabouts = self.whereabouts.take().or(other.whereabouts);
    }

    /// Adds a word of some line of a template.
    #[inline]
    pub(crate) fn add_varying(&mut self, space: KeySpace, template: usize, folded: &str) {
        self.varying.add(space.key(folded));
        if let Some(keys) = &mut self.whereabouts
            && has_whereabouts(folded)
        {
            keys.add(space.in_bucket(bucket_of(template)).key(folded));
        }
    }
}

/// A binary fuse filter over keys: about 9.4 bits per key, 0.4 % wrong "may be", never a wrong "no".
#[derive(Debug, Clone)]
pub struct KeyFilter {
    form: FilterForm,
}

#[derive(Debug, Clone)]
enum FilterForm {
    /// Nothing is known: may hold anything.
    Unknown,
    /// Few keys, sorted.
    List(Vec<u64>),
    Fuse(BinaryFuse8),
}

/// Up to so many keys are kept as they are: the filter's smallest size would be larger.
const LISTED_KEYS: usize = 32;
const UNKNOWN: u8 = 0;
const LIST: u8 = 1;
const FUSE: u8 = 2;

impl KeyFilter {
    /// A filter that rules nothing out.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            form: FilterForm::Unknown,
        }
    }

    /// Builds one from different keys, sorted.
    #[must_use]
    pub fn build(keys: &[u64]) -> Self {
        let form = if keys.len() <= LISTED_KEYS {
            FilterForm::List(keys.to_vec())
        } else {
            BinaryFuse8::try_from(keys).map_or(FilterForm::Unknown, FilterForm::Fuse)
        };
        Self { form }
    }

    /// Says whether the key may have been added.
    #[must_use]
    pub fn may_have(&self, key: u64) -> bool {
        match &self.form {
            FilterForm::Unknown => true,
            FilterForm::List(keys) => keys.binary_search(&key).is_ok(),
            FilterForm::Fuse(filter) => filter.contains(&key),
        }
    }

    /// Gives the buckets of templates, a bit for each, in which a folded word of a column may stand.
    #[must_use]
    pub fn buckets(&self, column: &ColumnName, folded: &str) -> u64 {
        if !has_whereabouts(folded) {
            return u64::MAX;
        }
        let space = KeySpace::of(column);
        let may_stand = |&bucket: &u8| self.may_have(space.in_bucket(bucket).key(folded));
        (0..BUCKETS).filter(may_stand).fold(0, |buckets, bucket| buckets | 1 << bucket)
    }

    /// Memory in use.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.form {
                FilterForm::Unknown => 0,
                FilterForm::List(keys) => keys.capacity() * 8,
                FilterForm::Fuse(filter) => filter.fingerprints.len(),
            }
    }

    /// Writes it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match &self.form {
            FilterForm::Unknown => out.push(UNKNOWN),
            FilterForm::List(keys) => {
                out.push(LIST);
                for key in keys {
                    out.extend_from_slice(&key.to_le_bytes());
                }
            }
            FilterForm::Fuse(filter) => {
                out.push(FUSE);
                out.extend_from_slice(&filter.descriptor.seed.to_le_bytes());
                put_number(out, u64::from(filter.descriptor.segment_length));
                put_number(out, u64::from(filter.descriptor.segment_count_length));
                out.extend_from_slice(&filter.fingerprints);
            }
        }
    }

    /// Reads what [`KeyFilter::encode`] wrote; nothing when the bytes make no sense.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&tag, mut rest) = bytes.split_first()?;
        let form = match tag {
            UNKNOWN => FilterForm::Unknown,
            LIST => {
                let (keys, left) = rest.as_chunks::<8>();
                let keys: Vec<u64> = keys.iter().map(|key| u64::from_le_bytes(*key)).collect();
                if !left.is_empty() || !keys.is_sorted() {
                    return None;
                }
                FilterForm::List(keys)
            }
            FUSE => FilterForm::Fuse(decode_fuse(&mut rest)?),
            _ => return None,
        };
        Some(Self { form })
    }
}

/// The crate indexes without asking, so what it indexes by is checked here.
fn decode_fuse(input: &mut &[u8]) -> Option<BinaryFuse8> {
    let seed = u64::from_le_bytes(*input.split_off(..8)?.first_chunk::<8>()?);
    let segment_length = u32::try_from(take_number(input)?).ok()?;
    let segment_count_length = u32::try_from(take_number(input)?).ok()?;
    let reach = u64::from(segment_count_length) + 2 * u64::from(segment_length);
    let is_sound = segment_length.is_power_of_two()
        && segment_count_length.is_multiple_of(segment_length)
        && reach <= input.len() as u64;
    is_sound.then(|| BinaryFuse8 {
        descriptor: xorf::Descriptor {
            seed,
            segment_length,
            segment_length_mask: segment_length - 1,
            segment_count_length,
        },
        fingerprints: Box::from(*input),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Kind;

    fn keys_of(count: u32) -> Vec<u64> {
        let space = KeySpace::of(&ColumnName::Text(2));
        (0..count).map(|n| space.key(&format!("word{n}"))).collect()
    }

    fn filter_of(keys: &[u64]) -> KeyFilter {
        let mut gathered = Keys::default();
        keys.iter().chain(keys).for_each(|&key| gathered.add(key));
        gathered.finish()
    }

    #[test]
    fn every_key_put_in_is_found_and_few_others_are_after_writing_and_reading() {
        for count in [0, 1, 2, 31, 32, 33, 34, 100, 1_000, 50_000] {
            let keys = keys_of(count + 10_000);
            let (inside, outside) = keys.split_at(count as usize);
            let mut bytes = Vec::new();
            filter_of(inside).encode(&mut bytes);
            let filter = KeyFilter::decode(&bytes).unwrap();
            assert!(inside.iter().all(|&key| filter.may_have(key)), "{count}");
            let wrong = outside.iter().filter(|&&key| filter.may_have(key)).count();
            assert!(wrong < 100, "{wrong} of 10,000 with {count} keys");
        }
    }

    #[test]
    fn damaged_filters_are_refused_or_harmless() {
        let mut bytes = Vec::new();
        filter_of(&keys_of(1_000)).encode(&mut bytes);
        for place in 0..20 {
            for flip in [1u8, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[place] ^= flip;
                if let Some(filter) = KeyFilter::decode(&damaged) {
                    keys_of(100).iter().for_each(|&key| {
                        let _either = filter.may_have(key);
                    });
                }
            }
        }
        for length in 0..bytes.len().min(100) {
            if let Some(filter) = KeyFilter::decode(&bytes[..length]) {
                keys_of(100).iter().for_each(|&key| {
                    let _either = filter.may_have(key);
                });
            }
        }
    }

    #[test]
    fn keys_are_part_of_the_format() {
        assert_eq!(
            word_key(&ColumnName::Text(2), "timeout"),
            2_960_949_642_903_859_046
        );
        let attribute = |name: &str, kind| ColumnName::Attribute(name.to_owned(), kind);
        assert_eq!(
            word_key(&attribute("path", Kind::Text), "a"),
            word_key(&attribute("path", Kind::Json), "a")
        );
        assert_ne!(
            word_key(&attribute("path", Kind::Text), "a"),
            word_key(&attribute("host", Kind::Text), "a")
        );
        assert_ne!(
            word_key(&ColumnName::Rest, "ab"),
            word_key(&ColumnName::Rest, "ab\0")
        );
    }
}
