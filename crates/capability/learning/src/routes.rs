//! The rows of the API that learning adds: COEs, actions, reviews, the trace, the home page.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::learning::{Action, ActionSpec, ActionState, ActionStatus, FreezeReview, Home, MoveCoe, ReviewPack, ReviewVerification, Trace};
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::{EventDraft, Priority};
use jiff::civil::Date;

use crate::OnCall;
use crate::pack::Week;
use crate::read::Catalog;
use crate::typed::{ActionObject, IncidentObject};
use crate::{admission, chain, coes, homepage, reviews, trace, verifiers};

/// Lists the rows.
pub(crate) fn endpoints(on_call: Option<&OnCall>) -> Vec<Endpoint> {
    let mut rows = writing();
    rows.extend(reading());
    rows.push(home(on_call.cloned()));
    rows
}

fn home(on_call: Option<OnCall>) -> Endpoint {
    Endpoint::get("/api/v1/home", "read_home")
        .permission("home.read")
        .summary("Is anything wrong, what changed, what waits for me, who is on call.")
        .response::<Home>()
        .handle(move |world, call| Box::pin(read_home(world, call, on_call.clone())))
}

fn writing() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/incidents/{name}/coe", "open_coe")
            .permission("coe.write")
            .event("coe.opened")
            .summary("Opens the COE of an incident, filled in by machine, or gives the one that there is.")
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(open_coe(world, call))),
        Endpoint::post("/api/v1/coes/{name}/state", "move_coe")
            .permission("coe.write")
            .event("coe.moved")
            .summary("Moves a COE on, if its gates allow; LRN-0001 lists what is missing.")
            .request::<MoveCoe>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(move_coe(world, call))),
        Endpoint::post("/api/v1/actions", "create_action")
            .permission("action.write")
            .event("action.created")
            .summary("Adds a corrective action to a COE: with an owner, a due date and a verifier.")
            .request::<ActionSpec>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(create_action(world, call))),
        Endpoint::post("/api/v1/actions/{name}/verify", "verify_action")
            .permission("action.write")
            .event("action.verified")
            .summary("Runs the verifier of an action now; the action closes if, and only if, it passes.")
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(verify_action(world, call))),
        Endpoint::post("/api/v1/reviews", "freeze_review")
            .permission("review.write")
            .event("review.frozen")
            .summary("Freezes the pack of a week for a group; a frozen week stays as it is.")
            .request::<FreezeReview>()
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(freeze_review(world, call))),
        Endpoint::post("/api/v1/reviews/{name}/spin", "spin_wheel")
            .permission("review.write")
            .event("review.drawn")
            .summary("Spins the wheel: draws the team that presents, from the frozen pack; once per review.")
            .response::<AnyObject>()
            .handle(|world, call| Box::pin(spin_wheel(world, call))),
    ]
}

fn reading() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/review", "read_review")
            .permission("review.read")
            .summary("The numbers of a week as they are now, rolled up team -> group -> company.")
            .parameter("week", "Any day of the week, such as 2026-03-02; this week when absent.")
            .parameter("group", "The group; the company when absent.")
            .response::<ReviewPack>()
            .handle(|world, call| Box::pin(read_review(world, call))),
        Endpoint::get("/api/v1/reviews/{name}/verify", "verify_review")
            .permission("review.read")
            .summary("Tells whether a frozen pack is what was frozen, and the draw follows from it.")
            .response::<ReviewVerification>()
            .handle(|world, call| Box::pin(verify_review(world, call))),
        Endpoint::get("/api/v1/trace/{plural}/{name}", "read_trace")
            .permission("trace.read")
            .summary("The whole chain that an object belongs to, from the change to the review, or the name of what is missing.")
            .response::<Trace>()
            .handle(|world, call| Box::pin(read_trace(world, call))),
    ]
}

fn reference(kind: &str, name: &str) -> Result<ObjectRef, Problem> {
    let reference = ObjectRef::parse(name, Some(kind), "default")?;
    if reference.kind() == kind.to_lowercase() {
        return Ok(reference);
    }
    Err(Problem::new(ErrorCode::ReferenceInvalid, format!("`{name}` is not of kind {kind}.")))
}

async fn open_coe(world: World, call: Call) -> Result<Reply, Problem> {
    let incident = reference("Incident", call.path("name"))?;
    let draft = call.event("coe.opened");
    let incident = IncidentObject::read(&world.store.require(&incident).await?)?;
    let source = coes::source_of(&world, incident).await?;
    let (coe, created) = coes::open(&world, source, draft).await?;
    if created { Reply::created(&coe) } else { Reply::json(&coe) }
}

