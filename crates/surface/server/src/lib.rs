//! Assembles the capabilities into a server: the only place that lists them.
//!
//! Purpose: open the records in a locked data directory, keep the process of the telemetry alive, start
//! controllers and subscribers, answer HTTP and gRPC, stop in order. Absent on purpose: any rule of the domain.

mod assemble;
mod assets;
mod bootstrap;
mod demo;
mod export_parquet;
mod figures;
mod ingest;
mod inputs;
mod keeper;
mod listen;
mod logs;
mod modules;
mod options;
mod status;
mod tables;
mod telemetry;

pub use assemble::{POLICY_WORKER, serve};
pub use andon_api::Problem;
pub use andon_api::units::Span;
pub use andon_governance::run_policy_worker;
pub use andon_ingest::{ListenOptions, TlsOptions};
pub use modules::{describe_api, endpoints, kinds, modules};
pub use options::{Role, ServeOptions, TelemetryMode, parse_size};
pub use telemetry::{ArchiveArguments, ArchiveOptions, HomeArguments, HomeOptions, TELEMETRY_WORKER, inspect_telemetry, repair_telemetry, run_telemetry_worker};
