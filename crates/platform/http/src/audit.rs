//! The ledger over HTTP: audit search, verification, and the live feed.

use std::time::Duration;

use andon_api::{Event, ObjectRef, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, ServerEvent, World};
use andon_objects::EventQuery;
use futures::StreamExt;
use serde_json::json;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The rows of the ledger.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/events", "search_events")
            .permission("audit.read")
            .summary("Searches the ledger: who did what to which object, from where, allowed by which rule.")
            .parameter("object", "an object's reference")
            .parameter("action", "an action, its beginning (`change.`) or its end (`.refused`)")
            .parameter("actor", "a principal or the person behind it")
            .parameter("since", "an RFC 3339 time or an age such as 24h")
            .parameter("until", "an RFC 3339 time or an age")
            .parameter("limit", "entries per page, at most 1,000")
            .parameter("cursor", "where an earlier page ended")
            .handle(search),
        Endpoint::get("/api/v1/audit/verify", "verify_ledger")
            .permission("audit.read")
            .summary("Reads the whole ledger and tells whether every entry is what was written.")
            .handle(verify),
        Endpoint::get("/api/v1/audit/checkpoints", "list_checkpoints")
            .permission("audit.read")
            .summary("Lists the signed checkpoints of the ledger, to be kept elsewhere.")
            .handle(checkpoints),
        Endpoint::get("/api/v1/watch", "watch")
            .permission("object.read")
            .summary("Sends what happens, as it happens (server-sent events).")
            .hidden()
            .handle(watch),
    ]
}

fn search(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let now = world.now();
        let object = call.query("object").map(|text| ObjectRef::parse(text, None, "default")).transpose()?;
        let limit = call.query_as::<usize>("limit")?.unwrap_or(100).clamp(1, 1_000);
        let query = EventQuery {
            object,
            action: call.query("action").map(str::to_owned),
            actor: call.query("actor").map(str::to_owned),
            since: call.time("since", now)?,
            until: call.time("until", now)?,
            before_sequence: call.query_as::<i64>("cursor")?,
            limit,
            newest_first: true,
            ..EventQuery::default()
        };
        let items = world.store.events(&query).await?;
        let next = items.last().filter(|_| items.len() == limit).map(|event| event.sequence.to_string());
        Reply::json(&json!({"items": items, "next": next}))
    })
}

fn verify(world: World, _call: Call) -> Answer {
    Box::pin(async move { Reply::json(&world.store.verify().await?) })
}

fn checkpoints(world: World, _call: Call) -> Answer {
    Box::pin(async move { Reply::json(&json!({"items": world.store.checkpoints().await?})) })
}

/// How often a silent feed shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

fn watch(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let head = world.store.head();
        let start = match call.header("last-event-id").and_then(|text| text.parse().ok()) {
            Some(sequence) => sequence,
            None => *head.borrow(),
        };
        let feed = futures::stream::unfold((world, head, start), |(world, mut head, after)| async move {
            loop {
                let query = EventQuery { after_sequence: Some(after), limit: 200, ..EventQuery::default() };
                let events = world.store.events(&query).await.ok()?;
                if let Some(last) = events.last().map(|event| event.sequence) {
                    return Some((events.iter().map(tell).collect::<Vec<_>>(), (world, head, last)));
                }
                match tokio::time::timeout(HEARTBEAT, head.changed()).await {
                    Ok(Err(_)) => return None,
                    Ok(Ok(())) => {}
                    Err(_) => return Some((vec![heartbeat()], (world, head, after))),
                }
            }
        });
        Ok(Reply::Events(Box::pin(feed.flat_map(futures::stream::iter))))
    })
}

fn heartbeat() -> ServerEvent {
    ServerEvent { name: "heartbeat", data: json!({}), id: None }
}

fn tell(event: &Event) -> ServerEvent {
    let data = json!({
        "sequence": event.sequence,
        "action": event.action,
        "object": event.object,
        "actor": event.actor.principal,
        "at": event.at,
    });
    ServerEvent { name: "change", data, id: Some(event.sequence.to_string()) }
}
