//! The side that asks: a reader, a sink and a runner of SQL whose store is in another process.

use std::sync::Arc;
use std::time::Duration;

use andon_columns::LinesSink;
use andon_columns::lines::Lines;
use andon_reader::query::Filter;
use andon_reader::{
    AggregateRequest, AggregateResult, Caller, Clock, Column, CountRequest, CountResult, FieldsRequest, FieldsResult, Histogram, HistogramRequest, LogReader,
    LogRow, LogSink, NewLogRow, ReaderError, Receipt, SearchRequest, SearchResult, SqlLimits, SqlResult, SqlRunner,
    StoreStatus, TailEvent, code,
};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, Method};
use reqwest::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::desk::Desk;
use crate::failure::{garbled, unavailable};
use crate::limits::{APPEND_TIME, APPENDING_BYTES, PATIENCE, READ_TIME};
use crate::line::{Broken, Line, answered, whole};
use crate::link::{Condition, Link};
use crate::rows::{read_groups, read_one, read_search, read_tail};
use crate::service::in_background;
use crate::statement::{Statement, follow};
use crate::version;
use crate::way::Way;
use crate::wire::{Pulse, path};

/// How often a call that nobody took is tried, while the other side counts as up.
const TRIES: u32 = 10;
/// The pause between these tries: what has ended is noticed within it.
const TRY_PAUSE: Duration = Duration::from_millis(50);
/// Answers above this size are read away from the threads that serve everybody.
const LARGE_BYTES: usize = 64 << 10;
/// How much longer than its own limit a statement is waited for.
const STATEMENT_GRACE: Duration = Duration::from_secs(10);
/// What bytes of appends are counted in.
const UNIT_BYTES: usize = 1 << 10;

/// Telemetry in another process. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    line: Line,
    link: Arc<Link>,
    desk: Arc<Desk>,
    appending: Arc<Semaphore>,
}

/// An answer of the other side, to be passed on as it is.
#[derive(Debug)]
pub struct Relayed {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Remote {
    /// Prepares calls to a process; none is made yet.
    ///
    /// # Errors
    /// When no call can be made.
    pub fn new(way: &Way, link: Arc<Link>, desk: Arc<Desk>) -> Result<Self, ReaderError> {
        let appending = Arc::new(Semaphore::new(APPENDING_BYTES / UNIT_BYTES));
        Ok(Self { line: Line::to(way)?, link, desk, appending })
    }

    /// Tells what is known of the other side.
    #[must_use]
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Asks the other side how it does, without waiting for it to be up.
    ///
    /// # Errors
    /// When it does not answer within the time.
    pub async fn pulse(&self, within: Duration) -> Result<Pulse, ReaderError> {
        let asked = self.line.call(Method::GET, path::PULSE, Bytes::new(), within).await;
        let bytes = asked.map_err(refusal)?;
        serde_json::from_slice(&bytes).map_err(|error| garbled("a pulse", &error))
    }

    /// Passes a body on as it comes, once there is somebody to take it, and gives the answer as it is.
    ///
    /// # Errors
    /// When nobody takes it, or the way breaks: what became of it is then unknown.
    pub async fn relay<S, E>(&self, method: Method, target: &str, headers: HeaderMap, body: S) -> Result<Relayed, ReaderError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        self.link.ready(PATIENCE).await?;
        let relayed = async {
            let response = self.line.open(method, target, headers, Body::wrap_stream(body), None).await?;
            let response = if response.status() == version::REFUSED { answered(response).await? } else { response };
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok(Relayed { status, headers, body: whole(response).await? })
        };
        self.while_up(async { relayed.await.map_err(refusal) }).await
    }

    /// Does something for as long as the other side can be asked: nobody waits for a machine that is gone.
    async fn while_up<T>(&self, work: impl Future<Output = Result<T, ReaderError>>) -> Result<T, ReaderError> {
        tokio::select! {
            biased;
            done = work => done,
            lost = self.link.lost() => Err(lost),
        }
    }

