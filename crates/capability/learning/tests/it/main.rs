//! What people rely on of learning, over HTTP, on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod actions;
mod coes;
mod reviews;
mod shop;
mod traces;
