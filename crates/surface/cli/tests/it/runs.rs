//! Commands against a small server, with the streams caught.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use andon_cli::{Cli, Exit, Streams, run_with};
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use clap::Parser;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What was asked of the server: method, path with parameters, body.
type Asked = Arc<Mutex<Vec<(String, String, String)>>>;

struct Server {
    url: String,
    asked: Asked,
}

/// Starts a server that gives one answer per path; everything else is an Andon problem.
async fn server(answers: &[(&'static str, u16, Value)]) -> Server {
    let asked: Asked = Arc::default();
    let (told, answers) = (asked.clone(), answers.to_vec());
    let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
        let (told, answers) = (told.clone(), answers.clone());
        async move {
            told.lock()
                .unwrap()
                .push((method.to_string(), uri.to_string(), body));
            if headers
                .get("authorization")
                .is_none_or(|value| value != "Bearer t0ken")
            {
                return problem(401, "AUT-0001", "Nobody is signed in.");
            }
            match answers.iter().find(|(path, _, _)| uri.path() == *path) {
                Some((_, status, body)) => {
                    (StatusCode::from_u16(*status).unwrap(), body.to_string()).into_response()
                }
                None => problem(404, "OBJ-0001", "There is no such thing."),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await });
    Server { url, asked }
}

fn problem(status: u16, code: &str, detail: &str) -> axum::response::Response {
    let body = json!({"type": "", "title": "T", "status": status, "code": code, "detail": detail});
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

fn streams(terminal: bool) -> (Streams, Arc<Mutex<Vec<u8>>>, Arc<Mutex<Vec<u8>>>) {
    let (out, err) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(Mutex::new(Vec::new())),
    );
    let streams = Streams {
        out: out.clone(),
        err: err.clone(),
        out_is_terminal: terminal,
        err_is_terminal: false,
        colour: false,
    };
    (streams, out, err)
}

async fn run_in(url: &str, token: Option<&str>, arguments: &[&str], terminal: bool) -> Ran {
    let cli = Cli::try_parse_from(["andon", "--url", url].iter().chain(arguments)).unwrap();
    let (streams, out, err) = streams(terminal);
    let now: Timestamp = "2026-01-31T09:00:00Z".parse().unwrap();
    let exit = run_with(cli, token.map(str::to_owned), streams, now).await;
    let text =
        |bytes: Arc<Mutex<Vec<u8>>>| String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
    Ran {
        exit,
        out: text(out),
        err: text(err),
    }
}

async fn run(server: &Server, arguments: &[&str]) -> Ran {
    run_in(&server.url, Some("t0ken"), arguments, false).await
}

#[tokio::test]
async fn sql_prints_one_line_of_json() {
    let answer = json!({"columns": [{"name": "n", "type": "Int64"}], "rows": [[20_000]], "truncated": false, "elapsedUs": 5});
    let server = server(&[("/api/v1/sql", 200, answer)]).await;
    let ran = run(
        &server,
        &["sql", "-o", "json", "select count(*) as n from logs"],
    )
    .await;
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Exit::Ok, "[{\"n\":20000}]\n")
    );
    let ran = run_in(
        &server.url,
        Some("t0ken"),
        &["sql", "-o", "json", "select 1"],
        true,
    )
    .await;
    assert_eq!(ran.out, "[\n  {\n    \"n\": 20000\n  }\n]\n");
    let ran = run(&server, &["sql", "select 1"]).await;
    assert_eq!(ran.out, "    n\n20000\n");
}

