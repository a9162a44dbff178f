//! Syslog over a stream (RFC 6587): octet counting or lines, found out at the first message.

use crate::frames::{Begun, DelimitedFrames, Frame};

/// Longest number of a count that is read as one.
const COUNT_DIGITS: usize = 9;

/// How the messages of a connection are told apart.
#[derive(Debug)]
enum Method {
    /// Not known yet; holds what has come so far of a count.
    Unknown(Vec<u8>),
    /// A count and a blank have come: it was one if a priority follows.
    Announced(Vec<u8>),
    /// `LENGTH SP MESSAGE`, between two messages: holds the digits so far.
    Count(Vec<u8>),
    /// Inside of a counted message, with so many bytes to come.
    Counted(usize),
    /// Messages end with a line feed.
    Lines(DelimitedFrames),
}

/// The messages of one connection.
#[derive(Debug)]
pub struct SyslogFrames {
    method: Method,
    keep_bytes: usize,
    begun: Begun,
}

impl SyslogFrames {
    /// Keeps at most `keep_bytes` of a message.
    #[must_use]
    pub fn new(keep_bytes: usize) -> Self {
        Self {
            method: Method::Unknown(Vec::new()),
            keep_bytes,
            begun: Begun::default(),
        }
    }

    /// Takes a piece of the stream and gives the messages that it completes.
    pub fn take(&mut self, mut piece: &[u8], frames: &mut Vec<Frame>) {
        while !piece.is_empty() {
            piece = match &mut self.method {
                Method::Lines(lines) => {
                    lines.take(piece, frames);
                    return;
                }
                Method::Counted(left) => {
                    let (message, rest) = piece.split_at(piece.len().min(*left));
                    self.begun.extend(message, self.keep_bytes);
                    *left -= message.len();
                    if *left == 0 {
                        frames.push(self.begun.end());
                        self.method = Method::Count(Vec::new());
                    }
                    rest
                }
                Method::Announced(_) => {
                    self.confirm(piece, frames);
                    piece
                }
                Method::Unknown(_) | Method::Count(_) => self.read_count(piece, frames),
            };
        }
    }

    /// A first message that begins with a number and a blank is counted only if `<` comes next.
    fn confirm(&mut self, piece: &[u8], frames: &mut Vec<Frame>) {
        let Method::Announced(digits) = &mut self.method else { return };
        let mut held = std::mem::take(digits);
        if piece.first() == Some(&b'<') {
            self.method = Method::Counted(count_of(&held));
        } else {
            held.push(b' ');
            self.begin_lines(&held, frames);
        }
    }

    /// What was held back is the beginning of a line.
    fn begin_lines(&mut self, held: &[u8], frames: &mut Vec<Frame>) {
        let mut lines = DelimitedFrames::new(b'\n', self.keep_bytes);
        lines.take(held, frames);
        self.method = Method::Lines(lines);
    }

    /// Reads on in the digits before a message, or finds that there is no count.
    fn read_count<'a>(&mut self, piece: &'a [u8], frames: &mut Vec<Frame>) -> &'a [u8] {
        let is_known = matches!(self.method, Method::Count(_));
        let (Method::Unknown(digits) | Method::Count(digits)) = &mut self.method else {
            return piece;
        };
        let Some((&byte, rest)) = piece.split_first() else {
            return piece;
        };
        match byte {
            b'1'..=b'9' if digits.len() < COUNT_DIGITS => digits.push(byte),
            b'0' if (1..COUNT_DIGITS).contains(&digits.len()) => digits.push(byte),
            b' ' if !digits.is_empty() && is_known => self.method = Method::Counted(count_of(digits)),
            b' ' if !digits.is_empty() => self.method = Method::Announced(std::mem::take(digits)),
            // Some senders end counted messages with a line feed that they do not count.
            b'\n' | b'\r' | 0 if digits.is_empty() => {}
            _ => {
                let held = std::mem::take(digits);
                self.begin_lines(&held, frames);
                return piece;
            }
        }
        rest
    }

    /// Ends the stream: what came of the last message is a message.
    pub fn finish(&mut self, frames: &mut Vec<Frame>) {
        match &mut self.method {
            Method::Lines(lines) => lines.finish(frames),
            Method::Unknown(held) | Method::Announced(held) | Method::Count(held) if !held.is_empty() => {
                frames.push(Frame {
                    bytes: std::mem::take(held),
                    cut_bytes: 0,
                });
            }
            Method::Counted(left) => {
                // The sender said how much would come; what did not come is missing, visibly.
                let mut frame = self.begun.end();
                frame.cut_bytes += *left as u64;
                if !frame.bytes.is_empty() {
                    frames.push(frame);
                }
            }
            Method::Unknown(_) | Method::Announced(_) | Method::Count(_) => {}
        }
        self.method = Method::Unknown(Vec::new());
    }

    /// How many bytes of a begun message are held.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match &self.method {
            Method::Lines(lines) => lines.held_bytes(),
            _ => self.begun.held_bytes(),
        }
    }
}

