//! Elasticsearch's bulk requests, Loki's pushes and GELF over HTTP, from the body to the answer.

use andon_ingest::{ContentEncoding, InputAnswer, LokiRequest, bulk, index_document, post_gelf, push_loki};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::memory_sink::MemorySink;

async fn send(sink: &MemorySink, body: &str, pieces: usize) -> InputAnswer {
    let pieces = body.as_bytes().chunks(pieces).map(|piece| Ok::<_, String>(Bytes::copy_from_slice(piece)));
    bulk(sink, futures::stream::iter(pieces.collect::<Vec<_>>()), ContentEncoding::Identity, "path").await
}

fn body_of(answer: &InputAnswer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[tokio::test]
async fn each_action_has_its_own_result_in_order() {
    let sink = MemorySink::default();
    let body = [
        r#"{"index":{"_index":"logs","_id":"a"}}"#, r#"{"message":"one"}"#,
        r#"{"create":{}}"#, r#"{"message":"two"}"#,
        r#"{"delete":{"_id":"a"}}"#,
        r#"{"update":{"_id":"a"}}"#, r#"{"doc":{}}"#,
        r#"{"create":{}}"#, "[]",
        r#"{"nothing":{}}"#, r#"{"message":"of no action"}"#,
        r#"{"index":{}}"#, r#"{"message":"three"}"#,
    ]
    .join("\n");
    for pieces in [1, 7, 1_000] {
        let answer = send(&sink, &body, pieces).await;
        let told = body_of(&answer);
        assert_eq!((answer.status, answer.accepted, &told["errors"]), (200, 3, &json!(true)));
        let items: Vec<_> = told["items"].as_array().expect("items").iter().map(|item| {
            let (name, result) = item.as_object().and_then(|item| item.iter().next()).expect("one result");
            (name.as_str(), result["status"].as_u64().expect("a status"), result["_index"].as_str().expect("an index"))
        }).collect();
        assert_eq!(items, [
            ("index", 201, "logs"), ("create", 201, "path"), ("delete", 400, "path"), ("update", 400, "path"), ("create", 400, "path"),
            ("index", 400, "path"), ("index", 201, "path"),
        ]);
        assert_eq!(told["items"][0]["index"]["_id"], json!("a"));
        let rows = sink.taken();
        let messages: Vec<_> = rows.iter().map(|row| row.message.as_str()).collect();
        assert_eq!(messages, ["one", "two", "three"]);
    }
}

#[tokio::test]
async fn a_store_that_is_full_is_told_per_request_or_per_action() {
    let pair = "{\"index\":{}}\n{\"message\":\"x\"}\n";
    let answer = send(&MemorySink::full_after(0), &pair.repeat(10), 64).await;
    assert_eq!((answer.status, answer.accepted, answer.retry_after_s.is_some()), (429, 0, true));
    assert_eq!(body_of(&answer)["status"], json!(429));

    // The first batch is stored, the second one is not.
    let many = andon_ingest::limits::BATCH_LINES + 10;
    let answer = send(&MemorySink::full_after(1), &pair.repeat(many), 1_024).await;
    let told = body_of(&answer);
    let items = told["items"].as_array().expect("items");
    let count = |status: u64| items.iter().filter(|item| item["index"]["status"] == json!(status)).count();
    assert_eq!((answer.status, items.len()), (200, many));
    assert_eq!(count(201) as u64, answer.accepted);
    assert_eq!(count(201) + count(429), many);
    assert!(count(201) > 0 && count(429) > 0);
    assert_eq!(answer.refused.iter().map(|(_, lines)| *lines).sum::<u64>(), count(429) as u64);
}

#[tokio::test]
async fn a_body_that_is_no_bulk_request_is_refused_whole() {
    for body in ["no JSON", "{\"message\":\"without action\"}\n", "[1]\n{}"] {
        let answer = send(&MemorySink::default(), body, 64).await;
        assert_eq!((answer.status, body_of(&answer)["status"].as_u64()), (400, Some(400)), "{body}");
    }
    let answer = send(&MemorySink::default(), "", 64).await;
    assert_eq!((answer.status, body_of(&answer)["items"].clone()), (200, json!([])));
}

#[tokio::test]
async fn one_document_is_answered_with_its_id() {
    let sink = MemorySink::default();
    let answer = index_document(&sink, br#"{"message":"hi"}"#, ContentEncoding::Identity, "shop", Some("7")).await;
    assert_eq!((answer.status, body_of(&answer)["_id"].clone()), (201, json!("7")));
    assert_eq!(sink.taken()[0].service, "shop");
    let answer = index_document(&sink, b"no", ContentEncoding::Identity, "shop", None).await;
    assert_eq!((answer.status, body_of(&answer)["error"]["type"].clone()), (400, json!("document_parsing_exception")));
}

#[tokio::test]
async fn a_push_and_a_gelf_message_are_answered_in_their_own_way() {
    let body = json!({"streams": [{"stream": {"app": "shop"}, "values": [["1767225600000000000", "one"], ["1767225600000000000", "two"]]}]}).to_string();
    let request = LokiRequest { content_type: Some("application/json"), content_encoding: None, tenant: None, body: body.as_bytes() };
    let sink = MemorySink::default();
    let answer = push_loki(&sink, request).await;
    assert_eq!((answer.status, answer.accepted, answer.body.len()), (204, 2, 0));
    let answer = push_loki(&MemorySink::full_after(0), request).await;
    assert_eq!((answer.status, answer.retry_after_s.is_some(), answer.refused[0].1), (503, true, 2));
    let answer = push_loki(&sink, LokiRequest { body: b"{}", ..request }).await;
    assert_eq!(answer.status, 400);

    let answer = post_gelf(&sink, br#"{"short_message":"hi"}{"short_message":"ho"}"#.to_vec(), "10.0.0.7").await;
    assert_eq!((answer.status, answer.accepted), (202, 2));
    let answer = post_gelf(&sink, b"{".to_vec(), "10.0.0.7").await;
    assert_eq!((answer.status, answer.refused[0].0.code.as_str()), (400, "gelf-malformed"));
    assert_eq!(sink.taken().len(), 4);
}
