//! Changes: record, add stages, ask whether one may go.

use andon_api::AnyObject;
use andon_api::kinds::delivery::{CheckAnswer, CheckRequest, Outcome, RecordChange, StageReport};
use andon_module::{Endpoint, Reply};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin;
use crate::check;
use crate::recorder::{Recorder, change_reference};

/// The request to add stages to a change (`POST /api/v1/changes/{name}/stages`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AddStages {
    /// The stages.
    #[serde(default)]
    pub stages: Vec<StageReport>,
    /// The outcome, where it is known now.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

pub(super) fn endpoints(recorder: &Recorder) -> Vec<Endpoint> {
    let (recording, staging) = (recorder.clone(), recorder.clone());
    vec![
        Endpoint::post("/api/v1/changes", "record_change")
            .permission("change.record")
            .event("change.recorded")
            .summary("Records a change; sent again with the same key, it gives the same change.")
            .request::<RecordChange>()
            .response::<AnyObject>()
            .handle(move |world, call| {
                let recorder = recording.clone();
                Box::pin(async move {
                    let command: RecordChange = call.json()?;
                    let recorded = recorder.record(&world, command, origin(&call)).await?;
                    if recorded.is_new { Reply::created(&recorded.change) } else { Reply::json(&recorded.change) }
                })
            }),
        Endpoint::post("/api/v1/changes/{name}/stages", "add_change_stages")
            .permission("change.record")
            .event("change.staged")
            .summary("Adds stages, and perhaps the outcome, to a change.")
            .request::<AddStages>()
            .response::<AnyObject>()
            .handle(move |world, call| {
                let recorder = staging.clone();
                Box::pin(async move {
                    let command: AddStages = call.json()?;
                    let reference = change_reference(call.path("name"));
                    let change =
                        recorder.advance(&world, reference, command.stages, command.outcome, origin(&call)).await?;
                    Reply::json(&change)
                })
            }),
        Endpoint::post("/api/v1/check", "check_change")
            .permission("change.check")
            .event("check.allowed")
            .summary("Asks every gate whether a change may go; the answer is recorded whichever way it goes.")
            .request::<CheckRequest>()
            .response::<CheckAnswer>()
            .handle(|world, call| {
                Box::pin(async move {
                    let request: CheckRequest = call.json()?;
                    Reply::json(&check::check(&world, request, origin(&call)).await?)
                })
            }),
    ]
}
