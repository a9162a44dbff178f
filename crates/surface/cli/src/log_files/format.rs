//! What a file is: told by its first lines, or by whoever imports it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::logfmt;
use super::stamp::{Clock, leading};
use super::syslog;
use super::gelf;

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Format {
    /// Whatever the first lines look like.
    Auto,
    /// A JSON object per line.
    Ndjson,
    /// Plain text; further lines of a message belong to it.
    Text,
    /// Files of rsyslog and syslog-ng.
    Syslog,
    /// A GELF message per line.
    Gelf,
    /// Pairs such as `level=info msg=started`.
    Logfmt,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ndjson => "ndjson",
            Self::Text => "text",
            Self::Syslog => "syslog",
            Self::Gelf => "gelf",
            Self::Logfmt => "logfmt",
        }
    }
}

/// What is known of a file before its first line is sent; the same for each part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shape {
    /// What its lines are.
    pub(crate) format: Format,
    /// Whether its messages begin with a time: a line without one then goes on with the message before.
    pub(crate) is_stamped: bool,
}

/// How many of the first lines are looked at.
const LINES: usize = 200;

/// Finds out what a file is from its beginning; the last line of it may be cut.
pub(crate) fn shape_of(head: &[u8], wanted: Format, clock: &Clock) -> Shape {
    let text = String::from_utf8_lossy(head);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).take(LINES).collect();
    // A cut line is none, unless there is no other.
    let lines = match lines.split_last() {
        Some((_, before)) if !before.is_empty() && !head.ends_with(b"\n") => before,
        _ => &lines,
    };
    let format = if wanted == Format::Auto { guess(lines, clock) } else { wanted };
    let stamped = match format {
        Format::Syslog => count(lines, |line| syslog::entry_of(line, clock).is_some()),
        _ => count(lines, |line| leading(line, clock).is_some()),
    };
    // A stack trace is longer than its message: a few stamped lines are enough.
    Shape { format, is_stamped: stamped * 10 >= lines.len().max(1) }
}

fn guess(lines: &[&str], clock: &Clock) -> Format {
    let most = |test: &dyn Fn(&str) -> bool| !lines.is_empty() && count(lines, test) * 10 >= lines.len() * 8;
    // Messages of several lines have only one with a header.
    let many = |test: &dyn Fn(&str) -> bool| !lines.is_empty() && count(lines, test) * 2 >= lines.len();
    let object = |line: &str| serde_json::from_str::<Map<String, Value>>(line).ok();
    if most(&|line| object(line).is_some_and(|object| gelf::is_gelf(&object))) {
        Format::Gelf
    } else if most(&|line| line.starts_with('{')) {
        Format::Ndjson
    } else if many(&|line| syslog::entry_of(line, clock).is_some_and(|entry| !entry.app.is_empty())) {
        Format::Syslog
    } else if most(&logfmt::is_logfmt) {
        Format::Logfmt
    } else {
        Format::Text
    }
}

fn count(lines: &[&str], test: impl Fn(&str) -> bool) -> usize {
    lines.iter().filter(|line| test(line)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(head: &str) -> (Format, bool) {
        let shape = shape_of(head.as_bytes(), Format::Auto, &Clock::at("2026-06-01T00:00:00Z".parse().unwrap()));
        (shape.format, shape.is_stamped)
    }

    #[test]
    fn files_are_told_by_their_first_lines() {
        assert_eq!(guessed("{\"message\":\"a\"}\n{\"message\":\"b").0, Format::Ndjson);
        assert_eq!(guessed("{\"short_message\":\"a\",\"host\":\"h\"}\n").0, Format::Gelf);
        assert_eq!(guessed("Jun 14 15:16:01 combo sshd[7]: x\nJun 14 15:16:02 combo su: y\n"), (Format::Syslog, true));
        assert_eq!(guessed("<14>1 2026-01-31T08:00:00Z h app - - - x\n").0, Format::Syslog);
        assert_eq!(guessed("ts=1 level=info msg=x\nts=2 level=warn msg=\"y z\"\n").0, Format::Logfmt);
        assert_eq!(guessed("2026-01-31 08:00:00 ERROR boom\njava.lang.X: y\n\tat a\n\tat b\n"), (Format::Text, true));
        assert_eq!(guessed("2015-07-29 17:41:44,747 - INFO  [Q:F@774] - Notification: 3200\n").0, Format::Text);
        assert_eq!(guessed("just\nwords\n"), (Format::Text, false));
        assert_eq!(guessed(""), (Format::Text, false));
    }
}
