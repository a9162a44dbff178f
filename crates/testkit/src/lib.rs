//! A world for tests: a clock that is moved by hand, a store in a folder of its own, logs in memory,
//! and the real router.
//!
//! ```ignore
//! let mut kit = Testkit::new(vec![andon_catalog::module(), andon_delivery::module()]).await;
//! kit.apply("apiVersion: …").await;
//! let (status, change) = kit.post("/api/v1/changes", json!({…})).await;
//! kit.advance("5m").await;      // moves the clock and runs controllers and subscribers to rest
//! ```
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should stop where it fails")]

mod clock;
mod logs;

pub use clock::SimulatedClock;
pub use logs::MemoryLogs;

use std::path::PathBuf;
use std::sync::Arc;

use andon_auth::{Authorizer, Caller};
use andon_egress::{Egress, MailSettings, Networks};
use andon_http::Service;
use andon_module::{Module, Settings, World};
use andon_objects::{Clock, EventDraft, Migration, Options, Registry, Store};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

/// A world for tests.
pub struct Testkit {
    /// What capabilities are given.
    pub world: World,
    /// The clock, moved by hand.
    pub clock: SimulatedClock,
    /// The logs.
    pub logs: MemoryLogs,
    /// The modules under test.
    pub modules: Arc<Vec<Module>>,
    /// The text of an administrator's token.
    pub token: String,
    router: axum::Router,
    directory: Arc<tempfile::TempDir>,
}

/// Makes the modules; called again for each reopening.
pub type Modules = fn() -> Vec<Module>;

impl Testkit {
    /// Opens a world on SQLite, with the clock at 2026-03-02 09:00 UTC, a Monday.
    pub async fn new(modules: Vec<Module>) -> Self {
        Self::with_mail(modules, None).await
    }

    /// Opens a world that sends mail to a server of the test.
    pub async fn with_mail(modules: Vec<Module>, mail: Option<MailSettings>) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let clock = SimulatedClock::at("2026-03-02T09:00:00Z");
        Self::open(directory, clock, MemoryLogs::default(), modules, mail).await
    }

    /// Closes the store as a crash would and opens it again with the same clock and logs.
    pub async fn reopen(self, modules: Vec<Module>, mail: Option<MailSettings>) -> Self {
        let Self { world, clock, logs, directory, router, .. } = self;
        drop(router);
        world.store.close().await;
        Self::open(directory, clock, logs, modules, mail).await
    }

    async fn open(
        directory: Arc<tempfile::TempDir>,
        clock: SimulatedClock,
        logs: MemoryLogs,
        modules: Vec<Module>,
        mail: Option<MailSettings>,
    ) -> Self {
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let migrations = modules.iter().flat_map(|module| module.migrations).copied();
        let migrations: Vec<Migration> = andon_auth::MIGRATIONS.iter().copied().chain(migrations).collect();
        let store = Store::open(Options {
            directory: directory.path(),
            url: None,
            registry: Registry::new(modules.iter().flat_map(|module| module.kinds.clone())),
            migrations,
            clock: shared.clone(),
        })
        .await
        .unwrap();
        let world = World {
            ids: store.ids(),
            store,
            clock: shared,
            logs: Arc::new(logs.clone()),
            egress: Egress::new(Networks::Private, mail.as_ref()).unwrap(),
            authorizer: Arc::new(Authorizer::built_in().unwrap()),
            gates: Arc::new(modules.iter().flat_map(|module| module.gates.clone()).collect()),
            admissions: Arc::new(modules.iter().flat_map(|module| module.admissions.clone()).collect()),
            settings: Settings { public_url: "http://andon.test".to_owned(), demo: true },
        };
        let mut endpoints = andon_http::endpoints();
        endpoints.extend(modules.iter().flat_map(|module| module.endpoints.clone()));
        let router = Service::new(world.clone()).router(&endpoints);
        let mut kit = Self { world, clock, logs, modules: Arc::new(modules), token: String::new(), router, directory };
        kit.token = kit.new_token(None, "administrator").await;
        kit
    }

    /// Makes a token for a user with a role.
    pub async fn new_token(&self, user: Option<&str>, role: &str) -> String {
        let new = andon_auth::NewToken {
            user: user.map(|user| andon_api::ObjectRef::parse(user, Some("user"), "default").unwrap()),
            roles: vec![role.to_owned()],
            description: "test".to_owned(),
            expires_at: None,
        };
        let draft = EventDraft::new(andon_api::Actor::system("test"), "token.created");
        andon_auth::Tokens::new(self.world.store.clone()).create(new, draft).await.unwrap().0
    }

    /// Names the folder of the store.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Makes a caller with every right, for calls below HTTP.
    pub fn administrator(&self) -> Caller {
        Caller {
            actor: andon_api::Actor { principal: "token:test".to_owned(), on_behalf_of: None, origin: "test".to_owned() },
            roles: vec!["administrator".to_owned()],
            token_id: Some("test".to_owned()),
            ..Caller::default()
        }
    }

    /// Sends a request with a token (none for a stranger) and gives status and body text.
    pub async fn send(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::from(body.into())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn send_json(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (status, text) = self.send(Some(&self.token), method, path, &[], body).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Gets JSON as the administrator.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send_json(Method::GET, path, None).await
    }

    /// Posts JSON as the administrator.
    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send_json(Method::POST, path, Some(body)).await
    }

    /// Puts JSON as the administrator.
    pub async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send_json(Method::PUT, path, Some(body)).await
    }

    /// Applies YAML as the administrator and expects success.
    pub async fn apply(&self, yaml: &str) -> Value {
        let (status, text) = self.send(Some(&self.token), Method::POST, "/api/v1/apply", &[], yaml).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Runs controllers and subscribers until nothing changes any more.
    pub async fn settle(&self) {
        andon_module::settle(&self.world, &self.modules).await.expect("controllers and subscribers come to rest");
    }

    /// Moves the clock by a duration such as `5m`, then settles.
    pub async fn advance(&self, span: &str) {
        self.clock.advance(span);
        self.settle().await;
    }
}
