//! `andon token` and `andon can`: who may what.

use andon_api::units::Span;
use andon_client::segment;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::context::{Context, reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, facts, paint};
use crate::words::one_line;

/// What a token may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// Everything.
    Administrator,
    /// Reads everything, records changes, checks, acknowledges, writes objects.
    Engineer,
    /// Reads everything.
    Reader,
    /// Pulls the andon and sees how the line stands.
    Reporter,
    /// Sends telemetry.
    Ingest,
}

impl RoleArg {
    const fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Engineer => "engineer",
            Self::Reader => "reader",
            Self::Reporter => "reporter",
            Self::Ingest => "ingest",
        }
    }
}

/// What to do with tokens.
#[derive(Subcommand, Debug)]
pub enum TokenCommand {
    /// Create a token; its text is printed once and never again
    Create(CreateArgs),
    /// List tokens, never their texts
    #[command(after_help = "Example:\n  andon token list")]
    List,
    /// End a token and the sessions opened with it
    #[command(after_help = "Example:\n  andon token revoke 01920000-0000-7000-8000-000000000000")]
    Revoke {
        /// The token's id, from `andon token list`.
        id: String,
    },
}

/// The token.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  andon token create --user maya --role engineer --description laptop --expires-in 90d
  export ANDON_TOKEN=$(andon token create --role ingest --description 'collector')")]
pub struct CreateArgs {
    /// Whose token it is; a program's own without it.
    #[arg(long, value_name = "REF")]
    user: Option<String>,
    /// What it may do.
    #[arg(long, value_enum, required = true)]
    role: Vec<RoleArg>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// After which time it ends; never without it.
    #[arg(long, value_name = "AGE", value_parser = span)]
    expires_in: Option<Span>,
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text)
        .map_err(|problem| format!("{} {}", problem.detail, problem.hint.unwrap_or_default()))
}

pub(crate) async fn run(context: &Context, command: TokenCommand) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    match command {
        TokenCommand::Create(args) => {
            let user = args
                .user
                .as_deref()
                .map(|text| reference(text, "User", "--user"))
                .transpose()?;
            let roles: Vec<&str> = args.role.iter().map(|role| role.word()).collect();
            let mut body =
                json!({"roles": roles, "description": args.description.unwrap_or_default()});
            if let Some(user) = user {
                body["user"] = json!(user);
            }
            if let Some(age) = args.expires_in {
                body["expiresIn"] = json!(age);
            }
            let made: Value = client.post("/api/v1/tokens").json(&body).send().await?;
            // The token alone, so that a script can keep it.
            output.show(&made, || format!("{}\n", fields::text(&made, "/token")))?;
            output.remark(&format!(
                "Its id is {}; it is not shown again.",
                one_line(&fields::text(&made, "/id"))
            ));
        }
        TokenCommand::List => {
            let answer: Value = client.get("/api/v1/tokens").send().await?;
            let items = fields::list(&answer, "/items");
            output.show(&items, || table(items, output))?;
        }
        TokenCommand::Revoke { id } => {
            client
                .delete(&format!("/api/v1/tokens/{}", segment(&id)))
                .send_only()
                .await?;
            output.show(&json!({"id": id, "action": "revoked"}), || {
                format!("{} revoked\n", one_line(&id))
            })?;
        }
    }
    Ok(Exit::Ok)
}

fn table(items: &[Value], output: &Output) -> String {
    let mut table = Table::new(&[
        "Id",
        "Whose",
        "Roles",
        "Purpose",
        "State",
        "Made",
        "Ends",
        "Description",
    ]);
    for item in items {
        let ends = fields::time(item, "/expiresAt");
        let state = if fields::time(item, "/revokedAt").is_some() {
            Cell::faint("revoked")
        } else if ends.is_some_and(|end| end <= output.now) {
            Cell::faint("expired")
        } else {
            Cell::new("valid").tone(Tone::Good)
        };
        table.row(vec![
            Cell::new(fields::text(item, "/id")),
            Cell::new(fields::text(item, "/user")),
            Cell::new(fields::text(item, "/roles")),
            Cell::new(fields::text(item, "/purpose")),
            state,
            Cell::age(fields::time(item, "/createdAt"), output),
            ends.map_or_else(|| Cell::new("never"), |end| Cell::age(Some(end), output)),
            Cell::new(fields::text(item, "/description")),
        ]);
    }
    table.render(output)
}

/// The question.
#[derive(Args, Debug)]
#[command(
    after_help = "Without a permission it tells who you are and what you may. Exits with 1 when it is not allowed.

Examples:
  andon can
  andon can andon.release --object component:default/payments
  andon can change.record --role reporter"
)]
pub struct CanArgs {
    /// The permission, for example `andon.release`.
    permission: Option<String>,
    /// The object it is about.
    #[arg(long, value_name = "REF", requires = "permission")]
    object: Option<String>,
    /// The group that owns the object.
    #[arg(long, value_name = "REF", requires = "permission")]
    owner: Option<String>,
    /// For these roles instead of your own.
    #[arg(long, value_enum, requires = "permission")]
    role: Vec<RoleArg>,
}

pub(crate) async fn can(context: &Context, args: CanArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    let Some(permission) = args.permission else {
        let me: Value = client.get("/api/v1/me").send().await?;
        output.show(&me, || me_text(&me, output))?;
        return Ok(Exit::Ok);
    };
    let mut body = json!({"permission": permission});
    if let Some(object) = &args.object {
        body["object"] = json!(reference(object, "Component", "--object")?);
    }
    if let Some(owner) = &args.owner {
        body["owner"] = json!(reference(owner, "Group", "--owner")?);
    }
    if !args.role.is_empty() {
        body["roles"] = json!(args.role.iter().map(|role| role.word()).collect::<Vec<_>>());
    }
    let answer: Value = client.post("/api/v1/can").json(&body).send().await?;
    let is_allowed = answer.get("allowed").and_then(Value::as_bool) == Some(true);
    output.show(&answer, || {
        let rules = one_line(&fields::text(&answer, "/rules"));
        match (is_allowed, rules.is_empty()) {
            (true, _) => format!("{}  by {rules}\n", paint("allowed", Tone::Good, output)),
            (false, true) => format!(
                "{}  no rule allows it\n",
                paint("refused", Tone::Stopped, output)
            ),
            (false, false) => format!("{}  by {rules}\n", paint("refused", Tone::Stopped, output)),
        }
    })?;
    Ok(if is_allowed { Exit::Ok } else { Exit::Failed })
}

fn me_text(me: &Value, output: &Output) -> String {
    let cell = |pointer: &str| Cell::new(fields::text(me, pointer));
    facts(
        &[
            ("principal", cell("/principal")),
            ("user", cell("/user")),
            ("roles", cell("/roles")),
            ("groups", cell("/groups")),
            ("permissions", cell("/permissions")),
            ("server", cell("/instance/version")),
        ],
        output,
    )
}
