//! The pages without a script: pull the andon, and the status board.

use andon_api::graph::{OwnerTree, references_of};
use andon_api::kinds::delivery::{AndonSpec, AndonState, AndonStatus, PullAndon};
use andon_api::kinds::response::{AlertStatus, Channel, PageState, PageSummary};
use andon_api::kinds::signals::{AlarmSpec, AlarmState, AlarmStatus};
use andon_api::object::DEFAULT_NAMESPACE;
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
    let told = told(world, &reference, spec.alarm.as_ref(), &users).await?;
    Ok(PulledPage {
        name: andon.metadata.name.clone(),
        title: object.as_ref().map_or_else(|| "The whole line".to_owned(), title_of),
        since: status.pulled_at,
        state,
        reason: spec.reason,
        cases: spec.cases,
        pulls: status.pulls.len() + 1,
        owner: owner.as_ref().map(|group| name_in(&groups, group)),
        nobody_reached: !told.lines.is_empty() && !told.reached,
        told: told.lines,
        released: status.state == AndonState::Released,
    })
}

fn name_in(objects: &[AnyObject], reference: &ObjectRef) -> String {
    objects
        .iter()
        .find(|object| object.reference() == *reference)
        .map_or_else(|| reference.to_string(), title_of)
}

/// Who was told, person by person, and whether any message is sent or on its way.
#[derive(Default)]
struct Told {
    lines: Vec<String>,
    reached: bool,
}

/// Lists the pages of the alerts that came of an andon, or of the alarm behind it.
async fn told(world: &World, andon: &ObjectRef, alarm: Option<&ObjectRef>, users: &[AnyObject]) -> Result<Told, Problem> {
    let sources: Vec<String> = std::iter::once(andon).chain(alarm).map(ToString::to_string).collect();
    let recent = world.store.list(&ListQuery::kind("Alert").limit(200)).await?;
    let mut pages = Vec::new();
    for alert in recent.items {
        let source = alert.spec.get("source").and_then(Value::as_str).unwrap_or_default();
        if sources.iter().any(|known| known == source) {
            pages.extend(alert.status_as::<AlertStatus>()?.pages);
        }
    }
    Ok(told_by(&pages, users))
}

fn told_by(pages: &[PageSummary], users: &[AnyObject]) -> Told {
    let mut told = Told::default();
    let mut people: Vec<(String, Vec<String>)> = Vec::new();
    for sent in pages {
        let how = match sent.channel {
            Channel::Email => "mail",
            Channel::Webhook => "webhook",
            Channel::Slack => "chat",
        };
        let stands = match sent.state {
            PageState::Pending => "on its way",
            PageState::Accepted => "sent",
            PageState::Cancelled => "no longer needed",
            PageState::Failed => "could not be sent",
        };
        told.reached |= sent.state != PageState::Failed;
        let (name, line) = (name_in(users, &sent.user), format!("{how} {stands}"));
        match people.iter_mut().find(|(known, _)| *known == name) {
            Some((_, lines)) if lines.contains(&line) => {}
            Some((_, lines)) => lines.push(line),
            None => people.push((name, vec![line])),
        }
    }
    told.lines = people.into_iter().map(|(name, lines)| format!("{name}: {}", lines.join(", "))).collect();
    told
}

async fn board(world: &World) -> Result<Reply, Problem> {
    let open = open_andons(world).await?;
    let line_stopped = open
        .iter()
        .find(|andon| andon.scope == ScopeName::Line)
        .map(|andon| crate::andon::sentence(&andon.spec, &andon.status));
    let (groups, users) = (world.store.all("Group").await?, world.store.all("User").await?);
    let users_by_name = |principal: &str| match ObjectRef::parse(principal, None, DEFAULT_NAMESPACE) {
        Ok(user) if user.kind() == "user" => name_in(&users, &user),
        _ => principal.to_owned(),
    };
    let tree = OwnerTree::new(&groups, &users);
    let alarms = world.store.all("Alarm").await?;
    let mut rows = Vec::new();
    for component in world.store.all("Component").await? {
        let owner = tree.owner_of(&component).map_or_else(String::new, |group| name_in(&groups, &group));
        rows.push(board_row(&component, owner, &open, &alarms, &users_by_name));
    }
    rows.sort();
    Ok(Reply::html(page::board(&rows, line_stopped.as_deref(), world.now())))
}

fn board_row(
    component: &AnyObject,
    owner: String,
    open: &[OpenAndon],
    alarms: &[AnyObject],
    name_of: &dyn Fn(&str) -> String,
) -> BoardRow {
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
        row.detail = stopped_because(andon, &name_of(&andon.spec.pulled_by));
        row.since = andon.status.pulled_at;
        return row;
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
    row
}

/// Says in few words why a service is stopped and whether somebody is on it.
fn stopped_because(andon: &OpenAndon, by: &str) -> String {
    let words = if andon.spec.reason.is_empty() { String::new() } else { format!("“{}” ", andon.spec.reason) };
    let cases = match andon.spec.cases.as_slice() {
        [] => String::new(),
        cases => format!("(case {}) ", cases.join(", ")),
    };
    let state = if andon.status.state == AndonState::Acknowledged { "somebody is on it" } else { "nobody has answered yet" };
    format!("{words}{cases}Pulled by {by}; {state}.")
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

    fn plain(principal: &str) -> String {
        principal.to_owned()
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
            let row = board_row(&component("payments"), String::new(), &[open(scope)], &[], &plain);
            assert_eq!(row.state, BoardState::Stopped, "{scope}");
        }
        let row = board_row(&component("payments"), String::new(), &[open("checkout")], &[], &plain);
        assert_eq!(row.state, BoardState::Running);
    }

    #[test]
    fn the_worst_alarm_counts_and_an_unknown_one_is_not_fine() {
        let alarms = [alarm("payments", "ok"), alarm("payments", "unknown"), alarm("payments", "firing"), alarm("checkout", "unknown")];
        let state = |name: &str| board_row(&component(name), String::new(), &[], &alarms, &plain).state;
        assert_eq!(state("payments"), BoardState::Alarm);
        assert_eq!(state("checkout"), BoardState::Unknown);
        assert_eq!(state("storefront"), BoardState::Running);
    }

    #[test]
    fn people_are_listed_once_and_one_sees_when_no_message_leaves() {
        let page = |user: &str, channel: &str, state: &str| -> PageSummary {
            let user = format!("user:default/{user}");
            serde_json::from_value(json!({"id": "p", "user": user, "channel": channel, "state": state, "dueAt": "2026-01-01T00:00:00Z"})).unwrap()
        };
        let failed = [page("maya", "email", "failed"), page("maya", "webhook", "failed"), page("maya", "email", "failed")];
        let told = told_by(&failed, &[]);
        assert_eq!(told.lines, ["user:default/maya: mail could not be sent, webhook could not be sent"]);
        assert!(!told.reached);
        assert!(told_by(&[page("sam", "email", "pending")], &[]).reached);
    }
}
