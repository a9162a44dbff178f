//! The pages without a script: pull the andon, and the status board.

use andon_api::graph::{OwnerTree, references_of};
use andon_api::kinds::delivery::{AndonSpec, AndonState, AndonStatus, PullAndon};
use andon_api::kinds::response::{AlertStatus, Channel, PageState};
use andon_api::kinds::signals::{AlarmSpec, AlarmState, AlarmStatus};
use andon_api::{AnyObject, ObjectRef, Problem};
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::ListQuery;
use http::StatusCode;
use serde_json::Value;

use super::{andons, origin, who};
use crate::line_stop::{OpenAndon, andon_reference, open_andons};
use crate::page::{self, BoardRow, BoardState, Choice, PullForm, PulledPage};
use crate::scope::ScopeName;

/// The largest form, in bytes: the words and the case with room for their encoding.
const FORM_BYTES_MAX: usize = 65_536;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/pull", "show_pull_page")
            .permission("andon.pull")
            .hidden()
            .summary("Shows the page that pulls the andon, or what became of a pull.")
            .handle(|world, call| {
                Box::pin(async move {
                    if let Some(name) = call.query("andon") {
                        return Ok(Reply::html(page::pulled(&pulled_page(&world, name).await?)));
                    }
                    let asked = call.query("service").or_else(|| call.query("scope")).unwrap_or_default();
                    Ok(Reply::html(page::pull_form(&empty_form(&world, asked).await?)))
                })
            }),
        Endpoint::post("/pull", "pull_by_page")
            .permission("andon.pull")
            .event("andon.pulled")
            .hidden()
            .summary("Pulls the andon from the page without a script.")
            .body_max_bytes(FORM_BYTES_MAX)
            .handle(|world, call| Box::pin(async move { pull(&world, call).await })),
        Endpoint::get("/status", "show_status_board")
            .permission("line.read")
            .hidden()
            .summary("Shows how each service stands: running, stopped, alarm or unknown.")
            .handle(|world, _call| Box::pin(async move { board(&world).await })),
    ]
}

async fn empty_form(world: &World, asked: &str) -> Result<PullForm, Problem> {
    Ok(PullForm {
        services: choices(world, "Component").await?,
        systems: choices(world, "System").await?,
        scope: ScopeName::parse(asked).map(|scope| scope.to_string()).unwrap_or_default(),
        ..PullForm::default()
    })
}

async fn choices(world: &World, kind: &str) -> Result<Vec<Choice>, Problem> {
    let objects = world.store.all(kind).await?;
    let mut choices: Vec<Choice> = objects
        .iter()
        .map(|object| Choice { value: object.reference().to_string(), title: title_of(object) })
        .collect();
    choices.sort_by_key(|choice| choice.title.to_lowercase());
    Ok(choices)
}

/// Names an object for people.
fn title_of(object: &AnyObject) -> String {
    let shown = object.spec.pointer("/profile/displayName").and_then(Value::as_str);
    object.metadata.title.as_deref().or(shown).unwrap_or(&object.metadata.name).to_owned()
}

async fn pull(world: &World, call: Call) -> Result<Reply, Problem> {
    let form = call.form();
    let text = |name: &str| form.get(name).map_or_else(String::new, |value| value.trim().to_owned());
    let command = PullAndon { scope: text("scope"), reason: text("reason"), case: Some(text("case")) };
    match andons::pull(world, who(&call), origin(&call), command).await {
        Ok(andon) => Ok(Reply::html(page::pulled(&pulled_page(world, &andon.metadata.name).await?))),
        // What the person wrote stays on the page together with what stood against it.
        Err(problem) if problem.status < 500 => {
            let mut again = empty_form(world, "").await?;
            (again.scope, again.reason, again.case) = (text("scope"), text("reason"), text("case"));
            let detail = if again.scope.is_empty() { "Choose what is wrong.".to_owned() } else { problem.detail.clone() };
            again.refusal = Some(format!("{detail} ({})", problem.code));
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            Ok(Reply::bytes(status, "text/html; charset=utf-8", page::pull_form(&again)))
        }
        Err(problem) => Err(problem),
    }
}

async fn pulled_page(world: &World, name: &str) -> Result<PulledPage, Problem> {
    let reference = andon_reference(name);
    let andon = world.store.require(&reference).await?;
    let (spec, status): (AndonSpec, AndonStatus) = (andon.spec_as()?, andon.status_as()?);
    let scope = ScopeName::parse(&spec.scope).unwrap_or(ScopeName::Line);
    let object = match scope.reference() {
        Some(scope) => world.store.get(scope).await?,
        None => None,
    };
    let (groups, users) = (world.store.all("Group").await?, world.store.all("User").await?);
    let owner = object.as_ref().and_then(|object| OwnerTree::new(&groups, &users).owner_of(object));
    let state = match status.state {
        AndonState::Pulled => "stopped; nobody has answered yet",
        AndonState::Acknowledged => "stopped; somebody is on it",
        AndonState::Released => "released",
    };
    Ok(PulledPage {
        name: andon.metadata.name.clone(),
        title: object.as_ref().map_or_else(|| "The whole line".to_owned(), title_of),
        since: status.pulled_at,
        state,
        reason: spec.reason,
        cases: spec.cases,
        pulls: status.pulls.len() + 1,
        owner: owner.as_ref().map(|group| name_in(&groups, group)),
        told: told(world, &reference, spec.alarm.as_ref(), &users).await?,
        released: status.state == AndonState::Released,
    })
}

fn name_in(objects: &[AnyObject], reference: &ObjectRef) -> String {
    objects
        .iter()
        .find(|object| object.reference() == *reference)
        .map_or_else(|| reference.to_string(), title_of)
}

