//! What is deleted is not found from the answer on, in no way of asking, and in the end no file holds it; everything
//! else stays, wherever the power goes.

use andon_reader::query::Filter;
use andon_reader::{
    AggregateRequest, Clock, CountRequest, Deletion, DeletionRequest, DeletionState, GroupBy, HistogramRequest, LogCustody,
    LogReader, LogRow, LogSink, Measure, NewLogRow, TailEvent, code,
};
use andon_store::{Effort, Interval, LogColumn, LogStore, SqlColumn};
use arrow::array::{Array as _, StringViewArray};
use futures::StreamExt as _;
use proptest::prelude::*;

use crate::reading::{QUERIES, new_row};
use crate::world::{START_US, World, append, everything, ids, line, messages, rich_line, search};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

pub(crate) fn wanted(query: &str) -> DeletionRequest {
    DeletionRequest {
        query: query.to_owned(),
        since_us: i64::MIN,
        until_us: i64::MAX,
        reason: "asked for by the privacy office".to_owned(),
        requested_by: "user:default/rio".to_owned(),
        request_event: Some("event-1".to_owned()),
    }
}

async fn delete(store: &LogStore, request: DeletionRequest) -> Deletion {
    store.delete_lines(request).await.expect("the deletion is acknowledged")
}

async fn deletion(store: &LogStore, id: u64) -> Deletion {
    store.deletion(id).await.expect("told").expect("known")
}

pub(crate) async fn finish(store: &LogStore) -> Vec<Deletion> {
    for _ in 0..200 {
        store.maintain().await.expect("maintained");
        let all = store.deletions().await.expect("told");
        if all.iter().all(|deletion| deletion.state == DeletionState::Finished) {
            return all;
        }
    }
    panic!("not finished: {:?}", store.deletions().await);
}

fn ids_of_sql(store: &LogStore, query: &str) -> Vec<u64> {
    let snapshot = store.sql_snapshot(Filter::parse(query).expect("a query"), Interval::ALWAYS);
    let mut found = Vec::new();
    let (id, effort) = (SqlColumn::Plain(LogColumn::Id), Effort::default());
    for part in snapshot.parts(0, 1, &effort) {
        let rows = part.select(&effort).expect("selected");
        assert_eq!(part.count(&effort).expect("counted"), rows.len() as u64, "{query}");
        let values = rows.values(&id, None, &effort).expect("values");
        let column = rows.slice(&id, &values, 0..rows.len(), &effort).expect("a column");
        let column = column.as_any().downcast_ref::<StringViewArray>().expect("texts").clone();
        found.extend((0..column.len()).map(|row| column.value(row).parse::<u64>().expect("a number")));
    }
    found.sort_unstable();
    if let Some(rows) = snapshot.exact_rows() {
        assert_eq!(rows as usize, found.len(), "{query}");
    }
    found
}

/// Asks in every way and compares with the rows that must be there.
pub(crate) async fn compare(store: &LogStore, rows: &[LogRow], gone: &[LogRow], stage: &str) {
    for query in QUERIES.iter().step_by(5) {
        let filter = Filter::parse(query).expect("a query");
        let there: Vec<LogRow> = rows.iter().filter(|row| filter.matches(*row)).cloned().collect();
        let mut found = search(store, query).await.rows;
        assert_eq!(ids(&found), ids(&there), "{stage}: {query}");
        found.sort_by_key(|row| row.id.parse::<u64>().unwrap_or(0));
        for row in &found {
            assert_eq!(Some(row), rows.iter().find(|one| one.id == row.id), "{stage}: {query}");
        }
        assert_eq!(ids_of_sql(store, query), ids(&there), "{stage}: SQL {query}");
        let count = CountRequest { query: (*query).to_owned(), since_us: i64::MIN, until_us: i64::MAX, clock: Clock::Timestamp };
        assert_eq!(store.count(count).await.expect("counted").count as usize, there.len(), "{stage}: {query}");
        let bars = HistogramRequest {
            query: (*query).to_owned(), since_us: START_US, until_us: START_US + 1_000_000_000, buckets: Some(10), bucket_us: None, by: Some("service".into()), clock: Clock::Timestamp,
        };
        assert_eq!(store.histogram(bars).await.expect("counted").total as usize, there.len(), "{stage}: {query}");
        let by = vec![GroupBy::Field { name: "service".to_owned() }];
        let measured = AggregateRequest {
            query: (*query).to_owned(), since_us: i64::MIN, until_us: i64::MAX, clock: Clock::Timestamp, by, measures: vec![Measure::Count], order: None, limit: 100,
        };
        let groups = store.aggregate(measured).await.expect("measured");
        let total: u64 = groups.rows.iter().filter_map(|row| row.last()?.as_u64()).sum();
        assert_eq!(total as usize, there.len(), "{stage}: {query}");
    }
    for row in gone {
        assert_eq!(store.row(&row.id).await.expect("asked"), None, "{stage}");
    }
    for row in rows.iter().step_by(7) {
        assert_eq!(store.row(&row.id).await.expect("asked").as_ref(), Some(row), "{stage}");
    }
}

