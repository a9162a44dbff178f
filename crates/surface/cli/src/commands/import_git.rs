//! `andon import git`: people's own history, as git tells it.

use std::collections::HashSet;
use std::time::Instant;

use andon_api::Problem;
use andon_api::kinds::delivery::ImportedCommit;
use andon_client::git::{GitRepository, deploys_of_tags};
use andon_client::{Client, LONG_DEADLINE};
use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::context::{Context, list, reference};
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table};
use crate::words::{count, one_line};

/// The most commits of one call.
const BATCH_COMMITS_MAX: usize = 10_000;
/// The size from which on a batch is sent, in bytes.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// The most deploys of one call.
const BATCH_DEPLOYS_MAX: usize = 5_000;
/// The most services among which the one of a repository is looked for.
const SERVICES_MAX: usize = 20_000;

/// The repositories.
#[derive(Args, Debug)]
#[command(
    after_help = "Every branch and tag is read; what is known already is skipped, so that it can be repeated at any time.
Without --service, the component is taken whose annotation github.com/project-slug, or whose name,
fits the repository. Each tag becomes a deploy of it; without a service, commits alone are imported.

Examples:
  andon import git .
  andon import git ~/work/payments --service payments
  andon import git https://github.com/acme/payments git@github.com:acme/checkout.git"
)]
pub struct ImportGitArgs {
    /// The folder of a repository, or its address.
    #[arg(value_name = "PATH|URL", required = true)]
    sources: Vec<String>,
    /// The component that the repositories make.
    #[arg(long, value_name = "REF")]
    service: Option<String>,
    /// The environment that tags were deployed to.
    #[arg(long, value_name = "NAME", default_value = "production")]
    environment: String,
    /// Tags are no deploys here: import commits alone.
    #[arg(long)]
    no_deploys: bool,
}

/// What one import did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    repository: String,
    service: Option<String>,
    commits: i64,
    new_commits: i64,
    merges: i64,
    authors: i64,
    tags: i64,
    /// How many changes are new; absent where tags were not imported.
    deploys: Option<i64>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    seconds: f64,
}

pub(crate) async fn run(context: &Context, args: ImportGitArgs) -> Result<Exit, Failure> {
    let (client, output) = (context.client()?, &context.output);
    let known = match &args.service {
        Some(_) => Vec::new(),
        None => {
            list(&client, "/api/v1/components", &[], SERVICES_MAX)
                .await?
                .items
        }
    };
    let (mut summaries, mut exit) = (Vec::new(), Exit::Ok);
    for source in &args.sources {
        match import(&client, output, &args, source, &known).await {
            Ok(summary) => summaries.push(summary),
            // Without a server or the right to import, the other repositories would fail alike.
            Err(failure) if matches!(failure.exit(), Exit::NotAllowed | Exit::Unreachable) => {
                return Err(failure);
            }
            Err(failure) => {
                output.end_progress();
                output.raw_remark(&failure.text(context.has_token()));
                exit = failure.exit();
            }
        }
    }
    if !summaries.is_empty() {
        output.show(&summaries, || table(&summaries, output))?;
    }
    Ok(exit)
}

