//! The worker process: one policy question per line in, one answer per line out.
//!
//! A policy can hurt nothing but its worker: memory is limited by the operating system, a worker that
//! does not answer in time is ended, and the next question gets a new one.
//!
//! Invariant: an answer is the answer to the question just asked; a worker that missed one is never
//! asked again. Absent: files, network and secrets; the worker gets the text and the input, no more.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Compiled, Failure, compile};
use crate::limits::{
    COMPILE_MS, EVALUATION_MS, GRACE_MS, JUDGES, STACK_BYTES, WORKER_MEMORY_KIB, WORKER_POLICIES, WORKER_START_MS,
};

/// What starts a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerCommand {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Question {
    rego: String,
    input: Value,
    now: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Ready,
    Reasons(Vec<String>),
    Failure(Failure),
}

/// Workers that wait for a question.
#[derive(Debug)]
pub(crate) struct Pool {
    command: WorkerCommand,
    idle: Mutex<Vec<Worker>>,
}

impl Pool {
    pub(crate) fn new(command: WorkerCommand) -> Self {
        Self { command, idle: Mutex::default() }
    }

    /// Asks a worker, a new one if none waits.
    pub(crate) fn ask(&self, rego: &str, input: &Value, now: Timestamp) -> Result<Vec<String>, Failure> {
        let question = Question { rego: rego.to_owned(), input: input.clone(), now };
        let line = serde_json::to_string(&question).map_err(|error| Failure::Engine { text: error.to_string() })?;
        let waiting = self.lock().pop();
        let mut worker = match waiting {
            Some(worker) if worker.alive() => worker,
            _ => Worker::start(&self.command)?,
        };
        let limit = Duration::from_millis(COMPILE_MS + EVALUATION_MS + GRACE_MS);
        let answer = worker.ask(&line, limit);
        match answer {
            Ok(Answer::Reasons(reasons)) => {
                self.keep(worker);
                Ok(reasons)
            }
            Ok(Answer::Failure(failure)) => {
                self.keep(worker);
                Err(failure)
            }
            Ok(Answer::Ready) => Err(Failure::Engine { text: "the worker answers out of turn".to_owned() }),
            Err(failure) => Err(failure),
        }
    }

    fn keep(&self, worker: Worker) {
        let mut idle = self.lock();
        if idle.len() < JUDGES {
            idle.push(worker);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process; dropping it ends it.
#[derive(Debug)]
struct Worker {
    child: Child,
    questions: ChildStdin,
    answers: Mutex<Receiver<String>>,
}

impl Worker {
    fn start(command: &WorkerCommand) -> Result<Self, Failure> {
        let engine = |text: String| Failure::Engine { text };
        let mut child = limited(command).spawn().map_err(|error| engine(format!("the worker cannot start: {error}")))?;
        let (Some(questions), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(engine("the worker has no pipes".to_owned()));
        };
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .name("policy-answers".to_owned())
            .spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| engine(format!("the worker cannot be read: {error}")))?;
        let worker = Self { child, questions, answers: Mutex::new(receiver) };
        match worker.receive(Duration::from_millis(WORKER_START_MS))? {
            Answer::Ready => Ok(worker),
            _ => Err(engine("the worker does not say that it is ready".to_owned())),
        }
    }

    fn ask(&mut self, line: &str, limit: Duration) -> Result<Answer, Failure> {
        let sent = self.questions.write_all(line.as_bytes()).and_then(|()| self.questions.write_all(b"\n")).and_then(|()| self.questions.flush());
        sent.map_err(|_| ended())?;
        self.receive(limit)
    }

    fn receive(&self, limit: Duration) -> Result<Answer, Failure> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        match answers.recv_timeout(limit) {
            Ok(line) => serde_json::from_str(&line).map_err(|error| Failure::Engine { text: format!("the worker's answer cannot be read: {error}") }),
            Err(RecvTimeoutError::Timeout) => Err(Failure::TimeLimit { limit_ms: EVALUATION_MS }),
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }

    fn alive(&self) -> bool {
        // A worker that has ended has closed its answers; the channel says so without waiting.
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(answers.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended() -> Failure {
    Failure::SizeLimit { text: "it ended the process that judged it: it wanted more memory than a policy may have".to_owned() }
}

/// Starts the worker under a limit of memory where the system's shell can set one.
fn limited(command: &WorkerCommand) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("ulimit -v {WORKER_MEMORY_KIB} 2>/dev/null; exec \"$0\" \"$@\""))
        .arg(&command.program)
        .args(&command.arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    shell
}

/// Runs the worker: answers questions from the standard input until it ends.
///
/// # Errors
/// When the pipes break; there is nobody to tell then.
pub fn run_policy_worker() -> std::io::Result<()> {
    // The judge's own stack: a policy that nests deeply must not end the worker needlessly.
    let judge = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| {
        let (input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
        let mut known = HashMap::new();
        write_answer(&mut output, &Answer::Ready)?;
        for line in input.lines() {
            write_answer(&mut output, &answer(&line?, &mut known))?;
        }
        Ok(())
    })?;
    judge.join().unwrap_or_else(|_| Err(std::io::Error::other("the judge failed")))
}

fn write_answer(output: &mut impl Write, answer: &Answer) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

fn answer(line: &str, known: &mut HashMap<String, Compiled>) -> Answer {
    let question: Question = match serde_json::from_str(line) {
        Ok(question) => question,
        Err(error) => return Answer::Failure(Failure::Engine { text: format!("the question cannot be read: {error}") }),
    };
    if known.len() >= WORKER_POLICIES && !known.contains_key(&question.rego) {
        known.clear();
    }
    if !known.contains_key(&question.rego) {
        match compile(&question.rego) {
            Ok(compiled) => known.insert(question.rego.clone(), compiled),
            Err(problem) => return Answer::Failure(Failure::Error { text: problem.detail }),
        };
    }
    match known.get(&question.rego).map(|compiled| compiled.reasons(&question.input, question.now)) {
        Some(Ok(reasons)) => Answer::Reasons(reasons),
        Some(Err(failure)) => Answer::Failure(failure),
        None => Answer::Failure(Failure::Engine { text: "the policy is gone".to_owned() }),
    }
}
