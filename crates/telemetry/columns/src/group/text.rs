//! A column of texts while it grows: a dictionary first, identifiers or templates when the values
//! turn out not to repeat.

use crate::bits::Bits;
use crate::column::{Codes, Column};
use crate::keys::{GroupKeys, KeySpace, Keys};
use crate::lines::Texts;
use crate::template::TemplateBuilder;

use super::StoredColumn;
use super::dictionary::DictionaryBuilder;
use super::rows::RowSet;

/// Values after which a column may stop being a dictionary.
const DECIDING_VALUES: usize = if cfg!(test) { 64 } else { 1_024 };
/// A dictionary of more texts than this is judged by how often they repeat.
const SMALL_DICTIONARY: usize = if cfg!(test) { 48 } else { 16_384 };
/// As above, by the bytes of the texts.
const SMALL_DICTIONARY_BYTES: usize = 256 << 10;
/// Values per different text below which a dictionary does not pay.
const REPETITION: usize = 8;
/// Most texts of a dictionary.
const LARGEST_DICTIONARY: usize = 65_536;
/// Digits of an identifier.
const IDENTIFIER_DIGITS: std::ops::RangeInclusive<usize> = 16..=64;

/// What the lines without a value mean for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// They have the empty text.
    Empty,
    /// They have no value, which is not the empty text.
    None,
}

#[derive(Debug)]
enum Form {
    /// A number per value.
    Dictionary(DictionaryBuilder, Vec<u32>),
    /// `width` bytes per value; the values at `empty` are the empty text.
    Identifiers {
        width: usize,
        bytes: Vec<u8>,
        empty: Vec<u32>,
    },
    /// A text per line up to the last with a value.
    Templates(Box<TemplateBuilder>),
}

/// A growing column of texts.
#[derive(Debug)]
pub(super) struct TextBuilder {
    rows: RowSet,
    form: Form,
    absence: Absence,
    may_convert: bool,
}

impl TextBuilder {
    pub(super) fn new(absence: Absence) -> Self {
        Self {
            rows: RowSet::default(),
            form: Form::Dictionary(DictionaryBuilder::default(), Vec::new()),
            absence,
            may_convert: true,
        }
    }

    /// A column that stays a dictionary.
    pub(super) fn dictionary() -> Self {
        Self {
            may_convert: false,
            ..Self::new(Absence::Empty)
        }
    }

    pub(super) fn rows(&self) -> &RowSet {
        &self.rows
    }

    pub(super) fn is_templates(&self) -> bool {
        matches!(self.form, Form::Templates(_))
    }

    /// Forbids the column to become templates, whose values cannot be taken out again.
    pub(super) fn stay_readable(&mut self) {
        self.may_convert = false;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
            + match &self.form {
                Form::Dictionary(dictionary, codes) => {
                    dictionary.memory_bytes() + codes.capacity() * 4
                }
                Form::Identifiers { bytes, empty, .. } => bytes.capacity() + empty.capacity() * 4,
                Form::Templates(builder) => builder.memory_bytes(),
            }
    }

    /// Adds the value of a line; lines ascend. `references` are the values of other columns.
    pub(super) fn push(&mut self, row: u32, text: &str, references: &[&str]) {
        let value = self.rows.count();
        self.rows.push(row);
        match &mut self.form {
            Form::Dictionary(dictionary, codes) => {
                codes.push(dictionary.number(text));
                if self.may_convert && is_too_various(dictionary, codes.len()) {
                    self.convert();
                }
            }
            Form::Identifiers {
                width,
                bytes,
                empty,
            } => {
                let is_empty = text.is_empty() && self.absence == Absence::Empty;
                if is_empty {
                    empty.push(u32::try_from(value).unwrap_or(u32::MAX));
                    bytes.resize(bytes.len() + *width, 0);
                } else if !push_hexadecimal(text, *width, bytes) {
                    self.identifiers_to_templates(text);
                }
            }
            Form::Templates(builder) => {
                pad(builder, row as usize);
                builder.push(text, references);
            }
        }
    }

    fn convert(&mut self) {
        if self.to_identifiers() {
            return;
        }
        let Form::Dictionary(dictionary, codes) = &self.form else {
            return;
        };
        let mut builder = Box::new(TemplateBuilder::new());
        for (row, &code) in self.rows.iter().zip(codes) {
            pad(&mut builder, row);
            builder.push(dictionary.texts().get(code as usize), &[]);
        }
        self.form = Form::Templates(builder);
    }

