//! The most frequent texts of templates, without writing the many that are rare.
//!
//! Of each group only the counts of its numbered texts are kept at first. The most frequent of each
//! are written and added up, until no text that was written nowhere can be among the best; the few
//! that may be are then counted exactly where they were not written. Values that are counted in other
//! ways (dictionaries, lines in memory) are known from the start.

use std::sync::Arc;

use andon_reader::query::Place;

use crate::bits::Bits;
use crate::column::{Column, GroupView};
use crate::error::ColumnError;
use crate::lines::Kind;
use crate::select::Checkpoint;
use crate::select::named::sources;
use crate::select::texts::Reading;
use crate::template::{EqualPattern, NoReferences, TemplateColumn};

use super::Totals;
use super::field::Field;
use super::value::FieldValue;

/// The same text is taken apart in one of three ways: it has at most so many numbers in a group.
const WAYS: u64 = 3;
/// Most texts that are counted once more, for each that is wanted.
const RECOUNTED: usize = 4;
/// Fewer different texts are simply written.
const FEW: usize = 4_096;

/// The numbered texts of a group.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    column: Arc<Column>,
    rows: Bits,
    /// Lines of a text, and a row that has it; the most frequent first.
    texts: Vec<(u64, u32)>,
    /// How many of them were written.
    written: usize,
}

impl Pending {
    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes() + self.texts.capacity() * 16
    }

    fn templates(&self) -> Option<&TemplateColumn> {
        match &*self.column {
            Column::Templates { column, .. } => Some(column),
            _ => None,
        }
    }

    /// Lines that a text can have here that was not written.
    fn unwritten(&self) -> u64 {
        self.texts.get(self.written).map_or(0, |&(count, _)| count.saturating_mul(WAYS))
    }
}

impl Totals {
    /// Keeps the counts of a group's numbered texts; says whether the field has no other values there.
    pub(super) fn defer(
        &mut self,
        group: &dyn GroupView,
        field: &Field,
        rows: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<bool, ColumnError> {
        let Field::Named(place, name) = field else {
            return Ok(false);
        };
        let Some(column) = only_templates(group, *place, name)? else {
            return Ok(false);
        };
        let Column::Templates { column: templates, presence } = &*column else {
            return Ok(false);
        };
        let mut present = rows.clone();
        if let Some(presence) = presence {
            present.and(presence);
        }
        let wanted = present.count();
        if wanted < templates.rows() / 16 {
            return Ok(false);
        }
        // Only messages refer to other columns.
        let numbered = templates.number_texts(&NoReferences, &present, checkpoint)?;
        if numbered.rows.len() < FEW {
            return Ok(false);
        }
        let mut texts: Vec<(u64, u32)> = numbered.rows.iter().map(|&row| (0, row)).collect();
        super::slots::for_each_row(&present, |row| {
            let code = numbered.codes.get(row).map_or(usize::MAX, |&code| code as usize);
            if let Some((count, _)) = texts.get_mut(code) {
                *count += 1;
            }
        });
        texts.sort_unstable_by_key(|&(count, row)| (std::cmp::Reverse(count), row));
        let absent = (rows.count() - wanted) as u64;
        if absent > 0 {
            self.add_count(&FieldValue::None, absent);
        }
        self.pending.push(Pending { column, rows: present, texts, written: 0 });
        Ok(true)
    }

    fn add_count(&mut self, value: &FieldValue, count: u64) {
        let Some(id) = self.keys.first_mut().map(|interner| interner.value(value)) else {
            return;
        };
        let place = self.place(u128::from(id));
        if let Some(total) = self.counts.get_mut(place as usize) {
            *total += count;
        }
    }

    /// Finds the most frequent of all; says whether all others are known, too.
    pub(super) fn settle(&mut self, limit: usize) -> Result<bool, ColumnError> {
        let mut pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(true);
        }
        let known: Vec<u64> = self.counts.clone();
        let mut step = (limit * 8).max(64);
        loop {
            for group in &mut pending {
                self.write(group, step)?;
            }
            let unwritten: u64 = pending.iter().map(Pending::unwritten).sum();
            if unwritten == 0 {
                return Ok(true);
            }
            if let Some(candidates) = self.candidates(limit, unwritten) {
                self.recount(&candidates, &known, &pending)?;
                return Ok(false);
            }
            step = step.saturating_mul(4);
        }
    }

