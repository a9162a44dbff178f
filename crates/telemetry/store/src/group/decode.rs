//! Columns out of the bytes of a Parquet column chunk.

use andon_columns::bits::Bits;
use andon_columns::column::{Codes, Column};
use andon_columns::lines::Texts;

use super::encoding::{read_delta, read_levels, read_packed, read_split, read_texts};
use super::layout::{Form, Page, StoredChunk, Writing};

/// A page's content, decompressed.
fn content(stored: &StoredChunk, page: &Page, chunk: &[u8]) -> Option<Vec<u8>> {
    let start = usize::try_from(page.offset).ok()?;
    let bytes = chunk.get(start..start.checked_add(usize::try_from(page.stored_bytes).ok()?)?)?;
    let raw_bytes = usize::try_from(page.raw_bytes).ok()?;
    if !stored.is_compressed {
        return (bytes.len() == raw_bytes).then(|| bytes.to_vec());
    }
    let raw = zstd::bulk::decompress(bytes, raw_bytes).ok()?;
    (raw.len() == raw_bytes).then_some(raw)
}

/// Values of a column, one per line that has one.
struct Values {
    rows: usize,
    count: usize,
    presence: Option<Bits>,
    body: Vec<u8>,
    /// Where the values begin in `body`.
    start: usize,
}

impl Values {
    fn read(stored: &StoredChunk, rows: usize, chunk: &[u8]) -> Option<Self> {
        let body = content(stored, &stored.page, chunk)?;
        let mut input = body.as_slice();
        let presence = if stored.is_optional {
            Some(read_levels(&mut input, rows)?)
        } else {
            None
        };
        let count = usize::try_from(stored.page.values).ok()?;
        let start = body.len() - input.len();
        let expected = presence.as_ref().map_or(rows, Bits::count);
        (count == expected).then_some(Self {
            rows,
            count,
            presence,
            start,
            body,
        })
    }

    fn bytes(&self) -> &[u8] {
        self.body.get(self.start..).unwrap_or_default()
    }

    /// Codes of a dictionary, all within it.
    fn codes(&self, entries: usize) -> Option<Vec<u32>> {
        let (&width, rest) = self.bytes().split_first()?;
        let codes = read_packed(rest, u32::from(width), self.count)?;
        let most = codes.iter().copied().max().unwrap_or(0) as usize;
        (codes.is_empty() || most < entries).then_some(codes)
    }

    /// Puts values at their lines.
    fn spread<T: Copy>(&self, values: Vec<T>, absent: T) -> Vec<T> {
        let Some(presence) = &self.presence else {
            return values;
        };
        let mut spread = vec![absent; self.rows];
        for (row, value) in presence.ones().zip(values) {
            if let Some(slot) = spread.get_mut(row) {
                *slot = value;
            }
        }
        spread
    }
}

/// Decodes any column but one of templates; nothing when the bytes make no sense.
pub(super) fn decode(stored: &StoredChunk, rows: usize, chunk: &[u8]) -> Option<Column> {
    let values = Values::read(stored, rows, chunk)?;
    Some(match stored.form {
        Form::Integers => integers(stored, values, chunk)?,
        Form::Floats => {
            let bits = read_split(values.bytes(), 8, values.count)?;
            let floats = bits.into_iter().map(f64::from_bits).collect();
            Column::Floats {
                values: values.spread(floats, 0.0),
                presence: values.presence,
            }
        }
        Form::Booleans => booleans(values)?,
        Form::Dictionary => dictionary(stored, &values, chunk)?,
        Form::Identifiers(width) => {
            identifiers(stored, values, chunk, usize::try_from(width).ok()?)?
        }
        Form::Texts => texts(values)?,
        Form::Templates => return None,
    })
}

/// Decodes the numbers of templates.
pub(super) fn template_ids(stored: &StoredChunk, rows: usize, chunk: &[u8]) -> Option<Vec<u32>> {
    let values = Values::read(stored, rows, chunk)?;
    if stored.form != Form::Templates || stored.writing != Writing::Split {
        return None;
    }
    let ids = read_split(values.bytes(), 4, values.count)?;
    #[allow(clippy::cast_possible_truncation)]
    Some(ids.into_iter().map(|id| id as u32).collect())
}

fn integers(stored: &StoredChunk, values: Values, chunk: &[u8]) -> Option<Column> {
    if stored.writing == Writing::Dictionary {
        return counted_integers(stored, values, chunk);
    }
    #[allow(clippy::cast_possible_wrap)]
    let numbers: Vec<i64> = match stored.writing {
        Writing::Delta => read_delta(values.bytes(), values.count)?,
        Writing::Split => read_split(values.bytes(), 8, values.count)?
            .into_iter()
            .map(|number| number as i64)
            .collect(),
        _ => return None,
    };
    let base = numbers.iter().copied().min().unwrap_or(0);
    let numbers = values.spread(numbers, base);
    #[allow(clippy::cast_sign_loss)]
    let offsets = Codes::pack(numbers.iter().map(|n| n.wrapping_sub(base) as u64));
    Some(Column::Integers {
        base,
        offsets,
        presence: values.presence,
    })
}

