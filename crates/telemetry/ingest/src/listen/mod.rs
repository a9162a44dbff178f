//! The network listeners of GELF and syslog: whoever has a sink hosts them, in whichever process.
//!
//! Invariants: a datagram or a piece of a stream is let go only after its lines are safe on disk, or
//! after their loss is counted; a store that refuses for now stops the reading of streams, so that
//! their senders wait, and fills the bounded queue of datagrams, whose overflow is counted; memory is
//! bounded by the number of connections, not by what they send; an address that cannot be opened is
//! told and takes nothing else down.
//!
//! Absent: authentication, which these protocols do not have: they listen only where somebody asks for it.

mod batch;
mod kernel;
mod streams;
mod tls;
mod datagrams;

use std::path::PathBuf;
use std::sync::Arc;

use andon_reader::LogSink;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::senders::Senders;

/// Where to listen; nothing by default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ListenOptions {
    /// GELF over UDP and TCP.
    pub gelf: Option<String>,
    /// Syslog over UDP and TCP.
    pub syslog: Option<String>,
    /// Syslog over TLS.
    pub syslog_tls: Option<TlsOptions>,
}

/// Where to listen with TLS, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TlsOptions {
    /// The address.
    pub address: String,
    /// The certificate and those between it and its root, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// A port that was opened, or was not and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The input, as the counters name it.
    pub name: &'static str,
    /// The address.
    pub address: String,
    /// Why it is not open.
    pub problem: Option<String>,
}

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Gelf,
    Syslog,
}

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) sink: Arc<dyn LogSink>,
    pub(crate) senders: Senders,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) zone: TimeZone,
}

impl Shared {
    /// Also when whoever could say so is gone.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    /// Waits until everything shall stop.
    pub(crate) async fn stopping(&self) {
        let mut stop = self.stop.clone();
        let _sender_gone = stop.wait_for(|stop| *stop).await;
    }
}

pub(crate) fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Opens what the options ask for and says how it went. The tasks end by themselves after `stop` has
/// turned true and what was received is stored.
pub async fn listen(
    options: &ListenOptions,
    sink: Arc<dyn LogSink>,
    senders: Senders,
    stop: watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Vec<Opened> {
    let shared = Shared {
        sink,
        senders,
        stop,
        zone: TimeZone::system(),
    };
    let mut opened = Vec::new();
    for (address, protocol, udp, tcp) in [
        (&options.gelf, Protocol::Gelf, "gelf-udp", "gelf-tcp"),
        (&options.syslog, Protocol::Syslog, "syslog-udp", "syslog-tcp"),
    ] {
        if let Some(address) = address {
            opened.push(open_datagrams(address, protocol, udp, &shared, tasks));
            opened.push(open_streams(address, protocol, tcp, None, &shared, tasks).await);
        }
    }
    if let Some(options) = &options.syslog_tls {
        opened.push(match tls::acceptor(options) {
            Ok(acceptor) => {
                open_streams(&options.address, Protocol::Syslog, "syslog-tls", Some(acceptor), &shared, tasks).await
            }
            Err(problem) => told("syslog-tls", options.address.clone(), Some(problem)),
        });
    }
    opened
}

fn open_datagrams(
    address: &str,
    protocol: Protocol,
    name: &'static str,
    shared: &Shared,
    tasks: &mut JoinSet<()>,
) -> Opened {
    match datagrams::open(address, name) {
        Ok(socket) => {
            let shown = socket.local_addr().map_or_else(|_| address.to_owned(), |address| address.to_string());
            datagrams::serve(socket, protocol, name, shared.clone(), tasks);
            told(name, shown, None)
        }
        Err(error) => told(name, address.to_owned(), Some(error.to_string())),
    }
}

async fn open_streams(
    address: &str,
    protocol: Protocol,
    name: &'static str,
    tls: Option<tokio_rustls::TlsAcceptor>,
    shared: &Shared,
    tasks: &mut JoinSet<()>,
) -> Opened {
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let shown = listener.local_addr().map_or_else(|_| address.to_owned(), |address| address.to_string());
            tasks.spawn(streams::serve(listener, protocol, name, tls, shared.clone()));
            told(name, shown, None)
        }
        Err(error) => told(name, address.to_owned(), Some(error.to_string())),
    }
}

fn told(name: &'static str, address: String, problem: Option<String>) -> Opened {
    match &problem {
        None => tracing::info!(input = name, %address, "lines are taken without a token here"),
        Some(problem) => tracing::warn!(input = name, %address, problem, "an address cannot be opened; nothing is taken there"),
    }
    Opened { name, address, problem }
}
