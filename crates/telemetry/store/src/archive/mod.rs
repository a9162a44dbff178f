//! The archive: segments that are old go to another place and come back when somebody wants them.
//!
//! Purpose: the thread that moves segments to a place and back, jobs that people ask for, and what searches tell of
//! lines that they do not see.
//!
//! Invariants: a line is on the disk or in the archive or both, and listed once; nothing leaves the disk before the
//! place was verified to have it; a place that is slow or away holds up neither appends nor the keeper.
//!
//! Absent: any network (the server's), searching in the archive without restoring.

mod archiver;
mod asked;
mod jobs;
mod keeping;
mod listed;

pub(crate) use listed::{ArchiveStep, Archived, ArchivedList, is_leftover, restore_command};

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use andon_reader::{Amount, ArchiveJob, ArchiveRequest, ArchiveState, Clock, ReaderError, RestoreRequest, code};

use crate::config::ArchiveConfig;
use crate::extent::{Extent, Interval};
use crate::keeper::Keeper;
use crate::periodic::periodically;
use crate::shared::Shared;
use archiver::{Archiver, amount_of, archivable, make_sure_of_room};
use jobs::{Desk, Scope};

/// The archive of an open store.
pub(crate) struct Archive {
    archiver: Arc<Mutex<Archiver>>,
    desk: Arc<Desk>,
    config: ArchiveConfig,
    wake: Sender<()>,
}

fn lock(archiver: &Mutex<Archiver>) -> MutexGuard<'_, Archiver> {
    archiver.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Archive {
    /// Makes the archive of a store, and what its thread runs.
    pub(crate) fn new(shared: &Arc<Shared>, keeper: &Arc<Mutex<Keeper>>, config: ArchiveConfig) -> (Self, impl FnOnce() + Send + use<>) {
        let desk = Arc::new(Desk::default());
        let archiver = Archiver::new(Arc::clone(shared), Arc::clone(keeper), Arc::clone(&desk), config.clone());
        let archiver = Arc::new(Mutex::new(archiver));
        let (wake, woken) = std::sync::mpsc::channel();
        let looped = (Arc::clone(&archiver), Arc::clone(shared));
        (Self { archiver, desk, config, wake }, move || periodically(&looped.1, &woken, || lock(&looped.0).tend()))
    }

    /// Does what is due now, on the thread of the caller.
    pub(crate) fn tend(&self) {
        lock(&self.archiver).tend();
    }

    /// Has running calls end soon.
    pub(crate) fn close(&self) {
        self.config.place.close();
        let _thread_gone = self.wake.send(());
    }

    fn begin(&self, shared: &Shared, scope: Scope, total: Amount) -> Result<ArchiveJob, ReaderError> {
        let job = self.desk.open(scope, total, shared.now_us())?;
        let _thread_gone = self.wake.send(());
        Ok(job)
    }

    /// Begins to move what was received before a time.
    pub(crate) fn archive(&self, shared: &Shared, keeper: &Mutex<Keeper>, request: ArchiveRequest) -> Result<ArchiveJob, ReaderError> {
        let due_us = || self.config.after.map(|after| shared.now_us().saturating_sub(micros(after)));
        let before_us = request.before_us.or_else(due_us).ok_or_else(|| {
            ReaderError::new(code::ARCHIVE_STATE, "the server was started without --archive-after, so nothing is due by age")
                .with_hint("say what goes: --before TIME")
        })?;
        let unarchivable = keeper.lock().unwrap_or_else(PoisonError::into_inner).unarchivable.clone();
        let total = amount_of(&archivable(shared, &unarchivable, before_us));
        self.begin(shared, Scope::Archive { before_us }, total)
    }

    /// Begins to bring an interval back.
    pub(crate) fn restore(&self, shared: &Shared, keeper: &Mutex<Keeper>, request: RestoreRequest) -> Result<ArchiveJob, ReaderError> {
        crate::search::check_interval(request.since_us, request.until_us)?;
        if request.keep_us <= 0 {
            return Err(ReaderError::new(code::REQUEST, "restored lines would stay for no time").with_hint("say for how long: --for 7d"));
        }
        let interval = Interval { since_us: request.since_us, until_us: request.until_us, clock: Clock::Timestamp };
        let until_us = shared.now_us().saturating_add(request.keep_us);
        let total = {
            let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
            keeper.extend_copies(&interval, until_us)?;
            Keeper::amount(&keeper.away(&interval))
        };
        make_sure_of_room(shared, total.bytes)?;
        self.begin(shared, Scope::Restore { interval, until_us }, total)
    }
}

/// Tells an age in microseconds.
fn micros(age: Duration) -> i64 {
    i64::try_from(age.as_micros()).unwrap_or(i64::MAX)
}

/// Refuses what needs an archive where there is none.
pub(crate) fn no_archive() -> ReaderError {
    ReaderError::new(code::ARCHIVE_STATE, "the server was started without an archive")
        .with_hint("start it with --archive file:///… or --archive s3://BUCKET/PREFIX, see docs/guides/archive-logs.md")
}

/// Says that a line may be in the archive.
pub(crate) fn line_is_away(sequence: u64, extent: &Extent) -> ReaderError {
    let command = listed::restore_command(extent.min_timestamp_us, extent.max_timestamp_us.saturating_add(1));
    ReaderError::new(code::ARCHIVE_STATE, format!("line {sequence} is not on the disk; lines of its time of receipt are in the archive"))
        .with_hint(format!("bring them back: {command}"))
}

/// Describes the archive; nothing where there is none and never was.
pub(crate) fn describe(shared: &Shared, archive: Option<&Archive>) -> Option<ArchiveState> {
    let archived = Arc::clone(&shared.visible().archived);
    if archive.is_none() && archived.is_empty() {
        return None;
    }
    let mut state = ArchiveState {
        archived: archived.all,
        oldest_us: archived.bounds_us.map(|bounds| bounds.0),
        newest_us: archived.bounds_us.map(|bounds| bounds.1),
        restored: archived.restored,
        restored_until_us: archived.first_end_us(),
        ..ArchiveState::default()
    };
    if let Some(archive) = archive {
        state.place = Some(archive.config.place.name());
        state.after_s = archive.config.after.map(|age| age.as_secs());
        state.retention_s = archive.config.retention.map(|age| age.as_secs());
        archive.desk.describe(&mut state);
    }
    Some(state)
}
