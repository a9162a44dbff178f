//! Moving lines to the archive and back, over the socket.

use std::sync::Arc;

use andon_reader::{ArchiveJob, ArchiveRequest, LogArchive, ReaderError, RestoreRequest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use futures::future::BoxFuture;

use crate::remote::Remote;
use crate::service::{Shelf, read, respond, write};

const ARCHIVE: &str = "/archive/archive";
const RESTORE: &str = "/archive/restore";

/// Makes the routes of the side that owns the store.
pub(crate) fn routes() -> Router<Arc<Shelf>> {
    Router::new()
        .route(ARCHIVE, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(archive(&shelf, &body).await) }))
        .route(RESTORE, post(|State(shelf): State<Arc<Shelf>>, body: Bytes| async move { respond(restore(&shelf, &body).await) }))
}

async fn archive(shelf: &Shelf, body: &[u8]) -> Result<Vec<u8>, ReaderError> {
    write(&shelf.opened()?.archive.archive(read(body)?).await?)
}

async fn restore(shelf: &Shelf, body: &[u8]) -> Result<Vec<u8>, ReaderError> {
    write(&shelf.opened()?.archive.restore(read(body)?).await?)
}

impl LogArchive for Remote {
    fn archive(&self, request: ArchiveRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>> {
        Box::pin(async move { self.ask(ARCHIVE, &request).await })
    }

    fn restore(&self, request: RestoreRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>> {
        Box::pin(async move { self.ask(RESTORE, &request).await })
    }
}
