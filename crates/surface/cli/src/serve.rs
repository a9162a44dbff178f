//! The options of `andon serve`; whoever has the server runs it.

use std::path::PathBuf;

use andon_api::units::Span;
use clap::Args;

/// Checks an age here, so that a wrong one is told before anything starts.
fn age(text: &str) -> Result<String, String> {
    match Span::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => Err(format!(
            "{} {}",
            problem.detail,
            problem.hint.unwrap_or_default()
        )),
    }
}

/// What the logs alone have no use for.
const RECORDS: [&str; 12] = [
    "telemetry_at", "listen", "bootstrap_token", "database", "smtp", "mail_from", "public_url", "demo", "egress", "telemetry",
    "ui_dir", "no_otlp_ports",
];
/// What is told where the logs are.
const LOGS: [&str; 14] = [
    "retention", "disk_cap", "archive", "archive_after", "archive_retention", "archive_credentials",
    "segments", "segments_cache", "segments_credentials", "telemetry", "telemetry_memory", "gelf", "syslog", "syslog_tls",
];

/// How a server is started.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  andon serve --data /var/lib/andon --bootstrap-token /var/lib/andon/token
  andon serve --data ./data --listen 0.0.0.0:4700 --public-url https://andon.acme.example --smtp smtp://mail:25
  andon serve --data ./data --database postgres://andon@db/andon

The logs on a machine of their own; the first makes the token in its data directory:
  andon serve --role telemetry --data /var/lib/andon --telemetry-listen 0.0.0.0:4710
  andon serve --role server --data /var/lib/andon --telemetry-at logs:4710 --telemetry-token /etc/andon/telemetry.token

The first administrator's token is in the file of --bootstrap-token before /readyz answers:
  export ANDON_TOKEN=$(cat /var/lib/andon/token)")]
pub struct ServeArgs {
    /// The data directory; it is made if it is not there, and locked while the server runs.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Which part of Andon this is: all of it, everything but the logs, or the logs alone.
    #[arg(long, value_name = "ROLE", value_parser = ["all", "server", "telemetry"], default_value = "all")]
    pub role: String,
    /// Where the role telemetry admits the server that has its token, encrypted; for example 0.0.0.0:4710.
    #[arg(long, value_name = "ADDR", conflicts_with_all = RECORDS)]
    pub telemetry_listen: Option<String>,
    /// Where the role server finds the role telemetry; for example logs.acme.example:4710.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = LOGS)]
    pub telemetry_at: Option<String>,
    /// The token that the role telemetry makes and the role server shows; telemetry.token in the data directory of the
    /// first without it. Whoever has it reads and writes the logs.
    #[arg(long, value_name = "FILE")]
    pub telemetry_token: Option<PathBuf>,
    /// The address of the main port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4700")]
    pub listen: String,
    /// Where an administrator's token is written (mode 0600); later starts leave it valid.
    #[arg(long, value_name = "FILE")]
    pub bootstrap_token: Option<PathBuf>,
    /// A PostgreSQL server for the records; an embedded SQLite in the data directory without it.
    #[arg(
        long,
        value_name = "URL",
        env = "ANDON_DATABASE_URL",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// A mail server for pages, for example smtp://mail.acme.example:25.
    #[arg(
        long,
        value_name = "URL",
        env = "ANDON_SMTP_URL",
        hide_env_values = true
    )]
    pub smtp: Option<String>,
    /// The sender of mails.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "Andon <andon@localhost>"
    )]
    pub mail_from: String,
    /// The address under which people reach the server, for the links in pages; made from --listen without it.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The folder of the demo's shop; the demo can be played only with it.
    #[arg(long, value_name = "DIR")]
    pub demo: Option<PathBuf>,
    /// Which networks webhooks may reach: public addresses alone, or private ones and this machine too.
    #[arg(long, value_name = "NETWORKS", value_parser = ["public", "private"], default_value = "public")]
    pub egress: String,
    /// How long log lines are kept.
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "30d")]
    pub retention: Option<String>,
    /// The most room that log lines take on the disk; the oldest go first.
    #[arg(long, value_name = "SIZE", default_value = "20GiB")]
    pub disk_cap: Option<String>,
    /// Where log lines go before they are dropped, and come back from: file:///DIR or
    /// s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path|virtual.
    #[arg(long, value_name = "PLACE")]
    pub archive: Option<String>,
    /// After which age they go there; when --retention would drop them, without it.
    #[arg(long, value_name = "AGE", value_parser = age, requires = "archive")]
    pub archive_after: Option<String>,
    /// How long they are kept there, counted from the day they were received; for good without it.
    #[arg(long, value_name = "AGE", value_parser = age, requires = "archive")]
    pub archive_retention: Option<String>,
    /// A file with the keys of the bucket, as AWS's tools write it; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    /// of the environment without it.
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub archive_credentials: Option<PathBuf>,
    /// Where the files of log lines are kept, with the disk as their cache: file:///DIR or
    /// s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path|virtual; on the disk alone without it.
    #[arg(long, value_name = "PLACE")]
    pub segments: Option<String>,
    /// The most room on the disk for files that are there; 10 GiB, at most half of --disk-cap, without it.
    #[arg(long, value_name = "SIZE", requires = "segments")]
    pub segments_cache: Option<String>,
    /// A file with the keys of that bucket, as --archive-credentials has.
    #[arg(long, value_name = "FILE", requires = "segments")]
    pub segments_credentials: Option<PathBuf>,
    /// Where logs are kept: in a process of their own that is started again by itself, in the server's, or nowhere.
    #[arg(long, value_name = "PLACE", value_parser = ["process", "inline", "off"], default_value = "process")]
    pub telemetry: String,
    /// The most memory that the process of the logs may hold; half of the machine's without it.
    #[arg(long, value_name = "SIZE")]
    pub telemetry_memory: Option<String>,
    /// Take GELF here, over UDP and TCP, without a token; for example 0.0.0.0:12201.
    #[arg(long, value_name = "ADDR")]
    pub gelf: Option<String>,
    /// Take syslog here, over UDP and TCP, without a token; for example 0.0.0.0:514.
    #[arg(long, value_name = "ADDR")]
    pub syslog: Option<String>,
    /// Take syslog over TLS here, without a token; for example 0.0.0.0:6514.
    #[arg(long, value_name = "ADDR", requires = "tls_cert", requires = "tls_key")]
    pub syslog_tls: Option<String>,
    /// The certificate of --syslog-tls, with those between it and its root (PEM).
    #[arg(long, value_name = "FILE", requires = "syslog_tls")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert (PEM).
    #[arg(long, value_name = "FILE", requires = "syslog_tls")]
    pub tls_key: Option<PathBuf>,
    /// A folder to serve the UI from, instead of the one in the binary.
    #[arg(long, value_name = "DIR")]
    pub ui_dir: Option<PathBuf>,
    /// Leave the standard OpenTelemetry ports 4317 and 4318 alone; the main port takes OTLP anyway.
    #[arg(long)]
    pub no_otlp_ports: bool,
    /// The form of the server's own log, on stderr.
    #[arg(long, value_name = "FORM", value_parser = ["text", "json"], default_value = "text")]
    pub log: String,
}
