//! Whole lines out of the columns of a group, and texts of many rows.

use andon_reader::{Attributes, LogRow};
use serde_json::Value;

use crate::bits::Bits;
use crate::column::{Column, ColumnName, GroupView};
use crate::error::ColumnError;
use crate::lines::{Kind, parse_object};
use crate::references::GroupReferences;
use crate::select::Checkpoint;
use crate::select::numbers::value_at;
use crate::select::texts::{cell_of, identifier, presence_of, write_hex};

/// Shows the text of each row of `within` that has one, not always in the order of rows. Columns of
/// numbers have none.
///
/// # Errors
/// When a column cannot be read, or the checkpoint or `each` stops the work.
pub fn each_text(
    group: &dyn GroupView,
    column: &Column,
    within: &Bits,
    checkpoint: Checkpoint<'_>,
    each: &mut dyn FnMut(usize, &str) -> Result<(), ColumnError>,
) -> Result<(), ColumnError> {
    let mut present = within.clone();
    if let Some(presence) = presence_of(column) {
        present.and(presence);
    }
    match column {
        Column::Dictionary { codes, dictionary } => {
            for row in present.ones() {
                let code = usize::try_from(codes.get(row)).unwrap_or(usize::MAX);
                if code < dictionary.len() {
                    each(row, dictionary.get(code))?;
                }
            }
        }
        Column::Identifiers { width, bytes, .. } => {
            let mut text = String::with_capacity(width * 2);
            for row in present.ones() {
                text.clear();
                write_hex(identifier(*width, bytes, row), &mut text);
                each(row, &text)?;
            }
        }
        Column::Templates { column, .. } => {
            let references = GroupReferences::new(group);
            column.for_each_text(&references, &present, checkpoint, each)?;
        }
        Column::Texts { texts, .. } => {
            for row in present.ones() {
                each(row, texts.get(row))?;
            }
        }
        Column::Integers { .. } | Column::Floats { .. } | Column::Booleans { .. } => {}
    }
    checkpoint()
}

/// Reads whole lines, in the order in which their rows are given. Each column is read once.
///
/// # Errors
/// When a column cannot be read, or the checkpoint stops the work.
pub fn fetch(
    group: &dyn GroupView,
    rows: &[usize],
    checkpoint: Checkpoint<'_>,
) -> Result<Vec<LogRow>, ColumnError> {
    let mut wanted = Bits::none(group.rows());
    rows.iter().for_each(|&row| wanted.set(row));
    let mut page = Page::new(&wanted);
    page.numbers(group)?;
    for place in 0..6u8 {
        page.texts(group, place, checkpoint)?;
    }
    page.objects(group, checkpoint)?;
    for (name, kind) in group.attributes() {
        page.attribute(group, &name, kind, checkpoint)?;
    }
    let order = page.order;
    let rows = rows.iter().map(|row| {
        let place = order.binary_search(row).ok()?;
        page.rows.get(place).cloned()
    });
    Ok(rows.flatten().collect())
}

/// Lines being put together.
struct Page<'a> {
    wanted: &'a Bits,
    /// Their rows, ascending.
    order: Vec<usize>,
    rows: Vec<LogRow>,
}

impl<'a> Page<'a> {
    fn new(wanted: &'a Bits) -> Self {
        let order: Vec<usize> = wanted.ones().collect();
        let empty = LogRow {
            id: String::new(),
            timestamp_us: 0,
            received_at_us: 0,
            severity_number: 0,
            severity_text: String::new(),
            service: String::new(),
            message: String::new(),
            trace_id: String::new(),
            span_id: String::new(),
            scope: String::new(),
            attributes: Attributes::new(),
            resource: Attributes::new(),
        };
        Self { wanted, rows: vec![empty; order.len()], order }
    }

    fn numbers(&mut self, group: &dyn GroupView) -> Result<(), ColumnError> {
        let setters: [(ColumnName, fn(&mut LogRow, i64)); 4] = [
            (ColumnName::Sequence, |row, number| row.id = number.cast_unsigned().to_string()),
            (ColumnName::Timestamp, |row, number| row.timestamp_us = number),
            (ColumnName::ReceivedAt, |row, number| row.received_at_us = number),
            (ColumnName::SeverityNumber, |row, number| {
                row.severity_number = u8::try_from(number).unwrap_or_default();
            }),
        ];
        for (name, set) in setters {
            let column = group.column(&name)?;
            let Some(Column::Integers { base, offsets, .. }) = column.as_deref() else {
                return Err(ColumnError::damaged(format!("the column {name:?} is missing")));
            };
            for (row, &index) in self.rows.iter_mut().zip(&self.order) {
                set(row, value_at(*base, offsets.get(index)));
            }
        }
        Ok(())
    }

    fn texts(
        &mut self,
        group: &dyn GroupView,
        place: u8,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        self.each(group, &ColumnName::Text(place), checkpoint, |row, text| {
            let field = match place {
                0 => &mut row.severity_text,
                1 => &mut row.service,
                2 => &mut row.message,
                3 => &mut row.trace_id,
                4 => &mut row.span_id,
                _ => &mut row.scope,
            };
            text.clone_into(field);
        })
    }

    fn objects(
        &mut self,
        group: &dyn GroupView,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let mut last: Option<(String, Attributes)> = None;
        self.each(group, &ColumnName::Resource, checkpoint, |row, text| {
            if let Some((known, object)) = &last
                && known == text
            {
                row.resource = object.clone();
                return;
            }
            row.resource = parse_object(text);
            last = Some((text.to_owned(), row.resource.clone()));
        })?;
        self.each(group, &ColumnName::Rest, checkpoint, |row, text| {
            row.attributes.append(&mut parse_object(text));
        })
    }

    fn each(
        &mut self,
        group: &dyn GroupView,
        name: &ColumnName,
        checkpoint: Checkpoint<'_>,
        mut set: impl FnMut(&mut LogRow, &str),
    ) -> Result<(), ColumnError> {
        let Some(column) = group.column(name)? else {
            return Ok(());
        };
        let (order, rows) = (&self.order, &mut self.rows);
        each_text(group, &column, self.wanted, checkpoint, &mut |row, text| {
            if let Ok(place) = order.binary_search(&row)
                && let Some(row) = rows.get_mut(place)
            {
                set(row, text);
            }
            Ok(())
        })
    }

    fn attribute(
        &mut self,
        group: &dyn GroupView,
        name: &str,
        kind: Kind,
        checkpoint: Checkpoint<'_>,
    ) -> Result<(), ColumnError> {
        let column_name = ColumnName::Attribute(name.to_owned(), kind);
        let Some(column) = group.column(&column_name)? else {
            return Ok(());
        };
        let presence = presence_of(&column);
        let value_of = |index: usize| -> Option<Value> {
            match &*column {
                Column::Integers { base, offsets, .. } => {
                    Some(Value::from(value_at(*base, offsets.get(index))))
                }
                Column::Floats { values, .. } => values.get(index).map(|&value| Value::from(value)),
                Column::Booleans { values, .. } => Some(Value::from(values.get(index))),
                _ => None,
            }
        };
        for (row, &index) in self.rows.iter_mut().zip(&self.order) {
            if presence.is_none_or(|presence| presence.get(index))
                && let Some(value) = value_of(index)
            {
                row.attributes.insert(name.to_owned(), value);
            }
        }
        self.each(group, &column_name, checkpoint, |row, text| {
            row.attributes.insert(name.to_owned(), cell_of(kind, text).to_value());
        })
    }
}
