//! Tests of texts, over every form a column of texts may have.

use andon_reader::query::{Check, Scalar};

use crate::bits::Bits;
use crate::column::{Column, GroupView};
use crate::error::ColumnError;
use crate::lines::{Cell, Kind, Texts, visit_json};

use super::kernel::{codes_in, rows_where};
use super::numbers::{keep_present, one_by_one};
use super::{Checkpoint, numbers, pattern};

/// Dictionaries up to this size are tested entry by entry.
const SMALL_DICTIONARY: usize = 256;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading<'a> {
    /// As a message.
    Message,
    /// As a fixed field that is compared whole.
    Whole,
    /// As what a sender calls a severity.
    Severity,
    /// As a value of an attribute.
    Value(Kind),
    /// As a JSON object with values under a name.
    Inside(&'a str),
}

/// A test of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextTest<'a> {
    pub(crate) check: &'a Check,
    pub(crate) reading: Reading<'a>,
}

impl TextTest<'_> {
    /// Says whether a text passes.
    pub(crate) fn passes(&self, text: &str) -> bool {
        match self.reading {
            Reading::Message => self.check.is_in_message(text),
            Reading::Whole => match self.check {
                Check::Exists => !text.is_empty(),
                Check::Wanted(wanted) => wanted.is_whole(text),
                other => other.has(Scalar::Text(text)),
            },
            Reading::Severity => match self.check {
                Check::Exists => !text.is_empty(),
                Check::Level { wanted, .. } => wanted.is_whole(text),
                Check::Pattern(pattern) => pattern.is_match(text),
                _ => false,
            },
            Reading::Value(kind) => cell_of(kind, text).visit(&mut |value| self.check.has(value)),
            Reading::Inside(name) => {
                !text.is_empty() && visit_json(text, name, &mut |value| self.check.has(value))
            }
        }
    }

    /// Says whether a line without a value passes: a fixed field has then the empty text.
    pub(crate) fn passes_absent(&self) -> bool {
        match self.reading {
            Reading::Message | Reading::Whole | Reading::Severity => self.passes(""),
            Reading::Value(_) | Reading::Inside(_) => false,
        }
    }

    /// A text that every text that passes holds in this case: the longest run of digits or
    /// punctuation of a word looked for.
    fn needed_part(&self) -> Option<&str> {
        let Check::Wanted(wanted) = self.check else {
            return None;
        };
        match self.reading {
            Reading::Message | Reading::Whole => {}
            Reading::Value(Kind::Text) if wanted.number.is_none() => {}
            _ => return None,
        }
        let words = wanted.sequence.folded().iter();
        let runs = words.flat_map(|word| word.split(|c: char| !c.is_ascii_digit() && c != '_'));
        runs.max_by_key(|run| run.len()).filter(|run| run.len() > 1)
    }

    /// Says which identifiers can pass.
    fn identifiers(&self, width: usize) -> Wanted {
        let of_text = |text: &str| hex_bytes(text, width).map_or(Wanted::Nothing, Wanted::One);
        match (self.reading, self.check) {
            (Reading::Whole, Check::Wanted(wanted)) => of_text(&wanted.folded),
            (Reading::Message | Reading::Value(Kind::Text), Check::Wanted(wanted)) => {
                let is_number =
                    wanted.number.is_some() && matches!(self.reading, Reading::Value(_));
                match wanted.sequence.folded() {
                    [] => Wanted::Unknown,
                    _ if is_number => Wanted::Unknown,
                    // An identifier is one word.
                    [word] => of_text(word),
                    _ => Wanted::Nothing,
                }
            }
            _ => Wanted::Unknown,
        }
    }
}

/// A stored text as the value that it stands for.
pub(crate) fn cell_of(kind: Kind, text: &str) -> Cell<'_> {
    match kind {
        Kind::Text => Cell::Text(text),
        Kind::Json => Cell::Json(text),
        Kind::Integer => text.parse().map_or(Cell::Text(text), Cell::Integer),
        Kind::Float => text.parse().map_or(Cell::Text(text), Cell::Float),
        Kind::Boolean => text.parse().map_or(Cell::Text(text), Cell::Boolean),
    }
}

enum Wanted {
    One(Vec<u8>),
    Nothing,
    Unknown,
}

