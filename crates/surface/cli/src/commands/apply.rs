//! `andon apply`: files of objects, all or none.

use std::io::Read;
use std::path::{Path, PathBuf};

use andon_client::LONG_DEADLINE;
use clap::Args;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table};
use crate::words::count;

/// The most that one apply sends, in bytes; the server takes no more.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most files of one apply.
const FILES_MAX: usize = 20_000;
/// How deep folders are searched.
const DEPTH_MAX: usize = 64;

/// The files.
#[derive(Args, Debug)]
#[command(
    after_help = "Folders are searched for *.yaml, *.yml and *.json; hidden folders, node_modules and files
without any object in them are passed over. Everything is stored, or nothing is.

Examples:
  andon apply -f catalog-info.yaml
  andon apply -f ./andon -f ./teams --dry-run
  andon get alarms -o yaml | andon apply -f -"
)]
pub struct ApplyArgs {
    /// A file, a folder, or `-` for the standard input.
    #[arg(short, long = "file", value_name = "PATH", required = true, num_args = 1..)]
    file: Vec<PathBuf>,
    /// Do everything, and leave nothing behind.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(context: &Context, args: ApplyArgs) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    let mut passed_over = Vec::new();
    for path in &args.file {
        gather(path, &mut files, &mut passed_over)?;
    }
    remark_passed_over(&context.output, &passed_over);
    let body = join(&files)?;
    let client = context.client()?;
    let mut call = client
        .post("/api/v1/apply")
        .bytes("application/yaml", body)
        .deadline(LONG_DEADLINE);
    if args.dry_run {
        call = call.query("dryRun", true);
    }
    let answer: Value = call.send().await?;
    let results = fields::list(&answer, "/results");
    context
        .output
        .show(&results, || tell(results, &context.output))?;
    context.output.remark(&summary(results, args.dry_run));
    Ok(Exit::Ok)
}

/// A file and its text.
struct Source {
    name: String,
    text: String,
}

fn gather(
    path: &Path,
    files: &mut Vec<Source>,
    passed_over: &mut Vec<String>,
) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .take(BYTES_MAX as u64 + 1)
            .read_to_string(&mut text)
            .map_err(|error| {
                Failure::usage(format!("The standard input cannot be read: {error}."))
            })?;
        files.push(Source {
            name: "stdin".to_owned(),
            text,
        });
        return Ok(());
    }
    let about = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !about.is_dir() {
        files.push(read(path)?);
        return Ok(());
    }
    let mut found = Vec::new();
    walk(path, 0, &mut found)?;
    if found.is_empty() {
        return Err(Failure::usage(format!(
            "The folder {} holds no *.yaml, *.yml or *.json.",
            path.display()
        )));
    }
    let known = files.len();
    for file in found {
        let source = read(&file)?;
        if may_hold_objects(&source.text) {
            files.push(source)
        } else {
            passed_over.push(source.name)
        }
    }
    if files.len() == known {
        return Err(Failure::usage(format!(
            "No file in the folder {} holds an object.",
            path.display()
        ))
        .hint("An object has apiVersion, kind, metadata.name and spec."));
    }
    Ok(())
}

/// Tells whether a file found in a folder may hold objects; a package.json does not.
fn may_hold_objects(text: &str) -> bool {
    text.contains("apiVersion")
        || text.contains("\"kind\"")
        || text.lines().any(|line| line.starts_with("kind:"))
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if depth > DEPTH_MAX {
        return Err(Failure::usage(format!(
            "The folders are nested too deep at {}.",
            folder.display()
        )));
    }
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| unreadable(folder, &error))?.path());
    }
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_link = path
            .symlink_metadata()
            .is_ok_and(|about| about.is_symlink());
        if path.is_dir() {
            // A link may lead in a circle, and hidden folders are other tools'.
            if !is_link && !name.starts_with('.') && name != "node_modules" {
                walk(&path, depth + 1, found)?;
            }
        } else if has_extension(&path) && !name.starts_with('.') {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            return Err(
                Failure::usage(format!("There are more than {FILES_MAX} files."))
                    .hint("Apply them in parts."),
            );
        }
    }
    Ok(())
}

fn has_extension(path: &Path) -> bool {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    matches!(extension.as_str(), "yaml" | "yml" | "json")
}

