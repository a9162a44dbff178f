//! Counts over time, by the values of a field.

use std::collections::HashMap;

use andon_columns::aggregate::{Aggregation, FieldValue, Limits};
use andon_reader::{
    AggregateRequest, GroupBy, Histogram, HistogramRequest, Measure, ReaderError, Series, code,
};

use crate::aggregate::tally;
use crate::extent::Interval;
use crate::scan::{Budget, Snapshot};
use crate::search::{check_interval, compile};
use crate::segment::OpenedCache;

/// Most bars of one answer.
const BUCKETS: usize = 2_000;
/// Bars when the request does not say.
const DEFAULT_BUCKETS: usize = 60;
/// Series named in the answer.
const SERIES: usize = 20;
/// Different values counted exactly; later ones go to the rest.
const VALUES: u32 = 2_000;
/// Longest name of a series, bytes.
const NAME_BYTES: usize = 200;

const NONE: &str = "(none)";
const OTHER: &str = "(other)";

/// Widths that people can read, in microseconds.
const WIDTHS_US: [i64; 22] = [
    1_000,
    10_000,
    100_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    15_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    900_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    10_800_000_000,
    21_600_000_000,
    43_200_000_000,
    86_400_000_000,
    604_800_000_000,
];

/// A checked request.
pub(crate) struct Bars {
    query: String,
    interval: Interval,
    bucket_us: i64,
    first_us: i64,
    count: usize,
    by: Option<String>,
}

impl Bars {
    pub(crate) fn new(request: &HistogramRequest) -> Result<Self, ReaderError> {
        check_interval(request.since_us, request.until_us)?;
        let span = i128::from(request.until_us) - i128::from(request.since_us);
        let wanted = request.buckets.unwrap_or(DEFAULT_BUCKETS);
        if wanted == 0 || wanted > BUCKETS {
            return Err(too_many(format!("{wanted} bars were asked for")));
        }
        let bucket_us = match request.bucket_us {
            Some(width) if width > 0 => width,
            Some(width) => {
                return Err(too_many(format!(
                    "a bar of {width} microseconds cannot be drawn"
                )));
            }
            None => readable_width(span / wanted as i128 + 1),
        };
        let first_us = request
            .since_us
            .div_euclid(bucket_us)
            .saturating_mul(bucket_us);
        let reach = (i128::from(request.until_us) - i128::from(first_us)).max(0);
        let count = usize::try_from((reach + i128::from(bucket_us) - 1) / i128::from(bucket_us))
            .unwrap_or(usize::MAX);
        if count > BUCKETS {
            return Err(too_many(format!(
                "the interval has {count} bars of this width"
            )));
        }
        let interval = Interval {
            since_us: request.since_us,
            until_us: request.until_us,
            clock: request.clock,
        };
        // Says where the text is wrong; the aggregation reads it again.
        compile(&request.query)?;
        Ok(Self {
            query: request.query.clone(),
            interval,
            bucket_us,
            first_us,
            count,
            by: request.by.clone(),
        })
    }

    pub(crate) fn run(
        self,
        snapshot: &Snapshot,
        opened: &OpenedCache,
        budget: &Budget,
    ) -> Result<Histogram, ReaderError> {
        let mut by = vec![GroupBy::Time {
            width_us: self.bucket_us,
        }];
        by.extend(self.by.clone().map(|name| GroupBy::Field { name }));
        let request = AggregateRequest {
            query: self.query.clone(),
            since_us: self.interval.since_us,
            until_us: self.interval.until_us,
            clock: self.interval.clock,
            by,
            measures: vec![Measure::Count],
            order: None,
            limit: 1,
        };
        let limits = Limits {
            values: VALUES,
            ..Limits::default()
        };
        let aggregation = Aggregation::new(request, limits)?;
        let (totals, outcome) = tally(&aggregation, snapshot, opened, budget);
        let mut drawn = Drawn::default();
        aggregation.each_count(&totals, |key, count| {
            let bar = key.first().and_then(|time| self.bar_of(time));
            let name = key.get(1).map_or_else(String::new, name_of);
            if let Some(bar) = bar {
                drawn.add(name, bar, self.count, count);
            }
        });
        let starts_us = (0..self.count)
            .map(|bar| {
                let step = self
                    .bucket_us
                    .saturating_mul(i64::try_from(bar).unwrap_or(i64::MAX));
                self.first_us.saturating_add(step)
            })
            .collect();
        Ok(Histogram {
            bucket_us: self.bucket_us,
            starts_us,
            total: drawn.total,
            series: drawn.into_series(self.count, self.by.is_some()),
            scanned_rows: outcome.scanned_rows,
            elapsed_us: 0,
            complete: outcome.missing.is_empty(),
            missing: outcome.missing,
            notes: outcome.notes,
        })
    }

