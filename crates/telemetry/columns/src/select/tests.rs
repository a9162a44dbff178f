//! Searches on columns find what searches on rows find, whatever form the columns have.

use std::collections::BTreeMap;
use std::sync::Arc;

use andon_reader::query::{Filter, Place};
use andon_reader::{LogRow, NewLogRow};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::column::{Codes, Column, ColumnName};
use crate::lines::{Cell, Kind, Lines, Texts};

/// A group in memory whose columns have forms chosen at will.
pub(crate) struct TestGroup {
    rows: usize,
    columns: BTreeMap<ColumnName, Arc<Column>>,
    severities: u32,
    times: (i64, i64),
    received: (i64, i64),
    has_resources: bool,
}

impl TestGroup {
    /// `choice` says which form the next column gets.
    pub(crate) fn new(lines: &Lines, mut choice: impl FnMut() -> u32) -> Self {
        let rows = lines.len();
        let mut group = Self {
            rows,
            columns: BTreeMap::new(),
            severities: 0,
            times: bounds(lines.timestamps_us()),
            received: (lines.received_at_us(), lines.received_at_us()),
            has_resources: (0..rows).any(|row| !lines.resource_text(row).is_empty()),
        };
        let integers = |values: Vec<i64>| integer_column(&values.into_iter().map(Some).collect::<Vec<_>>());
        let first = lines.first_sequence() as i64;
        group.put(ColumnName::Sequence, integers((0..rows as i64).map(|n| first + n).collect()));
        group.put(ColumnName::Timestamp, integers(lines.timestamps_us().to_vec()));
        group.put(ColumnName::ReceivedAt, integers(vec![lines.received_at_us(); rows]));
        for &number in lines.severity_numbers() {
            group.severities |= 1 << number;
        }
        let numbers = lines.severity_numbers().iter().map(|&n| i64::from(n)).collect();
        group.put(ColumnName::SeverityNumber, integers(numbers));
        for place in 0..6u8 {
            let texts: Vec<Option<&str>> =
                lines.texts(usize::from(place)).unwrap().iter().map(Some).collect();
            if texts.iter().any(|text| *text != Some("")) || choice() % 2 == 0 {
                group.put(ColumnName::Text(place), text_column(&texts, true, choice()));
            }
        }
        let resources: Vec<Option<&str>> = (0..rows).map(|row| Some(lines.resource_text(row))).collect();
        group.put(ColumnName::Resource, text_column(&resources, true, 0));
        group.put_attributes(lines, &mut choice);
        group
    }

    fn put(&mut self, name: ColumnName, column: Column) {
        self.columns.insert(name, Arc::new(column));
    }

    fn put_attributes(&mut self, lines: &Lines, choice: &mut impl FnMut() -> u32) {
        let mut rest: Vec<serde_json::Map<String, Value>> = vec![Default::default(); self.rows];
        for (number, name) in lines.names().iter().enumerate() {
            let cells: Vec<Option<Cell<'_>>> = (0..self.rows)
                .map(|row| lines.cells(row).find(|(field, _)| *field as usize == number).map(|c| c.1))
                .collect();
            if choice() % 3 == 0 {
                for (row, cell) in cells.iter().enumerate() {
                    if let Some(cell) = cell {
                        rest[row].insert(name.to_string(), cell.to_value());
                    }
                }
                continue;
            }
            for kind in [Kind::Text, Kind::Integer, Kind::Float, Kind::Boolean, Kind::Json] {
                let mine: Vec<Option<Cell<'_>>> =
                    cells.iter().map(|cell| cell.filter(|cell| cell.kind() == kind)).collect();
                if mine.iter().any(Option::is_some) {
                    let name = ColumnName::Attribute(name.to_string(), kind);
                    self.put(name, cell_column(kind, &mine, choice()));
                }
            }
        }
        let rest: Vec<String> = rest
            .into_iter()
            .map(|map| if map.is_empty() { String::new() } else { Value::Object(map).to_string() })
            .collect();
        if rest.iter().any(|text| !text.is_empty()) {
            let rest: Vec<Option<&str>> = rest.iter().map(|text| Some(text.as_str())).collect();
            self.put(ColumnName::Rest, text_column(&rest, true, 3));
        }
    }
}

