//! The store: reads for everybody, writes through the one writer.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex};

use andon_api::{AnyObject, Event, ObjectRef, Problem};
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::clock::{Clock, Ids};
use crate::database::{Arg, Database, Engine, Row};
use crate::ledger::{self, Checkpoint, EventQuery, Verification};
use crate::query::{ListQuery, Listing, Version};
use crate::read;
use crate::registry::Registry;
use crate::schema::{self, Migration};
use crate::transaction::{Tx, not_found};
use crate::writer::{self, Job, Priority, Queued, Queues, stopped};

/// Where the store is and what it holds.
pub struct Options<'a> {
    /// The data directory, which holds the embedded database.
    pub directory: &'a Path,
    /// The URL of a PostgreSQL server; the embedded database when absent.
    pub url: Option<&'a str>,
    /// The kinds.
    pub registry: Registry,
    /// The tables of capabilities.
    pub migrations: Vec<Migration>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// The records of Andon. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    database: Database,
    registry: Registry,
    clock: Arc<dyn Clock>,
    queues: Arc<Mutex<Option<Queues>>>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    head: watch::Receiver<i64>,
}

impl Store {
    /// Opens the records and brings their tables up to date.
    ///
    /// # Errors
    /// `SYS-0002` when the database cannot be reached or was written by a newer Andon.
    pub async fn open(options: Options<'_>) -> Result<Self, Problem> {
        let database = Database::open(options.directory, options.url).await?;
        let mut connection = database.writer().await?;
        let now_us = options.clock.now().as_microsecond();
        schema::prepare(&mut connection, database.engine, &options.registry, &options.migrations, now_us).await?;
        drop(connection);
        let rows = database.fetch("SELECT sequence FROM ledger_head WHERE id = 1", vec![]).await?;
        let sequence = rows.first().map(|row| row.integer("sequence")).transpose()?.unwrap_or(0);
        let (head_sender, head) = watch::channel(sequence);
        let (queues, writer) =
            writer::start(database.clone(), options.registry.clone(), options.clock.clone(), head_sender);
        Ok(Self {
            database,
            registry: options.registry,
            clock: options.clock,
            queues: Arc::new(Mutex::new(Some(queues))),
            writer: Arc::new(Mutex::new(Some(writer))),
            head,
        })
    }

    /// Tells which engine keeps the records.
    pub fn engine(&self) -> Engine {
        self.database.engine
    }

    /// Tells the kinds that this process knows.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes identities and secrets.
    pub fn ids(&self) -> Ids {
        Ids::new(self.clock.clone())
    }

