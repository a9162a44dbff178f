//! The archive of the store that is a list.

use andon_reader::{
    Amount, ArchiveJob, ArchiveRequest, ArchiveState, ArchiveWork, JobState, LogArchive, LogReader, ReaderError, RestoreRequest, code,
};
use futures::future::BoxFuture;

use crate::store::FakeStore;

pub(crate) fn job(work: ArchiveWork) -> ArchiveJob {
    ArchiveJob {
        id: u64::MAX,
        work,
        state: JobState::Failed,
        started_at_us: 5,
        ended_at_us: Some(6),
        total: Amount { segments: 1, rows: 2, bytes: 3 },
        done: Amount::default(),
        busy_us: 4,
        error: Some(ReaderError::new(code::ARCHIVE_FAILED, "away").with_hint("wait")),
    }
}

impl LogArchive for FakeStore {
    fn archive(&self, request: ArchiveRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>> {
        Box::pin(async move {
            request.before_us.map(|_| job(ArchiveWork::Archive)).ok_or_else(|| ReaderError::new(code::ARCHIVE_STATE, "no archive").with_hint("set one"))
        })
    }

    fn restore(&self, _request: RestoreRequest) -> BoxFuture<'_, Result<ArchiveJob, ReaderError>> {
        Box::pin(async { Ok(job(ArchiveWork::Restore)) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_asked_and_its_state_told_over_the_socket() {
    let sides = crate::sides().await;
    let asked = sides.remote.archive(ArchiveRequest { before_us: Some(i64::MIN) }).await;
    assert_eq!(asked.unwrap(), job(ArchiveWork::Archive));
    let refused = sides.remote.archive(ArchiveRequest { before_us: None }).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.hint.as_deref()), (code::ARCHIVE_STATE, Some("set one")));
    let asked = sides.remote.restore(RestoreRequest { since_us: 1, until_us: i64::MAX, keep_us: 3 }).await;
    assert_eq!(asked.unwrap().work, ArchiveWork::Restore);
    let told = ArchiveState { jobs: vec![job(ArchiveWork::Restore)], ..ArchiveState::default() };
    assert_eq!(sides.remote.status().archive, Some(told));
}
