//! Reads a git repository by asking `git` itself: commits as a stream, tags as a list.
//!
//! Purpose: `andon import git PATH|URL` takes people's history as it is, and its numbers agree with
//! git's because git counts them.
//! Invariants: the repository is walked once before the first commit is given out, so that a damaged
//! one is refused whole; git never asks for a password and runs no program that the repository names;
//! a URL is cloned bare and without file contents into a temporary folder that goes away afterwards.
//! Absent: HTTP (whoever calls sends the commits), any knowledge of services.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use andon_api::kinds::delivery::{ImportedCommit, ImportedDeploy, Outcome};
use andon_api::{ErrorCode, Problem};
use futures::stream::{self, Stream};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// One NUL-terminated field after the other; no text in a commit can hold a NUL.
const LOG_FORMAT: &str = "--format=%H%x00%P%x00%aN%x00%aE%x00%at%x00%ct%x00%s";
const TAG_FORMAT: &str = "--format=%(refname:strip=2)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(creatordate:unix)%00%(taggername)%00%(authorname)";
/// The longest field that is read, in bytes; a longer one is cut.
const FIELD_BYTES_MAX: usize = 60_000;
/// The longest name and subject that the import takes, in bytes.
const NAME_BYTES_MAX: usize = 300;
const SUBJECT_BYTES_MAX: usize = 500;
/// How much of git's own words is shown.
const MESSAGE_LINES_MAX: usize = 4;

/// A repository that was walked once and can be read.
#[derive(Debug)]
pub struct GitRepository {
    directory: PathBuf,
    address: String,
    commit_count: u64,
    is_shallow: bool,
    _clone: Option<TempDir>,
}

/// A tag that names a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The name, without `refs/tags/`.
    pub name: String,
    /// The commit that it leads to, also through an annotated tag.
    pub commit: String,
    /// When the tag was made; for a plain one, when its commit was.
    pub at: Timestamp,
    /// Who made it; for a plain one, who wrote its commit.
    pub author: String,
}

impl GitRepository {
    /// Opens a folder, or clones an address into a temporary one, and walks its history once.
    ///
    /// # Errors
    /// `DEL-0005` with git's own words when it is no repository, is damaged or cannot be cloned;
    /// `SYS-0002` when there is no git.
    pub async fn open(source: &str) -> Result<Self, Problem> {
        let source = source.trim();
        let local = local_path(source);
        let (directory, address, clone) = match local {
            Some(path) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                (path.clone(), path.display().to_string(), None)
            }
            None => {
                let (path, folder) = clone(source).await?;
                (path, without_password(source), Some(folder))
            }
        };
        let mut repository = Self {
            directory,
            address,
            commit_count: 0,
            is_shallow: false,
            _clone: clone,
        };
        repository.is_shallow = repository
            .ask(&["rev-parse", "--is-shallow-repository"])
            .await?
            .trim()
            == "true";
        // The commit graph file is a cache: only the commits themselves tell whether they are whole.
        let counted = repository
            .ask(&[
                "-c",
                "core.commitGraph=false",
                "rev-list",
                "--count",
                "--all",
            ])
            .await?;
        repository.commit_count = counted
            .trim()
            .parse()
            .map_err(|_| damaged(&repository.directory, "git counted no number"))?;
        Ok(repository)
    }

    /// Tells the address under which the repository is imported: its path, or its URL without a password.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Tells how many commits all branches and tags together have, as `git rev-list --count --all` says.
    pub fn commit_count(&self) -> u64 {
        self.commit_count
    }

    /// Tells whether the history is cut off, so that counts and times to value begin in the middle.
    pub fn is_shallow(&self) -> bool {
        self.is_shallow
    }

    /// Reads every commit of all branches and tags, children before parents.
    ///
    /// # Errors
    /// As [`GitRepository::open`]; an error later on is the last item of the stream.
    pub fn commits(
        &self,
    ) -> Result<impl Stream<Item = Result<ImportedCommit, Problem>> + Send + Unpin + 'static, Problem>
    {
        let mut command = git(&self.directory);
        command.args(["log", "--all", "--date-order", "-z", LOG_FORMAT]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| no_git(&error))?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Problem::internal("git has no output"))?;
        let log = Log {
            child,
            stdout: BufReader::with_capacity(1 << 16, stdout),
            directory: self.directory.clone(),
            ended: false,
        };
        Ok(Box::pin(stream::unfold(log, |mut log| async move {
            log.next().await.map(|item| (item, log))
        })))
    }

    /// Lists the tags that lead to a commit, oldest first.
    ///
    /// # Errors
    /// As [`GitRepository::open`].
    pub async fn tags(&self) -> Result<Vec<Tag>, Problem> {
        let text = self.ask(&["for-each-ref", "refs/tags", TAG_FORMAT]).await?;
        let mut tags = Vec::new();
        for line in text.lines() {
            match parse_tag(line) {
                Some(TagLine::Known(tag)) => tags.push(tag),
                Some(TagLine::Nested(mut tag)) => {
                    // A tag of a tag: older gits peel one layer only.
                    let target = format!("refs/tags/{}^{{commit}}", tag.name);
                    if let Ok(commit) = self
                        .ask(&["rev-parse", "--verify", "--quiet", &target])
                        .await
                    {
                        tag.commit = commit.trim().to_owned();
                        tags.push(tag);
                    }
                }
                None => {}
            }
        }
        tags.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        Ok(tags)
    }

    async fn ask(&self, arguments: &[&str]) -> Result<String, Problem> {
        let output = git(&self.directory)
            .args(arguments)
            .output()
            .await
            .map_err(|error| no_git(&error))?;
        answer(&self.directory, output)
    }
}

