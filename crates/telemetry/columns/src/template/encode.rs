//! Stores the gathered values: an encoding for each variable, pages, and the directory.

use rustc_hash::FxHashMap;

use super::build::{Gathered, ReferencesSeen, Seen};
use super::byte_set::ByteSet;
use super::layout::{
    Chunk, Compressor, Directory, Encoding, Fixed, Form, STRIDE, Slot, Span, Template,
};
use super::scan::{Kind, MARK, is_uuid};
use super::values::{Numbers, SlotValues, Texts, write_decimal, write_ipv4, write_number};
use super::words::{Part, WordWriter};

/// Bytes of a page before compression, unless one value is longer.
const PAGE_BYTES: usize = 32 * 1024;
/// Longest value that is kept in the directory when all rows have it.
const CONSTANT_BYTES: usize = 64;

/// A column of a group, ready to be stored.
#[derive(Debug, Default)]
pub struct TemplateEncoded {
    /// Each row's template; small numbers are frequent ones.
    pub ids: Vec<u32>,
    /// What the templates are and where their variables stand; a compressed frame.
    pub directory: Vec<u8>,
    /// The values of the variables, each a compressed frame.
    pub pages: Vec<Vec<u8>>,
    /// A bit for each other column whose values stand in some text: a filter over the words of this
    /// column needs the words of those columns, too.
    pub references_used: u32,
}

impl TemplateEncoded {
    /// Shows the constant text between variables; nothing of a directory that cannot be read.
    pub(crate) fn each_constant(&self, see: &mut dyn FnMut(&str)) {
        if let Ok(directory) = Directory::read(&self.directory) {
            directory.each_constant(see);
        }
    }
}

/// Gathers small pieces into pages.
struct Pages {
    current: Vec<u8>,
    done: Vec<Vec<u8>>,
    compressor: Compressor,
}

impl Pages {
    fn new() -> Self {
        Self {
            current: Vec::with_capacity(PAGE_BYTES * 2),
            done: Vec::new(),
            compressor: Compressor::new(1),
        }
    }

    /// Gives the place at which the piece stands.
    fn put(&mut self, piece: &[u8]) -> (u32, u32) {
        if piece.is_empty() {
            return (0, 0);
        }
        if !self.current.is_empty() && self.current.len() + piece.len() > PAGE_BYTES {
            self.flush();
        }
        let place = (small(self.done.len()), small(self.current.len()));
        self.current.extend_from_slice(piece);
        place
    }

