//! Lines of a stream, each with its number and where it ends; a longer one than fits is cut.

use std::io::{self, BufRead, Read};

/// What is kept of a line that is longer than [`LINE_BYTES`]; the server keeps no more of a text either.
const KEPT_BYTES: usize = 1 << 20;
/// Longest line that is sent whole: with its escapes it fits into what the server takes.
pub(crate) const LINE_BYTES: usize = 30 << 20;

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number in the file, from one.
    pub(crate) number: u64,
    /// Where the next line begins, in bytes of the unpacked file.
    pub(crate) end: u64,
    /// Its bytes, without line feed and carriage return.
    pub(crate) bytes: Vec<u8>,
    /// How many bytes were cut off.
    pub(crate) cut_bytes: u64,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
    end: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads on where `lines` lines of `offset` bytes were read before.
    pub(crate) fn after(reader: R, offset: u64, lines: u64) -> Self {
        Self { reader, number: lines, end: offset }
    }

    /// Reads the next line; nothing at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        let is_first = self.end == 0;
        self.number += 1;
        self.end += read as u64;
        let mut cut_bytes = 0;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() > LINE_BYTES {
            let whole = bytes.len() as u64 + self.skip_rest()?;
            bytes.truncate(KEPT_BYTES);
            cut_bytes = whole - KEPT_BYTES as u64;
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if is_first && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Ok(Some(Line { number: self.number, end: self.end, bytes, cut_bytes }))
    }

    /// Passes over the rest of a line and tells how many bytes it had, without the line feed.
    fn skip_rest(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let piece = self.reader.fill_buf()?;
            if piece.is_empty() {
                return Ok(skipped);
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(piece.len(), |at| at + 1);
            self.reader.consume(taken);
            self.end += taken as u64;
            skipped += end.unwrap_or(taken) as u64;
            if end.is_some() {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Lines::after(bytes, 0, 0);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn lines_have_numbers_and_ends() {
        let lines = read(b"\xef\xbb\xbfone\r\n\ntwo");
        let told: Vec<_> = lines.iter().map(|line| (line.number, line.end, line.bytes.as_slice())).collect();
        assert_eq!(told, [(1, 8, b"one".as_slice()), (2, 9, b""), (3, 12, b"two")]);
        let mut rest = Lines::after(b"two".as_slice(), 9, 2);
        assert_eq!(rest.next().unwrap(), lines.last().cloned());
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_tells_how_much_is_missing() {
        let long = [vec![b'x'; LINE_BYTES + 5], b"\nafter\n".to_vec()].concat();
        let lines = read(&long);
        assert_eq!((lines[0].bytes.len(), lines[0].cut_bytes), (KEPT_BYTES, (LINE_BYTES + 5 - KEPT_BYTES) as u64));
        assert_eq!((lines[1].bytes.as_slice(), lines[1].end), (b"after".as_slice(), long.len() as u64));
        let fits = [vec![b'x'; LINE_BYTES], b"\nafter".to_vec()].concat();
        assert_eq!(read(&fits)[0].cut_bytes, 0);
    }
}
