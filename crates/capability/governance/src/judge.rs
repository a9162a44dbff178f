//! Asks policies, with a watchdog: whatever a policy does, an answer or a failure comes in time.
//!
//! Each question runs in a worker process where the server has one to start (see [`isolate_policies`]):
//! its memory is limited, and it is ended when it does not answer. Elsewhere (tests, embedding) the
//! question runs on a thread of its own; a thread cannot be ended, so when too many are stuck no more
//! questions are asked and every check is refused until they come back.
//!
//! Invariant: no answer is an answer of refusal. Absent: what the answer means (see `gate`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use andon_api::error::{ErrorCode, Problem};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::engine::{Compiled, Failure, compile};
use crate::limits::{
    COMPILE_MS, COMPILED_POLICIES, EVALUATION_MS, GRACE_MS, JUDGES, STACK_BYTES, JUDGES_RUNNING,
};
use crate::worker::{Pool, WorkerCommand};

static COMPILED: LazyLock<Mutex<HashMap<[u8; 32], Arc<Compiled>>>> = LazyLock::new(Mutex::default);
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(JUDGES));
static POOL: OnceLock<Pool> = OnceLock::new();

/// Has policies judged in a worker process from now on: the program and arguments that run
/// [`run_policy_worker`](crate::run_policy_worker). Later calls change nothing.
pub fn isolate_policies(program: std::path::PathBuf, arguments: Vec<String>) {
    let _ = POOL.set(Pool::new(WorkerCommand { program, arguments }));
}

/// Asks a policy about one input, without holding up whoever waits on other things.
///
/// # Errors
/// Why there is no answer; whoever asks must then refuse.
pub(crate) async fn ask(rego: Arc<str>, input: Arc<Value>, now: Timestamp) -> Result<Vec<String>, Failure> {
    let _turn = TURNS.acquire().await.map_err(|_| Failure::Engine { text: "the engine is shutting down".to_owned() })?;
    tokio::task::spawn_blocking(move || ask_now(&rego, &input, now))
        .await
        .unwrap_or_else(|error| Err(Failure::Engine { text: format!("the engine failed: {error}") }))
}

/// Asks a policy about one input, and waits for the answer.
///
/// # Errors
/// Why there is no answer.
pub(crate) fn ask_now(rego: &str, input: &Arc<Value>, now: Timestamp) -> Result<Vec<String>, Failure> {
    if let Some(pool) = POOL.get() {
        return pool.ask(rego, input, now);
    }
    let compiled = compiled(rego).map_err(|problem| Failure::Error { text: problem.detail })?;
    let input = Arc::clone(input);
    let limit = Duration::from_millis(EVALUATION_MS + GRACE_MS);
    guarded(limit, move || compiled.reasons(&input, now))?.unwrap_or(Err(Failure::TimeLimit { limit_ms: EVALUATION_MS }))
}

/// Compiles a policy, or remembers it.
///
/// # Errors
/// `GOV-0001` when it does not compile, or not in time.
pub(crate) fn compiled(rego: &str) -> Result<Arc<Compiled>, Problem> {
    let key = key_of(rego);
    if let Some(known) = lock(&COMPILED).get(&key) {
        return Ok(Arc::clone(known));
    }
    let text = rego.to_owned();
    let done = guarded(Duration::from_millis(COMPILE_MS), move || compile(&text))
        .map_err(|failure| Problem::new(ErrorCode::PolicyFailed, format!("The policy could not be read: {failure}.")))?;
    let fresh = Arc::new(done.unwrap_or_else(|| {
        let detail = format!("The policy takes longer than {COMPILE_MS} ms to compile.");
        Err(Problem::new(ErrorCode::PolicyInvalid, detail).place("spec.rego").hint("Make it smaller, or split it."))
    })?);
    let mut known = lock(&COMPILED);
    if known.len() >= COMPILED_POLICIES {
        known.clear();
    }
    known.insert(key, Arc::clone(&fresh));
    Ok(fresh)
}

/// Names a text by its digest.
pub(crate) fn key_of(rego: &str) -> [u8; 32] {
    Sha256::digest(rego.as_bytes()).into()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs work on a thread of its own and waits so long for it; `None` means that it is not done.
fn guarded<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>, Failure> {
    if RUNNING.load(Ordering::Acquire) >= JUDGES_RUNNING {
        return Err(Failure::Engine {
            text: "the engine is busy with policies that do not stop; restart the server after mending them".to_owned(),
        });
    }
    let (sender, receiver) = channel();
    RUNNING.fetch_add(1, Ordering::AcqRel);
    let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let _running = Running;
        let _ = sender.send(work());
    });
    if let Err(error) = thread {
        drop(Running);
        return Err(Failure::Engine { text: format!("the engine cannot start: {error}") });
    }
    match receiver.recv_timeout(limit) {
        Ok(done) => Ok(Some(done)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(Failure::Engine { text: "the engine failed on this policy".to_owned() }),
    }
}

/// Counts a thread that runs, until it ends, also by a panic.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_compiled_policy_is_remembered_by_its_text() {
        let rego = "package remembered\n\ndeny contains \"no\" if input.x == 1\n";
        let first = compiled(rego).unwrap();
        assert!(Arc::ptr_eq(&first, &compiled(rego).unwrap()));
        assert_eq!(ask_now(rego, &Arc::new(json!({"x": 1})), Timestamp::UNIX_EPOCH).unwrap(), ["no"]);
    }

    #[test]
    fn work_that_panics_is_a_failure_and_frees_its_place() {
        for _ in 0..2 * JUDGES_RUNNING {
            let failed: Result<Option<()>, Failure> = guarded(Duration::from_secs(5), || std::panic::panic_any("tried"));
            assert!(matches!(failed, Err(Failure::Engine { .. })), "{failed:?}");
        }
    }

    #[test]
    fn work_that_does_not_end_is_given_up() {
        let (release, wait) = channel::<()>();
        let given_up = guarded(Duration::from_millis(1), move || wait.recv().is_ok());
        assert_eq!(given_up, Ok(None));
        drop(release);
    }
}
