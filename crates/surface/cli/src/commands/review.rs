//! `andon review`: the numbers of the week, rolled up, and the wheel.

use std::fmt::Write as _;

use andon_api::kinds::learning::{FreezeReview, ReviewPack, ReviewVerification};
use andon_client::{Client, segment};
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::context::{Context, name_segment, reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone, facts, paint};
use crate::words::{length, moment, one_line};

/// Which review.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  andon review
  andon review --week 2026-01-26 --group commerce
  andon review --week 2026-01-26 --spin
  andon review --verify 2026-01-26-acme")]
pub struct ReviewArgs {
    /// Any day of the week; the current week without it.
    #[arg(long, value_name = "DATE")]
    week: Option<Date>,
    /// The group; the company without it.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Freeze the pack, so that the numbers of the meeting stay.
    #[arg(long)]
    freeze: bool,
    /// Freeze the pack and spin the wheel: who presents?
    #[arg(long)]
    spin: bool,
    /// Check a frozen review: is the pack what was frozen, and does the draw follow from it?
    #[arg(long, value_name = "REVIEW", conflicts_with_all = ["week", "group", "freeze", "spin"])]
    verify: Option<String>,
}

pub(crate) async fn run(context: &Context, args: ReviewArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    if let Some(name) = &args.verify {
        return verify(&client, output, name).await;
    }
    let group = args
        .group
        .as_deref()
        .map(|text| reference(text, "Group", "--group"))
        .transpose()?;
    if !args.freeze && !args.spin {
        let call = client
            .get("/api/v1/review")
            .query_some("week", args.week)
            .query_some("group", group);
        let pack: ReviewPack = call.send().await?;
        output.show(&pack, || pack_text(&pack, output))?;
        return Ok(Exit::Ok);
    }
    let week = args
        .week
        .unwrap_or_else(|| output.now.to_zoned(TimeZone::UTC).date());
    let request = FreezeReview {
        week,
        group: group.map(|group| group.to_string()),
    };
    let mut review: Value = client.post("/api/v1/reviews").json(&request).send().await?;
    if args.spin {
        review = spin(&client, &review).await?;
    }
    output.show(&review, || review_text(&review, output))?;
    Ok(Exit::Ok)
}

async fn spin(client: &Client, review: &Value) -> Result<Value, Failure> {
    let path = format!("/api/v1/reviews/{}/spin", segment(&fields::name(review)));
    Ok(client.post(&path).json(&json!({})).send().await?)
}

async fn verify(client: &Client, output: &Output, name: &str) -> Result<Exit, Failure> {
    let path = format!("/api/v1/reviews/{}/verify", name_segment(name, "Review")?);
    let verdict: ReviewVerification = client.get(&path).send().await?;
    let word = |is_right: bool| {
        if is_right {
            Cell::new("ok").tone(Tone::Good)
        } else {
            Cell::new("failed").tone(Tone::Stopped)
        }
    };
    output.show(&verdict, || {
        let draw = verdict
            .draw_ok
            .map_or_else(|| Cell::new("not drawn yet"), word);
        facts(
            &[
                ("the pack is what was frozen", word(verdict.pack_ok)),
                ("the draw follows from it", draw),
            ],
            output,
        )
    })?;
    Ok(if verdict.pack_ok && verdict.draw_ok != Some(false) {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn review_text(review: &Value, output: &Output) -> String {
    let mut text = format!(
        "{}  frozen {}\n",
        fields::name(review),
        fields::text(review, "/status/frozenAt")
    );
    let _ = writeln!(
        text,
        "digest {}\n",
        one_line(&fields::text(review, "/status/packDigest"))
    );
    let pack = review
        .pointer("/status/pack")
        .cloned()
        .and_then(|pack| serde_json::from_value::<ReviewPack>(pack).ok());
    if let Some(pack) = pack {
        text.push_str(&pack_text(&pack, output));
    }
    if let Some(draw) = review
        .pointer("/status/draw")
        .filter(|draw| !draw.is_null())
    {
        let team = one_line(&fields::text(draw, "/team"));
        let _ = writeln!(
            text,
            "\nThe wheel: {} presents",
            paint(&team, Tone::Good, output)
        );
        let rule = fields::text(draw, "/rule");
        if !rule.is_empty() {
            let _ = writeln!(text, "  because {}", one_line(&rule));
        }
        let _ = writeln!(text, "  seed {}", one_line(&fields::text(draw, "/seed")));
        let _ = writeln!(
            text,
            "  weights {}",
            one_line(&fields::text(draw, "/weights"))
        );
    }
    text
}

fn pack_text(pack: &ReviewPack, output: &Output) -> String {
    let mut text = String::new();
    if let (Some(from), Some(until)) = (pack.from, pack.until) {
        let _ = writeln!(text, "{} to {}\n", moment(from), moment(until));
    }
    text.push_str(&rows(pack, output));
    if !pack.adoption.is_empty() {
        let _ = write!(text, "\n{}", adoption(pack, output));
    }
    for (heading, objects) in [
        ("Overdue actions", &pack.overdue_actions),
        ("Corrections of errors", &pack.coes),
        ("Incidents", &pack.incidents),
    ] {
        if !objects.is_empty() {
            let names: Vec<&str> = objects.iter().map(andon_api::ObjectRef::name).collect();
            let _ = writeln!(
                text,
                "\n{}  {}",
                paint(heading, Tone::Faint, output),
                names.join(", ")
            );
        }
    }
    text
}

fn rows(pack: &ReviewPack, output: &Output) -> String {
    let headings = [
        "Group",
        "Changes",
        "Undone",
        "To value",
        "90%",
        "Pages",
        "Incidents",
        "Andons",
        "COEs",
        "Overdue",
        "Refused",
    ];
    let mut table = Table::new(&headings);
    let long = |ms: Option<i64>| Cell::right(ms.map_or_else(|| "-".to_owned(), length));
    for row in &pack.rows {
        // Cells are trimmed of nothing but line breaks: the margin shows the depth.
        let group = row
            .group
            .strip_prefix("group:default/")
            .unwrap_or(&row.group);
        table.row(vec![
            Cell::new(format!("{}{group}", "  ".repeat(row.depth as usize))),
            Cell::number(row.changes),
            Cell::number(row.rollbacks),
            long(row.time_to_value_p50_ms),
            long(row.time_to_value_p90_ms),
            Cell::number(row.pages),
            Cell::number(row.incidents),
            Cell::number(row.andon_pulls),
            Cell::number(row.open_coes),
            Cell::number(row.overdue_actions),
            Cell::number(row.refusals),
        ]);
    }
    table.render(output)
}

fn adoption(pack: &ReviewPack, output: &Output) -> String {
    let mut table = Table::new(&["Mechanism", "Group", "Adopted", "Of", "Share"]);
    for one in &pack.adoption {
        let share = if one.population > 0 {
            format!("{}%", one.adopters * 100 / one.population)
        } else {
            "-".to_owned()
        };
        table.row(vec![
            Cell::new(&one.mechanism),
            Cell::new(
                one.group
                    .strip_prefix("group:default/")
                    .unwrap_or(&one.group),
            ),
            Cell::number(one.adopters),
            Cell::number(one.population),
            Cell::right(share),
        ]);
    }
    table.render(output)
}
