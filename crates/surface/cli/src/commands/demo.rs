//! `andon demo`: the story, step by step, on the running system.

use std::time::Duration;

use andon_client::{Client, LONG_DEADLINE};
use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::{Format, Output};
use crate::table::{Tone, paint};
use crate::words::{clean, one_line};

/// How often a running step is asked for.
const ASK_EVERY: Duration = Duration::from_millis(1_000);
/// The most steps of a story; more would be a circle.
const STEPS_MAX: usize = 200;

/// How much of it.
#[derive(Args, Debug)]
#[command(
    after_help = "The server must have been started with --demo, as ./run does.

Examples:
  andon demo
  andon demo --step
  andon demo --reset"
)]
pub struct DemoArgs {
    /// Play one step and stop.
    #[arg(long, conflicts_with = "reset")]
    step: bool,
    /// Begin again from the start.
    #[arg(long)]
    reset: bool,
    /// Show the steps and how they stand, and play nothing.
    #[arg(long, conflicts_with_all = ["step", "reset"])]
    list: bool,
}

pub(crate) async fn run(context: &Context, args: DemoArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    if args.reset {
        client
            .post("/api/v1/demo/reset")
            .json(&json!({}))
            .deadline(LONG_DEADLINE)
            .send_only()
            .await?;
    }
    let mut story: Value = client.get("/api/v1/demo").send().await?;
    if args.list || args.reset {
        output.show(&fields::list(&story, "/steps"), || {
            fields::list(&story, "/steps")
                .iter()
                .map(|step| heading(step, output))
                .collect()
        })?;
        return Ok(Exit::Ok);
    }
    let people = output.format() == Format::Table;
    let mut exit = Exit::Ok;
    for _ in 0..STEPS_MAX {
        let Some(id) = story.get("next").and_then(Value::as_str).map(str::to_owned) else {
            break;
        };
        if people {
            let step = step_of(&story, &id);
            output.print(&format!(
                "{}\n{}",
                paint(
                    &one_line(&fields::text(&step, "/title")),
                    Tone::Plain,
                    output
                ),
                indented(&fields::text(&step, "/text"))
            ))?;
        }
        story = play(&client, output, story, &id).await?;
        let step = step_of(&story, &id);
        if people {
            output.print(&result(&client, &step, output))?;
        }
        if fields::text(&step, "/state") == "failed" {
            exit = Exit::Failed;
        }
        if args.step || exit != Exit::Ok {
            break;
        }
    }
    if !people {
        output.document(&fields::list(&story, "/steps"))?;
    } else if story.get("next").and_then(Value::as_str).is_none() && exit == Exit::Ok {
        output.print("Every step was played. `andon demo --reset` begins again.\n")?;
    }
    Ok(exit)
}

/// Plays the next step and waits until it is over.
async fn play(client: &Client, output: &Output, story: Value, id: &str) -> Result<Value, Failure> {
    let mut story = story;
    // Somebody may be playing it already, in a browser: then it is waited for.
    if fields::text(&step_of(&story, id), "/state") != "running" {
        story = client
            .post("/api/v1/demo/next")
            .json(&json!({}))
            .deadline(LONG_DEADLINE)
            .send()
            .await?;
    }
    if story.get("steps").is_none() {
        story = client.get("/api/v1/demo").send().await?;
    }
    let mut asked = 0_u64;
    while fields::text(&step_of(&story, id), "/state") == "running" {
        output.progress(&format!("  … {} s", asked * ASK_EVERY.as_secs()));
        tokio::time::sleep(ASK_EVERY).await;
        asked += 1;
        if asked * ASK_EVERY.as_secs() > LONG_DEADLINE.as_secs() {
            output.end_progress();
            return Err(Failure::usage(format!(
                "The step `{id}` has been running for {} s.",
                LONG_DEADLINE.as_secs()
            ))
            .hint("See what it waits for with `andon demo --list` and `andon status`."));
        }
        story = client.get("/api/v1/demo").send().await?;
    }
    output.end_progress();
    Ok(story)
}

fn step_of(story: &Value, id: &str) -> Value {
    let steps = fields::list(story, "/steps");
    steps
        .iter()
        .find(|step| fields::text(step, "/id") == id)
        .cloned()
        .unwrap_or_else(|| json!({"id": id, "title": id}))
}

fn heading(step: &Value, output: &Output) -> String {
    let state = fields::text(step, "/state");
    let padded = format!("{state:<7}");
    format!(
        "{}  {}\n",
        paint(&padded, crate::table::tone_of(&state), output),
        one_line(&fields::text(step, "/title"))
    )
}

fn indented(text: &str) -> String {
    clean(text)
        .lines()
        .map(|line| format!("  {}\n", line.trim_end()))
        .collect()
}

fn result(client: &Client, step: &Value, output: &Output) -> String {
    let state = fields::text(step, "/state");
    let detail = one_line(&fields::text(step, "/detail"));
    let mut text = format!(
        "  {}  {detail}\n",
        paint(&state, crate::table::tone_of(&state), output)
    );
    let link = fields::text(step, "/link");
    if !link.is_empty() {
        let link = if link.starts_with('/') {
            client.link(&link)
        } else {
            link
        };
        text.push_str(&format!("  {}\n", one_line(&link)));
    }
    text.push('\n');
    text
}
