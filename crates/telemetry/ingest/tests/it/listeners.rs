//! GELF and syslog over real sockets.

use std::sync::Arc;
use std::time::Duration;

use andon_ingest::{ListenOptions, Opened, SenderStatus, Senders, TlsOptions, code, listen};
use andon_reader::{LogSink, NewLogRow};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::memory_sink::MemorySink;

struct World {
    sink: Arc<MemorySink>,
    senders: Senders,
    opened: Vec<Opened>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl World {
    async fn open(options: ListenOptions, sink: MemorySink) -> Self {
        let (sink, senders) = (Arc::new(sink), Senders::default());
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let shared: Arc<dyn LogSink> = sink.clone();
        let opened = listen(&options, shared, senders.clone(), stopping, &mut tasks).await;
        Self { sink, senders, opened, stop, tasks }
    }

    async fn both() -> Self {
        let any = Some("127.0.0.1:0".to_owned());
        Self::open(ListenOptions { gelf: any.clone(), syslog: any, syslog_tls: None }, MemorySink::default()).await
    }

    fn address(&self, name: &str) -> &str {
        let opened = self.opened.iter().find(|opened| opened.name == name && opened.problem.is_none());
        &opened.expect("the port is open").address
    }

    async fn udp(&self, name: &str, datagrams: &[&[u8]]) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        for datagram in datagrams {
            socket.send_to(datagram, self.address(name)).await.expect("sent");
        }
    }

    async fn tcp(&self, name: &str) -> TcpStream {
        TcpStream::connect(self.address(name)).await.expect("connected")
    }

    /// Waits until so many lines are stored.
    async fn rows(&self, count: usize) -> Vec<NewLogRow> {
        poll(|| {
            let rows = self.sink.rows.lock().expect("not poisoned");
            (rows.len() >= count).then(|| rows.clone())
        })
        .await
    }

    async fn status(&self, input: &str, test: impl Fn(&SenderStatus) -> bool) -> SenderStatus {
        poll(|| self.senders.list().into_iter().find(|status| status.input == input && test(status))).await
    }

    async fn stop(mut self) -> Vec<NewLogRow> {
        self.stop.send(true).expect("somebody listens");
        while self.tasks.join_next().await.is_some() {}
        self.sink.taken()
    }
}

