//! The plain tables of response: pages, timers, links of pages, what sources said, and analyses.
//!
//! Refreshes and tries live here; what people see of them is copied to the alert when it changes.

use andon_api::error::Problem;
use andon_api::kinds::response::{Channel, PageState, PageSummary};
use andon_api::object::ObjectRef;
use andon_objects::{Arg, Migration, Row, Store, Tx};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use crate::alertmanager::{Episode, Labels};
use crate::limits::SOURCES_KEPT_MS;

/// The tables of this room.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    id: "response-0001-pages-and-sources",
    sql: "CREATE TABLE page (
            id TEXT PRIMARY KEY, alert TEXT NOT NULL, user_ref TEXT NOT NULL, channel TEXT NOT NULL,
            round BIGINT NOT NULL, part TEXT NOT NULL, due_at BIGINT NOT NULL, state TEXT NOT NULL,
            accepted_at BIGINT, attempts BIGINT NOT NULL, failure TEXT);
CREATE INDEX page_alert ON page (alert);
CREATE INDEX page_state ON page (state, due_at);
CREATE INDEX page_due ON page (due_at);
CREATE TABLE alert_timer (alert TEXT PRIMARY KEY, due_at BIGINT NOT NULL);
CREATE INDEX alert_timer_due ON alert_timer (due_at);
CREATE TABLE page_link (digest TEXT PRIMARY KEY, alert TEXT NOT NULL, user_ref TEXT NOT NULL, expires_at BIGINT NOT NULL);
CREATE INDEX page_link_expires ON page_link (expires_at);
CREATE TABLE alert_source (
            source TEXT NOT NULL, dedup_key TEXT NOT NULL, alert TEXT NOT NULL, is_open BIGINT NOT NULL,
            starts_at BIGINT NOT NULL, ends_at BIGINT NOT NULL, is_timeout BIGINT NOT NULL, resolved_at BIGINT,
            received_at BIGINT NOT NULL, messages BIGINT NOT NULL,
            labels TEXT NOT NULL, annotations TEXT NOT NULL, generator_url TEXT NOT NULL,
            PRIMARY KEY (source, dedup_key));
CREATE INDEX alert_source_open ON alert_source (is_open, ends_at);
CREATE INDEX alert_source_alert ON alert_source (alert);
CREATE TABLE incident_analysis (incident TEXT PRIMARY KEY, runs BIGINT NOT NULL)",
}];

/// One page as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct PageRow {
    pub(crate) alert: ObjectRef,
    pub(crate) round: i64,
    pub(crate) part: String,
    pub(crate) summary: PageSummary,
}

fn word<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn read_word<T: DeserializeOwned>(text: String) -> Result<T, Problem> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(Problem::internal)
}

fn read_reference(text: &str) -> Result<ObjectRef, Problem> {
    ObjectRef::parse(text, None, "default").map_err(Problem::internal)
}

macro_rules! page_sql {
    ($tail:literal) => {
        concat!("SELECT id, alert, user_ref, channel, round, part, due_at, state, accepted_at, attempts, failure FROM page ", $tail)
    };
}

fn read_page(row: &Row) -> Result<PageRow, Problem> {
    let accepted = row.optional_integer("accepted_at")?;
    Ok(PageRow {
        alert: read_reference(&row.text("alert")?)?,
        round: row.integer("round")?,
        part: row.text("part")?,
        summary: PageSummary {
            id: row.text("id")?,
            user: read_reference(&row.text("user_ref")?)?,
            channel: read_word::<Channel>(row.text("channel")?)?,
            due_at: row.time("due_at")?,
            state: read_word::<PageState>(row.text("state")?)?,
            accepted_at: accepted.and_then(|at| Timestamp::from_microsecond(at).ok()),
            attempts: u32::try_from(row.integer("attempts")?).unwrap_or(u32::MAX),
            failure: row.optional_text("failure")?,
        },
    })
}

