//! `andon oncall`: who answers now, and who will.

use clap::Args;
use serde_json::Value;

use crate::context::{Context, name_segment};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table};
use crate::words::moment;

/// Whose turn.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  andon oncall
  andon oncall payments --at 2026-12-24T20:00:00Z
  andon oncall payments --shifts")]
pub struct OncallArgs {
    /// The schedule; every schedule without it.
    schedule: Option<String>,
    /// At this time instead of now.
    #[arg(long, value_name = "TIME", requires = "schedule")]
    at: Option<String>,
    /// List the shifts to come.
    #[arg(long, requires = "schedule", conflicts_with = "at")]
    shifts: bool,
    /// The first shifts, with --shifts.
    #[arg(long, value_name = "TIME", requires = "shifts")]
    from: Option<String>,
    /// The last shifts, with --shifts.
    #[arg(long, value_name = "TIME", requires = "shifts")]
    until: Option<String>,
}

pub(crate) async fn run(context: &Context, args: OncallArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    let Some(schedule) = &args.schedule else {
        let answer: Value = client.get("/api/v1/on-call").send().await?;
        let items = fields::list(&answer, "/items");
        output.show(&items, || {
            table(
                items,
                &["Schedule", "Owner", "On call", "Until"],
                &["/schedule", "/owner", "/user", "/until"],
                output,
            )
        })?;
        if items.is_empty() {
            output.remark("There is no schedule; `andon explain schedule` shows one.");
        }
        return Ok(Exit::Ok);
    };
    let path = format!("/api/v1/schedules/{}", name_segment(schedule, "Schedule")?);
    if args.shifts {
        let call = client
            .get(&format!("{path}/shifts"))
            .query_some("from", args.from)
            .query_some("until", args.until);
        let answer: Value = call.send().await?;
        let items = fields::list(&answer, "/items");
        output.show(&items, || {
            table(
                items,
                &["On call", "From", "Until"],
                &["/user", "/from", "/until"],
                output,
            )
        })?;
        return Ok(Exit::Ok);
    }
    let answer: Value = client
        .get(&format!("{path}/on-call"))
        .query_some("at", args.at)
        .send()
        .await?;
    output.show(&answer, || {
        table(
            std::slice::from_ref(&answer),
            &["On call", "From", "Until"],
            &["/user", "/from", "/until"],
            output,
        )
    })?;
    Ok(Exit::Ok)
}

fn table(items: &[Value], headings: &[&str], pointers: &[&str], output: &Output) -> String {
    let mut table = Table::new(headings);
    for item in items {
        table.row(
            pointers
                .iter()
                .map(|pointer| match fields::time(item, pointer) {
                    Some(time) => Cell::new(moment(time)),
                    None if *pointer == "/user" && fields::text(item, pointer).is_empty() => {
                        Cell::state("unknown")
                    }
                    None => Cell::new(fields::text(item, pointer)),
                })
                .collect(),
        );
    }
    table.render(output)
}
