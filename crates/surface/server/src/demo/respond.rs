//! Page, acknowledge, roll back, release.

use andon_api::Problem;
use http::Method;
use serde_json::{Value, json};

use super::stage::{Stage, failed};
use super::steps::{Story, Told, name_of, text};

/// Finds the link of a page in the mailbox: the newest mail that holds one.
async fn page_link(stage: &Stage) -> Result<Option<(String, String)>, Problem> {
    let messages = stage.messages().await?;
    let items = messages.as_array().or_else(|| messages["items"].as_array()).cloned().unwrap_or_default();
    let newest = items.iter().max_by_key(|message| message["id"].as_i64().unwrap_or(0));
    Ok(newest.and_then(|message| {
        let body = message.to_string();
        let at = body.find("/p/")?;
        let token: String =
            body[at + 3..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
        let to = ["/to/0", "/to", "/recipients/0"].iter().map(|at| text(message, at)).find(|to| !to.is_empty());
        (!token.is_empty()).then(|| (token.trim_end_matches('.').to_owned(), to.unwrap_or_default()))
    }))
}

/// The open incident of payments, newest first.
async fn incident(stage: &Stage) -> Result<Option<Value>, Problem> {
    let incidents = stage.get("/api/v1/incidents?limit=20").await?;
    let items = incidents["items"].as_array().cloned().unwrap_or_default();
    let concerns = |incident: &&Value| incident["spec"]["services"].to_string().contains("component:default/payments");
    Ok(items.iter().filter(concerns).find(|incident| incident["status"]["state"] != "resolved").cloned())
}

/// Acknowledges from the mail's link and looks at the incident.
pub(crate) async fn respond(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let (token, to) = stage.until(60, "The mail to the engineer on call", || page_link(stage)).await?;
    stage.send(None, Method::GET, &format!("/p/{token}"), String::new()).await?;
    stage.send(None, Method::POST, &format!("/p/{token}/acknowledge"), String::new()).await?;
    let found = stage.until(30, "The incident", || incident(stage)).await?;
    let name = text(&found, "/metadata/name");
    story.note("incident", &name);
    let context = stage
        .until(30, "The suspect", || async {
            let context = stage.get(&format!("/api/v1/incidents/{name}/context")).await?;
            Ok(context["suspects"].get(0).is_some().then(|| context.clone()))
        })
        .await?;
    let note = json!({"text": "Some customers are charged twice since the last deploy. Rolling back."});
    stage.post("maya", &format!("/api/v1/incidents/{name}/notes"), note).await?;
    let suspect = text(&context, "/suspects/0/change/metadata/name");
    let reason = text(&context, "/suspects/0/reasons/0");
    Ok(Told {
        detail: format!("{to} was paged by mail and acknowledged from its link. {name} suspects {suspect} first: {reason}"),
        link: format!("/incidents/{name}"),
    })
}

/// Closes the incident; it lets itself be closed once its alerts have resolved.
async fn close(stage: &Stage, name: &str) -> Result<(), Problem> {
    stage
        .until(60, "The incident's end", || async {
            let incident = stage.get(&format!("/api/v1/incidents/{name}")).await?;
            let (state, note) = match text(&incident, "/status/state").as_str() {
                "resolved" => return Ok(Some(())),
                "mitigated" => ("resolved", "The alarm has resolved; the line runs."),
                _ => ("mitigated", "Version 1 runs; no new errors."),
            };
            let request = json!({"state": state, "note": note});
            // Alerts move it as well: the next look tells what it has become.
            let _refused_when_it_moved = stage.post("maya", &format!("/api/v1/incidents/{name}/state"), request).await;
            Ok(None)
        })
        .await
}

/// Rolls back, waits for the alarm to resolve, releases the andon, closes the incident.
pub(crate) async fn rollback(story: &mut Story, stage: &Stage) -> Result<Told, Problem> {
    let change = stage.deploy("maya", &["payments", "--rollback"]).await?;
    story.note("rollback", &change);
    stage
        .until(180, "The alarm's end", || async {
            let alarm = stage.get("/api/v1/alarms/payments-errors").await?;
            Ok((text(&alarm, "/status/state") == "ok").then_some(()))
        })
        .await?;
    let andon = story.noted("andon")?;
    let countermeasure = json!({"countermeasure": format!("Rolled back to version 1 with {change}; charges are made once per key again.")});
    stage.post("maya", &format!("/api/v1/andons/{andon}/release"), countermeasure).await?;
    let name = story.noted("incident")?;
    close(stage, &name).await?;
    let line = stage.get("/api/v1/line?scope=payments").await?;
    if line["stopped"] == json!(true) {
        return Err(failed("The line is still stopped after the release.".to_owned()));
    }
    Ok(Told {
        detail: format!("{change} took payments back to version 1. The alarm resolved, {} was released, {name} is resolved.", name_of(&andon)),
        link: format!("/changes/{change}"),
    })
}
