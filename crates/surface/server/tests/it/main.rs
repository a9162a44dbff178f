//! The server as a whole: its API document and schemas are the committed ones, and every row is guarded.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they fail")]

mod generated;
mod rows;
