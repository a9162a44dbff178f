//! Objects read into their types, and written back.

use andon_api::error::Problem;
use andon_api::kinds::response::{AlertSpec, AlertStatus, IncidentSpec, IncidentStatus};
use andon_api::object::{AnyObject, ObjectRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An object with its spec and status in their types.
#[derive(Clone, Debug)]
pub(crate) struct Typed<Spec, Status> {
    object: AnyObject,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

pub(crate) type AlertObject = Typed<AlertSpec, AlertStatus>;
pub(crate) type IncidentObject = Typed<IncidentSpec, IncidentStatus>;

impl<Spec, Status> Typed<Spec, Status>
where
    Spec: DeserializeOwned + Serialize,
    Status: DeserializeOwned + Serialize + Default,
{
    /// Reads an object.
    pub(crate) fn read(object: AnyObject) -> Result<Self, Problem> {
        let (spec, status) = (object.spec_as()?, object.status_as()?);
        Ok(Self { object, spec, status })
    }

    /// Makes the plain form, with the metadata that was read.
    pub(crate) fn into_any(self) -> Result<AnyObject, Problem> {
        let mut object = self.object;
        object.spec = serde_json::to_value(self.spec).map_err(Problem::internal)?;
        object.status = Some(serde_json::to_value(self.status).map_err(Problem::internal)?);
        Ok(object)
    }

    pub(crate) fn reference(&self) -> ObjectRef {
        self.object.reference()
    }

    pub(crate) fn name(&self) -> &str {
        &self.object.metadata.name
    }
}
