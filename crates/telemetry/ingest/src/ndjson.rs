//! NDJSON: a stream of JSON objects, one per line, without a limit on the whole.
//!
//! The body is read, its lines are taken apart (see [`crate::lines_of_body`]) and batches of them are
//! stored at the same time; a few batches are on their way at most, so that a sender that is faster
//! than the disk is read more slowly.

use std::collections::VecDeque;
use std::time::Duration;

use andon_columns::LinesSink;
use andon_reader::{ReaderError, Receipt};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::future::{BoxFuture, Either, select};
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, SinkExt as _, Stream, StreamExt as _};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::content::ContentEncoding;
use crate::failure::{IngestError, code};
use crate::limits;
use crate::lines_of_body::{Batch, BodyLines, Dealt};

/// Turns of bodies within a large line, so that memory does not grow with the number of senders.
static LARGE: Semaphore = Semaphore::const_new(limits::LARGE_BODIES);
/// How long one with a turn may pause.
const STALL: Duration = Duration::from_secs(30);

/// How lines are to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NdjsonOptions {
    /// Field with the time; the usual names are tried without it.
    pub time_field: Option<String>,
    /// Field with the message; the usual names are tried without it.
    pub message_field: Option<String>,
    /// How the body is compressed.
    pub encoding: ContentEncoding,
}

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Number of the line in the body, from one.
    pub line: u64,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

/// What became of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NdjsonAnswer {
    /// Lines stored durably.
    pub accepted: u64,
    /// Lines refused.
    pub refused: u64,
    /// Lines stored but truncated for their size.
    pub truncated: u64,
    /// The first refusals.
    pub reasons: Vec<Refusal>,
}

/// Why reading stopped, and what became of the lines before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NdjsonFailure {
    /// Why.
    #[serde(flatten)]
    pub error: IngestError,
    /// The lines up to there: the accepted ones are stored and need not be sent again. Lines after
    /// a batch that could not be stored are not counted, even if they were stored.
    pub so_far: NdjsonAnswer,
    /// Lines of the body that are dealt with: stored, refused or blank. The sender goes on after
    /// them.
    pub lines_read: u64,
}

/// Bytes handed over for taking apart at once.
const TURN_BYTES: usize = 512 << 10;
/// Less than this is taken apart where it is; handing it over would cost more.
const SMALL_BYTES: usize = 32 << 10;
/// So much is stored as soon as nothing else is to be done.
const IDLE_BYTES: usize = 512 << 10;
/// Less is stored when nothing more has come for this long.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// Batches being stored at once.
const IN_FLIGHT: usize = 4;

type Pieces = VecDeque<Bytes>;

/// Reads a body to its end and stores its lines in batches.
///
/// # Errors
/// When the body breaks off, is badly compressed, or the store refuses a batch: with the counts of
/// what was stored until then.
pub async fn ingest_ndjson<E: std::fmt::Display>(
    sink: &dyn LinesSink,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    options: &NdjsonOptions,
) -> Result<NdjsonAnswer, Box<NdjsonFailure>> {
    let mut storing = Storing::new(sink);
    let result = match BodyLines::new(options) {
        Ok(lines) => {
            let (send, pieces) = mpsc::channel(1);
            let work = take_apart(&mut storing, lines, pieces);
            futures::future::join(read_body(body, send), work).await.1
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => Ok(storing.answer),
        Err(error) => Err(Box::new(NdjsonFailure {
            error,
            so_far: storing.answer,
            lines_read: storing.lines_read,
        })),
    }
}

/// Reads the body while earlier parts of it are worked on, but not far ahead.
async fn read_body<E: std::fmt::Display>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    mut send: mpsc::Sender<Result<Pieces, IngestError>>,
) {
    let mut pieces = Pieces::new();
    let mut bytes = 0;
    loop {
        let next = match body.next().now_or_never() {
            Some(next) => next,
            None => {
                // Nobody knows when more comes: what is there goes on its way.
                if !pieces.is_empty() && send.send(Ok(std::mem::take(&mut pieces))).await.is_err() {
                    return;
                }
                bytes = 0;
                body.next().await
            }
        };
        let last = match next {
            Some(Ok(piece)) => {
                bytes += piece.len();
                pieces.push_back(piece);
                if bytes < TURN_BYTES {
                    continue;
                }
                bytes = 0;
                None
            }
            Some(Err(error)) => Some(Err(IngestError::new(
                400,
                code::BODY_BROKEN,
                format!("the body broke off: {error}"),
                "send the rest again",
            ))),
            None => Some(Ok(Pieces::new())),
        };
        if send.send(Ok(std::mem::take(&mut pieces))).await.is_err() {
            return;
        }
        if let Some(last) = last {
            // Who does not listen any more has failed and says so itself.
            let _gone = send.send(last).await;
            return;
        }
    }
}

