//! `andon import deploys`: what was deployed before Andon was there.

use std::collections::BTreeSet;
use std::io::Read;

use andon_api::kinds::delivery::{ImportedDeploy, Outcome};
use andon_api::{ErrorCode, Problem};
use andon_client::{Client, ClientError, LONG_DEADLINE};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::csv;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::kinds::nearest;
use crate::output::Output;
use crate::table::{Cell, facts};
use crate::words::{count, moment};

/// The largest file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most deploys of one call.
const BATCH_DEPLOYS_MAX: usize = 5_000;
/// The columns of a CSV file.
const COLUMNS: [&str; 8] = [
    "service",
    "commit",
    "version",
    "environment",
    "started_at",
    "finished_at",
    "actor",
    "outcome",
];
/// Those among them that must be there.
const NEEDED: [&str; 4] = ["service", "commit", "version", "finished_at"];

/// The file.
#[derive(Args, Debug)]
#[command(
    after_help = "A CSV file begins with a line of columns: service, commit, version, environment, started_at,
finished_at, actor, outcome, of which service, commit, version and finished_at are needed. A JSON file
holds an array of objects with service, commit, version, environment, startedAt, finishedAt, actor and
outcome. Times are RFC 3339. What is known already is skipped; import the repositories first, so that
each deploy finds its commits.

Examples:
  andon import deploys deploys.csv
  psql -c '\\copy (select …) to stdout csv header' | andon import deploys -"
)]
pub struct ImportDeploysArgs {
    /// The file, CSV or JSON, or `-` for the standard input.
    file: String,
}

/// Deploys, each with the line that it stands on, the earliest first.
type Deploys = Vec<(usize, ImportedDeploy)>;

/// What the import did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    file: String,
    deploys: i64,
    new: i64,
    known: i64,
    services: Vec<String>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

pub(crate) async fn run(context: &Context, args: ImportDeploysArgs) -> Result<Exit, Failure> {
    let text = read_text(&args.file)?;
    let name = if args.file == "-" {
        "stdin"
    } else {
        &args.file
    };
    let mut deploys = read(&text, name)?;
    deploys.sort_by_key(|(_, deploy)| deploy.finished_at);
    let services: BTreeSet<&str> = deploys
        .iter()
        .map(|(_, deploy)| deploy.service.as_str())
        .collect();
    let mut summary = Summary {
        file: name.to_owned(),
        deploys: i64::try_from(deploys.len()).unwrap_or(i64::MAX),
        new: 0,
        known: 0,
        services: services.into_iter().map(str::to_owned).collect(),
        first_at: deploys.first().map(|(_, deploy)| deploy.finished_at),
        last_at: deploys.last().map(|(_, deploy)| deploy.finished_at),
    };
    send(&context.client()?, &context.output, &deploys, &mut summary).await?;
    context
        .output
        .show(&summary, || tell(&summary, &context.output))?;
    Ok(Exit::Ok)
}

async fn send(
    client: &Client,
    output: &Output,
    deploys: &Deploys,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let mut sent = 0;
    for batch in deploys.chunks(BATCH_DEPLOYS_MAX) {
        let bodies: Vec<&ImportedDeploy> = batch.iter().map(|(_, deploy)| deploy).collect();
        let call = client
            .post("/api/v1/import/deploys")
            .json(&bodies)
            .deadline(LONG_DEADLINE);
        let answer: Value = call
            .send()
            .await
            .map_err(|error| locate(error, batch, &summary.file, sent))?;
        sent += batch.len();
        summary.new += fields::integer(&answer, "/accepted").unwrap_or(0);
        summary.known += fields::integer(&answer, "/known").unwrap_or(0);
        output.progress(&format!(
            "{} of {} deploys",
            count(i64::try_from(sent).unwrap_or(0)),
            count(summary.deploys)
        ));
    }
    output.end_progress();
    Ok(())
}