/// At most nine digits, of which the first is not zero.
fn count_of(digits: &[u8]) -> usize {
    digits.iter().fold(0, |count, digit| count * 10 + usize::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<(String, u64)> {
        let (mut frames, mut splitter) = (Vec::new(), SyslogFrames::new(64));
        for piece in pieces {
            splitter.take(piece, &mut frames);
        }
        splitter.finish(&mut frames);
        let shown = |frame: Frame| (String::from_utf8_lossy(&frame.bytes).into_owned(), frame.cut_bytes);
        frames.into_iter().map(shown).collect()
    }

    fn whole(texts: &[&str]) -> Vec<(String, u64)> {
        texts.iter().map(|text| ((*text).to_owned(), 0)).collect()
    }

    #[test]
    fn a_connection_that_counts_is_told_from_one_that_sends_lines() {
        assert_eq!(split(&[b"5 <1>ab11 <1>line\nfeed"]), whole(&["<1>ab", "<1>line\nfee", "d"]));
        assert_eq!(split(&[b"<1>ab\n<2>5 cd\n5 efghi\n"]), whole(&["<1>ab", "<2>5 cd", "5 efghi"]));
        // A line that begins with digits, but not as a count does.
        assert_eq!(split(&[b"2026-01-01 up\nmore\n"]), whole(&["2026-01-01 up", "more"]));
        assert_eq!(split(&[b"10", b" ", b"items done\nmore"]), whole(&["10 items done", "more"]));
        // Counted, with line feeds that are not counted.
        assert_eq!(split(&[b"5", b" ", b"<1>ab\n3 cde\n"]), whole(&["<1>ab", "cde"]));
    }

    #[test]
    fn a_counted_message_that_breaks_off_says_what_is_missing() {
        assert_eq!(split(&[b"10 <1>"]), vec![("<1>".to_owned(), 7)]);
        let long = [b"100 ".as_slice(), &[b'<'; 100]].concat();
        assert_eq!(split(&[&long]), vec![("<".repeat(64), 36)]);
    }

    proptest! {
        #[test]
        fn counted_messages_come_out_as_they_went_in(
            mut messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 1..20),
            cut in 1usize..17,
        ) {
            messages[0][0] = b'<';
            let sent: Vec<u8> = messages.iter().flat_map(|message| {
                [format!("{} ", message.len()).into_bytes(), message.clone()].concat()
            }).collect();
            let (mut frames, mut splitter) = (Vec::new(), SyslogFrames::new(64));
            for piece in sent.chunks(cut) {
                splitter.take(piece, &mut frames);
            }
            splitter.finish(&mut frames);
            let found: Vec<_> = frames.into_iter().map(|frame| frame.bytes).collect();
            prop_assert_eq!(found, messages);
        }

        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 1usize..9) {
            let (mut frames, mut splitter) = (Vec::new(), SyslogFrames::new(8));
            for piece in bytes.chunks(cut) {
                splitter.take(piece, &mut frames);
                prop_assert!(splitter.held_bytes() <= 8);
            }
            splitter.finish(&mut frames);
        }
    }
}