fn read(path: &Path) -> Result<Source, Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        Failure::usage("The file is not UTF-8 text.").at(format!("{}:{line}", path.display()))
    })?;
    Ok(Source {
        name: path.display().to_string(),
        text,
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read: {error}.", path.display()))
}

/// Joins the files into one request; the server takes their names from the lines between them.
fn join(files: &[Source]) -> Result<String, Failure> {
    let mut body = String::new();
    for file in files {
        let name: String = file
            .name
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        body.push_str(&format!("# andon-file: {name}\n"));
        body.push_str(file.text.strip_prefix('\u{feff}').unwrap_or(&file.text));
        if !body.ends_with('\n') {
            body.push('\n');
        }
        if body.len() > BYTES_MAX {
            return Err(Failure::usage(format!(
                "The files are over {} MiB together.",
                BYTES_MAX >> 20
            ))
            .hint("Apply them in parts."));
        }
    }
    Ok(body)
}

fn remark_passed_over(output: &Output, names: &[String]) {
    const NAMED: usize = 5;
    if names.is_empty() {
        return;
    }
    let more = if names.len() > NAMED {
        format!(" and {} more", names.len() - NAMED)
    } else {
        String::new()
    };
    let named = names
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    output.remark(&format!(
        "passed over, because there is no object in it: {named}{more}"
    ));
}

fn tell(results: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Object", "Done", "Version"]);
    for result in results {
        let object = result.get("object").unwrap_or(&Value::Null);
        table.row(vec![
            Cell::new(fields::reference(object)),
            Cell::state(fields::text(result, "/action")),
            Cell::number(fields::integer(object, "/metadata/version").unwrap_or(0)),
        ]);
    }
    if table.is_empty() {
        String::new()
    } else {
        table.render(output)
    }
}

fn summary(results: &[Value], dry_run: bool) -> String {
    let number = |action: &str| {
        results
            .iter()
            .filter(|result| fields::text(result, "/action") == action)
            .count()
    };
    let told: Vec<String> = ["created", "updated", "unchanged"]
        .into_iter()
        .map(|action| (action, number(action)))
        .filter(|(_, number)| *number > 0)
        .map(|(action, number)| {
            format!(
                "{} {action}",
                count(i64::try_from(number).unwrap_or(i64::MAX))
            )
        })
        .collect();
    let told = if told.is_empty() {
        "There was no object to store".to_owned()
    } else {
        told.join(", ")
    };
    if dry_run {
        format!("{told} (dry run: nothing was stored)")
    } else {
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec: {}\n";

    fn names(folder: &Path) -> (Vec<String>, Vec<String>) {
        let (mut files, mut passed_over) = (Vec::new(), Vec::new());
        gather(folder, &mut files, &mut passed_over).unwrap();
        let short = |name: &String| {
            name.strip_prefix(&format!("{}/", folder.display()))
                .unwrap()
                .to_owned()
        };
        (
            files.iter().map(|file| short(&file.name)).collect(),
            passed_over.iter().map(short).collect(),
        )
    }

    #[test]
    fn a_folder_gives_its_objects_and_says_what_it_passes_over() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("b.yaml", OBJECT),
            ("a/catalog-info.yml", OBJECT),
            ("a/x.json", "{\"kind\":\"A\"}"),
            ("package.json", "{\"name\":\"x\"}"),
            ("notes.txt", OBJECT),
            (".git/x.yaml", OBJECT),
            ("node_modules/x/y.yaml", OBJECT),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (files, passed_over) = names(folder.path());
        assert_eq!(files, ["a/catalog-info.yml", "a/x.json", "b.yaml"]);
        assert_eq!(passed_over, ["package.json"]);
    }

    #[test]
    fn files_are_joined_under_their_names() {
        let source = |name: &str, text: &str| Source {
            name: name.into(),
            text: text.into(),
        };
        let body = join(&[
            source("a.yaml", "\u{feff}a: 1"),
            source("b\nc.yaml", "b: 2\n"),
        ])
        .unwrap();
        assert_eq!(
            body,
            "# andon-file: a.yaml\na: 1\n# andon-file: b?c.yaml\nb: 2\n"
        );
    }

    #[test]
    fn what_cannot_be_read_names_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
        let failure = gather(&path, &mut Vec::new(), &mut Vec::new()).unwrap_err();
        assert!(
            failure.text(false).contains("x.yaml:2"),
            "{}",
            failure.text(false)
        );
        assert_eq!(
            gather(
                &folder.path().join("none"),
                &mut Vec::new(),
                &mut Vec::new()
            )
            .unwrap_err()
            .exit(),
            Exit::Usage
        );
        let empty = tempfile::tempdir().unwrap();
        assert!(gather(empty.path(), &mut Vec::new(), &mut Vec::new()).is_err());
    }
}