    /// Watches the number of the last committed event of this server.
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.clone()
    }

    /// Runs a job in one transaction; it is on disk when this returns.
    ///
    /// # Errors
    /// Whatever the job refuses with; `SYS-0002`, `SYS-0003` or `SYS-0001` when it could not be committed.
    pub async fn write<R, F>(&self, priority: Priority, job: F) -> Result<R, Problem>
    where
        R: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<R, Problem>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            let running = job(tx);
            Box::pin(async move { running.await.map(|value| Box::new(value) as Box<dyn Any + Send>) })
        });
        let queues = self.queues.lock().map_err(|_| stopped())?.clone().ok_or_else(stopped)?;
        queues.send(priority, Queued { job, reply }).await?;
        let value = answer.await.map_err(|_| stopped())??;
        value.downcast::<R>().map(|value| *value).map_err(|_| Problem::internal("a transaction gave another type"))
    }

    /// Reads an object.
    ///
    /// # Errors
    /// `OBJ-0007` for an unknown kind; otherwise as the database.
    pub async fn get(&self, reference: &ObjectRef) -> Result<Option<AnyObject>, Problem> {
        let (sql, args) = read::get_statement(self.registry.get(reference.kind())?, reference);
        let rows = self.database.fetch(&sql, args).await?;
        rows.first().map(read::document).transpose()
    }

    /// Reads an object that should be there.
    ///
    /// # Errors
    /// `OBJ-0001` when it is not; otherwise as [`Store::get`].
    pub async fn require(&self, reference: &ObjectRef) -> Result<AnyObject, Problem> {
        self.get(reference).await?.ok_or_else(|| not_found(reference))
    }

    /// Lists objects.
    ///
    /// # Errors
    /// `OBJ-0007` for an unknown kind, `REQ-0001` for an unknown field; otherwise as the database.
    pub async fn list(&self, query: &ListQuery) -> Result<Listing, Problem> {
        let plan = read::Plan::new(self.registry.get(&query.kind)?, query)?;
        let rows = self.database.fetch(&plan.select, plan.args.clone()).await?;
        let counted = self.database.fetch(&plan.count, plan.count_args.clone()).await?;
        plan.listing(&rows, &counted)
    }

    /// Reads every object of a kind, by name.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn all(&self, kind: &str) -> Result<Vec<AnyObject>, Problem> {
        let table = schema::table_of(self.registry.get(kind)?);
        let sql = format!("SELECT document FROM {table} ORDER BY namespace, name");
        self.database.fetch(&sql, vec![]).await?.iter().map(read::document).collect()
    }

    /// Reads every version of an object, newest first.
    ///
    /// # Errors
    /// As the database.
    pub async fn history(&self, reference: &ObjectRef) -> Result<Vec<Version>, Problem> {
        let sql = "SELECT version, at, event_id, deleted, document FROM object_version \
                   WHERE kind = $1 AND namespace = $2 AND name = $3 ORDER BY version DESC LIMIT 1000";
        self.database.fetch(sql, parts(reference)).await?.iter().map(read_version).collect()
    }

    /// Reads an object as it was at a time.
    ///
    /// # Errors
    /// As the database.
    pub async fn as_of(&self, reference: &ObjectRef, at: jiff::Timestamp) -> Result<Option<AnyObject>, Problem> {
        let sql = "SELECT version, at, event_id, deleted, document FROM object_version \
                   WHERE kind = $1 AND namespace = $2 AND name = $3 AND at <= $4 ORDER BY version DESC LIMIT 1";
        let mut args = parts(reference);
        args.push(at.into());
        let rows = self.database.fetch(sql, args).await?;
        let version = rows.first().map(read_version).transpose()?;
        Ok(version.filter(|version| !version.deleted).map(|version| version.object))
    }

    /// Reads every object of a kind as it was at a time.
    ///
    /// # Errors
    /// As the database.
    pub async fn all_as_of(&self, kind: &str, at: jiff::Timestamp) -> Result<Vec<AnyObject>, Problem> {
        let kind = self.registry.get(kind)?.kind.to_lowercase();
        let sql = "SELECT v.version, v.at, v.event_id, v.deleted, v.document FROM object_version v JOIN \
                   (SELECT namespace, name, max(version) AS version FROM object_version \
                    WHERE kind = $1 AND at <= $2 GROUP BY namespace, name) last \
                   ON v.namespace = last.namespace AND v.name = last.name AND v.version = last.version \
                   WHERE v.kind = $1 AND v.deleted = 0 ORDER BY v.namespace, v.name";
        let rows = self.database.fetch(sql, vec![kind.into(), at.into()]).await?;
        rows.iter().map(|row| read_version(row).map(|version| version.object)).collect()
    }

    /// Finds events of the ledger.
    ///
    /// # Errors
    /// As the database.
    pub async fn events(&self, query: &EventQuery) -> Result<Vec<Event>, Problem> {
        ledger::search(&self.database, query).await
    }

    /// Reads the whole ledger and tells whether it is what was written.
    ///
    /// # Errors
    /// As the database.
    pub async fn verify(&self) -> Result<Verification, Problem> {
        ledger::verify(&self.database).await
    }

    /// Lists the signed checkpoints of the ledger, oldest first.
    ///
    /// # Errors
    /// As the database.
    pub async fn checkpoints(&self) -> Result<Vec<Checkpoint>, Problem> {
        ledger::checkpoints(&self.database).await
    }

    /// Signs the head of the ledger where it has moved since the last checkpoint.
    ///
    /// # Errors
    /// As the database.
    pub async fn checkpoint(&self, key: [u8; 32]) -> Result<Option<Checkpoint>, Problem> {
        self.write(Priority::Background, move |tx| {
            Box::pin(async move {
                let sql = "SELECT sequence, hash FROM ledger_head WHERE id = 1";
                let rows = tx.fetch(sql, vec![]).await?;
                let Some(row) = rows.first() else { return Ok(None) };
                let (sequence, hash) = (row.integer("sequence")?, row.text("hash")?);
                let signed = ledger::sign(sequence, &hash, tx.now(), &key);
                let sql = "INSERT INTO ledger_checkpoint (sequence, hash, at, signature, public_key) \
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sequence) DO NOTHING";
                let args: Vec<Arg> = vec![
                    sequence.into(),
                    hash.into(),
                    signed.at.into(),
                    signed.signature.clone().into(),
                    signed.public_key.clone().into(),
                ];
                let added = if sequence > 0 { tx.execute(sql, args).await? } else { 0 };
                Ok((added == 1).then_some(signed))
            })
        })
        .await
    }

    /// Runs a reading statement over a capability's own tables.
    ///
    /// # Errors
    /// As the database.
    pub async fn fetch(&self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, Problem> {
        self.database.fetch(sql, args).await
    }

    /// Finishes what is queued and closes the connections.
    pub async fn close(&self) {
        let queues = self.queues.lock().ok().and_then(|mut queues| queues.take());
        drop(queues);
        let writer = self.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(writer) = writer {
            let _ended = writer.await;
        }
        self.database.close().await;
    }
}

fn parts(reference: &ObjectRef) -> Vec<Arg> {
    vec![reference.kind().into(), reference.namespace().into(), reference.name().into()]
}

fn read_version(row: &Row) -> Result<Version, Problem> {
    Ok(Version {
        version: row.integer("version")?,
        at: row.time("at")?,
        event_id: row.text("event_id")?,
        deleted: row.integer("deleted")? == 1,
        object: read::document(row)?,
    })
}
