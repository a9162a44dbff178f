//! What the logs answer themselves is what the engine would answer: the same statements over the table
//! `logs` and over a lent table with the same rows, of which the engine knows nothing.

use std::sync::{Arc, Mutex};

use andon_query::SqlEngine;
use andon_reader::{
    Caller, Column, ColumnType, LogReader, LogSink, NewLogRow, ReaderError, SearchRequest, SqlLimits,
    SqlRunner, TableHint, TableSource, level_of,
};
use andon_store::{LogStore, SimulatedDisk, StoreConfig};
use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::START_US;

/// The rows of the logs as a table without any knowledge.
struct Plain(Arc<Mutex<Vec<Vec<Value>>>>);

impl TableSource for Plain {
    fn name(&self) -> &str {
        "plain"
    }

    fn columns(&self) -> Vec<Column> {
        let text = |name: &str| Column::new(name, ColumnType::Text);
        vec![
            text("id"),
            Column::new("timestamp", ColumnType::TimestampMicros),
            Column::new("received_at", ColumnType::TimestampMicros),
            text("severity"),
            Column::new("severity_number", ColumnType::Integer),
            text("severity_text"),
            text("service"),
            text("message"),
            text("trace_id"),
            text("span_id"),
            text("scope"),
            text("attributes"),
            text("resource"),
        ]
    }

    fn scan(&self, _caller: &Caller, _hint: TableHint) -> BoxFuture<'_, Result<Vec<Vec<Value>>, ReaderError>> {
        let rows = self.0.lock().expect("rows").clone();
        async move { Ok(rows) }.boxed()
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0i64..6).prop_map(Value::from),
        3 => prop::sample::select(vec![0.5, 1.0, -0.0, 2.25, 1e300, -7.0]).prop_map(Value::from),
        4 => prop::sample::select(vec!["red", "blue", "Red", "", "5", " 5 ", "1.0", "nan", "1e3", "true", "[1]", "k\u{fc}hl", "{}"]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => prop::sample::select(vec![json!([1, 2]), json!(["red"]), json!({}), json!({"b": 5}), json!({"b": "red", "c": {"d": 1.5}}), json!({"b": null}), json!(18_446_744_073_709_551_615u64)]),
        1 => any::<i64>().prop_map(Value::from),
    ]
}

fn row() -> impl Strategy<Value = NewLogRow> {
    let names = prop::sample::select(vec!["color", "size", "a", "a.b", "a.c.d", "rare", "size", "color"]);
    (
        (0i64..200_000_000, 0u8..25, prop::sample::select(vec!["", "web", "db", "Web", "a.b"])),
        prop::sample::select(vec!["", "timeout after 5 ms", "Timeout after 6 ms", "50% done_now\nnext", "a\\b", "disk --- full", "caf\u{e9}"]),
        prop::sample::select(vec!["", "00000000000000000000000000000abc", "odd"]),
        prop::collection::vec((names, value()), 0..4),
    )
        .prop_map(|((time, severity_number, service), message, trace_id, attributes)| NewLogRow {
            timestamp_us: Some(START_US + time),
            severity_number,
            service: service.to_owned(),
            message: message.to_owned(),
            trace_id: trace_id.to_owned(),
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            ..NewLogRow::default()
        })
}

const KEYS: &[&str] = &[
    "service",
    "severity",
    "severity_number",
    "message",
    "trace_id",
    "attr(attributes, 'color')",
    "attr(attributes, 'a')",
    "attr(attributes, 'a.b')",
    "attr(attributes, 'nope')",
    "upper(attr(attributes, 'color'))",
    "attr_number(attributes, 'size')",
    "attr_number(attributes, 'a.b')",
    "date_trunc('minute', timestamp)",
    "date_trunc('month', timestamp)",
    "date_bin(interval '7 seconds', timestamp)",
    "extract(minute from timestamp)",
    "timestamp",
    "length(message) % 3",
    "case when service = 'web' then 'w' else 'other' end",
];

