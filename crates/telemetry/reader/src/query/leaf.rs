//! One test in the form in which it runs: numbers parsed, patterns compiled, words folded.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use crate::error::{ReaderError, code};
use crate::level::{level_of, parse_severity};

use super::limits;
use super::syntax::{Bound, Leaf, Matcher, Piece};
use super::token::{TokenSequence, fold_token, is_token_char};
use super::view::{FixedField, Place, RowView, Scalar};

/// A number as written: whole numbers keep all their digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Integer(i128),
    /// Another finite number.
    Float(f64),
}

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().find(|b| !matches!(b, b'+' | b'-' | b'.'))?;
        if !first.is_ascii_digit() || text.len() > 64 {
            return None;
        }
        if let Ok(integer) = text.parse::<i128>() {
            return Some(Self::Integer(integer));
        }
        text.parse::<f64>()
            .ok()
            .filter(|f| f.is_finite())
            .map(Self::Float)
    }

    fn as_f64(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Integer(i) => i as f64,
            Self::Float(f) => f,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (a, b) => a
                .as_f64()
                .partial_cmp(&b.as_f64())
                .unwrap_or(Ordering::Less),
        }
    }

    /// Equal numbers (by [`Number::compare`]) up to 2^53 have equal texts; beyond, fewer digits
    /// are kept, so that a whole number and a fraction that compare equal still do.
    pub(crate) fn canonical(self) -> String {
        let float = self.as_f64() + 0.0;
        format!("{float:e}")
    }
}

fn number_of(value: Scalar<'_>) -> Option<Number> {
    match value {
        Scalar::Integer(i) => Some(Number::Integer(i)),
        Scalar::Float(f) => Some(Number::Float(f)),
        Scalar::Text(text) => Number::parse(text),
        Scalar::Boolean(_) | Scalar::Structure => None,
    }
}

/// Gives a value as text, as patterns see it.
fn with_text<R>(value: Scalar<'_>, then: impl FnOnce(&str) -> R, none: R) -> R {
    match value {
        Scalar::Text(text) => then(text),
        Scalar::Integer(i) => then(&i.to_string()),
        Scalar::Float(f) => {
            then(&serde_json::Number::from_f64(f).map_or_else(String::new, |n| n.to_string()))
        }
        Scalar::Boolean(flag) => then(if flag { "true" } else { "false" }),
        Scalar::Structure => none,
    }
}

/// A value searched for, in every form it may have to be compared in.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its words.
    pub sequence: TokenSequence,
    /// What it is as a number.
    pub number: Option<Number>,
    /// The whole value, folded, for fields that are compared whole.
    pub folded: String,
}

impl Wanted {
    fn new(text: &str) -> Self {
        Self {
            sequence: TokenSequence::new(text),
            number: Number::parse(text),
            folded: fold_token(text),
        }
    }

    fn is_value(&self, value: Scalar<'_>) -> bool {
        if let (Some(wanted), Some(found)) = (self.number, number_of(value))
            && wanted.compare(found) == Ordering::Equal
        {
            return true;
        }
        match value {
            Scalar::Text(text) => self.sequence.is_in(text),
            Scalar::Boolean(flag) => self.folded == if flag { "true" } else { "false" },
            _ => false,
        }
    }

    /// Says whether a text is the value as a whole, in any case.
    #[must_use]
    pub fn is_whole(&self, text: &str) -> bool {
        if text.is_ascii() {
            self.folded.eq_ignore_ascii_case(text)
        } else {
            self.folded == fold_token(text)
        }
    }
}

/// Bounds, as numbers when both can be read so.
#[derive(Debug, Clone)]
pub struct Range {
    lower: Bound,
    upper: Bound,
    numbers: Option<(Option<Number>, Option<Number>)>,
}

impl Range {
    fn new(lower: &Bound, upper: &Bound) -> Self {
        let number = |bound: &Bound| match bound {
            Bound::Open => Some(None),
            Bound::Inclusive(value) | Bound::Exclusive(value) => Number::parse(value).map(Some),
        };
        let numbers = number(lower).zip(number(upper));
        Self {
            lower: lower.clone(),
            upper: upper.clone(),
            numbers,
        }
    }

