//! A segment without the lines that deletions hide, for everything that asks about lines.

use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{Column, ColumnName, Form, GroupView};
use andon_columns::lines::Kind;

use crate::group::StoredGroup;
use crate::scan::Patience;
use crate::segment::{OpenedCache, Segment};
use crate::tombstone::{Tombstone, concerning};

/// A segment without its hidden lines.
pub(crate) struct LiveGroup {
    group: Arc<StoredGroup>,
    hidden: Option<Arc<Bits>>,
    /// How long to wait for columns whose file is elsewhere.
    patience: Patience,
}

impl LiveGroup {
    /// Opens a segment; finds what is hidden in it, unless that is known already.
    ///
    /// # Errors
    /// When it cannot be read, or the patience is over. What is hidden must be known before anything of
    /// the segment is told.
    pub(crate) fn open(
        opened: &OpenedCache,
        segment: &Segment,
        tombstones: &[Arc<Tombstone>],
        patience: &Patience,
    ) -> Result<Self, ColumnError> {
        let group = opened.open(segment, &|| patience.check())?;
        let bare = Self { group: Arc::clone(&group), hidden: None, patience: patience.clone() };
        let mut hidden: Option<Arc<Bits>> = None;
        for tombstone in concerning(tombstones, segment.extent(), segment.cleared_through()) {
            let rows = group.hidden_by(tombstone.id, || tombstone.rows_of(&bare, &|| patience.check()))?;
            hidden = match (hidden, rows) {
                (Some(known), Some(more)) => {
                    let mut both = (*known).clone();
                    both.or(&more);
                    Some(Arc::new(both))
                }
                (known, more) => known.or(more),
            };
        }
        Ok(Self { hidden, ..bare })
    }

    /// Gives the lines that a deletion hides, found by `find` when they are not known.
    pub(crate) fn hidden_by(
        &self,
        deletion: u64,
        find: impl FnOnce() -> Result<Option<Bits>, ColumnError>,
    ) -> Result<Option<Arc<Bits>>, ColumnError> {
        self.group.hidden_by(deletion, find)
    }
}

impl GroupView for LiveGroup {
    fn rows(&self) -> usize {
        self.group.rows()
    }

    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError> {
        self.group.column_within(name, &|| self.patience.check())
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

    fn vocabulary_may_have(&self, key: u64) -> Option<bool> {
        self.group.vocabulary_may_have(key)
    }

    fn message_buckets(&self, folded: &str) -> u64 {
        self.group.message_buckets(folded)
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