#[tokio::test]
async fn a_refused_check_exits_with_one_and_the_reasons() {
    let answer = json!({"id": "c1", "allowed": false, "scope": "component:default/payments", "evaluated": ["andon", "policies"],
        "reasons": [{"code": "DEL-0001", "text": "The andon and-3 is pulled.", "object": "andon:default/and-3", "hint": "Roll back."},
                    {"code": "DEL-0002", "text": "No test.", "object": "policy:default/idempotency", "lesson": "coe:default/coe-1"}]});
    let server = server(&[("/api/v1/check", 200, answer)]).await;
    let ran = run(
        &server,
        &[
            "check",
            "--scope",
            "payments",
            "--test",
            "idempotency=missing",
            "--rollback",
        ],
    )
    .await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!("check-refused", ran.out);
    let asked = server.asked.lock().unwrap().remove(0);
    let body: Value = serde_json::from_str(&asked.2).unwrap();
    assert_eq!(
        body,
        json!({"scope": "payments", "environment": "production", "changeType": "rollback", "version": null,
        "commit": null, "tests": {"idempotency": "missing"}})
    );
}

#[tokio::test]
async fn a_recorded_change_prints_its_name_alone() {
    let answer = json!({"apiVersion": "andon.dev/v1", "kind": "Change", "metadata": {"name": "chg-7", "namespace": "default"}, "spec": {}});
    let server = server(&[("/api/v1/changes", 201, answer)]).await;
    let arguments = [
        "change",
        "record",
        "--service",
        "payments",
        "--version",
        "2",
        "--title",
        "-x",
        "--outcome",
        "succeeded",
        "--stage",
        "build=2026-01-31T08:00:00Z..2026-01-31T08:10:00Z,ci",
        "--rollback",
        "--rolls-back",
        "chg-6",
    ];
    let ran = run(&server, &arguments).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Ok, "chg-7\n"));
    let body: Value = serde_json::from_str(&server.asked.lock().unwrap()[0].2).unwrap();
    assert_eq!(body["spec"]["rollsBack"], "change:default/chg-6");
    assert_eq!(body["spec"]["service"], "component:default/payments");
    assert_eq!(body["stages"][0]["actor"], "ci");
}

#[tokio::test]
async fn scripts_tell_from_the_exit_code_what_happened() {
    let server = server(&[]).await;
    let nobody = run_in(&server.url, None, &["kinds"], false).await;
    assert_eq!((nobody.exit.code(), nobody.out.as_str()), (3, ""));
    assert!(
        nobody
            .err
            .starts_with("error[AUT-0001]: Nobody is signed in.\n  hint: Set ANDON_TOKEN."),
        "{}",
        nobody.err
    );
    assert_eq!(run(&server, &["status"]).await.exit.code(), 1);
    assert_eq!(
        run(
            &server,
            &[
                "change",
                "record",
                "--service",
                "a",
                "--version",
                "1",
                "--stage",
                "x=y"
            ]
        )
        .await
        .exit
        .code(),
        2
    );
    let gone = run_in(
        "http://127.0.0.1:1",
        Some("t0ken"),
        &["check", "--scope", "payments"],
        false,
    )
    .await;
    assert_eq!(gone.exit.code(), 4);
    assert!(
        gone.err
            .contains("error: Andon at http://127.0.0.1:1 cannot be reached"),
        "{}",
        gone.err
    );
    assert_eq!(
        run_in("nowhere", None, &["kinds"], false).await.exit.code(),
        2
    );
}

#[tokio::test]
async fn codes_are_explained_without_a_server() {
    let ran = run_in("http://127.0.0.1:1", None, &["explain", "del-0001"], false).await;
    assert_eq!(ran.exit, Exit::Ok);
    assert!(
        ran.out
            .starts_with("DEL-0001  The andon is pulled\n\nThe line is stopped"),
        "{}",
        ran.out
    );
    let ran = run_in("http://127.0.0.1:1", None, &["explain", "DEL-0009"], false).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("Did you mean DEL-000"), "{}", ran.err);
}

fn kinds() -> Value {
    json!({"items": [{"kind": "Component", "plural": "components", "apiVersion": "backstage.io/v1alpha1", "capability": "catalog",
        "nature": "resource", "summary": "A service.", "indexed": [], "references": [], "example": "",
        "columns": [{"title": "Name", "pointer": "/metadata/name"}, {"title": "Owner", "pointer": "/spec/owner"},
                    {"title": "Lifecycle", "pointer": "/spec/lifecycle"}]}]})
}

