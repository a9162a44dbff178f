//! Loki's push API: protobuf in Snappy, and JSON, in the present and the first format.
//!
//! Invariants: 204 only after every line of the request is stored, all of them or none; labels are the
//! resource, structured metadata the attributes; no age, order, size or number of labels is refused.
//!
//! Absent: tenants (the header `X-Scope-OrgID` is kept as a resource attribute), and every query.

mod json;
mod labels;
mod proto;
mod push;
mod row;

pub use push::{LokiRequest, push_loki};