/// Reads the deploys that tags stand for, where a team tags what it brings to customers.
pub fn deploys_of_tags(tags: &[Tag], service: &str, environment: &str) -> Vec<ImportedDeploy> {
    tags.iter()
        .map(|tag| ImportedDeploy {
            service: service.to_owned(),
            commit: tag.commit.clone(),
            version: cut(tag.name.clone(), 200),
            environment: environment.to_owned(),
            started_at: None,
            finished_at: tag.at,
            actor: (!tag.author.is_empty()).then(|| tag.author.clone()),
            outcome: Some(Outcome::Succeeded),
        })
        .collect()
}

/// Makes a git that reads and does nothing else: no prompt, no pager, no program named by the repository.
fn git(directory: &Path) -> Command {
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

fn quiet(command: &mut Command) {
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

/// Tells the folder that a source names; none for an address.
fn local_path(source: &str) -> Option<PathBuf> {
    if let Some(path) = source.strip_prefix("file://") {
        return Some(PathBuf::from(path));
    }
    let path = PathBuf::from(source);
    let is_address = source.contains("://") || (is_scp_form(source) && !path.exists());
    (!is_address).then_some(path)
}

/// Tells whether the text reads `user@host:path`.
fn is_scp_form(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, path)| {
        host.len() > 1 && !host.contains(['/', '\\']) && !path.is_empty()
    })
}

/// Takes user name and password out of an address.
fn without_password(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest
                .split_once('/')
                .map_or((rest, String::new()), |(a, p)| (a, format!("/{p}")));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    }
}

async fn clone(address: &str) -> Result<(PathBuf, TempDir), Problem> {
    let folder = tempfile::Builder::new()
        .prefix("andon-import-")
        .tempdir()
        .map_err(|error| {
            Problem::new(
                ErrorCode::SystemUnavailable,
                format!("No temporary folder could be made: {error}."),
            )
        })?;
    let target = folder.path().join("repository.git");
    let mut command = Command::new("git");
    command
        .args([
            "-c",
            "core.askPass=",
            "clone",
            "--bare",
            "--filter=blob:none",
            "--quiet",
            "--",
        ])
        .arg(address)
        .arg(&target);
    quiet(&mut command);
    let output = command.output().await.map_err(|error| no_git(&error))?;
    if !output.status.success() {
        let said = git_said(&output.stderr).replace(address, &without_password(address));
        return Err(Problem::new(
            ErrorCode::ImportInvalid,
            format!("{} cannot be cloned: {said}", without_password(address)),
        )
        .hint("Try the same address with `git ls-remote`; for a private repository use a key or a credential helper."));
    }
    Ok((target, folder))
}

