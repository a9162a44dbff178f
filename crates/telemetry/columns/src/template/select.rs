//! Finds the rows whose text passes a test, reading as little as the test allows.
//!
//! For each template: *none* of its rows can pass (a literal cannot occur), *all* pass (the constants
//! decide), or *maybe*: then the values of the variables that a literal would have to touch are tested
//! by themselves, and only rows that are left are rendered and tested whole.

use std::cell::OnceCell;
use std::sync::Arc;

use andon_reader::query::TokenSequence;

use crate::bits::Bits;
use crate::error::ColumnError;
use crate::keys::bucket_of;

use super::column::{References, Renderer, TemplateColumn, TemplateRows};
use super::layout::{Encoding, Form, Slot};
use super::pattern::{Known, Literal, Needle, TextPattern, Touch};
use super::probe::{Probe, Verdict};
use super::slot::SlotReader;
use super::words::{is_one_word, whole_words};

/// Asked now and then whether to go on; an error stops the search.
pub type Checkpoint<'a> = &'a dyn Fn() -> Result<(), ColumnError>;

/// Rows between two checkpoints while rows are rendered.
const CHECKED_ROWS: usize = 1_024;
/// With fewer wanted rows than this part of all, rows are tested one by one.
const SPARSE: usize = 64;

/// Where matching rows go.
struct Found<'a> {
    within: &'a Bits,
    is_all: bool,
    bits: Option<Bits>,
    count: u64,
}

impl Found<'_> {
    fn add_row(&mut self, row: u32) {
        self.count += 1;
        if let Some(bits) = &mut self.bits {
            bits.set(row as usize);
        }
    }

    fn wants(&self, row: u32) -> bool {
        self.is_all || self.within.get(row as usize)
    }

    /// Says whether how many rows there are is all that is asked.
    fn is_count(&self) -> bool {
        self.is_all && self.bits.is_none()
    }

    fn add_all(&mut self, rows: &[u32]) {
        for &row in rows {
            if self.wants(row) {
                self.add_row(row);
            }
        }
    }
}

/// What is known of a template before its values are read.
enum Class {
    None,
    All,
    Maybe,
}

/// A literal with what is known about the whole column.
struct Searched {
    literal: Literal,
    needle: Needle,
    /// For each byte set the places of the literal whose byte is in it.
    places: Vec<u64>,
    /// Templates whose constants hold the literal.
    in_constants: Bits,
    known: Known,
}

impl Searched {
    fn new(column: &TemplateColumn, literal: &Literal, known: Known) -> Self {
        let needle = Needle::beginning(literal);
        // Of a word that no variable has, no variable is asked.
        let sets = column.directory.byte_sets.iter().filter(|_| !known.is_constant);
        Self {
            literal: literal.clone(),
            places: sets.map(|set| needle.places_in(set)).collect(),
            // What is looked for may be the beginning of a longer word, which goes on in a variable.
            in_constants: if known.in_constants || needle.len() < literal.bytes.len() {
                templates_with(column, &needle)
            } else {
                Bits::none(column.directory.templates.len())
            },
            needle,
            known,
        }
    }

    /// It is a word that no variable of the template has.
    #[inline]
    fn is_constant_in(&self, template: usize) -> bool {
        self.known.is_constant || self.known.buckets >> bucket_of(template) & 1 == 0
    }

    /// The places of the literal that may stand in a variable.
    #[inline]
    fn places_in(&self, slot: &Slot) -> u64 {
        match slot.encoding {
            Encoding::Reference(_) if !self.known.in_references => 0,
            _ => self.places_of(slot.byte_set),
        }
    }

    fn places_of(&self, set: u32) -> u64 {
        self.places.get(set as usize).copied().unwrap_or(u64::MAX)
    }
}

/// The templates that have the needle inside one constant.
fn templates_with(column: &TemplateColumn, needle: &Needle) -> Bits {
    let directory = &column.directory;
    let mut found = Bits::none(directory.templates.len());
    let text = directory.text.as_bytes();
    let mut from = 0;
    while let Some(rest) = text.get(from..)
        && let Some(at) = needle.find(rest)
    {
        let start = from + at;
        let end = start + needle.len();
        let number = directory
            .templates
            .partition_point(|template| template.text.start as usize <= start)
            .saturating_sub(1);
        // Templates without constants share a place; only the last of them can hold a byte.
        let Some(template) = directory.templates.get(number) else {
            break;
        };
        let text_end = (template.text.start + template.text.count) as usize;
        let slots = column.slots(template);
        let parted = slots
            .iter()
            .any(|slot| (slot.at as usize) > start && (slot.at as usize) < end);
        if end <= text_end && !parted {
            found.set(number);
            from = text_end.max(start + 1);
        } else {
            from = start + 1;
        }
    }
    found
}

