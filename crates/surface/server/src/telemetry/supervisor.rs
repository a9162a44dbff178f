//! Keeps the process that owns the telemetry alive: starts it, listens to its pulse, ends it when it hangs, and
//! starts it again.
//!
//! It runs on a thread of its own, so that nothing the server does delays it. Invariants: at most one process
//! lives at a time; the process ends with the server, however the server ends; the pause between two starts grows
//! and has a limit.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use andon_api::Problem;
use andon_remote::{Desk, Link, Pulse, Remote, SocketPath, Way};
use jiff::Timestamp;
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

use super::TELEMETRY_WORKER;
use super::plan::Plan;

/// How many arenas the allocator of the system may have.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// How often the pulse is taken; alarms hear of closed windows at this pace.
const PERIOD: Duration = Duration::from_millis(500);
/// A process without a pulse for so long hangs.
const HANG_MAX: Duration = Duration::from_secs(5);
/// How long a new process may take until its first pulse; opening the store comes later and may take longer.
const START_MAX: Duration = Duration::from_secs(30);
/// A store that has confirmed nothing for so long, although lines wait, hangs.
const STUCK_MAX_US: i64 = 120 * 1_000_000;
/// How long a process may take to end in order.
const STOP_MAX: Duration = Duration::from_secs(8);
/// A process that was up for so long had started well: the next start does not wait.
const STEADY: Duration = Duration::from_secs(10);
/// The first pause between two starts that did not go well, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What ends a child with its parent, even a child that is stopped.
const SETPRIV: &str = "/usr/bin/setpriv";
/// Secrets that the server may have in its environment and telemetry has no use for.
const SECRETS: [&str; 3] = ["ANDON_DATABASE_URL", "ANDON_SMTP_URL", "ANDON_TOKEN"];

/// How the last process ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
}

/// What operators see of the process.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Story {
    /// The process, while there is one on this machine.
    pub(crate) pid: Option<u32>,
    /// Since when it runs, or is reached.
    pub(crate) since: Option<Timestamp>,
    /// How often one was started, or reached.
    pub(crate) starts: u64,
    /// How the last one ended, or was lost.
    pub(crate) last_end: Option<End>,
}

type SharedStory = Arc<Mutex<Story>>;

pub(crate) fn lock(story: &Mutex<Story>) -> MutexGuard<'_, Story> {
    story.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the process alive until it is stopped.
pub(crate) struct Supervisor {
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    story: SharedStory,
}

impl Supervisor {
    pub(crate) fn start(plan: Plan, socket: SocketPath, link: Arc<Link>) -> Result<Self, Problem> {
        let (stop, stopping) = watch::channel(false);
        let (ended, stopped) = watch::channel(false);
        let story = SharedStory::default();
        let program = std::env::current_exe().map_err(Problem::internal)?;
        // Its own calls, on its own thread: a pulse waits for nobody else's.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Problem::internal)?;
        let remote = Remote::new(&Way::Socket(socket), link.clone(), Desk::new(Vec::new())).map_err(andon_module::telemetry_problem)?;
        let keeper = Keeper { program, plan, remote, link, story: story.clone(), stopping };
        let run = move || {
            runtime.block_on(keeper.run());
            let _nobody_waits = ended.send(true);
        };
        // A child that is tied to its parent is tied to this thread, which lives as long as the process.
        std::thread::Builder::new().name("andon-telemetry".to_owned()).spawn(run).map_err(Problem::internal)?;
        Ok(Self { stop, stopped, story })
    }

    pub(crate) fn story(&self) -> Story {
        lock(&self.story).clone()
    }

    /// Ends the process in order.
    pub(crate) async fn stop(&self) {
        let _keeper_gone = self.stop.send(true);
        let mut stopped = self.stopped.clone();
        let _keeper_gone = stopped.wait_for(|stopped| *stopped).await;
    }
}

struct Keeper {
    program: PathBuf,
    plan: Plan,
    remote: Remote,
    link: Arc<Link>,
    story: SharedStory,
    stopping: watch::Receiver<bool>,
}

/// How one life of the process ended.
enum Life {
    /// As it was told to.
    Stopped,
    /// By itself or by us; for how long it was up.
    Ended { reason: String, up: Duration },
}

