//! What can be done inside a transaction.

use std::sync::Arc;

use andon_api::kind::KindInfo;
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use crate::clock::{Clock, Ids};
use crate::database::{self, Arg, Engine, Row};
use crate::difference::difference;
use crate::ledger::{EventDraft, Pending};
use crate::query::{ListQuery, Listing};
use crate::read;
use crate::registry::Registry;
use crate::schema::{column_of, indexed_values, table_of};

/// One transaction: everything in it happens, or nothing.
pub struct Tx {
    connection: AnyConnection,
    engine: Engine,
    registry: Registry,
    ids: Ids,
    now: Timestamp,
    pending: Vec<Pending>,
}

impl Tx {
    pub(crate) fn new(
        connection: AnyConnection,
        engine: Engine,
        registry: Registry,
        clock: Arc<dyn Clock>,
        now: Timestamp,
    ) -> Self {
        Self { connection, engine, registry, ids: Ids::new(clock), now, pending: Vec::new() }
    }

    pub(crate) fn mark(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn forget_since(&mut self, mark: usize) {
        self.pending.truncate(mark);
    }

    pub(crate) fn finish(self) -> (AnyConnection, Vec<Pending>) {
        (self.connection, self.pending)
    }

    pub(crate) fn skip_locked(&self) -> &'static str {
        if self.engine == Engine::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// Tells the time of the transaction, on the database's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Tells the kinds that this process knows.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Makes a new identity that sorts by time.
    pub fn new_id(&self) -> String {
        self.ids.new_id()
    }

    /// Reads an object.
    ///
    /// # Errors
    /// `OBJ-0007` for an unknown kind; otherwise as the database.
    pub async fn get(&mut self, reference: &ObjectRef) -> Result<Option<AnyObject>, Problem> {
        let kind = self.registry.get(reference.kind())?;
        let (sql, args) = read::get_statement(kind, reference);
        let rows = database::fetch(&mut self.connection, &sql, args).await?;
        rows.first().map(read::document).transpose()
    }

    /// Reads an object as it was in one version.
    ///
    /// # Errors
    /// As the database.
    pub async fn version(&mut self, reference: &ObjectRef, version: i64) -> Result<Option<AnyObject>, Problem> {
        let sql = "SELECT document FROM object_version WHERE kind = $1 AND namespace = $2 AND name = $3 AND version = $4";
        let args = vec![
            reference.kind().into(),
            reference.namespace().into(),
            reference.name().into(),
            version.into(),
        ];
        self.fetch(sql, args).await?.first().map(read::document).transpose()
    }

    /// Lists objects.
    ///
    /// # Errors
    /// `OBJ-0007` for an unknown kind, `REQ-0001` for an unknown field; otherwise as the database.
    pub async fn list(&mut self, query: &ListQuery) -> Result<Listing, Problem> {
        let registry = self.registry.clone();
        let plan = read::Plan::new(registry.get(&query.kind)?, query)?;
        let rows = database::fetch(&mut self.connection, &plan.select, plan.args.clone()).await?;
        let counted = database::fetch(&mut self.connection, &plan.count, plan.count_args.clone()).await?;
        plan.listing(&rows, &counted)
    }

    /// Runs a reading statement over a capability's own tables.
    ///
    /// # Errors
    /// As the database.
    pub async fn fetch(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, Problem> {
        database::fetch(&mut self.connection, sql, args).await
    }

    pub(crate) async fn fetch_dynamic(&mut self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>, Problem> {
        database::fetch(&mut self.connection, sql, args).await
    }

    /// Runs a writing statement over a capability's own tables and tells how many rows it touched.
    ///
    /// # Errors
    /// As the database.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64, Problem> {
        database::execute(&mut self.connection, sql, args).await
    }

    /// Inserts many rows at once: `head` is `INSERT INTO t (a, b)`, `tail` is what follows the values.
    ///
    /// # Errors
    /// As the database; `SYS-0001` when the rows differ in length.
    pub async fn insert_many(
        &mut self,
        head: &'static str,
        rows: Vec<Vec<Arg>>,
        tail: &'static str,
    ) -> Result<u64, Problem> {
        let Some(width) = rows.first().map(Vec::len) else { return Ok(0) };
        if width == 0 || rows.iter().any(|row| row.len() != width) {
            return Err(Problem::internal("rows of different lengths"));
        }
        let mut touched = 0;
        // SQLite looks each placeholder's name up among the earlier ones: many rows in one statement are slower.
        for chunk in rows.chunks((400 / width).max(1)) {
            let row_text = |row: usize| {
                let marks: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
                format!("({})", marks.join(","))
            };
            let values: Vec<String> = (0..chunk.len()).map(row_text).collect();
            let sql = format!("{head} VALUES {} {tail}", values.join(","));
            let args = chunk.iter().flatten().cloned().collect();
            touched += database::execute(&mut self.connection, &sql, args).await?;
        }
        Ok(touched)
    }

    /// Gives the next name with a prefix, for example `inc-12`.
    ///
    /// # Errors
    /// As the database.
    pub async fn next_name(&mut self, prefix: &str) -> Result<String, Problem> {
        let sql = "INSERT INTO counter (prefix, value) VALUES ($1, 1) \
                   ON CONFLICT (prefix) DO UPDATE SET value = counter.value + 1 RETURNING value";
        let rows = self.fetch(sql, vec![prefix.into()]).await?;
        let row = rows.first().ok_or_else(|| Problem::internal("a counter gave nothing"))?;
        Ok(format!("{prefix}-{}", row.integer("value")?))
    }

    /// Appends an event that changes no object, and tells its identity.
    ///
    /// # Errors
    /// None now; kept fallible so that limits can be added.
    pub async fn record(&mut self, draft: EventDraft) -> Result<String, Problem> {
        let id = self.ids.new_id();
        self.pending.push(Pending { id: id.clone(), draft, version: None });
        Ok(id)
    }

    /// Stores an object, new (version 0) or changed, with its history and its event.
    ///
    /// # Errors
    /// `OBJ-0005` when the stored version is not the one that the object carries, `OBJ-0002` when it
    /// does not fit its kind; otherwise as the database.
    pub async fn put(&mut self, object: AnyObject, draft: EventDraft) -> Result<AnyObject, Problem> {
        let registry = self.registry.clone();
        let kind = registry.get(&object.kind)?;
        let reference = object.reference();
        let old = self.get(&reference).await?;
        let stored = self.stamp(object, old.as_ref(), &reference).await?;
        (kind.check)(&stored)?;
        self.write_row(kind, &reference, &stored, old.as_ref()).await?;
        let change = changed(kind, old.as_ref(), Some(&stored))?;
        let event_id = self.append_change(draft, &reference, stored.metadata.version, change);
        self.write_version(kind, &reference, &stored, &event_id, false).await?;
        Ok(stored)
    }

    /// Sets what the server sets: identity, version, times.
    async fn stamp(
        &mut self,
        mut object: AnyObject,
        old: Option<&AnyObject>,
        reference: &ObjectRef,
    ) -> Result<AnyObject, Problem> {
        let sent = object.metadata.version;
        let known = old.map_or(0, |old| old.metadata.version);
        if sent != known {
            return Err(conflict(reference, sent, known));
        }
        object.metadata.updated_at = Some(self.now);
        if let Some(old) = old {
            object.metadata.uid.clone_from(&old.metadata.uid);
            object.metadata.created_at = old.metadata.created_at;
            object.metadata.version = known + 1;
        } else {
            // A name that was deleted and comes back goes on counting, so that history stays one list.
            let sql = "SELECT max(version) AS version FROM object_version WHERE kind = $1 AND namespace = $2 AND name = $3";
            let args = vec![reference.kind().into(), reference.namespace().into(), reference.name().into()];
            let rows = self.fetch(sql, args).await?;
            let last = rows.first().map(|row| row.optional_integer("version")).transpose()?.flatten().unwrap_or(0);
            object.metadata.uid = self.ids.new_id();
            object.metadata.created_at = Some(self.now);
            object.metadata.version = last + 1;
        }
        Ok(object)
    }

    async fn write_row(
        &mut self,
        kind: &KindInfo,
        reference: &ObjectRef,
        object: &AnyObject,
        old: Option<&AnyObject>,
    ) -> Result<(), Problem> {
        let document = serde_json::to_value(object).map_err(Problem::internal)?;
        let created = object.metadata.created_at.unwrap_or(self.now);
        let mut columns = vec!["namespace", "name", "uid", "version", "created_at", "updated_at", "document"]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let mut args: Vec<Arg> = vec![
            reference.namespace().into(),
            reference.name().into(),
            object.metadata.uid.clone().into(),
            object.metadata.version.into(),
            created.into(),
            self.now.into(),
            document.to_string().into(),
        ];
        for (field, value) in indexed_values(kind, &document) {
            columns.push(column_of(field));
            args.push(value);
        }
        let table = table_of(kind);
        let sql = if old.is_none() {
            let marks: Vec<String> = (1..=args.len()).map(|n| format!("${n}")).collect();
            format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), marks.join(", "))
        } else {
            let sets: Vec<String> =
                columns.iter().enumerate().skip(2).map(|(at, column)| format!("{column} = ${}", at + 1)).collect();
            args.push((object.metadata.version - 1).into());
            let expected = args.len();
            format!("UPDATE {table} SET {} WHERE namespace = $1 AND name = $2 AND version = ${expected}", sets.join(", "))
        };
        if database::execute(&mut self.connection, &sql, args).await? == 1 {
            Ok(())
        } else {
            // Another server was faster.
            Err(conflict(reference, object.metadata.version - 1, object.metadata.version))
        }
    }

