//! A store on a simulated disk with a clock that the test moves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use andon_reader::{LogReader, LogRow, LogSink, NewLogRow, Receipt, SearchRequest, SearchResult};
use andon_store::{LogStore, SimulatedDisk, StoreConfig};
use serde_json::json;

pub(crate) const START_US: i64 = 1_767_225_600_000_000;
pub(crate) const FOLDER: &str = "/telemetry";

pub(crate) struct World {
    pub(crate) disk: SimulatedDisk,
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) config: StoreConfig,
}

impl World {
    pub(crate) fn new() -> Self {
        let disk = SimulatedDisk::default();
        let now = Arc::new(AtomicI64::new(START_US));
        let mut config = StoreConfig::new(FOLDER);
        config.disk = Arc::new(disk.clone());
        let clock = Arc::clone(&now);
        config.now = Arc::new(move || clock.fetch_add(1, Ordering::Relaxed));
        config.background = false;
        config.retention = None;
        config.disk_cap_bytes = None;
        Self { disk, now, config }
    }

    pub(crate) fn open(&self) -> LogStore {
        LogStore::open(self.config.clone()).expect("the store opens")
    }

    pub(crate) fn advance_s(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    pub(crate) fn files(&self, ending: &str) -> Vec<PathBuf> {
        let paths = self.disk.paths();
        paths
            .into_iter()
            .filter(|path| {
                path.starts_with(Path::new(FOLDER)) && path.to_string_lossy().ends_with(ending)
            })
            .collect()
    }
}

pub(crate) fn line(message: impl Into<String>) -> NewLogRow {
    NewLogRow {
        message: message.into(),
        timestamp_us: Some(START_US),
        ..NewLogRow::default()
    }
}

pub(crate) fn rich_line(number: i64) -> NewLogRow {
    let attributes = json!({"n": number, "even": number % 2 == 0, "path": format!("/orders/{number}"), "nested": {"x": number}});
    NewLogRow {
        timestamp_us: Some(START_US + number * 1_000),
        severity_number: if number % 10 == 0 { 17 } else { 9 },
        severity_text: if number % 10 == 0 { "ERROR" } else { "INFO" }.to_owned(),
        service: ["storefront", "checkout", "payments"][number.unsigned_abs() as usize % 3]
            .to_owned(),
        message: format!("request {number} took {} ms", number * 7 % 100),
        trace_id: format!("{number:032x}"),
        span_id: format!("{number:016x}"),
        scope: "shop".to_owned(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        resource: Arc::new(
            json!({"host.name": "web-1"})
                .as_object()
                .cloned()
                .unwrap_or_default(),
        ),
    }
}

pub(crate) async fn append(store: &LogStore, rows: Vec<NewLogRow>) -> Receipt {
    store
        .append(rows)
        .await
        .expect("the append is acknowledged")
}

pub(crate) fn everything(query: &str) -> SearchRequest {
    let mut request = SearchRequest::new(query, i64::MIN, i64::MAX);
    request.limit = 10_000;
    request
}

pub(crate) async fn search(store: &LogStore, query: &str) -> SearchResult {
    let result = store
        .search(everything(query))
        .await
        .expect("the search succeeds");
    assert!(result.complete, "{:?}", result.missing);
    result
}

pub(crate) async fn messages(store: &LogStore, query: &str) -> Vec<String> {
    let mut found: Vec<String> = search(store, query)
        .await
        .rows
        .into_iter()
        .map(|row| row.message)
        .collect();
    found.sort();
    found
}

pub(crate) fn ids(rows: &[LogRow]) -> Vec<u64> {
    let mut ids: Vec<u64> = rows
        .iter()
        .map(|row| row.id.parse().expect("a number"))
        .collect();
    ids.sort_unstable();
    ids
}
