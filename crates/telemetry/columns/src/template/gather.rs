//! All texts of many rows, template by template, and which of them are the same.

use rustc_hash::FxHashMap;

use crate::bits::Bits;
use crate::error::ColumnError;

use super::column::{References, Renderer, TemplateColumn};
use super::layout::{Encoding, Form, Slot};
use super::select::Checkpoint;
use super::slot::{Planes, SlotReader, TextList, split_scales};

/// Rows between two checkpoints.
const CHECKED_ROWS: usize = 4_096;

/// Rows numbered by their text: equal numbers mean equal texts. Different numbers may still be the
/// same text where two templates can write it.
#[derive(Debug, Default)]
pub struct NumberedTexts {
    /// One per row; meaningless for rows that were not asked for.
    pub codes: Vec<u32>,
    /// For each number a row that has it.
    pub rows: Vec<u32>,
}

impl TemplateColumn {
    /// Shows the text of each row of `within`, template by template, rows ascending in each.
    pub fn for_each_text(
        &self,
        references: &dyn References,
        within: &Bits,
        checkpoint: Checkpoint<'_>,
        each: &mut dyn FnMut(usize, &str) -> Result<(), ColumnError>,
    ) -> Result<(), ColumnError> {
        let mut text = String::new();
        for (number, rows) in self.wanted(within)? {
            let mut renderer = Renderer::new(self, number)?;
            for chunk in rows.chunks(CHECKED_ROWS) {
                checkpoint()?;
                for &(row, ordinal) in chunk {
                    text.clear();
                    renderer.render(row, ordinal, references, &mut text)?;
                    each(row, &text)?;
                }
            }
        }
        Ok(())
    }

    /// Wanted rows by template, with their places in it.
    fn wanted(&self, within: &Bits) -> Result<Vec<(usize, Vec<(usize, usize)>)>, ColumnError> {
        let mut list = Vec::new();
        let by_template = self.rows_by_template()?;
        let count = within.count();
        if count < self.rows() / 16 {
            let mut found: Vec<(usize, usize)> = within
                .ones()
                .filter_map(|row| Some((by_template.template_of(row)?, row)))
                .collect();
            found.sort_unstable();
            for rows in found.chunk_by(|a, b| a.0 == b.0) {
                let number = rows.first().map_or(0, |row| row.0);
                let all = by_template.of(number);
                let place = |row: usize| all.binary_search(&u32::try_from(row).ok()?).ok();
                let rows = rows.iter().filter_map(|&(_, row)| Some((row, place(row)?)));
                list.push((number, rows.collect()));
            }
            return Ok(list);
        }
        for number in 0..self.directory.templates.len() {
            let rows = by_template.of(number).iter().enumerate();
            let rows: Vec<(usize, usize)> = rows
                .map(|(ordinal, &row)| (row as usize, ordinal))
                .filter(|&(row, _)| within.get(row))
                .collect();
            if !rows.is_empty() {
                list.push((number, rows));
            }
        }
        Ok(list)
    }

