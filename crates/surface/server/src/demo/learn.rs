//! COE, policy, propagation, review.

use andon_api::Problem;
use http::Method;
use jiff::ToSpan;
use serde_json::{Value, json};

use super::stage::{Stage, failed, last_lines};
use super::steps::{Story, Told, name_of, text};

/// Completes the COE that the machine drafted.
pub(crate) async fn learn(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let incident = story.noted("incident")?;
    let draft = stage
        .until(60, "The COE draft", || async {
            let coes = stage.get(&format!("/api/v1/coes?incident=incident:default/{incident}")).await?;
            Ok(coes["items"].get(0).cloned())
        })
        .await?;
    let name = text(&draft, "/metadata/name");
    story.note("coe", &name);
    let mut coe = draft.clone();
    for (field, value) in human_part() {
        coe["spec"][field] = value;
    }
    stage.call("maya", Method::PUT, &format!("/api/v1/coes/{name}"), coe).await?;
    let due = jiff::Zoned::now().date().checked_add(14.days()).map_err(Problem::internal)?;
    let actions = [
        ("prevent", "No deploy of a service that moves money without a passed idempotency test", "user:default/lee",
            json!({"type": "policyRefused", "policy": "idempotency"})),
        ("detect", "An alarm on the errors of payments that stops the line", "user:default/sam",
            json!({"type": "alarmFired", "alarm": "payments-errors"})),
    ];
    let mut names = Vec::new();
    for (purpose, title, owner, verifier) in actions {
        let spec = json!({"title": title, "coe": format!("coe:default/{name}"), "purpose": purpose, "owner": owner, "due": due, "verifier": verifier});
        let action = stage.post("maya", "/api/v1/actions", spec).await?;
        names.push(text(&action, "/metadata/name"));
    }
    story.note("action", names.first().cloned().unwrap_or_default());
    let failing = text(&draft, "/status/impact/failingLines");
    Ok(Told {
        detail: format!(
            "{name}: the machine filled in timeline, graph, impact ({failing} failing lines) and the change; people added factors, lessons and the actions {}.",
            names.join(" and ")
        ),
        link: format!("/coes/{name}"),
    })
}

