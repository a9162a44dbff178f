//! Counts over time, by the values of a field.

use std::collections::HashMap;

use andon_reader::query::{Filter, FixedField, Needs, Place, RowView, Scalar};
use andon_reader::{
    Clock, Histogram, HistogramRequest, Order, ReaderError, Series, code, level_of,
};

use crate::extent::{Extent, Interval};
use crate::scan::{Budget, Found, Plan, Snapshot, Visitor, needs_of_field, scan};
use crate::search::{check_interval, compile};
use crate::segment::OpenedCache;

/// Most bars of one answer.
const BUCKETS: usize = 2_000;
/// Bars when the request does not say.
const DEFAULT_BUCKETS: usize = 60;
/// Series named in the answer.
const SERIES: usize = 20;
/// Different values counted exactly; later ones go to the rest.
const VALUES: usize = 2_000;
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
    filter: Filter,
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
        Ok(Self {
            filter: compile(&request.query)?,
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
        budget: Budget,
    ) -> Histogram {
        let extra = self
            .by
            .as_deref()
            .map_or_else(Needs::default, needs_of_field);
        let plan = Plan {
            filter: &self.filter,
            interval: self.interval,
            order: Order::NewestFirst,
            extra,
        };
        let mut tally = Tally::new(&self);
        let outcome = scan(snapshot, opened, &plan, budget, &mut tally);
        let starts_us = (0..self.count)
            .map(|bar| {
                let step = self
                    .bucket_us
                    .saturating_mul(i64::try_from(bar).unwrap_or(i64::MAX));
                self.first_us.saturating_add(step)
            })
            .collect();
        Histogram {
            bucket_us: self.bucket_us,
            starts_us,
            total: tally.total,
            series: tally.into_series(self.count, self.by.is_some()),
            scanned_rows: outcome.scanned_rows,
            elapsed_us: 0,
            complete: outcome.missing.is_empty(),
            missing: outcome.missing,
        }
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

enum By {
    Nothing,
    Level,
    Fixed(FixedField),
    Named(Place, String),
}

struct Tally {
    by: By,
    first_us: i64,
    bucket_us: i64,
    bars: usize,
    clock: Clock,
    total: u64,
    /// Index of each value in `counts`.
    places: HashMap<String, usize>,
    counts: Vec<Vec<u64>>,
}

impl Tally {
    fn new(bars: &Bars) -> Self {
        let by = match bars.by.as_deref() {
            None => By::Nothing,
            Some(name) => match FixedField::by_name(name) {
                Some(FixedField::Level) => By::Level,
                Some(field) => By::Fixed(field),
                None => {
                    let (place, key) = Place::of(name);
                    By::Named(place, key.to_owned())
                }
            },
        };
        Self {
            by,
            first_us: bars.first_us,
            bucket_us: bars.bucket_us,
            bars: bars.count,
            clock: bars.interval.clock,
            total: 0,
            places: HashMap::new(),
            counts: Vec::new(),
        }
    }

    /// Number of the bar of a time; wide enough for any two times.
    fn bar_of(&self, time_us: i64) -> i128 {
        let since_first = i128::from(time_us) - i128::from(self.first_us);
        since_first.div_euclid(i128::from(self.bucket_us))
    }

    fn add(&mut self, name: &str, time_us: i64, rows: u64) {
        self.total += rows;
        let place = match self.places.get(name) {
            Some(&place) => place,
            None => self.new_place(name),
        };
        let bar = usize::try_from(self.bar_of(time_us)).unwrap_or(0);
        if let Some(count) = self
            .counts
            .get_mut(place)
            .and_then(|counts| counts.get_mut(bar))
        {
            *count += rows;
        }
    }

    fn new_place(&mut self, name: &str) -> usize {
        let name = if self.places.len() < VALUES {
            name
        } else {
            OTHER
        };
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.counts.push(vec![0; self.bars]);
        self.places.insert(name.to_owned(), self.counts.len() - 1);
        self.counts.len() - 1
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

impl Visitor for Tally {
    fn take_whole(&mut self, extent: &Extent) -> bool {
        // Only when every line falls into one bar is nothing lost by not looking.
        let (low, high) = extent.times(self.clock);
        let is_one_bar = matches!(self.by, By::Nothing) && self.bar_of(low) == self.bar_of(high);
        if is_one_bar {
            self.add("", low, extent.rows);
        }
        is_one_bar
    }

    fn visit<R: RowView>(&mut self, _found: Found, time_us: i64, _sequence: u64, row: &R) -> bool {
        match &self.by {
            By::Nothing => self.add("", time_us, 1),
            By::Level => self.add(level_of(row.severity_number()).name(), time_us, 1),
            By::Fixed(field) => {
                let text = fixed_text(*field, row);
                self.add(&text, time_us, 1);
            }
            By::Named(place, name) => {
                let mut text = None;
                row.any_value(*place, name, &mut |value| {
                    text = name_of(value);
                    text.is_some()
                });
                self.add(text.as_deref().unwrap_or(NONE), time_us, 1);
            }
        }
        true
    }
}

fn fixed_text<R: RowView>(field: FixedField, row: &R) -> String {
    match field {
        FixedField::SeverityNumber => row.severity_number().to_string(),
        FixedField::Timestamp => row.timestamp_us().to_string(),
        FixedField::ReceivedAt => row.received_at_us().to_string(),
        _ => match row.text(field) {
            "" => NONE.to_owned(),
            text => shortened(text),
        },
    }
}

/// A value as the name of a series or as a value of a field.
pub(crate) fn name_of(value: Scalar<'_>) -> Option<String> {
    Some(match value {
        Scalar::Text(text) => shortened(text),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Boolean(flag) => flag.to_string(),
        Scalar::Structure => return None,
    })
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
