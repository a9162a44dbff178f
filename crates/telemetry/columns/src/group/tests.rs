//! What goes into a group comes out of it.

use andon_reader::NewLogRow;
use andon_reader::query::Filter;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bits::Bits;
use crate::column::GroupView;
use crate::lines::Kind;
use crate::select::{select, select_lines};

fn row(message: &str) -> NewLogRow {
    NewLogRow {
        timestamp_us: Some(1_000),
        message: message.to_owned(),
        ..NewLogRow::default()
    }
}

fn batch(rows: &[NewLogRow], first: u64) -> Lines {
    let mut lines = Lines::of(rows);
    lines.stamp(first, 5_000 + i64::try_from(first).unwrap());
    lines
}

/// What a line says, in a form that can be compared: attributes have no order.
fn facts_of_line(lines: &Lines, row: usize) -> String {
    let line = lines.to_log_row(row);
    let mut attributes: Vec<String> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (field, cell) in lines.cells(row) {
        if seen.insert(field) {
            attributes.push(format!("{}={cell:?}", lines.names()[field as usize]));
        }
    }
    attributes.sort();
    format!(
        "{} {} {} {} {:?} {:?} {attributes:?}",
        line.id,
        line.timestamp_us,
        line.received_at_us,
        line.severity_number,
        [
            line.severity_text,
            line.service,
            line.message,
            line.trace_id,
            line.span_id,
            line.scope
        ],
        lines.resource_text(row),
    )
}

fn facts_of_row(rows: &GroupRows<'_>, row: usize) -> String {
    let mut buffer = RowBuffer::default();
    let read = rows.read(row, &mut buffer).unwrap();
    let mut attributes: Vec<String> = read
        .cells
        .iter()
        .map(|(name, cell)| format!("{name}={cell:?}"))
        .collect();
    attributes.sort();
    format!(
        "{} {} {} {} {:?} {:?} {attributes:?}",
        read.sequence,
        read.timestamp_us,
        read.received_at_us,
        read.severity_number,
        read.texts,
        read.resource,
    )
}

fn assert_same(batches: &[Lines], view: &dyn GroupView) {
    let rows = GroupRows::open(view).unwrap();
    let mut number = 0;
    for lines in batches {
        for row in 0..lines.len() {
            assert_eq!(
                facts_of_row(&rows, number),
                facts_of_line(lines, row),
                "row {number}"
            );
            number += 1;
        }
    }
    assert_eq!(rows.len(), number);
}

fn close(batches: &[Lines]) -> MemoryGroup {
    let mut builder = GroupBuilder::new();
    batches.iter().for_each(|lines| builder.push(lines));
    MemoryGroup::new(builder.finish()).unwrap()
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        "[a-z]{0,3}".prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
        "[0-9a-f]{32}".prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (0i64..5).prop_map(serde_json::Value::from),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(json!(null)),
        Just(json!({"a": {"b": [1, "x"]}})),
        Just(json!(u64::MAX)),
    ]
}

