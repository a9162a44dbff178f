//! Sizes as people write them: `500MiB`, `20GB`, `1048576`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, Problem};

/// A number of bytes, written as `500MiB`, `20GB` or a plain number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub struct Size {
    bytes: u64,
}

/// Units, the largest first where two divide a number.
const UNITS: [(&str, u64); 8] = [
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("KB", 1_000),
    ("KiB", 1 << 10),
];

impl Size {
    /// Makes a size of bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// Tells the size in bytes.
    pub const fn bytes(self) -> u64 {
        self.bytes
    }

    /// Parses a size.
    ///
    /// # Errors
    /// `REQ-0001` when the text is no whole number with or without a unit, or too large.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refuse = || {
            Problem::new(ErrorCode::RequestInvalid, format!("`{text}` is no size.")).hint("Write 500MiB, 20GB or a number of bytes.")
        };
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at_checked(digits).ok_or_else(refuse)?;
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let factor = match unit.trim() {
            "" | "B" => Some(1),
            unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
        };
        let bytes = factor.and_then(|factor| number.checked_mul(factor)).ok_or_else(refuse)?;
        Ok(Self { bytes })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |(_, factor): &&(&str, u64)| self.bytes > 0 && self.bytes % factor == 0;
        match UNITS.iter().find(divides) {
            Some((unit, factor)) => write!(out, "{}{unit}", self.bytes / factor),
            None => write!(out, "{}", self.bytes),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// YAML reads a plain number as one.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Self { bytes }),
            Written::Text(text) => Self::parse(&text).map_err(|problem| serde::de::Error::custom(problem.detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_size_prints_as_it_parses(bytes in prop_oneof![any::<u64>(), (0u64..5_000).prop_map(|n| n << 20)]) {
            let size = Size { bytes };
            prop_assert_eq!(Size::parse(&size.to_string()).unwrap(), size);
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(Size::parse("20GiB").unwrap().bytes(), 20 << 30);
        assert_eq!(Size::parse("1MB").unwrap().bytes(), 1_000_000);
        assert_eq!(Size::from_bytes(10_000_000_000).to_string(), "10GB");
        assert_eq!(serde_json::from_str::<Size>("1048576").unwrap().to_string(), "1MiB");
        for text in ["", "GB", "-1", "5 parsecs", "99999999999TB", "1é"] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }
}