async fn import(
    client: &Client,
    output: &Output,
    args: &ImportGitArgs,
    source: &str,
    known: &[Value],
) -> Result<Summary, Failure> {
    let started = Instant::now();
    output.progress(&format!("reading {}", one_line(source)));
    let repository = GitRepository::open(&whole_path(source)).await?;
    output.end_progress();
    if repository.is_shallow() {
        output.remark(&format!("{}: the history is cut off; times to value begin in its middle (`git fetch --unshallow`)", repository.address()));
    }
    let service = match &args.service {
        Some(text) => Some(reference(text, "Component", "--service")?.to_string()),
        None => told_guess(
            output,
            repository.address(),
            guess(repository.address(), known),
        ),
    };
    let mut summary = Summary {
        repository: repository.address().to_owned(),
        service,
        ..Summary::default()
    };
    send_commits(client, output, &repository, &mut summary).await?;
    let rate = summary.commits as f64 / started.elapsed().as_secs_f64().max(0.001);
    output.end_progress();
    output.remark(&format!(
        "{}: {} commits, {} per second",
        summary.repository,
        count(summary.commits),
        count(rate as i64)
    ));
    send_tags(client, output, &repository, args, &mut summary).await?;
    summary.seconds = (started.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
    Ok(summary)
}

/// Makes the path of a folder whole, so that a repository has one name wherever it is called from.
fn whole_path(source: &str) -> String {
    match std::fs::canonicalize(source) {
        Ok(path) if path.is_dir() => path.to_string_lossy().into_owned(),
        _ => source.to_owned(),
    }
}

/// The component that a repository makes, as far as the catalog tells.
#[derive(Debug, PartialEq, Eq)]
enum Guess {
    One(String),
    Several(Vec<String>),
    None,
}

/// Finds the component by its project slug, then by the slug's last part, then by its name.
fn guess(address: &str, components: &[Value]) -> Guess {
    let parts = address_parts(address);
    let Some(folder) = parts.last().cloned() else {
        return Guess::None;
    };
    let slug = parts[parts.len().saturating_sub(2)..].join("/");
    let slug_of = |component: &Value| {
        let annotations = component.pointer("/metadata/annotations");
        ["github.com/project-slug", "gitlab.com/project-slug"]
            .iter()
            .find_map(|name| {
                annotations
                    .and_then(|all| all.get(*name))
                    .and_then(Value::as_str)
            })
            .map(str::to_lowercase)
    };
    let rules: [&dyn Fn(&Value) -> bool; 3] = [
        &|component| slug_of(component).is_some_and(|known| known == slug),
        &|component| {
            slug_of(component)
                .is_some_and(|known| known.rsplit('/').next() == Some(folder.as_str()))
        },
        &|component| fields::text(component, "/metadata/name").to_lowercase() == folder,
    ];
    for rule in rules {
        let mut found: Vec<String> = components
            .iter()
            .filter(|component| rule(component))
            .map(fields::reference)
            .collect();
        match found.len() {
            0 => {}
            1 => return Guess::One(found.remove(0)),
            _ => return Guess::Several(found),
        }
    }
    Guess::None
}

/// Splits an address into its parts in lower case, without `.git`.
fn address_parts(address: &str) -> Vec<String> {
    let mut parts: Vec<String> = address
        .split(['/', '\\', ':'])
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    if parts.last().is_some_and(|last| last == ".git") {
        parts.pop();
    }
    if let Some(last) = parts.last_mut()
        && let Some(short) = last.strip_suffix(".git").map(str::to_owned)
    {
        *last = short;
    }
    parts
}

fn told_guess(output: &Output, address: &str, guess: Guess) -> Option<String> {
    match guess {
        Guess::One(service) => Some(service),
        Guess::Several(services) => {
            output.remark(&format!(
                "{address}: it fits several components ({}), so that commits alone are imported; name one with --service",
                services.join(", ")
            ));
            None
        }
        Guess::None => {
            output.remark(&format!(
                "{address}: no component fits it, so that commits alone are imported; name one with --service"
            ));
            None
        }
    }
}

/// Commits that are sent together.
struct Batch {
    lines: Vec<u8>,
    commits: i64,
}

async fn send_commits(
    client: &Client,
    output: &Output,
    repository: &GitRepository,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let stream = repository.commits()?;
    let (sender, mut batches) = mpsc::channel::<Batch>(2);
    // Reading goes on while a batch is on its way.
    let reading = tokio::spawn(read_batches(stream, sender));
    let expected = count(i64::try_from(repository.commit_count()).unwrap_or(i64::MAX));
    let (mut sent, started) = (0_i64, Instant::now());
    while let Some(batch) = batches.recv().await {
        let answer: Value = client
            .post("/api/v1/import/commits")
            .query("repository", &summary.repository)
            .query_some("service", summary.service.as_deref())
            .bytes("application/x-ndjson", batch.lines)
            .deadline(LONG_DEADLINE)
            .send()
            .await?;
        sent += batch.commits;
        summary.new_commits += fields::integer(&answer, "/accepted").unwrap_or(0);
        let rate = sent as f64 / started.elapsed().as_secs_f64().max(0.001);
        output.progress(&format!(
            "{}: {} of {expected} commits, {} per second",
            summary.repository,
            count(sent),
            count(rate as i64)
        ));
    }
    let counted = reading
        .await
        .map_err(|error| Failure::Local(Problem::internal(error)))??;
    summary.commits = counted.commits;
    summary.merges = counted.merges;
    summary.authors = i64::try_from(counted.authors.len()).unwrap_or(i64::MAX);
    (summary.first_at, summary.last_at) = (counted.first_at, counted.last_at);
    Ok(())
}

/// What was counted while reading.
#[derive(Default)]
struct Counted {
    commits: i64,
    merges: i64,
    authors: HashSet<String>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

impl Counted {
    fn add(&mut self, commit: &ImportedCommit) {
        self.commits += 1;
        self.merges += i64::from(commit.parents.len() > 1);
        if !self.authors.contains(&commit.author) {
            self.authors.insert(commit.author.clone());
        }
        let at = commit.committed_at;
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
    }
}

async fn read_batches<S>(mut stream: S, sender: mpsc::Sender<Batch>) -> Result<Counted, Problem>
where
    S: futures::Stream<Item = Result<ImportedCommit, Problem>> + Send + Unpin,
{
    let mut counted = Counted::default();
    let mut batch = Batch {
        lines: Vec::new(),
        commits: 0,
    };
    while let Some(commit) = stream.next().await {
        let commit = commit?;
        counted.add(&commit);
        serde_json::to_writer(&mut batch.lines, &commit).map_err(Problem::internal)?;
        batch.lines.push(b'\n');
        batch.commits += 1;
        if batch.commits >= BATCH_COMMITS_MAX as i64 || batch.lines.len() >= BATCH_BYTES {
            let full = std::mem::replace(
                &mut batch,
                Batch {
                    lines: Vec::new(),
                    commits: 0,
                },
            );
            if sender.send(full).await.is_err() {
                return Ok(counted);
            }
        }
    }
    if batch.commits > 0 {
        let _receiver_gave_up = sender.send(batch).await;
    }
    Ok(counted)
}

async fn send_tags(
    client: &Client,
    output: &Output,
    repository: &GitRepository,
    args: &ImportGitArgs,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let mut tags = repository.tags().await?;
    summary.tags = i64::try_from(tags.len()).unwrap_or(i64::MAX);
    let Some(service) = summary.service.clone().filter(|_| !args.no_deploys) else {
        return Ok(());
    };
    let ahead = tags.iter().filter(|tag| tag.at > output.now).count();
    if ahead > 0 {
        output.remark(&format!(
            "{}: {ahead} tags are dated in the future and are passed over",
            summary.repository
        ));
        tags.retain(|tag| tag.at <= output.now);
    }
    let mut accepted = 0;
    for batch in deploys_of_tags(&tags, &service, &args.environment).chunks(BATCH_DEPLOYS_MAX) {
        output.progress(&format!(
            "{}: {} tags as deploys of {service}",
            summary.repository,
            count(summary.tags)
        ));
        let answer: Value = client
            .post("/api/v1/import/deploys")
            .json(&batch)
            .deadline(LONG_DEADLINE)
            .send()
            .await?;
        accepted += fields::integer(&answer, "/accepted").unwrap_or(0);
    }
    output.end_progress();
    summary.deploys = Some(accepted);
    Ok(())
}

fn table(summaries: &[Summary], output: &Output) -> String {
    let headings = [
        "Repository",
        "Service",
        "Commits",
        "New",
        "Merges",
        "Authors",
        "Tags",
        "New deploys",
        "First",
        "Last",
    ];
    let mut table = Table::new(&headings);
    let date = |time: Option<Timestamp>| {
        Cell::new(time.map_or_else(
            || "-".to_owned(),
            |time| time.strftime("%Y-%m-%d").to_string(),
        ))
    };
    for one in summaries {
        table.row(vec![
            Cell::new(&one.repository),
            Cell::new(one.service.as_deref().unwrap_or("-")),
            Cell::number(one.commits),
            Cell::number(one.new_commits),
            Cell::number(one.merges),
            Cell::number(one.authors),
            Cell::number(one.tags),
            one.deploys.map_or_else(|| Cell::right("-"), Cell::number),
            date(one.first_at),
            date(one.last_at),
        ]);
    }
    table.render(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn component(name: &str, slug: Option<&str>) -> Value {
        let annotations = slug.map_or_else(
            || json!({}),
            |slug| json!({"github.com/project-slug": slug}),
        );
        json!({"kind": "Component", "metadata": {"name": name, "namespace": "default", "annotations": annotations}})
    }

    fn one(name: &str) -> Guess {
        Guess::One(format!("component:default/{name}"))
    }

    #[test]
    fn a_repository_finds_its_component() {
        let known = [
            component("pay", Some("Acme/payments")),
            component("payments", None),
            component("checkout", Some("acme/checkout-service")),
        ];
        assert_eq!(
            guess("https://github.com/acme/payments.git", &known),
            one("pay")
        );
        assert_eq!(
            guess("git@github.com:acme/payments.git", &known),
            one("pay")
        );
        assert_eq!(guess("/srv/git/payments", &known), one("pay"));
        assert_eq!(
            guess("/work/checkout-service/.git", &known),
            one("checkout")
        );
        assert_eq!(guess("/work/Checkout/", &known), one("checkout"));
        assert_eq!(guess("/work/other", &known), Guess::None);
        assert_eq!(guess("/", &known), Guess::None);
    }

    #[test]
    fn two_that_fit_are_not_chosen_from() {
        let known = [
            component("api", Some("acme/shop")),
            component("web", Some("acme/shop")),
        ];
        assert!(
            matches!(guess("https://github.com/acme/shop", &known), Guess::Several(names) if names.len() == 2)
        );
    }

    #[tokio::test]
    async fn commits_are_counted_and_cut_into_batches() {
        let commit = |number: usize, parents: usize, author: &str| ImportedCommit {
            sha: format!("{number:040x}"),
            parents: vec!["a".repeat(40); parents],
            author: author.to_owned(),
            email: String::new(),
            authored_at: Timestamp::from_second(1_700_000_000).unwrap(),
            committed_at: Timestamp::from_second(1_700_000_000 + number as i64).unwrap(),
            subject: "x".to_owned(),
        };
        let commits: Vec<_> = (0..BATCH_COMMITS_MAX + 5)
            .map(|at| Ok(commit(at, at % 3, if at % 2 == 0 { "Maya" } else { "Sam" })))
            .collect();
        let (sender, mut batches) = mpsc::channel(2);
        let reading = tokio::spawn(read_batches(futures::stream::iter(commits), sender));
        let mut sizes = Vec::new();
        while let Some(batch) = batches.recv().await {
            assert_eq!(
                batch.lines.iter().filter(|byte| **byte == b'\n').count() as i64,
                batch.commits
            );
            sizes.push(batch.commits);
        }
        let counted = reading.await.unwrap().unwrap();
        assert_eq!(sizes, [10_000, 5]);
        assert_eq!(
            (counted.commits, counted.merges, counted.authors.len()),
            (10_005, 3_335, 2)
        );
        assert_eq!(
            counted.last_at,
            Some(Timestamp::from_second(1_700_010_004).unwrap())
        );
    }
}
