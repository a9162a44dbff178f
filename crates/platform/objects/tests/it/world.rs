//! A store in a place of its own, on either engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use andon_api::kind::{ColumnType, IndexedField, KindInfo, Nature};
use andon_api::{Actor, AnyObject, Metadata};
use andon_objects::{Clock, EventDraft, Options, Registry, Store};
use jiff::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor};

/// A clock that each look moves by a millisecond.
pub(crate) struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.fetch_add(1_000, Ordering::SeqCst)).unwrap()
    }
}

pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    url: Option<String>,
}

impl Place {
    pub(crate) async fn open(&self) -> Store {
        Store::open(Options {
            directory: self.directory.path(),
            url: self.url.as_deref(),
            registry: Registry::new([thing()]),
            migrations: Vec::new(),
            clock: Arc::new(Ticking(AtomicI64::new(1_767_225_600_000_000))),
        })
        .await
        .unwrap()
    }

    /// Opens the records file itself, to damage it.
    pub(crate) async fn connection(&self) -> sqlx::AnyConnection {
        sqlx::any::install_default_drivers();
        let url = self
            .url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.directory.path().join("records.sqlite").display()));
        sqlx::AnyConnection::connect(&url).await.unwrap()
    }
}

/// Gives a place on each engine that this run has.
pub(crate) async fn places() -> Vec<Place> {
    let mut places = vec![Place { directory: tempfile::tempdir().unwrap(), url: None }];
    match std::env::var("ANDON_TEST_POSTGRES") {
        Err(_) => eprintln!("NOT RUN on PostgreSQL: ANDON_TEST_POSTGRES is not set (./test sets it)"),
        Ok(url) => {
            sqlx::any::install_default_drivers();
            let directory = tempfile::tempdir().unwrap();
            let name = format!("andon_{}", uuid_like(directory.path()));
            let mut admin = sqlx::AnyConnection::connect(&url).await.unwrap();
            admin.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.unwrap();
            let base = url.rsplit_once('/').unwrap().0;
            places.push(Place { directory, url: Some(format!("{base}/{name}")) });
        }
    }
    places
}

fn uuid_like(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{letters}_{}", std::process::id())
}

/// A kind for the tests.
pub(crate) fn thing() -> KindInfo {
    KindInfo {
        kind: "Thing",
        plural: "things",
        api_version: "test/v1",
        capability: "test",
        nature: Nature::Resource,
        prefix: "thg",
        summary: "A thing.",
        indexed: &[
            IndexedField { name: "colour", pointer: "/spec/colour", column_type: ColumnType::Text },
            IndexedField { name: "size", pointer: "/spec/size", column_type: ColumnType::Integer },
        ],
        columns: &[],
        references: &[],
        secrets: &["/spec/secret"],
        example: "",
        open: true,
        schema: |_| schemars_any(),
        check: |_| Ok(()),
    }
}

fn schemars_any() -> schemars::Schema {
    schemars::Schema::default()
}

pub(crate) fn object(name: &str, colour: &str, size: i64) -> AnyObject {
    AnyObject {
        api_version: "test/v1".to_owned(),
        kind: "Thing".to_owned(),
        metadata: Metadata { name: name.to_owned(), namespace: "default".to_owned(), ..Metadata::default() },
        spec: json!({"colour": colour, "size": size, "secret": "hunter2"}),
        status: None,
    }
}

pub(crate) fn draft(action: &str) -> EventDraft {
    EventDraft::new(Actor::system("test"), action)
}
