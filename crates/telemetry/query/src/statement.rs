//! What may be asked: one reading statement, over tables the caller may read, without functions
//! that make much from little.

use andon_reader::{Caller, ReaderError, code};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;

/// Longest statement, bytes.
const SQL_BYTES: usize = 64 * 1024;
/// Deepest nesting of a statement.
const DEPTH: usize = 60;
/// Longest text that a function may make from a number.
const REPEATED: i64 = 10_000;

fn refused(error_code: &str, message: impl Into<String>, hint: &str) -> ReaderError {
    ReaderError::new(error_code, message).with_hint(hint)
}

/// Reads the text as one statement that only reads.
pub(crate) fn parse(sql: &str) -> Result<Statement, ParseFailure> {
    if sql.len() > SQL_BYTES {
        let message = format!(
            "the statement has {} bytes, at most {SQL_BYTES} are read",
            sql.len()
        );
        return Err(refused(code::SQL_INVALID, message, "shorten it").into());
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(DEPTH)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(ParseFailure::Engine)?;
    let statement = statements.pop_front().ok_or_else(|| {
        refused(
            code::SQL_INVALID,
            "there is no statement",
            "write for example: select count(*) from logs",
        )
    })?;
    if !statements.is_empty() {
        let message = format!(
            "{} statements were sent, one is run at a time",
            statements.len() + 1
        );
        return Err(refused(code::SQL_ONE_STATEMENT, message, "send them one by one").into());
    }
    check_kind(&statement)?;
    Ok(statement)
}

/// Why a text is no statement.
pub(crate) enum ParseFailure {
    Known(ReaderError),
    Engine(datafusion::common::DataFusionError),
}

impl From<ReaderError> for ParseFailure {
    fn from(error: ReaderError) -> Self {
        Self::Known(error)
    }
}

fn check_kind(statement: &Statement) -> Result<(), ReaderError> {
    let is_reading = match statement {
        Statement::Statement(ast) => matches!(
            ast.as_ref(),
            Ast::Query(_)
                | Ast::Explain { .. }
                | Ast::ExplainTable { .. }
                | Ast::ShowTables { .. }
                | Ast::ShowColumns { .. }
        ),
        Statement::Explain(explain) => return check_kind(&explain.statement),
        _ => false,
    };
    if is_reading { Ok(()) } else { Err(read_only()) }
}

fn read_only() -> ReaderError {
    refused(
        code::SQL_READ_ONLY,
        "the SQL console only reads: this statement would write or change something",
        "use select, with, values, explain, describe or show tables; change objects through their own commands",
    )
}

/// Checks the tables that a statement names, before anything is planned.
pub(crate) fn check_tables(
    state: &SessionState,
    statement: &Statement,
    known: &[String],
    caller: &Caller,
) -> Result<(), ReaderError> {
    let Ok(references) = state.resolve_table_references(statement) else {
        return Ok(());
    };
    for reference in references {
        if reference.schema().is_some_and(|schema| schema != "public") {
            continue;
        }
        let name = reference.table();
        let is_known = known.iter().any(|table| table == name);
        if is_known && !caller.may_read(name) {
            return Err(refused(
                code::SQL_FORBIDDEN,
                format!("{} may not read the table `{name}`", caller.subject),
                "ask an administrator for the permission to read it",
            ));
        }
    }
    Ok(())
}

/// Checks a plan: nothing that writes, nothing that makes much from little.
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<(), ReaderError> {
    let options = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    options.verify_plan(plan).map_err(|_| read_only())?;
    let mut refusal = None;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|inner| {
                refusal = check_function(inner);
                Ok(if refusal.is_some() {
                    TreeNodeRecursion::Stop
                } else {
                    TreeNodeRecursion::Continue
                })
            })
        })
    });
    match (refusal, walked) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(crate::failure::internal(&error)),
        (None, Ok(_)) => Ok(()),
    }
}

fn check_function(expr: &Expr) -> Option<ReaderError> {
    let Expr::ScalarFunction(call) = expr else {
        return None;
    };
    if !matches!(call.func.name(), "repeat" | "lpad" | "rpad" | "space") {
        return None;
    }
    let length = call.args.get(1).or_else(|| call.args.first())?;
    let is_small = literal_integer(length).is_some_and(|length| length <= REPEATED);
    (!is_small).then(|| {
        refused(
            code::SQL_INVALID,
            format!(
                "{} needs a constant length of at most {REPEATED}",
                call.func.name()
            ),
            "a longer text would take the memory of the server",
        )
    })
}

fn literal_integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Cast(cast) => literal_integer(&cast.expr),
        Expr::Literal(ScalarValue::Int64(value), _) => *value,
        Expr::Literal(ScalarValue::Int32(value), _) => value.map(i64::from),
        Expr::Literal(ScalarValue::UInt64(value), _) => {
            value.and_then(|value| i64::try_from(value).ok())
        }
        _ => None,
    }
}
