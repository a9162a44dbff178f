//! From options to a running server, and back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use andon_api::Problem;
use andon_auth::Authorizer;
use andon_egress::{Egress, MailSettings, Networks};
use andon_http::Service;
use andon_module::{Module, Runner, Settings, World};
use andon_objects::{Clock, DirectoryLock, Migration, Options, Registry, Store, SystemClock};
use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::inputs::Ports;
use crate::options::{Role, ServeOptions};
use crate::status::health;
use crate::telemetry::{self, Telemetry};
use crate::{assets, bootstrap, keeper, listen, modules};

/// How long running calls may take to end when the server stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// The first argument that makes this program a worker for policies.
pub const POLICY_WORKER: &str = "policy-worker";

/// Runs a role until it is told to stop.
///
/// # Errors
/// `SYS-0002` when the data directory is in use, the database cannot be reached or the address is taken; `REQ-0001`
/// when the token of the telemetry cannot be used.
pub async fn serve(options: ServeOptions) -> Result<(), Problem> {
    if let Role::Telemetry { listen, token } = &options.role {
        return telemetry::serve_telemetry(&options, listen, token.as_deref(), wait_for_signal()).await;
    }
    serve_records(options).await
}

async fn serve_records(options: ServeOptions) -> Result<(), Problem> {
    let _lock = DirectoryLock::take(&options.data)?;
    // Policies are strangers' programs: they run in a process of their own, with limits on time and memory.
    let program = std::env::current_exe().map_err(Problem::internal)?;
    andon_governance::isolate_policies(program, vec![POLICY_WORKER.to_owned()]);
    let modules = modules::modules();
    let store = open_store(&options, &modules).await?;
    let telemetry = Arc::new(Telemetry::open(&options, &store)?);
    telemetry::install(telemetry.clone());
    let listener = listen::main_port(&options.listen).await?;
    let address = listener.local_addr().map_err(Problem::internal)?;
    let world = make_world(&options, &modules, &store, &telemetry, address)?;
    if let Some(folder) = &options.demo {
        crate::demo::install(folder.clone(), &options.data);
    }

    let service = Service::new(world.clone());
    let router = make_router(&service, &modules, &telemetry, &options);
    crate::demo::install_router(&router);
    let (stop, stopping) = watch::channel(false);
    let mut ports = JoinSet::new();
    listen::answer(&mut ports, listener, router.clone(), &stopping);
    if options.otlp_ports {
        for (name, port) in [("otlp-grpc", 4317), ("otlp-http", 4318)] {
            if let Some(listener) = listen::standard_port(name, SocketAddr::new(address.ip(), port)).await {
                listen::answer(&mut ports, listener, router.clone(), &stopping);
            }
        }
    }
    // A process that owns the store opens its own.
    let inputs = if telemetry.is_inline() { Some(Ports::open(&options.inputs, telemetry.sink.clone()).await) } else { None };
    let runner = Runner::default();
    health().set_runner(runner.clone());
    let mut controllers = runner.start(&world, &modules, &stopping);
    let key = bootstrap::kept_key(&options.data.join("ledger.key"), || hex::encode(world.ids.new_key()))?;
    controllers.spawn(telemetry::run_custody(world.clone(), telemetry.clone(), stopping.clone()));
    controllers.spawn(keeper::run(world.clone(), service.refusals(), key, stopping.clone()));
    if let Some(path) = &options.bootstrap_token {
        bootstrap::write_token(&world, path).await?;
    }
    health().set_ready(true);
    tracing::info!(%address, data = %options.data.display(), "Andon is ready");

    wait_for_signal().await;
    tracing::info!("Andon is stopping");
    health().set_ready(false);
    let _receivers_gone = stop.send(true);
    finish(&mut ports).await;
    finish(&mut controllers).await;
    if let Some(inputs) = inputs {
        inputs.close().await;
    }
    telemetry.stop().await;
    store.close().await;
    Ok(())
}

async fn finish(tasks: &mut JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_MAX, all).await.is_err() {
        // Live feeds never end by themselves.
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
    }
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _interrupted = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn open_store(options: &ServeOptions, modules: &[Module]) -> Result<Store, Problem> {
    let own = modules.iter().flat_map(|module| module.migrations).copied();
    let migrations: Vec<Migration> = andon_auth::MIGRATIONS.iter().copied().chain(own).collect();
    Store::open(Options {
        directory: &options.data,
        url: options.database.as_deref(),
        registry: Registry::new(modules.iter().flat_map(|module| module.kinds.clone())),
        migrations,
        clock: Arc::new(SystemClock),
    })
    .await
}

fn make_world(
    options: &ServeOptions,
    modules: &[Module],
    store: &Store,
    telemetry: &Telemetry,
    address: SocketAddr,
) -> Result<World, Problem> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mail = options.smtp.clone().map(|url| MailSettings { url, from: options.mail_from.clone() });
    let networks = if options.private_egress { Networks::Private } else { Networks::Public };
    let egress = Egress::new(networks, mail.as_ref()).map_err(Problem::internal)?;
    let public_url = options.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    Ok(World {
        ids: store.ids(),
        store: store.clone(),
        clock,
        logs: telemetry.reader.clone(),
        egress,
        authorizer: Arc::new(Authorizer::built_in()?),
        gates: Arc::new(modules.iter().flat_map(|module| module.gates.clone()).collect()),
        admissions: Arc::new(modules.iter().flat_map(|module| module.admissions.clone()).collect()),
        settings: Settings { public_url: public_url.trim_end_matches('/').to_owned(), demo: options.demo.is_some() },
    })
}

fn make_router(service: &Service, modules: &[Module], telemetry: &Telemetry, options: &ServeOptions) -> Router {
    use axum::middleware::map_response;
    let rows = service.router(&modules::all_endpoints(modules));
    let grpc = telemetry::grpc_router(service.clone(), &telemetry.intake);
    let ui = assets::router(options.ui_dir.clone());
    rows.merge(grpc).merge(ui).layer(map_response(guard))
}

/// Sets what every answer carries.
async fn guard(mut response: http::Response<axum::body::Body>) -> http::Response<axum::body::Body> {
    use http::{HeaderValue, header};
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(assets::CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
