//! What a search asks of a text, and the test whether a piece of text can occur in a template.
//!
//! A template is constants with variables between them, and of a variable are known its bytes and the
//! bounds of its length. Whether a literal can occur is decided exactly for that knowledge, by
//! following all its beginnings (forwards) and ends (backwards) at once in the bits of a word.

use memchr::memmem::Finder;

use andon_reader::query::TokenSequence;

use super::byte_set::ByteSet;

/// A text that every matching text holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Letters a to z stand for both cases.
    pub ignore_ascii_case: bool,
}

impl Literal {
    /// A literal in exactly this case.
    #[must_use]
    pub fn exact(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            ignore_ascii_case: false,
        }
    }

    /// The literals of a sequence of words: those of ASCII; others fold in ways of their own.
    #[must_use]
    pub fn of_words(words: &TokenSequence) -> Vec<Self> {
        let ascii = words.folded().iter().filter(|word| word.is_ascii());
        ascii
            .map(|word| Self {
                bytes: word.as_bytes().to_vec(),
                ignore_ascii_case: true,
            })
            .collect()
    }
}

/// What is known about a literal before a column is looked at: where it may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Every text that has it has it wholly in the constant text of its template.
    pub is_constant: bool,
    /// The buckets of templates ([`crate::keys::bucket_of`]), a bit for each, in which a variable may have it.
    pub buckets: u64,
    /// The constant text between two variables may have it as a word.
    pub in_constants: bool,
    /// The value of another column that a text refers to may have it.
    pub in_references: bool,
}

impl Default for Known {
    /// It may stand anywhere.
    fn default() -> Self {
        Self { is_constant: false, buckets: u64::MAX, in_constants: true, in_references: true }
    }
}

/// A test of texts. What it says besides `is_match` only helps to skip texts, and must agree with it.
pub trait TextPattern {
    /// Says whether the text is looked for.
    fn is_match(&self, text: &str) -> bool;

    /// Texts that all occur in every matching text. Words of [`TextPattern::words`] may be among them
    /// although the Kelvin sign folds to `k`: texts with it are always tested.
    fn literals(&self) -> &[Literal];

    /// The words, if the test is just that these stand next to each other.
    fn words(&self) -> Option<&TokenSequence> {
        None
    }

    /// Gives what is known about the literal at this place before the column is looked at; more than nothing
    /// only for a word of [`TextPattern::words`].
    fn known(&self, _literal: usize) -> Known {
        Known::default()
    }

    /// The literal, if the test is just that it occurs.
    fn substring(&self) -> Option<&Literal> {
        None
    }

    /// The text, if the test is that it is the whole text.
    fn equals(&self) -> Option<&str> {
        None
    }
}

/// Finds texts that have words next to each other, in any case.
#[derive(Debug, Clone)]
pub struct WordsPattern {
    words: TokenSequence,
    literals: Vec<Literal>,
}

impl WordsPattern {
    /// Looks for words as a search does.
    #[must_use]
    pub fn new(words: TokenSequence) -> Self {
        let literals = Literal::of_words(&words);
        Self { words, literals }
    }
}

impl TextPattern for WordsPattern {
    fn is_match(&self, text: &str) -> bool {
        self.words.is_in(text)
    }

    fn literals(&self) -> &[Literal] {
        &self.literals
    }

    fn words(&self) -> Option<&TokenSequence> {
        // Without words it is a search for the text itself, which has no boundaries to heed.
        (!self.words.folded().is_empty()).then_some(&self.words)
    }
}

/// Finds texts that hold a text.
#[derive(Debug, Clone)]
pub struct SubstringPattern {
    needle: Needle,
    literal: [Literal; 1],
}

impl SubstringPattern {
    /// Looks for the literal anywhere.
    #[must_use]
    pub fn new(literal: Literal) -> Self {
        Self {
            needle: Needle::new(&literal),
            literal: [literal],
        }
    }
}

impl TextPattern for SubstringPattern {
    fn is_match(&self, text: &str) -> bool {
        self.needle.is_in(text.as_bytes())
    }

    fn literals(&self) -> &[Literal] {
        &self.literal
    }

    fn substring(&self) -> Option<&Literal> {
        self.literal.first()
    }
}

/// Finds texts that are equal to one.
#[derive(Debug, Clone)]
pub struct EqualPattern {
    text: String,
    literal: [Literal; 1],
}

impl EqualPattern {
    /// Looks for exactly this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            literal: [Literal::exact(text)],
        }
    }
}

