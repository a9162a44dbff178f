//! Matching lines as a Parquet file, sent while it is made: memory holds a row group, not the file.

use andon_api::{ErrorCode, Problem};
use andon_module::{BodyStream, Call, Reply, World, telemetry_problem};
use andon_reader::{Order, SearchRequest, SearchResult};
use andon_store::ParquetLines;
use bytes::Bytes;
use futures::stream;

use crate::figures::EXPORT_PAGE_ROWS;
use crate::logs::interval;

/// Most lines of one file.
const LINES_MAX: usize = 10_000_000;

/// What a file is made of: the search for its first lines, and how many it may have.
pub(crate) struct Wanted {
    request: SearchRequest,
    lines: usize,
}

impl Wanted {
    /// Reads what was asked for.
    pub(crate) fn of(world: &World, call: &Call) -> Result<Self, Problem> {
        let (since_us, until_us) = interval(world, call)?;
        let lines = call.query_as::<usize>("limit")?.unwrap_or(LINES_MAX).clamp(1, LINES_MAX);
        let mut request = SearchRequest {
            order: Order::OldestFirst,
            cursor: call.query("cursor").map(str::to_owned),
            ..SearchRequest::new(call.query("query").unwrap_or("*"), since_us, until_us)
        };
        request.limit = lines.min(EXPORT_PAGE_ROWS);
        Ok(Self { request, lines })
    }
}

/// Answers with a file. What goes wrong before its first bytes is a problem; later the connection breaks, and
/// a file without its end is none.
pub(crate) async fn export_parquet(world: World, wanted: Wanted) -> Result<Reply, Problem> {
    let Wanted { request, lines } = wanted;
    let first = page(&world, &request).await?;
    let file = ParquetLines::new(&first.rows).map_err(telemetry_problem)?;
    let made = Making { world, request, left: lines, file, page: Some(first) };
    let pieces: BodyStream = Box::pin(stream::try_unfold(Some(made), next_piece));
    Ok(Reply::file("application/vnd.apache.parquet", pieces)
        .with_header("content-disposition", "attachment; filename=\"logs.parquet\"".to_owned()))
}

async fn page(world: &World, request: &SearchRequest) -> Result<SearchResult, Problem> {
    let found = world.logs.search(request.clone()).await.map_err(telemetry_problem)?;
    match found.missing.first() {
        // Half a file that looks whole would lie.
        Some(why) => Err(Problem::new(ErrorCode::QueryTooExpensive, format!("The export is incomplete: {why}."))),
        None => Ok(found),
    }
}

/// A file that is being made.
struct Making {
    world: World,
    request: SearchRequest,
    /// Lines that may still follow.
    left: usize,
    file: ParquetLines,
    /// What was read and is not in the file yet.
    page: Option<SearchResult>,
}

/// Reads on until there are bytes to send.
async fn next_piece(making: Option<Making>) -> Result<Option<(Bytes, Option<Making>)>, Problem> {
    let Some(mut making) = making else {
        return Ok(None);
    };
    loop {
        let found = match making.page.take() {
            Some(first) => first,
            None => page(&making.world, &making.request).await?,
        };
        making.left = making.left.saturating_sub(found.rows.len());
        let bytes = making.file.push(&found.rows).map_err(telemetry_problem)?;
        let is_last = making.left == 0 || found.rows.is_empty();
        let Some(next) = found.next.clone().filter(|_| !is_last) else {
            let mut bytes = bytes;
            let next = found.next.as_deref();
            bytes.extend(making.file.finish(next).map_err(telemetry_problem)?);
            return Ok(Some((Bytes::from(bytes), None)));
        };
        making.request.cursor = Some(next);
        making.request.limit = making.left.min(EXPORT_PAGE_ROWS);
        if !bytes.is_empty() {
            return Ok(Some((Bytes::from(bytes), Some(making))));
        }
    }
}
