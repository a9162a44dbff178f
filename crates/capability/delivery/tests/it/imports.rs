//! Imports: people's own history, refused whole or taken whole, counted once.

use andon_testkit::Testkit;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shop::{actions, done, got, open, refused};

const REPOSITORY: &str = "/api/v1/import/commits?repository=https://git.acme.example/payments.git";

fn sha(number: usize) -> String {
    format!("{number:040x}")
}

/// One commit per hour from the first of January, each by one of two people.
fn commit(number: usize, parents: &[usize]) -> Value {
    let at = jiff::Timestamp::from_second(1_767_225_600 + 3_600 * i64::try_from(number).unwrap()).unwrap();
    json!({"sha": sha(number), "parents": parents.iter().map(|p| sha(*p)).collect::<Vec<_>>(),
           "author": if number % 2 == 0 { "Maya" } else { "Sam" }, "authoredAt": at, "committedAt": at, "subject": "Do"})
}

fn chain(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| commit(number, &number.checked_sub(1).into_iter().collect::<Vec<_>>())).collect()
}

async fn import(kit: &Testkit, path: &str, commits: &[Value]) -> (StatusCode, Value) {
    let lines: String = commits.iter().map(|commit| format!("{commit}\n")).collect();
    let (status, text) = kit.send(Some(&kit.token), Method::POST, path, &[], lines).await;
    (status, serde_json::from_str(&text).unwrap())
}

fn deploy(version: &str, number: usize, at: &str) -> Value {
    json!({"service": "payments", "commit": sha(number), "version": version, "finishedAt": at})
}

async fn counts(kit: &Testkit) -> Vec<(String, i64)> {
    let changes = got(kit, "/api/v1/changes?order=created&limit=100").await;
    let mut counts: Vec<(String, i64)> = changes["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let version = change["spec"]["version"].as_str().unwrap().to_owned();
            (version, change["status"]["commitCount"].as_i64().unwrap())
        })
        .collect();
    counts.sort();
    counts
}

#[tokio::test]
async fn a_history_is_taken_once_and_its_numbers_are_told() {
    let kit = open().await;
    let mut commits = chain(0..50);
    commits.push(commit(50, &[49, 10]));
    let path = format!("{REPOSITORY}&service=payments");
    let (status, answer) = import(&kit, &path, &commits).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"accepted": 51, "known": 0})));
    assert_eq!(import(&kit, &path, &commits).await.1, json!({"accepted": 0, "known": 51}));
    let repository = got(&kit, "/api/v1/repositories").await["items"][0].clone();
    assert_eq!(repository["repository"], "https://git.acme.example/payments");
    assert_eq!((&repository["commits"], &repository["merges"], &repository["authors"]), (&json!(51), &json!(1), &json!(2)));
    assert_eq!((&repository["firstAt"], &repository["service"]), (&json!("2026-01-01T00:00:00Z"), &json!("component:default/payments")));
    let imported: Vec<_> = actions(&kit, None).await.into_iter().filter(|action| action == "commits.imported").collect();
    assert_eq!(imported.len(), 1);
}

