//! What people rely on of governance, over HTTP, on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod shop;

use http::{Method, StatusCode};
use serde_json::json;

use crate::shop::{UNTESTED, check, open, policy, record};

#[tokio::test]
async fn a_lesson_is_tried_then_enforced_and_refuses_another_team_with_its_reason() {
    let kit = open().await;
    record(&kit, "payments", "1", json!({"idempotency": "passed"})).await;
    let untested = record(&kit, "checkout", "1", json!({})).await;
    kit.apply(&policy("trial", UNTESTED)).await;

    let asked = check(&kit, json!({"scope": "checkout", "version": "2"})).await;
    assert_eq!(asked["allowed"], true);
    let evaluated = asked["evaluated"].to_string();
    assert!(evaluated.contains("checkout has no passed idempotency test") && evaluated.contains("on trial"), "{evaluated}");

    let (status, trial) = kit.post("/api/v1/policies/idempotency/trial?since=7d", json!({})).await;
    assert_eq!((status, &trial["tried"]), (StatusCode::OK, &json!(2)), "{trial}");
    assert_eq!(trial["refused"][0]["change"], format!("change:default/{untested}"));
    assert_eq!(trial["refused"].as_array().unwrap().len(), 1);
    let (_, stored) = kit.get("/api/v1/policies/idempotency").await;
    assert_eq!((&stored["status"]["triedCount"], &stored["status"]["wouldRefuseCount"]), (&json!(2), &json!(1)));

    kit.apply(&policy("enforced", UNTESTED)).await;
    let refused = check(&kit, json!({"scope": "checkout", "version": "2", "tests": {"idempotency": "missing"}})).await;
    assert_eq!(refused["allowed"], false);
    let reason = &refused["reasons"][0];
    assert_eq!((&reason["code"], &reason["lesson"]), (&json!("DEL-0002"), &json!("coe:default/coe-1")));
    assert_eq!((&reason["object"], &reason["hint"]), (&json!("policy:default/idempotency"), &json!("Run the idempotency test.")));
    assert_eq!(check(&kit, json!({"scope": "checkout", "tests": {"idempotency": "passed"}})).await["allowed"], true);

    kit.settle().await;
    let (_, stored) = kit.get("/api/v1/policies/idempotency").await;
    assert_eq!(stored["status"]["refusedCount"], 1);
    assert_eq!(stored["status"]["lastRefused"], "component:default/checkout");
    let (_, events) = kit.get("/api/v1/events?object=policy:default/idempotency&action=policy.refused").await;
    assert_eq!(events["items"][0]["payload"]["scope"], "component:default/checkout");
}

#[tokio::test]
async fn a_rollback_is_never_refused_and_still_listed() {
    let kit = open().await;
    kit.apply(&policy("enforced", UNTESTED)).await;
    let answer = check(&kit, json!({"scope": "checkout", "changeType": "rollback"})).await;
    assert_eq!(answer["allowed"], true);
    assert!(answer["evaluated"].to_string().contains("rollbacks are exempt"), "{answer}");
}

#[tokio::test]
async fn a_policy_that_does_not_compile_is_refused_with_line_and_column_and_nothing_is_stored() {
    let kit = open().await;
    let yaml = policy("enforced", "package shop\n\ndeny contains m if {\n  m := \"a\" ++ \"b\"\n}\n");
    let (status, answer) = kit.send(Some(&kit.token), Method::POST, "/api/v1/apply", &[], yaml).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert!(answer.contains("GOV-0001") && answer.contains("line 4"), "{answer}");
    assert_eq!(kit.get("/api/v1/policies/idempotency").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_lesson_that_does_not_exist_is_refused() {
    let kit = open().await;
    let yaml = policy("trial", UNTESTED).replace("coe-1", "coe-9");
    let (status, answer) = kit.send(Some(&kit.token), Method::POST, "/api/v1/apply", &[], yaml).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.contains("OBJ-0006"), "{answer}");
}

#[tokio::test]
async fn a_policy_that_runs_forever_refuses_loudly_and_lets_a_rollback_through() {
    let kit = open().await;
    let endless = "package shop\n\ndeny contains \"never\" if {\n  some a in numbers.range(1, 9999)\n  some b in numbers.range(1, 9999)\n  some c in numbers.range(1, 9999)\n  a + b + c < 0\n}\n";
    kit.apply(&policy("enforced", endless)).await;
    let answer = check(&kit, json!({"scope": "payments"})).await;
    assert_eq!((&answer["allowed"], &answer["reasons"][0]["code"]), (&json!(false), &json!("GOV-0002")), "{answer}");
    assert_eq!(check(&kit, json!({"scope": "payments", "changeType": "rollback"})).await["allowed"], true);
}

#[tokio::test]
async fn a_worker_process_judges_and_is_ended_when_a_single_step_never_ends() {
    andon_governance::isolate_policies(env!("CARGO_BIN_EXE_andon-policy-worker").into(), Vec::new());
    let kit = open().await;
    kit.apply(&policy("enforced", UNTESTED)).await;
    let answer = check(&kit, json!({"scope": "payments"})).await;
    assert_eq!(answer["reasons"][0]["text"], "payments has no passed idempotency test");

    // Two values of 2^60 parts each, which share their parts: small to keep, endless to compare.
    let mut rego = "package shop\n\nx0 := [1]\ny0 := [1]\n".to_owned();
    for step in 1..60 {
        rego += &format!("x{step} := [x{0}, x{0}]\ny{step} := [y{0}, y{0}]\n", step - 1);
    }
    rego += "deny contains \"same\" if x59 == y59\n";
    kit.apply(&policy("enforced", &rego)).await;
    let answer = check(&kit, json!({"scope": "payments"})).await;
    assert_eq!((&answer["allowed"], &answer["reasons"][0]["code"]), (&json!(false), &json!("GOV-0002")), "{answer}");

    kit.apply(&policy("enforced", UNTESTED)).await;
    let answer = check(&kit, json!({"scope": "payments", "tests": {"idempotency": "passed"}})).await;
    assert_eq!(answer["allowed"], true, "{answer}");
}

#[tokio::test]
async fn the_example_of_the_kind_can_be_applied() {
    let kit = open().await;
    let (_, kinds) = kit.get("/api/v1/kinds").await;
    let policies = kinds["items"].as_array().unwrap().iter().find(|kind| kind["kind"] == "Policy").unwrap();
    let example = policies["example"].as_str().unwrap().replace("team-payments", "payments-team");
    kit.apply(&example).await;
}
