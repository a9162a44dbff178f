//! The side that owns the store: what it answers.

use std::sync::{Arc, PoisonError, RwLock};

use andon_columns::LinesSink;
use andon_columns::lines::Lines;
use andon_reader::{LogArchive, LogCustody, LogReader, ReaderError, SqlRunner, code};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::Listener;
use futures::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{archive, custody, statement, version};
use crate::door::Refusals;
use crate::failure::{garbled, unavailable};
use crate::limits::APPEND_BYTES;
use crate::loans::Loans;
use crate::rows::{write_groups, write_one, write_search, write_tail};
use crate::wire::{Pulse, TableShape, path};

/// A store that is open.
#[derive(Clone)]
pub struct Opened {
    /// Reads it.
    pub reader: Arc<dyn LogReader>,
    /// Writes it.
    pub sink: Arc<dyn LinesSink>,
    /// Decides what becomes of its lines.
    pub custody: Arc<dyn LogCustody>,
    /// Moves them to the archive and back.
    pub archive: Arc<dyn LogArchive>,
    /// Runs SQL over it and over what the server lends.
    pub sql: Arc<dyn SqlRunner>,
    /// The store's own tables.
    pub tables: Vec<TableShape>,
}

/// How far the opening of the store is.
#[derive(Clone)]
pub enum Stage {
    /// It is being opened; the text says what is waited for.
    Opening(String),
    /// It is open.
    Open(Opened),
    /// It cannot be opened.
    Failed(ReaderError),
}

/// Where the store stands once it is open. It answers how it does before that, too.
pub struct Shelf {
    stage: RwLock<Stage>,
    loans: Arc<Loans>,
    refusals: Arc<Refusals>,
    started_us: i64,
}

impl Shelf {
    /// Makes an empty shelf.
    #[must_use]
    pub fn new(note: &str) -> Arc<Self> {
        let started_us = Timestamp::now().as_microsecond();
        Arc::new(Self { stage: RwLock::new(Stage::Opening(note.to_owned())), loans: Arc::default(), refusals: Arc::default(), started_us })
    }

    /// Moves on.
    pub fn put(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    pub(crate) fn loans(&self) -> &Arc<Loans> {
        &self.loans
    }

    pub(crate) fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    fn stage(&self) -> Stage {
        self.stage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the store.
    ///
    /// # Errors
    /// When it is not open yet.
    pub fn opened(&self) -> Result<Opened, ReaderError> {
        match self.stage() {
            Stage::Open(opened) => Ok(opened),
            Stage::Opening(note) => Err(unavailable(&note)),
            Stage::Failed(error) => Err(unavailable(&error.message)),
        }
    }

    fn pulse(&self) -> Pulse {
        let pulse = Pulse {
            resident_bytes: resident_bytes(),
            started_us: self.started_us,
            now_us: Timestamp::now().as_microsecond(),
            refused_connections: self.refusals.count(),
            ..Pulse::default()
        };
        match self.stage() {
            Stage::Opening(note) => Pulse { opening: Some(note), ..pulse },
            Stage::Failed(error) => Pulse { failed: Some(error), ..pulse },
            // Asking the store, and not a copy, is the point: a store that hangs has no pulse.
            Stage::Open(opened) => Pulse {
                watermark_us: opened.reader.watermark_us(),
                store: Some(opened.reader.status()),
                tables: opened.tables,
                ..pulse
            },
        }
    }
}

/// Tells how much memory this process holds, where the kernel tells.
fn resident_bytes() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

type Answer = Result<Vec<u8>, ReaderError>;

/// Makes the router of the side that owns the store.
pub fn router(shelf: Arc<Shelf>) -> Router {
    Router::new()
        .route(path::PULSE, get(|State(shelf): State<Arc<Shelf>>| async move { respond(write(&shelf.pulse())) }))
        .route(path::SEARCH, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(search(&shelf, &body).await) }))
        .route(path::COUNT, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(count(&shelf, &body).await) }))
        .route(path::HISTOGRAM, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(histogram(&shelf, &body).await) }))
        .route(path::AGGREGATE, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(aggregate(&shelf, &body).await) }))
        .route(path::FIELDS, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(fields(&shelf, &body).await) }))
        .route(path::ROW, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(row(&shelf, &body).await) }))
        .route(path::APPEND, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(append(&shelf, body).await) }))
        .route(path::SQL, post(statement::run))
        .route(&format!("{}/{{loan}}", path::LENT), post(statement::brought))
        .route(path::TAIL, post(tail))
        .merge(custody::routes())
        .merge(archive::routes())
        .layer(DefaultBodyLimit::max(APPEND_BYTES))
        .with_state(shelf)
}

/// Answers calls of the same version on a socket or at a door until the future is dropped.
///
/// # Errors
/// When the listener fails.
pub async fn answer<L>(listener: L, router: Router) -> std::io::Result<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    axum::serve(listener, router.layer(from_fn(version::check))).await
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ReaderError> {
    serde_json::from_slice(body).map_err(|error| garbled("a request", &error))
}

pub(crate) fn write<T: Serialize>(answer: &T) -> Answer {
    serde_json::to_vec(answer).map_err(|error| garbled("an answer", &error))
}

async fn search(shelf: &Shelf, body: &[u8]) -> Answer {
    let found = shelf.opened()?.reader.search(read(body)?).await?;
    in_background(move || write_search(found)).await?.map_err(|error| garbled("an answer", &error))
}

async fn count(shelf: &Shelf, body: &[u8]) -> Answer {
    write(&shelf.opened()?.reader.count(read(body)?).await?)
}

async fn histogram(shelf: &Shelf, body: &[u8]) -> Answer {
    write(&shelf.opened()?.reader.histogram(read(body)?).await?)
}

async fn aggregate(shelf: &Shelf, body: &[u8]) -> Answer {
    let measured = shelf.opened()?.reader.aggregate(read(body)?).await?;
    in_background(move || write_groups(measured)).await?.map_err(|error| garbled("an answer", &error))
}

async fn fields(shelf: &Shelf, body: &[u8]) -> Answer {
    write(&shelf.opened()?.reader.fields(read(body)?).await?)
}

async fn row(shelf: &Shelf, body: &[u8]) -> Answer {
    let id: String = read(body)?;
    Ok(write_one(shelf.opened()?.reader.row(&id).await?.as_ref()))
}

async fn append(shelf: &Shelf, body: Bytes) -> Answer {
    let opened = shelf.opened()?;
    let lines = in_background(move || Lines::decode(&body)).await?;
    let lines = lines.ok_or_else(|| garbled("an append", &"its bytes make no sense"))?;
    write(&opened.sink.append_lines(lines).await?)
}

async fn tail(State(shelf): State<Arc<Shelf>>, body: Bytes) -> Response {
    let lines = read::<String>(&body).and_then(|query| shelf.opened()?.reader.tail(&query));
    match lines {
        Ok(lines) => Response::new(Body::from_stream(lines.map(|event| Ok::<_, std::convert::Infallible>(write_tail(&event))))),
        Err(error) => respond(Err(error)),
    }
}

/// Turns a result into an answer; an error is JSON under a status that no success has.
pub(crate) fn respond(result: Answer) -> Response {
    let (status, kind, bytes) = match result {
        Ok(bytes) => (StatusCode::OK, "application/octet-stream", bytes),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, "application/json", serde_json::to_vec(&error).unwrap_or_default()),
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Does work that takes a while away from the threads that answer.
pub(crate) async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReaderError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ReaderError::new(code::INTERNAL, format!("a part of the work stopped: {error}")))
}
