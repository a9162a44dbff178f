//! Assembles the capabilities into a server: the only place that lists them.
//!
//! Purpose: open the records and the telemetry in a locked data directory, start controllers and
//! subscribers, answer HTTP and gRPC, stop in order. Absent on purpose: any rule of the domain.

mod assemble;
mod assets;
mod bootstrap;
mod demo;
mod ingest;
mod keeper;
mod listen;
mod logs;
mod modules;
mod options;
mod status;
mod tables;

pub use assemble::{POLICY_WORKER, serve};
pub use andon_api::Problem;
pub use andon_api::units::Span;
pub use andon_governance::run_policy_worker;
pub use modules::{describe_api, endpoints, kinds, modules};
pub use options::{ServeOptions, parse_size};
