//! The story: a change, failing lines, an alarm, the andon, a page, an incident that writes itself.

use andon_objects::Clock;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{Shop, link_in};

async fn deploy(shop: &Shop, version: &str, extra: Value) -> String {
    let now = shop.kit.clock.now();
    let mut spec = json!({"service": "component:default/payments", "version": version});
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let stage = json!({"name": "deploy", "startedAt": now, "finishedAt": now});
    let (code, change) =
        shop.kit.post("/api/v1/changes", json!({"spec": spec, "stages": [stage], "outcome": "succeeded"})).await;
    assert!(code.is_success(), "{change}");
    change["metadata"]["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn failing_lines_become_a_page_that_names_the_change_and_an_incident_with_its_story() {
    let shop = Shop::open().await;
    shop.watch().await;
    let change = deploy(&shop, "2", json!({"tests": {"idempotency": "missing"}})).await;
    shop.kit.advance("42s").await;
    shop.errors(7);
    shop.kit.advance("10s").await;
    shop.kit.advance("5s").await;

    // Within 30 s of the lines: an alert, a page, the andon, an incident.
    let alert = shop.alert().await;
    assert_eq!(alert["spec"]["source"], "alarm:default/payments-errors");
    assert_eq!(alert["status"]["incident"], "incident:default/inc-1");
    assert_eq!(shop.mailed(), ["maya"]);
    let mail = shop.mailbox.mails()[0].clone();
    assert!(mail.contains("Subject: [sev2] payments: Customers are charged twice"), "{mail}");
    assert!(mail.contains(&format!("{change} (payments 2): reached production")), "{mail}");
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["spec"]["title"], "Customers are charged twice");
    assert_eq!(incident["status"]["andons"], json!(["andon:default/and-1"]));

    // The change is ranked first, with reasons.
    let context = shop.object("/api/v1/incidents/inc-1/context").await;
    let suspect = &context["suspects"][0];
    assert_eq!(suspect["change"]["metadata"]["name"], json!(change));
    assert_eq!(
        suspect["reasons"],
        json!(["reached production 42 s before the first failing line", "same service", "no idempotency test"])
    );
    assert_eq!(context["histogram"]["threshold"], 2.0);
    assert_eq!(context["histogram"]["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 7);
    assert_eq!(context["failing"].as_array().unwrap().len(), 7);
    assert_eq!(context["owner"], "group:default/payments-team");
    assert_eq!(context["dependants"], json!(["component:default/storefront"]));
    assert_eq!(context["onCall"][0]["user"], "user:default/maya");

    // Customer service pulls the andon as well; a deploy is refused; maya answers; the rollback helps.
    let reporter = shop.kit.new_token(Some("user:default/ruth"), "reporter").await;
    let words = json!({"scope": "payments", "reason": "they were charged twice", "case": "4711"}).to_string();
    let (code, text) = shop.kit.send(Some(&reporter), Method::POST, "/api/v1/andons", &[], words).await;
    assert!(code.is_success(), "{text}");
    let (_, check) = shop.kit.post("/api/v1/check", json!({"scope": "payments", "version": "3"})).await;
    assert_eq!(check["allowed"], false);
    shop.kit.settle().await;
    let link = link_in(&mail);
    let (_, page) = shop.kit.send(None, Method::GET, &link, &[], "").await;
    assert!(page.contains("and-1 pulled") && page.contains(&change) && page.contains("inc-1"), "{page}");
    let (code, _) = shop.kit.send(None, Method::POST, &format!("{link}/acknowledge"), &[], "").await;
    assert_eq!(code, StatusCode::SEE_OTHER);
    deploy(&shop, "1", json!({"changeType": "rollback", "rollsBack": format!("change:default/{change}")})).await;
    shop.kit.advance("30s").await;
    let (code, answer) =
        shop.kit.post("/api/v1/andons/and-1/release", json!({"countermeasure": "rolled back to 1"})).await;
    assert!(code.is_success(), "{answer}");
    shop.kit.settle().await;

    assert_eq!(shop.alert().await["status"]["state"], "resolved");
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["status"]["state"], "mitigated");
    assert!(incident["status"]["acknowledgedAt"].is_string());
    let timeline = incident["status"]["timeline"].as_array().unwrap();
    let story: Vec<String> = timeline
        .iter()
        .map(|entry| format!("{}: {}", entry["entryType"].as_str().unwrap(), entry["text"].as_str().unwrap()))
        .collect();
    for wanted in [
        "change: chg-1: payments 2 to production, with the customer",
        "alarm: The first failing line: charge failed: timeout",
        "alarm: The alarm payments-errors fired: 7 lines",
        "alert: alt-1 “Payments fails” wants an answer and pages maya (mail)",
        "andon: The alarm pulled the andon on payments",
        "page: The page to maya by mail was accepted",
        "andon: ruth pulled the andon on payments as well: “they were charged twice” (case 4711)",
        "change: A change of payments 3 by token",
        "acknowledge: maya is on it (alt-1)",
        "change: chg-2: payments back to 1 in production",
        "alarm: The alarm payments-errors is fine again",
        "state: Every alert is over: customers are no longer hurt",
        "andon: token",
    ] {
        assert!(story.iter().any(|line| line.starts_with(wanted)), "{wanted} is missing in {story:#?}");
    }
    let times: Vec<&str> = timeline.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(shop.mailed(), ["maya"], "one page was enough");
}

#[tokio::test]
async fn an_andon_pulled_by_hand_pages_the_owner_and_opens_an_incident() {
    let shop = Shop::open().await;
    let reporter = shop.kit.new_token(Some("user:default/ruth"), "reporter").await;
    let words = json!({"scope": "payments", "reason": "they were charged twice", "case": "4711"}).to_string();
    let (code, text) = shop.kit.send(Some(&reporter), Method::POST, "/api/v1/andons", &[], words).await;
    assert!(code.is_success(), "{text}");
    shop.kit.settle().await;
    assert_eq!(shop.mailed(), ["maya"]);
    let mail = shop.mailbox.mails()[0].clone();
    assert!(mail.contains("The andon is pulled on payments: they were charged twice"), "{mail}");
    let incident = shop.object("/api/v1/incidents/inc-1").await;
    assert_eq!(incident["status"]["andons"], json!(["andon:default/and-1"]));
    // Whoever acknowledges the andon answers the page; its release ends the alert.
    shop.kit.post("/api/v1/andons/and-1/acknowledge", json!({})).await;
    shop.kit.settle().await;
    assert_eq!(shop.alert().await["status"]["state"], "acknowledged");
    shop.kit.post("/api/v1/andons/and-1/release", json!({"countermeasure": "refunded"})).await;
    shop.kit.settle().await;
    assert_eq!(shop.alert().await["status"]["state"], "resolved");
    assert_eq!(shop.object("/api/v1/incidents/inc-1").await["status"]["state"], "mitigated");
}

#[tokio::test]
async fn paging_goes_on_without_telemetry() {
    let shop = Shop::open().await;
    shop.watch().await;
    shop.kit.logs.hold_watermark(Some(0));
    shop.trigger().await;
    assert_eq!(shop.mailed(), ["maya"]);
}
