//! The ledger: gapless, verifiable, damage is found.

use andon_objects::{EventQuery, Priority, Store};
use sqlx::Executor;

use crate::world::{draft, places};

async fn record(store: &Store, count: usize) {
    for n in 0..count {
        let draft = draft("thing.happened").payload(serde_json::json!({"n": n}));
        store.write(Priority::Object, move |tx| Box::pin(async move { tx.record(draft).await })).await.unwrap();
    }
}

#[tokio::test]
async fn numbers_are_gapless_in_the_order_of_commits_under_many_writers() {
    for place in places().await {
        let store = place.open().await;
        let writers = (0..8).map(|_| {
            let store = store.clone();
            async move { record(&store, 25).await }
        });
        futures::future::join_all(writers).await;
        let events = store.events(&EventQuery::default()).await.unwrap();
        let numbers: Vec<i64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
        let found = store.verify().await.unwrap();
        assert_eq!((found.ok, found.events), (true, 200));
        store.close().await;
    }
}

#[tokio::test]
async fn a_changed_entry_a_missing_entry_and_a_cut_tail_are_found() {
    for damage in [
        "UPDATE event SET principal = 'somebody else' WHERE sequence = 7",
        "UPDATE event SET payload = '{\"n\":99}' WHERE sequence = 7",
        "DELETE FROM event WHERE sequence = 7",
        "DELETE FROM event WHERE sequence > 6",
    ] {
        for place in places().await {
            let store = place.open().await;
            record(&store, 10).await;
            store.close().await;
            place.connection().await.execute(damage).await.unwrap();
            let store = place.open().await;
            let found = store.verify().await.unwrap();
            assert_eq!((found.ok, found.first_bad), (false, Some(7)), "{damage}: {found:?}");
            assert!(found.require().is_err());
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_payload_is_erased_by_an_event_that_says_so_and_not_otherwise() {
    for place in places().await {
        let store = place.open().await;
        record(&store, 3).await;
        let draft = draft("payload.erased");
        let by = store.write(Priority::Object, move |tx| Box::pin(async move { tx.record(draft).await })).await.unwrap();
        store.close().await;
        let erase = |by: String| format!("UPDATE event SET payload = NULL, erased_by = '{by}' WHERE sequence = 2");
        for (by, ok) in [(by, true), ("nobody".to_owned(), false)] {
            let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(erase(by)));
            place.connection().await.execute(statement).await.unwrap();
            let store = place.open().await;
            let found = store.verify().await.unwrap();
            assert_eq!((found.ok, found.erased), (ok, i64::from(ok)));
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_rewritten_history_is_found_by_its_signed_checkpoint() {
    for place in places().await {
        let store = place.open().await;
        record(&store, 5).await;
        assert_eq!(store.checkpoint([7; 32]).await.unwrap().unwrap().sequence, 5);
        assert!(store.checkpoint([7; 32]).await.unwrap().is_none());
        record(&store, 2).await;
        let found = store.verify().await.unwrap();
        assert_eq!((found.ok, found.checkpoints), (true, 1));
        store.close().await;
        let forged = "UPDATE ledger_checkpoint SET hash = 'forged'";
        place.connection().await.execute(forged).await.unwrap();
        let store = place.open().await;
        assert!(!store.verify().await.unwrap().ok);
        store.close().await;
    }
}

#[tokio::test]
async fn events_are_found_by_object_action_and_actor() {
    for place in places().await {
        let store = place.open().await;
        for action in ["change.recorded", "change.staged", "check.refused", "changes.other"] {
            let draft = draft(action);
            store.write(Priority::Object, move |tx| Box::pin(async move { tx.record(draft).await })).await.unwrap();
        }
        let count = |action: &str| {
            let query = EventQuery { action: Some(action.to_owned()), ..EventQuery::default() };
            let store = store.clone();
            async move { store.events(&query).await.unwrap().len() }
        };
        assert_eq!(count("change.").await, 2);
        assert_eq!(count(".refused").await, 1);
        assert_eq!(count("change.recorded").await, 1);
        let query = EventQuery { actor: Some("system:test".to_owned()), ..EventQuery::default() };
        assert_eq!(store.events(&query).await.unwrap().len(), 4);
        store.close().await;
    }
}
