//! Reads the values of one variable from its pages.

use std::sync::Arc;

use crate::error::ColumnError;

use super::column::{References, TemplateColumn};
use super::encode::write_form;
use super::layout::{Chunk, Encoding, Form, STRIDE, Slot, Span};
use super::values::write_decimal;

/// Some consecutive values in a page.
#[derive(Debug, Clone)]
pub(super) struct View {
    page: Arc<Vec<u8>>,
    offset: usize,
    /// The first value, counted over the rows of the template.
    pub(super) first: usize,
    pub(super) count: usize,
}

impl View {
    fn bytes(&self) -> &[u8] {
        self.page.get(self.offset..).unwrap_or_default()
    }
}

fn damaged() -> ColumnError {
    ColumnError::damaged("a page of template variables does not hold what its directory says")
}

/// Numbers in planes of bytes.
pub(super) struct Planes<'a> {
    bytes: &'a [u8],
    count: usize,
    width: usize,
}

impl<'a> Planes<'a> {
    /// Takes the planes that stand at the start of the bytes.
    pub(super) fn new(bytes: &'a [u8], count: usize, width: u8) -> Result<Self, ColumnError> {
        let width = usize::from(width);
        let length = count.checked_mul(width).ok_or_else(damaged)?;
        Ok(Self {
            bytes: bytes.get(..length).ok_or_else(damaged)?,
            count,
            width,
        })
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> u64 {
        let mut number = 0;
        for plane in (0..self.width).rev() {
            let byte = self.bytes.get(plane * self.count + place).copied();
            number = number << 8 | u64::from(byte.unwrap_or(0));
        }
        number
    }

    /// One plane, the lowest first.
    pub(super) fn plane(&self, plane: usize) -> &'a [u8] {
        let start = plane * self.count;
        self.bytes
            .get(start..start + self.count)
            .unwrap_or_default()
    }

    /// All numbers, added to the base.
    pub(super) fn read_all(&self, base: i64, out: &mut Vec<i64>) {
        let start = out.len();
        out.resize(start + self.count, base);
        let fresh = out.get_mut(start..).unwrap_or_default();
        for plane in 0..self.width {
            let bytes = self.plane(plane);
            for (number, &byte) in fresh.iter_mut().zip(bytes) {
                #[allow(clippy::cast_possible_wrap)]
                let part = (u64::from(byte) << (8 * plane)) as i64;
                *number = number.wrapping_add(part);
            }
        }
    }
}

/// Texts behind their lengths.
pub(super) struct TextList<'a> {
    lengths: &'a [u8],
    places: &'a [u8],
    pub(super) bytes: &'a [u8],
    width: usize,
    pub(super) count: usize,
}

impl<'a> TextList<'a> {
    pub(super) fn new(bytes: &'a [u8], count: usize) -> Result<Self, ColumnError> {
        let (&width, rest) = bytes.split_first().ok_or_else(damaged)?;
        if !matches!(width, 1 | 2 | 4) {
            return Err(damaged());
        }
        let width = usize::from(width);
        let (lengths, rest) = rest
            .split_at_checked(count * width)
            .ok_or_else(damaged)?;
        let noted = count.saturating_sub(1) / STRIDE;
        let (places, bytes) = rest.split_at_checked(noted * 4).ok_or_else(damaged)?;
        Ok(Self {
            lengths,
            places,
            bytes,
            width,
            count,
        })
    }

    #[inline]
    pub(super) fn length(&self, place: usize) -> usize {
        let start = place * self.width;
        let bytes = self.lengths.get(start..start + self.width);
        let mut length = 0;
        for &byte in bytes.unwrap_or_default().iter().rev() {
            length = length << 8 | usize::from(byte);
        }
        length
    }

