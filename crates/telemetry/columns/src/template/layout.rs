//! The directory of a stored column: what its templates are and where the values of their variables
//! stand. Written and read here, so that both sides agree.
//!
//! All numbers are LEB128 (`wire`). The directory is one zstd frame; its content:
//!
//! ```text
//! version, rows, references_used, pages, and per page its raw length
//! number of byte sets, and per set 32 bytes
//! number of templates, and per template:
//!   rows, constant text, number of variables, and per variable:
//!     distance of its place in the constant text from the place before
//!     tag, byte set, shortest and longest length, then by tag (see `write_encoding`)
//! ```
//! A variable that has the same value in all rows stands in the constant text and is listed with the
//! tag `CONSTANT` and its length.

use crate::error::ColumnError;
use crate::wire::{put_bytes, put_number, take_bytes, take_number};

use super::byte_set::ByteSet;

pub(super) const VERSION: u64 = 1;
/// Largest page that is read back.
pub(super) const PAGE_BYTES: usize = 16 << 20;
/// Largest directory that is read back.
const DIRECTORY_BYTES: usize = 256 << 20;
/// Most rows of a group that is read back.
const ROWS: u64 = 1 << 24;
/// Rows of text between two noted places.
pub(super) const STRIDE: usize = 16;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) count: u32,
}

impl Span {
    pub(super) fn of<'a, T>(&self, list: &'a [T]) -> &'a [T] {
        let start = self.start as usize;
        list.get(start..start + self.count as usize)
            .unwrap_or_default()
    }
}

/// Where consecutive values of a variable stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) page: u32,
    pub(super) offset: u32,
    /// The first of the values, counted over the rows of the template.
    pub(super) first: u32,
}

/// How a stored number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    /// With zeros in front up to a width.
    Padded(u8),
    Ipv4,
    /// With so many digits behind the point.
    Decimal(u8),
    /// With a number of digits behind the point of its own, in a plane of bytes of its own.
    Decimals,
}

/// How the values of a variable are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The value of another column.
    Reference(u8),
    /// The difference from `base` in `width` planes of bytes; or, with a table, a place in it.
    Numbers {
        form: Form,
        base: i64,
        width: u8,
        table: Span,
        chunks: Span,
    },
    /// Each row's text.
    Texts { chunks: Span },
    /// Numbers of texts.
    Dictionary {
        entries: u32,
        entry_chunks: Span,
        width: u8,
        chunks: Span,
    },
    /// Two hexadecimal digits in each byte.
    Hex {
        digits: u16,
        is_upper: bool,
        is_uuid: bool,
        chunks: Span,
    },
}

/// One variable of a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Where it stands in the directory's text.
    pub(super) at: u32,
    pub(super) byte_set: u32,
    pub(super) shortest: u32,
    pub(super) longest: u32,
    pub(super) encoding: Encoding,
}

/// A variable that has one value in this group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed {
    pub(super) at: u32,
    pub(super) length: u32,
    /// Number of real variables of the template before it.
    pub(super) before: u32,
}

/// One template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    pub(super) rows: u32,
    /// Its constants in the directory's text.
    pub(super) text: Span,
    pub(super) slots: Span,
    pub(super) fixed: Span,
}

/// A directory in memory.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) rows: u32,
    pub(super) references_used: u32,
    pub(super) pages: u32,
    pub(super) text: String,
    pub(super) templates: Vec<Template>,
    pub(super) slots: Vec<Slot>,
    pub(super) fixed: Vec<Fixed>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) numbers: Vec<i64>,
    pub(super) byte_sets: Vec<ByteSet>,
}

const CONSTANT: u64 = 0;
const REFERENCE: u64 = 1;
const NUMBERS: u64 = 2;
const TEXTS: u64 = 3;
const DICTIONARY: u64 = 4;
const HEX: u64 = 5;

fn zigzag(number: i64) -> u64 {
    #[allow(clippy::cast_sign_loss)]
    let shifted = (number << 1) as u64;
    #[allow(clippy::cast_sign_loss)]
    let sign = (number >> 63) as u64;
    shifted ^ sign
}

fn unzigzag(number: u64) -> i64 {
    #[allow(clippy::cast_possible_wrap)]
    let half = (number >> 1) as i64;
    #[allow(clippy::cast_possible_wrap)]
    let sign = (number & 1) as i64;
    half ^ -sign
}

