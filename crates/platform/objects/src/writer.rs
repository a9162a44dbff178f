//! The one writer: takes jobs by priority and commits them in batches.
//!
//! Each job runs inside a savepoint of the batch's transaction: a refused job leaves nothing behind
//! and does not touch its neighbours. Replies are sent after the commit, so that success is answered
//! only for what is on disk. A page never waits behind an import.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use andon_api::{ErrorCode, Problem};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::database::{Database, Engine, execute, fetch};
use crate::ledger;
use crate::registry::Registry;
use crate::transaction::Tx;

/// How urgent a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Paging, the andon: first.
    Page,
    /// What people and programs do.
    Object,
    /// Imports, refreshes, leases: last.
    Background,
}

pub(crate) type Outcome = Result<Box<dyn Any + Send>, Problem>;
pub(crate) type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Outcome> + Send>;

pub(crate) struct Queued {
    pub(crate) job: Job,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// The ends of the queues, one per priority.
#[derive(Clone)]
pub(crate) struct Queues {
    queues: [mpsc::Sender<Queued>; 3],
}

/// How many jobs wait at most per priority; a caller then waits with its request.
const QUEUE_MAX: usize = 1_024;
/// How many jobs share a commit at most.
const BATCH_MAX: usize = 64;

impl Queues {
    pub(crate) async fn send(&self, priority: Priority, queued: Queued) -> Result<(), Problem> {
        self.queues[priority as usize].send(queued).await.map_err(|_| stopped())
    }
}

/// What happens when the writer has gone.
pub(crate) fn stopped() -> Problem {
    Problem::new(ErrorCode::SystemUnavailable, "Andon is stopping; nothing was stored.").hint("Try again in a moment.")
}

/// The writer's own state.
pub(crate) struct Writer {
    database: Database,
    registry: Registry,
    clock: Arc<dyn Clock>,
    receivers: [mpsc::Receiver<Queued>; 3],
    head: watch::Sender<i64>,
    connection: Option<AnyConnection>,
}

/// Starts the writer and gives the ends of its queues.
pub(crate) fn start(
    database: Database,
    registry: Registry,
    clock: Arc<dyn Clock>,
    head: watch::Sender<i64>,
) -> (Queues, tokio::task::JoinHandle<()>) {
    let (page, page_jobs) = mpsc::channel(QUEUE_MAX);
    let (object, object_jobs) = mpsc::channel(QUEUE_MAX);
    let (background, background_jobs) = mpsc::channel(QUEUE_MAX);
    let receivers = [page_jobs, object_jobs, background_jobs];
    let writer = Writer { database, registry, clock, receivers, head, connection: None };
    (Queues { queues: [page, object, background] }, tokio::spawn(writer.run()))
}

impl Writer {
    async fn run(mut self) {
        while let Some(first) = self.next().await {
            let batch = self.gather(first);
            self.commit(batch).await;
        }
        if let Some(connection) = self.connection.take() {
            use sqlx::Connection as _;
            let _closed = connection.close().await;
        }
    }

    async fn next(&mut self) -> Option<Queued> {
        let [page, object, background] = &mut self.receivers;
        tokio::select! {
            biased;
            Some(job) = page.recv() => Some(job),
            Some(job) = object.recv() => Some(job),
            Some(job) = background.recv() => Some(job),
            else => None,
        }
    }

    fn gather(&mut self, first: Queued) -> Vec<Queued> {
        let mut batch = vec![first];
        for receiver in &mut self.receivers {
            while batch.len() < BATCH_MAX {
                match receiver.try_recv() {
                    Ok(job) => batch.push(job),
                    Err(_) => break,
                }
            }
        }
        batch
    }

    /// Runs a batch in one transaction and answers after its commit.
    async fn commit(&mut self, batch: Vec<Queued>) {
        let mut answers = Vec::with_capacity(batch.len());
        let committed = self.run_batch(batch, &mut answers).await;
        if committed.is_err() {
            // Whatever state the connection is in, the next batch starts on a fresh one.
            self.connection = None;
        }
        match committed {
            Ok(sequence) => {
                for (reply, outcome) in answers {
                    let _receiver_gone = reply.send(outcome);
                }
                self.head.send_if_modified(|head| std::mem::replace(head, sequence) != sequence);
            }
            Err(problem) => {
                tracing::error!(error = ?problem, jobs = answers.len(), "a batch of transactions was not committed");
                for (reply, outcome) in answers {
                    let _receiver_gone = reply.send(outcome.and(Err(problem.clone())));
                }
            }
        }
    }

    async fn run_batch(
        &mut self,
        batch: Vec<Queued>,
        answers: &mut Vec<(oneshot::Sender<Outcome>, Outcome)>,
    ) -> Result<i64, Problem> {
        let engine = self.database.engine;
        let begun = self.begin().await;
        let mut tx = match begun {
            Ok(tx) => tx,
            Err(problem) => {
                answers.extend(batch.into_iter().map(|queued| (queued.reply, Err(problem.clone()))));
                return Err(problem);
            }
        };
        let mut broken = None;
        for queued in batch {
            let outcome = match &broken {
                None => run_one(&mut tx, queued.job).await,
                Some(problem) => Ok(Err(Problem::clone(problem))),
            };
            let outcome = outcome.unwrap_or_else(|problem| {
                broken = Some(problem.clone());
                Err(problem)
            });
            answers.push((queued.reply, outcome));
        }
        if let Some(problem) = broken {
            return Err(problem);
        }
        let now = tx.now();
        let (mut connection, pending) = tx.finish();
        let sequence = ledger::append(&mut connection, engine, now, &pending).await?;
        execute(&mut connection, "COMMIT", vec![]).await?;
        self.connection = Some(connection);
        Ok(sequence)
    }

    async fn begin(&mut self) -> Result<Tx, Problem> {
        let engine = self.database.engine;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.writer().await?,
        };
        let begin = if engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        if execute(&mut connection, begin, vec![]).await.is_err() {
            // A server may have closed an idle connection: once more on a fresh one.
            connection = self.database.writer().await?;
            execute(&mut connection, begin, vec![]).await?;
        }
        let now = match engine {
            Engine::Postgres if self.clock.yields_to_database() => {
                let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
                let rows = fetch(&mut connection, sql, vec![]).await?;
                rows.first().ok_or_else(|| Problem::internal("the database has no clock"))?.time("now")?
            }
            _ => self.clock.now(),
        };
        Ok(Tx::new(connection, engine, self.registry.clone(), self.clock.clone(), now))
    }
}

/// Runs one job in its savepoint. The outer error means that the transaction itself is broken.
async fn run_one(tx: &mut Tx, job: Job) -> Result<Outcome, Problem> {
    let mark = tx.mark();
    tx.execute("SAVEPOINT job", vec![]).await?;
    let outcome = AssertUnwindSafe(job(tx)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| Err(Problem::internal("a transaction panicked")));
    if outcome.is_ok() {
        tx.execute("RELEASE SAVEPOINT job", vec![]).await?;
    } else {
        tx.execute("ROLLBACK TO SAVEPOINT job", vec![]).await?;
        tx.execute("RELEASE SAVEPOINT job", vec![]).await?;
        tx.forget_since(mark);
    }
    Ok(outcome)
}
