//! `andon ack` and `andon incident`: somebody is on it, and how it goes on.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::context::{Context, name_segment, reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{paint, tone_of};
use crate::words::one_line;

/// The alert.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  andon ack alt-12")]
pub struct AckArgs {
    /// The alert.
    #[arg(value_name = "ALERT")]
    name: String,
    /// It is over: resolve it.
    #[arg(long)]
    resolve: bool,
}

pub(crate) async fn acknowledge(context: &Context, args: AckArgs) -> Result<Exit, Failure> {
    let verb = if args.resolve {
        "resolve"
    } else {
        "acknowledge"
    };
    let path = format!(
        "/api/v1/alerts/{}/{verb}",
        name_segment(&args.name, "Alert")?
    );
    let alert: Value = context
        .client()?
        .post(&path)
        .json(&json!({}))
        .send()
        .await?;
    context
        .output
        .show(&alert, || tell(&alert, &context.output))?;
    Ok(Exit::Ok)
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StateArg {
    /// Nobody knows the cause.
    Investigating,
    /// The cause is known.
    Identified,
    /// Customers are no longer hurt.
    Mitigated,
    /// It is over.
    Resolved,
}

impl StateArg {
    const fn word(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SeverityArg {
    /// Customers cannot use the product.
    Sev1,
    /// Customers are hurt.
    Sev2,
    /// Customers notice.
    Sev3,
    /// Nobody notices yet.
    Sev4,
    /// To know of.
    Sev5,
}

impl SeverityArg {
    const fn word(self) -> &'static str {
        match self {
            Self::Sev1 => "sev1",
            Self::Sev2 => "sev2",
            Self::Sev3 => "sev3",
            Self::Sev4 => "sev4",
            Self::Sev5 => "sev5",
        }
    }
}

/// What to do with incidents.
#[derive(Subcommand, Debug)]
pub enum IncidentCommand {
    /// Open an incident
    #[command(
        after_help = "Example:\n  andon incident open --title 'Customers are charged twice' --severity sev2 --service payments"
    )]
    Open {
        /// The symptom, not the cause.
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        title: String,
        /// How bad it is.
        #[arg(long, value_enum, default_value = "sev2")]
        severity: SeverityArg,
        /// A component that it hurts.
        #[arg(long, value_name = "REF")]
        service: Vec<String>,
    },
    /// Add a note to the timeline
    #[command(
        after_help = "Example:\n  andon incident note inc-3 'the retries stopped after the rollback'"
    )]
    Note {
        /// The incident.
        name: String,
        /// The note.
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Move an incident on
    #[command(after_help = "Example:\n  andon incident state inc-3 mitigated --note 'rolled back'")]
    State {
        /// The incident.
        name: String,
        /// How it stands now.
        #[arg(value_enum)]
        state: StateArg,
        /// Why.
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        note: Option<String>,
    },
    /// Say who commands
    #[command(after_help = "Example:\n  andon incident commander inc-3 maya")]
    Commander {
        /// The incident.
        name: String,
        /// The person.
        user: String,
    },
    /// Open the correction of errors, filled in by the machine
    #[command(
        after_help = "It is opened by itself when an incident of severity 1 or 2 is resolved.\n\nExample:\n  andon incident coe inc-3"
    )]
    Coe {
        /// The incident.
        name: String,
    },
}

pub(crate) async fn run(context: &Context, command: IncidentCommand) -> Result<Exit, Failure> {
    let (path, body) = match command {
        IncidentCommand::Open {
            title,
            severity,
            service,
        } => {
            let services = service
                .iter()
                .map(|text| {
                    reference(text, "Component", "--service").map(|reference| reference.to_string())
                })
                .collect::<Result<Vec<_>, _>>()?;
            (
                "/api/v1/incidents".to_owned(),
                json!({"title": title, "severity": severity.word(), "services": services}),
            )
        }
        IncidentCommand::Note { name, text } => (path(&name, "notes")?, json!({"text": text})),
        IncidentCommand::State {
            name,
            state,
            note: None,
        } => (path(&name, "state")?, json!({"state": state.word()})),
        IncidentCommand::State {
            name,
            state,
            note: Some(note),
        } => (
            path(&name, "state")?,
            json!({"state": state.word(), "note": note}),
        ),
        IncidentCommand::Commander { name, user } => {
            let user = reference(&user, "User", "USER")?;
            (path(&name, "commander")?, json!({"user": user}))
        }
        IncidentCommand::Coe { name } => (path(&name, "coe")?, json!({})),
    };
    let object: Value = context.client()?.post(&path).json(&body).send().await?;
    context
        .output
        .show(&object, || tell(&object, &context.output))?;
    Ok(Exit::Ok)
}

fn path(name: &str, verb: &str) -> Result<String, Failure> {
    Ok(format!(
        "/api/v1/incidents/{}/{verb}",
        name_segment(name, "Incident")?
    ))
}

/// Tells name, state and title of a record in one line.
pub(crate) fn tell(object: &Value, output: &Output) -> String {
    let state = fields::text(object, "/status/state");
    let painted = paint(&state, tone_of(&state), output);
    format!(
        "{}  {painted}  {}\n",
        fields::name(object),
        one_line(&fields::text(object, "/spec/title"))
    )
}
