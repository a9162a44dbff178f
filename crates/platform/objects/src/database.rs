//! The connection to SQLite or PostgreSQL, and the small common language of both.
//!
//! Statements use the subset of SQL that both understand and `$1` placeholders; times are
//! microseconds since the epoch in BIGINT columns, documents are JSON in TEXT columns.

use std::path::Path;
use std::time::Duration;

use andon_api::{ErrorCode, Problem};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Executor, Row as _};

/// Which engine keeps the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded default: one file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl Engine {
    /// Names the engine for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// A value bound to a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// Text, or NULL.
    Text(Option<String>),
    /// An integer, or NULL.
    Integer(Option<i64>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Arg {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<jiff::Timestamp> for Arg {
    fn from(time: jiff::Timestamp) -> Self {
        Self::Integer(Some(time.as_microsecond()))
    }
}

/// One row of an answer.
pub struct Row {
    row: AnyRow,
}

impl Row {
    /// Reads a text column that is never NULL.
    ///
    /// # Errors
    /// `SYS-0001` when the column is missing, NULL or of another type.
    pub fn text(&self, column: &str) -> Result<String, Problem> {
        self.row.try_get(column).map_err(Problem::internal)
    }

    /// Reads a text column that may be NULL.
    ///
    /// # Errors
    /// `SYS-0001` when the column is missing or of another type.
    pub fn optional_text(&self, column: &str) -> Result<Option<String>, Problem> {
        self.row.try_get(column).map_err(Problem::internal)
    }

    /// Reads an integer column that is never NULL.
    ///
    /// # Errors
    /// `SYS-0001` when the column is missing, NULL or of another type.
    pub fn integer(&self, column: &str) -> Result<i64, Problem> {
        self.row.try_get(column).map_err(Problem::internal)
    }

    /// Reads an integer column that may be NULL.
    ///
    /// # Errors
    /// `SYS-0001` when the column is missing or of another type.
    pub fn optional_integer(&self, column: &str) -> Result<Option<i64>, Problem> {
        self.row.try_get(column).map_err(Problem::internal)
    }

    /// Reads a column of microseconds as a time.
    ///
    /// # Errors
    /// `SYS-0001` when the column is missing, NULL or out of range.
    pub fn time(&self, column: &str) -> Result<jiff::Timestamp, Problem> {
        let micros = self.integer(column)?;
        // The fraction of the last moment of all, "for ever", is more than `from_microsecond` takes.
        if micros >= jiff::Timestamp::MAX.as_second().saturating_mul(1_000_000) {
            return Ok(jiff::Timestamp::MAX);
        }
        jiff::Timestamp::from_microsecond(micros).map_err(Problem::internal)
    }
}

/// Where the records are.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) engine: Engine,
    readers: AnyPool,
    url: String,
}

const READERS_MAX: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

impl Database {
    /// Opens the embedded database in a directory, or the server at a URL.
    pub(crate) async fn open(directory: &Path, url: Option<&str>) -> Result<Self, Problem> {
        sqlx::any::install_default_drivers();
        let (engine, url) = match url {
            None => (Engine::Sqlite, format!("sqlite://{}?mode=rwc", directory.join("records.sqlite").display())),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                (Engine::Postgres, url.to_owned())
            }
            Some(_) => {
                return Err(Problem::new(ErrorCode::RequestInvalid, "The database URL is not understood.")
                    .hint("Leave it out for the embedded database, or write postgres://user:password@host/database."));
            }
        };
        // The writer connects first: it creates the file and sets the journal mode.
        let writer = connect(engine, &url).await?;
        drop(writer);
        let readers = AnyPoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| Box::pin(async move { prepare(engine, connection).await }))
            .connect(&url)
            .await
            .map_err(|error| unavailable(engine, &error))?;
        Ok(Self { engine, readers, url })
    }

    /// Opens a connection of its own for the writer.
    pub(crate) async fn writer(&self) -> Result<AnyConnection, Problem> {
        connect(self.engine, &self.url).await
    }

    /// Runs a reading statement.
    pub(crate) async fn fetch(&self, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>, Problem> {
        let rows = bind(sql, args).fetch_all(&self.readers).await.map_err(|error| failed(sql, &error))?;
        Ok(rows.into_iter().map(|row| Row { row }).collect())
    }

    /// Closes the pool.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
    }
}

async fn connect(engine: Engine, url: &str) -> Result<AnyConnection, Problem> {
    use sqlx::ConnectOptions as _;
    let options: AnyConnectOptions = url.parse().map_err(|error: sqlx::Error| unavailable(engine, &error))?;
    let mut connection = options.connect().await.map_err(|error| unavailable(engine, &error))?;
    prepare(engine, &mut connection).await.map_err(|error| unavailable(engine, &error))?;
    Ok(connection)
}

/// Sets what makes SQLite durable: a full sync per commit, since kill -9 does not test the power cut.
async fn prepare(engine: Engine, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if engine == Engine::Sqlite {
        for pragma in [
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            "PRAGMA busy_timeout = 10000",
            "PRAGMA cache_size = -16000",
            "PRAGMA temp_store = MEMORY",
        ] {
            connection.execute(pragma).await?;
        }
    }
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>;

fn bind(sql: &str, args: Vec<Arg>) -> Query<'_> {
    // The text is a constant of this crate or of a capability, never a caller's; values are bound.
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    for arg in args {
        query = match arg {
            Arg::Text(text) => query.bind(text),
            Arg::Integer(number) => query.bind(number),
        };
    }
    query
}

/// Runs a writing statement on a connection and tells how many rows it touched.
pub(crate) async fn execute(connection: &mut AnyConnection, sql: &str, args: Vec<Arg>) -> Result<u64, Problem> {
    let done = bind(sql, args).execute(connection).await.map_err(|error| failed(sql, &error))?;
    Ok(done.rows_affected())
}

/// Runs a reading statement on a connection.
pub(crate) async fn fetch(connection: &mut AnyConnection, sql: &str, args: Vec<Arg>) -> Result<Vec<Row>, Problem> {
    let rows = bind(sql, args).fetch_all(connection).await.map_err(|error| failed(sql, &error))?;
    Ok(rows.into_iter().map(|row| Row { row }).collect())
}

fn unavailable(engine: Engine, error: &sqlx::Error) -> Problem {
    Problem::new(ErrorCode::SystemUnavailable, format!("The {} database cannot be reached.", engine.name()))
        .hint("Check the URL, the network and the server's log.")
        .operator(error)
}

/// Tells a full disk, a lost connection and a fault apart.
fn failed(sql: &str, error: &sqlx::Error) -> Problem {
    let text = error.to_string();
    let code = error.as_database_error().and_then(|database| database.code()).unwrap_or_default();
    let full = text.contains("disk is full") || text.contains("disk I/O error") || code == "53100";
    let lost = matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        || code.starts_with("57P")
        || code.starts_with("08");
    let cause = format!("{text} in: {sql}");
    if full {
        Problem::new(ErrorCode::DiskFull, "There is no room on the database's disk; nothing was stored.").operator(cause)
    } else if lost {
        Problem::new(ErrorCode::SystemUnavailable, "The database cannot be reached now; nothing was stored.")
            .operator(cause)
    } else {
        Problem::internal(cause)
    }
}