    /// Turns a dictionary of nothing but identifiers into identifiers.
    fn to_identifiers(&mut self) -> bool {
        let Form::Dictionary(dictionary, codes) = &self.form else {
            return false;
        };
        let Some(width) = identifier_width(dictionary.texts(), self.absence) else {
            return false;
        };
        let mut bytes = Vec::with_capacity(codes.len() * width);
        let mut empty = Vec::new();
        for (value, &code) in codes.iter().enumerate() {
            let text = dictionary.texts().get(code as usize);
            if !push_hexadecimal(text, width, &mut bytes) {
                empty.push(u32::try_from(value).unwrap_or(u32::MAX));
                bytes.resize(bytes.len() + width, 0);
            }
        }
        self.form = Form::Identifiers {
            width,
            bytes,
            empty,
        };
        true
    }

    /// A value that is no identifier came, the last one pushed.
    fn identifiers_to_templates(&mut self, last: &str) {
        let count = self.rows.count();
        let rows: Vec<usize> = self.rows.iter().collect();
        if self.may_convert {
            let mut builder = Box::new(TemplateBuilder::new());
            let mut value = 0;
            let before = rows.get(..count - 1).unwrap_or_default();
            self.each_value(&mut |text| {
                if let Some(&row) = before.get(value) {
                    pad(&mut builder, row);
                    builder.push(text, &[]);
                }
                value += 1;
            });
            pad(&mut builder, rows.last().copied().unwrap_or(0));
            builder.push(last, &[]);
            self.form = Form::Templates(builder);
        } else {
            let mut dictionary = DictionaryBuilder::default();
            let mut codes = Vec::with_capacity(count);
            self.each_value(&mut |text| codes.push(dictionary.number(text)));
            codes.push(dictionary.number(last));
            self.form = Form::Dictionary(dictionary, codes);
        }
    }

    /// Shows every value in order; a column of templates shows none.
    pub(super) fn each_value(&self, show: &mut dyn FnMut(&str)) {
        match &self.form {
            Form::Dictionary(dictionary, codes) => {
                for &code in codes {
                    show(dictionary.texts().get(code as usize));
                }
            }
            Form::Identifiers {
                width,
                bytes,
                empty,
            } => {
                let mut empty = empty.iter().peekable();
                let mut text = String::new();
                for (value, id) in bytes.chunks_exact(*width).enumerate() {
                    text.clear();
                    if empty.next_if(|&&place| place as usize == value).is_none() {
                        write_hexadecimal(id, &mut text);
                    }
                    show(&text);
                }
            }
            Form::Templates(_) => {}
        }
    }

    /// Ends the column with so many lines; adds its keys.
    pub(super) fn finish(mut self, rows: usize, space: KeySpace, keys: &mut GroupKeys) -> StoredColumn {
        if let Form::Dictionary(dictionary, codes) = &self.form
            && dictionary.len() * REPETITION > codes.len()
            && codes.len() > REPETITION
            && self.may_convert
        {
            self.to_identifiers();
        }
        match self.form {
            Form::Dictionary(dictionary, codes) => {
                dictionary.texts().iter().for_each(|text| keys.vocabulary.add_words(space, text));
                finish_dictionary(dictionary, &codes, &self.rows, rows, self.absence)
            }
            Form::Identifiers {
                width,
                bytes,
                empty,
            } => finish_identifiers(width, &bytes, &empty, &self.rows, rows, space, &mut keys.varying),
            Form::Templates(mut builder) => {
                pad(&mut builder, rows);
                let encoded = builder.finish(Some(&mut |template, word| keys.add_varying(space, template, word)));
                encoded.each_constant(&mut |text| keys.vocabulary.add_words(space, text));
                StoredColumn::Templates {
                    encoded,
                    presence: self.rows.presence(rows),
                }
            }
        }
    }
}

fn is_too_various(dictionary: &DictionaryBuilder, values: usize) -> bool {
    let different = dictionary.len();
    if different > LARGEST_DICTIONARY {
        return true;
    }
    values >= DECIDING_VALUES
        && different * REPETITION > values
        && (different > SMALL_DICTIONARY
            || dictionary.texts().text_bytes() > SMALL_DICTIONARY_BYTES)
}

fn pad(builder: &mut TemplateBuilder, rows: usize) {
    while builder.len() < rows {
        builder.push("", &[]);
    }
}

/// Bytes per identifier when all texts are lower-case hexadecimal and equally long.
fn identifier_width(texts: &Texts, absence: Absence) -> Option<usize> {
    let mut digits = None;
    for text in texts.iter() {
        if text.is_empty() && absence == Absence::Empty {
            continue;
        }
        if *digits.get_or_insert(text.len()) != text.len() || !text.bytes().all(is_hexadecimal) {
            return None;
        }
    }
    digits
        .filter(|digits| digits % 2 == 0 && IDENTIFIER_DIGITS.contains(digits))
        .map(|digits| digits / 2)
}

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[inline]
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => 0xff,
    }
}

