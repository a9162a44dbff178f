//! GELF 1.1 over UDP (chunked, compressed), TCP (frames that end with NUL) and HTTP.
//!
//! Invariants: memory of messages in parts is bounded, and each part that never found its others is
//! counted; decompression is bounded; every field of a message is a column or an attribute.

mod chunks;
mod inflate;
mod post;
mod row;

pub use chunks::{Chunked, Lost, Reassembly};
pub use post::post_gelf;
pub use row::gelf_rows;