fn stored(group: &[NewLogRow], first: u64, received_at_us: i64) -> Vec<LogRow> {
    let of = |(row, id): (&NewLogRow, u64)| LogRow {
        id: id.to_string(),
        timestamp_us: row.timestamp_us.unwrap_or(received_at_us),
        received_at_us,
        severity_number: row.severity_number,
        severity_text: row.severity_text.clone(),
        service: row.service.clone(),
        message: row.message.clone(),
        trace_id: row.trace_id.clone(),
        span_id: row.span_id.clone(),
        scope: row.scope.clone(),
        attributes: row.attributes.clone(),
        resource: (*row.resource).clone(),
    };
    group.iter().zip(first..).map(of).collect()
}

pub(crate) async fn store_group(store: &LogStore, group: Vec<NewLogRow>) -> Vec<LogRow> {
    let receipt = append(store, group.clone()).await;
    let first = receipt.first_id.expect("an id").parse().expect("a number");
    stored(&group, first, receipt.received_at_us)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_deleted_is_gone_for_every_question_and_nothing_else_is(
        groups in proptest::collection::vec(proptest::collection::vec(new_row(), 1..25), 2..5),
        later in proptest::collection::vec(new_row(), 1..10),
        flushes in 0usize..5,
        query in proptest::sample::select(&QUERIES[..]),
        second in proptest::option::of(proptest::sample::select(&QUERIES[..])),
        until in proptest::option::of(0i64..1_000),
        (is_crashed, steps) in (any::<bool>(), 0usize..4),
    ) {
        block_on(async move {
            let world = World::new();
            let mut store = world.open();
            let mut all: Vec<LogRow> = Vec::new();
            for (number, group) in groups.into_iter().enumerate() {
                all.extend(store_group(&store, group).await);
                if number < flushes {
                    store.flush().await.expect("flushed");
                }
            }
            compare(&store, &all, &[], "before").await;
            let mut gone = Vec::new();
            for query in [Some(query), second].into_iter().flatten() {
                let until_us = until.map_or(i64::MAX, |second| START_US + second * 1_000_000);
                let request = DeletionRequest { until_us, ..wanted(query) };
                let filter = Filter::parse(query).expect("a query");
                let goes = |row: &LogRow| row.timestamp_us < until_us && filter.matches(row);
                let counted = store.count_deletable(request.clone()).await.expect("counted");
                prop_assert_eq!(counted as usize, all.iter().filter(|row| goes(row)).count());
                delete(&store, request).await;
                gone.extend(all.iter().filter(|row| goes(row)).cloned());
                all.retain(|row| !goes(row));
            }
            // They would match, too, and came later.
            all.extend(store_group(&store, later).await);
            compare(&store, &all, &gone, "hidden").await;
            for _ in 0..steps {
                store.maintain().await.expect("maintained");
                compare(&store, &all, &gone, "while it is rewritten").await;
            }
            if is_crashed {
                drop(store);
                world.disk.crash(0);
                store = world.open();
                compare(&store, &all, &gone, "after a crash").await;
            }
            let finished = finish(&store).await;
            let removed: u64 = finished.iter().map(|deletion| deletion.removed_rows).sum();
            prop_assert_eq!(removed as usize, gone.len());
            for deletion in &finished {
                let check = store.verify_deletion(deletion.id).await.expect("verified").expect("known");
                prop_assert!(check.ok, "{:?}", check);
                prop_assert_eq!(check.matching_rows, 0);
            }
            compare(&store, &all, &gone, "rewritten").await;
            drop(store);
            world.disk.crash(0);
            let store = world.open();
            prop_assert!(store.status().recovery_notes.is_empty());
            compare(&store, &all, &gone, "opened again").await;
            let receipt = append(&store, vec![line("new")]).await;
            let id: u64 = receipt.first_id.expect("an id").parse().expect("a number");
            prop_assert!(gone.iter().chain(&all).all(|row| row.id.parse::<u64>().expect("a number") < id), "an id is never used twice");
            Ok(())
        })?;
    }
}

