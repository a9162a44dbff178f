//! The demo: the story of one change, from a deploy to a lesson that is enforced, on the running system.
//!
//! Nothing here is a short cut: each step calls the same API that people and programs call, as the
//! person who would, with that person's token; the shop is real processes and the mail is real mail.

mod act;
mod respond;
mod learn;
mod stage;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use andon_api::{ErrorCode, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};
use axum::Router;
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use stage::Stage;
use steps::Story;

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// Where the demo lives.
pub(crate) struct Place {
    /// The folder of the examples.
    pub(crate) examples: PathBuf,
    /// The folder of the running shop and its mailbox.
    pub(crate) work: PathBuf,
}

static PLACE: OnceLock<Place> = OnceLock::new();
static ROUTER: OnceLock<Router> = OnceLock::new();
/// The people's tokens are made once per start, not once per step.
static STAGE: OnceCell<Stage> = OnceCell::const_new();
static STORY: Mutex<Option<Story>> = Mutex::const_new(None);

/// Lets the demo be played from a folder of examples.
pub(crate) fn install(examples: PathBuf, data: &Path) {
    let _set_before = PLACE.set(Place { examples, work: data.join("demo") });
}

/// Gives the demo the server's own router, through which it calls like anybody else.
pub(crate) fn install_router(router: &Router) {
    let _set_before = ROUTER.set(router.clone());
}

/// The rows of the demo.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/demo", "read_demo")
            .permission("object.read")
            .summary("Tells the story of the demo and how far it has been played.")
            .handle(|world, call| Box::pin(read(world, call))),
        Endpoint::post("/api/v1/demo/next", "play_demo")
            .permission("demo.play")
            .event("demo.played")
            .summary("Plays the next step of the demo and answers when it has happened.")
            .handle(play),
        Endpoint::post("/api/v1/demo/reset", "reset_demo")
            .permission("demo.play")
            .summary("Takes the demo back to its first step; the records stay.")
            .handle(|world, call| Box::pin(reset(world, call))),
    ]
}

fn place() -> Result<&'static Place, Problem> {
    PLACE.get().ok_or_else(|| {
        Problem::new(ErrorCode::SystemUnavailable, "This server was not started with a demo.")
            .hint("Start it with `./run`, or with `andon serve --demo examples`.")
    })
}

async fn read(_world: World, _call: Call) -> Result<Reply, Problem> {
    let place = place()?;
    let mut story = STORY.lock().await;
    let story = story.get_or_insert_with(|| Story::load(&place.work));
    Reply::json(&story.describe())
}

fn play(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let place = place()?;
        let router = ROUTER.get().ok_or_else(|| Problem::internal("the demo has no router"))?;
        let mut story = {
            let mut shared = STORY.lock().await;
            let shared = shared.get_or_insert_with(|| Story::load(&place.work));
            shared.begin_next()?;
            shared.clone()
        };
        // A step may take a minute: it runs on its own, so that a browser that leaves does not break it.
        let draft = call.event("demo.played");
        let played = tokio::spawn(async move {
            let stage = STAGE.get_or_try_init(|| Stage::open(world.clone(), router.clone(), place)).await;
            let outcome = match stage {
                Ok(stage) => story.play(stage).await,
                Err(problem) => Err(problem),
            };
            story.end(&outcome);
            let facts = json!({"step": story.last_played(), "failed": outcome.as_ref().err().map(|p| p.detail.clone())});
            let store = world.store.clone();
            let recorded = store
                .write(andon_objects::Priority::Object, move |tx| {
                    Box::pin(async move { tx.record(draft.payload(facts)).await })
                })
                .await;
            story.save(&place.work)?;
            let description = story.describe();
            *STORY.lock().await = Some(story);
            recorded?;
            outcome.map(|()| description)
        });
        Reply::json(&played.await.map_err(Problem::internal)??)
    })
}

async fn reset(_world: World, _call: Call) -> Result<Reply, Problem> {
    let place = place()?;
    let fresh = Story::default();
    fresh.save(&place.work)?;
    let description = fresh.describe();
    *STORY.lock().await = Some(fresh);
    Reply::json(&description)
}