/// Adds an identifier's bytes; nothing is added when the text is none.
fn push_hexadecimal(text: &str, width: usize, bytes: &mut Vec<u8>) -> bool {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != width || !rest.is_empty() {
        return false;
    }
    let start = bytes.len();
    let mut seen = 0;
    for pair in pairs {
        let (high, low) = (digit(pair[0]), digit(pair[1]));
        seen |= high | low;
        bytes.push(high << 4 | (low & 0xf));
    }
    if seen > 0xf {
        bytes.truncate(start);
        return false;
    }
    true
}

/// Writes an identifier as text.
pub fn write_hexadecimal(id: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for part in id.chunks(32) {
        let mut text = [0u8; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(part) {
            *pair = [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 0xf)],
            ];
        }
        let written = text.get(..part.len() * 2).unwrap_or_default();
        out.push_str(std::str::from_utf8(written).unwrap_or_default());
    }
}

/// Identifiers remembered, so that those that repeat within moments cost no key.
const RECENT_IDENTIFIERS: usize = 1 << 12;

/// Adds the keys of identifiers.
fn add_identifier_keys<'a>(ids: impl Iterator<Item = &'a [u8]>, space: KeySpace, keys: &mut Keys) {
    let mut recent: Vec<&[u8]> = vec![&[]; RECENT_IDENTIFIERS];
    let mut text = String::new();
    for id in ids {
        let place = id
            .first_chunk::<2>()
            .map_or(0, |head| u16::from_le_bytes(*head));
        let slot = recent.get_mut(usize::from(place) % RECENT_IDENTIFIERS);
        if let Some(slot) = slot {
            if *slot == id {
                continue;
            }
            *slot = id;
        }
        text.clear();
        write_hexadecimal(id, &mut text);
        keys.add(space.key(&text));
    }
}

/// Numbers texts by how often they occur, so that numbers are small where it counts.
fn finish_dictionary(
    dictionary: DictionaryBuilder,
    codes: &[u32],
    with_value: &RowSet,
    rows: usize,
    absence: Absence,
) -> StoredColumn {
    let mut counts = vec![0u32; dictionary.len()];
    for &code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    let mut order: Vec<u32> = (0..u32::try_from(counts.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|&code| std::cmp::Reverse(counts.get(code as usize).copied()));
    let mut renumbered = vec![0u32; order.len()];
    let texts = dictionary.into_texts();
    let mut sorted = Texts::default();
    for (new, &old) in (0u32..).zip(&order) {
        if let Some(slot) = renumbered.get_mut(old as usize) {
            *slot = new;
        }
        sorted.push(texts.get(old as usize));
    }
    let mut absent = sorted.len() as u64;
    if absence == Absence::Empty && with_value.count() < rows {
        absent = texts.iter().position(str::is_empty).map_or_else(
            || {
                sorted.push("");
                absent
            },
            |old| renumbered.get(old).copied().map_or(0, u64::from),
        );
    }
    let codes: Vec<u64> = codes
        .iter()
        .map(|&code| renumbered.get(code as usize).copied().map_or(0, u64::from))
        .collect();
    let codes = with_value.spread(&codes, absent, rows);
    StoredColumn::Whole(Column::Dictionary {
        codes: Codes::pack(codes.iter().copied()),
        dictionary: sorted,
    })
}

fn finish_identifiers(
    width: usize,
    bytes: &[u8],
    empty: &[u32],
    with_value: &RowSet,
    rows: usize,
    space: KeySpace,
    keys: &mut Keys,
) -> StoredColumn {
    let mut spread = vec![0u8; rows * width];
    let mut presence = Bits::none(rows);
    add_identifier_keys(bytes.chunks_exact(width), space, keys);
    let mut empty = empty.iter().peekable();
    for (value, (row, id)) in with_value.iter().zip(bytes.chunks_exact(width)).enumerate() {
        if empty.next_if(|&&place| place as usize == value).is_some() {
            continue;
        }
        presence.set(row);
        if let Some(slot) = spread.get_mut(row * width..(row + 1) * width) {
            slot.copy_from_slice(id);
        }
    }
    StoredColumn::Whole(Column::Identifiers {
        width,
        bytes: spread,
        presence: (presence.count() < rows).then_some(presence),
    })
}
