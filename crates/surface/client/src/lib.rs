//! A typed HTTP client of the public API, and the reader of git repositories.
//!
//! Purpose: one place that knows how Andon is called: the address, the token, deadlines, problems,
//! server-sent events. The command line is its first user and has no powers beyond it.
//! Invariants: a token goes to the configured address and nowhere else (no redirects, no proxies from
//! the environment); every call has a deadline; an answer is read up to a limit; what is not Andon's
//! answer is never taken for one.
//! Absent: retries (only the caller knows what may be sent twice), any text for people but errors.

mod address;
mod call;
mod error;
mod events;
pub mod git;

pub use address::{Token, segment};
pub use call::{Call, Client, DEADLINE, LONG_DEADLINE, Refused};
pub use error::ClientError;
pub use events::{EventReader, Events, ServerEvent};
