//! Sends pages. Touches no telemetry: the pager outlives everything else.
//!
//! A page is leased, sent, and noted; a crash in between sends it once more with the same identity.
//! Before it is sent the alert is looked at again: what has been answered is not sent.

use std::collections::BTreeMap;
use std::time::Duration;

use andon_api::error::Problem;
use andon_api::graph::declared_owner;
use andon_api::kinds::delivery::ChangeSpec;
use andon_api::kinds::response::{AlertState, Channel, ContactMethodSpec, ContactMethodStatus, PageState};
use andon_api::object::ObjectRef;
use andon_egress::{Mail, SendError};
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{Ids, Leased, Priority, Tx};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::alerts::{self, Authority, TOPIC, show_page};
use crate::directory::Directory;
use crate::escalation::Command;
use crate::limits::{NEXT_CHANNEL_MS, PAGE_LEASE_MS, PAGES_AT_ONCE, RETRY_MAX_MS, SEND_DEADLINE_MS};
use crate::link;
use crate::message::{AndonObject, Content, Facts, content, html, signature, slack_body, text, webhook_body};
use crate::table::{self, PageRow};
use crate::typed::{AlertObject, IncidentObject, Typed};
use crate::words::channel_word;

/// How long one run waits for what it has started to send; slower sends go on beside the next run.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends pages.
#[derive(Default)]
pub(crate) struct Pager {
    sending: Mutex<JoinSet<()>>,
}

/// What the outbox keeps of a page.
#[derive(Clone, Debug, Deserialize)]
struct Payload {
    alert: ObjectRef,
    user: ObjectRef,
    channel: Channel,
    target: String,
    method: Option<ObjectRef>,
}

/// How a try to send ended.
#[derive(Clone, Debug)]
enum Sent {
    Accepted,
    /// The alert was answered before.
    Answered,
    Failed {
        text: String,
        permanent: bool,
    },
}

impl Controller for Pager {
    fn name(&self) -> &'static str {
        "response.pager"
    }

    fn period_ms(&self) -> u64 {
        1_000
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(self.run(world))
    }
}

impl Pager {
    async fn run(&self, world: &World) -> Result<(), Problem> {
        let mut head = world.store.head();
        head.mark_unchanged();
        let mut sending = self.sending.lock().await;
        while let Some(done) = sending.try_join_next() {
            note_end(done);
        }
        loop {
            let leased = lease_due(world).await?;
            let more = leased.len() >= usize::try_from(PAGES_AT_ONCE).unwrap_or(usize::MAX);
            for (page, secret) in leased {
                sending.spawn(send_and_note(world.clone(), page, secret));
            }
            if !more {
                break;
            }
        }
        // A commit may have put new pages into the outbox: they do not wait for a slow receiver.
        let drained = async {
            while let Some(done) = sending.join_next().await {
                note_end(done);
            }
        };
        tokio::select! {
            () = drained => {}
            _ = head.changed() => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
        Ok(())
    }
}

fn note_end(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        // The lease runs out and the page is sent by the next run.
        tracing::error!(%error, "sending a page broke off");
    }
}

/// Leases what is due, and makes the link of each page good in the same transaction.
async fn lease_due(world: &World) -> Result<Vec<(Leased, String)>, Problem> {
    let sql = "SELECT id FROM outbox WHERE topic = $1 AND ((state = 'pending' AND due_at <= $2) \
               OR (state = 'leased' AND lease_until <= $2)) LIMIT 1";
    let due = world.store.fetch(sql, vec![TOPIC.into(), world.now().into()]).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let ids = world.ids.clone();
    world.store.write(Priority::Page, move |tx| Box::pin(lease(tx, ids))).await
}

async fn lease(tx: &mut Tx, ids: Ids) -> Result<Vec<(Leased, String)>, Problem> {
    let mut leased = Vec::new();
    for page in tx.lease(TOPIC, PAGES_AT_ONCE, PAGE_LEASE_MS).await? {
        let secret = ids.new_secret();
        if let Ok(payload) = serde_json::from_value::<Payload>(page.payload.clone()) {
            link::admit(tx, &secret, &payload.alert, &payload.user).await?;
        }
        leased.push((page, secret));
    }
    Ok(leased)
}