/// Turns the place in the request, `[3].commit`, into the file's line.
fn locate(
    error: ClientError,
    batch: &[(usize, ImportedDeploy)],
    file: &str,
    sent: usize,
) -> ClientError {
    let ClientError::Problem(mut problem) = error else {
        return error;
    };
    let place = problem.place.clone().unwrap_or_default();
    let Some((index, field)) = place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    else {
        return ClientError::Problem(problem);
    };
    if let Some((line, _)) = index
        .parse::<usize>()
        .ok()
        .and_then(|index| batch.get(index))
    {
        problem.place = Some(format!("{file}:{line}{}", field.replacen('.', " ", 1)));
        if sent > 0 {
            problem.hint = Some(format!(
                "The {sent} deploys before this batch were stored; mend the line and import the file again."
            ));
        }
    }
    ClientError::Problem(problem)
}

fn read_text(file: &str) -> Result<String, Failure> {
    let fault = |why: String| Failure::usage(format!("{file} cannot be read: {why}."));
    let mut bytes = Vec::new();
    let read = if file == "-" {
        std::io::stdin()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file)
            .and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| fault(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fault(format!("it is over {} MiB", FILE_BYTES_MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8 text".to_owned()))
}

fn refuse(file: &str, line: usize, detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::ImportInvalid, detail)
        .place(format!("{file}:{line}"))
        .hint("Nothing was imported. Mend the line and try again.")
}

/// Reads a file of either form; every fault names file and line.
fn read(text: &str, file: &str) -> Result<Deploys, Problem> {
    match text
        .trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
        .chars()
        .next()
    {
        Some('[') => read_json(text.trim_start_matches('\u{feff}'), file),
        Some(_) => read_csv(text, file),
        None => Err(refuse(file, 1, "The file is empty.")),
    }
}

fn read_json(text: &str, file: &str) -> Result<Deploys, Problem> {
    let rows: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        refuse(
            file,
            error.line(),
            format!("The JSON cannot be read: {error}."),
        )
    })?;
    let lines = element_lines(text);
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| {
            let line = lines.get(index).copied().unwrap_or(1);
            let deploy = serde_json::from_value(row)
                .map_err(|error| refuse(file, line, format!("This is no deploy: {error}.")))?;
            Ok((line, deploy))
        })
        .collect()
}

/// Finds the line on which each element of the outermost array begins.
fn element_lines(text: &str) -> Vec<usize> {
    let (mut lines, mut line, mut depth) = (Vec::new(), 1, 0_usize);
    let (mut in_text, mut escaped, mut awaits) = (false, false, false);
    for byte in text.bytes() {
        if byte == b'\n' {
            line += 1;
        }
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        if awaits && !byte.is_ascii_whitespace() && byte != b']' {
            lines.push(line);
            awaits = false;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                awaits |= depth == 0;
                depth += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => awaits = true,
            _ => {}
        }
    }
    lines
}

fn read_csv(text: &str, file: &str) -> Result<Deploys, Problem> {
    let records = csv::read(text).map_err(|fault| {
        refuse(
            file,
            fault.line,
            format!("The CSV cannot be read: {}.", fault.text),
        )
    })?;
    let (head, rows) = records
        .split_first()
        .ok_or_else(|| refuse(file, 1, "The file is empty."))?;
    let columns = columns(head, file)?;
    rows.iter()
        .map(|record| Ok((record.line, deploy(record, &columns, file)?)))
        .collect()
}

/// Reads the line of columns: in any order, in any case, with `_`, `-` or a space between words.
fn columns(head: &csv::Record, file: &str) -> Result<Vec<&'static str>, Problem> {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric())
            .collect::<String>()
            .to_lowercase()
    };
    let mut columns = Vec::new();
    for name in &head.fields {
        let known = COLUMNS
            .iter()
            .find(|column| plain(column) == plain(name))
            .ok_or_else(|| {
                let hint = match nearest(&name.to_lowercase(), &COLUMNS) {
                    Some(near) => format!(
                        "Did you mean `{near}`? The columns are: {}.",
                        COLUMNS.join(", ")
                    ),
                    None => format!("The columns are: {}.", COLUMNS.join(", ")),
                };
                refuse(file, head.line, format!("There is no column `{name}`.")).hint(hint)
            })?;
        if columns.contains(known) {
            return Err(refuse(
                file,
                head.line,
                format!("The column `{known}` is there twice."),
            ));
        }
        columns.push(*known);
    }
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|column| !columns.contains(column))
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(columns);
    }
    Err(refuse(
        file,
        head.line,
        format!("These columns are missing: {}.", missing.join(", ")),
    )
    .hint(format!(
        "The first line names the columns, for example: {}",
        COLUMNS.join(",")
    )))
}