fn bounds(values: &[i64]) -> (i64, i64) {
    let low = values.iter().copied().min().unwrap_or(0);
    (low, values.iter().copied().max().unwrap_or(0))
}

fn presence_of_values<T>(values: &[Option<T>]) -> Option<Bits> {
    let mut bits = Bits::none(values.len());
    (0..values.len()).filter(|&row| values[row].is_some()).for_each(|row| bits.set(row));
    (bits.count() < values.len()).then_some(bits)
}

fn integer_column(values: &[Option<i64>]) -> Column {
    let base = values.iter().flatten().copied().min().unwrap_or(0);
    let offsets: Vec<u64> =
        values.iter().map(|v| v.unwrap_or(base).wrapping_sub(base).cast_unsigned()).collect();
    Column::Integers {
        base,
        offsets: Codes::pack(offsets.iter().copied()),
        presence: presence_of_values(values),
    }
}

fn cell_column(kind: Kind, cells: &[Option<Cell<'_>>], choice: u32) -> Column {
    match kind {
        Kind::Integer => integer_column(
            &cells
                .iter()
                .map(|cell| match cell {
                    Some(Cell::Integer(number)) => Some(*number),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Kind::Float => Column::Floats {
            values: cells
                .iter()
                .map(|cell| match cell {
                    Some(Cell::Float(number)) => *number,
                    _ => 0.0,
                })
                .collect(),
            presence: presence_of_values(cells),
        },
        Kind::Boolean => {
            let mut values = Bits::none(cells.len());
            for (row, cell) in cells.iter().enumerate() {
                if matches!(cell, Some(Cell::Boolean(true))) {
                    values.set(row);
                }
            }
            Column::Booleans { values, presence: presence_of_values(cells) }
        }
        Kind::Text | Kind::Json => {
            let texts: Vec<Option<&str>> = cells
                .iter()
                .map(|cell| match cell {
                    Some(Cell::Text(text) | Cell::Json(text)) => Some(*text),
                    _ => None,
                })
                .collect();
            text_column(&texts, false, choice)
        }
    }
}

fn text_column(texts: &[Option<&str>], is_fixed: bool, choice: u32) -> Column {
    let presence = presence_of_values(texts);
    let is_id = |text: &str| {
        text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_absent = |text: &Option<&str>| text.is_none() || (is_fixed && *text == Some(""));
    if texts.iter().all(|text| is_absent(text) || text.is_some_and(is_id)) && choice % 2 == 0 {
        let mut bytes = Vec::new();
        let mut given = Bits::none(texts.len());
        for (row, text) in texts.iter().enumerate() {
            if !is_absent(text) {
                given.set(row);
            }
            let number = u64::from_str_radix(text.unwrap_or(""), 16).unwrap_or(0);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let presence = (given.count() < texts.len()).then_some(given);
        return Column::Identifiers { width: 8, bytes, presence };
    }
    match choice % 4 {
        0 | 1 => {
            let mut places = BTreeMap::new();
            let mut dictionary = Texts::default();
            let codes: Vec<Option<u64>> = texts
                .iter()
                .map(|text| {
                    text.map(|text| {
                        *places.entry(text.to_owned()).or_insert_with(|| {
                            dictionary.push(text);
                            dictionary.len() as u64 - 1
                        })
                    })
                })
                .collect();
            let absent = dictionary.len() as u64;
            let codes: Vec<u64> = codes.into_iter().map(|code| code.unwrap_or(absent)).collect();
            Column::Dictionary { codes: Codes::pack(codes.iter().copied()), dictionary }
        }
        2 => {
            let mut all = Texts::default();
            texts.iter().for_each(|text| all.push(text.unwrap_or("")));
            Column::Texts { texts: all, presence }
        }
        _ => Column::Templates {
            column: Arc::new(template_column(texts)),
            presence,
        },
    }
}

struct Pages(Vec<Vec<u8>>);

impl crate::template::PageSource for Pages {
    fn page(&self, number: u32) -> Result<Arc<Vec<u8>>, ColumnError> {
        let page = self.0.get(number as usize);
        let page = page.ok_or_else(|| ColumnError::damaged("no such page"))?;
        crate::template::decompress_page(page).map(Arc::new)
    }
}

fn template_column(texts: &[Option<&str>]) -> crate::template::TemplateColumn {
    let encoded = crate::template::encode_texts(texts.iter().map(|text| text.unwrap_or("")));
    let pages = Arc::new(Pages(encoded.pages));
    crate::template::TemplateColumn::open(&encoded.ids, &encoded.directory, pages).unwrap()
}

impl GroupView for TestGroup {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError> {
        Ok(self.columns.get(name).cloned())
    }

    fn kinds(&self, attribute: &str) -> Vec<Kind> {
        self.attributes().into_iter().filter(|(name, _)| name == attribute).map(|(_, k)| k).collect()
    }

    fn attributes(&self) -> Vec<(String, Kind)> {
        let names = self.columns.keys().filter_map(|name| match name {
            ColumnName::Attribute(name, kind) => Some((name.clone(), *kind)),
            _ => None,
        });
        names.collect()
    }

    fn rest_may_have(&self, _name: &str) -> bool {
        self.columns.contains_key(&ColumnName::Rest)
    }

    fn resource_may_have(&self, _name: &str) -> bool {
        self.has_resources
    }

    fn may_have_key(&self, _key: u64) -> bool {
        true
    }

    fn severities(&self) -> u32 {
        self.severities
    }

    fn timestamp_bounds_us(&self) -> (i64, i64) {
        self.times
    }

    fn received_bounds_us(&self) -> (i64, i64) {
        self.received
    }
}

/// Values that meet each other in searches.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(vec![
            json!("GET"), json!("get /a/b 500"), json!("500"), json!("5e2"), json!("u479"), json!("u48"),
            json!("00000000000000ff"), json!("00000000000001f4"), json!(""), json!("größe K8s"),
            json!(500), json!(-3), json!(404), json!(i64::MAX), json!(i64::MIN), json!(u64::MAX),
            json!(500.0), json!(0.25), json!(1e300), json!(true), json!(false), json!(null),
            json!([1, "x", true]), json!({"b": 500}), json!({"b": {"c": "GET"}}), json!([]),
        ]),
        1 => (0i64..1_000).prop_map(Value::from),
        1 => (0i64..1_000).prop_map(|n| Value::from(format!("u{n}"))),
    ]
}

pub(crate) fn row() -> impl Strategy<Value = NewLogRow> {
    let message = prop_oneof![
        prop::sample::select(vec![
            "", "connection refused", "Connection: REFUSED by 10.0.0.7", "blk_-1608999687919862906 done",
            "user u479 took 12ms", "a => b", "größe K8s", "00000000000000ff", "NEEDLE-7f3a9c41 x", "get",
        ])
        .prop_map(str::to_owned),
        (0u32..300, 0u32..3).prop_map(|(n, m)| format!("took {n} ms at host-{m} user=u{n}")),
    ];
    let id = prop::sample::select(vec!["", "00000000000000ff", "00000000000001f4", "12345678", "abcdef0123456789"]);
    let word = prop::sample::select(vec!["", "error", "WARN", "pay", "K8s", "cart-1"]);
    let name = prop::sample::select(vec!["a", "a.b", "b", "status", "user_id"]);
    let attributes = prop::collection::btree_map(name, value(), 0..4);
    let resource = prop::option::of(value());
    (0i64..2_000_000, prop::sample::select(vec![0u8, 1, 9, 10, 17, 24]), word.clone(), word, message, (id.clone(), id), attributes, resource)
        .prop_map(|(time, severity_number, severity, service, message, ids, attributes, resource)| NewLogRow {
            timestamp_us: Some(time),
            severity_number,
            severity_text: severity.to_owned(),
            service: service.to_owned(),
            message,
            trace_id: ids.0.to_owned(),
            span_id: ids.1.to_owned(),
            scope: String::new(),
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            resource: Arc::new(resource.into_iter().map(|value| ("status".to_owned(), value)).collect()),
        })
}

const LEAVES: &[&str] = &[
    "refused", "\"connection refused\"", "get", "GET", "00000000000000ff", "u479", "user", "ref*", "*fused",
    "*blk_-16*", "/blk_-16/", "/took [0-9]+ ms/", "/u4/", "\"=>\"", "größe", "k8s", "*8s", "needle-7f3a9c41", "took", "12ms",
    "level:error", "level:>=warn", "level:[info TO error}", "level:unset", "level:pay", "level:*", "level:/err/", "level:e*",
    "severity_number:>9", "severity_number:17", "severity_number:*", "severity_number:1?",
    "service:pay", "service:k8s", "service:*", "service:c*", "service:[a TO m]", "service:/a/",
    "trace_id:00000000000000FF", "trace_id:*", "trace_id:0*", "trace_id:12345678", "scope:*", "message:*", "message:>m",
    "a:500", "a:>=500", "a:[-5 TO 404]", "a:{0 TO 500.0}", "a:get", "a:\"a b\"", "a:*", "a:u4?9", "a:u479", "a:/^5/", "a:true",
    "a:00000000000000ff", "a:500.0", "a:>1e18", "a:<0", "a:[m TO z]", "a:/E/", "a:x", "a:1",
    "a.b:500", "a.b:*", "a.b.c:get", "attributes.a:500", "resource.status:*", "status:500", "status:*", "b:*", "b:u*",
    "user_id:u479", "user_id:>=0", "missing:*", "missing:5", "a:\"\"", "a:*5*", "user_id:*9",
    "timestamp:[1970-01-01T00:00:00.5Z TO 1970-01-01T00:00:01Z]", "received_at:*", "received_at:>2020-01-01",
];

fn query() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES.to_vec()).prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("NOT ({part})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(") AND ("))),
            prop::collection::vec(inner, 2..4).prop_map(|parts| format!("({})", parts.join(") OR ("))),
        ]
    })
}

