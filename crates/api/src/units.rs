//! Durations as people write them: `30s`, `5m`, `12h`, `7d`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, Problem};

/// A length of time in whole milliseconds, written as `250ms`, `30s`, `5m`, `12h`, `7d` or a sum such as `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub struct Span {
    milliseconds: i64,
}

const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

impl Span {
    /// Makes a span of whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { milliseconds: seconds * 1_000 }
    }

    /// Tells the length in milliseconds.
    pub const fn milliseconds(self) -> i64 {
        self.milliseconds
    }

    /// Tells the length in microseconds.
    pub const fn microseconds(self) -> i64 {
        self.milliseconds.saturating_mul(1_000)
    }

    /// Parses a span; at most 3,650 days.
    ///
    /// # Errors
    /// `OBJ-0004` when the text is not a sum of numbers with units, or is negative or too long.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let refuse = || {
            Problem::new(ErrorCode::DurationInvalid, format!("`{text}` is not a duration."))
                .hint("Write a number with a unit, such as 30s, 5m, 12h, 7d, or a sum such as 1h30m.")
        };
        let mut rest = text.trim();
        let mut total: i64 = 0;
        if rest.is_empty() {
            return Err(refuse());
        }
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number: i64 = rest[..digits].parse().map_err(|_| refuse())?;
            rest = &rest[digits..];
            let (unit, factor) = UNITS.iter().find(|(unit, _)| match *unit {
                "m" => rest.starts_with('m') && !rest.starts_with("ms"),
                unit => rest.starts_with(unit),
            }).ok_or_else(refuse)?;
            rest = &rest[unit.len()..];
            total = number.checked_mul(*factor).and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
        }
        if total > 3_650 * 86_400_000 { Err(refuse()) } else { Ok(Self { milliseconds: total }) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds == 0 {
            return out.write_str("0s");
        }
        let mut rest = self.milliseconds;
        for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if rest >= factor {
                write!(out, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|problem| serde::de::Error::custom(problem.detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_span_prints_as_it_parses(milliseconds in 0i64..3_650 * 86_400_000) {
            let span = Span { milliseconds };
            prop_assert_eq!(Span::parse(&span.to_string()).unwrap(), span);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "m", "-5m", "5 m", "5y", "99999999999d"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
