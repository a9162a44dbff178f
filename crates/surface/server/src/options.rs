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

/// Which part of Andon a process is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// All of it.
    #[default]
    All,
    /// Everything but the logs, which another machine keeps.
    Server {
        /// Where the telemetry is: a name or an address, and a port.
        telemetry: String,
        /// The file of its token.
        token: PathBuf,
    },
    /// The logs alone.
    Telemetry {
        /// Where the server is admitted.
        listen: String,
        /// Where the token is; in the data directory when absent.
        token: Option<PathBuf>,
    },
}

impl Role {
    /// Reads what `andon serve` is told of its role.
    ///
    /// # Errors
    /// `REQ-0001` when something is missing, or belongs to another role.
    pub fn new(role: &str, listen: Option<String>, at: Option<String>, token: Option<PathBuf>) -> Result<Self, Problem> {
        let refuse = |detail: &str, hint: &str| Err(Problem::new(ErrorCode::RequestInvalid, detail).place("--role").hint(hint));
        match (role, listen, at, token) {
            ("all", None, None, None) => Ok(Self::All),
            ("all", ..) => refuse("--telemetry-listen, --telemetry-at and --telemetry-token are for roles on machines of their own.", "Add --role server or --role telemetry, or leave them out."),
            ("server", None, Some(telemetry), Some(token)) => Ok(Self::Server { telemetry: an_address(telemetry)?, token }),
            ("server", ..) => refuse("The role `server` is told where the logs are, and by which token it is admitted there.", "Add --telemetry-at HOST:PORT and --telemetry-token FILE, the file that the role `telemetry` made; --telemetry-listen is for that role."),
            ("telemetry", Some(listen), None, token) => Ok(Self::Telemetry { listen, token }),
            ("telemetry", ..) => refuse("The role `telemetry` is told where the server is admitted.", "Add --telemetry-listen ADDR, for example 0.0.0.0:4710; --telemetry-at is for the role `server`."),
            (other, ..) => refuse(&format!("`{other}` is no role."), "Write all, server or telemetry."),
        }
    }
}

fn an_address(text: String) -> Result<String, Problem> {
    let parsed = text.parse::<http::uri::Authority>().ok().filter(|address| address.port_u16().is_some() && !address.as_str().contains('@'));
    if parsed.is_some() {
        return Ok(text);
    }
    let problem = Problem::new(ErrorCode::RequestInvalid, format!("`{text}` is no address of the telemetry."));
    Err(problem.place("--telemetry-at").hint("Write a name or an address and a port: logs.acme.example:4710, 10.0.0.7:4710 or [fd00::7]:4710."))
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Which part of Andon it is.
    pub role: Role,
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
    fn a_role_is_told_what_it_needs_and_nothing_else() {
        let (at, listen, token) = (|| Some("logs:4710".to_owned()), || Some("0.0.0.0:4710".to_owned()), || Some(PathBuf::from("token")));
        assert_eq!(Role::new("all", None, None, None).unwrap(), Role::All);
        assert!(matches!(Role::new("server", None, at(), token()).unwrap(), Role::Server { .. }));
        assert!(matches!(Role::new("telemetry", listen(), None, None).unwrap(), Role::Telemetry { token: None, .. }));
        let wrong = [
            Role::new("all", listen(), None, None),
            Role::new("server", None, at(), None),
            Role::new("server", listen(), at(), token()),
            Role::new("telemetry", None, None, token()),
            Role::new("telemetry", listen(), at(), None),
            Role::new("server", None, Some("logs".to_owned()), token()),
            Role::new("server", None, Some("me@logs:1".to_owned()), token()),
            Role::new("server", None, Some("logs:1/x".to_owned()), token()),
        ];
        for refused in wrong {
            assert!(refused.unwrap_err().hint.is_some());
        }
    }

    #[test]
    fn telemetry_has_three_places() {
        assert_eq!("process".parse::<TelemetryMode>().unwrap(), TelemetryMode::default());
        assert!("elsewhere".parse::<TelemetryMode>().is_err());
    }
}
