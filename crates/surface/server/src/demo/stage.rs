//! The stage: the people with their tokens, the shop's commands, the mailbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use andon_api::{Actor, ErrorCode, ObjectRef, Problem};
use andon_auth::{NewToken, Tokens};
use andon_module::World;
use andon_objects::EventDraft;
use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use serde_json::Value;
use tower::ServiceExt;

use super::Place;

/// Who plays, and with which role.
const PEOPLE: [(&str, &str); 6] = [
    ("maya", "engineer"),
    ("sam", "engineer"),
    ("alex", "engineer"),
    ("kim", "engineer"),
    ("lee", "engineer"),
    ("rio", "reporter"),
];

/// How often a condition is looked at while it is awaited.
const LOOK: Duration = Duration::from_millis(500);

/// The people, the shop and the mailbox.
pub(crate) struct Stage {
    world: World,
    router: Router,
    tokens: BTreeMap<&'static str, String>,
    examples: PathBuf,
    work: PathBuf,
    shop_port: u16,
    mailbox_port: u16,
}

/// What a command of the shop said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

fn port(variable: &str, default: u16) -> u16 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

impl Stage {
    /// Gives each person a token that ends within the day.
    pub(crate) async fn open(world: World, router: Router, place: &Place) -> Result<Self, Problem> {
        let keeper = Tokens::new(world.store.clone());
        let mut tokens = BTreeMap::new();
        for (name, role) in PEOPLE {
            let new = NewToken {
                user: Some(ObjectRef::new("user", "default", name)),
                roles: vec![role.to_owned()],
                description: format!("demo: {name}"),
                expires_at: world.now().checked_add(jiff::SignedDuration::from_hours(24)).ok(),
            };
            let draft = EventDraft::new(Actor::system("demo"), "token.created");
            tokens.insert(name, keeper.create(new, draft).await?.0);
        }
        Ok(Self {
            world,
            router,
            tokens,
            examples: place.examples.clone(),
            work: place.work.clone(),
            shop_port: port("SHOP_PORT", 4710),
            mailbox_port: port("MAILBOX_PORT", 4715),
        })
    }

    /// Names the folder of the examples.
    pub(crate) fn examples(&self) -> &std::path::Path {
        &self.examples
    }

    fn token(&self, person: &str) -> &str {
        self.tokens.get(person).map_or("", String::as_str)
    }

    /// Calls the API as a person.
    pub(crate) async fn call(&self, person: &str, method: Method, path: &str, body: Value) -> Result<Value, Problem> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let text = self.send(Some(person), method, path, text).await?;
        serde_json::from_str(&text).map_err(Problem::internal)
    }

    /// Reads from the API as the lead.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.call("lee", Method::GET, path, Value::Null).await
    }

    /// Posts to the API as a person.
    pub(crate) async fn post(&self, person: &str, path: &str, body: Value) -> Result<Value, Problem> {
        self.call(person, Method::POST, path, body).await
    }

    /// Sends a body as it is and gives the answer's text.
    pub(crate) async fn send(
        &self,
        person: Option<&str>,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<String, Problem> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(person) = person {
            request = request.header("authorization", format!("Bearer {}", self.token(person)));
        }
        let request = request.body(Body::from(body)).map_err(Problem::internal)?;
        let response = self.router.clone().oneshot(request).await.map_err(Problem::internal)?;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.map_err(Problem::internal)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if status.is_client_error() || status.is_server_error() {
            let problem = serde_json::from_str::<Problem>(&text);
            return Err(problem.unwrap_or_else(|_| Problem::internal(format!("{path} answered {status}: {text}"))));
        }
        Ok(text)
    }

    /// Runs a command of the shop with a person's token, as their shell would.
    pub(crate) async fn shop(&self, person: &str, arguments: &[&str]) -> Result<Said, Problem> {
        let andon = std::env::current_exe().map_err(Problem::internal)?;
        let run = tokio::process::Command::new("node")
            .arg(self.examples.join("shop/shop.mjs"))
            .args(arguments)
            .arg("--dir")
            .arg(self.work.join("shop"))
            .env("SHOP_DIR", self.work.join("shop"))
            .env("ANDON_URL", &self.world.settings.public_url)
            .env("ANDON_TOKEN", self.token(person))
            .env("ANDON_BIN", andon)
            .env("DEPLOYED_BY", format!("user:default/{person}"))
            .env("SHOP_PORT", self.shop_port.to_string())
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let done = tokio::time::timeout(Duration::from_secs(180), run)
            .await
            .map_err(|_| failed(format!("`shop {}` did not end within three minutes.", arguments.join(" "))))?
            .map_err(|error| failed(format!("node cannot be run: {error}.")))?;
        Ok(Said {
            code: done.status.code().unwrap_or(-1),
            output: String::from_utf8_lossy(&done.stdout).trim().to_owned(),
            errors: String::from_utf8_lossy(&done.stderr).trim().to_owned(),
        })
    }

    /// Deploys as the shop's own script does, and tells the change.
    pub(crate) async fn deploy(&self, person: &str, arguments: &[&str]) -> Result<String, Problem> {
        let mut all = vec!["deploy"];
        all.extend(arguments);
        let said = self.shop(person, &all).await?;
        if said.code != 0 {
            return Err(failed(format!("`deploy {}` failed: {}", arguments.join(" "), last_lines(&said.errors))));
        }
        let change = said.output.split_whitespace().find(|word| word.starts_with("chg-"));
        change.map(str::to_owned).ok_or_else(|| failed(format!("The deploy named no change: {}", said.output)))
    }

    /// Reads the customers' open cases from the shop, the newest first.
    pub(crate) async fn cases(&self) -> Result<Value, Problem> {
        self.read_local(self.shop_port + 3, "/cases").await
    }

    /// Reads the mailbox, the newest message first.
    pub(crate) async fn messages(&self) -> Result<Value, Problem> {
        self.read_local(self.mailbox_port, "/messages?kind=mail").await
    }

    async fn read_local(&self, port: u16, path: &str) -> Result<Value, Problem> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let answer = self.world.egress.get(&url).await.map_err(|error| failed(format!("{url}: {error}.")))?;
        serde_json::from_slice(&answer.body).map_err(|error| failed(format!("{url} answered no JSON: {error}.")))
    }

    /// Waits until something is there, looking twice a second.
    pub(crate) async fn until<T, F>(&self, seconds: u64, what: &str, look: impl Fn() -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<Option<T>, Problem>>,
    {
        for _ in 0..seconds * 2 {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(failed(format!("{what} did not happen within {seconds} s.")))
    }
}

/// Makes the problem of a step that did not go as told.
pub(crate) fn failed(text: String) -> Problem {
    Problem::new(ErrorCode::SystemUnavailable, text).hint("`andon status` and the shop's logs say more; the step can be played again.")
}

/// Keeps the last lines of what a command said.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" · ")
}
