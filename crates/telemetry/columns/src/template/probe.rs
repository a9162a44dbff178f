//! Tests the values of one variable for their part in an occurrence of a literal.

use crate::error::ColumnError;

use super::column::References;
use super::layout::{Encoding, Form};
use super::pattern::{Literal, Needle, TextPattern, Touch};
use super::slot::{Planes, SlotReader, TextList, split_scales, write_hex};
use super::words::{joined_end, joined_start};

/// What a value says about its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The literal does not touch this variable.
    No,
    /// The text must be looked at.
    Maybe,
    /// The text passes.
    Yes,
}

impl Verdict {
    /// Both of two literals must occur; one certain answer is enough.
    pub(super) fn both((one, other): (Self, Self)) -> Self {
        match (one, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Maybe, Self::Maybe) => Self::Maybe,
            _ => Self::No,
        }
    }

    fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Maybe,
        }
    }
}

/// One literal and one variable.
pub(super) struct Probe<'a> {
    pub(super) pattern: &'a dyn TextPattern,
    pub(super) literal: &'a Literal,
    pub(super) needle: &'a Needle,
    pub(super) touch: &'a Touch,
    pub(super) is_open_left: bool,
    pub(super) is_open_right: bool,
    pub(super) rows: &'a [u32],
}

fn damaged() -> ColumnError {
    ColumnError::damaged("a page of template variables does not hold what its directory says")
}

impl Probe<'_> {
    #[inline]
    fn verdict(&self, value: &[u8]) -> Verdict {
        if !self.needle.may_touch(self.touch, value) {
            return Verdict::No;
        }
        self.certainty(value)
    }

    /// A value that touches may decide alone: when it holds the literal, or the words whole.
    fn certainty(&self, value: &[u8]) -> Verdict {
        let Ok(text) = std::str::from_utf8(value) else {
            return Verdict::Maybe;
        };
        if let Some(words) = self.pattern.words() {
            let start = if self.is_open_left {
                joined_start(text).len()
            } else {
                0
            };
            let rest = text.get(start..).unwrap_or_default();
            let cut = if self.is_open_right {
                joined_end(rest).len()
            } else {
                0
            };
            let whole = rest.get(..rest.len() - cut).unwrap_or_default();
            if words.is_in(whole) {
                return Verdict::Yes;
            }
        } else if self.pattern.substring().is_some() && self.pattern.is_match(text) {
            return Verdict::Yes;
        }
        Verdict::Maybe
    }

    fn note(&self, verdicts: &mut [Verdict], ordinal: usize, verdict: Verdict) {
        if let Some(known) = verdicts.get_mut(ordinal) {
            *known = known.either(verdict);
        }
    }

    /// Adds what this variable says to the verdicts of the template's rows.
    pub(super) fn run(
        &self,
        reader: &SlotReader<'_>,
        references: &dyn References,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        match reader.slot.encoding {
            Encoding::Reference(number) => {
                self.run_reference(usize::from(number), references, verdicts)
            }
            Encoding::Numbers {
                form, width, table, ..
            } => {
                if table.count > 0 {
                    self.run_table(reader, table.count, verdicts)
                } else {
                    self.run_numbers(reader, form, width, verdicts)
                }
            }
            Encoding::Texts { .. } => {
                let rows = self.rows.len();
                let rows = u32::try_from(rows).map_err(|_| damaged())?;
                reader.for_each_view(reader.chunks(), rows, |view, bytes| {
                    let list = TextList::new(bytes, view.count)?;
                    self.run_list(&list, |place, verdict| {
                        self.note(verdicts, view.first + place, verdict);
                    })
                })
            }
            Encoding::Dictionary { .. } => self.run_dictionary(reader, verdicts),
            Encoding::Hex {
                digits,
                is_upper,
                is_uuid,
                ..
            } => self.run_hex(reader, usize::from(digits) / 2, is_upper, is_uuid, verdicts),
        }
    }

    fn run_reference(
        &self,
        number: usize,
        references: &dyn References,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        if self.touch.enter == 0
            && self.touch.leave == 0
            && let Some(rows) = references.containing(number, self.literal)?
        {
            for (ordinal, &row) in self.rows.iter().enumerate() {
                if rows.get(row as usize) {
                    self.note(verdicts, ordinal, Verdict::Maybe);
                }
            }
            return Ok(());
        }
        let mut text = String::new();
        for (ordinal, &row) in self.rows.iter().enumerate() {
            text.clear();
            references.write(row as usize, number, &mut text)?;
            self.note(verdicts, ordinal, self.verdict(text.as_bytes()));
        }
        Ok(())
    }

    /// Few different numbers: each is tested once.
    fn run_table(
        &self,
        reader: &SlotReader<'_>,
        count: u32,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        let mut text = String::new();
        let mut known = Vec::with_capacity(count as usize);
        for code in 0..u64::from(count) {
            text.clear();
            reader.write_number(code, 0, &mut text)?;
            known.push(self.verdict(text.as_bytes()));
        }
        self.spread(reader, 1, &known, verdicts)
    }

    /// Gives the rows the verdicts of their codes.
    fn spread(
        &self,
        reader: &SlotReader<'_>,
        width: u8,
        known: &[Verdict],
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        if known.iter().all(|&verdict| verdict == Verdict::No) {
            return Ok(());
        }
        let rows = u32::try_from(self.rows.len()).map_err(|_| damaged())?;
        reader.for_each_view(reader.chunks(), rows, |view, bytes| {
            let planes = Planes::new(bytes, view.count, width)?;
            for place in 0..view.count {
                let code = usize::try_from(planes.get(place)).map_err(|_| damaged())?;
                let verdict = known.get(code).copied().ok_or_else(damaged)?;
                if verdict != Verdict::No {
                    self.note(verdicts, view.first + place, verdict);
                }
            }
            Ok(())
        })
    }

    fn run_numbers(
        &self,
        reader: &SlotReader<'_>,
        form: Form,
        width: u8,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        let rows = u32::try_from(self.rows.len()).map_err(|_| damaged())?;
        let mut text = String::new();
        reader.for_each_view(reader.chunks(), rows, |view, bytes| {
            let (scales, bytes) = split_scales(bytes, view.count, form)?;
            let planes = Planes::new(bytes, view.count, width)?;
            for place in 0..view.count {
                text.clear();
                let scale = scales.get(place).copied().unwrap_or(0);
                reader.write_number(planes.get(place), scale, &mut text)?;
                let verdict = self.verdict(text.as_bytes());
                if verdict != Verdict::No {
                    self.note(verdicts, view.first + place, verdict);
                }
            }
            Ok(())
        })
    }

    /// Texts of one page: those that hold the literal are found in their bytes all at once.
    fn run_list(
        &self,
        list: &TextList<'_>,
        mut found: impl FnMut(usize, Verdict),
    ) -> Result<(), ColumnError> {
        let only_inside = self.touch.enter == 0 && self.touch.leave == 0;
        if only_inside && !self.needle.is_in(list.all()?) {
            return Ok(());
        }
        list.for_each(|place, value| {
            let verdict = self.verdict(value);
            if verdict != Verdict::No {
                found(place, verdict);
            }
        })
    }

    fn run_dictionary(
        &self,
        reader: &SlotReader<'_>,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        let Encoding::Dictionary {
            entries,
            entry_chunks,
            width,
            ..
        } = reader.slot.encoding
        else {
            return Err(damaged());
        };
        let mut known = vec![Verdict::No; entries as usize];
        reader.for_each_view(entry_chunks, entries, |view, bytes| {
            let list = TextList::new(bytes, view.count)?;
            self.run_list(&list, |place, verdict| {
                if let Some(slot) = known.get_mut(view.first + place) {
                    *slot = verdict;
                }
            })
        })?;
        self.spread(reader, width, &known, verdicts)
    }

    fn run_hex(
        &self,
        reader: &SlotReader<'_>,
        length: usize,
        is_upper: bool,
        is_uuid: bool,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        let rows = u32::try_from(self.rows.len()).map_err(|_| damaged())?;
        let mut text = String::new();
        reader.for_each_view(reader.chunks(), rows, |view, bytes| {
            let all = bytes.get(..view.count * length).ok_or_else(damaged)?;
            for (place, value) in all.chunks_exact(length.max(1)).enumerate() {
                text.clear();
                write_hex(value, is_upper, is_uuid, &mut text);
                let verdict = self.verdict(text.as_bytes());
                if verdict != Verdict::No {
                    self.note(verdicts, view.first + place, verdict);
                }
            }
            Ok(())
        })
    }
}

