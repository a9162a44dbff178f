//! The one binary: parses, dispatches, gives the exit code.

use std::process::ExitCode;

use andon_cli::{Command, FolderWork, ServeArgs};
use andon_server::{ArchiveArguments, ArchiveOptions, HomeArguments, HomeOptions, ListenOptions, Role, ServeOptions, TlsOptions, inspect_telemetry, parse_size, repair_telemetry, serve};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(andon_server::POLICY_WORKER) {
        return if andon_server::run_policy_worker().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if std::env::args().nth(1).as_deref() == Some(andon_server::TELEMETRY_WORKER) {
        return match andon_server::run_telemetry_worker(start_log) {
            Ok(()) => ExitCode::SUCCESS,
            Err(text) => refuse(&text),
        };
    }
    let cli = andon_cli::parse();
    let folder_work = cli.folder_work().map(|work| match work {
        FolderWork::Inspect(args) => inspect_telemetry(&args.data, args.segment.as_deref(), args.quick),
        FolderWork::Repair(args) => repair_telemetry(&args.data, args.dry_run),
    });
    if let Some(told) = folder_work {
        return ExitCode::from(andon_cli::tell_folder_work(&cli, told));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("the runtime cannot be started: {error}")),
    };
    match cli.command {
        Command::Serve(arguments) => runtime.block_on(start(arguments)),
        _ => ExitCode::from(runtime.block_on(andon_cli::run(cli))),
    }
}

async fn start(arguments: ServeArgs) -> ExitCode {
    start_log(&arguments.log);
    let options = match options_of(arguments) {
        Ok(options) => options,
        Err(problem) => return refuse(&format!("{}{}", problem.detail, hint_of(&problem))),
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => refuse(&format!("{problem:?}{}", hint_of(&problem))),
    }
}

fn hint_of(problem: &andon_server::Problem) -> String {
    problem.hint.as_deref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

fn options_of(arguments: ServeArgs) -> Result<ServeOptions, andon_server::Problem> {
    let (archive, home) = (archive_of(&arguments)?, home_of(&arguments)?);
    let role = Role::new(&arguments.role, arguments.telemetry_listen, arguments.telemetry_at, arguments.telemetry_token)?;
    Ok(ServeOptions {
        role,
        archive,
        home,
        data: arguments.data,
        listen: arguments.listen,
        bootstrap_token: arguments.bootstrap_token,
        database: arguments.database,
        smtp: arguments.smtp,
        mail_from: arguments.mail_from,
        public_url: arguments.public_url,
        demo: arguments.demo,
        private_egress: arguments.egress == "private",
        retention: arguments.retention.as_deref().map(andon_server::Span::parse).transpose()?,
        disk_cap_bytes: arguments.disk_cap.as_deref().map(parse_size).transpose()?,
        telemetry: arguments.telemetry.parse()?,
        telemetry_memory_bytes: arguments.telemetry_memory.as_deref().map(parse_size).transpose()?,
        inputs: ListenOptions {
            gelf: arguments.gelf,
            syslog: arguments.syslog,
            syslog_tls: match (arguments.syslog_tls, arguments.tls_cert, arguments.tls_key) {
                (Some(address), Some(certificate), Some(key)) => Some(TlsOptions { address, certificate, key }),
                _ => None,
            },
        },
        log: arguments.log,
        ui_dir: arguments.ui_dir,
        otlp_ports: !arguments.no_otlp_ports,
    })
}

fn archive_of(arguments: &ServeArgs) -> Result<Option<ArchiveOptions>, andon_server::Problem> {
    let Some(place) = arguments.archive.clone() else { return Ok(None) };
    let span = |text: &Option<String>| text.as_deref().map(andon_server::Span::parse).transpose();
    ArchiveOptions::new(ArchiveArguments {
        place,
        after: span(&arguments.archive_after)?,
        archive_retention: span(&arguments.archive_retention)?,
        retention: span(&arguments.retention)?,
        credentials: arguments.archive_credentials.clone(),
        data: arguments.data.clone(),
    })
    .map(Some)
}

fn home_of(arguments: &ServeArgs) -> Result<Option<HomeOptions>, andon_server::Problem> {
    let Some(place) = arguments.segments.clone() else { return Ok(None) };
    HomeOptions::new(HomeArguments {
        place,
        cache_bytes: arguments.segments_cache.as_deref().map(parse_size).transpose()?,
        disk_cap_bytes: arguments.disk_cap.as_deref().map(parse_size).transpose()?,
        credentials: arguments.segments_credentials.clone(),
        data: arguments.data.clone(),
    })
    .map(Some)
}

fn start_log(format: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANDON_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,datafusion=warn,sqlx=warn"));
    // A log that cannot be written, for its disk is full or its reader gone, is no reason to fail a call:
    // telling of it on the same stream would panic.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    if format == "json" { log.json().init() } else { log.init() }
}

#[expect(clippy::print_stderr, reason = "the last word of a process that cannot go on")]
fn refuse(text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::from(2)
}
