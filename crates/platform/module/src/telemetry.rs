//! Problems of telemetry in the words of the contract.

use andon_api::{ErrorCode, Problem};
use andon_reader::{ReaderError, code};

/// Turns an error of the telemetry reader into a problem with a code of the contract.
pub fn telemetry_problem(error: ReaderError) -> Problem {
    let meaning = match error.code.as_str() {
        code::QUERY_SYNTAX | code::QUERY_TOO_LARGE | code::QUERY_REGEX | code::REQUEST => ErrorCode::QueryInvalid,
        code::TIMEOUT | code::MEMORY => ErrorCode::QueryTooExpensive,
        code::SQL_INVALID | code::SQL_READ_ONLY | code::SQL_ONE_STATEMENT => ErrorCode::SqlRefused,
        code::SQL_FORBIDDEN => ErrorCode::NotAllowed,
        code::DISK_FULL => ErrorCode::DiskFull,
        code::ARCHIVE_FAILED => ErrorCode::ArchiveFailed,
        code::ARCHIVE_STATE => ErrorCode::ArchiveState,
        code::OVERLOADED | code::UNAVAILABLE | code::CLOSED | code::WRITE_FAILED | code::READ_FAILED => ErrorCode::SystemUnavailable,
        _ => ErrorCode::SystemFault,
    };
    let mut problem = Problem::new(meaning, error.message);
    if let Some(position) = error.position {
        problem = problem.place(format!("query:{}:{}", position.line, position.column));
    }
    if let Some(hint) = error.hint {
        problem = problem.hint(hint);
    }
    problem.operator(error.code)
}
