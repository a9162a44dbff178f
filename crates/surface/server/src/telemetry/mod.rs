//! Telemetry, wherever its store is: in a process of its own, in this one, or nowhere.
//!
//! The rest of the server holds a reader, a runner of SQL and what takes telemetry in, and cannot tell the
//! difference, but for errors that say that telemetry is not available now.

mod archive_options;
mod archive_routes;
mod bucket_place;
mod budget;
mod custody;
mod deletions;
mod folder;
mod grpc;
mod home_options;
mod intake;
mod place_options;
mod plan;
mod routes;
mod supervisor;
mod worker;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use andon_api::{ErrorCode, Problem};
use andon_columns::LinesSink;
use andon_module::telemetry_problem;
use andon_objects::{DirectoryLock, Store};
use andon_query::SqlEngine;
use andon_reader::{LogArchive, LogCustody, LogReader, SqlRunner, StoreStatus, TableSource};
use andon_remote::{Desk, Link, Remote, SocketPath, answer};
use andon_store::LogStore;
use tokio::task::JoinSet;

use crate::options::{ServeOptions, TelemetryMode};
use crate::tables;
use plan::Plan;
use supervisor::Supervisor;

pub use archive_options::{ArchiveArguments, ArchiveOptions};
pub(crate) use archive_routes::endpoints as archive_endpoints;
pub(crate) use custody::run as run_custody;
pub use home_options::{HomeArguments, HomeOptions};
pub(crate) use grpc::router as grpc_router;
pub(crate) use intake::{Intake, Row, endpoints as intake_endpoints};
pub(crate) use routes::endpoints;
pub use folder::{inspect_telemetry, repair_telemetry};
pub use worker::run_telemetry_worker;

/// The first argument that makes this program the process that owns the telemetry.
pub const TELEMETRY_WORKER: &str = "telemetry-worker";

/// How long the status waits for a fresh answer before it tells the last one.
const FRESH_MAX: Duration = Duration::from_secs(1);

/// What the rows of this process's server find here, for they are plain data.
static TELEMETRY: OnceLock<Arc<Telemetry>> = OnceLock::new();

/// Gives the rows the telemetry of this process's server.
pub(crate) fn install(telemetry: Arc<Telemetry>) {
    let _set_before = TELEMETRY.set(telemetry);
}

/// Finds the telemetry of this process's server.
pub(crate) fn telemetry() -> Result<&'static Arc<Telemetry>, Problem> {
    TELEMETRY.get().ok_or_else(|| Problem::new(ErrorCode::SystemUnavailable, "Telemetry is not taken now."))
}

/// Telemetry as the server sees it.
pub(crate) struct Telemetry {
    pub(crate) reader: Arc<dyn LogReader>,
    pub(crate) sink: Arc<dyn LinesSink>,
    pub(crate) sql: Arc<dyn SqlRunner>,
    /// Deletions and streams.
    pub(crate) custody: Arc<dyn LogCustody>,
    pub(crate) archive: Arc<dyn LogArchive>,
    pub(crate) intake: Intake,
    place: Place,
}

/// Where the store is.
enum Place {
    Inline { store: Arc<LogStore>, _lock: DirectoryLock },
    Process { supervisor: Supervisor, remote: Remote, memory_bytes: Option<u64>, _lending: JoinSet<()> },
    Off,
}

impl Telemetry {
    /// Opens telemetry as the options say. A process of its own is started and not waited for.
    ///
    /// # Errors
    /// When the store is to be in this process and cannot be opened, or the sockets cannot be made.
    pub(crate) fn open(options: &ServeOptions, store: &Store) -> Result<Self, Problem> {
        match options.telemetry {
            TelemetryMode::Inline => Self::inline(options, store),
            TelemetryMode::Process => Self::process(options, store),
            TelemetryMode::Off => Self::off(&options.data),
        }
    }

    fn inline(options: &ServeOptions, store: &Store) -> Result<Self, Problem> {
        let plan = Plan::of(options, Vec::new());
        let lock = DirectoryLock::take(&plan.folder)?;
        let logs = plan.store_config().and_then(LogStore::open).map(Arc::new).map_err(telemetry_problem)?;
        let sql = SqlEngine::new(logs.clone(), sources(store)).map_err(telemetry_problem)?;
        Ok(Self {
            reader: logs.clone(),
            sink: logs.clone(),
            sql: Arc::new(sql),
            custody: logs.clone(),
            archive: logs.clone(),
            intake: Intake::Here(logs.clone()),
            place: Place::Inline { store: logs, _lock: lock },
        })
    }

    fn process(options: &ServeOptions, store: &Store) -> Result<Self, Problem> {
        let desk = Desk::new(sources(store));
        let plan = Plan::of(options, desk.shapes());
        let memory_bytes = plan.memory_bytes;
        let (here, there) = (plan.server_socket()?, plan.worker_socket()?);
        let listener = here.listen().map_err(|error| plan::no_socket(&error))?;
        let router = desk.router();
        let mut lending = JoinSet::new();
        lending.spawn(async move {
            if let Err(error) = answer(listener, router).await {
                tracing::error!(%error, "SQL cannot read the records any more");
            }
        });
        let link = Arc::new(Link::new(jiff::Timestamp::now().as_microsecond()));
        let remote = Remote::new(&there, link.clone(), desk).map_err(telemetry_problem)?;
        let supervisor = Supervisor::start(plan, there, link)?;
        Ok(Self::of(remote.clone(), Place::Process { supervisor, remote, memory_bytes, _lending: lending }))
    }

    fn off(data: &Path) -> Result<Self, Problem> {
        let link = Arc::new(Link::new(jiff::Timestamp::now().as_microsecond()));
        link.off("andon serve was started with --telemetry off");
        let nobody = SocketPath::inside(&plan::run_folder(data), "nobody.sock").map_err(|error| plan::no_socket(&error))?;
        let remote = Remote::new(&nobody, link, Desk::new(Vec::new())).map_err(telemetry_problem)?;
        Ok(Self::of(remote.clone(), Place::Off))
    }

    fn of(remote: Remote, place: Place) -> Self {
        let shared = Arc::new(remote.clone());
        Self { reader: shared.clone(), sink: shared.clone(), custody: shared.clone(), archive: shared.clone(), sql: shared, intake: Intake::There(remote), place }
    }

    /// Tells how the store is now, or was when it last told.
    pub(crate) async fn status(&self) -> StoreStatus {
        if let Place::Process { remote, .. } = &self.place
            && let Ok(pulse) = remote.pulse(FRESH_MAX).await
            && let Some(status) = pulse.store
        {
            return status;
        }
        self.reader.status()
    }

    /// Ends telemetry; what is in memory becomes files.
    pub(crate) async fn stop(&self) {
        match &self.place {
            Place::Inline { store, .. } => {
                if let Err(error) = store.flush().await {
                    tracing::warn!(%error, "the last lines stay in the write-ahead log");
                }
            }
            Place::Process { supervisor, .. } => supervisor.stop().await,
            Place::Off => {}
        }
    }
}

/// What SQL may read beside the store's own tables.
fn sources(store: &Store) -> Vec<Arc<dyn TableSource>> {
    let mut sources: Vec<Arc<dyn TableSource>> = vec![Arc::new(tables::Ledger { store: store.clone() })];
    for kind in store.registry().all() {
        sources.push(Arc::new(tables::Objects::new(store.clone(), kind.clone())));
    }
    sources
}
