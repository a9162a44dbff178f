//! Opens alerts, puts commands to them, and writes what follows: state, pages, timers, events.
//!
//! Everything of one command is one transaction: a page is in the outbox if and only if the alert
//! says that it is.

use std::collections::BTreeMap;

use andon_api::error::{ErrorCode, Problem};
use andon_api::event::Actor;
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::response::{Alert, AlertSpec, AlertState, AlertStatus, PageState, PageSummary};
use andon_api::kinds::signals::Severity;
use andon_api::object::ObjectRef;
use andon_objects::{EventDraft, Message, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::directory::{Contact, Directory, Route};
use crate::escalation::{Command, Effect, Part, decide};
use crate::incidents;
use crate::limits::PAGES_SHOWN;
use crate::table::{self, PageRow};
use crate::typed::{AlertObject, Typed};

/// The topic of pages in the outbox.
pub(crate) const TOPIC: &str = "page";

/// An alert that is to be opened.
#[derive(Clone, Debug)]
pub(crate) struct NewAlert {
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) dedup_key: String,
    pub(crate) service: Option<ObjectRef>,
    pub(crate) severity: Severity,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// The policy that the source names.
    pub(crate) policy: Option<String>,
    /// The group that the source names.
    pub(crate) team: Option<String>,
    /// When the trouble began.
    pub(crate) started_at: Timestamp,
    /// What customers see: the title of an incident that comes of it.
    pub(crate) symptom: Option<String>,
    /// The andon that it speaks of; it always makes an incident.
    pub(crate) andon: Option<ObjectRef>,
}

/// Who acts, and by which rules.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) actor: Actor,
    pub(crate) rules: Vec<String>,
}

impl Authority {
    /// Names this room as the actor.
    pub(crate) fn system() -> Self {
        Self { actor: Actor::system("response"), rules: Vec::new() }
    }

    /// Starts an event.
    pub(crate) fn draft(&self, action: &str) -> EventDraft {
        EventDraft::new(self.actor.clone(), action).rules(self.rules.clone())
    }
}

/// Opens an alert, pages, and opens or joins an incident.
pub(crate) async fn open(tx: &mut Tx, directory: &mut Directory, new: NewAlert) -> Result<ObjectRef, Problem> {
    let name = tx.next_name("alt").await?;
    let route = directory.route(tx, new.policy.as_deref(), new.service.as_ref(), new.team.as_deref()).await?;
    let spec = AlertSpec {
        title: new.title.clone(),
        source: new.source.clone(),
        dedup_key: new.dedup_key.clone(),
        service: new.service.clone(),
        severity: new.severity,
        labels: new.labels.clone(),
        annotations: new.annotations.clone(),
        escalation_policy: route.clone().ok(),
    };
    let status = AlertStatus { started_at: Some(new.started_at), ..AlertStatus::default() };
    let mut alert: AlertObject = Typed::read(to_any(&Alert::object(&name, spec, Some(status)))?)?;
    let incident = incidents::prepare(tx, &alert, &new).await?;
    alert.status.incident = incident.as_ref().map(incidents::Prepared::reference);
    let written = write_command(tx, directory, alert, &route, &Command::Trigger, &Authority::system()).await?;
    if let Some(prepared) = incident {
        incidents::take_in(tx, prepared, &written, &new).await?;
    }
    Ok(written.reference())
}

/// Puts a command to an alert; what changes nothing is not written.
pub(crate) async fn command(
    tx: &mut Tx,
    directory: &mut Directory,
    alert: AlertObject,
    command: &Command,
    authority: &Authority,
) -> Result<AlertObject, Problem> {
    let named = alert.spec.escalation_policy.as_ref().map(ToString::to_string);
    // An alert that found no policy looks again; one whose policy was deleted finds the next.
    let route = directory.route(tx, named.as_deref(), alert.spec.service.as_ref(), team_of(&alert).as_deref()).await?;
    write_command(tx, directory, alert, &route, command, authority).await
}

