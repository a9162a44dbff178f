//! UDP: a thread of its own reads and waits for nothing else, a task stores what it has read.
//!
//! The kernel holds a few hundred datagrams and throws the rest away: at twenty thousand per second the
//! reader may pause for ten milliseconds, which is too little for a thread that has other work.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::failure::code;
use crate::frames::Frame;
use crate::gelf::{Chunked, Reassembly};
use crate::limits;
use crate::listen::batch::{Received, store};
use crate::listen::{Protocol, Shared, kernel, now_us};
use crate::senders::{OTHERS, Sender};

/// Largest datagram that IP can carry.
const DATAGRAM_BYTES: usize = 65_536;
/// How often losses are told and late parts given up.
const TICK: Duration = Duration::from_secs(1);
/// How long the reader waits for a datagram before it looks whether everything stops.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the reader rests after an error, so that one that stays does not take a whole core.
const ERROR_PAUSE: Duration = Duration::from_millis(20);
/// Senders whose losses are told apart between two ticks.
const LOSERS_MAX: usize = 1_000;

type Datagram = (IpAddr, Vec<u8>);

/// Starts thread and task.
pub(crate) fn serve(socket: UdpSocket, protocol: Protocol, input: &'static str, shared: Shared, tasks: &mut JoinSet<()>) {
    let (send, receive) = mpsc::channel(limits::QUEUE_DATAGRAMS);
    let held_bytes = Arc::new(AtomicUsize::new(0));
    let reader = Reader {
        kernel_inode: kernel::inode(&socket),
        kernel_lost: 0,
        lost: BTreeMap::new(),
        held_bytes: held_bytes.clone(),
        queue: send,
        input,
        shared: shared.clone(),
    };
    tasks.spawn_blocking(move || reader.run(&socket));
    tasks.spawn(drain(receive, held_bytes, protocol, input, shared));
}

struct Reader {
    kernel_inode: Option<u64>,
    kernel_lost: u64,
    /// Datagrams for which there was no room, since the last tick.
    lost: BTreeMap<IpAddr, u64>,
    held_bytes: Arc<AtomicUsize>,
    queue: mpsc::Sender<Datagram>,
    input: &'static str,
    shared: Shared,
}

impl Reader {
    fn run(mut self, socket: &UdpSocket) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut told = Instant::now();
        while !self.shared.is_stopping() {
            match socket.recv_from(&mut buffer) {
                Ok((length, peer)) => self.take(buffer.get(..length).unwrap_or_default(), peer),
                Err(error) if is_pause(&error) => {}
                // For example an ICMP answer; there is nothing to read.
                Err(_) => std::thread::sleep(ERROR_PAUSE),
            }
            if told.elapsed() >= TICK {
                self.tell_losses();
                told = Instant::now();
            }
        }
        self.tell_losses();
    }

    fn take(&mut self, bytes: &[u8], peer: SocketAddr) {
        let (length, peer) = (bytes.len(), peer.ip().to_canonical());
        // Counted before it is sent: the other task may let go of it at once.
        let held_bytes = self.held_bytes.fetch_add(length, Ordering::Relaxed) + length;
        if held_bytes <= limits::QUEUE_BYTES && self.queue.try_send((peer, bytes.to_vec())).is_ok() {
            return;
        }
        self.held_bytes.fetch_sub(length, Ordering::Relaxed);
        let is_known = self.lost.len() < LOSERS_MAX || self.lost.contains_key(&peer);
        let peer = if is_known { peer } else { Ipv4Addr::UNSPECIFIED.into() };
        *self.lost.entry(peer).or_default() += 1;
    }

    fn tell_losses(&mut self) {
        let now = now_us();
        for (peer, count) in std::mem::take(&mut self.lost) {
            let message = "datagrams came faster than they could be stored";
            tracing::warn!(input = self.input, %peer, count, message);
            let address = peer.to_string();
            let sender = Sender { input: self.input, name: "", address: &address };
            self.shared.senders.refused(sender, code::QUEUE_FULL, message, count, now);
        }
        let Some(total) = self.kernel_inode.and_then(kernel::lost) else { return };
        let count = total.saturating_sub(self.kernel_lost);
        self.kernel_lost = total;
        if count > 0 {
            let message = "the kernel had no room for datagrams (a larger net.core.rmem_max and a restart make more)";
            tracing::warn!(input = self.input, count, message);
            let sender = Sender { input: self.input, name: "", address: OTHERS };
            self.shared.senders.refused(sender, code::KERNEL_FULL, message, count, now);
        }
    }
}

