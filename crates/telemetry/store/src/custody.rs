//! Deletions and streams as others see them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use andon_columns::ColumnError;
use andon_columns::column::GroupView;
use andon_columns::lines::Line;
use andon_columns::select::Checkpoint;
use andon_reader::{
    Clock, CountRequest, Deletion, DeletionCheck, DeletionRequest, DeletionState, LogCustody, LogReader, Order, ReaderError,
    SegmentDigest, StreamRule, StreamStatus, code,
};
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::commit::Command;
use crate::deletion::check;
use crate::keeper::Keeper;
use crate::manifest::Dropped;
use crate::proof::read_proof;
use crate::scan::{Budget, Found, Patience, Plan, Snapshot, Visitor, scan};
use crate::segment::{Segment, number_of};
use crate::shared::Shared;
use crate::store::{LogStore, blocking};
use crate::streams::{StreamSet, describe};
use crate::tombstone::{Tombstone, TombstoneEntry, Tombstones};

/// How long a verification may look through everything that is stored.
const VERIFY_MAX: Duration = Duration::from_secs(80);

/// What the keeper, the flush and those who ask know of deletions and streams.
#[derive(Default)]
pub(crate) struct Custody {
    streams: RwLock<Arc<StreamSet>>,
    dropped: Mutex<BTreeMap<String, Dropped>>,
    deletions: RwLock<Arc<Vec<Deletion>>>,
}