    fn has(&self, value: Scalar<'_>) -> bool {
        let Some((lower, upper)) = self.numbers else {
            return with_text(value, |text| self.has_text(text), false);
        };
        let Some(found) = number_of(value) else {
            return false;
        };
        let above = lower.is_none_or(|bound| fits(&self.lower, found.compare(bound)));
        let below = upper.is_none_or(|bound| fits(&self.upper, bound.compare(found)));
        above && below
    }

    /// The inclusive interval of whole numbers in it; nothing when texts are compared.
    fn whole_numbers(&self) -> Option<(i64, i64)> {
        let (lower, upper) = self.numbers?;
        let is_above = |number: i64| {
            let number = Number::Integer(i128::from(number));
            lower.is_none_or(|bound| fits(&self.lower, number.compare(bound)))
        };
        let is_beyond = |number: i64| {
            let number = Number::Integer(i128::from(number));
            !upper.is_none_or(|bound| fits(&self.upper, bound.compare(number)))
        };
        Some(interval(is_above, is_beyond))
    }

    fn has_text(&self, text: &str) -> bool {
        let above = match &self.lower {
            Bound::Open => true,
            Bound::Inclusive(bound) | Bound::Exclusive(bound) => fits(&self.lower, text.cmp(bound)),
        };
        let below = match &self.upper {
            Bound::Open => true,
            Bound::Inclusive(bound) | Bound::Exclusive(bound) => {
                fits(&self.upper, bound.as_str().cmp(text))
            }
        };
        above && below
    }
}

