//! What a user of the search language relies on.

mod language;
mod roundtrip;
