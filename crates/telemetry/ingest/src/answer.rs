//! What the inputs over HTTP answer, and what the counters of senders learn from it.

use andon_reader::NewLogRow;

use crate::failure::IngestError;

/// The newest time of lines.
pub(crate) fn newest_of(rows: &[NewLogRow]) -> Option<i64> {
    rows.iter().filter_map(|row| row.timestamp_us).max()
}

/// How long a sender should wait before it tries again.
pub(crate) const RETRY_AFTER_S: u32 = 5;

/// An answer to be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputAnswer {
    /// HTTP status.
    pub status: u16,
    /// Header `Content-Type`.
    pub content_type: &'static str,
    /// Header `Retry-After`, seconds.
    pub retry_after_s: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
    /// Lines that were stored.
    pub accepted: u64,
    /// Lines of them that were cut for their length.
    pub truncated: u64,
    /// The newest time among the lines that were stored, microseconds since the epoch.
    pub newest_us: Option<i64>,
    /// Bytes of the request as it came.
    pub bytes: u64,
    /// Lines that were refused, by reason, with an example.
    pub refused: Vec<(IngestError, u64)>,
}

impl Default for InputAnswer {
    fn default() -> Self {
        Self {
            status: 200,
            content_type: "text/plain; charset=utf-8",
            retry_after_s: None,
            body: Vec::new(),
            accepted: 0,
            truncated: 0,
            newest_us: None,
            bytes: 0,
            refused: Vec::new(),
        }
    }
}

impl InputAnswer {
    /// Refuses a whole request with one line of text, as GELF's and Loki's senders expect.
    #[must_use]
    pub fn refused(error: IngestError) -> Self {
        refusal_text(error, 0, 0)
    }

    /// Refuses a whole request as Elasticsearch does.
    #[must_use]
    pub fn refused_elastic(error: IngestError) -> Self {
        crate::elastic::refusal(error, 0, 0)
    }
}

/// The status that tells a sender to slow down (429), to come again (503), or what is wrong.
pub(crate) fn status_of(error: &IngestError) -> u16 {
    if error.code == andon_reader::code::OVERLOADED { 429 } else { error.status }
}

/// Refuses a whole request with one line of text.
pub(crate) fn refusal_text(error: IngestError, lines: u64, bytes: u64) -> InputAnswer {
    InputAnswer {
        status: status_of(&error),
        retry_after_s: error.is_retryable().then_some(RETRY_AFTER_S),
        body: format!("{}\n", error.line()).into_bytes(),
        bytes,
        refused: vec![(error, lines)],
        ..InputAnswer::default()
    }
}
