//! Apply: many documents, all or none.

use std::sync::{Arc, Mutex};

use andon_api::kind::KindInfo;
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use andon_module::{BoxFuture, Call, Caller, Reply, World};
use andon_objects::{EventDraft, Priority};
use serde::Serialize;
use serde_json::json;

use crate::document::{self, Document};
use crate::write::{Done, check_references, hide_secrets, store_one};

/// What an apply did, object by object.
#[derive(Clone, Debug, Serialize)]
pub struct Applied {
    /// The object as it is stored now.
    pub object: AnyObject,
    /// `created`, `updated` or `unchanged`.
    pub action: String,
}

/// Handles `POST /api/v1/apply`.
pub(crate) fn apply(world: World, call: Call) -> BoxFuture<'static, Result<Reply, Problem>> {
    Box::pin(async move {
        let text = std::str::from_utf8(&call.body)
            .map_err(|_| Problem::new(ErrorCode::YamlInvalid, "The documents are not UTF-8 text."))?;
        let documents = read_files(text, call.query("file"))?;
        let dry_run = call.query("dryRun").is_some_and(|value| value != "false");
        let applied = apply_documents(&world, &call.caller, documents, dry_run).await?;
        Reply::json(&json!({"dryRun": dry_run, "results": applied}))
    })
}

/// Splits a body of several files at lines `# andon-file: NAME`, so that problems name the right file.
fn read_files(text: &str, file: Option<&str>) -> Result<Vec<Document>, Problem> {
    const MARK: &str = "# andon-file: ";
    let mut documents = Vec::new();
    let mut rest = text;
    let mut name = file.unwrap_or("body").to_owned();
    loop {
        let mark = if rest.starts_with(MARK) { Some(0) } else { rest.find(&format!("\n{MARK}")).map(|at| at + 1) };
        let (part, tail) = mark.map_or((rest, ""), |at| rest.split_at(at));
        documents.extend(document::read(part, &name)?);
        let Some(after) = tail.strip_prefix(MARK) else { break };
        let (next, following) = after.split_once('\n').unwrap_or((after, ""));
        next.trim().clone_into(&mut name);
        rest = following;
    }
    if documents.len() > document::DOCUMENTS_MAX {
        return Err(Problem::new(ErrorCode::TooManyDocuments, "There are more than 10,000 documents."));
    }
    Ok(documents)
}

/// Applies objects that the server itself brings, for example the demo's.
///
/// # Errors
/// As an apply over HTTP.
pub async fn apply_objects(world: &World, caller: &Caller, text: &str, file: &str) -> Result<Vec<Applied>, Problem> {
    apply_documents(world, caller, document::read(text, file)?, false).await
}

async fn apply_documents(
    world: &World,
    caller: &Caller,
    documents: Vec<Document>,
    dry_run: bool,
) -> Result<Vec<Applied>, Problem> {
    let mut drafts = Vec::with_capacity(documents.len());
    for document in &documents {
        drafts.push(authorise(world, caller, document)?);
    }
    let (admissions, results) = (world.admissions.clone(), Arc::new(Mutex::new(Vec::new())));
    let (gathered, may_write) = (results.clone(), may_write(world, caller));
    let outcome = world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move {
                let mut stored = Vec::with_capacity(documents.len());
                for (document, draft) in documents.iter().zip(drafts) {
                    let one = store_one(tx, &admissions, document.object.clone(), draft, &may_write).await;
                    stored.push(one.map_err(|problem| document.locate(problem))?);
                }
                for (document, (object, done)) in documents.iter().zip(&stored) {
                    if *done != Done::Unchanged {
                        check_references(tx, object).await.map_err(|problem| document.locate(problem))?;
                    }
                }
                let applied: Vec<Applied> =
                    stored.into_iter().map(|(object, done)| present(tx.registry(), object, done)).collect();
                if let Ok(mut gathered) = gathered.lock() {
                    *gathered = applied;
                }
                // A dry run does everything and then leaves nothing behind.
                if dry_run { Err(Problem::new(ErrorCode::SystemUnavailable, DRY_RUN)) } else { Ok(()) }
            })
        })
        .await;
    match outcome {
        Err(problem) if !(dry_run && problem.detail == DRY_RUN) => Err(problem),
        _ => Ok(results.lock().map(|mut results| std::mem::take(&mut *results)).unwrap_or_default()),
    }
}

const DRY_RUN: &str = "This was a dry run.";

fn present(registry: &andon_objects::Registry, object: AnyObject, done: Done) -> Applied {
    let action = match done {
        Done::Created => "created",
        Done::Updated => "updated",
        Done::Unchanged => "unchanged",
    };
    let object = match registry.get(&object.kind) {
        Ok(kind) => hide_secrets(kind, object),
        Err(_) => object,
    };
    Applied { object, action: action.to_owned() }
}

fn authorise(world: &World, caller: &Caller, document: &Document) -> Result<EventDraft, Problem> {
    let kind = world.store.registry().get(&document.object.kind);
    let kind = kind.map_err(|problem| document.locate(problem.place("kind")))?;
    let rules = authorise_write(world, caller, kind, &document.object, "object.write")
        .map_err(|problem| document.locate(problem))?;
    Ok(EventDraft::new(caller.actor.clone(), format!("{}.applied", kind.kind.to_lowercase())).rules(rules))
}

/// Asks the rules for what stands already, where somebody would take it over.
pub(crate) fn may_write(world: &World, caller: &Caller) -> impl Fn(&AnyObject) -> Result<(), Problem> + Send + Sync + 'static {
    let (world, caller) = (world.clone(), caller.clone());
    move |standing| {
        let kind = world.store.registry().get(&standing.kind)?;
        authorise_write(&world, &caller, kind, standing, "object.write").map(|_| ())
    }
}

/// Asks the rules for one object, with its owner.
pub(crate) fn authorise_write(
    world: &World,
    caller: &Caller,
    kind: &KindInfo,
    object: &AnyObject,
    permission: &str,
) -> Result<Vec<String>, Problem> {
    let owner = object.spec.get("owner").and_then(|owner| owner.as_str());
    let owner = owner.and_then(|text| ObjectRef::parse(text, Some("group"), &object.metadata.namespace).ok());
    let reference = ObjectRef::new(kind.kind, &object.metadata.namespace, &object.metadata.name);
    let target = andon_auth::Target { object: Some(reference), owner };
    world.authorizer.decide(caller, permission, &target)?.require(caller, permission)
}
