//! Pages reach somebody, whatever fails on the way.

use andon_objects::{EventQuery, Priority};
use http::{Method, StatusCode};
use serde_json::json;

use crate::shop::{Shop, link_in};

#[tokio::test]
async fn a_page_that_nobody_answers_goes_to_the_next_step_and_an_answer_stops_it() {
    let shop = Shop::open().await;
    shop.trigger().await;
    assert_eq!(shop.mailed(), ["maya"]);
    shop.kit.advance("4m59s").await;
    assert_eq!(shop.mailed(), ["maya"], "she has five minutes");
    shop.kit.advance("1s").await;
    assert_eq!(shop.mailed(), ["maya", "sam"]);
    let (code, alert) = shop.kit.post("/api/v1/alerts/alt-1/acknowledge", json!({})).await;
    assert_eq!(code, StatusCode::OK, "{alert}");
    assert_eq!(alert["status"]["state"], "acknowledged");
    shop.kit.advance("1h").await;
    assert_eq!(shop.mailed(), ["maya", "sam"]);
    let pages = shop.object("/api/v1/pages?since=7d").await;
    assert_eq!(pages["states"]["accepted"], 2);
    assert_eq!(pages["overdue"], 0);
}

#[tokio::test]
async fn at_the_end_the_catch_all_is_paged_and_the_alert_never_falls_silent() {
    let shop = Shop::open().await;
    shop.trigger().await;
    shop.kit.advance("5m").await;
    shop.kit.advance("5m").await;
    assert_eq!(shop.mailed(), ["maya", "sam", "lee"]);
    assert!(shop.alert().await["status"]["stalled"].is_string());
    shop.kit.advance("4h").await;
    assert_eq!(shop.mailed(), ["maya", "sam", "lee", "maya"]);
}

#[tokio::test]
async fn the_link_of_a_page_shows_the_alert_and_acknowledges_only_by_its_button() {
    let shop = Shop::open().await;
    shop.trigger().await;
    let mail = shop.mailbox.mails()[0].clone();
    assert!(mail.contains("Subject: [sev3] payments: Slow"), "{mail}");
    assert!(mail.contains("text/plain") && mail.contains("text/html"));
    let link = link_in(&mail);
    for _ in 0..2 {
        let (code, page) = shop.kit.send(None, Method::GET, &link, &[], "").await;
        assert_eq!(code, StatusCode::OK);
        assert!(page.contains("Acknowledge as maya") && !page.contains("<script"), "{page}");
        assert!(page.contains("payments") && page.contains("alt-1"));
    }
    assert_eq!(shop.alert().await["status"]["state"], "triggered", "mail scanners open every link");
    let (code, _) = shop.kit.send(None, Method::POST, &format!("{link}/acknowledge"), &[], "").await;
    assert_eq!(code, StatusCode::SEE_OTHER);
    let alert = shop.alert().await;
    assert_eq!(alert["status"]["acknowledgedBy"], "user:default/maya");
    let (_, page) = shop.kit.send(None, Method::GET, &link, &[], "").await;
    assert!(page.contains("maya is on it since"), "{page}");
    let event = shop.events("alert.acknowledged").await.remove(0);
    assert_eq!(event.actor.principal, "user:default/maya");
    assert_eq!(event.rules, ["whoever-was-paged-may-acknowledge"]);
}

