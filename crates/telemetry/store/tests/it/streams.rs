//! Streams keep their lines as long as they say, beside each other.

use andon_reader::{LogCustody, LogReader, NewLogRow, StreamRule, StreamStatus, code};
use andon_store::LogStore;

use crate::world::{World, append, ids, line, messages, search};

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

fn rule(name: &str, query: &str, priority: i64) -> StreamRule {
    StreamRule { name: name.to_owned(), query: query.to_owned(), priority, retention_us: None, size_bytes: None }
}

fn of_service(service: &str, message: String) -> NewLogRow {
    NewLogRow { service: service.to_owned(), ..line(message) }
}

async fn stream(store: &LogStore, name: &str) -> StreamStatus {
    let all = store.streams().await.expect("told");
    all.into_iter().find(|stream| stream.name == name).expect("known")
}

/// Texts that no encoding makes small.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(char::from(b'!' + (state % 90) as u8));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noisy_debug_stream_of_an_hour_and_ten_megabytes_leaves_an_audit_stream_of_a_year_alone() {
    let mut world = World::new();
    world.config.retention = Some(std::time::Duration::from_secs(30 * DAY_S as u64));
    let store = world.open();
    let debug = StreamRule { retention_us: Some(HOUR_S * 1_000_000), size_bytes: Some(10_000_000), ..rule("debug", "service:debug", 2) };
    let audit = StreamRule { retention_us: Some(365 * DAY_S * 1_000_000), ..rule("audit", "service:audit", 1) };
    store.set_streams(vec![debug, audit]).await.expect("set");
    let mut number = 0;
    for minute in 0..15u64 {
        let mut rows = Vec::new();
        for part in 0..20u64 {
            number += 1;
            rows.push(of_service("debug", noise(minute * 100 + part, 50_000)));
            rows.push(of_service("audit", format!("login {number}")));
            rows.push(of_service("shop", format!("order {number}")));
        }
        append(&store, rows).await;
        store.flush().await.expect("flushed");
        world.advance_s(60);
    }
    store.maintain().await.expect("maintained");
    let (debug, audit, default) = (stream(&store, "debug").await, stream(&store, "audit").await, stream(&store, "default").await);
    assert!(debug.bytes <= 10_000_000 && debug.rows > 0, "{debug:?}");
    assert!(debug.dropped_by_size_rows > 0 && debug.rows + debug.dropped_by_size_rows == 300, "{debug:?}");
    assert_eq!((debug.dropped_by_age_rows, debug.size_bytes), (0, Some(10_000_000)));
    assert_eq!((audit.rows, audit.dropped_by_size_rows, default.rows), (300, 0, 300));
    assert_eq!(search(&store, "service:audit").await.rows.len(), 300);

    world.advance_s(2 * HOUR_S);
    store.maintain().await.expect("maintained");
    let debug = stream(&store, "debug").await;
    assert_eq!((debug.rows, debug.dropped_by_age_rows + debug.dropped_by_size_rows), (0, 300));
    assert_eq!(messages(&store, "service:debug").await.len(), 0);

    world.advance_s(40 * DAY_S);
    store.maintain().await.expect("maintained");
    let default = stream(&store, "default").await;
    assert_eq!((default.rows, default.dropped_by_age_rows, default.retention_us), (0, 300, 30 * DAY_S * 1_000_000));
    assert_eq!(stream(&store, "audit").await.rows, 300);

    drop(store);
    world.disk.crash(0);
    let store = world.open();
    assert_eq!(stream(&store, "audit").await.rows, audit.rows);
    assert_eq!(stream(&store, "debug").await.dropped_by_age_rows, debug.dropped_by_age_rows, "counts survive a restart");
    world.advance_s(330 * DAY_S);
    store.maintain().await.expect("maintained");
    assert_eq!(search(&store, "*").await.rows.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_belongs_to_the_first_stream_by_priority_and_segments_of_streams_never_mix() {
    let world = World::new();
    let store = world.open();
    let rules = vec![rule("late", "common", 9), rule("b", "common AND extra", 5), rule("a", "extra", 5)];
    store.set_streams(rules).await.expect("set");
    for round in 0..14 {
        let rows = ["common", "common extra", "extra", "neither"].map(|text| line(format!("{text} {round}")));
        append(&store, rows.to_vec()).await;
        store.flush().await.expect("flushed");
    }
    let all = store.streams().await.expect("told");
    let rows: Vec<(&str, u64)> = all.iter().map(|stream| (stream.name.as_str(), stream.rows)).collect();
    assert_eq!(rows, [("default", 14), ("a", 28), ("b", 0), ("late", 14)]);
    assert!(store.status().segments < 25, "each stream's small segments are merged");
    assert_eq!(search(&store, "*").await.rows.len(), 56);
    assert_eq!(messages(&store, "common AND extra").await.len(), 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_known_before_the_server_speaks_and_a_change_concerns_later_lines() {
    let world = World::new();
    let store = world.open();
    store.set_streams(vec![rule("errors", "error", 1)]).await.expect("set");
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    append(&store, vec![line("error 1"), line("fine 1")]).await;
    store.flush().await.expect("flushed");
    assert_eq!((stream(&store, "errors").await.rows, stream(&store, "default").await.rows), (1, 1));
    store.set_streams(vec![rule("errors", "fine", 1)]).await.expect("set");
    append(&store, vec![line("error 2"), line("fine 2")]).await;
    store.flush().await.expect("flushed");
    assert_eq!((stream(&store, "errors").await.rows, stream(&store, "default").await.rows), (2, 2));
    store.set_streams(Vec::new()).await.expect("set");
    append(&store, vec![line("fine 3")]).await;
    store.flush().await.expect("flushed");
    let errors = stream(&store, "errors").await;
    assert_eq!((errors.rows, errors.is_known), (2, false), "its lines stay until they are due");
    assert_eq!(search(&store, "*").await.rows.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_list_of_segments_the_lines_of_all_streams_come_back() {
    let world = World::new();
    let store = world.open();
    store.set_streams(vec![rule("even", "even", 1), rule("third", "third", 2)]).await.expect("set");
    let rows = (0..30).map(|n| line(if n % 2 == 0 { "even" } else if n % 3 == 0 { "third" } else { "other" })).collect();
    append(&store, rows).await;
    store.flush().await.expect("flushed");
    let before = ids(&search(&store, "*").await.rows);
    drop(store);
    let manifest = world.files("manifest.jsonl").pop().expect("a manifest");
    world.disk.damage(&manifest, Vec::clear);
    let store = world.open();
    assert_eq!(ids(&search(&store, "*").await.rows), before);
    assert_eq!((stream(&store, "even").await.rows, stream(&store, "third").await.rows), (15, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_stream_is_refused_and_the_known_ones_stay() {
    let world = World::new();
    let store = world.open();
    store.set_streams(vec![rule("a", "x", 1)]).await.expect("set");
    for rules in [vec![rule("default", "x", 1)], vec![rule("a", "x", 1), rule("a", "y", 2)], (0..65).map(|n| rule(&format!("s{n}"), "x", n)).collect()] {
        assert_eq!(store.set_streams(rules).await.expect_err("refused").code, code::REQUEST);
    }
    assert_eq!(store.set_streams(vec![rule("a", "(x", 1)]).await.expect_err("refused").code, code::QUERY_SYNTAX);
    append(&store, vec![line("x")]).await;
    store.flush().await.expect("flushed");
    assert_eq!(stream(&store, "a").await.rows, 1);
}
