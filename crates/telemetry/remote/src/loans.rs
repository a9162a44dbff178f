//! The server's tables, as statements that run beside the store see them.
//!
//! A statement asks for a table on the way of its own answer, and the server brings it: nobody but a running
//! statement can ask, and the side of the store needs no way of its own to the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use andon_reader::{Caller, Column, ReaderError, TableHint, TableSource, code};
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::failure::garbled;
use crate::frames::Frame;
use crate::limits::READ_TIME;
use crate::rows::read_values;
use crate::service::{Shelf, in_background};
use crate::wire::{Borrow, TableShape};

/// Requests of one statement that may wait for their way out.
const ASKED: usize = 16;

/// What running statements have asked for.
#[derive(Default)]
pub(crate) struct Loans {
    statements: Mutex<HashMap<String, mpsc::Sender<Borrow>>>,
    expected: Mutex<HashMap<String, oneshot::Sender<Frame>>>,
}

fn lock<T>(map: &Mutex<HashMap<String, T>>) -> MutexGuard<'_, HashMap<String, T>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn new_name() -> String {
    Uuid::now_v7().simple().to_string()
}

impl Loans {
    /// Lets a statement borrow until the ticket is dropped; what it asks for comes out at the other end.
    pub(crate) fn admit(self: &Arc<Self>) -> (Ticket, mpsc::Receiver<Borrow>) {
        let (sender, asked) = mpsc::channel(ASKED);
        let name = new_name();
        lock(&self.statements).insert(name.clone(), sender);
        (Ticket { loans: Arc::clone(self), name }, asked)
    }

    /// Hands over what the server brings; nothing happens when nobody waits for it any more.
    pub(crate) fn bring(&self, loan: &str, frame: Frame) {
        if let Some(waits) = lock(&self.expected).remove(loan) {
            let _has_gone = waits.send(frame);
        }
    }

    async fn borrow(&self, ticket: &str, table: &str, hint: TableHint) -> Result<Bytes, ReaderError> {
        let ended = || ReaderError::new(code::SQL_FORBIDDEN, format!("the table `{table}` is not lent: the statement has ended"));
        let statement = lock(&self.statements).get(ticket).cloned().ok_or_else(ended)?;
        let (waits, brought) = oneshot::channel();
        let expected = Expected { loans: self, loan: new_name() };
        lock(&self.expected).insert(expected.loan.clone(), waits);
        let borrow = Borrow { loan: expected.loan.clone(), table: table.to_owned(), equals: hint.equals, limit: hint.limit };
        statement.send(borrow).await.map_err(|_| ended())?;
        drop(statement);
        let unread = |why: &str| ReaderError::new(code::READ_FAILED, format!("the table `{table}` could not be read: {why}"));
        match tokio::time::timeout(READ_TIME, brought).await {
            Ok(Ok(Frame::Rows(rows))) => Ok(rows),
            Ok(Ok(Frame::Failed(error))) => Err(error),
            Ok(Ok(Frame::Borrow(_)) | Err(_)) => Err(unread("the server brought something else")),
            Err(_) => Err(unread("the server did not bring it in time")),
        }
    }
}

/// A loan that somebody waits for.
struct Expected<'a> {
    loans: &'a Loans,
    loan: String,
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        lock(&self.loans.expected).remove(&self.loan);
    }
}

/// The right of one statement to borrow.
pub(crate) struct Ticket {
    loans: Arc<Loans>,
    pub(crate) name: String,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.loans.statements).remove(&self.name);
    }
}

/// A table of the server.
pub struct BorrowedTable {
    shape: TableShape,
    loans: Arc<Loans>,
}

impl BorrowedTable {
    /// Makes the tables that a server lends to the statements of a shelf.
    #[must_use]
    pub fn all(shapes: Vec<TableShape>, shelf: &Shelf) -> Vec<Arc<dyn TableSource>> {
        let table = |shape| Arc::new(Self { shape, loans: Arc::clone(shelf.loans()) }) as Arc<dyn TableSource>;
        shapes.into_iter().map(table).collect()
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
        let ticket = caller.ticket.clone();
        Box::pin(async move {
            let rows = self.loans.borrow(&ticket, &self.shape.name, hint).await?;
            in_background(move || read_values(&rows)).await?.map_err(|error| garbled("a table", &error))
        })
    }
}
