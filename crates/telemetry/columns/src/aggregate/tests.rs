//! Figures over columns, over lines in memory and merged, equal those of a loop over plain rows.

use std::collections::{BTreeMap, BTreeSet};

use andon_reader::{AggregateResult, GroupOrder, LogRow, NewLogRow};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::select::tests::{GO_ON, TestGroup, chooser, lines_of, row};

const FIELDS: &[&str] =
    &["a", "a.b", "b", "status", "user_id", "level", "service", "severity_number", "trace_id", "message", "timestamp", "missing", "resource.status", "a.b.c"];

fn request() -> impl Strategy<Value = AggregateRequest> {
    let field = prop::sample::select(FIELDS.to_vec()).prop_map(str::to_owned);
    let by = prop_oneof![
        3 => field.clone().prop_map(|name| GroupBy::Field { name }),
        1 => prop::sample::select(vec![1i64, 300_000, 1_000_000, 7]).prop_map(|width_us| GroupBy::Time { width_us }),
    ];
    let measure = (field, 0..6u8).prop_map(|(field, which)| match which {
        0 => Measure::Count,
        1 => Measure::Sum { field },
        2 => Measure::Avg { field },
        3 => Measure::Min { field },
        4 => Measure::Max { field },
        _ => Measure::Distinct { field },
    });
    let query = prop::sample::select(vec!["*", "level:error", "a:*", "NOT service:pay", "took"]);
    (query, prop::collection::vec(by, 0..4), prop::collection::vec(measure, 1..5), (0usize..5, any::<bool>()), 1usize..40)
        .prop_map(|(query, by, measures, order, limit)| AggregateRequest {
            query: query.to_owned(),
            since_us: 100_000,
            until_us: 1_900_000,
            clock: Clock::Timestamp,
            order: (order.0 < by.len() + measures.len())
                .then_some(GroupOrder { column: order.0, descending: order.1 }),
            by,
            measures,
            limit,
        })
}

fn key_of(by: &GroupBy, row: &LogRow) -> FieldValue {
    match by {
        GroupBy::Time { width_us } => {
            FieldValue::Integer(i128::from(row.timestamp_us.div_euclid(*width_us) * width_us))
        }
        GroupBy::Field { name } => Field::of(name).value_on(row),
    }
}

fn figure(measure: &Measure, rows: &[&LogRow]) -> Value {
    let sums = |field: &str| {
        let mut sums = Sums::default();
        rows.iter().for_each(|row| Field::of(field).add_number_on(*row, &mut sums));
        sums
    };
    match measure {
        Measure::Count => Value::from(rows.len()),
        Measure::Sum { field } => sums(field).sum().to_value(),
        Measure::Avg { field } => sums(field).mean().to_value(),
        Measure::Min { field } => sums(field).smallest().to_value(),
        Measure::Max { field } => sums(field).largest().to_value(),
        Measure::Distinct { field } => {
            let values: BTreeSet<String> = rows
                .iter()
                .map(|row| Field::of(field).value_on(*row))
                .filter(|value| *value != FieldValue::None)
                .map(|value| format!("{value:?}"))
                .collect();
            Value::from(values.len())
        }
    }
}

/// Rows of all groups, by their keys.
fn brute(request: &AggregateRequest, rows: &[LogRow]) -> BTreeMap<String, Vec<Value>> {
    let filter = Filter::parse(&request.query).unwrap();
    let mut groups: BTreeMap<String, (Vec<Value>, Vec<&LogRow>)> = BTreeMap::new();
    if request.by.is_empty() {
        groups.insert("[]".to_owned(), (Vec::new(), Vec::new()));
    }
    for row in rows {
        let is_in = (request.since_us..request.until_us).contains(&row.timestamp_us);
        if is_in && filter.matches(row) {
            let key: Vec<Value> = request.by.iter().map(|by| key_of(by, row).to_value()).collect();
            let group = groups.entry(Value::from(key.clone()).to_string()).or_insert((key, Vec::new()));
            group.1.push(row);
        }
    }
    let full = groups.into_iter().map(|(name, (mut key, rows))| {
        key.extend(request.measures.iter().map(|measure| figure(measure, &rows)));
        (name, key)
    });
    full.collect()
}

