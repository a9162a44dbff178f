//! The project's own tools: `cargo xtask tidy` and `cargo xtask gen`.
//!
//! Purpose: what the house asks of its own code is checked by a program and not by a reviewer's eye.
//!
//! Invariants: each check is a pure function from files to findings; a finding says where, what and
//! why; `tidy` writes nothing. Absent: formatting and lints, which rustfmt and clippy do better.

mod codes;
mod edges;
mod finding;
mod layout;
mod links;
mod locks;
mod markdown;
mod ratchet;
mod rust_text;
mod sizes;
mod tree;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use finding::Finding;
use tree::Tree;

const USAGE: &str = "usage: cargo xtask tidy [--check-generated]   checks what the house asks of its code
       cargo xtask gen                         writes what is generated: docs/reference/errors.md, spec/";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["tidy"] => tidy(false),
        ["tidy", "--check-generated"] => tidy(true),
        ["gen"] => generate(),
        _ => {
            say(USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Finds the root of the checkout that this is called in; the binary may have been built in another.
fn root() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let is_root = |folder: &&Path| folder.join(sizes::EXCEPTIONS).is_file();
    let found = here.ancestors().find(is_root).context("this is called outside of the repository")?;
    Ok(found.to_owned())
}

fn tidy(check_generated: bool) -> Result<ExitCode> {
    let root = root()?;
    let tree = Tree::read(&root)?;
    let mut findings = match edges::read(&root) {
        Ok(metadata) => edges::check(&metadata, &tree),
        // The other checks go on: they may say why cargo does not understand the workspace.
        Err(error) => vec![Finding::new("Cargo.toml", 1, format!("{error:#}"), "without the workspace no edge can be checked")],
    };
    findings.extend(layout::check(&tree));
    findings.extend(sizes::check(&tree)?);
    findings.extend(words::check(&tree));
    findings.extend(links::check(&tree));
    findings.extend(locks::check(&tree));
    findings.extend(codes::check_used(&tree));
    if check_generated {
        findings.extend(codes::check_page(&tree));
    }
    findings.sort();
    report(&findings, tree.files.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(findings: &[Finding], files: usize) {
    for finding in findings {
        say(&finding.to_string());
    }
    match findings.len() {
        0 => say(&format!("tidy: {files} files are as they should be")),
        1 => say("tidy: 1 finding"),
        count => say(&format!("tidy: {count} findings")),
    }
}

fn generate() -> Result<ExitCode> {
    let root = root()?;
    let page = root.join(codes::PAGE);
    if let Some(folder) = page.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&page, codes::page()).with_context(|| format!("{} cannot be written", page.display()))?;
    say(&format!("wrote {}", codes::PAGE));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "-p", "andon-server", "--test", "it", "generated"])
        .env("ANDON_GENERATE", "1")
        .current_dir(&root)
        .status()
        .context("cargo cannot be run")?;
    if !status.success() {
        bail!("the server did not write spec/ (see above)");
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints one line; a reader that went away is no error.
fn say(text: &str) {
    let _reader_gone = writeln!(std::io::stdout(), "{text}");
}
