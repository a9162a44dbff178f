//! The plain tables of evaluations: what is remembered between windows, and the counts for the chart.
//!
//! Invariants: the row of an alarm is written by the holder of its lease alone, and only when the
//! window it goes on from is the one that was read.

use andon_api::error::Problem;
use andon_api::kinds::signals::{AlarmSpec, AlarmState};
use andon_api::object::ObjectRef;
use andon_objects::{Arg, Migration, Row, Store, Tx};

use crate::decide::Progress;
use crate::window::Window;

/// The tables of this room.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    id: "signals-0001-evaluation",
    sql: "CREATE TABLE alarm_evaluator (
            alarm TEXT PRIMARY KEY, question TEXT NOT NULL, window_end_us BIGINT NOT NULL,
            state TEXT NOT NULL, is_open BIGINT NOT NULL, breaching BIGINT NOT NULL, clear_count BIGINT NOT NULL,
            lease_owner TEXT NOT NULL, lease_until_us BIGINT NOT NULL);
CREATE TABLE alarm_evaluation (
            alarm TEXT NOT NULL, window_end_us BIGINT NOT NULL, window_us BIGINT NOT NULL,
            count BIGINT, state TEXT NOT NULL, reason TEXT, PRIMARY KEY (alarm, window_end_us));
CREATE INDEX alarm_evaluation_end ON alarm_evaluation (window_end_us)",
}];

/// What is remembered of an alarm between two windows, and who evaluates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EvaluatorRow {
    pub(crate) alarm: String,
    /// What was asked: when it changes, the counts of earlier windows say nothing.
    pub(crate) question: String,
    pub(crate) window_end_us: i64,
    pub(crate) progress: Progress,
    pub(crate) lease_owner: String,
    pub(crate) lease_until_us: i64,
}

/// One evaluated window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evaluation {
    pub(crate) window: Window,
    /// The count; absent when it is not known.
    pub(crate) count: Option<i64>,
    pub(crate) state: AlarmState,
    /// The words; kept where the state changes or the count is not known.
    pub(crate) reason: Option<String>,
}

/// Tells what an alarm asks, as text to compare.
pub(crate) fn question(spec: &AlarmSpec) -> String {
    format!("{}|{:?}|{}|{}", spec.window, spec.comparison, spec.threshold, spec.query)
}

fn state_text(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Unknown => "unknown",
        AlarmState::Ok => "ok",
        AlarmState::Firing => "firing",
    }
}

fn read_state(text: &str) -> AlarmState {
    match text {
        "ok" => AlarmState::Ok,
        "firing" => AlarmState::Firing,
        _ => AlarmState::Unknown,
    }
}

fn read_evaluator(row: &Row) -> Result<EvaluatorRow, Problem> {
    let number = |column: &str| row.integer(column).map(|value| u32::try_from(value).unwrap_or(u32::MAX));
    Ok(EvaluatorRow {
        alarm: row.text("alarm")?,
        question: row.text("question")?,
        window_end_us: row.integer("window_end_us")?,
        progress: Progress {
            state: read_state(&row.text("state")?),
            open: row.integer("is_open")? == 1,
            breaching: number("breaching")?,
            clear: number("clear_count")?,
        },
        lease_owner: row.text("lease_owner")?,
        lease_until_us: row.integer("lease_until_us")?,
    })
}

/// Reads what is remembered of every alarm.
pub(crate) async fn evaluators(store: &Store) -> Result<Vec<EvaluatorRow>, Problem> {
    let sql = "SELECT alarm, question, window_end_us, state, is_open, breaching, clear_count, lease_owner, lease_until_us \
               FROM alarm_evaluator";
    store.fetch(sql, vec![]).await?.iter().map(read_evaluator).collect()
}