const FIGURES: &[&str] = &[
    "count(*)",
    "count(attr(attributes, 'color'))",
    "sum(attr_number(attributes, 'size'))",
    "avg(attr_number(attributes, 'size'))",
    "min(attr_number(attributes, 'a.b'))",
    "max(attr(attributes, 'color'))",
    "sum(severity_number)",
    "avg(severity_number)",
    "min(timestamp)",
    "max(message)",
    "count(distinct attr(attributes, 'color'))",
    "count(distinct service)",
    "count(*) filter (where severity_number > 12)",
    "sum(severity_number) filter (where attr(attributes, 'color') = 'red')",
    "sum(severity_number * length(message))",
    "bool_or(service = 'db')",
];

const CONDITIONS: &[&str] = &[
    "service = 'web'",
    "service <> 'web'",
    "service in ('web', 'db', 'nope')",
    "service not in ('web', '')",
    "service > 'db'",
    "service = ''",
    "severity = 'error'",
    "severity in ('warn', 'unset', 'none of them')",
    "severity_number >= 12",
    "severity_number <> 9",
    "message = 'timeout after 5 ms'",
    "message like '%after%'",
    "message like 'timeout%'",
    "message like '50\\% done\\_now_next'",
    "message not like '%ms'",
    "message ilike 'TIMEOUT%ms'",
    "message ilike '%CAF\u{c9}%'",
    "message like ''",
    "message like '%'",
    "message = 'disk --- full'",
    "regexp_like(message, 'after [5-9]')",
    "message ~ '^disk'",
    "message !~* 'DISK'",
    "trace_id = '00000000000000000000000000000abc'",
    "trace_id = '00000000000000000000000000000ABC'",
    "attr(attributes, 'color') = 'red'",
    "attr(attributes, 'color') <> 'red'",
    "attr(attributes, 'color') = ''",
    "attr(attributes, 'color') is null",
    "attr(attributes, 'color') like '%e%'",
    "attr(attributes, 'a') = '{\"b\":5}'",
    "attr(attributes, 'a.b') is not null",
    "attr(attributes, 'a.b') in ('5', 'red', '1.0')",
    "attr_number(attributes, 'size') >= 2",
    "attr_number(attributes, 'a.c.d') < 2",
    "not (service = 'web' and severity_number < 9)",
    "service = 'web' or attr(attributes, 'color') = 'red'",
    "attr(attributes, 'color') = attr(attributes, 'a.b')",
    "timestamp >= '2026-01-01T00:01:00Z'",
    "timestamp < '2026-01-01T00:02:00.000001Z'",
    "timestamp between '2026-01-01T00:00:30Z' and '2026-01-01T00:02:30Z'",
    "timestamp > to_timestamp_nanos('2026-01-01T00:01:00.000000500Z')",
    "date_trunc('minute', timestamp) = '2026-01-01T00:01:00Z'",
    "received_at > now() - interval '1 hour'",
    "received_at < now() + interval '1 hour' and timestamp < now()",
];

#[derive(Debug, Clone)]
struct Statement {
    keys: Vec<&'static str>,
    figures: Vec<&'static str>,
    conditions: Vec<&'static str>,
    rows: bool,
}

impl Statement {
    fn text(&self, table: &str) -> String {
        let mut text = if self.rows {
            format!("select id, {} from {table}", self.keys.join(", "))
        } else {
            let outputs: Vec<&str> = self.keys.iter().chain(&self.figures).copied().collect();
            format!("select {} from {table}", outputs.join(", "))
        };
        if !self.conditions.is_empty() {
            text.push_str(&format!(" where {}", self.conditions.join(" and ")));
        }
        if !self.rows && !self.keys.is_empty() {
            let places: Vec<String> = (1..=self.keys.len()).map(|place| place.to_string()).collect();
            text.push_str(&format!(" group by {}", places.join(", ")));
        }
        text
    }
}

fn statement() -> impl Strategy<Value = Statement> {
    let keys = prop::collection::btree_set(prop::sample::select(KEYS.to_vec()), 0..3);
    let figures = prop::collection::btree_set(prop::sample::select(FIGURES.to_vec()), 1..4);
    let conditions = prop::collection::vec(prop::sample::select(CONDITIONS.to_vec()), 0..3);
    (keys, figures, conditions, prop::bool::weighted(0.25)).prop_map(|(keys, figures, conditions, rows)| {
        let mut keys: Vec<_> = keys.into_iter().collect();
        if rows && keys.is_empty() {
            keys.push("attr(attributes, 'a.b')");
        }
        Statement { keys, figures: figures.into_iter().collect(), conditions, rows }
    })
}

