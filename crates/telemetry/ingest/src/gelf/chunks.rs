//! Messages that come in several datagrams: `1e 0f`, 8 bytes of id, number, count, part.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// The first two bytes of a part.
const MAGIC: [u8; 2] = [0x1e, 0x0f];
/// Bytes before the part's own.
const HEADER_BYTES: usize = 12;
/// Most parts of a message, by the specification.
pub(crate) const PARTS_MAX: u8 = 128;
/// How long the parts of a message may take, by the specification.
const WAIT_US: i64 = 5_000_000;
/// What a begun message costs beside its bytes.
const OVERHEAD_BYTES: usize = 256;

/// What became of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunked {
    /// It is no part but a message of its own.
    Whole,
    /// It is a part, and others are missing still.
    Waiting,
    /// It is the last part: the message.
    Complete(Vec<u8>),
    /// It is no part that can be used: why.
    Refused(&'static str),
}

/// A message whose parts did not come together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Where it came from.
    pub peer: IpAddr,
    /// How many of its parts came.
    pub parts: usize,
    /// How many there should have been.
    pub expected: usize,
    /// Whether its parts took too long; otherwise it had to make room for others.
    pub is_late: bool,
}

type Key = (IpAddr, [u8; 8]);

struct Begun {
    parts: Vec<Option<Box<[u8]>>>,
    arrived: usize,
    bytes: usize,
    begun_us: i64,
}

impl Begun {
    fn cost(&self) -> usize {
        OVERHEAD_BYTES + self.parts.len() * size_of::<Option<Box<[u8]>>>() + self.bytes
    }
}

/// Puts parts together, within a bound of memory.
pub struct Reassembly {
    begun: HashMap<Key, Begun>,
    /// In the order in which they began; some may be gone already.
    order: VecDeque<(Key, i64)>,
    held_bytes: usize,
    most_bytes: usize,
    lost: Vec<Lost>,
}

