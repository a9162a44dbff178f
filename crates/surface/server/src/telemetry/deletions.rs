//! Deletion of log lines over HTTP: hidden at once, then removed from every file, with a proof.

use andon_api::{ErrorCode, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World, read_time, telemetry_problem};
use andon_objects::Priority;
use andon_reader::{Deletion, DeletionCheck, DeletionRequest, custody_limits, query};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::telemetry;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The rows of deletions.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/logs/deletions", "delete_logs")
            .permission("telemetry.delete")
            .event("deletion.requested")
            .summary("Deletes the log lines that match: no question finds them any more, then they go from every file. With dryRun they are counted.")
            .request::<Value>()
            .handle(delete),
        Endpoint::get("/api/v1/logs/deletions", "list_log_deletions")
            .permission("object.read")
            .summary("Lists the deletions of log lines and how far they are, the newest first.")
            .handle(list),
        Endpoint::get("/api/v1/logs/deletions/{id}", "read_log_deletion")
            .permission("object.read")
            .summary("Reads a deletion of log lines with what was done to each file.")
            .handle(read),
        Endpoint::get("/api/v1/logs/deletions/{id}/verification", "verify_log_deletion")
            .permission("object.read")
            .summary("Looks through all stored lines whether one matches a deletion still, and at its proof.")
            .handle(verify),
    ]
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    query: String,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    dry_run: bool,
}

impl Wanted {
    fn check(&self) -> Result<(), Problem> {
        if let Err(error) = query::parse(&self.query) {
            return Err(telemetry_problem(error));
        }
        let characters = self.reason.trim().chars().count();
        if self.dry_run || (1..=custody_limits::REASON_CHARACTERS).contains(&characters) {
            return Ok(());
        }
        let most = custody_limits::REASON_CHARACTERS;
        let problem = Problem::new(ErrorCode::RequestInvalid, format!("A deletion needs a reason of 1 to {most} characters."));
        Err(problem.place("body.reason").hint("Say who asked for it and why: it stays in the ledger and in the proof."))
    }

    fn request(self, call: &Call, now: Timestamp) -> Result<DeletionRequest, Problem> {
        let time = |text: Option<&str>, field: &str, without: i64| match text {
            None => Ok(without),
            Some(text) => read_time(text, now).map(Timestamp::as_microsecond).map_err(|problem| problem.place(format!("body.{field}"))),
        };
        Ok(DeletionRequest {
            since_us: time(self.since.as_deref(), "since", i64::MIN)?,
            until_us: time(self.until.as_deref(), "until", i64::MAX)?,
            query: self.query,
            // A count needs none.
            reason: if self.dry_run { "dry run".to_owned() } else { self.reason.trim().to_owned() },
            requested_by: call.caller.actor.principal.clone(),
            request_event: None,
        })
    }
}

fn delete(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted: Wanted = call.json()?;
        wanted.check()?;
        let dry_run = wanted.dry_run;
        let mut request = wanted.request(&call, world.now())?;
        let custody = &telemetry()?.custody;
        if dry_run {
            let count = custody.count_deletable(request).await.map_err(telemetry_problem)?;
            return Reply::json(&json!({"dryRun": true, "count": count}));
        }
        // First the ledger: nothing is deleted of which it does not know.
        let facts = json!({
            "query": request.query,
            "since": moment(request.since_us),
            "until": moment(request.until_us),
            "reason": request.reason,
        });
        let draft = call.event("deletion.requested").payload(facts);
        let event = world.store.write(Priority::Object, move |tx| Box::pin(async move { tx.record(draft).await })).await?;
        request.request_event = Some(event);
        let deletion = custody.delete_lines(request).await.map_err(telemetry_problem)?;
        Reply::json_with(StatusCode::ACCEPTED, &tell(&deletion))
    })
}

fn list(_world: World, _call: Call) -> Answer {
    Box::pin(async move {
        let all = telemetry()?.custody.deletions().await.map_err(telemetry_problem)?;
        Reply::json(&json!({"items": all.iter().map(tell).collect::<Vec<_>>()}))
    })
}

fn read(_world: World, call: Call) -> Answer {
    Box::pin(async move {
        let id = number(&call)?;
        let found = telemetry()?.custody.deletion(id).await.map_err(telemetry_problem)?;
        let deletion = found.ok_or_else(|| unknown(&call))?;
        let mut told = tell(&deletion);
        if let Some(map) = told.as_object_mut() {
            map.insert("records".to_owned(), json!(deletion.records.iter().map(tell_record).collect::<Vec<_>>()));
        }
        Reply::json(&told)
    })
}

fn verify(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let id = number(&call)?;
        let found = telemetry()?.custody.verify_deletion(id).await.map_err(telemetry_problem)?;
        let mut check = found.ok_or_else(|| unknown(&call))?;
        let entered = super::custody::finished_digest(&world, id).await?;
        if check.digest.is_some() && check.digest != entered {
            check.ok = false;
            check.findings.push(match entered {
                Some(_) => "the ledger has another digest of the proof".to_owned(),
                None => "the ledger has no digest of the proof yet; it is entered within seconds of the end".to_owned(),
            });
        }
        Reply::json(&tell_check(&check))
    })
}

fn number(call: &Call) -> Result<u64, Problem> {
    let text = call.path("id");
    text.strip_prefix("del-").unwrap_or(text).parse().map_err(|_| unknown(call))
}

fn unknown(call: &Call) -> Problem {
    Problem::new(ErrorCode::DeletionNotFound, format!("There is no deletion `{}` of log lines.", call.path("id")))
        .hint("`andon logs deletions` lists them.")
}

/// A time in microseconds; nothing for the ends of all time.
fn moment(us: i64) -> Option<Timestamp> {
    (us != i64::MIN && us != i64::MAX).then(|| Timestamp::from_microsecond(us).ok()).flatten()
}

/// The name of a deletion for people.
pub(super) fn name_of(id: u64) -> String {
    format!("del-{id}")
}

/// A deletion as the API tells it, without its records.
fn tell(deletion: &Deletion) -> Value {
    json!({
        "id": name_of(deletion.id),
        "query": deletion.query,
        "since": moment(deletion.since_us),
        "until": moment(deletion.until_us),
        "throughId": deletion.through_sequence.to_string(),
        "reason": deletion.reason,
        "requestedBy": deletion.requested_by,
        "requestedAt": moment(deletion.requested_at_us),
        "requestEvent": deletion.request_event,
        "state": deletion.state,
        "pending": deletion.pending,
        "removedRows": deletion.removed_rows,
        "finishedAt": deletion.finished_at_us.and_then(moment),
        "digest": deletion.digest,
    })
}

fn tell_record(record: &andon_reader::DeletionRecord) -> Value {
    let segment = |digest: &andon_reader::SegmentDigest| {
        json!({"segment": digest.segment, "dataSha256": digest.data_sha256, "indexSha256": digest.index_sha256})
    };
    json!({
        "old": record.old.as_ref().map(segment),
        "log": record.log,
        "new": record.new.iter().map(segment).collect::<Vec<_>>(),
        "removedRows": record.removed_rows,
    })
}

fn tell_check(check: &DeletionCheck) -> Value {
    json!({
        "id": name_of(check.id),
        "ok": check.ok,
        "matchingRows": check.matching_rows,
        "scannedRows": check.scanned_rows,
        "digest": check.digest,
        "findings": check.findings,
    })
}
