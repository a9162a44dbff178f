//! The verbs that are the same for every kind: get, delete, history, kinds.

use andon_client::Client;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::context::{Context, list, name_segment, remark_cut};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::kinds::{self, KindRow};
use crate::output::{Format, Output, yaml};
use crate::stage;
use crate::table::{Cell, Table};
use crate::words::{clean, one_line, shorten};

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// Those changed last first.
    Changed,
    /// By name.
    Name,
}

impl Order {
    const fn parameter(self) -> &'static str {
        match self {
            Self::Newest => "-created",
            Self::Oldest => "created",
            Self::Changed => "-updated",
            Self::Name => "name",
        }
    }
}

/// What to read.
#[derive(Args, Debug)]
#[command(
    after_help = "`andon kinds` lists the kinds, `andon explain KIND` the fields. Any indexed field is a filter.

Examples:
  andon get components
  andon get changes --filter service=component:default/payments --limit 20
  andon get alarms payments-errors
  andon get coes -q idempotency -o json
  andon get components payments --as-of 2026-01-31T09:00:00Z"
)]
pub struct GetArgs {
    /// The kind, for example `components`.
    #[arg(value_name = "KIND")]
    plural: String,
    /// The object: `NAME`, `NAMESPACE/NAME` or `KIND:NAMESPACE/NAME`.
    name: Option<String>,
    /// Only objects whose indexed field has this value.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = stage::pair, conflicts_with = "name")]
    filter: Vec<(String, String)>,
    /// Only objects that contain these words.
    #[arg(short, long, value_name = "WORDS", conflicts_with = "name")]
    query: Option<String>,
    /// The most objects to list.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The order of the list.
    #[arg(long, value_enum, default_value = "newest")]
    order: Order,
    /// As it was at this time: RFC 3339, a date, or an age such as 24h.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

pub(crate) async fn get(context: &Context, args: GetArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let kind = kinds::find(&client, &args.plural).await?;
    match &args.name {
        Some(name) => get_one(context, &client, &kind, name, args.as_of.as_deref()).await,
        None => get_many(context, &client, &kind, &args).await,
    }
}

async fn get_one(
    context: &Context,
    client: &Client,
    kind: &KindRow,
    name: &str,
    as_of: Option<&str>,
) -> Result<Exit, Failure> {
    let path = format!(
        "/api/v1/{}/{}",
        kind.plural,
        name_segment(name, &kind.kind)?
    );
    let object: Value = client.get(&path).query_some("asOf", as_of).send().await?;
    let output = &context.output;
    if !output.is_asked() {
        // One object is read whole; a row of a table would hide most of it.
        output.print(&clean(&yaml(&object)?))?;
    } else if output.format() == Format::Table {
        output.print(&table(kind, std::slice::from_ref(&object), output))?;
    } else {
        output.document(&object)?;
    }
    Ok(Exit::Ok)
}

async fn get_many(
    context: &Context,
    client: &Client,
    kind: &KindRow,
    args: &GetArgs,
) -> Result<Exit, Failure> {
    let mut query = vec![("order", args.order.parameter().to_owned())];
    if let Some(words) = &args.query {
        query.push(("q", words.clone()));
    }
    if let Some(at) = &args.as_of {
        query.push(("asOf", at.clone()));
    }
    query.extend(
        args.filter
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    let listed = list(
        client,
        &format!("/api/v1/{}", kind.plural),
        &query,
        args.limit as usize,
    )
    .await?;
    context.output.show(&listed.items, || {
        table(kind, &listed.items, &context.output)
    })?;
    if listed.items.is_empty() && context.output.format() == Format::Table {
        context
            .output
            .remark(&format!("There are no {}.", one_line(&kind.plural)));
    }
    remark_cut(&context.output, &listed);
    Ok(Exit::Ok)
}

fn table(kind: &KindRow, objects: &[Value], output: &Output) -> String {
    let columns: Vec<_> = kind
        .columns
        .iter()
        .filter(|column| column.pointer != "/metadata/name")
        .collect();
    let mut headings = vec!["Name"];
    headings.extend(columns.iter().map(|column| column.title.as_str()));
    headings.push("Changed");
    let mut table = Table::new(&headings);
    for object in objects {
        let mut row = vec![Cell::new(fields::name(object))];
        row.extend(
            columns
                .iter()
                .map(|column| fields::cell(object, &column.pointer, output)),
        );
        row.push(Cell::age(
            fields::time(object, "/metadata/updatedAt"),
            output,
        ));
        table.row(row);
    }
    table.render(output)
}

/// What to delete.
#[derive(Args, Debug)]
#[command(
    after_help = "Records (changes, incidents, alerts) are kept; they have verbs of their own.

Example:\n  andon delete alarms payments-errors"
)]
pub struct DeleteArgs {
    /// The kind.
    #[arg(value_name = "KIND")]
    plural: String,
    /// The objects.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

pub(crate) async fn delete(context: &Context, args: DeleteArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let kind = kinds::find(&client, &args.plural).await?;
    let mut deleted = Vec::new();
    for name in &args.names {
        let path = format!(
            "/api/v1/{}/{}",
            kind.plural,
            name_segment(name, &kind.kind)?
        );
        client.delete(&path).send_only().await?;
        deleted.push(serde_json::json!({"object": crate::context::reference(name, &kind.kind, "NAME")?, "action": "deleted"}));
        if context.output.format() == Format::Table {
            context.output.print(&format!(
                "{} deleted\n",
                crate::context::reference(name, &kind.kind, "NAME")?
            ))?;
        }
    }
    if context.output.format() != Format::Table {
        context.output.document(&deleted)?;
    }
    Ok(Exit::Ok)
}

/// Whose history to read.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  andon history policies idempotency")]
pub struct HistoryArgs {
    /// The kind.
    #[arg(value_name = "KIND")]
    plural: String,
    /// The object, also one that was deleted.
    name: String,
}

pub(crate) async fn history(context: &Context, args: HistoryArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let kind = kinds::find(&client, &args.plural).await?;
    let path = format!(
        "/api/v1/{}/{}/history",
        kind.plural,
        name_segment(&args.name, &kind.kind)?
    );
    let answer: Value = client.get(&path).send().await?;
    let items = fields::list(&answer, "/items");
    context
        .output
        .show(&items, || history_table(items, &context.output))?;
    Ok(Exit::Ok)
}

fn history_table(items: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Version", "When", "Action", "By", "What changed"]);
    for item in items {
        table.row(vec![
            Cell::number(fields::integer(item, "/version").unwrap_or(0)),
            Cell::age(fields::time(item, "/at"), output),
            Cell::new(fields::text(item, "/action")),
            Cell::new(actor(item.get("actor"))),
            Cell::new(what_changed(item)),
        ]);
    }
    table.render(output)
}

/// Names who acted, and the person behind it.
pub(crate) fn actor(actor: Option<&Value>) -> String {
    let Some(actor) = actor else {
        return String::new();
    };
    let (principal, person) = (
        fields::text(actor, "/principal"),
        fields::text(actor, "/onBehalfOf"),
    );
    if person.is_empty() || person == principal {
        principal
    } else {
        format!("{person} by {principal}")
    }
}

fn what_changed(version: &Value) -> String {
    let is_gone = version.get("deleted").and_then(Value::as_bool) == Some(true);
    match (is_gone, fields::integer(version, "/version")) {
        (true, _) => "deleted".to_owned(),
        (false, Some(1)) => "created".to_owned(),
        _ => difference(version.get("difference")),
    }
}

/// Tells a difference in one line: the fields, each with what it was and what it is.
pub(crate) fn difference(difference: Option<&Value>) -> String {
    const FIELDS: usize = 4;
    let Some(Value::Object(changes)) = difference else {
        return String::new();
    };
    // The server's own bookkeeping changes with every version.
    let changes: Vec<_> = changes
        .iter()
        .filter(|(pointer, _)| {
            !matches!(
                pointer.as_str(),
                "/metadata/version" | "/metadata/updatedAt"
            )
        })
        .collect();
    let told = changes.iter().take(FIELDS).map(|(pointer, change)| {
        let side = |name: &str| shorten(&one_line(&fields::text(change, name)), 40);
        let (from, to) = (side("/from"), side("/to"));
        let field = pointer.trim_start_matches('/').replace('/', ".");
        match (from.is_empty(), to.is_empty()) {
            (true, false) => format!("{field}: {to}"),
            (false, true) => format!("{field}: no longer {from}"),
            _ => format!("{field}: {from} → {to}"),
        }
    });
    let mut text = told.collect::<Vec<_>>().join("; ");
    if changes.len() > FIELDS {
        text.push_str(&format!("; and {} more", changes.len() - FIELDS));
    }
    text
}

/// No arguments.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  andon kinds")]
pub struct KindsArgs {}

pub(crate) async fn kinds(context: &Context) -> Result<Exit, Failure> {
    let kinds = kinds::all(&context.client()?).await?;
    context.output.show(&kinds, || {
        let mut table = Table::new(&[
            "Kind",
            "Plural",
            "Version",
            "Capability",
            "Nature",
            "What it is",
        ]);
        for kind in &kinds {
            table.row(vec![
                Cell::new(&kind.kind),
                Cell::new(&kind.plural),
                Cell::new(&kind.api_version),
                Cell::new(&kind.capability),
                Cell::new(&kind.nature),
                Cell::new(&kind.summary),
            ]);
        }
        table.render(&context.output)
    })?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_is_told_in_one_line() {
        let changes = json!({"/spec/threshold": {"from": 5, "to": 10}, "/spec/runbook": {"from": null, "to": "http://x"}, "/spec/old": {"from": "a", "to": null}});
        assert_eq!(
            difference(Some(&changes)),
            "spec.threshold: 5 → 10; spec.runbook: http://x; spec.old: no longer a"
        );
        assert_eq!(difference(None), "");
    }

    #[test]
    fn the_person_behind_a_token_is_named() {
        assert_eq!(
            actor(Some(
                &json!({"principal": "token:ci", "onBehalfOf": "user:default/maya"})
            )),
            "user:default/maya by token:ci"
        );
        assert_eq!(
            actor(Some(&json!({"principal": "system:alarms"}))),
            "system:alarms"
        );
    }
}
