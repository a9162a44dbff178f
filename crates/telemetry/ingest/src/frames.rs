//! Messages cut out of a byte stream: bounded, without an end, and never dropped for their length.

/// One message as it came, or the beginning of one that was longer than is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The bytes that were kept.
    pub bytes: Vec<u8>,
    /// How many more there were.
    pub cut_bytes: u64,
}

/// A message that is being read.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    bytes: Vec<u8>,
    cut_bytes: u64,
}

impl Begun {
    pub(crate) fn extend(&mut self, part: &[u8], keep_bytes: usize) {
        let room = keep_bytes.saturating_sub(self.bytes.len()).min(part.len());
        let (kept, cut) = part.split_at(room);
        self.bytes.extend_from_slice(kept);
        self.cut_bytes += cut.len() as u64;
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.cut_bytes == 0
    }

    pub(crate) fn end(&mut self) -> Frame {
        let Self { bytes, cut_bytes } = std::mem::take(self);
        Frame { bytes, cut_bytes }
    }
}

/// Messages that end with one certain byte: lines, and GELF over TCP.
#[derive(Debug)]
pub struct DelimitedFrames {
    delimiter: u8,
    keep_bytes: usize,
    begun: Begun,
}

impl DelimitedFrames {
    /// Splits at `delimiter` and keeps at most `keep_bytes` of a message.
    #[must_use]
    pub fn new(delimiter: u8, keep_bytes: usize) -> Self {
        Self {
            delimiter,
            keep_bytes,
            begun: Begun::default(),
        }
    }

    /// Takes a piece of the stream and gives the messages that it completes; empty ones are left out.
    pub fn take(&mut self, mut piece: &[u8], frames: &mut Vec<Frame>) {
        while let Some(end) = memchr::memchr(self.delimiter, piece) {
            let (head, tail) = piece.split_at(end);
            piece = tail.get(1..).unwrap_or_default();
            self.begun.extend(head, self.keep_bytes);
            self.end(frames);
        }
        self.begun.extend(piece, self.keep_bytes);
    }

    /// Ends the stream: the last message needs no delimiter.
    pub fn finish(&mut self, frames: &mut Vec<Frame>) {
        self.end(frames);
    }

    /// How many bytes of a begun message are held.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.begun.held_bytes()
    }

    fn end(&mut self, frames: &mut Vec<Frame>) {
        if !self.begun.is_empty() {
            frames.push(self.begun.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_longer_than_is_kept_says_how_long_it_was() {
        let mut frames = Vec::new();
        let mut splitter = DelimitedFrames::new(b'\n', 4);
        splitter.take(b"ab\ncdefgh", &mut frames);
        splitter.take(b"ij\n\n\nk", &mut frames);
        splitter.finish(&mut frames);
        let found: Vec<_> = frames.iter().map(|frame| (frame.bytes.as_slice(), frame.cut_bytes)).collect();
        assert_eq!(found, [(&b"ab"[..], 0), (&b"cdef"[..], 4), (&b"k"[..], 0)]);
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_into_pieces_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(1usize..50, 1..40),
        ) {
            let whole = {
                let (mut frames, mut splitter) = (Vec::new(), DelimitedFrames::new(b'\n', 16));
                splitter.take(&bytes, &mut frames);
                splitter.finish(&mut frames);
                frames
            };
            let (mut frames, mut splitter) = (Vec::new(), DelimitedFrames::new(b'\n', 16));
            let mut rest: &[u8] = &bytes;
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                splitter.take(head, &mut frames);
                rest = tail;
            }
            splitter.finish(&mut frames);
            prop_assert_eq!(&frames, &whole);
            let total: u64 = frames.iter().map(|frame| frame.bytes.len() as u64 + frame.cut_bytes).sum();
            prop_assert_eq!(total, bytes.iter().filter(|byte| **byte != b'\n').count() as u64);
        }
    }
}
