//! The evaluator: asks the log store about every window that has closed, and announces changes.
//!
//! Reads the alarms and what is remembered, takes the leases, counts outside any transaction, and
//! stores everything of a run in one. A window is closed when the log store's watermark has passed its
//! end; a window that waits for that too long, or in which this server was not running, is incomplete.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use andon_api::error::Problem;
use andon_api::event::Actor;
use andon_api::kinds::signals::{AlarmSpec, AlarmStatus};
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::{BoxFuture, Controller, World};
use andon_objects::{EventDraft, Priority, Tx};
use andon_reader::{Clock, CountRequest};
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::json;

use crate::decide::{Announcement, Transition, WindowResult, decide};
use crate::limits::{CLEANING_PERIOD_MS, COUNTS_AT_ONCE, EVALUATIONS_KEPT_MS, LEASE_MS, OVERDUE_MS, PERIOD_MS};
use crate::table::{self, Evaluation, EvaluatorRow, question};
use crate::window::{self, Window};

/// Evaluates alarms.
#[derive(Default)]
pub(crate) struct Evaluator {
    /// Who this is towards other servers, and since when it watches.
    identity: OnceLock<(String, i64)>,
    cleaned_us: AtomicI64,
}

/// An alarm with windows to evaluate.
struct Job {
    reference: ObjectRef,
    spec: AlarmSpec,
    row: EvaluatorRow,
    windows: Vec<Window>,
    skipped: i64,
}

/// What the windows of one alarm led to.
struct Evaluated {
    reference: ObjectRef,
    from_end_us: i64,
    row: EvaluatorRow,
    evaluations: Vec<Evaluation>,
    transitions: Vec<(Window, Transition)>,
}

/// The instants of a run.
#[derive(Clone, Copy)]
struct Moment {
    now_us: i64,
    /// When this server began to watch.
    started_us: i64,
    /// Up to where the log store vouches for completeness, exclusive.
    closed_us: i64,
}

impl Controller for Evaluator {
    fn name(&self) -> &'static str {
        "signals.evaluator"
    }

    fn period_ms(&self) -> u64 {
        PERIOD_MS
    }

    fn wakes_on_commit(&self) -> bool {
        false
    }

    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(self.run(world))
    }
}

impl Evaluator {
    async fn run(&self, world: &World) -> Result<(), Problem> {
        let now_us = world.now().as_microsecond();
        let (owner, started_us) = self.identity.get_or_init(|| (world.ids.new_id(), now_us)).clone();
        let closed_us = world.logs.watermark_us().saturating_add(1).min(now_us);
        let moment = Moment { now_us, started_us, closed_us };
        let alarms = world.store.all("Alarm").await?;
        let remembered = table::evaluators(&world.store).await?;
        let jobs = plan(&alarms, &remembered, moment, &owner);
        let jobs = acquire(world, jobs, &owner).await?;
        let evaluated: Vec<Evaluated> = futures::stream::iter(jobs.into_iter().map(|job| evaluate(world, job, moment)))
            .buffer_unordered(COUNTS_AT_ONCE)
            .collect()
            .await;
        store(world, evaluated, &owner).await?;
        self.clean(world, &alarms, &remembered, now_us).await
    }

    /// Deletes what is too old, now and then.
    async fn clean(
        &self,
        world: &World,
        alarms: &[AnyObject],
        remembered: &[EvaluatorRow],
        now_us: i64,
    ) -> Result<(), Problem> {
        if now_us - self.cleaned_us.load(Ordering::Relaxed) < CLEANING_PERIOD_MS * 1_000 {
            return Ok(());
        }
        let live: BTreeSet<String> = alarms.iter().map(|alarm| alarm.reference().to_string()).collect();
        let gone =
            remembered.iter().map(|row| row.alarm.clone()).filter(|alarm| !live.contains(alarm)).collect::<Vec<_>>();
        let before_us = now_us - EVALUATIONS_KEPT_MS * 1_000;
        world
            .store
            .write(Priority::Background, move |tx| Box::pin(async move { table::clean(tx, before_us, &gone).await }))
            .await?;
        self.cleaned_us.store(now_us, Ordering::Relaxed);
        Ok(())
    }
}

