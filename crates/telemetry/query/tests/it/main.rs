//! What people who ask in SQL rely on. Few tests in one binary: linking DataFusion is slow.

mod equal;
mod explain;

use std::sync::Arc;

use andon_query::SqlEngine;
use andon_reader::{
    Caller, Column, ColumnType, LogSink, NewLogRow, ReaderError, SqlLimits, SqlResult, SqlRunner,
    TableHint, TableSource, code,
};
use andon_store::{LogStore, SimulatedDisk, StoreConfig};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

const START_US: i64 = 1_767_225_600_000_000;

/// Three services with their owners; remembers nothing.
struct Services;

impl TableSource for Services {
    fn name(&self) -> &str {
        "services"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("name", ColumnType::Text),
            Column::new("owner", ColumnType::Text),
            Column::new("tier", ColumnType::Integer),
            Column::new("since", ColumnType::TimestampMicros),
            Column::new("labels", ColumnType::Text),
        ]
    }

    fn scan(
        &self,
        caller: &Caller,
        hint: TableHint,
    ) -> BoxFuture<'_, Result<Vec<Vec<Value>>, ReaderError>> {
        let owner = caller.subject.clone();
        async move {
            let mut rows = vec![
                vec![
                    json!("payments"),
                    json!("team-a"),
                    json!(1),
                    json!("2026-01-01T00:00:00Z"),
                    json!({"a": 1}),
                ],
                vec![
                    json!("checkout"),
                    json!(owner),
                    json!(2),
                    json!(START_US),
                    Value::Null,
                ],
                vec![
                    json!("storefront"),
                    json!("team-b"),
                    json!("no number"),
                    Value::Null,
                    json!("x"),
                ],
            ];
            for (column, value) in hint.equals {
                if column == "name" {
                    rows.retain(|row| row[0] == value);
                }
            }
            Ok(rows)
        }
        .boxed()
    }
}

fn row(number: i64) -> NewLogRow {
    let attributes = json!({"n": number, "path": format!("/orders/{number}"), "http": {"status": if number % 10 == 0 { 500 } else { 200 }}});
    NewLogRow {
        timestamp_us: Some(START_US + number * 1_000_000),
        severity_number: if number % 10 == 0 { 17 } else { 9 },
        service: ["storefront", "checkout", "payments"][number.unsigned_abs() as usize % 3]
            .to_owned(),
        message: format!("request {number} took {} ms", number % 7),
        trace_id: format!("{number:032x}"),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        ..NewLogRow::default()
    }
}

async fn engine() -> SqlEngine {
    store_and_engine().await.1
}

async fn store_and_engine() -> (Arc<LogStore>, SqlEngine) {
    let mut config = StoreConfig::new("/telemetry");
    config.disk = Arc::new(SimulatedDisk::default());
    config.background = false;
    let store = LogStore::open(config).expect("opened");
    store
        .append((0..2_000).map(row).collect())
        .await
        .expect("stored");
    store.flush().await.expect("flushed");
    store
        .append((2_000..3_000).map(row).collect())
        .await
        .expect("stored");
    let store = Arc::new(store);
    let engine = SqlEngine::new(Arc::clone(&store), vec![Arc::new(Services)]).expect("started");
    (store, engine)
}

fn anybody() -> Caller {
    Caller::new("mia", |_| true)
}

async fn ask(engine: &SqlEngine, sql: &str) -> SqlResult {
    let result = engine
        .run(sql.to_owned(), anybody(), SqlLimits::default())
        .await;
    result.unwrap_or_else(|error| panic!("{sql}: {} {error}", error.code))
}

async fn rows(engine: &SqlEngine, sql: &str) -> Value {
    json!(ask(engine, sql).await.rows)
}