#[tokio::test]
async fn a_link_that_is_damaged_or_old_shows_nothing() {
    let shop = Shop::open().await;
    shop.trigger().await;
    let link = link_in(&shop.mailbox.mails()[0]);
    let damaged = format!("{}x", &link[..link.len() - 1]);
    let (code, page) = shop.kit.send(None, Method::GET, &damaged, &[], "").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    assert!(!page.contains("alt-1"));
    let (code, _) = shop.kit.send(None, Method::POST, &format!("{damaged}/acknowledge"), &[], "").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    shop.kit.clock.advance("73h");
    let (code, _) = shop.kit.send(None, Method::GET, &link, &[], "").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_webhook_that_fails_is_tried_again_with_the_same_identity() {
    let shop = Shop::open().await;
    shop.reach("maya", "0s").await;
    shop.hook.answers(&[503, 500]);
    shop.trigger().await;
    assert_eq!(shop.alert().await["status"]["pages"][0]["state"], "pending");
    shop.kit.advance("2s").await;
    shop.kit.advance("3s").await;
    let got = shop.hook.got();
    assert_eq!(got.len(), 3);
    let key = got[0].header("idempotency-key").unwrap();
    assert!(got.iter().all(|one| one.header("idempotency-key").as_deref() == Some(&key)));
    let signed = got[0].header("x-andon-signature").unwrap();
    assert!(signed.starts_with("sha256=") && signed.len() == 71, "{signed}");
    let page = shop.alert().await["status"]["pages"][0].clone();
    assert_eq!((page["state"].as_str(), page["attempts"].as_i64()), (Some("accepted"), Some(3)));
    assert!(!shop.events("page.delayed").await.is_empty());
    let body = &got[2].body;
    assert_eq!(body["alert"]["reference"], "alert:default/alt-1");
    assert!(body["link"].as_str().unwrap().starts_with("http://andon.test/p/"));
}

#[tokio::test]
async fn a_receiver_that_refuses_for_good_brings_the_next_step_at_once() {
    let shop = Shop::open().await;
    shop.reach("maya", "0s").await;
    shop.hook.answers(&[404]);
    shop.trigger().await;
    assert_eq!(shop.mailed(), ["sam"], "maya has a webhook that does not work, so sam is paged at once");
    let failed = shop.events("page.failed").await.remove(0).payload.unwrap();
    assert!(failed["failure"].as_str().unwrap().contains("404"));
    let (_, method) = shop.kit.get("/api/v1/contact-methods/maya-hook").await;
    assert!(method["status"]["lastFailure"].is_string());
    assert_eq!(method["spec"]["secret"], "(secret)");
}

#[tokio::test]
async fn a_slow_way_waits_its_delay_and_is_not_used_after_an_answer() {
    let shop = Shop::open().await;
    shop.reach("maya", "1m").await;
    shop.trigger().await;
    assert!(shop.hook.got().is_empty());
    shop.kit.post("/api/v1/alerts/alt-1/acknowledge", json!({})).await;
    shop.kit.advance("10m").await;
    assert!(shop.hook.got().is_empty());
    assert_eq!(shop.alert().await["status"]["pages"][0]["state"], "cancelled");
}

#[tokio::test]
async fn pages_and_timers_survive_a_crash() {
    let shop = Shop::open().await;
    // Accepted, and then the server dies before anything was sent.
    let labels = json!({"alertname": "Slow", "service": "payments"});
    assert_eq!(shop.post_alert(labels, json!({"endsAt": "2026-03-09T00:00:00Z"})).await, 200);
    assert!(shop.mailed().is_empty());
    let shop = shop.reopen().await;
    shop.kit.settle().await;
    assert_eq!(shop.mailed(), ["maya"]);
    let shop = shop.reopen().await;
    shop.kit.clock.advance("20m");
    shop.kit.settle().await;
    assert_eq!(shop.mailed(), ["maya", "sam"], "what became due meanwhile runs at once");
}

#[tokio::test]
async fn a_crash_between_sending_and_noting_sends_at_most_one_more() {
    let shop = Shop::open().await;
    shop.reach("maya", "0s").await;
    let labels = json!({"alertname": "Slow", "service": "payments"});
    assert_eq!(shop.post_alert(labels, json!({"endsAt": "2026-03-09T00:00:00Z"})).await, 200);
    // A sender leases the page, the receiver gets it, and the sender dies before it notes that.
    let leased = shop
        .kit
        .world
        .store
        .write(Priority::Page, |tx| Box::pin(async move { tx.lease("page", 10, 10_000).await }))
        .await
        .unwrap();
    let headers = [("content-type", "application/json"), ("idempotency-key", leased[0].id.as_str())];
    shop.kit.world.egress.post(&shop.hook.url, &headers, b"{}".to_vec()).await.unwrap();
    let shop = shop.reopen().await;
    shop.kit.settle().await;
    assert_eq!(shop.hook.got().len(), 1, "the lease holds");
    for _ in 0..5 {
        shop.kit.advance("11s").await;
    }
    let got = shop.hook.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].header("idempotency-key"), got[1].header("idempotency-key"));
}

