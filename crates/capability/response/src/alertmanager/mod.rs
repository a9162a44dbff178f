//! The Alertmanager v2 API, as real clients speak it.
//!
//! Purpose: a Prometheus that sends its alerts to Andon as if it were an Alertmanager, unmodified.
//!
//! Invariants: an alert is known by its labels alone, empty ones left out; valid alerts of a batch
//! are stored even when others are refused; what is answered with 200 is on disk.
//!
//! Absent: silences, receivers, groups and clustering; routing is Andon's own.

mod episode;
mod intake;
mod matcher;
mod meaning;
mod show;

pub use episode::{Action, Episode, ended, receive};
pub use intake::{Batch, Labels, Posted, fingerprint, read_batch};
pub use matcher::Matcher;
pub use meaning::{service_candidates, severity_of, team_of, title_of};
pub use show::{Shown, shown, status_document};
