//! Segments have their home in a place of objects: the disk is a cache of it, every question has the same answer as
//! ever or says what it misses, and no line is lost wherever the power goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use andon_reader::query::Filter;
use andon_reader::{
    ArchiveRequest, Clock, CountRequest, DeletionState, HomeState, LogArchive, LogCustody, LogReader, LogRow, LogSink, RestoreRequest, code,
};
use andon_store::{
    ArchiveConfig, Effort, FolderPlace, HomeConfig, InspectOptions, Interval, LogStore, ObjectFacts, ObjectPlace, PlaceError, StoredObject, inspect, repair,
};
use bytes::Bytes;
use proptest::prelude::*;

use crate::deletion::{compare, finish, store_group, wanted};
use crate::reading::new_row;
use crate::world::{FOLDER, World, append, everything, line, messages, rich_line, search};

const PLACE: &str = "/home";

/// A folder of the same disk that can be away, slow, and can lie.
struct Place {
    folder: FolderPlace,
    is_away: AtomicBool,
    is_slow: AtomicBool,
    spoils: AtomicBool,
    gets: AtomicU32,
}

impl Place {
    fn reach(&self) -> Result<&FolderPlace, PlaceError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(PlaceError::new("the home is away", "wait for it")),
            false => Ok(&self.folder),
        }
    }
}

impl ObjectPlace for Place {
    fn name(&self) -> String {
        self.folder.name()
    }

