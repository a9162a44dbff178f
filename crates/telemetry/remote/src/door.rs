//! The way in over a network: who does not prove the token gets no further than the handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::serve::Listener;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::limits::{HANDSHAKE_TIME, STRANGERS};
use crate::service::Shelf;
use crate::tls;
use crate::token::{Fingerprint, Key};

/// How often refused connections are logged; all of them are counted.
const TELL_PERIOD: Duration = Duration::from_secs(10);
/// After which silence the kernel asks whether the other machine is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long, and how much of what a refused caller still sends is read, so that it reads why.
const PARTING_TIME: Duration = Duration::from_secs(1);
const PARTING_BYTES: u64 = 64 << 10;
/// The pause after the kernel gave no connection, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

type Admitted = (TlsStream<TcpStream>, SocketAddr);

/// A port on which one server is admitted.
pub struct Door {
    admitted: mpsc::Receiver<Admitted>,
    address: SocketAddr,
    _receiving: JoinSet<()>,
}

impl Door {
    /// Opens a port; refused connections are counted on the shelf.
    ///
    /// # Errors
    /// When the address is taken, or a key cannot be used.
    pub async fn open(address: &str, own: &Key, admits: Fingerprint, shelf: &Shelf) -> io::Result<Self> {
        let config = tls::server(own, admits).map_err(io::Error::other)?;
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (admit, admitted) = mpsc::channel(STRANGERS);
        let mut receiving = JoinSet::new();
        receiving.spawn(receive(listener, TlsAcceptor::from(Arc::new(config)), admit, Arc::clone(shelf.refusals())));
        Ok(Self { admitted, address, _receiving: receiving })
    }

    /// Tells where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for Door {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Admitted {
        match self.admitted.recv().await {
            Some(admitted) => admitted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn receive(listener: TcpListener, acceptor: TlsAcceptor, admit: mpsc::Sender<Admitted>, refusals: Arc<Refusals>) {
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&strangers).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to telemetry could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (acceptor, admit, refusals) = (acceptor.clone(), admit.clone(), Arc::clone(&refusals));
        handshakes.spawn(async move {
            match handshake(&acceptor, stream).await {
                Ok(stream) => {
                    let _stopping = admit.send((stream, peer)).await;
                }
                Err(reason) => refusals.note(peer, &reason),
            }
            drop(place);
        });
    }
}

async fn handshake(acceptor: &TlsAcceptor, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    // A connection without these works, too.
    let _unset = stream.set_nodelay(true);
    let _unset = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
    match tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream).into_fallible()).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err((error, stream))) => {
            part(stream).await;
            Err(error.to_string())
        }
        Err(_) => Err(format!("its handshake took longer than {} s", HANDSHAKE_TIME.as_secs())),
    }
}

/// Lets a refused caller read why: a connection that is closed over unread bytes takes the answer with it.
async fn part(mut stream: TcpStream) {
    let _gone = stream.shutdown().await;
    let mut rest = stream.take(PARTING_BYTES);
    let _enough = tokio::time::timeout(PARTING_TIME, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}

/// Who was not admitted.
#[derive(Default)]
pub(crate) struct Refusals {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl Refusals {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn note(&self, peer: SocketAddr, reason: &str) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TELL_PERIOD) {
            *told = Some(Instant::now());
            tracing::warn!(%peer, reason, count, "a connection to telemetry is refused: it does not prove the token");
        }
    }
}
