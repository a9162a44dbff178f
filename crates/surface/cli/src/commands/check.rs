//! `andon check`: may this change go?

use std::fmt::Write as _;

use andon_api::kinds::delivery::{ChangeType, CheckAnswer, CheckRequest, TestResult};
use clap::Args;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::stage;
use crate::table::{Tone, paint};
use crate::words::one_line;

/// The question.
#[derive(Args, Debug)]
#[command(
    after_help = "Exits with 1 and the reasons when the change may not go, with 4 when nobody answers.
The answer is recorded whichever way it goes.

Examples:
  andon check --scope payments && ./deploy.sh
  andon check --scope component:default/payments --change-version 2 --commit $(git rev-parse HEAD) --test idempotency=passed
  andon check --scope payments --rollback"
)]
pub struct CheckArgs {
    /// A component, a system, or `*` for the whole line.
    #[arg(long, value_name = "REF")]
    scope: String,
    /// The version to be deployed.
    #[arg(long, value_name = "VERSION")]
    change_version: Option<String>,
    /// The commit to be deployed.
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// The environment to deploy to.
    #[arg(long, value_name = "NAME", default_value = "production")]
    environment: String,
    /// The result of a test: passed, failed or missing.
    #[arg(long, value_name = "NAME=RESULT", value_parser = stage::test)]
    test: Vec<(String, TestResult)>,
    /// It goes back to an earlier version; the andon never holds that.
    #[arg(long)]
    rollback: bool,
}

pub(crate) async fn run(context: &Context, args: CheckArgs) -> Result<Exit, Failure> {
    let request = CheckRequest {
        scope: args.scope,
        environment: args.environment,
        change_type: if args.rollback {
            ChangeType::Rollback
        } else {
            ChangeType::Deploy
        },
        version: args.change_version,
        commit: args.commit,
        tests: args.test.into_iter().collect(),
    };
    let answer: CheckAnswer = context
        .client()?
        .post("/api/v1/check")
        .json(&request)
        .send()
        .await?;
    context
        .output
        .show(&answer, || tell(&answer, &context.output))?;
    Ok(if answer.allowed {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn tell(answer: &CheckAnswer, output: &Output) -> String {
    let (word, tone) = if answer.allowed {
        ("allowed", Tone::Good)
    } else {
        ("refused", Tone::Stopped)
    };
    let mut text = format!(
        "{}  {}\n",
        paint(word, tone, output),
        one_line(&answer.scope)
    );
    for reason in &answer.reasons {
        let _ = writeln!(text, "  {}  {}", reason.code, one_line(&reason.text));
        let object = reason.object.as_ref().map(|object| format!("by {object}"));
        let lesson = reason
            .lesson
            .as_ref()
            .map(|lesson| format!("lesson {lesson}"));
        let named: Vec<String> = [object, lesson].into_iter().flatten().collect();
        if !named.is_empty() {
            let _ = writeln!(text, "            {}", named.join(", "));
        }
        if let Some(hint) = &reason.hint {
            let _ = writeln!(text, "            hint: {}", one_line(hint));
        }
    }
    if !answer.evaluated.is_empty() {
        let evaluated = format!("  looked at: {}", one_line(&answer.evaluated.join(", ")));
        let _ = writeln!(text, "{}", paint(&evaluated, Tone::Faint, output));
    }
    let _ = writeln!(
        text,
        "{}",
        paint(&format!("  check {}", answer.id), Tone::Faint, output)
    );
    text
}
