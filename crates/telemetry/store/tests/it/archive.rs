//! Lines go to the archive and come back: none is lost, none is there twice, wherever the power goes; and searches
//! say what they did not see.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use andon_reader::query::Filter;
use andon_reader::{
    ArchiveJob, ArchiveRequest, ArchiveState, Clock, CountRequest, DeletionState, JobState, LogArchive, LogCustody, LogReader, LogRow, RestoreRequest, code,
};
use andon_store::{ArchiveConfig, ObjectPlace, FolderPlace, Interval, LogStore, ObjectFacts, PlaceError, StoredObject};
use bytes::Bytes;
use proptest::prelude::*;

use crate::deletion::{compare, finish, store_group, wanted};
use crate::reading::new_row;
use crate::world::{START_US, World, append, everything, ids, line, messages, rich_line, search};

const PLACE: &str = "/archive";
const HOUR_US: i64 = 3_600_000_000;

/// A folder of the same disk that can be away, and can lie.
struct Place {
    folder: FolderPlace,
    is_away: AtomicBool,
    spoils: AtomicBool,
    puts: AtomicU32,
}

impl Place {
    fn reach(&self) -> Result<&FolderPlace, PlaceError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(PlaceError::new("the place is away", "wait for it")),
            false => Ok(&self.folder),
        }
    }
}

impl ObjectPlace for Place {
    fn name(&self) -> String {
        self.folder.name()
    }