fn deploy(record: &csv::Record, columns: &[&str], file: &str) -> Result<ImportedDeploy, Problem> {
    if record.fields.len() != columns.len() {
        let detail = format!(
            "The line has {} fields, and there are {} columns.",
            record.fields.len(),
            columns.len()
        );
        return Err(refuse(file, record.line, detail));
    }
    let field = |name: &str| {
        let at = columns.iter().position(|column| *column == name);
        at.map(|at| record.fields[at].trim())
            .filter(|text| !text.is_empty())
    };
    let needed = |name: &str| {
        field(name)
            .map(str::to_owned)
            .ok_or_else(|| refuse(file, record.line, format!("The field `{name}` is empty.")))
    };
    let time = |name: &str, text: &str| {
        text.parse::<Timestamp>().map_err(|_| {
            refuse(file, record.line, format!("`{text}` in `{name}` is no time."))
                .hint("Write an RFC 3339 time with its offset, such as 2026-01-31T09:00:00Z or 2026-01-31T10:00:00+01:00.")
        })
    };
    let outcome = |text: &str| {
        read_outcome(text).ok_or_else(|| {
            refuse(file, record.line, format!("`{text}` is no outcome."))
                .hint("An outcome is succeeded, failed, rolledBack or inProgress.")
        })
    };
    Ok(ImportedDeploy {
        service: needed("service")?,
        commit: needed("commit")?,
        version: needed("version")?,
        environment: field("environment").unwrap_or("production").to_owned(),
        started_at: field("started_at")
            .map(|text| time("started_at", text))
            .transpose()?,
        finished_at: time("finished_at", &needed("finished_at")?)?,
        actor: field("actor").map(str::to_owned),
        outcome: field("outcome").map(outcome).transpose()?,
    })
}

fn read_outcome(text: &str) -> Option<Outcome> {
    match text.to_lowercase().replace(['_', '-', ' '], "").as_str() {
        "succeeded" | "success" | "successful" | "ok" => Some(Outcome::Succeeded),
        "failed" | "failure" | "error" => Some(Outcome::Failed),
        "rolledback" => Some(Outcome::RolledBack),
        "inprogress" => Some(Outcome::InProgress),
        _ => None,
    }
}

