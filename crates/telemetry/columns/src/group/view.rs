//! A closed group in memory, seen as searches see groups.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::column::{Column, ColumnName, Form, GroupView};
use crate::error::ColumnError;
use crate::keys::KeyFilter;
use crate::lines::Kind;
use crate::template::{PageSource, TemplateColumn, decompress_page};

use super::{FieldNames, Group, GroupFacts, StoredColumn, form_of};

/// A group whose columns are all in memory.
pub struct MemoryGroup {
    facts: GroupFacts,
    columns: BTreeMap<ColumnName, (Arc<Column>, bool)>,
    filter: KeyFilter,
    vocabulary: KeyFilter,
    whereabouts: KeyFilter,
    rest_fields: FieldNames,
    resource_fields: FieldNames,
}

/// Each page is decompressed when it is first needed.
struct Pages(Vec<(Vec<u8>, OnceLock<Arc<Vec<u8>>>)>);

impl PageSource for Pages {
    fn page(&self, number: u32) -> Result<Arc<Vec<u8>>, ColumnError> {
        let page = self.0.get(number as usize);
        let (stored, known) =
            page.ok_or_else(|| ColumnError::damaged("a page of a template column is missing"))?;
        if let Some(page) = known.get() {
            return Ok(Arc::clone(page));
        }
        let page = Arc::new(decompress_page(stored)?);
        Ok(Arc::clone(known.get_or_init(|| page)))
    }
}

impl MemoryGroup {
    /// Opens a closed group.
    ///
    /// # Errors
    /// Never for a group that a builder closed.
    pub fn new(group: Group) -> Result<Self, ColumnError> {
        let mut columns = BTreeMap::new();
        for (name, stored) in group.columns {
            let has_keys = stored.has_keys() && name != ColumnName::Rest;
            let column = match stored {
                StoredColumn::Whole(column) => column,
                StoredColumn::Templates { encoded, presence } => {
                    let pages = encoded
                        .pages
                        .into_iter()
                        .map(|page| (page, OnceLock::new()));
                    let pages = Arc::new(Pages(pages.collect()));
                    let column = TemplateColumn::open(&encoded.ids, &encoded.directory, pages)?;
                    Column::Templates {
                        column: Arc::new(column),
                        presence,
                    }
                }
            };
            columns.insert(name, (Arc::new(column), has_keys));
        }
        Ok(Self {
            facts: group.facts,
            columns,
            filter: group.filter,
            vocabulary: group.vocabulary,
            whereabouts: group.whereabouts,
            rest_fields: group.rest_fields,
            resource_fields: group.resource_fields,
        })
    }
}

impl GroupView for MemoryGroup {
    fn rows(&self) -> usize {
        usize::try_from(self.facts.rows).unwrap_or(0)
    }

    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError> {
        Ok(self.columns.get(name).map(|(column, _)| Arc::clone(column)))
    }

    fn kinds(&self, attribute: &str) -> Vec<Kind> {
        let named = self.attributes().into_iter();
        named
            .filter(|(name, _)| name == attribute)
            .map(|(_, kind)| kind)
            .collect()
    }

    fn attributes(&self) -> Vec<(String, Kind)> {
        let names = self.columns.keys();
        names
            .filter_map(|name| match name {
                ColumnName::Attribute(name, kind) => Some((name.clone(), *kind)),
                _ => None,
            })
            .collect()
    }

    fn rest_may_have(&self, name: &str) -> bool {
        self.rest_fields.may_have(name)
    }

    fn resource_may_have(&self, name: &str) -> bool {
        self.resource_fields.may_have(name)
    }

    fn has_keys(&self, name: &ColumnName) -> bool {
        self.columns
            .get(name)
            .is_some_and(|(_, has_keys)| *has_keys)
    }

    fn form(&self, name: &ColumnName) -> Option<Form> {
        self.columns.get(name).map(|(column, _)| form_of(column))
    }

    fn references(&self) -> &[ColumnName] {
        &self.facts.references
    }

    fn may_have_key(&self, key: u64) -> bool {
        self.filter.may_have(key)
    }

    fn vocabulary_may_have(&self, key: u64) -> Option<bool> {
        Some(self.vocabulary.may_have(key))
    }

    fn message_buckets(&self, folded: &str) -> u64 {
        self.whereabouts.buckets(&super::message::NAME, folded)
    }

    fn severities(&self) -> u32 {
        self.facts.severities
    }

    fn timestamp_bounds_us(&self) -> (i64, i64) {
        self.facts.timestamp_bounds_us
    }

    fn received_bounds_us(&self) -> (i64, i64) {
        self.facts.received_bounds_us
    }
}
