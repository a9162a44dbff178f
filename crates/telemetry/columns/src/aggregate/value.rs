//! A value of a field as a key of a group, and values numbered.

use std::cmp::Ordering;
use std::hash::Hasher as _;
use std::sync::Arc;

use andon_reader::query::Scalar;
use rustc_hash::{FxHashMap, FxHasher};
use serde_json::Value;

use crate::lines::Texts;

/// Whole numbers up to here are the same as whole and as other number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One value. A number has one form, whichever kind it came as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FieldValue {
    /// The line has no value.
    None,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Another number, as bits.
    Float(u64),
    /// Text.
    Text(Arc<str>),
    /// One of the values beyond those that are told apart.
    Other,
}

impl FieldValue {
    /// Takes a value of a line; nothing for a list or an object as such.
    pub(crate) fn of(value: Scalar<'_>) -> Option<Self> {
        Some(match value {
            Scalar::Text(text) => Self::Text(Arc::from(text)),
            Scalar::Integer(number) => Self::Integer(number),
            Scalar::Float(number) => Self::of_float(number),
            Scalar::Boolean(flag) => Self::Boolean(flag),
            Scalar::Structure => return None,
        })
    }

    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn of_float(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() < EXACT {
            Self::Integer(number as i128)
        } else {
            Self::Float(number.to_bits())
        }
    }

    /// Gives it as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::None | Self::Other => Value::Null,
            Self::Boolean(flag) => Value::from(*flag),
            Self::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => Value::from(number),
                (_, Ok(number)) => Value::from(number),
                #[allow(clippy::cast_precision_loss)]
                _ => Value::from(*number as f64),
            },
            Self::Float(bits) => Value::from(f64::from_bits(*bits)),
            Self::Text(text) => Value::from(&**text),
        }
    }

    /// The order of an answer: nothing, flags, numbers by size, texts.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            _ => match (self.as_f64(), other.as_f64()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Integer(number) => Some(*number as f64),
            Self::Float(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Float(_) => 2,
            Self::Text(_) => 3,
            Self::Other => 4,
        }
    }
}

/// Numbers different values in the order in which they are met.
///
/// Texts lie in one allocation and are found by their hash, so that growing copies no text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interner {
    by_hash: FxHashMap<u64, u32>,
    others: FxHashMap<FieldValue, u32>,
    texts: Texts,
    values: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    /// Place of the text, and the value before it with the same hash.
    Text(u32, Option<u32>),
    Other(FieldValue),
}

impl Interner {
    pub(crate) fn text(&mut self, text: &str) -> u32 {
        let mut hasher = FxHasher::default();
        hasher.write(text.as_bytes());
        let next = self.next();
        let slot = self.by_hash.entry(hasher.finish());
        let before = match &slot {
            std::collections::hash_map::Entry::Occupied(known) => Some(*known.get()),
            std::collections::hash_map::Entry::Vacant(_) => None,
        };
        let mut same = before;
        while let Some(number) = same {
            let Some(Entry::Text(place, earlier)) = self.values.get(number as usize) else {
                break;
            };
            if self.texts.get_bytes(*place as usize) == text.as_bytes() {
                return number;
            }
            same = *earlier;
        }
        slot.insert_entry(next);
        let place = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text);
        self.values.push(Entry::Text(place, before));
        next
    }

    pub(crate) fn value(&mut self, value: &FieldValue) -> u32 {
        if let FieldValue::Text(text) = value {
            return self.text(text);
        }
        if let Some(&number) = self.others.get(value) {
            return number;
        }
        let number = self.next();
        self.values.push(Entry::Other(value.clone()));
        self.others.insert(value.clone(), number);
        number
    }

    fn next(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, number: u32) -> FieldValue {
        match self.values.get(number as usize) {
            Some(Entry::Text(place, _)) => FieldValue::Text(self.texts.get(*place as usize).into()),
            Some(Entry::Other(value)) => value.clone(),
            None => FieldValue::Other,
        }
    }

    /// The order of two values.
    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        match (self.values.get(a as usize), self.values.get(b as usize)) {
            (Some(Entry::Text(a, _)), Some(Entry::Text(b, _))) => {
                let text = |place: u32| self.texts.get_bytes(place as usize);
                text(*a).cmp(text(*b))
            }
            _ => self.get(a).compare(&self.get(b)),
        }
    }

    pub(crate) fn into_values(self) -> Vec<FieldValue> {
        (0..self.next()).map(|number| self.get(number)).collect()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.values.capacity() * size_of::<Entry>()
            + self.by_hash.capacity() * 17
            + self.others.capacity() * 48
            + self.texts.memory_bytes()
    }
}