impl Reassembly {
    /// Holds at most so many bytes of begun messages.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self {
            begun: HashMap::new(),
            order: VecDeque::new(),
            held_bytes: 0,
            most_bytes,
            lost: Vec::new(),
        }
    }

    /// Takes a datagram.
    pub fn take(&mut self, peer: IpAddr, datagram: &[u8], now_us: i64) -> Chunked {
        if !datagram.starts_with(&MAGIC) {
            return Chunked::Whole;
        }
        self.expire(now_us);
        let Some((header, part)) = datagram.split_at_checked(HEADER_BYTES) else {
            return Chunked::Refused("the part is shorter than its header");
        };
        let (Some(id), Some(&number), Some(&count)) =
            (header.get(2..10).and_then(|id| <[u8; 8]>::try_from(id).ok()), header.get(10), header.get(11))
        else {
            return Chunked::Refused("the part is shorter than its header");
        };
        if count == 0 || count > PARTS_MAX || number >= count {
            return Chunked::Refused("the part's number or count is out of range");
        }
        if count == 1 {
            return Chunked::Complete(part.to_vec());
        }
        self.add((peer, id), usize::from(number), usize::from(count), part, now_us)
    }

    fn add(&mut self, key: Key, number: usize, count: usize, part: &[u8], now_us: i64) -> Chunked {
        if !self.begun.contains_key(&key) {
            let begun = Begun {
                parts: vec![None; count],
                arrived: 0,
                bytes: 0,
                begun_us: now_us,
            };
            self.held_bytes += begun.cost();
            self.begun.insert(key, begun);
            self.order.push_back((key, now_us));
        }
        let Some(begun) = self.begun.get_mut(&key) else {
            return Chunked::Waiting;
        };
        if begun.parts.len() != count {
            return Chunked::Refused("the parts of a message disagree about their count");
        }
        let Some(place) = begun.parts.get_mut(number).filter(|place| place.is_none()) else {
            // The network may deliver a datagram twice.
            return Chunked::Waiting;
        };
        *place = Some(part.into());
        begun.arrived += 1;
        begun.bytes += part.len();
        self.held_bytes += part.len();
        if begun.arrived == count {
            return self.complete(&key);
        }
        self.make_room(&key);
        Chunked::Waiting
    }

    fn complete(&mut self, key: &Key) -> Chunked {
        let Some(begun) = self.begun.remove(key) else {
            return Chunked::Waiting;
        };
        self.held_bytes -= begun.cost();
        Chunked::Complete(begun.parts.into_iter().flatten().flatten().collect())
    }

    /// Gives up the oldest messages until there is room.
    fn make_room(&mut self, newest: &Key) {
        while self.held_bytes > self.most_bytes {
            let Some((key, begun_us)) = self.order.pop_front() else {
                return;
            };
            if key == *newest && self.begun.len() > 1 {
                self.order.push_back((key, begun_us));
                continue;
            }
            self.give_up(&key, begun_us, false);
        }
    }

    /// Gives up the messages whose time is over.
    pub fn expire(&mut self, now_us: i64) {
        while let Some(&(key, begun_us)) = self.order.front() {
            if now_us.saturating_sub(begun_us) < WAIT_US {
                return;
            }
            self.order.pop_front();
            self.give_up(&key, begun_us, true);
        }
    }

    fn give_up(&mut self, key: &Key, begun_us: i64, is_late: bool) {
        // The same id may have been used again since.
        if self.begun.get(key).is_none_or(|begun| begun.begun_us != begun_us) {
            return;
        }
        if let Some(begun) = self.begun.remove(key) {
            self.held_bytes -= begun.cost();
            self.lost.push(Lost {
                peer: key.0,
                parts: begun.arrived,
                expected: begun.parts.len(),
                is_late,
            });
        }
    }

    /// Hands over what was given up since the last time.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// How many bytes begun messages hold.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn part(id: u8, number: u8, count: u8, bytes: &[u8]) -> Vec<u8> {
        [&MAGIC[..], &[id; 8], &[number, count], bytes].concat()
    }

    #[test]
    fn parts_come_together_in_any_order_and_twice() {
        let mut reassembly = Reassembly::new(10_000);
        assert_eq!(reassembly.take(PEER, b"{}", 0), Chunked::Whole);
        assert_eq!(reassembly.take(PEER, &part(1, 2, 3, b"c"), 0), Chunked::Waiting);
        assert_eq!(reassembly.take(PEER, &part(1, 0, 3, b"a"), 0), Chunked::Waiting);
        assert_eq!(reassembly.take(PEER, &part(1, 0, 3, b"a"), 0), Chunked::Waiting);
        let other: IpAddr = Ipv4Addr::BROADCAST.into();
        assert_eq!(reassembly.take(other, &part(1, 1, 3, b"x"), 0), Chunked::Waiting);
        assert_eq!(reassembly.take(PEER, &part(1, 1, 3, b"b"), 0), Chunked::Complete(b"abc".to_vec()));
        assert_eq!(reassembly.take(PEER, &part(9, 0, 1, b"one"), 0), Chunked::Complete(b"one".to_vec()));
    }

    #[test]
    fn parts_that_do_not_come_within_five_seconds_are_given_up_and_told() {
        let mut reassembly = Reassembly::new(10_000);
        assert_eq!(reassembly.take(PEER, &part(1, 0, 2, b"a"), 0), Chunked::Waiting);
        reassembly.expire(WAIT_US - 1);
        assert!(reassembly.take_lost().is_empty());
        reassembly.expire(WAIT_US);
        assert_eq!(reassembly.take_lost(), [Lost { peer: PEER, parts: 1, expected: 2, is_late: true }]);
        assert_eq!(reassembly.held_bytes(), 0);
        // A late part begins anew.
        assert_eq!(reassembly.take(PEER, &part(1, 1, 2, b"b"), WAIT_US), Chunked::Waiting);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut reassembly = Reassembly::new(10_000);
        for datagram in [part(1, 0, 0, b""), part(1, 3, 3, b""), part(1, 0, 129, b""), MAGIC.to_vec()] {
            assert!(matches!(reassembly.take(PEER, &datagram, 0), Chunked::Refused(_)), "{datagram:?}");
        }
        assert_eq!(reassembly.take(PEER, &part(1, 0, 2, b"a"), 0), Chunked::Waiting);
        assert!(matches!(reassembly.take(PEER, &part(1, 1, 3, b"b"), 0), Chunked::Refused(_)));
    }

    proptest! {
        #[test]
        fn memory_is_bounded_whatever_comes(
            parts in proptest::collection::vec((any::<u8>(), 0u8..140, 0u8..140, 0usize..600), 0..300),
        ) {
            let mut reassembly = Reassembly::new(8_000);
            for (at, (id, number, count, length)) in parts.into_iter().enumerate() {
                let _ = reassembly.take(PEER, &part(id, number, count, &vec![0; length]), at as i64 * 10_000);
                prop_assert!(reassembly.held_bytes() <= 8_000);
            }
            reassembly.expire(i64::MAX);
            prop_assert_eq!(reassembly.held_bytes(), 0);
            prop_assert!(reassembly.begun.is_empty());
        }

        #[test]
        fn any_message_survives_being_cut(message in proptest::collection::vec(any::<u8>(), 1..2_000), size in 20usize..300) {
            let pieces: Vec<&[u8]> = message.chunks(size).collect();
            let mut reassembly = Reassembly::new(1 << 20);
            let mut found = None;
            for (number, piece) in pieces.iter().enumerate().rev() {
                let sent = part(7, number as u8, pieces.len() as u8, piece);
                if let Chunked::Complete(bytes) = reassembly.take(PEER, &sent, 0) { found = Some(bytes); }
            }
            prop_assert_eq!(found, Some(message));
        }
    }
}
