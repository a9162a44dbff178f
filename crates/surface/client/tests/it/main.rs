//! What a caller relies on when the other side answers, fails, lies or is not there.

use andon_client::{Client, ClientError, ServerEvent, Token};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Answers one request with the given bytes, and tells what was asked.
async fn answer_once(answer: String) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _gone = told.send(read_request(&mut stream).await);
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    (url, asked)
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let (mut request, mut part) = (String::new(), [0_u8; 4096]);
    loop {
        let count = stream.read(&mut part).await.unwrap();
        request.push_str(std::str::from_utf8(&part[..count]).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        });
        if body.len() >= length.map_or(0, |length| length.parse::<usize>().unwrap()) {
            return request;
        }
    }
}

fn http(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_call_carries_token_parameters_and_body() {
    let (url, asked) = answer_once(http(
        "201 Created",
        "application/json",
        "{\"id\":\"chg-1\"}",
    ))
    .await;
    let client = Client::new(
        &format!("{url}/mounted/"),
        Some(Token::parse("t0ken\n").unwrap()),
    )
    .unwrap();
    let answer: Value = client
        .post("/api/v1/changes")
        .query("since", "a b&c")
        .query_some("until", None::<&str>)
        .json(&json!({"a": 1}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer, json!({"id": "chg-1"}));
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("POST /mounted/api/v1/changes?since=a+b%26c HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("authorization: Bearer t0ken\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\n{\"a\":1}"), "{asked}");
}

#[tokio::test]
async fn a_stream_is_sent_as_it_comes() {
    let (url, asked) = answer_once(http("200 OK", "application/json", "{}")).await;
    let client = Client::new(&url, None).unwrap();
    let parts =
        futures::stream::iter(["one\n", "two\n"].map(|text| Ok::<_, std::io::Error>(text.into())));
    client
        .post("/x")
        .stream("application/x-ndjson", parts)
        .send_only()
        .await
        .unwrap();
    assert!(asked.await.unwrap().contains("transfer-encoding: chunked"));
}

#[tokio::test]
async fn a_problem_arrives_with_code_place_and_hint() {
    let body = json!({"type": "/help/errors/OBJ-0002", "title": "T", "status": 422, "code": "OBJ-0002",
        "detail": "It does not fit.", "place": "a.yaml:3:1", "hint": "Mend it.", "later": true});
    let (url, _asked) = answer_once(http(
        "422 Unprocessable Entity",
        "application/problem+json",
        &body.to_string(),
    ))
    .await;
    let error = Client::new(&url, None)
        .unwrap()
        .get("/x")
        .send::<Value>()
        .await
        .unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(
        (
            problem.code.as_str(),
            problem.place.as_deref(),
            problem.hint.as_deref()
        ),
        ("OBJ-0002", Some("a.yaml:3:1"), Some("Mend it."))
    );
}

#[tokio::test]
async fn what_is_not_andon_is_not_taken_for_it() {
    for (status, body) in [
        ("502 Bad Gateway", "<h1>Bad\ngateway</h1>"),
        ("200 OK", "<html>Welcome</html>"),
        ("302 Found", ""),
    ] {
        let (url, _asked) = answer_once(http(status, "text/html", body)).await;
        let error = Client::new(&url, None)
            .unwrap()
            .get("/x")
            .send::<Value>()
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::Foreign { .. }),
            "{status}: {error}"
        );
    }
    let (url, _asked) = answer_once(http("200 OK", "application/json", "[1]")).await;
    let error = Client::new(&url, None)
        .unwrap()
        .get("/x")
        .send::<String>()
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Shape { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(&url, None)
        .unwrap()
        .get("/x")
        .send::<Value>()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Andon at {url} cannot be reached: connection refused.")
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_half_an_answer() {
    let whole = http("200 OK", "application/json", "{\"items\":[1,2,3]}");
    let (url, _asked) = answer_once(whole[..whole.len() - 4].to_owned()).await;
    let error = Client::new(&url, None)
        .unwrap()
        .get("/x")
        .send::<Value>()
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_server_meets_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let call = Client::new(&url, None).unwrap();
    let error = call
        .get("/x")
        .deadline(std::time::Duration::from_millis(50))
        .send::<Value>()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no answer in time"), "{error}");
}

#[tokio::test]
async fn events_come_one_by_one_and_the_end_is_told() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
                  : alive\n\nevent: row\ndata: {\"a\":1}\n\nevent: row\ndata: half";
    let (url, _asked) = answer_once(answer.to_owned()).await;
    let mut events = Client::new(&url, None)
        .unwrap()
        .get("/x")
        .events()
        .await
        .unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(
        first,
        ServerEvent {
            name: "row".into(),
            data: "{\"a\":1}".into(),
            id: None
        }
    );
    assert!(
        events
            .next()
            .await
            .unwrap()
            .unwrap_err()
            .to_string()
            .contains("the stream ended")
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_refused_stream_is_a_problem() {
    let body =
        json!({"type": "", "title": "", "status": 401, "code": "AUT-0001", "detail": "Sign in."});
    let (url, _asked) = answer_once(http(
        "401 Unauthorized",
        "application/problem+json",
        &body.to_string(),
    ))
    .await;
    let error = Client::new(&url, None)
        .unwrap()
        .get("/x")
        .events()
        .await
        .unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.status), Some(401));
}