struct Search<'a> {
    column: &'a TemplateColumn,
    pattern: &'a dyn TextPattern,
    references: &'a dyn References,
    literals: Vec<Searched>,
    folds: bool,
    /// Read when they are first needed: constants decide much without them.
    rows: OnceCell<Arc<TemplateRows>>,
    segments: Vec<&'a str>,
    text: String,
    touches: Vec<Touch>,
}

impl TemplateColumn {
    /// Gives the rows of `within` whose text passes the test.
    pub fn select(
        &self,
        pattern: &dyn TextPattern,
        references: &dyn References,
        within: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Bits, ColumnError> {
        let bits = Some(Bits::none(self.rows()));
        let found = self.search(pattern, references, within, bits, checkpoint)?;
        Ok(found.bits.unwrap_or_default())
    }

    /// Counts the rows of `within` whose text passes the test; whole templates without touching rows
    /// when `within` is all.
    pub fn count_matching(
        &self,
        pattern: &dyn TextPattern,
        references: &dyn References,
        within: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        Ok(self.search(pattern, references, within, None, checkpoint)?.count)
    }

    /// Says whether the constants of a template hold a word; the word is folded.
    #[must_use]
    pub fn constants_have_word(&self, word: &str) -> bool {
        if !is_one_word(word) {
            return true;
        }
        let words = TokenSequence::new(word);
        let literals = Literal::of_words(&words);
        let mut segments = Vec::new();
        let mut candidates = Bits::all(self.directory.templates.len());
        if let Some(literal) = literals.first()
            && !self.has_kelvin
        {
            candidates = templates_with(self, &Needle::beginning(literal));
        }
        candidates.ones().any(|number| {
            self.directory.templates.get(number).is_some_and(|template| {
                self.segments(template, &mut segments);
                (0..segments.len()).any(|at| words.is_in(whole_words(&segments, at)))
            })
        })
    }

    fn search<'a>(
        &'a self,
        pattern: &'a dyn TextPattern,
        references: &'a dyn References,
        within: &'a Bits,
        bits: Option<Bits>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<Found<'a>, ColumnError> {
        let wanted = within.count();
        let mut found = Found {
            within,
            is_all: wanted == self.rows(),
            bits,
            count: 0,
        };
        if wanted == 0 {
            return Ok(found);
        }
        let mut search = Search::new(self, pattern, references);
        if wanted * SPARSE < self.rows() {
            search.run_rows(&mut found, checkpoint)?;
        } else if let Some(candidates) = search.candidates() {
            for number in candidates.ones() {
                search.run_template(number, &mut found, checkpoint)?;
            }
        } else {
            for number in 0..self.directory.templates.len() {
                search.run_template(number, &mut found, checkpoint)?;
            }
        }
        Ok(found)
    }
}

impl<'a> Search<'a> {
    fn new(
        column: &'a TemplateColumn,
        pattern: &'a dyn TextPattern,
        references: &'a dyn References,
    ) -> Self {
        let literals = pattern.literals().iter().enumerate();
        let mut literals: Vec<(Known, &Literal)> = literals
            .filter(|(_, literal)| !literal.bytes.is_empty())
            .map(|(place, literal)| (pattern.known(place), literal))
            .collect();
        // Words that only constants have say most; long ones occur in few templates and values.
        literals.sort_by_key(|(known, literal)| (!known.is_constant, std::cmp::Reverse(literal.bytes.len())));
        let literals: Vec<Searched> =
            literals.into_iter().map(|(known, literal)| Searched::new(column, literal, known)).collect();
        Self {
            column,
            pattern,
            references,
            folds: literals.iter().any(|l| l.literal.ignore_ascii_case),
            literals,
            rows: OnceCell::new(),
            segments: Vec::new(),
            text: String::new(),
            touches: Vec::new(),
        }
    }

    fn rows(&self) -> Result<Arc<TemplateRows>, ColumnError> {
        if let Some(rows) = self.rows.get() {
            return Ok(Arc::clone(rows));
        }
        let rows = self.column.rows_by_template()?;
        Ok(Arc::clone(self.rows.get_or_init(|| rows)))
    }

    /// The templates that have a word that no variable has; nothing when there is no such word.
    fn candidates(&self) -> Option<Bits> {
        let first = self.literals.first().filter(|first| first.known.is_constant)?;
        (!self.column.has_kelvin).then(|| first.in_constants.clone())
    }

