//! The COE: opened by machine, gated, published, guarded.

use http::{Method, StatusCode};
use serde_json::json;

use crate::shop::{action, change, done, got, incident, observe, open, record, refused, write_coe};

#[tokio::test]
async fn a_mitigated_incident_has_a_draft_with_every_fact_before_anybody_opens_it() {
    let kit = open().await;
    incident(&kit).await;
    let coe = got(&kit, "/api/v1/coes?incident=incident:default/inc-1").await["items"][0].clone();
    assert_eq!(coe["metadata"]["name"], "coe-1");
    assert_eq!((&coe["spec"]["owner"], &coe["spec"]["severity"]), (&json!("group:default/payments-team"), &json!("sev2")));
    let status = &coe["status"];
    let impact = &status["impact"];
    assert_eq!((&impact["durationMs"], &impact["timeToDetectMs"], &impact["failingLines"]), (&json!(840_000), &json!(30_000), &json!(40)));
    assert_eq!(impact["cases"], json!(["4711"]));
    assert_eq!(impact["services"], json!(["component:default/payments", "component:default/checkout"]));
    assert_eq!(status["change"], "change:default/chg-1");
    assert_eq!((&status["graph"]["threshold"], &status["graph"]["bucketUs"]), (&json!(2.0), &json!(30_000_000)));
    assert!(status["timeline"].to_string().contains("they were charged twice"), "{status}");
    assert!(status["openGates"].as_array().unwrap().len() >= 4, "{status}");
    let (_, events) = kit.get("/api/v1/events?object=coe:default/coe-1&action=coe.opened").await;
    assert_eq!(events["items"][0]["actor"]["principal"], "system:learning");
}

#[tokio::test]
async fn the_facts_follow_the_incident_while_people_write_and_their_words_stay() {
    let kit = open().await;
    incident(&kit).await;
    write_coe(&kit).await;
    let mut incident = got(&kit, "/api/v1/incidents/inc-1").await;
    incident["status"]["acknowledgedAt"] = json!("2026-03-02T09:02:30Z");
    record(&kit, "Incident", "inc-1", incident["spec"].clone(), incident["status"].clone()).await;
    let coe = got(&kit, "/api/v1/coes/coe-1").await;
    assert_eq!(coe["status"]["impact"]["timeToAcknowledgeMs"], 120_000);
    assert!(coe["spec"]["summary"].as_str().unwrap().starts_with("For 14 minutes"));
}

#[tokio::test]
async fn a_less_severe_incident_gets_a_coe_when_asked_for_and_only_one() {
    let kit = open().await;
    let spec = json!({"title": "Slow", "severity": "sev3", "services": ["component:default/checkout"]});
    record(&kit, "Incident", "inc-7", spec, json!({"state": "resolved", "startedAt": "2026-03-02T08:00:00Z"})).await;
    assert_eq!(got(&kit, "/api/v1/coes").await["total"], 0);
    let (status, coe) = kit.post("/api/v1/incidents/inc-7/coe", json!({})).await;
    assert_eq!((status, &coe["spec"]["incident"]), (StatusCode::CREATED, &json!("incident:default/inc-7")));
    let (status, again) = kit.post("/api/v1/incidents/inc-7/coe", json!({})).await;
    assert_eq!((status, &again["metadata"]["name"]), (StatusCode::OK, &coe["metadata"]["name"]));
    assert_eq!(refused(&kit, "/api/v1/incidents/inc-9/coe", json!({})).await["code"], "OBJ-0001");
}

#[tokio::test]
async fn an_andon_that_was_upheld_leads_to_a_coe_and_one_that_was_not_does_not() {
    let kit = open().await;
    done(&kit, "/api/v1/andons", json!({"scope": "checkout", "reason": "the button is grey"})).await;
    done(&kit, "/api/v1/andons/and-1/release", json!({"countermeasure": "it was the customer's browser"})).await;
    assert_eq!(got(&kit, "/api/v1/coes").await["total"], 0);
    kit.advance("10m").await;
    let bad = change(&kit, "checkout", "5", json!({})).await;
    done(&kit, "/api/v1/andons", json!({"scope": "checkout", "reason": "the basket is empty"})).await;
    change(&kit, "checkout", "4", json!({"changeType": "rollback", "rollsBack": format!("change:default/{bad}")})).await;
    done(&kit, "/api/v1/andons/and-2/release", json!({"countermeasure": "rolled back"})).await;
    let coes = got(&kit, "/api/v1/coes").await;
    assert_eq!((&coes["total"], &coes["items"][0]["spec"]["andon"]), (&json!(1), &json!("andon:default/and-2")));
    assert_eq!(coes["items"][0]["spec"]["title"], "the basket is empty");
}

#[tokio::test]
async fn a_coe_is_published_when_its_gates_are_met_and_then_its_text_stands() {
    let kit = open().await;
    incident(&kit).await;
    assert_eq!(refused(&kit, "/api/v1/coes/coe-1/state", json!({"state": "published"})).await["code"], "LRN-0001");
    done(&kit, "/api/v1/coes/coe-1/state", json!({"state": "inReview"})).await;
    let problem = refused(&kit, "/api/v1/coes/coe-1/state", json!({"state": "published"})).await;
    assert!(problem["facts"]["missing"].as_array().unwrap().len() >= 4, "{problem}");
    write_coe(&kit).await;
    action(&kit, "Refuse untested payments", "prevent", json!({"type": "policyEnforced", "policy": "idempotency"})).await;
    action(&kit, "Alarm on failing payments", "detect", json!({"type": "alarmFired", "alarm": "payments-errors"})).await;
    assert_eq!(got(&kit, "/api/v1/coes/coe-1").await["status"]["openGates"], json!([]));
    let published = done(&kit, "/api/v1/coes/coe-1/state", json!({"state": "published"})).await;
    assert_eq!(published["status"]["state"], "published");
    assert!(published["status"]["publishedAt"].is_string());

    assert_eq!(refused(&kit, "/api/v1/coes/coe-1/state", json!({"state": "verified"})).await["code"], "LRN-0001");
    let mut coe = got(&kit, "/api/v1/coes/coe-1").await;
    coe["spec"]["summary"] = json!("All was well.");
    let (status, problem) = kit.put("/api/v1/coes/coe-1", coe).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("LRN-0001")));
    let (status, _) = kit.send(Some(&kit.token), Method::DELETE, "/api/v1/actions/act-1", &[], "").await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = kit.send(Some(&kit.token), Method::DELETE, "/api/v1/coes/coe-1", &[], "").await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_cause_that_names_a_colleague_keeps_the_gate_shut() {
    let kit = open().await;
    incident(&kit).await;
    write_coe(&kit).await;
    let mut coe = got(&kit, "/api/v1/coes/coe-1").await;
    coe["spec"]["factors"][0]["whys"].as_array_mut().unwrap().push(json!("Maya Lindqvist merged it"));
    kit.put("/api/v1/coes/coe-1", coe).await;
    kit.settle().await;
    let gates = got(&kit, "/api/v1/coes/coe-1").await["status"]["openGates"].to_string();
    assert!(gates.contains("names Maya Lindqvist"), "{gates}");
}

#[tokio::test]
async fn a_restart_opens_no_second_coe() {
    let kit = open().await;
    incident(&kit).await;
    observe(&kit, "incident:default/inc-1", got(&kit, "/api/v1/incidents/inc-1").await["status"].clone()).await;
    assert_eq!(got(&kit, "/api/v1/coes").await["total"], 1);
}
