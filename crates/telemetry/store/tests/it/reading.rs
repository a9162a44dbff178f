//! Search agrees with the plain meaning of a query, across memory and segments.

use andon_reader::query::Filter;
use andon_reader::{
    Clock, CountRequest, FieldType, FieldsRequest, HistogramRequest, LogReader, LogRow, NewLogRow,
    Order, SearchRequest, TailEvent, code,
};
use futures::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{START_US, World, append, everything, ids, line, rich_line, search};

const WORDS: [&str; 12] = [
    "timeout", "Timeout", "refused", "10.0.3.4", "ord-99", "café", "CAFÉ", "500", "=>", "x_y",
    "the", "K",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
        (-3i64..600).prop_map(Value::from),
        proptest::sample::select(vec![0.5, 12.0, 500.0, 1e20]).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!({"inner": 500, "b.c": "refused"})),
        Just(json!([500, "timeout", {"inner": 1}])),
        Just(Value::Null),
        Just(Value::from("500")),
        Just(Value::from("007")),
        Just(Value::from(u64::MAX)),
    ]
}

pub(crate) fn new_row() -> impl Strategy<Value = NewLogRow> {
    let name = proptest::sample::select(vec!["status", "a", "a.b", "user.id", "level"]);
    let attributes = proptest::collection::btree_map(name, value(), 0..4);
    let resource = proptest::collection::btree_map(
        proptest::sample::select(vec!["host", "status"]),
        value(),
        0..2,
    );
    let words = proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..5);
    (
        words,
        attributes,
        resource,
        0u8..25,
        0i64..1_000,
        proptest::sample::select(vec!["pay", "Pay-2", ""]),
        0u64..5,
    )
        .prop_map(
            |(words, attributes, resource, severity_number, time, service, trace)| NewLogRow {
                timestamp_us: Some(START_US + time * 1_000_000),
                severity_number,
                severity_text: if severity_number == 0 {
                    "odd".into()
                } else {
                    String::new()
                },
                service: service.into(),
                message: words.join(" "),
                trace_id: if trace == 0 {
                    String::new()
                } else {
                    format!("{trace:032x}")
                },
                span_id: String::new(),
                scope: "s".into(),
                attributes: attributes
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect(),
                resource: std::sync::Arc::new(
                    resource
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect(),
                ),
            },
        )
}

pub(crate) const QUERIES: [&str; 40] = [
    "*",
    "timeout",
    "NOT timeout",
    "\"timeout refused\"",
    "10.0.3.4",
    "10.0.*",
    "ord-99",
    "café",
    "k",
    "500",
    "\"=>\"",
    "status:500",
    "status:5e2",
    "status:>=500",
    "status:[0 TO 12]",
    "status:timeout",
    "status:true",
    "status:*",
    "NOT status:*",
    "a.inner:500",
    "a.b.c:refused",
    "a.b:refused",
    "a:500",
    "a:timeout",
    "user.id:007",
    "user.id:7",
    "level:error",
    "level:>=warn",
    "level:odd",
    "attributes.level:*",
    "service:pay",
    "service:pay*",
    "service:\"\"",
    "trace_id:00000000000000000000000000000003",
    "00000000000000000000000000000003",
    "host:*",
    "resource.status:500",
    "(timeout OR refused) AND -level:<info",
    "/ref.s/ OR status:/^5/",
    "status:18446744073709551615",
];

fn expected(all: &[LogRow], query: &str) -> Vec<u64> {
    let filter = Filter::parse(query).expect("a query");
    ids(&all
        .iter()
        .filter(|row| filter.matches(*row))
        .cloned()
        .collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn search_finds_exactly_what_the_query_means(
        groups in proptest::collection::vec(proptest::collection::vec(new_row(), 1..30), 1..5),
        flushes in 0usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let world = World::new();
            let store = world.open();
            let mut all: Vec<LogRow> = Vec::new();
            for (number, group) in groups.into_iter().enumerate() {
                let plain = group.clone();
                let receipt = append(&store, group).await;
                let first: u64 = receipt.first_id.expect("an id").parse().expect("a number");
                all.extend(plain.into_iter().zip(first..).map(|(row, id)| LogRow {
                    id: id.to_string(),
                    timestamp_us: row.timestamp_us.unwrap_or(receipt.received_at_us),
                    received_at_us: receipt.received_at_us,
                    severity_number: row.severity_number,
                    severity_text: row.severity_text,
                    service: row.service,
                    message: row.message,
                    trace_id: row.trace_id,
                    span_id: row.span_id,
                    scope: row.scope,
                    attributes: row.attributes,
                    resource: (*row.resource).clone(),
                }));
                if number < flushes {
                    store.flush().await.expect("flushed");
                }
            }
            for query in QUERIES {
                let result = search(&store, query).await;
                prop_assert_eq!(ids(&result.rows), expected(&all, query), "{}", query);
                for row in &result.rows {
                    let original = all.iter().find(|one| one.id == row.id).expect("known");
                    prop_assert_eq!(row, original, "{}", query);
                }
                let count = store.count(CountRequest { query: query.into(), since_us: i64::MIN, until_us: i64::MAX, clock: Clock::Timestamp }).await.expect("counted");
                prop_assert_eq!(count.count as usize, result.rows.len());
            }
            Ok(())
        })?;
    }
}