    /// The text at a place.
    pub(super) fn get(&self, place: usize) -> Result<&'a [u8], ColumnError> {
        let stride = place / STRIDE;
        let mut start = 0;
        if stride > 0 {
            let noted = self.places.get((stride - 1) * 4..stride * 4);
            let noted = noted.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
            start = u32::from_le_bytes(noted.ok_or_else(damaged)?) as usize;
        }
        for before in stride * STRIDE..place {
            start += self.length(before);
        }
        self.bytes
            .get(start..start + self.length(place))
            .ok_or_else(damaged)
    }

    /// All texts in their order.
    pub(super) fn for_each(
        &self,
        mut each: impl FnMut(usize, &'a [u8]),
    ) -> Result<(), ColumnError> {
        let mut start = 0;
        for place in 0..self.count {
            let end = start + self.length(place);
            each(place, self.bytes.get(start..end).ok_or_else(damaged)?);
            start = end;
        }
        Ok(())
    }

    /// The bytes of all texts together.
    pub(super) fn all(&self) -> Result<&'a [u8], ColumnError> {
        let total = (0..self.count).map(|place| self.length(place)).sum();
        self.bytes.get(..total).ok_or_else(damaged)
    }
}

/// Reads one variable of one template.
pub(super) struct SlotReader<'a> {
    column: &'a TemplateColumn,
    pub(super) slot: &'a Slot,
    rows: u32,
    view: Option<View>,
    entry_view: Option<View>,
}

impl<'a> SlotReader<'a> {
    pub(super) fn new(column: &'a TemplateColumn, slot: &'a Slot, rows: u32) -> Self {
        Self {
            column,
            slot,
            rows,
            view: None,
            entry_view: None,
        }
    }

    /// The chunks of the variable's rows; none for a reference.
    pub(super) fn chunks(&self) -> Span {
        match self.slot.encoding {
            Encoding::Reference(_) => Span::default(),
            Encoding::Numbers { chunks, .. }
            | Encoding::Texts { chunks }
            | Encoding::Dictionary { chunks, .. }
            | Encoding::Hex { chunks, .. } => chunks,
        }
    }

    /// Opens each chunk in its order.
    pub(super) fn for_each_view(
        &self,
        chunks: Span,
        values: u32,
        mut each: impl FnMut(&View, &[u8]) -> Result<(), ColumnError>,
    ) -> Result<(), ColumnError> {
        for number in 0..chunks.count as usize {
            let view = self.open(chunks, values, number)?;
            each(&view, view.bytes())?;
        }
        Ok(())
    }

    fn open(&self, chunks: Span, values: u32, number: usize) -> Result<View, ColumnError> {
        let list = chunks.of(&self.column.directory.chunks);
        let chunk = list.get(number).copied().ok_or_else(damaged)?;
        let end = list.get(number + 1).map_or(values, |next| next.first);
        let page = self.column.pages.page(chunk.page)?;
        Ok(View {
            page,
            offset: chunk.offset as usize,
            first: chunk.first as usize,
            count: end.saturating_sub(chunk.first) as usize,
        })
    }

    /// Opens the chunk that holds a value, keeping the one that is open.
    fn find(
        &self,
        kept: Option<View>,
        chunks: Span,
        values: u32,
        ordinal: usize,
    ) -> Result<View, ColumnError> {
        if let Some(view) = kept
            && ordinal >= view.first
            && ordinal < view.first + view.count
        {
            return Ok(view);
        }
        if ordinal >= values as usize {
            return Err(damaged());
        }
        let list = chunks.of(&self.column.directory.chunks);
        let after = list.partition_point(|chunk: &Chunk| chunk.first as usize <= ordinal);
        self.open(chunks, values, after.checked_sub(1).ok_or_else(damaged)?)
    }

    /// Appends the text of the value of a row.
    pub(super) fn write(
        &mut self,
        row: usize,
        ordinal: usize,
        references: &dyn References,
        out: &mut String,
    ) -> Result<(), ColumnError> {
        if let Encoding::Reference(number) = self.slot.encoding {
            return references.write(row, usize::from(number), out);
        }
        let kept = self.view.take();
        let view = self.find(kept, self.chunks(), self.rows, ordinal)?;
        let place = ordinal - view.first;
        self.write_at(&view, place, out)?;
        self.view = Some(view);
        Ok(())
    }