#[allow(clippy::cast_sign_loss)]
fn counted_integers(stored: &StoredChunk, values: Values, chunk: &[u8]) -> Option<Column> {
    let page = stored.dictionary?;
    let raw = content(stored, &page, chunk)?;
    let (numbers, rest) = raw.as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    let numbers: Vec<i64> = numbers.iter().map(|n| i64::from_le_bytes(*n)).collect();
    let base = numbers.iter().copied().min().unwrap_or(0);
    let offsets: Vec<u64> = numbers
        .iter()
        .map(|n| n.wrapping_sub(base) as u64)
        .collect();
    let codes = values.codes(numbers.len())?;
    let most = offsets.iter().copied().max().unwrap_or(0);
    let offset = |code: u32| offsets.get(code as usize).copied().unwrap_or(0);
    #[allow(clippy::cast_possible_truncation)]
    let packed = match most {
        0..=0xff => Codes::U8(values.spread(codes.iter().map(|&c| offset(c) as u8).collect(), 0)),
        0x100..=0xffff => {
            Codes::U16(values.spread(codes.iter().map(|&c| offset(c) as u16).collect(), 0))
        }
        _ => {
            let wide = values.spread(codes.iter().map(|&c| offset(c)).collect(), 0);
            Codes::pack(wide.iter().copied())
        }
    };
    Some(Column::Integers {
        base,
        offsets: packed,
        presence: values.presence,
    })
}

fn booleans(values: Values) -> Option<Column> {
    let bytes = values.bytes();
    if bytes.len() != values.count.div_ceil(8) {
        return None;
    }
    let mut bits = Bits::none(values.rows);
    let is_set = |place: usize| {
        bytes
            .get(place / 8)
            .is_some_and(|b| b >> (place % 8) & 1 == 1)
    };
    match &values.presence {
        None => (0..values.rows)
            .filter(|&row| is_set(row))
            .for_each(|row| bits.set(row)),
        Some(presence) => {
            let present = presence.ones().enumerate();
            present
                .filter(|&(place, _)| is_set(place))
                .for_each(|(_, row)| bits.set(row));
        }
    }
    Some(Column::Booleans {
        values: bits,
        presence: values.presence,
    })
}

fn dictionary(stored: &StoredChunk, values: &Values, chunk: &[u8]) -> Option<Column> {
    let page = stored.dictionary?;
    let raw = content(stored, &page, chunk)?;
    let texts = read_texts(&raw, usize::try_from(page.values).ok()?)?;
    let codes = values.codes(texts.len())?;
    let absent = u32::try_from(texts.len()).ok()?;
    #[allow(clippy::cast_possible_truncation)]
    let codes = match absent {
        0..=0xff => {
            Codes::U8(values.spread(codes.iter().map(|&c| c as u8).collect(), absent as u8))
        }
        0x100..=0xffff => {
            Codes::U16(values.spread(codes.iter().map(|&c| c as u16).collect(), absent as u16))
        }
        _ => Codes::U32(values.spread(codes, absent)),
    };
    Some(Column::Dictionary {
        codes,
        dictionary: texts,
    })
}

fn identifiers(stored: &StoredChunk, values: Values, chunk: &[u8], width: usize) -> Option<Column> {
    if width == 0 || width > 64 {
        return None;
    }
    let ids = match stored.writing {
        Writing::Dictionary => {
            let page = stored.dictionary?;
            let raw = content(stored, &page, chunk)?;
            if !raw.len().is_multiple_of(width) {
                return None;
            }
            let codes = values.codes(raw.len() / width)?;
            let mut ids = Vec::with_capacity(codes.len() * width);
            for code in codes {
                let start = code as usize * width;
                ids.extend_from_slice(raw.get(start..start + width)?);
            }
            ids
        }
        _ => values.bytes().to_vec(),
    };
    if ids.len() != values.count.checked_mul(width)? {
        return None;
    }
    let bytes = match &values.presence {
        None => ids,
        Some(presence) => {
            let mut bytes = vec![0u8; values.rows.checked_mul(width)?];
            for (row, id) in presence.ones().zip(ids.chunks_exact(width)) {
                bytes
                    .get_mut(row * width..(row + 1) * width)?
                    .copy_from_slice(id);
            }
            bytes
        }
    };
    Some(Column::Identifiers {
        width,
        bytes,
        presence: values.presence,
    })
}

fn texts(values: Values) -> Option<Column> {
    let read = read_texts(values.bytes(), values.count)?;
    let texts = match &values.presence {
        None => read,
        Some(presence) => {
            let mut texts = Texts::default();
            let mut next = 0;
            for row in 0..values.rows {
                let has_value = presence.get(row);
                texts.push(if has_value { read.get(next) } else { "" });
                next += usize::from(has_value);
            }
            texts
        }
    };
    Some(Column::Texts {
        texts,
        presence: values.presence,
    })
}
