//! `andon andon`: stop the line, and let it run again.

use andon_api::kinds::delivery::{PullAndon, ReleaseAndon};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::context::{Context, name_segment};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, paint};
use crate::words::one_line;

/// What to do with the line.
#[derive(Subcommand, Debug)]
pub enum AndonCommand {
    /// Stop the line for a scope; anyone who sees a problem may
    #[command(
        after_help = "Example:\n  andon andon pull payments --case 4711 --reason 'they were charged twice'"
    )]
    Pull {
        /// A component, a system, or `*` for the whole line.
        scope: String,
        /// What is wrong, in your own words.
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        reason: Option<String>,
        /// A customer's case number.
        #[arg(long, value_name = "NUMBER")]
        case: Option<String>,
    },
    /// Say that somebody is on it; the line stays stopped
    #[command(
        visible_alias = "ack",
        after_help = "Example:\n  andon andon acknowledge and-3"
    )]
    Acknowledge {
        /// The andon.
        name: String,
    },
    /// Let the line run again, with what was done against the cause
    #[command(
        after_help = "Example:\n  andon andon release and-3 --countermeasure 'rolled back to 1'"
    )]
    Release {
        /// The andon.
        name: String,
        /// What was done against the cause.
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        countermeasure: String,
    },
    /// Tell whether the line is stopped, and by what
    #[command(after_help = "Example:\n  andon andon status payments")]
    Status {
        /// A component, a system, or `*`; everything that stands without it.
        scope: Option<String>,
    },
}

pub(crate) async fn run(context: &Context, command: AndonCommand) -> Result<Exit, Failure> {
    let client = context.client()?;
    let andon: Value = match command {
        AndonCommand::Pull {
            scope,
            reason,
            case,
        } => {
            let reason = reason.unwrap_or_default();
            client
                .post("/api/v1/andons")
                .json(&PullAndon {
                    scope,
                    reason,
                    case,
                })
                .send()
                .await?
        }
        AndonCommand::Acknowledge { name } => {
            let path = format!(
                "/api/v1/andons/{}/acknowledge",
                name_segment(&name, "Andon")?
            );
            client.post(&path).json(&json!({})).send().await?
        }
        AndonCommand::Release {
            name,
            countermeasure,
        } => {
            let path = format!("/api/v1/andons/{}/release", name_segment(&name, "Andon")?);
            client
                .post(&path)
                .json(&ReleaseAndon { countermeasure })
                .send()
                .await?
        }
        AndonCommand::Status { scope } => {
            let line: Value = client
                .get("/api/v1/line")
                .query_some("scope", scope.as_deref())
                .send()
                .await?;
            context.output.show(&line, || {
                line_text(&line, scope.as_deref(), &context.output)
            })?;
            return Ok(Exit::Ok);
        }
    };
    context
        .output
        .show(&andon, || andon_text(&andon, &context.output))?;
    Ok(Exit::Ok)
}

fn andon_text(andon: &Value, output: &Output) -> String {
    let state = fields::text(andon, "/status/state");
    let scope = scope_words(&fields::text(andon, "/spec/scope"));
    let told = match state.as_str() {
        "released" => format!("{scope} runs again"),
        "acknowledged" => format!("{scope} is stopped; somebody is on it"),
        _ => format!("{scope} is stopped"),
    };
    let tone = crate::table::tone_of(&state);
    format!(
        "{}  {}  {told}\n",
        fields::name(andon),
        paint(&state, tone, output)
    )
}

fn scope_words(scope: &str) -> String {
    if scope == "*" {
        "the whole line".to_owned()
    } else {
        one_line(scope)
    }
}

fn line_text(line: &Value, scope: Option<&str>, output: &Output) -> String {
    let andons = fields::list(line, "/andons");
    if andons.is_empty() {
        let scope = scope.map_or_else(String::new, |scope| format!(" for {}", scope_words(scope)));
        return format!(
            "{}  the line runs{scope}\n",
            paint("ok", Tone::Good, output)
        );
    }
    let mut table = Table::new(&[
        "Name",
        "State",
        "Scope",
        "Since",
        "Pulled by",
        "Pulls",
        "Reason",
    ]);
    for andon in andons {
        let pulls = 1 + fields::list(andon, "/status/pulls").len();
        table.row(vec![
            Cell::new(fields::name(andon)),
            Cell::state(fields::text(andon, "/status/state")),
            Cell::new(scope_words(&fields::text(andon, "/spec/scope"))),
            Cell::age(fields::time(andon, "/status/pulledAt"), output),
            Cell::new(fields::text(andon, "/spec/pulledBy")),
            Cell::number(i64::try_from(pulls).unwrap_or(i64::MAX)),
            Cell::new(fields::text(andon, "/spec/reason")),
        ]);
    }
    table.render(output)
}