/// Three segments and some memory, with matching lines in all but one.
async fn filled(world: &World) -> (LogStore, Vec<String>) {
    let store = world.open();
    for round in 0..4 {
        let word = if round == 1 { "kept" } else { "secret" };
        append(&store, (0..6).map(|number| line(format!("{word} {round} {number}"))).collect()).await;
        append(&store, (0..4).map(|number| line(format!("other {round} {number}"))).collect()).await;
        if round < 3 {
            store.flush().await.expect("flushed");
        }
    }
    let mut left: Vec<String> = (0..6).map(|number| format!("kept 1 {number}")).collect();
    left.extend((0..4).flat_map(|round| (0..4).map(move |number| format!("other {round} {number}"))));
    left.sort();
    (store, left)
}

#[test]
fn a_deletion_survives_a_loss_of_power_at_every_sync() {
    block_on(async {
        let mut ended_early = 0;
        for syncs in 0..70 {
            let world = World::new();
            let (store, left) = filled(&world).await;
            let before = messages(&store, "*").await;
            world.disk.power_off_after(syncs);
            let answer = store.delete_lines(wanted("secret")).await;
            for _ in 0..12 {
                let _the_power_may_be_off = store.maintain().await;
            }
            if answer.is_ok() {
                assert_eq!(messages(&store, "*").await, left, "with {syncs} syncs");
            }
            drop(store);
            world.disk.crash(if syncs % 2 == 0 { 0 } else { 17 });
            let store = world.open();
            let now = messages(&store, "*").await;
            if answer.is_ok() {
                assert_eq!(now, left, "with {syncs} syncs");
            } else {
                assert!(now == left || now == before, "all or nothing, with {syncs} syncs");
                delete(&store, wanted("secret")).await;
            }
            let early = store.deletions().await.expect("told").iter().any(|one| one.state == DeletionState::Hidden);
            ended_early += usize::from(early);
            for deletion in finish(&store).await {
                let check = store.verify_deletion(deletion.id).await.expect("verified").expect("known");
                assert!(check.ok, "{syncs}: {check:?}");
            }
            assert_eq!(messages(&store, "*").await, left);
            assert_eq!(world.files(".wal").len(), 0);
        }
        assert!(ended_early > 8, "the power went in the middle {ended_early} times");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_says_what_each_file_was_and_became() {
    let world = World::new();
    let (store, left) = filled(&world).await;
    let asked = delete(&store, wanted("secret")).await;
    assert_eq!((asked.id, asked.state, asked.removed_rows), (1, DeletionState::Hidden, 0));
    assert_eq!(messages(&store, "*").await, left, "before anything is rewritten");
    assert_eq!(messages(&store, "secret").await, [""; 0]);
    let pending = deletion(&store, 1).await.pending;
    assert!(pending.iter().any(|what| what.starts_with("memory: ")), "{pending:?}");
    finish(&store).await;
    let done = deletion(&store, 1).await;
    assert_eq!((done.removed_rows, done.pending.len()), (18, 0));
    assert_eq!((done.query.as_str(), done.request_event.as_deref()), ("secret", Some("event-1")));
    let from_segments: Vec<_> = done.records.iter().filter(|record| record.old.is_some()).collect();
    let from_memory: Vec<_> = done.records.iter().filter(|record| record.log.is_some()).collect();
    assert_eq!((from_segments.len(), from_memory.len()), (2, 1));
    for record in &done.records {
        assert_eq!((record.removed_rows, record.new.len()), (6, 1));
        assert_eq!(record.new[0].data_sha256.len(), 64);
        let differs = record.old.as_ref().is_none_or(|old| old.data_sha256.len() == 64 && old.data_sha256 != record.new[0].data_sha256);
        assert!(differs, "{record:?}");
    }
    let proof = world.files("deletion-0000000000000001.json").pop().expect("a proof");
    drop(store);
    let store = world.open();
    let check = store.verify_deletion(1).await.expect("verified").expect("known");
    assert!(check.ok && check.digest.is_some() && check.digest == deletion(&store, 1).await.digest, "{check:?}");
    world.disk.damage(&proof, |bytes| bytes[20] ^= 1);
    let check = store.verify_deletion(1).await.expect("verified").expect("known");
    assert!(!check.ok && check.findings[0].contains("not the one that was written"), "{check:?}");
    assert_eq!(store.verify_deletion(2).await.expect("asked"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_which_nothing_is_left_never_comes_back() {
    let world = World::new();
    let store = world.open();
    append(&store, (0..10).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    delete(&store, wanted("*")).await;
    // The segment is rewritten to nothing; its file stays, as if the power had gone before its removal was durable.
    store.maintain().await.expect("maintained");
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    assert_eq!(search(&store, "*").await.rows.len(), 0);
    finish(&store).await;
    assert_eq!(world.files(".parquet").len() + world.files(".index").len(), 0);
    let receipt = append(&store, vec![line("after")]).await;
    assert_eq!(receipt.first_id.as_deref(), Some("11"));
    assert_eq!(messages(&store, "*").await, ["after"], "what comes later is not concerned");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_segment_keeps_a_deletion_open_and_says_why() {
    let world = World::new();
    let (store, left) = filled(&world).await;
    drop(store);
    let path = world.files(".parquet")[0].clone();
    world.disk.damage(&path, |bytes| bytes.truncate(40));
    let index = world.files(".index")[0].clone();
    world.disk.damage(&index, |bytes| bytes.truncate(10));
    let store = world.open();
    delete(&store, wanted("secret")).await;
    for _ in 0..20 {
        store.maintain().await.expect("maintained");
    }
    let open = deletion(&store, 1).await;
    assert_eq!(open.state, DeletionState::Hidden);
    assert!(open.pending.iter().any(|what| what.starts_with("damage: segment ")), "{:?}", open.pending);
    let found = store.search(everything("secret")).await.expect("searched");
    assert_eq!((found.rows.len(), found.complete), (0, false));
    let found = store.search(everything("*")).await.expect("searched");
    assert_eq!(found.rows.len(), left.len() - 4);
    let check = store.verify_deletion(1).await.expect("verified").expect("known");
    assert!(!check.ok && !check.findings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_and_deletes_nothing() {
    let world = World::new();
    let store = world.open();
    append(&store, vec![line("secret")]).await;
    let refusal = |request: DeletionRequest| async { store.delete_lines(request).await.expect_err("refused").code };
    assert_eq!(refusal(wanted("level:(error")).await, code::QUERY_SYNTAX);
    // A search passes over it with a note; a deletion would take more than was meant.
    assert_eq!(refusal(wanted("secret^2")).await, code::QUERY_SYNTAX);
    assert_eq!(refusal(DeletionRequest { reason: "  ".to_owned(), ..wanted("secret") }).await, code::REQUEST);
    assert_eq!(refusal(DeletionRequest { since_us: 5, until_us: 1, ..wanted("secret") }).await, code::REQUEST);
    assert_eq!(messages(&store, "*").await, ["secret"]);
    assert_eq!(store.deletions().await.expect("told"), []);
    for _ in 0..32 {
        delete(&store, wanted("nothing")).await;
    }
    assert_eq!(refusal(wanted("secret")).await, code::OVERLOADED);
    finish(&store).await;
    delete(&store, wanted("secret")).await;
    assert_eq!(messages(&store, "*").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_does_not_deliver_what_was_deleted_before_it_got_there() {
    let world = World::new();
    let store = world.open();
    let mut tail = store.tail("*").expect("followed");
    append(&store, vec![line("secret")]).await;
    append(&store, vec![line("other")]).await;
    delete(&store, wanted("secret")).await;
    let Some(TailEvent::Row { row }) = tail.next().await else { panic!("a line") };
    assert_eq!(row.message, "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_and_dropping_go_on_beside_deletions() {
    let world = World::new();
    let store = world.open();
    for round in 0..20 {
        append(&store, (round * 5..round * 5 + 5).map(rich_line).collect()).await;
        store.flush().await.expect("flushed");
        if round % 5 == 0 {
            delete(&store, wanted(&format!("n:{}", round * 5 + 1))).await;
        }
    }
    finish(&store).await;
    store.maintain().await.expect("maintained");
    let status = store.status();
    assert!(status.segments < 6, "{} segments", status.segments);
    assert_eq!(status.rows, 96);
    assert_eq!(search(&store, "*").await.rows.len(), 96);
    assert!(store.append(vec![line("more")]).await.is_ok());
}