fn answer(directory: &Path, output: Output) -> Result<String, Problem> {
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(refused(directory, &output.stderr))
    }
}

/// Turns git's refusal into a problem that says what to do.
fn refused(directory: &Path, stderr: &[u8]) -> Problem {
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

fn damaged(directory: &Path, said: &str) -> Problem {
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

fn no_git(error: &std::io::Error) -> Problem {
    Problem::new(
        ErrorCode::SystemUnavailable,
        format!("`git` cannot be started: {error}."),
    )
    .hint("Install git (for example `apt-get install git`) and try again.")
}

/// Keeps the last lines of what git wrote, in one line.
fn git_said(stderr: &[u8]) -> String {
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

fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = (0..=bytes_max)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// A running `git log` whose output is read commit by commit.
struct Log {
    child: Child,
    stdout: BufReader<ChildStdout>,
    directory: PathBuf,
    ended: bool,
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

fn parse_commit(
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

fn seconds(text: &str) -> Option<Timestamp> {
    text.trim()
        .parse()
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
}

/// A tag as `git for-each-ref` tells it.
#[derive(Debug, PartialEq, Eq)]
enum TagLine {
    Known(Tag),
    /// It leads to another tag, which must be followed.
    Nested(Tag),
}

fn parse_tag(line: &str) -> Option<TagLine> {
    let fields: Vec<&str> = line.split('\0').collect();
    let [
        name,
        object_type,
        object,
        peeled_type,
        peeled,
        created,
        tagger,
        author,
    ] = fields.as_slice()
    else {
        return None;
    };
    let tag = |commit: &str| {
        let author = if tagger.is_empty() { author } else { tagger };
        Some(Tag {
            name: (*name).to_owned(),
            commit: commit.to_owned(),
            at: seconds(created)?,
            author: cut((*author).to_owned(), NAME_BYTES_MAX),
        })
    };
    match (*object_type, *peeled_type) {
        ("commit", _) => tag(object).map(TagLine::Known),
        ("tag", "commit") => tag(peeled).map(TagLine::Known),
        ("tag", "tag") => tag("").map(TagLine::Nested),
        // A tag of a tree or a file is no version.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use std::collections::{BTreeMap, BTreeSet};

    /// A repository of its own in a temporary folder, with dates that never change.
    struct Work {
        folder: TempDir,
    }

    impl Work {
        fn new() -> Self {
            let work = Self {
                folder: tempfile::tempdir().unwrap(),
            };
            work.run(&["init", "--quiet", "--initial-branch=main"]);
            work
        }

        fn path(&self) -> &str {
            self.folder.path().to_str().unwrap()
        }

        fn run(&self, arguments: &[&str]) -> String {
            self.run_as("Maya Lindqvist", 0, arguments)
        }

        fn run_as(&self, name: &str, second: i64, arguments: &[&str]) -> String {
            let date = format!("{} +0200", 1_700_000_000 + second);
            let output = std::process::Command::new("git")
                .args([
                    "-C",
                    self.path(),
                    "-c",
                    "commit.gpgSign=false",
                    "-c",
                    "tag.gpgSign=false",
                    "-c",
                    "core.hooksPath=/dev/null",
                ])
                .args(arguments)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_AUTHOR_NAME", name)
                .env("GIT_AUTHOR_EMAIL", "someone@acme.example")
                .env("GIT_COMMITTER_NAME", name)
                .env("GIT_COMMITTER_EMAIL", "someone@acme.example")
                .env("GIT_AUTHOR_DATE", &date)
                .env("GIT_COMMITTER_DATE", &date)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        }

        fn commit(&self, name: &str, second: i64, subject: &str) {
            self.run_as(
                name,
                second,
                &["commit", "--quiet", "--allow-empty", "-m", subject],
            );
        }

        /// A history with branches, merges, several authors and both sorts of tag.
        fn with_history() -> Self {
            let work = Self::new();
            work.commit("Maya Lindqvist", 0, "Start");
            work.run_as("Maya Lindqvist", 5, &["tag", "v1"]);
            for round in 0..5 {
                let second = 100 * (round + 1);
                work.run(&["checkout", "--quiet", "-b", &format!("feature-{round}")]);
                work.commit(
                    "Sam Okafor",
                    second,
                    &format!("Do part {round}\n\nwith a body"),
                );
                work.run(&["checkout", "--quiet", "main"]);
                work.commit("Ünïcødé «名前»", second + 10, "Keep the main line going");
                let merged = [
                    "merge",
                    "--quiet",
                    "--no-ff",
                    "-m",
                    "Merge it",
                    &format!("feature-{round}"),
                ];
                work.run_as("Maya Lindqvist", second + 20, &merged);
            }
            work.run_as(
                "Sam Okafor",
                9_000,
                &["tag", "-a", "v2", "-m", "The second"],
            );
            work.run_as(
                "Sam Okafor",
                9_500,
                &["tag", "-a", "v2-again", "-m", "A tag of a tag", "v2"],
            );
            let tree = work.run(&["rev-parse", "HEAD^{tree}"]);
            work.run(&["tag", "of-a-tree", &tree]);
            work
        }
    }

    async fn read(repository: &GitRepository) -> Vec<ImportedCommit> {
        repository
            .commits()
            .unwrap()
            .map(Result::unwrap)
            .collect()
            .await
    }

    #[tokio::test]
    async fn the_numbers_agree_with_git_itself() {
        let work = Work::with_history();
        let repository = GitRepository::open(work.path()).await.unwrap();
        let commits = read(&repository).await;
        let number = |arguments: &[&str]| work.run(arguments).parse::<usize>().unwrap();
        assert_eq!(commits.len(), number(&["rev-list", "--count", "--all"]));
        assert_eq!(commits.len() as u64, repository.commit_count());
        let merges = commits
            .iter()
            .filter(|commit| commit.parents.len() > 1)
            .count();
        assert_eq!(
            merges,
            number(&["rev-list", "--count", "--all", "--merges"])
        );
        let mut authors: BTreeMap<String, usize> = BTreeMap::new();
        for commit in &commits {
            *authors.entry(commit.author.clone()).or_default() += 1;
        }
        let expected: BTreeMap<String, usize> = work
            .run(&["shortlog", "-sn", "--all"])
            .lines()
            .map(|line| line.trim().split_once('\t').unwrap())
            .map(|(count, name)| (name.to_owned(), count.parse().unwrap()))
            .collect();
        assert_eq!(authors, expected);
        let ids: BTreeSet<&str> = commits.iter().map(|commit| commit.sha.as_str()).collect();
        assert!(
            commits
                .iter()
                .flat_map(|commit| &commit.parents)
                .all(|parent| ids.contains(parent.as_str()))
        );
    }

    #[tokio::test]
    async fn a_commit_is_read_with_its_dates_and_the_first_line() {
        let work = Work::new();
        work.commit("Ünïcødé «名前»", 42, "Say what\n\nand why");
        let repository = GitRepository::open(work.path()).await.unwrap();
        let commits = read(&repository).await;
        assert_eq!(commits[0].author, "Ünïcødé «名前»");
        assert_eq!(commits[0].subject, "Say what");
        assert_eq!(
            commits[0].authored_at,
            Timestamp::from_second(1_700_000_042).unwrap()
        );
        assert!(!repository.is_shallow());
    }

    #[tokio::test]
    async fn tags_lead_to_their_commits_also_through_other_tags() {
        let work = Work::with_history();
        let tags = GitRepository::open(work.path())
            .await
            .unwrap()
            .tags()
            .await
            .unwrap();
        let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["v1", "v2", "v2-again"]);
        for tag in &tags {
            assert_eq!(
                tag.commit,
                work.run(&["rev-parse", &format!("{}^{{commit}}", tag.name)])
            );
        }
        assert_eq!(tags[0].at, Timestamp::from_second(1_700_000_000).unwrap());
        assert_eq!(
            (tags[1].at, tags[1].author.as_str()),
            (Timestamp::from_second(1_700_009_000).unwrap(), "Sam Okafor")
        );
        let deploys = deploys_of_tags(&tags, "payments", "production");
        assert_eq!(
            (
                deploys.len(),
                deploys[1].version.as_str(),
                deploys[1].finished_at
            ),
            (3, "v2", tags[1].at)
        );
    }

    #[tokio::test]
    async fn a_repository_without_commits_has_none() {
        let work = Work::new();
        let repository = GitRepository::open(work.path()).await.unwrap();
        assert_eq!(
            (repository.commit_count(), read(&repository).await.len()),
            (0, 0)
        );
        assert!(repository.tags().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_damaged_repository_is_refused_whole_with_gits_words() {
        let work = Work::with_history();
        let parent = work.run(&["rev-parse", "HEAD~2"]);
        let object = work
            .folder
            .path()
            .join(".git/objects")
            .join(&parent[..2])
            .join(&parent[2..]);
        std::fs::remove_file(&object).unwrap();
        let problem = GitRepository::open(work.path()).await.unwrap_err();
        assert_eq!(problem.code, "DEL-0005");
        assert!(problem.detail.contains(&parent), "{}", problem.detail);
        assert!(problem.hint.unwrap().contains("fsck"));
    }

    #[tokio::test]
    async fn what_is_no_repository_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let problem = GitRepository::open(folder.path().to_str().unwrap())
            .await
            .unwrap_err();
        assert!(
            problem.detail.contains("no git repository"),
            "{}",
            problem.detail
        );
        let problem = GitRepository::open("/nowhere/at/all").await.unwrap_err();
        assert!(
            problem.detail.contains("There is no folder"),
            "{}",
            problem.detail
        );
    }

    #[tokio::test]
    async fn a_url_is_cloned_and_read_and_a_wrong_one_is_told_without_its_password() {
        let work = Work::with_history();
        let (target, _folder) = clone(&format!("file://{}", work.path())).await.unwrap();
        let cloned = GitRepository::open(target.to_str().unwrap()).await.unwrap();
        let original = GitRepository::open(work.path()).await.unwrap();
        assert_eq!(cloned.commit_count(), original.commit_count());
        let problem = GitRepository::open("https://maya:s3cret@127.0.0.1:1/x.git")
            .await
            .unwrap_err();
        assert!(
            problem.detail.contains("https://127.0.0.1:1/x.git")
                && !problem.detail.contains("s3cret"),
            "{}",
            problem.detail
        );
    }

    #[test]
    fn an_address_is_told_from_a_folder() {
        assert!(local_path("https://github.com/acme/payments").is_none());
        assert!(local_path("git@github.com:acme/payments.git").is_none());
        assert_eq!(local_path("file:///srv/x"), Some(PathBuf::from("/srv/x")));
        assert_eq!(local_path("../x"), Some(PathBuf::from("../x")));
        assert_eq!(without_password("https://a:b@host/x"), "https://host/x");
    }

    #[test]
    fn a_date_beyond_the_calendar_gives_way_to_the_committers() {
        let fields = [
            "a".repeat(40),
            String::new(),
            "M".into(),
            "m@x".into(),
            "99999999999999".into(),
            "1700000000".into(),
            "S".into(),
        ];
        let commit = parse_commit(fields).unwrap();
        assert_eq!(commit.authored_at, commit.committed_at);
    }
}