/// Takes or renews the lease of an alarm, and notes a changed question; tells whether it is held now.
pub(crate) async fn lease(tx: &mut Tx, row: &EvaluatorRow, owner: &str, until_us: i64) -> Result<bool, Problem> {
    let now_us = tx.now().as_microsecond();
    // A changed question forgets the windows that were counted under the old one, never the open alert.
    let sql = "INSERT INTO alarm_evaluator (alarm, question, window_end_us, state, is_open, breaching, clear_count, \
               lease_owner, lease_until_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
               ON CONFLICT (alarm) DO UPDATE SET lease_owner = excluded.lease_owner, \
               lease_until_us = excluded.lease_until_us, question = excluded.question, \
               window_end_us = excluded.window_end_us, breaching = excluded.breaching, clear_count = excluded.clear_count \
               WHERE (alarm_evaluator.lease_owner = $8 OR alarm_evaluator.lease_until_us <= $10) \
               AND (alarm_evaluator.question <> $2 OR alarm_evaluator.window_end_us = $3)";
    let mut args = remembered(row);
    args.extend([owner.into(), until_us.into(), now_us.into()]);
    Ok(tx.execute(sql, args).await? == 1)
}

fn remembered(row: &EvaluatorRow) -> Vec<Arg> {
    vec![
        row.alarm.clone().into(),
        row.question.clone().into(),
        row.window_end_us.into(),
        state_text(row.progress.state).into(),
        i64::from(row.progress.open).into(),
        i64::from(row.progress.breaching).into(),
        i64::from(row.progress.clear).into(),
    ]
}

/// Stores what is remembered after some windows; tells whether the lease was still held.
pub(crate) async fn advance(
    tx: &mut Tx,
    row: &EvaluatorRow,
    from_end_us: i64,
    owner: &str,
    until_us: i64,
) -> Result<bool, Problem> {
    let sql = "UPDATE alarm_evaluator SET question = $2, window_end_us = $3, state = $4, is_open = $5, breaching = $6, \
               clear_count = $7, lease_until_us = $8 WHERE alarm = $1 AND lease_owner = $9 AND window_end_us = $10";
    let mut args = remembered(row);
    args.extend([until_us.into(), owner.into(), from_end_us.into()]);
    Ok(tx.execute(sql, args).await? == 1)
}

/// Stores evaluated windows; one that is there already stays as it is.
pub(crate) async fn insert(tx: &mut Tx, alarm: &str, evaluations: &[Evaluation]) -> Result<(), Problem> {
    let rows = evaluations
        .iter()
        .map(|evaluation| {
            vec![
                Arg::from(alarm),
                evaluation.window.end_us.into(),
                (evaluation.window.end_us - evaluation.window.start_us).into(),
                evaluation.count.into(),
                state_text(evaluation.state).into(),
                evaluation.reason.clone().into(),
            ]
        })
        .collect();
    let head = "INSERT INTO alarm_evaluation (alarm, window_end_us, window_us, count, state, reason)";
    tx.insert_many(head, rows, "ON CONFLICT (alarm, window_end_us) DO NOTHING").await.map(|_| ())
}

/// Reads the newest evaluated windows of an alarm since a time, oldest first.
pub(crate) async fn evaluations(
    store: &Store,
    alarm: &ObjectRef,
    since_us: i64,
    limit: i64,
) -> Result<Vec<Evaluation>, Problem> {
    let sql = "SELECT window_end_us, window_us, count, state, reason FROM alarm_evaluation \
               WHERE alarm = $1 AND window_end_us > $2 ORDER BY window_end_us DESC LIMIT $3";
    let rows = store.fetch(sql, vec![alarm.to_string().into(), since_us.into(), limit.into()]).await?;
    let mut found = rows.iter().map(read_evaluation).collect::<Result<Vec<_>, _>>()?;
    found.reverse();
    Ok(found)
}

fn read_evaluation(row: &Row) -> Result<Evaluation, Problem> {
    let end_us = row.integer("window_end_us")?;
    Ok(Evaluation {
        window: Window { start_us: end_us - row.integer("window_us")?, end_us },
        count: row.optional_integer("count")?,
        state: read_state(&row.text("state")?),
        reason: row.optional_text("reason")?,
    })
}

/// Deletes evaluations that are too old, and what is remembered of alarms that are gone.
pub(crate) async fn clean(tx: &mut Tx, before_us: i64, gone: &[String]) -> Result<(), Problem> {
    tx.execute("DELETE FROM alarm_evaluation WHERE window_end_us < $1", vec![before_us.into()]).await?;
    for alarm in gone {
        tx.execute("DELETE FROM alarm_evaluation WHERE alarm = $1", vec![alarm.as_str().into()]).await?;
        tx.execute("DELETE FROM alarm_evaluator WHERE alarm = $1", vec![alarm.as_str().into()]).await?;
    }
    Ok(())
}
