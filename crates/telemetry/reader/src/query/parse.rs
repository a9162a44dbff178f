//! Text to syntax tree, by recursive descent with a bounded depth.

use crate::error::{Position, ReaderError, code};

use super::leaf::Test;
use super::limits;
use super::note::{Ignored, Note, Reading};
use super::syntax::{Bound, Leaf, Matcher, Piece, Query};

/// Reads a query, and refuses what means nothing here.
///
/// # Errors
/// When the text does not follow the syntax or is too large; with position and hint.
pub fn parse(text: &str) -> Result<Query, ReaderError> {
    Ok(read_text(text, None)?.query)
}

/// Reads a query as people search: boosts, fuzzy marks and distances are left out with a note.
///
/// # Errors
/// When the text does not follow the syntax or is too large; with position and hint.
pub fn read(text: &str) -> Result<Reading, ReaderError> {
    read_text(text, Some(Vec::new()))
}

fn read_text(text: &str, notes: Option<Vec<Note>>) -> Result<Reading, ReaderError> {
    if text.len() > limits::TEXT_BYTES {
        return Err(ReaderError::new(
            code::QUERY_TOO_LARGE,
            format!(
                "the search text has {} bytes, at most {} are read",
                text.len(),
                limits::TEXT_BYTES
            ),
        )
        .with_hint("search for fewer values, or use SQL with a list"));
    }
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        leaves: 0,
        notes,
    };
    parser.skip_blank();
    let query = if parser.is_end() { Query::All } else { parser.parse_or(None)? };
    match parser.peek() {
        None => Ok(Reading { query, notes: parser.notes.unwrap_or_default() }),
        Some(')') => Err(parser.error(
            "this parenthesis closes nothing",
            "remove it, or write \\) to search for it",
        )),
        Some(c) => Err(parser.error(
            &format!("`{c}` cannot stand here"),
            "put the text in quotes",
        )),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    leaves: usize,
    /// What was left out; none where it is refused instead.
    notes: Option<Vec<Note>>,
}

/// A word as read: its pieces, and whether it was written without any backslash.
struct Run {
    pieces: Vec<Piece>,
    plain: bool,
}

impl Run {
    fn has_wildcard(&self) -> bool {
        self.pieces.iter().any(|p| !matches!(p, Piece::Text(_)))
    }

    fn text(&self) -> String {
        self.pieces
            .iter()
            .filter_map(|p| {
                if let Piece::Text(t) = p {
                    Some(t.as_str())
                } else {
                    None
                }
            })
            .collect()
    }

    /// Takes the last characters away; they are plain ones.
    fn cut(&mut self, characters: usize) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            for _ in 0..characters {
                text.pop();
            }
            if text.is_empty() {
                self.pieces.pop();
            }
        }
    }

    fn push(&mut self, c: char) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push(c);
        } else {
            self.pieces.push(Piece::Text(c.to_string()));
        }
    }
}

