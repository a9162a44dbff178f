//! The process that owns the telemetry.
//!
//! It is told what to do in the first line of its standard input, and ends when that closes: in order after the
//! word `stop`, at once when the server has died. It answers how it does before the store is open.

use std::io::{BufRead as _, Read as _};
use std::sync::Arc;
use std::time::Duration;

use andon_objects::DirectoryLock;
use andon_query::SqlEngine;
use andon_reader::{Caller, ReaderError, SqlRunner as _, code};
use andon_remote::{BorrowedTable, Door, Opened, Shelf, Stage, TableShape, answer, router};
use andon_store::LogStore;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::door_plan::DoorPlan;
use super::plan::Plan;
use crate::inputs::Ports;
use crate::{modules, tables};
use super::{budget, intake};

/// The longest plan.
const PLAN_BYTES: u64 = 16 << 20;
/// Threads for scans and for what else takes a while.
const BLOCKING_THREADS: usize = 64;
/// How long the last flush may take.
const FLUSH_MAX: Duration = Duration::from_secs(6);
/// How often a lock that somebody else holds is tried.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Runs the process that owns the telemetry until its standard input ends. `start_log` gets `text` or `json`.
///
/// # Errors
/// When it is told nothing that it understands, or its socket cannot be opened.
pub fn run_telemetry_worker(start_log: impl FnOnce(&str)) -> Result<(), String> {
    let mut line = String::new();
    std::io::stdin().lock().take(PLAN_BYTES).read_line(&mut line).map_err(|error| format!("nobody tells what to do: {error}"))?;
    let plan: Plan = serde_json::from_str(&line).map_err(|error| format!("what to do cannot be read ({error}): `andon serve` starts this process"))?;
    start_log(&plan.log);
    budget::keep(plan.memory_bytes);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("telemetry")
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    let result = runtime.block_on(work(plan));
    // Scans that still run have nobody to answer to.
    runtime.shutdown_background();
    result
}

async fn work(plan: Plan) -> Result<(), String> {
    let shelf = Shelf::new("it takes the lock of its folder");
    let socket = plan.socket().map_err(|problem| problem.detail)?;
    let listener = socket.listen().map_err(|error| format!("the socket cannot be opened: {error}"))?;
    let routes = router(shelf.clone()).merge(intake::router(shelf.clone(), plan.memory_bytes));
    let mut answering = JoinSet::new();
    if let Some(door) = &plan.door {
        answering.spawn(answer(open_door(door, &shelf).await?, routes.clone()));
    }
    answering.spawn(answer(listener, routes));
    let ordered = watch_server();
    let opening = tokio::task::spawn_blocking({
        let (shelf, runtime) = (shelf.clone(), tokio::runtime::Handle::current());
        move || match open(&plan, &shelf) {
            Ok((held, opened)) => {
                let sink = opened.sink.clone();
                shelf.put(Stage::Open(opened));
                Some((held, runtime.block_on(Ports::open(&plan.inputs, sink))))
            }
            Err(error) => {
                tracing::error!(%error, "the telemetry store cannot be opened");
                shelf.put(Stage::Failed(error));
                None
            }
        }
    });
    tokio::select! {
        Some(ended) = answering.join_next() => {
            return ended.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| error.to_string());
        }
        () = stop_wanted(ordered) => {}
    }
    if let Ok(Some((held, ports))) = tokio::time::timeout(FLUSH_MAX, opening).await.unwrap_or(Ok(None)) {
        ports.close().await;
        match tokio::time::timeout(FLUSH_MAX, held.store.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last lines stay in the write-ahead log"),
            Err(_) => tracing::warn!("the last lines stay in the write-ahead log: there was no time to make files of them"),
        }
    }
    Ok(())
}

async fn open_door(door: &DoorPlan, shelf: &Shelf) -> Result<Door, String> {
    let (own, admits) = door.keys().map_err(|problem| problem.detail)?;
    Door::open(&door.address, &own, admits, shelf).await.map_err(|error| format!("the address {} cannot be opened: {error}", door.address))
}

/// What is held for as long as the process lives.
struct Held {
    store: Arc<LogStore>,
    _lock: DirectoryLock,
}

fn open(plan: &Plan, shelf: &Shelf) -> Result<(Held, Opened), ReaderError> {
    let lock = loop {
        match DirectoryLock::take(&plan.folder) {
            Ok(lock) => break lock,
            Err(problem) if problem.is(andon_api::ErrorCode::SystemUnavailable) => std::thread::sleep(LOCK_PAUSE),
            Err(problem) => return Err(ReaderError::new(code::WRITE_FAILED, problem.detail)),
        }
    };
    shelf.put(Stage::Opening("it reads its write-ahead log and its list of files".to_owned()));
    let store = Arc::new(LogStore::open(plan.store_config()?)?);
    let borrowed = tables::shapes(&modules::kinds());
    let sql = SqlEngine::new(store.clone(), BorrowedTable::all(borrowed.clone(), shelf))?;
    let lent = |name: &str| borrowed.iter().any(|table| table.name == name);
    let own = sql.tables(&Caller::new("", |_| true)).into_iter().filter(|(name, _)| !lent(name));
    let tables = own.map(|(name, columns)| TableShape { name, columns }).collect();
    let opened = Opened { reader: store.clone(), sink: store.clone(), custody: store.clone(), archive: store.clone(), sql: Arc::new(sql), tables };
    Ok((Held { store, _lock: lock }, opened))
}

/// Tells when the server wants an end in order. When the server has died, this process ends at once: its lines
/// are durable, and the next server waits for the folder.
fn watch_server() -> oneshot::Receiver<()> {
    let (order, ordered) = oneshot::channel();
    let watch = move || {
        let mut word = String::new();
        let told = std::io::stdin().lock().take(16).read_line(&mut word);
        if told.is_ok() && word.trim() == "stop" {
            let _ending_already = order.send(());
            std::thread::sleep(FLUSH_MAX * 2);
        }
        std::process::exit(0);
    };
    if let Err(error) = std::thread::Builder::new().name("server-watch".to_owned()).spawn(watch) {
        tracing::error!(%error, "the end of the server would not be noticed");
    }
    ordered
}

async fn stop_wanted(ordered: oneshot::Receiver<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = ordered => {}
        () = terminated => {}
    }
}