    /// Numbers the rows of `within` by their text, without writing the texts.
    pub fn number_texts(
        &self,
        references: &dyn References,
        within: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<NumberedTexts, ColumnError> {
        let mut numbered = NumberedTexts {
            codes: vec![0; self.rows()],
            rows: Vec::new(),
        };
        let by_template = self.rows_by_template()?;
        for number in 0..self.directory.templates.len() {
            let rows = by_template.of(number);
            if !rows.iter().any(|&row| within.get(row as usize)) {
                continue;
            }
            checkpoint()?;
            let template = self.template(number)?;
            let mut ids: Vec<u32> = Vec::new();
            for slot in self.slots(template) {
                let values = self.slot_ids(slot, rows, references)?;
                ids = if ids.is_empty() { values } else { joined(&ids, &values) };
            }
            numbered.add(rows, &ids, within);
        }
        Ok(numbered)
    }

    /// Numbers the values of one variable, in the order of the template's rows.
    fn slot_ids(
        &self,
        slot: &Slot,
        rows: &[u32],
        references: &dyn References,
    ) -> Result<Vec<u32>, ColumnError> {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let reader = SlotReader::new(self, slot, count);
        let mut numbers = Numberer::default();
        match slot.encoding {
            Encoding::Reference(reference) => {
                let mut text = String::new();
                for &row in rows {
                    text.clear();
                    references
                        .write(row as usize, usize::from(reference), &mut text)?;
                    numbers.add_bytes(text.as_bytes());
                }
            }
            Encoding::Numbers { form, width, .. } => {
                numbers.expect_below(below(width), rows.len());
                reader.for_each_view(reader.chunks(), count, |view, bytes| {
                    let (scales, bytes) = split_scales(bytes, view.count, form)?;
                    let planes = Planes::new(bytes, view.count, width)?;
                    for place in 0..view.count {
                        match form {
                            Form::Decimals => {
                                let scale = scales.get(place).copied().unwrap_or(0);
                                numbers.add_decimal(planes.get(place), scale);
                            }
                            _ => numbers.add_number(planes.get(place)),
                        }
                    }
                    Ok(())
                })?;
            }
            Encoding::Dictionary { width, .. } => {
                numbers.expect_below(below(width), rows.len());
                reader.for_each_view(reader.chunks(), count, |view, bytes| {
                    let planes = Planes::new(bytes, view.count, width)?;
                    (0..view.count).for_each(|place| numbers.add_number(planes.get(place)));
                    Ok(())
                })?;
            }
            Encoding::Texts { .. } => {
                reader.for_each_view(reader.chunks(), count, |view, bytes| {
                    TextList::new(bytes, view.count)?
                        .for_each(|_, text| numbers.add_bytes(text))
                })?;
            }
            Encoding::Hex { digits, .. } => {
                let length = usize::from(digits) / 2;
                reader.for_each_view(reader.chunks(), count, |view, bytes| {
                    for place in 0..view.count {
                        let value = bytes.get(place * length..(place + 1) * length);
                        numbers.add_bytes(value.unwrap_or_default());
                    }
                    Ok(())
                })?;
            }
        }
        if numbers.ids.len() != rows.len() {
            return Err(ColumnError::damaged(
                "a template variable has another number of values than its template has rows",
            ));
        }
        Ok(numbers.ids)
    }
}

impl NumberedTexts {
    fn add(&mut self, rows: &[u32], ids: &[u32], within: &Bits) {
        const NEW: u32 = u32::MAX;
        let largest = ids.iter().max().map_or(0, |&id| id as usize);
        let mut codes = vec![NEW; largest + 1];
        for (ordinal, &row) in rows.iter().enumerate() {
            if !within.get(row as usize) {
                continue;
            }
            let id = ids.get(ordinal).map_or(0, |&id| id as usize);
            let Some(code) = codes.get_mut(id) else {
                continue;
            };
            if *code == NEW {
                *code = u32::try_from(self.rows.len()).unwrap_or(NEW);
                self.rows.push(row);
            }
            if let Some(slot) = self.codes.get_mut(row as usize) {
                *slot = *code;
            }
        }
    }
}

/// The end of the numbers of so many bytes.
fn below(width: u8) -> Option<usize> {
    1usize.checked_shl(8 * u32::from(width))
}

/// Numbers pairs of numbers.
fn joined(left: &[u32], right: &[u32]) -> Vec<u32> {
    let size = |ids: &[u32]| ids.iter().max().map_or(1, |&id| id as usize + 1);
    let width = size(right);
    let mut numbers = Numberer::default();
    numbers.expect_below(size(left).checked_mul(width), left.len());
    for (&left, &right) in left.iter().zip(right) {
        numbers.add_number(u64::from(left) * width as u64 + u64::from(right));
    }
    numbers.ids
}

/// Gives the same number to the same value.
#[derive(Default)]
struct Numberer {
    of_number: FxHashMap<u64, u32>,
    of_decimal: FxHashMap<(u64, u8), u32>,
    /// Numbers of small values, where there can be few different ones.
    small: Vec<u32>,
    of_bytes: FxHashMap<Box<[u8]>, u32>,
    next: u32,
    ids: Vec<u32>,
}

impl Numberer {
    /// Makes it quick for numbers below a limit that is not large against the number of rows.
    fn expect_below(&mut self, limit: Option<usize>, rows: usize) {
        if let Some(limit) = limit.filter(|&limit| limit <= (rows * 4).max(256)) {
            self.small = vec![u32::MAX; limit];
        }
        self.ids.reserve(rows);
    }

    #[inline]
    fn add_number(&mut self, number: u64) {
        let place = usize::try_from(number).ok().and_then(|n| self.small.get_mut(n));
        let id = match place {
            Some(id) if *id == u32::MAX => {
                *id = self.next;
                self.next += 1;
                *id
            }
            Some(id) => *id,
            None => *self.of_number.entry(number).or_insert_with(|| {
                self.next += 1;
                self.next - 1
            }),
        };
        self.ids.push(id);
    }

    #[inline]
    fn add_decimal(&mut self, number: u64, scale: u8) {
        let id = *self.of_decimal.entry((number, scale)).or_insert_with(|| {
            self.next += 1;
            self.next - 1
        });
        self.ids.push(id);
    }

    #[inline]
    fn add_bytes(&mut self, bytes: &[u8]) {
        let id = match self.of_bytes.get(bytes) {
            Some(&id) => id,
            None => {
                self.next += 1;
                self.of_bytes.insert(Box::from(bytes), self.next - 1);
                self.next - 1
            }
        };
        self.ids.push(id);
    }
}
