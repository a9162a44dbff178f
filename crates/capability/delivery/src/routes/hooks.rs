//! Webhooks of forges: the signature is checked on the raw bytes before anything is parsed.

use andon_api::event::Actor;
use andon_api::kinds::delivery::{ChangeSpec, ChangeStatus, ChangeType, Outcome, RecordChange, StageReport};
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_module::{Call, Endpoint, Reply, World, decode_pairs};
use andon_objects::{EventDraft, Priority};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::commits;
use crate::forge::{ForgeDeployment, ForgeEvent, ForgeRelease, read_github};
use crate::limits::{HOOK_BYTES_MAX, NAME_BYTES_MAX, SECRET_BYTES_MAX, SECRET_BYTES_MIN};
use crate::recorder::{Origin, Recorder, require_service};
use crate::signature::is_signed;

/// Where a forge's deliveries come in (`PUT /api/v1/hooks/{source}`).
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HookRequest {
    /// The forge: `github`, or what speaks as it does.
    pub forge: String,
    /// The secret that signs deliveries; it is never given out again.
    pub secret: String,
    /// The component that the repository makes.
    pub service: String,
}

/// What is known of a source; never its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HookSummary {
    /// The name of the source.
    pub source: String,
    /// The forge.
    pub forge: String,
    /// The component that the repository makes.
    pub service: String,
    /// The path that the forge posts to.
    pub path: String,
}

/// The sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hooks {
    /// The sources, by name.
    pub items: Vec<HookSummary>,
}

/// What was made of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HookAnswer {
    /// How many commits are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<u64>,
    /// The change that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ObjectRef>,
    /// Why nothing was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}

impl HookAnswer {
    fn ignored(why: &str) -> Self {
        Self { ignored: Some(why.to_owned()), ..Self::default() }
    }
}

pub(super) fn endpoints(recorder: &Recorder) -> Vec<Endpoint> {
    let recorder = recorder.clone();
    vec![
        Endpoint::put("/api/v1/hooks/{source}", "put_hook")
            .permission("hook.write")
            .event("hook.configured")
            .summary("Sets where a forge's deliveries come in and the secret that signs them.")
            .request::<HookRequest>()
            .response::<HookSummary>()
            .handle(|world, call| Box::pin(async move { Reply::json(&put_hook(&world, call).await?) })),
        Endpoint::get("/api/v1/hooks", "list_hooks")
            .permission("hook.read")
            .summary("Lists the sources of deliveries, without their secrets.")
            .response::<Hooks>()
            .handle(|world, _call| Box::pin(async move { Reply::json(&list_hooks(&world).await?) })),
        Endpoint::post("/hooks/github/{source}", "receive_github_hook")
            .open()
            .event("hook.received")
            .summary("Takes a delivery of GitHub (push, deployment, deployment_status, release, ping), signed with the source's secret.")
            .response::<HookAnswer>()
            .body_max_bytes(HOOK_BYTES_MAX)
            .handle(move |world, call| {
                let recorder = recorder.clone();
                Box::pin(async move { Reply::json(&receive(&world, &recorder, &Delivery::of(&call)).await?) })
            }),
    ]
}

fn is_source(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

async fn put_hook(world: &World, call: Call) -> Result<HookSummary, Problem> {
    let request: HookRequest = call.json()?;
    let source = call.path("source").to_owned();
    let refuse = |place: &str, detail: &str| Err(Problem::new(ErrorCode::RequestInvalid, detail).place(place));
    if !is_source(&source) {
        return refuse("source", "A source's name has 1 to 63 letters, digits, `-`, `_` or `.`.");
    }
    if request.forge != "github" {
        return refuse("forge", "The forge is `github`, or one that signs and speaks as GitHub does.");
    }
    if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&request.secret.len()) {
        return refuse("secret", "The secret has 8 to 1,000 bytes. Make one with `openssl rand -hex 32`.");
    }
    let service = ObjectRef::parse(request.service.trim(), Some("Component"), DEFAULT_NAMESPACE)
        .map_err(|problem| problem.place("service"))?;
    require_service(world, &service).await.map_err(|problem| problem.place("service"))?;
    let summary = HookSummary {
        path: format!("/hooks/github/{source}"),
        source: source.clone(),
        forge: request.forge.clone(),
        service: service.to_string(),
    };
    let draft = call.event("hook.configured").object(service.clone()).payload(json!({"source": source, "forge": request.forge}));
    world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move {
                let now = tx.now();
                let sql = "INSERT INTO delivery_hook (source, forge, secret, service, updated_at) VALUES ($1, $2, $3, $4, $5) \
                           ON CONFLICT (source) DO UPDATE SET forge = excluded.forge, secret = excluded.secret, \
                           service = excluded.service, updated_at = excluded.updated_at";
                let args = vec![source.into(), request.forge.into(), request.secret.into(), service.to_string().into(), now.into()];
                tx.execute(sql, args).await?;
                tx.record(draft).await
            })
        })
        .await?;
    Ok(summary)
}