impl Directory {
    /// The constants of a template between its variables; one more than there are variables.
    pub(super) fn segments<'a>(&'a self, template: &Template, out: &mut Vec<&'a str>) {
        out.clear();
        let mut start = template.text.start as usize;
        for slot in template.slots.of(&self.slots) {
            let end = slot.at as usize;
            out.push(self.text.get(start..end).unwrap_or_default());
            start = end;
        }
        let end = (template.text.start + template.text.count) as usize;
        out.push(self.text.get(start..end).unwrap_or_default());
    }

    /// Shows the constants between variables.
    pub(super) fn each_constant(&self, see: &mut dyn FnMut(&str)) {
        let mut segments = Vec::new();
        for template in &self.templates {
            self.segments(template, &mut segments);
            segments.iter().for_each(|segment| see(segment));
        }
    }

    /// Writes the directory.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() * 2);
        put_number(&mut out, VERSION);
        put_number(&mut out, u64::from(self.rows));
        put_number(&mut out, u64::from(self.references_used));
        put_number(&mut out, u64::from(self.pages));
        put_number(&mut out, self.byte_sets.len() as u64);
        for set in &self.byte_sets {
            out.extend_from_slice(&set.to_bytes());
        }
        put_number(&mut out, self.templates.len() as u64);
        for template in &self.templates {
            self.write_template(&mut out, template);
        }
        Compressor::new(3).compress(&out)
    }

    fn write_template(&self, out: &mut Vec<u8>, template: &Template) {
        put_number(out, u64::from(template.rows));
        let text = template.text.of(self.text.as_bytes());
        put_bytes(out, text);
        let slots = template.slots.of(&self.slots);
        let fixed = template.fixed.of(&self.fixed);
        put_number(out, (slots.len() + fixed.len()) as u64);
        let mut place = template.text.start;
        let mut fixed = fixed.iter().peekable();
        for number in 0..=slots.len() {
            while let Some(value) = fixed.next_if(|f| f.before as usize == number) {
                put_number(out, u64::from(value.at.saturating_sub(place)));
                put_number(out, CONSTANT);
                put_number(out, u64::from(value.length));
                place = value.at;
            }
            let Some(slot) = slots.get(number) else {
                break;
            };
            put_number(out, u64::from(slot.at.saturating_sub(place)));
            place = slot.at;
            self.write_encoding(out, slot);
        }
    }

    fn write_encoding(&self, out: &mut Vec<u8>, slot: &Slot) {
        let tag = match slot.encoding {
            Encoding::Reference(_) => REFERENCE,
            Encoding::Numbers { .. } => NUMBERS,
            Encoding::Texts { .. } => TEXTS,
            Encoding::Dictionary { .. } => DICTIONARY,
            Encoding::Hex { .. } => HEX,
        };
        put_number(out, tag);
        put_number(out, u64::from(slot.byte_set));
        put_number(out, u64::from(slot.shortest));
        put_number(out, u64::from(slot.longest));
        match slot.encoding {
            Encoding::Reference(number) => put_number(out, u64::from(number)),
            Encoding::Numbers {
                form,
                base,
                width,
                table,
                chunks,
            } => {
                let (code, detail) = match form {
                    Form::Whole => (0, 0),
                    Form::Padded(width) => (1, width),
                    Form::Ipv4 => (2, 0),
                    Form::Decimal(scale) => (3, scale),
                    Form::Decimals => (4, 0),
                };
                out.extend([code, detail, width]);
                put_number(out, zigzag(base));
                let table = table.of(&self.numbers);
                put_number(out, table.len() as u64);
                let mut before = base;
                for &number in table {
                    #[allow(clippy::cast_sign_loss)]
                    put_number(out, number.wrapping_sub(before) as u64);
                    before = number;
                }
                self.write_chunks(out, chunks);
            }
            Encoding::Texts { chunks } => self.write_chunks(out, chunks),
            Encoding::Dictionary {
                entries,
                entry_chunks,
                width,
                chunks,
            } => {
                put_number(out, u64::from(entries));
                self.write_chunks(out, entry_chunks);
                out.push(width);
                self.write_chunks(out, chunks);
            }
            Encoding::Hex {
                digits,
                is_upper,
                is_uuid,
                chunks,
            } => {
                put_number(out, u64::from(digits));
                out.push(u8::from(is_upper) | u8::from(is_uuid) << 1);
                self.write_chunks(out, chunks);
            }
        }
    }

    fn write_chunks(&self, out: &mut Vec<u8>, chunks: Span) {
        let chunks = chunks.of(&self.chunks);
        put_number(out, chunks.len() as u64);
        let (mut page, mut first) = (0, 0);
        for chunk in chunks {
            put_number(out, u64::from(chunk.page.saturating_sub(page)));
            put_number(out, u64::from(chunk.offset));
            put_number(out, u64::from(chunk.first.saturating_sub(first)));
            (page, first) = (chunk.page, chunk.first);
        }
    }

    /// Reads a directory; whatever is accepted is in bounds.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ColumnError> {
        let raw = decompress(bytes, DIRECTORY_BYTES)
            .ok_or_else(|| ColumnError::damaged("the template directory does not decompress"))?;
        let mut directory = Self::default();
        let mut input = raw.as_slice();
        directory
            .read_all(&mut input)
            .ok_or_else(|| ColumnError::damaged("the template directory is damaged"))?;
        Ok(directory)
    }

    fn read_all(&mut self, input: &mut &[u8]) -> Option<()> {
        if take_number(input)? != VERSION {
            return None;
        }
        self.rows = u32::try_from(take_number(input)?.min(ROWS + 1)).ok()?;
        if u64::from(self.rows) > ROWS {
            return None;
        }
        self.references_used = take_u32(input)?;
        self.pages = take_u32(input)?;
        for _ in 0..take_number(input)? {
            let (set, rest) = input.split_first_chunk::<32>()?;
            *input = rest;
            self.byte_sets.push(ByteSet::from_bytes(*set));
        }
        let mut rows = 0u64;
        for _ in 0..take_number(input)? {
            let template = self.read_template(input)?;
            rows += u64::from(template.rows);
            self.templates.push(template);
        }
        (rows == u64::from(self.rows) && input.is_empty()).then_some(())
    }

    fn read_template(&mut self, input: &mut &[u8]) -> Option<Template> {
        let rows = take_u32(input).filter(|&rows| rows > 0)?;
        let text = std::str::from_utf8(take_bytes(input)?).ok()?;
        let text_start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(text);
        let text_end = u32::try_from(self.text.len()).ok()?;
        let first_slot = self.slots.len();
        let first_fixed = self.fixed.len();
        let mut place = text_start;
        for _ in 0..take_number(input)? {
            place = place
                .checked_add(take_u32(input)?)
                .filter(|&place| place <= text_end)?;
            if !self.text.is_char_boundary(place as usize) {
                return None;
            }
            let tag = take_number(input)?;
            if tag == CONSTANT {
                let length = take_u32(input)?;
                let end = place.checked_add(length).filter(|&end| end <= text_end)?;
                if !self.text.is_char_boundary(end as usize) {
                    return None;
                }
                self.fixed.push(Fixed {
                    at: place,
                    length,
                    before: u32::try_from(self.slots.len() - first_slot).ok()?,
                });
                continue;
            }
            let slot = self.read_slot(input, tag, place, rows)?;
            self.slots.push(slot);
        }
        Some(Template {
            rows,
            text: Span {
                start: text_start,
                count: text_end - text_start,
            },
            slots: span(first_slot, self.slots.len())?,
            fixed: span(first_fixed, self.fixed.len())?,
        })
    }

    fn read_slot(&mut self, input: &mut &[u8], tag: u64, at: u32, rows: u32) -> Option<Slot> {
        let byte_set = take_u32(input)?;
        self.byte_sets.get(byte_set as usize)?;
        let shortest = take_u32(input)?;
        let longest = take_u32(input).filter(|&longest| longest >= shortest)?;
        let encoding = match tag {
            REFERENCE => Encoding::Reference(u8::try_from(take_number(input)?).ok()?),
            NUMBERS => self.read_numbers(input, rows)?,
            TEXTS => Encoding::Texts {
                chunks: self.read_chunks(input, rows)?,
            },
            DICTIONARY => {
                let entries = take_u32(input).filter(|&n| n > 0 && n <= rows)?;
                let entry_chunks = self.read_chunks(input, entries)?;
                let width = take_byte(input).filter(|&width| width <= 4)?;
                Encoding::Dictionary {
                    entries,
                    entry_chunks,
                    width,
                    chunks: self.read_chunks(input, rows)?,
                }
            }
            HEX => {
                let digits = u16::try_from(take_number(input)?).ok()?;
                let flags = take_byte(input)?;
                let is_uuid = flags & 2 != 0;
                if digits == 0 || digits % 2 != 0 || (is_uuid && digits != 32) {
                    return None;
                }
                Encoding::Hex {
                    digits,
                    is_upper: flags & 1 != 0,
                    is_uuid,
                    chunks: self.read_chunks(input, rows)?,
                }
            }
            _ => return None,
        };
        Some(Slot {
            at,
            byte_set,
            shortest,
            longest,
            encoding,
        })
    }

    fn read_numbers(&mut self, input: &mut &[u8], rows: u32) -> Option<Encoding> {
        let code = take_byte(input)?;
        let detail = take_byte(input)?;
        let form = match code {
            0 => Form::Whole,
            1 => Form::Padded(detail),
            2 => Form::Ipv4,
            3 => Form::Decimal(detail),
            4 => Form::Decimals,
            _ => return None,
        };
        let width = take_byte(input).filter(|&width| width <= 8)?;
        let base = unzigzag(take_number(input)?);
        let count = take_number(input)?;
        let start = self.numbers.len();
        if count > 256 || (count > 0 && (width != 1 || form == Form::Decimals)) {
            return None;
        }
        let mut before = base;
        for _ in 0..count {
            #[allow(clippy::cast_possible_wrap)]
            let step = take_number(input)? as i64;
            before = before.wrapping_add(step);
            self.numbers.push(before);
        }
        Some(Encoding::Numbers {
            form,
            base,
            width,
            table: span(start, self.numbers.len())?,
            chunks: self.read_chunks(input, rows)?,
        })
    }

    /// Chunks begin with the first value and ascend; each names a page that there is.
    fn read_chunks(&mut self, input: &mut &[u8], values: u32) -> Option<Span> {
        let start = self.chunks.len();
        let (mut page, mut first) = (0u32, 0u32);
        for number in 0..take_number(input)? {
            page = page.checked_add(take_u32(input)?)?;
            let offset = take_u32(input)?;
            let step = take_u32(input)?;
            let is_in_order = if number == 0 { step == 0 } else { step > 0 };
            first = first.checked_add(step)?;
            if !is_in_order || first >= values || page >= self.pages {
                return None;
            }
            if offset as usize > PAGE_BYTES {
                return None;
            }
            self.chunks.push(Chunk {
                page,
                offset,
                first,
            });
        }
        let chunks = span(start, self.chunks.len())?;
        (chunks.count > 0).then_some(chunks)
    }

    /// Memory that the directory holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.capacity()
            + self.templates.capacity() * size_of::<Template>()
            + self.slots.capacity() * size_of::<Slot>()
            + self.fixed.capacity() * size_of::<Fixed>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.numbers.capacity() * 8
            + self.byte_sets.capacity() * 32
    }
}

