//! From totals to the rows of an answer.

use std::cmp::Ordering;

use andon_reader::{
    AggregateRequest, AggregateResult, GroupBy, GroupOrder, Measure, ReaderError, code,
};

use super::field::Field;
use super::value::FieldValue;
use super::{Aggregation, Key, Totals};

/// Most groups for which it pays to look only for the largest.
const TOP_LIMIT: usize = 1_000;

/// Refuses what cannot be meant.
pub(super) fn check(request: &AggregateRequest) -> Result<(), ReaderError> {
    let refuse = |what: String, hint: &str| Err(ReaderError::new(code::REQUEST, what).with_hint(hint));
    if request.since_us > request.until_us {
        return refuse("the interval ends before it begins".to_owned(), "swap `since` and `until`");
    }
    if request.by.len() > AggregateRequest::KEYS {
        let what = format!("{} fields to group by, at most {} are", request.by.len(), AggregateRequest::KEYS);
        return refuse(what, "group by fewer fields");
    }
    if request.measures.is_empty() || request.measures.len() > AggregateRequest::MEASURES {
        let what = format!(
            "{} measures, it must be 1 to {}",
            request.measures.len(),
            AggregateRequest::MEASURES
        );
        return refuse(what, "ask for `count` if nothing else");
    }
    if request.limit == 0 || request.limit > AggregateRequest::LIMIT {
        let what = format!("the limit is {}, it must lie in 1..={}", request.limit, AggregateRequest::LIMIT);
        return refuse(what, "ask for fewer groups");
    }
    if request.by.iter().any(|by| matches!(by, GroupBy::Time { width_us } if *width_us <= 0)) {
        return refuse("an interval of time needs a width".to_owned(), "a minute is 60000000");
    }
    let columns = request.by.len() + request.measures.len();
    if request.order.is_some_and(|order| order.column >= columns) {
        return refuse(
            "the order names a column that the answer does not have".to_owned(),
            "columns count from 0: first the parts of the key, then the measures",
        );
    }
    Ok(())
}

fn name_of(measure: &Measure) -> String {
    match measure {
        Measure::Count => "count".to_owned(),
        Measure::Sum { field } => format!("sum({field})"),
        Measure::Avg { field } => format!("avg({field})"),
        Measure::Min { field } => format!("min({field})"),
        Measure::Max { field } => format!("max({field})"),
        Measure::Distinct { field } => format!("distinct({field})"),
    }
}

