//! Just enough of Rust to find functions and macros: comments and texts are blanked out, then braces count.
//!
//! Invariant: blanking keeps every line break, so that line numbers stay.
//! Absent: a parser. What this misreads is at worst a finding that a person looks at.

/// Replaces comments, texts and characters by blanks.
pub(crate) fn blank(text: &str) -> String {
    let mut scanner = Scanner { rest: text, out: String::with_capacity(text.len()), before: ' ' };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.out
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
    /// The character before the rest, to tell `br"` from the end of `hair"`.
    before: char,
}

impl Scanner<'_> {
    fn step(&mut self) {
        let length = match self.rest.as_bytes() {
            [b'/', b'/', ..] => self.rest.find('\n').unwrap_or(self.rest.len()),
            [b'/', b'*', ..] => comment_length(self.rest),
            [b'"', ..] => text_length(self.rest),
            [b'\'', ..] => character_length(self.rest),
            [b'r' | b'b' | b'c', ..] if !is_word(self.before) => prefixed_length(self.rest),
            _ => 0,
        };
        if length == 0 { self.keep() } else { self.drop(length) }
    }

    fn keep(&mut self) {
        if let Some(c) = self.rest.chars().next() {
            self.out.push(c);
            self.before = c;
            self.rest = &self.rest[c.len_utf8()..];
        }
    }

    fn drop(&mut self, length: usize) {
        let (dropped, rest) = self.rest.split_at(length);
        self.out.extend(dropped.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.before = ' ';
        self.rest = rest;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn comment_length(text: &str) -> usize {
    let (mut depth, mut at, bytes) = (0usize, 0, text.as_bytes());
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => (depth, at) = (depth + 1, at + 2),
            (b'*', b'/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn text_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Measures a character in quotes; a lifetime has none.
fn character_length(text: &str) -> usize {
    let mut inner = text.char_indices().skip(1);
    match inner.next() {
        Some((_, '\\')) => text[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 3),
        Some(_) => inner.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Measures `b"…"`, `c"…"`, `b'…'` and raw texts such as `r#"…"#`.
fn prefixed_length(text: &str) -> usize {
    let letters = text.len() - text.trim_start_matches(['r', 'b', 'c']).len();
    let after = &text[letters..];
    if letters > 2 {
        return 0;
    }
    let is_raw = text[..letters].contains('r');
    let hashes = after.len() - after.trim_start_matches('#').len();
    match after[hashes..].chars().next() {
        Some('"') if is_raw => {
            let end = format!("\"{}", "#".repeat(hashes));
            let inner = &after[hashes + 1..];
            inner.find(&end).map_or(text.len(), |at| letters + hashes + 1 + at + end.len())
        }
        Some('"') if hashes == 0 => letters + text_length(after),
        Some('\'') if hashes == 0 && letters == 1 && !is_raw => match character_length(after) {
            0 => 0,
            length => letters + length,
        },
        _ => 0,
    }
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// The name.
    pub(crate) name: String,
    /// The line of `fn`, from 1.
    pub(crate) line: usize,
    /// How many lines it has, from `fn` to the closing brace.
    pub(crate) lines: usize,
    /// Whether its body is one list and nothing else.
    pub(crate) is_table: bool,
}

/// Finds the functions of a blanked text, without those of test modules.
pub(crate) fn functions(blanked: &str) -> Vec<Function> {
    let code = &blanked[..blanked.find("#[cfg(test)]\nmod ").map_or(blanked.len(), |at| at)];
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("fn ").map(|at| from + at) {
        from = at + 3;
        let stands_alone = !code[..at].chars().next_back().is_some_and(is_word);
        let name: String = code[from..].trim_start().chars().take_while(|c| is_word(*c)).collect();
        if let (true, false, Some((open, close))) = (stands_alone, name.is_empty(), body_of(code, from)) {
            let body = code[open + 1..close].trim();
            let is_table = body.ends_with(']') && ["vec![", "[", "&["].iter().any(|start| body.starts_with(start));
            found.push(Function { name, line: line_of(code, at), lines: line_of(code, close) - line_of(code, at) + 1, is_table });
        }
    }
    found
}

/// Finds the braces of a body; none for a function that is only declared.
fn body_of(code: &str, from: usize) -> Option<(usize, usize)> {
    let mut depth = 0i32;
    let open = code[from..].char_indices().find_map(|(at, c)| {
        depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        (depth == 0 && matches!(c, '{' | ';')).then_some((from + at, c))
    });
    let (open, _) = open.filter(|(_, c)| *c == '{')?;
    let mut braces = 0i32;
    let close = code[open..].char_indices().find_map(|(at, c)| {
        braces += i32::from(c == '{') - i32::from(c == '}');
        (braces == 0).then_some(open + at)
    })?;
    Some((open, close))
}

/// Tells the line of a place in a text, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_blanked_and_lines_stay() {
        let text = "let a = \"fn x() { \\\" }\"; // fn y() {\n/* { /* { */ */ let b = '{'; let c = '\\'';\nfn f<'a>(x: &'a str) {}\n";
        let blanked = blank(text);
        assert_eq!(blanked.lines().count(), 3);
        assert_eq!(blanked.matches('{').count(), 1, "{blanked}");
        assert!(blanked.contains("fn f<'a>(x: &'a str) {}"));
    }

    #[test]
    fn raw_texts_end_where_their_hashes_do() {
        let blanked = blank("let a = r#\"{ \"quoted\" {\"#; let b = br\"{\"; let c = b'{'; let hair = \"{\"; var\"}\"");
        assert!(!blanked.contains(['{', '}']), "{blanked}");
    }

    #[test]
    fn functions_are_counted_with_all_their_lines() {
        let code = "struct S;\nimpl S {\n    fn short(&self) -> u8 {\n        1\n    }\n}\ntrait T { fn declared(&self); }\nfn table() -> Vec<u8> {\n    vec![\n        1,\n    ]\n}\n";
        let found = functions(&blank(code));
        let told: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines, f.is_table)).collect();
        assert_eq!(told, [("short", 3, 3, false), ("table", 8, 5, true)]);
    }

    #[test]
    fn functions_of_test_modules_do_not_count() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(functions(&blank(code)).len(), 1);
    }
}
