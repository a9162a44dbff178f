//! What senders rely on.

mod grpc;
mod listeners;
mod memory_sink;
mod ndjson;
mod otlp;
mod pushed;