/// Notes a page; tells whether it is new.
pub(crate) async fn insert_page(tx: &mut Tx, page: &PageRow) -> Result<bool, Problem> {
    let sql = "INSERT INTO page (id, alert, user_ref, channel, round, part, due_at, state, attempts) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT (id) DO NOTHING";
    let args: Vec<Arg> = vec![
        page.summary.id.clone().into(),
        page.alert.to_string().into(),
        page.summary.user.to_string().into(),
        word(page.summary.channel).into(),
        page.round.into(),
        page.part.clone().into(),
        page.summary.due_at.into(),
        word(page.summary.state).into(),
    ];
    Ok(tx.execute(sql, args).await? == 1)
}

/// Notes how a page stands.
pub(crate) async fn update_page(tx: &mut Tx, page: &PageSummary) -> Result<(), Problem> {
    let sql = "UPDATE page SET state = $2, accepted_at = $3, attempts = $4, failure = $5 WHERE id = $1";
    let args: Vec<Arg> = vec![
        page.id.clone().into(),
        word(page.state).into(),
        page.accepted_at.map(Timestamp::as_microsecond).into(),
        i64::from(page.attempts).into(),
        page.failure.clone().into(),
    ];
    tx.execute(sql, args).await.map(|_| ())
}

/// Reads one page.
pub(crate) async fn page(tx: &mut Tx, id: &str) -> Result<Option<PageRow>, Problem> {
    let sql = page_sql!("WHERE id = $1");
    tx.fetch(sql, vec![id.into()]).await?.first().map(read_page).transpose()
}

/// Reads the pages of an alert, the earliest due first.
pub(crate) async fn pages_of(tx: &mut Tx, alert: &ObjectRef) -> Result<Vec<PageRow>, Problem> {
    let sql = page_sql!("WHERE alert = $1 ORDER BY due_at, id");
    tx.fetch(sql, vec![alert.to_string().into()]).await?.iter().map(read_page).collect()
}

/// Reads the pages that were due since a time, the newest first.
pub(crate) async fn pages_since(store: &Store, since: Timestamp, limit: i64) -> Result<Vec<PageRow>, Problem> {
    let sql = page_sql!("WHERE due_at >= $1 ORDER BY due_at DESC, id LIMIT $2");
    store.fetch(sql, vec![since.into(), limit.into()]).await?.iter().map(read_page).collect()
}

/// Tells how many pages that should be out are not, and since when the oldest.
pub(crate) async fn overdue(store: &Store, before: Timestamp) -> Result<(i64, Option<Timestamp>), Problem> {
    let sql = "SELECT count(*) AS n, min(due_at) AS oldest FROM page WHERE state = 'pending' AND due_at < $1";
    let pages = counted(&store.fetch(sql, vec![before.into()]).await?)?;
    let sql = "SELECT count(*) AS n, min(due_at) AS oldest FROM alert_timer WHERE due_at < $1";
    let timers = counted(&store.fetch(sql, vec![before.into()]).await?)?;
    let oldest = [pages.1, timers.1].into_iter().flatten().min();
    Ok((pages.0 + timers.0, oldest.and_then(|at| Timestamp::from_microsecond(at).ok())))
}

fn counted(rows: &[Row]) -> Result<(i64, Option<i64>), Problem> {
    let row = rows.first().ok_or_else(|| Problem::internal("a count gave nothing"))?;
    Ok((row.integer("n")?, row.optional_integer("oldest")?))
}

/// Stores when an alert must be looked at next; `None` for never.
pub(crate) async fn set_timer(tx: &mut Tx, alert: &ObjectRef, due_at: Option<Timestamp>) -> Result<(), Problem> {
    let alert = Arg::from(alert.to_string());
    match due_at {
        None => tx.execute("DELETE FROM alert_timer WHERE alert = $1", vec![alert]).await?,
        Some(due_at) => {
            let sql = "INSERT INTO alert_timer (alert, due_at) VALUES ($1, $2) \
                       ON CONFLICT (alert) DO UPDATE SET due_at = excluded.due_at";
            tx.execute(sql, vec![alert, due_at.into()]).await?
        }
    };
    Ok(())
}

