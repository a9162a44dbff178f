//! From totals to the rows of an answer.

use std::cmp::Ordering;

use andon_reader::{
    AggregateRequest, AggregateResult, GroupBy, GroupOrder, Measure, ReaderError, code,
};

use super::field::Field;
use super::value::FieldValue;
use super::{Aggregation, Totals};

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
        let mut groups: Vec<(FieldValue, usize)> = (0..totals.groups.len())
            .map(|group| (self.figure(&totals, group, order.column), group))
            .collect();
        let compare = |a: &(FieldValue, usize), b: &(FieldValue, usize)| {
            let by_figure = a.0.compare(&b.0);
            let by_figure = if order.descending { by_figure.reverse() } else { by_figure };
            by_figure.then_with(|| self.compare_keys(&totals, a.1, b.1))
        };
        if groups.len() > self.request.limit {
            groups.select_nth_unstable_by(self.request.limit, compare);
            groups.truncate(self.request.limit);
        }
        groups.sort_unstable_by(compare);
        let columns = self.columns();
        let rows = groups.iter().map(|&(_, group)| {
            let values = (0..columns.len()).map(|column| self.figure(&totals, group, column));
            values.map(|value| value.to_value()).collect()
        });
        AggregateResult {
            rows: rows.collect(),
            columns,
            groups_total: totals.groups.len() as u64,
            scanned_rows: 0,
            elapsed_us: 0,
            complete: true,
            missing: Vec::new(),
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

    fn compare_keys(&self, totals: &Totals, a: usize, b: usize) -> Ordering {
        (0..self.keys.len()).fold(Ordering::Equal, |order, column| {
            order.then_with(|| {
                self.figure(totals, a, column).compare(&self.figure(totals, b, column))
            })
        })
    }

    fn figure(&self, totals: &Totals, group: usize, column: usize) -> FieldValue {
        if let Some(interner) = totals.keys.get(column) {
            let packed = totals.groups.get(group).copied().unwrap_or(0);
            let shift = 32 * (totals.keys.len() - 1 - column);
            #[allow(clippy::cast_possible_truncation)]
            return interner.get((packed >> shift) as u32).clone();
        }
        let Some(measure) = self.measures.get(column - totals.keys.len()) else {
            return FieldValue::None;
        };
        let sums = |name: &str| {
            let field = Field::of(name);
            let place = self.summed.iter().position(|known| *known == field)?;
            totals.sums.get(place)?.get(group)
        };
        let whole = |number: u64| FieldValue::Integer(i128::from(number));
        match measure {
            Measure::Count => whole(totals.counts.get(group).copied().unwrap_or(0)),
            Measure::Sum { field } => sums(field).map_or(FieldValue::None, |sums| sums.sum()),
            Measure::Avg { field } => sums(field).map_or(FieldValue::None, |sums| sums.mean()),
            Measure::Min { field } => sums(field).map_or(FieldValue::None, |sums| sums.smallest()),
            Measure::Max { field } => sums(field).map_or(FieldValue::None, |sums| sums.largest()),
            Measure::Distinct { field } => {
                let field = Field::of(field);
                let place = self.counted.iter().position(|known| *known == field);
                let distinct = place.and_then(|place| totals.distinct.get(place));
                distinct.map_or(FieldValue::None, |distinct| whole(distinct.count(group)))
            }
        }
    }
}
