//! Change, signal, stop.

use andon_api::Problem;
use serde_json::{Value, json};

use super::stage::{Stage, failed, last_lines};
use super::steps::{Story, Told, name_of, text};

/// Records the versions that run.
pub(crate) async fn baseline(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let mut names = Vec::new();
    for (person, service) in [("maya", "payments"), ("kim", "checkout"), ("kim", "storefront")] {
        names.push(format!("{service} 1 as {}", stage.deploy(person, &[service, "1"]).await?));
    }
    story.note("baseline", "done");
    Ok(Told { detail: format!("Recorded: {}.", names.join(", ")), link: "/changes".to_owned() })
}

/// Commits and deploys version 2, without its test.
pub(crate) async fn change(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let committed = stage.shop("sam", &["commit", "payments", "2"]).await?;
    if committed.code != 0 {
        return Err(failed(format!("The commit failed: {}", last_lines(&committed.errors))));
    }
    let change = stage.deploy("sam", &["payments", "2", "--no-test"]).await?;
    let object = stage.get(&format!("/api/v1/changes/{change}")).await?;
    story.note("change", &change);
    let commits = text(&object, "/status/commitCount");
    Ok(Told {
        detail: format!("{change}: payments 2 is with the customers ({commits} commits, idempotency test missing)."),
        link: format!("/changes/{change}"),
    })
}

/// Waits for the alarm.
pub(crate) async fn signal(_story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let alarm = stage
        .until(90, "The alarm", || async {
            let alarm = stage.get("/api/v1/alarms/payments-errors").await?;
            Ok((text(&alarm, "/status/state") == "firing").then_some(alarm))
        })
        .await?;
    Ok(Told { detail: text(&alarm, "/status/reason"), link: "/alarms/payments-errors".to_owned() })
}

/// Customer service pulls the cord, and the next deploy is refused.
pub(crate) async fn stop(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let pulled_by_alarm = stage
        .until(30, "The alarm's pull", || async {
            let line = stage.get("/api/v1/line?scope=payments").await?;
            Ok((line["stopped"] == json!(true)).then(|| line.clone()))
        })
        .await?;
    let case = stage
        .until(60, "A customer's case", || async {
            let cases = stage.cases().await?;
            let first = cases.get(0).cloned().unwrap_or(Value::Null);
            Ok(["/case", "/id", "/number", ""].iter().map(|at| text(&first, at)).find(|text| !text.is_empty()))
        })
        .await?;
    let request = json!({"scope": "payments", "reason": "they were charged twice", "case": case});
    let andon = stage.post("rio", "/api/v1/andons", request).await?;
    let name = text(&andon, "/metadata/name");
    story.note("andon", &name);
    let committed = stage.shop("sam", &["commit", "payments", "3"]).await?;
    if committed.code != 0 {
        return Err(failed(format!("The commit failed: {}", last_lines(&committed.errors))));
    }
    let refused = stage.shop("sam", &["deploy", "payments", "3", "--no-test"]).await?;
    if refused.code == 0 {
        return Err(failed("The deploy of payments 3 went through a stopped line.".to_owned()));
    }
    let puller = text(&pulled_by_alarm, "/andons/0/spec/pulledBy");
    Ok(Told {
        detail: format!(
            "{name} was pulled by {puller}, then by user:default/rio with case {case}. The deploy of payments 3 was refused: {}",
            last_lines(&format!("{}\n{}", refused.output, refused.errors))
        ),
        link: format!("/andon/{}", name_of(&name)),
    })
}
