//! Log files against a server that stores, refuses and breaks off.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use andon_cli::{Cli, Exit, Streams, run_with};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Parser;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the server does with a batch.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Store,
    /// Stores the first half and answers that it can take no more.
    HalfAndLater,
    /// Stores everything, but nobody learns of it.
    StoreAndFail,
}

#[derive(Default)]
struct Stored {
    rows: Vec<Value>,
    moods: Vec<Mood>,
    batches: usize,
    may_read: bool,
}

type Shared = Arc<Mutex<Stored>>;

fn refusal(status: u16, code: &str) -> Response {
    let body = json!({"type": "", "title": "T", "status": status, "code": code, "detail": "No room now."});
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("retry-after", "0")], body.to_string()).into_response()
}

async fn ingest(State(stored): State<Shared>, body: String) -> Response {
    let mut stored = stored.lock().unwrap();
    stored.batches += 1;
    let mood = if stored.moods.is_empty() { Mood::Store } else { stored.moods.remove(0) };
    let lines: Vec<&str> = body.lines().collect();
    let taken = match mood {
        Mood::Store | Mood::StoreAndFail => lines.len(),
        Mood::HalfAndLater => lines.len() / 2,
    };
    let (mut accepted, mut reasons) = (0, Vec::new());
    for (place, line) in lines.iter().take(taken).enumerate() {
        match serde_json::from_str::<Value>(line) {
            Ok(row) => {
                stored.rows.push(row);
                accepted += 1;
            }
            Err(_) => reasons.push(json!({"line": place + 1, "code": "ndjson-malformed", "message": "no JSON"})),
        }
    }
    match mood {
        Mood::Store => axum::Json(json!({"accepted": accepted, "refused": reasons.len(), "truncated": 0, "reasons": reasons})).into_response(),
        Mood::HalfAndLater => refusal(429, "REQ-0004"),
        Mood::StoreAndFail => refusal(500, "SYS-0001"),
    }
}

async fn search(State(stored): State<Shared>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let stored = stored.lock().unwrap();
    if !stored.may_read {
        return refusal(403, "AUT-0003");
    }
    let query = asked["query"].clone();
    let (import, range) = query.strip_prefix("import.id:").and_then(|rest| rest.split_once(" AND import.line:[")).unwrap();
    let (from, to) = range.trim_end_matches(']').split_once(" TO ").unwrap();
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap_or(u64::MAX));
    let is_meant = |row: &&Value| row["import.id"] == *import && (from..=to).contains(&row["import.line"].as_u64().unwrap());
    let rows: Vec<Value> = stored.rows.iter().filter(is_meant).map(|row| json!({"attributes": {"import.line": row["import.line"]}})).collect();
    axum::Json(json!({"rows": rows, "complete": true})).into_response()
}

struct World {
    url: String,
    stored: Shared,
    folder: tempfile::TempDir,
    /// Each call is a second later.
    calls: AtomicI64,
}

