//! What people ask of the archive of a store.

use std::sync::Arc;

use andon_reader::{ArchiveJob, ArchiveRequest, LogArchive, ReaderError, RestoreRequest};
use futures::future::BoxFuture;

use crate::archive::no_archive;
use crate::store::{LogStore, blocking};

impl LogStore {
    /// Moves to the archive and back what is due, and deletes what is archived for too long. The background
    /// thread does the same every second.
    ///
    /// # Errors
    /// When the work stopped; a place that fails is no error, the status tells of it.
    pub async fn tend_archive(&self) -> Result<(), ReaderError> {
        let archive = self.archive.clone().ok_or_else(no_archive)?;
        blocking(move || archive.tend()).await
    }
}

impl LogArchive for LogStore {
    fn archive(&self, request: ArchiveRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>> {
        Box::pin(async move {
            let archive = self.archive.clone().ok_or_else(no_archive)?;
            // Lines in memory have no file that could go.
            let oldest_us = self.shared.visible().oldest_in_memory_us();
            if request.before_us.is_some_and(|before_us| oldest_us < before_us) {
                self.flush().await?;
            }
            let (shared, keeper) = (Arc::clone(&self.shared), Arc::clone(&self.keeper));
            blocking(move || archive.archive(&shared, &keeper, request)).await?
        })
    }

    fn restore(&self, request: RestoreRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>> {
        Box::pin(async move {
            let archive = self.archive.clone().ok_or_else(no_archive)?;
            let (shared, keeper) = (Arc::clone(&self.shared), Arc::clone(&self.keeper));
            blocking(move || archive.restore(&shared, &keeper, request)).await?
        })
    }
}
