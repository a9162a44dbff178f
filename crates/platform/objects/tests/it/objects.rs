//! Objects: versions, conflicts, lists, history.

use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_objects::{EventQuery, ListQuery, Order, Priority, Store};

use crate::world::{draft, object, places};

fn reference(name: &str) -> ObjectRef {
    ObjectRef::new("thing", "default", name)
}

async fn put(store: &Store, name: &str, colour: &str, size: i64) -> andon_api::AnyObject {
    let object = object(name, colour, size);
    store.write(Priority::Object, move |tx| Box::pin(async move { tx.put(object, draft("thing.applied")).await })).await.unwrap()
}

#[tokio::test]
async fn an_object_is_there_after_it_was_stored_and_after_reopening() {
    for place in places().await {
        let store = place.open().await;
        let stored = put(&store, "a", "red", 1).await;
        assert_eq!(stored.metadata.version, 1);
        store.close().await;
        let store = place.open().await;
        assert_eq!(store.get(&reference("a")).await.unwrap().unwrap(), stored);
        store.close().await;
    }
}

#[tokio::test]
async fn a_change_on_an_old_version_is_refused() {
    for place in places().await {
        let store = place.open().await;
        let first = put(&store, "a", "red", 1).await;
        let again = |object: andon_api::AnyObject| {
            store.write(Priority::Object, move |tx| Box::pin(async move { tx.put(object, draft("thing.applied")).await }))
        };
        let second = again(first.clone()).await.unwrap();
        assert_eq!(second.metadata.version, 2);
        let refused = again(first).await.unwrap_err();
        assert!(refused.is(ErrorCode::VersionConflict));
        store.close().await;
    }
}

#[tokio::test]
async fn every_version_is_kept_and_can_be_read_as_of_its_time() {
    for place in places().await {
        let store = place.open().await;
        let first = put(&store, "a", "red", 1).await;
        let mut changed = first.clone();
        changed.spec["colour"] = "blue".into();
        store.write(Priority::Object, move |tx| Box::pin(async move { tx.put(changed, draft("thing.applied")).await })).await.unwrap();
        store.write(Priority::Object, |tx| Box::pin(async move { tx.delete(&reference("a"), draft("thing.deleted")).await })).await.unwrap();
        assert!(store.get(&reference("a")).await.unwrap().is_none());
        let versions: Vec<_> = store.history(&reference("a")).await.unwrap().iter().map(|v| (v.version, v.deleted)).collect();
        assert_eq!(versions, [(3, true), (2, false), (1, false)]);
        let back = store.as_of(&reference("a"), first.metadata.updated_at.unwrap()).await.unwrap().unwrap();
        assert_eq!(back.spec["colour"], "red");
        let reborn = put(&store, "a", "green", 1).await;
        assert_eq!(reborn.metadata.version, 4);
        store.close().await;
    }
}

#[tokio::test]
async fn a_refused_job_leaves_nothing_and_does_not_touch_its_neighbours() {
    for place in places().await {
        let store = place.open().await;
        let good = (0..20).map(|n| {
            let store = store.clone();
            async move { put(&store, &format!("good-{n}"), "red", n).await }
        });
        let bad = (0..20).map(|n| {
            let store = store.clone();
            async move {
                let object = object(&format!("bad-{n}"), "red", n);
                store
                    .write(Priority::Object, move |tx| {
                        Box::pin(async move {
                            tx.put(object, draft("thing.applied")).await?;
                            Err::<(), _>(Problem::new(ErrorCode::RequestInvalid, "no"))
                        })
                    })
                    .await
                    .unwrap_err()
            }
        });
        let (stored, refused) = futures::join!(futures::future::join_all(good), futures::future::join_all(bad));
        assert_eq!((stored.len(), refused.len()), (20, 20));
        assert_eq!(store.list(&ListQuery::kind("Thing")).await.unwrap().total, 20);
        assert!(store.verify().await.unwrap().ok);
        assert_eq!(store.events(&EventQuery::default()).await.unwrap().len(), 20);
        store.close().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_job_is_a_problem_and_the_writer_goes_on() {
    for place in places().await {
        let store = place.open().await;
        let refused = store.write(Priority::Object, |_tx| Box::pin(async move { panic!("no") as Result<(), Problem> })).await;
        assert!(refused.unwrap_err().is(ErrorCode::SystemFault));
        put(&store, "a", "red", 1).await;
        store.close().await;
    }
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged_without_gaps() {
    for place in places().await {
        let store = place.open().await;
        for n in 0..25 {
            put(&store, &format!("n{n:02}"), if n % 2 == 0 { "red" } else { "blue" }, n).await;
        }
        for order in [Order::CreatedDescending, Order::CreatedAscending, Order::Name, Order::UpdatedDescending] {
            let (mut names, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.list(&ListQuery::kind("Thing").order(order).limit(7).cursor(cursor)).await.unwrap();
                assert_eq!(page.total, 25);
                names.extend(page.items.iter().map(|object| object.metadata.name.clone()));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            let mut unique = names.clone();
            unique.sort();
            unique.dedup();
            assert_eq!((names.len(), unique.len()), (25, 25), "{order:?}");
        }
        let count = |query: ListQuery| {
            let store = store.clone();
            async move { store.list(&query).await.unwrap().total }
        };
        assert_eq!(count(ListQuery::kind("things").filter("colour", "red")).await, 13);
        assert_eq!(count(ListQuery::kind("things").filter("size", "3,4,99")).await, 2);
        assert_eq!(count(ListQuery::kind("things").words("n07 BLUE")).await, 1);
        assert_eq!(count(ListQuery::kind("things").words("100%_")).await, 0);
        let unknown = store.list(&ListQuery::kind("things").filter("weight", 1)).await.unwrap_err();
        assert!(unknown.hint.unwrap().contains("colour"));
        store.close().await;
    }
}

#[tokio::test]
async fn secrets_stay_out_of_the_ledger() {
    for place in places().await {
        let store = place.open().await;
        put(&store, "a", "red", 1).await;
        let events = store.events(&EventQuery::default()).await.unwrap();
        assert!(!serde_json::to_string(&events).unwrap().contains("hunter2"));
        store.close().await;
    }
}