async fn filled(world: &World) -> andon_store::LogStore {
    let store = world.open();
    for round in 0..4i64 {
        append(
            &store,
            (round * 50..round * 50 + 50).map(rich_line).collect(),
        )
        .await;
        if round < 2 {
            store.flush().await.expect("flushed");
        }
    }
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let world = World::new();
    let store = filled(&world).await;
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let mut request = SearchRequest {
            order,
            limit: 7,
            ..everything("level:info")
        };
        let mut seen: Vec<i64> = Vec::new();
        loop {
            let page = store.search(request.clone()).await.expect("a page");
            seen.extend(page.rows.iter().map(|row| row.timestamp_us));
            request.cursor = page.next;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 180);
        let sorted = match order {
            Order::NewestFirst => seen.windows(2).all(|pair| pair[0] > pair[1]),
            Order::OldestFirst => seen.windows(2).all(|pair| pair[0] < pair[1]),
        };
        assert!(sorted);
    }
    let wrong = SearchRequest {
        cursor: Some("nonsense".into()),
        ..everything("*")
    };
    assert_eq!(
        store.search(wrong).await.expect_err("refused").code,
        code::REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_needle_reads_only_the_segment_that_may_have_it() {
    let world = World::new();
    let store = world.open();
    for round in 0..5i64 {
        append(
            &store,
            (round * 1_000..round * 1_000 + 1_000)
                .map(rich_line)
                .collect(),
        )
        .await;
        store.flush().await.expect("flushed");
    }
    let needle = search(&store, &format!("trace_id:{:032x}", 3_456)).await;
    assert_eq!(needle.rows.len(), 1);
    assert_eq!(needle.scanned_segments, 1);
    // Words of constant text are asked of the directories of templates, which takes no line.
    assert!(search(&store, "neverwritten").await.rows.is_empty());
    assert_eq!(search(&store, "nosuchfield:*").await.scanned_segments, 0);
    let newest = store
        .search(SearchRequest::new("*", i64::MIN, i64::MAX))
        .await
        .expect("found");
    assert_eq!((newest.rows.len(), newest.scanned_segments), (100, 1));
    let row = store
        .row(&needle.rows[0].id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(row, needle.rows[0]);
    assert_eq!(store.row("999999").await.expect("read"), None);
    assert_eq!(store.row("x").await.expect("read"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn histograms_add_up() {
    let world = World::new();
    let store = filled(&world).await;
    let request = HistogramRequest {
        query: "*".into(),
        since_us: START_US,
        until_us: START_US + 200_000,
        buckets: None,
        bucket_us: Some(20_000),
        by: Some("level".into()),
        clock: Clock::Timestamp,
    };
    let bars = store.histogram(request.clone()).await.expect("bars");
    assert_eq!(
        (bars.total, bars.starts_us.len(), bars.bucket_us),
        (200, 10, 20_000)
    );
    assert_eq!(
        bars.series
            .iter()
            .map(|s| s.name.as_str())
            .collect::<Vec<_>>(),
        ["info", "error"]
    );
    assert_eq!(bars.series[1].counts, vec![2; 10]);
    let by_service = store
        .histogram(HistogramRequest {
            by: Some("service".into()),
            ..request.clone()
        })
        .await
        .expect("bars");
    assert_eq!(by_service.series.len(), 3);
    let by_number = store
        .histogram(HistogramRequest {
            by: Some("n".into()),
            ..request.clone()
        })
        .await
        .expect("bars");
    assert_eq!(by_number.series.len(), 21, "twenty values and the rest");
    assert_eq!(
        by_number.series.iter().flat_map(|s| &s.counts).sum::<u64>(),
        200
    );
    let few = store
        .histogram(HistogramRequest {
            bucket_us: None,
            buckets: Some(5),
            by: None,
            query: "level:error".into(),
            ..request.clone()
        })
        .await
        .expect("bars");
    assert_eq!(
        (few.total, few.series[0].counts.iter().sum::<u64>()),
        (20, 20)
    );
    let silly = HistogramRequest {
        bucket_us: Some(1),
        until_us: i64::MAX,
        ..request
    };
    assert_eq!(
        store.histogram(silly).await.expect_err("refused").code,
        code::REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_everything_reads_nothing() {
    let world = World::new();
    let store = filled(&world).await;
    let all = CountRequest {
        query: "*".into(),
        since_us: i64::MIN,
        until_us: i64::MAX,
        clock: Clock::ReceivedAt,
    };
    let counted = store.count(all.clone()).await.expect("counted");
    assert_eq!((counted.count, counted.scanned_rows), (200, 0));
    let some = CountRequest {
        since_us: START_US + 10_000,
        until_us: START_US + 20_000,
        clock: Clock::Timestamp,
        ..all
    };
    assert_eq!(store.count(some).await.expect("counted").count, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_named_with_types_and_values() {
    let world = World::new();
    let store = filled(&world).await;
    let fields = store
        .fields(FieldsRequest {
            query: "*".into(),
            since_us: i64::MIN,
            until_us: i64::MAX,
        })
        .await
        .expect("fields");
    assert!(fields.complete);
    assert_eq!(fields.sampled_rows, 200);
    let named = |name: &str| {
        fields
            .fields
            .iter()
            .find(|field| field.name == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(named("level").top[0].value, "info");
    assert_eq!(
        (named("n").kind, named("n").distinct),
        (FieldType::Number, 200)
    );
    assert_eq!(named("even").kind, FieldType::Boolean);
    assert_eq!(named("nested.x").count, 200);
    assert_eq!(named("host.name").top[0].count, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_delivers_matching_lines_and_says_what_it_missed() {
    let world = World::new();
    let store = world.open();
    append(&store, vec![line("before")]).await;
    let mut tail = store.tail("level:error").expect("a tail");
    append(&store, (1..=20).map(rich_line).collect()).await;
    for expected in [10, 20] {
        match tail.next().await {
            Some(TailEvent::Row { row }) => assert_eq!(row.attributes["n"], expected),
            other => panic!("{other:?}"),
        }
    }
    for _ in 0..600 {
        append(&store, vec![line("flood"), line("flood")]).await;
    }
    append(&store, vec![rich_line(30)]).await;
    let Some(TailEvent::Lagged { skipped }) = tail.next().await else {
        panic!("it should have lagged")
    };
    assert!((1..1_200).contains(&skipped), "{skipped}");
    assert!(matches!(tail.next().await, Some(TailEvent::Row { .. })));
    assert_eq!(
        store.tail("(").err().map(|error| error.code).as_deref(),
        Some(code::QUERY_SYNTAX)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_appears_at_or_below_the_watermark() {
    let world = World::new();
    let store = world.open();
    for _ in 0..50 {
        let watermark = store.watermark_us();
        let receipt = append(&store, vec![line("x")]).await;
        assert!(receipt.received_at_us > watermark);
        assert!(store.watermark_us() >= receipt.received_at_us);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_its_budget_says_so() {
    let mut world = World::new();
    world.config.query_bytes = 10;
    let store = filled(&world).await;
    let result = store.search(everything("took")).await.expect("an answer");
    assert!(!result.complete && result.next.is_none());
    assert!(
        result.missing[0].contains("byte limit"),
        "{:?}",
        result.missing
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_very_long_lines_is_cut_into_pages() {
    let mut world = World::new();
    world.config.answer_bytes = 100_000;
    let store = world.open();
    for round in 0..8 {
        append(
            &store,
            (0..10)
                .map(|n| line(format!("{round} {n} {}", "x".repeat(9_000))))
                .collect(),
        )
        .await;
        if round == 3 {
            store.flush().await.expect("flushed");
        }
    }
    let mut request = everything("*");
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = store.search(request.clone()).await.expect("a page");
        assert!(page.rows.len() <= 24, "{} rows", page.rows.len());
        seen.extend(ids(&page.rows));
        pages += 1;
        request.cursor = page.next;
        if request.cursor.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    assert_eq!((seen, pages > 1), ((1..=80).collect(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn times_at_the_ends_of_the_world_are_found_and_counted() {
    let world = World::new();
    let store = world.open();
    let at = |time| NewLogRow {
        timestamp_us: Some(time),
        ..line("x")
    };
    append(&store, vec![at(i64::MAX)]).await;
    append(&store, vec![at(i64::MIN + 1), at(0)]).await;
    for _ in 0..2 {
        assert_eq!(search(&store, "*").await.rows.len(), 3);
        let request = HistogramRequest {
            query: "x".into(),
            since_us: i64::MIN,
            until_us: i64::MAX,
            buckets: Some(50),
            bucket_us: None,
            by: None,
            clock: Clock::Timestamp,
        };
        let bars = store.histogram(request).await.expect("bars");
        assert_eq!(
            (bars.total, bars.series[0].counts.iter().sum::<u64>()),
            (3, 3)
        );
        store.flush().await.expect("flushed");
    }
}
