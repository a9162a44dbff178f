//! Who is on call, over HTTP.

use http::StatusCode;

use crate::shop::Shop;

#[tokio::test]
async fn the_hand_off_is_at_nine_in_berlin() {
    let shop = Shop::open().await;
    // The clock stands at 09:00 UTC on a Monday; the hand-off was at 08:00 UTC.
    let now = shop.object("/api/v1/schedules/payments/on-call").await;
    assert_eq!(now["user"], "user:default/maya");
    assert_eq!(now["from"], "2026-03-02T08:00:00Z");
    assert_eq!(now["until"], "2026-03-09T08:00:00Z");
    let summer = shop.object("/api/v1/schedules/payments/on-call?at=2026-06-10T00:00:00Z").await;
    assert_eq!(summer["from"], "2026-06-08T07:00:00Z", "the same hour on the wall, another one in UTC");
    let all = shop.object("/api/v1/on-call").await;
    assert_eq!(all["items"][0]["schedule"], "schedule:default/payments");
    assert_eq!(all["items"][0]["user"], "user:default/maya");
}

#[tokio::test]
async fn shifts_follow_each_other_and_an_edit_does_not_change_the_past() {
    let shop = Shop::open().await;
    let path = "/api/v1/schedules/payments/shifts?from=2026-02-23T08:00:00Z&until=2026-03-16T08:00:00Z";
    let names = |shifts: &serde_json::Value| -> Vec<String> {
        shifts["items"].as_array().unwrap().iter().map(|shift| shift["user"].as_str().unwrap().to_owned()).collect()
    };
    let before = shop.object(path).await;
    assert_eq!(names(&before), ["user:default/sam", "user:default/maya", "user:default/sam"]);
    shop.kit.advance("24h").await;
    shop.kit
        .apply("apiVersion: andon.dev/v1\nkind: Schedule\nmetadata: {name: payments}\nspec:\n  owner: payments-team\n  timeZone: Europe/Berlin\n  layers:\n    - {anchor: \"2026-01-05T09:00:00\", every: week, members: [lee]}\n")
        .await;
    let after = shop.object(path).await;
    assert_eq!(names(&after), ["user:default/sam", "user:default/maya", "user:default/lee"]);
    assert_eq!(after["items"][1]["until"], "2026-03-03T09:00:00Z");
    let yesterday = shop.object("/api/v1/schedules/payments/on-call?at=2026-03-02T12:00:00Z").await;
    assert_eq!(yesterday["user"], "user:default/maya");
}

#[tokio::test]
async fn a_rotation_of_somebody_unknown_is_refused() {
    let shop = Shop::open().await;
    let yaml = "apiVersion: andon.dev/v1\nkind: Schedule\nmetadata: {name: x}\nspec:\n  owner: payments-team\n  timeZone: Europe/Berlin\n  layers:\n    - {anchor: \"2026-01-05T09:00:00\", members: [mia]}\n";
    let (code, text) = shop.kit.send(Some(&shop.kit.token), http::Method::POST, "/api/v1/apply", &[], yaml).await;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    assert!(text.contains("OBJ-0006") && text.contains("mia"), "{text}");
    let (code, _) = shop.kit.get("/api/v1/schedules/payments/shifts?from=2026-01-01&until=2030-01-01").await;
    assert_eq!(code, StatusCode::BAD_REQUEST);
    assert_eq!(shop.kit.get("/api/v1/schedules/nobody/on-call").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_examples_of_the_kinds_can_be_applied() {
    let shop = Shop::open().await;
    let examples = shop.object("/api/v1/kinds").await;
    for kind in examples["items"].as_array().unwrap() {
        if matches!(kind["kind"].as_str(), Some("Schedule" | "EscalationPolicy" | "ContactMethod" | "Alarm")) {
            let yaml = kind["example"].as_str().unwrap().replace("  escalationPolicy: payments\n", "");
            shop.kit.apply(&yaml).await;
        }
    }
    let sunday = shop.object("/api/v1/schedules/payments/on-call?at=2026-03-08T12:00:00Z").await;
    assert_eq!(sunday["user"], "user:default/sam", "the weekend layer of the example wins");
}
