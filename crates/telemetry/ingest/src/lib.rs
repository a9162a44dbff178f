//! Decodes what senders send and hands it to the sink; answers in the sender's own terms.
//!
//! Purpose: OTLP logs over HTTP (protobuf and JSON; gzip, zstd) and gRPC, and NDJSON streams.
//! Plain functions: bytes or a stream in, a struct out; routing and authentication are the server's.
//!
//! Invariants: a sender reads success only after the sink has stored the lines durably; what is
//! refused is counted with a code and a reason; every body, line and decompression is bounded.
//!
//! Absent: storage of spans and metrics (their requests get a visible partial success that says
//! so), GELF, syslog, Loki, Elasticsearch and Splunk inputs.

mod content;
mod elements;
mod failure;
mod fields;
mod grpc;
mod ndjson;
mod otlp;
mod otlp_http;
mod times;

pub use content::ContentEncoding;
pub use failure::{IngestError, code};
pub use grpc::{Authorize, logs_service, metrics_service, trace_service};
pub use ndjson::{NdjsonAnswer, NdjsonFailure, NdjsonOptions, Refusal, ingest_ndjson};
pub use otlp_http::{OtlpAnswer, OtlpRequest, otlp_logs, otlp_metrics, otlp_traces};

/// Bounds of what is read.
pub mod limits {
    /// Largest OTLP body over HTTP, compressed or not, bytes after decompression.
    pub const OTLP_BYTES: usize = 64 << 20;
    /// Largest OTLP message over gRPC, bytes after decompression.
    pub const GRPC_BYTES: usize = 16 << 20;
    /// Most records, attributes and values in one OTLP request.
    pub const OTLP_ELEMENTS: usize = 4_000_000;
    /// Longest NDJSON line, bytes.
    pub const LINE_BYTES: usize = 1 << 20;
    /// NDJSON lines stored with one append.
    pub const BATCH_LINES: usize = 4_096;
    /// Bytes of NDJSON lines stored with one append.
    pub const BATCH_BYTES: usize = 8 << 20;
    /// Refusals told one by one; the others are counted.
    pub const REFUSALS_TOLD: usize = 20;
}
