//! Figures over matching lines: counts, sums, means, extremes and different values, by the values of
//! fields and by time.
//!
//! Within a group of lines everything runs on small numbers: the codes of dictionaries, templates and
//! narrow integers; values are looked at once for each different one. [`Totals`] take in groups and
//! lines in any order and can be merged.
//!
//! Invariants: exact; bounded in memory, and stopped with a clear error beyond; numbers are whole and
//! other numbers, never texts.

mod answer;
pub(crate) mod codes;
mod distinct;
mod frequent;
pub(crate) mod field;
pub(crate) mod numbers;
pub(crate) mod slots;
pub(crate) mod value;

use andon_reader::query::{Filter, RowView};
use andon_reader::{AggregateRequest, Clock, GroupBy, Measure, ReaderError};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::bits::Bits;
use crate::column::GroupView;
use crate::error::ColumnError;
use crate::select::{Checkpoint, Span, Verdict, rows_in, select, verdict};

use codes::{FieldCodes, field_codes};
use distinct::ValueSet;
use field::{Field, time_of};
use frequent::Pending;
use numbers::{Sums, accumulate};
use slots::{Keyed, count_rows, for_each_row};
use value::Interner;

pub use value::FieldValue;

pub(crate) mod buckets;

/// How much an aggregation may keep.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Groups.
    pub groups: usize,
    /// Memory.
    pub bytes: usize,
    /// Different values of a field that are told apart as keys; the later ones are one group.
    pub values: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { groups: 1_000_000, bytes: 128 << 20, values: u32::MAX }
    }
}

/// Part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Time { width_us: i64 },
    Field(Field),
}

/// A request that can be run.
#[derive(Debug)]
pub struct Aggregation {
    filter: Filter,
    span: Span,
    keys: Vec<Key>,
    measures: Vec<Measure>,
    /// Fields whose numbers are summed, each once.
    summed: Vec<Field>,
    /// Fields whose values are counted, each once.
    counted: Vec<Field>,
    /// Where each measure's field is in its list.
    places: Vec<usize>,
    request: AggregateRequest,
    limits: Limits,
}

impl Aggregation {
    /// Checks and compiles a request.
    ///
    /// # Errors
    /// When the search text is wrong or a number is out of its range.
    pub fn new(request: AggregateRequest, limits: Limits) -> Result<Self, ReaderError> {
        answer::check(&request)?;
        let mut summed = Vec::new();
        let mut counted = Vec::new();
        let mut places = Vec::new();
        for measure in &request.measures {
            let (list, name) = match measure {
                Measure::Count => {
                    places.push(0);
                    continue;
                }
                Measure::Distinct { field } => (&mut counted, field),
                Measure::Sum { field }
                | Measure::Avg { field }
                | Measure::Min { field }
                | Measure::Max { field } => (&mut summed, field),
            };
            let field = Field::of(name);
            let known = list.iter().position(|known| *known == field);
            places.push(known.unwrap_or(list.len()));
            if known.is_none() {
                list.push(field);
            }
        }
        let keys = request.by.iter().map(|by| match by {
            GroupBy::Time { width_us } => Key::Time { width_us: *width_us },
            GroupBy::Field { name } => Key::Field(Field::of(name)),
        });
        Ok(Self {
            filter: Filter::parse(&request.query)?,
            span: Span {
                since_us: request.since_us,
                until_us: request.until_us,
                clock: request.clock,
            },
            keys: keys.collect(),
            measures: request.measures.clone(),
            summed,
            counted,
            places,
            request,
            limits,
        })
    }

    /// The search that lines must match.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The interval in which lines must lie.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    pub(crate) fn clock(&self) -> Clock {
        self.span.clock
    }

    /// Makes empty totals.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            keys: self.keys.iter().map(|_| Interner::default()).collect(),
            places: FxHashMap::default(),
            direct: Vec::new(),
            groups: Vec::new(),
            counts: Vec::new(),
            pending: Vec::new(),
            sums: vec![Vec::new(); self.summed.len()],
            distinct: self.counted.iter().map(|_| Distinct::new(self.keys.is_empty())).collect(),
        }
    }
}

/// Figures so far.
#[derive(Debug, Clone)]
pub struct Totals {
    keys: Vec<Interner>,
    /// Where the group of a key is.
    places: FxHashMap<u128, u32>,
    /// The same for keys of one part: values are numbered without gaps.
    direct: Vec<u32>,
    /// The keys of the groups, packed.
    groups: Vec<u128>,
    counts: Vec<u64>,
    sums: Vec<Vec<Sums>>,
    distinct: Vec<Distinct>,
    /// Groups of lines of which only the most frequent values are wanted.
    pending: Vec<Pending>,
}

