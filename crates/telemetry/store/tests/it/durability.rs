//! Acknowledged means on disk: through crashes, torn writes, damage and a full disk.

use std::sync::Arc;

use andon_reader::{LogReader, LogSink, code};
use andon_store::{LONGEST_TEXT_BYTES, TRUNCATED_ATTRIBUTE};
use proptest::prelude::*;

use crate::world::{World, append, everything, ids, line, messages, rich_line, search};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_found_as_soon_as_it_is_acknowledged_and_after_a_crash() {
    let world = World::new();
    let store = world.open();
    let receipt = append(&store, vec![rich_line(1), rich_line(2)]).await;
    assert_eq!(receipt.rows, 2);
    let before = search(&store, "*").await.rows;
    assert_eq!(before.len(), 2);
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    assert_eq!(search(&store, "*").await.rows, before);
    assert!(store.status().recovery_notes.is_empty());
    let receipt = append(&store, vec![line("later")]).await;
    assert!(
        receipt
            .first_id
            .expect("an id")
            .parse::<u64>()
            .expect("a number")
            > 2,
        "ids are never used twice"
    );
    assert!(
        receipt.received_at_us > before[0].received_at_us,
        "our time never goes backwards"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_acknowledged_line_survives_a_crash_at_any_point(
        sizes in proptest::collection::vec(1usize..20, 1..8),
        torn in 0usize..4_000,
        flush_at in proptest::option::of(0usize..8),
        cut in 0.0f64..1.0,
    ) {
        block_on(async move {
            let world = World::new();
            let store = world.open();
            let mut acknowledged = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                let rows = (0..*size).map(|n| line(format!("{number}-{n}"))).collect();
                append(&store, rows).await;
                acknowledged.extend((0..*size).map(|n| format!("{number}-{n}")));
                if flush_at == Some(number) {
                    store.flush().await.expect("flushed");
                }
            }
            // One more that is never acknowledged: its sync fails, any part of it may be on disk.
            world.disk.fail_syncs(1);
            prop_assert!(store.append(vec![line("never"); 5]).await.is_err());
            drop(store);
            world.disk.crash(torn);
            // A tail of garbage, as a torn write leaves it.
            if let Some(path) = world.files(".wal").last() {
                world.disk.damage(path, |bytes| {
                    let garbage = vec![0xa5; (cut * 40.0) as usize];
                    bytes.extend(garbage);
                });
            }
            let store = world.open();
            let mut found = messages(&store, "*").await;
            found.retain(|message| message != "never");
            acknowledged.sort();
            prop_assert_eq!(&found, &acknowledged);
            store.flush().await.expect("flushed");
            let mut found = messages(&store, "*").await;
            found.retain(|message| message != "never");
            prop_assert_eq!(&found, &acknowledged);
            Ok(())
        })?;
    }

    #[test]
    fn a_log_cut_anywhere_gives_back_every_whole_record_before_the_cut(cut in 0.0f64..1.0) {
        block_on(async move {
            let world = World::new();
            let store = world.open();
            let mut ends = Vec::new();
            let path = {
                for number in 0..10 {
                    append(&store, vec![rich_line(number)]).await;
                    let path = world.files(".wal").pop().expect("a log");
                    world.disk.damage(&path, |bytes| ends.push(bytes.len()));
                }
                world.files(".wal").pop().expect("a log")
            };
            drop(store);
            let length = (cut * ends[9] as f64) as usize;
            world.disk.damage(&path, |bytes| bytes.truncate(length));
            let store = world.open();
            let whole = ends.iter().filter(|&&end| end <= length).count();
            prop_assert_eq!(search(&store, "*").await.rows.len(), whole);
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_is_told_and_the_rest_is_kept() {
    let world = World::new();
    let store = world.open();
    for number in 0..10 {
        append(&store, vec![line(format!("line {number}"))]).await;
    }
    drop(store);
    let path = world.files(".wal").pop().expect("a log");
    world.disk.damage(&path, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
    });
    let store = world.open();
    assert_eq!(search(&store, "*").await.rows.len(), 9);
    let notes = store.status().recovery_notes;
    assert!(
        notes.iter().any(|note| note.contains("DAMAGED")),
        "{notes:?}"
    );
    assert_eq!(
        world.files(".damaged").len(),
        1,
        "the bytes are kept for people"
    );
    store.flush().await.expect("flushed");
    drop(store);
    let store = world.open();
    assert_eq!(search(&store, "*").await.rows.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_leave_the_last_of_the_disk_to_the_records() {
    const CAPACITY: u64 = 400_000;
    let world = World::new();
    let store = world.open();
    world.disk.set_capacity(Some(CAPACITY));
    let mut stored = 0;
    let error = loop {
        match store.append(vec![line("x".repeat(1_000))]).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, code::DISK_FULL);
    assert!(error.is_retryable() && error.hint.is_some());
    let free = CAPACITY - world.disk.used_bytes();
    assert!((CAPACITY / 20..CAPACITY / 20 + 2_000).contains(&free), "{free}");
    assert!(store.status().failing.is_some());
    assert_eq!(messages(&store, "*").await.len(), stored);
    // A segment is smaller than its log, so that the room comes back by itself.
    store.flush().await.expect("flushed");
    append(&store, vec![line("after")]).await;
    assert!(store.status().failing.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_whole_appends_and_recovers() {
    let mut world = World::new();
    // Something else has filled the disk: the write itself fails.
    world.config.reserve_bytes = 0;
    let store = world.open();
    append(&store, vec![line("before")]).await;
    world.disk.set_capacity(Some(world.disk.used_bytes() + 100));
    let error = store
        .append((0..50).map(|n| line(format!("lost {n}"))).collect())
        .await
        .expect_err("no room");
    assert_eq!(error.code, code::DISK_FULL);
    assert!(error.is_retryable() && error.hint.is_some());
    assert_eq!(messages(&store, "*").await, ["before"]);
    assert!(store.status().failing.is_some());
    assert_eq!(store.status().refused_rows, 50);
    assert!(
        store.flush().await.is_err(),
        "a segment does not fit either"
    );
    assert_eq!(
        messages(&store, "*").await,
        ["before"],
        "a failed flush loses nothing"
    );
    world.disk.set_capacity(None);
    append(&store, vec![line("after")]).await;
    store.flush().await.expect("flushed");
    assert!(store.status().failing.is_none());
    drop(store);
    world.disk.crash(0);
    assert_eq!(messages(&world.open(), "*").await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_one_sync() {
    let world = World::new();
    let store = Arc::new(world.open());
    append(&store, vec![line("warm")]).await;
    let before = world.disk.syncs();
    world.disk.pause_syncs(true);
    // Fewer than the 128 steps that one poll of a task may take.
    let mut writers: Vec<_> = (0..100)
        .map(|number| store.append(vec![line(format!("w{number}"))]))
        .collect();
    for writer in &mut writers {
        assert!(
            futures::poll!(writer).is_pending(),
            "nobody is answered before the sync"
        );
    }
    assert_eq!(
        search(&store, "*").await.rows.len(),
        1,
        "nothing is visible before it is durable"
    );
    world.disk.pause_syncs(false);
    let receipts = futures::future::join_all(writers).await;
    let mut given: Vec<String> = receipts
        .into_iter()
        .filter_map(|r| r.expect("stored").first_id)
        .collect();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 100, "every line has its own id");
    assert!(
        world.disk.syncs() - before <= 2,
        "one for the first, one for all that waited"
    );
    assert_eq!(search(&store, "*").await.rows.len(), 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_refused_for_its_size_or_its_time() {
    let world = World::new();
    let store = world.open();
    let mut long = line("ä".repeat(LONGEST_TEXT_BYTES));
    long.attributes.insert(
        "stack".to_owned(),
        "x".repeat(LONGEST_TEXT_BYTES + 5).into(),
    );
    let mut ancient = line("ancient");
    ancient.timestamp_us = Some(-62_135_596_800_000_000);
    let mut future = line("future");
    future.timestamp_us = Some(i64::MAX);
    let mut timeless = line("timeless");
    timeless.timestamp_us = None;
    let receipt = append(&store, vec![long, ancient, future, timeless]).await;
    assert_eq!(receipt.truncated_rows, 1);
    for _ in 0..2 {
        let found = search(&store, &format!("{TRUNCATED_ATTRIBUTE}:*"))
            .await
            .rows;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message.len(), LONGEST_TEXT_BYTES);
        assert_eq!(
            found[0].attributes[TRUNCATED_ATTRIBUTE],
            LONGEST_TEXT_BYTES + 5
        );
        assert_eq!(
            messages(&store, "ancient OR future OR timeless")
                .await
                .len(),
            3
        );
        let timeless = search(&store, "timeless").await.rows.remove(0);
        assert_eq!(timeless.timestamp_us, timeless.received_at_us);
        store.flush().await.expect("flushed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_manifest_line_and_left_over_files_do_no_harm() {
    let world = World::new();
    let store = world.open();
    append(&store, (0..100).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    append(&store, (100..150).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    let before = ids(&search(&store, "*").await.rows);
    drop(store);
    let manifest = world.files("manifest.jsonl").pop().expect("a manifest");
    world.disk.damage(&manifest, |bytes| {
        bytes.extend_from_slice(b"00000000 {\"chan")
    });
    let segment = world.files(".parquet").pop().expect("a segment");
    let stray = segment.with_file_name("seg-00000000000000ff.parquet");
    world.disk.damage(&segment, |_| {});
    andon_store::Disk::create(&world.disk, &stray).expect("made");
    let store = world.open();
    assert_eq!(ids(&search(&store, "*").await.rows), before);
    assert!(!world.disk.paths().contains(&stray));
    append(&store, vec![rich_line(1)]).await;
    store.flush().await.expect("flushed");
    drop(store);
    assert_eq!(search(&world.open(), "*").await.rows.len(), 151);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_named_in_every_answer_it_is_missing_from() {
    let world = World::new();
    let store = world.open();
    append(&store, (0..10).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    append(&store, vec![line("intact")]).await;
    drop(store);
    let segment = world.files(".parquet").pop().expect("a segment");
    world.disk.damage(&segment, |bytes| bytes.truncate(10));
    let store = world.open();
    let result = store.search(everything("*")).await.expect("an answer");
    assert!(!result.complete);
    assert_eq!(result.missing.len(), 1);
    assert_eq!(result.rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_counts_as_newer_only_when_its_records_say_so_too() {
    let world = World::new();
    let store = world.open();
    append(&store, (0..5).map(|n| line(format!("line {n}"))).collect()).await;
    drop(store);
    let path = world.files(".wal").pop().expect("a log");
    // The version in the header, which has no checksum.
    world.disk.damage(&path, |bytes| bytes[8] = 142);
    let store = world.open();
    assert_eq!(search(&store, "*").await.rows.len(), 5);
    let notes = store.status().recovery_notes;
    assert!(notes.iter().any(|note| note.contains("damaged header")), "{notes:?}");
    append(&store, vec![line("more")]).await;
    drop(store);
    let path = world.files(".wal").pop().expect("a log");
    // The version in a marker has none either; what the record holds has one.
    world.disk.damage(&path, |bytes| {
        bytes[8] = 3;
        bytes[19] = b'3';
    });
    let store = world.open();
    let notes = store.status().recovery_notes;
    assert!(notes.iter().any(|note| note.contains("damaged header")), "{notes:?}");
    append(&store, vec![line("and more")]).await;
    drop(store);
    let path = world.files(".wal").pop().expect("a log");
    world.disk.damage(&path, |bytes| {
        bytes[8] = 3;
        bytes[19] = b'3';
        bytes[40] ^= 1;
    });
    let refused = andon_store::LogStore::open(world.config.clone()).err().expect("refused");
    assert_eq!(refused.code, code::NEWER_FORMAT);
}
