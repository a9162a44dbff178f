//! What the server does for the lines that are stored: tells the store its streams, and enters the proofs of finished
//! deletions into the ledger.
//!
//! Both converge from any state: streams are told whenever they differ from what was told last, and a proof is
//! entered when the ledger has none of that deletion.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use andon_api::event::Actor;
use andon_api::kinds::streams::StreamSpec;
use andon_api::object::{DEFAULT_NAMESPACE, ObjectRef};
use andon_api::{AnyObject, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World, telemetry_problem};
use andon_objects::{EventDraft, EventQuery, Priority};
use andon_reader::{Deletion, DeletionState, LogCustody, StreamRule, StreamStatus};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::deletions::name_of;
use super::{Place, Telemetry, telemetry};

/// How often the store is asked for finished deletions, and told its streams when nothing was committed.
const PERIOD: Duration = Duration::from_secs(5);
/// How long commits gather before the streams are read again.
const GATHERING: Duration = Duration::from_millis(300);
/// The event of a deletion of which no file holds a line any more.
const FINISHED: &str = "deletion.finished";

/// The rows of streams.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/telemetry/streams", "read_telemetry_streams")
            .permission("object.read")
            .summary("Tells what each stream of log lines holds and what was dropped of it.")
            .handle(streams),
    ]
}

fn streams(_world: World, _call: Call) -> BoxFuture<'static, Result<Reply, Problem>> {
    Box::pin(async move {
        let all = telemetry()?.custody.streams().await.map_err(telemetry_problem)?;
        Reply::json(&json!({"items": all.iter().map(tell).collect::<Vec<_>>()}))
    })
}

fn tell(stream: &StreamStatus) -> Value {
    json!({
        "name": stream.name,
        "known": stream.is_known,
        "rows": stream.rows,
        "bytes": stream.bytes,
        "segments": stream.segments,
        "oldestReceivedAt": stream.oldest_received_at_us.and_then(|us| Timestamp::from_microsecond(us).ok()),
        "retentionSeconds": stream.retention_us / 1_000_000,
        "sizeBytes": stream.size_bytes,
        "droppedByAgeRows": stream.dropped_by_age_rows,
        "droppedBySizeRows": stream.dropped_by_size_rows,
        "droppedByCapRows": stream.dropped_by_cap_rows,
    })
}

/// Runs until `stop` turns true.
pub(crate) async fn run(world: World, telemetry: Arc<Telemetry>, mut stop: watch::Receiver<bool>) {
    if matches!(telemetry.place, Place::Off) {
        return;
    }
    let mut head = world.store.head();
    let mut keeper = Keeper { world, custody: telemetry.custody.clone(), told: None, entered: BTreeSet::new() };
    while !*stop.borrow() {
        keeper.tell_streams().await;
        keeper.enter_proofs().await;
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = stop.changed() => {}
            changed = head.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(GATHERING).await;
                head.mark_unchanged();
            }
        }
    }
}

struct Keeper {
    world: World,
    custody: Arc<dyn LogCustody>,
    /// The streams that the store was told last.
    told: Option<Vec<StreamRule>>,
    /// Deletions whose proof is known to be in the ledger.
    entered: BTreeSet<u64>,
}

impl Keeper {
    async fn tell_streams(&mut self) {
        let told = async {
            let objects = self.world.store.all("Stream").await?;
            let rules = objects.iter().map(rule_of).collect::<Result<Vec<_>, _>>()?;
            if self.told.as_ref() == Some(&rules) {
                return Ok(None);
            }
            self.custody.set_streams(rules.clone()).await.map_err(telemetry_problem)?;
            Ok::<_, Problem>(Some(rules))
        };
        match told.await {
            Ok(None) => {}
            Ok(Some(rules)) => self.told = Some(rules),
            // It keeps what it was told before, and is told again soon.
            Err(problem) => tracing::warn!(error = ?problem, "the streams could not be told to the log store"),
        }
    }

    async fn enter_proofs(&mut self) {
        // Without the store there is nothing new to enter.
        let Ok(all) = self.custody.deletions().await else { return };
        for deletion in all.iter().filter(|deletion| deletion.state == DeletionState::Finished) {
            if self.entered.contains(&deletion.id) {
                continue;
            }
            match enter(&self.world, deletion).await {
                Ok(()) => {
                    self.entered.insert(deletion.id);
                }
                Err(problem) => tracing::warn!(error = ?problem, id = deletion.id, "the proof of a deletion could not be entered into the ledger"),
            }
        }
    }
}

/// A stream as the store takes it.
fn rule_of(object: &AnyObject) -> Result<StreamRule, Problem> {
    let spec: StreamSpec = object.spec_as()?;
    let (namespace, name) = (&object.metadata.namespace, &object.metadata.name);
    Ok(StreamRule {
        name: if namespace == DEFAULT_NAMESPACE { name.clone() } else { format!("{namespace}/{name}") },
        query: spec.query,
        priority: spec.priority,
        retention_us: spec.retention.age.map(|age| age.microseconds()).filter(|&age_us| age_us > 0),
        size_bytes: spec.retention.size.map(|size| size.bytes()).filter(|&bytes| bytes > 0),
    })
}

/// Finds the digest that the ledger has of a deletion's proof.
pub(super) async fn finished_digest(world: &World, id: u64) -> Result<Option<String>, Problem> {
    let query = EventQuery { object: Some(reference(id)), action: Some(FINISHED.to_owned()), limit: 1, newest_first: true, ..EventQuery::default() };
    let events = world.store.events(&query).await?;
    let payload = events.first().and_then(|event| event.payload.as_ref());
    Ok(payload.and_then(|payload| payload.get("digest")).and_then(Value::as_str).map(str::to_owned))
}

fn reference(id: u64) -> ObjectRef {
    ObjectRef::new("deletion", DEFAULT_NAMESPACE, &name_of(id))
}

async fn enter(world: &World, deletion: &Deletion) -> Result<(), Problem> {
    if finished_digest(world, deletion.id).await? == deletion.digest {
        return Ok(());
    }
    let facts = json!({
        "query": deletion.query,
        "reason": deletion.reason,
        "requestedBy": deletion.requested_by,
        "requestEvent": deletion.request_event,
        "removedRows": deletion.removed_rows,
        "throughId": deletion.through_sequence.to_string(),
        "digest": deletion.digest,
    });
    let draft = EventDraft::new(Actor::system("telemetry"), FINISHED).object(reference(deletion.id)).payload(facts);
    world.store.write(Priority::Background, move |tx| Box::pin(async move { tx.record(draft).await })).await?;
    Ok(())
}