/// Polls with a deadline, for what happens in another task.
async fn poll<T>(check: impl Fn() -> Option<T>) -> T {
    let found = async {
        loop {
            match check() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.expect("it happens")
}

fn messages(rows: &[NewLogRow]) -> Vec<&str> {
    rows.iter().map(|row| row.message.as_str()).collect()
}

#[tokio::test]
async fn datagrams_of_both_protocols_are_stored_and_counted() {
    let world = World::both().await;
    world.udp("syslog-udp", &[b"<14>Feb  5 17:32:18 web app: one", b"two"]).await;
    let gelf = json!({"short_message": "three", "_service": "shop"}).to_string();
    let (head, tail) = gelf.as_bytes().split_at(10);
    let part = |number, bytes: &[u8]| [&[0x1e, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8, number, 2], bytes].concat();
    world.udp("gelf-udp", &[&part(1, tail), &part(0, head), b"no JSON"]).await;
    let rows = world.rows(3).await;
    let mut found = messages(&rows);
    found.sort_unstable();
    assert_eq!(found, ["one", "three", "two"]);
    let status = world.status("syslog-udp", |status| status.accepted == 2).await;
    assert_eq!((status.address.as_str(), status.bytes), ("127.0.0.1", 35));
    let status = world.status("gelf-udp", |status| status.accepted == 1 && !status.refused.is_empty()).await;
    assert_eq!(status.refused[code::GELF_MALFORMED], 1);
}

#[tokio::test]
async fn connections_count_or_end_their_messages_each_in_its_way() {
    let world = World::both().await;
    let mut lines = world.tcp("syslog-tcp").await;
    lines.write_all(b"<14>1 - h a - - - first\n<14>1 - h a - - - sec").await.expect("sent");
    let mut counted = world.tcp("syslog-tcp").await;
    counted.write_all(b"24 <14>1 - h a - - - th\nird").await.expect("sent");
    let mut gelf = world.tcp("gelf-tcp").await;
    gelf.write_all(b"{\"short_message\":\"fourth\"}\0{\"short_message\":\"fifth\"}").await.expect("sent");
    lines.write_all(b"ond\n").await.expect("sent");
    drop(gelf);
    let rows = world.rows(5).await;
    let mut found = messages(&rows);
    found.sort_unstable();
    assert_eq!(found, ["fifth", "first", "fourth", "second", "th\nird"]);
}

#[tokio::test]
async fn a_store_that_is_full_makes_senders_wait_and_loses_nothing() {
    let any = Some("127.0.0.1:0".to_owned());
    let world = World::open(ListenOptions { gelf: None, syslog: any, syslog_tls: None }, MemorySink::full_after(0)).await;
    let mut stream = world.tcp("syslog-tcp").await;
    let sent: Vec<String> = (0..2_000).map(|number| format!("<14>1 - h a - - - line {number} {}", "x".repeat(200))).collect();
    let writing = tokio::spawn(async move {
        for line in sent {
            stream.write_all(format!("{line}\n").as_bytes()).await.expect("sent");
        }
    });
    world.udp("syslog-udp", &[b"datagram"]).await;
    // Nothing is stored while there is no room.
    tokio::task::yield_now().await;
    assert!(world.sink.rows.lock().expect("not poisoned").is_empty());
    *world.sink.appends_before_full.lock().expect("not poisoned") = None;
    writing.await.expect("the sender goes on");
    let rows = world.rows(2_001).await;
    assert_eq!(rows.len(), 2_001);
    assert!(world.senders.list().iter().all(|status| status.refused.is_empty()));
}

#[tokio::test]
async fn what_was_received_is_stored_before_the_end() {
    let world = World::both().await;
    let mut stream = world.tcp("syslog-tcp").await;
    stream.write_all(b"whole\nbegun").await.expect("sent");
    world.rows(1).await;
    let rows = world.stop().await;
    assert_eq!(messages(&rows), ["whole", "begun"]);
}

#[tokio::test]
async fn a_line_of_30_mb_is_kept_cut_with_its_length() {
    let world = World::both().await;
    let mut stream = world.tcp("syslog-tcp").await;
    let long = vec![b'x'; 30 << 20];
    stream.write_all(b"<14>1 - h a - - - ").await.expect("sent");
    stream.write_all(&long).await.expect("sent");
    stream.write_all(b"\n<14>1 - h a - - - after\n").await.expect("sent");
    let rows = world.rows(2).await;
    let cut = rows[0].attributes["andon.truncated_bytes"].as_u64().expect("a number");
    assert_eq!(rows[0].message.len() as u64 + cut, long.len() as u64);
    assert_eq!(rows[1].message, "after");
    let status = world.status("syslog-tcp", |status| status.accepted == 2).await;
    assert_eq!(status.truncated, 1);
}

#[tokio::test]
async fn a_json_message_of_30_mb_is_handed_over_whole() {
    let world = World::both().await;
    let mut stream = world.tcp("gelf-tcp").await;
    let message = json!({"short_message": "x".repeat(30 << 20)}).to_string();
    stream.write_all(message.as_bytes()).await.expect("sent");
    stream.write_all(b"\0").await.expect("sent");
    assert_eq!(world.rows(1).await[0].message.len(), 30 << 20);
}

#[tokio::test]
async fn an_address_that_cannot_be_opened_takes_nothing_else_down() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let tls = TlsOptions { address: "127.0.0.1:0".to_owned(), certificate: "/nowhere.pem".into(), key: "/nowhere.key".into() };
    let options = ListenOptions { gelf: Some("nonsense".to_owned()), syslog: Some(address), syslog_tls: Some(tls) };
    let world = World::open(options, MemorySink::default()).await;
    let problem = |name: &str| {
        let opened = world.opened.iter().find(|opened| opened.name == name).expect("it is told");
        opened.problem.clone()
    };
    assert!(problem("gelf-udp").is_some() && problem("gelf-tcp").is_some());
    assert_eq!(problem("syslog-udp"), None);
    assert!(problem("syslog-tcp").is_some_and(|problem| problem.contains("in use")));
    assert!(problem("syslog-tls").is_some_and(|problem| problem.contains("/nowhere.pem")));
    world.udp("syslog-udp", &[b"still taken"]).await;
    assert_eq!(messages(&world.rows(1).await), ["still taken"]);
}
