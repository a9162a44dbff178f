//! What stands where in the files of a segment: written once, read to open it.

use andon_columns::column::ColumnName;
use andon_columns::group::GroupFacts;
use serde::{Deserialize, Serialize};

/// Version of the layout.
pub(crate) const FORMAT: u32 = 2;

/// Largest content of a page that is read back.
const PAGE_BYTES: u64 = 1 << 30;
/// Most lines of a group that is read back.
const ROWS: u64 = 1 << 24;
/// A compressed frame holds at most so many times its own size.
const EXPANSION: u64 = 50_000;

/// In which form a column is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    Integers,
    Floats,
    Booleans,
    Dictionary,
    Identifiers(u32),
    /// The numbers of templates; the directory and the variables are in the index.
    Templates,
    Texts,
}

/// How the values of a page are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Writing {
    Plain,
    Dictionary,
    Delta,
    Split,
}

/// A page of a column, from the beginning of the column's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    pub(super) offset: u32,
    pub(super) stored_bytes: u32,
    pub(super) raw_bytes: u32,
    pub(super) values: u32,
}

/// One column of the Parquet file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredChunk {
    pub(super) name: ColumnName,
    /// Its name in the Parquet file.
    pub(super) column: String,
    pub(super) form: Form,
    /// Some lines have no value.
    pub(super) is_optional: bool,
    pub(super) is_compressed: bool,
    pub(super) writing: Writing,
    /// Place in the file.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) crc: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dictionary: Option<Page>,
    pub(super) page: Page,
}

impl StoredChunk {
    /// Says whether the numbers make sense for a file of that size.
    fn is_sound(&self, data_bytes: u64) -> bool {
        let end = self.offset.checked_add(self.bytes);
        let pages = self.dictionary.iter().chain([&self.page]);
        end.is_some_and(|end| end <= data_bytes)
            && pages.into_iter().all(|page| {
                let raw = u64::from(page.raw_bytes);
                let stored = u64::from(page.stored_bytes);
                u64::from(page.offset) + stored <= self.bytes
                    && raw <= PAGE_BYTES
                    && u64::from(page.values) <= ROWS
                    && (if self.is_compressed {
                        raw / EXPANSION <= stored
                    } else {
                        raw == stored
                    })
            })
    }
}

/// Where a column of templates stands in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TemplateSections {
    pub(super) name: ColumnName,
    /// Section of the directory.
    pub(super) directory: u32,
    /// Section of the lines with a value, unless all have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) presence: Option<u32>,
    /// Section of the first page of variables; the others follow.
    pub(super) first_page: u32,
    pub(super) pages: u32,
}

/// What the Parquet file says about itself, and the index again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) format: u32,
    pub(super) facts: GroupFacts,
    pub(super) columns: Vec<StoredChunk>,
}

impl Content {
    pub(super) fn is_sound(&self, data_bytes: u64) -> bool {
        self.format == FORMAT
            && self.facts.rows <= ROWS
            && self
                .columns
                .iter()
                .all(|column| column.is_sound(data_bytes))
    }
}

/// Where everything else stands in the index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Places {
    pub(super) templates: Vec<TemplateSections>,
    pub(super) filter: u32,
    /// Section of the filter over what columns keep once; segments of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vocabulary: Option<u32>,
    /// Section of the filter over where words of messages stand; segments of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) whereabouts: Option<u32>,
    pub(super) rest_fields: u32,
    pub(super) resource_fields: u32,
}