async fn send_and_note(world: World, page: Leased, secret: String) {
    let id = page.id.clone();
    let payload: Result<Payload, _> = serde_json::from_value(page.payload.clone());
    let sent = match &payload {
        Ok(payload) => send(&world, &id, payload, &secret).await,
        Err(error) => Ok(Sent::Failed { text: format!("the page cannot be read: {error}"), permanent: true }),
    };
    let sent = match sent {
        Ok(sent) => sent,
        Err(problem) => {
            // The records could not be read: nothing is known of the page, so its lease runs out.
            tracing::error!(page = %id, error = ?problem, "a page could not be prepared and will be tried again");
            return;
        }
    };
    let method = payload.ok().and_then(|payload| payload.method);
    let noted = world.store.write(Priority::Page, move |tx| Box::pin(note(tx, page, method, sent))).await;
    if let Err(problem) = noted {
        tracing::error!(page = %id, error = ?problem, "the outcome of a page could not be noted; it may be sent once more");
    }
}

async fn send(world: &World, id: &str, payload: &Payload, secret: &str) -> Result<Sent, Problem> {
    let Some(object) = world.store.get(&payload.alert).await? else { return Ok(Sent::Answered) };
    let alert: AlertObject = Typed::read(object)?;
    if alert.status.state != AlertState::Triggered {
        return Ok(Sent::Answered);
    }
    let method: Option<ContactMethodSpec> = match &payload.method {
        Some(method) => world.store.get(method).await?.map(|method| method.spec_as()).transpose()?,
        None => None,
    };
    let read = ReadFacts::read(world, &alert).await?;
    let link = world.link(&format!("/p/{secret}"));
    let facts = read.facts(&alert, &link, &world.settings.public_url);
    let content = content(&facts);
    let deadline = Duration::from_millis(SEND_DEADLINE_MS);
    let outcome = tokio::time::timeout(deadline, deliver(world, id, payload, method.as_ref(), &content, &facts)).await;
    Ok(match outcome {
        Ok(Ok(())) => Sent::Accepted,
        Ok(Err(error)) => Sent::Failed { text: error.text, permanent: error.permanent },
        Err(_) => Sent::Failed { text: format!("no answer within {} s", SEND_DEADLINE_MS / 1_000), permanent: false },
    })
}

async fn deliver(
    world: &World,
    id: &str,
    payload: &Payload,
    method: Option<&ContactMethodSpec>,
    content: &Content,
    facts: &Facts<'_>,
) -> Result<(), SendError> {
    let target = method.map_or(payload.target.as_str(), |method| method.target.as_str());
    let body = match payload.channel {
        Channel::Email => {
            let mail = Mail {
                to: target.to_owned(),
                subject: content.subject.clone(),
                text: text(content),
                html: html(content),
                message_id: id.to_owned(),
            };
            return world.egress.send_mail(&mail).await;
        }
        Channel::Webhook => webhook_body(content, facts, id, &payload.user.to_string()),
        Channel::Slack => slack_body(content),
    };
    let body = body.to_string().into_bytes();
    let signed = method.and_then(|method| method.secret.as_deref()).and_then(|secret| signature(secret, &body));
    let mut headers = vec![("content-type", "application/json"), ("idempotency-key", id)];
    headers.extend(signed.as_deref().map(|signed| ("x-andon-signature", signed)));
    world.egress.post(target, &headers, body).await.map(|_| ())
}

/// What is read of the records for a page or its link.
pub(crate) struct ReadFacts {
    pub(crate) incident: Option<IncidentObject>,
    pub(crate) change: Option<ChangeSpec>,
    pub(crate) andons: Vec<AndonObject>,
    pub(crate) owner: Option<String>,
}

