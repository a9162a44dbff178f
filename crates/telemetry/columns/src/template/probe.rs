//! Tests the values of one variable for their part in an occurrence of a literal.

use crate::bits::Bits;
use crate::error::ColumnError;

use super::column::References;
use super::layout::{Encoding, Form};
use super::pattern::{Literal, Needle, TextPattern, Touch};
use super::slot::{Planes, SlotReader, TextList, split_scales, write_hex};
use super::values::{Digits, digits_of};
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
    /// What another literal already said of the rows.
    pub(super) known: Option<&'a [Verdict]>,
    /// The rows that matter; all when there is none.
    pub(super) within: Option<&'a Bits>,
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

    /// Says whether the row still matters.
    #[inline]
    fn is_live(&self, ordinal: usize) -> bool {
        let is_known = self.known.and_then(|known| known.get(ordinal));
        if is_known == Some(&Verdict::No) {
            return false;
        }
        self.within.is_none_or(|within| {
            let row = self.rows.get(ordinal);
            row.is_some_and(|&row| within.get(row as usize))
        })
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
            if !self.is_live(ordinal) {
                continue;
            }
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
        if form == Form::Whole
            && let Some(numbers) = self.exact_numbers()
        {
            return self.run_exact(reader, &numbers, verdicts);
        }
        let only_inside = self.touch.enter == 0 && self.touch.leave == 0;
        if form == Form::Ipv4 && only_inside && self.needle.longest_digits() > 3 {
            return Ok(());
        }
        if let (Form::Whole | Form::Padded(_), Encoding::Numbers { base, .. }) =
            (form, reader.slot.encoding)
        {
            return self.run_whole(reader, form, base, width, verdicts);
        }
        let rows = u32::try_from(self.rows.len()).map_err(|_| damaged())?;
        let mut text = String::new();
        reader.for_each_view(reader.chunks(), rows, |view, bytes| {
            let (scales, bytes) = split_scales(bytes, view.count, form)?;
            let planes = Planes::new(bytes, view.count, width)?;
            for place in 0..view.count {
                if !self.is_live(view.first + place) {
                    continue;
                }
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

    fn run_whole(
        &self,
        reader: &SlotReader<'_>,
        form: Form,
        base: i64,
        width: u8,
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        let rows = u32::try_from(self.rows.len()).map_err(|_| damaged())?;
        let zeros = match form {
            Form::Padded(zeros) => zeros,
            _ => 0,
        };
        let mut room: Digits = [0; 24];
        let mut numbers = Vec::new();
        reader.for_each_view(reader.chunks(), rows, |view, bytes| {
            numbers.clear();
            Planes::new(bytes, view.count, width)?.read_all(base, &mut numbers);
            for (place, &number) in numbers.iter().enumerate() {
                if !self.is_live(view.first + place) {
                    continue;
                }
                let verdict = self.verdict(digits_of(number, zeros, &mut room));
                if verdict != Verdict::No {
                    self.note(verdicts, view.first + place, verdict);
                }
            }
            Ok(())
        })
    }

    /// The only numbers that a single word can be part of: it ends where the number ends, and begins
    /// where the number begins or in the constant before it.
    fn exact_numbers(&self) -> Option<Vec<i64>> {
        let words = self.pattern.words()?;
        if self.is_open_right || self.touch.leave != 0 || words.folded().len() != 1 {
            return None;
        }
        let word = words.folded().first()?.as_bytes();
        if word != self.needle.bytes() {
            return None;
        }
        let mut numbers = Vec::new();
        let mut add = |digits: &[u8], sign: i64| {
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            numbers.extend(canonical(digits).map(|number| number * sign));
        };
        if self.touch.inside {
            // A minus ends the word before it.
            add(word, -1);
            if !self.is_open_left {
                add(word, 1);
            }
        }
        for start in 1..word.len().min(64) {
            if self.touch.enter >> (start - 1) & 1 == 1 {
                add(word.get(start..).unwrap_or_default(), 1);
            }
        }
        Some(numbers)
    }

    fn run_exact(
        &self,
        reader: &SlotReader<'_>,
        numbers: &[i64],
        verdicts: &mut [Verdict],
    ) -> Result<(), ColumnError> {
        for &number in numbers {
            if let Some((stored, width)) = stored_as(reader, number) {
                equal_numbers(reader, stored, width, self.rows.len(), |ordinal| {
                    if self.is_live(ordinal) {
                        self.note(verdicts, ordinal, Verdict::Maybe);
                    }
                })?;
            }
        }
        Ok(())
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
                if !self.is_live(view.first + place) {
                    continue;
                }
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

/// Marks the rows whose whole number is exactly this text; other rows are certain misses.
pub(super) fn equal(
    reader: &SlotReader<'_>,
    value: &str,
    rows: usize,
) -> Result<Vec<Verdict>, ColumnError> {
    let mut verdicts = vec![Verdict::No; rows];
    if let Some(number) = canonical(value)
        && let Some((stored, width)) = stored_as(reader, number)
    {
        equal_numbers(reader, stored, width, rows, |ordinal| {
            if let Some(verdict) = verdicts.get_mut(ordinal) {
                *verdict = Verdict::Yes;
            }
        })?;
    }
    Ok(verdicts)
}

/// How a number would be stored, and the bytes of that; none when no row can have it.
fn stored_as(reader: &SlotReader<'_>, number: i64) -> Option<(u64, u8)> {
    let Encoding::Numbers {
        base, width, table, ..
    } = reader.slot.encoding
    else {
        return None;
    };
    if table.count > 0 {
        return Some((reader.place_in_table(number)?, width));
    }
    if number < base {
        return None;
    }
    #[allow(clippy::cast_sign_loss)]
    let stored = number.wrapping_sub(base) as u64;
    let fits = width >= 8 || stored >> (8 * u32::from(width)) == 0;
    fits.then_some((stored, width))
}

fn equal_numbers(
    reader: &SlotReader<'_>,
    stored: u64,
    width: u8,
    rows: usize,
    mut found: impl FnMut(usize),
) -> Result<(), ColumnError> {
    let rows = u32::try_from(rows).map_err(|_| damaged())?;
    let lowest = stored.to_le_bytes()[0];
    reader.for_each_view(reader.chunks(), rows, |view, bytes| {
        let planes = Planes::new(bytes, view.count, width)?;
        for place in memchr::memchr_iter(lowest, planes.plane(0)) {
            if planes.get(place) == stored {
                found(view.first + place);
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
