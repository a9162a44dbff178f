//! What users rely on of alarms, through the platform on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use andon_api::ObjectRef;
use andon_module::Module;
use andon_objects::{Clock, EventQuery};
use andon_testkit::Testkit;
use http::{Method, StatusCode};
use serde_json::Value;

const TEAM: &str = r#"
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-team}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments}
spec: {type: service, lifecycle: production, owner: payments-team}
"#;

fn alarm(threshold: u32) -> String {
    format!(
        r#"
apiVersion: andon.dev/v1
kind: Alarm
metadata: {{name: payments-errors, title: Payments fails}}
spec:
  service: component:default/payments
  query: service:payments AND level:error
  window: 10s
  threshold: {threshold}
  clearWindows: 2
"#
    )
}

fn modules() -> Vec<Module> {
    vec![andon_catalog::module(), andon_signals::module()]
}

async fn kit() -> Testkit {
    let kit = Testkit::new(modules()).await;
    kit.apply(TEAM).await;
    kit.apply(&alarm(2)).await;
    kit.settle().await;
    kit.advance("20s").await;
    kit
}

fn errors(kit: &Testkit, count: usize) {
    for _ in 0..count {
        kit.logs.add(kit.clock.now().as_microsecond(), "payments", "error", "charge failed");
    }
}

async fn actions(kit: &Testkit) -> Vec<String> {
    let query =
        EventQuery { object: ObjectRef::parse("alarm:payments-errors", None, "default").ok(), ..EventQuery::default() };
    let events = kit.world.store.events(&query).await.unwrap();
    events.into_iter().map(|event| event.action).filter(|action| action != "alarm.applied").collect()
}

async fn status(kit: &Testkit) -> Value {
    kit.get("/api/v1/alarms/payments-errors").await.1["status"].clone()
}

#[tokio::test]
async fn failing_lines_fire_the_alarm_within_half_a_minute_and_quiet_resolves_it() {
    let kit = kit().await;
    assert_eq!(status(&kit).await["state"], "ok");
    errors(&kit, 7);
    kit.advance("10s").await;
    kit.advance("5s").await;
    let fired = status(&kit).await;
    assert_eq!(fired["state"], "firing");
    assert_eq!(fired["value"], 7.0);
    assert_eq!(
        fired["reason"],
        "7 lines of `service:payments AND level:error` in the 10s to 09:00:30 UTC, more than 2"
    );
    kit.advance("10s").await;
    assert_eq!(status(&kit).await["state"], "firing", "one fine window is not enough");
    kit.advance("10s").await;
    assert_eq!(status(&kit).await["state"], "ok");
    assert_eq!(actions(&kit).await, ["alarm.cleared", "alarm.fired", "alarm.resolved"]);
}

#[tokio::test]
async fn every_window_is_in_the_chart_but_only_changes_are_events() {
    let kit = kit().await;
    errors(&kit, 7);
    kit.advance("5m").await;
    let (code, chart) = kit.get("/api/v1/alarms/payments-errors/evaluations?since=1h").await;
    assert_eq!(code, StatusCode::OK);
    let counts = chart["counts"].as_array().unwrap();
    assert!(counts.len() >= 31, "{chart}");
    assert_eq!(counts.iter().filter(|count| **count == 7).count(), 1);
    assert_eq!(chart["threshold"], 2.0);
    assert_eq!(chart["bucketUs"], 10_000_000);
    let states: Vec<_> = chart["states"].as_array().unwrap().iter().map(|state| state["state"].clone()).collect();
    assert_eq!(states, ["ok", "firing", "ok"]);
    assert_eq!(actions(&kit).await.len(), 3);
}

#[tokio::test]
async fn lines_that_the_store_does_not_vouch_for_make_the_alarm_unknown_and_resolve_nothing() {
    let kit = kit().await;
    errors(&kit, 7);
    kit.advance("10s").await;
    assert_eq!(status(&kit).await["state"], "firing");
    kit.logs.hold_watermark(Some(kit.clock.now().as_microsecond()));
    kit.advance("20s").await;
    assert_eq!(status(&kit).await["state"], "firing", "the store may still catch up");
    kit.advance("40s").await;
    let unknown = status(&kit).await;
    assert_eq!(unknown["state"], "unknown");
    assert!(unknown["reason"].as_str().unwrap().contains("has not confirmed"), "{unknown}");
    kit.logs.hold_watermark(None);
    kit.advance("40s").await;
    assert_eq!(actions(&kit).await, ["alarm.cleared", "alarm.fired", "alarm.unknown", "alarm.resolved"]);
}

#[tokio::test]
async fn time_in_which_andon_was_down_is_unknown_and_not_fine() {
    let kit = kit().await;
    errors(&kit, 7);
    kit.advance("10s").await;
    let kit = {
        let kit = kit.reopen(modules(), None).await;
        kit.clock.advance("2m");
        kit.settle().await;
        kit
    };
    let unknown = status(&kit).await;
    assert_eq!(unknown["state"], "unknown");
    assert!(unknown["reason"].as_str().unwrap().contains("Andon was not running"), "{unknown}");
    kit.advance("40s").await;
    assert_eq!(actions(&kit).await, ["alarm.cleared", "alarm.fired", "alarm.unknown", "alarm.resolved"]);
}

