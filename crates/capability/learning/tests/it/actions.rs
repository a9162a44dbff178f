//! Actions: complete or refused, closed and opened again by their verifiers alone.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{POLICY, action, change, done, got, incident, open, refused, write_coe};

#[tokio::test]
async fn an_action_without_owner_date_or_verifier_or_with_a_good_intention_is_refused() {
    let kit = open().await;
    incident(&kit).await;
    let whole = json!({"title": "Refuse untested payments", "coe": "coe:default/coe-1", "owner": "maya", "due": "2026-03-20",
        "verifier": {"type": "policyEnforced", "policy": "idempotency"}});
    for (field, value, code) in [
        ("owner", Value::Null, "LRN-0003"),
        ("due", Value::Null, "LRN-0003"),
        ("verifier", Value::Null, "LRN-0003"),
        ("title", json!("Be more careful with retries"), "LRN-0003"),
        ("due", json!("2026-02-20"), "LRN-0003"),
        ("owner", json!("nobody"), "OBJ-0006"),
        ("coe", json!("coe:default/coe-9"), "OBJ-0006"),
        ("colour", json!("red"), "OBJ-0002"),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        assert_eq!(refused(&kit, "/api/v1/actions", body).await["code"], code, "{field}");
    }
    assert_eq!(got(&kit, "/api/v1/actions").await["total"], 0);
}

#[tokio::test]
async fn an_action_closes_by_itself_when_its_verifier_passes_and_opens_again_when_it_no_longer_does() {
    let kit = open().await;
    incident(&kit).await;
    write_coe(&kit).await;
    let name = action(&kit, "Refuse untested payments", "prevent", json!({"type": "policyEnforced", "policy": "idempotency"})).await;
    let path = format!("/api/v1/actions/{name}");
    let open_action = got(&kit, &path).await;
    assert_eq!((&open_action["status"]["state"], &open_action["status"]["verdict"]), (&json!("open"), &json!("There is no policy `idempotency` yet.")));
    let problem = refused(&kit, &format!("{path}/verify"), json!({})).await;
    assert_eq!(problem["code"], "LRN-0002");

    kit.apply(POLICY).await;
    kit.settle().await;
    let closed = got(&kit, &path).await;
    assert_eq!(closed["status"]["state"], "verified");
    assert!(closed["status"]["closedAt"].is_string());
    let (status, _) = kit.post(&format!("{path}/verify"), json!({})).await;
    assert_eq!(status, StatusCode::OK);

    kit.apply(&POLICY.replace("enforced", "trial")).await;
    kit.settle().await;
    let reopened = got(&kit, &path).await;
    assert_eq!((&reopened["status"]["state"], &reopened["status"]["reopened"]), (&json!("open"), &json!(1)));
    let history = got(&kit, &format!("/api/v1/events?object=action:default/{name}")).await.to_string();
    assert!(history.contains("action.reopened") && history.contains("action.verified"), "{history}");
}

#[tokio::test]
async fn a_person_cannot_close_an_action() {
    let kit = open().await;
    incident(&kit).await;
    let name = action(&kit, "Refuse untested payments", "prevent", json!({"type": "policyEnforced", "policy": "idempotency"})).await;
    let mut object = got(&kit, &format!("/api/v1/actions/{name}")).await;
    object["status"]["state"] = json!("verified");
    object["spec"]["title"] = json!("Refuse untested payments now");
    let (status, _) = kit.send(Some(&kit.token), Method::PUT, &format!("/api/v1/actions/{name}"), &[], object.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    kit.settle().await;
    assert_eq!(got(&kit, &format!("/api/v1/actions/{name}")).await["status"]["state"], "open");
}

#[tokio::test]
async fn every_verifier_looks_at_the_world() {
    let kit = open().await;
    incident(&kit).await;
    let refuses = action(&kit, "Refuse other teams too", "prevent", json!({"type": "policyRefused", "policy": "idempotency"})).await;
    let fired = action(&kit, "Alarm on failing payments", "detect", json!({"type": "alarmFired", "alarm": "payments-errors"})).await;
    let tested = action(&kit, "Test payments twice", "prevent", json!({"type": "testPassed", "service": "component:default/payments", "test": "idempotency"})).await;
    let state = async |name: &str| got(&kit, &format!("/api/v1/actions/{name}")).await["status"]["state"].clone();
    assert_eq!((state(&refuses).await, state(&fired).await, state(&tested).await), (json!("open"), json!("verified"), json!("open")));
    change(&kit, "payments", "3", json!({"tests": {"idempotency": "passed"}})).await;
    assert_eq!(state(&tested).await, "verified");
    kit.apply(POLICY).await;
    done(&kit, "/api/v1/check", json!({"scope": "payments"})).await;
    assert_eq!(state(&refuses).await, "open", "its own team was refused");
    done(&kit, "/api/v1/check", json!({"scope": "checkout"})).await;
    assert_eq!(state(&refuses).await, "verified");
}

#[tokio::test]
async fn a_verifier_runs_every_night_and_a_coe_is_verified_with_its_last_action() {
    let kit = open().await;
    incident(&kit).await;
    write_coe(&kit).await;
    kit.apply(POLICY).await;
    action(&kit, "Refuse untested payments", "prevent", json!({"type": "policyEnforced", "policy": "idempotency"})).await;
    let fired = action(&kit, "Alarm on failing payments", "detect", json!({"type": "alarmFired", "alarm": "payments-errors"})).await;
    done(&kit, "/api/v1/coes/coe-1/state", json!({"state": "inReview"})).await;
    done(&kit, "/api/v1/coes/coe-1/state", json!({"state": "published"})).await;
    assert_eq!(got(&kit, "/api/v1/coes/coe-1").await["status"]["state"], "verified");
    let before = got(&kit, &format!("/api/v1/actions/{fired}")).await["status"]["verifiedAt"].clone();
    kit.advance("23h").await;
    assert_eq!(got(&kit, &format!("/api/v1/actions/{fired}")).await["status"]["verifiedAt"], before);
    kit.advance("2h").await;
    assert_ne!(got(&kit, &format!("/api/v1/actions/{fired}")).await["status"]["verifiedAt"], before);
    crate::shop::observe(&kit, "alarm:default/payments-errors", json!({"state": "unknown", "reason": "no data", "firedCount": 1})).await;
    assert_eq!(got(&kit, "/api/v1/coes/coe-1").await["status"]["state"], "published");
}