/// Lists the pages of the alerts that came of an andon, or of the alarm behind it.
async fn told(
    world: &World,
    andon: &ObjectRef,
    alarm: Option<&ObjectRef>,
    users: &[AnyObject],
) -> Result<Vec<String>, Problem> {
    let sources: Vec<String> = std::iter::once(andon).chain(alarm).map(ToString::to_string).collect();
    let recent = world.store.list(&ListQuery::kind("Alert").limit(200)).await?;
    let mut told = Vec::new();
    for alert in recent.items {
        let source = alert.spec.get("source").and_then(Value::as_str).unwrap_or_default();
        if !sources.iter().any(|known| known == source) {
            continue;
        }
        let status: AlertStatus = alert.status_as()?;
        for sent in status.pages {
            let how = match sent.channel {
                Channel::Email => "by mail",
                Channel::Webhook => "by webhook",
                Channel::Slack => "by chat",
            };
            let stands = match sent.state {
                PageState::Pending => "on its way",
                PageState::Accepted => "sent",
                PageState::Cancelled => "no longer needed",
                PageState::Failed => "could not be sent",
            };
            let line = format!("{} {how}, {stands}", name_in(users, &sent.user));
            if !told.contains(&line) {
                told.push(line);
            }
        }
    }
    Ok(told)
}

async fn board(world: &World) -> Result<Reply, Problem> {
    let open = open_andons(world).await?;
    let line_stopped = open
        .iter()
        .find(|andon| andon.scope == ScopeName::Line)
        .map(|andon| crate::andon::sentence(&andon.spec, &andon.status));
    let (groups, users) = (world.store.all("Group").await?, world.store.all("User").await?);
    let tree = OwnerTree::new(&groups, &users);
    let alarms = world.store.all("Alarm").await?;
    let mut rows = Vec::new();
    for component in world.store.all("Component").await? {
        let owner = tree.owner_of(&component).map_or_else(|| "unowned".to_owned(), |group| name_in(&groups, &group));
        rows.push(board_row(&component, owner, &open, &alarms)?);
    }
    rows.sort();
    Ok(Reply::html(page::board(&rows, line_stopped.as_deref(), world.now())))
}

fn board_row(component: &AnyObject, owner: String, open: &[OpenAndon], alarms: &[AnyObject]) -> Result<BoardRow, Problem> {
    let reference = component.reference();
    let system = references_of(component, "system", "System").into_iter().next();
    let own = ScopeName::Component(reference.clone());
    let mut row = BoardRow {
        state: BoardState::Running,
        title: title_of(component),
        owner,
        detail: String::new(),
        since: None,
        scope: reference.to_string(),
    };
    if let Some(andon) = open.iter().find(|andon| own.meets(&andon.scope, &|_| system.clone())) {
        row.state = BoardState::Stopped;
        row.detail = crate::andon::sentence(&andon.spec, &andon.status);
        row.since = andon.status.pulled_at;
        return Ok(row);
    }
    for alarm in alarms {
        // One alarm that cannot be read must not take the board away from everybody.
        let Ok(spec) = alarm.spec_as::<AlarmSpec>() else { continue };
        let status: AlarmStatus = alarm.status_as().unwrap_or_default();
        let state = match status.state {
            AlarmState::Ok => continue,
            AlarmState::Firing => BoardState::Alarm,
            AlarmState::Unknown => BoardState::Unknown,
        };
        if spec.service == reference && state < row.state {
            row.state = state;
            row.detail = [title_of(alarm), status.reason].join(": ").trim_end_matches(": ").to_owned();
            row.since = status.since;
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn component(name: &str) -> AnyObject {
        serde_json::from_value(json!({
            "apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
            "spec": {"type": "service", "lifecycle": "production", "owner": "a", "system": "shop"}
        }))
        .unwrap()
    }

    fn alarm(service: &str, state: &str) -> AnyObject {
        serde_json::from_value(json!({
            "apiVersion": "andon.dev/v1", "kind": "Alarm", "metadata": {"name": format!("{service}-{state}")},
            "spec": {"service": format!("component:default/{service}"), "query": "x", "window": "10s", "threshold": 1},
            "status": {"state": state, "reason": "7 lines", "firedCount": 1}
        }))
        .unwrap()
    }

    fn open(scope: &str) -> OpenAndon {
        let spec: AndonSpec = serde_json::from_value(json!({"scope": scope, "pulledBy": "user:default/ida"})).unwrap();
        let object = serde_json::from_value(json!({
            "apiVersion": "andon.dev/v1", "kind": "Andon", "metadata": {"name": "and-1"}, "spec": spec
        }));
        OpenAndon { object: object.unwrap(), scope: ScopeName::parse(scope).unwrap(), spec, status: AndonStatus::default() }
    }

    #[test]
    fn a_service_is_stopped_by_its_own_its_systems_and_the_lines_andon() {
        for scope in ["payments", "system:default/shop", "*"] {
            let row = board_row(&component("payments"), String::new(), &[open(scope)], &[]).unwrap();
            assert_eq!(row.state, BoardState::Stopped, "{scope}");
        }
        let row = board_row(&component("payments"), String::new(), &[open("checkout")], &[]).unwrap();
        assert_eq!(row.state, BoardState::Running);
    }

    #[test]
    fn the_worst_alarm_counts_and_an_unknown_one_is_not_fine() {
        let alarms = [alarm("payments", "ok"), alarm("payments", "unknown"), alarm("payments", "firing"), alarm("checkout", "unknown")];
        let state = |name: &str| board_row(&component(name), String::new(), &[], &alarms).unwrap().state;
        assert_eq!(state("payments"), BoardState::Alarm);
        assert_eq!(state("checkout"), BoardState::Unknown);
        assert_eq!(state("storefront"), BoardState::Running);
    }
}
