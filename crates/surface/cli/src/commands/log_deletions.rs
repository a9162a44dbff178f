//! `andon logs delete` and `andon logs deletions`: lines that must not be found any more, and the proof.

use andon_client::LONG_DEADLINE;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, paint};
use crate::words::count;

/// What to do with lines beside searching.
#[derive(Subcommand, Debug)]
pub(super) enum LogsCommand {
    /// Delete the lines that match, from every file, with a proof
    Delete(DeleteArgs),
    /// List deletions, show one, verify one
    Deletions(DeletionsArgs),
}

/// What to do with deletions; without a word they are listed.
#[derive(Args, Debug)]
pub(super) struct DeletionsArgs {
    #[command(subcommand)]
    command: Option<DeletionsCommand>,
}

/// Which lines go.
#[derive(Args, Debug)]
#[command(after_help = "Lines that are stored now are concerned; those that come later are not. Nobody finds them from then on; the files
that hold them are written anew without them. `andon logs deletions` tells how far that is.
To search for the word instead, write andon logs '\"delete\"'.

Examples:
  andon logs delete 'user_id:u479' --dry-run
  andon logs delete 'user_id:u479' --reason 'request 17 of the privacy office' --yes
  andon logs delete 'message:password' --since 2026-01-01 --until 2026-02-01 --reason 'leaked by checkout 1.4' --yes")]