/// Marks the rows whose value of the variable is exactly this text; other rows are certain misses.
pub(super) fn equal(
    reader: &SlotReader<'_>,
    value: &str,
    rows: usize,
) -> Result<Vec<Verdict>, ColumnError> {
    let mut verdicts = vec![Verdict::No; rows];
    match reader.slot.encoding {
        Encoding::Numbers {
            form: Form::Whole,
            base,
            width,
            table,
            ..
        } => {
            let Some(number) = canonical(value) else {
                return Ok(verdicts);
            };
            let stored = if table.count > 0 {
                reader.place_in_table(number)
            } else if number >= base {
                #[allow(clippy::cast_sign_loss)]
                Some(number.wrapping_sub(base) as u64)
            } else {
                None
            };
            let bits = 8 * u32::from(width);
            if let Some(stored) = stored
                && (bits >= 64 || stored >> bits == 0)
            {
                equal_numbers(reader, stored, width, &mut verdicts)?;
            }
        }
        // The rows that are left are few once the literal was looked for.
        _ => verdicts.fill(Verdict::Maybe),
    }
    Ok(verdicts)
}

fn equal_numbers(
    reader: &SlotReader<'_>,
    stored: u64,
    width: u8,
    verdicts: &mut [Verdict],
) -> Result<(), ColumnError> {
    let rows = u32::try_from(verdicts.len()).map_err(|_| damaged())?;
    let lowest = stored.to_le_bytes()[0];
    reader.for_each_view(reader.chunks(), rows, |view, bytes| {
        let planes = Planes::new(bytes, view.count, width)?;
        for place in memchr::memchr_iter(lowest, planes.plane(0)) {
            if planes.get(place) == stored
                && let Some(verdict) = verdicts.get_mut(view.first + place)
            {
                *verdict = Verdict::Yes;
            }
        }
        Ok(())
    })
}

/// Reads a number that is written as we would write it.
fn canonical(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.len() == 1 || !digits.starts_with('0');
    (is_plain && !text.starts_with('+') && text != "-0").then_some(number)
}