    /// A literal can neither be in a constant nor touch a variable: the quick first look.
    #[inline]
    fn is_ruled_out(&self, number: usize) -> bool {
        let Some(known) = self.column.templates.get(number) else {
            return false;
        };
        if self.folds && known.has_kelvin {
            return false;
        }
        self.literals.iter().any(|literal| {
            !literal.in_constants.get(number)
                && (literal.is_constant_in(number)
                    || (!known.has_empty
                        && (literal.places_of(known.union) == 0
                            || self.cannot_touch(literal, number))))
        })
    }

    /// No variable of the template can hold the literal, or go on with it where a constant ends, or
    /// begin it where a constant goes on: seen at the bytes next to the variables.
    fn cannot_touch(&self, literal: &Searched, number: usize) -> bool {
        let directory = &self.column.directory;
        let Some(template) = directory.templates.get(number) else {
            return false;
        };
        let text = directory.text.as_bytes();
        let end = template.text.start + template.text.count;
        let slots = template.slots.of(&directory.slots);
        let mut place = template.text.start;
        slots.iter().enumerate().all(|(at, slot)| {
            let places = literal.places_in(slot);
            let before = place;
            place = slot.at;
            if places == 0 {
                return true;
            }
            let next = slots.get(at + 1).map_or(end, |next| next.at);
            let needle = &literal.needle;
            let may_enter = if slot.at > before {
                let left = text.get(slot.at as usize - 1);
                left.is_some_and(|&byte| needle.places_of_byte(byte) << 1 & places != 0)
            } else {
                at > 0
            };
            let may_leave = if next > slot.at {
                let right = text.get(slot.at as usize);
                right.is_some_and(|&byte| needle.places_of_byte(byte) >> 1 & places != 0)
            } else {
                at + 1 < slots.len()
            };
            !may_enter && !may_leave && !needle.may_be_inside(places, slot.longest as usize)
        })
    }

