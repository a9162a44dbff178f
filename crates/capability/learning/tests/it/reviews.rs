//! The weekly review: live, frozen, drawn, and what the home page shows.

use http::StatusCode;
use serde_json::{Value, json};

use crate::shop::{action, change, done, got, incident, open, open_with, record, refused, write_coe};

fn row<'a>(pack: &'a Value, group: &str) -> &'a Value {
    let group = format!("group:default/{group}");
    pack["rows"].as_array().unwrap().iter().find(|row| row["group"] == group).unwrap()
}

#[tokio::test]
async fn the_week_is_rolled_up_from_the_team_to_the_company() {
    let kit = open().await;
    incident(&kit).await;
    change(&kit, "checkout", "1", json!({})).await;
    done(&kit, "/api/v1/check", json!({"scope": "payments"})).await;
    let pack = got(&kit, "/api/v1/review?week=2026-03-04").await;
    let team = row(&pack, "payments-team");
    assert_eq!((&team["changes"], &team["rollbacks"], &team["incidents"], &team["andonPulls"]), (&json!(1), &json!(1), &json!(1), &json!(1)));
    assert_eq!((&team["openCoes"], &team["refusals"]), (&json!(1), &json!(1)));
    let company = row(&pack, "acme");
    assert_eq!((&company["changes"], &company["incidents"], &company["depth"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(pack["incidents"], json!(["incident:default/inc-1"]));
    assert!(pack["adoption"].to_string().contains("coe-per-incident"));
    let other = got(&kit, "/api/v1/review?week=2026-03-04&group=web-team").await;
    assert_eq!((other["rows"].as_array().unwrap().len(), &other["incidents"]), (1, &json!([])));
    let empty = got(&kit, "/api/v1/review?week=2026-01-05").await;
    assert_eq!(row(&empty, "acme")["changes"], 0);
}

#[tokio::test]
async fn a_frozen_week_stays_as_it_was_and_its_draw_can_be_checked() {
    let kit = open().await;
    incident(&kit).await;
    let review = done(&kit, "/api/v1/reviews", json!({"week": "2026-03-04"})).await;
    let name = review["metadata"]["name"].as_str().unwrap();
    assert_eq!(name, "2026-03-02-acme");
    change(&kit, "payments", "9", json!({})).await;
    let (status, again) = kit.post("/api/v1/reviews", json!({"week": "2026-03-02", "group": "acme"})).await;
    assert_eq!((status, &again["status"]["packDigest"]), (StatusCode::OK, &review["status"]["packDigest"]));

    let drawn = done(&kit, &format!("/api/v1/reviews/{name}/spin"), json!({})).await;
    let team = drawn["status"]["draw"]["team"].as_str().unwrap();
    assert!(["group:default/payments-team", "group:default/web-team"].contains(&team));
    let spun_again = done(&kit, &format!("/api/v1/reviews/{name}/spin"), json!({})).await;
    assert_eq!(spun_again["status"]["draw"], drawn["status"]["draw"]);
    assert_eq!(got(&kit, &format!("/api/v1/reviews/{name}/verify")).await, json!({"packOk": true, "drawOk": true}));
    assert_eq!(refused(&kit, "/api/v1/reviews/2026-03-09-acme/spin", json!({})).await["code"], "OBJ-0001");
}

#[tokio::test]
async fn over_the_weeks_every_team_presents() {
    let kit = open().await;
    let mut teams = Vec::new();
    for week in 0..6 {
        kit.advance("7d").await;
        let review = done(&kit, "/api/v1/reviews", json!({"week": format!("2026-0{}-{:02}", 4 + week / 4, 1 + 7 * (week % 4))})).await;
        let name = review["metadata"]["name"].as_str().unwrap().to_owned();
        let drawn = done(&kit, &format!("/api/v1/reviews/{name}/spin"), json!({})).await;
        teams.push(drawn["status"]["draw"]["team"].as_str().unwrap().to_owned());
    }
    assert!(teams.iter().any(|team| team.ends_with("payments-team")) && teams.iter().any(|team| team.ends_with("web-team")), "{teams:?}");
}

#[tokio::test]
async fn a_review_of_what_does_not_exist_is_refused() {
    let kit = open().await;
    assert_eq!(refused(&kit, "/api/v1/reviews", json!({"week": "2026-03-04", "group": "gone"})).await["code"], "OBJ-0001");
    assert_eq!(kit.get("/api/v1/review?week=yesterday").await.1["code"], "REQ-0001");
    assert_eq!(kit.get("/api/v1/review?group=user:default/maya").await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn home_tells_who_is_on_call_where_the_server_hands_it_over() {
    let turn = andon_api::kinds::learning::OnCallTurn {
        schedule: andon_api::ObjectRef::new("schedule", "default", "payments"),
        owner: "payments-team".to_owned(),
        user: None,
        until: None,
    };
    let reader: andon_learning::OnCall = std::sync::Arc::new(move |_world| {
        let turns = vec![turn.clone()];
        Box::pin(async move { Ok(turns) })
    });
    let kit = open_with(andon_learning::module_with(reader)).await;
    assert_eq!(got(&kit, "/api/v1/home").await["onCall"], json!([{"schedule": "schedule:default/payments", "owner": "payments-team"}]));
    assert_eq!(got(&open().await, "/api/v1/home").await.get("onCall"), None);
}

#[tokio::test]
async fn home_says_what_is_wrong_what_changed_and_what_waits_for_me() {
    let kit = open().await;
    incident(&kit).await;
    write_coe(&kit).await;
    action(&kit, "Refuse untested payments", "prevent", json!({"type": "policyEnforced", "policy": "idempotency"})).await;
    let page = json!({"id": "p", "user": "user:default/maya", "channel": "email", "dueAt": kit.world.now(), "state": "accepted"});
    record(&kit, "Alert", "alt-2", json!({"title": "disk", "source": "prometheus", "dedupKey": "d"}), json!({"state": "triggered", "eventCount": 1, "pages": [page]})).await;
    let maya = kit.new_token(Some("user:default/maya"), "engineer").await;
    let (status, home) = kit.send(Some(&maya), http::Method::GET, "/api/v1/home", &[], "").await;
    assert_eq!(status, StatusCode::OK, "{home}");
    let home: Value = serde_json::from_str(&home).unwrap();
    let wrong: Vec<&str> = home["wrong"].as_array().unwrap().iter().map(|wrong| wrong["object"].as_str().unwrap()).collect();
    assert_eq!(wrong, ["andon:default/and-1", "alert:default/alt-2", "incident:default/inc-1"]);
    assert_eq!(home["changed"].as_array().unwrap().len(), 2);
    let waiting: Vec<&str> = home["waiting"].as_array().unwrap().iter().map(|one| one["object"].as_str().unwrap()).collect();
    assert_eq!(waiting, ["alert:default/alt-2", "andon:default/and-1", "coe:default/coe-1", "action:default/act-1"]);
    let nobody = got(&kit, "/api/v1/home").await;
    assert_eq!(nobody["waiting"], json!([]));
}