pub(super) struct DeleteArgs {
    /// The search; every line that matches goes.
    #[arg(allow_hyphen_values = true)]
    query: String,
    /// Lines from when on, by their own time: RFC 3339, or an age such as 15m; all without it.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Lines until when; all without it.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why; it stays in the ledger and in the proof.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Count the lines and delete none.
    #[arg(long)]
    dry_run: bool,
    /// Delete without being asked again.
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// What to do with deletions.
#[derive(Subcommand, Debug)]
pub(super) enum DeletionsCommand {
    /// List the deletions and how far they are
    #[command(after_help = "Example:\n  andon logs deletions list")]
    List,
    /// Show a deletion with what was done to each file
    #[command(after_help = "Example:\n  andon logs deletions show del-3")]
    Show {
        /// The deletion.
        id: String,
    },
    /// Look through all stored lines whether one matches still, and at the proof
    #[command(after_help = "Exits with 1 when a line matches, a file is still to be written, or the proof is not the one that was written.

Example:\n  andon logs deletions verify del-3")]
    Verify {
        /// The deletion.
        id: String,
    },
}

pub(crate) async fn run(context: &Context, command: LogsCommand) -> Result<Exit, Failure> {
    match command {
        LogsCommand::Delete(args) => delete(context, args).await,
        LogsCommand::Deletions(args) => match args.command.unwrap_or(DeletionsCommand::List) {
            DeletionsCommand::List => list(context).await,
            DeletionsCommand::Show { id } => show(context, &id).await,
            DeletionsCommand::Verify { id } => verify(context, &id).await,
        },
    }
}

async fn delete(context: &Context, args: DeleteArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    let wanted = |dry_run: bool| {
        json!({
            "query": args.query,
            "since": args.since,
            "until": args.until,
            "reason": args.reason.clone().unwrap_or_default(),
            "dryRun": dry_run,
        })
    };
    if !args.yes {
        let counted: Value =
            client.post("/api/v1/logs/deletions").json(&wanted(true)).deadline(LONG_DEADLINE).send().await?;
        let lines = fields::integer(&counted, "/count").unwrap_or(0);
        output.show(&counted, || format!("{} lines match.\n", count(lines)))?;
        if args.dry_run {
            return Ok(Exit::Ok);
        }
        output.remark("Nothing was deleted. Write the same again with --yes to delete them; that cannot be undone.");
        return Ok(Exit::Failed);
    }
    let deletion: Value =
        client.post("/api/v1/logs/deletions").json(&wanted(false)).deadline(LONG_DEADLINE).send().await?;
    output.show(&deletion, || {
        let id = fields::text(&deletion, "/id");
        format!("{id}: nobody finds the lines any more; their files are being written anew.\n")
    })?;
    output.remark(&format!("`andon logs deletions verify {}` tells when no file holds one.", fields::text(&deletion, "/id")));
    Ok(Exit::Ok)
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    let answer: Value = context.client()?.get("/api/v1/logs/deletions").send().await?;
    let items = fields::list(&answer, "/items").to_vec();
    output.show(&items, || table(&items, output))?;
    if items.is_empty() {
        output.remark("Nothing was deleted by a query.");
    }
    Ok(Exit::Ok)
}

fn table(items: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Deletion", "State", "Removed", "Asked", "By", "Query", "Reason", "Pending"]);
    for item in items {
        let state = fields::text(item, "/state");
        let tone = if state == "finished" { Tone::Good } else { Tone::Warning };
        let pending: Vec<String> = fields::list(item, "/pending").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        table.row(vec![
            Cell::new(fields::text(item, "/id")),
            Cell::new(state).tone(tone),
            Cell::number(fields::integer(item, "/removedRows").unwrap_or(0)),
            Cell::age(fields::time(item, "/requestedAt"), output),
            Cell::new(fields::text(item, "/requestedBy")),
            Cell::new(fields::text(item, "/query")),
            Cell::new(fields::text(item, "/reason")),
            Cell::new(pending.join("; ")),
        ]);
    }
    table.render(output)
}

async fn show(context: &Context, id: &str) -> Result<Exit, Failure> {
    let output = &context.output;
    let deletion: Value = context.client()?.get(&path(id)).send().await?;
    output.show(&deletion, || {
        let mut text = table(std::slice::from_ref(&deletion), output);
        if let Some(digest) = deletion.get("digest").and_then(Value::as_str) {
            text.push_str(&format!("\nSHA-256 of the proof: {digest}\n"));
        }
        let records = fields::list(&deletion, "/records");
        if !records.is_empty() {
            text.push_str(&format!("\n{}", records_table(records, output)));
        }
        text
    })?;
    Ok(Exit::Ok)
}

fn records_table(records: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Was", "SHA-256 of its data", "Removed", "Is", "SHA-256 of its data"]);
    for record in records {
        let was = match fields::integer(record, "/old/segment") {
            Some(number) => format!("segment {number}"),
            None => format!("log file {}", fields::integer(record, "/log").unwrap_or(0)),
        };
        let new = fields::list(record, "/new");
        let numbers: Vec<String> = new.iter().filter_map(|one| fields::integer(one, "/segment")).map(|number| format!("segment {number}")).collect();
        let digests: Vec<String> = new.iter().map(|one| fields::text(one, "/dataSha256")).collect();
        table.row(vec![
            Cell::new(was),
            Cell::new(fields::text(record, "/old/dataSha256")),
            Cell::number(fields::integer(record, "/removedRows").unwrap_or(0)),
            Cell::new(if numbers.is_empty() { "nothing".to_owned() } else { numbers.join(", ") }),
            Cell::new(digests.join(", ")),
        ]);
    }
    table.render(output)
}

async fn verify(context: &Context, id: &str) -> Result<Exit, Failure> {
    let output = &context.output;
    let path = format!("{}/verification", path(id));
    let check: Value = context.client()?.get(&path).deadline(LONG_DEADLINE).send().await?;
    let is_ok = check.get("ok").and_then(Value::as_bool) == Some(true);
    output.show(&check, || {
        let looked_at = count(fields::integer(&check, "/scannedRows").unwrap_or(0));
        let matching = count(fields::integer(&check, "/matchingRows").unwrap_or(0));
        let (word, tone) = if is_ok { ("verified", Tone::Good) } else { ("not verified", Tone::Stopped) };
        let mut text = format!("{}: {matching} stored lines match, {looked_at} were looked at\n", paint(word, tone, output));
        for finding in fields::list(&check, "/findings").iter().filter_map(Value::as_str) {
            text.push_str(&format!("  {finding}\n"));
        }
        text
    })?;
    Ok(if is_ok { Exit::Ok } else { Exit::Failed })
}

fn path(id: &str) -> String {
    // What else is in the name leads nowhere else.
    let name: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("/api/v1/logs/deletions/{name}")
}