fn component(name: &str) -> Value {
    json!({"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name, "namespace": "default",
        "version": 1, "updatedAt": "2026-01-31T08:57:00Z"}, "spec": {"type": "service", "lifecycle": "production", "owner": "team-a"}})
}

#[tokio::test]
async fn a_list_is_a_table_for_people_and_an_array_for_programs() {
    let list = json!({"items": [component("payments"), component("checkout")], "total": 2});
    let server = server(&[
        ("/api/v1/kinds", 200, kinds()),
        ("/api/v1/components", 200, list),
    ])
    .await;
    let ran = run(
        &server,
        &["get", "component", "--filter", "owner=group:default/team-a"],
    )
    .await;
    assert_eq!(
        ran.out,
        "NAME      OWNER   LIFECYCLE   CHANGED\npayments  team-a  production  3m ago\ncheckout  team-a  production  3m ago\n"
    );
    assert_eq!(
        server.asked.lock().unwrap()[1].1,
        "/api/v1/components?limit=1000&order=-created&owner=group%3Adefault%2Fteam-a"
    );
    let ran = run(&server, &["get", "components", "-o", "json"]).await;
    assert_eq!(ran.out.lines().count(), 1);
    assert_eq!(
        serde_json::from_str::<Value>(&ran.out).unwrap()[1]["metadata"]["name"],
        "checkout"
    );
    let ran = run(&server, &["get", "componets"]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.err.contains("Did you mean `components`?"),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn files_are_applied_in_one_request_and_told_one_by_one() {
    let results = json!({"dryRun": true, "results": [{"object": component("a"), "action": "created"}, {"object": component("b"), "action": "unchanged"}]});
    let server = server(&[("/api/v1/apply", 200, results)]).await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "b.yml"] {
        std::fs::write(folder.path().join(name), "apiVersion: v1\nkind: A\n").unwrap();
    }
    let ran = run(
        &server,
        &["apply", "-f", folder.path().to_str().unwrap(), "--dry-run"],
    )
    .await;
    assert_eq!(
        ran.out,
        "OBJECT               DONE       VERSION\ncomponent:default/a  created          1\ncomponent:default/b  unchanged        1\n"
    );
    assert_eq!(
        ran.err,
        "1 created, 1 unchanged (dry run: nothing was stored)\n"
    );
    let asked = server.asked.lock().unwrap().remove(0);
    assert_eq!(asked.1, "/api/v1/apply?dryRun=true");
    let path = folder.path().display();
    assert_eq!(
        asked.2,
        format!(
            "# andon-file: {path}/a.yaml\napiVersion: v1\nkind: A\n# andon-file: {path}/b.yml\napiVersion: v1\nkind: A\n"
        )
    );
}

#[tokio::test]
async fn a_damaged_ledger_exits_with_one() {
    let verdict = json!({"ok": false, "events": 10, "head": "ab", "erased": 0, "checkpoints": 0, "firstBad": 4, "reason": "the hash differs"});
    let server = server(&[("/api/v1/audit/verify", 200, verdict)]).await;
    let ran = run(&server, &["audit", "verify"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(
        ran.out.contains("from entry 4 on") && ran.out.contains("the hash differs"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn log_lines_are_shown_in_the_order_of_their_time() {
    let row = |second: u32, message: &str| json!({"id": message, "timestamp": format!("2026-01-31T08:59:0{second}Z"), "severity": "error", "service": "payments", "message": message});
    let answer = json!({"rows": [row(2, "second"), row(1, "first")], "next": null, "complete": false, "missing": ["node-2"]});
    let server = server(&[("/api/v1/logs", 200, answer)]).await;
    let ran = run(&server, &["logs", "level:error", "--since", "15m"]).await;
    assert_eq!(
        ran.out,
        "2026-01-31T08:59:01.000Z  error  payments  first\n2026-01-31T08:59:02.000Z  error  payments  second\n"
    );
    assert!(ran.err.contains("missing: node-2"), "{}", ran.err);
    let ran = run(&server, &["logs", "level:error", "-o", "json"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&ran.out).unwrap()[0]["message"],
        "second"
    );
}

#[tokio::test]
async fn a_token_is_printed_alone() {
    let server = server(&[(
        "/api/v1/tokens",
        201,
        json!({"token": "andon_abc", "id": "id-1"}),
    )])
    .await;
    let ran = run(
        &server,
        &[
            "token",
            "create",
            "--user",
            "maya",
            "--role",
            "engineer",
            "--expires-in",
            "90d",
        ],
    )
    .await;
    assert_eq!((ran.out.as_str(), ran.exit), ("andon_abc\n", Exit::Ok));
    let body: Value = serde_json::from_str(&server.asked.lock().unwrap()[0].2).unwrap();
    assert_eq!(
        body,
        json!({"roles": ["engineer"], "description": "", "user": "user:default/maya", "expiresIn": "90d"})
    );
}

#[tokio::test]
async fn a_bad_line_of_deploys_is_told_and_nothing_is_sent() {
    let server = server(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deploys.csv");
    std::fs::write(&path, "service,commit,version,finished_at\npayments,abcdef1,2,2026-01-31T09:00:00Z\npayments,abcdef1,3,tomorrow\n").unwrap();
    let ran = run(&server, &["import", "deploys", path.to_str().unwrap()]).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(
        ran.err
            .contains("error[DEL-0005]: `tomorrow` in `finished_at` is no time.")
            && ran.err.contains("deploys.csv:3"),
        "{}",
        ran.err
    );
    assert!(server.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_demo_is_played_to_its_end() {
    let steps = |state: &str| json!({"steps": [{"id": "change", "title": "Change", "text": "Version 2.", "state": state, "detail": "chg-1", "link": "/changes/chg-1"}], "next": if state == "waiting" { json!("change") } else { Value::Null }});
    let server = server(&[
        ("/api/v1/demo", 200, steps("waiting")),
        ("/api/v1/demo/next", 200, steps("done")),
    ])
    .await;
    let ran = run(&server, &["demo"]).await;
    assert_eq!(ran.exit, Exit::Ok);
    assert!(
        ran.out
            .contains(&format!("  done  chg-1\n  {}/changes/chg-1\n", server.url)),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn a_chain_that_is_not_whole_names_the_missing_hop() {
    let trace = json!({"complete": false, "hops": [{"name": "incident", "object": "incident:default/inc-1", "title": "Charged twice", "at": "2026-01-31T08:00:00Z"},
        {"name": "coe", "title": "", "missing": "there is none; run `andon incident coe inc-1`"}]});
    let kinds = json!({"items": [{"kind": "Incident", "plural": "incidents", "apiVersion": "andon.dev/v1", "capability": "response", "nature": "record"}]});
    let server = server(&[
        ("/api/v1/kinds", 200, kinds),
        ("/api/v1/trace/incidents/inc-1", 200, trace),
    ])
    .await;
    for arguments in [&["trace", "inc-1"][..], &["trace", "incident", "inc-1"]] {
        let ran = run(&server, arguments).await;
        assert!(
            ran.out.contains("missing: there is none") && ran.out.ends_with("missing  coe\n"),
            "{}",
            ran.out
        );
    }
}

/// A reader that has gone away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let cli = Cli::try_parse_from(["andon", "explain", "DEL-0001"]).unwrap();
    let (mut streams, _, err) = streams(false);
    streams.out = Arc::new(Mutex::new(Gone));
    let exit = run_with(cli, None, streams, Timestamp::UNIX_EPOCH).await;
    assert_eq!((exit.code(), err.lock().unwrap().len()), (0, 0));
}

#[test]
fn words_that_are_nearly_right_bring_the_right_one() {
    for (arguments, wanted) in [
        (&["andon", "chek"][..], "check"),
        (&["andon", "import", "deploy"], "deploys"),
        (&["andon", "get", "x", "-o", "jsno"], "json"),
        (&["andon", "coe", "state", "coe-1", "publish"], "published"),
        (&["andon", "check", "--scop", "x"], "--scope"),
    ] {
        let error = Cli::try_parse_from(arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}
