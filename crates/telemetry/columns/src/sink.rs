//! Where batches of lines go.

use andon_reader::{LogSink, ReaderError, Receipt};
use futures::future::BoxFuture;

use crate::lines::Lines;

/// Writes logs that come as batches in columns; plain rows go through [`LogSink::append`].
pub trait LinesSink: LogSink {
    /// Stores lines and resolves only after they are safe on disk; all of them or none.
    fn append_lines(&self, lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>>;
}
