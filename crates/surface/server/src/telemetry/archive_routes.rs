//! The archive over HTTP: how it does, and what people ask of it.

use andon_api::units::Span;
use andon_api::{ErrorCode, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World, read_time, telemetry_problem};
use andon_objects::{EventDraft, Priority};
use andon_reader::{Amount, ArchiveJob, ArchiveRequest, ArchiveState, ArchiveWork, JobState, ReaderError, RestoreRequest};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::telemetry;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// How long restored lines stay where nothing is said.
const KEPT: Span = Span::from_seconds(7 * 86_400);

/// The rows of the archive.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/telemetry/archive", "read_archive")
            .permission("object.read")
            .summary("Tells how the archive of log lines does: what is in it, what is restored, its jobs.")
            .handle(state),
        Endpoint::post("/api/v1/telemetry/archive", "archive_logs")
            .permission("system.write")
            .event("archive.requested")
            .summary("Begins to move log lines to the archive: what is due, or what was received before a time.")
            .request::<Value>()
            .handle(archive),
        Endpoint::post("/api/v1/telemetry/restore", "restore_logs")
            .permission("system.write")
            .event("restore.requested")
            .summary("Begins to bring log lines of an interval back from the archive, for a time.")
            .request::<Value>()
            .handle(restore),
    ]
}

/// Asks to archive.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Archiving {
    #[serde(default)]
    before: Option<String>,
}

/// Asks to restore.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Restoring {
    since: String,
    until: String,
    #[serde(default, rename = "for")]
    kept: Option<Span>,
}

fn state(_world: World, _call: Call) -> Answer {
    Box::pin(async move {
        let status = telemetry()?.status().await;
        Reply::json(&describe(&status.archive.unwrap_or_default()))
    })
}

fn archive(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted: Archiving = call.json()?;
        let before = wanted.before.as_deref().map(|text| read_time(text, world.now())).transpose().map_err(|problem| problem.place("before"))?;
        record(&world, call.event("archive.requested").payload(json!({"before": before}))).await?;
        let request = ArchiveRequest { before_us: before.map(Timestamp::as_microsecond) };
        let job = telemetry()?.archive.archive(request).await.map_err(telemetry_problem)?;
        Reply::json_with(StatusCode::ACCEPTED, &describe_job(&job))
    })
}

fn restore(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted: Restoring = call.json()?;
        let time = |name: &str, text: &str| read_time(text, world.now()).map_err(|problem| problem.place(name));
        let (since, until) = (time("since", &wanted.since)?, time("until", &wanted.until)?);
        let kept = wanted.kept.unwrap_or(KEPT);
        if kept.milliseconds() <= 0 || until <= since {
            let problem = Problem::new(ErrorCode::RequestInvalid, "Nothing can be restored so: the time ends before it begins, or lines would stay for no time.");
            return Err(problem.hint("`since` lies before `until`, and `for` is an age such as 7d."));
        }
        let asked = json!({"since": since, "until": until, "for": kept});
        record(&world, call.event("restore.requested").payload(asked)).await?;
        let request = RestoreRequest { since_us: since.as_microsecond(), until_us: until.as_microsecond(), keep_us: kept.microseconds() };
        let job = telemetry()?.archive.restore(request).await.map_err(telemetry_problem)?;
        Reply::json_with(StatusCode::ACCEPTED, &describe_job(&job))
    })
}

/// Writes down who asked, before it is done: what is done without anybody knowing who asked is worse than the
/// reverse.
async fn record(world: &World, draft: EventDraft) -> Result<(), Problem> {
    world.store.write(Priority::Object, move |tx| Box::pin(async move { tx.record(draft).await.map(|_| ()) })).await
}

fn time(us: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(us).ok()
}

fn describe(state: &ArchiveState) -> Value {
    let moment = |us: Option<i64>| us.and_then(time);
    json!({
        "place": state.place,
        "afterSeconds": state.after_s,
        "retentionSeconds": state.retention_s,
        "archived": state.archived,
        "oldest": moment(state.oldest_us),
        "newest": moment(state.newest_us),
        "restored": state.restored,
        "restoredUntil": moment(state.restored_until_us),
        "waiting": state.waiting,
        "moved": state.moved,
        "failing": state.failing.as_ref().map(describe_error),
        "retryAt": moment(state.retry_at_us),
        "jobs": state.jobs.iter().map(describe_job).collect::<Vec<_>>(),
    })
}

/// An error inside an answer, in the words of problems.
fn describe_error(error: &ReaderError) -> Value {
    let problem = telemetry_problem(error.clone());
    json!({"code": problem.code, "title": problem.title, "detail": problem.detail, "hint": problem.hint})
}

fn describe_job(job: &ArchiveJob) -> Value {
    let work = match job.work {
        ArchiveWork::Archive => "archive",
        ArchiveWork::Restore => "restore",
    };
    let state = match job.state {
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed => "failed",
    };
    json!({
        // A number beyond what JavaScript counts exactly.
        "id": job.id.to_string(),
        "work": work,
        "state": state,
        "startedAt": time(job.started_at_us),
        "endedAt": job.ended_at_us.and_then(time),
        "total": job.total,
        "done": job.done,
        "bytesPerSecond": bytes_per_second(job.done, job.busy_us),
        "error": job.error.as_ref().map(describe_error),
    })
}

fn bytes_per_second(done: Amount, busy_us: u64) -> u64 {
    let rate = u128::from(done.bytes) * 1_000_000 / u128::from(busy_us.max(1));
    if busy_us == 0 { 0 } else { u64::try_from(rate).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_bytes_by_the_time_that_was_worked() {
        let done = Amount { segments: 1, rows: 1, bytes: 3_000_000 };
        assert_eq!(bytes_per_second(done, 1_500_000), 2_000_000);
        assert_eq!(bytes_per_second(done, 0), 0);
    }
}