async fn list_hooks(world: &World) -> Result<Hooks, Problem> {
    let rows = world.store.fetch("SELECT source, forge, service FROM delivery_hook ORDER BY source", vec![]).await?;
    let read = |row: &andon_objects::Row| {
        let source = row.text("source")?;
        Ok(HookSummary { path: format!("/hooks/github/{source}"), forge: row.text("forge")?, service: row.text("service")?, source })
    };
    Ok(Hooks { items: rows.iter().map(read).collect::<Result<_, Problem>>()? })
}

/// A source whose signature fitted.
struct Source {
    name: String,
    service: ObjectRef,
    origin: Origin,
}

/// What a forge sent, before anybody knows whether it may.
struct Delivery {
    source: String,
    event: String,
    id: String,
    signature: Option<String>,
    body: Bytes,
    is_form: bool,
    actor: Actor,
}

impl Delivery {
    fn of(call: &Call) -> Self {
        let text = |name: &str| call.header(name).unwrap_or_default().chars().take(NAME_BYTES_MAX).collect::<String>();
        Self {
            source: call.path("source").to_owned(),
            event: text("x-github-event"),
            id: text("x-github-delivery"),
            signature: call.header("x-hub-signature-256").map(str::to_owned),
            body: call.body.clone(),
            is_form: text("content-type").starts_with("application/x-www-form-urlencoded"),
            actor: call.caller.actor.clone(),
        }
    }

    /// Gives the JSON: the body itself, or the field of a form, which is GitHub's default.
    fn payload(&self) -> Vec<u8> {
        if !self.is_form {
            return self.body.to_vec();
        }
        decode_pairs(&String::from_utf8_lossy(&self.body)).remove("payload").unwrap_or_default().into_bytes()
    }
}

async fn receive(world: &World, recorder: &Recorder, delivery: &Delivery) -> Result<HookAnswer, Problem> {
    let source = verified(world, delivery).await?;
    let id = delivery.id.clone();
    if !id.is_empty() && is_seen(world, &source.name, &id).await? {
        return Ok(HookAnswer::ignored("this delivery was taken before"));
    }
    let event = read_github(&delivery.event, &delivery.payload())?;
    let answer = take(world, recorder, &source, event).await?;
    if !id.is_empty() {
        // Last, so that a crash before it lets the forge send the delivery again; taking it twice changes nothing.
        let name = source.name;
        world.store.write(Priority::Background, move |tx| Box::pin(async move { note_seen(tx, &name, &id).await })).await?;
    }
    Ok(answer)
}

/// Checks the signature; a source that is not known is refused in the same words as a wrong signature.
async fn verified(world: &World, delivery: &Delivery) -> Result<Source, Problem> {
    let name = delivery.source.clone();
    let sql = "SELECT secret, service FROM delivery_hook WHERE source = $1 AND forge = 'github'";
    let rows = world.store.fetch(sql, vec![name.clone().into()]).await?;
    let known = rows.first().map(|row| Ok::<_, Problem>((row.text("secret")?, row.text("service")?))).transpose()?;
    let secret = known.as_ref().map_or("", |(secret, _)| secret);
    // An unknown source is checked too, against nothing, so that the time tells nothing.
    let fits = is_signed(secret, &delivery.body, delivery.signature.as_deref());
    let Some((_, service)) = known.filter(|_| fits) else {
        refused(world, delivery, if rows.is_empty() { "unknown" } else { &name }).await?;
        return Err(Problem::new(ErrorCode::SignatureInvalid, "The delivery is not signed with the secret of this source.")
            .hint("Set the same secret at the forge and with `PUT /api/v1/hooks/{source}`."));
    };
    let actor = Actor { principal: format!("hook:{name}"), on_behalf_of: None, origin: delivery.actor.origin.clone() };
    let service = ObjectRef::parse(&service, None, DEFAULT_NAMESPACE)?;
    Ok(Source { origin: Origin { actor, rules: vec!["signed-deliveries-may-report-changes".to_owned()] }, name, service })
}