async fn refusal(engine: &SqlEngine, sql: &str, limits: SqlLimits) -> ReaderError {
    let result = engine.run(sql.to_owned(), anybody(), limits).await;
    result
        .err()
        .unwrap_or_else(|| panic!("{sql} should be refused"))
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_get_right_answers() {
    let engine = engine().await;
    let counted = ask(&engine, "select count(*) as n from logs").await;
    assert_eq!(json!(counted.rows), json!([[3_000]]));
    assert_eq!(counted.columns, [Column::new("n", ColumnType::Integer)]);
    let plan = rows(&engine, "explain select count(*) from logs")
        .await
        .to_string();
    assert!(!plan.contains("LogsScan"), "metadata answers: {plan}");
    assert_eq!(
        rows(&engine, "select service, count(*) from logs where severity = 'error' group by service order by service").await,
        json!([["checkout", 100], ["payments", 100], ["storefront", 100]])
    );
    let first = ask(
        &engine,
        "select timestamp, severity, attributes, message from logs order by timestamp limit 1",
    )
    .await;
    assert_eq!(first.rows[0][0], "2026-01-01T00:00:00Z");
    assert_eq!(first.rows[0][1], "error");
    let attributes: Value =
        serde_json::from_str(first.rows[0][2].as_str().expect("text")).expect("json");
    assert_eq!(
        attributes,
        json!({"n": 0, "path": "/orders/0", "http": {"status": 500}})
    );
    assert_eq!(
        rows(&engine, "select s.owner, count(*) as n from logs l join services s on s.name = l.service where s.tier = 2 group by s.owner").await,
        json!([["mia", 1_000]])
    );
    assert_eq!(
        rows(
            &engine,
            "select name, tier, since, labels from services order by name desc"
        )
        .await,
        json!([
            ["storefront", null, null, "x"],
            ["payments", 1, "2026-01-01T00:00:00Z", "{\"a\":1}"],
            ["checkout", 2, "2026-01-01T00:00:00Z", null]
        ])
    );
    assert_eq!(
        rows(&engine, "select date_trunc('hour', timestamp) as hour, max(attr_number(attributes, 'n')) from logs group by hour order by hour").await,
        json!([["2026-01-01T00:00:00Z", 2_999.0]])
    );
    assert_eq!(
        rows(&engine, "select 1, null, [1, 2], 1.5, 'x' where true").await,
        json!([[1, null, [1, 2], 1.5, "x"]])
    );
    assert_eq!(
        rows(&engine, "select message from logs limit 5")
            .await
            .as_array()
            .map(Vec::len),
        Some(5)
    );
    let tables = rows(&engine, "show tables").await.to_string();
    assert!(tables.contains("logs") && tables.contains("services"));
    assert!(
        rows(&engine, "describe logs")
            .await
            .to_string()
            .contains("received_at")
    );
    assert_eq!(engine.tables(&anybody()).len(), 2);
    assert_eq!(engine.tables(&Caller::new("nobody", |_| false)).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_scan_uses_never_changes_an_answer() {
    let engine = engine().await;
    let conditions = [
        (
            "service = 'payments'",
            "concat(service, '') = 'payments'",
            1_000,
        ),
        (
            "service in ('payments', 'nope')",
            "concat(service, '') in ('payments', 'nope')",
            1_000,
        ),
        (
            "service = 'PAYMENTS'",
            "concat(service, '') = 'PAYMENTS'",
            0,
        ),
        ("severity = 'error'", "concat(severity, '') = 'error'", 300),
        ("severity_number >= 17", "severity_number + 0 >= 17", 300),
        (
            "attr(attributes, 'n') = '42'",
            "concat(attr(attributes, 'n'), '') = '42'",
            1,
        ),
        (
            "attr(attributes, 'http.status') = '500'",
            "concat(attr(attributes, 'http.status'), '') = '500'",
            300,
        ),
        (
            "attr(attributes, 'http') = '{\"status\":500}'",
            "concat(attr(attributes, 'http'), '') = '{\"status\":500}'",
            300,
        ),
        (
            "message = 'request 42 took 0 ms'",
            "concat(message, '') = 'request 42 took 0 ms'",
            1,
        ),
        (
            "trace_id = '0000000000000000000000000000002a' or severity = 'nope'",
            "concat(trace_id, '') like '%000002a'",
            1,
        ),
        (
            "timestamp >= '2026-01-01T00:00:10Z' and timestamp < '2026-01-01T00:00:20Z'",
            "attr_number(attributes, 'n') between 10 and 19",
            10,
        ),
        (
            "timestamp between '2026-01-01T00:33:15Z' and '2026-01-01T00:33:24Z'",
            "attr_number(attributes, 'n') between 1995 and 2004",
            10,
        ),
        (
            "received_at > now() - interval '1 hour' and service = 'payments'",
            "concat(service, '') = 'payments'",
            1_000,
        ),
        (
            "not (service = 'payments')",
            "concat(service, '') <> 'payments'",
            2_000,
        ),
    ];
    for (used, unused, expected) in conditions {
        for condition in [used, unused] {
            let sql = format!("select count(*) from logs where {condition}");
            assert_eq!(rows(&engine, &sql).await, json!([[expected]]), "{sql}");
        }
    }
    let plan = rows(&engine, "explain select message from logs where service = 'payments' and attr(attributes, 'n') = '42'").await;
    let plan = plan.to_string();
    assert!(
        plan.contains("service:") && plan.contains("attributes.n:"),
        "{plan}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_reading_statement_is_run() {
    let engine = engine().await;
    for sql in [
        "insert into logs values (1)",
        "delete from logs",
        "update logs set message = ''",
        "drop table logs",
        "create table t as select 1",
        "create external table t stored as csv location '/etc/passwd'",
        "copy logs to '/tmp/x.parquet'",
        "set datafusion.execution.batch_size = 1",
        "explain insert into logs select * from logs",
        "create view v as select 1",
        "truncate table logs",
        "begin",
    ] {
        let error = refusal(&engine, sql, SqlLimits::default()).await;
        assert_eq!(error.code, code::SQL_READ_ONLY, "{sql}: {error}");
        assert!(error.hint.is_some());
    }
    let cases = [
        ("select 1; select 2", code::SQL_ONE_STATEMENT),
        ("", code::SQL_INVALID),
        ("select from where", code::SQL_INVALID),
        ("select nope from logs", code::SQL_INVALID),
        ("select * from nope", code::SQL_INVALID),
        ("select * from '/etc/passwd'", code::SQL_INVALID),
        ("select repeat('x', 1000000000)", code::SQL_INVALID),
        (
            "select repeat('x', severity_number * 1000000) from logs",
            code::SQL_INVALID,
        ),
        ("select range(0, 1000000000000)", code::SQL_INVALID),
        ("select 1 +", code::SQL_INVALID),
    ];
    for (sql, expected) in cases {
        let error = refusal(&engine, sql, SqlLimits::default()).await;
        assert_eq!(error.code, expected, "{sql}: {error}");
        assert!(error.hint.is_some(), "{sql}: {error}");
    }
    let error = refusal(
        &engine,
        "select *\nfrom logs whre x = 1 limit",
        SqlLimits::default(),
    )
    .await;
    assert!(error.position.is_some(), "{error:?}");
    let nested = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(
        refusal(&engine, &nested, SqlLimits::default()).await.code,
        code::SQL_INVALID
    );
    let stranger = Caller::new("tom", |table| table != "services");
    let error = engine
        .run(
            "select * from services".to_owned(),
            stranger.clone(),
            SqlLimits::default(),
        )
        .await
        .expect_err("refused");
    assert_eq!(error.code, code::SQL_FORBIDDEN);
    let listed = engine
        .run("show tables".to_owned(), stranger, SqlLimits::default())
        .await
        .expect("listed");
    assert!(!json!(listed.rows).to_string().contains("services"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_end_what_would_eat_the_machine() {
    let engine = engine().await;
    let few = SqlLimits {
        rows: 10,
        ..SqlLimits::default()
    };
    let cut = engine
        .run("select * from logs".to_owned(), anybody(), few)
        .await
        .expect("answered");
    assert_eq!((cut.rows.len(), cut.truncated), (10, true));
    let exact = SqlLimits {
        rows: 3_000,
        ..SqlLimits::default()
    };
    let whole = engine
        .run("select id from logs".to_owned(), anybody(), exact)
        .await
        .expect("answered");
    assert_eq!((whole.rows.len(), whole.truncated), (3_000, false));
    let small = SqlLimits {
        memory_bytes: 50_000,
        ..SqlLimits::default()
    };
    for sql in [
        "select message, count(*) from logs group by message",
        "select * from logs order by message",
        "select * from logs",
    ] {
        assert_eq!(
            refusal(&engine, sql, small).await.code,
            code::MEMORY,
            "{sql}"
        );
    }
    let short = SqlLimits {
        timeout_ms: 300,
        ..SqlLimits::default()
    };
    for sql in [
        "select sum(a.severity_number * b.severity_number * c.severity_number) from logs a, logs b, logs c",
        "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r",
    ] {
        assert_eq!(
            refusal(&engine, sql, short).await.code,
            code::TIMEOUT,
            "{sql}"
        );
    }
    assert_eq!(
        rows(&engine, "select count(*) from logs").await,
        json!([[3_000]]),
        "the engine works on afterwards"
    );
}
