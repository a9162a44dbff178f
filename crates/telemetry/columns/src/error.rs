//! What can be wrong with stored columns: damage, never the caller.

/// A column that cannot be read: damaged bytes, or a file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ColumnError {
    /// What is wrong and where, for people.
    pub message: String,
    /// True when the work was stopped (time, memory, the caller gone), and nothing is damaged.
    pub is_stopped: bool,
}

impl ColumnError {
    /// Says what is damaged.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self {
            message: what.into(),
            is_stopped: false,
        }
    }

    /// Says why the work was stopped.
    pub fn stopped(why: impl Into<String>) -> Self {
        Self {
            message: why.into(),
            is_stopped: true,
        }
    }
}
