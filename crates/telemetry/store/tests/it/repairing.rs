//! Damaged folders put in order: what can be read is there afterwards, whole and complete, and nothing is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::LogReader as _;
use andon_store::{Disk, InspectOptions, Inspection, LogStore, RepairReport, inspect, repair};

use crate::damage::{Chance, QUERIES, Stored, damage, found, name_of, number};
use crate::world::{FOLDER, World, append, line};

/// `ANDON_DAMAGE_VARIANTS` tries more.
const QUICK_VARIANTS: u64 = 40;

fn disk(world: &World) -> Arc<dyn Disk> {
    Arc::new(world.disk.clone())
}

fn repaired(world: &World, is_dry_run: bool) -> RepairReport {
    repair(&disk(world), Path::new(FOLDER), is_dry_run).expect("the folder can be repaired")
}

fn inspected(world: &World, options: &InspectOptions) -> Inspection {
    inspect(&disk(world), Path::new(FOLDER), options).expect("the folder can be looked at")
}

fn contents(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| {
        let mut bytes = Vec::new();
        world.disk.damage(&path, |whole| bytes.clone_from(whole));
        (path, bytes)
    };
    world.disk.paths().into_iter().map(read).collect()
}

/// Everything that was there before the repair is still there somewhere, unless it was already whole elsewhere.
fn assert_nothing_is_gone(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>, what: &str) {
    for (path, bytes) in before {
        let name = name_of(path);
        if !(name.starts_with("seg-") || name.ends_with(".wal")) || bytes.is_empty() {
            continue;
        }
        let is_kept = after.values().any(|kept| kept == bytes);
        // Of a torn log the end that was cut lies in the quarantine.
        let is_divided = after.get(path).is_some_and(|kept| {
            bytes.starts_with(kept) && after.values().any(|rest| bytes.get(kept.len()..) == Some(rest.as_slice()))
        });
        assert!(is_kept || is_divided, "{what}: {name} is gone");
    }
}

async fn variant(stored: &Stored, seed: u64) {
    let mut chance = Chance(seed ^ 0x7265_7061_6972);
    let world = stored.again();
    let candidates: Vec<&PathBuf> =
        stored.files.keys().filter(|path| name_of(path).starts_with("seg-") || name_of(path).ends_with(".wal")).collect();
    let (mut damaged, mut what) = (Vec::new(), format!("variant {seed}"));
    for _ in 0..=chance.below(2) {
        let path = candidates[chance.below(candidates.len())].clone();
        if !damaged.contains(&path) {
            what = format!("{what}: {} {}", name_of(&path), damage(&world, &path, &mut chance));
            damaged.push(path);
        }
    }
    let before = contents(&world);
    let plan = repaired(&world, true);
    assert_eq!(contents(&world), before, "{what}: a dry run changes something");
    let report = repaired(&world, false);
    assert_eq!(plan.findings.len(), report.findings.len(), "{what}: the plan differs: {plan:?} {report:?}");
    assert_nothing_is_gone(&before, &contents(&world), &what);
    let again = repaired(&world, false);
    assert!(again.findings.is_empty(), "{what}: not in order after the repair: {:?}", again.findings);
    assert!(inspected(&world, &InspectOptions::default()).damage.is_empty(), "{what}");
    judge(stored, &world, &damaged, &report, &what).await;
}

