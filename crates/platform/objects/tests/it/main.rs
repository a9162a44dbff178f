//! What users of the records rely on, on SQLite and on PostgreSQL (`ANDON_TEST_POSTGRES`, set by `./test`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests stop where they fail")]

mod ledger;
mod objects;
mod outbox;
mod world;
