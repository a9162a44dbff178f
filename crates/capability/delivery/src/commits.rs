//! Commits in their table: written in bulk, read as a graph, kept in memory while nothing changes.
//!
//! Invariants: a commit is stored once per repository and never changes, except that one of a real
//! import replaces a provisional one of a webhook (as does a push that knows the parents); each change of a repository raises its revision,
//! which is what the cache and the recount go by.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use andon_api::kinds::delivery::ImportedCommit;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_module::World;
use andon_objects::{Arg, EventDraft, Priority, Tx};
use serde_json::json;

use crate::commit_graph::{CommitGraph, CommitNode};
use crate::limits::GRAPH_COMMITS_MAX;

/// How many commits share a transaction, so that a page never waits long behind an import.
const COMMITS_PER_WRITE: usize = 2_000;
/// How many services' graphs are kept in memory.
const GRAPHS_KEPT: usize = 8;
/// How many commits of a line are looked up to find a repository that nobody named.
const LOOKUPS_MAX: usize = 5;

/// Where commits come from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The address in its one form.
    pub(crate) repository: String,
    /// The service that the repository makes.
    pub(crate) service: Option<ObjectRef>,
    /// Whether the parents are guessed, as in a push.
    pub(crate) provisional: bool,
}

/// How many commits an import brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) accepted: u64,
    pub(crate) known: u64,
}

/// Stores commits and records that they came, if any is new.
pub(crate) async fn store(
    world: &World,
    origin: &Origin,
    commits: Vec<ImportedCommit>,
    draft: EventDraft,
) -> Result<Stored, Problem> {
    let total = commits.len() as u64;
    let mut seen = HashSet::new();
    let mut rows: Vec<ImportedCommit> = commits.into_iter().filter(|commit| seen.insert(commit.sha.clone())).collect();
    let mut accepted = 0;
    loop {
        let rest = rows.split_off(rows.len().min(COMMITS_PER_WRITE));
        let (chunk, inner) = (std::mem::replace(&mut rows, rest), origin.clone());
        let is_last = rows.is_empty();
        let (draft, before) = (draft.clone(), accepted);
        accepted += world
            .store
            .write(Priority::Background, move |tx| {
                Box::pin(async move {
                    let number = repository_number(tx, &inner).await?;
                    let added = insert(tx, number, &inner, chunk).await?;
                    if added > 0 {
                        let sql = "UPDATE delivery_repository SET revision = revision + 1 WHERE id = $1";
                        tx.execute(sql, vec![number.into()]).await?;
                    }
                    if is_last && before + added > 0 {
                        tx.record(imported(draft, &inner, before + added, total)).await?;
                    }
                    Ok(added)
                })
            })
            .await?;
        if is_last {
            return Ok(Stored { accepted, known: total.saturating_sub(accepted) });
        }
    }
}

fn imported(draft: EventDraft, origin: &Origin, accepted: u64, total: u64) -> EventDraft {
    let facts = json!({"repository": origin.repository, "accepted": accepted, "known": total.saturating_sub(accepted)});
    match &origin.service {
        Some(service) => draft.payload(facts).object(service.clone()),
        None => draft.payload(facts),
    }
}

/// Finds the number of a repository, or gives it one.
async fn repository_number(tx: &mut Tx, origin: &Origin) -> Result<i64, Problem> {
    let now = tx.now();
    let sql = "INSERT INTO delivery_repository (id, address, service, revision, counted, created_at) \
               SELECT COALESCE(MAX(id), 0) + 1, $1, $2, 0, 0, $3 FROM delivery_repository WHERE 1 = 1 \
               ON CONFLICT (address) DO NOTHING";
    let service = origin.service.as_ref().map(ToString::to_string);
    tx.execute(sql, vec![origin.repository.clone().into(), service.clone().into(), now.into()]).await?;
    if service.is_some() {
        let sql = "UPDATE delivery_repository SET service = $2, revision = revision + 1 \
                   WHERE address = $1 AND (service IS NULL OR service <> $2)";
        tx.execute(sql, vec![origin.repository.clone().into(), service.into()]).await?;
    }
    let sql = "SELECT id FROM delivery_repository WHERE address = $1";
    let rows = tx.fetch(sql, vec![origin.repository.clone().into()]).await?;
    rows.first().ok_or_else(|| Problem::internal("a repository was not stored"))?.integer("id")
}

async fn insert(tx: &mut Tx, repository: i64, origin: &Origin, commits: Vec<ImportedCommit>) -> Result<u64, Problem> {
    let mut rows: Vec<Vec<Arg>> = commits
        .into_iter()
        .map(|commit| {
            vec![
                repository.into(),
                commit.sha.into(),
                commit.parents.join(" ").into(),
                commit.author.into(),
                commit.email.into(),
                commit.authored_at.into(),
                commit.committed_at.into(),
                commit.subject.into(),
                i64::from(origin.provisional).into(),
            ]
        })
        .collect();
    let mut touched = 0;
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(ROWS_PER_STATEMENT));
        touched += tx.insert_many(INSERT, std::mem::replace(&mut rows, rest), REPLACE_PROVISIONAL).await?;
    }
    Ok(touched)
}