async fn take_apart(
    storing: &mut Storing<'_>,
    lines: BodyLines,
    mut pieces: mpsc::Receiver<Result<Pieces, IngestError>>,
) -> Result<(), IngestError> {
    let mut lines = Box::new(lines);
    let mut turn: Option<SemaphorePermit<'static>> = None;
    let failed = loop {
        let next = next_pieces(storing, &mut lines, &mut pieces);
        let next = if turn.is_some() { unless_stalled(next).await } else { next.await };
        let mut given = match next? {
            Some(Ok(given)) => given,
            Some(Err(error)) => break Err(error),
            None => break Ok(()),
        };
        let done = loop {
            let turn = storing.meanwhile(work_off(lines, given)).await?;
            let result;
            (lines, given, result) = turn?;
            for batch in lines.ready() {
                storing.store(batch).await?;
            }
            if result.is_err() || given.is_empty() {
                break result;
            }
        };
        if done.is_err() {
            break done;
        }
        if lines.begun_bytes() <= limits::BEGUN_BYTES {
            turn = None;
        } else if turn.is_none() {
            turn = storing.meanwhile(LARGE.acquire()).await?.ok();
        }
    };
    drop(turn);
    // What was read before the body broke is good.
    let ended = failed.and_then(|()| lines.end());
    lines.cut();
    for batch in lines.ready() {
        storing.store(batch).await?;
    }
    storing.finish().await?;
    ended
}

/// Who has a turn for a large line must go on sending it.
async fn unless_stalled<T>(next: impl Future<Output = Result<T, IngestError>>) -> Result<T, IngestError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return next.await;
    }
    tokio::time::timeout(STALL, next).await.unwrap_or_else(|_| {
        let what = "the sender paused within a large line".to_owned();
        Err(IngestError::new(408, code::BODY_BROKEN, what, "send the line again, without a pause"))
    })
}

/// Waits for more of the body; when nothing comes and nothing is being stored, stores what is there.
async fn next_pieces(
    storing: &mut Storing<'_>,
    lines: &mut BodyLines,
    pieces: &mut mpsc::Receiver<Result<Pieces, IngestError>>,
) -> Result<Option<Result<Pieces, IngestError>>, IngestError> {
    if let Some(given) = pieces.next().now_or_never() {
        return Ok(given);
    }
    if storing.is_idle() && lines.held_bytes() > 0 {
        let can_wait = tokio::runtime::Handle::try_current().is_ok();
        // Each batch has a price: a small one waits a little for more.
        if can_wait && lines.held_bytes() < IDLE_BYTES {
            let more = tokio::time::timeout(IDLE_WAIT, pieces.next()).await;
            if let Ok(given) = more {
                return Ok(given);
            }
        }
        lines.cut();
        for batch in lines.ready() {
            storing.store(batch).await?;
        }
    }
    storing.meanwhile(pieces.next()).await
}

type Turn = (Box<BodyLines>, Pieces, Result<(), IngestError>);