/// Tells the end of the patience from an error.
fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Opens a port whose reader looks around from time to time, and tells the room that the kernel gives.
pub(crate) fn open(address: &str, input: &'static str) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // A port with less room is better than none.
    match kernel::make_room(&socket, limits::RECEIVE_BYTES) {
        Ok(given_bytes) if given_bytes < limits::RECEIVE_BYTES => {
            let asked_bytes = limits::RECEIVE_BYTES;
            tracing::info!(input, given_bytes, asked_bytes, "the kernel holds fewer datagrams than it is asked to; a larger net.core.rmem_max gives more room for bursts");
        }
        Ok(given_bytes) => tracing::info!(input, given_bytes, "the kernel holds datagrams until they are read"),
        Err(error) => tracing::warn!(input, %error, "the kernel cannot be asked for more room for datagrams"),
    }
    Ok(socket)
}

/// Stores what was read, until the reader is gone and the queue is empty.
async fn drain(
    mut queue: mpsc::Receiver<Datagram>,
    held_bytes: Arc<AtomicUsize>,
    protocol: Protocol,
    input: &'static str,
    shared: Shared,
) {
    let mut parts = Reassembly::new(limits::PARTS_BYTES);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut received = Received::new();
        let mut taken_bytes = 0;
        tokio::select! {
            _ = tick.tick() => parts.expire(now_us()),
            datagram = queue.recv() => {
                let Some(first) = datagram else { break };
                let mut next = Some(first);
                while let Some((peer, bytes)) = next.take() {
                    taken_bytes += bytes.len();
                    collect(&mut parts, protocol, input, &shared, (peer, bytes), &mut received);
                    if received.len() < limits::BATCH_LINES && taken_bytes < limits::BATCH_BYTES {
                        next = queue.try_recv().ok();
                    }
                }
            }
        }
        tell_lost_parts(&mut parts, input, &shared);
        if !received.is_empty() {
            store(&shared, protocol, input, &received).await;
        }
        held_bytes.fetch_sub(taken_bytes, Ordering::Relaxed);
    }
    parts.expire(i64::MAX);
    tell_lost_parts(&mut parts, input, &shared);
}

/// Adds a datagram to the messages, once all of its parts are there.
fn collect(parts: &mut Reassembly, protocol: Protocol, input: &'static str, shared: &Shared, datagram: Datagram, received: &mut Received) {
    let (peer, bytes) = datagram;
    if protocol == Protocol::Syslog {
        return received.push((peer, Frame { bytes, cut_bytes: 0 }));
    }
    match parts.take(peer, &bytes, now_us()) {
        Chunked::Whole => received.push((peer, Frame { bytes, cut_bytes: 0 })),
        Chunked::Complete(bytes) => received.push((peer, Frame { bytes, cut_bytes: 0 })),
        Chunked::Waiting => {}
        Chunked::Refused(why) => {
            let address = peer.to_string();
            let sender = Sender { input, name: "", address: &address };
            shared.senders.refused(sender, code::GELF_PART, why, 1, now_us());
        }
    }
}

fn tell_lost_parts(parts: &mut Reassembly, input: &'static str, shared: &Shared) {
    for lost in parts.take_lost() {
        let reason = if lost.is_late { code::GELF_LATE } else { code::GELF_ROOM };
        let message = format!("{} of {} parts of a message came", lost.parts, lost.expected);
        let address = lost.peer.to_string();
        let sender = Sender { input, name: "", address: &address };
        shared.senders.refused(sender, reason, &message, 1, now_us());
    }
}
