//! The ledger and every kind as tables of SQL. Tokens, sessions and the outbox are not lent.

use std::sync::Arc;

use andon_api::kind::{ColumnType as Indexed, IndexedField, KindInfo};
use andon_objects::{EventQuery, ListQuery, Store};
use andon_reader::{Caller, Column, ColumnType, ReaderError, TableHint, TableSource, code};
use andon_remote::TableShape;
use futures::future::BoxFuture;
use serde_json::{Value, json};

type Rows = Result<Vec<Vec<Value>>, ReaderError>;

/// The most rows that one table lends to one statement.
const ROWS_MAX: usize = 1_000_000;

fn failed(problem: &andon_api::Problem) -> ReaderError {
    ReaderError::new(code::READ_FAILED, problem.detail.clone())
}

/// The name of the ledger's table.
const LEDGER: &str = "events";

/// Makes what SQL may read beside the store's own tables.
pub(crate) fn sources(store: &Store) -> Vec<Arc<dyn TableSource>> {
    let ledger: Arc<dyn TableSource> = Arc::new(Ledger { store: store.clone() });
    let objects = |kind: &KindInfo| Arc::new(Objects::new(store.clone(), kind.clone())) as Arc<dyn TableSource>;
    std::iter::once(ledger).chain(store.registry().all().map(objects)).collect()
}

/// Lists these tables where there are no records: beside a store on a machine of its own.
pub(crate) fn shapes(kinds: &[KindInfo]) -> Vec<TableShape> {
    let ledger = TableShape { name: LEDGER.to_owned(), columns: ledger_columns() };
    let objects = kinds.iter().map(|kind| TableShape { name: name_of(kind), columns: columns_of(kind) });
    std::iter::once(ledger).chain(objects).collect()
}

fn ledger_columns() -> Vec<Column> {
    vec![
        Column::new("sequence", ColumnType::Integer),
        Column::new("id", ColumnType::Text),
        Column::new("at", ColumnType::TimestampMicros),
        Column::new("principal", ColumnType::Text),
        Column::new("on_behalf_of", ColumnType::Text),
        Column::new("origin", ColumnType::Text),
        Column::new("action", ColumnType::Text),
        Column::new("object", ColumnType::Text),
        Column::new("version", ColumnType::Integer),
        Column::new("rules", ColumnType::Text),
        Column::new("payload", ColumnType::Text),
    ]
}

/// The ledger as a table.
struct Ledger {
    store: Store,
}

impl TableSource for Ledger {
    fn name(&self) -> &str {
        LEDGER
    }

    fn columns(&self) -> Vec<Column> {
        ledger_columns()
    }

    fn scan(&self, _caller: &Caller, _hint: TableHint) -> BoxFuture<'_, Rows> {
        Box::pin(async move {
            let mut rows = Vec::new();
            let mut after = 0;
            while rows.len() < ROWS_MAX {
                let query = EventQuery { after_sequence: Some(after), limit: 10_000, ..EventQuery::default() };
                let events = self.store.events(&query).await.map_err(|problem| failed(&problem))?;
                let Some(last) = events.last() else { break };
                after = last.sequence;
                rows.extend(events.into_iter().map(|event| {
                    vec![
                        json!(event.sequence),
                        json!(event.id),
                        json!(event.at.as_microsecond()),
                        json!(event.actor.principal),
                        json!(event.actor.on_behalf_of),
                        json!(event.actor.origin),
                        json!(event.action),
                        json!(event.object),
                        json!(event.version),
                        json!(event.rules.join(",")),
                        event.payload.unwrap_or(Value::Null),
                    ]
                }));
            }
            Ok(rows)
        })
    }
}

fn name_of(kind: &KindInfo) -> String {
    kind.plural.replace('-', "_")
}

/// Lists the indexed fields that the fixed columns do not name already.
fn fields_of(kind: &KindInfo) -> impl Iterator<Item = &IndexedField> {
    kind.indexed.iter().filter(|field| FIXED.iter().all(|(name, _)| *name != field.name))
}

fn columns_of(kind: &KindInfo) -> Vec<Column> {
    let indexed = fields_of(kind).map(|field| {
        let kind = match field.column_type {
            Indexed::Text => ColumnType::Text,
            Indexed::Integer => ColumnType::Integer,
            Indexed::Time => ColumnType::TimestampMicros,
        };
        Column::new(field.name, kind)
    });
    FIXED.iter().map(|(name, kind)| Column::new(*name, *kind)).chain(indexed).collect()
}

/// The objects of one kind as a table with the plural's name.
struct Objects {
    store: Store,
    kind: KindInfo,
    name: String,
}

impl Objects {
    fn new(store: Store, kind: KindInfo) -> Self {
        let name = name_of(&kind);
        Self { store, kind, name }
    }
}

const FIXED: [(&str, ColumnType); 9] = [
    ("name", ColumnType::Text),
    ("namespace", ColumnType::Text),
    ("title", ColumnType::Text),
    ("version", ColumnType::Integer),
    ("created_at", ColumnType::TimestampMicros),
    ("updated_at", ColumnType::TimestampMicros),
    ("labels", ColumnType::Text),
    ("spec", ColumnType::Text),
    ("status", ColumnType::Text),
];

impl Objects {
    fn row(&self, object: &andon_api::AnyObject) -> Vec<Value> {
        let micros = |time: Option<jiff::Timestamp>| json!(time.map(jiff::Timestamp::as_microsecond));
        let mut document = serde_json::to_value(object).unwrap_or_default();
        for pointer in self.kind.secrets {
            if let Some(slot) = document.pointer_mut(pointer) {
                *slot = Value::Null;
            }
        }
        let part = |pointer: &str| document.pointer(pointer).cloned().unwrap_or(Value::Null);
        let mut row = vec![
            json!(object.metadata.name),
            json!(object.metadata.namespace),
            json!(object.metadata.title),
            json!(object.metadata.version),
            micros(object.metadata.created_at),
            micros(object.metadata.updated_at),
            part("/metadata/labels"),
            part("/spec"),
            part("/status"),
        ];
        row.extend(fields_of(&self.kind).map(|field| part(field.pointer)));
        row
    }
}

impl TableSource for Objects {
    fn name(&self) -> &str {
        &self.name
    }

    fn columns(&self) -> Vec<Column> {
        columns_of(&self.kind)
    }

    fn scan(&self, _caller: &Caller, hint: TableHint) -> BoxFuture<'_, Rows> {
        Box::pin(async move {
            let most = hint.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
            let (mut rows, mut cursor) = (Vec::new(), None);
            loop {
                let query = ListQuery::kind(self.kind.kind).limit(1_000).cursor(cursor);
                let listing = self.store.list(&query).await.map_err(|problem| failed(&problem))?;
                rows.extend(listing.items.iter().map(|object| self.row(object)));
                cursor = listing.next;
                if cursor.is_none() || rows.len() >= most {
                    rows.truncate(most);
                    return Ok(rows);
                }
            }
        })
    }
}
