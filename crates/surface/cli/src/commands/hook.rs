//! `andon hook`: where forges deliver, and the secrets that sign it.

use std::path::PathBuf;

use andon_client::segment;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::context::{Context, reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::table::{Cell, Table};
use crate::words::one_line;

/// The longest secret, in bytes.
const SECRET_BYTES_MAX: u64 = 1_000;

/// What to do with webhooks.
#[derive(Subcommand, Debug)]
pub enum HookCommand {
    /// Set where a forge's deliveries come in
    Set(SetArgs),
    /// List the sources, never their secrets
    #[command(after_help = "Example:\n  andon hook list")]
    List,
}

/// The forges whose deliveries are understood.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Forge {
    /// GitHub, and what signs and speaks as it does.
    Github,
}

/// The source.
#[derive(Args, Debug)]
#[command(
    after_help = "Prints the address to enter at the forge, with the content type application/json and the same secret.

Example:
  openssl rand -hex 32 > payments.secret
  andon hook set payments --forge github --secret-file payments.secret --service payments"
)]
pub struct SetArgs {
    /// The name of the source, a part of its address.
    source: String,
    /// The forge.
    #[arg(long, value_enum, default_value = "github")]
    forge: Forge,
    /// The file that holds the secret; the end of its line does not count.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The component that the repository makes.
    #[arg(long, value_name = "REF")]
    service: String,
}

pub(crate) async fn run(context: &Context, command: HookCommand) -> Result<Exit, Failure> {
    let client = context.client()?;
    match command {
        HookCommand::Set(args) => {
            let secret = read_secret(&args.secret_file)?;
            let Forge::Github = args.forge;
            let service = reference(&args.service, "Component", "--service")?;
            let body = json!({"forge": "github", "secret": secret, "service": service});
            let hook: Value = client
                .put(&format!("/api/v1/hooks/{}", segment(&args.source)))
                .json(&body)
                .send()
                .await?;
            context.output.show(&hook, || {
                format!(
                    "{}\n",
                    one_line(&client.link(&fields::text(&hook, "/path")))
                )
            })?;
        }
        HookCommand::List => {
            let answer: Value = client.get("/api/v1/hooks").send().await?;
            let items = fields::list(&answer, "/items");
            context.output.show(&items, || {
                let mut table = Table::new(&["Source", "Forge", "Service", "Address"]);
                for item in items {
                    let address = client.link(&fields::text(item, "/path"));
                    table.row(vec![
                        Cell::new(fields::text(item, "/source")),
                        Cell::new(fields::text(item, "/forge")),
                        Cell::new(fields::text(item, "/service")),
                        Cell::new(address),
                    ]);
                }
                table.render(&context.output)
            })?;
        }
    }
    Ok(Exit::Ok)
}

fn read_secret(path: &PathBuf) -> Result<String, Failure> {
    let fault = |why: String| {
        Failure::usage(format!("The secret in {} {why}.", path.display())).at("--secret-file")
    };
    let size = std::fs::metadata(path)
        .map_err(|error| fault(format!("cannot be read: {error}")))?
        .len();
    if size > SECRET_BYTES_MAX + 2 {
        return Err(fault(format!("is over {SECRET_BYTES_MAX} bytes")));
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