/// Takes pieces apart where it hinders nobody, until a batch is ready.
async fn work_off(mut lines: Box<BodyLines>, mut pieces: Pieces) -> Result<Turn, IngestError> {
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    let is_small = bytes <= SMALL_BYTES && lines.is_plain();
    if is_small || tokio::runtime::Handle::try_current().is_err() {
        let result = lines.take(&mut pieces);
        return Ok((lines, pieces, result));
    }
    let turn = tokio::task::spawn_blocking(move || {
        let result = lines.take(&mut pieces);
        (lines, pieces, result)
    });
    turn.await.map_err(|error| {
        let what = format!("reading the lines stopped: {error}");
        ReaderError::new(andon_reader::code::INTERNAL, what).into()
    })
}

/// Batches on their way to the store, and what became of those before.
struct Storing<'a> {
    sink: &'a dyn LinesSink,
    in_flight: FuturesOrdered<BoxFuture<'a, (Result<Receipt, ReaderError>, Dealt)>>,
    answer: NdjsonAnswer,
    lines_read: u64,
}

impl<'a> Storing<'a> {
    fn new(sink: &'a dyn LinesSink) -> Self {
        Self {
            sink,
            in_flight: FuturesOrdered::new(),
            answer: NdjsonAnswer::default(),
            lines_read: 0,
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Waits for something, and moves the batches in flight on meanwhile. The first batch that is
    /// refused ends it: nothing after it counts.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, IngestError> {
        let mut work = std::pin::pin!(work);
        loop {
            if self.in_flight.is_empty() {
                return Ok(work.await);
            }
            // The batches first: an append begins when it is asked for the first time.
            let first = select(self.in_flight.next(), work).await;
            match first {
                Either::Left((stored, rest)) => {
                    if let Some((receipt, dealt)) = stored {
                        self.count(receipt, dealt)?;
                    }
                    work = rest;
                }
                Either::Right((done, _)) => return Ok(done),
            }
        }
    }

    /// Sends a batch to the store, and waits for earlier ones when too many are on their way.
    async fn store(&mut self, batch: Batch) -> Result<(), IngestError> {
        while self.in_flight.len() >= IN_FLIGHT {
            self.next_stored().await?;
        }
        let Batch { lines, dealt } = batch;
        let stored = if lines.is_empty() {
            futures::future::ready(Ok(nothing_stored())).boxed()
        } else {
            self.sink.append_lines(lines)
        };
        let both = stored.map(move |receipt| (receipt, dealt)).boxed();
        self.in_flight.push_back(both);
        self.meanwhile(futures::future::ready(())).await
    }

    async fn finish(&mut self) -> Result<(), IngestError> {
        while !self.in_flight.is_empty() {
            self.next_stored().await?;
        }
        Ok(())
    }

    async fn next_stored(&mut self) -> Result<(), IngestError> {
        match self.in_flight.next().await {
            Some((receipt, dealt)) => self.count(receipt, dealt),
            None => Ok(()),
        }
    }

    /// Counts as accepted only what is durable, and only without a gap.
    fn count(&mut self, receipt: Result<Receipt, ReaderError>, dealt: Dealt) -> Result<(), IngestError> {
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                self.in_flight.clear();
                return Err(error.into());
            }
        };
        self.answer.accepted += receipt.rows;
        self.answer.truncated += receipt.truncated_rows;
        self.answer.refused += dealt.refused;
        let room = limits::REFUSALS_TOLD - self.answer.reasons.len().min(limits::REFUSALS_TOLD);
        self.answer.reasons.extend(dealt.reasons.into_iter().take(room));
        self.lines_read = dealt.last_line;
        Ok(())
    }
}

fn nothing_stored() -> Receipt {
    Receipt {
        first_id: None,
        last_id: None,
        rows: 0,
        received_at_us: 0,
        truncated_rows: 0,
    }
}
