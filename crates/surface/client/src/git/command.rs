//! The git that is called, and its refusals as problems that say what to do.

use std::path::Path;
use std::process::{Output, Stdio};

use andon_api::{ErrorCode, Problem};
use tokio::process::Command;

/// How much of git's own words is shown.
const MESSAGE_LINES_MAX: usize = 4;

/// Makes a git that reads and does nothing else: no prompt, no pager, no program named by the repository.
pub(super) fn git(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory);
    for setting in [
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "core.askPass=",
        "core.quotePath=false",
        "i18n.logOutputEncoding=UTF-8",
        "log.showSignature=false",
        "safe.directory=*",
    ] {
        command.args(["-c", setting]);
    }
    quiet(&mut command);
    command
}

pub(super) fn quiet(command: &mut Command) {
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .env("GIT_PAGER", "cat");
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
    }
    // An environment left over from a hook would point elsewhere.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
}

pub(super) fn answer(directory: &Path, output: Output) -> Result<String, Problem> {
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(refused(directory, &output.stderr))
    }
}

/// Turns git's refusal into a problem that says what to do.
pub(super) fn refused(directory: &Path, stderr: &[u8]) -> Problem {
    let said = git_said(stderr);
    if !directory.exists() {
        return Problem::new(
            ErrorCode::ImportInvalid,
            format!("There is no folder {}.", directory.display()),
        )
        .hint("Name the folder of a repository, or its address.");
    }
    if said.contains("not a git repository") {
        return Problem::new(
            ErrorCode::ImportInvalid,
            format!("{} is no git repository.", directory.display()),
        )
        .hint("Name the folder that `git status` works in, or a bare repository.");
    }
    damaged(directory, &said)
}

pub(super) fn damaged(directory: &Path, said: &str) -> Problem {
    Problem::new(
        ErrorCode::ImportInvalid,
        format!(
            "The repository {} cannot be read, and nothing of it was imported. git says: {said}",
            directory.display()
        ),
    )
    .hint(format!(
        "Run `git -C {} fsck` to see what is damaged, then fetch it again.",
        directory.display()
    ))
}

pub(super) fn no_git(error: &std::io::Error) -> Problem {
    Problem::new(
        ErrorCode::SystemUnavailable,
        format!("`git` cannot be started: {error}."),
    )
    .hint("Install git (for example `apt-get install git`) and try again.")
}

/// Keeps the last lines of what git wrote, in one line.
pub(super) fn git_said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let from = lines.len().saturating_sub(MESSAGE_LINES_MAX);
    let said = cut(lines[from..].join("; "), 800);
    if said.is_empty() {
        "nothing".to_owned()
    } else {
        said
    }
}

pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = (0..=bytes_max)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}