impl TextPattern for EqualPattern {
    fn is_match(&self, text: &str) -> bool {
        self.text == text
    }

    fn literals(&self) -> &[Literal] {
        &self.literal
    }

    fn equals(&self) -> Option<&str> {
        Some(&self.text)
    }
}

/// Longest beginning of a literal that is followed through a template.
const FOLLOWED: usize = 64;

/// The longest run of bytes without case, with its place; none shorter than two bytes.
fn caseless_run(bytes: &[u8], folds: bool) -> Option<(usize, Finder<'static>)> {
    let has_case = |byte: &u8| folds && byte.is_ascii_alphabetic();
    let mut start = 0;
    let runs = bytes.split(has_case).map(|run| {
        let place = start;
        start += run.len() + 1;
        (place, run)
    });
    let (place, run) = runs.max_by_key(|(_, run)| run.len()).filter(|(_, run)| run.len() >= 2)?;
    Some((place, Finder::new(run).into_owned()))
}

/// A literal made ready for searching.
#[derive(Debug, Clone)]
pub(crate) struct Needle {
    bytes: Vec<u8>,
    folds: bool,
    /// The place of its rarest byte.
    anchor: usize,
    /// The place of its second rarest byte.
    second: usize,
    /// Bytes of it that have no case, and their place: such a run is found faster than a byte.
    run: Option<(usize, Finder<'static>)>,
    /// For each byte the places at which it may stand.
    places: Box<[u64; 256]>,
    /// Bytes that are followed: all, when made by `beginning`.
    followed: usize,
}

/// Where a literal may touch a variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touch {
    /// Number of the variable in its template.
    pub(super) slot: usize,
    /// Bit `i - 1`: the first `i` bytes may end right before the variable.
    pub(super) enter: u64,
    /// Bit `j`: the bytes from `j` on may begin right behind it.
    pub(super) exit: u64,
    /// Which of `exit` begin inside the variable.
    pub(super) leave: u64,
    /// The whole literal may stand inside.
    pub(super) inside: bool,
}