impl Aggregation {
    /// Names of the columns of the answer.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let keys = self.request.by.iter().map(|by| match by {
            GroupBy::Field { name } => name.clone(),
            GroupBy::Time { .. } => "time".to_owned(),
        });
        keys.chain(self.measures.iter().map(name_of)).collect()
    }

    /// The field whose most frequent values are all that is asked for.
    pub(super) fn top_field(&self) -> Option<&Field> {
        let order = self.order();
        let is_by_count = order.column.checked_sub(self.keys.len()) == Some(0);
        match (self.keys.as_slice(), self.measures.as_slice()) {
            ([Key::Field(field @ Field::Named(..))], [Measure::Count])
                if is_by_count
                    && order.descending
                    && self.request.limit <= TOP_LIMIT
                    && self.limits.values == u32::MAX =>
            {
                Some(field)
            }
            _ => None,
        }
    }

    fn order(&self) -> GroupOrder {
        let time = self.request.by.iter().position(|by| matches!(by, GroupBy::Time { .. }));
        self.request.order.unwrap_or(match time {
            Some(column) => GroupOrder { column, descending: false },
            None => GroupOrder { column: self.keys.len(), descending: true },
        })
    }

    /// Makes the answer. Times and what was scanned are the caller's to add. Without groups to make
    /// there is one row, even of no lines.
    #[must_use]
    pub fn answer(&self, mut totals: Totals) -> AggregateResult {
        if self.keys.is_empty() {
            totals.place(0);
        }
        let order = self.order();
        let mut missing = Vec::new();
        let mut groups_total = Some(totals.groups.len() as u64);
        match totals.settle(self.request.limit) {
            Ok(true) => groups_total = Some(totals.groups.len() as u64),
            Ok(false) => groups_total = None,
            Err(error) => missing.push(error.message),
        }
        let groups = self.best(&totals, order);
        let columns = self.columns();
        let rows = groups.iter().map(|&group| {
            let values = (0..columns.len()).map(|column| self.figure(&totals, group, column));
            values.map(|value| value.to_value()).collect()
        });
        AggregateResult {
            rows: rows.collect(),
            columns,
            groups_total,
            scanned_rows: 0,
            elapsed_us: 0,
            complete: missing.is_empty(),
            missing,
            notes: Vec::new(),
        }
    }

    /// Shows the key and the count of every group, in no order; what a histogram is drawn from.
    pub fn each_count(&self, totals: &Totals, mut each: impl FnMut(&[FieldValue], u64)) {
        let mut key = Vec::with_capacity(self.keys.len());
        for (group, &count) in totals.counts.iter().enumerate() {
            key.clear();
            key.extend((0..self.keys.len()).map(|column| self.figure(totals, group, column)));
            each(&key, count);
        }
    }

    /// The groups of the answer in their order.
    fn best(&self, totals: &Totals, order: GroupOrder) -> Vec<usize> {
        let mut groups: Vec<(FieldValue, usize)> = (0..totals.groups.len())
            .map(|group| (self.figure(totals, group, order.column), group))
            .collect();
        let by_figure = |a: &(FieldValue, usize), b: &(FieldValue, usize)| {
            let by_figure = a.0.compare(&b.0);
            if order.descending { by_figure.reverse() } else { by_figure }
        };
        if let Some(last) = self.request.limit.checked_sub(1).filter(|&last| last < groups.len()) {
            // Keys are compared only among those that are as good as the last of the answer.
            let (_, worst, _) = groups.select_nth_unstable_by(last, by_figure);
            let worst = worst.clone();
            groups.retain(|group| by_figure(group, &worst) != Ordering::Greater);
        }
        groups.sort_unstable_by(|a, b| {
            by_figure(a, b).then_with(|| self.compare_keys(totals, a.1, b.1))
        });
        groups.truncate(self.request.limit);
        groups.into_iter().map(|(_, group)| group).collect()
    }

    fn compare_keys(&self, totals: &Totals, a: usize, b: usize) -> Ordering {
        let keys = totals.keys.iter().enumerate();
        keys.fold(Ordering::Equal, |order, (column, interner)| {
            let id = |group: usize| totals.key_of(group, column);
            order.then_with(|| interner.compare(id(a), id(b)))
        })
    }

    fn figure(&self, totals: &Totals, group: usize, column: usize) -> FieldValue {
        if let Some(interner) = totals.keys.get(column) {
            return interner.get(totals.key_of(group, column));
        }
        let number = column - totals.keys.len();
        let (Some(measure), Some(&place)) = (self.measures.get(number), self.places.get(number))
        else {
            return FieldValue::None;
        };
        let sums = || totals.sums.get(place)?.get(group);
        let whole = |number: u64| FieldValue::Integer(i128::from(number));
        match measure {
            Measure::Count => whole(totals.counts.get(group).copied().unwrap_or(0)),
            Measure::Sum { .. } => sums().map_or(FieldValue::None, |sums| sums.sum()),
            Measure::Avg { .. } => sums().map_or(FieldValue::None, |sums| sums.mean()),
            Measure::Min { .. } => sums().map_or(FieldValue::None, |sums| sums.smallest()),
            Measure::Max { .. } => sums().map_or(FieldValue::None, |sums| sums.largest()),
            Measure::Distinct { .. } => {
                let distinct = totals.distinct.get(place);
                distinct.map_or(FieldValue::None, |distinct| whole(distinct.count(group)))
            }
        }
    }
}

impl Totals {
    /// The number of a part of a group's key.
    fn key_of(&self, group: usize, part: usize) -> u32 {
        let packed = self.groups.get(group).copied().unwrap_or(0);
        #[allow(clippy::cast_possible_truncation)]
        let id = (packed >> (32 * (self.keys.len() - 1 - part))) as u32;
        id
    }
}
