//! Elasticsearch's way in: `_bulk`, single documents, and the handshake that its clients ask for.
//!
//! Invariants: each action gets its own result, in order; a result says `created` only after the sink
//! has stored the line durably; what cannot be taken is an error of its item, never of its neighbours.
//!
//! Absent: searching, and everything that changes or deletes a document: a log line is written once.

mod action;
mod bulk;
mod document;
mod handshake;

pub use bulk::bulk;
pub use document::index_document;
pub(crate) use document::refusal;
pub use handshake::{ElasticAnswer, PRODUCT_HEADER, handshake, media_type};
