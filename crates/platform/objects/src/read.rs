//! Statements that read objects, the same for a reader and inside a transaction.

use andon_api::kind::{ColumnType, KindInfo};
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::database::{Arg, Row};
use crate::query::{ListQuery, Listing, Order};
use crate::schema::{column_of, table_of};

/// Makes the statement that reads one object.
pub(crate) fn get_statement(kind: &KindInfo, reference: &ObjectRef) -> (String, Vec<Arg>) {
    let sql = format!("SELECT document FROM {} WHERE namespace = $1 AND name = $2", table_of(kind));
    (sql, vec![reference.namespace().into(), reference.name().into()])
}

/// Reads the object out of a row.
pub(crate) fn document(row: &Row) -> Result<AnyObject, Problem> {
    serde_json::from_str(&row.text("document")?).map_err(Problem::internal)
}

/// The statements of a list.
pub(crate) struct Plan {
    pub(crate) select: String,
    pub(crate) args: Vec<Arg>,
    pub(crate) count: String,
    pub(crate) count_args: Vec<Arg>,
    limit: usize,
    order: Order,
}

impl Plan {
    pub(crate) fn new(kind: &KindInfo, query: &ListQuery) -> Result<Self, Problem> {
        let mut filter = Filter::default();
        for (field, values) in &query.filters {
            filter.any_of(kind, field, values)?;
        }
        for (field, from_us) in &query.from {
            column_type(kind, field)?;
            filter.add(&format!("{} >= $n", column_of(field)), (*from_us).into());
        }
        for word in &query.words {
            let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            filter.add("LOWER(document) LIKE $n ESCAPE '\\'", format!("%{escaped}%").into());
        }
        let table = table_of(kind);
        let count = format!("SELECT count(*) AS total FROM {table} {}", filter.text());
        let count_args = filter.args.clone();
        if let Some(cursor) = &query.cursor {
            filter.after(query.order, cursor)?;
        }
        let (column, direction) = ordering(query.order);
        let select = format!(
            "SELECT document, namespace, name, created_at, updated_at FROM {table} {} \
             ORDER BY {column} {direction}, namespace {direction}, name {direction} LIMIT {}",
            filter.text(),
            query.limit + 1
        );
        Ok(Self { select, args: filter.args, count, count_args, limit: query.limit, order: query.order })
    }

    pub(crate) fn listing(&self, rows: &[Row], counted: &[Row]) -> Result<Listing, Problem> {
        let items = rows.iter().take(self.limit).map(document).collect::<Result<Vec<_>, _>>()?;
        let next = match rows.get(self.limit - 1) {
            Some(last) if rows.len() > self.limit => Some(cursor_at(self.order, last)?),
            _ => None,
        };
        let total = counted.first().map(|row| row.integer("total")).transpose()?.unwrap_or(0);
        Ok(Listing { items, next, total })
    }
}

fn ordering(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::CreatedDescending => ("created_at", "DESC"),
        Order::CreatedAscending => ("created_at", "ASC"),
        Order::UpdatedDescending => ("updated_at", "DESC"),
        Order::Name => ("namespace", "ASC"),
    }
}

fn cursor_at(order: Order, row: &Row) -> Result<String, Problem> {
    let (column, _) = ordering(order);
    let value = if order == Order::Name { "0".to_owned() } else { row.integer(column)?.to_string() };
    Ok(URL_SAFE_NO_PAD.encode(format!("{value}|{}|{}", row.text("namespace")?, row.text("name")?)))
}

#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    args: Vec<Arg>,
}

impl Filter {
    fn add(&mut self, text: &str, arg: Arg) {
        self.args.push(arg);
        self.conditions.push(text.replace("$n", &format!("${}", self.args.len())));
    }

    fn text(&self) -> String {
        if self.conditions.is_empty() { String::new() } else { format!("WHERE {}", self.conditions.join(" AND ")) }
    }

    fn any_of(&mut self, kind: &KindInfo, field: &str, values: &[String]) -> Result<(), Problem> {
        let column_type = column_type(kind, field)?;
        let mut marks = Vec::new();
        for value in values {
            self.args.push(match column_type {
                ColumnType::Text => Arg::Text(Some(value.clone())),
                ColumnType::Integer => Arg::Integer(Some(value.parse().map_err(|_| not_a_number(field, value))?)),
                ColumnType::Time => {
                    let time: jiff::Timestamp = value.parse().map_err(|_| not_a_number(field, value))?;
                    Arg::Integer(Some(time.as_microsecond()))
                }
            });
            marks.push(format!("${}", self.args.len()));
        }
        self.conditions.push(format!("{} IN ({})", column_of(field), marks.join(", ")));
        Ok(())
    }

    fn after(&mut self, order: Order, cursor: &str) -> Result<(), Problem> {
        let invalid = || Problem::new(ErrorCode::RequestInvalid, "The cursor is not one that this list gave out.");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        let mut parts = text.splitn(3, '|');
        let (value, namespace, name) = (parts.next(), parts.next(), parts.next());
        let (Some(value), Some(namespace), Some(name)) = (value, namespace, name) else { return Err(invalid()) };
        let value: i64 = value.parse().map_err(|_| invalid())?;
        let (column, direction) = ordering(order);
        let sign = if direction == "DESC" { "<" } else { ">" };
        let first = self.args.len() + 1;
        if order == Order::Name {
            self.args.extend([Arg::from(namespace), Arg::from(name)]);
            self.conditions.push(format!("(namespace, name) {sign} (${first}, ${})", first + 1));
        } else {
            self.args.extend([Arg::from(value), Arg::from(namespace), Arg::from(name)]);
            self.conditions.push(format!(
                "({column}, namespace, name) {sign} (${first}, ${}, ${})",
                first + 1,
                first + 2
            ));
        }
        Ok(())
    }
}

fn column_type(kind: &KindInfo, field: &str) -> Result<ColumnType, Problem> {
    kind.indexed.iter().find(|indexed| indexed.name == field).map(|indexed| indexed.column_type).ok_or_else(|| {
        let names: Vec<_> = kind.indexed.iter().map(|indexed| indexed.name).collect();
        Problem::new(ErrorCode::RequestInvalid, format!("{} cannot be filtered by `{field}`.", kind.plural))
            .hint(format!("The fields to filter by are: {}.", names.join(", ")))
    })
}

fn not_a_number(field: &str, value: &str) -> Problem {
    Problem::new(ErrorCode::RequestInvalid, format!("`{value}` is no value of `{field}`."))
}