    fn flush(&mut self) {
        if !self.current.is_empty() {
            self.done.push(self.compressor.compress(&self.current));
            self.current.clear();
        }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Bytes that the largest difference needs.
fn width_of(largest: u64) -> u8 {
    u8::try_from((64 - largest.leading_zeros()).div_ceil(8)).unwrap_or(8)
}

/// A variable before it has a place in the directory.
enum Encoded {
    Constant(String),
    Slot(Encoding, Seen),
}

struct Encoder<'a> {
    pages: Pages,
    directory: Directory,
    byte_sets: FxHashMap<ByteSet, u32>,
    references: &'a ReferencesSeen,
    scratch: Vec<u8>,
}

/// Encodes all templates; their order gives their numbers.
pub(super) fn encode(
    templates: Vec<Gathered>,
    ids: Vec<u32>,
    references: &ReferencesSeen,
    word: Option<&mut dyn FnMut(usize, &str)>,
) -> TemplateEncoded {
    let mut encoder = Encoder {
        pages: Pages::new(),
        directory: Directory::default(),
        byte_sets: FxHashMap::default(),
        references,
        scratch: Vec::new(),
    };
    let mut words = word.map(WordWriter::new);
    for template in templates {
        encoder.add(&template, words.as_mut());
    }
    encoder.pages.flush();
    encoder.directory.rows = small(ids.len());
    encoder.directory.references_used = references.used;
    encoder.directory.pages = small(encoder.pages.done.len());
    TemplateEncoded {
        ids,
        directory: encoder.directory.write(),
        pages: encoder.pages.done,
        references_used: references.used,
    }
}

impl Encoder<'_> {
    fn add(&mut self, template: &Gathered, words: Option<&mut WordWriter<'_>>) {
        let text_start = self.directory.text.len();
        let slot_start = self.directory.slots.len();
        let fixed_start = self.directory.fixed.len();
        let mut parts = Vec::new();
        let mut constant_start = text_start;
        let mut slots = template.slots.iter();
        let mut rest = template.skeleton.as_slice();
        loop {
            let end = memchr::memchr(MARK, rest);
            let constant = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let text = std::str::from_utf8(constant).unwrap_or_default();
            self.directory.text.push_str(text);
            let (Some(end), Some(slot)) = (end, slots.next()) else {
                break;
            };
            let kind = rest.get(end + 1).and_then(|&code| Kind::of_code(code));
            rest = rest.get(end + 2..).unwrap_or_default();
            if kind.is_none() {
                break;
            }
            let at = small(self.directory.text.len());
            match self.encode_slot(slot, template.rows as usize) {
                Encoded::Constant(value) => {
                    self.directory.text.push_str(&value);
                    self.directory.fixed.push(Fixed {
                        at,
                        length: small(value.len()),
                        before: small(self.directory.slots.len() - slot_start),
                    });
                }
                Encoded::Slot(encoding, seen) => {
                    let byte_set = self.byte_set(seen.bytes);
                    self.directory.slots.push(Slot {
                        at,
                        byte_set,
                        shortest: small(seen.shortest.min(seen.longest)),
                        longest: small(seen.longest),
                        encoding,
                    });
                    parts.push((constant_start..at as usize, slot));
                    constant_start = at as usize;
                }
            }
        }
        let text_end = self.directory.text.len();
        if let Some(words) = words {
            let text = &self.directory.text;
            let parts: Vec<Part<'_>> = parts
                .iter()
                .map(|(constant, slot)| Part {
                    constant: text.get(constant.clone()).unwrap_or_default(),
                    slot,
                })
                .collect();
            let last = text.get(constant_start..text_end).unwrap_or_default();
            words.write(self.directory.templates.len(), &parts, last, template.rows as usize);
        }
        self.directory.templates.push(Template {
            rows: template.rows,
            text: span(text_start, text_end),
            slots: span(slot_start, self.directory.slots.len()),
            fixed: span(fixed_start, self.directory.fixed.len()),
        });
    }

    fn byte_set(&mut self, set: ByteSet) -> u32 {
        let next = small(self.byte_sets.len());
        let number = *self.byte_sets.entry(set).or_insert(next);
        if number == next {
            self.directory.byte_sets.push(set);
        }
        number
    }

    fn encode_slot(&mut self, slot: &SlotValues, rows: usize) -> Encoded {
        match slot {
            SlotValues::Reference(number) => {
                let seen = self.references.seen(*number);
                Encoded::Slot(Encoding::Reference(*number), seen)
            }
            SlotValues::Numbers(numbers) => {
                let form = if numbers.is_padded {
                    Form::Padded(numbers.width)
                } else {
                    Form::Whole
                };
                self.encode_whole(numbers, form)
            }
            SlotValues::Decimals { mantissas, scales } => self.encode_decimals(mantissas, scales),
            SlotValues::Ipv4(addresses) => {
                let numbers: Vec<i64> = addresses.iter().map(|&a| i64::from(a)).collect();
                self.encode_numbers(&numbers, Form::Ipv4, None)
            }
            SlotValues::Texts(texts) => self.encode_texts(texts, rows),
        }
    }

    fn encode_whole(&mut self, numbers: &Numbers, form: Form) -> Encoded {
        self.encode_numbers(&numbers.values, form, None)
    }

    fn encode_decimals(&mut self, mantissas: &[i64], scales: &[u8]) -> Encoded {
        let first = scales.first().copied().unwrap_or(0);
        if scales.iter().all(|&scale| scale == first) {
            return self.encode_numbers(mantissas, Form::Decimal(first), None);
        }
        self.encode_numbers(mantissas, Form::Decimals, Some(scales))
    }

