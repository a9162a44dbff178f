//! A stored folder with damage: raw changes of any file must cost lines at most, visibly, and never give a wrong one;
//! changes behind the checksums (which stop every accident, and so most inputs) may give other lines, never a panic.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use andon_fuzz::segment_file::IndexFile;
use andon_fuzz::waiting::{runtime, wait};
use andon_reader::{
    AggregateRequest, Clock, CountRequest, FieldsRequest, GroupBy, HistogramRequest, LogReader, LogRow, LogSink, Measure,
    NewLogRow, SearchRequest, code,
};
use andon_store::{Disk as _, LogStore, SimulatedDisk, StoreConfig};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const FOLDER: &str = "/telemetry";
const START_US: i64 = 1_767_225_600_000_000;
const STORED_LINES: i64 = 300;
const LOGGED_LINES: i64 = 20;
const MOST_EDITS: usize = 32;
const QUERIES: [&str; 4] = ["*", "request AND n:>=40", "path:\"/orders/41\" OR trace_id:0000000000000000000000000000007b", "/took 7[0-9]* ms/"];

/// A folder as a store has left it, and what is in it.
struct Stored {
    files: BTreeMap<PathBuf, Vec<u8>>,
    rows: BTreeMap<String, LogRow>,
}

static STORED: LazyLock<Stored> = LazyLock::new(stored);

fn config(disk: &SimulatedDisk) -> StoreConfig {
    StoreConfig {
        background: false,
        retention: None,
        disk_cap_bytes: None,
        disk: Arc::new(disk.clone()),
        now: Arc::new(|| START_US + 1_000_000_000),
        ..StoreConfig::new(FOLDER)
    }
}

fn line(number: i64) -> NewLogRow {
    let user = ["ada", "rio", "kim"][number.unsigned_abs() as usize % 3];
    let attributes = json!({
        "n": number, "ratio": number as f64 / 7.0, "even": number % 2 == 0, "path": format!("/orders/{}", number % 50),
        "user": user, "nested": {"x": [number, "a"]},
        "note": if number % 9 == 0 { json!(format!("blk_{}", number * 7_919_391)) } else { json!(null) },
    });
    NewLogRow {
        timestamp_us: Some(START_US + number * 1_000),
        severity_number: if number % 10 == 0 { 17 } else { 9 },
        severity_text: if number % 10 == 0 { "ERROR" } else { "INFO" }.to_owned(),
        service: ["storefront", "checkout", "Zahlung-ß"][number.unsigned_abs() as usize % 3].to_owned(),
        message: format!("request {number} of user {:08x} took {} ms at 10.0.{}.7", number * 2_654_435, number * 7 % 100, number % 250),
        trace_id: format!("{number:032x}"),
        span_id: format!("{number:016x}"),
        scope: "shop".to_owned(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        resource: Arc::new(json!({"host.name": "web-1"}).as_object().cloned().unwrap_or_default()),
    }
}

fn stored() -> Stored {
    let disk = SimulatedDisk::default();
    let _inside = runtime().enter();
    let store = LogStore::open(config(&disk)).expect("an empty folder");
    wait(store.append((0..STORED_LINES).map(line).collect())).expect("stored");
    wait(store.flush()).expect("a segment");
    wait(store.append((STORED_LINES..STORED_LINES + LOGGED_LINES).map(line).collect())).expect("logged");
    let found = wait(store.search(everything("*"))).expect("an answer");
    drop(store);
    let rows: BTreeMap<_, _> = found.rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    assert_eq!(rows.len() as i64, STORED_LINES + LOGGED_LINES);
    let files = disk.paths().into_iter().map(|path| {
        let mut bytes = Vec::new();
        disk.damage(&path, |whole| bytes.clone_from(whole));
        (path, bytes)
    });
    Stored { files: files.collect(), rows }
}

fn everything(query: &str) -> SearchRequest {
    SearchRequest { limit: 1_000, ..SearchRequest::new(query, i64::MIN, i64::MAX) }
}

/// Where to change what: a place, taken round the length, and the byte that it becomes.
fn edits(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let edits = bytes.as_chunks::<4>().0.iter().take(MOST_EDITS);
    edits.map(|edit| (u32::from_le_bytes([edit[0], edit[1], edit[2], 0]) as usize, edit[3]))
}

fn change(bytes: &mut [u8], how: &[u8]) {
    for (at, value) in edits(how) {
        let at = at % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }
}

/// Changes files of a kind; the checksums tell.
fn damage(files: &mut BTreeMap<PathBuf, Vec<u8>>, ending: &str, how: &[u8]) {
    for (_, bytes) in files.iter_mut().filter(|(path, _)| name_of(path).contains(ending)) {
        if how.first().is_some_and(|byte| byte % 8 == 7) {
            bytes.truncate(bytes.len() * usize::from(how[0]) / 256);
        }
        change(bytes, how);
    }
}

/// Changes what the checksums vouch for, and mends them.
fn forge(files: &mut BTreeMap<PathBuf, Vec<u8>>, kind: u8, how: &[u8]) {
    let data_path = files.keys().find(|path| name_of(path).ends_with(".parquet")).cloned();
    let index_path = files.keys().find(|path| name_of(path).ends_with(".index")).cloned();
    let (Some(data_path), Some(index_path)) = (data_path, index_path) else { panic!("a segment has two files: {:?}", files.keys()) };
    let mut index = IndexFile::read(&files[&index_path]).expect("the format that is written here");
    match kind {
        0 => change(index.sections_mut(), how),
        1 => change(index.told_mut(), how),
        2 => index.change_numbers(edits(how)),
        _ => {
            if let Some(data) = files.get_mut(&data_path) {
                change(data, how);
                index.mend_columns(data);
            }
        }
    }
    files.insert(index_path, index.write());
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn disk_of(files: &BTreeMap<PathBuf, Vec<u8>>) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    disk.create_directory(Path::new(FOLDER)).expect("memory");
    for (path, bytes) in files {
        disk.create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_data())).expect("memory");
    }
    disk.sync_directory(Path::new(FOLDER)).expect("memory");
    disk
}

