//! `andon trace`: the chain from a change to its lesson, or the hop that is missing.

use andon_api::kinds::learning::Trace;
use andon_client::segment;
use clap::Args;

use crate::context::{Context, name_segment, whole_reference};
use crate::failure::{Exit, Failure};
use crate::kinds;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, paint};
use crate::words::{moment, one_line};

/// Where to begin.
#[derive(Args, Debug)]
#[command(
    after_help = "The chain is change, alarm, alert, andon, incident, coe, action, policy, refusal elsewhere, review.

Examples:
  andon trace inc-3
  andon trace incident inc-3
  andon trace change chg-17"
)]
pub struct TraceArgs {
    /// The kind, which may be left out where the name tells it, or else the name.
    #[arg(value_name = "KIND|NAME")]
    first: String,
    /// The object.
    name: Option<String>,
}

pub(crate) async fn run(context: &Context, args: TraceArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (kind, name) = match args.name {
        Some(name) => (args.first, name),
        None => {
            let object = whole_reference(&args.first, "KIND|NAME")?;
            (object.kind().to_owned(), args.first)
        }
    };
    let kind = kinds::find(&client, &kind).await?;
    let path = format!(
        "/api/v1/trace/{}/{}",
        segment(&kind.plural),
        name_segment(&name, &kind.kind)?
    );
    let trace: Trace = client.get(&path).send().await?;
    context
        .output
        .show(&trace, || tell(&trace, &context.output))?;
    Ok(Exit::Ok)
}

fn tell(trace: &Trace, output: &Output) -> String {
    let mut table = Table::new(&["Hop", "Object", "When", "What"]);
    for hop in &trace.hops {
        let (what, tone) = match &hop.missing {
            Some(missing) => (format!("missing: {missing}"), Tone::Unknown),
            None => (hop.title.clone(), Tone::Plain),
        };
        table.row(vec![
            Cell::new(&hop.name),
            Cell::new(
                hop.object
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string),
            ),
            Cell::new(hop.at.map_or_else(|| "-".to_owned(), moment)),
            Cell::new(what).tone(tone),
        ]);
    }
    let missing: Vec<&str> = trace
        .hops
        .iter()
        .filter(|hop| hop.missing.is_some())
        .map(|hop| hop.name.as_str())
        .collect();
    let end = if trace.complete {
        format!(
            "{}  no hop is missing",
            paint("complete", Tone::Good, output)
        )
    } else {
        format!(
            "{}  {}",
            paint("missing", Tone::Unknown, output),
            one_line(&missing.join(", "))
        )
    };
    format!("{}\n{end}\n", table.render(output))
}