    fn encode_numbers(&mut self, values: &[i64], form: Form, scales: Option<&[u8]>) -> Encoded {
        let smallest = values.iter().copied().min().unwrap_or(0);
        let largest = values.iter().copied().max().unwrap_or(0);
        if smallest == largest && scales.is_none() {
            let mut text = String::new();
            write_form(smallest, form, &mut text);
            return Encoded::Constant(text);
        }
        #[allow(clippy::cast_sign_loss)]
        let width = width_of(largest.wrapping_sub(smallest) as u64);
        let table = if width >= 2 && scales.is_none() {
            distinct(values)
        } else {
            None
        };
        let seen = numbers_seen(smallest, largest, form, table.as_deref());
        let table_start = self.directory.numbers.len();
        let (width, chunks) = match table {
            Some(table) => {
                let code = |value: i64| table.binary_search(&value).unwrap_or(0) as u64;
                let mut codes = CodeMemory::default();
                let chunks = self.put_numbers(values.len(), 1, |row| {
                    values
                        .get(row)
                        .map_or(0, |&value| codes.code(value, || code(value)))
                });
                self.directory.numbers.extend_from_slice(&table);
                (1, chunks)
            }
            None => {
                #[allow(clippy::cast_sign_loss)]
                let difference = |row: usize| {
                    let value = values.get(row).copied().unwrap_or(smallest);
                    value.wrapping_sub(smallest) as u64
                };
                let chunks = match scales {
                    Some(scales) => self.put_decimals(values.len(), width, scales, difference),
                    None => self.put_numbers(values.len(), width, difference),
                };
                (width, chunks)
            }
        };
        let table = span(table_start, self.directory.numbers.len());
        Encoded::Slot(
            Encoding::Numbers {
                form,
                base: smallest,
                width,
                table,
                chunks,
            },
            seen,
        )
    }

    /// Writes numbers as planes of bytes: the rarely changing high bytes then stand together.
    fn put_numbers(
        &mut self,
        rows: usize,
        width: u8,
        mut number: impl FnMut(usize) -> u64,
    ) -> Span {
        let start = self.directory.chunks.len();
        let width = usize::from(width);
        let step = PAGE_BYTES / width.max(1);
        for first in (0..rows.max(1)).step_by(step) {
            let count = step.min(rows - first);
            self.scratch.clear();
            self.scratch.resize(width * count, 0);
            put_planes(&mut self.scratch, count, width, |row| number(first + row));
            self.end_chunk(first);
        }
        span(start, self.directory.chunks.len())
    }

    fn put_decimals(
        &mut self,
        rows: usize,
        width: u8,
        scales: &[u8],
        number: impl Fn(usize) -> u64,
    ) -> Span {
        let start = self.directory.chunks.len();
        let width = usize::from(width);
        let step = PAGE_BYTES / (width + 1);
        for first in (0..rows.max(1)).step_by(step) {
            let count = step.min(rows - first);
            self.scratch.clear();
            let part = scales.get(first..first + count).unwrap_or_default();
            self.scratch.extend_from_slice(part);
            self.scratch.resize((width + 1) * count, 0);
            let planes = self.scratch.get_mut(count..).unwrap_or_default();
            put_planes(planes, count, width, |row| number(first + row));
            self.end_chunk(first);
        }
        span(start, self.directory.chunks.len())
    }

    fn end_chunk(&mut self, first: usize) {
        let (page, offset) = self.pages.put(&self.scratch);
        self.directory.chunks.push(Chunk {
            page,
            offset,
            first: small(first),
        });
    }

    fn encode_texts(&mut self, texts: &Texts, rows: usize) -> Encoded {
        let mut seen = Seen::default();
        for entry in 0..texts.entries() {
            seen.note(texts.entry(entry));
        }
        if texts.entries() == 1 && seen.longest <= CONSTANT_BYTES {
            let text = std::str::from_utf8(texts.entry(0)).unwrap_or_default();
            return Encoded::Constant(text.to_owned());
        }
        if !texts.is_plain() {
            return self.encode_dictionary(texts, rows, seen);
        }
        if let Some((digits, is_upper, is_uuid)) = hex_form(texts, &seen) {
            return self.encode_hex(texts, digits, is_upper, is_uuid, seen);
        }
        let chunks = self.put_texts(texts.entries(), |entry| texts.entry(entry));
        Encoded::Slot(Encoding::Texts { chunks }, seen)
    }

