//! What people rely on of flow, over HTTP, on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use andon_testkit::Testkit;
use serde_json::{Value, json};

const CATALOG: &str = "
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: acme}
spec: {type: company, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-team}
spec: {type: team, parent: acme, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments}
spec: {type: service, lifecycle: production, owner: payments-team}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: storefront}
spec: {type: website, lifecycle: production, owner: acme}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: silent}
spec: {type: service, lifecycle: production, owner: nobody}
";

async fn open() -> Testkit {
    let kit = Testkit::new(vec![andon_catalog::module(), andon_delivery::module(), andon_flow::module()]).await;
    kit.apply(CATALOG).await;
    // The clock stands at 2026-03-02 09:00 UTC.
    deploy(&kit, "payments", "1", "2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z", json!({})).await;
    deploy(&kit, "payments", "2", "2026-03-01T10:00:00Z", "2026-03-01T13:00:00Z", json!({})).await;
    deploy(&kit, "payments", "1", "2026-03-01T10:00:00Z", "2026-03-01T14:00:00Z", json!({"changeType": "rollback"})).await;
    deploy(&kit, "payments", "3", "2026-03-01T10:00:00Z", "2026-03-01T15:00:00Z", json!({"environment": "staging"})).await;
    deploy(&kit, "storefront", "1", "2026-03-01T10:00:00Z", "2026-03-01T12:00:00Z", json!({})).await;
    deploy(&kit, "storefront", "0", "2025-12-01T10:00:00Z", "2025-12-01T12:00:00Z", json!({})).await;
    kit
}

async fn deploy(kit: &Testkit, service: &str, version: &str, commit: &str, end: &str, more: Value) {
    let mut spec = json!({"service": format!("component:default/{service}"), "version": version});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let stages = json!([{"name": "commit", "startedAt": commit, "actor": "maya"}, {"name": "deploy", "startedAt": end, "finishedAt": end}]);
    let (status, answer) = kit.post("/api/v1/changes", json!({"spec": spec, "stages": stages, "outcome": "succeeded"})).await;
    assert!(status.is_success(), "{answer}");
}

#[tokio::test]
async fn time_to_value_leaves_out_rollbacks_other_environments_and_the_past() {
    let kit = open().await;
    let (_, flow) = kit.get("/api/v1/flow/time-to-value").await;
    assert_eq!((&flow["count"], &flow["p50Ms"], &flow["p90Ms"]), (&json!(3), &json!(7_200_000), &json!(10_800_000)));
    assert_eq!((&flow["points"][0]["service"], &flow["withoutCount"]), (&json!("component:default/payments"), &json!(1)));
    assert_eq!((&flow["waits"][0]["stage"], &flow["waits"][0]["share"]), (&json!("deploy"), &json!(1.0)));
    assert_eq!(kit.get("/api/v1/flow/time-to-value?since=365d").await.1["count"], 4);
    assert_eq!(kit.get("/api/v1/flow/time-to-value?environment=*").await.1["count"], 4);
    assert_eq!(kit.get("/api/v1/flow/time-to-value?service=payments").await.1["count"], 2);
}

#[tokio::test]
async fn a_group_includes_the_groups_below_it() {
    let kit = open().await;
    let count = async |group: &str| kit.get(&format!("/api/v1/flow/time-to-value?group={group}")).await.1["count"].clone();
    assert_eq!((count("acme").await, count("payments-team").await), (json!(3), json!(2)));
    let (status, problem) = kit.get("/api/v1/flow/time-to-value?group=nope").await;
    assert_eq!((status.as_u16(), &problem["place"]), (404, &json!("?group")));
}

#[tokio::test]
async fn each_service_has_its_numbers_also_one_without_changes() {
    let kit = open().await;
    let (_, services) = kit.get("/api/v1/flow/services").await;
    let items = services["items"].as_array().unwrap();
    let row = |index: usize, field: &str| items[index][field].clone();
    assert_eq!((row(0, "service"), row(0, "changes"), row(0, "rollbacks")), (json!("component:default/payments"), json!(2), json!(1)));
    assert_eq!((row(0, "owner"), row(0, "batchP50"), row(0, "authors")), (json!("group:default/payments-team"), json!(1), json!(1)));
    assert_eq!(row(0, "lastChangeAt"), "2026-03-01T14:00:00Z");
    assert_eq!((row(2, "service"), row(2, "changes"), row(2, "owner")), (json!("component:default/silent"), json!(0), json!(null)));
    let (_, of_team) = kit.get("/api/v1/flow/services?group=payments-team").await;
    assert_eq!(of_team["items"].as_array().unwrap().len(), 1);
    assert_eq!(kit.get("/api/v1/flow/services?since=yesterday").await.0.as_u16(), 400);
}
