//! Deletions and streams over the socket.

use std::sync::Arc;

use andon_reader::{
    Deletion, DeletionCheck, DeletionRequest, LogCustody, ReaderError, StreamRule, StreamStatus,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::remote::Remote;
use crate::service::{Shelf, read, respond, write};

/// The paths of deletions and streams.
mod path {
    pub(super) const DELETE: &str = "/custody/delete";
    pub(super) const COUNT: &str = "/custody/count";
    pub(super) const DELETIONS: &str = "/custody/deletions";
    pub(super) const DELETION: &str = "/custody/deletion";
    pub(super) const VERIFY: &str = "/custody/verify";
    pub(super) const SET_STREAMS: &str = "/custody/set-streams";
    pub(super) const STREAMS: &str = "/custody/streams";
}

/// Makes the routes of the side that owns the store.
pub(crate) fn routes() -> Router<Arc<Shelf>> {
    Router::new()
        .route(path::DELETE, post(|shelf, body| answer(shelf, body, |custody, request| async move { custody.delete_lines(request).await })))
        .route(path::COUNT, post(|shelf, body| answer(shelf, body, |custody, request| async move { custody.count_deletable(request).await })))
        .route(path::DELETIONS, post(|shelf, body| answer(shelf, body, |custody, ()| async move { custody.deletions().await })))
        .route(path::DELETION, post(|shelf, body| answer(shelf, body, |custody, id| async move { custody.deletion(id).await })))
        .route(path::VERIFY, post(|shelf, body| answer(shelf, body, |custody, id| async move { custody.verify_deletion(id).await })))
        .route(path::SET_STREAMS, post(|shelf, body| answer(shelf, body, |custody, streams| async move { custody.set_streams(streams).await })))
        .route(path::STREAMS, post(|shelf, body| answer(shelf, body, |custody, ()| async move { custody.streams().await })))
}

async fn answer<Q, A, F>(
    State(shelf): State<Arc<Shelf>>,
    body: Bytes,
    work: impl FnOnce(Arc<dyn LogCustody>, Q) -> F,
) -> axum::response::Response
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, ReaderError>>,
{
    let answered = async { write(&work(shelf.opened()?.custody, read(&body)?).await?) };
    respond(answered.await)
}

impl LogCustody for Remote {
    fn delete_lines(&self, request: DeletionRequest) -> BoxFuture<'_, Result<Deletion, ReaderError>> {
        // A call that broke off may have been taken: it is not sent twice, and the list of deletions tells.
        Box::pin(async move { self.ask(path::DELETE, &request).await })
    }

    fn count_deletable(&self, request: DeletionRequest) -> BoxFuture<'_, Result<u64, ReaderError>> {
        Box::pin(async move { self.ask(path::COUNT, &request).await })
    }

    fn deletions(&self) -> BoxFuture<'_, Result<Vec<Deletion>, ReaderError>> {
        Box::pin(async move { self.ask(path::DELETIONS, &()).await })
    }

    fn deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<Deletion>, ReaderError>> {
        Box::pin(async move { self.ask(path::DELETION, &id).await })
    }

    fn verify_deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<DeletionCheck>, ReaderError>> {
        Box::pin(async move { self.ask(path::VERIFY, &id).await })
    }

    fn set_streams(&self, streams: Vec<StreamRule>) -> BoxFuture<'_, Result<(), ReaderError>> {
        Box::pin(async move { self.ask(path::SET_STREAMS, &streams).await })
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamStatus>, ReaderError>> {
        Box::pin(async move { self.ask(path::STREAMS, &()).await })
    }
}