/// Lists the alerts that must be looked at, the longest due first.
pub(crate) async fn due_timers(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<ObjectRef>, Problem> {
    let sql = "SELECT alert FROM alert_timer WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
    store
        .fetch(sql, vec![now.into(), limit.into()])
        .await?
        .iter()
        .map(|row| read_reference(&row.text("alert")?))
        .collect()
}

/// The link of a page: whose alert, and until when.
#[derive(Clone, Debug)]
pub(crate) struct LinkRow {
    pub(crate) alert: ObjectRef,
    pub(crate) user: ObjectRef,
    pub(crate) expires_at: Timestamp,
}

/// Keeps the digest of a link; the link itself is never kept.
pub(crate) async fn insert_link(tx: &mut Tx, digest: &str, link: &LinkRow) -> Result<(), Problem> {
    let sql = "INSERT INTO page_link (digest, alert, user_ref, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING";
    let args: Vec<Arg> =
        vec![digest.into(), link.alert.to_string().into(), link.user.to_string().into(), link.expires_at.into()];
    tx.execute(sql, args).await.map(|_| ())
}

/// Finds a link by its digest.
pub(crate) async fn link(store: &Store, digest: &str) -> Result<Option<LinkRow>, Problem> {
    let sql = "SELECT alert, user_ref, expires_at FROM page_link WHERE digest = $1";
    let rows = store.fetch(sql, vec![digest.into()]).await?;
    let read = |row: &Row| {
        Ok(LinkRow {
            alert: read_reference(&row.text("alert")?)?,
            user: read_reference(&row.text("user_ref")?)?,
            expires_at: row.time("expires_at")?,
        })
    };
    rows.first().map(read).transpose()
}

/// Deletes links that have expired and episodes that are long over.
pub(crate) async fn clean(tx: &mut Tx) -> Result<(), Problem> {
    let now = tx.now();
    tx.execute("DELETE FROM page_link WHERE expires_at < $1", vec![now.into()]).await?;
    let before = now.checked_sub(SignedDuration::from_millis(SOURCES_KEPT_MS)).unwrap_or(now);
    let sql = "DELETE FROM alert_source WHERE is_open = 0 AND received_at < $1";
    tx.execute(sql, vec![before.into()]).await.map(|_| ())
}

/// What a source has said of one of its alerts.
#[derive(Clone, Debug)]
pub(crate) struct SourceRow {
    pub(crate) source: String,
    pub(crate) dedup_key: String,
    pub(crate) alert: ObjectRef,
    pub(crate) episode: Episode,
    pub(crate) received_at: Timestamp,
    pub(crate) messages: i64,
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) generator_url: String,
}

macro_rules! source_sql {
    ($tail:literal) => {
        concat!(
            "SELECT source, dedup_key, alert, is_open, starts_at, ends_at, is_timeout, resolved_at, received_at, messages, \
             labels, annotations, generator_url FROM alert_source ",
            $tail
        )
    };
}

fn read_source(row: &Row) -> Result<SourceRow, Problem> {
    let labels = |column: &str| serde_json::from_str::<Labels>(&row.text(column)?).map_err(Problem::internal);
    Ok(SourceRow {
        source: row.text("source")?,
        dedup_key: row.text("dedup_key")?,
        alert: read_reference(&row.text("alert")?)?,
        episode: Episode {
            open: row.integer("is_open")? == 1,
            starts_at: row.time("starts_at")?,
            ends_at: row.time("ends_at")?,
            timeout: row.integer("is_timeout")? == 1,
            resolved_at: row.optional_integer("resolved_at")?.and_then(|at| Timestamp::from_microsecond(at).ok()),
        },
        received_at: row.time("received_at")?,
        messages: row.integer("messages")?,
        labels: labels("labels")?,
        annotations: labels("annotations")?,
        generator_url: row.text("generator_url")?,
    })
}

