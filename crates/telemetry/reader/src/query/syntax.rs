//! The syntax tree of a query and how it is written.

use std::fmt;

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Every line.
    All,
    /// Lines that do not match.
    Not(Box<Query>),
    /// Lines that match all of at least two.
    And(Vec<Query>),
    /// Lines that match one of at least two.
    Or(Vec<Query>),
    /// Lines that pass one test.
    Leaf(Leaf),
}

/// One test of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The field; none means the message.
    pub field: Option<String>,
    /// The test.
    pub matcher: Matcher,
}

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// The field has a value.
    Exists,
    /// The word occurs (message, attributes) or is the value (other fixed fields).
    Word(String),
    /// The words occur next to each other, or are the value.
    Phrase(String),
    /// A pattern; never without a wildcard.
    Wildcard(Vec<Piece>),
    /// A range; at least one bound is given.
    Range {
        /// Lower bound.
        lower: Bound,
        /// Upper bound.
        upper: Bound,
    },
    /// A regular expression.
    Regex(String),
}

/// Part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These characters; never empty and never next to another text.
    Text(String),
    /// `*`: any characters; never next to another `*`.
    Many,
    /// `?`: one character.
    One,
}

/// End of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// No limit.
    Open,
    /// With the value.
    Inclusive(String),
    /// Without the value.
    Exclusive(String),
}

impl Query {
    /// Joins queries that must all hold.
    #[must_use]
    pub fn and(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::join(flat, Self::And)
    }

    /// Joins queries of which one must hold.
    #[must_use]
    pub fn or(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::join(flat, Self::Or)
    }

    fn join(mut parts: Vec<Self>, make: impl FnOnce(Vec<Self>) -> Self) -> Self {
        match (parts.len(), parts.pop()) {
            (0 | 1, last) => last.unwrap_or(Self::All),
            (_, last) => {
                parts.extend(last);
                make(parts)
            }
        }
    }

    /// Makes the test that a field equals (or contains, see the module) a value.
    #[must_use]
    pub fn field(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Leaf(Leaf {
            field: Some(name.into()),
            matcher: Matcher::Phrase(value.into()),
        })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                write_within(f, inner, BINDS_NOT)
            }
            Self::And(parts) => write_joined(f, parts, " AND ", BINDS_AND),
            Self::Or(parts) => write_joined(f, parts, " OR ", BINDS_OR),
            Self::Leaf(leaf) => write!(f, "{leaf}"),
        }
    }
}

/// How tightly the operators bind. Only what would be read otherwise stands in parentheses, so that what was
/// read is never nested deeper when it is printed.
const BINDS_OR: u8 = 0;
const BINDS_AND: u8 = 1;
const BINDS_NOT: u8 = 2;

fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[Query], between: &str, binds: u8) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write_within(f, part, binds)?;
    }
    Ok(())
}

fn write_within(f: &mut fmt::Formatter<'_>, query: &Query, outer: u8) -> fmt::Result {
    let is_closed = match query {
        Query::All | Query::Leaf(_) | Query::Not(_) => true,
        Query::And(_) => outer < BINDS_AND,
        Query::Or(_) => false,
    };
    if is_closed { write!(f, "{query}") } else { write!(f, "({query})") }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write_escaped(f, field, true)?;
            f.write_str(":")?;
        }
        match &self.matcher {
            Matcher::Exists => f.write_str("*"),
            Matcher::Word(word) => write_word(f, word),
            Matcher::Phrase(phrase) => write_quoted(f, phrase),
            Matcher::Wildcard(pieces) => write_pieces(f, pieces),
            Matcher::Range { lower, upper } => write_range(f, lower, upper),
            Matcher::Regex(source) => write_regex(f, source),
        }
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    if matches!(word, "AND" | "OR" | "NOT" | "TO") {
        f.write_str("\\")?;
    }
    write_escaped(f, word, true)
}

fn write_pieces(f: &mut fmt::Formatter<'_>, pieces: &[Piece]) -> fmt::Result {
    for piece in pieces {
        match piece {
            Piece::Text(text) => write_escaped(f, text, true)?,
            Piece::Many => f.write_str("*")?,
            Piece::One => f.write_str("?")?,
        }
    }
    Ok(())
}

/// Writes text so that it reads as one word: everything but plain characters gets a backslash.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, dots: bool) -> fmt::Result {
    use fmt::Write as _;
    for c in text.chars() {
        let plain = c.is_alphanumeric() || c == '_' || (dots && c == '.') || c == ',';
        if !plain {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write as _;
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

fn write_range(f: &mut fmt::Formatter<'_>, lower: &Bound, upper: &Bound) -> fmt::Result {
    f.write_str(if matches!(lower, Bound::Exclusive(_)) {
        "{"
    } else {
        "["
    })?;
    write_bound(f, lower)?;
    f.write_str(" TO ")?;
    write_bound(f, upper)?;
    f.write_str(if matches!(upper, Bound::Exclusive(_)) {
        "}"
    } else {
        "]"
    })
}

fn write_bound(f: &mut fmt::Formatter<'_>, bound: &Bound) -> fmt::Result {
    match bound {
        Bound::Open => f.write_str("*"),
        Bound::Inclusive(value) | Bound::Exclusive(value) => {
            let plain = !value.is_empty()
                && value != "TO"
                && value
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
            if plain {
                f.write_str(value)
            } else {
                write_quoted(f, value)
            }
        }
    }
}

fn write_regex(f: &mut fmt::Formatter<'_>, source: &str) -> fmt::Result {
    use fmt::Write as _;
    f.write_char('/')?;
    let mut escaped = false;
    for c in source.chars() {
        if c == '/' && !escaped {
            f.write_char('\\')?;
        }
        escaped = c == '\\' && !escaped;
        f.write_char(c)?;
    }
    f.write_char('/')
}
