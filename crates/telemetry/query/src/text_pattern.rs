//! SQL's patterns of texts as regular expressions, exactly as the engine reads them.

/// Characters that mean something in a regular expression.
const SPECIAL: &str = "\\.+*?()|[]{}^$#&-~";

fn push_literal(character: char, pattern: &mut String) {
    if SPECIAL.contains(character) {
        pattern.push('\\');
    }
    pattern.push(character);
}

/// The pattern of one text.
pub(crate) fn equal_pattern(text: &str) -> String {
    let mut pattern = String::from("\\A");
    text.chars().for_each(|character| push_literal(character, &mut pattern));
    pattern.push_str("\\z");
    pattern
}

/// The pattern of `like`: `%` stands for any characters, `_` for one, `\` takes their meaning.
pub(crate) fn like_pattern(like: &str, ignores_case: bool) -> String {
    let mut pattern = String::from(if ignores_case { "(?is)" } else { "(?s)" });
    let body = like.trim_start_matches('%');
    if body.len() == like.len() {
        pattern.push_str("\\A");
    }
    let mut characters = body.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => push_literal(characters.next().unwrap_or('\\'), &mut pattern),
            '%' if characters.clone().all(|rest| rest == '%') => return pattern,
            '%' => pattern.push_str(".*"),
            '_' => pattern.push('.'),
            other => push_literal(other, &mut pattern),
        }
    }
    if !body.is_empty() || body.len() == like.len() {
        pattern.push_str("\\z");
    }
    pattern
}
