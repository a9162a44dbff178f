//! What is known about a segment without reading its columns.

use std::collections::{BTreeMap, BTreeSet};

use andon_reader::query::{FixedField, Place, Summary};
use serde::{Deserialize, Serialize};

use crate::bloom;
use crate::extent::Extent;

use super::rows::{column, promoted_column};

const MAGIC: &[u8; 8] = b"ANDONIDX";

/// Type of a promoted column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PromotedType {
    Text,
    Integer,
    Float,
    Boolean,
}

/// One row group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) extent: Extent,
    /// Bit n is set when severity number n occurs.
    pub(crate) severities: u32,
    filter_offset: usize,
    filter_bytes: usize,
}

impl Group {
    pub(crate) fn new(extent: Extent, severities: u32) -> Self {
        Self {
            extent,
            severities,
            filter_offset: 0,
            filter_bytes: 0,
        }
    }
}

/// Names of fields, or nothing when there are too many to list.
pub(crate) type FieldNames = Option<BTreeSet<String>>;

fn may_list(names: &FieldNames, name: &str) -> bool {
    names.as_ref().is_none_or(|names| names.contains(name))
}

/// The index of a segment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) format: u32,
    pub(crate) promoted: BTreeMap<String, PromotedType>,
    pub(crate) rest_fields: FieldNames,
    pub(crate) resource_fields: FieldNames,
    pub(crate) groups: Vec<Group>,
    #[serde(skip)]
    pub(super) filters: Vec<u8>,
}

impl Index {
    /// Adds a row group and its filter.
    pub(crate) fn push(&mut self, mut group: Group, filter: &[u8]) {
        group.filter_offset = self.filters.len();
        group.filter_bytes = filter.len();
        self.filters.extend_from_slice(filter);
        self.groups.push(group);
    }

    /// Memory in use, approximately.
    pub(crate) fn memory_bytes(&self) -> usize {
        let names = |names: &FieldNames| names.as_ref().map_or(0, |n| n.len() * 64);
        self.filters.len() + names(&self.rest_fields) + names(&self.resource_fields) + 4_096
    }

    /// Says whether the JSON column of the rest must be read for a name.
    pub(crate) fn rest_may_have(&self, name: &str) -> bool {
        may_list(&self.rest_fields, name)
    }

    /// Says whether the resource column must be read for a name.
    pub(crate) fn resource_may_have(&self, name: &str) -> bool {
        may_list(&self.resource_fields, name)
    }

    /// Adds the columns that must be read for a named value.
    pub(crate) fn add_columns(&self, place: Place, name: &str, columns: &mut BTreeSet<String>) {
        if place != Place::Resource {
            if self.promoted.contains_key(name) {
                columns.insert(promoted_column(name));
            }
            if self.rest_may_have(name) {
                columns.insert(column::ATTRIBUTES.to_owned());
            }
        }
        if place != Place::Attributes && self.resource_may_have(name) {
            columns.insert(column::RESOURCE.to_owned());
        }
    }

    /// Writes the index with its checksum.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(self).unwrap_or_default();
        let mut out = Vec::with_capacity(header.len() + self.filters.len() + 24);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(header.len() as u64).to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.filters);
        let mut crc = flate2::Crc::new();
        crc.update(&out);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out
    }

    /// Reads an index; nothing when it is damaged or newer.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let mut crc = flate2::Crc::new();
        crc.update(body);
        if crc.sum() != u32::from_le_bytes(*sum) {
            return None;
        }
        let (length, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        let (header, filters) =
            rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let mut index: Self = serde_json::from_slice(header).ok()?;
        index.filters = filters.to_vec();
        (index.format <= super::FORMAT).then_some(index)
    }

    /// Gives the summary of a row group.
    pub(crate) fn summary<'a>(&'a self, group: &'a Group) -> GroupSummary<'a> {
        let end = group.filter_offset + group.filter_bytes;
        let filter = self
            .filters
            .get(group.filter_offset..end)
            .unwrap_or_default();
        GroupSummary {
            index: self,
            group,
            filter,
        }
    }
}

/// A row group as queries see it before reading it.
pub(crate) struct GroupSummary<'a> {
    index: &'a Index,
    group: &'a Group,
    filter: &'a [u8],
}

impl Summary for GroupSummary<'_> {
    fn may_have_word(&self, folded: &str) -> bool {
        bloom::may_contain(self.filter, bloom::word_key(folded))
    }

    fn may_have_value(&self, field: FixedField, folded: &str) -> bool {
        // Lines without the value are not in the filter.
        folded.is_empty() || bloom::may_contain(self.filter, bloom::value_key(field, folded))
    }

    fn may_have_field(&self, place: Place, name: &str) -> bool {
        let attribute = || self.index.promoted.contains_key(name) || self.index.rest_may_have(name);
        let resource = || self.index.resource_may_have(name);
        match place {
            Place::Any => attribute() || resource(),
            Place::Attributes => attribute(),
            Place::Resource => resource(),
        }
    }

    fn may_have_field_word(&self, name: &str, folded: &str) -> bool {
        bloom::may_contain(self.filter, bloom::field_word_key(name, folded))
    }

    fn may_have_severity(&self, low: i64, high: i64) -> bool {
        (0..32).any(|number| {
            self.group.severities & (1 << number) != 0 && (low..=high).contains(&i64::from(number))
        })
    }
}