type Parsed<T> = Result<T, ReaderError>;

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    fn skip_blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    fn error(&self, message: &str, hint: &str) -> ReaderError {
        self.error_at(self.at, message, hint)
    }

    fn error_at(&self, offset: usize, message: &str, hint: &str) -> ReaderError {
        ReaderError::new(code::QUERY_SYNTAX, message)
            .at(Position::of_offset(self.text, offset))
            .with_hint(hint)
    }

    /// Takes an operator word that ends at a blank, a parenthesis or the end.
    fn take_operator(&mut self, word: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(word) else {
            return false;
        };
        let ends = after
            .chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')'));
        if ends {
            self.at += word.len();
        }
        ends
    }

    fn sees_operator(&self, word: &str) -> bool {
        let after = self.rest().strip_prefix(word);
        after.is_some_and(|a| {
            a.chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')'))
        })
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            return Err(ReaderError::new(
                code::QUERY_TOO_LARGE,
                format!(
                    "groups and negations are nested more than {} deep",
                    limits::DEPTH
                ),
            )
            .at(Position::of_offset(self.text, self.at))
            .with_hint("simplify the query"));
        }
        Ok(())
    }

    fn parse_or(&mut self, field: Option<&str>) -> Parsed<Query> {
        let mut parts = vec![self.parse_and(field)?];
        loop {
            self.skip_blank();
            if !(self.take_operator("OR") || self.take("||")) {
                return Ok(Query::or(parts));
            }
            parts.push(self.parse_and(field)?);
        }
    }

    fn parse_and(&mut self, field: Option<&str>) -> Parsed<Query> {
        let mut parts = vec![self.parse_unary(field)?];
        loop {
            self.skip_blank();
            if self.is_end()
                || self.peek() == Some(')')
                || self.sees_operator("OR")
                || self.rest().starts_with("||")
            {
                return Ok(Query::and(parts));
            }
            let _explicit = self.take_operator("AND") || self.take("&&");
            parts.push(self.parse_unary(field)?);
        }
    }

    fn parse_unary(&mut self, field: Option<&str>) -> Parsed<Query> {
        self.skip_blank();
        if self.take_operator("NOT") || self.take_sign('!') || self.take_sign('-') {
            self.enter()?;
            let inner = self.parse_unary(field)?;
            self.depth -= 1;
            return Ok(Query::Not(Box::new(inner)));
        }
        if self.take_sign('+') {
            self.enter()?;
            let inner = self.parse_unary(field);
            self.depth -= 1;
            return inner;
        }
        self.parse_primary(field)
    }

    /// Takes a prefix sign; a sign that stands alone is an error found later.
    fn take_sign(&mut self, sign: char) -> bool {
        let mut chars = self.rest().chars();
        let found = chars.next() == Some(sign) && chars.next().is_some_and(|c| !c.is_whitespace());
        if found {
            self.at += sign.len_utf8();
        }
        found
    }

    fn parse_primary(&mut self, field: Option<&str>) -> Parsed<Query> {
        let start = self.at;
        match self.peek() {
            None => Err(self.error(
                "the query ends where a word is expected",
                "complete it or remove the operator",
            )),
            Some(')') => Err(self.error(
                "the parenthesis closes before a word",
                "put a word between the parentheses",
            )),
            Some('(') => self.parse_group(field),
            Some('"' | '/' | '[' | '{') => self.parse_value(field, start),
            Some('>' | '<') if field.is_some() => self.parse_value(field, start),
            Some(_)
                if self.sees_operator("AND")
                    || self.sees_operator("OR")
                    || self.take("&&")
                    || self.take("||") =>
            {
                Err(self.error_at(
                    start,
                    "an operator stands where a word is expected",
                    "put a word before it, or quote it to search for it",
                ))
            }
            Some(_) => self.parse_word_or_field(field, start),
        }
    }

    fn parse_group(&mut self, field: Option<&str>) -> Parsed<Query> {
        let open = self.at;
        self.enter()?;
        self.bump();
        let inner = self.parse_or(field)?;
        self.skip_blank();
        if !self.take(")") {
            return Err(self.error_at(
                open,
                "this parenthesis is never closed",
                "add the missing )",
            ));
        }
        self.depth -= 1;
        self.take_suffix(false)?;
        Ok(inner)
    }

    fn parse_word_or_field(&mut self, field: Option<&str>, start: usize) -> Parsed<Query> {
        let run = self.read_run(true)?;
        if self.peek() != Some(':') {
            return self.finish_word(field, run, start);
        }
        if run.has_wildcard() {
            let every = run.pieces == [Piece::Many] && self.rest().starts_with(":*");
            if every {
                self.at += 2;
                return Ok(Query::All);
            }
            return Err(self.error_at(
                start,
                "a field name has no wildcard",
                "name one field; without a field the message is searched",
            ));
        }
        let name = run.text();
        if name.is_empty() {
            return Err(self.error_at(
                start,
                "a colon without a field name",
                "write field:value, or quote the text",
            ));
        }
        self.bump();
        self.parse_field(&name)
    }

    fn parse_field(&mut self, name: &str) -> Parsed<Query> {
        let start = self.at;
        match self.peek() {
            None | Some(')') => Err(self.error(
                "the field has no value",
                "write field:value, or field:* for any value",
            )),
            Some(c) if c.is_whitespace() => Err(self.error(
                "the field has no value",
                "no blank may follow the colon; quote the text if the colon belongs to it",
            )),
            Some('(') => self.parse_group(Some(name)),
            _ => self.parse_value(Some(name), start),
        }
    }

    fn parse_value(&mut self, field: Option<&str>, start: usize) -> Parsed<Query> {
        match self.peek() {
            Some('"') => {
                let phrase = self.read_quoted()?;
                self.take_suffix(true)?;
                self.leaf(field, Matcher::Phrase(phrase), start)
            }
            Some('/') => {
                let source = self.read_regex()?;
                self.take_suffix(false)?;
                self.leaf(field, Matcher::Regex(source), start)
            }
            Some('[' | '{') => {
                let matcher = self.read_range()?;
                self.take_suffix(false)?;
                self.leaf(field, matcher, start)
            }
            Some('>' | '<') => {
                let matcher = self.read_comparison()?;
                self.leaf(field, matcher, start)
            }
            _ => {
                let run = self.read_run(false)?;
                self.finish_word(field, run, start)
            }
        }
    }

    fn finish_word(&mut self, field: Option<&str>, run: Run, start: usize) -> Parsed<Query> {
        if run.pieces.is_empty() {
            let c = self.peek().map_or_else(String::new, |c| c.to_string());
            return Err(self.error_at(
                start,
                &format!("`{c}` cannot stand here"),
                "put the text in quotes, or a backslash before the character",
            ));
        }
        if !run.has_wildcard() {
            if run.plain && field == Some("_exists_") {
                return self.leaf(Some(&run.text()), Matcher::Exists, start);
            }
            return self.leaf(field, Matcher::Word(run.text()), start);
        }
        match (run.pieces.as_slice(), field) {
            ([Piece::Many], None) => Ok(Query::All),
            ([Piece::Many], Some(_)) => self.leaf(field, Matcher::Exists, start),
            _ => self.leaf(field, Matcher::Wildcard(run.pieces), start),
        }
    }

    fn leaf(&mut self, field: Option<&str>, matcher: Matcher, start: usize) -> Parsed<Query> {
        self.leaves += 1;
        let position = Position::of_offset(self.text, start);
        if self.leaves > limits::LEAVES {
            return Err(ReaderError::new(
                code::QUERY_TOO_LARGE,
                format!("more than {} tests in one query", limits::LEAVES),
            )
            .at(position)
            .with_hint("search for fewer values at once"));
        }
        if field.is_none() && matcher == Matcher::Exists {
            return Ok(Query::All);
        }
        let leaf = Leaf {
            field: field.map(str::to_owned),
            matcher,
        };
        // Built once here only to find mistakes while their place is known.
        Test::compile(&leaf).map_err(|error| error.at(position))?;
        Ok(Query::Leaf(leaf))
    }

    fn read_run(&mut self, stop_at_colon: bool) -> Parsed<Run> {
        let mut run = Run {
            pieces: Vec::new(),
            plain: true,
        };
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.bump();
                    run.plain = false;
                    let escaped = self.bump().ok_or_else(|| {
                        self.error("a backslash at the end", "write \\\\ to search for one")
                    })?;
                    run.push(escaped);
                    continue;
                }
                '*' if run.pieces.last() == Some(&Piece::Many) => {}
                '*' => run.pieces.push(Piece::Many),
                '?' => run.pieces.push(Piece::One),
                ':' if stop_at_colon => break,
                '(' | ')' | '"' | '[' | ']' | '{' | '}' => break,
                c if c.is_whitespace() => break,
                _ => run.push(c),
            }
            self.bump();
        }
        self.cut_suffixes(start, &mut run)?;
        Ok(run)
    }

    /// Boosts and fuzzy marks behind a word would silently mean something else as plain text.
    fn cut_suffixes(&mut self, start: usize, run: &mut Run) -> Parsed<()> {
        let (text, mut end) = (self.text, self.at);
        loop {
            let raw = text.get(start..end).unwrap_or("");
            let without_number = raw.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            let Some(before) = without_number.strip_suffix(['~', '^']) else {
                return Ok(());
            };
            if before.is_empty() || before.ends_with('\\') {
                return Ok(());
            }
            let ignored = if without_number.ends_with('~') { Ignored::Fuzzy } else { Ignored::Boost };
            let (at, characters) = (start + before.len(), raw.len() - before.len());
            self.ignore(ignored, at)?;
            run.cut(characters);
            end = at;
        }
    }

    /// Takes boosts behind a phrase, a range, a regular expression or a group, and a phrase's distance.
    fn take_suffix(&mut self, is_phrase: bool) -> Parsed<()> {
        loop {
            let ignored = match self.peek() {
                Some('^') => Ignored::Boost,
                Some('~') if is_phrase => Ignored::Proximity,
                _ => return Ok(()),
            };
            self.ignore(ignored, self.at)?;
            self.bump();
            while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
                self.bump();
            }
        }
    }

    /// Leaves something out with a note, or refuses it.
    fn ignore(&mut self, what: Ignored, at: usize) -> Parsed<()> {
        let position = Position::of_offset(self.text, at);
        match &mut self.notes {
            None => return Err(what.refusal(position)),
            Some(notes) if notes.len() < limits::NOTES => notes.push(what.note(position)),
            Some(_) => {}
        }
        Ok(())
    }

    fn read_quoted(&mut self) -> Parsed<String> {
        let open = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                None => {
                    return Err(self.error_at(
                        open,
                        "this quote is never closed",
                        "add the missing \"",
                    ));
                }
                Some('"') => return Ok(text),
                Some('\\') => match self.bump() {
                    Some(c) => text.push(c),
                    None => {
                        return Err(self.error_at(
                            open,
                            "this quote is never closed",
                            "add the missing \"",
                        ));
                    }
                },
                Some(c) => text.push(c),
            }
        }
    }

    fn read_regex(&mut self) -> Parsed<String> {
        let open = self.at;
        let hint = "a / at the start begins a regular expression; put a path in quotes";
        self.bump();
        let mut source = String::new();
        loop {
            match self.bump() {
                None => {
                    return Err(self.error_at(
                        open,
                        "this regular expression is never closed",
                        hint,
                    ));
                }
                Some('/') => break,
                Some('\\') => match self.bump() {
                    Some('/') => source.push('/'),
                    Some(c) => source.extend(['\\', c]),
                    None => {
                        return Err(self.error_at(
                            open,
                            "this regular expression is never closed",
                            hint,
                        ));
                    }
                },
                Some(c) => source.push(c),
            }
        }
        if self.peek().is_some_and(|c| !c.is_whitespace() && c != ')' && c != '^') {
            return Err(self.error("text follows the regular expression without a blank", hint));
        }
        Ok(source)
    }

    fn read_range(&mut self) -> Parsed<Matcher> {
        let open = self.at;
        let includes_lower = self.bump() == Some('[');
        let lower = self.read_bound(open)?;
        self.skip_blank();
        if !self.take_operator("TO") {
            return Err(self.error(
                "TO is expected between the bounds",
                "write [from TO until], with * for an open end",
            ));
        }
        let upper = self.read_bound(open)?;
        self.skip_blank();
        let includes_upper = match self.bump() {
            Some(']') => true,
            Some('}') => false,
            _ => {
                return Err(self.error_at(
                    open,
                    "this range is never closed",
                    "add ] to include the last value or } to exclude it",
                ));
            }
        };
        let bound = |value: Option<String>, inclusive| match value {
            None => Bound::Open,
            Some(value) if inclusive => Bound::Inclusive(value),
            Some(value) => Bound::Exclusive(value),
        };
        Ok(match (lower, upper) {
            (None, None) => Matcher::Exists,
            (lower, upper) => Matcher::Range {
                lower: bound(lower, includes_lower),
                upper: bound(upper, includes_upper),
            },
        })
    }

    fn read_bound(&mut self, open: usize) -> Parsed<Option<String>> {
        self.skip_blank();
        if self.peek() == Some('"') {
            return self.read_quoted().map(Some);
        }
        let run = self.read_run(false)?;
        match run.pieces.as_slice() {
            [Piece::Many] => Ok(None),
            [Piece::Text(text)] if text != "TO" || !run.plain => Ok(Some(text.clone())),
            _ => Err(self.error_at(
                open,
                "a range needs a plain value at each end",
                "write [from TO until], with * for an open end",
            )),
        }
    }

    fn read_comparison(&mut self) -> Parsed<Matcher> {
        let start = self.at;
        let greater = self.bump() == Some('>');
        let inclusive = self.take("=");
        let value = if self.peek() == Some('"') {
            self.read_quoted()?
        } else {
            let run = self.read_run(false)?;
            match run.pieces.as_slice() {
                [Piece::Text(text)] => text.clone(),
                _ => {
                    return Err(self.error_at(
                        start,
                        "a comparison needs a plain value",
                        "write field:>=500",
                    ));
                }
            }
        };
        let bound = if inclusive {
            Bound::Inclusive(value)
        } else {
            Bound::Exclusive(value)
        };
        Ok(if greater {
            Matcher::Range {
                lower: bound,
                upper: Bound::Open,
            }
        } else {
            Matcher::Range {
                lower: Bound::Open,
                upper: bound,
            }
        })
    }
}