/// Lists the alarms that have windows to evaluate and that nobody else evaluates.
fn plan(alarms: &[AnyObject], remembered: &[EvaluatorRow], moment: Moment, owner: &str) -> Vec<Job> {
    let rows: BTreeMap<&str, &EvaluatorRow> = remembered.iter().map(|row| (row.alarm.as_str(), row)).collect();
    let mut jobs = Vec::new();
    for alarm in alarms {
        let reference = alarm.reference();
        let spec: AlarmSpec = match alarm.spec_as() {
            Ok(spec) => spec,
            Err(problem) => {
                tracing::warn!(alarm = %reference, error = ?problem, "an alarm cannot be read and is not evaluated");
                continue;
            }
        };
        let row = starting_row(rows.get(reference.to_string().as_str()).copied(), &reference, &spec, moment);
        if row.lease_owner != owner && row.lease_until_us > moment.now_us {
            continue;
        }
        let overdue_us = moment.now_us - OVERDUE_MS * 1_000;
        let due = window::due(row.window_end_us, moment.closed_us.max(overdue_us), spec.window.microseconds());
        let is_new = rows.get(row.alarm.as_str()).is_none_or(|known| known.question != row.question);
        if is_new || !due.windows.is_empty() {
            jobs.push(Job { reference, spec, row, windows: due.windows, skipped: due.skipped });
        }
    }
    jobs
}

/// Goes on where the last evaluation ended; a new or changed question starts with the window that is open now.
fn starting_row(known: Option<&EvaluatorRow>, reference: &ObjectRef, spec: &AlarmSpec, moment: Moment) -> EvaluatorRow {
    let asked = question(spec);
    match known {
        Some(row) if row.question == asked => row.clone(),
        other => {
            let mut row = other.cloned().unwrap_or_else(|| EvaluatorRow {
                alarm: reference.to_string(),
                question: String::new(),
                window_end_us: 0,
                progress: crate::decide::Progress::default(),
                lease_owner: String::new(),
                lease_until_us: 0,
            });
            row.question = asked;
            row.progress.breaching = 0;
            row.progress.clear = 0;
            row.window_end_us = window::starting_point(moment.now_us, spec.window.microseconds());
            row
        }
    }
}

/// Takes the leases of the alarms that are to be evaluated, and drops those that another server took.
async fn acquire(world: &World, jobs: Vec<Job>, owner: &str) -> Result<Vec<Job>, Problem> {
    if jobs.is_empty() {
        return Ok(jobs);
    }
    let owner = owner.to_owned();
    world.store.write(Priority::Background, move |tx| Box::pin(take(tx, jobs, owner))).await
}

async fn take(tx: &mut Tx, jobs: Vec<Job>, owner: String) -> Result<Vec<Job>, Problem> {
    let until_us = tx.now().as_microsecond() + LEASE_MS * 1_000;
    let mut taken = Vec::new();
    for job in jobs {
        if table::lease(tx, &job.row, &owner, until_us).await? {
            taken.push(job);
        }
    }
    Ok(taken)
}

async fn evaluate(world: &World, job: Job, moment: Moment) -> Evaluated {
    let from_end_us = job.row.window_end_us;
    let mut row = job.row;
    let (mut evaluations, mut transitions) = (Vec::new(), Vec::new());
    if job.skipped > 0 {
        tracing::warn!(alarm = %job.reference, windows = job.skipped, "windows of a long downtime are not evaluated");
    }
    for window in job.windows {
        let Some(result) = ask(world, &job.spec, window, moment).await else { break };
        let decision = decide(&job.spec, &row.progress, window, &result);
        let count = match &result {
            WindowResult::Count(count) => i64::try_from(*count).ok(),
            WindowResult::Incomplete { .. } => None,
        };
        let told = count.is_none() || decision.transition.is_some();
        let reason = told.then(|| decision.reason.clone());
        evaluations.push(Evaluation { window, count, state: decision.progress.state, reason });
        row.progress = decision.progress;
        row.window_end_us = window.end_us;
        transitions.extend(decision.transition.map(|transition| (window, transition)));
    }
    Evaluated { reference: job.reference, from_end_us, row, evaluations, transitions }
}

