//! The trace: the whole loop from a change to a lesson that refuses another team, or what is missing.

use http::StatusCode;
use serde_json::{Value, json};

use crate::shop::{POLICY, action, done, got, incident, open, write_coe};

fn missing(trace: &Value) -> Vec<String> {
    let hops = trace["hops"].as_array().unwrap().iter();
    hops.filter(|hop| hop["missing"].is_string()).map(|hop| hop["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_fresh_incident_names_the_hops_that_are_still_missing() {
    let kit = open().await;
    incident(&kit).await;
    let trace = got(&kit, "/api/v1/trace/incidents/inc-1").await;
    assert_eq!(trace["complete"], false);
    assert_eq!(missing(&trace), ["coe", "action", "policy", "refusal", "review"]);
}

#[tokio::test]
async fn the_whole_loop_is_one_chain_from_whichever_end_one_looks() {
    let kit = open().await;
    incident(&kit).await;
    write_coe(&kit).await;
    action(&kit, "Refuse untested payments", "prevent", json!({"type": "policyRefused", "policy": "idempotency"})).await;
    action(&kit, "Alarm on failing payments", "detect", json!({"type": "alarmFired", "alarm": "payments-errors"})).await;
    kit.apply(POLICY).await;
    done(&kit, "/api/v1/andons/and-1/release", json!({"countermeasure": "rolled back"})).await;
    let refused = done(&kit, "/api/v1/check", json!({"scope": "checkout", "version": "3"})).await;
    assert_eq!(refused["reasons"][0]["lesson"], "coe:default/coe-1");
    done(&kit, "/api/v1/coes/coe-1/state", json!({"state": "inReview"})).await;
    done(&kit, "/api/v1/coes/coe-1/state", json!({"state": "published"})).await;
    done(&kit, "/api/v1/reviews", json!({"week": "2026-03-02"})).await;
    let whole = got(&kit, "/api/v1/trace/incidents/inc-1").await;
    assert_eq!((&whole["complete"], missing(&whole)), (&json!(true), Vec::new()), "{whole}");
    let names: Vec<&str> = whole["hops"].as_array().unwrap().iter().map(|hop| hop["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["change", "alarm", "alert", "andon", "incident", "coe", "action", "action", "policy", "refusal", "review"]);
    for start in [
        "changes/chg-1", "alarms/payments-errors", "alerts/alt-1", "andons/and-1", "coes/coe-1", "actions/act-1",
        "policies/idempotency", "reviews/2026-03-02-acme",
    ] {
        assert_eq!(got(&kit, &format!("/api/v1/trace/{start}")).await, whole, "{start}");
    }
}

#[tokio::test]
async fn a_trace_starts_at_something_that_exists_and_is_part_of_a_chain() {
    let kit = open().await;
    assert_eq!(kit.get("/api/v1/trace/incidents/inc-9").await.0, StatusCode::NOT_FOUND);
    assert_eq!(kit.get("/api/v1/trace/components/payments").await.1["code"], "REQ-0001");
    assert_eq!(kit.get("/api/v1/trace/nonsense/x").await.1["code"], "OBJ-0007");
}
