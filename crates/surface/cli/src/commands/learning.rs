//! `andon coe` and `andon action`: the lesson, and what proves it done.

use andon_client::LONG_DEADLINE;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::commands::incident::tell;
use crate::context::{Context, name_segment};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::table::{paint, tone_of};
use crate::words::one_line;

/// The states that people move a COE to.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CoeStateArg {
    /// People write it.
    Draft,
    /// Others read it.
    #[value(alias = "inReview")]
    InReview,
    /// It stands; its actions are open.
    Published,
}

impl CoeStateArg {
    const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview => "inReview",
            Self::Published => "published",
        }
    }
}

/// What to do with corrections of errors.
#[derive(Subcommand, Debug)]
pub enum CoeCommand {
    /// Move a correction of errors on; its gates say what is missing
    #[command(
        after_help = "Exits with 1 and what is missing when a gate is not met.\n\nExample:\n  andon coe state coe-3 in-review"
    )]
    State {
        /// The correction of errors.
        name: String,
        /// Where to.
        #[arg(value_enum)]
        state: CoeStateArg,
    },
}

pub(crate) async fn coe(context: &Context, command: CoeCommand) -> Result<Exit, Failure> {
    let CoeCommand::State { name, state } = command;
    let path = format!("/api/v1/coes/{}/state", name_segment(&name, "COE")?);
    let coe: Value = context
        .client()?
        .post(&path)
        .json(&json!({"state": state.word()}))
        .send()
        .await?;
    context.output.show(&coe, || tell(&coe, &context.output))?;
    Ok(Exit::Ok)
}

/// What to do with corrective actions.
#[derive(Subcommand, Debug)]
pub enum ActionCommand {
    /// Run the verifier; it alone can close an action
    #[command(
        after_help = "Exits with 1 and what the verifier saw when it does not pass.\n\nExample:\n  andon action verify act-4"
    )]
    Verify {
        /// The action.
        name: String,
    },
}

pub(crate) async fn action(context: &Context, command: ActionCommand) -> Result<Exit, Failure> {
    let ActionCommand::Verify { name } = command;
    let path = format!("/api/v1/actions/{}/verify", name_segment(&name, "Action")?);
    let action: Value = context
        .client()?
        .post(&path)
        .json(&json!({}))
        .deadline(LONG_DEADLINE)
        .send()
        .await?;
    let state = fields::text(&action, "/status/state");
    context.output.show(&action, || {
        let verdict = one_line(&fields::text(&action, "/status/verdict"));
        format!(
            "{}  {}  {verdict}\n",
            fields::name(&action),
            paint(&state, tone_of(&state), &context.output)
        )
    })?;
    Ok(if state == "verified" {
        Exit::Ok
    } else {
        Exit::Failed
    })
}
