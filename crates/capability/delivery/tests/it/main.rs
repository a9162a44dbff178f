//! What people rely on of delivery, over HTTP, on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod andons;
mod changes;
mod hooks;
mod imports;
mod pages;
mod shop;
