//! The lines of a damaged segment that can still be read, as a group to be written anew.
//!
//! A column that cannot be read at all is left out of every line; where only some values of a column cannot be
//! read, the lines with them are taken without the damaged columns, and left out only when the message or what
//! places a line in the store is among them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::column::{Codes, Column, ColumnName, Form, GroupView};
use andon_columns::group::{Group, GroupBuilder, GroupRows, RowBuffer};
use andon_columns::lines::Kind;

use crate::group::{Depth, StoredGroup};

/// What could be saved of a segment.
pub(crate) struct Salvaged {
    /// Nothing when no line can be read.
    pub(crate) group: Option<Group>,
    pub(crate) saved_rows: u64,
    pub(crate) lost_rows: u64,
    /// Columns that are missing from all lines, or from some.
    pub(crate) lost_columns: Vec<String>,
}

/// A group without some of its columns.
struct Without<'g> {
    group: &'g StoredGroup,
    left_out: BTreeSet<ColumnName>,
    /// What stands in for columns that place a line in the store and in time.
    stand_ins: BTreeMap<ColumnName, Arc<Column>>,
}

impl GroupView for Without<'_> {
    fn rows(&self) -> usize {
        self.group.rows()
    }

    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError> {
        if !self.left_out.contains(name) {
            return self.group.column(name);
        }
        Ok(self.stand_ins.get(name).cloned())
    }

    fn kinds(&self, attribute: &str) -> Vec<Kind> {
        let is_left = |kind: &Kind| !self.left_out.contains(&ColumnName::Attribute(attribute.to_owned(), *kind));
        self.group.kinds(attribute).into_iter().filter(is_left).collect()
    }

    fn attributes(&self) -> Vec<(String, Kind)> {
        let is_left = |(name, kind): &(String, Kind)| !self.left_out.contains(&ColumnName::Attribute(name.clone(), *kind));
        self.group.attributes().into_iter().filter(is_left).collect()
    }

    fn rest_may_have(&self, name: &str) -> bool {
        self.group.rest_may_have(name)
    }

    fn resource_may_have(&self, name: &str) -> bool {
        self.group.resource_may_have(name)
    }

    fn form(&self, name: &ColumnName) -> Option<Form> {
        self.group.form(name)
    }

    fn references(&self) -> &[ColumnName] {
        self.group.references()
    }

    fn may_have_key(&self, _key: u64) -> bool {
        true
    }

    fn severities(&self) -> u32 {
        self.group.severities()
    }

    fn timestamp_bounds_us(&self) -> (i64, i64) {
        self.group.timestamp_bounds_us()
    }

    fn received_bounds_us(&self) -> (i64, i64) {
        self.group.received_bounds_us()
    }
}

/// The message's place among the texts.
const MESSAGE: ColumnName = ColumnName::Text(2);

/// Reads what can be read.
pub(crate) fn salvage(group: &StoredGroup) -> Salvaged {
    let mut salvaged = Salvaged { group: None, saved_rows: 0, lost_rows: group.facts().rows, lost_columns: Vec::new() };
    let (mut whole, mut part) = (BTreeSet::new(), BTreeSet::new());
    for column in group.examine(Depth::Checksums) {
        if column.damage.is_some() {
            salvaged.lost_columns.push(column.title);
            if column.is_partly_whole { part.insert(column.name) } else { whole.insert(column.name) };
        }
    }
    // A column of texts may refer to others: without them its texts cannot be put together.
    if group.references().iter().any(|name| whole.contains(name)) {
        whole.insert(MESSAGE);
        salvaged.lost_columns.push("message".to_owned());
    }
    let Some(stand_ins) = stand_ins(group, &whole) else { return salvaged };
    let without = |left_out: BTreeSet<ColumnName>| Without { group, left_out, stand_ins: stand_ins.clone() };
    let reduced = whole.iter().chain(part.iter().filter(|name| **name != MESSAGE)).cloned().collect();
    let (full, reduced) = (without(whole), without(reduced));
    let (Ok(rows), Ok(fallback)) = (GroupRows::open(&full), GroupRows::open(&reduced)) else { return salvaged };
    let (mut builder, mut buffer) = (GroupBuilder::new(), RowBuffer::default());
    for row in 0..rows.len() {
        if let Ok(read) = rows.read(row, &mut buffer) {
            builder.push_row(&read.parts());
            salvaged.saved_rows += 1;
            continue;
        }
        if let Ok(read) = fallback.read(row, &mut buffer) {
            builder.push_row(&read.parts());
            salvaged.saved_rows += 1;
        }
    }
    salvaged.lost_rows -= salvaged.saved_rows;
    if salvaged.saved_rows > 0 {
        let mut built = builder.finish();
        built.facts.stream.clone_from(&group.facts().stream);
        salvaged.group = Some(built);
    }
    salvaged
}

/// Stands in for lost columns of numbers: sequences without a gap are counted again, the time of receipt stands in
/// for the sender's, and the latest time of receipt of the segment for each line's. Nothing when a line could be
/// found under a wrong id.
fn stand_ins(group: &StoredGroup, lost: &BTreeSet<ColumnName>) -> Option<BTreeMap<ColumnName, Arc<Column>>> {
    let mut stand_ins = BTreeMap::new();
    let facts = group.facts();
    if lost.contains(&ColumnName::Sequence) {
        let (first, last) = facts.sequence_bounds;
        let is_gapless = last.checked_sub(first).and_then(|gap| gap.checked_add(1)) == Some(facts.rows);
        if !is_gapless {
            return None;
        }
        stand_ins.insert(ColumnName::Sequence, rising(first.cast_signed(), group.rows()));
    }
    let received = if lost.contains(&ColumnName::ReceivedAt) {
        Arc::new(Column::Integers { base: facts.received_bounds_us.1, offsets: Codes::pack(vec![0; group.rows()].into_iter()), presence: None })
    } else {
        group.column(&ColumnName::ReceivedAt).ok()??
    };
    for name in [ColumnName::ReceivedAt, ColumnName::Timestamp] {
        if lost.contains(&name) {
            stand_ins.insert(name, Arc::clone(&received));
        }
    }
    Some(stand_ins)
}

fn rising(first: i64, rows: usize) -> Arc<Column> {
    let offsets = Codes::pack((0..rows).map(|row| row as u64));
    Arc::new(Column::Integers { base: first, offsets, presence: None })
}