impl Shared {
    /// The streams as they are now.
    pub(crate) fn streams(&self) -> Arc<StreamSet> {
        Arc::clone(&self.custody.streams.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn use_streams(&self, set: StreamSet) {
        *self.custody.streams.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
    }

    /// The deletions as the keeper last showed them, the newest first.
    pub(crate) fn deletions(&self) -> Arc<Vec<Deletion>> {
        Arc::clone(&self.custody.deletions.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn show_deletions(&self, all: Vec<Deletion>) {
        *self.custody.deletions.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
    }

    fn dropped(&self) -> BTreeMap<String, Dropped> {
        self.custody.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Keeper {
    /// Shows what was dropped of each stream to those who ask.
    pub(crate) fn publish_streams(&self) {
        let dropped = self.manifest.listing.dropped_of.clone();
        *self.shared.custody.dropped.lock().unwrap_or_else(PoisonError::into_inner) = dropped;
    }
}

impl LogStore {
    /// Runs work with the keeper, on a thread that may wait for it.
    async fn with_keeper<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Keeper) -> T + Send + 'static,
    ) -> Result<T, ReaderError> {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || work(&mut keeper.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    async fn delete(&self, request: DeletionRequest) -> Result<Deletion, ReaderError> {
        let commands = self.sender()?.clone();
        let deletion = self.with_keeper(move |keeper| keeper.begin_deletion(&request)).await??;
        // The log file that holds lines must end, so that it can go. When the store is being closed, the next start
        // ends it.
        let (done, sealed) = oneshot::channel();
        if commands.send(Command::Seal(done)).await.is_ok() {
            let _closing = sealed.await;
        }
        Ok(deletion)
    }

    async fn count_request(&self, request: DeletionRequest) -> Result<u64, ReaderError> {
        let query = check(&request)?;
        let (since_us, until_us) = (request.since_us, request.until_us);
        let counted = self.count(CountRequest { query, since_us, until_us, clock: Clock::Timestamp }).await?;
        match counted.missing.first() {
            None => Ok(counted.count),
            Some(why) => Err(ReaderError::new(code::TIMEOUT, format!("the lines could not be counted: {why}"))
                .with_hint("narrow the interval or the query")),
        }
    }

    async fn verify(&self, id: u64) -> Result<Option<DeletionCheck>, ReaderError> {
        let known = self.shared.deletions();
        let Some(deletion) = known.iter().find(|deletion| deletion.id == id).cloned() else {
            return Ok(None);
        };
        let shared = Arc::clone(&self.shared);
        let patience = Patience::until(Instant::now() + VERIFY_MAX);
        let budget = Budget { patience, bytes: u64::MAX, workers: Arc::clone(&shared.workers) };
        blocking(move || verify(&shared, &deletion, &budget).map(Some)).await?
    }
}

/// Looks for lines that match a deletion, whether they are hidden or not, and at its proof.
fn verify(shared: &Shared, deletion: &Deletion, budget: &Budget) -> Result<DeletionCheck, ReaderError> {
    let tombstone = Tombstone::new(&TombstoneEntry {
        id: deletion.id,
        query: deletion.query.clone(),
        since_us: deletion.since_us,
        until_us: deletion.until_us,
        through_sequence: deletion.through_sequence,
        through_log: 0,
        reason: String::new(),
        requested_by: String::new(),
        requested_at_us: 0,
        request_event: None,
        records: Vec::new(),
    })?;
    let mut visible = shared.visible().clone();
    visible.tombstones = Tombstones::default();
    let snapshot = Snapshot { visible };
    let plan = Plan { filter: &tombstone.filter, interval: tombstone.interval, order: Order::NewestFirst };
    let mut seen = Seen { tombstone: &tombstone, rows: 0 };
    let outcome = scan(&snapshot, &shared.opened, &plan, budget, &mut seen);
    let mut findings = outcome.missing;
    if seen.rows > 0 {
        findings.push(format!("{} stored lines match", seen.rows));
    }
    findings.extend(deletion.pending.iter().cloned());
    let mut digest = None;
    if deletion.state == DeletionState::Finished {
        digest = verify_proof(shared, deletion, &snapshot, &mut findings)?;
    }
    Ok(DeletionCheck {
        id: deletion.id,
        ok: findings.is_empty() && deletion.state == DeletionState::Finished,
        matching_rows: seen.rows,
        scanned_rows: outcome.scanned_rows,
        digest,
        findings,
    })
}

fn verify_proof(
    shared: &Shared,
    deletion: &Deletion,
    snapshot: &Snapshot,
    findings: &mut Vec<String>,
) -> Result<Option<String>, ReaderError> {
    let (disk, folder) = (shared.config.disk.as_ref(), shared.config.folder.as_path());
    let (proof, digest) = match read_proof(disk, folder, deletion.id) {
        Ok(read) => read,
        Err(error) => {
            findings.push(format!("the file of the proof cannot be read: {error}"));
            return Ok(None);
        }
    };
    if deletion.digest.as_ref() != Some(&digest) {
        findings.push("the file of the proof is not the one that was written".to_owned());
    }
    let names = disk.list(folder).unwrap_or_default();
    let records = proof.map(|proof| proof.records).unwrap_or_default();
    let old = records.iter().filter_map(|record| record.old.as_ref());
    for gone in old.filter(|old| names.iter().any(|name| number_of(name) == Some(old.segment))) {
        findings.push(format!("segment {} is still on the disk", gone.segment));
    }
    for written in records.iter().flat_map(|record| &record.new) {
        let segment = snapshot.visible.segments.iter().find(|segment| segment.entry.number == written.segment);
        if let Some(segment) = segment {
            compare(segment, written, findings);
        }
    }
    Ok(Some(digest))
}

fn compare(segment: &Segment, written: &SegmentDigest, findings: &mut Vec<String>) {
    match segment.digest() {
        Ok(now) if now == *written => {}
        Ok(_) => findings.push(format!("the files of segment {} are not those that were written", written.segment)),
        Err(error) => findings.push(format!("segment {} cannot be read: {error}", written.segment)),
    }
}

/// Counts lines up to the number of a deletion.
struct Seen<'t> {
    tombstone: &'t Tombstone,
    rows: u64,
}

impl Visitor for Seen<'_> {
    fn beside(&self) -> Self {
        Self { tombstone: self.tombstone, rows: 0 }
    }

    fn join(&mut self, beside: Self) -> Result<(), ColumnError> {
        self.rows += beside.rows;
        Ok(())
    }

    fn wants(&self, extent: &crate::extent::Extent) -> bool {
        self.tombstone.concerns(extent)
    }

    fn line(&mut self, _found: Found, _time_us: i64, sequence: u64, _line: &Line<'_>) -> Result<(), ColumnError> {
        self.rows += u64::from(sequence <= self.tombstone.through_sequence);
        Ok(())
    }

    fn group(
        &mut self,
        _number: usize,
        group: &dyn GroupView,
        _plan: &Plan<'_>,
        checkpoint: Checkpoint<'_>,
    ) -> Result<u64, ColumnError> {
        let rows = self.tombstone.rows_of(group, checkpoint)?;
        self.rows += rows.map_or(0, |rows| rows.count() as u64);
        Ok(group.rows() as u64)
    }
}

impl LogCustody for LogStore {
    fn delete_lines(&self, request: DeletionRequest) -> BoxFuture<'_, Result<Deletion, ReaderError>> {
        Box::pin(self.delete(request))
    }

    fn count_deletable(&self, request: DeletionRequest) -> BoxFuture<'_, Result<u64, ReaderError>> {
        Box::pin(self.count_request(request))
    }

    fn deletions(&self) -> BoxFuture<'_, Result<Vec<Deletion>, ReaderError>> {
        let all = self.shared.deletions();
        let without_records = |deletion: &Deletion| Deletion { records: Vec::new(), ..deletion.clone() };
        Box::pin(async move { Ok(all.iter().map(without_records).collect()) })
    }

    fn deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<Deletion>, ReaderError>> {
        let known = self.shared.deletions().iter().find(|deletion| deletion.id == id).cloned();
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let Some(deletion) = known else { return Ok(None) };
            if deletion.state == DeletionState::Hidden {
                return Ok(Some(deletion));
            }
            blocking(move || {
                let config = &shared.config;
                let read = read_proof(config.disk.as_ref(), &config.folder, id);
                let records = read.ok().and_then(|(proof, _)| proof).map(|proof| proof.records);
                Some(Deletion { records: records.unwrap_or_default(), ..deletion })
            })
            .await
        })
    }

    fn verify_deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<DeletionCheck>, ReaderError>> {
        Box::pin(self.verify(id))
    }

    fn set_streams(&self, streams: Vec<StreamRule>) -> BoxFuture<'_, Result<(), ReaderError>> {
        Box::pin(async move {
            let set = StreamSet::new(streams)?;
            self.with_keeper(move |keeper| {
                let config = &keeper.shared.config;
                if set.rules().eq(keeper.shared.streams().rules()) {
                    return Ok(());
                }
                set.write(config.disk.as_ref(), &config.folder)?;
                tracing::info!(streams = set.len(), "the streams are new");
                keeper.shared.use_streams(set);
                Ok(())
            })
            .await?
        })
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamStatus>, ReaderError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(describe(&shared, &shared.dropped())) })
    }
}