/// The whole numbers from the first that is above to the last that is not beyond. Both questions
/// are answered `false` up to some number and `true` from there on.
fn interval(is_above: impl Fn(i64) -> bool, is_beyond: impl Fn(i64) -> bool) -> (i64, i64) {
    const NOTHING: (i64, i64) = (1, 0);
    let first_of = |holds: &dyn Fn(i64) -> bool| {
        if !holds(i64::MAX) {
            return None;
        }
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        while low < high {
            let middle = low.midpoint(high);
            // `midpoint` rounds towards zero; the lower half must always shrink.
            let middle = if middle == high { middle - 1 } else { middle };
            if holds(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(low)
    };
    let Some(first) = first_of(&is_above) else {
        return NOTHING;
    };
    match first_of(&is_beyond) {
        None => (first, i64::MAX),
        Some(i64::MIN) => NOTHING,
        Some(beyond) => (first, beyond - 1),
    }
}

fn fits(bound: &Bound, order: Ordering) -> bool {
    match bound {
        Bound::Open => true,
        Bound::Inclusive(_) => order != Ordering::Less,
        Bound::Exclusive(_) => order == Ordering::Greater,
    }
}

/// What is compared, once the field is known.
#[derive(Debug, Clone)]
pub enum Check {
    /// There is a value.
    Exists,
    /// A word, a phrase, a value.
    Wanted(Wanted),
    /// Between bounds.
    Range(Range),
    /// A regular expression, or a wildcard as one; its source has all its flags.
    Pattern(Regex),
    /// Inclusive bounds of a number that every line has.
    Between(i64, i64),
    /// A severity word that is no known severity, or its band.
    Level {
        /// The band, when the word is known.
        numbers: Option<(u8, u8)>,
        /// The word itself, for what senders call a severity.
        wanted: Wanted,
    },
}

/// The field a test looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A field that every line has.
    Fixed(FixedField),
    /// An attribute, of the line or of its resource.
    Named(Place, String),
    /// The message, or else one of the two ids: a bare word that looks like an id.
    MessageOrId,
}

/// A test ready to run.
#[derive(Debug, Clone)]
pub struct Test {
    pub(crate) subject: Subject,
    pub(crate) check: Check,
}

impl Test {
    /// The field it looks at.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What it compares.
    #[must_use]
    pub fn check(&self) -> &Check {
        &self.check
    }

    pub(crate) fn compile(leaf: &Leaf) -> Result<Self, ReaderError> {
        let subject = match &leaf.field {
            None if looks_like_id(&leaf.matcher) => Subject::MessageOrId,
            None => Subject::Fixed(FixedField::Message),
            Some(name) => FixedField::by_name(name).map_or_else(
                || {
                    let (place, key) = Place::of(name);
                    Subject::Named(place, key.to_owned())
                },
                Subject::Fixed,
            ),
        };
        let check = match &subject {
            Subject::Fixed(FixedField::Level) => level_check(&leaf.matcher)?,
            Subject::Fixed(FixedField::Timestamp | FixedField::ReceivedAt) => {
                time_check(&leaf.matcher)?
            }
            Subject::Fixed(FixedField::Message) => plain_check(&leaf.matcher, true)?,
            _ => plain_check(&leaf.matcher, false)?,
        };
        Ok(Self { subject, check })
    }

    /// Says whether a line passes.
    pub fn matches<R: RowView + ?Sized>(&self, row: &R) -> bool {
        match &self.subject {
            Subject::Named(place, name) => {
                row.any_value(*place, name, &mut |value| self.check.has(value))
            }
            Subject::MessageOrId => {
                self.check.is_in_message(row.text(FixedField::Message))
                    || self.check.is_whole(row.text(FixedField::TraceId))
                    || self.check.is_whole(row.text(FixedField::SpanId))
            }
            Subject::Fixed(field) => self.matches_fixed(row, *field),
        }
    }

    fn matches_fixed<R: RowView + ?Sized>(&self, row: &R, field: FixedField) -> bool {
        match field {
            FixedField::Message => self.check.is_in_message(row.text(field)),
            FixedField::Level => self
                .check
                .has_level(row.severity_number(), row.text(FixedField::SeverityText)),
            FixedField::SeverityNumber => {
                let number = row.severity_number();
                match self.check {
                    Check::Exists => number > 0,
                    _ => self.check.has(Scalar::Integer(i128::from(number))),
                }
            }
            FixedField::Timestamp => self.check.has_time(row.timestamp_us()),
            FixedField::ReceivedAt => self.check.has_time(row.received_at_us()),
            _ => {
                let text = row.text(field);
                match self.check {
                    Check::Exists => !text.is_empty(),
                    Check::Wanted(_) => self.check.is_whole(text),
                    _ => self.check.has(Scalar::Text(text)),
                }
            }
        }
    }
}

impl Check {
    /// Says whether one value of a named field, or the number or text of a fixed one, passes.
    #[must_use]
    pub fn has(&self, value: Scalar<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Wanted(wanted) | Self::Level { wanted, .. } => wanted.is_value(value),
            Self::Range(range) => range.has(value),
            Self::Pattern(pattern) => with_text(value, |text| pattern.is_match(text), false),
            Self::Between(..) => false,
        }
    }

    /// The inclusive interval of the whole numbers that pass, empty when its end is before its
    /// start; nothing when numbers are compared as texts.
    #[must_use]
    pub fn whole_numbers(&self) -> Option<(i64, i64)> {
        match self {
            Self::Exists => Some((i64::MIN, i64::MAX)),
            Self::Between(..) => Some((1, 0)),
            Self::Range(range) => range.whole_numbers(),
            Self::Pattern(_) => None,
            Self::Wanted(wanted) | Self::Level { wanted, .. } => {
                let Some(number) = wanted.number else {
                    return Some((1, 0));
                };
                let order = |other: i64| Number::Integer(i128::from(other)).compare(number);
                Some(interval(
                    |other| order(other) != Ordering::Less,
                    |other| order(other) == Ordering::Greater,
                ))
            }
        }
    }

    /// Says whether a message passes.
    /// Words only: a number in a message is a word like any other, so that filters can find it.
    #[must_use]
    pub fn is_in_message(&self, text: &str) -> bool {
        match self {
            Self::Exists => !text.is_empty(),
            Self::Wanted(wanted) => wanted.sequence.is_in(text),
            _ => self.has(Scalar::Text(text)),
        }
    }

    /// Says whether a value is the wanted one as a whole.
    #[must_use]
    pub fn is_whole(&self, text: &str) -> bool {
        matches!(self, Self::Wanted(wanted) if wanted.is_whole(text))
    }

    /// Says whether a time passes.
    #[must_use]
    pub fn has_time(&self, time_us: i64) -> bool {
        match self {
            Self::Exists => true,
            Self::Between(lower, upper) => (*lower..=*upper).contains(&time_us),
            _ => false,
        }
    }

    /// Says whether a severity passes.
    #[must_use]
    pub fn has_level(&self, number: u8, text: &str) -> bool {
        match self {
            Self::Exists => number > 0 || !text.is_empty(),
            Self::Between(lower, upper) => {
                number > 0 && (*lower..=*upper).contains(&i64::from(number))
            }
            Self::Level { numbers, wanted } => {
                let in_band = numbers.is_some_and(|(low, high)| (low..=high).contains(&number));
                in_band || wanted.is_whole(text)
            }
            Self::Pattern(pattern) => {
                pattern.is_match(level_of(number).name()) || pattern.is_match(text)
            }
            _ => false,
        }
    }
}