#[tokio::test]
async fn a_bad_line_refuses_the_whole_call_with_its_number() {
    let kit = open().await;
    let mut commits = chain(0..5);
    commits[3]["sha"] = json!("short");
    let (status, problem) = import(&kit, REPOSITORY, &commits).await;
    assert_eq!((status, &problem["code"], &problem["place"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("DEL-0005"), &json!("line 4")));
    assert_eq!(got(&kit, "/api/v1/repositories").await["items"], json!([]));
    let nowhere = format!("{REPOSITORY}&service=nope");
    assert_eq!(import(&kit, &nowhere, &chain(0..1)).await.1["code"], "DEL-0005");
    assert_eq!(import(&kit, "/api/v1/import/commits", &chain(0..1)).await.1["place"], "repository");
}

#[tokio::test]
async fn each_deploy_brings_the_commits_that_no_earlier_one_brought() {
    let kit = open().await;
    import(&kit, &format!("{REPOSITORY}&service=payments"), &chain(0..30)).await;
    let deploys = json!([
        deploy("v3", 25, "2026-02-03T00:00:00Z"), deploy("v1", 9, "2026-02-01T00:00:00Z"), deploy("v2", 19, "2026-02-02T00:00:00Z"),
    ]);
    let answer = done(&kit, "/api/v1/import/deploys", deploys.clone()).await;
    assert_eq!((&answer["accepted"], answer["changes"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(counts(&kit).await, [("v1".into(), 0), ("v2".into(), 10), ("v3".into(), 6)]);
    assert_eq!(done(&kit, "/api/v1/import/deploys", deploys).await["known"], 3);
    assert_eq!(got(&kit, "/api/v1/changes").await["total"], 3);
    let second = got(&kit, "/api/v1/changes?version=v2").await["items"][0].clone();
    assert_eq!(second["status"]["authors"], json!(["Maya", "Sam"]));
    let expected_ms = (31 * 24 + 24 - 10) * 3_600_000i64;
    assert_eq!((&second["status"]["timeToValueMs"], &second["status"]["outcome"]), (&json!(expected_ms), &json!("succeeded")));
    let first = got(&kit, "/api/v1/changes?version=v1").await["items"][0].clone();
    assert_eq!(first["status"]["timeToValueMs"], json!(null));
}

#[tokio::test]
async fn the_order_in_which_things_arrive_changes_no_number() {
    let kit = open().await;
    let deploys = [
        deploy("v3", 25, "2026-02-03T00:00:00Z"),
        deploy("v1", 9, "2026-02-01T00:00:00Z"),
        deploy("v2", 19, "2026-02-02T00:00:00Z"),
    ];
    for one in deploys {
        done(&kit, "/api/v1/import/deploys", json!([one])).await;
    }
    import(&kit, REPOSITORY, &chain(15..30)).await;
    import(&kit, REPOSITORY, &chain(0..15)).await;
    kit.settle().await;
    assert_eq!(counts(&kit).await, [("v1".into(), 0), ("v2".into(), 10), ("v3".into(), 6)]);
    assert!(actions(&kit, None).await.contains(&"change.counted".to_owned()));
}

#[tokio::test]
async fn a_deploy_script_and_an_import_agree_on_one_line() {
    let kit = open().await;
    import(&kit, &format!("{REPOSITORY}&service=payments"), &chain(0..30)).await;
    done(&kit, "/api/v1/import/deploys", json!([deploy("v1", 9, "2026-02-01T00:00:00Z")])).await;
    let spec = json!({"service": "component:default/payments", "version": "v2", "commit": &sha(19)[..40]});
    let stages = json!([{"name": "deploy", "startedAt": "2026-02-02T00:00:00Z", "finishedAt": "2026-02-02T01:00:00Z"}]);
    let change = done(&kit, "/api/v1/changes", json!({"spec": spec, "stages": stages, "outcome": "succeeded"})).await;
    assert_eq!(change["status"]["commitCount"], 10);
    let running = json!({"service": "component:default/payments", "version": "v3", "commit": sha(24)});
    let change = done(&kit, "/api/v1/changes", json!({"spec": running})).await;
    assert_eq!((&change["status"]["commitCount"], &change["status"]["timeToValueMs"]), (&json!(5), &json!(null)));
}

#[tokio::test]
async fn bad_deploys_are_refused_whole_with_their_place() {
    let kit = open().await;
    let good = deploy("v1", 1, "2026-02-01T00:00:00Z");
    for (bad, place) in [
        (json!({"service": "nope", "commit": sha(1), "version": "1", "finishedAt": "2026-02-01T00:00:00Z"}), "[1].service"),
        (json!({"service": "payments", "commit": "HEAD", "version": "1", "finishedAt": "2026-02-01T00:00:00Z"}), "[1].commit"),
        (json!({"service": "payments", "commit": sha(1), "version": "", "finishedAt": "2026-02-01T00:00:00Z"}), "[1].version"),
        (json!({"service": "payments", "commit": sha(1), "version": "1", "finishedAt": "yesterday"}), "[1]"),
        (json!({"service": "payments", "commit": sha(1), "version": "1", "finishedAt": "2036-02-01T00:00:00Z"}), "[1].stages[0]"),
    ] {
        let answer = refused(&kit, "/api/v1/import/deploys", json!([good, bad])).await;
        assert_eq!(answer, ("DEL-0005".to_owned(), place.to_owned()));
    }
    assert_eq!(got(&kit, "/api/v1/changes").await["total"], 0);
}

#[tokio::test]
async fn twenty_thousand_commits_in_one_call_are_taken_and_counted() {
    let kit = open().await;
    let (status, answer) = import(&kit, &format!("{REPOSITORY}&service=payments"), &chain(0..20_000)).await;
    assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &json!(20_000)));
    let deploys = json!([deploy("v1", 99, "2026-02-01T00:00:00Z"), deploy("v2", 19_999, "2026-02-02T00:00:00Z")]);
    done(&kit, "/api/v1/import/deploys", deploys).await;
    assert_eq!(counts(&kit).await, [("v1".into(), 0), ("v2".into(), 19_900)]);
}