/// Asks for everything that reads columns in a way of its own.
fn ask(store: &LogStore, wanted: Option<&BTreeMap<String, LogRow>>) {
    let (since_us, until_us, clock) = (i64::MIN, i64::MAX, Clock::Timestamp);
    for query in QUERIES {
        let Ok(found) = wait(store.search(everything(query))) else { continue };
        let Some(wanted) = wanted else { continue };
        let mut seen = BTreeSet::new();
        for row in &found.rows {
            assert!(seen.insert(&row.id), "{query}: a line twice");
            assert_eq!(wanted.get(&row.id), Some(row), "{query}: a wrong line");
        }
        let is_told = !found.complete || !store.status().recovery_notes.is_empty();
        assert!(query != "*" || found.rows.len() == wanted.len() || is_told, "lines are lost and nothing tells");
    }
    let query = "n:>3".to_owned();
    let _either = wait(store.count(CountRequest { query: query.clone(), since_us, until_us, clock }));
    let _either = wait(store.fields(FieldsRequest { query: "*".to_owned(), since_us, until_us }));
    let by = Some("service".to_owned());
    let _either = wait(store.histogram(HistogramRequest { query: query.clone(), since_us, until_us, buckets: Some(10), bucket_us: None, by, clock }));
    let field = |name: &str| GroupBy::Field { name: name.to_owned() };
    let of = |field: &str| field.to_owned();
    let measures = vec![Measure::Count, Measure::Avg { field: of("n") }, Measure::Max { field: of("ratio") }, Measure::Distinct { field: of("path") }];
    for by in [vec![field("user"), field("level")], vec![field("message")], vec![GroupBy::Time { width_us: 50_000 }]] {
        let request = AggregateRequest { query: query.clone(), since_us, until_us, clock, by, measures: measures.clone(), order: None, limit: 100 };
        let _either = wait(store.aggregate(request));
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&kind, how)) = input.split_first() else { return };
    let mut files = STORED.files.clone();
    let wanted = match kind % 8 {
        0 => Some("seg-"),
        1 => Some(".index"),
        2 => Some(".wal"),
        3 => Some("manifest"),
        forged => {
            forge(&mut files, forged - 4, how);
            None
        }
    };
    if let Some(ending) = wanted {
        damage(&mut files, ending, how);
    }
    let _inside = runtime().enter();
    let store = match LogStore::open(config(&disk_of(&files))) {
        Ok(store) => store,
        // A log with no readable record whose versions are newer is a newer one, as far as anyone can tell.
        Err(error) if wanted == Some(".wal") && error.code == code::NEWER_FORMAT => return,
        Err(error) => panic!("a damaged folder does not open: {error}"),
    };
    ask(&store, wanted.map(|_| &STORED.rows));
});
