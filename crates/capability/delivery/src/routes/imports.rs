//! Imports: commits and deploys of people's own world, and what was imported.

use std::collections::{BTreeMap, BTreeSet};

use andon_api::kinds::delivery::{ImportedDeploy, RecordChange};
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_module::{Call, Endpoint, Reply, World};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin;
use crate::change;
use crate::commit_graph::Counted;
use crate::commits;
use crate::import::{change_of, read_commits, read_deploys, repository_address};
use crate::limits::IMPORT_BYTES_MAX;
use crate::recorder::Recorder;

/// What an import of commits did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedCommits {
    /// How many commits are new.
    pub accepted: u64,
    /// How many were known already.
    pub known: u64,
}

/// What an import of deploys did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedDeploys {
    /// How many changes are new.
    pub accepted: usize,
    /// How many were known already.
    pub known: usize,
    /// The changes, in the order of the request.
    pub changes: Vec<ObjectRef>,
}

/// The imported repositories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Repositories {
    /// The repositories, by address.
    pub items: Vec<RepositorySummary>,
}

/// What is known of one imported repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepositorySummary {
    /// The address.
    pub repository: String,
    /// The service that it makes.
    pub service: Option<String>,
    /// How many commits it has.
    pub commits: i64,
    /// How many of them have several parents.
    pub merges: i64,
    /// How many names wrote them.
    pub authors: i64,
    /// When the first was committed.
    pub first_at: Option<Timestamp>,
    /// When the last was committed.
    pub last_at: Option<Timestamp>,
}

pub(super) fn endpoints(recorder: &Recorder) -> Vec<Endpoint> {
    let recorder = recorder.clone();
    vec![
        Endpoint::post("/api/v1/import/commits", "import_commits")
            .permission("change.import")
            .event("commits.imported")
            .summary("Imports commits, one JSON object per line; a bad line refuses the whole call.")
            .parameter("repository", "The repository's address or path.")
            .parameter("service", "The component that the repository makes.")
            .response::<ImportedCommits>()
            .body_max_bytes(IMPORT_BYTES_MAX)
            .handle(|world, call| Box::pin(async move { Reply::json(&import_commits(&world, call).await?) })),
        Endpoint::post("/api/v1/import/deploys", "import_deploys")
            .permission("change.import")
            .event("change.recorded")
            .summary("Imports deploys as changes, with the commits that each of them brought.")
            .request::<Vec<ImportedDeploy>>()
            .response::<ImportedDeploys>()
            .body_max_bytes(IMPORT_BYTES_MAX)
            .handle(move |world, call| {
                let recorder = recorder.clone();
                Box::pin(async move { Reply::json(&import_deploys(&world, &recorder, call).await?) })
            }),
        Endpoint::get("/api/v1/repositories", "list_repositories")
            .permission("change.read")
            .summary("Lists the imported repositories with their numbers.")
            .response::<Repositories>()
            .handle(|world, _call| Box::pin(async move { Reply::json(&repositories(&world).await?) })),
    ]
}

async fn import_commits(world: &World, call: Call) -> Result<ImportedCommits, Problem> {
    let repository = repository_address(call.query("repository").unwrap_or_default())?;
    let service = match call.query("service") {
        None => None,
        Some(text) => {
            let service = ObjectRef::parse(text.trim(), Some("Component"), DEFAULT_NAMESPACE)
                .map_err(|problem| problem.place("?service"))?;
            require(world, &service, "?service").await?;
            Some(service)
        }
    };
    let commits = read_commits(&call.body)?;
    let source = commits::Origin { repository, service, provisional: false };
    let draft = call.event("commits.imported");
    drop(call);
    let stored = commits::store(world, &source, commits, draft).await?;
    Ok(ImportedCommits { accepted: stored.accepted, known: stored.known })
}

async fn require(world: &World, service: &ObjectRef, place: &str) -> Result<(), Problem> {
    if service.kind() == "component" && world.store.get(service).await?.is_some() {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ImportInvalid, format!("The catalog has no service {service}."))
        .place(place)
        .hint("`andon get components` lists the services; `andon apply -f catalog-info.yaml` adds one. Nothing was stored."))
}

/// Imports deploys: everything is checked before anything is stored.
async fn import_deploys(world: &World, recorder: &Recorder, call: Call) -> Result<ImportedDeploys, Problem> {
    let (deploys, origin) = (read_deploys(&call.body)?, origin(&call));
    drop(call);
    let commands = checked(world, &deploys).await?;
    let count = commands.len();
    let mut lines: BTreeMap<(ObjectRef, String), Vec<(usize, RecordChange)>> = BTreeMap::new();
    for (index, command) in commands.into_iter().enumerate() {
        let line = (command.spec.service.clone(), command.spec.environment.clone());
        lines.entry(line).or_default().push((index, command));
    }
    let mut changes: Vec<Option<ObjectRef>> = vec![None; count];
    let mut accepted = 0;
    for (_, mut line) in lines {
        line.sort_by_key(|(index, _)| (deploys[*index].finished_at, *index));
        let (places, commands): (Vec<usize>, Vec<RecordChange>) = line.into_iter().unzip();
        for (place, recorded) in places.into_iter().zip(recorder.record_line(world, commands, &origin).await?) {
            accepted += usize::from(recorded.is_new);
            changes[place] = Some(recorded.change.reference());
        }
    }
    Ok(ImportedDeploys { accepted, known: count - accepted, changes: changes.into_iter().flatten().collect() })
}

async fn checked(world: &World, deploys: &[ImportedDeploy]) -> Result<Vec<RecordChange>, Problem> {
    let mut services = BTreeSet::new();
    let mut commands = Vec::with_capacity(deploys.len());
    for (index, deploy) in deploys.iter().enumerate() {
        let command = change_of(deploy, index)?;
        change::record(&command, &Counted::Unknown, world.now()).map_err(|problem| {
            let place = format!("[{index}].{}", problem.place.as_deref().unwrap_or_default().replace("spec.", ""));
            Problem::new(ErrorCode::ImportInvalid, problem.detail).place(place).hint("Nothing of this batch was stored.")
        })?;
        if services.insert(command.spec.service.clone()) {
            require(world, &command.spec.service, &format!("[{index}].service")).await?;
        }
        commands.push(command);
    }
    Ok(commands)
}

async fn repositories(world: &World) -> Result<Repositories, Problem> {
    let sql = "SELECT r.address AS address, r.service AS service, COUNT(c.sha) AS commits, \
               CAST(COALESCE(SUM(CASE WHEN c.parents LIKE '% %' THEN 1 ELSE 0 END), 0) AS BIGINT) AS merges, \
               COUNT(DISTINCT c.author) AS authors, MIN(c.committed_at) AS first_at, MAX(c.committed_at) AS last_at \
               FROM delivery_repository r LEFT JOIN delivery_commit c ON c.repository = r.id \
               GROUP BY r.address, r.service ORDER BY r.address";
    let mut items = Vec::new();
    for row in world.store.fetch(sql, vec![]).await? {
        let time = |column: &str| -> Result<Option<Timestamp>, Problem> {
            Ok(row.optional_integer(column)?.and_then(|us| Timestamp::from_microsecond(us).ok()))
        };
        items.push(RepositorySummary {
            repository: row.text("address")?,
            service: row.optional_text("service")?,
            commits: row.integer("commits")?,
            merges: row.integer("merges")?,
            authors: row.integer("authors")?,
            first_at: time("first_at")?,
            last_at: time("last_at")?,
        });
    }
    Ok(Repositories { items })
}