    fn put(&self, name: &str, bytes: Bytes, sha256: &[u8; 32]) -> Result<(), PlaceError> {
        let mut bytes = bytes.to_vec();
        if self.spoils.load(Ordering::Relaxed) {
            bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
        }
        self.reach()?.put(name, bytes.into(), sha256)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, PlaceError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        while self.is_slow.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
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

fn home_world(cache_bytes: u64) -> (World, Arc<Place>) {
    let mut world = World::new();
    let place = Arc::new(Place {
        folder: FolderPlace::new(Arc::new(world.disk.clone()), PLACE),
        is_away: AtomicBool::new(false),
        is_slow: AtomicBool::new(false),
        spoils: AtomicBool::new(false),
        gets: AtomicU32::new(0),
    });
    world.config.home = Some(HomeConfig { place: place.clone(), cache_bytes });
    (world, place)
}

fn objects(world: &World) -> Vec<PathBuf> {
    world.disk.paths().into_iter().filter(|path| path.starts_with(Path::new(PLACE))).collect()
}

fn local(world: &World) -> usize {
    world.files(".parquet").len() + world.files(".index").len()
}

fn state(store: &LogStore) -> HomeState {
    store.status().home.expect("there is a home")
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

/// Four segments of ten lines.
async fn filled(world: &World) -> (LogStore, Vec<String>) {
    let store = world.open();
    let all = fill(&store).await;
    (store, all)
}

async fn fill(store: &LogStore) -> Vec<String> {
    for round in 0..4 {
        append(store, (0..10).map(|number| line(format!("line {round} {number}"))).collect()).await;
        store.flush().await.expect("flushed");
    }
    messages(store, "*").await
}

async fn tend(store: &LogStore) {
    store.tend_home().await.expect("tended");
}

async fn count_by(store: &LogStore, query: &str, clock: Clock) -> andon_reader::CountResult {
    store.count(CountRequest { query: query.to_owned(), since_us: i64::MIN, until_us: i64::MAX, clock }).await.expect("counted")
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_go_home_leave_the_disk_and_are_read_from_there() {
    let (world, place) = home_world(0);
    let (store, all) = filled(&world).await;
    assert_eq!((objects(&world).len(), state(&store).waiting.segments), (0, 4));
    tend(&store).await;
    assert_eq!((objects(&world).len(), local(&world)), (8, 0), "everything is there, and nothing here");
    let told = state(&store);
    assert_eq!((told.stored.rows, told.waiting.rows, told.cached_bytes, told.failing), (40, 0, 0, None));
    assert_eq!(messages(&store, "*").await, all);
    assert_eq!(messages(&store, "\"line 2 7\"").await, ["line 2 7"]);
    assert!(store.row("7").await.expect("asked").is_some());
    assert_eq!(count_by(&store, "line", Clock::ReceivedAt).await.count, 40);
    let snapshot = store.sql_snapshot(Filter::parse("line").expect("a query"), Interval::ALWAYS);
    let effort = Effort::default();
    let counted: u64 = snapshot.parts(0, 1, &effort).iter().map(|part| part.count(&effort).expect("read")).sum();
    assert_eq!(counted, 40);
    tend(&store).await;
    assert_eq!(local(&world), 0, "the cache has no room");
    assert!(place.gets.load(Ordering::Relaxed) >= 8);
    assert_eq!(store.status().segment_bytes, state(&store).stored.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_recently_read_leaves_first_and_indexes_last() {
    let (mut world, place) = home_world(u64::MAX);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    assert_eq!(local(&world), 8, "all of it fits");
    drop(store);
    let store = world.open();
    assert_eq!((messages(&store, "*").await, place.gets.load(Ordering::Relaxed)), (all.clone(), 8), "read back once, to verify");
    let bytes = state(&store).cached_bytes;
    drop(store);
    world.config.home = Some(HomeConfig { place: place.clone(), cache_bytes: bytes - 1 });
    let store = world.open();
    assert_eq!(messages(&store, "\"line 0 1\"").await, ["line 0 1"]);
    tend(&store).await;
    assert_eq!((world.files(".parquet").len(), world.files(".index").len()), (3, 4));
    let first = world.files(".index").remove(0).with_extension("parquet");
    assert!(world.files(".parquet").contains(&first), "it was read just now");
    assert_eq!(messages(&store, "*").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_any_segment_is_read_from_the_home() {
    let (world, _place) = home_world(u64::MAX);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    drop(store);
    for path in [world.files(".parquet"), world.files(".index")].concat() {
        andon_store::Disk::remove(&world.disk, &path).expect("removed");
    }
    let store = world.open();
    assert!(store.status().recovery_notes.is_empty(), "{:?}", store.status().recovery_notes);
    assert_eq!(messages(&store, "*").await, all);
    assert_eq!(local(&world), 8, "the cache has them again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_question_has_the_same_answer_wherever_the_segments_are(
        groups in proptest::collection::vec(proptest::collection::vec(new_row(), 1..25), 1..5),
        later in proptest::collection::vec(new_row(), 1..10),
        cache_bytes in prop_oneof![Just(0), Just(u64::MAX), 1_000_u64..40_000],
        is_crashed in any::<bool>(),
    ) {
        block_on(async move {
            let (world, _place) = home_world(cache_bytes);
            let mut store = world.open();
            let mut rows: Vec<LogRow> = Vec::new();
            for group in groups {
                rows.extend(store_group(&store, group).await);
                store.flush().await.expect("flushed");
                tend(&store).await;
                compare(&store, &rows, &[], "at home").await;
            }
            rows.extend(store_group(&store, later).await);
            compare(&store, &rows, &[], "and in memory").await;
            if is_crashed {
                drop(store);
                world.disk.crash(0);
                store = world.open();
                prop_assert!(store.status().recovery_notes.is_empty());
            }
            tend(&store).await;
            compare(&store, &rows, &[], "in the end").await;
            Ok(())
        })?;
    }
}

#[test]
fn nothing_is_lost_doubled_or_left_over_when_the_power_goes_at_any_sync() {
    block_on(async {
        let mut in_between = 0;
        for syncs in 0..120 {
            let cache_bytes = if syncs % 3 == 0 { 0 } else { u64::MAX };
            let (mut world, place) = home_world(cache_bytes);
            let what = format!("with {syncs} syncs");
            let (store, all) = filled(&world).await;
            world.disk.power_off_after(syncs);
            tend(&store).await;
            // Merged, and the first objects are removed again.
            for number in 0..4 {
                let _the_power_may_be_off = store.append(vec![line(format!("later {number}"))]).await;
                let _the_power_may_be_off = store.flush().await;
            }
            tend(&store).await;
            drop(store);
            world.disk.crash(if syncs % 2 == 0 { 0 } else { 23 });
            let store = world.open();
            let told = state(&store);
            in_between += usize::from(told.stored.rows > 0 && told.waiting.rows > 0);
            let found = messages(&store, "line").await;
            assert_eq!(found, all, "{what}");
            tend(&store).await;
            let told = state(&store);
            assert_eq!((told.waiting.segments, told.failing), (0, None), "{what}");
            assert_eq!(objects(&world).len() as u64, 2 * told.stored.segments, "{what}: two objects for each segment: {:?}", objects(&world));
            let here = if cache_bytes == 0 { 0 } else { objects(&world).len() };
            assert_eq!((local(&world), messages(&store, "line").await), (here, all.clone()), "{what}");
            drop(store);
            world.config.home = Some(HomeConfig { place, cache_bytes: 10_000 });
            assert_eq!(messages(&world.open(), "line").await, all, "{what}");
        }
        assert!(in_between > 8, "the power went in the middle {in_between} times");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_away_is_named_by_every_answer_and_holds_up_no_line() {
    let (world, place) = home_world(0);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    // What is in memory needs no home.
    place.is_away.store(true, Ordering::Relaxed);
    assert_eq!(messages(&store, "*").await, all);
    drop(store);
    let store = world.open();
    append(&store, (0..5).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    tend(&store).await;
    let found = store.search(everything("*")).await.expect("answered");
    assert_eq!((found.rows.len(), found.complete, found.missing.len()), (5, false, 4), "{:?}", found.missing);
    assert!(found.missing.iter().all(|why| why.contains("the home is away") && why.starts_with("segment ")), "{:?}", found.missing);
    let counted = count_by(&store, "line", Clock::ReceivedAt).await;
    assert!(!counted.complete, "an alarm must not take a part for the whole");
    let snapshot = store.sql_snapshot(Filter::parse("line").expect("a query"), Interval::ALWAYS);
    let effort = Effort::default();
    let refused = snapshot.parts(0, 1, &effort).iter().filter_map(|part| part.count(&effort).err()).count();
    assert_eq!(refused, 4, "a statement does not tell a part for the whole either");
    assert_eq!(store.row("7").await.expect_err("it is there").code, code::READ_FAILED);
    let told = state(&store);
    assert_eq!((told.failing.map(|error| error.message), told.waiting.rows), (Some("the home is away".to_owned()), 5));
    assert!(store.status().failing.is_none());
    place.is_away.store(false, Ordering::Relaxed);
    world.advance_s(10);
    assert_eq!(messages(&store, "line").await, all);
    tend(&store).await;
    assert_eq!((state(&store).failing, state(&store).waiting.rows, local(&world)), (None, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_wait_for_one_download_and_none_beyond_its_time() {
    let (mut world, place) = home_world(u64::MAX);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    drop(store);
    for path in [world.files(".parquet"), world.files(".index")].concat() {
        andon_store::Disk::remove(&world.disk, &path).expect("removed");
    }
    let before = place.gets.load(Ordering::Relaxed);
    let store = Arc::new(world.open());
    let asked: Vec<_> = (0..8).map(|_| tokio::spawn({ let store = Arc::clone(&store); async move { messages(&store, "*").await } })).collect();
    for found in asked {
        assert_eq!(found.await.expect("asked"), all);
    }
    assert_eq!(place.gets.load(Ordering::Relaxed) - before, 8, "each file came once");
    drop(store);
    for path in [world.files(".parquet"), world.files(".index")].concat() {
        andon_store::Disk::remove(&world.disk, &path).expect("removed");
    }
    world.config.query_timeout = Duration::from_millis(60);
    place.is_slow.store(true, Ordering::Relaxed);
    let store = world.open();
    let found = store.search(everything("*")).await.expect("answered");
    assert!(!found.complete && found.missing[0].contains("time limit") && found.missing[0].contains("seg-"), "{:?}", found.missing);
    place.is_slow.store(false, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_home_does_not_keep_as_it_was_given_stays_on_the_disk() {
    let (world, place) = home_world(0);
    place.spoils.store(true, Ordering::Relaxed);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    let told = state(&store);
    assert!(told.failing.is_some_and(|error| error.message.contains("does not keep what it is given")));
    assert_eq!((told.stored.rows, local(&world)), (0, 8));
    place.spoils.store(false, Ordering::Relaxed);
    world.advance_s(10);
    tend(&store).await;
    assert_eq!((objects(&world).len(), local(&world), messages(&store, "*").await), (8, 0, all));
    let damaged = objects(&world).into_iter().find(|path| path.to_string_lossy().ends_with(".parquet")).expect("an object");
    world.disk.damage(&damaged, |bytes| bytes[40] ^= 1);
    drop(store);
    let store = world.open();
    let found = store.search(everything("*")).await.expect("answered");
    assert!(found.rows.len() == 30 && found.missing[0].contains("is not what was put there"), "{:?}", found.missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_merged_and_deleted_segments_leave_the_home_too() {
    let (mut world, place) = home_world(0);
    world.config.retention = Some(Duration::from_secs(3_600));
    let (store, _) = filled(&world).await;
    tend(&store).await;
    store.delete_lines(wanted("\"line 1 3\"")).await.expect("acknowledged");
    assert_eq!(messages(&store, "*").await.len(), 39, "hidden at once");
    place.is_away.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        store.maintain().await.expect("maintained");
    }
    place.is_away.store(false, Ordering::Relaxed);
    world.advance_s(10);
    let mut turns = 0;
    while !matches!(&store.deletions().await.expect("told")[0].pending[..], [what] if what.starts_with("objects: ")) {
        store.maintain().await.expect("maintained");
        turns += 1;
        assert!(turns < 100_000, "{:?}", store.deletions().await.expect("told"));
        tokio::task::yield_now().await;
    }
    assert_eq!(store.deletions().await.expect("told")[0].state, DeletionState::Hidden, "not finished while objects hold it");
    tend(&store).await;
    let finished = finish(&store).await.pop().expect("one");
    assert!(store.verify_deletion(finished.id).await.expect("verified").expect("known").ok);
    assert_eq!((objects(&world).len(), messages(&store, "*").await.len()), (8, 39));
    drop(store);
    world.disk.crash(0);
    let store = world.open();
    assert_eq!(messages(&store, "*").await.len(), 39);
    world.advance_s(3_700);
    store.maintain().await.expect("maintained");
    tend(&store).await;
    assert_eq!((objects(&world).len(), local(&world), store.status().rows), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_makes_room_for_new_lines_before_it_refuses_them() {
    let (mut world, _place) = home_world(u64::MAX);
    world.config.reserve_bytes = 1_000;
    world.config.flush_bytes = 1_000;
    let (store, all) = filled(&world).await;
    tend(&store).await;
    assert!(state(&store).cached_bytes > 0);
    world.disk.set_capacity(Some(world.disk.used_bytes() + 1_100));
    append(&store, (0..40).map(rich_line).collect()).await;
    assert!(world.files(".parquet").len() < 4, "old ones have given way");
    world.disk.set_capacity(None);
    assert_eq!(messages(&store, "line").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_cap_drops_only_what_is_nowhere_else() {
    let (mut world, place) = home_world(u64::MAX);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    let full = store.status().segment_bytes;
    drop(store);
    world.config.disk_cap_bytes = Some(full / 2);
    let store = world.open();
    store.maintain().await.expect("maintained");
    assert_eq!((store.status().rows, store.status().dropped_by_cap_rows), (40, 0));
    assert!(state(&store).cached_bytes <= full / 2);
    assert_eq!(messages(&store, "*").await, all);
    place.is_away.store(true, Ordering::Relaxed);
    for _ in 0..4 {
        append(&store, (0..20).map(rich_line).collect()).await;
        store.flush().await.expect("flushed");
    }
    assert!(store.status().dropped_by_cap_rows > 0, "as ever where nothing takes them");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_takes_segments_from_the_home_and_brings_them_back() {
    let (mut world, place) = home_world(0);
    let archive = Arc::new(FolderPlace::new(Arc::new(world.disk.clone()), "/archive"));
    world.config.archive = Some(ArchiveConfig { place: archive, after: None, retention: None });
    let (store, all) = filled(&world).await;
    tend(&store).await;
    store.archive(ArchiveRequest { before_us: Some(i64::MAX) }).await.expect("taken");
    store.tend_archive().await.expect("tended");
    tend(&store).await;
    let archived = store.status().archive.expect("there is one").archived;
    assert_eq!((archived.rows, objects(&world).len(), store.status().rows), (40, 0, 0));
    store.restore(RestoreRequest { since_us: i64::MIN, until_us: i64::MAX, keep_us: 3_600_000_000 }).await.expect("taken");
    store.tend_archive().await.expect("tended");
    tend(&store).await;
    assert_eq!((messages(&store, "*").await, objects(&world).len()), (all, 0), "copies are on the disk");
    drop(store);
    world.config.archive = Some(ArchiveConfig { place, after: None, retention: None });
    let refused = LogStore::open(world.config.clone()).err().expect("both in one place");
    assert!(refused.hint.is_some_and(|hint| hint.contains("--segments")));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_home_or_none_is_told_and_the_lines_are_there_when_it_is_named_again() {
    let (mut world, place) = home_world(0);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    drop(store);
    world.config.home = None;
    let store = world.open();
    assert!(store.status().recovery_notes[0].contains("--segments file:///home"), "{:?}", store.status().recovery_notes);
    let found = store.search(everything("*")).await.expect("answered");
    assert!(found.rows.is_empty() && found.missing.len() == 4 && found.missing[0].contains("--segments file:///home"), "{:?}", found.missing);
    drop(store);
    world.config.home = Some(HomeConfig { place, cache_bytes: 0 });
    assert_eq!(messages(&world.open(), "*").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn inspection_and_repair_know_what_is_at_home() {
    let (world, _place) = home_world(u64::MAX);
    let (store, all) = filled(&world).await;
    tend(&store).await;
    drop(store);
    let disk: Arc<dyn andon_store::Disk> = Arc::new(world.disk.clone());
    let data = world.files(".parquet");
    world.disk.damage(&data[0], |bytes| bytes[40] ^= 1);
    andon_store::Disk::remove(&world.disk, &data[1]).expect("removed");
    let told = inspect(&disk, Path::new(FOLDER), &InspectOptions::default()).expect("inspected");
    let here: Vec<bool> = told.segments.iter().map(|segment| segment.is_here).collect();
    assert_eq!((here, told.rows, told.damage.len()), (vec![true, false, true, true], 40, 1), "{:?}", told.damage);
    assert_eq!(told.segments[1].home.as_deref(), Some("file:///home"));
    let mended = repair(&disk, Path::new(FOLDER), false).expect("mended");
    assert_eq!((mended.lost_rows, mended.findings.len()), (0, 1));
    assert!(mended.findings[0].action.contains("fetched when it is read"));
    assert_eq!(messages(&world.open(), "*").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_thread_does_the_same_in_folders_of_a_real_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let away = folder.path().join("away");
    std::fs::create_dir(&away).expect("made");
    let place = Arc::new(FolderPlace::new(Arc::new(andon_store::RealDisk), &away));
    let mut config = andon_store::StoreConfig::new(folder.path().join("telemetry"));
    config.home = Some(HomeConfig { place, cache_bytes: 0 });
    let store = LogStore::open(config.clone()).expect("opened");
    append(&store, (0..500).map(rich_line).collect()).await;
    store.flush().await.expect("flushed");
    while state(&store).stored.rows < 500 || state(&store).cached_bytes > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read_dir(&away).expect("listed").count(), 2);
    assert_eq!(search(&store, "request").await.rows.len(), 500);
    drop(store);
    assert_eq!(search(&LogStore::open(config).expect("opened"), "request").await.rows.len(), 500);
}