impl ReadFacts {
    pub(crate) async fn read(world: &World, alert: &AlertObject) -> Result<Self, Problem> {
        let incident: Option<IncidentObject> = match &alert.status.incident {
            Some(incident) => world.store.get(incident).await?.map(Typed::read).transpose()?,
            None => None,
        };
        let first = incident.as_ref().and_then(|incident| incident.status.suspects.first());
        let change = match first {
            Some(suspect) => world.store.get(&suspect.change).await?.and_then(|change| change.spec_as().ok()),
            None => None,
        };
        let mut andons = Vec::new();
        for andon in incident.iter().flat_map(|incident| &incident.status.andons) {
            andons.extend(world.store.get(andon).await?.map(Typed::read).transpose()?);
        }
        let owner = match &alert.spec.service {
            Some(service) => world.store.get(service).await?.as_ref().and_then(declared_owner),
            None => None,
        };
        Ok(Self { incident, change, andons, owner: owner.map(|owner| owner.name().to_owned()) })
    }

    pub(crate) fn facts<'a>(&'a self, alert: &'a AlertObject, link: &'a str, public_url: &'a str) -> Facts<'a> {
        let suspect = self.incident.as_ref().and_then(|incident| incident.status.suspects.first());
        Facts {
            alert,
            incident: self.incident.as_ref(),
            suspect: suspect.zip(self.change.as_ref()),
            andons: &self.andons,
            owner: self.owner.as_deref(),
            link,
            public_url,
        }
    }
}

/// Notes how a try ended, and what follows.
async fn note(tx: &mut Tx, page: Leased, method: Option<ObjectRef>, sent: Sent) -> Result<(), Problem> {
    let Some(mut row) = table::page(tx, &page.id).await? else {
        return tx.postpone(&page.id, None, "nothing is known of this page").await;
    };
    row.summary.attempts = u32::try_from(page.attempts).unwrap_or(u32::MAX);
    let alert = alerts::require(tx, &row.alert).await?;
    note_method(tx, method.as_ref(), &sent).await?;
    match sent {
        Sent::Accepted => accepted(tx, &page.id, row, alert).await,
        Sent::Answered => answered(tx, &page.id, row).await,
        Sent::Failed { .. } if alert.status.state != AlertState::Triggered => answered(tx, &page.id, row).await,
        Sent::Failed { text, permanent: true } => given_up(tx, &page.id, row, alert, text).await,
        Sent::Failed { text, permanent: false } => postponed(tx, &page.id, row, alert, text).await,
    }
}

async fn accepted(tx: &mut Tx, id: &str, mut row: PageRow, alert: AlertObject) -> Result<(), Problem> {
    tx.complete(id).await?;
    // It is out, also where somebody answered while it was being sent.
    row.summary.state = PageState::Accepted;
    row.summary.accepted_at = Some(tx.now());
    row.summary.failure = None;
    show(tx, &row, alert, "page.accepted").await.map(|_| ())
}

async fn answered(tx: &mut Tx, id: &str, mut row: PageRow) -> Result<(), Problem> {
    tx.postpone(id, None, "answered before it was sent").await?;
    if row.summary.state == PageState::Pending {
        row.summary.state = PageState::Cancelled;
        table::update_page(tx, &row.summary).await?;
    }
    Ok(())
}

async fn given_up(tx: &mut Tx, id: &str, mut row: PageRow, alert: AlertObject, text: String) -> Result<(), Problem> {
    tx.postpone(id, None, &text).await?;
    row.summary.state = PageState::Failed;
    row.summary.failure = Some(text);
    let alert = show(tx, &row, alert, "page.failed").await?;
    bring_forward(tx, &row).await?;
    let pages = table::pages_of(tx, &row.alert).await?;
    let mut step = pages.iter().filter(|page| page.round == row.round && page.part == row.part);
    let is_last_step = alert.status.step.is_some_and(|step| step.to_string() == row.part)
        && i64::from(alert.status.round) == row.round;
    if is_last_step && step.all(|page| page.summary.state == PageState::Failed) {
        // Nobody of this step can be told: the next one does not wait.
        let mut directory = Directory::load(tx).await?;
        alerts::command(tx, &mut directory, alert, &Command::StepFailed, &Authority::system()).await?;
    }
    Ok(())
}

async fn postponed(tx: &mut Tx, id: &str, mut row: PageRow, alert: AlertObject, text: String) -> Result<(), Problem> {
    let now = tx.now();
    let pause = SignedDuration::from_millis(pause_ms(id, row.summary.attempts));
    tx.postpone(id, Some(now.checked_add(pause).unwrap_or(now)), &text).await?;
    row.summary.failure = Some(text);
    if row.summary.attempts <= 1 {
        show(tx, &row, alert, "page.delayed").await?;
    } else {
        table::update_page(tx, &row.summary).await?;
    }
    if now.duration_since(row.summary.due_at) >= SignedDuration::from_millis(NEXT_CHANNEL_MS) {
        bring_forward(tx, &row).await?;
    }
    Ok(())
}

