//! Two sides in one process, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they fail")]

mod archive;
mod custody;
mod network;
mod store;

use std::sync::Arc;
use std::time::Duration;

use andon_reader::{AggregateRequest, Caller, Clock, CountRequest, LogReader, LogSink, NewLogRow, SearchRequest, SqlLimits, SqlRunner, TailEvent, code};
use andon_remote::{BorrowedTable, Desk, Link, Opened, Pulse, Remote, Shelf, SocketPath, Stage, TableShape, Way, answer, router};
use axum::Router;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method};
use serde_json::json;
use store::{FakeStore, Secrets};
use tokio::task::JoinHandle;

pub(crate) struct Sides {
    folder: tempfile::TempDir,
    store: Arc<FakeStore>,
    link: Arc<Link>,
    pub(crate) remote: Remote,
    worker: JoinHandle<()>,
}

const LONG: &str = "a-folder-whose-name-alone-is-longer-than-the-path-that-the-kernel-takes-for-a-unix-socket-and-then-some-more-letters";

pub(crate) fn shelf_of(store: &Arc<FakeStore>) -> Arc<Shelf> {
    let shelf = Shelf::new("it reads its log");
    store.lend(BorrowedTable::all(vec![Secrets::shape()], &shelf));
    let tables = vec![TableShape { name: "logs".to_owned(), columns: Vec::new() }];
    shelf.put(Stage::Open(Opened { reader: store.clone(), sink: store.clone(), custody: store.clone(), archive: store.clone(), sql: store.clone(), tables }));
    shelf
}

fn serve(store: &Arc<FakeStore>, here: &SocketPath, more: Router) -> JoinHandle<()> {
    let (listener, shelf) = (here.listen().unwrap(), shelf_of(store));
    tokio::spawn(async move { answer(listener, router(shelf).merge(more)).await.unwrap() })
}

fn socket(folder: &std::path::Path) -> SocketPath {
    SocketPath::inside(&folder.join(LONG), "telemetry.sock").unwrap()
}

pub(crate) async fn sides() -> Sides {
    let folder = tempfile::tempdir().unwrap();
    let here = socket(folder.path());
    let desk = Desk::new(vec![Arc::new(Secrets)]);
    let store = Arc::new(FakeStore::default());
    let worker = serve(&store, &here, Router::new());
    let link = Arc::new(Link::new(0));
    let remote = Remote::new(&Way::Socket(here), Arc::clone(&link), desk).unwrap();
    link.up(remote.pulse(Duration::from_secs(30)).await.unwrap(), 1);
    Sides { folder, store, link, remote, worker }
}

