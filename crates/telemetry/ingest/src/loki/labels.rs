//! Labels as text: `{app="shop", path="a\"b"}` (Prometheus' exposition of a selector, Go's quoting).

/// Reads labels; nothing where the text is malformed.
pub(crate) fn parse(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        labels.push((name.to_owned(), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(labels)
}

/// One quoted text and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`')?;
        return Some((value.to_owned(), rest));
    }
    let inner = text.strip_prefix('"')?;
    let mut bytes = Vec::new();
    let mut letters = inner.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let value = String::from_utf8_lossy(&bytes).into_owned();
                return Some((value, inner.get(at + 1..)?));
            }
            '\\' => escape(&mut letters, &mut bytes)?,
            _ => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    None
}

/// What follows a backslash.
fn escape(letters: &mut std::str::CharIndices<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    let (_, letter) = letters.next()?;
    let digits = |letters: &mut std::str::CharIndices<'_>, count: usize| {
        let mut number = 0u32;
        for _ in 0..count {
            number = number * 16 + letters.next()?.1.to_digit(16)?;
        }
        Some(number)
    };
    match letter {
        'n' => bytes.push(b'\n'),
        't' => bytes.push(b'\t'),
        'r' => bytes.push(b'\r'),
        'a' => bytes.push(7),
        'b' => bytes.push(8),
        'f' => bytes.push(12),
        'v' => bytes.push(11),
        '\\' | '"' | '\'' => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        'x' => bytes.push(u8::try_from(digits(letters, 2)?).ok()?),
        'u' | 'U' => {
            let count = if letter == 'u' { 4 } else { 8 };
            let found = char::from_u32(digits(letters, count)?)?;
            bytes.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
        }
        '0'..='3' => {
            let mut number = letter.to_digit(8)?;
            for _ in 0..2 {
                number = number * 8 + letters.next()?.1.to_digit(8)?;
            }
            bytes.push(u8::try_from(number).ok()?);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_read_as_go_writes_them() {
        let text = r#"{app="shop", path="a\"b\\c\n\u00e9\xc3\xa9", raw=`x"y`,}"#;
        let expected = [("app", "shop"), ("path", "a\"b\\c\néé"), ("raw", "x\"y")];
        let found = parse(text).expect("labels");
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(parse("{}"), Some(vec![]));
        for text in ["", "{", "a=b", "{a=b}", "{a=\"b}", "{=\"b\"}", "{a=\"b\" c=\"d\"}", "{a=\"\\q\"}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _either = parse(&text);
            let _either = parse(&format!("{{a=\"{text}"));
        }

        #[test]
        fn a_quoted_value_comes_out_as_it_went_in(value in any::<String>()) {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(parse(&format!("{{a=\"{quoted}\"}}")), Some(vec![("a".to_owned(), value)]));
        }
    }
}