    /// Writes the next most frequent texts of a group.
    fn write(&mut self, group: &mut Pending, step: usize) -> Result<(), ColumnError> {
        let end = group.written.saturating_add(step).min(group.texts.len());
        let Some(next) = group.texts.get(group.written..end) else {
            return Ok(());
        };
        let mut counts: Vec<(u32, u64)> = next.iter().map(|&(count, row)| (row, count)).collect();
        counts.sort_unstable();
        let mut firsts = Bits::none(group.rows.len());
        counts.iter().for_each(|&(row, _)| firsts.set(row as usize));
        if let Some(column) = group.templates() {
            column.for_each_text(&NoReferences, &firsts, &|| Ok(()), &mut |row, text| {
                let row = u32::try_from(row).unwrap_or(u32::MAX);
                if let Ok(place) = counts.binary_search_by_key(&row, |&(row, _)| row) {
                    let count = counts.get(place).map_or(0, |&(_, count)| count);
                    self.add_text_count(text, count);
                }
                Ok(())
            })?;
        }
        group.written = end;
        Ok(())
    }

    fn add_text_count(&mut self, text: &str, count: u64) {
        let Some(id) = self.keys.first_mut().map(|interner| interner.text(text)) else {
            return;
        };
        let place = self.place(u128::from(id));
        if let Some(total) = self.counts.get_mut(place as usize) {
            *total += count;
        }
    }

    /// The groups that may be among the best; nothing when that cannot be said yet, or of too many.
    fn candidates(&self, limit: usize, unwritten: u64) -> Option<Vec<usize>> {
        let mut counts = self.counts.clone();
        let last = limit.checked_sub(1).filter(|&last| last < counts.len())?;
        let (_, &mut worst, _) = counts.select_nth_unstable_by(last, |a, b| b.cmp(a));
        // Counts only grow: what was written nowhere stays behind.
        if unwritten >= worst {
            return None;
        }
        let may_be = |&(_, &count): &(usize, &u64)| count.saturating_add(unwritten) >= worst;
        let list = self.counts.iter().enumerate().filter(may_be).map(|(place, _)| place);
        let list: Vec<usize> = list.take(limit * RECOUNTED + 64).collect();
        (list.len() < limit * RECOUNTED + 64).then_some(list)
    }

    /// Counts texts exactly in all groups, on top of what was known before: group by group, so that the rows of one
    /// group are in hand at a time.
    fn recount(&mut self, places: &[usize], known: &[u64], pending: &[Pending]) -> Result<(), ColumnError> {
        let mut counted: Vec<(usize, Arc<str>, u64)> = Vec::with_capacity(places.len());
        for &place in places {
            let id = self.groups.get(place).and_then(|&id| u32::try_from(id).ok()).unwrap_or(u32::MAX);
            let value = self.keys.first().map_or(FieldValue::None, |interner| interner.get(id));
            if let FieldValue::Text(text) = value {
                counted.push((place, text, known.get(place).copied().unwrap_or(0)));
            }
        }
        for group in pending {
            let Some(column) = group.templates() else { continue };
            let column = column.held()?;
            for (_, text, total) in &mut counted {
                *total += column.count_matching(&EqualPattern::new(text), &NoReferences, &group.rows, &|| Ok(()))?;
            }
        }
        for (place, _, total) in counted {
            if let Some(count) = self.counts.get_mut(place) {
                *count = total;
            }
        }
        Ok(())
    }
}

/// The only column with values under a name, when it has templates.
fn only_templates(
    group: &dyn GroupView,
    place: Place,
    name: &str,
) -> Result<Option<Arc<Column>>, ColumnError> {
    match sources(group, place, name).as_slice() {
        [(column, Reading::Value(Kind::Text))] => {
            let column = group.column(column)?;
            Ok(column.filter(|column| matches!(**column, Column::Templates { .. })))
        }
        _ => Ok(None),
    }
}