pub(crate) fn count(clock: Clock, since_us: i64, until_us: i64) -> CountRequest {
    CountRequest { query: "*".to_owned(), since_us, until_us, clock }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_over_and_come_back_as_they_were() {
    let sides = sides().await;
    let attributes = json!({"ratio": 0.1 + 0.2, "list": [1, null], "big": u64::MAX});
    let attributes = attributes.as_object().cloned().unwrap();
    let rows = vec![NewLogRow { message: "one".to_owned(), attributes: attributes.clone(), ..NewLogRow::default() }; 3];
    let receipt = sides.remote.append(rows).await.unwrap();
    assert_eq!(receipt.rows, 3);
    let found = sides.remote.search(SearchRequest::new("*", 0, 10)).await.unwrap();
    assert_eq!(found.rows.len(), 3);
    assert_eq!(found.rows[0].attributes, attributes);
    assert_eq!(sides.remote.row("2").await.unwrap().map(|row| row.id), Some("2".to_owned()));
    assert_eq!(sides.remote.row("9").await.unwrap(), None);
    let request = AggregateRequest {
        query: "*".to_owned(), since_us: 0, until_us: 10, clock: Clock::Timestamp, by: Vec::new(), measures: Vec::new(), order: None, limit: 1,
    };
    assert_eq!(sides.remote.aggregate(request).await.unwrap().rows, [[json!("payments"), json!(0.1 + 0.2)]]);
    assert_eq!(sides.remote.watermark_us(), 77);
    assert_eq!(sides.remote.status().rows, 0, "as of the last pulse");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_store_arrives_whole() {
    let sides = sides().await;
    let error = sides.remote.search(SearchRequest::new("service:", 0, 10)).await.unwrap_err();
    assert_eq!(error.code, code::QUERY_SYNTAX);
    assert!(error.position.is_some());
    assert!(sides.remote.tail("(").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_ends_the_work_on_the_other_side() {
    let sides = sides().await;
    let remote = sides.remote.clone();
    let asking = tokio::spawn(async move { remote.count(CountRequest { query: "hang".to_owned(), ..count(Clock::Timestamp, 0, 1) }).await });
    sides.store.begun.notified().await;
    asking.abort();
    sides.store.dropped.notified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_borrows_what_its_caller_may_read_and_nothing_else() {
    let sides = sides().await;
    let may = Caller::new("maya", |_| true);
    let answer = sides.remote.run("secrets".to_owned(), may.clone(), SqlLimits::default()).await.unwrap();
    assert_eq!(answer.rows, [[json!("maya"), json!(1.5)]]);
    let error = sides.remote.run("secrets".to_owned(), Caller::new("sam", |table| table == "logs"), SqlLimits::default()).await.unwrap_err();
    assert_eq!(error.code, code::SQL_FORBIDDEN);
    // The statement is over: its ticket opens nothing any more.
    let stolen = sides.store.tickets.lock().unwrap()[0].clone();
    let error = sides.store.borrow(may.with_ticket(stolen)).await.unwrap_err();
    assert_eq!(error.code, code::SQL_FORBIDDEN);
    let names: Vec<_> = sides.remote.tables(&Caller::new("maya", |_| true)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["logs", "secrets"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_when_the_other_side_is_lost() {
    let sides = sides().await;
    let remote = sides.remote.clone();
    let asking = tokio::spawn(async move { remote.count(CountRequest { query: "hang".to_owned(), ..count(Clock::Timestamp, 0, 1) }).await });
    sides.store.begun.notified().await;
    sides.link.away("no route");
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE);
    assert!(error.message.contains("no route"), "{error:?}");
    sides.store.dropped.notified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_refused_before_it_is_looked_at() {
    let sides = sides().await;
    let path = sides.folder.path().join("plain.sock");
    let here = SocketPath::inside(sides.folder.path(), "plain.sock").unwrap();
    let _worker = serve(&sides.store, &here, Router::new());
    let client = reqwest::Client::builder().unix_socket(path).build().unwrap();
    for version in ["9.0.0+link7", ""] {
        let answer = client.get("http://telemetry/pulse").header("x-andon-version", version).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 426);
        let text = answer.text().await.unwrap();
        assert!(text.contains(version) && text.contains(andon_remote::VERSION) && text.contains("same version"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_an_outage_is_incomplete_in_received_time() {
    let sides = sides().await;
    assert!(sides.remote.count(count(Clock::ReceivedAt, 1, 100)).await.unwrap().complete);
    sides.link.down("killed");
    sides.link.up(Pulse { watermark_us: 200, ..Pulse::default() }, 200);
    let counted = sides.remote.count(count(Clock::ReceivedAt, 50, 100)).await.unwrap();
    assert!(!counted.complete);
    assert!(counted.missing[0].contains("was not running"), "{:?}", counted.missing);
    assert!(sides.remote.count(count(Clock::Timestamp, 50, 100)).await.unwrap().complete);
    assert!(sides.remote.count(count(Clock::ReceivedAt, 1, 77)).await.unwrap().complete, "before it all is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_a_process_that_starts_again_and_a_tail_goes_on() {
    let mut sides = sides().await;
    let mut tail = sides.remote.tail("*").unwrap();
    sides.store.feed("before");
    assert!(matches!(tail.next().await, Some(TailEvent::Row { row }) if row.message == "before"));
    sides.worker.abort();
    let _ended = (&mut sides.worker).await;
    sides.store.end_tails();
    sides.link.down("killed");
    let here = socket(sides.folder.path());
    let restarted = async {
        let _worker = serve(&sides.store, &here, Router::new());
        sides.link.up(sides.remote.pulse(Duration::from_secs(30)).await.unwrap(), 300);
    };
    let (counted, ()) = tokio::join!(sides.remote.count(count(Clock::Timestamp, 0, 1)), restarted);
    assert_eq!(counted.unwrap().count, 0);
    assert_eq!(tail.next().await, Some(TailEvent::Lagged { skipped: 0 }));
    sides.store.feed("after");
    assert!(matches!(tail.next().await, Some(TailEvent::Row { row }) if row.message == "after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_passes_through_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = socket(folder.path());
    let store = Arc::new(FakeStore::default());
    let length = |body: axum::body::Body| async move {
        let mut bytes = 0;
        let mut stream = body.into_data_stream();
        while let Some(Ok(piece)) = stream.next().await {
            bytes += piece.len();
        }
        (http::StatusCode::IM_A_TEAPOT, bytes.to_string())
    };
    let _worker = serve(&store, &here, Router::new().route("/raw", axum::routing::post(length)));
    let link = Arc::new(Link::new(0));
    let remote = Remote::new(&Way::Socket(here), Arc::clone(&link), Desk::new(Vec::new())).unwrap();
    link.up(Pulse::default(), 1);
    let pieces = futures::stream::iter((0..1_000).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 50_000]))));
    let relayed = remote.relay(Method::POST, "/raw?a=b", HeaderMap::new(), pieces).await.unwrap();
    assert_eq!((relayed.status, relayed.body), (418, Bytes::from("50000000")));
}