/// Sums of other numbers depend on their order in the last digits.
fn is_close(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

fn compare(request: &AggregateRequest, answer: &AggregateResult, expected: &BTreeMap<String, Vec<Value>>) {
    assert_eq!(answer.groups_total.unwrap_or(expected.len() as u64), expected.len() as u64, "{request:?}");
    assert_eq!(answer.rows.len(), expected.len().min(request.limit));
    for row in &answer.rows {
        let key = Value::from(row[..request.by.len()].to_vec()).to_string();
        let wanted = expected.get(&key).unwrap_or_else(|| panic!("{key} is no group of {request:?}"));
        assert!(row.iter().zip(wanted).all(|(a, b)| is_close(a, b)), "{request:?}\n{row:?}\n{wanted:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn figures_equal_those_of_a_loop(
        rows in prop::collection::vec(row(), 0..120),
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        choices in prop::collection::vec(0u32..12, 1..40),
        request in request(),
    ) {
        let aggregation = Aggregation::new(request.clone(), Limits::default()).unwrap();
        let (mut first, mut second) = (cuts.0.index(rows.len() + 1), cuts.1.index(rows.len() + 1));
        if first > second {
            std::mem::swap(&mut first, &mut second);
        }
        let mut choose = chooser(choices);
        let mut totals = aggregation.totals();
        let mut other = aggregation.totals();
        // One group in each totals, and lines in memory in the second.
        for (part, totals) in [(&rows[..first], &mut totals), (&rows[first..second], &mut other)] {
            if !part.is_empty() {
                let group = TestGroup::new(&lines_of(part), &mut choose);
                totals.add_group(&aggregation, &group, GO_ON).unwrap();
            }
        }
        let memory = lines_of(&rows[second..]);
        for index in 0..memory.len() {
            let line = memory.row(index);
            if aggregation.span().has(line.timestamp_us()) && aggregation.filter().matches(&line) {
                other.add_row(&aggregation, &line).unwrap();
            }
        }
        totals.merge(&aggregation, &other).unwrap();
        let lines = lines_of(&rows);
        let plain: Vec<LogRow> = (0..lines.len()).map(|row| lines.to_log_row(row)).collect();
        let answer = aggregation.answer(totals);
        compare(&request, &answer, &brute(&request, &plain));
        let order = request.order;
        if let Some(order) = order.filter(|order| order.column < request.by.len() + request.measures.len()) {
            let numbers: Vec<f64> = answer.rows.iter().filter_map(|row| row[order.column].as_f64()).collect();
            let is_ordered = |pair: &[f64]| if order.descending { pair[0] >= pair[1] } else { pair[0] <= pair[1] };
            prop_assert!(numbers.windows(2).all(is_ordered), "{:?}", numbers);
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in(
        rows in prop::collection::vec(row(), 1..60),
        choices in prop::collection::vec(0u32..12, 1..40),
        wanted in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let lines = lines_of(&rows);
        let group = TestGroup::new(&lines, chooser(choices));
        let wanted: Vec<usize> = wanted.iter().map(|index| index.index(lines.len())).collect();
        let found = crate::rows::fetch(&group, &wanted, GO_ON).unwrap();
        let expected: Vec<LogRow> = wanted.iter().map(|&row| lines.to_log_row(row)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn fields_of_columns_are_fields_of_rows(
        rows in prop::collection::vec(row(), 1..80),
        choices in prop::collection::vec(0u32..12, 1..40),
    ) {
        let lines = lines_of(&rows);
        let group = TestGroup::new(&lines, chooser(choices));
        let mut columns = crate::fields::FieldTally::default();
        columns.add_group(&group, &Bits::all(lines.len()), GO_ON).unwrap();
        let mut plain = crate::fields::FieldTally::default();
        (0..lines.len()).for_each(|row| plain.add_row(&lines.to_log_row(row)));
        let mut columns = columns.finish();
        let mut plain = plain.finish();
        // How a large or small fraction is written differs; that it is the same is tested elsewhere.
        for field in columns.iter_mut().chain(&mut plain) {
            field.top.retain(|value| value.value.parse::<f64>().is_err() || value.value.parse::<i64>().is_ok());
        }
        for (a, b) in columns.iter().zip(&plain) {
            prop_assert_eq!((&a.name, a.count, a.kind), (&b.name, b.count, b.kind));
        }
        prop_assert_eq!(columns.len(), plain.len());
    }
}

#[test]
fn an_aggregation_that_grows_too_large_is_stopped() {
    let rows: Vec<andon_reader::NewLogRow> = (0..3_000)
        .map(|n| andon_reader::NewLogRow { message: format!("line {n}"), ..Default::default() })
        .collect();
    let group = TestGroup::new(&lines_of(&rows), || 2);
    let request = AggregateRequest {
        query: "*".to_owned(),
        since_us: 0,
        until_us: i64::MAX,
        clock: Clock::Timestamp,
        by: vec![GroupBy::Field { name: "message".to_owned() }],
        measures: vec![Measure::Count],
        order: None,
        limit: 10,
    };
    let limits = Limits { groups: 1_000, ..Limits::default() };
    let aggregation = Aggregation::new(request.clone(), limits).unwrap();
    let error = aggregation.totals().add_group(&aggregation, &group, GO_ON).unwrap_err();
    assert!(error.is_stopped && error.message.contains("groups"));
    // Later values are one group when that is asked for.
    let aggregation = Aggregation::new(request, Limits { values: 100, ..limits }).unwrap();
    let mut totals = aggregation.totals();
    totals.add_group(&aggregation, &group, GO_ON).unwrap();
    let answer = aggregation.answer(totals);
    assert_eq!((answer.groups_total, &answer.rows[0][1]), (Some(101), &Value::from(2_900)));
}

#[test]
fn the_most_frequent_texts_are_those_of_a_full_count() {
    // A few texts are frequent in total although each is rare in some group, most occur once.
    let texts = |group: usize| {
        let frequent = (0..40).flat_map(move |text| vec![format!("/hot/{text}"); 30 + (text * 7 + group * 11) % 50]);
        let rare = (0..6_000).map(move |n| format!("/rare/{}/x{}", n % 97, n + group * 3_000));
        frequent.chain(rare).collect::<Vec<_>>()
    };
    let request = AggregateRequest {
        query: "*".to_owned(),
        since_us: 0,
        until_us: i64::MAX,
        clock: Clock::Timestamp,
        by: vec![GroupBy::Field { name: "path".to_owned() }],
        measures: vec![Measure::Count],
        order: None,
        limit: 12,
    };
    let aggregation = Aggregation::new(request, Limits::default()).unwrap();
    let mut totals = aggregation.totals();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for group in 0..3 {
        let rows: Vec<andon_reader::NewLogRow> = texts(group)
            .into_iter()
            .map(|path| {
                *counts.entry(path.clone()).or_default() += 1;
                let attributes = [("path".to_owned(), Value::from(path))].into_iter().collect();
                andon_reader::NewLogRow { timestamp_us: Some(1), attributes, ..Default::default() }
            })
            .collect();
        let lines = lines_of(&rows);
        if group == 2 {
            for row in 0..lines.len() {
                totals.add_row(&aggregation, &lines.row(row)).unwrap();
            }
        } else {
            totals.add_group(&aggregation, &TestGroup::new(&lines, || 7), GO_ON).unwrap();
        }
    }
    assert_eq!(totals.pending.len(), 2);
    let answer = aggregation.answer(totals);
    let mut expected: Vec<(String, u64)> = counts.into_iter().collect();
    expected.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let found: Vec<(String, u64)> = answer
        .rows
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_u64().unwrap()))
        .collect();
    assert_eq!(found, expected[..12]);
    assert_eq!((answer.groups_total, answer.complete), (None, true));
}

#[test]
fn a_dotted_name_comes_before_an_object_with_that_key_wherever_they_are_kept() {
    let attributes = [("a".to_owned(), serde_json::json!({"b": 500})), ("a.b".to_owned(), (-3).into())];
    let rows = [NewLogRow { timestamp_us: Some(5), attributes: attributes.into_iter().collect(), ..NewLogRow::default() }];
    let field = "a.b".to_owned();
    let request = AggregateRequest {
        query: "*".to_owned(),
        since_us: 0,
        until_us: 10,
        clock: andon_reader::Clock::Timestamp,
        by: Vec::new(),
        measures: vec![Measure::Sum { field: field.clone() }, Measure::Min { field }],
        order: None,
        limit: 10,
    };
    for choices in [vec![0], vec![1], vec![0, 1], vec![1, 0], vec![1, 1, 0]] {
        let aggregation = Aggregation::new(request.clone(), Limits::default()).unwrap();
        let mut totals = aggregation.totals();
        let group = TestGroup::new(&lines_of(&rows), chooser(choices.clone()));
        totals.add_group(&aggregation, &group, GO_ON).unwrap();
        assert_eq!(aggregation.answer(totals).rows, [[Value::from(-3), Value::from(-3)]], "{choices:?}");
    }
}
