//! People see what a statement read and what it left aside.

use andon_reader::{LogSink, SqlRunner};
use serde_json::Value;

use crate::{ask, engine, row, START_US};

/// The steps over logs in a plan, without times.
async fn steps(engine: &andon_query::SqlEngine, sql: &str) -> Vec<String> {
    let result = ask(engine, &format!("explain analyze {sql}")).await;
    let plan = result.rows.iter().filter_map(|row| row.get(1).and_then(Value::as_str));
    let lines: Vec<String> = plan.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let logs = lines.iter().filter(|line| line.trim_start().starts_with("Logs"));
    logs.map(|line| redacted(line.trim())).collect()
}

fn redacted(line: &str) -> String {
    let (step, metrics) = line.split_once(", metrics=[").unwrap_or((line, ""));
    let metrics = metrics.trim_end_matches(']').split(", ");
    let shown: Vec<String> = metrics
        .map(|metric| match metric.split_once('=') {
            Some((name, _)) if matches!(name, "finding_time" | "reading_time" | "aggregating_time") => format!("{name}=…"),
            Some(("bytes_read", bytes)) => format!("bytes_read={}", if bytes == "0" { "0" } else { "…" }),
            _ => metric.to_owned(),
        })
        .collect();
    format!("{step} {}", shown.join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_analyze_tells_what_was_read_and_what_was_left_aside() {
    let engine = engine().await;
    let sql = "select attr(attributes, 'path') from logs where timestamp < '2026-01-01T00:10:00Z' and service = 'payments'";
    let plan = steps(&engine, sql).await.join("\n");
    for part in [
        "LogsScan: columns=[attr(attributes,path)]",
        "timestamp before 2026-01-01T00:10:00Z",
        "service:",
        "output_rows=200",
        "finding_time=…",
        "reading_time=…",
        "segments_in_range=1",
        "segments_skipped_by_time=0",
        "segments_skipped_by_filter=0",
        "segments_searched=1",
        "memory_lines=0",
        "lines_searched=2.00 K",
        "lines_matched=200",
        "columns_decoded=",
        "bytes_read=…",
    ] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    let plan = steps(&engine, "select count(*) from logs where trace_id = 'ffffffffffffffffffffffffffffffff'").await;
    let plan = plan.join("\n");
    for part in ["LogsAggregate: by=[], figures=[count(", "segments_skipped_by_filter=1", "segments_searched=0", "memory_lines=1.00 K"] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    let sql = "select service, avg(attr_number(attributes, 'n')) from logs where attr_number(attributes, 'http.status') >= 500 group by service";
    let plan = steps(&engine, sql).await.join("\n");
    for part in ["LogsAggregate: by=[service]", "conditions=[attr_number(attributes,http.status) >= 500]", "segments_searched=1", "aggregating_time=…"] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_lines_leave_older_segments_aside() {
    let (store, engine) = crate::store_and_engine().await;
    store.flush().await.expect("flushed");
    store.append(vec![row(9_000)]).await.expect("stored");
    let sql = "select timestamp, message from logs order by timestamp desc limit 3";
    let plan = steps(&engine, sql).await.join("\n");
    assert!(plan.contains("newest=3"), "{plan}");
    let answer = ask(&engine, sql).await;
    assert_eq!(answer.rows.len(), 3);
    let last = jiff_text(START_US + 9_000 * 1_000_000);
    assert_eq!(answer.rows[0][0], last);
    let refused = engine.run("explain analyze insert into logs select * from logs".to_owned(), crate::anybody(), andon_reader::SqlLimits::default());
    assert_eq!(refused.await.expect_err("refused").code, andon_reader::code::SQL_READ_ONLY);
}

fn jiff_text(time_us: i64) -> Value {
    Value::from(jiff::Timestamp::from_microsecond(time_us).expect("a time").to_string())
}