    async fn write_version(
        &mut self,
        kind: &KindInfo,
        reference: &ObjectRef,
        object: &AnyObject,
        event_id: &str,
        deleted: bool,
    ) -> Result<(), Problem> {
        let document = serde_json::to_string(object).map_err(Problem::internal)?;
        let sql = "INSERT INTO object_version (kind, namespace, name, version, at, event_id, deleted, document) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let args: Vec<Arg> = vec![
            kind.kind.to_lowercase().into(),
            reference.namespace().into(),
            reference.name().into(),
            object.metadata.version.into(),
            self.now.into(),
            event_id.into(),
            i64::from(deleted).into(),
            document.into(),
        ];
        self.execute(sql, args).await.map(|_| ())
    }

    fn append_change(&mut self, mut draft: EventDraft, reference: &ObjectRef, version: i64, change: Value) -> String {
        let id = self.ids.new_id();
        let mut payload = match draft.payload.take() {
            Some(Value::Object(map)) => map,
            Some(other) => serde_json::Map::from_iter([("facts".to_owned(), other)]),
            None => serde_json::Map::new(),
        };
        payload.insert("difference".to_owned(), change);
        draft.payload = Some(Value::Object(payload));
        draft.object = Some(reference.clone());
        self.pending.push(Pending { id: id.clone(), draft, version: Some(version) });
        id
    }

    /// Deletes an object; its history stays.
    ///
    /// # Errors
    /// `OBJ-0001` when there is none; otherwise as the database.
    pub async fn delete(&mut self, reference: &ObjectRef, draft: EventDraft) -> Result<AnyObject, Problem> {
        let registry = self.registry.clone();
        let kind = registry.get(reference.kind())?;
        let mut object = self.get(reference).await?.ok_or_else(|| not_found(reference))?;
        let sql = format!("DELETE FROM {} WHERE namespace = $1 AND name = $2", table_of(kind));
        let args = vec![reference.namespace().into(), reference.name().into()];
        database::execute(&mut self.connection, &sql, args).await?;
        let change = changed(kind, Some(&object), None)?;
        object.metadata.version += 1;
        object.metadata.updated_at = Some(self.now);
        let event_id = self.append_change(draft, reference, object.metadata.version, change);
        self.write_version(kind, reference, &object, &event_id, true).await?;
        Ok(object)
    }
}

fn changed(kind: &KindInfo, old: Option<&AnyObject>, new: Option<&AnyObject>) -> Result<Value, Problem> {
    let value = |object: Option<&AnyObject>| {
        object.map(|object| serde_json::to_value(object).map_err(Problem::internal)).transpose()
    };
    let (old, new) = (value(old)?, value(new)?);
    Ok(difference(old.as_ref(), new.as_ref(), kind.secrets))
}

fn conflict(reference: &ObjectRef, sent: i64, known: i64) -> Problem {
    Problem::new(
        ErrorCode::VersionConflict,
        format!("{reference} is at version {known}, and the change was made on version {sent}."),
    )
    .hint("Read it again, repeat your change on it, and send it with the new version.")
    .facts(json!({"version": known}))
}

/// Makes the problem of an object that is not there.
pub(crate) fn not_found(reference: &ObjectRef) -> Problem {
    Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}."))
        .hint("`andon get <kind>` lists the objects of a kind.")
}