fn tell(summary: &Summary, output: &Output) -> String {
    let time = |time: Option<Timestamp>| Cell::new(time.map_or_else(String::new, moment));
    facts(
        &[
            ("file", Cell::new(&summary.file)),
            ("deploys", Cell::number(summary.deploys)),
            ("new", Cell::number(summary.new)),
            ("known", Cell::number(summary.known)),
            ("services", Cell::new(summary.services.join(", "))),
            ("first", time(summary.first_at)),
            ("last", time(summary.last_at)),
        ],
        output,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "service,commit,version,environment,started_at,finished_at,actor,outcome\n";

    fn refusal(text: &str) -> (String, String) {
        let problem = read(text, "d.csv").unwrap_err();
        (problem.place.clone().unwrap(), problem.detail)
    }

    #[test]
    fn a_csv_file_is_read_with_its_lines() {
        let text = format!(
            "{HEAD}payments,abcdef1,2,production,2026-01-31T08:58:00Z,2026-01-31T10:00:00+01:00,\"Lindqvist, Maya\",succeeded\r\n\
             checkout,abcdef2,v1,,,2026-01-30T09:00:00Z,,\n"
        );
        let deploys = read(&text, "d.csv").unwrap();
        let (line, first) = &deploys[0];
        assert_eq!(
            (*line, first.actor.as_deref(), first.outcome),
            (2, Some("Lindqvist, Maya"), Some(Outcome::Succeeded))
        );
        assert_eq!(first.finished_at, "2026-01-31T09:00:00Z".parse().unwrap());
        let (line, second) = &deploys[1];
        assert_eq!(
            (
                *line,
                second.environment.as_str(),
                second.started_at,
                second.outcome
            ),
            (3, "production", None, None)
        );
    }

    #[test]
    fn columns_may_be_fewer_and_in_another_order() {
        let deploys = read(
            "Finished At,VERSION,commit,service\n2026-01-31T09:00:00Z,2,abcdef1,payments\n",
            "d.csv",
        )
        .unwrap();
        assert_eq!(
            (deploys[0].1.version.as_str(), deploys[0].1.service.as_str()),
            ("2", "payments")
        );
    }

    #[test]
    fn faults_name_file_and_line() {
        let row = "payments,abcdef1,2,production,,2026-01-31T09:00:00Z,,succeeded\n";
        assert_eq!(
            refusal(&format!("{HEAD}{row}payments,abcdef1,2\n")).0,
            "d.csv:3"
        );
        let (place, detail) = refusal(&format!(
            "{HEAD}{row}{}",
            row.replace("2026-01-31T09:00:00Z", "31.01.2026")
        ));
        assert_eq!(
            (
                place.as_str(),
                detail.contains("`31.01.2026` in `finished_at`")
            ),
            ("d.csv:3", true)
        );
        assert_eq!(
            refusal(&format!("{HEAD}{}", row.replace("succeeded", "maybe"))).0,
            "d.csv:2"
        );
        assert_eq!(refusal(&format!("{HEAD}\"payments,abcdef1\n")).0, "d.csv:2");
        assert_eq!(
            refusal(""),
            ("d.csv:1".to_owned(), "The file is empty.".to_owned())
        );
        assert!(
            refusal("service,commit\n")
                .1
                .contains("version, finished_at")
        );
        let problem = read("service,comit,version,finished_at\n", "d.csv").unwrap_err();
        assert!(problem.hint.unwrap().contains("`commit`"));
        assert!(
            refusal("service,commit,version,finished_at,service\n")
                .1
                .contains("twice")
        );
    }

    #[test]
    fn a_json_file_is_read_with_its_lines() {
        let text = "[\n  {\"service\":\"a\",\"commit\":\"abcdef1\",\"version\":\"[1,\\\"\",\"finishedAt\":\"2026-01-31T09:00:00Z\"},\n\n  {\"service\":\"a\",\n   \"commit\":\"abcdef1\",\"version\":\"2\",\"finishedAt\":\"2026-01-31T09:00:00Z\"}, {\"service\": 1}]";
        let problem = read(text, "d.json").unwrap_err();
        assert_eq!(problem.place.as_deref(), Some("d.json:5"));
        let deploys = read(&text.replace(", {\"service\": 1}", ""), "d.json").unwrap();
        assert_eq!(
            deploys.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [2, 4]
        );
        assert_eq!(
            read("[\n{]", "d.json").unwrap_err().place.as_deref(),
            Some("d.json:2")
        );
        assert_eq!(element_lines("[]"), Vec::<usize>::new());
        assert_eq!(element_lines("[1,\n2,[3,\n4],{\"a\":[]}]"), [1, 2, 2, 3]);
    }

    #[test]
    fn the_servers_place_becomes_the_files_line() {
        let row = "a,abcdef1,2,production,,2026-01-31T09:00:00Z,,\n";
        let batch = read(&format!("{HEAD}{row}\n{row}"), "d.csv").unwrap();
        let problem = Problem::new(ErrorCode::ImportInvalid, "no").place("[1].commit");
        let ClientError::Problem(problem) =
            locate(ClientError::Problem(Box::new(problem)), &batch, "d.csv", 0)
        else {
            panic!()
        };
        assert_eq!(problem.place.as_deref(), Some("d.csv:4 commit"));
    }
}