    fn bar_of(&self, time: &FieldValue) -> Option<usize> {
        let FieldValue::Integer(start_us) = time else {
            return None;
        };
        let bar = (start_us - i128::from(self.first_us)) / i128::from(self.bucket_us);
        usize::try_from(bar).ok().filter(|&bar| bar < self.count)
    }
}

fn too_many(what: String) -> ReaderError {
    ReaderError::new(code::REQUEST, what).with_hint(format!("ask for 1 to {BUCKETS} bars"))
}

/// The smallest readable width that is not smaller than asked.
fn readable_width(at_least: i128) -> i64 {
    let week = 604_800_000_000i64;
    let found = WIDTHS_US
        .into_iter()
        .find(|&width| i128::from(width) >= at_least);
    found.unwrap_or_else(|| {
        i64::try_from(at_least).map_or(i64::MAX, |width| {
            width
                .div_euclid(week)
                .saturating_add(1)
                .saturating_mul(week)
        })
    })
}

/// Bars by the name of their series.
#[derive(Default)]
struct Drawn {
    total: u64,
    /// Index of each name in `counts`.
    places: HashMap<String, usize>,
    counts: Vec<Vec<u64>>,
}

impl Drawn {
    fn add(&mut self, name: String, bar: usize, bars: usize, count: u64) {
        self.total += count;
        let next = self.counts.len();
        let place = *self.places.entry(name).or_insert(next);
        if place == next {
            self.counts.push(vec![0; bars]);
        }
        if let Some(slot) = self.counts.get_mut(place).and_then(|counts| counts.get_mut(bar)) {
            *slot += count;
        }
    }

    fn into_series(self, bars: usize, is_split: bool) -> Vec<Series> {
        let mut counts = self.counts;
        let mut series: Vec<Series> = self
            .places
            .into_iter()
            .map(|(name, place)| Series {
                name,
                counts: counts
                    .get_mut(place)
                    .map(std::mem::take)
                    .unwrap_or_default(),
            })
            .collect();
        if !is_split {
            let empty = Series {
                name: "count".to_owned(),
                counts: vec![0; bars],
            };
            return vec![series.pop().map_or(empty, |only| Series {
                name: "count".to_owned(),
                ..only
            })];
        }
        let total = |series: &Series| series.counts.iter().sum::<u64>();
        series.sort_by(|a, b| {
            let last = |s: &Series| s.name == OTHER;
            last(a)
                .cmp(&last(b))
                .then_with(|| total(b).cmp(&total(a)))
                .then_with(|| a.name.cmp(&b.name))
        });
        if series.len() > SERIES {
            let rest = series.split_off(SERIES);
            let mut other = Series {
                name: OTHER.to_owned(),
                counts: vec![0; bars],
            };
            for one in rest {
                other
                    .counts
                    .iter_mut()
                    .zip(one.counts)
                    .for_each(|(sum, count)| *sum += count);
            }
            series.push(other);
        }
        series
    }
}

/// A value as the name of a series.
fn name_of(value: &FieldValue) -> String {
    match value {
        FieldValue::None => NONE.to_owned(),
        FieldValue::Other => OTHER.to_owned(),
        FieldValue::Text(text) => shortened(text),
        other => match other.to_value() {
            serde_json::Value::String(text) => shortened(&text),
            value => value.to_string(),
        },
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= NAME_BYTES {
        return text.to_owned();
    }
    let mut end = NAME_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
