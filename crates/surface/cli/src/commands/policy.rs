//! `andon policy`: what a policy would have refused.

use andon_api::kinds::governance::{PolicyTrial, TrialRefusal};
use andon_client::LONG_DEADLINE;
use clap::Subcommand;

use crate::context::{Context, name_segment};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::table::{Cell, Table, Tone, paint};
use crate::words::count;

/// What to do with policies.
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Try a policy on past changes; nothing is refused by it
    #[command(
        after_help = "Exits with 1 when the policy could not judge a change: enforced, it would refuse all of those.

Example:\n  andon policy trial idempotency --since 90d"
    )]
    Trial {
        /// The policy.
        name: String,
        /// Changes from when on: RFC 3339, or an age.
        #[arg(long, value_name = "TIME", default_value = "90d")]
        since: String,
    },
}

pub(crate) async fn run(context: &Context, command: PolicyCommand) -> Result<Exit, Failure> {
    let PolicyCommand::Trial { name, since } = command;
    let path = format!("/api/v1/policies/{}/trial", name_segment(&name, "Policy")?);
    let trial: PolicyTrial = context
        .client()?
        .post(&path)
        .query("since", &since)
        .deadline(LONG_DEADLINE)
        .send()
        .await?;
    context
        .output
        .show(&trial, || tell(&trial, &context.output))?;
    Ok(if trial.failed.is_empty() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn tell(trial: &PolicyTrial, output: &Output) -> String {
    let refused = count(i64::try_from(trial.refused.len()).unwrap_or(i64::MAX));
    let mut text = format!(
        "tried on {} changes: would have refused {refused}",
        count(trial.tried)
    );
    if trial.skipped > 0 {
        text.push_str(&format!(", left out {}", count(trial.skipped)));
    }
    text.push('\n');
    if !trial.refused.is_empty() {
        text.push_str(&format!("\n{}", table(&trial.refused, output)));
    }
    if !trial.failed.is_empty() {
        text.push_str(&format!(
            "\n{}\n{}",
            paint(
                "could not be judged, and would be refused:",
                Tone::Stopped,
                output
            ),
            table(&trial.failed, output)
        ));
    }
    text
}

fn table(refusals: &[TrialRefusal], output: &Output) -> String {
    let mut table = Table::new(&["Change", "Service", "When", "Reasons"]);
    for refusal in refusals {
        table.row(vec![
            Cell::new(refusal.change.name()),
            Cell::new(refusal.service.to_string()),
            Cell::age(refusal.at, output),
            Cell::new(refusal.reasons.join("; ")),
        ]);
    }
    table.render(output)
}