/// SQLite looks a placeholder up among all before it, so a long statement costs the square of its length.
const ROWS_PER_STATEMENT: usize = 50;

const INSERT: &str = "INSERT INTO delivery_commit \
    (repository, sha, parents, author, email, authored_at, committed_at, subject, provisional)";

const REPLACE_PROVISIONAL: &str = "ON CONFLICT (repository, sha) DO UPDATE SET parents = excluded.parents, \
    author = excluded.author, email = excluded.email, authored_at = excluded.authored_at, \
    committed_at = excluded.committed_at, subject = excluded.subject, provisional = excluded.provisional \
    WHERE delivery_commit.provisional = 1 \
    AND (excluded.provisional = 0 OR (delivery_commit.parents = '' AND excluded.parents <> ''))";

/// Keeps the graphs of the services that were asked for last.
#[derive(Default)]
pub(crate) struct GraphCache {
    graphs: Mutex<Vec<(Vec<(i64, i64)>, Arc<CommitGraph>)>>,
}

impl GraphCache {
    fn find(&self, key: &[(i64, i64)]) -> Option<Arc<CommitGraph>> {
        let mut graphs = self.graphs.lock().ok()?;
        let at = graphs.iter().position(|(known, _)| known == key)?;
        let entry = graphs.remove(at);
        let graph = entry.1.clone();
        graphs.push(entry);
        Some(graph)
    }

    fn keep(&self, key: Vec<(i64, i64)>, graph: &Arc<CommitGraph>) {
        if let Ok(mut graphs) = self.graphs.lock() {
            // An older revision of the same repositories is never asked for again.
            graphs.retain(|(known, _)| !known.iter().map(|(id, _)| id).eq(key.iter().map(|(id, _)| id)));
            graphs.push((key, graph.clone()));
            if graphs.len() > GRAPHS_KEPT {
                graphs.remove(0);
            }
        }
    }

    /// Reads the commits that a line's deploys may come from, as one graph.
    ///
    /// `addresses` are the repositories that its changes name, `commits` theirs, newest first.
    pub(crate) async fn graph(
        &self,
        world: &World,
        service: &ObjectRef,
        addresses: &BTreeSet<String>,
        commits: &[&str],
    ) -> Result<Arc<CommitGraph>, Problem> {
        let repositories = repositories_of(world, service, addresses, commits).await?;
        let key: Vec<(i64, i64)> = repositories.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if key.is_empty() {
            return Ok(Arc::new(CommitGraph::default()));
        }
        if let Some(graph) = self.find(&key) {
            return Ok(graph);
        }
        let mut nodes = Vec::new();
        for (repository, _) in &key {
            read_nodes(world, *repository, &mut nodes).await?;
        }
        let graph = Arc::new(CommitGraph::new(nodes));
        self.keep(key, &graph);
        Ok(graph)
    }
}

async fn repositories_of(
    world: &World,
    service: &ObjectRef,
    addresses: &BTreeSet<String>,
    commits: &[&str],
) -> Result<HashMap<i64, i64>, Problem> {
    let mut found = HashMap::new();
    let by_service = "SELECT id, revision FROM delivery_repository WHERE service = $1";
    for row in world.store.fetch(by_service, vec![service.to_string().into()]).await? {
        found.insert(row.integer("id")?, row.integer("revision")?);
    }
    let by_address = "SELECT id, revision FROM delivery_repository WHERE address = $1";
    for address in addresses {
        for row in world.store.fetch(by_address, vec![address.clone().into()]).await? {
            found.insert(row.integer("id")?, row.integer("revision")?);
        }
    }
    if found.is_empty() {
        let by_commit = "SELECT DISTINCT r.id AS id, r.revision AS revision FROM delivery_repository r \
                         JOIN delivery_commit c ON c.repository = r.id WHERE c.sha >= $1 AND c.sha < $2";
        for commit in commits.iter().take(LOOKUPS_MAX) {
            // `g` follows the last hex digit, so the range holds every id that begins with the commit.
            let args = vec![(*commit).into(), format!("{commit}g").into()];
            for row in world.store.fetch(by_commit, args).await? {
                found.insert(row.integer("id")?, row.integer("revision")?);
            }
        }
    }
    Ok(found)
}

async fn read_nodes(world: &World, repository: i64, nodes: &mut Vec<CommitNode>) -> Result<(), Problem> {
    let sql = "SELECT sha, parents, author, authored_at FROM delivery_commit WHERE repository = $1";
    for row in world.store.fetch(sql, vec![repository.into()]).await? {
        if nodes.len() == GRAPH_COMMITS_MAX {
            return Err(Problem::new(
                ErrorCode::RequestTooLarge,
                format!("The service's repositories have more than {GRAPH_COMMITS_MAX} commits."),
            ));
        }
        nodes.push(CommitNode {
            sha: row.text("sha")?,
            parents: row.text("parents")?.split_whitespace().map(str::to_owned).collect(),
            author: row.text("author")?,
            authored_us: row.integer("authored_at")?,
        });
    }
    Ok(())
}