fn looks_like_id(matcher: &Matcher) -> bool {
    let (Matcher::Word(text) | Matcher::Phrase(text)) = matcher else {
        return false;
    };
    matches!(text.len(), 16 | 32) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn plain_check(matcher: &Matcher, in_message: bool) -> Result<Check, ReaderError> {
    Ok(match matcher {
        Matcher::Exists => Check::Exists,
        Matcher::Word(text) | Matcher::Phrase(text) => Check::Wanted(Wanted::new(text)),
        Matcher::Wildcard(pieces) => Check::Pattern(wildcard(pieces, in_message)?),
        Matcher::Range { lower, upper } => Check::Range(Range::new(lower, upper)),
        Matcher::Regex(source) => Check::Pattern(regex(source)?),
    })
}

/// Inside a message a pattern is a word (or several joined by punctuation): it ends where the word
/// ends and does not cross blanks. Other values are matched whole.
fn wildcard(pieces: &[Piece], in_message: bool) -> Result<Regex, ReaderError> {
    let mut source = String::from(if in_message { "" } else { "\\A" });
    let any = if in_message { "\\S" } else { "." };
    if in_message
        && matches!(pieces.first(), Some(Piece::Text(t)) if t.chars().next().is_some_and(is_token_char))
    {
        source.push_str("\\b");
    }
    for piece in pieces {
        match piece {
            Piece::Text(text) => source.push_str(&regex::escape(text)),
            Piece::Many => {
                source.push_str(any);
                source.push('*');
            }
            Piece::One => source.push_str(any),
        }
    }
    match pieces.last() {
        Some(Piece::Text(t)) if in_message && t.chars().last().is_some_and(is_token_char) => {
            source.push_str("\\b")
        }
        _ if in_message => {}
        _ => source.push_str("\\z"),
    }
    build(&source, true)
}

fn regex(source: &str) -> Result<Regex, ReaderError> {
    if source.len() > limits::REGEX_BYTES {
        return Err(ReaderError::new(
            code::QUERY_REGEX,
            format!(
                "the regular expression has {} bytes, at most {} are allowed",
                source.len(),
                limits::REGEX_BYTES
            ),
        )
        .with_hint("shorten it, or join several with OR"));
    }
    build(source, false)
}

fn build(source: &str, is_wildcard: bool) -> Result<Regex, ReaderError> {
    // Flags stand in the source, so that whoever reads it sees the whole pattern.
    let flagged = format!("(?is){source}");
    RegexBuilder::new(if is_wildcard { &flagged } else { source })
        .size_limit(limits::REGEX_COMPILED_BYTES)
        .dfa_size_limit(limits::REGEX_COMPILED_BYTES)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => ReaderError::new(
                code::QUERY_REGEX,
                format!("the pattern needs more than {limit} bytes when compiled"),
            )
            .with_hint("use smaller repetition counts"),
            other => ReaderError::new(
                code::QUERY_REGEX,
                format!("the regular expression is wrong: {other}"),
            )
            .with_hint(
                "the syntax is that of the Rust crate regex: no look-around, no back-references",
            ),
        })
}

