//! The andon: anybody stops the line, nothing goes but a rollback, a countermeasure lets it run.

use std::sync::Arc;

use andon_api::event::Actor;
use andon_api::kinds::delivery::CheckRequest;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_module::{BoxFuture, Gate, Module, Scope, Verdict, World};
use andon_objects::{EventDraft, Priority};
use andon_testkit::Testkit;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{actions, check, done, got, open, open_with, refused};

async fn send(kit: &Testkit, token: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let (status, text) = kit.send(Some(token), Method::POST, path, &[], body.to_string()).await;
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn customer_service_stops_the_line_and_a_countermeasure_lets_it_run() {
    let kit = open().await;
    let ida = kit.new_token(Some("user:default/ida"), "reporter").await;
    let pull = json!({"scope": "payments", "reason": "they were charged twice", "case": "4711"});
    let (status, andon) = send(&kit, &ida, "/api/v1/andons", pull).await;
    assert_eq!((status, &andon["metadata"]["name"]), (StatusCode::OK, &json!("and-1")));
    assert_eq!(andon["spec"]["pulledBy"], "user:default/ida");

    let answer = check(&kit, "payments").await;
    assert_eq!((&answer["allowed"], &answer["reasons"][0]["code"]), (&json!(false), &json!("DEL-0001")));
    let words = answer["reasons"][0]["text"].as_str().unwrap();
    assert!(words.contains("they were charged twice") && words.contains("4711") && words.contains("ida"), "{words}");
    assert_eq!(actions(&kit, Some("component:default/payments")).await[0], "check.refused");

    let rollback = json!({"scope": "payments", "changeType": "rollback"});
    assert_eq!(done(&kit, "/api/v1/check", rollback).await["allowed"], true);

    let (status, _) = send(&kit, &ida, "/api/v1/andons/and-1/release", json!({"countermeasure": "x"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    done(&kit, "/api/v1/andons/and-1/acknowledge", json!({})).await;
    assert_eq!(check(&kit, "payments").await["allowed"], false);
    let blank = refused(&kit, "/api/v1/andons/and-1/release", json!({"countermeasure": " "})).await;
    assert_eq!(blank, ("DEL-0004".into(), "countermeasure".into()));
    done(&kit, "/api/v1/andons/and-1/release", json!({"countermeasure": "rolled back to version 1"})).await;
    assert_eq!(check(&kit, "payments").await["allowed"], true);
    let story = ["andon.released", "andon.acknowledged", "andon.pulled"];
    assert_eq!(actions(&kit, Some("andon:default/and-1")).await, story);
}

#[tokio::test]
async fn a_reporter_may_pull_and_look_and_nothing_else() {
    let kit = open().await;
    let ida = kit.new_token(Some("user:default/ida"), "reporter").await;
    for (path, body) in [
        ("/api/v1/changes", json!({"spec": {"service": "component:default/payments", "version": "1"}})),
        ("/api/v1/check", json!({"scope": "payments"})),
        ("/api/v1/import/deploys", json!([])),
    ] {
        assert_eq!(send(&kit, &ida, path, body).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let (status, _) = kit.send(Some(&ida), Method::GET, "/api/v1/line", &[], "").await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = kit.send(None, Method::POST, "/api/v1/andons", &[], r#"{"scope":"payments"}"#).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn further_pulls_join_the_andon_that_stands() {
    let kit = open().await;
    for (reason, case) in [("charged twice", "1"), ("charged twice too", "2"), ("charged twice", "1")] {
        let andon = done(&kit, "/api/v1/andons", json!({"scope": "payments", "reason": reason, "case": case})).await;
        assert_eq!(andon["metadata"]["name"], "and-1");
    }
    let andon = got(&kit, "/api/v1/andons/and-1").await;
    assert_eq!(andon["spec"]["cases"], json!(["1", "2"]));
    assert_eq!(andon["status"]["pulls"].as_array().unwrap().len(), 1);
    assert_eq!(actions(&kit, Some("andon:default/and-1")).await, ["andon.joined", "andon.pulled"]);
    done(&kit, "/api/v1/andons/and-1/release", json!({"countermeasure": "mended"})).await;
    let next = done(&kit, "/api/v1/andons", json!({"scope": "payments"})).await;
    assert_eq!(next["metadata"]["name"], "and-2");
}

#[tokio::test]
async fn a_system_and_the_whole_line_cover_their_services() {
    let kit = open().await;
    done(&kit, "/api/v1/andons", json!({"scope": "system:shop"})).await;
    for (scope, allowed) in [("payments", false), ("checkout", false), ("system:shop", false), ("elsewhere", true), ("*", false)] {
        assert_eq!(check(&kit, scope).await["allowed"], allowed, "{scope}");
    }
    let line = got(&kit, "/api/v1/line?scope=payments").await;
    assert_eq!((&line["stopped"], line["andons"].as_array().unwrap().len()), (&json!(true), 1));
    done(&kit, "/api/v1/andons", json!({"scope": "*"})).await;
    assert_eq!(check(&kit, "elsewhere").await["allowed"], false);
    assert_eq!(check(&kit, "payments").await["reasons"].as_array().unwrap().len(), 2);
    assert_eq!(got(&kit, "/api/v1/line").await["andons"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_typing_error_is_no_stopped_line() {
    let kit = open().await;
    assert_eq!(refused(&kit, "/api/v1/andons", json!({"scope": "paymnets"})).await, ("OBJ-0001".into(), "scope".into()));
    assert_eq!(refused(&kit, "/api/v1/check", json!({"scope": "paymnets"})).await.0, "OBJ-0001");
    assert_eq!(refused(&kit, "/api/v1/andons", json!({"scope": "group:acme"})).await.0, "OBJ-0003");
    let shop = done(&kit, "/api/v1/andons", json!({"scope": "shop"})).await;
    assert_eq!(shop["spec"]["scope"], "system:default/shop");
}

async fn fire(kit: &Testkit, alarm: &str) {
    let alarm = ObjectRef::new("Alarm", "default", alarm);
    kit.world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move { tx.record(EventDraft::new(Actor::system("signals"), "alarm.fired").object(alarm)).await })
        })
        .await
        .unwrap();
    kit.settle().await;
}

#[tokio::test]
async fn an_alarm_that_says_so_pulls_and_a_person_joins() {
    let kit = open().await;
    fire(&kit, "quiet").await;
    assert_eq!(got(&kit, "/api/v1/line").await["stopped"], false);
    fire(&kit, "payments-errors").await;
    let andon = got(&kit, "/api/v1/andons/and-1").await;
    assert_eq!((&andon["spec"]["pulledBy"], &andon["spec"]["alarm"]), (&json!("system:alarms"), &json!("alarm:default/payments-errors")));
    let events = got(&kit, "/api/v1/events?object=andon:default/and-1").await;
    assert_eq!(events["items"][0]["actor"]["principal"], "system:alarms");
    done(&kit, "/api/v1/andons", json!({"scope": "payments", "reason": "twice"})).await;
    assert_eq!(got(&kit, "/api/v1/andons").await["total"], 1);
}

#[tokio::test]
async fn five_minutes_without_an_answer_are_told_once() {
    let kit = open().await;
    done(&kit, "/api/v1/andons", json!({"scope": "payments"})).await;
    done(&kit, "/api/v1/andons", json!({"scope": "checkout"})).await;
    done(&kit, "/api/v1/andons/and-2/acknowledge", json!({})).await;
    kit.advance("4m59s").await;
    assert!(!actions(&kit, None).await.contains(&"andon.unanswered".to_owned()));
    kit.advance("1s").await;
    kit.advance("10m").await;
    let told: Vec<String> = actions(&kit, None).await.into_iter().filter(|action| action == "andon.unanswered").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(actions(&kit, Some("andon:default/and-1")).await[0], "andon.unanswered");
}

struct Broken(bool);

impl Gate for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn judge<'a>(&'a self, _: &'a World, _: &'a CheckRequest, _: &'a Scope) -> BoxFuture<'a, Result<Verdict, Problem>> {
        Box::pin(async move {
            assert!(!self.0, "a gate that panics");
            Err(Problem::new(ErrorCode::SystemUnavailable, "The engine is away."))
        })
    }
}

#[tokio::test]
async fn a_gate_that_fails_or_panics_refuses_and_the_others_are_still_heard() {
    let gates: Vec<Arc<dyn Gate>> = vec![Arc::new(Broken(false)), Arc::new(Broken(true))];
    let kit = open_with(vec![Module { name: "broken", gates, ..Module::default() }]).await;
    done(&kit, "/api/v1/andons", json!({"scope": "payments"})).await;
    let answer = check(&kit, "payments").await;
    let codes: Vec<_> = answer["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].clone()).collect();
    assert_eq!((&answer["allowed"], codes), (&json!(false), vec![json!("DEL-0001"), json!("GOV-0002"), json!("GOV-0002")]));
    let events = got(&kit, "/api/v1/events?action=check.refused").await;
    assert_eq!(events["items"][0]["payload"]["reasons"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_stands_still_stands_after_a_crash() {
    let kit = open().await;
    done(&kit, "/api/v1/andons", json!({"scope": "payments", "reason": "stop"})).await;
    let modules = vec![andon_catalog::module(), andon_delivery::module(), crate::shop::neighbours()];
    let mut kit = kit.reopen(modules, None).await;
    kit.token = kit.new_token(None, "administrator").await;
    assert_eq!(check(&kit, "payments").await["allowed"], false);
    let joined = done(&kit, "/api/v1/andons", json!({"scope": "payments", "reason": "still"})).await;
    assert_eq!(joined["metadata"]["name"], "and-1");
}
