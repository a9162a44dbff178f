//! Batches of lines on their way to the log and back: of any size, from any version, at any speed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use andon_columns::LinesSink as _;
use andon_columns::lines::{Cell, Lines};
use andon_reader::{LogReader, LogSink, code};
use andon_store::LogStore;

use crate::world::{FOLDER, START_US, World, append, ids, line, messages, rich_line, search};

const GROUP_ROWS: u64 = 262_144;

fn small_lines(count: i64) -> Lines {
    let mut lines = Lines::new();
    let field = lines.field("n");
    for number in 0..count {
        lines.cell(field, Cell::Integer(number));
        lines.end_row(Some(START_US + number), 9, ["", "s", "m", "", "", ""], 0);
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_stored_as_rows_are() {
    let world = World::new();
    let store = world.open();
    let rows: Vec<_> = (0..50).map(rich_line).collect();
    append(&store, rows.clone()).await;
    let receipt = store.append_lines(Lines::of(&rows)).await.expect("stored");
    assert_eq!((receipt.rows, receipt.first_id.as_deref(), receipt.last_id.as_deref()), (50, Some("51"), Some("100")));
    let mut found = search(&store, "*").await.rows;
    found.sort_by_key(|row| row.id.parse::<u64>().expect("a number"));
    for (first, second) in found.iter().zip(&found[50..]) {
        assert_eq!(first.message, second.message);
        assert_eq!(first.attributes, second.attributes);
        assert_eq!(first.resource, second.resource);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_of_more_lines_than_a_group_is_cut_and_stays_whole() {
    let world = World::new();
    let store = world.open();
    let count = GROUP_ROWS as i64 + 20_000;
    let receipt = store.append_lines(small_lines(count)).await.expect("stored");
    assert_eq!(receipt.rows, count as u64);
    append(&store, vec![line("after")]).await;
    assert_eq!(store.status().rows, count as u64 + 1);
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    assert_eq!(store.status().rows, count as u64 + 1);
    store.flush().await.expect("flushed");
    assert_eq!(store.status().rows, count as u64 + 1);
    assert!(store.status().segments >= 2, "no segment has more lines than a group");
    assert_eq!(search(&store, &format!("n:{}", count - 1)).await.rows.len(), 1);
    assert!(world.files(".wal").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_recovered_in_parts_and_no_line_comes_twice() {
    let mut world = World::new();
    let store = world.open();
    for round in 0..40i64 {
        append(&store, (round * 100..round * 100 + 100).map(rich_line).collect()).await;
    }
    let all = ids(&search(&store, "*").await.rows);
    let held = store.status().memory_bytes;
    drop(store);
    world.config.flush_bytes = held / 8;
    let store = world.open();
    let status = store.status();
    assert!(status.segments > 0, "segments were made while the log was read");
    assert!(status.memory_bytes < held / 2, "{} of {held}", status.memory_bytes);
    assert_eq!(ids(&search(&store, "*").await.rows), all);
    drop(store);
    // A part of the log is in segments now, and the log is still there.
    world.disk.crash(0);
    assert_eq!(world.files(".wal").len(), 1);
    let store = world.open();
    assert_eq!(ids(&search(&store, "*").await.rows), all);
    store.flush().await.expect("flushed");
    assert_eq!(ids(&search(&store, "*").await.rows), all);
    drop(store);
    assert_eq!(ids(&search(&world.open(), "*").await.rows), all);
}

fn waiting(world: &mut World) -> LogStore {
    world.config.memory_cap_bytes = 1 << 20;
    world.config.flush_bytes = 64 << 20;
    world.open()
}

fn half_a_cap(name: &str) -> Vec<andon_reader::NewLogRow> {
    vec![line(format!("{name} {}", "x".repeat(300_000)))]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_over_the_cap_waits_for_a_segment() {
    let mut world = World::new();
    world.config.overload_wait = Duration::from_secs(600);
    let store = waiting(&mut world);
    append(&store, half_a_cap("first")).await;
    append(&store, half_a_cap("second")).await;
    let mut third = store.append(half_a_cap("third"));
    assert!(futures::poll!(&mut third).is_pending());
    assert_eq!(search(&store, "*").await.rows.len(), 2, "searching goes on");
    store.flush().await.expect("flushed");
    third.await.expect("stored");
    assert_eq!(search(&store, "first OR second OR third").await.rows.len(), 3);
    assert_eq!(store.status().refused_rows, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_waits_in_vain_is_refused_and_nothing_of_it_is_stored() {
    let mut world = World::new();
    world.config.overload_wait = Duration::from_millis(20);
    let store = waiting(&mut world);
    append(&store, half_a_cap("first")).await;
    append(&store, half_a_cap("second")).await;
    let error = store.append(half_a_cap("third")).await.expect_err("no room");
    assert_eq!(error.code, code::OVERLOADED);
    assert!(error.is_retryable() && error.hint.is_some());
    assert_eq!(store.status().refused_rows, 1);
    store.flush().await.expect("flushed");
    append(&store, half_a_cap("fourth")).await;
    assert_eq!(search(&store, "third").await.rows.len(), 0);
    assert_eq!(search(&store, "*").await.rows.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_faster_than_the_disk_is_slowed_and_not_refused() {
    let mut world = World::new();
    world.config.background = true;
    world.config.overload_wait = Duration::from_secs(600);
    let store = Arc::new(waiting(&mut world));
    let senders = (0..4).map(|sender| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..5 {
                append(&store, half_a_cap(&format!("{sender}-{number}"))).await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("joined");
    }
    assert_eq!(store.status().rows, 20);
    assert_eq!(store.status().refused_rows, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_of_commits_loses_nothing() {
    let mut world = World::new();
    world.config.commit_interval = Duration::from_millis(5);
    let store = world.open();
    let appends = (0..30).map(|number| store.append(vec![line(format!("m{number}"))]));
    for receipt in futures::future::join_all(appends).await {
        receipt.expect("stored");
    }
    world.disk.crash(0);
    drop(store);
    world.disk.crash(0);
    assert_eq!(messages(&world.open(), "*").await.len(), 30);
}

/// Writes numbers and texts as the first version of the log did.
mod first_version {
    use super::{Path, World};
    use andon_store::Disk as _;

    pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
        while number >= 0x80 {
            out.push((number as u8) | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    pub(super) fn text(out: &mut Vec<u8>, text: &str) {
        number(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn record(sequence: u64, received_at_us: i64, encoded: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        payload.extend_from_slice(&sequence.to_le_bytes());
        payload.extend_from_slice(&received_at_us.to_le_bytes());
        payload.extend_from_slice(encoded);
        let mut out = b"\xa5LR1".to_vec();
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        out.extend_from_slice(&payload);
        out
    }

    pub(super) fn file(world: &World, path: &Path, records: &[Vec<u8>]) {
        let mut bytes = b"ANDONWAL\x01\0\0\0\0\0\0\0".to_vec();
        records.iter().for_each(|record| bytes.extend_from_slice(record));
        let mut file = world.disk.create(path).expect("made");
        file.write_all(&bytes).expect("written");
        file.sync_data().expect("synced");
        world.disk.sync_directory(path.parent().expect("a folder")).expect("synced");
    }
}

/// One row as the first version wrote it.
fn old_row(out: &mut Vec<u8>, time: i64, message: &str, attributes: &str, resource: u64) {
    out.extend_from_slice(&time.to_le_bytes());
    out.push(17);
    for text in ["ERROR", "pay", message, "00ab", "", "db", attributes] {
        first_version::text(out, text);
    }
    first_version::number(out, resource);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_the_last_release_is_recovered() {
    let world = World::new();
    let mut first = Vec::new();
    first_version::number(&mut first, 2);
    first_version::text(&mut first, "");
    first_version::text(&mut first, r#"{"host.name":"web-1"}"#);
    first_version::number(&mut first, 2);
    old_row(&mut first, START_US, "charge failed", r#"{"amount":12.5,"tags":["a",1],"n":18446744073709551615}"#, 1);
    old_row(&mut first, i64::MIN, "no time", "", 0);
    let mut second = Vec::new();
    first_version::number(&mut second, 0);
    first_version::number(&mut second, 0);
    let records = [
        first_version::record(7, START_US + 5, &first),
        first_version::record(9, START_US + 6, &second),
        b"\xa5LR1torn".to_vec(),
    ];
    let path = Path::new(FOLDER).join("log-0000000000000001.wal");
    first_version::file(&world, &path, &records);
    let store = world.open();
    let notes = store.status().recovery_notes;
    assert!(notes.iter().any(|note| note.contains("torn tail")), "{notes:?}");
    for _ in 0..2 {
        let mut rows = search(&store, "*").await.rows;
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["7", "8"]);
        assert_eq!((rows[0].timestamp_us, rows[0].received_at_us), (START_US, START_US + 5));
        assert_eq!((rows[0].service.as_str(), rows[0].trace_id.as_str()), ("pay", "00ab"));
        assert_eq!(
            serde_json::to_string(&rows[0].attributes["n"]).expect("json"),
            "18446744073709551615"
        );
        assert_eq!(rows[0].attributes["tags"][1], 1);
        assert_eq!(rows[0].resource["host.name"], "web-1");
        assert_eq!((rows[1].timestamp_us, rows[1].resource.len()), (START_US + 5, 0));
        store.flush().await.expect("flushed");
    }
    let receipt = append(&store, vec![line("new")]).await;
    assert_eq!(receipt.first_id.as_deref(), Some("9"));
    assert!(world.files(".wal").iter().all(|file| *file != path));
}