impl World {
    async fn new(moods: &[Mood]) -> Self {
        let stored: Shared = Arc::new(Mutex::new(Stored { moods: moods.to_vec(), may_read: true, ..Stored::default() }));
        let router = Router::new().route("/api/v1/ingest/ndjson", post(ingest)).route("/api/v1/logs", get(search));
        let router = router.layer(axum::extract::DefaultBodyLimit::disable()).with_state(stored.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, stored, folder: tempfile::tempdir().unwrap(), calls: AtomicI64::new(0) }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn import(&self, arguments: &[&str]) -> (Exit, Value, String) {
        let state = self.folder.path().join("state");
        let first = ["andon", "--url", &self.url, "-o", "json", "import", "logs", "--state", state.to_str().unwrap()];
        let cli = Cli::try_parse_from(first.iter().chain(arguments)).unwrap();
        let (out, err) = (Arc::new(Mutex::new(Vec::<u8>::new())), Arc::new(Mutex::new(Vec::<u8>::new())));
        let streams = Streams { out: out.clone(), err: err.clone(), out_is_terminal: false, err_is_terminal: false, colour: false };
        let now = Timestamp::from_second(1_780_272_000 + self.calls.fetch_add(1, Ordering::Relaxed)).unwrap();
        let exit = run_with(cli, None, streams, now).await;
        let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        (exit, serde_json::from_str(&text(&out)).unwrap_or_default(), text(&err))
    }

    fn messages(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap();
        let mut messages: Vec<String> = stored.rows.iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect();
        messages.sort();
        messages
    }
}

const LINES: usize = 20_000;

fn lines() -> Vec<String> {
    let mut lines: Vec<String> = (0..LINES).map(|number| format!("2026-01-31T08:00:00Z INFO order {number:06}")).collect();
    lines.sort();
    lines
}

fn text() -> String {
    lines().into_iter().map(|line| line + "\n").collect()
}

fn append(path: &str, text: &str) {
    std::fs::OpenOptions::new().append(true).open(Path::new(path)).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn every_line_of_a_file_arrives_once_and_a_grown_file_goes_on() {
    let world = World::new(&[]).await;
    let file = world.file("app.log", text().as_bytes());
    let (exit, summary, err) = world.import(&[&file, "--service", "shop"]).await;
    assert_eq!((exit, &summary[0]["accepted"], &summary[0]["format"]), (Exit::Ok, &json!(LINES), &json!("text")), "{err}");
    assert_eq!(world.messages(), lines());
    let row = world.stored.lock().unwrap().rows[0].clone();
    assert_eq!((&row["service"], &row["level"], &row["timestamp"]), (&json!("shop"), &json!("info"), &json!("2026-01-31T08:00:00Z")));
    let (exit, _, err) = world.import(&[&file]).await;
    assert!(exit == Exit::Ok && err.contains("imported already"), "{err}");
    append(&file, "2026-01-31T09:00:00Z WARN new\n");
    let (_, summary, _) = world.import(&[&file]).await;
    assert_eq!((&summary[0]["accepted"], world.messages().len()), (&json!(1), LINES + 1));
    world.import(&[&file, "--again"]).await;
    assert_eq!(world.messages().len(), 2 * (LINES + 1));
}

#[tokio::test]
async fn a_server_that_takes_half_and_asks_to_wait_stores_no_line_twice() {
    let world = World::new(&[Mood::Store, Mood::HalfAndLater, Mood::HalfAndLater, Mood::HalfAndLater]).await;
    let file = world.file("app.log", text().as_bytes());
    let (exit, summary, err) = world.import(&[&file]).await;
    assert_eq!((exit, &summary[0]["accepted"]), (Exit::Ok, &json!(LINES)), "{err}");
    assert!(err.contains("as the server asks"), "{err}");
    assert_eq!(world.messages(), lines());
}

#[tokio::test]
async fn an_import_that_broke_off_goes_on_without_a_line_missing_or_twice() {
    let world = World::new(&[Mood::Store, Mood::StoreAndFail]).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text().as_bytes()).unwrap();
    let file = world.file("app.log.gz", &packed.finish().unwrap());
    let (exit, _, err) = world.import(&[&file]).await;
    assert!(exit == Exit::Failed && err.contains("The same command goes on there."), "{err}");
    let (exit, summary, err) = world.import(&[&file]).await;
    assert_eq!(exit, Exit::Ok, "{err}");
    assert!(summary[0]["known"].as_u64().unwrap() > 0, "{summary}");
    assert_eq!(world.messages(), lines());
}

#[tokio::test]
async fn an_import_that_failed_before_its_first_answer_asks_what_is_there() {
    let world = World::new(&[Mood::StoreAndFail, Mood::StoreAndFail, Mood::StoreAndFail]).await;
    let file = world.file("app.log", text().as_bytes());
    assert_eq!(world.import(&[&file]).await.0, Exit::Failed);
    // How many batches were on their way is chance.
    world.stored.lock().unwrap().moods.clear();
    assert_eq!(world.import(&[&file]).await.0, Exit::Ok);
    assert_eq!(world.messages(), lines());
}

#[tokio::test]
async fn a_token_that_may_not_read_is_told_what_may_be_twice() {
    let world = World::new(&[Mood::Store, Mood::HalfAndLater]).await;
    world.stored.lock().unwrap().may_read = false;
    let file = world.file("app.log", text().as_bytes());
    let (exit, _, err) = world.import(&[&file]).await;
    assert!(exit == Exit::Ok && err.contains("This token may not read"), "{err}");
    let mut messages = world.messages();
    messages.dedup();
    assert_eq!(messages, lines());
}

#[tokio::test]
async fn refused_lines_are_named_and_the_others_stored() {
    let world = World::new(&[]).await;
    let file = world.file("app.ndjson", b"{\"message\":\"a\"}\n\nbroken\n{\"message\":\"b\"}\n{\"message\":\"c\"}\n{\"message\":\"d\"}\n{\"message\":\"e\"}\n");
    let (exit, summary, err) = world.import(&[&file]).await;
    assert_eq!((exit, &summary[0]["refused"], &summary[0]["reasons"][0]["line"]), (Exit::Failed, &json!(1), &json!(3)));
    assert!(err.contains("app.ndjson:3: no JSON (ndjson-malformed)"), "{err}");
    assert_eq!(world.messages(), ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn what_cannot_be_imported_is_told_before_anything_is_sent() {
    let world = World::new(&[]).await;
    let packed = world.file("a.bz2", b"BZh91AY");
    let (exit, _, err) = world.import(&[&packed]).await;
    assert!(exit == Exit::Usage && err.contains("bzcat"), "{err}");
    let (exit, _, err) = world.import(&["nowhere.log"]).await;
    assert!(exit == Exit::Usage && err.contains("nowhere.log cannot be read"), "{err}");
    let (exit, _, err) = world.import(&[&packed, "--timezone", "Mars/Olympus"]).await;
    assert!(exit == Exit::Usage && err.contains("no time zone"), "{err}");
    assert_eq!(world.stored.lock().unwrap().batches, 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let mut world = World::new(&[]).await;
    world.url = "http://127.0.0.1:9".to_owned();
    let file = world.file("app.log", b"x\n");
    assert_eq!(world.import(&[&file]).await.0, Exit::Unreachable);
}
