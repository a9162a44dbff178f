//! Flushing, merging and dropping: nothing vanishes, nothing doubles, what goes is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use andon_reader::LogReader;

use crate::world::{World, append, ids, rich_line, search};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn flushing_and_merging_while_searching_never_loses_or_doubles_a_line() {
    let world = World::new();
    let store = Arc::new(world.open());
    let is_done = Arc::new(AtomicBool::new(false));
    let keeper = {
        let (store, is_done) = (Arc::clone(&store), Arc::clone(&is_done));
        tokio::spawn(async move {
            while !is_done.load(Ordering::Relaxed) {
                store.flush().await.expect("flushed");
            }
        })
    };
    for round in 0..60i64 {
        append(
            &store,
            (round * 20..round * 20 + 20).map(rich_line).collect(),
        )
        .await;
        let found = ids(&search(&store, "*").await.rows);
        let expected: Vec<u64> = (1..=(round as u64 + 1) * 20).collect();
        assert_eq!(found, expected, "in round {round}");
    }
    is_done.store(true, Ordering::Relaxed);
    keeper.await.expect("joined");
    let status = store.status();
    assert_eq!(status.rows, 1_200);
    drop(store);
    world.disk.crash(0);
    assert_eq!(search(&world.open(), "*").await.rows.len(), 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_segments_are_merged_and_their_files_go() {
    let world = World::new();
    let store = world.open();
    for round in 0..20 {
        append(&store, (round * 5..round * 5 + 5).map(rich_line).collect()).await;
        store.flush().await.expect("flushed");
    }
    let status = store.status();
    assert!(status.segments < 6, "{} segments", status.segments);
    assert_eq!(world.files(".parquet").len() as u64, status.segments);
    assert_eq!(world.files(".wal").len(), 0);
    let mut before = search(&store, "*").await.rows;
    assert_eq!(before.len(), 100);
    drop(store);
    world.disk.crash(0);
    let mut after = search(&world.open(), "*").await.rows;
    before.sort_by(|a, b| a.id.cmp(&b.id));
    after.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_lines_go_by_the_time_of_receipt_and_are_counted() {
    let mut world = World::new();
    world.config.retention = Some(Duration::from_secs(3_600));
    let store = world.open();
    append(&store, (0..10).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    world.advance_s(3_000);
    append(&store, (10..15).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    assert_eq!(store.status().rows, 15);
    world.advance_s(1_000);
    store.maintain().await.expect("maintained");
    let status = store.status();
    assert_eq!(
        (status.rows, status.dropped_by_age_rows, status.segments),
        (5, 10, 1)
    );
    assert_eq!(world.files(".parquet").len(), 1);
    drop(store);
    let store = world.open();
    assert_eq!(
        store.status().dropped_by_age_rows,
        10,
        "the count survives a restart"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_cap_drops_the_oldest_first() {
    let mut world = World::new();
    let store = world.open();
    let mut newest = 0;
    for round in 0..4i64 {
        append(
            &store,
            (round * 300..round * 300 + 300).map(rich_line).collect(),
        )
        .await;
        store.flush().await.expect("flushed");
        newest = round * 300 + 299;
    }
    let full = store.status().segment_bytes;
    drop(store);
    world.config.disk_cap_bytes = Some(full * 6 / 10);
    let store = world.open();
    store.maintain().await.expect("maintained");
    let status = store.status();
    assert!(status.segment_bytes <= full * 6 / 10);
    assert_eq!(status.rows + status.dropped_by_cap_rows, 1_200);
    assert!(status.rows > 0);
    assert_eq!(search(&store, &format!("n:{newest}")).await.rows.len(), 1);
    assert_eq!(search(&store, "n:0").await.rows.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_thread_does_the_same_on_a_real_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = andon_store::StoreConfig::new(folder.path().join("telemetry"));
    config.flush_rows = 100;
    let store = andon_store::LogStore::open(config.clone()).expect("opened");
    for round in 0..5i64 {
        append(
            &store,
            (round * 100..round * 100 + 100).map(rich_line).collect(),
        )
        .await;
    }
    assert_eq!(search(&store, "*").await.rows.len(), 500);
    store.flush().await.expect("flushed");
    assert_eq!(store.status().memory_rows, 0);
    drop(store);
    let store = andon_store::LogStore::open(config).expect("opened");
    assert_eq!(search(&store, "*").await.rows.len(), 500);
    assert_eq!(
        search(&store, "service:payments AND n:>=498")
            .await
            .rows
            .len(),
        0
    );
    assert_eq!(search(&store, "n:>=498").await.rows.len(), 2);
}
