//! How the server does: for probes, for operators, for the settings page.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use andon_api::Problem;
use andon_module::{BoxFuture, Call, ControllerStatus, Endpoint, Reply, Runner, World};
use serde::Serialize;
use serde_json::{Value, json};

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// A port that was opened, or was not and why.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// What the status page shows beside the records.
#[derive(Clone, Default)]
pub(crate) struct Health {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    ready: bool,
    listeners: Vec<Listener>,
    runner: Option<Runner>,
    started: Option<Instant>,
}

/// The health of this process's server; rows are plain data, so they find it here.
pub(crate) fn health() -> &'static Health {
    static HEALTH: OnceLock<Health> = OnceLock::new();
    HEALTH.get_or_init(Health::default)
}

impl Health {
    pub(crate) fn set_ready(&self, ready: bool) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.ready = ready;
            inner.started.get_or_insert_with(Instant::now);
        }
    }

    pub(crate) fn set_runner(&self, runner: Runner) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.runner = Some(runner);
        }
    }

    pub(crate) fn add_listener(&self, listener: Listener) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.listeners.push(listener);
        }
    }

    fn is_ready(&self) -> bool {
        self.inner.lock().is_ok_and(|inner| inner.ready)
    }
}

/// The rows of status.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/livez", "read_liveness").open().hidden().handle(live),
        Endpoint::get("/readyz", "read_readiness").open().hidden().handle(ready),
        Endpoint::get("/api/v1/openapi.json", "read_openapi")
            .open()
            .summary("Gives this document.")
            .handle(openapi),
        Endpoint::get("/api/v1/status", "read_status")
            .permission("object.read")
            .summary("Tells how the server does: ports, controllers, telemetry, pages that are overdue.")
            .handle(status),
        Endpoint::get("/help/errors/{code}", "read_error_help").open().hidden().handle(error_help),
    ]
}

fn live(_world: World, _call: Call) -> Answer {
    Box::pin(async move { Ok(Reply::bytes(http::StatusCode::OK, "text/plain", "ok\n")) })
}

fn ready(_world: World, _call: Call) -> Answer {
    Box::pin(async move {
        if health().is_ready() {
            Ok(Reply::bytes(http::StatusCode::OK, "text/plain", "ready\n"))
        } else {
            Ok(Reply::bytes(http::StatusCode::SERVICE_UNAVAILABLE, "text/plain", "starting or stopping\n"))
        }
    })
}

fn openapi(_world: World, _call: Call) -> Answer {
    Box::pin(async move { Reply::json(&crate::modules::describe_api()) })
}

fn status(world: World, _call: Call) -> Answer {
    Box::pin(async move {
        let (listeners, controllers, uptime) = snapshot();
        let mut ports: Vec<Value> = listeners.iter().filter_map(|listener| serde_json::to_value(listener).ok()).collect();
        ports.extend(crate::inputs::ports().await);
        let sql = "SELECT count(*) AS pending, min(due_at) AS oldest FROM outbox WHERE state IN ('pending', 'leased')";
        let rows = world.store.fetch(sql, vec![]).await?;
        let row = rows.first().ok_or_else(|| Problem::internal("the outbox counts nothing"))?;
        let overdue_us = row.optional_integer("oldest")?.map_or(0, |due| world.now().as_microsecond() - due);
        Reply::json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptimeSeconds": uptime,
            "store": {"engine": world.store.engine().name()},
            "telemetry": crate::telemetry::telemetry()?.status().await,
            "mail": world.egress.has_mail(),
            "listeners": ports,
            "controllers": controllers,
            "outbox": {"pending": row.integer("pending")?, "oldestDueSeconds": (overdue_us / 1_000_000).max(0)},
            "overduePages": andon_response::overdue_pages(&world.store, world.now()).await?,
        }))
    })
}

fn snapshot() -> (Vec<Listener>, Vec<ControllerStatus>, u64) {
    let Ok(inner) = health().inner.lock() else { return Default::default() };
    let controllers = inner.runner.as_ref().map(Runner::statuses).unwrap_or_default();
    let uptime = inner.started.map_or(0, |started| started.elapsed().as_secs());
    (inner.listeners.clone(), controllers, uptime)
}

fn error_help(_world: World, call: Call) -> Answer {
    Box::pin(async move {
        let wanted = call.path("code");
        let code = andon_api::ErrorCode::ALL.iter().find(|code| code.code().eq_ignore_ascii_case(wanted));
        let code = code.ok_or_else(|| {
            Problem::new(andon_api::ErrorCode::ObjectNotFound, "There is no such error code.")
                .hint("`andon explain CODE` knows every code.")
        })?;
        Ok(Reply::html(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><title>{0}</title><style>:root{{color-scheme:light dark}}\
             body{{font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:10vh auto;padding:0 1rem}}</style>\
             <h1>{0}: {1}</h1><p>{2}</p><p>HTTP status {3}{4}.</p>",
            code.code(),
            code.title(),
            code.help(),
            code.meaning().status(),
            if code.meaning().retryable() { "; the same call may succeed later" } else { "" },
        )))
    })
}