async fn move_coe(world: World, call: Call) -> Result<Reply, Problem> {
    let coe = reference("COE", call.path("name"))?;
    let wanted: MoveCoe = call.json()?;
    Reply::json(&coes::move_to(&world, &coe, wanted.state, call.event("coe.moved")).await?)
}

async fn create_action(world: World, call: Call) -> Result<Reply, Problem> {
    // What is missing is said in the words of actions (LRN-0003), by the kind's own check.
    let spec: serde_json::Value = call.json()?;
    let draft = call.event("action.created");
    let written = world.store.write(Priority::Object, move |tx| {
        Box::pin(async move {
            let name = tx.next_name("act").await?;
            let mut object: AnyObject = to_any(&andon_api::Object {
                api_version: Action::API_VERSION.to_owned(),
                kind: Action::KIND.to_owned(),
                metadata: andon_api::Metadata { name, namespace: "default".to_owned(), ..Default::default() },
                spec,
                status: Some(ActionStatus::default()),
            })?;
            let info = tx.registry().get(Action::KIND)?.clone();
            (info.check)(&object)?;
            let action = ActionObject::read(&object)?;
            admission::due_lies_ahead(tx, &action)?;
            exists(tx, &action.spec.coe, "spec.coe").await?;
            exists(tx, &ObjectRef::parse(&action.spec.owner, Some("User"), "default")?, "spec.owner").await?;
            object.metadata.version = 0;
            tx.put(object, draft).await
        })
    });
    Reply::created(&written.await?)
}

async fn exists(tx: &mut andon_objects::Tx, reference: &ObjectRef, place: &str) -> Result<(), Problem> {
    match tx.get(reference).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(ErrorCode::ReferenceBroken, format!("The action names {reference}, which does not exist.")).place(place)),
    }
}

async fn verify_action(world: World, call: Call) -> Result<Reply, Problem> {
    let action = reference("Action", call.path("name"))?;
    let by_caller = (call.caller.actor.clone(), call.rules.clone());
    drop(call);
    let object = ActionObject::read(&world.store.require(&action).await?)?;
    let catalog = Catalog::read(&world).await?;
    let verdict = verifiers::run(&world, &catalog, &object.spec).await?;
    let draft = move |event: &str| EventDraft::new(by_caller.0.clone(), event).rules(by_caller.1.clone());
    let written = verifiers::write(&world, &action, &object.spec, verdict.clone(), draft).await?;
    let status: ActionStatus = written.status_as()?;
    if status.state == ActionState::Verified {
        return Reply::json(&written);
    }
    Err(Problem::new(ErrorCode::VerifierFailed, format!("The action stays open. {}", verdict.text))
        .hint("The action closes by itself as soon as its verifier passes."))
}

async fn freeze_review(world: World, call: Call) -> Result<Reply, Problem> {
    let wanted: FreezeReview = call.json()?;
    let group = wanted.group.as_deref().filter(|group| !group.trim().is_empty());
    let group = group.map(|group| reference("Group", group)).transpose()?;
    let week = Week::of(wanted.week)?;
    let draft = call.event("review.frozen");
    let (review, created) = reviews::freeze(&world, week, group, draft).await?;
    if created { Reply::created(&review) } else { Reply::json(&review) }
}

async fn spin_wheel(world: World, call: Call) -> Result<Reply, Problem> {
    let review = reference("Review", call.path("name"))?;
    Reply::json(&reviews::spin(&world, &review, call.event("review.drawn")).await?)
}

async fn verify_review(world: World, call: Call) -> Result<Reply, Problem> {
    let review = reference("Review", call.path("name"))?;
    Reply::json(&reviews::verify(&world, &review).await?)
}

async fn read_review(world: World, call: Call) -> Result<Reply, Problem> {
    let week = match call.query_as::<Date>("week")? {
        Some(day) => Week::of(day)?,
        None => Week::containing(world.now())?,
    };
    let group = call.query("group").map(|group| reference("Group", group)).transpose()?;
    Reply::json(&reviews::live(&world, week, group.as_ref()).await?)
}

async fn read_trace(world: World, call: Call) -> Result<Reply, Problem> {
    let kind = world.store.registry().get(call.path("plural"))?.kind;
    let start = reference(kind, call.path("name"))?;
    let chain = chain::find(&world, &start).await?;
    Reply::json(&trace::trace(&chain))
}

async fn read_home(world: World, call: Call, on_call: Option<OnCall>) -> Result<Reply, Problem> {
    let caller = call.caller.clone();
    drop(call);
    let mut home = homepage::build(&world, &caller).await?;
    if let Some(on_call) = on_call {
        home.on_call = Some(on_call(world).await?);
    }
    Reply::json(&home)
}
