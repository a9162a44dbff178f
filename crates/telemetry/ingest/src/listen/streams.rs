//! TCP and TLS: each connection is read only as fast as its lines are stored.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::failure::code;
use crate::frames::{DelimitedFrames, Frame};
use crate::limits;
use crate::listen::batch::{Received, store};
use crate::listen::{Protocol, Shared, now_us};
use crate::senders::Sender;
use crate::syslog::SyslogFrames;

/// How long a connection may take to be secured.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a sender may pause within a message so large that few can be read at once.
const STALL: Duration = Duration::from_secs(30);
/// How long a connection must be silent before it makes room for another. Senders keep theirs open
/// for days, and some lose a line when it is closed, so that silence alone is no reason.
const SILENT_US: i64 = 600_000_000;
/// How long to wait after the kernel refused to accept: it is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
const READ_BYTES_MIN: usize = 8 << 10;
const READ_BYTES_MAX: usize = 256 << 10;

/// The messages of one connection.
enum Framer {
    Gelf(DelimitedFrames),
    Syslog(SyslogFrames),
}

impl Framer {
    fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Gelf => Self::Gelf(DelimitedFrames::new(0, limits::MESSAGE_BYTES)),
            Protocol::Syslog => Self::Syslog(SyslogFrames::new(limits::KEPT_BYTES)),
        }
    }

    fn take(&mut self, piece: &[u8], frames: &mut Vec<Frame>) {
        match self {
            Self::Gelf(framer) => framer.take(piece, frames),
            Self::Syslog(framer) => framer.take(piece, frames),
        }
    }

    fn finish(&mut self, frames: &mut Vec<Frame>) {
        match self {
            Self::Gelf(framer) => framer.finish(frames),
            Self::Syslog(framer) => framer.finish(frames),
        }
    }

    fn held_bytes(&self) -> usize {
        match self {
            Self::Gelf(framer) => framer.held_bytes(),
            Self::Syslog(framer) => framer.held_bytes(),
        }
    }
}

/// The open connections, to find the one that has been silent longest.
#[derive(Clone, Default)]
struct Connections {
    open: Arc<Mutex<HashMap<u64, (Arc<AtomicI64>, AbortHandle)>>>,
}

impl Connections {
    fn count(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn add(&self, number: u64, heard_us: Arc<AtomicI64>, task: AbortHandle) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(number, (heard_us, task));
    }

    fn prune(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, task)| !task.is_finished());
    }

    /// Ends the connection that has been silent longest, if it has been so for long.
    fn make_room(&self, now_us: i64) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = open
            .iter()
            .map(|(number, (heard_us, _))| (heard_us.load(Ordering::Relaxed), *number))
            .min()
            .filter(|(heard_us, _)| now_us.saturating_sub(*heard_us) > SILENT_US);
        let Some((_, task)) = silent.and_then(|(_, number)| open.remove(&number)) else { return false };
        task.abort();
        true
    }
}

/// Accepts connections until everything stops, then lets those that are open store what they have.
pub(crate) async fn serve(
    listener: TcpListener,
    protocol: Protocol,
    input: &'static str,
    tls: Option<TlsAcceptor>,
    shared: Shared,
) {
    let large = match protocol {
        Protocol::Gelf => limits::LARGE_MESSAGES,
        Protocol::Syslog => limits::LARGE_LINES,
    };
    let server = Arc::new(Server {
        protocol,
        input,
        tls,
        shared: shared.clone(),
        large: Arc::new(Semaphore::new(large)),
    });
    let connections = Connections::default();
    let mut tasks = JoinSet::new();
    let stopping = shared.stopping();
    tokio::pin!(stopping);
    let mut number = 0;
    loop {
        let accepted = tokio::select! {
            () = &mut stopping => break,
            Some(_ended) = tasks.join_next(), if !tasks.is_empty() => {
                connections.prune();
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(input, %error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if connections.count() >= limits::CONNECTIONS && !connections.make_room(now_us()) {
            server.refuse(peer, code::CONNECTIONS, "there are too many connections");
            continue;
        }
        number += 1;
        let heard_us = Arc::new(AtomicI64::new(now_us()));
        let task = tasks.spawn(server.clone().connection(stream, peer, heard_us.clone()));
        connections.add(number, heard_us, task);
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

struct Server {
    protocol: Protocol,
    input: &'static str,
    tls: Option<TlsAcceptor>,
    shared: Shared,
    /// Turns of those that send something large, so that memory does not grow with their number.
    large: Arc<Semaphore>,
}

impl Server {
    fn refuse(&self, peer: IpAddr, reason: &str, message: &str) {
        let address = peer.to_string();
        let sender = Sender { input: self.input, name: "", address: &address };
        self.shared.senders.refused(sender, reason, message, 1, now_us());
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: IpAddr, heard_us: Arc<AtomicI64>) {
        let Some(tls) = &self.tls else {
            return self.read(stream, peer, &heard_us).await;
        };
        match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.read(stream, peer, &heard_us).await,
            Ok(Err(error)) => self.refuse(peer, code::TLS, &error.to_string()),
            Err(_) => self.refuse(peer, code::TLS, "the handshake took too long"),
        }
    }

    async fn read(&self, mut stream: impl AsyncRead + Unpin, peer: IpAddr, heard_us: &AtomicI64) {
        let mut framer = Framer::new(self.protocol);
        let mut buffer = vec![0; READ_BYTES_MIN];
        let mut frames = Vec::new();
        let mut turn: Option<OwnedSemaphorePermit> = None;
        loop {
            let read = tokio::select! {
                () = self.shared.stopping() => break,
                read = read_some(&mut stream, &mut buffer, turn.is_some()) => read,
            };
            let length = match read {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => {
                    self.refuse_broken(peer, &framer, &error);
                    break;
                }
            };
            heard_us.store(now_us(), Ordering::Relaxed);
            framer.take(buffer.get(..length).unwrap_or_default(), &mut frames);
            self.store(peer, &mut frames).await;
            if framer.held_bytes() <= limits::SMALL_BYTES {
                turn = None;
            } else if turn.is_none() {
                turn = self.large.clone().acquire_owned().await.ok();
            }
            if length == buffer.len() && length < READ_BYTES_MAX {
                buffer.resize(length * 2, 0);
            }
        }
        framer.finish(&mut frames);
        self.store(peer, &mut frames).await;
    }

    /// A connection that breaks between messages is nothing to tell of: programs end.
    fn refuse_broken(&self, peer: IpAddr, framer: &Framer, error: &std::io::Error) {
        if framer.held_bytes() > 0 {
            self.refuse(peer, code::CONNECTION_BROKEN, &format!("the connection broke off within a message: {error}"));
        }
    }

    async fn store(&self, peer: IpAddr, frames: &mut Vec<Frame>) {
        if frames.is_empty() {
            return;
        }
        let received: Received = frames.drain(..).map(|frame| (peer, frame)).collect();
        store(&self.shared, self.protocol, self.input, &received).await;
    }
}

async fn read_some(stream: &mut (impl AsyncRead + Unpin), buffer: &mut [u8], is_large: bool) -> std::io::Result<usize> {
    if !is_large {
        return stream.read(buffer).await;
    }
    match tokio::time::timeout(STALL, stream.read(buffer)).await {
        Ok(read) => read,
        Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the sender paused within a large message")),
    }
}
