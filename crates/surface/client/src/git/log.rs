//! Commits, one after the other, out of a running `git log`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use andon_api::Problem;
use andon_api::kinds::delivery::ImportedCommit;
use futures::stream::{self, Stream};
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout};

use super::command::{cut, damaged, git, no_git, refused};

/// One NUL-terminated field after the other; no text in a commit can hold a NUL.
const LOG_FORMAT: &str = "--format=%H%x00%P%x00%aN%x00%aE%x00%at%x00%ct%x00%s";
/// The longest field that is read, in bytes; a longer one is cut.
const FIELD_BYTES_MAX: usize = 60_000;
/// The longest name and subject that the import takes, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 300;
const SUBJECT_BYTES_MAX: usize = 500;

/// A running `git log` whose output is read commit by commit.
struct Log {
    child: Child,
    stdout: BufReader<ChildStdout>,
    directory: PathBuf,
    ended: bool,
}

/// Reads every commit of all branches and tags, children before parents.
pub(super) fn commits(
    directory: &Path,
) -> Result<impl Stream<Item = Result<ImportedCommit, Problem>> + Send + Unpin + 'static, Problem> {
    let mut command = git(directory);
    command.args(["log", "--all", "--date-order", "-z", LOG_FORMAT]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| no_git(&error))?;
    let stdout = child.stdout.take().ok_or_else(|| Problem::internal("git has no output"))?;
    let log = Log {
        child,
        stdout: BufReader::with_capacity(1 << 16, stdout),
        directory: directory.to_owned(),
        ended: false,
    };
    Ok(Box::pin(stream::unfold(log, |mut log| async move { log.next().await.map(|item| (item, log)) })))
}

impl Log {
    async fn next(&mut self) -> Option<Result<ImportedCommit, Problem>> {
        if self.ended {
            return None;
        }
        let mut fields: [String; 7] = Default::default();
        for (index, field) in fields.iter_mut().enumerate() {
            match self.field().await {
                Ok(Some(text)) => *field = text,
                Ok(None) if index == 0 => return self.end().await,
                Ok(None) => {
                    self.ended = true;
                    return Some(Err(self.failure("its output broke off").await));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(self.failure(&error.to_string()).await));
                }
            }
        }
        Some(parse_commit(fields).map_err(|why| damaged(&self.directory, &why)))
    }

    /// Reads one field up to its NUL; none at the end of the output.
    async fn field(&mut self) -> std::io::Result<Option<String>> {
        let mut bytes = Vec::new();
        if self.stdout.read_until(0, &mut bytes).await? == 0 {
            return Ok(None);
        }
        if bytes.pop().is_some_and(|last| last != 0) {
            return Err(std::io::Error::other("its output broke off"));
        }
        bytes.truncate(FIELD_BYTES_MAX);
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn end(&mut self) -> Option<Result<ImportedCommit, Problem>> {
        self.ended = true;
        match self.child.wait().await {
            Ok(status) if status.success() => None,
            _ => Some(Err(self.failure("").await)),
        }
    }

    async fn failure(&mut self, why: &str) -> Problem {
        let mut stderr = Vec::new();
        if let Some(pipe) = self.child.stderr.as_mut() {
            let _rest_is_lost = pipe.take(65_536).read_to_end(&mut stderr).await;
        }
        if stderr.is_empty() {
            damaged(&self.directory, why)
        } else {
            refused(&self.directory, &stderr)
        }
    }
}

pub(super) fn parse_commit(
    [sha, parents, author, email, authored, committed, subject]: [String; 7],
) -> Result<ImportedCommit, String> {
    let is_sha = |text: &str| {
        matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if !is_sha(&sha) {
        return Err(format!("`{}` is no commit", cut(sha, 80)));
    }
    let committed_at = seconds(&committed).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(ImportedCommit {
        sha,
        parents: parents.split_whitespace().map(str::to_owned).collect(),
        author: cut(author, NAME_BYTES_MAX),
        email: cut(email, NAME_BYTES_MAX),
        // A date beyond the calendar is a broken clock of long ago; the committer's is the next best.
        authored_at: seconds(&authored).unwrap_or(committed_at),
        committed_at,
        subject: cut(subject, SUBJECT_BYTES_MAX),
    })
}

pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    text.trim()
        .parse()
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
}