pub(crate) fn lines_of(rows: &[NewLogRow]) -> Lines {
    let mut lines = Lines::of(rows);
    lines.stamp(100, 1_000_000);
    lines
}

/// Choices from a list, again and again.
pub(crate) fn chooser(choices: Vec<u32>) -> impl FnMut() -> u32 {
    let mut choices = choices.into_iter().cycle();
    move || choices.next().unwrap_or(0)
}

fn log_rows(lines: &Lines) -> Vec<LogRow> {
    (0..lines.len()).map(|row| lines.to_log_row(row)).collect()
}

pub(crate) const GO_ON: Checkpoint<'static> = &|| Ok(());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn columns_match_as_rows_do(
        rows in prop::collection::vec(row(), 1..90),
        queries in prop::collection::vec(query(), 1..12),
        choices in prop::collection::vec(0u32..12, 1..40),
        skipped in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let lines = lines_of(&rows);
        let group = TestGroup::new(&lines, chooser(choices));
        let plain = log_rows(&lines);
        let mut within = Bits::all(lines.len());
        skipped.iter().for_each(|index| within.clear(index.index(lines.len())));
        for query in &queries {
            let filter = Filter::parse(query).unwrap();
            let found = select(&filter, &group, within.clone(), GO_ON).unwrap();
            let in_memory = select_lines(&filter, &lines, within.clone(), GO_ON).unwrap();
            prop_assert_eq!(&in_memory, &found, "{}", query);
            for (row, plain) in plain.iter().enumerate() {
                prop_assert_eq!(filter.matches(plain), filter.matches(&lines.row(row)), "rows differ: {} {:?}", query, plain);
                prop_assert_eq!(found.get(row), within.get(row) && filter.matches(plain), "{} {:?}", query, plain);
            }
            let span = Span { since_us: 200_000, until_us: 1_500_000, clock: andon_reader::Clock::Timestamp };
            let expected = plain.iter().filter(|row| span.has(row.timestamp_us) && filter.matches(*row)).count();
            prop_assert_eq!(count(&filter, &group, span, GO_ON).unwrap(), expected as u64, "{}", query);
        }
    }
}

#[test]
fn every_search_of_the_list_can_be_read() {
    for query in LEAVES {
        assert!(Filter::parse(query).is_ok(), "{query}");
    }
    let _ = Place::Any;
}

#[test]
fn a_search_stops_when_it_is_told_to() {
    let rows: Vec<NewLogRow> = (0..10_000)
        .map(|n| NewLogRow { message: format!("line {n}"), ..NewLogRow::default() })
        .collect();
    let lines = lines_of(&rows);
    let group = TestGroup::new(&lines, || 2);
    let filter = Filter::parse("/x+y/").unwrap();
    let asked = std::cell::Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        if asked.get() > 2 { Err(ColumnError::stopped("enough")) } else { Ok(()) }
    };
    let error = select(&filter, &group, Bits::all(lines.len()), &stop).unwrap_err();
    assert!(error.is_stopped);
}