    fn put(&self, name: &str, bytes: Bytes, sha256: &[u8; 32]) -> Result<(), PlaceError> {
        self.puts.fetch_add(1, Ordering::Relaxed);
        let mut bytes = bytes.to_vec();
        if self.spoils.load(Ordering::Relaxed) {
            bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
        }
        self.reach()?.put(name, bytes.into(), sha256)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, PlaceError> {
        self.reach()?.get(name, bytes_max)
    }

    fn head(&self, name: &str) -> Result<Option<ObjectFacts>, PlaceError> {
        self.reach()?.head(name)
    }

    fn delete(&self, name: &str) -> Result<(), PlaceError> {
        self.reach()?.delete(name)
    }

    fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, PlaceError> {
        self.reach()?.list(prefix)
    }
}

fn archived_world(after: Option<Duration>) -> (World, Arc<Place>) {
    let mut world = World::new();
    let place = Arc::new(Place {
        folder: FolderPlace::new(Arc::new(world.disk.clone()), PLACE),
        is_away: AtomicBool::new(false),
        spoils: AtomicBool::new(false),
        puts: AtomicU32::new(0),
    });
    world.config.archive = Some(ArchiveConfig { place: place.clone(), after, retention: None });
    (world, place)
}

fn objects(world: &World) -> Vec<PathBuf> {
    world.disk.paths().into_iter().filter(|path| path.starts_with(Path::new(PLACE))).collect()
}

fn state(store: &LogStore) -> ArchiveState {
    store.status().archive.expect("there is an archive")
}

fn job(store: &LogStore, asked: &ArchiveJob) -> ArchiveJob {
    state(store).jobs.into_iter().find(|job| job.id == asked.id).expect("the job is known")
}

/// Moves everything that is in segments or memory.
async fn archive_all(store: &LogStore) -> ArchiveJob {
    let asked = store.archive(ArchiveRequest { before_us: Some(i64::MAX) }).await.expect("taken");
    store.tend_archive().await.expect("tended");
    job(store, &asked)
}

fn back(since_us: i64, until_us: i64) -> RestoreRequest {
    RestoreRequest { since_us, until_us, keep_us: HOUR_US }
}

async fn restore(store: &LogStore, request: RestoreRequest) -> ArchiveJob {
    let asked = store.restore(request).await.expect("taken");
    store.tend_archive().await.expect("tended");
    job(store, &asked)
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn search_and_sql_find_the_same_before_and_after_the_archive(
        groups in proptest::collection::vec(proptest::collection::vec(new_row(), 1..25), 1..5),
        later in proptest::collection::vec(new_row(), 1..10),
        is_crashed in any::<bool>(),
    ) {
        block_on(async move {
            let (world, _place) = archived_world(None);
            let mut store = world.open();
            let mut old: Vec<LogRow> = Vec::new();
            for group in groups {
                old.extend(store_group(&store, group).await);
                store.flush().await.expect("flushed");
            }
            compare(&store, &old, &[], "before").await;
            let archived = archive_all(&store).await;
            prop_assert_eq!((archived.state, archived.done.rows as usize), (JobState::Done, old.len()));
            let new = store_group(&store, later).await;
            compare(&store, &new, &[], "archived").await;
            let notes = search(&store, "*").await.notes;
            prop_assert!(notes[0].starts_with(&format!("{} lines", old.len())), "{:?}", notes);
            if is_crashed {
                drop(store);
                world.disk.crash(0);
                store = world.open();
                compare(&store, &new, &[], "archived, opened again").await;
            }
            let restored = restore(&store, back(i64::MIN, i64::MAX)).await;
            prop_assert_eq!((restored.state, restored.done.rows as usize), (JobState::Done, old.len()));
            let all: Vec<LogRow> = old.iter().chain(&new).cloned().collect();
            compare(&store, &all, &[], "restored").await;
            prop_assert!(search(&store, "*").await.notes.is_empty());
            store.flush().await.expect("flushed");
            drop(store);
            world.disk.crash(0);
            let store = world.open();
            prop_assert!(store.status().recovery_notes.is_empty());
            compare(&store, &all, &[], "restored, opened again").await;
            world.advance_s(3_601);
            store.maintain().await.expect("maintained");
            compare(&store, &new, &[], "gone back").await;
            prop_assert_eq!(state(&store).archived.rows as usize, old.len());
            Ok(())
        })?;
    }
}

/// Four segments of ten lines.
async fn filled(world: &World) -> (LogStore, Vec<String>) {
    let store = world.open();
    for round in 0..4 {
        append(&store, (0..10).map(|number| line(format!("line {round} {number}"))).collect()).await;
        store.flush().await.expect("flushed");
    }
    let all = messages(&store, "*").await;
    (store, all)
}

async fn everything_is_back(world: &World, store: &LogStore, all: &[String], what: &str) {
    store.tend_archive().await.expect("tended");
    let archived = state(store).archived.segments as usize;
    assert_eq!(objects(world).len(), 2 * archived, "{what}: two objects for each archived segment: {:?}", objects(world));
    let job = restore(store, back(i64::MIN, i64::MAX)).await;
    assert_eq!((job.state, &job.error), (JobState::Done, &None), "{what}");
    assert_eq!(messages(store, "*").await, all, "{what}");
}

#[test]
fn nothing_is_lost_or_doubled_when_the_power_goes_at_any_sync_on_the_way_to_the_archive() {
    block_on(async {
        let mut in_between = 0;
        for syncs in 0..60 {
            let (world, _place) = archived_world(None);
            let (store, all) = filled(&world).await;
            world.disk.power_off_after(syncs);
            let _the_power_may_be_off = store.archive(ArchiveRequest { before_us: Some(i64::MAX) }).await;
            store.tend_archive().await.expect("tended");
            drop(store);
            world.disk.crash(if syncs % 2 == 0 { 0 } else { 23 });
            let store = world.open();
            let (here, away) = (store.status().rows, state(&store).archived.rows);
            assert_eq!(here + away, 40, "with {syncs} syncs: {here} here, {away} away");
            in_between += usize::from(here > 0 && away > 0);
            everything_is_back(&world, &store, &all, &format!("with {syncs} syncs")).await;
        }
        assert!(in_between > 8, "the power went in the middle {in_between} times");
    });
}

#[test]
fn nothing_is_lost_or_doubled_when_the_power_goes_at_any_sync_on_the_way_back() {
    block_on(async {
        let mut in_between = 0;
        for syncs in 0..32 {
            let (world, _place) = archived_world(None);
            let (store, all) = filled(&world).await;
            archive_all(&store).await;
            world.disk.power_off_after(syncs);
            let _the_power_may_be_off = store.restore(back(i64::MIN, i64::MAX)).await;
            store.tend_archive().await.expect("tended");
            drop(store);
            world.disk.crash(0);
            let store = world.open();
            let found = messages(&store, "*").await;
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "with {syncs} syncs: a line twice");
            assert_eq!((store.status().rows, state(&store).archived.rows), (found.len() as u64, 40), "with {syncs} syncs");
            in_between += usize::from(!found.is_empty() && found.len() < 40);
            everything_is_back(&world, &store, &all, &format!("with {syncs} syncs")).await;
            assert_eq!(world.files(".parquet").len(), 4, "with {syncs} syncs");
        }
        assert!(in_between > 4, "the power went in the middle {in_between} times");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_how_many_lines_are_in_the_archive_and_how_to_bring_them_back() {
    let (world, _place) = archived_world(None);
    let store = world.open();
    append(&store, (0..30).map(rich_line).collect()).await;
    archive_all(&store).await;
    append(&store, (1_000_000..1_000_010).map(rich_line).collect()).await;
    let found = store.search(everything("*")).await.expect("an answer");
    assert!(found.complete && found.rows.len() == 10 && found.missing.is_empty());
    let command = "andon telemetry restore --since 2026-01-01T00:00:00Z --until 2026-01-01T00:00:01Z";
    assert_eq!(found.notes, [format!("30 lines of this time are in the archive and were not searched; to bring them back: {command}")]);
    let counting = |since_us, until_us, clock| CountRequest { query: "*".to_owned(), since_us, until_us, clock };
    let counted = store.count(counting(START_US, START_US + 10_000, Clock::Timestamp)).await.expect("counted");
    assert!(counted.notes[0].starts_with("up to 30 lines"), "{:?}", counted.notes);
    let counted = store.count(counting(START_US + 500_000_000, i64::MAX, Clock::Timestamp)).await.expect("counted");
    assert_eq!((counted.count, counted.notes), (10, Vec::new()));
    // An alarm that counted a part would be silent where it should not be.
    let counted = store.count(counting(i64::MIN, i64::MAX, Clock::ReceivedAt)).await.expect("counted");
    assert!(!counted.complete && counted.missing[0].contains("in the archive"), "{:?}", counted.missing);
    let snapshot = store.sql_snapshot(Filter::parse("*").expect("a query"), Interval::ALWAYS);
    assert!(snapshot.archived_note().is_some_and(|note| note.starts_with("30 lines")));
    let refused = store.row("7").await.expect_err("it is not here");
    assert_eq!((refused.code.as_str(), refused.hint.as_deref()), (code::ARCHIVE_STATE, Some(format!("bring them back: {command}").as_str())));
    assert_eq!(store.row("999").await.expect("asked"), None);
    // The command that is told works.
    restore(&store, back(START_US, START_US + 1_000_000)).await;
    assert_eq!(search(&store, "*").await.rows.len(), 40);
    assert!(store.row("7").await.expect("asked").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn old_lines_go_by_themselves_and_are_not_dropped_by_the_retention_of_the_disk() {
    let (mut world, place) = archived_world(Some(Duration::from_secs(3_600)));
    world.config.retention = Some(Duration::from_secs(3_600));
    let store = world.open();
    append(&store, (0..10).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    world.advance_s(3_700);
    append(&store, (10..15).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    place.is_away.store(true, Ordering::Relaxed);
    store.tend_archive().await.expect("tended");
    store.maintain().await.expect("maintained");
    assert_eq!((store.status().rows, store.status().dropped_by_age_rows), (15, 0), "they wait for the archive");
    place.is_away.store(false, Ordering::Relaxed);
    world.advance_s(10);
    store.tend_archive().await.expect("tended");
    let status = store.status();
    assert_eq!((status.rows, status.dropped_by_age_rows, state(&store).archived.rows), (5, 0, 10));
    assert_eq!(world.files(".parquet").len(), 1, "the room is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_away_is_told_tried_again_and_holds_up_nothing() {
    let (world, place) = archived_world(Some(Duration::from_secs(60)));
    let store = world.open();
    append(&store, (0..10).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    world.advance_s(100);
    place.is_away.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        store.tend_archive().await.expect("tended");
    }
    assert_eq!(place.puts.load(Ordering::Relaxed), 1, "it is left alone for a while");
    let told = state(&store);
    let failing = told.failing.expect("told");
    assert_eq!((failing.code.as_str(), failing.message.as_str(), failing.hint.as_deref()), (code::ARCHIVE_FAILED, "the place is away", Some("wait for it")));
    assert!(told.retry_at_us.is_some() && told.waiting.rows == 10);
    append(&store, (10..20).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    assert!(store.status().failing.is_none());
    assert_eq!(search(&store, "*").await.rows.len(), 20);
    // Who asks for it is told at once.
    let asked = archive_all(&store).await;
    assert_eq!((asked.state, asked.error.map(|error| error.code)), (JobState::Failed, Some(code::ARCHIVE_FAILED.to_owned())));
    place.is_away.store(false, Ordering::Relaxed);
    world.advance_s(700);
    store.tend_archive().await.expect("tended");
    let told = state(&store);
    assert_eq!((told.archived.rows, told.failing, told.waiting.rows), (20, None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_keeps_other_bytes_gets_no_line_for_good() {
    let (world, place) = archived_world(None);
    let (store, all) = filled(&world).await;
    place.spoils.store(true, Ordering::Relaxed);
    let asked = archive_all(&store).await;
    let error = asked.error.expect("it has failed");
    assert!(error.message.contains("does not keep what it is given"), "{error}");
    assert_eq!(messages(&store, "*").await, all);
    place.spoils.store(false, Ordering::Relaxed);
    archive_all(&store).await;
    everything_is_back(&world, &store, &all, "afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_object_is_named_and_the_others_come_back() {
    let (world, _place) = archived_world(None);
    let (store, all) = filled(&world).await;
    archive_all(&store).await;
    let damaged = objects(&world).into_iter().find(|path| path.to_string_lossy().ends_with(".parquet")).expect("an object");
    world.disk.damage(&damaged, |bytes| bytes[40] ^= 1);
    let job = restore(&store, back(i64::MIN, i64::MAX)).await;
    let error = job.error.expect("it has failed");
    let name = damaged.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(error.message.contains(name) && error.hint.is_some(), "{error}");
    assert_eq!((job.state, job.done.segments), (JobState::Failed, 3));
    let found = search(&store, "*").await;
    assert_eq!(found.rows.len(), all.len() - 10);
    assert!(found.notes[0].starts_with("10 lines"), "what is missing is told still: {:?}", found.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_lines_have_a_retention_of_their_own_and_are_counted_when_they_go() {
    let (mut world, place) = archived_world(Some(Duration::from_secs(3_600)));
    world.config.archive = Some(ArchiveConfig { place, after: Some(Duration::from_secs(3_600)), retention: Some(Duration::from_secs(7_200)) });
    let store = world.open();
    append(&store, (0..10).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    world.advance_s(3_700);
    store.tend_archive().await.expect("tended");
    restore(&store, back(i64::MIN, i64::MAX)).await;
    assert_eq!((objects(&world).len(), store.status().rows), (2, 10));
    world.advance_s(3_600);
    append(&store, (10..15).map(rich_line).collect()).await;
    store.tend_archive().await.expect("tended");
    assert_eq!((objects(&world).len(), store.status().rows, store.status().dropped_by_age_rows), (0, 5, 10));
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    assert_eq!((store.status().rows, store.status().dropped_by_age_rows, world.files(".parquet").len()), (5, 10, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_give_way_to_new_lines_and_do_not_come_where_there_is_no_room() {
    let (mut world, _place) = archived_world(None);
    let (store, all) = filled(&world).await;
    let full = store.status().segment_bytes;
    archive_all(&store).await;
    drop(store);
    world.config.disk_cap_bytes = Some(full - 1);
    let store = world.open();
    let refused = store.restore(back(i64::MIN, i64::MAX)).await.expect_err("there is no room");
    assert!(refused.code == code::ARCHIVE_STATE && refused.hint.is_some_and(|hint| hint.contains("--disk-cap")));
    drop(store);
    world.config.disk_cap_bytes = Some(full + 10);
    let store = world.open();
    restore(&store, back(i64::MIN, i64::MAX)).await;
    append(&store, (0..40).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    let status = store.status();
    assert!(status.segment_bytes <= full + 10 && status.rows < 80);
    assert_eq!((status.dropped_by_cap_rows, state(&store).archived.rows), (0, all.len() as u64), "nothing is lost with a copy");
    assert_eq!(search(&store, "trace_id:*").await.rows.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_disk_cap_lines_go_to_the_archive_and_are_not_dropped() {
    let (mut world, _place) = archived_world(Some(Duration::from_secs(1_000_000)));
    let (store, all) = filled(&world).await;
    let full = store.status().segment_bytes;
    drop(store);
    world.config.disk_cap_bytes = Some(full + full / 20);
    let store = world.open();
    store.tend_archive().await.expect("tended");
    assert!(state(&store).archived.rows > 0 && store.status().rows > 0);
    store.maintain().await.expect("maintained");
    assert_eq!(store.status().rows + state(&store).archived.rows, all.len() as u64);
    assert_eq!(store.status().dropped_by_cap_rows, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_again_lets_lines_stay_longer_and_brings_nothing_twice() {
    let (world, _place) = archived_world(None);
    let (store, all) = filled(&world).await;
    archive_all(&store).await;
    restore(&store, back(i64::MIN, i64::MAX)).await;
    world.advance_s(3_000);
    let again = restore(&store, back(i64::MIN, i64::MAX)).await;
    assert_eq!((again.state, again.total.segments), (JobState::Done, 0));
    world.advance_s(3_000);
    store.maintain().await.expect("maintained");
    assert_eq!(messages(&store, "*").await, all);
    world.advance_s(700);
    store.maintain().await.expect("maintained");
    assert_eq!((store.status().rows, world.files(".parquet").len()), (0, 0));
    assert_eq!(ids(&search(&store, "*").await.rows), Vec::<u64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_waits_for_the_archive_and_reaches_it_when_the_lines_are_back() {
    let (world, _place) = archived_world(None);
    let (store, _) = filled(&world).await;
    archive_all(&store).await;
    store.delete_lines(wanted("\"line 1 3\"")).await.expect("acknowledged");
    store.maintain().await.expect("maintained");
    let open = store.deletions().await.expect("told").pop().expect("one");
    assert!(open.state == DeletionState::Hidden && open.pending.iter().any(|what| what.contains("archive")), "{:?}", open.pending);
    restore(&store, back(i64::MIN, i64::MAX)).await;
    assert_eq!(messages(&store, "*").await.len(), 39, "it is hidden as soon as it is back");
    for _ in 0..8 {
        store.maintain().await.expect("maintained");
        store.tend_archive().await.expect("tended");
    }
    let finished = finish(&store).await.pop().expect("one");
    assert!(store.verify_deletion(finished.id).await.expect("verified").expect("known").ok);
    assert_eq!((objects(&world).len(), state(&store).archived.rows), (6, 30), "the objects that held it are gone");
    world.advance_s(4_000);
    store.maintain().await.expect("maintained");
    assert_eq!(messages(&store, "*").await.len(), 9, "what was rewritten stays here until it is archived again");
    archive_all(&store).await;
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    restore(&store, back(i64::MIN, i64::MAX)).await;
    let left = messages(&store, "*").await;
    assert!(left.len() == 39 && !left.contains(&"line 1 3".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_an_archive_says_so_where_there_is_none_or_another_one() {
    let (mut world, place) = archived_world(None);
    let (store, _) = filled(&world).await;
    let due = store.archive(ArchiveRequest { before_us: None }).await.expect_err("no age is set");
    assert!(due.code == code::ARCHIVE_STATE && due.hint.is_some_and(|hint| hint.contains("--before")));
    archive_all(&store).await;
    drop(store);
    world.config.archive = None;
    let store = world.open();
    let refused = store.restore(back(i64::MIN, i64::MAX)).await.expect_err("there is no archive");
    assert!(refused.code == code::ARCHIVE_STATE && refused.hint.is_some_and(|hint| hint.contains("--archive")));
    assert_eq!(state(&store).archived.rows, 40, "what is there is told still");
    assert!(search(&store, "*").await.notes[0].starts_with("40 lines"));
    drop(store);
    let elsewhere = FolderPlace::new(Arc::new(world.disk.clone()), "/elsewhere");
    world.config.archive = Some(ArchiveConfig { place: Arc::new(elsewhere), after: None, retention: None });
    let store = world.open();
    let job = restore(&store, back(i64::MIN, i64::MAX)).await;
    let error = job.error.expect("it has failed");
    assert!(error.hint.is_some_and(|hint| hint.contains("--archive file:///archive")), "{}", error.message);
    drop((store, place));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_thread_does_the_same_in_folders_of_a_real_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let away = folder.path().join("away");
    std::fs::create_dir(&away).expect("made");
    let place = Arc::new(FolderPlace::new(Arc::new(andon_store::RealDisk), &away));
    let mut config = andon_store::StoreConfig::new(folder.path().join("telemetry"));
    config.archive = Some(ArchiveConfig { place, after: None, retention: None });
    let store = LogStore::open(config.clone()).expect("opened");
    append(&store, (0..500).map(rich_line).collect()).await;
    let asked = store.archive(ArchiveRequest { before_us: Some(i64::MAX) }).await.expect("taken");
    ended(&store, &asked).await;
    assert_eq!(std::fs::read_dir(&away).expect("listed").count(), 2);
    assert_eq!(search(&store, "*").await.rows.len(), 0);
    drop(store);
    let store = LogStore::open(config).expect("opened");
    let asked = store.restore(back(i64::MIN, i64::MAX)).await.expect("taken");
    ended(&store, &asked).await;
    assert_eq!(search(&store, "*").await.rows.len(), 500);
}

async fn ended(store: &LogStore, asked: &ArchiveJob) {
    while job(store, asked).state == JobState::Running {
        // Who asks without a pause may never let go of the lock for long enough that the thread gets it.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(job(store, asked).state, JobState::Done);
}
