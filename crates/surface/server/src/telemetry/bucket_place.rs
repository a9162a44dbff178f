//! A bucket as a place of segments. Calls of the store block; the network's own thread is in here.

use std::path::PathBuf;

use andon_egress::{Bucket, BucketError, BucketKey};
use andon_reader::{ReaderError, code};
use andon_store::{ObjectPlace, ObjectFacts, PlaceError, StoredObject};
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::place_options::{self, BucketOptions};

pub(crate) struct BucketPlace {
    name: String,
    prefix: String,
    bucket: Bucket,
    credentials: Option<PathBuf>,
    closing: watch::Sender<bool>,
    runtime: Option<Runtime>,
}

impl BucketPlace {
    /// Makes the way to a bucket; nothing is called yet.
    pub(crate) fn new(name: String, options: &BucketOptions) -> Result<Self, ReaderError> {
        let failed = |why: String| ReaderError::new(code::ARCHIVE_FAILED, format!("{name} cannot be used: {why}")).with_hint("check the address of the place");
        let bucket = Bucket::new(&options.settings()).map_err(|error| failed(error.text))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("andon-bucket").enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let prefix = if options.prefix.is_empty() { String::new() } else { format!("{}/", options.prefix) };
        Ok(Self { name, prefix, bucket, credentials: options.credentials.clone(), closing: watch::channel(false).0, runtime: Some(runtime) })
    }

    fn whole(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Calls until the store is closed.
    fn call<T, F>(&self, work: impl FnOnce(Bucket, BucketKey) -> F) -> Result<T, PlaceError>
    where
        F: Future<Output = Result<T, BucketError>>,
    {
        let key = place_options::key(self.credentials.as_deref())
            .map_err(|problem| PlaceError::new(format!("{}: {}", self.name, problem.detail), problem.hint.unwrap_or_default()))?;
        let Some(runtime) = &self.runtime else { return Err(self.closed()) };
        let mut closing = self.closing.subscribe();
        let work = work(self.bucket.clone(), key);
        runtime.block_on(async {
            tokio::select! {
                done = work => done.map_err(|error| self.told(error)),
                _ = closing.wait_for(|is_closing| *is_closing) => Err(self.closed()),
            }
        })
    }

    fn closed(&self) -> PlaceError {
        PlaceError::new(format!("{}: the store is being closed", self.name), "it goes on at the next start")
    }

    fn told(&self, error: BucketError) -> PlaceError {
        let message = format!("{}: {}", self.name, error.text);
        if error.is_of_object { PlaceError::of_object(message, error.hint) } else { PlaceError::new(message, error.hint) }
    }
}

impl ObjectPlace for BucketPlace {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn put(&self, name: &str, bytes: Bytes, sha256: &[u8; 32]) -> Result<(), PlaceError> {
        let name = self.whole(name);
        self.call(|bucket, key| async move { bucket.put(&key, &name, bytes, sha256).await })
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, PlaceError> {
        let name = self.whole(name);
        self.call(|bucket, key| async move { bucket.get(&key, &name, bytes_max).await })
    }

    fn head(&self, name: &str) -> Result<Option<ObjectFacts>, PlaceError> {
        let name = self.whole(name);
        let head = self.call(|bucket, key| async move { bucket.head(&key, &name).await })?;
        Ok(head.map(|head| ObjectFacts { bytes: head.bytes, sha256: head.sha256 }))
    }

    fn delete(&self, name: &str) -> Result<(), PlaceError> {
        let name = self.whole(name);
        self.call(|bucket, key| async move { bucket.delete(&key, &name).await })
    }

    fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, PlaceError> {
        let prefix = self.whole(prefix);
        let listed = self.call(|bucket, key| async move { bucket.list(&key, &prefix).await })?;
        let own = listed.into_iter().filter_map(|(name, bytes)| Some(StoredObject { name: name.strip_prefix(&self.prefix)?.to_owned(), bytes }));
        Ok(own.collect())
    }

    fn close(&self) {
        self.closing.send_replace(true);
    }
}

impl Drop for BucketPlace {
    fn drop(&mut self) {
        // A runtime may not wait for its threads inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