impl Needle {
    pub(crate) fn new(literal: &Literal) -> Self {
        let folds = literal.ignore_ascii_case && literal.bytes.iter().any(u8::is_ascii_alphabetic);
        let mut bytes = literal.bytes.clone();
        if folds {
            bytes.make_ascii_lowercase();
        }
        let followed = bytes.len().min(FOLLOWED);
        let mut places = Box::new([0u64; 256]);
        for (place, &byte) in bytes.iter().take(followed).enumerate() {
            places[usize::from(byte)] |= 1 << place;
            if folds {
                let upper = usize::from(byte.to_ascii_uppercase());
                places[upper] |= 1 << place;
            }
        }
        let rarest = |not: Option<usize>| {
            let others = bytes.iter().enumerate().filter(|&(place, _)| Some(place) != not);
            others.max_by_key(|&(_, &b)| rarity(b)).map_or(0, |(place, _)| place)
        };
        let anchor = rarest(None);
        Self {
            run: caseless_run(&bytes, folds),
            anchor,
            second: rarest(Some(anchor)),
            bytes,
            folds,
            places,
            followed,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn is_same(&self, mine: &[u8], theirs: &[u8]) -> bool {
        if self.folds {
            mine.eq_ignore_ascii_case(theirs)
        } else {
            mine == theirs
        }
    }

    /// The beginning of a literal that can be followed through templates: it must occur, too.
    pub(super) fn beginning(literal: &Literal) -> Self {
        let bytes = literal.bytes.iter().take(FOLLOWED).copied().collect();
        Self::new(&Literal {
            bytes,
            ignore_ascii_case: literal.ignore_ascii_case,
        })
    }

    /// Where it first occurs.
    #[inline]
    pub(crate) fn find(&self, text: &[u8]) -> Option<usize> {
        if self.bytes.len() > text.len() {
            return None;
        }
        if let Some((place, run)) = &self.run {
            return self.find_by_run(*place, run, text);
        }
        let Some(&lower) = self.bytes.get(self.anchor) else {
            return Some(0);
        };
        let last = text.len() - self.bytes.len() + self.anchor;
        let mut from = self.anchor;
        while let Some(rest) = text.get(from..=last) {
            let found = if self.folds && lower.is_ascii_lowercase() {
                memchr::memchr2(lower, lower.to_ascii_uppercase(), rest)?
            } else {
                memchr::memchr(lower, rest)?
            };
            let start = from + found - self.anchor;
            let there = text.get(start..start + self.bytes.len())?;
            // One more byte tells most of what only looks alike.
            let is_alike = there.get(self.second).zip(self.bytes.get(self.second));
            if is_alike.is_some_and(|(there, mine)| there == mine || self.folds && there.eq_ignore_ascii_case(mine))
                && self.is_same(&self.bytes, there)
            {
                return Some(start);
            }
            from += found + 1;
        }
        None
    }

    fn find_by_run(&self, place: usize, run: &Finder<'_>, text: &[u8]) -> Option<usize> {
        let mut from = place;
        loop {
            let found = from + run.find(text.get(from..)?)?;
            let start = found - place;
            let there = text.get(start..start + self.bytes.len())?;
            if self.is_same(&self.bytes, there) {
                return Some(start);
            }
            from = found + 1;
        }
    }

    /// Says whether looking for it in much text is quick.
    pub(super) fn is_quick(&self) -> bool {
        self.run.is_some()
    }

    /// Most values are too short for the set-up of a quick search to pay.
    #[inline]
    fn is_in_short(&self, text: &[u8]) -> bool {
        const SHORT: usize = 24;
        if text.len() > SHORT {
            return self.is_in(text);
        }
        let Some(&first) = self.bytes.first() else {
            return true;
        };
        text.windows(self.bytes.len()).any(|part| {
            part.first().is_some_and(|byte| {
                (*byte == first || (self.folds && byte.eq_ignore_ascii_case(&first)))
                    && self.is_same(&self.bytes, part)
            })
        })
    }

    /// The most digits that stand next to each other in it.
    pub(super) fn longest_digits(&self) -> usize {
        let runs = self.bytes.split(|byte| !byte.is_ascii_digit());
        runs.map(<[u8]>::len).max().unwrap_or(0)
    }

    #[inline]
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }

    /// The places at which the byte may stand.
    #[inline]
    pub(super) fn places_of_byte(&self, byte: u8) -> u64 {
        self.places[usize::from(byte)]
    }

    /// Says whether all of it may stand in a variable.
    #[inline]
    pub(super) fn may_be_inside(&self, allowed: u64, longest: usize) -> bool {
        let full = u64::MAX >> (64 - self.followed.max(1));
        allowed & full == full && longest >= self.followed
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The places whose byte is in the set.
    pub(super) fn places_in(&self, set: &ByteSet) -> u64 {
        let mut mask = 0;
        for (place, &byte) in self.bytes.iter().take(self.followed).enumerate() {
            if set.contains(byte) || (self.folds && set.contains(byte.to_ascii_uppercase())) {
                mask |= 1 << place;
            }
        }
        mask
    }

    /// Follows the beginnings over constant bytes.
    fn forward(&self, mut state: u64, bytes: &[u8]) -> u64 {
        // What stood before the last bytes no longer matters.
        let skipped = bytes.len().saturating_sub(self.followed);
        if skipped > 0 {
            state = 0;
        }
        for &byte in bytes.get(skipped..).unwrap_or_default() {
            state = (state << 1 | 1) & self.places[usize::from(byte)];
        }
        state
    }

    /// Follows the ends backwards over constant bytes.
    fn backward(&self, mut state: u64, bytes: &[u8]) -> u64 {
        let top = 1u64 << (self.followed - 1);
        let kept = bytes.len().min(self.followed);
        if bytes.len() > self.followed {
            state = 0;
        }
        for &byte in bytes.get(..kept).unwrap_or_default().iter().rev() {
            state = (state >> 1 | top) & self.places[usize::from(byte)];
        }
        state
    }

    /// Follows the beginnings over a variable of any length within its bounds.
    fn forward_slot(&self, state: u64, allowed: u64, shortest: usize, longest: usize) -> u64 {
        let mut now = state;
        let mut all = if shortest == 0 { state } else { 0 };
        for length in 1..=longest.min(self.followed) {
            now = (now << 1 | 1) & allowed;
            if length >= shortest {
                all |= now;
            }
        }
        if shortest > self.followed { now } else { all }
    }

    fn backward_slot(&self, state: u64, allowed: u64, shortest: usize, longest: usize) -> u64 {
        let top = 1u64 << (self.followed - 1);
        let mut now = state;
        let mut all = if shortest == 0 { state } else { 0 };
        for length in 1..=longest.min(self.followed) {
            now = (now >> 1 | top) & allowed;
            if length >= shortest {
                all |= now;
            }
        }
        if shortest > self.followed { now } else { all }
    }

    /// The variables that an occurrence may touch; none when it cannot. `segments` are the constants,
    /// one more than the variables; `bounds` the variables' places, shortest and longest lengths.
    pub(super) fn touches(
        &self,
        segments: &[&[u8]],
        bounds: &[(u64, usize, usize)],
        out: &mut Vec<Touch>,
    ) {
        out.clear();
        if self.followed == 0 {
            return;
        }
        let mut exits = vec![0u64; bounds.len()];
        let mut state = 0;
        for (number, &(allowed, shortest, longest)) in bounds.iter().enumerate().rev() {
            let behind = segments.get(number + 1).copied().unwrap_or_default();
            state = self.backward(state, behind);
            if let Some(exit) = exits.get_mut(number) {
                *exit = state;
            }
            state = self.backward_slot(state, allowed, shortest, longest);
        }
        let full = u64::MAX >> (64 - self.followed);
        let mut state = 0;
        for (slot, &(allowed, shortest, longest)) in bounds.iter().enumerate() {
            let before = segments.get(slot).copied().unwrap_or_default();
            state = self.forward(state, before) & (full >> 1);
            let exit = exits.get(slot).copied().unwrap_or(0);
            let enter = self.enters(state, allowed, exit, shortest, longest);
            let lowest_missing = (!allowed & full).trailing_zeros().min(64);
            let leaves = (1..=lowest_missing)
                .filter(|&end| end as usize <= longest && end < 64)
                .fold(0u64, |mask, end| mask | 1 << end);
            let leave = exit & leaves;
            let inside = allowed & full == full && longest >= self.followed;
            if inside || enter != 0 || leave != 0 {
                out.push(Touch {
                    slot,
                    enter,
                    exit,
                    leave,
                    inside,
                });
            }
            state = self.forward_slot(state, allowed, shortest, longest) & (full >> 1);
        }
    }

    /// Which beginnings can go on in a variable, to their end or out of it.
    fn enters(
        &self,
        state: u64,
        allowed: u64,
        exit: u64,
        shortest: usize,
        longest: usize,
    ) -> u64 {
        let mut kept = 0;
        let mut left = state;
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let start = bit as usize + 1;
            let run = (!(allowed >> start)).trailing_zeros() as usize;
            let room = run.min(longest);
            let reaches_end = start + room >= self.followed;
            let leaves = (shortest..=room)
                .map(|length| start + length)
                .take_while(|&end| end < 64)
                .any(|end| exit >> end & 1 == 1);
            if reaches_end || leaves {
                kept |= 1 << bit;
            }
        }
        kept
    }

    /// Says whether a variable's value may be part of an occurrence.
    #[inline]
    pub(super) fn may_touch(&self, touch: &Touch, value: &[u8]) -> bool {
        if touch.inside && self.is_in_short(value) {
            return true;
        }
        (touch.enter != 0 && self.may_enter(touch, value))
            || (touch.leave != 0 && self.may_leave(touch, value))
    }

    fn may_enter(&self, touch: &Touch, value: &[u8]) -> bool {
        let mut left = touch.enter;
        while left != 0 {
            let start = left.trailing_zeros() as usize + 1;
            left &= left - 1;
            let rest = self.bytes.get(start..).unwrap_or_default();
            let length = rest.len().min(value.len());
            let is_same = self.is_same(
                rest.get(..length).unwrap_or_default(),
                value.get(..length).unwrap_or_default(),
            );
            if is_same && (length == rest.len() || touch.exit >> ((start + length) & 63) & 1 == 1) {
                return true;
            }
        }
        false
    }

    fn may_leave(&self, touch: &Touch, value: &[u8]) -> bool {
        let mut left = touch.leave;
        while left != 0 {
            let end = left.trailing_zeros() as usize;
            left &= left - 1;
            let Some(start) = value.len().checked_sub(end) else {
                continue;
            };
            let beginning = self.bytes.get(..end).unwrap_or_default();
            if self.is_same(beginning, value.get(start..).unwrap_or_default()) {
                return true;
            }
        }
        false
    }
}

/// Ranks bytes by how rare they are in logs.
fn rarity(byte: u8) -> usize {
    const COMMON: &[u8] = b" etaoinsrhl/.01dcu2m3f-=p:g4_5w67y8b9v,kxjzq";
    COMMON
        .iter()
        .position(|&common| common == byte)
        .unwrap_or(COMMON.len())
}
