//! JSON strings over bytes: where they end, and what they say.

/// Where a string goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// A quote: the string ends.
    Quote,
    /// A backslash.
    Escape,
    /// A control character, which JSON does not allow.
    Control,
}

/// Finds the next byte of a string that is no plain text.
#[inline]
pub(crate) fn next_special(bytes: &[u8], mut at: usize) -> Option<(usize, Special)> {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let marks = special_marks(u64::from_le_bytes(*chunk));
        if marks != 0 {
            at += (marks.trailing_zeros() / 8) as usize;
            return kind_of(*bytes.get(at)?).map(|kind| (at, kind));
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter()
        .enumerate()
        .find_map(|(offset, &byte)| Some((at + offset, kind_of(byte)?)))
}

#[inline]
fn kind_of(byte: u8) -> Option<Special> {
    match byte {
        b'"' => Some(Special::Quote),
        b'\\' => Some(Special::Escape),
        0..0x20 => Some(Special::Control),
        _ => None,
    }
}

/// Marks, among eight bytes, the lowest that is a quote, a backslash or a control character; the
/// marks above it may be wrong.
#[inline]
fn special_marks(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // Subtracting makes the top bit of a byte that is smaller; bytes with a top bit are not meant.
    let smaller = |bytes: u64, than: u64| bytes.wrapping_sub(ONES * than) & !bytes;
    let quotes = smaller(bytes ^ (ONES * u64::from(b'"')), 1);
    let escapes = smaller(bytes ^ (ONES * u64::from(b'\\')), 1);
    (quotes | escapes | smaller(bytes, 0x20)) & TOPS
}

/// Finds the quote that ends a string of which `at` is behind the first quote; nothing where it has
/// no end on this line. Says whether there are backslashes before it.
#[inline]
pub(crate) fn string_end(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    match next_special(bytes, at)? {
        (end, Special::Quote) => Some((end, false)),
        (escape, Special::Escape) => escaped_end(bytes, escape).map(|end| (end, true)),
        (_, Special::Control) => None,
    }
}

fn escaped_end(bytes: &[u8], mut escape: usize) -> Option<usize> {
    loop {
        // What is escaped may be a quote, but never the end of the line.
        if *bytes.get(escape + 1)? < 0x20 {
            return None;
        }
        match next_special(bytes, escape + 2)? {
            (end, Special::Quote) => return Some(end),
            (next, Special::Escape) => escape = next,
            (_, Special::Control) => return None,
        }
    }
}

/// Writes what a string with escapes says; nothing for what only the slow path can judge.
pub(crate) fn unescape(raw: &str, out: &mut String) -> Option<()> {
    out.clear();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(rest.get(..at)?);
        let plain = match rest.as_bytes().get(at + 1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let (character, length) = code_point(rest.as_bytes().get(at..)?)?;
                out.push(character);
                rest = rest.get(at + length..)?;
                continue;
            }
            _ => return None,
        };
        out.push(plain);
        rest = rest.get(at + 2..)?;
    }
    out.push_str(rest);
    Some(())
}

/// Reads `\uXXXX`, or two of them where they are one character, and says how long they are.
fn code_point(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |from: usize| -> Option<u32> {
        let digits = bytes.get(from..from + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |number, &digit| {
            Some(number * 16 + char::from(digit).to_digit(16)?)
        })
    };
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second))?;
    if first >= 0xdc00 {
        return None;
    }
    let number = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(number)?, 12))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(
            bytes in proptest::collection::vec(prop_oneof![4 => 0x20u8..=0xff, 1 => any::<u8>()], 0..40),
        ) {
            let plain = bytes.iter().position(|&byte| kind_of(byte).is_some());
            prop_assert_eq!(next_special(&bytes, 0).map(|(at, _)| at), plain);
        }

        #[test]
        fn what_is_unescaped_is_what_serde_reads(
            parts in proptest::collection::vec(prop_oneof![
                "[a-z äß€😀]{0,20}",
                Just(r#"\""#.to_owned()),
                Just(r"\\".to_owned()),
                Just(r"\n\t\/\b\f\r".to_owned()),
                "\\\\u[0-9a-fA-F]{3,4}",
                Just(r"\ud83d\ude00".to_owned()),
                Just(r"\ud83d".to_owned()),
                Just(r"\x".to_owned()),
                Just("\u{1}".to_owned()),
            ], 0..8),
        ) {
            let text = format!("\"{}\" and more\n", parts.concat());
            let expected = serde_json::Deserializer::from_str(&text)
                .into_iter::<String>()
                .next()
                .and_then(Result::ok);
            let mut scratch = String::new();
            let found = string_end(text.as_bytes(), 1).and_then(|(end, is_escaped)| {
                let raw = text.get(1..end)?;
                if !is_escaped {
                    return Some(raw.to_owned());
                }
                unescape(raw, &mut scratch)?;
                Some(scratch)
            });
            // What is read is right, and what is refused is wrong.
            prop_assert_eq!(found, expected);
        }
    }
}
