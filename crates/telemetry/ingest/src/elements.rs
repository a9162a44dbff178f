//! Counts the elements of an OTLP or Loki message before it is decoded: a small body can stand for
//! very many empty records, and decoding those would take the memory of the machine.

/// The message types of OTLP logs and Loki's push, as far as they contain others.
#[derive(Clone, Copy)]
enum Kind {
    Request,
    ResourceLogs,
    Resource,
    ScopeLogs,
    Scope,
    LogRecord,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
    LokiPush,
    LokiStream,
    LokiEntry,
    Leaf,
}

impl Kind {
    fn inside(self, field: u64) -> Option<Self> {
        Some(match (self, field) {
            (Self::Request, 1) => Self::ResourceLogs,
            (Self::ResourceLogs, 1) => Self::Resource,
            (Self::ResourceLogs, 2) => Self::ScopeLogs,
            (Self::Resource, 1)
            | (Self::Scope, 3)
            | (Self::LogRecord, 6)
            | (Self::KeyValueList, 1) => Self::KeyValue,
            (Self::ScopeLogs, 1) => Self::Scope,
            (Self::ScopeLogs, 2) => Self::LogRecord,
            (Self::LogRecord, 5) | (Self::KeyValue, 2) | (Self::ArrayValue, 1) => Self::AnyValue,
            (Self::AnyValue, 5) => Self::ArrayValue,
            (Self::AnyValue, 6) => Self::KeyValueList,
            (Self::LokiPush, 1) => Self::LokiStream,
            (Self::LokiStream, 2) => Self::LokiEntry,
            (Self::LokiEntry, 1 | 3 | 4) => Self::Leaf,
            _ => return None,
        })
    }
}

/// Deepest nesting that is followed; the decoder refuses deeper messages.
const DEPTH: usize = 100;

/// Counts the messages inside an OTLP logs request. What is malformed is left to the decoder.
pub(crate) fn count_protobuf(body: &[u8]) -> usize {
    count(body, Kind::Request, 0)
}

/// Counts the messages inside a push request of Loki.
pub(crate) fn count_loki(body: &[u8]) -> usize {
    count(body, Kind::LokiPush, 0)
}

/// Bounds the messages inside an OTLP/JSON request from above.
pub(crate) fn count_json(body: &[u8]) -> usize {
    memchr::memchr_iter(b'{', body).count()
}

fn count(mut message: &[u8], kind: Kind, depth: usize) -> usize {
    let mut elements = 1;
    while let Some(tag) = take_varint(&mut message) {
        let length = match tag & 7 {
            0 => take_varint(&mut message).map(|_| 0),
            1 => Some(8),
            2 => take_varint(&mut message).and_then(|n| usize::try_from(n).ok()),
            5 => Some(4),
            _ => None,
        };
        let Some((field, rest)) = length.and_then(|length| message.split_at_checked(length)) else {
            return elements;
        };
        message = rest;
        if tag & 7 == 2
            && depth < DEPTH
            && let Some(inside) = kind.inside(tag >> 3)
        {
            elements += count(field, inside, depth + 1);
        }
    }
    elements
}

fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
