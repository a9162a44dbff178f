//! How a server is started.

use std::path::PathBuf;

use andon_api::size::Size;
use andon_api::units::Span;
use andon_api::{ErrorCode, Problem};

/// Where the store of the telemetry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TelemetryMode {
    /// In a process of its own, which the server keeps alive.
    #[default]
    Process,
    /// In the server's process.
    Inline,
    /// Nowhere: logs are refused, alarms are unknown.
    Off,
}

impl std::str::FromStr for TelemetryMode {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match text {
            "process" => Ok(Self::Process),
            "inline" => Ok(Self::Inline),
            "off" => Ok(Self::Off),
            other => Err(Problem::new(ErrorCode::RequestInvalid, format!("`{other}` is no place for telemetry."))
                .hint("Write process, inline or off.")),
        }
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The data directory.
    pub data: PathBuf,
    /// The address of the main port, for example `127.0.0.1:4700`.
    pub listen: String,
    /// Where the administrator's token is written at the first start.
    pub bootstrap_token: Option<PathBuf>,
    /// The URL of a PostgreSQL server; the embedded database when absent.
    pub database: Option<String>,
    /// The URL of a mail server.
    pub smtp: Option<String>,
    /// The sender of mails.
    pub mail_from: String,
    /// The address under which people reach the server; made from `listen` when absent.
    pub public_url: Option<String>,
    /// The folder of the demo, where it may be played.
    pub demo: Option<PathBuf>,
    /// Whether private networks may be called.
    pub private_egress: bool,
    /// How long log lines are kept.
    pub retention: Option<Span>,
    /// The most bytes of log lines on disk.
    pub disk_cap_bytes: Option<u64>,
    /// Where log lines go when they are old.
    pub archive: Option<crate::telemetry::ArchiveOptions>,
    /// Where segments of log lines are kept; the disk alone when absent.
    pub home: Option<crate::telemetry::HomeOptions>,
    /// Where the store of the telemetry is.
    pub telemetry: TelemetryMode,
    /// The most bytes of memory that a process of the telemetry may hold; half of the machine's when absent.
    pub telemetry_memory_bytes: Option<u64>,
    /// Where lines are taken without a token: GELF and syslog.
    pub inputs: andon_ingest::ListenOptions,
    /// The form of the server's own log, `text` or `json`.
    pub log: String,
    /// A folder to serve the UI from, instead of the one inside the binary.
    pub ui_dir: Option<PathBuf>,
    /// Whether the standard OTLP ports 4317 and 4318 are opened too, where they are free.
    pub otlp_ports: bool,
}

/// Reads a size such as `500MiB`, `20GB` or `1048576`.
///
/// # Errors
/// `REQ-0001` when it is none.
pub fn parse_size(text: &str) -> Result<u64, Problem> {
    Size::parse(text).map(Size::bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_has_three_places() {
        assert_eq!("process".parse::<TelemetryMode>().unwrap(), TelemetryMode::default());
        assert!("elsewhere".parse::<TelemetryMode>().is_err());
    }
}