/// Writes how a page stands, to its row and to the alert that people look at.
async fn show(tx: &mut Tx, row: &PageRow, mut alert: AlertObject, action: &str) -> Result<AlertObject, Problem> {
    table::update_page(tx, &row.summary).await?;
    show_page(&mut alert.status, &row.summary);
    let payload = json!({
        "page": row.summary.id, "user": row.summary.user, "channel": channel_word(row.summary.channel),
        "attempts": row.summary.attempts, "failure": row.summary.failure,
    });
    let stored = tx.put(alert.into_any()?, Authority::system().draft(action).payload(payload)).await?;
    Typed::read(stored)
}

/// Uses the person's other channels at once: this one does not work.
async fn bring_forward(tx: &mut Tx, failed: &PageRow) -> Result<(), Problem> {
    let now = tx.now();
    for other in table::pages_of(tx, &failed.alert).await? {
        let same_call =
            other.round == failed.round && other.part == failed.part && other.summary.user == failed.summary.user;
        let waits =
            other.summary.state == PageState::Pending && other.summary.attempts == 0 && other.summary.due_at > now;
        if same_call && waits {
            tx.postpone(&other.summary.id, Some(now), "another channel did not work").await?;
        }
    }
    Ok(())
}

/// The pause before the next try: 1, 2, 4 … 60 s, spread by a quarter so that receivers are not hit at once.
fn pause_ms(id: &str, attempts: u32) -> i64 {
    let doubled = 1_000i64.saturating_mul(1i64 << attempts.saturating_sub(1).min(6));
    let pause = doubled.min(RETRY_MAX_MS);
    let spread = i64::from(Sha256::digest(format!("{id}{attempts}"))[0]);
    pause * 3 / 4 + pause * spread / 510
}

/// Notes on the contact method whether it works, where that is news.
async fn note_method(tx: &mut Tx, method: Option<&ObjectRef>, sent: &Sent) -> Result<(), Problem> {
    let Some(object) = (match method {
        Some(method) => tx.get(method).await?,
        None => None,
    }) else {
        return Ok(());
    };
    let mut method: Typed<ContactMethodSpec, ContactMethodStatus> = Typed::read(object)?;
    let now = tx.now();
    let day = SignedDuration::from_hours(24);
    let is_news = |last: Option<Timestamp>| last.is_none_or(|last| now.duration_since(last) >= day);
    let action = match sent {
        Sent::Accepted if method.status.last_failure.is_some() || is_news(method.status.last_accepted_at) => {
            method.status.last_accepted_at = Some(now);
            method.status.last_failure = None;
            "contactmethod.confirmed"
        }
        Sent::Failed { text, .. } if method.status.last_failure.is_none() => {
            method.status.last_failure = Some(text.clone());
            "contactmethod.failed"
        }
        _ => return Ok(()),
    };
    tx.put(method.into_any()?, Authority::system().draft(action)).await.map(|_| ())
}

/// Counts how the pages of some alerts stand, for operators.
pub(crate) fn states_of(pages: &[PageRow]) -> BTreeMap<&'static str, usize> {
    let mut states = BTreeMap::new();
    for page in pages {
        let state = match page.summary.state {
            PageState::Pending => "pending",
            PageState::Accepted => "accepted",
            PageState::Cancelled => "cancelled",
            PageState::Failed => "failed",
        };
        *states.entry(state).or_default() += 1;
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_minute_and_is_spread() {
        for (attempts, pause) in [(1, 1_000), (2, 2_000), (3, 4_000), (6, 32_000), (7, 60_000), (40, 60_000)] {
            for id in ["a", "b", "c"] {
                let spread = pause_ms(id, attempts);
                assert!(spread >= pause * 3 / 4 && spread <= pause * 5 / 4, "{attempts}: {spread}");
            }
        }
        assert_ne!(pause_ms("a", 5), pause_ms("b", 5));
    }
}
