//! Words: maximal runs of letters, digits and `_`, compared without regard to case.

/// Says whether a character belongs to a word.
pub(crate) fn is_token_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

const fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Splits a text into its words.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_token_char(c)).filter(|t| !t.is_empty())
}

/// Writes a word in the form in which words are compared.
#[must_use]
pub fn fold_token(token: &str) -> String {
    if token.is_ascii() {
        token.to_ascii_lowercase()
    } else {
        // Character by character, so that a word folds the same wherever it stands.
        token.chars().flat_map(char::to_lowercase).collect()
    }
}

/// Writes a number so that equal numbers have equal texts (`5e2`, `500.0` and `500` are `500`).
#[must_use]
pub fn canonical_number(text: &str) -> Option<String> {
    let number = super::leaf::Number::parse(text)?;
    Some(number.canonical())
}

/// Words that must stand next to each other, whatever separates them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSequence {
    folded: Vec<String>,
    /// The text itself, for texts without any word such as `=>`.
    literal: String,
    ascii: bool,
    anchor: usize,
}

impl TokenSequence {
    /// Takes the words of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let folded: Vec<String> = tokens(text).map(fold_token).collect();
        let ascii = folded.iter().all(|t| t.is_ascii());
        let anchor = folded
            .first()
            .map_or(0, |first| rarest_byte(first.as_bytes()));
        Self {
            folded,
            literal: text.to_owned(),
            ascii,
            anchor,
        }
    }

    /// The folded words.
    #[must_use]
    pub fn folded(&self) -> &[String] {
        &self.folded
    }

    /// The text they were taken from; what is looked for when it has no word at all.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.literal
    }

    /// Says whether the text has the words in this order next to each other.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        if self.folded.is_empty() {
            return text.contains(&self.literal);
        }
        match (self.ascii, text.is_ascii()) {
            (true, true) => self.is_in_ascii(text.as_bytes()),
            (false, true) => false,
            _ => self.is_in_words(text),
        }
    }

    fn is_in_words(&self, text: &str) -> bool {
        let words: Vec<String> = tokens(text).map(fold_token).collect();
        words
            .windows(self.folded.len())
            .any(|window| window == self.folded.as_slice())
    }

    fn is_in_ascii(&self, text: &[u8]) -> bool {
        let Some(first) = self.folded.first().map(String::as_bytes) else {
            return true;
        };
        let Some(&lower) = first.get(self.anchor) else {
            return true;
        };
        let upper = lower.to_ascii_uppercase();
        let mut from = 0;
        while let Some(rest) = text.get(from..) {
            let Some(found) = memchr::memchr2(lower, upper, rest) else {
                return false;
            };
            let at = from + found;
            if at >= self.anchor && self.stands_at(text, at - self.anchor) {
                return true;
            }
            from = at + 1;
        }
        false
    }

    fn stands_at(&self, text: &[u8], start: usize) -> bool {
        if start > 0 && text.get(start - 1).copied().is_some_and(is_token_byte) {
            return false;
        }
        let mut at = start;
        for (index, token) in self.folded.iter().enumerate() {
            if index > 0 {
                while text.get(at).copied().is_some_and(|b| !is_token_byte(b)) {
                    at += 1;
                }
            }
            let end = at + token.len();
            let same = text
                .get(at..end)
                .is_some_and(|t| t.eq_ignore_ascii_case(token.as_bytes()));
            if !same || text.get(end).copied().is_some_and(is_token_byte) {
                return false;
            }
            at = end;
        }
        true
    }
}

/// Picks the byte of a word that is likely the rarest in logs, so that the scan stops seldom.
fn rarest_byte(word: &[u8]) -> usize {
    const COMMON: &[u8] = b"etaoinsrhldcu01mfpgwybv";
    let rank = |b: u8| COMMON.iter().position(|&c| c == b).unwrap_or(COMMON.len());
    let best = word.iter().enumerate().max_by_key(|&(_, &b)| rank(b));
    best.map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_in_any_case() {
        let sequence = TokenSequence::new("Connection refused");
        assert!(sequence.is_in("CONNECTION: refused by peer"));
        assert!(!sequence.is_in("connection was refused"));
        assert!(!sequence.is_in("reconnection refused"));
        assert!(TokenSequence::new("größe").is_in("Die GRÖSSE, die GRÖßE"));
        assert!(TokenSequence::new("=>").is_in("a => b"));
        assert!(!TokenSequence::new("timeout").is_in("timeouts"));
    }

    #[test]
    fn fast_and_slow_search_agree() {
        for (needle, text) in [
            ("a b", "x a-b"),
            ("aa", "aaa aa"),
            ("b", "ab b"),
            ("x_y", "X_Y!"),
        ] {
            let sequence = TokenSequence::new(needle);
            assert_eq!(
                sequence.is_in_ascii(text.as_bytes()),
                sequence.is_in_words(text)
            );
        }
    }
}
