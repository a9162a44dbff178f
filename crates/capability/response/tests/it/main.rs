//! What users rely on of paging and incidents, through the platform on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod incidents;
mod oncall;
mod paging;
mod prometheus;
mod receivers;
mod shop;
mod story;
