//! A statement on its way: over there it runs and asks for tables, here they are read and brought.

use std::sync::Arc;

use andon_reader::{Caller, ReaderError, SqlLimits, SqlResult, SqlRunner};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::BytesMut;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use http::Method;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::desk::Desk;
use crate::failure::{garbled, unavailable};
use crate::frames::Frame;
use crate::limits::READ_TIME;
use crate::line::{Line, answered};
use crate::remote::{decoded, refusal};
use crate::rows::{read_sql, write_sql};
use crate::service::{Shelf, in_background, read, respond};
use crate::wire::{Borrow, path};

/// A statement, and what its caller may read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) subject: String,
    pub(crate) tables: Vec<String>,
    pub(crate) limits: SqlLimits,
}

/// Runs a statement beside the store.
pub(crate) async fn run(State(shelf): State<Arc<Shelf>>, body: Bytes) -> Response {
    match begin(&shelf, &body) {
        Ok((running, asked)) => {
            let pieces = frames(running, asked).flat_map(|frame| futures::stream::iter(frame.write()));
            Response::new(Body::from_stream(pieces.map(Ok::<_, std::convert::Infallible>)))
        }
        Err(error) => respond(Err(error)),
    }
}

fn begin(shelf: &Shelf, body: &[u8]) -> Result<(BoxFuture<'static, Frame>, mpsc::Receiver<Borrow>), ReaderError> {
    let Statement { sql, subject, tables, limits } = read(body)?;
    let runner = shelf.opened()?.sql;
    let (ticket, asked) = shelf.loans().admit();
    let caller = Caller::new(subject, move |table| tables.iter().any(|allowed| allowed == table)).with_ticket(ticket.name.clone());
    let running = async move {
        let _ticket = ticket;
        Frame::of(rows_of(runner.as_ref(), sql, caller, limits).await)
    };
    Ok((Box::pin(running), asked))
}

async fn rows_of(runner: &dyn SqlRunner, sql: String, caller: Caller, limits: SqlLimits) -> Result<Vec<u8>, ReaderError> {
    let answer = runner.run(sql, caller, limits).await?;
    in_background(move || write_sql(answer)).await?.map_err(|error| garbled("an answer", &error))
}

/// Gives what the statement asks for, and in the end what it answers.
fn frames(running: BoxFuture<'static, Frame>, asked: mpsc::Receiver<Borrow>) -> impl Stream<Item = Frame> {
    futures::stream::unfold(Some((running, asked)), |state| async {
        let (mut running, mut asked) = state?;
        tokio::select! {
            Some(borrow) = asked.recv() => Some((Frame::Borrow(borrow), Some((running, asked)))),
            last = &mut running => Some((last, None)),
        }
    })
}

/// Takes what the server brings.
pub(crate) async fn brought(State(shelf): State<Arc<Shelf>>, Path(loan): Path<String>, body: Bytes) -> Response {
    let frame = Frame::read(&mut BytesMut::from(body));
    let taken = frame.and_then(|frame| frame.ok_or_else(|| garbled("a table", &"it is not whole")));
    respond(taken.map(|frame| {
        shelf.loans().bring(&loan, frame);
        Vec::new()
    }))
}

/// Follows a statement from the server's side: brings what it asks for until it has answered.
pub(crate) async fn follow(answer: reqwest::Response, line: &Line, desk: &Desk, caller: &Caller) -> Result<SqlResult, ReaderError> {
    let mut pieces = answered(answer).await.map_err(refusal)?.bytes_stream();
    let mut arrived = BytesMut::new();
    let mut bringing = FuturesUnordered::new();
    loop {
        while let Some(frame) = Frame::read(&mut arrived)? {
            match frame {
                Frame::Borrow(borrow) => bringing.push(bring(line, desk, caller, borrow)),
                Frame::Rows(rows) => return decoded(rows, read_sql).await,
                Frame::Failed(error) => return Err(error),
            }
        }
        tokio::select! {
            piece = pieces.next() => match piece {
                Some(Ok(piece)) => arrived.extend_from_slice(&piece),
                Some(Err(_)) | None => return Err(unavailable("the statement broke off")),
            },
            Some(brought) = bringing.next() => brought?,
        }
    }
}

async fn bring(line: &Line, desk: &Desk, caller: &Caller, borrow: Borrow) -> Result<(), ReaderError> {
    let target = format!("{}/{}", path::LENT, borrow.loan);
    let [head, body] = Frame::of(desk.lend(caller, borrow).await).write();
    let frame = Bytes::from([head, body].concat());
    line.call(Method::POST, &target, frame, READ_TIME).await.map(|_| ()).map_err(refusal)
}
