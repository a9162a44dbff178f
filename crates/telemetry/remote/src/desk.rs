//! Tables that the server lends to statements which run in the other process.
//!
//! The statement's caller stays here: the other side holds a ticket, valid while the statement runs, and gets
//! what that caller may read and nothing else, whatever it asks for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use andon_reader::{Caller, Column, ReaderError, TableHint, TableSource, code};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::Method;
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::failure::{garbled, unavailable};
use crate::limits::{LENDING, LENT_BYTES, READ_TIME};
use crate::line::{Broken, Line};
use crate::rows::{read_values, write_values};
use crate::service::{in_background, respond};
use crate::socket::SocketPath;
use crate::wire::{Borrow, TableShape, path};

/// Lends tables.
pub struct Desk {
    sources: Vec<Arc<dyn TableSource>>,
    callers: Mutex<HashMap<String, Caller>>,
    turns: Semaphore,
}

impl Desk {
    /// Makes the desk of some tables.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn TableSource>>) -> Arc<Self> {
        Arc::new(Self { sources, callers: Mutex::default(), turns: Semaphore::new(LENDING) })
    }

    /// Lists the tables.
    #[must_use]
    pub fn shapes(&self) -> Vec<TableShape> {
        let shape = |source: &Arc<dyn TableSource>| TableShape { name: source.name().to_owned(), columns: source.columns() };
        self.sources.iter().map(shape).collect()
    }

    /// Answers the other side.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().route(path::LENT, post(lend)).with_state(Arc::clone(self))
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<String, Caller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a caller's statement borrow until the ticket is dropped.
    pub(crate) fn admit(self: &Arc<Self>, caller: Caller) -> Ticket {
        let name = Uuid::now_v7().simple().to_string();
        self.callers().insert(name.clone(), caller);
        Ticket { desk: Arc::clone(self), name }
    }

    async fn scan(&self, borrow: Borrow) -> Result<Vec<Vec<Value>>, ReaderError> {
        let refused = |why: &str| ReaderError::new(code::SQL_FORBIDDEN, format!("the table `{}` is not lent: {why}", borrow.table));
        let caller = self.callers().get(&borrow.ticket).cloned().ok_or_else(|| refused("the statement has ended"))?;
        if !caller.may_read(&borrow.table) {
            return Err(refused("its caller may not read it"));
        }
        let source = self.sources.iter().find(|source| source.name() == borrow.table);
        let source = source.ok_or_else(|| refused("there is no such table"))?;
        let _turn = self.turns.acquire().await.map_err(|_| unavailable("the server is stopping"))?;
        let hint = TableHint { equals: borrow.equals, limit: borrow.limit };
        source.scan(&caller, hint).await
    }
}

async fn lend(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let lent = async {
        let borrow = serde_json::from_slice(&body).map_err(|error| garbled("a request for a table", &error))?;
        let rows = desk.scan(borrow).await?;
        let bytes = in_background(move || write_values(&rows)).await?;
        if bytes.len() > LENT_BYTES {
            return Err(ReaderError::new(code::MEMORY, format!("the table has more than {LENT_BYTES} bytes")).with_hint("filter by an indexed column"));
        }
        Ok(bytes)
    };
    respond(lent.await)
}

/// The right of one statement to borrow.
pub(crate) struct Ticket {
    desk: Arc<Desk>,
    pub(crate) name: String,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.desk.callers().remove(&self.name);
    }
}

/// A table of the server, as the other process sees it.
pub struct BorrowedTable {
    shape: TableShape,
    line: Line,
}

impl BorrowedTable {
    /// Makes the tables that a server lends over its socket.
    ///
    /// # Errors
    /// When no call can be made.
    pub fn all(shapes: Vec<TableShape>, server: &SocketPath) -> Result<Vec<Arc<dyn TableSource>>, ReaderError> {
        let line = Line::to(server)?;
        let table = |shape| Arc::new(Self { shape, line: line.clone() }) as Arc<dyn TableSource>;
        Ok(shapes.into_iter().map(table).collect())
    }
}

impl TableSource for BorrowedTable {
    fn name(&self) -> &str {
        &self.shape.name
    }

    fn columns(&self) -> Vec<Column> {
        self.shape.columns.clone()
    }

    fn scan(&self, caller: &Caller, hint: TableHint) -> BoxFuture<'_, Result<Vec<Vec<Value>>, ReaderError>> {
        let borrow = Borrow { ticket: caller.ticket.clone(), table: self.shape.name.clone(), equals: hint.equals, limit: hint.limit };
        Box::pin(async move {
            let body = serde_json::to_vec(&borrow).map_err(|error| garbled("a request for a table", &error))?;
            let lent = self.line.call(Method::POST, path::LENT, Bytes::from(body), READ_TIME).await;
            let bytes = lent.map_err(|broken| match broken {
                Broken::Refused(error) => error,
                Broken::Absent(why) | Broken::Lost(why) => ReaderError::new(code::READ_FAILED, format!("the table `{}` could not be read: {why}", self.shape.name)),
            })?;
            in_background(move || read_values(&bytes)).await?.map_err(|error| garbled("a table", &error))
        })
    }
}