/// Sums of numbers of different size depend on the order in which they are added.
fn comparable(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => format!("{:.9e}", number + 0.0),
        _ => value.to_string(),
    }
}

async fn answer(engine: &SqlEngine, sql: &str) -> Vec<Vec<String>> {
    let result = engine.run(sql.to_owned(), Caller::new("mia", |_| true), SqlLimits::default()).await;
    let result = result.unwrap_or_else(|error| panic!("{sql}: {} {error}", error.code));
    let mut rows: Vec<Vec<String>> =
        result.rows.iter().map(|row| row.iter().map(comparable).collect()).collect();
    rows.sort();
    rows
}

async fn world(pieces: &[Vec<NewLogRow>]) -> (SqlEngine, Arc<LogStore>) {
    let mut config = StoreConfig::new("/telemetry");
    config.disk = Arc::new(SimulatedDisk::default());
    config.background = false;
    let store = Arc::new(LogStore::open(config).expect("opened"));
    for (number, piece) in pieces.iter().enumerate() {
        store.append(piece.clone()).await.expect("stored");
        // The last piece stays in memory.
        if number + 1 < pieces.len() {
            store.flush().await.expect("flushed");
        }
    }
    let mut request = SearchRequest::new("*", i64::MIN, i64::MAX);
    request.limit = 10_000;
    let found = store.search(request).await.expect("found");
    let rows = found.rows.into_iter().map(|row| {
        vec![
            json!(row.id),
            json!(row.timestamp_us),
            json!(row.received_at_us),
            json!(level_of(row.severity_number).name()),
            json!(row.severity_number),
            json!(row.severity_text),
            json!(row.service),
            json!(row.message),
            json!(row.trace_id),
            json!(row.span_id),
            json!(row.scope),
            Value::Object(row.attributes),
            Value::Object(row.resource),
        ]
    });
    let plain = Plain(Arc::new(Mutex::new(rows.collect())));
    let engine = SqlEngine::new(Arc::clone(&store), vec![Arc::new(plain)]).expect("started");
    (engine, store)
}

/// Random, but the same in each run: a failure can be looked at again.
fn cases<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("made").current()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_logs_answer_is_what_the_engine_would() {
    let pieces = prop::collection::vec(prop::collection::vec(row(), 1..250), 1..4);
    let worlds = cases(pieces, 6);
    let statements = cases(statement(), 240);
    for (number, pieces) in worlds.iter().enumerate() {
        let (engine, _store) = world(pieces).await;
        for statement in statements.iter().skip(number).step_by(worlds.len()) {
            let (ours, theirs) = (statement.text("logs"), statement.text("plain"));
            assert_eq!(answer(&engine, &ours).await, answer(&engine, &theirs).await, "{ours}");
        }
        for condition in CONDITIONS {
            let count = |table: &str| format!("select count(*), min(id) from {table} where {condition}");
            assert_eq!(answer(&engine, &count("logs")).await, answer(&engine, &count("plain")).await, "{condition}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_lines_are_the_newest() {
    let pieces = cases(prop::collection::vec(prop::collection::vec(row(), 50..200), 3..4), 2);
    for pieces in &pieces {
        let (engine, _store) = world(pieces).await;
        for (condition, order, limit) in [
            ("true", "desc", 7),
            ("true", "asc", 7),
            ("severity = 'error'", "desc", 5),
            ("attr_number(attributes, 'size') > 1", "desc", 9),
            ("service = 'web' and attr(attributes, 'color') is not null", "asc", 3),
            ("true", "desc", 100_000),
        ] {
            let text = |table: &str| {
                format!("select timestamp from {table} where {condition} order by timestamp {order} limit {limit}")
            };
            let (ours, theirs) = (answer(&engine, &text("logs")).await, answer(&engine, &text("plain")).await);
            assert_eq!(ours, theirs, "{condition} {order} {limit}");
            let text = |table: &str| {
                format!(
                    "select attr(attributes, 'color') as c, message, t from (select attributes, message, timestamp as t from {table} \
                     where {condition}) order by t {order}, message limit {limit}"
                )
            };
            let (ours, theirs) = (answer(&engine, &text("logs")).await, answer(&engine, &text("plain")).await);
            assert_eq!(ours.len(), theirs.len(), "{condition} {order} {limit}");
        }
    }
}