pub(super) fn span(start: usize, end: usize) -> Option<Span> {
    Some(Span {
        start: u32::try_from(start).ok()?,
        count: u32::try_from(end.checked_sub(start)?).ok()?,
    })
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_number(input)?).ok()
}

fn take_byte(input: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = input.split_first()?;
    *input = rest;
    Some(byte)
}

/// Writes zstd frames that say their length and carry a checksum.
pub(super) struct Compressor(Option<zstd::bulk::Compressor<'static>>);

impl Compressor {
    pub(super) fn new(level: i32) -> Self {
        let mut compressor = zstd::bulk::Compressor::new(level).ok();
        if let Some(compressor) = &mut compressor {
            // Refused only by a library without checksums; the frame is good without.
            let _ = compressor.include_checksum(true);
        }
        Self(compressor)
    }

    /// Compresses; fails only when the library has no memory, and then the frame is empty, which
    /// reads as damaged.
    pub(super) fn compress(&mut self, raw: &[u8]) -> Vec<u8> {
        let compressor = self.0.as_mut();
        let frame = compressor.and_then(|compressor| compressor.compress(raw).ok());
        frame.unwrap_or_default()
    }
}

/// Decompresses one frame that says its length; nothing when it is damaged or too long.
pub(super) fn decompress(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let length = zstd::zstd_safe::get_frame_content_size(bytes).ok()??;
    let length = usize::try_from(length).ok().filter(|&l| l <= most)?;
    // A frame cannot hold more than this of its own size: no memory for what damage promises.
    if length / 50_000 > bytes.len() {
        return None;
    }
    let raw = zstd::bulk::decompress(bytes, length).ok()?;
    (raw.len() == length).then_some(raw)
}