async fn judge(stored: &Stored, world: &World, damaged: &[PathBuf], report: &RepairReport, what: &str) {
    let store = LogStore::open(world.config.clone()).unwrap_or_else(|error| panic!("{what}: does not open: {error}"));
    let notes = store.status().recovery_notes;
    assert!(!notes.iter().any(|note| note.contains("DAMAGED")), "{what}: {notes:?}");
    let touched: BTreeSet<&String> = damaged.iter().filter_map(|path| stored.lines_of(path)).flatten().collect();
    for query in QUERIES {
        let (rows, complete, missing) = found(&store, query).await;
        assert!(complete, "{what}: {query}: {missing:?}");
        let wanted = &stored.rows[query];
        let mut seen = BTreeSet::new();
        for row in &rows {
            assert!(seen.insert(&row.id), "{what}: {query}: line {} twice", row.id);
            let whole = stored.rows["*"].get(&row.id);
            assert!(touched.contains(&row.id) || whole == Some(row), "{what}: {query}: line {} is another", row.id);
        }
        let lost: Vec<&String> = wanted.keys().filter(|id| !seen.contains(id)).collect();
        assert!(lost.iter().all(|id| touched.contains(id)), "{what}: {query}: lines of whole files are lost: {lost:?}");
        assert!(lost.is_empty() || !report.findings.is_empty(), "{what}: {query}: {} lines are lost without a word", lost.len());
    }
    append(&store, vec![line("afterwards")]).await;
    store.flush().await.expect("flushed");
    assert_eq!(found(&store, "afterwards").await.0.len(), 1, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repaired_folder_is_whole_and_nothing_of_it_is_deleted() {
    let stored = Stored::new().await;
    let first = number("ANDON_DAMAGE_SEED", 0);
    for seed in first..first + number("ANDON_DAMAGE_VARIANTS", QUICK_VARIANTS) {
        variant(&stored, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_is_made_anew_where_the_columns_are_whole() {
    let stored = Stored::new().await;
    let world = stored.again();
    let index = stored.segment_files().into_iter().find(|path| name_of(path).ends_with(".index")).expect("an index").clone();
    // The filter is the last large part: the columns of templates stay readable.
    world.disk.damage(&index, |bytes| {
        let end = bytes.len();
        bytes[end - 40] ^= 1;
    });
    let report = repaired(&world, false);
    assert_eq!((report.findings.len(), report.lost_rows), (1, 0), "{report:?}");
    let store = world.open();
    for query in QUERIES {
        let (rows, complete, _) = found(&store, query).await;
        let rows: BTreeMap<String, _> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        assert!(complete && rows == stored.rows[query], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_lost_is_written_anew_from_the_segments() {
    let stored = Stored::new().await;
    let list = stored.files.keys().find(|path| name_of(path).starts_with("manifest")).expect("a list").clone();
    for cut in [0, stored.files[&list].len() / 2] {
        let world = stored.again();
        world.disk.damage(&list, |bytes| bytes.truncate(cut));
        repaired(&world, false);
        let store = world.open();
        let (rows, complete, missing) = found(&store, "*").await;
        let rows: BTreeMap<String, _> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        assert!(complete && rows == stored.rows["*"], "{cut}: {} of {} lines, {missing:?}", rows.len(), stored.rows["*"].len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_looked_at_beside_its_server_and_nothing_is_written() {
    let world = World::new();
    let store = world.open();
    let lines = (0..500).map(crate::world::rich_line).collect();
    append(&store, lines).await;
    store.flush().await.expect("flushed");
    append(&store, vec![line("in the log")]).await;
    let before = contents(&world);
    let told = inspected(&world, &InspectOptions::default());
    assert_eq!(contents(&world), before);
    assert_eq!((told.rows, told.logged_rows, told.damage.len(), told.segments.len()), (500, 1, 0, 1));
    assert_eq!(told.bytes, world.files(".parquet").iter().chain(&world.files(".index")).map(|path| before[path].len() as u64).sum::<u64>());
    let message = told.columns.iter().find(|column| column.name.starts_with("message")).expect("messages");
    assert_eq!((message.values, message.plain_bytes), (Some(500), Some((0..500).map(|n: i64| crate::world::rich_line(n).message.len() as u64).sum())));
    let templates: u64 = message.top_templates.iter().map(|template| template.rows).sum();
    assert!(message.templates.is_none_or(|count| count > 10) || templates == 500, "{message:?}");
    let segment = u64::from_str_radix(&told.segments[0].name, 16).expect("a number");
    let one = inspected(&world, &InspectOptions { segment: Some(segment), is_quick: false });
    let service = one.segments[0].columns.iter().find(|column| column.name == "service").expect("services");
    assert_eq!(service.distinct, Some(3));
}
