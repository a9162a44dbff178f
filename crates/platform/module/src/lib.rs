//! The shape of a capability, and what it is given to work with.
//!
//! A capability exports one [`Module`]: plain data that lists its kinds, endpoints, controllers,
//! subscribers, gates and tables. The server is the only place that lists modules. Router, OpenAPI,
//! audit and the walk over permissions read the same endpoint rows.

mod endpoint;
mod run;
mod shape;
mod telemetry;
mod world;

pub use endpoint::{Access, BODY_MAX_BYTES, BodyStream, Call, Endpoint, EventStream, Handler, Reply, SchemaOf, ServerEvent, decode_pairs, read_time};
pub use run::{ControllerStatus, Runner, settle};
pub use shape::{Admission, Controller, Gate, Module, Scope, Subscriber, Verdict};
pub use telemetry::telemetry_problem;
pub use world::{Settings, World};

pub use andon_auth::Caller;
pub use futures::future::BoxFuture;