    fn encode_dictionary(&mut self, texts: &Texts, rows: usize, seen: Seen) -> Encoded {
        let entry_chunks = self.put_texts(texts.entries(), |entry| texts.entry(entry));
        let width = width_of((texts.entries() - 1) as u64);
        let codes = texts.codes();
        let chunks = self.put_numbers(rows, width, |row| {
            codes.get(row).map_or(0, |&code| u64::from(code))
        });
        let encoding = Encoding::Dictionary {
            entries: small(texts.entries()),
            entry_chunks,
            width,
            chunks,
        };
        Encoded::Slot(encoding, seen)
    }

    fn encode_hex(
        &mut self,
        texts: &Texts,
        digits: usize,
        is_upper: bool,
        is_uuid: bool,
        seen: Seen,
    ) -> Encoded {
        let start = self.directory.chunks.len();
        let rows = texts.entries();
        let step = PAGE_BYTES / (digits / 2);
        for first in (0..rows).step_by(step) {
            self.scratch.clear();
            for row in first..(first + step).min(rows) {
                let mut high = None;
                for &byte in texts.entry(row).iter().filter(|&&byte| byte != b'-') {
                    let digit = hex_digit(byte);
                    match high.take() {
                        None => high = Some(digit),
                        Some(high) => self.scratch.push(high << 4 | digit),
                    }
                }
            }
            self.end_chunk(first);
        }
        let encoding = Encoding::Hex {
            digits: u16::try_from(digits).unwrap_or(u16::MAX),
            is_upper,
            is_uuid,
            chunks: span(start, self.directory.chunks.len()),
        };
        Encoded::Slot(encoding, seen)
    }

    /// Writes texts: their lengths, the place of each sixteenth, their bytes.
    fn put_texts<'a>(&mut self, count: usize, text: impl Fn(usize) -> &'a [u8]) -> Span {
        let start = self.directory.chunks.len();
        let mut first = 0;
        while first < count {
            let (mut end, mut bytes, mut longest) = (first, 0, 0);
            while end < count && (end == first || bytes + text(end).len() + 5 <= PAGE_BYTES) {
                bytes += text(end).len() + 1;
                longest = longest.max(text(end).len());
                end += 1;
            }
            self.scratch.clear();
            let width = match longest {
                0..=0xFF => 1,
                0x100..=0xFFFF => 2,
                _ => 4,
            };
            self.scratch.push(width);
            for row in first..end {
                let length = small(text(row).len()).to_le_bytes();
                let length = length.get(..usize::from(width)).unwrap_or_default();
                self.scratch.extend_from_slice(length);
            }
            let mut place = 0;
            for row in first..end {
                if row > first && (row - first) % STRIDE == 0 {
                    self.scratch.extend_from_slice(&small(place).to_le_bytes());
                }
                place += text(row).len();
            }
            for row in first..end {
                self.scratch.extend_from_slice(text(row));
            }
            self.end_chunk(first);
            first = end;
        }
        span(start, self.directory.chunks.len())
    }
}

fn span(start: usize, end: usize) -> Span {
    super::layout::span(start, end).unwrap_or_default()
}

fn put_planes(planes: &mut [u8], rows: usize, width: usize, mut number: impl FnMut(usize) -> u64) {
    if width == 1 {
        for (row, out) in planes.iter_mut().enumerate() {
            #[allow(clippy::cast_possible_truncation)]
            {
                *out = number(row) as u8;
            }
        }
        return;
    }
    let numbers: Vec<u64> = (0..rows).map(number).collect();
    for (plane, out) in planes.chunks_exact_mut(rows.max(1)).enumerate().take(width) {
        for (byte, &number) in out.iter_mut().zip(&numbers) {
            #[allow(clippy::cast_possible_truncation)]
            {
                *byte = (number >> (8 * plane)) as u8;
            }
        }
    }
}

