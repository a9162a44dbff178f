//! The command line: tables for people, JSON for programs.
//!
//! Purpose: every operation of the API at a prompt and in a script, with the exit codes 0 done,
//! 1 a condition failed, 2 called wrongly, 3 not allowed, 4 nobody answers.
//! Invariants: output goes to stdout and is one document with `-o json`; everything else goes to
//! stderr; nothing that a server says can steer the terminal; a reader that goes away is no error.
//! Absent: any power that the API does not give, and the server itself (`serve` only has its options here).

mod commands;
mod context;
mod csv;
mod failure;
mod fields;
mod kinds;
mod log_files;
mod output;
mod schema;
mod serve;
mod stage;
mod table;
mod words;

use std::ffi::OsString;
use std::path::Path;

use andon_api::Problem;
use clap::{CommandFactory, Parser, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

pub use commands::{ClientCommand, InspectArgs, RepairArgs, TelemetryCommand};
pub use context::Global;
pub use failure::Exit;
pub use output::{Format, Streams};
pub use serve::ServeArgs;

use context::Context;
use failure::Failure;
use output::Output;

/// Andon: an operational-excellence platform that engineering teams run themselves.
#[derive(Parser, Debug)]
#[command(
    name = "andon",
    bin_name = "andon",
    version,
    arg_required_else_help = true,
    after_help = "Environment:
  ANDON_URL    where Andon runs (http://127.0.0.1:4700)
  ANDON_TOKEN  the token to call it with
  NO_COLOR     no colours

Exit codes: 0 done, 1 a condition failed, 2 called wrongly, 3 not allowed, 4 Andon does not answer

Examples:
  andon serve --data ./data --bootstrap-token ./token     start a server
  andon apply -f catalog-info.yaml                        tell it what you run
  andon check --scope payments && ./deploy.sh             ask before you deploy
  andon explain alarm                                     the fields of a kind, with an example"
)]
pub struct Cli {
    /// The options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start a server
    Serve(ServeArgs),
    /// Everything that is a client of a server.
    #[command(flatten)]
    Client(ClientCommand),
}

/// What is done to files of this machine, without a server.
#[derive(Debug)]
pub enum FolderWork<'a> {
    /// Look at stored telemetry.
    Inspect(&'a InspectArgs),
    /// Mend stored telemetry.
    Repair(&'a RepairArgs),
}

impl Cli {
    /// Tells what is to be done to files of this machine; nothing for all other commands.
    pub fn folder_work(&self) -> Option<FolderWork<'_>> {
        match &self.command {
            Command::Client(ClientCommand::Telemetry(TelemetryCommand::Inspect(args))) => Some(FolderWork::Inspect(args)),
            Command::Client(ClientCommand::Telemetry(TelemetryCommand::Repair(args))) => Some(FolderWork::Repair(args)),
            _ => None,
        }
    }
}

/// Tells what came of work on files, with the process's own streams, and gives the exit code.
pub fn tell_folder_work(cli: &Cli, told: Result<Value, Problem>) -> u8 {
    let output = Output::new(Streams::process(), cli.global.output, Timestamp::now());
    let shown = match (told, cli.folder_work()) {
        (Ok(found), Some(FolderWork::Inspect(args))) => commands::show_inspection(&output, &found, args.segment.is_some()),
        (Ok(report), Some(FolderWork::Repair(_))) => commands::show_repair(&output, &report),
        (Err(problem), _) => Err(Failure::from(problem)),
        (Ok(_), None) => Ok(Exit::Ok),
    };
    let exit = shown.unwrap_or_else(|failure| {
        output.raw_remark(&failure.text(true));
        failure.exit()
    });
    exit.code()
}

/// Reads the process's own arguments; ends the process where they are wrong or ask for help.
pub fn parse() -> Cli {
    Cli::parse_from(with_subject(std::env::args_os().collect()))
}

/// Makes `andon import FILE` of what is `andon import logs FILE` in full.
fn with_subject(mut words: Vec<OsString>) -> Vec<OsString> {
    const SUBJECTS: [&str; 6] = ["git", "deploys", "logs", "help", "-h", "--help"];
    const WITH_VALUE: [&str; 3] = ["--url", "--output", "-o"];
    let mut place = 1;
    while let Some(word) = words.get(place).filter(|word| word.to_string_lossy().starts_with('-')) {
        place += if WITH_VALUE.iter().any(|option| word == *option) { 2 } else { 1 };
    }
    let is_import = words.get(place).is_some_and(|word| word == "import");
    // A subject that is spelt wrongly stays one, so that the right one is suggested.
    let is_file = |word: &OsString| {
        let text = word.to_string_lossy();
        text.starts_with('-') || text.contains(['.', '/']) || Path::new(word).exists()
    };
    if is_import && words.get(place + 1).is_some_and(|next| !SUBJECTS.iter().any(|subject| next == *subject) && is_file(next)) {
        words.insert(place + 1, "logs".into());
    }
    words
}

/// Describes every command, for help texts and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs a client command with the process's own streams and environment, and gives the exit code.
pub async fn run(cli: Cli) -> u8 {
    run_with(
        cli,
        std::env::var("ANDON_TOKEN").ok(),
        Streams::process(),
        Timestamp::now(),
    )
    .await
    .code()
}

/// Runs a client command with everything it takes from outside given.
pub async fn run_with(cli: Cli, token: Option<String>, streams: Streams, now: Timestamp) -> Exit {
    let output = Output::new(streams, cli.global.output, now);
    let context = Context::new(&cli.global, token, output);
    let outcome = match cli.command {
        Command::Client(command) => commands::dispatch(&context, command).await,
        Command::Serve(_) => Err(Failure::usage(
            "There is no server in this program; it is in `andon` itself.",
        )),
    };
    outcome.unwrap_or_else(|failure| {
        context
            .output
            .raw_remark(&failure.text(context.has_token()));
        failure.exit()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_imported_without_saying_that_it_holds_logs() {
        let told = |line: &str| {
            let words = with_subject(line.split(' ').map(OsString::from).collect());
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told("andon import app.log -o json"), "andon import logs app.log -o json");
        assert_eq!(told("andon -o json --url http://a import --service x -"), "andon -o json --url http://a import logs --service x -");
        for kept in ["andon import git .", "andon import deploys a.csv", "andon import logs git", "andon import --help", "andon import", "andon import deploy", "andon logs import x"] {
            assert_eq!(told(kept), kept);
        }
    }
}
