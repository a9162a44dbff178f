//! Incidents that people lead.

use http::StatusCode;
use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn an_incident_is_opened_led_and_resolved_by_people() {
    let shop = Shop::open().await;
    let (code, opened) = shop
        .kit
        .post("/api/v1/incidents", json!({"title": "Refunds are late", "severity": "sev3", "services": ["payments"]}))
        .await;
    assert_eq!(code, StatusCode::CREATED, "{opened}");
    assert_eq!(opened["spec"]["services"], json!(["component:default/payments"]));
    let steps = [
        ("commander", json!({"user": "maya"})),
        ("notes", json!({"text": "The queue is full"})),
        ("state", json!({"state": "identified", "note": "A stuck worker"})),
        ("state", json!({"state": "mitigated"})),
        ("state", json!({"state": "resolved"})),
    ];
    for (verb, body) in steps {
        let (code, answer) = shop.kit.post(&format!("/api/v1/incidents/inc-1/{verb}"), body).await;
        assert_eq!(code, StatusCode::OK, "{answer}");
    }
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["status"]["state"], "resolved");
    assert!(incident["status"]["mitigatedAt"].is_string());
    assert_eq!(incident["spec"]["commander"], "user:default/maya");
    let texts: Vec<_> = incident["status"]["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "Opened the incident",
            "maya commands the incident",
            "The queue is full",
            "Moved to identified: A stuck worker",
            "Moved to mitigated",
            "Moved to resolved"
        ]
    );
    let (code, problem) = shop.kit.post("/api/v1/incidents/inc-1/state", json!({"state": "identified"})).await;
    assert_eq!((code, &problem["code"]), (StatusCode::CONFLICT, &json!("RSP-0004")));
    let actions = shop.actions("incident:inc-1").await;
    assert!(actions.contains(&"incident.resolved".to_owned()), "{actions:?}");
}

#[tokio::test]
async fn an_incident_with_an_open_alert_cannot_be_resolved() {
    let shop = Shop::open().await;
    let labels = json!({"alertname": "Down", "service": "payments", "severity": "critical"});
    shop.post_alert(labels, json!({"endsAt": "2026-03-09T00:00:00Z"})).await;
    shop.kit.settle().await;
    let (code, problem) = shop.kit.post("/api/v1/incidents/inc-1/state", json!({"state": "resolved"})).await;
    assert_eq!((code, &problem["code"]), (StatusCode::CONFLICT, &json!("RSP-0004")));
    shop.kit.post("/api/v1/alerts/alt-1/resolve", json!({})).await;
    shop.kit.settle().await;
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["status"]["state"], "mitigated", "its last alert is over");
    let (code, _) = shop.kit.post("/api/v1/incidents/inc-1/state", json!({"state": "resolved"})).await;
    assert_eq!(code, StatusCode::OK);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let shop = Shop::open().await;
    let post = |path: &'static str, body| shop.kit.post(path, body);
    let (code, problem) = post("/api/v1/incidents", json!({"title": " "})).await;
    assert_eq!((code, &problem["place"]), (StatusCode::BAD_REQUEST, &json!("body.title")));
    let (code, problem) = post("/api/v1/incidents", json!({"title": "x", "services": ["nothing"]})).await;
    assert_eq!((code, &problem["place"]), (StatusCode::NOT_FOUND, &json!("body.services")));
    let (code, _) = post("/api/v1/incidents", json!({"title": "x", "colour": "red"})).await;
    assert_eq!(code, StatusCode::BAD_REQUEST);
    let (code, _) = post("/api/v1/incidents/inc-9/notes", json!({"text": "x"})).await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    let (code, _) = post("/api/v1/alerts/alt-9/acknowledge", json!({})).await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}