/// Counts one window; `None` means to ask again later.
async fn ask(world: &World, spec: &AlarmSpec, window: Window, moment: Moment) -> Option<WindowResult> {
    let request = CountRequest {
        query: spec.query.clone(),
        since_us: window.start_us,
        until_us: window.end_us,
        clock: Clock::ReceivedAt,
    };
    let overdue = window.end_us + OVERDUE_MS * 1_000 <= moment.now_us;
    let counted = world.logs.count(request).await;
    let (count, missing) = match counted {
        Ok(result) if result.complete => (result.count, None),
        Ok(result) => (result.count, Some(missing_text(&result.missing))),
        Err(error) if error.is_retryable() && !overdue => return None,
        Err(error) => (0, Some(format!("the logs could not be read: {}", error.message))),
    };
    let gap = if window.start_us < moment.started_us {
        Some("Andon was not running for all of it".to_owned())
    } else if window.end_us > moment.closed_us {
        Some("the log store has not confirmed that everything received is there".to_owned())
    } else {
        None
    };
    match missing.or(gap) {
        None => Some(WindowResult::Count(count)),
        Some(reason) => Some(WindowResult::Incomplete { at_least: count, reason }),
    }
}

fn missing_text(missing: &[String]) -> String {
    if missing.is_empty() { "the log store left something out".to_owned() } else { missing.join("; ") }
}

/// Stores a run: windows, what is remembered, and the changes of state with their events.
///
/// Quiet alarms share a transaction; one that announces something has its own, so that an alarm that
/// cannot be stored holds up no other.
async fn store(world: &World, evaluated: Vec<Evaluated>, owner: &str) -> Result<(), Problem> {
    let moved = evaluated.into_iter().filter(|one| one.row.window_end_us != one.from_end_us);
    let (quiet, announcing): (Vec<_>, Vec<_>) = moved.partition(|one| one.transitions.is_empty());
    let mut failed = None;
    for one in announcing {
        let reference = one.reference.clone();
        if let Err(problem) = write(world, Priority::Page, vec![one], owner).await {
            tracing::error!(alarm = %reference, error = ?problem, "a change of an alarm could not be stored");
            failed = Some(problem);
        }
    }
    if !quiet.is_empty() {
        write(world, Priority::Background, quiet, owner).await?;
    }
    failed.map_or(Ok(()), Err)
}

async fn write(world: &World, priority: Priority, evaluated: Vec<Evaluated>, owner: &str) -> Result<(), Problem> {
    let owner = owner.to_owned();
    world.store.write(priority, move |tx| Box::pin(store_all(tx, evaluated, owner))).await
}

async fn store_all(tx: &mut Tx, evaluated: Vec<Evaluated>, owner: String) -> Result<(), Problem> {
    for one in evaluated {
        store_one(tx, one, &owner).await?;
    }
    Ok(())
}

async fn store_one(tx: &mut Tx, one: Evaluated, owner: &str) -> Result<(), Problem> {
    let Some(mut alarm) = tx.get(&one.reference).await? else { return Ok(()) };
    let spec: AlarmSpec = alarm.spec_as()?;
    if question(&spec) != one.row.question {
        // It was changed while it was evaluated: the new question starts afresh.
        return Ok(());
    }
    let until_us = tx.now().as_microsecond() + LEASE_MS * 1_000;
    if !table::advance(tx, &one.row, one.from_end_us, owner, until_us).await? {
        return Ok(());
    }
    table::insert(tx, &one.row.alarm, &one.evaluations).await?;
    for (window, transition) in one.transitions {
        alarm = announce(tx, alarm, &spec, window, transition).await?;
    }
    Ok(())
}

async fn announce(
    tx: &mut Tx,
    mut alarm: AnyObject,
    spec: &AlarmSpec,
    window: Window,
    transition: Transition,
) -> Result<AnyObject, Problem> {
    let mut status: AlarmStatus = alarm.status_as()?;
    let now = tx.now();
    status.state = transition.to;
    status.since = Some(now);
    status.reason.clone_from(&transition.reason);
    status.value = transition.value;
    if transition.announcement == Announcement::Fired {
        status.last_fired_at = Some(now);
        status.fired_count += 1;
    }
    alarm.status = Some(serde_json::to_value(&status).map_err(Problem::internal)?);
    let windows = i64::from(spec.breaching_windows.max(1));
    let began_us = window.end_us - windows * (window.end_us - window.start_us);
    let payload = json!({
        "service": spec.service, "severity": spec.severity, "query": spec.query, "threshold": spec.threshold,
        "reason": transition.reason, "value": transition.value, "pullsAndon": spec.pulls_andon,
        "windowStart": instant(window.start_us), "windowEnd": instant(window.end_us), "startedAt": instant(began_us),
    });
    let draft = EventDraft::new(Actor::system("alarms"), transition.announcement.action()).payload(payload);
    tx.put(alarm, draft).await
}

fn instant(at_us: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(at_us).ok()
}
