//! The outbox: at least once, never lost, one identity.

use andon_objects::{Leased, Message, Priority, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::places;

async fn enqueue(store: &Store, id: &str, subject: &str) {
    let (id, subject) = (id.to_owned(), subject.to_owned());
    store
        .write(Priority::Page, move |tx| {
            Box::pin(async move {
                let due_at = tx.now();
                tx.enqueue(Message { id, topic: "page".to_owned(), subject, payload: json!({}), due_at }).await
            })
        })
        .await
        .unwrap();
}

async fn lease(store: &Store, lease_ms: i64) -> Vec<Leased> {
    store.write(Priority::Page, move |tx| Box::pin(async move { tx.lease("page", 10, lease_ms).await })).await.unwrap()
}

#[tokio::test]
async fn a_message_is_leased_once_until_its_lease_ends() {
    for place in places().await {
        let store = place.open().await;
        enqueue(&store, "m1", "alert-1").await;
        enqueue(&store, "m1", "alert-1").await;
        let first = lease(&store, 1).await;
        assert_eq!(first.iter().map(|m| (m.id.as_str(), m.attempts)).collect::<Vec<_>>(), [("m1", 1)]);
        // The clock of these tests moves by a millisecond with each look, so the lease has ended.
        let again = lease(&store, 60_000).await;
        assert_eq!(again.iter().map(|m| m.attempts).collect::<Vec<_>>(), [2]);
        assert!(lease(&store, 60_000).await.is_empty());
        store.write(Priority::Page, |tx| Box::pin(async move { tx.complete("m1").await })).await.unwrap();
        assert!(lease(&store, 60_000).await.is_empty());
        store.close().await;
    }
}

#[tokio::test]
async fn a_cancelled_message_does_not_leave_and_a_postponed_one_waits() {
    for place in places().await {
        let store = place.open().await;
        enqueue(&store, "m1", "alert-1").await;
        enqueue(&store, "m2", "alert-2").await;
        let gone = store.write(Priority::Page, |tx| Box::pin(async move { tx.cancel("alert-1").await })).await.unwrap();
        assert_eq!(gone, ["m1"]);
        assert_eq!(lease(&store, 60_000).await.len(), 1);
        store
            .write(Priority::Page, |tx| {
                Box::pin(async move {
                    let later: Timestamp = tx.now().checked_add(SignedDuration::from_mins(5)).unwrap();
                    tx.postpone("m2", Some(later), "busy").await
                })
            })
            .await
            .unwrap();
        assert!(lease(&store, 60_000).await.is_empty());
        store.close().await;
    }
}
