//! Values as bytes. Numbers keep every bit, which they do not on their way through decimal text.

use andon_reader::Attributes;
use serde_json::{Number, Value};

use crate::limits::DEPTH;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const SIGNED: u8 = 3;
const UNSIGNED: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const LIST: u8 = 7;
const OBJECT: u8 = 8;

/// The bytes do not hold what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged(pub(crate) &'static str);

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is damaged", self.0)
    }
}

/// Writes values one after another.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Writes a number in as few bytes as it needs (LEB128).
    pub(crate) fn size(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push((number & 0x7f) as u8);
    }

    pub(crate) fn count(&mut self, number: usize) {
        self.size(number as u64);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn attributes(&mut self, attributes: &Attributes) {
        self.count(attributes.len());
        for (name, value) in attributes {
            self.text(name);
            self.value(value);
        }
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.byte(NULL),
            Value::Bool(false) => self.byte(FALSE),
            Value::Bool(true) => self.byte(TRUE),
            Value::Number(number) => self.number(number),
            Value::String(text) => {
                self.byte(TEXT);
                self.text(text);
            }
            Value::Array(items) => {
                self.byte(LIST);
                self.count(items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(members) => {
                self.byte(OBJECT);
                self.attributes(members);
            }
        }
    }

    fn number(&mut self, number: &Number) {
        if let Some(signed) = number.as_i64() {
            self.byte(SIGNED);
            self.signed(signed);
        } else if let Some(unsigned) = number.as_u64() {
            self.byte(UNSIGNED);
            self.bytes.extend_from_slice(&unsigned.to_le_bytes());
        } else {
            self.byte(FLOAT);
            self.bytes.extend_from_slice(&number.as_f64().unwrap_or_default().to_le_bytes());
        }
    }
}

/// Reads values one after another; every length is checked against what is there.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged("a length"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        self.take(1)?.first().copied().ok_or(Damaged("a byte"))
    }

    fn eight(&mut self) -> Result<[u8; 8], Damaged> {
        self.take(8)?.try_into().map_err(|_| Damaged("a number"))
    }

    pub(crate) fn size(&mut self) -> Result<u64, Damaged> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            number |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part).ok_or(Damaged("a size"))?;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged("a size"))
    }

    /// Reads how many things follow; each takes at least a byte.
    pub(crate) fn count(&mut self) -> Result<usize, Damaged> {
        let count = usize::try_from(self.size()?).map_err(|_| Damaged("a count"))?;
        if count > self.rest.len() { Err(Damaged("a count")) } else { Ok(count) }
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Damaged> {
        Ok(i64::from_le_bytes(self.eight()?))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged("a text"))
    }

    pub(crate) fn string(&mut self) -> Result<String, Damaged> {
        self.text().map(str::to_owned)
    }

    pub(crate) fn attributes(&mut self) -> Result<Attributes, Damaged> {
        let count = self.count()?;
        let mut attributes = Attributes::new();
        for _ in 0..count {
            let name = self.string()?;
            attributes.insert(name, self.value()?);
        }
        Ok(attributes)
    }

    pub(crate) fn value(&mut self) -> Result<Value, Damaged> {
        Ok(match self.byte()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            SIGNED => Value::from(self.signed()?),
            UNSIGNED => Value::from(u64::from_le_bytes(self.eight()?)),
            FLOAT => Value::from(f64::from_le_bytes(self.eight()?)),
            TEXT => Value::String(self.string()?),
            LIST => self.nested(|reader| {
                let count = reader.count()?;
                let items: Result<Vec<Value>, Damaged> = (0..count).map(|_| reader.value()).collect();
                items.map(Value::Array)
            })?,
            OBJECT => self.nested(|reader| reader.attributes().map(Value::Object))?,
            _ => return Err(Damaged("the type of a value")),
        })
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Value, Damaged>) -> Result<Value, Damaged> {
        self.depth += 1;
        let value = if self.depth > DEPTH { Err(Damaged("the nesting of a value")) } else { read(self) };
        self.depth -= 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,6}", inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_arrives_as_it_was_sent(value in any_value()) {
            let mut writer = Writer::default();
            writer.value(&value);
            let mut reader = Reader::new(&writer.bytes);
            prop_assert_eq!(reader.value(), Ok(value));
            prop_assert!(reader.rest().is_empty());
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            while reader.value().is_ok() {}
        }

        #[test]
        fn a_size_arrives_as_it_was_sent(number in any::<u64>()) {
            let mut writer = Writer::default();
            writer.size(number);
            prop_assert_eq!(Reader::new(&writer.bytes).size(), Ok(number));
        }
    }

    #[test]
    fn a_value_that_nests_too_deeply_is_refused() {
        let bytes: Vec<u8> = std::iter::repeat_n([LIST, 1], 100_000).flatten().chain([NULL]).collect();
        assert_eq!(Reader::new(&bytes).value(), Err(Damaged("the nesting of a value")));
    }
}
