//! One log line, as stored and as handed in.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Named values of any JSON type; a value keeps the type it came with.
pub type Attributes = serde_json::Map<String, serde_json::Value>;

/// One stored log line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    /// Opaque, stable, unique per store; the order of ids is the order of acknowledgement.
    pub id: String,
    /// When it happened, as the sender says; microseconds since the epoch.
    pub timestamp_us: i64,
    /// When it was stored, by our clock; never goes backwards.
    pub received_at_us: i64,
    /// OpenTelemetry's severity number, 0 when not said.
    pub severity_number: u8,
    /// Severity as the sender spelt it.
    pub severity_text: String,
    /// Name of the service that wrote the line.
    pub service: String,
    /// The line itself.
    pub message: String,
    /// Lower-case hexadecimal trace id or empty.
    pub trace_id: String,
    /// Lower-case hexadecimal span id or empty.
    pub span_id: String,
    /// Name of the logger.
    pub scope: String,
    /// What the line says about itself.
    pub attributes: Attributes,
    /// What is known about the process that wrote it.
    pub resource: Attributes,
}

/// A log line to be stored: without id and without the time of receipt, which the store gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewLogRow {
    /// When it happened; the time of receipt stands in when the sender does not say.
    pub timestamp_us: Option<i64>,
    /// OpenTelemetry's severity number, 0 when not said.
    pub severity_number: u8,
    /// Severity as the sender spelt it.
    pub severity_text: String,
    /// Name of the service that wrote the line.
    pub service: String,
    /// The line itself; the store truncates beyond 1 MiB, visibly.
    pub message: String,
    /// Hexadecimal trace id or empty.
    pub trace_id: String,
    /// Hexadecimal span id or empty.
    pub span_id: String,
    /// Name of the logger.
    pub scope: String,
    /// What the line says about itself.
    pub attributes: Attributes,
    /// What is known about the process; shared between the lines of one batch.
    pub resource: Arc<Attributes>,
}