/// Different values: of all lines together, or by group.
#[derive(Debug, Clone)]
enum Distinct {
    Whole(ValueSet),
    ByGroup {
        values: Interner,
        /// Group and value.
        pairs: FxHashSet<u64>,
        counts: Vec<u64>,
    },
}

impl Distinct {
    fn new(is_whole: bool) -> Self {
        if is_whole {
            Self::Whole(ValueSet::default())
        } else {
            Self::ByGroup {
                values: Interner::default(),
                pairs: FxHashSet::default(),
                counts: Vec::new(),
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Whole(set) => set.memory_bytes(),
            Self::ByGroup { values, pairs, counts } => {
                values.memory_bytes() + pairs.capacity() * 9 + counts.capacity() * 8
            }
        }
    }

    fn add_pair(&mut self, group: u32, value: &FieldValue) {
        match self {
            Self::Whole(set) => set.add(value),
            Self::ByGroup { values, .. } => {
                if *value != FieldValue::None {
                    let id = values.value(value);
                    self.add_id(group, id);
                }
            }
        }
    }

    /// Numbers a value; only for values by group.
    fn id_of(&mut self, local: &codes::LocalValues, code: u32) -> u32 {
        match self {
            Self::ByGroup { values, .. } if local.get(code) != FieldValue::None => {
                local.intern(code, values)
            }
            _ => NO_VALUE,
        }
    }

    fn add_id(&mut self, group: u32, number: u32) {
        match self {
            Self::Whole(_) => {}
            Self::ByGroup { pairs, counts, .. } => {
                if number != NO_VALUE && pairs.insert(u64::from(group) << 32 | u64::from(number)) {
                    let place = group as usize;
                    if counts.len() <= place {
                        counts.resize(place + 1, 0);
                    }
                    if let Some(count) = counts.get_mut(place) {
                        *count += 1;
                    }
                }
            }
        }
    }

    fn count(&self, group: usize) -> u64 {
        match self {
            Self::Whole(set) => set.count(),
            Self::ByGroup { counts, .. } => counts.get(group).copied().unwrap_or(0),
        }
    }
}

impl Totals {
    /// Takes in the matching lines of a group; says how many lines were looked at.
    ///
    /// # Errors
    /// When a column cannot be read, a limit is passed, or the checkpoint stops the work.
    pub fn add_group(
        &mut self,
        aggregation: &Aggregation,
        group: &dyn GroupView,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        if let Some(looked_at) = self.add_whole(aggregation, group) {
            return Ok(looked_at);
        }
        let rows = rows_in(group, aggregation.span)?;
        let looked_at = rows.count() as u64;
        let rows = select(&aggregation.filter, group, rows, checkpoint)?;
        if rows.any() {
            self.add_rows(aggregation, group, &rows, checkpoint)?;
        }
        Ok(looked_at)
    }

    /// A group whose metadata answers is not read.
    fn add_whole(&mut self, aggregation: &Aggregation, group: &dyn GroupView) -> Option<u64> {
        if !aggregation.span.touches(group) {
            return Some(0);
        }
        let verdict = verdict(&aggregation.filter, group);
        if verdict == Verdict::None {
            return Some(0);
        }
        let is_counted_only = aggregation.summed.is_empty() && aggregation.counted.is_empty();
        if verdict != Verdict::All || !is_counted_only || !aggregation.span.covers(group) {
            return None;
        }
        let (low, high) = aggregation.span.bounds(group);
        let mut packed = 0u128;
        for (key, interner) in aggregation.keys.iter().zip(&mut self.keys) {
            let Key::Time { width_us } = key else {
                return None;
            };
            let start = buckets::start_of(low, *width_us);
            if start != buckets::start_of(high, *width_us) {
                return None;
            }
            let id = interner.value(&FieldValue::Integer(i128::from(start)));
            packed = packed << 32 | u128::from(told_apart(id, aggregation.limits.values));
        }
        let place = self.place(packed);
        if let Some(count) = self.counts.get_mut(place as usize) {
            *count += group.rows() as u64;
        }
        Some(0)
    }