/// Remembers where the last values stood, for values that repeat at once.
#[derive(Default)]
struct CodeMemory([Option<(i64, u64)>; 16]);

impl CodeMemory {
    #[inline]
    fn code(&mut self, value: i64, find: impl FnOnce() -> u64) -> u64 {
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)]
        let place = (value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60;
        let Some(slot) = self.0.get_mut(place as usize) else {
            return find();
        };
        if let Some((known, code)) = *slot
            && known == value
        {
            return code;
        }
        let code = find();
        *slot = Some((value, code));
        code
    }
}

/// The different values, ascending, when they are few and repeat.
fn distinct(values: &[i64]) -> Option<Vec<i64>> {
    const MOST: usize = 256;
    const TABLE: usize = 1024;
    let mut table: Vec<Option<i64>> = vec![None; TABLE];
    let mut found = Vec::new();
    for &value in values {
        #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)]
        let mut place = ((value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize;
        loop {
            match table.get_mut(place % TABLE) {
                Some(Some(known)) if *known == value => break,
                Some(Some(_)) => place += 1,
                Some(slot) => {
                    *slot = Some(value);
                    found.push(value);
                    break;
                }
                None => break,
            }
        }
        if found.len() > MOST {
            return None;
        }
    }
    found.sort_unstable();
    (found.len() * 4 <= values.len()).then_some(found)
}

/// Appends a number in its form.
pub(super) fn write_form(number: i64, form: Form, out: &mut String) {
    match form {
        Form::Whole => write_number(number, 0, out),
        Form::Padded(width) => write_number(number, width, out),
        Form::Ipv4 => write_ipv4(u32::try_from(number).unwrap_or(0), out),
        Form::Decimal(scale) => write_decimal(number, scale, out),
        Form::Decimals => {}
    }
}

/// The bytes and lengths of numbers: exact for a table, else what the range allows.
fn numbers_seen(smallest: i64, largest: i64, form: Form, table: Option<&[i64]>) -> Seen {
    let mut seen = Seen::default();
    let mut text = String::new();
    if let Some(table) = table {
        for &number in table {
            text.clear();
            write_form(number, form, &mut text);
            seen.note(text.as_bytes());
        }
        return seen;
    }
    seen.bytes.insert_all(b"0123456789");
    if smallest < 0 {
        seen.bytes.insert(b'-');
    }
    match form {
        Form::Ipv4 => {
            seen.bytes.insert(b'.');
            (seen.shortest, seen.longest) = (7, 15);
        }
        Form::Decimal(_) | Form::Decimals => {
            seen.bytes.insert(b'.');
            (seen.shortest, seen.longest) = (3, 21);
        }
        Form::Padded(width) => {
            let width = usize::from(width);
            (seen.shortest, seen.longest) = (width, width);
        }
        Form::Whole => {
            let mut length = |number: i64| {
                text.clear();
                write_number(number, 0, &mut text);
                text.len()
            };
            let (low, high) = (length(smallest), length(largest));
            seen.longest = low.max(high);
            seen.shortest = match (smallest < 0, largest < 0) {
                (true, true) => high,
                (true, false) => 1,
                _ => low,
            };
        }
    }
    seen
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => 0,
    }
}

/// Says how texts of one length are hexadecimal digits: how many, upper case, with the dashes of a UUID.
fn hex_form(texts: &Texts, seen: &Seen) -> Option<(usize, bool, bool)> {
    let length = seen.longest;
    if seen.shortest != length || length == 0 || length > 256 {
        return None;
    }
    let is_made_of = |alphabet: &[u8]| {
        (0..=u8::MAX).all(|byte| !seen.bytes.contains(byte) || alphabet.contains(&byte))
    };
    let is_upper = if is_made_of(b"0123456789abcdef-") {
        false
    } else if is_made_of(b"0123456789ABCDEF-") {
        true
    } else {
        return None;
    };
    if !seen.bytes.contains(b'-') {
        return (length % 2 == 0).then_some((length, is_upper, false));
    }
    let all_uuids = length == 36 && (0..texts.entries()).all(|row| is_uuid(texts.entry(row), 0));
    all_uuids.then_some((32, is_upper, true))
}
