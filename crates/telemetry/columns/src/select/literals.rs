//! The texts that every match of a regular expression holds, and whether it is just one of them.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::template::Literal;

/// Most literals given; further ones would hardly skip more.
const LITERALS: usize = 6;

/// What is known about the texts that a pattern finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Required {
    /// All of them occur in every match, the longest first.
    pub(super) literals: Vec<Literal>,
    /// The pattern finds exactly the texts that hold the only literal.
    pub(super) is_substring: bool,
}

/// Reads the source of a pattern that was compiled before.
pub(super) fn required(source: &str) -> Required {
    let Ok(hir) = regex_syntax::parse(source) else {
        return Required::default();
    };
    let mut walk = Walk::default();
    let is_whole = walk.ends_stripped(&hir);
    walk.flush();
    let mut literals = walk.literals;
    let is_substring = is_whole && literals.len() == 1;
    literals.sort_by_key(|literal| std::cmp::Reverse(literal.bytes.len()));
    literals.truncate(LITERALS);
    Required {
        literals,
        is_substring,
    }
}

#[derive(Default)]
struct Walk {
    run: Vec<u8>,
    folds: bool,
    literals: Vec<Literal>,
}

impl Walk {
    /// Leaves out what may be empty at both ends: a search does not miss it there.
    fn ends_stripped(&mut self, hir: &Hir) -> bool {
        let HirKind::Concat(parts) = hir.kind() else {
            return self.part(hir);
        };
        let is_optional =
            |hir: &&Hir| matches!(hir.kind(), HirKind::Repetition(r) if r.min == 0);
        let start = parts.iter().take_while(is_optional).count();
        let end = parts.iter().rev().take_while(is_optional).count();
        let inner = parts.get(start..parts.len().saturating_sub(end).max(start));
        let mut is_whole = true;
        for part in inner.unwrap_or_default() {
            is_whole &= self.part(part);
        }
        is_whole
    }

    /// Walks a part that every match has; says whether it is plain text.
    fn part(&mut self, hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Empty => true,
            HirKind::Literal(literal) => {
                self.run.extend_from_slice(&literal.0);
                true
            }
            HirKind::Class(class) => self.class(class),
            // Nothing lies between what stands before and behind an assertion.
            HirKind::Look(_) => false,
            HirKind::Capture(capture) => self.part(&capture.sub),
            HirKind::Concat(parts) => {
                parts.iter().fold(true, |is_whole, part| self.part(part) && is_whole)
            }
            HirKind::Repetition(repetition) => {
                if repetition.min > 0 {
                    self.part(&repetition.sub);
                }
                self.flush();
                false
            }
            HirKind::Alternation(_) => {
                self.flush();
                false
            }
        }
    }

    /// A letter in both cases, and nothing else that folds to it, is as good as text.
    fn class(&mut self, class: &Class) -> bool {
        let ranges: Vec<(u32, u32)> = match class {
            Class::Unicode(class) => class
                .ranges()
                .iter()
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect(),
            Class::Bytes(class) => class
                .ranges()
                .iter()
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect(),
        };
        if let [(upper, same), (lower, end)] = ranges.as_slice()
            && upper == same
            && lower == end
            && lower.checked_sub(*upper) == Some(32)
            && let Ok(lower) = u8::try_from(*lower)
            && lower.is_ascii_lowercase()
        {
            self.run.push(lower);
            self.folds = true;
            return true;
        }
        self.flush();
        false
    }

    fn flush(&mut self) {
        let mut bytes = std::mem::take(&mut self.run);
        let folds = std::mem::take(&mut self.folds);
        if bytes.is_empty() {
            return;
        }
        if folds {
            bytes.make_ascii_lowercase();
        }
        self.literals.push(Literal {
            bytes,
            ignore_ascii_case: folds,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> (Vec<String>, bool) {
        let required = required(source);
        let texts = required.literals.iter().map(|literal| {
            let text = String::from_utf8_lossy(&literal.bytes);
            format!("{}{text}", if literal.ignore_ascii_case { "~" } else { "" })
        });
        (texts.collect(), required.is_substring)
    }

    #[test]
    fn the_texts_that_every_match_holds_are_found() {
        let list = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        assert_eq!(texts("blk_-16"), (list(&["blk_-16"]), true));
        assert_eq!(
            texts(r"Failed password for .* from 10\."),
            (list(&["Failed password for ", " from 10."]), false)
        );
        assert_eq!(texts("a(b|c)d+e"), (list(&["a", "d", "e"]), false));
        assert_eq!(texts("(tim)(eout)?"), (list(&["tim"]), true));
        assert_eq!(texts(r"\btime"), (list(&["time"]), false));
        assert_eq!(texts("x|y"), (list(&[]), false));
        assert_eq!(texts("(?is)\\S*time\\S*"), (list(&["~time"]), true));
        // `k` and `s` also match letters that are not of ASCII.
        assert_eq!(texts("(?is)risk1"), (list(&["~ri", "1"]), false));
    }
}
