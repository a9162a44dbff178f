//! What the sender did wrong or must wait for.

use andon_reader::ReaderError;
use serde::Serialize;

/// Stable codes of refusals; those of the store keep their own.
pub mod code {
    /// The content type is none that this path reads.
    pub const MEDIA_TYPE: &str = "ingest-media-type";
    /// The content encoding is none that is read.
    pub const ENCODING: &str = "ingest-encoding";
    /// The compressed body is damaged.
    pub const COMPRESSION: &str = "ingest-compression";
    /// The body is too large after decompression.
    pub const TOO_LARGE: &str = "ingest-too-large";
    /// The body is no OTLP message.
    pub const OTLP_MALFORMED: &str = "otlp-malformed";
    /// A line is no JSON.
    pub const LINE_MALFORMED: &str = "ndjson-malformed";
    /// A line is JSON but no object.
    pub const LINE_NOT_OBJECT: &str = "ndjson-not-an-object";
    /// A line is too long.
    pub const LINE_TOO_LONG: &str = "ndjson-line-too-long";
    /// The message is no GELF.
    pub const GELF_MALFORMED: &str = "gelf-malformed";
    /// A part of a GELF message has a wrong header.
    pub const GELF_PART: &str = "gelf-part-malformed";
    /// Parts of a GELF message did not come within five seconds.
    pub const GELF_LATE: &str = "gelf-parts-late";
    /// Parts of a GELF message had to make room for others.
    pub const GELF_ROOM: &str = "gelf-parts-no-room";
    /// Datagrams came faster than they could be stored.
    pub const QUEUE_FULL: &str = "udp-queue-full";
    /// The kernel threw datagrams away before they could be read.
    pub const KERNEL_FULL: &str = "udp-kernel-buffer-full";
    /// There are too many connections.
    pub const CONNECTIONS: &str = "tcp-too-many-connections";
    /// A connection could not be secured.
    pub const TLS: &str = "tls-handshake-failed";
    /// A connection broke off, or stalled within a message.
    pub const CONNECTION_BROKEN: &str = "tcp-connection-broken";
    /// A document is no JSON object.
    pub const DOCUMENT_MALFORMED: &str = "bulk-document-malformed";
    /// An action of a bulk request is malformed.
    pub const BULK_MALFORMED: &str = "bulk-action-malformed";
    /// Lines cannot be changed or deleted.
    pub const WRITTEN_ONCE: &str = "bulk-written-once";
    /// The body is no push request of Loki.
    pub const LOKI_MALFORMED: &str = "loki-malformed";
    /// The body broke off.
    pub const BODY_BROKEN: &str = "ingest-body-broken";
}

/// Why a request was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IngestError {
    /// Stable code.
    pub code: String,
    /// What happened, where.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The HTTP status that fits.
    #[serde(skip)]
    pub status: u16,
}

impl IngestError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>, hint: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: Some(hint.to_owned()),
            status,
        }
    }

    /// One text with code and hint, for protocols that have room for one text only.
    #[must_use]
    pub fn line(&self) -> String {
        let hint = self
            .hint
            .as_deref()
            .map(|hint| format!("; {hint}"))
            .unwrap_or_default();
        format!("{}: {}{hint}", self.code, self.message)
    }

    /// Says whether the sender should send the same again later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.status == 503
    }
}

impl From<ReaderError> for IngestError {
    fn from(error: ReaderError) -> Self {
        let is_temporary = error.is_retryable() || error.code == andon_reader::code::CLOSED;
        let status = match (is_temporary, error.code == andon_reader::code::REQUEST) {
            (true, _) => 503,
            (false, true) => 413,
            (false, false) => 500,
        };
        Self {
            code: error.code,
            message: error.message,
            hint: error.hint,
            status,
        }
    }
}

impl std::fmt::Display for IngestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line())
    }
}

impl std::error::Error for IngestError {}
