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
mod output;
mod schema;
mod serve;
mod stage;
mod table;
mod words;

use clap::{CommandFactory, Parser, Subcommand};
use jiff::Timestamp;

pub use commands::ClientCommand;
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