fn hex_bytes(text: &str, width: usize) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if text.len() != width.checked_mul(2)? {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_chunks::<2>().0.iter();
    pairs.map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for &byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Gives the rows of `within` whose text passes; a group without the column has no text at all.
pub(crate) fn select_texts(
    group: &dyn GroupView,
    column: Option<&Column>,
    test: &TextTest<'_>,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    let Some(column) = column else {
        return Ok(if test.passes_absent() {
            within.clone()
        } else {
            Bits::none(within.len())
        });
    };
    let (presence, present) = present_of(column, within);
    let is_plain_value = matches!(test.reading, Reading::Value(kind) if kind != Kind::Json);
    if is_plain_value
        && matches!(test.check, Check::Exists)
        && !matches!(column, Column::Dictionary { .. })
    {
        return Ok(present);
    }
    let mut found = match column {
        Column::Dictionary { codes, dictionary } => {
            return dictionary_rows(codes, dictionary, test, within, checkpoint);
        }
        Column::Identifiers { width, bytes, .. } => {
            identifiers(*width, bytes, test, &present, checkpoint)?
        }
        Column::Templates { column, .. } => pattern::templates(group, column, test, &present, checkpoint)?,
        Column::Texts { texts, .. } => {
            one_by_one(&present, checkpoint, |row| Ok(test.passes(texts.get(row))))?
        }
        // Values that are no texts are compared as what they are.
        Column::Integers { base, offsets, presence } => {
            let column = (*base, offsets, presence.as_ref());
            numbers::integers(column, test.check, &present, checkpoint)?
        }
        Column::Floats { values, presence } => {
            numbers::floats(values, presence.as_ref(), test.check, &present)
        }
        Column::Booleans { values, presence } => {
            numbers::booleans(values, presence.as_ref(), test.check, &present)
        }
    };
    if let Some(presence) = presence
        && test.passes_absent()
    {
        let mut absent = within.clone();
        absent.and_not(presence);
        found.or(&absent);
    }
    Ok(found)
}

/// The lines with a value, and those of them that are wanted.
fn present_of<'a>(column: &'a Column, within: &Bits) -> (Option<&'a Bits>, Bits) {
    let presence = presence_of(column);
    let mut present = within.clone();
    keep_present(&mut present, presence);
    (presence, present)
}

/// The lines with a value, when not every line has one and the column does not say it by a code.
pub(crate) fn presence_of(column: &Column) -> Option<&Bits> {
    match column {
        Column::Dictionary { .. } => None,
        Column::Integers { presence, .. }
        | Column::Floats { presence, .. }
        | Column::Booleans { presence, .. }
        | Column::Identifiers { presence, .. }
        | Column::Templates { presence, .. }
        | Column::Texts { presence, .. } => presence.as_ref(),
    }
}

fn dictionary_rows(
    codes: &crate::column::Codes,
    dictionary: &Texts,
    test: &TextTest<'_>,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    let absent = test.passes_absent();
    if within.count() < dictionary.len() {
        return one_by_one(within, checkpoint, |row| {
            let code = usize::try_from(codes.get(row)).unwrap_or(usize::MAX);
            Ok(if code < dictionary.len() {
                test.passes(dictionary.get(code))
            } else {
                absent
            })
        });
    }
    if let Some(part) = test.needed_part()
        && dictionary.len() > SMALL_DICTIONARY
    {
        let mut table = vec![false; dictionary.len()];
        for code in dictionary.holding(part.as_bytes()) {
            if let Some(passes) = table.get_mut(code) {
                *passes = test.passes(dictionary.get(code));
            }
        }
        return Ok(codes_in(codes, &table, absent, within));
    }
    let mut table = Vec::with_capacity(dictionary.len());
    for (code, text) in dictionary.iter().enumerate() {
        if code % super::CHECKED_ROWS == super::CHECKED_ROWS - 1 {
            checkpoint()?;
        }
        table.push(test.passes(text));
    }
    Ok(codes_in(codes, &table, absent, within))
}

fn identifiers(
    width: usize,
    bytes: &[u8],
    test: &TextTest<'_>,
    present: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Bits, ColumnError> {
    match test.identifiers(width) {
        Wanted::Nothing => Ok(Bits::none(present.len())),
        Wanted::One(wanted) => Ok(equal_identifiers(width, bytes, &wanted, present)),
        Wanted::Unknown => {
            let mut text = String::with_capacity(width * 2);
            one_by_one(present, checkpoint, |row| {
                text.clear();
                write_hex(identifier(width, bytes, row), &mut text);
                Ok(test.passes(&text))
            })
        }
    }
}

/// The bytes of the identifier of a row; empty beyond the end.
#[inline]
pub(crate) fn identifier(width: usize, bytes: &[u8], row: usize) -> &[u8] {
    bytes.get(row * width..(row + 1) * width).unwrap_or_default()
}

fn equal_identifiers(width: usize, bytes: &[u8], wanted: &[u8], present: &Bits) -> Bits {
    match (width, wanted.try_into(), wanted.try_into()) {
        (16, Ok(wanted), _) => {
            let wanted: [u8; 16] = wanted;
            let wanted = u128::from_ne_bytes(wanted);
            let (rows, _) = bytes.as_chunks::<16>();
            rows_where(rows, present, |row| u128::from_ne_bytes(row) == wanted)
        }
        (8, _, Ok(wanted)) => {
            let wanted: [u8; 8] = wanted;
            let wanted = u64::from_ne_bytes(wanted);
            let (rows, _) = bytes.as_chunks::<8>();
            rows_where(rows, present, |row| u64::from_ne_bytes(row) == wanted)
        }
        _ => {
            let mut found = Bits::none(present.len());
            for row in present.ones() {
                if identifier(width, bytes, row) == wanted {
                    found.set(row);
                }
            }
            found
        }
    }
}
