//! DataFusion's errors in our terms.

use andon_reader::{Position, ReaderError, SqlLimits, code};
use datafusion::common::{DataFusionError, SchemaError};

/// Translates an error of planning or running a statement.
pub(crate) fn from_engine(error: &DataFusionError, limits: &SqlLimits) -> ReaderError {
    let root = error.find_root();
    if let DataFusionError::External(inner) = root
        && let Some(known) = inner.downcast_ref::<ReaderError>()
    {
        return known.clone();
    }
    match root {
        DataFusionError::ResourcesExhausted(_) => memory(limits),
        DataFusionError::SQL(parser, _) => {
            let message = parser.to_string();
            let refusal = ReaderError::new(code::SQL_INVALID, format!("the statement cannot be read: {message}"))
                .with_hint("check the spelling at this place");
            match position_in(&message) {
                Some(position) => refusal.at(position),
                None => refusal,
            }
        }
        DataFusionError::SchemaError(schema, _) => ReaderError::new(code::SQL_INVALID, schema.to_string())
            .with_hint(match schema.as_ref() {
                SchemaError::FieldNotFound { .. } => "`describe TABLE` lists the columns; attributes are read with attr(attributes, 'name')",
                _ => "qualify the column with its table",
            }),
        DataFusionError::Internal(message) => {
            tracing::error!(message, "the SQL engine failed");
            ReaderError::new(code::INTERNAL, format!("the SQL engine failed: {}", first_line(message)))
                .with_hint("write the statement in another way, and please report this one")
        }
        other => ReaderError::new(code::SQL_INVALID, first_line(&other.to_string()).to_owned())
            .with_hint("`show tables` lists the tables, `describe TABLE` their columns"),
    }
}

pub(crate) fn memory(limits: &SqlLimits) -> ReaderError {
    ReaderError::new(
        code::MEMORY,
        format!(
            "the statement needs more than {} bytes of memory",
            limits.memory_bytes
        ),
    )
    .with_hint("group by fewer values, filter by time, or add a limit")
}

pub(crate) fn timeout(limits: &SqlLimits) -> ReaderError {
    ReaderError::new(
        code::TIMEOUT,
        format!("the statement was stopped after {} ms", limits.timeout_ms),
    )
    .with_hint(
        "filter by time (`where timestamp > now() - interval '1 hour'`) or select fewer columns",
    )
}

pub(crate) fn internal(what: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(code::INTERNAL, format!("the SQL engine failed: {what}"))
        .with_hint("please report the statement")
}

fn first_line(text: &str) -> &str {
    text.split("\n\n").next().unwrap_or(text)
}

/// The parser writes `... at Line: 1, Column: 8`.
fn position_in(message: &str) -> Option<Position> {
    let (_, place) = message.rsplit_once("Line: ")?;
    let (line, rest) = place.split_once(", Column: ")?;
    let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Position {
        line: line.trim().parse().ok()?,
        column: column.parse().ok()?,
    })
}
