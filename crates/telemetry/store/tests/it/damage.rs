//! Damaged files of a stored folder: the store opens, names what is damaged, gives no wrong line, and
//! finds every line of the files that are whole.
//!
//! `ANDON_DAMAGE_VARIANTS` says how many random variants are tried, `ANDON_DAMAGE_SEED` from which on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use andon_reader::{HistogramRequest, LogReader, LogRow};
use andon_store::LogStore;

use crate::world::{World, append, everything, line, rich_line};

const QUICK_VARIANTS: u64 = 200;
/// Lines of one segment; the last batch stays in the log.
const LINES: i64 = 40;
const SEGMENTS: i64 = 5;
pub(crate) const QUERIES: [&str; 6] = [
    "*",
    "request",
    "service:checkout AND n:>=0",
    "path:\"/orders/41\"",
    "trace_id:0000000000000000000000000000007b",
    "/took 7[0-9]* ms/",
];

/// Chance that can be played again (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("small")
    }
}

pub(crate) fn number(name: &str, fallback: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(fallback)
}

/// A folder as it was before the damage.
pub(crate) struct Stored {
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) rows: BTreeMap<&'static str, BTreeMap<String, LogRow>>,
    /// The lines of each segment, in the order of the files' names, then those of the log.
    parts: Vec<BTreeSet<String>>,
}

pub(crate) async fn found(store: &LogStore, query: &str) -> (Vec<LogRow>, bool, Vec<String>) {
    let answer = store.search(everything(query)).await.expect("an answer");
    (answer.rows, answer.complete, answer.missing)
}

impl Stored {
    pub(crate) async fn new() -> Self {
        let world = World::new();
        let store = world.open();
        let mut parts = Vec::new();
        for segment in 0..=SEGMENTS {
            let mut ids = BTreeSet::new();
            // Several records per log file, so that one can be damaged and the next one whole.
            for batch in 0..4 {
                let first = segment * LINES + batch * LINES / 4;
                let mut rows: Vec<_> = (first..first + LINES / 4).map(rich_line).collect();
                rows.push(line(format!("plain {first}")));
                let receipt = append(&store, rows).await;
                let id = |text: &Option<String>| {
                    text.as_deref()
                        .and_then(|id| id.parse::<u64>().ok())
                        .expect("an id")
                };
                ids.extend((id(&receipt.first_id)..=id(&receipt.last_id)).map(|id| id.to_string()));
            }
            parts.push(ids);
            if segment < SEGMENTS {
                store.flush().await.expect("flushed");
            }
        }
        let mut rows = BTreeMap::new();
        for query in QUERIES {
            let (all, complete, _) = found(&store, query).await;
            assert!(complete && !all.is_empty(), "{query}");
            rows.insert(
                query,
                all.into_iter().map(|row| (row.id.clone(), row)).collect(),
            );
        }
        drop(store);
        let files = world.disk.paths().into_iter().map(|path| {
            let mut bytes = Vec::new();
            world.disk.damage(&path, |whole| bytes.clone_from(whole));
            (path, bytes)
        });
        let files = files.collect();
        Self {
            files,
            rows,
            parts,
        }
    }

    /// A disk with the same files.
    pub(crate) fn again(&self) -> World {
        let world = World::new();
        for (path, bytes) in &self.files {
            andon_store::Disk::create(&world.disk, path).expect("made");
            world.disk.damage(path, |file| file.clone_from(bytes));
        }
        andon_store::Disk::sync_directory(&world.disk, Path::new(crate::world::FOLDER))
            .expect("synced");
        world
    }

    pub(crate) fn segment_files(&self) -> Vec<&PathBuf> {
        self.files
            .keys()
            .filter(|path| name_of(path).starts_with("seg-"))
            .collect()
    }

    /// The lines that a file holds; nothing when it holds none.
    pub(crate) fn lines_of(&self, path: &Path) -> Option<&BTreeSet<String>> {
        if name_of(path).ends_with(".wal") {
            return self.parts.last();
        }
        let stems: BTreeSet<&str> = self
            .segment_files()
            .into_iter()
            .map(|path| stem_of(path))
            .collect();
        let place = stems.into_iter().position(|stem| stem == stem_of(path))?;
        self.parts.get(place)
    }
}

pub(crate) fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

