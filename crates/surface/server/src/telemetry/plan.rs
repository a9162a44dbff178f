//! What the process that owns the telemetry is told at its start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use andon_api::{ErrorCode, Problem};
use andon_reader::ReaderError;
use andon_remote::SocketPath;
use andon_store::{ArchiveConfig, HomeConfig, StoreConfig};
use serde::{Deserialize, Serialize};

use crate::options::ServeOptions;
use crate::telemetry::archive_options::ArchiveOptions;
use crate::telemetry::budget;
use crate::telemetry::door_plan::DoorPlan;
use crate::telemetry::home_options::HomeOptions;

/// What the process that owns the telemetry is told at its start, in one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The folder of the store.
    pub(crate) folder: PathBuf,
    /// The folder of the socket.
    pub(crate) run: PathBuf,
    /// How long lines are kept.
    pub(crate) retention_ms: Option<u64>,
    /// The most bytes on disk.
    pub(crate) disk_cap_bytes: Option<u64>,
    /// The most bytes of memory.
    pub(crate) memory_bytes: Option<u64>,
    /// Where lines are taken without a token.
    pub(crate) inputs: andon_ingest::ListenOptions,
    /// Where old lines go.
    pub(crate) archive: Option<ArchiveOptions>,
    /// Where segments are kept.
    pub(crate) home: Option<HomeOptions>,
    /// Where servers on other machines are admitted.
    pub(crate) door: Option<DoorPlan>,
    /// The form of the log, `text` or `json`.
    pub(crate) log: String,
}

/// Tells where the socket of a data directory is.
pub(crate) fn run_folder(data: &Path) -> PathBuf {
    data.join("run")
}

pub(crate) fn no_socket(error: &std::io::Error) -> Problem {
    Problem::new(ErrorCode::SystemFault, format!("The socket in the data directory cannot be made: {error}."))
        .hint("The data directory must be on a file system that has Unix sockets, and writable.")
}

impl Plan {
    pub(crate) fn of(options: &ServeOptions, door: Option<DoorPlan>) -> Self {
        let data = std::path::absolute(&options.data).unwrap_or_else(|_| options.data.clone());
        Self {
            folder: data.join("telemetry"),
            run: run_folder(&data),
            retention_ms: options.retention.and_then(|span| u64::try_from(span.milliseconds()).ok()),
            disk_cap_bytes: options.disk_cap_bytes,
            memory_bytes: options.telemetry_memory_bytes.or_else(budget::of_this_machine),
            inputs: options.inputs.clone(),
            archive: options.archive.clone(),
            home: options.home.clone(),
            door,
            log: options.log.clone(),
        }
    }

    pub(crate) fn socket(&self) -> Result<SocketPath, Problem> {
        SocketPath::inside(&self.run, "telemetry.sock").map_err(|error| no_socket(&error))
    }

    /// Sets the store up. Its own limits fit the budget, so that it refuses before the kernel does.
    ///
    /// # Errors
    /// When the archive cannot be used as it is configured.
    pub(crate) fn store_config(&self) -> Result<StoreConfig, ReaderError> {
        let mut config = StoreConfig::new(&self.folder);
        if let Some(retention_ms) = self.retention_ms {
            config.retention = Some(Duration::from_millis(retention_ms));
        }
        if let Some(cap) = self.disk_cap_bytes {
            config.disk_cap_bytes = Some(cap);
        }
        if let Some(bytes) = self.memory_bytes {
            config.memory_cap_bytes = config.memory_cap_bytes.min(bytes / 4);
            config.flush_bytes = config.flush_bytes.min(bytes / 8);
            config.column_cache_bytes = config.column_cache_bytes.min(bytes / 8);
            config.index_cache_bytes = config.index_cache_bytes.min(usize::try_from(bytes / 8).unwrap_or(usize::MAX));
        }
        config.archive = self.archive.as_ref().map(archive_config).transpose()?;
        config.home = self.home.as_ref().map(home_config).transpose()?;
        Ok(config)
    }
}

fn archive_config(options: &ArchiveOptions) -> Result<ArchiveConfig, ReaderError> {
    Ok(ArchiveConfig { place: options.place.open()?, after: options.after(), retention: options.retention() })
}

fn home_config(options: &HomeOptions) -> Result<HomeConfig, ReaderError> {
    Ok(HomeConfig { place: options.place.open()?, cache_bytes: options.cache_bytes })
}
