//! The same over a network, and everybody who is not the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use andon_reader::{Caller, Clock, LogReader, LogSink, NewLogRow, SearchRequest, SqlLimits, SqlRunner, TailEvent, code};
use andon_remote::{Desk, Door, Fingerprint, Key, Link, Remote, Shelf, Token, Way, answer, router};
use futures::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::store::{FakeStore, Secrets};
use crate::{count, shelf_of};

const OWN: [u8; 32] = [1; 32];
const SERVER: [u8; 32] = [2; 32];
const STRANGER: [u8; 32] = [3; 32];

struct Far {
    store: Arc<FakeStore>,
    shelf: Arc<Shelf>,
    address: SocketAddr,
    worker: JoinHandle<()>,
}

fn fingerprint(secret: [u8; 32]) -> Fingerprint {
    Key::new(secret).fingerprint().unwrap()
}

async fn far(address: &str) -> Far {
    let store = Arc::new(FakeStore::default());
    let shelf = shelf_of(&store);
    let door = Door::open(address, &Key::new(OWN), fingerprint(SERVER), &shelf).await.unwrap();
    let (address, routes) = (door.address(), router(shelf.clone()));
    let worker = tokio::spawn(async move { answer(door, routes).await.unwrap() });
    Far { store, shelf, address, worker }
}

fn remote_at(address: SocketAddr, telemetry: [u8; 32], server: [u8; 32]) -> Remote {
    let token = Token { telemetry: fingerprint(telemetry), server: Key::new(server) };
    let way = Way::Network { at: address.to_string(), token };
    Remote::new(&way, Arc::new(Link::new(0)), Desk::new(vec![Arc::new(Secrets)])).unwrap()
}

/// What the far side counts, as the server with the token hears it.
async fn refused(far: &Far) -> u64 {
    remote_at(far.address, OWN, SERVER).pulse(Duration::from_secs(30)).await.unwrap().refused_connections
}

/// Waits until so many are refused: the far side counts one once its connection is closed.
async fn until_refused(far: &Far, count: u64) {
    while refused(far).await < count {
        tokio::task::yield_now().await;
    }
}

async fn connected(far: &Far) -> Remote {
    let remote = remote_at(far.address, OWN, SERVER);
    remote.link().up(remote.pulse(Duration::from_secs(30)).await.unwrap(), 1);
    remote
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_statements_and_tails_go_over_a_network() {
    let far = far("127.0.0.1:0").await;
    let remote = connected(&far).await;
    let rows = vec![NewLogRow { message: "x".repeat(100_000), ..NewLogRow::default() }; 30];
    assert_eq!(remote.append(rows).await.unwrap().rows, 30);
    let found = remote.search(SearchRequest::new("*", 0, 10)).await.unwrap();
    assert_eq!((found.rows.len(), found.rows[29].message.len()), (30, 100_000));
    let answer = remote.run("secrets".to_owned(), Caller::new("maya", |_| true), SqlLimits::default()).await.unwrap();
    assert_eq!(answer.rows, [[json!("maya"), json!(1.5)]]);
    let mut tail = remote.tail("*").unwrap();
    far.store.feed("now");
    assert!(matches!(tail.next().await, Some(TailEvent::Row { row }) if row.message == "now"));
    assert_eq!(refused(&far).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_secret_is_refused_and_counted() {
    let far = far("127.0.0.1:0").await;
    let error = remote_at(far.address, OWN, STRANGER).pulse(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.code, code::UNAVAILABLE);
    assert!(error.message.contains("does not accept the token"), "{error:?}");
    assert!(error.hint.unwrap().contains("copy the token again"));
    until_refused(&far, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_at_the_address_hears_nothing() {
    let far = far("127.0.0.1:0").await;
    let error = remote_at(far.address, STRANGER, SERVER).pulse(Duration::from_secs(30)).await.unwrap_err();
    assert!(error.message.contains("another key than the token names"), "{error:?}");
    until_refused(&far, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_is_refused_before_a_request_is_read() {
    let far = far("127.0.0.1:0").await;
    for garbage in [&b"GET /pulse HTTP/1.1\r\nhost: x\r\n\r\n"[..], &[0xff; 4_096], b"\x16\x03\x01\xff\xff"] {
        let mut stream = TcpStream::connect(far.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut told = Vec::new();
        let _reset = stream.read_to_end(&mut told).await;
        assert!(!told.starts_with(b"HTTP"), "{told:?}");
    }
    until_refused(&far, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_takes_for_ever_is_ended_and_holds_up_nobody() {
    let far = far("127.0.0.1:0").await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(far.address).await.unwrap());
    }
    let remote = connected(&far).await;
    assert_eq!(remote.count(count(Clock::Timestamp, 0, 1)).await.unwrap().count, 0);
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    }
    until_refused(&far, 64).await;
    assert!(far.shelf.opened().is_ok());
}

/// A network that can be cut: bytes go through until it is.
async fn network_to(address: SocketAddr) -> (SocketAddr, tokio::sync::watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let (cut, is_cut) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut is_cut = is_cut.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(address).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = is_cut.wait_for(|cut| *cut) => {}
                }
            });
        }
    });
    (here, cut)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_an_error_and_a_tail_goes_on_over_the_next_connection() {
    let far = far("127.0.0.1:0").await;
    let (network, cut) = network_to(far.address).await;
    let remote = remote_at(network, OWN, SERVER);
    remote.link().up(remote.pulse(Duration::from_secs(30)).await.unwrap(), 1);
    let mut tail = remote.tail("*").unwrap();
    far.store.feed("before");
    assert!(matches!(tail.next().await, Some(TailEvent::Row { row }) if row.message == "before"));
    let asking = tokio::spawn({
        let remote = remote.clone();
        async move { remote.count(andon_reader::CountRequest { query: "hang".to_owned(), ..count(Clock::Timestamp, 0, 1) }).await }
    });
    far.store.begun.notified().await;
    cut.send(true).unwrap();
    assert_eq!(asking.await.unwrap().unwrap_err().code, code::UNAVAILABLE);
    far.store.dropped.notified().await;
    // Lines that came meanwhile are not known to be whole, and the tail says so.
    cut.send(false).unwrap();
    assert_eq!(tail.next().await, Some(TailEvent::Lagged { skipped: 0 }));
    far.store.feed("after");
    assert!(matches!(tail.next().await, Some(TailEvent::Row { row }) if row.message == "after"));
    far.worker.abort();
}
