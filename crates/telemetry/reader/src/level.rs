//! Severity: OpenTelemetry's numbers 1..=24 and the names that people and programs use for them.

use serde::{Deserialize, Serialize};

/// The six severity bands of OpenTelemetry, plus "not said".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No severity was given.
    Unset,
    /// 1..=4
    Trace,
    /// 5..=8
    Debug,
    /// 9..=12
    Info,
    /// 13..=16
    Warn,
    /// 17..=20
    Error,
    /// 21..=24
    Fatal,
}

impl Level {
    /// The name shown and searched.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The lowest and highest severity number of the band.
    #[must_use]
    pub fn numbers(self) -> (u8, u8) {
        match self {
            Self::Unset => (0, 0),
            Self::Trace => (1, 4),
            Self::Debug => (5, 8),
            Self::Info => (9, 12),
            Self::Warn => (13, 16),
            Self::Error => (17, 20),
            Self::Fatal => (21, 24),
        }
    }
}

/// Finds the band of a severity number; numbers above 24 count as fatal.
#[must_use]
pub fn level_of(severity_number: u8) -> Level {
    match severity_number {
        0 => Level::Unset,
        1..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warn,
        17..=20 => Level::Error,
        _ => Level::Fatal,
    }
}

/// Reads a severity name in any of the usual spellings (`WARN`, `warning`, `E`, `notice`, `error2`).
#[must_use]
pub fn parse_severity(text: &str) -> Option<u8> {
    let trimmed = text.trim();
    if trimmed.len() > 13 || trimmed.is_empty() {
        return None;
    }
    let lower = trimmed.to_ascii_lowercase();
    let (name, step) = match lower.as_bytes().last() {
        Some(digit @ b'2'..=b'4') if lower.len() > 3 => (&lower[..lower.len() - 1], digit - b'1'),
        _ => (lower.as_str(), 0),
    };
    let base = match name {
        "trace" | "t" | "verbose" | "finest" | "finer" | "silly" => 1,
        "debug" | "d" | "dbg" | "fine" => 5,
        "info" | "i" | "inf" | "information" | "informational" | "log" => 9,
        "notice" | "config" => 10,
        "warn" | "w" | "wrn" | "warning" => 13,
        "error" | "e" | "err" | "eror" | "severe" | "failure" => 17,
        "critical" | "crit" | "dpanic" => 21,
        "fatal" | "f" | "ftl" | "panic" => 21,
        "alert" => 22,
        "emergency" | "emerg" => 23,
        _ => return None,
    };
    Some(base + step)
}