fn team_of(alert: &AlertObject) -> Option<String> {
    crate::alertmanager::team_of(&alert.spec.labels)
}

/// Reads an alert that should be there.
pub(crate) async fn require(tx: &mut Tx, reference: &ObjectRef) -> Result<AlertObject, Problem> {
    let object = tx.get(reference).await?.ok_or_else(|| {
        Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}."))
            .hint("`andon get alerts` lists the alerts.")
    })?;
    Typed::read(object)
}

async fn write_command(
    tx: &mut Tx,
    directory: &mut Directory,
    mut alert: AlertObject,
    route: &Route,
    command: &Command,
    authority: &Authority,
) -> Result<AlertObject, Problem> {
    let now = tx.now();
    let plan = directory.plan(tx, route, now).await?;
    let outcome = decide(&alert.status, &plan, command, now)?;
    if outcome.status == alert.status && outcome.effects.is_empty() {
        return Ok(alert);
    }
    alert.status = outcome.status;
    if let Ok(policy) = route {
        alert.spec.escalation_policy = Some(policy.clone());
    }
    let reference = alert.reference();
    let mut written = Written::default();
    for effect in outcome.effects {
        match effect {
            Effect::Page { round, part, users } => {
                page(tx, directory, &mut alert, (round, part), &users, &mut written).await?;
            }
            Effect::CancelPages => cancel(tx, &mut alert, &mut written).await?,
            Effect::Announce { action, text } => written.announcements.push((action, text)),
        }
    }
    let surplus = alert.status.pages.len().saturating_sub(PAGES_SHOWN);
    alert.status.pages.drain(..surplus);
    table::set_timer(tx, &reference, alert.status.next_due_at).await?;
    let is_trigger = *command == Command::Trigger;
    let (action, others) = written.main_action(is_trigger);
    let payload = written.payload(&alert);
    for (other, text) in others {
        tx.record(authority.draft(other).object(reference.clone()).payload(json!({"text": text}))).await?;
    }
    let stored = tx.put(alert.into_any()?, authority.draft(action).payload(payload)).await?;
    let alert: AlertObject = Typed::read(stored)?;
    if alert.status.state == AlertState::Resolved {
        end_source(tx, &reference).await?;
    }
    Ok(alert)
}

/// What a command wrote beside the alert's state.
#[derive(Default)]
struct Written {
    announcements: Vec<(&'static str, String)>,
    paged: Vec<Value>,
    cancelled: usize,
}

impl Written {
    /// Tells the action of the alert's own event, and the other events.
    fn main_action(&self, is_trigger: bool) -> (&'static str, Vec<(&'static str, String)>) {
        let mut others = self.announcements.clone();
        if is_trigger {
            return ("alert.triggered", others);
        }
        match others.iter().position(|(action, _)| action.starts_with("alert.")) {
            Some(at) => (others.remove(at).0, others),
            None if self.paged.is_empty() => ("alert.updated", others),
            None => ("alert.escalated", others),
        }
    }

    fn payload(&self, alert: &AlertObject) -> Value {
        let text = self.announcements.iter().find(|(action, _)| action.starts_with("alert.")).map(|(_, text)| text);
        json!({
            "title": alert.spec.title, "service": alert.spec.service, "severity": alert.spec.severity,
            "incident": alert.status.incident, "step": alert.status.step, "round": alert.status.round,
            "pages": self.paged, "cancelledPages": self.cancelled, "text": text,
        })
    }
}