    /// Templates whose few wanted rows are tested one by one.
    fn run_rows(
        &mut self,
        found: &mut Found<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let mut by_template: Vec<(usize, u32)> = Vec::new();
        let all_rows = self.rows()?;
        for row in found.within.ones() {
            if let (Some(number), Ok(row)) = (all_rows.template_of(row), u32::try_from(row))
                && !self.is_ruled_out(number)
            {
                by_template.push((number, row));
            }
        }
        by_template.sort_unstable();
        for rows in by_template.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(number, _)) = rows.first() else {
                continue;
            };
            checkpoint()?;
            match self.classify(number)? {
                Class::None => {}
                Class::All => rows.iter().for_each(|&(_, row)| found.add_row(row)),
                Class::Maybe => {
                    let all = all_rows.of(number);
                    let ordinals = rows
                        .iter()
                        .filter_map(|&(_, row)| all.binary_search(&row).ok());
                    self.render_rows(number, ordinals, found, checkpoint)?;
                }
            }
        }
        Ok(())
    }

    fn run_template(
        &mut self,
        number: usize,
        found: &mut Found<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        if self.is_ruled_out(number) {
            return Ok(());
        }
        match self.classify(number)? {
            Class::None => Ok(()),
            Class::All if found.is_count() => {
                found.count += u64::from(self.column.template(number)?.rows);
                Ok(())
            }
            Class::All => {
                found.add_all(self.rows()?.of(number));
                Ok(())
            }
            Class::Maybe => {
                checkpoint()?;
                self.probe_template(number, found, checkpoint)
            }
        }
    }

    /// Decides by the constants and by what is known of the variables; leaves the constants in
    /// `segments`.
    fn classify(&mut self, number: usize) -> Result<Class, ColumnError> {
        let template = self.column.template(number)?;
        self.column.segments(template, &mut self.segments);
        let all_constant = (0..self.literals.len()).all(|at| self.in_constants(at, number));
        if let [text] = self.segments.as_slice() {
            if !all_constant && !self.is_unsearchable(number) {
                return Ok(Class::None);
            }
            return Ok(if self.pattern.is_match(text) {
                Class::All
            } else {
                Class::None
            });
        }
        if !all_constant {
            // Constants alone decide nothing.
        } else if let Some(words) = self.pattern.words() {
            let segments = &self.segments;
            if (0..segments.len()).any(|at| words.is_in(whole_words(segments, at))) {
                return Ok(Class::All);
            }
            if self.is_constant_word(words, number) && !self.is_unsearchable(number) {
                return Ok(Class::None);
            }
        } else if self.pattern.substring().is_some()
            && self.segments.iter().any(|s| self.pattern.is_match(s))
        {
            return Ok(Class::All);
        }
        if let Some(text) = self.pattern.equals()
            && !self.may_equal(number, text)?
        {
            return Ok(Class::None);
        }
        if all_constant || self.is_unsearchable(number) {
            return Ok(Class::Maybe);
        }
        for place in 0..self.literals.len() {
            if !self.in_constants(place, number) {
                self.find_touches(place, number)?;
                if self.touches.is_empty() {
                    return Ok(Class::None);
                }
            }
        }
        Ok(Class::Maybe)
    }

    /// A single word that no variable has, whole or in part.
    fn is_constant_word(&self, words: &TokenSequence, number: usize) -> bool {
        matches!((self.literals.as_slice(), words.folded()), ([only], [_]) if only.is_constant_in(number))
    }

    fn may_equal(&self, number: usize, text: &str) -> Result<bool, ColumnError> {
        let slots = self.column.slots(self.column.template(number)?);
        let constants: usize = self.segments.iter().map(|s| s.len()).sum();
        let shortest: usize = slots.iter().map(|slot| slot.shortest as usize).sum();
        let longest: usize = slots.iter().map(|slot| slot.longest as usize).sum();
        let first = self.segments.first().copied().unwrap_or_default();
        let last = self.segments.last().copied().unwrap_or_default();
        Ok(text.starts_with(first)
            && text.ends_with(last)
            && text.len() >= constants + shortest
            && text.len() <= constants + longest)
    }

    fn is_unsearchable(&self, number: usize) -> bool {
        let known = self.column.templates.get(number);
        self.folds && known.is_some_and(|known| known.has_kelvin)
    }

    fn in_constants(&self, place: usize, number: usize) -> bool {
        self.literals
            .get(place)
            .is_none_or(|literal| literal.in_constants.get(number))
    }

    /// Finds which variables an occurrence of a literal could touch.
    fn find_touches(&mut self, place: usize, number: usize) -> Result<(), ColumnError> {
        let template = self.column.template(number)?;
        let Some(literal) = self.literals.get(place) else {
            return Ok(());
        };
        let segments: Vec<&[u8]> = self.segments.iter().map(|s| s.as_bytes()).collect();
        let bounds: Vec<(u64, usize, usize)> = self
            .column
            .slots(template)
            .iter()
            .map(|slot| {
                let places = literal.places_in(slot);
                (places, slot.shortest as usize, slot.longest as usize)
            })
            .collect();
        literal
            .needle
            .touches(&segments, &bounds, &mut self.touches);
        Ok(())
    }

    /// Tests the values of variables, then renders the rows that are left.
    fn probe_template(
        &mut self,
        number: usize,
        found: &mut Found<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let all_rows = self.rows()?;
        let rows = all_rows.of(number);
        let mut verdicts: Option<Vec<Verdict>> = None;
        if let Some(text) = self.pattern.equals()
            && self.segments.len() == 2
            && self.has_whole_number(number)
        {
            verdicts = Some(self.probe_equal(number, text)?);
        } else if !self.is_unsearchable(number) {
            for place in self.by_cost(number)? {
                let fresh = self.probe_literal(place, number, verdicts.as_deref(), found)?;
                let both: Vec<Verdict> = match verdicts {
                    None => fresh,
                    Some(known) => known.into_iter().zip(fresh).map(Verdict::both).collect(),
                };
                if both.iter().all(|&verdict| verdict == Verdict::No) {
                    return Ok(());
                }
                verdicts = Some(both);
                checkpoint()?;
            }
        }
        let Some(verdicts) = verdicts else {
            let wanted = (0..rows.len())
                .filter(|&at| rows.get(at).is_some_and(|&row| found.wants(row)))
                .collect::<Vec<_>>();
            return self.render_rows(number, wanted.into_iter(), found, checkpoint);
        };
        let mut left = Vec::new();
        for (ordinal, (verdict, &row)) in verdicts.iter().zip(rows).enumerate() {
            match verdict {
                Verdict::No => {}
                Verdict::Yes if found.wants(row) => found.add_row(row),
                Verdict::Maybe if found.wants(row) => left.push(ordinal),
                _ => {}
            }
        }
        self.render_rows(number, left.into_iter(), found, checkpoint)
    }

    /// The literals that must touch a variable, those first whose variables are quick to test.
    fn by_cost(&mut self, number: usize) -> Result<Vec<usize>, ColumnError> {
        let mut places = Vec::new();
        for place in 0..self.literals.len() {
            if self.in_constants(place, number) {
                continue;
            }
            self.find_touches(place, number)?;
            let template = self.column.template(number)?;
            let slots = self.column.slots(template);
            let touched = self.touches.iter().filter_map(|touch| slots.get(touch.slot));
            let cost = touched.map(|slot| match slot.encoding {
                Encoding::Dictionary { entries, .. } => u64::from(entries),
                Encoding::Numbers { table, .. } if table.count > 0 => u64::from(table.count),
                _ => u64::from(template.rows) * 2,
            });
            let is_slow = self.literals.get(place).is_some_and(|literal| !literal.needle.is_quick());
            places.push((cost.sum::<u64>(), is_slow, place));
        }
        places.sort_unstable();
        Ok(places.into_iter().map(|(_, _, place)| place).collect())
    }

    fn has_whole_number(&self, number: usize) -> bool {
        let template = self.column.template(number);
        let slots = template.map(|template| self.column.slots(template));
        matches!(
            slots.ok().and_then(|slots| slots.first()).map(|slot| slot.encoding),
            Some(Encoding::Numbers {
                form: Form::Whole,
                ..
            })
        )
    }

    /// Tests a literal against the variables that it could touch.
    fn probe_literal(
        &mut self,
        place: usize,
        number: usize,
        known: Option<&[Verdict]>,
        found: &Found<'_>,
    ) -> Result<Vec<Verdict>, ColumnError> {
        self.find_touches(place, number)?;
        let template = self.column.template(number)?;
        let mut verdicts = vec![Verdict::No; template.rows as usize];
        let Some(literal) = self.literals.get(place) else {
            return Ok(verdicts);
        };
        let slots = self.column.slots(template);
        let all_rows = self.rows()?;
        for touch in &self.touches {
            let Some(slot) = slots.get(touch.slot) else {
                continue;
            };
            let reader = SlotReader::new(self.column, slot, template.rows);
            let left = self.segments.get(touch.slot).copied().unwrap_or_default();
            let right = self.segments.get(touch.slot + 1);
            let probe = Probe {
                pattern: self.pattern,
                literal: &literal.literal,
                needle: &literal.needle,
                touch,
                // Words may go on in the neighbours.
                is_open_left: goes_on(left.chars().next_back(), touch.slot > 0),
                is_open_right: goes_on(
                    right.and_then(|text| text.chars().next()),
                    touch.slot + 2 < self.segments.len(),
                ),
                rows: all_rows.of(number),
                known,
                within: (!found.is_all).then_some(found.within),
            };
            probe.run(&reader, self.references, &mut verdicts)?;
        }
        Ok(verdicts)
    }

    /// Looks for one value of the only variable of a template.
    fn probe_equal(&self, number: usize, text: &str) -> Result<Vec<Verdict>, ColumnError> {
        let template = self.column.template(number)?;
        let first = self.segments.first().map_or(0, |segment| segment.len());
        let last = self.segments.get(1).map_or(0, |segment| segment.len());
        let value = text.get(first..text.len().saturating_sub(last));
        let slot = self.column.slots(template).first();
        let (Some(value), Some(slot)) = (value, slot) else {
            return Ok(vec![Verdict::No; template.rows as usize]);
        };
        let reader = SlotReader::new(self.column, slot, template.rows);
        super::probe::equal(&reader, value, template.rows as usize)
    }

    fn render_rows(
        &mut self,
        number: usize,
        ordinals: impl Iterator<Item = usize>,
        found: &mut Found<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let all_rows = self.rows()?;
        let rows = all_rows.of(number);
        let mut renderer: Option<Renderer<'_>> = None;
        for (done, ordinal) in ordinals.enumerate() {
            if done % CHECKED_ROWS == CHECKED_ROWS - 1 {
                checkpoint()?;
            }
            let Some(&row) = rows.get(ordinal) else {
                continue;
            };
            let mut ready = match renderer.take() {
                Some(ready) => ready,
                None => Renderer::new(self.column, number)?,
            };
            self.text.clear();
            let references = self.references;
            ready.render(row as usize, ordinal, references, &mut self.text)?;
            renderer = Some(ready);
            if self.pattern.is_match(&self.text) {
                found.add_row(row);
            }
        }
        Ok(())
    }
}

/// Says whether a word could go on beyond a variable: over the constant's nearest character, or, when
/// there is none, into another variable.
fn goes_on(nearest: Option<char>, has_neighbour: bool) -> bool {
    nearest.map_or(has_neighbour, |c| c.is_alphanumeric() || c == '_')
}