    /// Calls once the other side is up; a call that nobody took is tried again.
    async fn open(&self, target: &str, body: Bytes, within: Duration) -> Result<reqwest::Response, ReaderError> {
        let mut tries = 0;
        loop {
            self.link.ready(PATIENCE).await?;
            let call = self.line.open(Method::POST, target, HeaderMap::new(), Body::from(body.clone()), Some(within));
            match self.while_up(async { Ok(call.await) }).await? {
                Ok(response) => return Ok(response),
                Err(Broken::Absent(_)) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(TRY_PAUSE).await;
                }
                Err(broken) => return Err(refusal(broken)),
            }
        }
    }

    /// Calls, and gives the whole answer.
    async fn call(&self, target: &str, body: Bytes, within: Duration) -> Result<Bytes, ReaderError> {
        let response = self.open(target, body, within).await?;
        self.while_up(async { whole(answered(response).await.map_err(refusal)?).await.map_err(refusal) }).await
    }

    pub(crate) async fn ask<Q: Serialize + Sync, A: DeserializeOwned>(&self, target: &str, request: &Q) -> Result<A, ReaderError> {
        let bytes = self.call(target, written(request)?, READ_TIME).await?;
        serde_json::from_slice(&bytes).map_err(|error| garbled("an answer", &error))
    }

    /// Adds what could not be received to what an answer over received time lacks.
    fn note_outage(&self, clock: Clock, interval: (i64, i64), complete: &mut bool, missing: &mut Vec<String>) {
        if clock == Clock::ReceivedAt
            && let Some(what) = self.link.missing(interval.0, interval.1)
        {
            *complete = false;
            missing.push(what);
        }
    }
}

pub(crate) fn refusal(broken: Broken) -> ReaderError {
    match broken {
        Broken::Refused(error) => error,
        Broken::Absent(why) | Broken::Lost(why) => unavailable(&why),
    }
}

fn written<T: Serialize>(request: &T) -> Result<Bytes, ReaderError> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| garbled("a request", &error))
}

/// Reads an answer; a large one away from the threads that serve everybody.
pub(crate) async fn decoded<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    bytes: Bytes,
    decode: impl FnOnce(&[u8]) -> Result<T, E> + Send + 'static,
) -> Result<T, ReaderError> {
    let result = if bytes.len() > LARGE_BYTES { in_background(move || decode(&bytes)).await? } else { decode(&bytes) };
    result.map_err(|error| garbled("an answer", &error))
}

impl LogReader for Remote {
    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<SearchResult, ReaderError>> {
        Box::pin(async move {
            let bytes = self.call(path::SEARCH, written(&request)?, READ_TIME).await?;
            let mut found = decoded(bytes, read_search).await?;
            self.note_outage(request.clock, (request.since_us, request.until_us), &mut found.complete, &mut found.missing);
            Ok(found)
        })
    }

    fn count(&self, request: CountRequest) -> BoxFuture<'_, Result<CountResult, ReaderError>> {
        Box::pin(async move {
            let mut counted: CountResult = self.ask(path::COUNT, &request).await?;
            self.note_outage(request.clock, (request.since_us, request.until_us), &mut counted.complete, &mut counted.missing);
            Ok(counted)
        })
    }

    fn histogram(&self, request: HistogramRequest) -> BoxFuture<'_, Result<Histogram, ReaderError>> {
        Box::pin(async move {
            let mut counted: Histogram = self.ask(path::HISTOGRAM, &request).await?;
            self.note_outage(request.clock, (request.since_us, request.until_us), &mut counted.complete, &mut counted.missing);
            Ok(counted)
        })
    }

    fn aggregate(&self, request: AggregateRequest) -> BoxFuture<'_, Result<AggregateResult, ReaderError>> {
        Box::pin(async move {
            let bytes = self.call(path::AGGREGATE, written(&request)?, READ_TIME).await?;
            let mut measured = decoded(bytes, read_groups).await?;
            self.note_outage(request.clock, (request.since_us, request.until_us), &mut measured.complete, &mut measured.missing);
            Ok(measured)
        })
    }

    fn fields(&self, request: FieldsRequest) -> BoxFuture<'_, Result<FieldsResult, ReaderError>> {
        Box::pin(async move { self.ask(path::FIELDS, &request).await })
    }

    fn row(&self, id: &str) -> BoxFuture<'_, Result<Option<LogRow>, ReaderError>> {
        let id = id.to_owned();
        Box::pin(async move {
            let bytes = self.call(path::ROW, written(&id)?, READ_TIME).await?;
            decoded(bytes, read_one).await
        })
    }

    fn tail(&self, query: &str) -> Result<BoxStream<'static, TailEvent>, ReaderError> {
        Filter::read(query)?;
        let follow = Follow { remote: self.clone(), query: query.to_owned(), begun: BytesMut::new(), pieces: None, was_open: false };
        Ok(futures::stream::unfold(follow, |mut follow| async move { follow.next().await.map(|event| (event, follow)) }).boxed())
    }

    fn watermark_us(&self) -> i64 {
        self.link.watermark_us()
    }

    fn status(&self) -> StoreStatus {
        self.link.status()
    }
}