#[tokio::test]
async fn an_alert_that_reaches_nobody_says_so_and_pages_as_soon_as_somebody_can_be_reached() {
    let shop = Shop::open().await;
    let labels = json!({"alertname": "Slow", "service": "storefront"});
    shop.post_alert(labels, json!({"endsAt": "2026-03-09T00:00:00Z"})).await;
    shop.kit.settle().await;
    shop.kit.advance("5m").await;
    let unroutable = shop.events("page.unroutable").await;
    assert_eq!(unroutable.len(), 1, "it is said once");
    let stalled = shop.alert().await["status"]["stalled"].as_str().unwrap().to_owned();
    assert!(stalled.contains("group:default/storefront-team has no escalation policy"), "{stalled}");
    shop.kit
        .apply("apiVersion: andon.dev/v1\nkind: EscalationPolicy\nmetadata: {name: all}\nspec: {owner: acme, steps: [{targets: [\"user:default/lee\"]}]}\n")
        .await;
    shop.kit.advance("1m").await;
    assert_eq!(shop.mailed(), ["lee"], "the policy of a group above counts");
    let alert = shop.alert().await;
    assert_eq!(alert["status"].get("stalled"), None);
    assert_eq!(alert["spec"]["escalationPolicy"], "escalationpolicy:default/all");
}

#[tokio::test]
async fn the_self_audit_sees_pages_that_do_not_go_out() {
    let shop = Shop::open().await;
    shop.reach("maya", "0s").await;
    shop.hook.answers(&[503; 50]);
    shop.trigger().await;
    shop.kit.advance("40s").await;
    let now = shop.kit.world.now();
    let overdue = andon_response::overdue_pages(&shop.kit.world.store, now).await.unwrap();
    assert_eq!(overdue, 1);
    assert_eq!(shop.events("paging.delayed").await.len(), 1);
    shop.kit.post("/api/v1/alerts/alt-1/acknowledge", json!({})).await;
    shop.kit.advance("1s").await;
    assert_eq!(shop.events("paging.recovered").await.len(), 1);
}

#[tokio::test]
async fn somebody_who_may_only_read_cannot_acknowledge() {
    let shop = Shop::open().await;
    shop.trigger().await;
    let reader = shop.kit.new_token(Some("user:default/ruth"), "reader").await;
    let (code, text) = shop.kit.send(Some(&reader), Method::POST, "/api/v1/alerts/alt-1/acknowledge", &[], "").await;
    assert_eq!(code, StatusCode::FORBIDDEN, "{text}");
    let engineer = shop.kit.new_token(Some("user:default/lee"), "engineer").await;
    let (code, text) = shop.kit.send(Some(&engineer), Method::POST, "/api/v1/alerts/alt-1/acknowledge", &[], "").await;
    assert_eq!(code, StatusCode::OK, "{text}");
    assert_eq!(shop.alert().await["status"]["acknowledgedBy"], "user:default/lee");
    let query = EventQuery { action: Some("alert.acknowledged".to_owned()), ..EventQuery::default() };
    let event = shop.kit.world.store.events(&query).await.unwrap().remove(0);
    assert_eq!(event.rules, ["engineers-may-work"]);
}
