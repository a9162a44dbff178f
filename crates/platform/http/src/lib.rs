//! The endpoint rows as a web server.
//!
//! Purpose: for each call find the caller, ask the rules, read the body within its limit, hand it to
//! the row's handler, and turn the answer or the problem into HTTP. Brings the rows that are the same
//! for every kind: list, read, apply, delete, history, audit, watch, tokens, sign-in.
//!
//! Invariants: a refusal is recorded; the operator's text never leaves; a body is never read beyond
//! its limit; a browser's write needs a header that a foreign page cannot send.
//! Absent on purpose: any knowledge of a capability.

mod apply;
mod audit;
mod caller;
mod document;
mod generic;
mod openapi;
mod problem;
mod refusals;
mod router;
mod signin;
mod tokens;
mod write;

pub use apply::{Applied, apply_objects};
pub use openapi::{describe, schema_of};
pub use problem::reply_to_problem;
pub use refusals::Refusals;
pub use router::{Service, endpoints};
