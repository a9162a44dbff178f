//! Webhooks: signed ones are taken once, forged ones leave a refusal and nothing else.

use andon_testkit::Testkit;
use hmac::{Hmac, Mac};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::shop::{actions, got, open};

const SECRET: &str = "It's a Secret to Everybody";

fn sign(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

async fn with_hook() -> Testkit {
    let kit = open().await;
    let hook = json!({"forge": "github", "secret": SECRET, "service": "payments"});
    let (status, answer) = kit.put("/api/v1/hooks/payments-repo", hook).await;
    assert_eq!((status, &answer["path"]), (StatusCode::OK, &json!("/hooks/github/payments-repo")));
    kit
}

async fn deliver(kit: &Testkit, event: &str, id: &str, body: &str, signature: &str) -> (StatusCode, Value) {
    let headers = [
        ("x-github-event", event),
        ("x-github-delivery", id),
        ("x-hub-signature-256", signature),
        ("content-type", "application/json"),
    ];
    let (status, text) = kit.send(None, Method::POST, "/hooks/github/payments-repo", &headers, body).await;
    (status, serde_json::from_str(&text).unwrap())
}

async fn signed(kit: &Testkit, event: &str, id: &str, body: &Value) -> Value {
    let body = body.to_string();
    let (status, answer) = deliver(kit, event, id, &body, &sign(&body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

fn repository() -> Value {
    json!({"clone_url": "https://github.com/acme/payments.git"})
}

fn push() -> Value {
    let commit = |digit: &str, at: &str| {
        json!({"id": digit.repeat(40), "message": "Do it\n\nwell", "timestamp": at,
               "author": {"name": "Maya", "email": "maya@acme.example"}})
    };
    json!({"ref": "refs/heads/main", "before": "1".repeat(40), "after": "3".repeat(40), "repository": repository(),
           "commits": [commit("2", "2026-03-01T08:00:00Z"), commit("3", "2026-03-01T09:00:00Z")]})
}

fn deployment(id: i64, sha: &str, state: Option<&str>) -> Value {
    let mut body = json!({"action": "created", "repository": repository(), "deployment": {
        "id": id, "sha": sha.repeat(40), "ref": "main", "environment": "production",
        "creator": {"login": "octocat"}, "created_at": "2026-03-02T08:00:00Z"}});
    if let Some(state) = state {
        body["deployment_status"] = json!({"state": state, "created_at": "2026-03-02T08:10:00Z"});
    }
    body
}

#[tokio::test]
async fn a_forged_delivery_is_refused_recorded_once_a_minute_and_leaves_nothing() {
    let kit = with_hook().await;
    let body = push().to_string();
    for signature in [sign("another body"), "sha256=00".to_owned(), String::new()] {
        let (status, problem) = deliver(&kit, "push", "d-1", &body, &signature).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("AUT-0004")));
    }
    let (status, _) = kit.send(None, Method::POST, "/hooks/github/nobody", &[("x-hub-signature-256", &sign(&body))], body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let refusals: Vec<_> = actions(&kit, None).await.into_iter().filter(|action| action == "hook.refused").collect();
    assert_eq!(refusals.len(), 2, "one of the source, one of the unknown source");
    assert_eq!(got(&kit, "/api/v1/repositories").await["items"], json!([]));
    kit.advance("2m").await;
    deliver(&kit, "push", "d-1", "{}", "sha256=00").await;
    assert_eq!(actions(&kit, None).await[0], "hook.refused");
}

#[tokio::test]
async fn a_signed_push_brings_its_commits_once() {
    let kit = with_hook().await;
    assert_eq!(signed(&kit, "push", "d-1", &push()).await["commits"], 2);
    assert!(signed(&kit, "push", "d-1", &push()).await["ignored"].is_string());
    assert_eq!(signed(&kit, "push", "d-2", &push()).await["commits"], 0);
    let repository = got(&kit, "/api/v1/repositories").await["items"][0].clone();
    assert_eq!((&repository["repository"], &repository["commits"]), (&json!("https://github.com/acme/payments"), &json!(2)));
    assert!(signed(&kit, "ping", "d-3", &json!({"zen": "x"})).await["ignored"].is_string());
}

#[tokio::test]
async fn a_deployment_and_its_end_are_one_change_in_either_order() {
    let kit = with_hook().await;
    signed(&kit, "push", "d-1", &push()).await;
    signed(&kit, "deployment_status", "d-2", &deployment(1, "2", Some("success"))).await;
    signed(&kit, "deployment", "d-3", &deployment(1, "2", None)).await;
    let first = got(&kit, "/api/v1/changes/chg-1").await;
    assert_eq!((&first["status"]["outcome"], &first["status"]["deployedAt"]), (&json!("succeeded"), &json!("2026-03-02T08:10:00Z")));
    kit.advance("1h").await;
    let mut later = deployment(2, "3", None);
    later["deployment"]["created_at"] = json!("2026-03-02T09:30:00Z");
    signed(&kit, "deployment", "d-4", &later).await;
    later["deployment_status"] = json!({"state": "success", "created_at": "2026-03-02T09:40:00Z"});
    signed(&kit, "deployment_status", "d-5", &later).await;
    let second = got(&kit, "/api/v1/changes/chg-2").await;
    assert_eq!((&second["status"]["commitCount"], &second["status"]["authors"]), (&json!(1), &json!(["Maya"])));
    assert_eq!(second["status"]["timeToValueMs"], (24 * 60 + 40) * 60_000);
    let events = got(&kit, "/api/v1/events?object=change:default/chg-2").await;
    assert_eq!(events["items"][0]["actor"]["principal"], "hook:payments-repo");
    assert_eq!(got(&kit, "/api/v1/changes").await["total"], 2);
}

#[tokio::test]
async fn a_release_and_a_form_are_taken_too() {
    let kit = with_hook().await;
    let release = json!({"action": "published", "repository": repository(), "release": {
        "id": 7, "tag_name": "v1.2.0", "name": "Spring", "target_commitish": "main", "author": {"login": "maya"},
        "draft": false, "published_at": "2026-03-02T08:00:00Z"}});
    let body = format!("payload={}", release.to_string().replace('%', "%25").replace('&', "%26").replace('+', "%2B"));
    let headers = [
        ("x-github-event", "release"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-hub-signature-256", &sign(&body)),
    ];
    let (status, text) = kit.send(None, Method::POST, "/hooks/github/payments-repo", &headers, body.clone()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let change = got(&kit, "/api/v1/changes/chg-1").await;
    assert_eq!((&change["spec"]["version"], &change["spec"]["environment"]), (&json!("v1.2.0"), &json!("release")));
}

#[tokio::test]
async fn the_secret_is_given_to_nobody() {
    let kit = with_hook().await;
    let (_, list) = kit.get("/api/v1/hooks").await;
    let (_, events) = kit.get("/api/v1/events?limit=200").await;
    assert!(list["items"][0]["source"] == "payments-repo" && events["items"][0]["action"] == "hook.configured");
    for text in [list.to_string(), events.to_string()] {
        assert!(!text.contains("Everybody"), "{text}");
    }
    let short = json!({"forge": "github", "secret": "x", "service": "payments"});
    assert_eq!(kit.put("/api/v1/hooks/a", short).await.1["place"], "secret");
    let unknown = json!({"forge": "github", "secret": SECRET, "service": "nope"});
    assert_eq!(kit.put("/api/v1/hooks/a", unknown).await.1["place"], "service");
}

#[tokio::test]
async fn a_signed_body_that_cannot_be_read_is_refused_and_may_be_sent_again() {
    let kit = with_hook().await;
    let (status, problem) = deliver(&kit, "push", "d-1", "{", &sign("{")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("REQ-0001")));
    assert_eq!(signed(&kit, "push", "d-1", &push()).await["commits"], 2);
}
