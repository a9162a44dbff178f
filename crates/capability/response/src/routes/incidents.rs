//! Opening incidents by hand, and leading them: notes, state, commander.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::response::{Incident, IncidentSpec, IncidentState, IncidentStatus};
use andon_api::kinds::signals::Severity;
use andon_api::object::{AnyObject, DEFAULT_NAMESPACE, ObjectRef};
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::{Priority, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{authority, named, person_of, text_of};
use crate::alerts::Authority;
use crate::analyst::first_suspects;
use crate::incidents::{add_entry, all_alerts_over, entry, move_action, move_to, require, state_word, write};
use crate::limits::{NOTE_CHARS, SERVICES_MAX, TITLE_CHARS};
use crate::oncall::user_reference;
use crate::typed::{IncidentObject, Typed};

/// The request to open an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OpenIncident {
    /// The symptom, not the cause.
    title: String,
    /// How bad it is; unsure means the worse.
    #[serde(default)]
    severity: Severity,
    /// The components that it hurts: names or references.
    #[serde(default)]
    services: Vec<String>,
}

/// The request to add a note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddNote {
    /// The note.
    text: String,
}

/// The request to move an incident to a state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MoveIncident {
    /// The state.
    state: IncidentState,
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

/// The request to name the commander.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NameCommander {
    /// Who commands: a user's name or reference.
    user: String,
}

/// Lists the endpoints of incidents.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/incidents", "open_incident")
            .permission("incident.write")
            .event("incident.opened")
            .summary("Opens an incident by hand.")
            .request::<OpenIncident>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(open_incident(world, call))),
        Endpoint::post("/api/v1/incidents/{name}/notes", "add_incident_note")
            .permission("incident.write")
            .event("incident.noted")
            .summary("Adds a note to an incident's timeline.")
            .request::<AddNote>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(add_note(world, call))),
        Endpoint::post("/api/v1/incidents/{name}/state", "move_incident")
            .permission("incident.write")
            .event("incident.resolved")
            .summary("Moves an incident to a state; resolving needs every alert of it to be over.")
            .request::<MoveIncident>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(move_incident(world, call))),
        Endpoint::post("/api/v1/incidents/{name}/commander", "name_incident_commander")
            .permission("incident.write")
            .event("incident.commanded")
            .summary("Names who commands an incident; a hand-over is an entry of the timeline.")
            .request::<NameCommander>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(name_commander(world, call))),
    ]
}

async fn open_incident(world: World, call: Call) -> Result<Reply, Problem> {
    let request: OpenIncident = call.json()?;
    let title = text_of("title", &request.title, TITLE_CHARS)?;
    if request.services.len() > SERVICES_MAX {
        let detail = format!("An incident names at most {SERVICES_MAX} services.");
        return Err(Problem::new(ErrorCode::RequestInvalid, detail).place("body.services"));
    }
    let mut services = Vec::new();
    for text in &request.services {
        let service = ObjectRef::parse(text, Some("Component"), DEFAULT_NAMESPACE)
            .map_err(|problem| problem.place("body.services"))?;
        world.store.require(&service).await.map_err(|problem| problem.place("body.services"))?;
        services.push(service);
    }
    let spec = IncidentSpec { title, severity: request.severity, services, commander: None };
    let (by, authority) = (person_of(&call), authority(&call));
    let opened = world.store.write(Priority::Page, move |tx| Box::pin(open(tx, spec, by, authority))).await?;
    Reply::created(&opened)
}

async fn open(tx: &mut Tx, spec: IncidentSpec, by: String, authority: Authority) -> Result<AnyObject, Problem> {
    let now = tx.now();
    let name = tx.next_name("inc").await?;
    let suspects = first_suspects(tx, &spec.services).await?;
    let mut status =
        IncidentStatus { started_at: Some(now), detected_at: Some(now), suspects, ..IncidentStatus::default() };
    add_entry(&mut status, entry(now, "state", &by, "Opened the incident".to_owned(), None));
    let incident: IncidentObject = Typed::read(to_any(&Incident::object(&name, spec, Some(status)))?)?;
    write(tx, incident, &authority, "incident.opened", json!({"by": by})).await?.into_any()
}

async fn add_note(world: World, call: Call) -> Result<Reply, Problem> {
    let text = text_of("text", &call.json::<AddNote>()?.text, NOTE_CHARS)?;
    change(world, call, move |incident, now, by| {
        add_entry(&mut incident.status, entry(now, "note", by, text, None));
        Ok("incident.noted")
    })
    .await
}

async fn move_incident(world: World, call: Call) -> Result<Reply, Problem> {
    let MoveIncident { state, note } = call.json()?;
    let note = note.map(|note| text_of("note", &note, NOTE_CHARS)).transpose()?;
    change(world, call, move |incident, now, by| {
        move_to(incident, state, now)?;
        let text = match note {
            Some(note) => format!("Moved to {}: {note}", state_word(state)),
            None => format!("Moved to {}", state_word(state)),
        };
        add_entry(&mut incident.status, entry(now, "state", by, text, None));
        Ok(move_action(state))
    })
    .await
}

async fn name_commander(world: World, call: Call) -> Result<Reply, Problem> {
    let request: NameCommander = call.json()?;
    let user = user_reference(&request.user).map_err(|problem| problem.place("body.user"))?;
    world.store.require(&user).await.map_err(|problem| problem.place("body.user"))?;
    change(world, call, move |incident, now, by| {
        incident.spec.commander = Some(user.to_string());
        let text = format!("{} commands the incident", user.name());
        add_entry(&mut incident.status, entry(now, "state", by, text, Some(user)));
        Ok("incident.commanded")
    })
    .await
}

/// Changes an incident in one transaction.
async fn change<F>(world: World, call: Call, change: F) -> Result<Reply, Problem>
where
    F: FnOnce(&mut IncidentObject, jiff::Timestamp, &str) -> Result<&'static str, Problem> + Send + 'static,
{
    let (reference, by, authority) = (named(&call, "Incident")?, person_of(&call), authority(&call));
    let changed = world
        .store
        .write(Priority::Object, move |tx| Box::pin(change_in(tx, reference, by, authority, change)))
        .await?;
    Reply::json(&changed)
}

async fn change_in<F>(
    tx: &mut Tx,
    reference: ObjectRef,
    by: String,
    authority: Authority,
    change: F,
) -> Result<AnyObject, Problem>
where
    F: FnOnce(&mut IncidentObject, jiff::Timestamp, &str) -> Result<&'static str, Problem> + Send,
{
    let mut incident = require(tx, &reference).await?;
    let before = incident.status.state;
    let action = change(&mut incident, tx.now(), &by)?;
    let resolves = incident.status.state == IncidentState::Resolved && before != IncidentState::Resolved;
    if resolves && !all_alerts_over(tx, &incident).await? {
        return Err(Problem::new(ErrorCode::IncidentState, "An alert of the incident is still open.")
            .hint("Wait until its source is fine again, or resolve the alert; `mitigated` says that customers are no longer hurt."));
    }
    let payload = json!({"by": by, "from": state_word(before), "to": state_word(incident.status.state)});
    write(tx, incident, &authority, action, payload).await?.into_any()
}
