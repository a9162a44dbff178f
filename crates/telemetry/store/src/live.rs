//! A segment without the lines that deletions hide, for everything that asks about lines.

use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{Column, ColumnName, Form, GroupView};
use andon_columns::lines::Kind;
use andon_columns::select::Checkpoint;

use crate::group::StoredGroup;
use crate::segment::{OpenedCache, Segment};
use crate::tombstone::{Tombstone, concerning};

/// A segment without its hidden lines.
pub(crate) struct LiveGroup {
    group: Arc<StoredGroup>,
    hidden: Option<Arc<Bits>>,
}

impl LiveGroup {
    /// Opens a segment; finds what is hidden in it, unless that is known already.
    ///
    /// # Errors
    /// When it cannot be read, or the checkpoint stops the work. What is hidden must be known before anything of
    /// the segment is told.
    pub(crate) fn open(
        opened: &OpenedCache,
        segment: &Segment,
        tombstones: &[Arc<Tombstone>],
        checkpoint: Checkpoint<'_>,
    ) -> Result<Self, ColumnError> {
        let group = opened.open(segment)?;
        let mut hidden: Option<Arc<Bits>> = None;
        for tombstone in concerning(tombstones, segment.extent(), segment.cleared_through()) {
            let rows = group.hidden_by(tombstone.id, || tombstone.rows_of(group.as_ref(), checkpoint))?;
            hidden = match (hidden, rows) {
                (Some(known), Some(more)) => {
                    let mut both = (*known).clone();
                    both.or(&more);
                    Some(Arc::new(both))
                }
                (known, more) => known.or(more),
            };
        }
        Ok(Self { group, hidden })
    }
}

impl GroupView for LiveGroup {
    fn rows(&self) -> usize {
        self.group.rows()
    }

    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError> {
        self.group.column(name)
    }

    fn kinds(&self, attribute: &str) -> Vec<Kind> {
        self.group.kinds(attribute)
    }

    fn attributes(&self) -> Vec<(String, Kind)> {
        self.group.attributes()
    }

    fn rest_may_have(&self, name: &str) -> bool {
        self.group.rest_may_have(name)
    }

    fn resource_may_have(&self, name: &str) -> bool {
        self.group.resource_may_have(name)
    }

    fn has_keys(&self, name: &ColumnName) -> bool {
        self.group.has_keys(name)
    }

    fn form(&self, name: &ColumnName) -> Option<Form> {
        self.group.form(name)
    }

    fn references(&self) -> &[ColumnName] {
        self.group.references()
    }

    fn may_have_key(&self, key: u64) -> bool {
        self.group.may_have_key(key)
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

    fn hidden(&self) -> Option<&Bits> {
        self.hidden.as_deref()
    }
}
