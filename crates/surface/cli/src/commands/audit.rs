//! `andon audit`: who did what to which object, from where, allowed by which rule.

use andon_client::LONG_DEADLINE;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::commands::objects::{actor, difference};
use crate::context::{Context, list, remark_cut, whole_reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, paint};
use crate::words::{count, moment, one_line, shorten};

/// How much is told of what an entry says, in characters; `-o json` gives it whole.
const WHAT_CHARACTERS: usize = 160;

/// What to do with the ledger.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Search the ledger
    Search(SearchArgs),
    /// Read the whole ledger and tell whether every entry is what was written
    #[command(
        after_help = "Exits with 1 when an entry was altered, removed or reordered.\n\nExample:\n  andon audit verify"
    )]
    Verify,
}

/// What to search for.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  andon audit search --object component:default/payments --since 24h
  andon audit search --action .refused --since 7d
  andon audit search --actor user:default/maya --action change.")]
pub struct SearchArgs {
    /// The object: `kind:namespace/name`, or a name such as `inc-3`.
    #[arg(long, value_name = "REF")]
    object: Option<String>,
    /// A principal, or the person behind it.
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// An action, its beginning (`change.`) or its end (`.refused`).
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// From when: RFC 3339, or an age such as 24h.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The most entries.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(crate) async fn run(context: &Context, command: AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Search(args) => search(context, args).await,
        AuditCommand::Verify => verify(context).await,
    }
}

async fn search(context: &Context, args: SearchArgs) -> Result<Exit, Failure> {
    let object = args
        .object
        .map(|text| whole_reference(&text, "--object"))
        .transpose()?;
    let given = [
        ("object", object.map(|object| object.to_string())),
        ("actor", args.actor),
        ("action", args.action),
        ("since", args.since),
        ("until", args.until),
    ];
    let query: Vec<(&str, String)> = given
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    let listed = list(
        &context.client()?,
        "/api/v1/events",
        &query,
        args.limit as usize,
    )
    .await?;
    context
        .output
        .show(&listed.items, || table(&listed.items, &context.output))?;
    remark_cut(&context.output, &listed);
    Ok(Exit::Ok)
}

fn table(events: &[Value], output: &Output) -> String {
    let mut table = Table::new(&[
        "Number",
        "When",
        "Who",
        "From",
        "Action",
        "Object",
        "Version",
        "Allowed by",
        "What",
    ]);
    for event in events {
        let action = fields::text(event, "/action");
        let tone = if action.ends_with(".refused") {
            Tone::Stopped
        } else {
            Tone::Plain
        };
        table.row(vec![
            // A number of the ledger is an identity: it is written as it is.
            Cell::right(fields::text(event, "/sequence")),
            Cell::new(fields::time(event, "/at").map_or_else(String::new, moment)),
            Cell::new(actor(event.get("actor"))),
            Cell::new(fields::text(event, "/actor/origin")),
            Cell::new(action).tone(tone),
            Cell::new(fields::text(event, "/object")),
            Cell::right(fields::text(event, "/version")),
            Cell::new(fields::text(event, "/rules")),
            Cell::new(what(event)),
        ]);
    }
    table.render(output)
}

/// Tells what an entry says beyond who and which object: a refusal's reason, a difference, or its facts.
fn what(event: &Value) -> String {
    let Some(Value::Object(payload)) = event.get("payload") else {
        return String::new();
    };
    let reasons: Vec<String> = payload
        .get("reasons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|one| fields::text(one, "/text"))
        .collect();
    let text = if !reasons.is_empty() {
        reasons.join("; ")
    } else if let Some(detail) = payload.get("detail").and_then(Value::as_str) {
        detail.to_owned()
    } else if fields::integer(event, "/version").is_some_and(|version| version > 1)
        && payload.contains_key("difference")
    {
        difference(payload.get("difference"))
    } else {
        let told = payload
            .iter()
            .filter(|(name, _)| *name != "difference")
            .map(|(name, value)| (name, fields::plain(value)));
        told.filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    shorten(&one_line(&text), WHAT_CHARACTERS)
}

async fn verify(context: &Context) -> Result<Exit, Failure> {
    let verdict: Value = context
        .client()?
        .get("/api/v1/audit/verify")
        .deadline(LONG_DEADLINE)
        .send()
        .await?;
    let is_whole = verdict.get("ok").and_then(Value::as_bool) == Some(true);
    context
        .output
        .show(&verdict, || tell(&verdict, is_whole, &context.output))?;
    Ok(if is_whole { Exit::Ok } else { Exit::Failed })
}

fn tell(verdict: &Value, is_whole: bool, output: &Output) -> String {
    let number = |pointer: &str| count(fields::integer(verdict, pointer).unwrap_or(0));
    let events = number("/events");
    if is_whole {
        return format!(
            "{}  {events} entries are what was written; {} checkpoints fit, {} payloads were erased\n    head {}\n",
            paint("ok", Tone::Good, output),
            number("/checkpoints"),
            number("/erased"),
            one_line(&fields::text(verdict, "/head")),
        );
    }
    format!(
        "{}  the ledger is not what was written, from entry {} on ({events} entries)\n        {}\n        \
         hint: keep the data directory as it is and restore from a backup; `andon explain LED-0001` says more\n",
        paint("failed", Tone::Stopped, output),
        one_line(&fields::text(verdict, "/firstBad")),
        one_line(&fields::text(verdict, "/reason")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_says_what_happened_in_one_line() {
        let refused = json!({"payload": {"scope": "x", "reasons": [{"text": "The andon is pulled."}, {"text": "No test."}]}});
        assert_eq!(what(&refused), "The andon is pulled.; No test.");
        assert_eq!(
            what(&json!({"payload": {"operation": "x", "detail": "It may\nnot."}})),
            "It may not."
        );
        let changed = json!({"version": 2, "payload": {"difference": {"/spec/threshold": {"from": 2, "to": 9}}}});
        assert_eq!(what(&changed), "spec.threshold: 2 → 9");
        let made =
            json!({"version": 1, "payload": {"service": "a", "commit": null, "difference": {}}});
        assert_eq!(what(&made), "service=a");
        assert_eq!(what(&json!({})), "");
    }
}
