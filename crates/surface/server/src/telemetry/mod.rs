//! Telemetry, wherever its store is: in a process of its own here or on another machine, in this one, or nowhere.
//!
//! The rest of the server holds a reader, a runner of SQL and what takes telemetry in, and cannot tell the
//! difference, but for errors that say that telemetry is not available now.

mod alone;
mod archive_options;
mod archive_routes;
mod bucket_place;
mod budget;
mod custody;
mod deletions;
mod door_plan;
mod folder;
mod grpc;
mod home_options;
mod intake;
mod place_options;
mod plan;
mod routes;
mod supervisor;
mod watcher;
mod worker;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use andon_api::{ErrorCode, Problem};
use andon_columns::LinesSink;
use andon_module::telemetry_problem;
use andon_objects::{DirectoryLock, Store};
use andon_query::SqlEngine;
use andon_reader::{LogArchive, LogCustody, LogReader, SqlRunner, StoreStatus};
use andon_remote::{Desk, Link, Remote, SocketPath, Way};
use andon_store::LogStore;

use crate::options::{Role, ServeOptions, TelemetryMode};
use crate::tables::sources;
use plan::Plan;
use supervisor::Supervisor;
use watcher::Watcher;

pub(crate) use alone::serve_telemetry;
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
    Process { supervisor: Supervisor, remote: Remote, memory_bytes: Option<u64> },
    Elsewhere { watcher: Watcher, remote: Remote, at: String },
    Off,
}

impl Telemetry {
    /// Opens telemetry as the options say. A process of its own is started and not waited for.
    ///
    /// # Errors
    /// When the store is to be in this process and cannot be opened, or the sockets cannot be made.
    pub(crate) fn open(options: &ServeOptions, store: &Store) -> Result<Self, Problem> {
        match (&options.role, options.telemetry) {
            (Role::Server { telemetry, token }, _) => Self::elsewhere(&options.data, telemetry, token, store),
            (_, TelemetryMode::Inline) => Self::inline(options, store),
            (_, TelemetryMode::Process) => Self::process(options, store),
            (_, TelemetryMode::Off) => Self::off(&options.data),
        }
    }

    fn inline(options: &ServeOptions, store: &Store) -> Result<Self, Problem> {
        let plan = Plan::of(options, None);
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
        let plan = Plan::of(options, None);
        let (socket, memory_bytes) = (plan.socket()?, plan.memory_bytes);
        let remote = Self::remote(&Way::Socket(socket.clone()), Desk::new(sources(store)))?;
        let supervisor = Supervisor::start(plan, socket, remote.link().clone())?;
        Ok(Self::of(remote.clone(), Place::Process { supervisor, remote, memory_bytes }))
    }

    fn elsewhere(data: &Path, at: &str, token: &Path, store: &Store) -> Result<Self, Problem> {
        let left = data.join("telemetry");
        if left.join("manifest.jsonl").exists() {
            tracing::warn!(folder = %left.display(), "the logs in this folder are not read: move it to the data directory of the role `telemetry`");
        }
        let way = Way::Network { at: at.to_owned(), token: door_plan::read_token(token)? };
        let remote = Self::remote(&way, Desk::new(sources(store)))?;
        let watcher = Watcher::start(&way, remote.link().clone())?;
        Ok(Self::of(remote.clone(), Place::Elsewhere { watcher, remote, at: at.to_owned() }))
    }

    fn off(data: &Path) -> Result<Self, Problem> {
        let nobody = SocketPath::inside(&plan::run_folder(data), "nobody.sock").map_err(|error| plan::no_socket(&error))?;
        let remote = Self::remote(&Way::Socket(nobody), Desk::new(Vec::new()))?;
        remote.link().off("andon serve was started with --telemetry off");
        Ok(Self::of(remote, Place::Off))
    }

    fn remote(way: &Way, desk: Arc<Desk>) -> Result<Remote, Problem> {
        let link = Arc::new(Link::new(jiff::Timestamp::now().as_microsecond()));
        Remote::new(way, link, desk).map_err(telemetry_problem)
    }

    fn of(remote: Remote, place: Place) -> Self {
        let shared = Arc::new(remote.clone());
        Self { reader: shared.clone(), sink: shared.clone(), custody: shared.clone(), archive: shared.clone(), sql: shared, intake: Intake::There(remote), place }
    }

    /// Tells whether the store is in this process.
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.place, Place::Inline { .. })
    }

    /// Tells how the store is now, or was when it last told.
    pub(crate) async fn status(&self) -> StoreStatus {
        if let Place::Process { remote, .. } | Place::Elsewhere { remote, .. } = &self.place
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
            // The other machine keeps it alive.
            Place::Elsewhere { .. } | Place::Off => {}
        }
    }
}
