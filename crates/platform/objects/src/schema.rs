//! The tables: a fixed set, one per kind, and those that capabilities bring.

use andon_api::kind::{ColumnType, KindInfo};
use andon_api::{ErrorCode, Problem};
use sqlx::AnyConnection;

use crate::database::{Arg, Engine, execute, fetch};
use crate::registry::Registry;

/// A step of a capability's own tables; steps run once each, in order, inside one transaction.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The identity, unique among all capabilities, for example `delivery-0001-commits`.
    pub id: &'static str,
    /// The statements, separated by `;` at the end of a line.
    pub sql: &'static str,
}

/// The number of the fixed tables' layout; a data directory with a higher one is refused.
const LAYOUT: i64 = 1;

const FIXED: &str = "
CREATE TABLE IF NOT EXISTS layout (number BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS migration (id TEXT PRIMARY KEY, at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS kind_table (kind TEXT PRIMARY KEY, columns TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counter (prefix TEXT PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS object_version (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL,
  at BIGINT NOT NULL, event_id TEXT NOT NULL, deleted BIGINT NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (kind, namespace, name, version));
CREATE TABLE IF NOT EXISTS event (
  sequence BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, at BIGINT NOT NULL,
  principal TEXT NOT NULL, on_behalf_of TEXT, origin TEXT NOT NULL, action TEXT NOT NULL,
  object TEXT, version BIGINT, rules TEXT NOT NULL,
  payload TEXT, salt TEXT NOT NULL, payload_digest TEXT NOT NULL, hash TEXT NOT NULL, erased_by TEXT);
CREATE INDEX IF NOT EXISTS event_object ON event (object, sequence);
CREATE INDEX IF NOT EXISTS event_action ON event (action, sequence);
CREATE INDEX IF NOT EXISTS event_principal ON event (principal, sequence);
CREATE INDEX IF NOT EXISTS event_at ON event (at);
CREATE TABLE IF NOT EXISTS ledger_head (
  id BIGINT PRIMARY KEY, sequence BIGINT NOT NULL, hash TEXT NOT NULL, epoch BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS ledger_checkpoint (
  sequence BIGINT PRIMARY KEY, hash TEXT NOT NULL, at BIGINT NOT NULL, signature TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS subscription (name TEXT PRIMARY KEY, sequence BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
  id TEXT PRIMARY KEY, topic TEXT NOT NULL, subject TEXT NOT NULL, payload TEXT NOT NULL,
  state TEXT NOT NULL, due_at BIGINT NOT NULL, lease_until BIGINT, attempts BIGINT NOT NULL,
  last_error TEXT, created_at BIGINT NOT NULL, done_at BIGINT);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (topic, state, due_at);
CREATE INDEX IF NOT EXISTS outbox_subject ON outbox (subject)
";

/// Brings the tables up to date.
pub(crate) async fn prepare(
    connection: &mut AnyConnection,
    engine: Engine,
    registry: &Registry,
    migrations: &[Migration],
    now_us: i64,
) -> Result<(), Problem> {
    execute(connection, "BEGIN", vec![]).await?;
    let prepared = prepare_inside(connection, engine, registry, migrations, now_us).await;
    let end = if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" };
    execute(connection, end, vec![]).await?;
    prepared
}

async fn prepare_inside(
    connection: &mut AnyConnection,
    engine: Engine,
    registry: &Registry,
    migrations: &[Migration],
    now_us: i64,
) -> Result<(), Problem> {
    if engine == Engine::Postgres {
        // Two servers that start at once take turns.
        execute(connection, "SELECT pg_advisory_xact_lock(7236041)", vec![]).await?;
    }
    run_all(connection, FIXED).await?;
    check_layout(connection).await?;
    execute(
        connection,
        "INSERT INTO ledger_head (id, sequence, hash, epoch) VALUES (1, 0, '', 1) ON CONFLICT (id) DO NOTHING",
        vec![],
    )
    .await?;
    for kind in registry.all() {
        prepare_kind(connection, kind).await?;
    }
    for migration in migrations {
        let done = execute(
            connection,
            "INSERT INTO migration (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            vec![migration.id.into(), now_us.into()],
        )
        .await?;
        if done == 1 {
            run_all(connection, migration.sql).await?;
        }
    }
    Ok(())
}

async fn run_all(connection: &mut AnyConnection, script: &str) -> Result<(), Problem> {
    let statements = script.split(";\n").map(|part| part.trim().trim_end_matches(';')).filter(|part| !part.is_empty());
    for statement in statements {
        execute(connection, statement, vec![]).await?;
    }
    Ok(())
}

async fn check_layout(connection: &mut AnyConnection) -> Result<(), Problem> {
    let rows = fetch(connection, "SELECT max(number) AS number FROM layout", vec![]).await?;
    let found = match rows.first() {
        Some(row) => row.optional_integer("number")?,
        None => None,
    };
    match found {
        None => execute(connection, "INSERT INTO layout (number) VALUES ($1)", vec![LAYOUT.into()]).await.map(|_| ()),
        Some(number) if number > LAYOUT => Err(Problem::new(
            ErrorCode::SystemUnavailable,
            format!("The records were written by a newer Andon (layout {number}, this one knows {LAYOUT})."),
        )
        .hint("Start the newer version, or restore a backup made by this one.")),
        Some(_) => Ok(()),
    }
}

/// Names the table of a kind.
pub(crate) fn table_of(kind: &KindInfo) -> String {
    format!("kind_{}", kind.plural.replace('-', "_"))
}

/// Names the column of an indexed field.
pub(crate) fn column_of(field: &str) -> String {
    format!("field_{field}")
}

/// Makes the table of a kind, or adds the columns that it declares since and fills them from the documents.
async fn prepare_kind(connection: &mut AnyConnection, kind: &KindInfo) -> Result<(), Problem> {
    let table = table_of(kind);
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, \
         version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, document TEXT NOT NULL, \
         PRIMARY KEY (namespace, name))"
    );
    execute(connection, &create, vec![]).await?;
    let ordered = format!("CREATE INDEX IF NOT EXISTS {table}_created ON {table} (created_at, name)");
    execute(connection, &ordered, vec![]).await?;
    let declared: Vec<&str> = kind.indexed.iter().map(|field| field.name).collect();
    let rows = fetch(connection, "SELECT columns FROM kind_table WHERE kind = $1", vec![kind.kind.into()]).await?;
    let present = match rows.first() {
        Some(row) => row.text("columns")?,
        None => String::new(),
    };
    let present: Vec<&str> = present.split(',').filter(|name| !name.is_empty()).collect();
    let missing: Vec<_> = kind.indexed.iter().filter(|field| !present.contains(&field.name)).collect();
    for field in &missing {
        let column = column_of(field.name);
        let sql_type = if field.column_type == ColumnType::Text { "TEXT" } else { "BIGINT" };
        execute(connection, &format!("ALTER TABLE {table} ADD COLUMN {column} {sql_type}"), vec![]).await?;
        let index = format!("CREATE INDEX IF NOT EXISTS {table}_{} ON {table} ({column}, created_at)", field.name);
        execute(connection, &index, vec![]).await?;
    }
    if !missing.is_empty() {
        refill(connection, kind, &table).await?;
    }
    let mut all: Vec<&str> = present.into_iter().filter(|name| !declared.contains(name)).collect();
    all.extend(declared);
    let sql = "INSERT INTO kind_table (kind, columns) VALUES ($1, $2) \
               ON CONFLICT (kind) DO UPDATE SET columns = excluded.columns";
    execute(connection, sql, vec![kind.kind.into(), all.join(",").into()]).await?;
    Ok(())
}

async fn refill(connection: &mut AnyConnection, kind: &KindInfo, table: &str) -> Result<(), Problem> {
    let rows = fetch(connection, &format!("SELECT namespace, name, document FROM {table}"), vec![]).await?;
    for row in rows {
        let document: serde_json::Value = serde_json::from_str(&row.text("document")?).map_err(Problem::internal)?;
        let mut args: Vec<Arg> = vec![row.text("namespace")?.into(), row.text("name")?.into()];
        let mut sets = Vec::new();
        for (field, value) in indexed_values(kind, &document) {
            args.push(value);
            sets.push(format!("{} = ${}", column_of(field), args.len()));
        }
        let sql = format!("UPDATE {table} SET {} WHERE namespace = $1 AND name = $2", sets.join(", "));
        execute(connection, &sql, args).await?;
    }
    Ok(())
}

/// Reads the indexed fields out of a document.
pub(crate) fn indexed_values(kind: &KindInfo, document: &serde_json::Value) -> Vec<(&'static str, Arg)> {
    use serde_json::Value;
    let read = |pointer: &str, column_type: ColumnType| {
        let value = document.pointer(pointer);
        match (column_type, value) {
            (ColumnType::Text, Some(Value::String(text))) => Arg::Text(Some(text.clone())),
            (ColumnType::Text, None | Some(Value::Null)) => Arg::Text(None),
            (ColumnType::Text, Some(other)) => Arg::Text(Some(other.to_string())),
            (ColumnType::Integer, value) => Arg::Integer(value.and_then(Value::as_i64)),
            (ColumnType::Time, value) => Arg::Integer(
                value
                    .and_then(Value::as_str)
                    .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                    .map(jiff::Timestamp::as_microsecond),
            ),
        }
    };
    kind.indexed.iter().map(|field| (field.name, read(field.pointer, field.column_type))).collect()
}
