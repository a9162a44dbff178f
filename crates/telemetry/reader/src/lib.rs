//! The narrow window through which everything outside `telemetry/` sees telemetry.
//!
//! Purpose: plain rows ([`LogRow`]), requests and answers, the search language ([`query`]) and the
//! dyn-compatible traits that the store and the SQL engine implement ([`LogReader`], [`LogSink`],
//! [`SqlRunner`], [`TableSource`]).
//!
//! Invariants: no Arrow, Parquet or DataFusion type appears here; nothing here does I/O; every time
//! is microseconds since the Unix epoch in UTC and every interval is `since <= t < until`.
//!
//! Absent: the implementations (see `andon-store` and `andon-query`), metrics.

mod custody;
mod archive;
mod clip;
mod error;
mod home;
mod level;
pub mod query;
mod request;
mod row;
mod sql;
mod traits;

pub use custody::{
    DEFAULT_STREAM, Deletion, DeletionCheck, DeletionRecord, DeletionRequest, DeletionState, LogCustody, SegmentDigest,
    StreamRule, StreamStatus, custody_limits,
};
pub use archive::{
    Amount, ArchiveJob, ArchiveRequest, ArchiveState, ArchiveWork, JobState, LogArchive, RestoreRequest,
};
pub use clip::{Clipped, clip};
pub use error::{Position, ReaderError, code};
pub use home::HomeState;
pub use level::{Level, level_of, parse_severity};
pub use request::{
    AggregateRequest, AggregateResult, Clock, CountRequest, CountResult, FieldSummary, FieldType,
    FieldsRequest, FieldsResult, GroupBy, GroupOrder, Histogram, HistogramRequest, Measure, Order,
    SearchRequest, SearchResult, Series, StoreStatus, TailEvent, ValueCount,
};
pub use row::{Attributes, LogRow, NewLogRow};
pub use sql::{
    Caller, Column, ColumnType, SqlLimits, SqlResult, SqlRunner, TableHint, TableSource,
};
pub use traits::{LogReader, LogSink, Receipt};
