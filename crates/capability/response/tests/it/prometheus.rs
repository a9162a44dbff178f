//! A Prometheus that takes Andon for an Alertmanager.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::Shop;

async fn post(shop: &Shop, body: Value) -> (StatusCode, Value) {
    shop.kit.post("/api/v2/alerts", body).await
}

#[tokio::test]
async fn a_firing_alert_pages_once_however_often_it_is_sent_and_resolves() {
    let shop = Shop::open().await;
    let alert = |ends: &str| {
        json!([{"labels": {"alertname": "HighLatency", "service": "payments", "severity": "warning"},
                "annotations": {"summary": "Payments is slow"}, "startsAt": "2026-03-02T09:00:00Z", "endsAt": ends,
                "generatorURL": "http://prometheus:9090/graph"}])
    };
    assert_eq!(post(&shop, alert("2026-03-02T09:04:00Z")).await.0, 200);
    shop.kit.settle().await;
    for minute in 1..4 {
        shop.kit.advance("1m").await;
        assert_eq!(post(&shop, alert(&format!("2026-03-02T09:0{}:00Z", 4 + minute))).await.0, 200);
        shop.kit.settle().await;
    }
    assert_eq!(shop.mailed(), ["maya"]);
    assert_eq!(shop.alert().await["spec"]["title"], "Payments is slow");
    assert_eq!(shop.alert().await["metadata"]["version"], 2, "refreshes are no versions");
    let (_, listed) = shop.kit.get("/api/v2/alerts?filter=severity%3D%22warning%22").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["startsAt"], "2026-03-02T09:00:00.000Z");
    assert_eq!(listed[0]["endsAt"], "2026-03-02T09:07:00.000Z");
    let (_, none) = shop.kit.get("/api/v2/alerts?filter=severity%3D%22critical%22").await;
    assert_eq!(none, json!([]));
    shop.kit.advance("30s").await;
    assert_eq!(post(&shop, alert("2026-03-02T09:03:20Z")).await.0, 200);
    shop.kit.settle().await;
    assert_eq!(shop.alert().await["status"]["state"], "resolved");
    // The resolve is sent again, and a firing message comes late: nothing opens.
    assert_eq!(post(&shop, alert("2026-03-02T09:03:20Z")).await.0, 200);
    assert_eq!(post(&shop, alert("2026-03-02T09:08:00Z")).await.0, 200);
    shop.kit.settle().await;
    assert_eq!(shop.mailed().len(), 1);
    assert_eq!(shop.kit.get("/api/v1/alerts/alt-2").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_alert_without_an_end_is_over_after_five_minutes_of_silence() {
    let shop = Shop::open().await;
    assert_eq!(post(&shop, json!([{"labels": {"alertname": "Up", "service": "payments"}}])).await.0, 200);
    shop.kit.settle().await;
    shop.kit.advance("4m59s").await;
    assert_eq!(shop.alert().await["status"]["state"], "triggered");
    shop.kit.advance("1s").await;
    assert_eq!(shop.alert().await["status"]["state"], "resolved");
}

#[tokio::test]
async fn the_valid_part_of_a_batch_is_taken_and_the_rest_is_named() {
    let shop = Shop::open().await;
    let body = json!([{"labels": {}}, {"labels": {"alertname": "A", "service": "payments"}}, {"labels": {"x": ""}}]);
    let (code, answer) = post(&shop, body).await;
    assert_eq!(code, StatusCode::BAD_REQUEST);
    assert_eq!(answer, "alert 0: at least one label pair required; alert 2: at least one label pair required");
    assert_eq!(shop.alert().await["spec"]["labels"]["alertname"], "A");
}

#[tokio::test]
async fn what_is_no_batch_is_answered_as_alertmanager_does() {
    let shop = Shop::open().await;
    let (code, answer) = post(&shop, json!({"labels": {}})).await;
    assert_eq!((code, &answer["code"]), (StatusCode::BAD_REQUEST, &json!(400)));
    let (code, text) = shop
        .kit
        .send(Some(&shop.kit.token), Method::POST, "/api/v2/alerts", &[("content-type", "text/plain")], "[]")
        .await;
    assert_eq!(code, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(text.contains("\"code\":415"));
    assert_eq!(post(&shop, json!([])).await.0, 200);
    let (code, status) = shop.kit.get("/api/v2/status").await;
    assert_eq!(code, 200);
    assert!(status["config"]["original"].is_string() && status["cluster"]["status"] == "disabled");
}

#[tokio::test]
async fn an_agents_token_may_send_alerts_and_a_stranger_may_not() {
    let shop = Shop::open().await;
    let agent = shop.kit.new_token(None, "ingest").await;
    let body = json!([{"labels": {"alertname": "A"}}]).to_string();
    let (code, text) = shop.kit.send(Some(&agent), Method::POST, "/api/v2/alerts", &[], body.clone()).await;
    assert_eq!(code, StatusCode::OK, "{text}");
    let (code, _) = shop.kit.send(None, Method::POST, "/api/v2/alerts", &[], body).await;
    assert_eq!(code, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_critical_alert_opens_an_incident_and_the_next_of_the_service_joins_it() {
    let shop = Shop::open().await;
    for (name, severity) in [("Down", "critical"), ("Slow", "warning")] {
        let labels = json!({"alertname": name, "service": "payments", "severity": severity});
        shop.post_alert(labels, json!({"endsAt": "2026-03-09T00:00:00Z"})).await;
        shop.kit.settle().await;
    }
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["spec"]["severity"], "sev1");
    assert_eq!(incident["status"]["alerts"], json!(["alert:default/alt-1", "alert:default/alt-2"]));
    assert_eq!(shop.kit.get("/api/v1/incidents/inc-2").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_joins_an_incident_later_does_not_move_its_start_but_brings_its_own_suspects() {
    let shop = Shop::open().await;
    shop.watch().await;
    let labels = json!({"alertname": "Down", "service": "payments", "severity": "critical"});
    shop.post_alert(labels, json!({"endsAt": "2026-03-09T00:00:00Z"})).await;
    shop.kit.settle().await;
    shop.kit.advance("20m").await;
    let started = shop.object("/api/v1/incidents/inc-1").await["status"]["startedAt"].clone();
    let stage = json!({"name": "deploy", "startedAt": "2026-03-02T09:20:10Z", "finishedAt": "2026-03-02T09:20:15Z"});
    let spec = json!({"service": "component:default/payments", "version": "2"});
    let (code, change) =
        shop.kit.post("/api/v1/changes", json!({"spec": spec, "stages": [stage], "outcome": "succeeded"})).await;
    assert!(code.is_success(), "{change}");
    shop.errors(7);
    shop.kit.advance("15s").await;
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["status"]["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(incident["status"]["startedAt"], started);
    assert_eq!(incident["status"]["suspects"][0]["change"], "change:default/chg-1");
}