/// Pages people by every way that reaches them, each at its time.
async fn page(
    tx: &mut Tx,
    directory: &mut Directory,
    alert: &mut AlertObject,
    (round, part): (u32, Part),
    users: &[ObjectRef],
    written: &mut Written,
) -> Result<(), Problem> {
    let (reference, now) = (alert.reference(), tx.now());
    let part = match part {
        Part::Step(step) => step.to_string(),
        Part::CatchAll => "catch-all".to_owned(),
    };
    for user in users {
        for contact in directory.contacts_of(tx, user).await? {
            let delay = SignedDuration::from_millis(contact.delay_ms);
            let summary = PageSummary {
                id: page_id(&reference, round, &part, user, &contact),
                user: user.clone(),
                channel: contact.channel,
                due_at: now.checked_add(delay).unwrap_or(now),
                state: PageState::Pending,
                accepted_at: None,
                attempts: 0,
                failure: None,
            };
            let row = PageRow { alert: reference.clone(), round: i64::from(round), part: part.clone(), summary };
            if !table::insert_page(tx, &row).await? {
                continue;
            }
            tx.enqueue(message(&row, &contact)).await?;
            written.paged.push(json!({"user": user, "channel": contact.channel, "dueAt": row.summary.due_at}));
            alert.status.pages.push(row.summary);
        }
    }
    Ok(())
}

fn message(row: &PageRow, contact: &Contact) -> Message {
    Message {
        id: row.summary.id.clone(),
        topic: TOPIC.to_owned(),
        subject: row.alert.to_string(),
        payload: json!({
            "alert": row.alert, "user": row.summary.user, "channel": contact.channel,
            "target": contact.target, "method": contact.method,
        }),
        due_at: row.summary.due_at,
    }
}

/// Names a page by what it is: the same decision taken twice is one page.
fn page_id(alert: &ObjectRef, round: u32, part: &str, user: &ObjectRef, contact: &Contact) -> String {
    let way = contact.method.as_ref().map_or_else(|| "profile".to_owned(), ToString::to_string);
    let digest = Sha256::digest(format!("{alert}\n{round}\n{part}\n{user}\n{way}"));
    hex::encode(&digest[..16])
}

/// Keeps in what is not out yet.
async fn cancel(tx: &mut Tx, alert: &mut AlertObject, written: &mut Written) -> Result<(), Problem> {
    let reference = alert.reference();
    let cancelled = tx.cancel(&reference.to_string()).await?;
    written.cancelled += cancelled.len();
    for mut row in table::pages_of(tx, &reference).await? {
        if row.summary.state != PageState::Pending {
            continue;
        }
        row.summary.state = PageState::Cancelled;
        table::update_page(tx, &row.summary).await?;
        show_page(&mut alert.status, &row.summary);
    }
    Ok(())
}

/// Copies how a page stands into the alert's status.
pub(crate) fn show_page(status: &mut AlertStatus, page: &PageSummary) {
    if let Some(shown) = status.pages.iter_mut().find(|shown| shown.id == page.id) {
        shown.clone_from(page);
    }
}

/// Ends the source's episode: what it says of the same trouble for a while is late.
async fn end_source(tx: &mut Tx, alert: &ObjectRef) -> Result<(), Problem> {
    let Some(mut row) = table::source_of(tx, alert).await? else { return Ok(()) };
    if row.episode.open {
        row.episode = crate::alertmanager::ended(&row.episode, tx.now());
        table::put_source(tx, &row).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kinds::response::Channel;

    #[test]
    fn a_page_keeps_its_identity_and_shares_it_with_no_other() {
        let alert = ObjectRef::new("alert", "default", "alt-1");
        let user = ObjectRef::new("user", "default", "maya");
        let mail = Contact { method: None, channel: Channel::Email, target: "maya@acme.example".into(), delay_ms: 0 };
        let hook = Contact { method: Some(ObjectRef::new("contactmethod", "default", "hook")), ..mail.clone() };
        let first = page_id(&alert, 0, "0", &user, &mail);
        assert_eq!(first, page_id(&alert, 0, "0", &user, &mail));
        let others = [
            page_id(&alert, 1, "0", &user, &mail),
            page_id(&alert, 0, "1", &user, &mail),
            page_id(&alert, 0, "0", &user, &hook),
        ];
        assert!(others.iter().all(|other| *other != first));
    }
}
