//! What people asked of the archive, and how it does.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use andon_reader::{Amount, ArchiveJob, ArchiveState, ArchiveWork, JobState, ReaderError, code};

use crate::backoff::Backoff;
use crate::extent::Interval;

/// Jobs that run at the same time, at most.
const RUNNING_JOBS: usize = 8;
/// Jobs that are remembered after their end.
const ENDED_JOBS: usize = 16;

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Moves what was received before a time.
    Archive { before_us: i64 },
    /// Brings an interval back until a time.
    Restore { interval: Interval, until_us: i64 },
}

/// A job with what is needed to go on with it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) told: ArchiveJob,
    pub(crate) scope: Scope,
    /// Segments that were done or could not be.
    pub(crate) tried: BTreeSet<u64>,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Job>,
    last_id: u64,
    waiting: Amount,
    moved: Amount,
    backoff: Backoff,
}

/// The jobs and the state of the archive. Locks are held for moments only, so that asking never waits.
#[derive(Default)]
pub(crate) struct Desk {
    inner: Mutex<Inner>,
}

impl Desk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job in.
    ///
    /// # Errors
    /// When too many run already.
    pub(crate) fn open(&self, scope: Scope, total: Amount, now_us: i64) -> Result<ArchiveJob, ReaderError> {
        let mut inner = self.inner();
        let running = inner.jobs.iter().filter(|job| job.told.state == JobState::Running).count();
        if running >= RUNNING_JOBS {
            let message = format!("{running} jobs of the archive run already");
            return Err(ReaderError::new(code::ARCHIVE_STATE, message).with_hint("wait for one to end: andon telemetry status"));
        }
        // Later lives of the store give larger numbers.
        inner.last_id = u64::try_from(now_us).unwrap_or(0).max(inner.last_id + 1);
        let work = match scope {
            Scope::Archive { .. } => ArchiveWork::Archive,
            Scope::Restore { .. } => ArchiveWork::Restore,
        };
        let told = ArchiveJob {
            id: inner.last_id,
            work,
            state: JobState::Running,
            started_at_us: now_us,
            ended_at_us: None,
            total,
            done: Amount::default(),
            busy_us: 0,
            error: None,
        };
        inner.jobs.push_back(Job { told: told.clone(), scope, tried: BTreeSet::new() });
        let ended = inner.jobs.iter().filter(|job| job.told.state != JobState::Running).count();
        if ended > ENDED_JOBS
            && let Some(oldest) = inner.jobs.iter().position(|job| job.told.state != JobState::Running)
        {
            inner.jobs.remove(oldest);
        }
        Ok(told)
    }

    /// Gives the job to go on with: who waits for lines comes first.
    pub(crate) fn next(&self) -> Option<Job> {
        let inner = self.inner();
        let mut running = inner.jobs.iter().filter(|job| job.told.state == JobState::Running);
        let restoring = running.clone().find(|job| job.told.work == ArchiveWork::Restore);
        restoring.or_else(|| running.next()).cloned()
    }

    /// Changes a job.
    pub(crate) fn update(&self, id: u64, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.inner().jobs.iter_mut().find(|job| job.told.id == id) {
            change(job);
        }
    }

    /// Ends a job; it has failed when anything of it has.
    pub(crate) fn end(&self, id: u64, error: Option<ReaderError>, now_us: i64) {
        self.update(id, |job| {
            job.told.error = error.or(job.told.error.take());
            job.told.state = if job.told.error.is_some() { JobState::Failed } else { JobState::Done };
            if job.told.state == JobState::Done {
                // Segments may have been merged or dropped since the job was made.
                job.told.total = job.told.done;
            }
            job.told.ended_at_us = Some(now_us);
        });
    }

    /// Notes what is due and not moved yet.
    pub(crate) fn set_waiting(&self, waiting: Amount) {
        self.inner().waiting = waiting;
    }

    /// Notes that a segment was moved.
    pub(crate) fn add_moved(&self, rows: u64, bytes: u64) {
        self.inner().moved.add(rows, bytes);
    }

    /// Notes that a step succeeded.
    pub(crate) fn succeed(&self) {
        if self.inner().backoff.succeed() {
            tracing::info!("the archive can be used again");
        }
    }

    /// Notes that a step failed, and when to try again.
    pub(crate) fn fail(&self, error: ReaderError, now_us: i64) {
        if self.inner().backoff.fail(error.clone(), now_us) {
            tracing::warn!(code = error.code, message = error.message, hint = error.hint, "the archive cannot be used; lines stay on the disk and are searchable");
        }
    }

    /// Says whether a failure is too fresh to try again by ourselves.
    pub(crate) fn is_pausing(&self, now_us: i64) -> bool {
        self.inner().backoff.is_pausing(now_us)
    }

    /// Says whether the last step failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.inner().backoff.failing.is_some()
    }

    /// Adds what is known here to the state.
    pub(crate) fn describe(&self, state: &mut ArchiveState) {
        let inner = self.inner();
        state.waiting = inner.waiting;
        state.moved = inner.moved;
        state.failing.clone_from(&inner.backoff.failing);
        state.retry_at_us = inner.backoff.retry_at_us;
        state.jobs = inner.jobs.iter().rev().map(|job| job.told.clone()).collect();
    }
}