pub(crate) fn stem_of(path: &Path) -> &str {
    path.file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Damages a file in one of the ways of disks and people, and says how.
pub(crate) fn damage(world: &World, path: &Path, chance: &mut Chance) -> String {
    let is_log = name_of(path).ends_with(".wal");
    let way = chance.below(if is_log { 5 } else { 7 });
    let mut told = String::new();
    world.disk.damage(path, |bytes| {
        let length = bytes.len();
        let at = chance.below(length);
        match way {
            0 | 1 => {
                let bit = chance.below(8);
                bytes[at] ^= 1 << bit;
                told = format!("bit {bit} of byte {at} of {length} is flipped");
            }
            2 => {
                bytes.truncate(at);
                told = format!("{at} of {length} bytes are left");
            }
            3 => {
                let end = (at + 1 + chance.below(512)).min(length);
                bytes[at..end].fill(0);
                told = format!("bytes {at}..{end} of {length} are zero");
            }
            4 => {
                let end = (at + 1 + chance.below(64)).min(length);
                for byte in &mut bytes[at..end] {
                    *byte = chance.next().to_le_bytes()[0];
                }
                told = format!("bytes {at}..{end} of {length} are random");
            }
            5 => {
                bytes.clear();
                told = format!("0 of {length} bytes are left");
            }
            _ => told = "is gone".to_owned(),
        }
    });
    if told == "is gone" {
        andon_store::Disk::remove(&world.disk, path).expect("removed");
    }
    told
}

/// Looks for every query whether the right lines are there, and what is missing is told.
async fn judge(stored: &Stored, store: &LogStore, damaged: &[PathBuf], what: &str) {
    let excused: BTreeSet<&String> = damaged
        .iter()
        .filter_map(|path| stored.lines_of(path))
        .flatten()
        .collect();
    let notes = store.status().recovery_notes.join("\n");
    for query in QUERIES {
        let (rows, complete, missing) = found(store, query).await;
        let wanted = &stored.rows[query];
        let mut seen = BTreeSet::new();
        for row in &rows {
            assert!(
                seen.insert(&row.id),
                "{what}: {query}: line {} twice",
                row.id
            );
            assert_eq!(
                wanted.get(&row.id),
                Some(row),
                "{what}: {query}: a wrong line"
            );
        }
        let lost: Vec<&String> = wanted.keys().filter(|id| !seen.contains(id)).collect();
        for id in &lost {
            assert!(
                excused.contains(id),
                "{what}: {query}: line {id} is lost, and its file is whole"
            );
        }
        if !lost.is_empty() {
            let told = format!("{}\n{notes}", missing.join("\n"));
            let is_named = damaged.iter().any(|path| told.contains(stem_of(path)));
            assert!(
                is_named,
                "{what}: {query}: {} lines are lost and nothing names it (complete: {complete}, told: {told:?})",
                lost.len()
            );
        }
    }
    let histogram = HistogramRequest {
        query: "*".to_owned(),
        since_us: i64::MIN / 2,
        until_us: i64::MAX / 2,
        buckets: Some(10),
        bucket_us: None,
        by: Some("service".to_owned()),
        clock: andon_reader::Clock::Timestamp,
    };
    let _refused_or_less = store.histogram(histogram).await;
}

async fn variant(stored: &Stored, seed: u64) {
    let mut chance = Chance(seed);
    let world = stored.again();
    let candidates: Vec<&PathBuf> = stored
        .files
        .keys()
        .filter(|path| name_of(path).starts_with("seg-") || name_of(path).ends_with(".wal"))
        .collect();
    let mut damaged = Vec::new();
    let mut what = format!("variant {seed}");
    for _ in 0..=chance.below(2) {
        let path = candidates[chance.below(candidates.len())].clone();
        if damaged.contains(&path) {
            continue;
        }
        let how = damage(&world, &path, &mut chance);
        what = format!("{what}: {} {how}", name_of(&path));
        damaged.push(path);
    }
    let store = LogStore::open(world.config.clone())
        .unwrap_or_else(|error| panic!("{what}: does not open: {error}"));
    judge(stored, &store, &damaged, &what).await;
    // It goes on taking lines, and looks no worse after its keeper has passed and it has been started again.
    append(&store, vec![line("afterwards")]).await;
    let _what_is_damaged_cannot_be_merged = store.flush().await;
    drop(store);
    let store = world.open();
    let (rows, _, _) = found(&store, "afterwards").await;
    assert_eq!(rows.len(), 1, "{what}: a line of afterwards");
    let (rows, _, _) = found(&store, "NOT afterwards").await;
    let whole = stored.rows["*"].keys().filter(|id| {
        !damaged
            .iter()
            .filter_map(|path| stored.lines_of(path))
            .any(|lines| lines.contains(*id))
    });
    let seen: BTreeSet<&String> = rows.iter().map(|row| &row.id).collect();
    for id in whole {
        assert!(
            seen.contains(id),
            "{what}: line {id} is lost after the next start"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_hide_nothing_but_themselves_and_are_named() {
    let stored = Stored::new().await;
    let stems: BTreeSet<&str> = stored
        .segment_files()
        .into_iter()
        .map(|path| stem_of(path))
        .collect();
    assert_eq!(
        stored.parts.len(),
        stems.len() + 1,
        "one part for each segment and one for the log"
    );
    let first = number("ANDON_DAMAGE_SEED", 0);
    for seed in first..first + number("ANDON_DAMAGE_VARIANTS", QUICK_VARIANTS) {
        variant(&stored, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_missing_list_of_segments_never_costs_a_segment() {
    let stored = Stored::new().await;
    let manifest = stored.files.keys().find(|path| name_of(path).starts_with("manifest")).expect("a list").clone();
    let length = stored.files[&manifest].len();
    let cuts = (0..40).map(|step| length * step / 40);
    for cut in cuts {
        let world = stored.again();
        world.disk.damage(&manifest, |bytes| bytes.truncate(cut));
        check_files_stay(&stored, &world, &format!("{cut} of {length} bytes of the list are left"));
    }
    let world = stored.again();
    andon_store::Disk::remove(&world.disk, &manifest).expect("removed");
    check_files_stay(&stored, &world, "the list is gone");
}

/// A list that lost lines must never make the store remove the only copy of somebody's lines.
fn check_files_stay(stored: &Stored, world: &World, what: &str) {
    let store = LogStore::open(world.config.clone()).unwrap_or_else(|error| panic!("{what}: does not open: {error}"));
    drop(store);
    let left = world.disk.paths();
    for path in stored.segment_files() {
        assert!(left.contains(path), "{what}: {} was removed", name_of(path));
    }
}
