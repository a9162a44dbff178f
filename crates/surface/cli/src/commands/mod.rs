//! The commands, one file per subject.

mod apply;
mod audit;
mod change;
mod check;
mod demo;
mod explain;
mod hook;
mod import_deploys;
mod import_git;
mod import_logs;
mod import_sending;
mod incident;
mod learning;
mod line;
mod log_deletions;
mod logs;
mod objects;
mod oncall;
mod policy;
mod review;
mod sql;
mod status;
mod telemetry;
mod telemetry_folder;
mod telemetry_archive;
mod telemetry_streams;
mod token;
mod trace;

use clap::{CommandFactory, Subcommand};

pub use telemetry::{InspectArgs, RepairArgs, TelemetryCommand};
pub(crate) use telemetry_folder::{show_inspection, show_repair};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Everything that is a client of a server.
#[derive(Subcommand, Debug)]
pub enum ClientCommand {
    /// Ask whether a change may go
    Check(check::CheckArgs),
    /// Record changes and their stages
    #[command(subcommand)]
    Change(change::ChangeCommand),
    /// Stop the line, and let it run again
    #[command(subcommand)]
    Andon(line::AndonCommand),
    /// Store objects from files, all or none
    Apply(apply::ApplyArgs),
    /// List objects of a kind, or read one
    Get(objects::GetArgs),
    /// Delete an object; its history stays
    Delete(objects::DeleteArgs),
    /// List the versions of an object: who changed what, and when
    History(objects::HistoryArgs),
    /// Explain a kind with its fields, or an error code
    Explain(explain::ExplainArgs),
    /// List the kinds of objects
    Kinds(objects::KindsArgs),
    /// Search log lines, follow them, delete them
    Logs(logs::LogsArgs),
    /// Query logs, the ledger and every kind with SQL
    Sql(sql::SqlArgs),
    /// See who sends lines, and what becomes of them
    #[command(subcommand)]
    Telemetry(telemetry::TelemetryCommand),
    /// Search the ledger, and verify it
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Acknowledge an alert: somebody is on it
    Ack(incident::AckArgs),
    /// Open incidents and move them on
    #[command(subcommand)]
    Incident(incident::IncidentCommand),
    /// Tell who is on call
    Oncall(oncall::OncallArgs),
    /// Move a correction of errors on
    #[command(subcommand)]
    Coe(learning::CoeCommand),
    /// Run the verifier of a corrective action
    #[command(subcommand)]
    Action(learning::ActionCommand),
    /// Try a policy on past changes
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Show the weekly review; freeze it, spin the wheel
    Review(review::ReviewArgs),
    /// Show the chain from a change to its lesson
    Trace(trace::TraceArgs),
    /// Import git histories, deploys and log files
    #[command(subcommand)]
    Import(ImportCommand),
    /// Set up webhooks of forges
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Create, list and revoke tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Tell who you are, or whether something is allowed and by which rule
    Can(token::CanArgs),
    /// Play the demo
    Demo(demo::DemoArgs),
    /// Tell how the server does
    Status(status::StatusArgs),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  andon completions bash > /etc/bash_completion.d/andon")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What can be imported.
#[derive(Subcommand, Debug)]
pub enum ImportCommand {
    /// Import repositories: commits, merges, and tags as deploys
    Git(import_git::ImportGitArgs),
    /// Import deploys from a CSV or JSON file
    Deploys(import_deploys::ImportDeploysArgs),
    /// Import log files: JSON lines, text, syslog, GELF, logfmt; plain, gzip or zstd
    Logs(import_logs::ImportLogsArgs),
}

pub(crate) async fn dispatch(context: &Context, command: ClientCommand) -> Result<Exit, Failure> {
    use ClientCommand as C;
    match command {
        C::Check(args) => check::run(context, args).await,
        C::Change(command) => change::run(context, command).await,
        C::Andon(command) => line::run(context, command).await,
        C::Apply(args) => apply::run(context, args).await,
        C::Get(args) => objects::get(context, args).await,
        C::Delete(args) => objects::delete(context, args).await,
        C::History(args) => objects::history(context, args).await,
        C::Explain(args) => explain::run(context, args).await,
        C::Kinds(_) => objects::kinds(context).await,
        C::Logs(args) => logs::run(context, args).await,
        C::Sql(args) => sql::run(context, args).await,
        C::Telemetry(command) => telemetry::run(context, command).await,
        C::Audit(command) => audit::run(context, command).await,
        C::Ack(args) => incident::acknowledge(context, args).await,
        C::Incident(command) => incident::run(context, command).await,
        C::Oncall(args) => oncall::run(context, args).await,
        C::Coe(command) => learning::coe(context, command).await,
        C::Action(command) => learning::action(context, command).await,
        C::Policy(command) => policy::run(context, command).await,
        C::Review(args) => review::run(context, args).await,
        C::Trace(args) => trace::run(context, args).await,
        C::Import(ImportCommand::Git(args)) => import_git::run(context, args).await,
        C::Import(ImportCommand::Deploys(args)) => import_deploys::run(context, args).await,
        C::Import(ImportCommand::Logs(args)) => import_logs::run(context, args).await,
        C::Hook(command) => hook::run(context, command).await,
        C::Token(command) => token::run(context, command).await,
        C::Can(args) => token::can(context, args).await,
        C::Demo(args) => demo::run(context, args).await,
        C::Status(_) => status::run(context).await,
        C::Completions { shell } => completions(context, shell),
    }
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::Cli::command(), "andon", &mut script);
    context.output.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
