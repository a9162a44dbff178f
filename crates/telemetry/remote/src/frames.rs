//! What a running statement and its caller say to each other, piece by piece.
//!
//! The answer to a statement is a row of frames: requests for tables of the server, then rows or an error. What the
//! server lends comes back as one frame in a call of its own.

use andon_reader::{ReaderError, code};
use bytes::{Buf as _, Bytes, BytesMut};

use crate::failure::garbled;
use crate::limits::ANSWER_BYTES;
use crate::wire::Borrow;

/// A sort and a length before every frame.
const HEAD_BYTES: usize = 9;
const BORROW: u8 = 1;
const ROWS: u8 = 2;
const FAILED: u8 = 3;

/// A piece of what is said.
#[derive(Debug)]
pub(crate) enum Frame {
    /// The statement wants rows of a table.
    Borrow(Borrow),
    /// The rows that were asked for.
    Rows(Bytes),
    /// Why there are none.
    Failed(ReaderError),
}

impl Frame {
    /// Makes the last frame of a result.
    pub(crate) fn of(result: Result<Vec<u8>, ReaderError>) -> Self {
        result.map_or_else(Self::Failed, |rows| Self::Rows(Bytes::from(rows)))
    }

    /// Gives the head and the body as they travel.
    pub(crate) fn write(self) -> [Bytes; 2] {
        let (sort, body) = match self {
            Self::Borrow(borrow) => (BORROW, Bytes::from(serde_json::to_vec(&borrow).unwrap_or_default())),
            Self::Rows(rows) => (ROWS, rows),
            Self::Failed(error) => (FAILED, Bytes::from(serde_json::to_vec(&error).unwrap_or_default())),
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.push(sort);
        head.extend_from_slice(&(body.len() as u64).to_le_bytes());
        [Bytes::from(head), body]
    }

    /// Takes the first frame from what has arrived, once it is whole.
    ///
    /// # Errors
    /// When it is none, or is larger than an answer may be.
    pub(crate) fn read(arrived: &mut BytesMut) -> Result<Option<Self>, ReaderError> {
        let Some(mut head) = arrived.get(..HEAD_BYTES) else { return Ok(None) };
        let (sort, length) = (head.get_u8(), head.get_u64_le());
        let length = usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES);
        let length = length.ok_or_else(|| ReaderError::new(code::MEMORY, format!("the answer has more than {ANSWER_BYTES} bytes")).with_hint("ask for less"))?;
        if arrived.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        arrived.advance(HEAD_BYTES);
        let body = arrived.split_to(length).freeze();
        let unreadable = |error: serde_json::Error| garbled("a part of an answer", &error);
        Ok(Some(match sort {
            BORROW => Self::Borrow(serde_json::from_slice(&body).map_err(unreadable)?),
            ROWS => Self::Rows(body),
            FAILED => Self::Failed(serde_json::from_slice(&body).map_err(unreadable)?),
            other => return Err(garbled("a part of an answer", &format!("there is no sort {other}"))),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_is_read_once_it_is_whole() {
        let borrow = Borrow { loan: "one".to_owned(), table: "alarms".to_owned(), equals: Vec::new(), limit: Some(3) };
        let all: Vec<u8> = [Frame::Borrow(borrow), Frame::of(Ok(b"rows".to_vec())), Frame::of(Err(ReaderError::new("x", "y")))]
            .into_iter()
            .flat_map(Frame::write)
            .flatten()
            .collect();
        let (mut arrived, mut seen) = (BytesMut::new(), Vec::new());
        for byte in all {
            arrived.extend_from_slice(&[byte]);
            seen.extend(Frame::read(&mut arrived).unwrap());
        }
        assert!(matches!(&seen[0], Frame::Borrow(borrow) if borrow.table == "alarms" && borrow.limit == Some(3)));
        assert!(matches!(&seen[1], Frame::Rows(rows) if rows.as_ref() == b"rows"));
        assert!(matches!(&seen[2], Frame::Failed(error) if error.code == "x"));
        assert!(arrived.is_empty());
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_comes() {
        let mut arrived = BytesMut::from(&[ROWS, 0, 0, 0, 0, 0, 0, 0, 1][..]);
        assert_eq!(Frame::read(&mut arrived).unwrap_err().code, code::MEMORY);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut arrived = BytesMut::from(&bytes[..]);
            let _any = Frame::read(&mut arrived);
        }
    }
}
