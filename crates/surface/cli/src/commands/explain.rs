//! `andon explain`: the fields of a kind, or the help page of an error code.

use std::fmt::Write as _;

use andon_api::ErrorCode;
use andon_client::segment;
use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::kinds::{self, KindRow, nearest};
use crate::output::Output;
use crate::schema::{self, Field};
use crate::table::{Cell, Table, Tone, facts, paint};
use crate::words::clean;

/// What to explain.
#[derive(Args, Debug)]
#[command(after_help = "Codes are explained without a server.

Examples:
  andon explain alarm
  andon explain DEL-0001")]
pub struct ExplainArgs {
    /// A kind, such as `alarm`, or an error code, such as `DEL-0001`.
    #[arg(value_name = "KIND|CODE")]
    subject: String,
}

pub(crate) async fn run(context: &Context, args: ExplainArgs) -> Result<Exit, Failure> {
    if is_code(&args.subject) {
        return explain_code(&args.subject, &context.output);
    }
    let client = context.client()?;
    let kind = kinds::find(&client, &args.subject).await?;
    let schema: Value = client
        .get(&format!("/api/v1/schema/{}", segment(&kind.kind)))
        .send()
        .await?;
    let fields = schema::fields(&schema);
    let value = json!({"kind": kind.kind, "plural": kind.plural, "apiVersion": kind.api_version,
        "nature": kind.nature, "summary": kind.summary, "verbs": kinds::verbs(&kind.kind),
        "filters": filters(&kind), "fields": fields, "example": kind.example});
    context
        .output
        .show(&value, || tell(&kind, &fields, &context.output))?;
    Ok(Exit::Ok)
}

/// Tells whether the text reads like `DEL-0001`.
fn is_code(text: &str) -> bool {
    text.split_once('-').is_some_and(|(room, number)| {
        room.len() == 3
            && room.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn explain_code(text: &str, output: &Output) -> Result<Exit, Failure> {
    let wanted = text.to_uppercase();
    let Some(code) = ErrorCode::ALL.iter().find(|code| code.code() == wanted) else {
        let known: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        let failure = Failure::usage(format!("There is no error code `{text}`."));
        return Err(match nearest(&wanted, &known) {
            Some(near) => failure.hint(format!("Did you mean {near}?")),
            None => failure,
        });
    };
    let (status, retry) = (code.meaning().status(), code.meaning().retryable());
    let value = json!({"code": code.code(), "title": code.title(), "help": code.help(), "status": status, "retryable": retry});
    output.show(&value, || {
        let later = if retry {
            "; the same call may succeed later"
        } else {
            ""
        };
        format!(
            "{}  {}\n\n{}\n\nHTTP status {status}{later}\n",
            code.code(),
            code.title(),
            code.help()
        )
    })?;
    Ok(Exit::Ok)
}

fn filters(kind: &KindRow) -> Vec<String> {
    kind.indexed
        .iter()
        .map(|field| fields::text(field, "/name"))
        .collect()
}

fn tell(kind: &KindRow, fields: &[Field], output: &Output) -> String {
    let who = if kind.nature == "record" {
        "the system opens and closes it"
    } else {
        "people declare it"
    };
    let mut text = format!("{}  {}\n\n", kind.kind, clean(&kind.summary));
    text.push_str(&facts(
        &[
            ("apiVersion", Cell::new(&kind.api_version)),
            ("plural", Cell::new(&kind.plural)),
            ("nature", Cell::new(format!("{}: {who}", kind.nature))),
            ("filters", Cell::new(filters(kind).join(", "))),
            ("verbs", Cell::new(kinds::verbs(&kind.kind).join(", "))),
        ],
        output,
    ));
    let mut table = Table::new(&["Field", "Type", "Needed", "Meaning"]);
    for field in fields {
        table.row(vec![
            Cell::new(&field.path),
            Cell::new(&field.field_type),
            Cell::new(if field.required { "yes" } else { "" }),
            Cell::new(&field.description),
        ]);
    }
    let _ = write!(text, "\n{}", table.render(output));
    if !kind.example.trim().is_empty() {
        let _ = write!(
            text,
            "\n{}\n{}\n",
            paint("Example", Tone::Faint, output),
            clean(kind.example.trim_end())
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_from_a_kind() {
        assert!(is_code("DEL-0001") && is_code("aut-3"));
        for kind in ["alarm", "escalation-policies", "coe", "on-1", "abc-"] {
            assert!(!is_code(kind), "{kind}");
        }
    }
}
