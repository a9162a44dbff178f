//! The pages that work without a script.

use andon_testkit::Testkit;
use http::{Method, StatusCode};
use serde_json::json;

use crate::shop::{done, got, open};

async fn page(kit: &Testkit, token: Option<&str>, method: Method, path: &str, form: &str) -> (StatusCode, String) {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    kit.send(token, method, path, &headers, form).await
}

#[tokio::test]
async fn customer_service_pulls_from_a_form_and_reads_what_was_stopped() {
    let kit = open().await;
    let ida = kit.new_token(Some("user:default/ida"), "reporter").await;
    let (status, form) = page(&kit, Some(&ida), Method::GET, "/pull?service=payments", "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(form.contains("value=\"component:default/payments\" selected>Payments &lt;&amp;&gt;"), "{form}");
    assert!(form.contains("system:default/shop") && !form.contains("<script"));
    let fields = "scope=component%3Adefault%2Fpayments&reason=they+were+charged+twice&case=4711";
    let (status, pulled) = page(&kit, Some(&ida), Method::POST, "/pull", fields).await;
    assert_eq!(status, StatusCode::OK, "{pulled}");
    for text in ["Payments &lt;&amp;&gt; is stopped", "2026-03-02 09:00:00 UTC", "they were charged twice", "4711", "Payments team", "and-1"] {
        assert!(pulled.contains(text), "{text} in {pulled}");
    }
    assert_eq!(got(&kit, "/api/v1/andons/and-1").await["spec"]["pulledBy"], "user:default/ida");
    let (status, again) = page(&kit, Some(&ida), Method::GET, "/pull?andon=and-1", "").await;
    assert!(status == StatusCode::OK && again.contains("is stopped"));
}

#[tokio::test]
async fn a_form_that_cannot_be_taken_keeps_what_was_written() {
    let kit = open().await;
    let (status, again) = page(&kit, Some(&kit.token), Method::POST, "/pull", "scope=nope&reason=my+long+words&case=7").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(again.contains(">my long words</textarea>") && again.contains("OBJ-0001"), "{again}");
    let (status, empty) = page(&kit, Some(&kit.token), Method::POST, "/pull", "reason=x").await;
    assert!(status.is_client_error() && empty.contains("Choose what is wrong."));
    assert_eq!(got(&kit, "/api/v1/andons").await["total"], 0);
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_asked_to() {
    let kit = open().await;
    for path in ["/pull", "/status"] {
        let (status, _) = page(&kit, None, Method::GET, path, "").await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
    }
}

#[tokio::test]
async fn the_board_tells_stopped_from_running() {
    let kit = open().await;
    let (status, board) = page(&kit, Some(&kit.token), Method::GET, "/status", "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(board.contains("● Running") && board.contains("? Unknown"), "an alarm that was not evaluated is not fine");
    done(&kit, "/api/v1/andons", json!({"scope": "payments", "reason": "twice"})).await;
    let (_, board) = page(&kit, Some(&kit.token), Method::GET, "/status", "").await;
    assert!(board.contains("1 stopped") && board.contains("■ Stopped") && board.contains("“twice”"), "{board}");
    done(&kit, "/api/v1/andons", json!({"scope": "*"})).await;
    let (_, board) = page(&kit, Some(&kit.token), Method::GET, "/status", "").await;
    assert!(board.contains("The whole line is stopped"));
}
