//! How a server is started.

use std::path::PathBuf;

use andon_api::units::Span;
use andon_api::{ErrorCode, Problem};

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
    let refuse = || {
        Problem::new(ErrorCode::RequestInvalid, format!("`{text}` is no size.")).hint("Write 500MiB, 20GB or a number of bytes.")
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().map_err(|_| refuse())?;
    let factor: u64 = match text[digits..].trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(refuse()),
    };
    number.checked_mul(factor).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("20GiB").unwrap(), 20 << 30);
        assert_eq!(parse_size("1MB").unwrap(), 1_000_000);
        for text in ["", "GB", "-1", "5 parsecs", "99999999999TB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