/// Records the refusal, at most one event per source and minute: whoever forges must not fill the ledger.
async fn refused(world: &World, delivery: &Delivery, source: &str) -> Result<(), Problem> {
    let signature = if delivery.signature.is_some() { "wrong" } else { "missing" };
    let code = ErrorCode::SignatureInvalid.code();
    let facts = json!({"source": source, "event": delivery.event, "signature": signature, "code": code});
    let draft = EventDraft::new(delivery.actor.clone(), "hook.refused").payload(facts);
    let source = source.to_owned();
    world
        .store
        .write(Priority::Background, move |tx| {
            Box::pin(async move {
                let minute = tx.now().as_second() / 60;
                let sql = "INSERT INTO delivery_hook_refusal (source, minute, count) VALUES ($1, $2, 1) \
                           ON CONFLICT (source, minute) DO UPDATE SET count = delivery_hook_refusal.count + 1 RETURNING count";
                let rows = tx.fetch(sql, vec![source.into(), minute.into()]).await?;
                if rows.first().map(|row| row.integer("count")).transpose()? == Some(1) {
                    tx.record(draft).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn is_seen(world: &World, source: &str, delivery: &str) -> Result<bool, Problem> {
    let sql = "SELECT at FROM delivery_hook_seen WHERE source = $1 AND delivery = $2";
    Ok(!world.store.fetch(sql, vec![source.into(), delivery.into()]).await?.is_empty())
}

async fn note_seen(tx: &mut andon_objects::Tx, source: &str, delivery: &str) -> Result<u64, Problem> {
    let now = tx.now();
    let sql = "INSERT INTO delivery_hook_seen (source, delivery, at) VALUES ($1, $2, $3) ON CONFLICT (source, delivery) DO NOTHING";
    tx.execute(sql, vec![source.into(), delivery.into(), now.into()]).await
}

async fn take(world: &World, recorder: &Recorder, source: &Source, event: ForgeEvent) -> Result<HookAnswer, Problem> {
    match event {
        ForgeEvent::Ping => Ok(HookAnswer::ignored("a ping; the signature fits")),
        ForgeEvent::Ignored(why) => Ok(HookAnswer::ignored(why)),
        ForgeEvent::Push { commits, .. } if commits.is_empty() => Ok(HookAnswer::ignored("no commits")),
        ForgeEvent::Push { repository, commits } => {
            let from = commits::Origin { repository, service: Some(source.service.clone()), provisional: true };
            let stored = commits::store(world, &from, commits, source.origin.draft("commits.imported")).await?;
            Ok(HookAnswer { commits: Some(stored.accepted), ..HookAnswer::default() })
        }
        ForgeEvent::Deployment(deployment) => deploy(world, recorder, source, deployment).await,
        ForgeEvent::Release(release) => publish(world, recorder, source, release).await,
    }
}

fn spec_of(source: &Source, repository: String, version: String, environment: String, commit: Option<String>) -> ChangeSpec {
    ChangeSpec {
        service: source.service.clone(),
        version,
        environment,
        change_type: ChangeType::Deploy,
        commit,
        repository: Some(repository),
        title: String::new(),
        rolls_back: None,
        tests: std::collections::BTreeMap::new(),
    }
}

/// Records a deployment when it is heard of first, and its end when that is heard of; in any order.
async fn deploy(
    world: &World,
    recorder: &Recorder,
    source: &Source,
    deployment: ForgeDeployment,
) -> Result<HookAnswer, Problem> {
    let stage = |finished_at| StageReport {
        name: "deploy".to_owned(),
        started_at: deployment.created_at,
        finished_at,
        actor: Some(deployment.actor.clone()),
        wait_reason: None,
    };
    let spec = spec_of(
        source,
        deployment.repository.clone(),
        deployment.version.clone(),
        deployment.environment.clone(),
        Some(deployment.commit.clone()),
    );
    let command = RecordChange {
        spec,
        stages: vec![stage(None)],
        outcome: None,
        idempotency_key: Some(format!("github:{}:deployment:{}", source.name, deployment.id)),
    };
    let recorded = recorder.record(world, command, source.origin.clone()).await?;
    let reference = recorded.change.reference();
    let status: ChangeStatus = recorded.change.status_as()?;
    if let Some((outcome, at)) = deployment.ended.filter(|_| status.outcome == Outcome::InProgress) {
        let reports = vec![stage(Some(at))];
        recorder.advance(world, reference.clone(), reports, Some(outcome), source.origin.clone()).await?;
    }
    Ok(HookAnswer { change: Some(reference), ..HookAnswer::default() })
}

/// Records a published release as a change of the environment `release`: it has reached whoever installs it.
async fn publish(world: &World, recorder: &Recorder, source: &Source, release: ForgeRelease) -> Result<HookAnswer, Problem> {
    let mut spec = spec_of(source, release.repository, release.version, "release".to_owned(), release.commit);
    spec.title = release.title;
    let stage = StageReport {
        name: "deploy".to_owned(),
        started_at: release.published_at,
        finished_at: Some(release.published_at),
        actor: Some(release.actor),
        wait_reason: None,
    };
    let command = RecordChange {
        spec,
        stages: vec![stage],
        outcome: Some(Outcome::Succeeded),
        idempotency_key: Some(format!("github:{}:release:{}", source.name, release.id)),
    };
    let recorded = recorder.record(world, command, source.origin.clone()).await?;
    Ok(HookAnswer { change: Some(recorded.change.reference()), ..HookAnswer::default() })
}