    fn add_rows(
        &mut self,
        aggregation: &Aggregation,
        group: &dyn GroupView,
        rows: &Bits,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        if let Some(field) = aggregation.top_field()
            && self.defer(group, field, rows, checkpoint)?
        {
            return self.check(&aggregation.limits);
        }
        let mut keys = Vec::with_capacity(aggregation.keys.len());
        for key in &aggregation.keys {
            checkpoint()?;
            keys.push(match key {
                Key::Time { width_us } => buckets::codes(group, aggregation.clock(), *width_us, rows)?,
                Key::Field(field) => field_codes(group, field, rows, checkpoint)?,
            });
        }
        let keyed = Keyed::new(&mut keys, rows);
        let counts = count_rows(&keyed.slots, rows, keyed.count);
        let places = self.places_of(&keys, &keyed, &counts, aggregation.limits.values);
        for (field, sums) in aggregation.summed.iter().zip(&mut self.sums) {
            checkpoint()?;
            let mut local = vec![Sums::default(); keyed.count];
            accumulate(group, field, rows, &keyed.slots, &mut local, checkpoint)?;
            for (place, local) in places.iter().zip(&local) {
                if let Some(sum) = place.and_then(|place| sums.get_mut(place as usize)) {
                    sum.merge(local);
                }
            }
        }
        for (field, distinct) in aggregation.counted.iter().zip(&mut self.distinct) {
            checkpoint()?;
            match distinct {
                Distinct::Whole(set) => set.add_group(group, field, rows, checkpoint)?,
                by_group => {
                    let values = field_codes(group, field, rows, checkpoint)?;
                    add_pairs(by_group, &values, rows, &keyed, &places);
                }
            }
        }
        self.check(&aggregation.limits)
    }

    /// Finds or makes the groups of the slots that have rows, and adds their counts.
    fn places_of(
        &mut self,
        keys: &[FieldCodes],
        keyed: &Keyed,
        counts: &[u64],
        most: u32,
    ) -> Vec<Option<u32>> {
        const NEW: u32 = u32::MAX;
        let sizes: Vec<usize> = keys.iter().map(|key| key.values.len()).collect();
        let mut known: Vec<Vec<u32>> = sizes.iter().map(|&size| vec![NEW; size]).collect();
        let mut places = vec![None; counts.len()];
        for (slot, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let mut packed = 0u128;
            for (number, key) in keys.iter().enumerate() {
                let size = sizes.get(number).copied().unwrap_or(1);
                let code = keyed.code(slot, number, size);
                let cached = known.get_mut(number).and_then(|known| known.get_mut(code as usize));
                let id = match (cached, self.keys.get_mut(number)) {
                    (Some(cached), Some(interner)) => {
                        if *cached == NEW {
                            *cached = told_apart(key.values.intern(code, interner), most);
                        }
                        *cached
                    }
                    (None, Some(interner)) => told_apart(key.values.intern(code, interner), most),
                    (_, None) => 0,
                };
                packed = packed << 32 | u128::from(id);
            }
            let place = self.place(packed);
            if let Some(total) = self.counts.get_mut(place as usize) {
                *total += count;
            }
            if let Some(slot) = places.get_mut(slot) {
                *slot = Some(place);
            }
        }
        places
    }

    fn place(&mut self, packed: u128) -> u32 {
        const NEW: u32 = u32::MAX;
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let id = usize::try_from(packed).unwrap_or(usize::MAX);
        let place = if self.keys.len() == 1 && id < OTHER as usize {
            if self.direct.len() <= id {
                self.direct.resize(id + 1, NEW);
            }
            match self.direct.get_mut(id) {
                Some(place) if *place == NEW => {
                    *place = next;
                    next
                }
                Some(place) => *place,
                None => next,
            }
        } else {
            *self.places.entry(packed).or_insert(next)
        };
        if place == next {
            self.groups.push(packed);
            self.counts.push(0);
            self.sums.iter_mut().for_each(|sums| sums.push(Sums::default()));
        }
        place
    }

    /// Takes in a line that is known to match.
    ///
    /// # Errors
    /// When a limit is passed.
    pub fn add_row<R: RowView + ?Sized>(
        &mut self,
        aggregation: &Aggregation,
        row: &R,
    ) -> Result<(), ColumnError> {
        let mut packed = 0u128;
        for (key, interner) in aggregation.keys.iter().zip(&mut self.keys) {
            let value = match key {
                Key::Field(field) => field.value_on(row),
                Key::Time { width_us } => {
                    let time_us = time_of(row, aggregation.clock());
                    FieldValue::Integer(i128::from(buckets::start_of(time_us, *width_us)))
                }
            };
            let id = told_apart(interner.value(&value), aggregation.limits.values);
            packed = packed << 32 | u128::from(id);
        }
        let place = self.place(packed);
        if let Some(count) = self.counts.get_mut(place as usize) {
            *count += 1;
        }
        for (field, sums) in aggregation.summed.iter().zip(&mut self.sums) {
            if let Some(sums) = sums.get_mut(place as usize) {
                field.add_number_on(row, sums);
            }
        }
        for (field, distinct) in aggregation.counted.iter().zip(&mut self.distinct) {
            distinct.add_pair(place, &field.value_on(row));
        }
        // Lines in memory are few; their sizes are looked at now and then.
        if self.groups.len() % 1_024 == 1 {
            self.check(&aggregation.limits)?;
        }
        Ok(())
    }