impl Keeper {
    async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let life = match self.spawn().await {
                Ok((child, told)) => self.live(child, told).await,
                Err(error) => Life::Ended { reason: format!("it cannot be started: {error}"), up: Duration::ZERO },
            };
            let Life::Ended { reason, up } = life else { return };
            self.note_end(&reason);
            failures = if up >= STEADY { 0 } else { failures.saturating_add(1) };
            let pause = pause_after(failures);
            tracing::error!(reason, pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), "telemetry has ended and is started again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop_wanted(&mut self.stopping) => return,
            }
        }
    }

    fn note_end(&self, reason: &str) {
        self.link.down(reason);
        let mut story = lock(&self.story);
        story.pid = None;
        story.since = None;
        story.last_end = Some(End { at: Timestamp::now(), reason: reason.to_owned() });
    }

    async fn spawn(&self) -> std::io::Result<(Child, ChildStdin)> {
        let mut child = command(&same_program(&self.program), &self.plan.folder).spawn()?;
        let mut told = child.stdin.take().ok_or_else(|| std::io::Error::other("it has no standard input"))?;
        {
            let mut story = lock(&self.story);
            story.pid = child.id();
            story.since = Some(Timestamp::now());
            story.starts += 1;
        }
        let mut line = serde_json::to_vec(&self.plan)?;
        line.push(b'\n');
        tokio::time::timeout(START_MAX, told.write_all(&line)).await??;
        self.link.starting("the process is starting");
        Ok((child, told))
    }

    async fn live(&self, mut child: Child, told: ChildStdin) -> Life {
        let mut stopping = self.stopping.clone();
        let (mut heard, mut first, mut allowed) = (Instant::now(), None::<Instant>, START_MAX);
        let up = |first: Option<Instant>| first.map_or(Duration::ZERO, |first| first.elapsed());
        loop {
            let pulse = async {
                tokio::time::sleep(if first.is_some() { PERIOD } else { PERIOD / 10 }).await;
                self.remote.pulse(HANG_MAX).await
            };
            let pulse = tokio::select! {
                status = child.wait() => {
                    return Life::Ended { reason: status.map_or_else(|error| error.to_string(), describe), up: up(first) };
                }
                () = stop_wanted(&mut stopping) => return stop_in_order(child, told).await,
                pulse = pulse => pulse,
            };
            let wrong = match pulse {
                Ok(pulse) => {
                    (heard, allowed) = (Instant::now(), HANG_MAX);
                    self.hear(pulse, &mut first)
                }
                Err(_) if heard.elapsed() < allowed => None,
                Err(error) => Some(format!("it did not answer for {} s ({})", allowed.as_secs(), error.message)),
            };
            if let Some(reason) = wrong {
                end(child).await;
                return Life::Ended { reason, up: up(first) };
            }
        }
    }

    /// Takes a pulse; gives why the process has to end, if it has to.
    fn hear(&self, pulse: Pulse, first: &mut Option<Instant>) -> Option<String> {
        if let Some(error) = pulse.failed {
            return Some(format!("the store cannot be opened: {}", error.message));
        }
        if let Some(note) = pulse.opening {
            self.link.starting(&note);
            return None;
        }
        let now_us = Timestamp::now().as_microsecond();
        let behind_us = now_us - pulse.watermark_us;
        if first.is_some_and(|first| first.elapsed() > HANG_MAX) && pulse.watermark_us > 0 && behind_us > STUCK_MAX_US {
            return Some(format!("it has stored nothing for {} s, although lines wait", behind_us / 1_000_000));
        }
        if first.is_none() {
            tracing::info!(pid = lock(&self.story).pid, "telemetry is up");
            *first = Some(Instant::now());
        }
        self.link.up(pulse, now_us);
        None
    }
}

async fn stop_wanted(stopping: &mut watch::Receiver<bool>) {
    // A server that is gone wants it, too.
    let _server_gone = stopping.wait_for(|stop| *stop).await;
}

fn pause_after(failures: u32) -> Duration {
    match failures {
        // What had run well is back at once.
        0 | 1 => Duration::ZERO,
        more => PAUSE_MIN.saturating_mul(2_u32.saturating_pow(more.min(16) - 2)).min(PAUSE_MAX),
    }
}

async fn end(mut child: Child) {
    // Also ends a process that is stopped; it cannot refuse.
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "the telemetry process could not be ended");
    }
}

async fn stop_in_order(mut child: Child, mut told: ChildStdin) -> Life {
    let _gone_already = told.write_all(b"stop\n").await;
    drop(told);
    if tokio::time::timeout(STOP_MAX, child.wait()).await.is_err() {
        tracing::warn!("telemetry did not end in time; its last lines stay in the write-ahead log");
        end(child).await;
    }
    Life::Stopped
}

fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "it was killed (signal 9): by somebody, or by the kernel for want of memory".to_owned(),
        (Some(6), _) => "it gave up (signal 6): mostly because it wanted more memory than its budget".to_owned(),
        (Some(signal), _) => format!("it was ended by signal {signal}"),
        (None, Some(code)) => format!("it ended with code {code}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// Gives the program that runs now, also after its file was replaced: both processes must be the same version.
fn same_program(program: &Path) -> PathBuf {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let running = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    match (identity(program), identity(&running)) {
        (Some(file), Some(now)) if file == now => program.to_owned(),
        (_, Some(_)) => running,
        (_, None) => program.to_owned(),
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = if Path::new(SETPRIV).exists() {
        let mut command = Command::new(SETPRIV);
        command.args(["--pdeathsig", "KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.arg(TELEMETRY_WORKER).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    // The keys that end the server in a terminal are not for it: the server ends it in order.
    command.process_group(0).kill_on_drop(true);
    for secret in SECRETS {
        command.env_remove(secret);
    }
    // Each arena of glibc keeps what it once had; somebody who sets it knows better.
    if std::env::var_os(ARENAS).is_none() {
        command.env(ARENAS, "2");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_has_a_limit() {
        let pauses: Vec<_> = (0..10).map(|failures| pause_after(failures).as_millis()).collect();
        assert_eq!(pauses, [0, 0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(pause_after(u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn the_running_program_is_found_again() {
        let program = std::env::current_exe().unwrap();
        assert_eq!(same_program(&program), program);
        assert_eq!(same_program(Path::new("/replaced")), PathBuf::from(format!("/proc/{}/exe", std::process::id())));
    }
}