fn any_row() -> impl Strategy<Value = NewLogRow> {
    let attributes = prop::collection::vec(("[a-e](\\.[a-c])?", any_json()), 0..5);
    let ids = ("([0-9a-f]{32})?", "([0-9a-f]{16})?|x");
    let texts = (
        "[a-c]{0,2}",
        prop_oneof![
            any::<String>(),
            "user [0-9]{1,4} from 10\\.0\\.0\\.[0-9]{1,3} took [0-9]{1,3}ms"
        ],
    );
    (attributes, ids, texts, any::<Option<i32>>(), 0u8..30).prop_map(
        |(attributes, (trace_id, span_id), (service, message), time, severity_number)| NewLogRow {
            timestamp_us: time.map(i64::from),
            severity_number,
            severity_text: service.clone(),
            service: service.clone(),
            message: format!("{message} {trace_id}"),
            trace_id,
            span_id,
            scope: String::new(),
            attributes: attributes.into_iter().collect(),
            resource: std::sync::Arc::new([("r".to_owned(), service.into())].into_iter().collect()),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn lines_come_back_and_again_after_a_merge(
        batches in prop::collection::vec(prop::collection::vec(any_row(), 0..40), 0..4),
        gap in 0u64..1_000,
    ) {
        let mut first = 7;
        let batches: Vec<Lines> = batches.iter().map(|rows| {
            let lines = batch(rows, first);
            first += rows.len() as u64 + gap;
            lines
        }).collect();
        let view = close(&batches);
        assert_same(&batches, &view);
        let rows = GroupRows::open(&view).unwrap();
        let mut merged = GroupBuilder::new();
        let mut buffer = RowBuffer::default();
        for row in 0..rows.len() {
            merged.push_row(&rows.read(row, &mut buffer).unwrap().parts());
        }
        assert_same(&batches, &MemoryGroup::new(merged.finish()).unwrap());
    }
}

/// Longer than what is looked for of a word at first.
const LONG_WORD: &str = "job_processor_for_incoming_customer_invoice_documents_in_the_retry_queue_";

/// A message that draws on few words, so that a word is constant here, part of a variable there, and
/// the value of another column elsewhere.
fn message() -> impl Strategy<Value = (String, String)> {
    let word = || prop::sample::select(vec!["kelvin", "\u{212A}elvin", "State", "x9", "needle", "7f3a", "/a/needle", "u479", "GET"]);
    let joint = || prop::sample::select(vec![" ", "-", "=", "", "\"", " took 12ms ", "_"]);
    let last = || prop::sample::select(vec!["", "blk_", LONG_WORD, "İstanbul ", "u"]);
    let path = || prop::sample::select(vec!["/a/needle", "/b/state.x9", "linux 7f3a", "İ1/x"]);
    (word(), joint(), word(), joint(), 0u32..2_000, path(), last()).prop_map(|(one, joint, two, end, number, path, last)| {
        (format!("{one}{joint}{two} of {number}{end}{path} {last}"), path.to_owned())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn words_are_found_in_constants_variables_and_references(shapes in prop::collection::vec(message(), 1..12), rows in 20usize..700) {
        let lines: Vec<NewLogRow> = (0..rows).map(|number| {
            let (message, path) = &shapes[number % shapes.len()];
            NewLogRow {
                attributes: [("path".to_owned(), path.as_str().into())].into_iter().collect(),
                ..self::row(&format!("{}{}", message.replace(" of ", &format!(" of {} ", number * 7)), number * 7))
            }
        }).collect();
        let lines = batch(&lines, 1);
        let view = close(std::slice::from_ref(&lines));
        for query in ["kelvin", "state", "x9", "needle", "7f3a", "\"needle 7f3a\"", "u479", "get", "12ms", "\"state kelvin\"", "needle AND NOT state", "path:needle", "linux", "14", "took", "blk_14", "blk_", "u14", "İstanbul", "İ1", &format!("{LONG_WORD}14"), "\"istanbul 14\""] {
            let filter = Filter::parse(query).unwrap();
            let found = select(&filter, &view, Bits::all(rows), &|| Ok(())).unwrap();
            for row in 0..rows {
                prop_assert_eq!(found.get(row), filter.matches(&lines.row(row)), "{} {:?}", query, lines.to_log_row(row).message);
            }
            prop_assert_eq!(select_lines(&filter, &lines, Bits::all(rows), &|| Ok(())).unwrap(), found);
        }
    }
}

/// Numbers that look random but are the same every time.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[test]
fn columns_take_the_form_that_their_values_ask_for() {
    let rows: Vec<NewLogRow> = (0..20_000u64)
        .map(|n| NewLogRow {
            service: format!("service-{}", n % 7),
            trace_id: format!(
                "{:032x}",
                u128::from(mixed(n)) << 64 | u128::from(mixed(n + 1))
            ),
            attributes: [
                ("status".to_owned(), json!(200 + n % 5)),
                (
                    "request".to_owned(),
                    json!(format!("/a/{}/b?x={}&padding={:060}", mixed(n), n, n)),
                ),
                (
                    "sometimes".to_owned(),
                    if n % 3 == 0 {
                        json!("x")
                    } else {
                        json!(n + 1_000_000)
                    },
                ),
            ]
            .into_iter()
            .collect(),
            ..row(&format!(
                "request {n} for service-{} in {} ms",
                n % 7,
                mixed(n) % 900
            ))
        })
        .collect();
    let batches = [batch(&rows, 1)];
    let view = close(&batches);
    assert_same(&batches, &view);
    let form = |name: &ColumnName| {
        let column = view.column(name).unwrap().unwrap();
        format!("{column:?}")
            .split([' ', '{'])
            .next()
            .unwrap()
            .to_owned()
    };
    let attribute = |name: &str, kind| ColumnName::Attribute(name.to_owned(), kind);
    assert_eq!(form(&ColumnName::Text(1)), "Dictionary");
    assert_eq!(form(&ColumnName::Text(2)), "Templates");
    assert_eq!(form(&ColumnName::Text(3)), "Identifiers");
    assert_eq!(form(&attribute("status", Kind::Integer)), "Integers");
    assert_eq!(form(&attribute("request", Kind::Text)), "Templates");
    assert_eq!(view.kinds("sometimes").len(), 2);
    // Identifiers and variable words have keys, and so may be ruled out.
    let key = |place, word: &str| crate::keys::word_key(&ColumnName::Text(place), word);
    assert!(view.has_keys(&ColumnName::Text(3)) && !view.has_keys(&ColumnName::Text(1)));
    for n in (0..20_000).step_by(997) {
        assert!(view.may_have_key(key(3, &rows[n].trace_id)));
        assert!(view.may_have_key(key(2, &n.to_string())), "{n}");
    }
    let wrong = (50_000..60_000)
        .filter(|n| view.may_have_key(key(2, &n.to_string())))
        .count();
    assert!(wrong < 200, "{wrong}");
    // What columns keep once is known without them: constants of templates and texts of dictionaries.
    let kept = |place, word: &str| view.vocabulary_may_have(key(place, word));
    assert_eq!((kept(2, "request"), kept(2, "ms")), (Some(true), Some(true)));
    assert_eq!((kept(2, "absent"), kept(1, "request")), (Some(false), Some(false)));
    for text in rows.iter().take(100).map(|row| &row.service) {
        for word in andon_reader::query::tokens(text) {
            assert_eq!(kept(1, word), Some(true), "{word}");
        }
    }
}

#[test]
fn in_which_templates_a_word_stands_is_known_roughly() {
    let rows: Vec<NewLogRow> = (0..20_000u64)
        .map(|n| match n % 3 {
            0 => row(&format!("opened file x{:x}y", mixed(n))),
            1 => row(&format!("closed socket z{:x}w after {n} ms", mixed(n))),
            _ => row(&format!("tick {n}")),
        })
        .collect();
    let batches = [batch(&rows, 1)];
    let view = close(&batches);
    let messages = view.column(&ColumnName::Text(2)).unwrap().unwrap();
    let Column::Templates { column, .. } = &*messages else { panic!("no templates") };
    let by_template = column.rows_by_template().unwrap();
    let mut elsewhere = 0;
    for (at, row) in rows.iter().enumerate().filter(|(at, _)| at % 3 < 2) {
        let word = row.message.split(' ').nth(2).unwrap();
        let buckets = view.message_buckets(word);
        let own = 1 << crate::keys::bucket_of(by_template.template_of(at).unwrap());
        assert!(buckets & own != 0, "{word}");
        elsewhere += (buckets & !own).count_ones();
    }
    // Thirteen thousand words with sixty-three other buckets each, of which four in a thousand are taken for it.
    assert!(elsewhere < 6_000, "{elsewhere}");
    assert_eq!(view.message_buckets("12"), u64::MAX, "numbers stand anywhere");
}

#[test]
fn ten_thousand_fields_share_the_rest_and_come_back() {
    let rows: Vec<NewLogRow> = (0..20_000u64)
        .map(|n| NewLogRow {
            attributes: [
                (format!("field_{}", n % 10_000), json!(n)),
                ("common".to_owned(), json!(format!("value {}", n % 3))),
                (
                    format!("nested_{}", n % 300),
                    json!({"inner": n, "text": "ä\"\\"}),
                ),
            ]
            .into_iter()
            .collect(),
            ..row("a line")
        })
        .collect();
    let batches = [batch(&rows[..9_000], 1), batch(&rows[9_000..], 100_000)];
    let view = close(&batches);
    assert_same(&batches, &view);
    assert_eq!(view.attributes().len(), crate::column::PROMOTED_FIELDS);
    assert!(!view.kinds("common").is_empty());
    assert!(view.rest_may_have("field_9999"));
}

#[test]
fn names_of_the_rest_are_known_with_what_is_inside() {
    let rows: Vec<NewLogRow> = (0..500)
        .map(|n| NewLogRow {
            attributes: [(format!("field_{n}"), json!({"in": {"deep": 1}}))]
                .into_iter()
                .collect(),
            ..row("x")
        })
        .collect();
    let view = close(&[batch(&rows, 1)]);
    assert!(view.rest_may_have("field_499.in.deep"));
    assert!(!view.rest_may_have("field_499.out"));
    assert!(!view.rest_may_have("nothing"));
}

#[test]
fn an_empty_group_and_huge_texts_are_no_trouble() {
    let view = close(&[]);
    assert_eq!(view.rows(), 0);
    assert_same(&[], &view);
    let huge = "ab1 ".repeat(200_000);
    let rows: Vec<NewLogRow> = (0..5).map(|n| row(&format!("{n} {huge}"))).collect();
    let batches = [batch(&rows, 1)];
    assert_same(&batches, &close(&batches));
}
