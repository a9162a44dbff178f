//! Logs in memory, searched by the real search language.

use std::sync::{Arc, Mutex};

use andon_columns::aggregate::{Aggregation, Limits};
use andon_reader::query::Filter;
use andon_reader::{
    AggregateRequest, AggregateResult, Clipped, Clock, CountRequest, CountResult, FieldsRequest, FieldsResult, Histogram, HistogramRequest, LogReader, LogRow, Order,
    ReaderError, SearchRequest, SearchResult, Series, StoreStatus, TailEvent, clip,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// Logs in memory. Clones share their lines.
#[derive(Clone, Default)]
pub struct MemoryLogs {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    rows: Vec<LogRow>,
    watermark_us: Option<i64>,
}

impl MemoryLogs {
    /// Adds a line of a service, received when it happened.
    pub fn add(&self, at_us: i64, service: &str, level: &str, message: &str) {
        let mut inner = self.inner.lock().unwrap();
        let id = format!("{}", inner.rows.len());
        let severity_number = match level {
            "error" => 17,
            "warn" => 13,
            _ => 9,
        };
        inner.rows.push(LogRow {
            id,
            timestamp_us: at_us,
            received_at_us: at_us,
            severity_number,
            severity_text: level.to_owned(),
            service: service.to_owned(),
            message: message.to_owned(),
            trace_id: String::new(),
            span_id: String::new(),
            scope: String::new(),
            attributes: andon_reader::Attributes::default(),
            resource: andon_reader::Attributes::default(),
        });
    }

    /// Holds the watermark at a time, as a store does that still waits for lines.
    pub fn hold_watermark(&self, at_us: Option<i64>) {
        self.inner.lock().unwrap().watermark_us = at_us;
    }

    fn matching(&self, query: &str, since_us: i64, until_us: i64, clock: Clock) -> Result<Vec<LogRow>, ReaderError> {
        let filter = Filter::read(query)?;
        let time = |row: &LogRow| if clock == Clock::Timestamp { row.timestamp_us } else { row.received_at_us };
        let inner = self.inner.lock().unwrap();
        let inside = inner.rows.iter().filter(|row| (since_us..until_us).contains(&time(row)));
        Ok(inside.filter(|row| filter.matches(*row)).cloned().collect())
    }
}

fn clip_rows(rows: &mut [LogRow], characters: usize) -> Vec<Clipped> {
    let cut = rows.iter_mut().enumerate().flat_map(|(row, line)| {
        clip(line, characters).into_iter().map(move |(field, characters)| Clipped { row, field, characters })
    });
    cut.collect()
}

impl LogReader for MemoryLogs {
    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<SearchResult, ReaderError>> {
        Box::pin(async move {
            let mut rows = self.matching(&request.query, request.since_us, request.until_us, request.clock)?;
            rows.sort_by_key(|row| row.timestamp_us);
            if request.order == Order::NewestFirst {
                rows.reverse();
            }
            rows.truncate(request.limit);
            let clipped = request.clip.map_or_else(Vec::new, |characters| clip_rows(&mut rows, characters));
            Ok(SearchResult {
                clipped,
                scanned_rows: rows.len() as u64,
                rows,
                next: None,
                scanned_segments: 0,
                elapsed_us: 0,
                complete: true,
                missing: Vec::new(),
                notes: Vec::new(),
            })
        })
    }

    fn count(&self, request: CountRequest) -> BoxFuture<'_, Result<CountResult, ReaderError>> {
        Box::pin(async move {
            let rows = self.matching(&request.query, request.since_us, request.until_us, request.clock)?;
            let count = rows.len() as u64;
            Ok(CountResult { count, scanned_rows: count, elapsed_us: 0, complete: true, missing: Vec::new(), notes: Vec::new() })
        })
    }

    fn histogram(&self, request: HistogramRequest) -> BoxFuture<'_, Result<Histogram, ReaderError>> {
        Box::pin(async move {
            let rows = self.matching(&request.query, request.since_us, request.until_us, request.clock)?;
            let span = (request.until_us - request.since_us).max(1);
            let buckets = i64::try_from(request.buckets.unwrap_or(60)).unwrap_or(60).max(1);
            let width = request.bucket_us.unwrap_or(span / buckets).max(1);
            let first = request.since_us.div_euclid(width) * width;
            let starts_us: Vec<i64> = (first..request.until_us).step_by(usize::try_from(width).unwrap()).collect();
            let mut counts = vec![0u64; starts_us.len()];
            for row in &rows {
                let at = usize::try_from((row.timestamp_us - first) / width).unwrap();
                if let Some(count) = counts.get_mut(at) {
                    *count += 1;
                }
            }
            Ok(Histogram {
                bucket_us: width,
                starts_us,
                series: vec![Series { name: "count".to_owned(), counts }],
                total: rows.len() as u64,
                scanned_rows: rows.len() as u64,
                elapsed_us: 0,
                complete: true,
                missing: Vec::new(),
                notes: Vec::new(),
            })
        })
    }

    fn aggregate(&self, request: AggregateRequest) -> BoxFuture<'_, Result<AggregateResult, ReaderError>> {
        Box::pin(async move {
            let rows = self.matching(&request.query, request.since_us, request.until_us, request.clock)?;
            let aggregation = Aggregation::new(request, Limits::default())?;
            let mut totals = aggregation.totals();
            for row in &rows {
                totals.add_row(&aggregation, row).unwrap();
            }
            Ok(aggregation.answer(totals))
        })
    }

    fn fields(&self, _request: FieldsRequest) -> BoxFuture<'_, Result<FieldsResult, ReaderError>> {
        Box::pin(async move { Ok(FieldsResult { fields: Vec::new(), sampled_rows: 0, complete: true, notes: Vec::new() }) })
    }

    fn row(&self, id: &str) -> BoxFuture<'_, Result<Option<LogRow>, ReaderError>> {
        let found = self.inner.lock().unwrap().rows.iter().find(|row| row.id == id).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn tail(&self, query: &str) -> Result<BoxStream<'static, TailEvent>, ReaderError> {
        Filter::read(query)?;
        Ok(Box::pin(futures::stream::pending()))
    }

    fn watermark_us(&self) -> i64 {
        self.inner.lock().unwrap().watermark_us.unwrap_or(i64::MAX)
    }

    fn status(&self) -> StoreStatus {
        StoreStatus::default()
    }
}
