//! The values of a column for SQL: of few different ones each once, and per row which of them it has.
//!
//! Whoever computes with values does it once per different value. An attribute is read as
//! [`attribute_text`] reads it from whole lines; no line is put together for that.
//!
//! Invariants: every number given for a row is below the number of values; every value is one of a row
//! that was asked for, so that nothing is computed (and fails) for lines that are not wanted; the same
//! value may occur twice.

use std::borrow::Cow;

use andon_reader::query::{Scalar, visit_path};
use andon_reader::{Attributes, Clock};
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::aggregate::codes::{FieldCodes, LocalValues, column_codes};
use crate::aggregate::slots::for_each_row;
use crate::aggregate::{buckets, value::FieldValue};
use crate::bits::Bits;
use crate::column::{Codes, Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::lines::{Cell, Kind, Lines, Texts, parse_object};
use crate::rows::each_text;
use crate::select::numbers::value_at;
use crate::select::texts::{cell_of, presence_of};
use crate::select::Checkpoint;

/// Texts of rows, in the order of the rows.
#[derive(Debug, Clone, Default)]
pub struct NumberedTexts {
    /// Per row the number of its text.
    pub codes: Vec<u32>,
    /// The texts.
    pub texts: Texts,
    /// The number that stands for "no value"; its text is empty.
    pub absent: Option<u32>,
}

impl NumberedTexts {
    /// Gives the text of a number; nothing for "no value".
    #[must_use]
    pub fn get(&self, code: u32) -> Option<&str> {
        (self.absent != Some(code)).then(|| self.texts.get(code as usize))
    }
}

/// Numbers of rows, in the order of the rows.
#[derive(Debug, Clone)]
pub enum Numbers {
    /// Few different ones.
    Numbered {
        /// Per row the number of its value.
        codes: Vec<u32>,
        /// The values.
        values: Vec<Option<f64>>,
    },
    /// One per row.
    Plain(Vec<Option<f64>>),
}

/// Gives an attribute of a line as SQL reads it: the value under the whole name, else the first plain
/// value under the dotted name.
#[must_use]
pub fn attribute_text(attributes: &Attributes, name: &str) -> Option<String> {
    if let Some(value) = attributes.get(name) {
        return text_of(value);
    }
    let mut found = None;
    visit_path(attributes, name, &mut |scalar| {
        found = match scalar {
            Scalar::Text(text) => Some(text.to_owned()),
            Scalar::Integer(number) => Some(number.to_string()),
            Scalar::Float(number) => Some(Value::from(number).to_string()),
            Scalar::Boolean(flag) => Some(flag.to_string()),
            Scalar::Structure => None,
        };
        found.is_some()
    });
    found
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Reads the text of an attribute as a number.
#[must_use]
pub fn number_of(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// An attribute of the lines of a batch in memory, see [`attribute_text`].
#[derive(Debug, Clone, Copy)]
pub struct LineAttribute<'a> {
    lines: &'a Lines,
    name: &'a str,
    /// The number of the whole name among those of the batch.
    field: Option<u32>,
    may_be_inside: bool,
}

impl<'a> LineAttribute<'a> {
    /// Looks a name up.
    #[must_use]
    pub fn new(lines: &'a Lines, name: &'a str) -> Self {
        let number = |wanted: &str| {
            let place = lines.names().iter().position(|known| **known == *wanted);
            place.and_then(|place| u32::try_from(place).ok())
        };
        let mut outer = name.match_indices('.').filter_map(|(dot, _)| name.get(..dot));
        let may_be_inside = outer.any(|outer| number(outer).is_some());
        Self { lines, name, field: number(name), may_be_inside }
    }

    /// Gives the value on a line.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<Cow<'a, str>> {
        if let Some(wanted) = self.field
            && let Some((_, cell)) = self.lines.cells(row).find(|(field, _)| *field == wanted)
        {
            return match cell {
                Cell::Text(text) => Some(Cow::Borrowed(text)),
                other => text_of(&other.to_value()).map(Cow::Owned),
            };
        }
        if !self.may_be_inside {
            return None;
        }
        attribute_text(&self.lines.attributes(row), self.name).map(Cow::Owned)
    }
}

/// Gives an attribute of the rows of a group, see [`attribute_text`].
///
/// # Errors
/// When a column cannot be read, or the checkpoint stops the work.
pub fn attribute_texts(
    group: &dyn GroupView,
    name: &str,
    rows: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<NumberedTexts, ColumnError> {
    let mut left = rows.clone();
    let mut build = Build::new(group.rows());
    for kind in group.kinds(name) {
        if left.any() {
            build.kind(group, name, kind, &mut left, checkpoint)?;
        }
    }
    if left.any() {
        build.inside(group, name, &left, checkpoint)?;
    }
    Ok(build.finish(rows))
}

/// Gives an attribute of the rows of a group as numbers: [`attribute_text`], then [`number_of`].
///
/// # Errors
/// As [`attribute_texts`].
pub fn attribute_numbers(
    group: &dyn GroupView,
    name: &str,
    rows: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Numbers, ColumnError> {
    let kinds = group.kinds(name);
    let only_numbers = !has_inside(group, name)
        && kinds.iter().all(|kind| matches!(kind, Kind::Integer | Kind::Float | Kind::Boolean));
    if let ([kind @ Kind::Integer], true) = (kinds.as_slice(), only_numbers)
        && let Some(numbers) = narrow(group, name, *kind, rows, checkpoint)?
    {
        return Ok(numbers);
    }
    if !kinds.iter().any(|kind| matches!(kind, Kind::Integer | Kind::Float)) {
        return Ok(read_as_numbers(&attribute_texts(group, name, rows, checkpoint)?));
    }
    let mut values: Vec<Option<f64>> = vec![None; group.rows()];
    let mut left = rows.clone();
    for kind in kinds.iter().filter(|kind| matches!(kind, Kind::Integer | Kind::Float)) {
        checkpoint()?;
        let column = group.column(&ColumnName::Attribute(name.to_owned(), *kind))?;
        if let Some(column) = column {
            numbers_of(&column, &mut left, &mut values);
        }
    }
    if !only_numbers && left.any() {
        let texts = attribute_texts(group, name, &left, checkpoint)?;
        let read: Vec<Option<f64>> = values_of(&texts);
        for (row, &code) in left.ones().zip(&texts.codes) {
            if let Some(value) = values.get_mut(row) {
                *value = read.get(code as usize).copied().flatten();
            }
        }
    }
    if rows.count() == values.len() {
        return Ok(Numbers::Plain(values));
    }
    Ok(Numbers::Plain(rows.ones().map(|row| values.get(row).copied().flatten()).collect()))
}

/// Gives the texts of a column with few different ones; nothing when it has another form. A line
/// without has the empty text.
///
/// # Errors
/// When the column cannot be read.
pub fn dictionary_texts(
    group: &dyn GroupView,
    name: &ColumnName,
    rows: &Bits,
) -> Result<Option<NumberedTexts>, ColumnError> {
    let column = group.column(name)?;
    let (codes, dictionary) = match column.as_deref() {
        None => (None, None),
        Some(Column::Dictionary { codes, dictionary }) => (Some(codes), Some(dictionary)),
        Some(_) => return Ok(None),
    };
    let count = dictionary.map_or(0, Texts::len);
    let mut compact = Compact::new(count + 1, rows);
    let limit = count as u64;
    match codes {
        Some(Codes::U8(codes)) => compact.run(rows, |row| codes.get(row).map_or(limit, |&code| u64::from(code).min(limit))),
        Some(Codes::U16(codes)) => compact.run(rows, |row| codes.get(row).map_or(limit, |&code| u64::from(code).min(limit))),
        Some(codes) => compact.run(rows, |row| codes.get(row).min(limit)),
        None => compact.run(rows, |_| limit),
    }
    let mut texts = Texts::default();
    for &code in &compact.used {
        texts.push(dictionary.map_or("", |dictionary| dictionary.get(code)));
    }
    Ok(Some(NumberedTexts { codes: compact.codes, texts, absent: None }))
}

/// Gives the severity numbers of rows: per row which, and the different ones.
///
/// # Errors
/// When the column cannot be read.
pub fn severity_numbers(
    group: &dyn GroupView,
    rows: &Bits,
) -> Result<(Vec<u32>, Vec<i64>), ColumnError> {
    let column = group.column(&ColumnName::SeverityNumber)?;
    let Some(Column::Integers { base, offsets, .. }) = column.as_deref() else {
        return Err(ColumnError::damaged("the column of severities is missing"));
    };
    // They lie between 0 and 24, so that offsets are narrow.
    let mut compact = Compact::new(256, rows);
    compact.run(rows, |row| offsets.get(row).min(255));
    let values = compact.used.iter().map(|&offset| value_at(*base, offset as u64));
    Ok((compact.codes, values.collect()))
}

/// Gives for each row a time that lies in the same interval of a width, intervals being aligned to the
/// epoch: per row which, and the different ones.
///
/// # Errors
/// When the column of times cannot be read.
pub fn time_steps(
    group: &dyn GroupView,
    clock: Clock,
    width_us: i64,
    rows: &Bits,
) -> Result<(Vec<u32>, Vec<i64>), ColumnError> {
    let steps = buckets::codes(group, clock, width_us, rows)?;
    let (earliest, _) = match clock {
        Clock::Timestamp => group.timestamp_bounds_us(),
        Clock::ReceivedAt => group.received_bounds_us(),
    };
    let mut compact = Compact::new(steps.values.len(), rows);
    compact.run(rows, |row| steps.codes.get(row).map_or(0, |&code| u64::from(code)));
    let times = compact.used.iter().map(|&code| {
        let start = match steps.values.get(u32::try_from(code).unwrap_or(u32::MAX)) {
            FieldValue::Integer(start) => i64::try_from(start).unwrap_or(i64::MIN),
            _ => i64::MIN,
        };
        // The first interval may begin before every time that can be written.
        start.max(earliest)
    });
    let times = times.collect();
    Ok((compact.codes, times))
}

/// Numbers that lie close together are few.
fn narrow(
    group: &dyn GroupView,
    name: &str,
    kind: Kind,
    rows: &Bits,
    checkpoint: Checkpoint<'_>,
) -> Result<Option<Numbers>, ColumnError> {
    let column_name = ColumnName::Attribute(name.to_owned(), kind);
    let is_narrow = matches!(
        group.column(&column_name)?.as_deref(),
        Some(Column::Integers { offsets: Codes::U8(_) | Codes::U16(_), .. })
    );
    if !is_narrow {
        return Ok(None);
    }
    let FieldCodes { codes, values } = column_codes(group, &column_name, kind, rows, checkpoint)?;
    let mut compact = Compact::new(values.len(), rows);
    compact.run(rows, |row| codes.get(row).map_or(0, |&code| u64::from(code)));
    #[allow(clippy::cast_precision_loss)]
    let values = compact.used.iter().map(|&code| match values.get(u32::try_from(code).unwrap_or(u32::MAX)) {
        FieldValue::Integer(number) => Some(number as f64),
        _ => None,
    });
    let values = values.collect();
    Ok(Some(Numbers::Numbered { codes: compact.codes, values }))
}

fn values_of(texts: &NumberedTexts) -> Vec<Option<f64>> {
    let count = u32::try_from(texts.texts.len()).unwrap_or(u32::MAX);
    (0..count).map(|code| texts.get(code).and_then(number_of)).collect()
}

fn read_as_numbers(texts: &NumberedTexts) -> Numbers {
    Numbers::Numbered { values: values_of(texts), codes: texts.codes.clone() }
}

fn numbers_of(column: &Column, left: &mut Bits, values: &mut [Option<f64>]) {
    let mut present = left.clone();
    if let Some(presence) = presence_of(column) {
        present.and(presence);
    }
    left.and_not(&present);
    let mut set = |row: usize, number: f64| {
        if let Some(value) = values.get_mut(row) {
            *value = Some(number);
        }
    };
    match column {
        #[allow(clippy::cast_precision_loss)]
        Column::Integers { base, offsets, .. } => {
            for_each_row(&present, |row| set(row, value_at(*base, offsets.get(row)) as f64));
        }
        Column::Floats { values, .. } => {
            for_each_row(&present, |row| set(row, values.get(row).copied().unwrap_or_default()));
        }
        _ => {}
    }
}

/// Says whether a dotted name may lead into objects, or into attributes without a column.
fn has_inside(group: &dyn GroupView, name: &str) -> bool {
    group.rest_may_have(name) || outer_names(group, name).next().is_some()
}

/// The attributes that are objects and that a dotted name may lead into.
fn outer_names<'a>(group: &'a dyn GroupView, name: &'a str) -> impl Iterator<Item = &'a str> {
    let outer = name.match_indices('.').filter_map(|(dot, _)| name.get(..dot));
    outer.filter(|outer| group.kinds(outer).contains(&Kind::Json))
}

/// Renumbers so that only what occurs has a number.
struct Compact {
    /// Number of each value, or none yet.
    places: Vec<u32>,
    codes: Vec<u32>,
    /// The values that occur.
    used: Vec<usize>,
}

impl Compact {
    fn new(values: usize, rows: &Bits) -> Self {
        Self {
            places: vec![u32::MAX; values],
            codes: Vec::with_capacity(rows.count()),
            used: Vec::new(),
        }
    }

    #[inline]
    fn run(&mut self, rows: &Bits, code_of: impl Fn(usize) -> u64) {
        for_each_row(rows, |row| {
            let value = usize::try_from(code_of(row)).unwrap_or(usize::MAX);
            let Some(place) = self.places.get_mut(value) else {
                return;
            };
            if *place == u32::MAX {
                *place = u32::try_from(self.used.len()).unwrap_or(0);
                self.used.push(value);
            }
            self.codes.push(*place);
        });
    }
}

/// Pairs of numbers up to here are renumbered by a table.
const TABLE: usize = 1 << 20;

/// Gives each pair of a row's number and its code a number of its own, without gaps; says how many there are.
/// Numbers lie below `groups`, codes below `values`.
pub fn join_numbers(numbers: &mut [usize], groups: usize, codes: &[u32], values: usize) -> usize {
    let mut count = 0;
    let mut number_of = |slot: &mut usize| {
        if *slot == usize::MAX {
            *slot = count;
            count += 1;
        }
        *slot
    };
    if groups.saturating_mul(values) <= TABLE {
        let mut table = vec![usize::MAX; groups * values];
        for (number, &code) in numbers.iter_mut().zip(codes) {
            if let Some(slot) = table.get_mut(*number * values + code as usize) {
                *number = number_of(slot);
            }
        }
    } else {
        let mut table: FxHashMap<(usize, u32), usize> = FxHashMap::default();
        for (number, &code) in numbers.iter_mut().zip(codes) {
            *number = number_of(table.entry((*number, code)).or_insert(usize::MAX));
        }
    }
    count
}

/// Gives the first row of each number below `count`; every one of them occurs.
#[must_use]
pub fn first_rows(numbers: &[usize], count: usize) -> Vec<u32> {
    let mut firsts = vec![0u32; count];
    for (row, &number) in numbers.iter().enumerate().rev() {
        if let Some(first) = firsts.get_mut(number) {
            *first = u32::try_from(row).unwrap_or(0);
        }
    }
    firsts
}

/// Says of each row whether its code is wanted.
#[must_use]
pub fn rows_where(codes: &[u32], wanted: &[bool]) -> Vec<bool> {
    codes.iter().map(|&code| wanted.get(code as usize).copied().unwrap_or(false)).collect()
}

/// Stands for "not known yet" among numbers.
const UNKNOWN: u32 = u32::MAX;
/// Stands for "the attribute has no value here, look elsewhere".
const ELSEWHERE: u32 = u32::MAX - 1;
/// Stands for null.
const NULL: u32 = u32::MAX - 2;

/// Texts put together from several columns; numbers are per row of the group.
struct Build {
    codes: Vec<u32>,
    texts: Texts,
}

impl Build {
    fn new(rows: usize) -> Self {
        Self { codes: vec![NULL; rows], texts: Texts::default() }
    }

    fn push(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else {
            return NULL;
        };
        let code = u32::try_from(self.texts.len()).unwrap_or(NULL);
        self.texts.push(text);
        code
    }

    /// The values of one kind under the name itself.
    fn kind(
        &mut self,
        group: &dyn GroupView,
        name: &str,
        kind: Kind,
        left: &mut Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let column_name = ColumnName::Attribute(name.to_owned(), kind);
        if kind == Kind::Float {
            if let Some(column) = group.column(&column_name)? {
                self.floats(&column, left);
            }
            return Ok(());
        }
        // JSON is read as text here, and only the different texts as values.
        let read_as = if kind == Kind::Json { Kind::Text } else { kind };
        let FieldCodes { codes, values } = column_codes(group, &column_name, read_as, left, checkpoint)?;
        let mut table = vec![UNKNOWN; values.len()];
        let mut taken = Bits::none(left.len());
        for_each_row(left, |row| {
            let local = codes.get(row).copied().unwrap_or(UNKNOWN);
            let Some(known) = table.get_mut(local as usize) else {
                return;
            };
            if *known == UNKNOWN {
                *known = self.local(&values, local, kind);
            }
            if *known != ELSEWHERE {
                taken.set(row);
                if let Some(code) = self.codes.get_mut(row) {
                    *code = *known;
                }
            }
        });
        left.and_not(&taken);
        Ok(())
    }

    fn local(&mut self, values: &LocalValues, local: u32, kind: Kind) -> u32 {
        if let Some(text) = values.text(local as usize) {
            return match kind {
                Kind::Json => self.push(text_of(&cell_of(kind, text).to_value()).as_deref()),
                _ => self.push(Some(text)),
            };
        }
        match values.get(local) {
            FieldValue::Text(text) if kind == Kind::Json => {
                self.push(text_of(&cell_of(kind, &text).to_value()).as_deref())
            }
            FieldValue::Text(text) => self.push(Some(&text)),
            FieldValue::Integer(number) => self.push(Some(&number.to_string())),
            FieldValue::Boolean(flag) => self.push(Some(if flag { "true" } else { "false" })),
            FieldValue::Float(_) | FieldValue::None | FieldValue::Other => ELSEWHERE,
        }
    }

    fn floats(&mut self, column: &Column, left: &mut Bits) {
        let Column::Floats { values, presence } = column else {
            return;
        };
        let mut present = left.clone();
        if let Some(presence) = presence {
            present.and(presence);
        }
        left.and_not(&present);
        let mut known: FxHashMap<u64, u32> = FxHashMap::default();
        for_each_row(&present, |row| {
            let number = values.get(row).copied().unwrap_or_default();
            let code = match known.get(&number.to_bits()) {
                Some(&code) => code,
                None => {
                    let code = self.push(Some(&Value::from(number).to_string()));
                    known.insert(number.to_bits(), code);
                    code
                }
            };
            if let Some(slot) = self.codes.get_mut(row) {
                *slot = code;
            }
        });
    }

    /// Values inside objects, and attributes without a column of their own.
    fn inside(
        &mut self,
        group: &dyn GroupView,
        name: &str,
        left: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let mut objects: FxHashMap<usize, Attributes> = FxHashMap::default();
        for outer in outer_names(group, name) {
            let column = group.column(&ColumnName::Attribute(outer.to_owned(), Kind::Json))?;
            if let Some(column) = column {
                each_text(group, &column, left, checkpoint, &mut |row, text| {
                    let value = cell_of(Kind::Json, text).to_value();
                    objects.entry(row).or_default().insert(outer.to_owned(), value);
                    Ok(())
                })?;
            }
        }
        if group.rest_may_have(name)
            && let Some(column) = group.column(&ColumnName::Rest)?
        {
            each_text(group, &column, left, checkpoint, &mut |row, text| {
                objects.entry(row).or_default().append(&mut parse_object(text));
                Ok(())
            })?;
        }
        let mut known: FxHashMap<String, u32> = FxHashMap::default();
        for (row, object) in objects {
            let Some(text) = attribute_text(&object, name) else {
                continue;
            };
            let code = match known.get(&text) {
                Some(&code) => code,
                None => {
                    let code = self.push(Some(&text));
                    known.insert(text, code);
                    code
                }
            };
            if let Some(slot) = self.codes.get_mut(row) {
                *slot = code;
            }
        }
        Ok(())
    }

    fn finish(mut self, rows: &Bits) -> NumberedTexts {
        let mut absent = None;
        let mut has_null = false;
        let mut codes = if rows.count() == self.codes.len() {
            self.codes
        } else {
            rows.ones().map(|row| self.codes.get(row).copied().unwrap_or(NULL)).collect()
        };
        for code in &mut codes {
            if *code == NULL {
                if !has_null {
                    has_null = true;
                    absent = u32::try_from(self.texts.len()).ok();
                    self.texts.push("");
                }
                *code = absent.unwrap_or(NULL);
            }
        }
        NumberedTexts { codes, texts: self.texts, absent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::fetch;
    use crate::select::tests::{TestGroup, chooser, lines_of, row};
    use proptest::prelude::*;

    #[test]
    fn pairs_are_numbered_without_gaps() {
        for values in [10, TABLE] {
            let mut numbers = vec![0, 1, 0, 1, 0];
            let count = join_numbers(&mut numbers, 2, &[3, 3, 3, 9, 9], values);
            assert_eq!((&numbers, count), (&vec![0, 1, 0, 2, 3], 4));
            assert_eq!(first_rows(&numbers, count), [0, 1, 3, 4]);
        }
    }

    proptest! {
        #[test]
        fn values_without_lines_are_those_of_whole_lines(
            rows in prop::collection::vec(row(), 1..80),
            skipped in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            forms in prop::collection::vec(any::<u32>(), 1..12),
        ) {
            let lines = lines_of(&rows);
            let group = TestGroup::new(&lines, chooser(forms));
            let mut within = Bits::all(lines.len());
            skipped.iter().for_each(|index| within.clear(index.index(lines.len())));
            let wanted: Vec<usize> = within.ones().collect();
            let whole = fetch(&group, &wanted, &|| Ok(())).unwrap();
            let mut names: Vec<String> = group.attributes().into_iter().map(|(name, _)| name).collect();
            names.extend(["a.b", "a.b.c", "nope", "user", "http.status"].map(str::to_owned));
            for name in &names {
                let expected: Vec<Option<String>> =
                    whole.iter().map(|row| attribute_text(&row.attributes, name)).collect();
                let texts = attribute_texts(&group, name, &within, &|| Ok(())).unwrap();
                let found: Vec<Option<String>> =
                    texts.codes.iter().map(|&code| texts.get(code).map(str::to_owned)).collect();
                prop_assert_eq!(&found, &expected, "{}", name);
                let mut used: Vec<u32> = texts.codes.clone();
                used.sort_unstable();
                used.dedup();
                prop_assert_eq!(used.len(), texts.texts.len(), "every value occurs");
                let in_memory = LineAttribute::new(&lines, name);
                let of_lines: Vec<Option<String>> =
                    wanted.iter().map(|&row| in_memory.text(row).map(Cow::into_owned)).collect();
                prop_assert_eq!(&of_lines, &expected, "{} in memory", name);
                let numbers: Vec<Option<f64>> = match attribute_numbers(&group, name, &within, &|| Ok(())).unwrap() {
                    Numbers::Plain(values) => values,
                    Numbers::Numbered { codes, values } => codes.iter().map(|&code| values[code as usize]).collect(),
                };
                let expected: Vec<Option<f64>> =
                    expected.iter().map(|text| text.as_deref().and_then(number_of)).collect();
                prop_assert_eq!(numbers, expected, "{}", name);
            }
            let (codes, numbers) = severity_numbers(&group, &within).unwrap();
            for (code, row) in codes.iter().zip(&whole) {
                prop_assert_eq!(numbers[*code as usize], i64::from(row.severity_number));
            }
            let (codes, times) = time_steps(&group, Clock::Timestamp, 1_000, &within).unwrap();
            for (code, row) in codes.iter().zip(&whole) {
                prop_assert_eq!(times[*code as usize].div_euclid(1_000), row.timestamp_us.div_euclid(1_000));
            }
        }
    }
}