    /// Takes in other totals of the same aggregation.
    ///
    /// # Errors
    /// When a limit is passed.
    pub fn merge(&mut self, aggregation: &Aggregation, other: &Self) -> Result<(), ColumnError> {
        self.pending.extend(other.pending.iter().cloned());
        let mut places = Vec::with_capacity(other.groups.len());
        for (number, &theirs) in other.groups.iter().enumerate() {
            let packed = self.translated(other, theirs, aggregation.limits.values);
            let place = self.place(packed);
            if let (Some(mine), Some(count)) =
                (self.counts.get_mut(place as usize), other.counts.get(number))
            {
                *mine += count;
            }
            for (mine, theirs) in self.sums.iter_mut().zip(&other.sums) {
                if let (Some(mine), Some(theirs)) = (mine.get_mut(place as usize), theirs.get(number)) {
                    mine.merge(theirs);
                }
            }
            places.push(place);
        }
        for (mine, theirs) in self.distinct.iter_mut().zip(&other.distinct) {
            match (mine, theirs) {
                (Distinct::Whole(mine), Distinct::Whole(theirs)) => mine.merge(theirs),
                (mine, Distinct::ByGroup { values, pairs, .. }) => {
                    for &pair in pairs {
                        #[allow(clippy::cast_possible_truncation)]
                        let (group, value) = ((pair >> 32) as usize, pair as u32);
                        if let Some(&place) = places.get(group) {
                            mine.add_pair(place, &values.get(value));
                        }
                    }
                }
                _ => {}
            }
        }
        self.check(&aggregation.limits)
    }

    fn translated(&mut self, other: &Self, packed: u128, most: u32) -> u128 {
        let count = self.keys.len();
        let mut result = 0u128;
        for (number, (mine, theirs)) in self.keys.iter_mut().zip(&other.keys).enumerate() {
            #[allow(clippy::cast_possible_truncation)]
            let id = (packed >> (32 * (count - 1 - number))) as u32;
            let mine = match theirs.get(id) {
                FieldValue::Other => OTHER,
                value => told_apart(mine.value(&value), most),
            };
            result = result << 32 | u128::from(mine);
        }
        result
    }

    fn memory_bytes(&self) -> usize {
        self.keys.iter().map(Interner::memory_bytes).sum::<usize>()
            + self.groups.len() * (60 + 88 * self.sums.len())
            + self.distinct.iter().map(Distinct::memory_bytes).sum::<usize>()
            + self.pending.iter().map(Pending::memory_bytes).sum::<usize>()
    }

    fn check(&self, limits: &Limits) -> Result<(), ColumnError> {
        if self.groups.len() > limits.groups {
            return Err(ColumnError::stopped(format!(
                "stopped at {} groups: group by fewer fields, or narrow the query",
                limits.groups
            )));
        }
        if self.memory_bytes() > limits.bytes {
            return Err(ColumnError::stopped(format!(
                "stopped at the memory limit of an aggregation, {} MB: group by fewer fields, or narrow the query",
                limits.bytes >> 20
            )));
        }
        Ok(())
    }
}

/// Stands for all values that are not told apart.
const OTHER: u32 = u32::MAX;

fn told_apart(id: u32, most: u32) -> u32 {
    if id < most { id } else { OTHER }
}

/// Adds the values of each slot, each pair of slot and value once.
fn add_pairs(
    distinct: &mut Distinct,
    values: &FieldCodes,
    rows: &Bits,
    keyed: &Keyed,
    places: &[Option<u32>],
) {
    let mut ids: Vec<Option<u32>> = vec![None; values.values.len()];
    let mut add = |slot: usize, code: usize| {
        let (Some(Some(place)), Some(id)) = (places.get(slot), ids.get_mut(code)) else {
            return;
        };
        let id = match *id {
            Some(id) => id,
            None => {
                let code = u32::try_from(code).unwrap_or(u32::MAX);
                *id.insert(distinct.id_of(&values.values, code))
            }
        };
        distinct.add_id(*place, id);
    };
    let size = values.values.len().max(1);
    let code_of = |row: usize| values.codes.get(row).map_or(0, |&code| code as usize);
    if keyed.count.saturating_mul(size) <= PAIR_BITS {
        let mut seen = Bits::none(keyed.count * size);
        for_each_row(rows, |row| seen.set(keyed.slots.get(row) * size + code_of(row)));
        seen.ones().for_each(|pair| add(pair / size, pair % size));
        return;
    }
    let mut seen: FxHashSet<(usize, usize)> = FxHashSet::default();
    for_each_row(rows, |row| {
        seen.insert((keyed.slots.get(row), code_of(row)));
    });
    seen.into_iter().for_each(|(slot, code)| add(slot, code));
}

/// Up to so many pairs of slot and value are kept as bits.
const PAIR_BITS: usize = 1 << 25;
/// Stands for "no value" among the numbers of values.
const NO_VALUE: u32 = u32::MAX;

#[cfg(test)]
mod tests;
