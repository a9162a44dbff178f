//! Decoded columns, pages and filters of all segments, within one bound of memory.

use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::Column;
use andon_columns::group::FieldNames;
use andon_columns::keys::KeyFilter;
use andon_columns::template::TemplateRows;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// What is kept of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Item {
    /// A column by its place in the Parquet file.
    Column(u32),
    /// Which template each row of such a column has.
    Rows(u32),
    /// A section of the index, decompressed.
    Page(u32),
    Filter,
    Vocabulary,
    Whereabouts,
    RestFields,
    ResourceFields,
    /// The lines that a deletion hides, by its number.
    Hidden(u64),
}

#[derive(Debug, Clone)]
pub(super) enum Kept {
    Column(Arc<Column>),
    Rows(Arc<TemplateRows>),
    Page(Arc<Vec<u8>>),
    Filter(Arc<KeyFilter>),
    Fields(Arc<FieldNames>),
    Hidden(Option<Arc<Bits>>),
}

impl Kept {
    fn memory_bytes(&self) -> usize {
        match self {
            Self::Column(column) => column.memory_bytes(),
            Self::Rows(rows) => rows.memory_bytes(),
            Self::Page(page) => page.capacity(),
            Self::Filter(filter) => filter.memory_bytes(),
            Self::Fields(names) => names.memory_bytes(),
            Self::Hidden(rows) => rows.as_ref().map_or(0, |rows| rows.memory_bytes()),
        }
    }
}

/// What is kept, with its weight when it came: a cache that adds and takes away by weight must see the
/// same one both times, whatever a column works out about itself meanwhile.
#[derive(Debug, Clone)]
struct Weighed {
    kept: Kept,
    bytes: u64,
}

impl From<Kept> for Weighed {
    fn from(kept: Kept) -> Self {
        let bytes = (kept.memory_bytes() + ENTRY_BYTES) as u64;
        Self { kept, bytes }
    }
}

/// Bytes that an entry costs beside its content.
const ENTRY_BYTES: usize = 96;
/// Expected size of an entry, from which the cache sizes its tables.
const USUAL_BYTES: u64 = 64 << 10;

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<(u64, Item), Weighed> for Bytes {
    fn weight(&self, _key: &(u64, Item), weighed: &Weighed) -> u64 {
        weighed.bytes
    }
}

/// The cache shared by all segments of a store.
pub(crate) struct ColumnCache {
    cache: Cache<(u64, Item), Weighed, Bytes>,
}

impl ColumnCache {
    /// Makes a cache of at most so many bytes.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let items = usize::try_from(capacity_bytes / USUAL_BYTES).unwrap_or(1_024);
        // One shard: a column may be a large part of the whole, and shards do not lend room.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(items.max(16))
            .weight_capacity(capacity_bytes)
            .build();
        let cache = match options {
            Ok(options) => Cache::with_options(
                options,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => Cache::with_weighter(items.max(16), capacity_bytes, Bytes),
        };
        Self { cache }
    }

    /// Memory in use.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// Drops everything of a segment that is gone.
    pub(crate) fn forget(&self, segment: u64) {
        self.cache.retain(|key, _| key.0 != segment);
    }

    /// Says whether an entry need not be made.
    pub(super) fn has(&self, segment: u64, item: Item) -> bool {
        self.cache.peek(&(segment, item)).is_some()
    }

    /// Gives an entry, made when it is missing; others that want it meanwhile wait for it.
    pub(super) fn get(
        &self,
        segment: u64,
        item: Item,
        make: impl FnOnce() -> Result<Kept, ColumnError>,
    ) -> Result<Kept, ColumnError> {
        let make = || make().map(Weighed::from);
        self.cache.get_or_insert_with(&(segment, item), make).map(|weighed| weighed.kept)
    }
}

#[cfg(test)]
mod tests {
    use andon_columns::lines::Texts;
    use andon_reader::query::TokenSequence;

    use super::*;

    fn texts() -> Texts {
        (0..2_000).fold(Texts::default(), |mut texts, number| {
            texts.push(&format!("word{number}"));
            texts
        })
    }

    #[test]
    fn what_a_column_works_out_while_it_is_kept_does_not_upset_the_bound() {
        let capacity = 3 * texts().memory_bytes() as u64;
        let cache = ColumnCache::new(capacity);
        for segment in 0..50 {
            let make = || Ok(Kept::Column(Arc::new(Column::Texts { texts: texts(), presence: None })));
            let Ok(Kept::Column(column)) = cache.get(segment, Item::Column(0), make) else { panic!("no column") };
            let Column::Texts { texts, .. } = column.as_ref() else { panic!("no texts") };
            assert!(texts.have_words(&TokenSequence::new("word7")) && !texts.have_words(&TokenSequence::new("none")));
            assert!(cache.memory_bytes() <= capacity);
        }
        (0..50).for_each(|segment| cache.forget(segment));
        assert_eq!(cache.memory_bytes(), 0);
    }
}