/// A live tail that goes on when the other side was started again, and says that lines may be missing.
struct Follow {
    remote: Remote,
    query: String,
    begun: BytesMut,
    pieces: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    was_open: bool,
}

impl Follow {
    async fn next(&mut self) -> Option<TailEvent> {
        loop {
            match read_tail(&self.begun) {
                Ok(Some((event, taken))) => {
                    let _taken = self.begun.split_to(taken);
                    return Some(event);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a live tail broke off");
                    return None;
                }
            }
            let Some(pieces) = &mut self.pieces else {
                self.pieces = Some(open_tail(self.remote.clone(), self.query.clone()).await?);
                if std::mem::replace(&mut self.was_open, true) {
                    // How many lines were stored in between is not known.
                    return Some(TailEvent::Lagged { skipped: 0 });
                }
                continue;
            };
            match pieces.next().await {
                Some(Ok(piece)) => self.begun.extend_from_slice(&piece),
                Some(Err(_)) | None => {
                    self.pieces = None;
                    self.begun.clear();
                }
            }
        }
    }
}

/// Opens a tail; waits for the other side as long as somebody watches.
async fn open_tail(remote: Remote, query: String) -> Option<BoxStream<'static, reqwest::Result<Bytes>>> {
    loop {
        if remote.link.ready_until(Instant::now() + READ_TIME).await.is_err() {
            if matches!(remote.link.condition(), Condition::Off { .. }) {
                return None;
            }
            continue;
        }
        let body = Body::from(written(&query).ok()?);
        match remote.line.open(Method::POST, path::TAIL, HeaderMap::new(), body, None).await {
            Ok(response) if response.status().is_success() => {
                let link = Arc::clone(&remote.link);
                let gone = async move { link.lost().await };
                return Some(response.bytes_stream().take_until(Box::pin(gone)).boxed());
            }
            Ok(_) | Err(_) => tokio::time::sleep(TRY_PAUSE * 4).await,
        }
    }
}

impl LogSink for Remote {
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move {
            let lines = in_background(move || Lines::of(&rows)).await?;
            self.append_lines(lines).await
        })
    }
}

impl LinesSink for Remote {
    fn append_lines(&self, lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move {
            let truncated_rows = lines.truncated_rows();
            let encode = move || {
                let mut bytes = Vec::with_capacity(lines.encoded_bytes());
                lines.encode(&mut bytes);
                Bytes::from(bytes)
            };
            let bytes = in_background(encode).await?;
            let units = u32::try_from((bytes.len() / UNIT_BYTES + 1).min(APPENDING_BYTES / UNIT_BYTES)).unwrap_or(u32::MAX);
            let _room = self.appending.try_acquire_many(units).map_err(|_| {
                ReaderError::new(code::OVERLOADED, "more lines arrive than the telemetry process takes").with_hint("send the same again in a moment")
            })?;
            let bytes = self.call(path::APPEND, bytes, APPEND_TIME).await?;
            let receipt: Receipt = serde_json::from_slice(&bytes).map_err(|error| garbled("a receipt", &error))?;
            // Who truncated them knows how many; the bytes do not tell.
            Ok(Receipt { truncated_rows: receipt.truncated_rows.max(truncated_rows), ..receipt })
        })
    }
}

impl SqlRunner for Remote {
    fn run(&self, sql: String, caller: Caller, limits: SqlLimits) -> BoxFuture<'_, Result<SqlResult, ReaderError>> {
        Box::pin(async move {
            // Which tables there are is known once the other side has told.
            self.link.ready(PATIENCE).await?;
            let tables = self.tables(&caller).into_iter().map(|(name, _)| name).collect();
            let subject = caller.subject.clone();
            let statement = Statement { sql, subject, tables, limits };
            let within = Duration::from_millis(limits.timeout_ms) + STATEMENT_GRACE;
            let answer = self.open(path::SQL, written(&statement)?, within).await?;
            self.while_up(follow(answer, &self.line, &self.desk, &caller)).await
        })
    }

    fn tables(&self, caller: &Caller) -> Vec<(String, Vec<Column>)> {
        let all = self.link.tables().into_iter().chain(self.desk.shapes());
        let mut tables: Vec<_> = all.filter(|table| caller.may_read(&table.name)).map(|table| (table.name, table.columns)).collect();
        tables.sort_by(|a, b| a.0.cmp(&b.0));
        tables
    }
}
