//! What a check found: where, what, and why it matters.

use std::fmt;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, from the root of the repository.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) what: String,
    /// Why it matters, or what to do.
    pub(crate) why: String,
}

impl Finding {
    /// Makes a finding.
    pub(crate) fn new(file: &str, line: usize, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), why: why.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {} ({})", self.file, self.line, self.what, self.why)
    }
}
