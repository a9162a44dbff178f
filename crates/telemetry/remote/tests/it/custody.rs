//! Deletions and streams of the store that is a list.

use andon_reader::{
    Deletion, DeletionCheck, DeletionRequest, DeletionState, LogCustody, ReaderError, StreamRule, StreamStatus, code,
};
use futures::future::BoxFuture;

use crate::store::FakeStore;

fn deletion(request: DeletionRequest) -> Deletion {
    Deletion {
        id: 3,
        query: request.query,
        since_us: request.since_us,
        until_us: request.until_us,
        through_sequence: u64::MAX,
        reason: request.reason,
        requested_by: request.requested_by,
        requested_at_us: 5,
        request_event: request.request_event,
        state: DeletionState::Hidden,
        pending: vec!["segments: 2".to_owned()],
        removed_rows: 0,
        finished_at_us: None,
        records: Vec::new(),
        digest: None,
    }
}

impl LogCustody for FakeStore {
    fn delete_lines(&self, request: DeletionRequest) -> BoxFuture<'_, Result<Deletion, ReaderError>> {
        Box::pin(async move {
            if request.reason.is_empty() {
                return Err(ReaderError::new(code::REQUEST, "no reason").with_hint("say why"));
            }
            Ok(deletion(request))
        })
    }

    fn count_deletable(&self, request: DeletionRequest) -> BoxFuture<'_, Result<u64, ReaderError>> {
        Box::pin(async move { Ok(request.query.len() as u64) })
    }

    fn deletions(&self) -> BoxFuture<'_, Result<Vec<Deletion>, ReaderError>> {
        Box::pin(async move { Ok(Vec::new()) })
    }

    fn deletion(&self, _id: u64) -> BoxFuture<'_, Result<Option<Deletion>, ReaderError>> {
        Box::pin(async move { Ok(None) })
    }

    fn verify_deletion(&self, id: u64) -> BoxFuture<'_, Result<Option<DeletionCheck>, ReaderError>> {
        let check = DeletionCheck { id, ok: true, matching_rows: 0, scanned_rows: 9, digest: None, findings: Vec::new() };
        Box::pin(async move { Ok(Some(check)) })
    }

    fn set_streams(&self, streams: Vec<StreamRule>) -> BoxFuture<'_, Result<(), ReaderError>> {
        *self.streams.lock().unwrap() = streams;
        Box::pin(async move { Ok(()) })
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamStatus>, ReaderError>> {
        let of = |rule: &StreamRule| StreamStatus { name: rule.name.clone(), size_bytes: rule.size_bytes, ..StreamStatus::default() };
        let all = self.streams.lock().unwrap().iter().map(of).collect();
        Box::pin(async move { Ok(all) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_and_streams_go_over_whole() {
    let sides = crate::sides().await;
    let request = DeletionRequest {
        query: "user:\"a b\"".to_owned(),
        since_us: i64::MIN,
        until_us: i64::MAX,
        reason: "asked for".to_owned(),
        requested_by: "user:default/rio".to_owned(),
        request_event: None,
    };
    assert_eq!(sides.remote.delete_lines(request.clone()).await.unwrap(), deletion(request.clone()));
    assert_eq!(sides.remote.count_deletable(request.clone()).await.unwrap(), 10);
    let error = sides.remote.delete_lines(DeletionRequest { reason: String::new(), ..request }).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.hint.as_deref()), (code::REQUEST, Some("say why")));
    assert_eq!(sides.remote.deletions().await.unwrap(), []);
    assert_eq!(sides.remote.deletion(4).await.unwrap(), None);
    assert!(sides.remote.verify_deletion(4).await.unwrap().unwrap().ok);
    let audit = StreamRule { name: "audit".to_owned(), query: "*".to_owned(), priority: -1, retention_us: None, size_bytes: Some(7) };
    sides.remote.set_streams(vec![audit]).await.unwrap();
    let streams = sides.remote.streams().await.unwrap();
    assert_eq!(streams.iter().map(|stream| (stream.name.as_str(), stream.size_bytes)).collect::<Vec<_>>(), [("audit", Some(7))]);
}