/// Finds what a source has said under a key.
pub(crate) async fn source(tx: &mut Tx, source: &str, dedup_key: &str) -> Result<Option<SourceRow>, Problem> {
    let sql = source_sql!("WHERE source = $1 AND dedup_key = $2");
    tx.fetch(sql, vec![source.into(), dedup_key.into()]).await?.first().map(read_source).transpose()
}

/// Finds what the source of an alert has said.
pub(crate) async fn source_of(tx: &mut Tx, alert: &ObjectRef) -> Result<Option<SourceRow>, Problem> {
    let sql = source_sql!("WHERE alert = $1");
    tx.fetch(sql, vec![alert.to_string().into()]).await?.first().map(read_source).transpose()
}

/// Lists what fires, the newest first.
pub(crate) async fn open_sources(store: &Store, limit: i64) -> Result<Vec<SourceRow>, Problem> {
    let sql = source_sql!("WHERE is_open = 1 ORDER BY starts_at DESC, dedup_key LIMIT $1");
    store.fetch(sql, vec![limit.into()]).await?.iter().map(read_source).collect()
}

/// Lists what fires although its end has passed.
pub(crate) async fn ended_sources(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<SourceRow>, Problem> {
    let sql = source_sql!("WHERE is_open = 1 AND ends_at <= $1 ORDER BY ends_at LIMIT $2");
    store.fetch(sql, vec![now.into(), limit.into()]).await?.iter().map(read_source).collect()
}

/// Keeps what a source has said.
pub(crate) async fn put_source(tx: &mut Tx, row: &SourceRow) -> Result<(), Problem> {
    let sql = "INSERT INTO alert_source (source, dedup_key, alert, is_open, starts_at, ends_at, is_timeout, resolved_at, \
               received_at, messages, labels, annotations, generator_url) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
               ON CONFLICT (source, dedup_key) DO UPDATE SET alert = excluded.alert, is_open = excluded.is_open, \
               starts_at = excluded.starts_at, ends_at = excluded.ends_at, is_timeout = excluded.is_timeout, \
               resolved_at = excluded.resolved_at, received_at = excluded.received_at, messages = excluded.messages, \
               labels = excluded.labels, annotations = excluded.annotations, generator_url = excluded.generator_url";
    let json = |labels: &Labels| serde_json::to_string(labels).map_err(Problem::internal);
    let args: Vec<Arg> = vec![
        row.source.clone().into(),
        row.dedup_key.clone().into(),
        row.alert.to_string().into(),
        i64::from(row.episode.open).into(),
        row.episode.starts_at.into(),
        row.episode.ends_at.into(),
        i64::from(row.episode.timeout).into(),
        row.episode.resolved_at.map(Timestamp::as_microsecond).into(),
        row.received_at.into(),
        row.messages.into(),
        json(&row.labels)?.into(),
        json(&row.annotations)?.into(),
        row.generator_url.clone().into(),
    ];
    tx.execute(sql, args).await.map(|_| ())
}

/// Tells how often the suspects of an incident were worked out.
pub(crate) async fn analysis_runs(store: &Store, incident: &ObjectRef) -> Result<i64, Problem> {
    let sql = "SELECT runs FROM incident_analysis WHERE incident = $1";
    let rows = store.fetch(sql, vec![incident.to_string().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.integer("runs"))
}

/// Notes how often the suspects of an incident were worked out.
pub(crate) async fn set_analysis_runs(tx: &mut Tx, incident: &ObjectRef, runs: i64) -> Result<(), Problem> {
    let sql = "INSERT INTO incident_analysis (incident, runs) VALUES ($1, $2) \
               ON CONFLICT (incident) DO UPDATE SET runs = excluded.runs";
    tx.execute(sql, vec![incident.to_string().into(), runs.into()]).await.map(|_| ())
}
