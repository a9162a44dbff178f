//! What the store implements. Every method can be called through `dyn`.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::error::ReaderError;
use crate::request::{
    AggregateRequest, AggregateResult, CountRequest, CountResult, FieldsRequest, FieldsResult, Histogram, HistogramRequest,
    SearchRequest, SearchResult, StoreStatus, TailEvent,
};
use crate::row::{LogRow, NewLogRow};

/// Reads logs.
pub trait LogReader: Send + Sync {
    /// Finds lines.
    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<SearchResult, ReaderError>>;

    /// Counts matching lines.
    fn count(&self, request: CountRequest) -> BoxFuture<'_, Result<CountResult, ReaderError>>;

    /// Counts matching lines over time.
    fn histogram(&self, request: HistogramRequest)
    -> BoxFuture<'_, Result<Histogram, ReaderError>>;

    /// Measures matching lines by fields and by time.
    fn aggregate(
        &self,
        request: AggregateRequest,
    ) -> BoxFuture<'_, Result<AggregateResult, ReaderError>>;

    /// Says which fields occur in matching lines.
    fn fields(&self, request: FieldsRequest) -> BoxFuture<'_, Result<FieldsResult, ReaderError>>;

    /// Finds one line by its id.
    fn row(&self, id: &str) -> BoxFuture<'_, Result<Option<LogRow>, ReaderError>>;

    /// Delivers matching lines as they are acknowledged, from now on.
    ///
    /// # Errors
    /// When the search text is wrong or the store is closed.
    fn tail(&self, query: &str) -> Result<BoxStream<'static, TailEvent>, ReaderError>;

    /// The received time up to which (inclusive) everything is visible: no line with a
    /// `received_at_us` at or below it will appear later.
    fn watermark_us(&self) -> i64;

    /// Says how the store is.
    fn status(&self) -> StoreStatus;
}

/// Writes logs.
pub trait LogSink: Send + Sync {
    /// Stores lines and resolves only after they are safe on disk; all of them or none.
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>>;
}

/// Proof that lines are safe on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Id of the first line, nothing for an empty batch.
    pub first_id: Option<String>,
    /// Id of the last line, nothing for an empty batch.
    pub last_id: Option<String>,
    /// How many lines.
    pub rows: u64,
    /// When they were stored.
    pub received_at_us: i64,
    /// How many of them were truncated for their size.
    pub truncated_rows: u64,
}
