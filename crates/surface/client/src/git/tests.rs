use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use jiff::Timestamp;

use super::log::parse_commit;
use super::*;

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
