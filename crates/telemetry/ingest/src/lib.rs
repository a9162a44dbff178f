//! Decodes what senders send and hands it to the sink; answers in the sender's own terms.
//!
//! Purpose: OTLP logs over HTTP (protobuf and JSON; gzip, zstd) and gRPC, NDJSON streams, GELF and syslog
//! over UDP, TCP and TLS, Elasticsearch's bulk requests and Loki's pushes.
//! Decoding is plain functions from bytes to rows; what comes over HTTP is a request in and an answer out,
//! routing and authentication are the server's; [`listen()`] opens the ports of GELF and syslog.
//!
//! Invariants: a sender reads success only after the sink has stored the lines durably; what is
//! refused is counted with a code and a reason, per sender ([`Senders`]); every body, line and
//! decompression is bounded; no line is dropped for its length or for bytes that are no UTF-8: it is cut
//! or replaced visibly.
//!
//! Absent: storage of spans and metrics (their requests get a visible partial success that says
//! so), and the inputs of Splunk, Beats and Fluentd.

mod answer;
mod aside;
mod content;
mod elastic;
mod elements;
mod failure;
mod fields;
mod frames;
mod gelf;
mod grpc;
mod lines_of_body;
mod listen;
mod loki;
mod marks;
mod ndjson;
mod origin;
mod otlp;
mod otlp_http;
mod senders;
mod scan;
mod severity;
mod syslog;
mod times;
mod whole_body;

pub use answer::InputAnswer;
pub use content::ContentEncoding;
pub use elastic::{ElasticAnswer, PRODUCT_HEADER, bulk, handshake, index_document, media_type};
pub use failure::{IngestError, code};
pub use frames::{DelimitedFrames, Frame};
pub use gelf::{Chunked, Lost, Reassembly, gelf_rows, post_gelf};
pub use grpc::{Authorize, logs_service, metrics_service, trace_service};
pub use listen::{ListenOptions, Opened, TlsOptions, listen};
pub use loki::{LokiRequest, push_loki};
pub use ndjson::{NdjsonAnswer, NdjsonFailure, NdjsonOptions, Refusal, ingest_ndjson};
pub use otlp_http::{OtlpAnswer, OtlpRequest, otlp_logs, otlp_metrics, otlp_traces};
pub use senders::{LastRefusal, Sender, SenderStatus, Senders, Taken};
pub use syslog::{SyslogFrames, syslog_row};

/// Bounds of what is read.
pub mod limits {
    /// Largest OTLP body over HTTP, compressed or not, bytes after decompression.
    pub const OTLP_BYTES: usize = 64 << 20;
    /// Largest OTLP message over gRPC, bytes after decompression.
    pub const GRPC_BYTES: usize = 16 << 20;
    /// Most records, attributes and values in one OTLP or Loki request.
    pub const OTLP_ELEMENTS: usize = 4_000_000;
    /// Longest NDJSON line, bytes.
    pub const LINE_BYTES: usize = 64 << 20;
    /// What every NDJSON body may hold of a begun line; a larger one needs a turn.
    pub const BEGUN_BYTES: usize = 1 << 20;
    /// NDJSON bodies within a line over [`BEGUN_BYTES`] that are read at once.
    pub const LARGE_BODIES: usize = 4;
    /// NDJSON lines stored with one append.
    pub const BATCH_LINES: usize = 8_192;
    /// Bytes of NDJSON lines stored with one append.
    pub const BATCH_BYTES: usize = 1 << 20;
    /// Refusals told one by one; the others are counted.
    pub const REFUSALS_TOLD: usize = 20;
    /// Largest GELF message, bulk document and Loki push, bytes after decompression: what is JSON or
    /// protobuf must be read whole.
    pub const MESSAGE_BYTES: usize = 64 << 20;
    /// What is kept of a message that is plain text; the store cuts there, too.
    pub const KEPT_BYTES: usize = 1 << 20;
    /// Most actions in one bulk request; each needs its own result in the answer.
    pub const BULK_ITEMS: usize = 200_000;
    /// Room that the kernel is asked for, for datagrams that wait to be read, per port: half a second of 16 MB/s.
    pub const RECEIVE_BYTES: usize = 8 << 20;
    /// Datagrams that wait to be stored, per port.
    pub const QUEUE_DATAGRAMS: usize = 65_536;
    /// Bytes of datagrams that wait to be stored, per port.
    pub const QUEUE_BYTES: usize = 32 << 20;
    /// Bytes of GELF messages whose parts have not all come, per port.
    pub const PARTS_BYTES: usize = 32 << 20;
    /// Open connections per port.
    pub const CONNECTIONS: usize = 1_024;
    /// What every connection may hold of a begun message; a larger one needs a turn.
    pub const SMALL_BYTES: usize = 128 << 10;
    /// Largest template or policy of an Elasticsearch client, bytes.
    pub const TEMPLATE_BYTES: usize = 4 << 20;
    /// GELF messages over [`SMALL_BYTES`] that are read at once, per port.
    pub const LARGE_MESSAGES: usize = 3;
    /// Lines over [`SMALL_BYTES`] that are read at once, per port.
    pub const LARGE_LINES: usize = 32;
}