/// What people write in the COE of the story.
fn human_part() -> [(&'static str, Value); 9] {
    [
        ("summary", json!("Some customers were charged twice after a new version of payments went out. The version let a retry of checkout pass as a new charge. The alarm on error logs and customer service stopped the line within a minute, and a rollback ended it. From now on no service that moves money is deployed unless its idempotency test has passed.")),
        ("impactNote", json!("Double charges were refunded the same day; the amount is in the cases.")),
        ("detection", json!("An alarm on the first double charge instead of the third would have halved it.")),
        ("diagnosis", json!("The incident named the change at once; nothing would have halved it.")),
        ("mitigation", json!("A rollback by the alarm itself would have halved it.")),
        ("factors", json!([{
            "whys": [
                "Customers were charged twice.",
                "A retry of checkout was taken for a new charge.",
                "Version 2 used the request's id as the idempotency key, and a retry has an id of its own.",
                "The idempotency test, which shows exactly this, did not run before the deploy.",
                "Nothing but habit asked for the test: the deploy script has a switch to leave it out."
            ],
            "category": "process",
            "evidence": "/logs?query=service%3Apayments%20AND%20level%3Aerror"
        }])),
        ("lessons", json!(["A retry must never do twice what may be done once, and a test must prove it before each deploy.", "A safeguard that can be left out will be left out."])),
        ("wentWell", json!(["Customer service stopped the line with one sentence.", "The rollback took less than a minute."])),
        ("wentBadly", json!(["The test existed and did not run."])),
    ]
}

/// Applies the policy on trial, tries it on past changes, and enforces it.
pub(crate) async fn policy(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let coe = story.noted("coe")?;
    let file = stage.examples().join("shop/policies/idempotency.yaml");
    let yaml = std::fs::read_to_string(&file).map_err(|error| failed(format!("{}: {error}.", file.display())))?;
    stage.send(Some("lee"), Method::POST, "/api/v1/apply?file=idempotency.yaml", yaml).await?;
    let mut policy = stage.get("/api/v1/policies/idempotency").await?;
    policy["spec"]["lesson"] = json!(format!("coe:default/{coe}"));
    stage.call("lee", Method::PUT, "/api/v1/policies/idempotency", policy).await?;
    let trial = stage.post("lee", "/api/v1/policies/idempotency/trial?since=30d", Value::Null).await?;
    let mut policy = stage.get("/api/v1/policies/idempotency").await?;
    policy["spec"]["enforcement"] = json!("enforced");
    stage.call("lee", Method::PUT, "/api/v1/policies/idempotency", policy).await?;
    let refused: Vec<String> = trial["refused"]
        .as_array()
        .map(|refused| refused.iter().map(|one| name_of(&text(one, "/change")).to_owned()).collect())
        .unwrap_or_default();
    let culprit = story.noted("change")?;
    if !refused.contains(&culprit) {
        return Err(failed(format!("The policy would not have refused {culprit}.")));
    }
    Ok(Told {
        detail: format!(
            "Tried on {} past changes: it would have refused {}. Now it is enforced and cites {coe}.",
            text(&trial, "/tried"),
            refused.join(", ")
        ),
        link: "/policies/idempotency".to_owned(),
    })
}

/// Another team's change of the same kind is refused; the action closes by its verifier; the COE is published.
pub(crate) async fn propagate(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let coe = story.noted("coe")?;
    let committed = stage.shop("alex", &["commit", "checkout", "2"]).await?;
    if committed.code != 0 {
        return Err(failed(format!("The commit failed: {}", last_lines(&committed.errors))));
    }
    let refused = stage.shop("alex", &["deploy", "checkout", "2", "--no-test"]).await?;
    let said = format!("{} {}", refused.output, refused.errors);
    if refused.code == 0 || !said.contains(&coe) {
        return Err(failed(format!("The refusal of checkout 2 does not cite {coe}: {}", last_lines(&said))));
    }
    let action = story.noted("action")?;
    stage
        .until(60, "The verification of the action", || async {
            let now = stage.get(&format!("/api/v1/actions/{action}")).await?;
            if text(&now, "/status/state") == "verified" {
                return Ok(Some(()));
            }
            // The verifier decides; asking again is all that anybody can do.
            let _not_yet = stage.post("lee", &format!("/api/v1/actions/{action}/verify"), Value::Null).await;
            Ok(None)
        })
        .await?;
    for state in ["inReview", "published"] {
        stage.post("lee", &format!("/api/v1/coes/{coe}/state"), json!({"state": state})).await?;
    }
    let with_test = stage.deploy("alex", &["checkout", "2"]).await?;
    Ok(Told {
        detail: format!(
            "checkout 2 of the storefront team was refused, citing {coe}; {action} closed because its verifier passed; with the test passed, {with_test} went out."
        ),
        link: format!("/coes/{coe}"),
    })
}

/// Freezes the review of the week, spins the wheel, and prints the chain.
pub(crate) async fn review(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let since_monday = i64::from(now.weekday().to_monday_zero_offset());
    let monday = now.checked_sub(since_monday.days()).map_err(Problem::internal)?;
    let frozen = stage.post("lee", "/api/v1/reviews", json!({"week": monday, "group": "group:default/acme"})).await?;
    let name = text(&frozen, "/metadata/name");
    let drawn = stage.post("lee", &format!("/api/v1/reviews/{name}/spin"), Value::Null).await?;
    let team = text(&drawn, "/status/draw/team");
    let incident = story.noted("incident")?;
    let trace = stage.get(&format!("/api/v1/trace/incidents/{incident}")).await?;
    let hops = trace["hops"].as_array().cloned().unwrap_or_default();
    let missing: Vec<String> =
        hops.iter().filter(|hop| !text(hop, "/missing").is_empty()).map(|hop| text(hop, "/name")).collect();
    if trace["complete"] != json!(true) {
        return Err(failed(format!("The chain of {incident} misses: {}.", missing.join(", "))));
    }
    let chain: Vec<String> = hops.iter().map(|hop| text(hop, "/name")).collect();
    Ok(Told {
        detail: format!("The wheel drew {team}. The chain of {incident} is complete: {}.", chain.join(" → ")),
        link: format!("/review?week={monday}&group=group:default/acme"),
    })
}
