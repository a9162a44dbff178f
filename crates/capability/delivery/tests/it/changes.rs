//! Changes: recorded, staged, rolled back.

use serde_json::json;

use crate::shop::{actions, done, got, open, refused};

fn spec(version: &str) -> serde_json::Value {
    json!({"service": "component:default/payments", "version": version})
}

fn way() -> serde_json::Value {
    json!([
        {"name": "commit", "startedAt": "2026-03-02T07:00:00Z", "actor": "maya@acme.example"},
        {"name": "build", "startedAt": "2026-03-02T07:10:00Z", "finishedAt": "2026-03-02T07:15:00Z"},
        {"name": "deploy", "startedAt": "2026-03-02T08:00:00Z", "finishedAt": "2026-03-02T08:01:00Z", "actor": "ci"}
    ])
}

#[tokio::test]
async fn a_change_shows_its_way_its_waits_and_its_time_to_value() {
    let kit = open().await;
    let change = done(&kit, "/api/v1/changes", json!({"spec": spec("2"), "stages": way(), "outcome": "succeeded"})).await;
    assert_eq!(change["metadata"]["name"], "chg-1");
    let status = &change["status"];
    assert_eq!(status["timeToValueMs"], 61 * 60_000);
    assert_eq!(status["deployedAt"], "2026-03-02T08:01:00Z");
    assert_eq!(status["authors"], json!(["maya@acme.example"]));
    let waits: Vec<_> = status["stages"].as_array().unwrap().iter().map(|stage| stage["waitedMs"].clone()).collect();
    assert_eq!(waits, [json!(0), json!(600_000), json!(2_700_000)]);
    assert_eq!(actions(&kit, Some("change:default/chg-1")).await, ["change.recorded"]);
    let listed = got(&kit, "/api/v1/changes?service=component:default/payments&outcome=succeeded").await;
    assert_eq!(listed["total"], 1);
}

#[tokio::test]
async fn the_same_request_sent_again_gives_the_same_change() {
    let kit = open().await;
    let request = json!({"spec": spec("2"), "idempotencyKey": "deploy-17"});
    let first = done(&kit, "/api/v1/changes", request.clone()).await;
    assert_eq!(done(&kit, "/api/v1/changes", request).await, first);
    let other = json!({"spec": spec("3"), "idempotencyKey": "deploy-17"});
    assert_eq!(refused(&kit, "/api/v1/changes", other).await, ("DEL-0003".into(), "idempotencyKey".into()));
    assert_eq!(got(&kit, "/api/v1/changes").await["total"], 1);
}

#[tokio::test]
async fn stages_and_outcome_may_come_later_and_then_stand() {
    let kit = open().await;
    let started = done(&kit, "/api/v1/changes", json!({"spec": spec("2")})).await;
    assert_eq!(started["status"]["outcome"], "inProgress");
    let path = "/api/v1/changes/chg-1/stages";
    let ended = done(&kit, path, json!({"stages": way(), "outcome": "succeeded"})).await;
    assert_eq!(ended["status"]["outcome"], "succeeded");
    assert_eq!(done(&kit, path, json!({"stages": way(), "outcome": "succeeded"})).await, ended);
    assert_eq!(refused(&kit, path, json!({"outcome": "failed"})).await, ("DEL-0003".into(), "outcome".into()));
    assert_eq!(actions(&kit, Some("change:default/chg-1")).await, ["change.staged", "change.recorded"]);
    assert_eq!(refused(&kit, "/api/v1/changes/chg-9/stages", json!({})).await.0, "OBJ-0001");
}

#[tokio::test]
async fn a_rollback_marks_what_it_takes_back_and_has_no_time_to_value() {
    let kit = open().await;
    for version in ["1", "2"] {
        done(&kit, "/api/v1/changes", json!({"spec": spec(version), "outcome": "succeeded"})).await;
        kit.advance("1h").await;
    }
    let mut back = spec("1");
    back["changeType"] = json!("rollback");
    let rollback = done(&kit, "/api/v1/changes", json!({"spec": back, "stages": way(), "outcome": "succeeded"})).await;
    assert_eq!(rollback["spec"]["rollsBack"], "change:default/chg-2");
    assert_eq!(rollback["status"]["timeToValueMs"], json!(null));
    let taken = got(&kit, "/api/v1/changes/chg-2").await;
    assert_eq!((&taken["status"]["outcome"], &taken["status"]["rolledBackBy"]), (&json!("rolledBack"), &json!("change:default/chg-3")));
    assert_eq!(got(&kit, "/api/v1/changes/chg-1").await["status"]["outcome"], "succeeded");
    assert_eq!(actions(&kit, Some("change:default/chg-2")).await[0], "change.rolledBack");
}

#[tokio::test]
async fn a_rollback_of_another_service_is_refused_and_leaves_nothing() {
    let kit = open().await;
    let other = json!({"service": "component:default/checkout", "version": "1"});
    done(&kit, "/api/v1/changes", json!({"spec": other, "outcome": "succeeded"})).await;
    let mut back = spec("1");
    back["changeType"] = json!("rollback");
    back["rollsBack"] = json!("change:default/chg-1");
    let request = json!({"spec": back, "outcome": "succeeded"});
    assert_eq!(refused(&kit, "/api/v1/changes", request).await, ("DEL-0003".into(), "spec.rollsBack".into()));
    assert_eq!(got(&kit, "/api/v1/changes").await["total"], 1);
}

#[tokio::test]
async fn what_cannot_have_happened_is_refused() {
    let kit = open().await;
    let unknown = json!({"spec": {"service": "component:default/nope", "version": "1"}});
    assert_eq!(refused(&kit, "/api/v1/changes", unknown).await, ("DEL-0003".into(), "spec.service".into()));
    let lunch = json!({"spec": spec("1"), "stages": [{"name": "lunch", "startedAt": "2026-03-02T08:00:00Z"}]});
    assert_eq!(refused(&kit, "/api/v1/changes", lunch).await, ("DEL-0003".into(), "stages[0].name".into()));
    let backwards = json!({"spec": spec("1"), "stages": [
        {"name": "build", "startedAt": "2026-03-02T08:00:00Z", "finishedAt": "2026-03-02T07:00:00Z"}]});
    assert_eq!(refused(&kit, "/api/v1/changes", backwards).await, ("DEL-0003".into(), "stages[0]".into()));
    let extra = json!({"spec": spec("1"), "surprise": true});
    assert_eq!(refused(&kit, "/api/v1/changes", extra).await.0, "REQ-0001");
    assert_eq!(got(&kit, "/api/v1/changes").await["total"], 0);
}

#[tokio::test]
async fn a_change_names_the_check_that_let_it_through() {
    let kit = open().await;
    let answer = done(&kit, "/api/v1/check", json!({"scope": "payments", "version": "2"})).await;
    assert_eq!(answer["allowed"], true);
    let change = done(&kit, "/api/v1/changes", json!({"spec": spec("2")})).await;
    assert_eq!(change["status"]["check"], answer["id"]);
    let unchecked = done(&kit, "/api/v1/changes", json!({"spec": spec("3")})).await;
    assert_eq!(unchecked["status"]["check"], json!(null));
}
