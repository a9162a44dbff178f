//! Tables that the server lends to statements which run in the other process.
//!
//! The statement's caller stays here: a statement gets what that caller may read and nothing else, whatever it
//! asks for.

use std::sync::Arc;

use andon_reader::{Caller, ReaderError, TableHint, TableSource, code};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::failure::unavailable;
use crate::limits::{LENDING, LENT_BYTES};
use crate::rows::write_values;
use crate::service::in_background;
use crate::wire::{Borrow, TableShape};

/// Lends tables.
pub struct Desk {
    sources: Vec<Arc<dyn TableSource>>,
    turns: Semaphore,
}

impl Desk {
    /// Makes the desk of some tables.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn TableSource>>) -> Arc<Self> {
        Arc::new(Self { sources, turns: Semaphore::new(LENDING) })
    }

    /// Lists the tables.
    #[must_use]
    pub fn shapes(&self) -> Vec<TableShape> {
        let shape = |source: &Arc<dyn TableSource>| TableShape { name: source.name().to_owned(), columns: source.columns() };
        self.sources.iter().map(shape).collect()
    }

    /// Gives the bytes of a table's rows to a statement of a caller.
    pub(crate) async fn lend(&self, caller: &Caller, borrow: Borrow) -> Result<Vec<u8>, ReaderError> {
        let rows = self.scan(caller, borrow).await?;
        let bytes = in_background(move || write_values(&rows)).await?;
        if bytes.len() > LENT_BYTES {
            return Err(ReaderError::new(code::MEMORY, format!("the table has more than {LENT_BYTES} bytes")).with_hint("filter by an indexed column"));
        }
        Ok(bytes)
    }

    async fn scan(&self, caller: &Caller, borrow: Borrow) -> Result<Vec<Vec<Value>>, ReaderError> {
        let refused = |why: &str| ReaderError::new(code::SQL_FORBIDDEN, format!("the table `{}` is not lent: {why}", borrow.table));
        if !caller.may_read(&borrow.table) {
            return Err(refused("its caller may not read it"));
        }
        let source = self.sources.iter().find(|source| source.name() == borrow.table);
        let source = source.ok_or_else(|| refused("there is no such table"))?;
        let _turn = self.turns.acquire().await.map_err(|_| unavailable("the server is stopping"))?;
        source.scan(caller, TableHint { equals: borrow.equals, limit: borrow.limit }).await
    }
}