#[tokio::test]
async fn a_changed_question_starts_afresh_and_keeps_the_open_alert() {
    let kit = kit().await;
    errors(&kit, 7);
    kit.advance("10s").await;
    kit.apply(&alarm(20)).await;
    kit.advance("10s").await;
    assert_eq!(status(&kit).await["state"], "firing");
    kit.advance("20s").await;
    assert_eq!(actions(&kit).await, ["alarm.cleared", "alarm.fired", "alarm.resolved"]);
}

#[tokio::test]
async fn two_servers_evaluate_an_alarm_once() {
    let kit = kit().await;
    let other = andon_signals::module();
    errors(&kit, 7);
    kit.clock.advance("10s");
    other.controllers[0].reconcile(&kit.world).await.unwrap();
    kit.settle().await;
    other.controllers[0].reconcile(&kit.world).await.unwrap();
    assert_eq!(actions(&kit).await, ["alarm.cleared", "alarm.fired"]);
    // The lease of a server that has gone runs out, and the other one goes on.
    kit.clock.advance("2m");
    other.controllers[0].reconcile(&kit.world).await.unwrap();
    assert_eq!(actions(&kit).await.last().unwrap(), "alarm.resolved");
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_with_its_place() {
    let kit = kit().await;
    let broken = alarm(2).replace("AND level:error", "AND (level:error");
    let (code, text) = kit.send(Some(&kit.token), Method::POST, "/api/v1/apply", &[], broken).await;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], "SIG-0001");
    assert!(problem["hint"].is_string());
}

#[tokio::test]
async fn an_alarm_that_is_deleted_is_forgotten() {
    let kit = kit().await;
    let (code, _) = kit.send(Some(&kit.token), Method::DELETE, "/api/v1/alarms/payments-errors", &[], "").await;
    assert!(code.is_success());
    kit.advance("1h").await;
    let rows = kit.world.store.fetch("SELECT alarm FROM alarm_evaluator", vec![]).await.unwrap();
    assert!(rows.is_empty());
}

const SAVED: &str = include_str!("../../src/examples/saved-search.yaml");

#[tokio::test]
async fn a_saved_search_is_kept_as_it_was_written_with_its_history() {
    let kit = Testkit::new(modules()).await;
    kit.apply(SAVED).await;
    let (code, found) = kit.get("/api/v1/saved-searches/payments-declined").await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(found["spec"]["query"], "service:payments AND level:error AND message:declined");
    assert_eq!(found["spec"]["columns"], serde_json::json!(["level", "service", "user_id"]));
    assert_eq!(found["spec"]["order"], "newest");
    kit.apply(&SAVED.replace("since: 1h", "since: 24h")).await;
    let (_, history) = kit.get("/api/v1/saved-searches/payments-declined/history").await;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(2), "{history}");
    let (_, list) = kit.get("/api/v1/saved-searches").await;
    assert_eq!(list["items"][0]["spec"]["title"], "Declined payments", "{list}");
}

#[tokio::test]
async fn a_saved_search_that_cannot_be_read_is_refused_with_the_column() {
    let kit = Testkit::new(modules()).await;
    let body = serde_json::json!({
        "apiVersion": "andon.dev/v1", "kind": "SavedSearch", "metadata": {"name": "broken"},
        "spec": {"title": "Broken", "query": "declined AND [1 TO"},
    });
    let (code, problem) = kit.put("/api/v1/saved-searches/broken", body).await;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["code"], "SIG-0002");
    assert!(problem["place"].as_str().is_some_and(|place| place.starts_with("spec.query[1:1")), "{problem}");
    let (code, _) = kit.get("/api/v1/saved-searches/broken").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}

const STREAM: &str = include_str!("../../src/examples/stream.yaml");

#[tokio::test]
async fn a_stream_is_kept_as_it_was_written() {
    let kit = Testkit::new(modules()).await;
    kit.apply(STREAM).await;
    let (code, found) = kit.get("/api/v1/streams/debug").await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(found["spec"]["retention"], serde_json::json!({"age": "1d", "size": "2GB"}));
    assert_eq!(found["spec"]["priority"], 10);
}

#[tokio::test]
async fn a_stream_that_lines_cannot_be_sorted_into_is_refused_with_the_place() {
    let kit = Testkit::new(modules()).await;
    for (name, spec, code, place) in [
        ("broken", serde_json::json!({"query": "level:(debug"}), "SIG-0003", "spec.query[1:"),
        ("boosted", serde_json::json!({"query": "debug^2"}), "SIG-0003", "spec.query[1:"),
        ("default", serde_json::json!({"query": "*"}), "SIG-0003", "metadata.name"),
        ("large", serde_json::json!({"query": "*", "retention": {"size": "much"}}), "OBJ-0002", ""),
    ] {
        let body = serde_json::json!({"apiVersion": "andon.dev/v1", "kind": "Stream", "metadata": {"name": name}, "spec": spec});
        let (status, problem) = kit.put(&format!("/api/v1/streams/{name}"), body).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some(code)), "{problem}");
        assert!(problem["place"].as_str().unwrap_or_default().starts_with(place), "{problem}");
    }
}
