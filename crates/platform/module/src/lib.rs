//! The shape of a capability, and what it is given to work with.
//!
//! A capability exports one [`Module`]: plain data that lists its kinds, endpoints, controllers,
//! subscribers, gates and tables. The server is the only place that lists modules. Router, OpenAPI,
//! audit and the walk over permissions read the same endpoint rows.

mod endpoint;
mod run;
mod shape;
mod world;

pub use endpoint::{Access, BodyStream, Call, Endpoint, EventStream, Handler, Reply, ServerEvent, decode_pairs};
pub use run::{ControllerStatus, Runner};
pub use shape::{Admission, Controller, Gate, Module, Scope, Subscriber, Verdict};
pub use world::{Settings, World};

pub use andon_auth::Caller;
pub use futures::future::BoxFuture;
