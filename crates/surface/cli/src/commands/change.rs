//! `andon change`: what went where, when, by whom.

use andon_api::kinds::delivery::{
    ChangeSpec, ChangeType, Outcome, RecordChange, StageReport, TestResult,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::context::{Context, name_segment, reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::stage;

/// What to do with changes.
#[derive(Subcommand, Debug)]
pub enum ChangeCommand {
    /// Record a change; prints its name
    Record(Box<RecordArgs>),
    /// Add stages, and perhaps the outcome, to a change
    Stage(StageArgs),
}

/// How a change ended.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OutcomeArg {
    Succeeded,
    Failed,
}

impl From<OutcomeArg> for Outcome {
    fn from(outcome: OutcomeArg) -> Self {
        match outcome {
            OutcomeArg::Succeeded => Self::Succeeded,
            OutcomeArg::Failed => Self::Failed,
        }
    }
}

/// What sort of change.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TypeArg {
    Deploy,
    Configuration,
    Flag,
}

/// The change.
#[derive(Args, Debug)]
#[command(
    after_help = "A stage reads NAME=START[..END][,ACTOR]; the names are commit, review, build, test, deploy
and feature-on. A time is RFC 3339, an age such as 5m, or now.

Examples:
  andon change record --service payments --version 2 --outcome succeeded
  andon change record --service payments --version 2 --commit $(git rev-parse HEAD) \\
    --stage build=2026-01-31T09:00:00Z..2026-01-31T09:04:10Z,ci --stage deploy=2m..now,maya --outcome succeeded
  andon change record --service payments --version 1 --rollback --rolls-back chg-17 --outcome succeeded"
)]
pub struct RecordArgs {
    /// The component that is changed.
    #[arg(long, value_name = "REF")]
    service: String,
    /// The version that is brought, in your own words.
    #[arg(long, value_name = "VERSION")]
    version: String,
    /// The commit that is deployed.
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// The repository of the commit.
    #[arg(long, value_name = "REPOSITORY")]
    repo: Option<String>,
    /// One line for people.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    title: Option<String>,
    /// The environment.
    #[arg(long, value_name = "NAME", default_value = "production")]
    environment: String,
    /// A stage of its way so far.
    #[arg(long, value_name = "NAME=START[..END][,ACTOR]")]
    stage: Vec<String>,
    /// How it ended; still on its way without it.
    #[arg(long, value_enum)]
    outcome: Option<OutcomeArg>,
    /// The result of a test: passed, failed or missing.
    #[arg(long, value_name = "NAME=RESULT", value_parser = stage::test)]
    test: Vec<(String, TestResult)>,
    /// What sort of change it is.
    #[arg(
        long = "type",
        value_enum,
        default_value = "deploy",
        conflicts_with = "rollback"
    )]
    change_type: TypeArg,
    /// It goes back to an earlier version.
    #[arg(long)]
    rollback: bool,
    /// The change that the rollback takes back.
    #[arg(long, value_name = "CHANGE", requires = "rollback")]
    rolls_back: Option<String>,
    /// A key under which the same call, made again, gives the same change.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// The stages to add.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  andon change stage chg-17 --stage feature-on=now,maya --outcome succeeded"
)]
pub struct StageArgs {
    /// The change.
    name: String,
    /// A stage of its way.
    #[arg(long, value_name = "NAME=START[..END][,ACTOR]")]
    stage: Vec<String>,
    /// How it ended.
    #[arg(long, value_enum)]
    outcome: Option<OutcomeArg>,
}

pub(crate) async fn run(context: &Context, command: ChangeCommand) -> Result<Exit, Failure> {
    let change: Value = match command {
        ChangeCommand::Record(args) => {
            let request = request(context, *args)?;
            context
                .client()?
                .post("/api/v1/changes")
                .json(&request)
                .send()
                .await?
        }
        ChangeCommand::Stage(args) => {
            let path = format!(
                "/api/v1/changes/{}/stages",
                name_segment(&args.name, "Change")?
            );
            let stages = stages(context, &args.stage)?;
            if stages.is_empty() && args.outcome.is_none() {
                return Err(Failure::usage(
                    "There is neither a --stage nor an --outcome to add.",
                ));
            }
            let body = json!({"stages": stages, "outcome": args.outcome.map(Outcome::from)});
            context.client()?.post(&path).json(&body).send().await?
        }
    };
    // Scripts keep what is printed: the name and nothing else.
    context
        .output
        .show(&change, || format!("{}\n", fields::name(&change)))?;
    Ok(Exit::Ok)
}

fn stages(context: &Context, texts: &[String]) -> Result<Vec<StageReport>, Failure> {
    texts
        .iter()
        .map(|text| {
            stage::stage(text, context.output.now).map_err(|why| Failure::usage(why).at("--stage"))
        })
        .collect()
}

fn request(context: &Context, args: RecordArgs) -> Result<RecordChange, Failure> {
    let change_type = match (args.rollback, args.change_type) {
        (true, _) => ChangeType::Rollback,
        (false, TypeArg::Deploy) => ChangeType::Deploy,
        (false, TypeArg::Configuration) => ChangeType::Configuration,
        (false, TypeArg::Flag) => ChangeType::Flag,
    };
    let rolls_back = args
        .rolls_back
        .map(|text| reference(&text, "Change", "--rolls-back"))
        .transpose()?;
    Ok(RecordChange {
        spec: ChangeSpec {
            service: reference(&args.service, "Component", "--service")?,
            version: args.version,
            environment: args.environment,
            change_type,
            commit: args.commit,
            repository: args.repo,
            title: args.title.unwrap_or_default(),
            rolls_back,
            tests: args.test.into_iter().collect(),
        },
        stages: stages(context, &args.stage)?,
        outcome: args.outcome.map(Outcome::from),
        idempotency_key: args.key,
    })
}
