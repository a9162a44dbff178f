//! The steps of the story and how far it has been played; kept in a file, so that a restart goes on.

use std::collections::BTreeMap;
use std::path::Path;

use andon_api::{ErrorCode, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::stage::Stage;
use super::{act, learn, respond};

/// One step: its name, its title, what is to be seen.
const STEPS: [(&str, &str, &str); 10] = [
    ("baseline", "A quiet day", "Each service of the shop has a recorded version; customers buy; nothing is wrong."),
    ("change", "A change goes out", "Payments version 2 is committed and deployed by the shop's own script; its idempotency test was not run."),
    ("signal", "The logs speak", "Version 2 fails for some customers. Its real error logs arrive over OTLP, and the alarm fires."),
    ("stop", "The line stops", "The alarm has pulled the andon on payments; customer service pulls it too, with a customer's case. The next deploy is refused."),
    ("respond", "Somebody is on it", "The engineer on call has a mail, and acknowledges from its link. The incident names the change that most likely did it."),
    ("rollback", "Back to what worked", "A rollback is a recorded change that the andon never holds. The alarm resolves, and the andon is released with a countermeasure."),
    ("learn", "What do we learn?", "A COE draft stands there, filled by machine. People add factors, lessons and actions with owner, date and verifier."),
    ("policy", "The lesson becomes a rule", "A policy is tried on past changes (what would it have refused?) and then enforced."),
    ("propagate", "Another team is spared", "The storefront team deploys checkout without the test. It is refused, and the refusal cites the COE. The action closes by its verifier."),
    ("review", "The weekly review", "The week in numbers, rolled up from team to company; the wheel picks who presents; the chain is complete."),
];

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum State {
    #[default]
    Waiting,
    Running,
    Done,
    Failed,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Played {
    state: State,
    detail: Option<String>,
    link: Option<String>,
}

/// How far the story has been played.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Story {
    played: BTreeMap<String, Played>,
    /// Names that later steps need: the change, the incident, the COE.
    notes: BTreeMap<String, String>,
}

/// What a step tells when it has happened.
pub(crate) struct Told {
    pub(crate) detail: String,
    pub(crate) link: String,
}

impl Story {
    /// Reads how far the story has been played; a step that was running when the server stopped waits again.
    pub(crate) fn load(work: &Path) -> Self {
        let text = std::fs::read_to_string(work.join("story.json")).unwrap_or_default();
        let mut story: Self = serde_json::from_str(&text).unwrap_or_default();
        for played in story.played.values_mut().filter(|played| played.state == State::Running) {
            played.state = State::Waiting;
        }
        story
    }

    pub(crate) fn save(&self, work: &Path) -> Result<(), Problem> {
        std::fs::create_dir_all(work).map_err(Problem::internal)?;
        let text = serde_json::to_string_pretty(self).map_err(Problem::internal)?;
        std::fs::write(work.join("story.json"), text).map_err(Problem::internal)
    }

    fn state(&self, id: &str) -> State {
        self.played.get(id).map_or(State::Waiting, |played| played.state)
    }

    fn next(&self) -> Option<&'static str> {
        STEPS.iter().map(|(id, _, _)| *id).find(|id| self.state(id) != State::Done)
    }

    pub(crate) fn describe(&self) -> Value {
        let steps: Vec<Value> = STEPS
            .iter()
            .map(|(id, title, text)| {
                let played = self.played.get(*id).cloned().unwrap_or_default();
                json!({"id": id, "title": title, "text": text, "state": played.state, "detail": played.detail, "link": played.link})
            })
            .collect();
        json!({"steps": steps, "next": self.next()})
    }

    pub(crate) fn begin_next(&mut self) -> Result<(), Problem> {
        let id = self.next().ok_or_else(|| {
            Problem::new(ErrorCode::RequestInvalid, "The story has been told to its end.").hint("POST /api/v1/demo/reset starts it again.")
        })?;
        if self.state(id) == State::Running {
            return Err(Problem::new(ErrorCode::TooManyRequests, format!("The step `{id}` is being played.")));
        }
        self.played.insert(id.to_owned(), Played { state: State::Running, ..Played::default() });
        Ok(())
    }

    pub(crate) fn last_played(&self) -> Option<&str> {
        STEPS.iter().rev().map(|(id, _, _)| *id).find(|id| self.state(id) != State::Waiting)
    }

    /// Plays the step that is running.
    pub(crate) async fn play(&mut self, stage: &Stage) -> Result<(), Problem> {
        let running = STEPS.iter().map(|(id, _, _)| *id).find(|id| self.state(id) == State::Running);
        let id = running.ok_or_else(|| Problem::internal("no step is running"))?;
        let told = match id {
            "baseline" => act::baseline(self, stage).await,
            "change" => act::change(self, stage).await,
            "signal" => act::signal(self, stage).await,
            "stop" => act::stop(self, stage).await,
            "respond" => respond::respond(self, stage).await,
            "rollback" => respond::rollback(self, stage).await,
            "learn" => learn::learn(self, stage).await,
            "policy" => learn::policy(self, stage).await,
            "propagate" => learn::propagate(self, stage).await,
            _ => learn::review(self, stage).await,
        }?;
        let played = Played { state: State::Done, detail: Some(told.detail), link: Some(told.link) };
        self.played.insert(id.to_owned(), played);
        Ok(())
    }

    /// Marks the running step as failed where it failed.
    pub(crate) fn end(&mut self, outcome: &Result<(), Problem>) {
        let Err(problem) = outcome else { return };
        for played in self.played.values_mut().filter(|played| played.state == State::Running) {
            *played = Played { state: State::Failed, detail: Some(format!("{} {}", problem.code, problem.detail)), link: None };
        }
    }

    /// Keeps a name for later steps.
    pub(crate) fn note(&mut self, name: &str, value: impl Into<String>) {
        self.notes.insert(name.to_owned(), value.into());
    }

    /// Tells a name that an earlier step kept.
    pub(crate) fn noted(&self, name: &str) -> Result<String, Problem> {
        self.notes.get(name).cloned().ok_or_else(|| Problem::internal(format!("no earlier step told the {name}")))
    }
}

/// Reads a text out of an answer.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Takes the name out of a reference such as `incident:default/inc-1`.
pub(crate) fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}
