//! A store that keeps lines in a list, and the table of a server.

use std::sync::{Arc, Mutex};

use andon_reader::query::Filter;
use andon_columns::LinesSink;
use andon_columns::lines::Lines;
use andon_reader::{
    AggregateRequest, AggregateResult, ArchiveState, ArchiveWork, Caller, Column, ColumnType, CountRequest, CountResult, FieldsRequest, FieldsResult, Histogram, HistogramRequest, LogReader,
    LogRow, LogSink, NewLogRow, ReaderError, Receipt, SearchRequest, SearchResult, SqlLimits, SqlResult, SqlRunner, StoreStatus, StreamRule,
    TableHint, TableSource, TailEvent,
};
use andon_remote::TableShape;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::archive::job;

#[derive(Default)]
pub(crate) struct FakeStore {
    rows: Mutex<Vec<LogRow>>,
    tails: Mutex<Vec<mpsc::UnboundedSender<TailEvent>>>,
    waiting: Mutex<Vec<TailEvent>>,
    lent: Mutex<Vec<Arc<dyn TableSource>>>,
    pub(crate) streams: Mutex<Vec<StreamRule>>,
    pub(crate) tickets: Mutex<Vec<String>>,
    pub(crate) begun: Notify,
    pub(crate) dropped: Arc<Notify>,
}

impl FakeStore {
    pub(crate) fn lend(&self, tables: Vec<Arc<dyn TableSource>>) {
        *self.lent.lock().unwrap() = tables;
    }

    /// Delivers a line to whoever follows, or to the next who does.
    pub(crate) fn feed(&self, message: &str) {
        let event = TailEvent::Row { row: Box::new(line(1, NewLogRow { message: message.to_owned(), ..NewLogRow::default() })) };
        let tails = self.tails.lock().unwrap();
        if tails.is_empty() {
            self.waiting.lock().unwrap().push(event.clone());
        }
        for tail in tails.iter() {
            let _gone = tail.send(event.clone());
        }
    }

    pub(crate) fn end_tails(&self) {
        self.tails.lock().unwrap().clear();
    }

    pub(crate) async fn borrow(&self, caller: Caller) -> Result<Vec<Vec<Value>>, ReaderError> {
        let table = self.lent.lock().unwrap()[0].clone();
        table.scan(&caller, TableHint { equals: vec![("name".to_owned(), json!("x"))], limit: Some(3) }).await
    }
}

fn line(id: u64, new: NewLogRow) -> LogRow {
    LogRow {
        id: id.to_string(),
        timestamp_us: new.timestamp_us.unwrap_or(5),
        received_at_us: 5,
        severity_number: new.severity_number,
        severity_text: new.severity_text,
        service: new.service,
        message: new.message,
        trace_id: new.trace_id,
        span_id: new.span_id,
        scope: new.scope,
        attributes: new.attributes,
        resource: (*new.resource).clone(),
    }
}

struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl LogReader for FakeStore {
    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<SearchResult, ReaderError>> {
        Box::pin(async move {
            Filter::parse(&request.query)?;
            let rows = self.rows.lock().unwrap().clone();
            Ok(SearchResult { rows, next: None, scanned_rows: 0, scanned_segments: 0, elapsed_us: 0, complete: true, missing: Vec::new(), clipped: Vec::new(), notes: Vec::new() })
        })
    }

    fn count(&self, request: CountRequest) -> BoxFuture<'_, Result<CountResult, ReaderError>> {
        Box::pin(async move {
            if request.query == "hang" {
                let _told = Told(self.dropped.clone());
                self.begun.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(CountResult { count: self.rows.lock().unwrap().len() as u64, scanned_rows: 0, elapsed_us: 0, complete: true, missing: Vec::new(), notes: Vec::new() })
        })
    }

    fn histogram(&self, _request: HistogramRequest) -> BoxFuture<'_, Result<Histogram, ReaderError>> {
        Box::pin(async { Err(ReaderError::new("unasked", "no test asks for it")) })
    }

    fn aggregate(&self, _request: AggregateRequest) -> BoxFuture<'_, Result<AggregateResult, ReaderError>> {
        Box::pin(async move {
            let rows = vec![vec![json!("payments"), json!(0.1 + 0.2)]];
            Ok(AggregateResult { columns: Vec::new(), rows, groups_total: Some(1), scanned_rows: 0, elapsed_us: 0, complete: true, missing: Vec::new(), notes: Vec::new() })
        })
    }

    fn fields(&self, _request: FieldsRequest) -> BoxFuture<'_, Result<FieldsResult, ReaderError>> {
        Box::pin(async { Err(ReaderError::new("unasked", "no test asks for it")) })
    }

    fn row(&self, id: &str) -> BoxFuture<'_, Result<Option<LogRow>, ReaderError>> {
        let found = self.rows.lock().unwrap().iter().find(|row| row.id == id).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn tail(&self, _query: &str) -> Result<BoxStream<'static, TailEvent>, ReaderError> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for event in self.waiting.lock().unwrap().drain(..) {
            let _gone = sender.send(event);
        }
        self.tails.lock().unwrap().push(sender);
        Ok(futures::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed())
    }

    fn watermark_us(&self) -> i64 {
        77
    }

    fn status(&self) -> StoreStatus {
        let archive = ArchiveState { jobs: vec![job(ArchiveWork::Restore)], ..ArchiveState::default() };
        StoreStatus { rows: self.rows.lock().unwrap().len() as u64, archive: Some(archive), ..StoreStatus::default() }
    }
}

impl LogSink for FakeStore {
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move {
            let mut stored = self.rows.lock().unwrap();
            let count = rows.len() as u64;
            for row in rows {
                let id = stored.len() as u64 + 1;
                stored.push(line(id, row));
            }
            Ok(Receipt { first_id: None, last_id: None, rows: count, received_at_us: 5, truncated_rows: 0 })
        })
    }
}

impl LinesSink for FakeStore {
    fn append_lines(&self, lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        let plain = |row: LogRow| NewLogRow {
            timestamp_us: Some(row.timestamp_us),
            severity_number: row.severity_number,
            severity_text: row.severity_text,
            service: row.service,
            message: row.message,
            trace_id: row.trace_id,
            span_id: row.span_id,
            scope: row.scope,
            attributes: row.attributes,
            resource: Arc::new(row.resource),
        };
        self.append((0..lines.len()).map(|row| plain(lines.to_log_row(row))).collect())
    }
}

impl SqlRunner for FakeStore {
    fn run(&self, _sql: String, caller: Caller, _limits: SqlLimits) -> BoxFuture<'_, Result<SqlResult, ReaderError>> {
        Box::pin(async move {
            self.tickets.lock().unwrap().push(caller.ticket.clone());
            let rows = self.borrow(caller).await?;
            Ok(SqlResult { columns: Vec::new(), rows, truncated: false, elapsed_us: 0, notes: Vec::new() })
        })
    }

    fn tables(&self, _caller: &Caller) -> Vec<(String, Vec<Column>)> {
        Vec::new()
    }
}

/// A table that shows who reads it.
pub(crate) struct Secrets;

impl Secrets {
    pub(crate) fn shape() -> TableShape {
        TableShape { name: "secrets".to_owned(), columns: vec![Column::new("who", ColumnType::Text), Column::new("ratio", ColumnType::Float)] }
    }
}

impl TableSource for Secrets {
    fn name(&self) -> &str {
        "secrets"
    }

    fn columns(&self) -> Vec<Column> {
        Self::shape().columns
    }

    fn scan(&self, caller: &Caller, hint: TableHint) -> BoxFuture<'_, Result<Vec<Vec<Value>>, ReaderError>> {
        assert_eq!(hint.limit, Some(3));
        let who = caller.subject.clone();
        Box::pin(async move { Ok(vec![vec![json!(who), json!(1.5)]]) })
    }
}
