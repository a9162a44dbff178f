//! Objects of other capabilities, read into their types once.

use andon_api::error::Problem;
use andon_api::object::{AnyObject, ObjectRef};
use serde::de::DeserializeOwned;

/// An object with its spec and status in their types.
#[derive(Clone, Debug)]
pub(crate) struct Typed<Spec, Status> {
    pub(crate) reference: ObjectRef,
    pub(crate) version: i64,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

impl<Spec: DeserializeOwned, Status: DeserializeOwned + Default> Typed<Spec, Status> {
    /// Reads one object.
    ///
    /// # Errors
    /// `OBJ-0002` when it does not fit its kind.
    pub(crate) fn read(object: &AnyObject) -> Result<Self, Problem> {
        Ok(Self {
            reference: object.reference(),
            version: object.metadata.version,
            spec: object.spec_as()?,
            status: object.status_as()?,
        })
    }

    /// Reads many objects.
    ///
    /// # Errors
    /// `OBJ-0002` when one does not fit its kind: stored objects do.
    pub(crate) fn read_all(objects: &[AnyObject]) -> Result<Vec<Self>, Problem> {
        objects.iter().map(Self::read).collect()
    }
}

pub(crate) type ChangeObject = Typed<andon_api::kinds::delivery::ChangeSpec, andon_api::kinds::delivery::ChangeStatus>;
pub(crate) type AndonObject = Typed<andon_api::kinds::delivery::AndonSpec, andon_api::kinds::delivery::AndonStatus>;
pub(crate) type AlarmObject = Typed<andon_api::kinds::signals::AlarmSpec, andon_api::kinds::signals::AlarmStatus>;
pub(crate) type AlertObject = Typed<andon_api::kinds::response::AlertSpec, andon_api::kinds::response::AlertStatus>;
pub(crate) type IncidentObject = Typed<andon_api::kinds::response::IncidentSpec, andon_api::kinds::response::IncidentStatus>;
pub(crate) type CoeObject = Typed<andon_api::kinds::learning::CoeSpec, andon_api::kinds::learning::CoeStatus>;
pub(crate) type ActionObject = Typed<andon_api::kinds::learning::ActionSpec, andon_api::kinds::learning::ActionStatus>;
pub(crate) type ReviewObject = Typed<andon_api::kinds::learning::ReviewSpec, andon_api::kinds::learning::ReviewStatus>;
pub(crate) type PolicyObject = Typed<andon_api::kinds::governance::PolicySpec, andon_api::kinds::governance::PolicyStatus>;