    fn write_at(
        &mut self,
        view: &View,
        place: usize,
        out: &mut String,
    ) -> Result<(), ColumnError> {
        match self.slot.encoding {
            Encoding::Reference(_) => Ok(()),
            Encoding::Numbers { form, width, .. } => {
                let (scales, bytes) = split_scales(view.bytes(), view.count, form)?;
                let number = Planes::new(bytes, view.count, width)?.get(place);
                let scale = scales.get(place).copied().unwrap_or(0);
                self.write_number(number, scale, out)
            }
            Encoding::Texts { .. } => {
                push_text(TextList::new(view.bytes(), view.count)?.get(place)?, out)
            }
            Encoding::Dictionary { width, .. } => {
                let code = Planes::new(view.bytes(), view.count, width)?.get(place);
                self.write_entry(code, out)
            }
            Encoding::Hex {
                digits,
                is_upper,
                is_uuid,
                ..
            } => {
                let length = usize::from(digits) / 2;
                let bytes = view.bytes().get(place * length..(place + 1) * length);
                write_hex(bytes.ok_or_else(damaged)?, is_upper, is_uuid, out);
                Ok(())
            }
        }
    }

    /// Appends a stored number in its form.
    pub(super) fn write_number(
        &self,
        stored: u64,
        scale: u8,
        out: &mut String,
    ) -> Result<(), ColumnError> {
        let Encoding::Numbers {
            form, base, table, ..
        } = self.slot.encoding
        else {
            return Err(damaged());
        };
        #[allow(clippy::cast_possible_wrap)]
        let number = if table.count > 0 {
            let table = table.of(&self.column.directory.numbers);
            let place = usize::try_from(stored).map_err(|_| damaged())?;
            table.get(place).copied().ok_or_else(damaged)?
        } else {
            base.wrapping_add(stored as i64)
        };
        match form {
            Form::Decimals => write_decimal(number, scale, out),
            form => write_form(number, form, out),
        }
        Ok(())
    }

    /// The code of a number in the variable's table.
    pub(super) fn place_in_table(&self, number: i64) -> Option<u64> {
        let Encoding::Numbers { table, .. } = self.slot.encoding else {
            return None;
        };
        let table = table.of(&self.column.directory.numbers);
        let place = table.iter().position(|&known| known == number)?;
        u64::try_from(place).ok()
    }

    fn write_entry(&mut self, code: u64, out: &mut String) -> Result<(), ColumnError> {
        let Encoding::Dictionary {
            entries,
            entry_chunks,
            ..
        } = self.slot.encoding
        else {
            return Err(damaged());
        };
        let code = usize::try_from(code).map_err(|_| damaged())?;
        let kept = self.entry_view.take();
        let view = self.find(kept, entry_chunks, entries, code)?;
        let list = TextList::new(view.bytes(), view.count)?;
        let result = push_text(list.get(code - view.first)?, out);
        self.entry_view = Some(view);
        result
    }

    /// Appends all whole numbers of the variable.
    pub(super) fn numbers(&self, out: &mut Vec<i64>) -> Result<(), ColumnError> {
        let Encoding::Numbers {
            base, width, table, ..
        } = self.slot.encoding
        else {
            return Err(damaged());
        };
        let table = table.of(&self.column.directory.numbers);
        self.for_each_view(self.chunks(), self.rows, |view, bytes| {
            let planes = Planes::new(bytes, view.count, width)?;
            if table.is_empty() {
                planes.read_all(base, out);
                return Ok(());
            }
            for &code in planes.plane(0) {
                out.push(table.get(usize::from(code)).copied().ok_or_else(damaged)?);
            }
            Ok(())
        })
    }
}

/// Parts the plane of scales from the planes of numbers.
pub(super) fn split_scales(
    bytes: &[u8],
    count: usize,
    form: Form,
) -> Result<(&[u8], &[u8]), ColumnError> {
    match form {
        Form::Decimals => bytes.split_at_checked(count).ok_or_else(damaged),
        _ => Ok((&[], bytes)),
    }
}

fn push_text(bytes: &[u8], out: &mut String) -> Result<(), ColumnError> {
    out.push_str(std::str::from_utf8(bytes).map_err(|_| damaged())?);
    Ok(())
}

/// Appends two hexadecimal digits for each byte.
pub(super) fn write_hex(bytes: &[u8], is_upper: bool, is_uuid: bool, out: &mut String) {
    let digits: &[u8; 16] = if is_upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let digit = |number: u8| char::from(digits[usize::from(number & 15)]);
    for (place, byte) in bytes.iter().enumerate() {
        if is_uuid && matches!(place, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push(digit(byte >> 4));
        out.push(digit(*byte));
    }
}
