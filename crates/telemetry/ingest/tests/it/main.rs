//! What senders rely on.

mod grpc;
mod memory_sink;
mod ndjson;
mod otlp;
