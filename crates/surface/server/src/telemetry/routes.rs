//! How telemetry does: for operators and the settings page.

use andon_api::Problem;
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};
use andon_reader::StoreStatus;
use andon_remote::{Condition, Link, Outage};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::supervisor::Story;
use super::{Place, Telemetry, telemetry};

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// How many outages are told.
const OUTAGES_TOLD: usize = 20;

/// The rows of telemetry itself.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut rows = vec![
        Endpoint::get("/api/v1/telemetry/status", "read_telemetry_status")
            .permission("object.read")
            .summary("Tells how telemetry does: its process, its memory, its outages, its store.")
            .handle(status),
    ];
    rows.extend(super::custody::endpoints());
    rows.extend(super::deletions::endpoints());
    rows
}

fn status(_world: World, _call: Call) -> Answer {
    Box::pin(async move { Reply::json(&describe(telemetry()?).await) })
}

async fn describe(telemetry: &Telemetry) -> Value {
    let store = telemetry.status().await;
    match &telemetry.place {
        Place::Inline { .. } => json!({"mode": "inline", "state": "up", "store": store}),
        Place::Off => json!({"mode": "off", "state": "off"}),
        Place::Process { supervisor, remote, memory_bytes } => {
            let mut told = tell_link(remote.link(), &supervisor.story(), store);
            told["mode"] = json!("process");
            told["memoryBudgetBytes"] = json!(memory_bytes);
            told
        }
        Place::Elsewhere { watcher, remote, at } => {
            let mut told = tell_link(remote.link(), &watcher.story(), store);
            told["mode"] = json!("remote");
            told["at"] = json!(at);
            told["refusedConnections"] = json!(remote.link().pulse().refused_connections);
            told
        }
    }
}

fn tell_link(link: &Link, story: &Story, store: StoreStatus) -> Value {
    let (state, detail) = match link.condition() {
        Condition::Up => ("up", None),
        Condition::Starting { note } => ("starting", Some(note)),
        Condition::Down { reason } | Condition::Away { reason } => ("down", Some(reason)),
        Condition::Off { reason } => ("off", Some(reason)),
    };
    let outages = link.outages();
    let outages = outages.iter().rev().take(OUTAGES_TOLD).map(tell).collect::<Vec<_>>();
    json!({
        "state": state,
        "detail": detail,
        "pid": story.pid,
        "since": story.since,
        "starts": story.starts,
        "lastEnd": story.last_end,
        "residentBytes": link.resident_bytes(),
        "outages": outages,
        "store": store,
    })
}

fn tell(outage: &Outage) -> Value {
    let time = |us: i64| Timestamp::from_microsecond(us).ok();
    json!({"from": time(outage.from_us), "until": outage.until_us.and_then(time)})
}