fn level_check(matcher: &Matcher) -> Result<Check, ReaderError> {
    let edge = |bound: &Bound,
                open: u8,
                inclusive_side: fn((u8, u8)) -> u8,
                exclusive: fn((u8, u8)) -> i64| {
        let (value, is_inclusive) = match bound {
            Bound::Open => return Ok(i64::from(open)),
            Bound::Inclusive(value) => (value, true),
            Bound::Exclusive(value) => (value, false),
        };
        let band = band_of(value).ok_or_else(|| {
            ReaderError::new(code::QUERY_SYNTAX, format!("`{value}` is no severity"))
                .with_hint("trace, debug, info, warn, error and fatal have an order; or compare severity_number")
        })?;
        Ok::<i64, ReaderError>(if is_inclusive {
            i64::from(inclusive_side(band))
        } else {
            exclusive(band)
        })
    };
    Ok(match matcher {
        Matcher::Word(text) | Matcher::Phrase(text) => Check::Level {
            numbers: band_of(text),
            wanted: Wanted::new(text),
        },
        Matcher::Range { lower, upper } => Check::Between(
            edge(lower, 1, |band| band.0, |band| i64::from(band.1) + 1)?,
            edge(upper, u8::MAX, |band| band.1, |band| i64::from(band.0) - 1)?,
        ),
        other => plain_check(other, false)?,
    })
}

/// `error` means its whole band; `error2`, `notice` and the like only their number.
fn band_of(text: &str) -> Option<(u8, u8)> {
    if text.eq_ignore_ascii_case("unset") {
        return Some((0, 0));
    }
    if let Some(number) = text.parse::<u8>().ok().filter(|n| (1..=24).contains(n)) {
        return Some((number, number));
    }
    let number = parse_severity(text)?;
    let band = level_of(number).numbers();
    Some(if number == band.0 {
        band
    } else {
        (number, number)
    })
}

fn time_check(matcher: &Matcher) -> Result<Check, ReaderError> {
    let lower_of = |bound: &Bound| match bound {
        Bound::Open => Ok(i64::MIN),
        Bound::Inclusive(value) => parse_time(value),
        Bound::Exclusive(value) => parse_time(value).map(|t| t.saturating_add(1)),
    };
    let upper_of = |bound: &Bound| match bound {
        Bound::Open => Ok(i64::MAX),
        Bound::Inclusive(value) => parse_time(value),
        Bound::Exclusive(value) => parse_time(value).map(|t| t.saturating_sub(1)),
    };
    match matcher {
        Matcher::Exists => Ok(Check::Exists),
        Matcher::Word(text) | Matcher::Phrase(text) => {
            parse_time(text).map(|t| Check::Between(t, t))
        }
        Matcher::Range { lower, upper } => Ok(Check::Between(lower_of(lower)?, upper_of(upper)?)),
        Matcher::Wildcard(_) | Matcher::Regex(_) => Err(ReaderError::new(
            code::QUERY_SYNTAX,
            "a time cannot be matched by a pattern",
        )
        .with_hint("use a range: timestamp:[2026-01-31T08:00:00Z TO 2026-01-31T09:00:00Z]")),
    }
}

fn parse_time(text: &str) -> Result<i64, ReaderError> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_microsecond());
    }
    let midnight = text.parse::<jiff::civil::DateTime>().or_else(|_| {
        text.parse::<jiff::civil::Date>()
            .map(|date| date.at(0, 0, 0, 0))
    });
    let utc = midnight.and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC));
    utc.map(|zoned| zoned.timestamp().as_microsecond())
        .map_err(|_| {
            ReaderError::new(code::QUERY_SYNTAX, format!("`{text}` is no time")).with_hint(
                "write 2026-01-31T08:00:00Z or 2026-01-31 (UTC); quote a time when it stands alone",
            )
        })
}
