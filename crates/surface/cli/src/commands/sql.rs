//! `andon sql`: one reading statement over logs, the ledger and every kind.

use std::io::Read;
use std::time::Duration;

use andon_api::units::Span;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table};
use crate::words::shorten;

/// The longest statement from the standard input, in bytes.
const SQL_BYTES_MAX: u64 = 1024 * 1024;
/// The longest cell of a table, in characters.
const CELL_CHARACTERS_MAX: usize = 200;

/// The statement.
#[derive(Args, Debug)]
#[command(
    after_help = "The tables are logs, events (the ledger), and one per kind, with `_` for `-` in its name.

Examples:
  andon sql 'select count(*) as n from logs'
  andon sql -o json \"select service, count(*) as n from logs where severity = 'error' group by service order by n desc\"
  andon sql \"select name, outcome, deployed_at from changes order by deployed_at desc limit 20\"
  andon sql - < report.sql"
)]
pub struct SqlArgs {
    /// The statement, or `-` for the standard input.
    #[arg(value_name = "SQL", allow_hyphen_values = true)]
    sql: String,
    /// The most rows.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// How long it may run.
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Span>,
}

fn timeout(text: &str) -> Result<Span, String> {
    Span::parse(text)
        .map_err(|problem| format!("{} {}", problem.detail, problem.hint.unwrap_or_default()))
}

pub(crate) async fn run(context: &Context, args: SqlArgs) -> Result<Exit, Failure> {
    let sql = if args.sql == "-" {
        from_stdin()?
    } else {
        args.sql
    };
    let mut request = json!({"sql": sql});
    if let Some(limit) = args.limit {
        request["limit"] = json!(limit);
    }
    let mut deadline = Duration::from_secs(150);
    if let Some(timeout) = args.timeout {
        request["timeoutMs"] = json!(timeout.milliseconds());
        deadline = Duration::from_millis(u64::try_from(timeout.milliseconds()).unwrap_or(0))
            + Duration::from_secs(30);
    }
    let answer: Value = context
        .client()?
        .post("/api/v1/sql")
        .json(&request)
        .deadline(deadline)
        .send()
        .await?;
    let names = names(&answer);
    let rows = fields::list(&answer, "/rows");
    context.output.show(&objects(&names, rows), || {
        table(&names, rows, &context.output)
    })?;
    for note in fields::list(&answer, "/notes") {
        context.output.remark(&format!("note: {}", crate::words::clean(&fields::text(note, "/message"))));
    }
    if answer.get("truncated").and_then(Value::as_bool) == Some(true) {
        context.output.remark(&format!(
            "There are more than these {} rows (raise --limit to see more)",
            rows.len()
        ));
    }
    Ok(Exit::Ok)
}

fn from_stdin() -> Result<String, Failure> {
    let mut sql = String::new();
    std::io::stdin()
        .take(SQL_BYTES_MAX)
        .read_to_string(&mut sql)
        .map_err(|error| Failure::usage(format!("The standard input cannot be read: {error}.")))?;
    Ok(sql)
}

/// Names the columns; two of the same name are told apart, so that no value is lost.
fn names(answer: &Value) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in fields::list(answer, "/columns") {
        let name = fields::text(column, "/name");
        let mut free = name.clone();
        let mut number = 2;
        while names.contains(&free) {
            free = format!("{name}_{number}");
            number += 1;
        }
        names.push(free);
    }
    names
}

fn objects(names: &[String], rows: &[Value]) -> Vec<Value> {
    rows.iter()
        .map(|row| {
            let values = row.as_array().map_or(&[][..], Vec::as_slice);
            Value::Object(
                names
                    .iter()
                    .cloned()
                    .zip(values.iter().cloned())
                    .collect::<Map<_, _>>(),
            )
        })
        .collect()
}

fn table(names: &[String], rows: &[Value], output: &Output) -> String {
    let mut table = Table::exact(names);
    for row in rows {
        let values = row.as_array().map_or(&[][..], Vec::as_slice);
        table.row(values.iter().map(cell).collect());
    }
    table.render(output)
}

fn cell(value: &Value) -> Cell {
    let text = match value {
        Value::Null => "-".to_owned(),
        other => fields::plain(other),
    };
    if value.is_number() {
        Cell::right(text)
    } else {
        Cell::new(shorten(&text, CELL_CHARACTERS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_objects_under_their_columns() {
        let answer = json!({"columns": [{"name": "n", "type": "Int64"}, {"name": "n", "type": "Utf8"}], "rows": [[20_000, "a"]]});
        let rows = objects(&names(&answer), fields::list(&answer, "/rows"));
        assert_eq!(
            serde_json::to_string(&rows).unwrap(),
            r#"[{"n":20000,"n_2":"a"}]"#
        );
    }
}
