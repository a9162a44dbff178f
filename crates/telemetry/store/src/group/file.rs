//! A segment opened for searching: a small header in memory, everything else read when it is asked for.
//!
//! Invariants: bytes are checked against their checksum before anything reads them; what is damaged
//! is an error that names file and column, and everything else stays readable. Without its index a
//! segment still has the columns of its Parquet file; columns of templates cannot be read then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{self, Column, ColumnName, GroupView};
use andon_columns::group::{FieldNames, GroupFacts};
use andon_columns::keys::KeyFilter;
use andon_columns::lines::Kind;
use andon_columns::select::Checkpoint;
use andon_columns::template::{PageSource, RowSource, TemplateColumn, TemplateRows, decompress_page};

use crate::disk::{Disk, DiskRead};

use super::cache::{ColumnCache, Item, Kept};
use super::decode::{decode, template_ids};
use super::index::{Index, PREFIX_BYTES, Section, read_header, read_prefix};
use super::layout::{Content, Form, Places, StoredChunk, TemplateSections};
use super::meter::{note_bytes, note_column};
use super::parquet_footer::read_footer;
use super::{data_name, index_name};

/// The message's place among the texts.
const MESSAGE: ColumnName = ColumnName::Text(2);
/// Bytes read at once to open an index: enough for the header of most.
const OPENING_BYTES: u64 = 16 << 10;
/// Largest part of a file that is read at once.
const READ_BYTES: u64 = 1 << 30;

/// A group in files.
pub(crate) struct StoredGroup {
    pub(super) files: Arc<Files>,
    pub(super) content: Content,
    pub(super) places: Option<Places>,
    cache: Arc<ColumnCache>,
}

/// The two files of a segment that is to be opened.
pub(crate) struct GroupFiles {
    pub(crate) segment: u64,
    pub(crate) data: io::Result<Arc<dyn DiskRead>>,
    pub(crate) data_path: PathBuf,
    pub(crate) index: io::Result<Arc<dyn DiskRead>>,
    pub(crate) index_path: PathBuf,
}

/// The two files of a segment.
pub(super) struct Files {
    segment: u64,
    pub(super) data: Arc<dyn DiskRead>,
    data_path: PathBuf,
    index: Option<Arc<dyn DiskRead>>,
    index_path: PathBuf,
    pub(super) sections: Vec<Section>,
    /// Why the index cannot be used.
    index_damage: Option<String>,
}

fn damaged(path: &Path, what: &dyn std::fmt::Display) -> ColumnError {
    ColumnError::damaged(format!("{}: {what}", path.display()))
}

/// Reads a part of a file, whose end has been checked to lie within.
fn read(
    file: &dyn DiskRead,
    path: &Path,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, ColumnError> {
    let is_inside = offset
        .checked_add(length)
        .is_some_and(|end| end <= file.length());
    if !is_inside || length > READ_BYTES {
        return Err(damaged(path, &"the file is shorter than it should be"));
    }
    let mut buffer = vec![0; usize::try_from(length).unwrap_or(0)];
    note_bytes(length);
    file.read_at(offset, &mut buffer)
        .map_err(|error| damaged(path, &format!("reading failed: {error}")))?;
    Ok(buffer)
}

impl StoredGroup {
    /// Opens a segment.
    ///
    /// # Errors
    /// When neither the index nor the footer of the Parquet file can be read.
    pub(crate) fn open(
        disk: &dyn Disk,
        folder: &Path,
        segment: u64,
        cache: &Arc<ColumnCache>,
    ) -> Result<Self, ColumnError> {
        let (data_path, index_path) = (folder.join(data_name(segment)), folder.join(index_name(segment)));
        let (data, index) = (disk.open(&data_path), disk.open(&index_path));
        Self::of(GroupFiles { segment, data, data_path, index, index_path }, cache)
    }

    /// Opens a segment in files that are open, or that come when they are read.
    ///
    /// # Errors
    /// When neither the index nor the footer of the Parquet file can be read.
    pub(crate) fn of(files: GroupFiles, cache: &Arc<ColumnCache>) -> Result<Self, ColumnError> {
        let GroupFiles { segment, data, data_path, index, index_path } = files;
        let data = data.map_err(|error| damaged(&data_path, &format!("opening failed: {error}")))?;
        let opened = open_index(index, &index_path);
        let mut files = Files {
            segment,
            data,
            data_path,
            index: None,
            index_path,
            sections: Vec::new(),
            index_damage: None,
        };
        let (content, places) = match opened {
            Ok((file, index)) if index.data_bytes == files.data.length() => {
                files.index = Some(file);
                files.sections = index.sections;
                (index.content, Some(index.places))
            }
            Ok((file, index)) => {
                // The file was cut or grew: columns that are whole have their checksums.
                files.index = Some(file);
                files.sections = index.sections;
                files.index_damage = Some(format!(
                    "{} has {} bytes, its index says {}",
                    files.data_path.display(),
                    files.data.length(),
                    index.data_bytes
                ));
                (index.content, Some(index.places))
            }
            Err(why) => {
                let content = read_footer(files.data.as_ref())
                    .map_err(|also| damaged(&files.data_path, &format!("{also}; and {why}")))?;
                files.index_damage = Some(why);
                (content, None)
            }
        };
        Ok(Self {
            files: Arc::new(files),
            content,
            places,
            cache: Arc::clone(cache),
        })
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.files.segment
    }

    /// What is known without the columns.
    pub(crate) fn facts(&self) -> &GroupFacts {
        &self.content.facts
    }

    /// Gives the lines that a deletion hides, found by `find` when they are not known.
    pub(crate) fn hidden_by(
        &self,
        deletion: u64,
        find: impl FnOnce() -> Result<Option<Bits>, ColumnError>,
    ) -> Result<Option<Arc<Bits>>, ColumnError> {
        let kept = self.cache.get(self.files.segment, Item::Hidden(deletion), || {
            Ok(Kept::Hidden(find()?.map(Arc::new)))
        })?;
        match kept {
            Kept::Hidden(rows) => Ok(rows),
            _ => Ok(None),
        }
    }

    /// What is wrong with the segment as a whole, when it can be read only in part.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.files.index_damage.as_deref()
    }

    /// Memory that the opened segment holds, without what is in the cache.
    pub(crate) fn memory_bytes(&self) -> usize {
        let names = self
            .content
            .columns
            .iter()
            .map(|c| c.column.len() * 2 + 200);
        names.sum::<usize>() + self.files.sections.len() * 16 + 512
    }

    /// Gives a column; waits for its file, where that is elsewhere, as long as the checkpoint lets it.
    pub(crate) fn column_within(&self, name: &ColumnName, checkpoint: Checkpoint<'_>) -> Result<Option<Arc<Column>>, ColumnError> {
        let Some((place, chunk)) = self.chunk(name) else {
            return Ok(None);
        };
        let item = Item::Column(place);
        if !self.cache.has(self.files.segment, item) {
            // Before others that want the column wait for it: each has a time limit of its own.
            self.files.prepare(checkpoint)?;
        }
        let load = || match chunk.form {
            Form::Templates => self.open_templates(chunk, Some(place)),
            _ => self.load(chunk),
        };
        let kept = self.cache.get(self.files.segment, item, || Ok(Kept::Column(Arc::new(load()?))))?;
        match kept {
            Kept::Column(column) => Ok(Some(column)),
            _ => Ok(None),
        }
    }

    fn chunk(&self, name: &ColumnName) -> Option<(u32, &StoredChunk)> {
        (0u32..)
            .zip(&self.content.columns)
            .find(|(_, chunk)| chunk.name == *name)
    }

    /// Reads a column, whole.
    pub(super) fn load(&self, chunk: &StoredChunk) -> Result<Column, ColumnError> {
        if chunk.form == Form::Templates {
            return self.open_templates(chunk, None);
        }
        note_column();
        let bytes = self.files.chunk(chunk)?;
        decode(chunk, self.rows(), &bytes).ok_or_else(|| self.files.wrong_chunk(chunk, "is damaged"))
    }

    /// Opens a column of templates, without its rows where the cache has a place for them.
    fn open_templates(&self, chunk: &StoredChunk, place: Option<u32>) -> Result<Column, ColumnError> {
        note_column();
        let rows = self.rows();
        let sections = self.template_sections(&chunk.name)?;
        let path = &self.files.index_path;
        let presence = match sections.presence {
            None => None,
            Some(section) => {
                let bytes = self.files.section(section)?;
                let bits = read_presence(&bytes, rows);
                Some(bits.ok_or_else(|| damaged(path, &"the lines with a value are damaged"))?)
            }
        };
        let directory = self.files.section(sections.directory)?;
        let pages = Arc::new(StoredPages {
            files: Arc::clone(&self.files),
            cache: Arc::downgrade(&self.cache),
            first: sections.first_page,
            count: sections.pages,
        });
        let stored_rows = StoredRows {
            files: Arc::clone(&self.files),
            cache: Arc::downgrade(&self.cache),
            chunk: chunk.clone(),
            rows,
            place: place.unwrap_or_default(),
        };
        let column = match place {
            Some(_) => TemplateColumn::open_without_rows(Arc::new(stored_rows), &directory, pages),
            None => TemplateColumn::open(&stored_rows.read()?, &directory, pages),
        };
        let column = column.map_err(|error| damaged(path, &error))?;
        if column.rows() != rows {
            return Err(damaged(path, &"the rows and the templates do not belong together"));
        }
        Ok(Column::Templates {
            column: Arc::new(column),
            presence,
        })
    }

    fn template_sections(&self, name: &ColumnName) -> Result<&TemplateSections, ColumnError> {
        let Some(places) = &self.places else {
            let why = self.files.index_damage.as_deref().unwrap_or_default();
            return Err(ColumnError::damaged(format!(
                "{why}; texts kept as templates need it"
            )));
        };
        places
            .templates
            .iter()
            .find(|sections| sections.name == *name)
            .ok_or_else(|| damaged(&self.files.index_path, &"a column of templates is missing"))
    }

    /// Gives a filter; one that cannot be read rules nothing out.
    fn filter(&self, item: Item, section: u32) -> Arc<KeyFilter> {
        let kept = self.cache.get(self.files.segment, item, || {
            let bytes = self.files.section(section)?;
            let filter = KeyFilter::decode(&bytes)
                .ok_or_else(|| damaged(&self.files.index_path, &"the filter is damaged"))?;
            Ok(Kept::Filter(Arc::new(filter)))
        });
        match kept {
            Ok(Kept::Filter(filter)) => filter,
            _ => Arc::new(KeyFilter::unknown()),
        }
    }

    /// Names of fields; what cannot be read rules nothing out.
    fn fields(&self, item: Item, section: fn(&Places) -> u32) -> Option<Arc<FieldNames>> {
        let places = self.places.as_ref()?;
        let kept = self.cache.get(self.files.segment, item, || {
            let bytes = self.files.section(section(places))?;
            let names = serde_json::from_slice(&bytes)
                .map_err(|error| damaged(&self.files.index_path, &error))?;
            Ok(Kept::Fields(Arc::new(names)))
        });
        match kept {
            Ok(Kept::Fields(names)) => Some(names),
            _ => None,
        }
    }
}

fn open_index(file: io::Result<Arc<dyn DiskRead>>, path: &Path) -> Result<(Arc<dyn DiskRead>, Index), String> {
    let wrong = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let file = file.map_err(|error| wrong(&error))?;
    let length = file.length();
    let mut beginning = vec![0; usize::try_from(length.min(OPENING_BYTES)).unwrap_or(0)];
    file.read_at(0, &mut beginning)
        .map_err(|error| wrong(&error))?;
    let (header_bytes, crc) = read_prefix(&beginning, length).map_err(|why| wrong(&why))?;
    let end = PREFIX_BYTES + header_bytes;
    if end > beginning.len() {
        beginning = vec![0; end];
        file.read_at(0, &mut beginning)
            .map_err(|error| wrong(&error))?;
    }
    let header = beginning.get(PREFIX_BYTES..end).unwrap_or_default();
    let index = read_header(header, crc, length).ok_or_else(|| wrong(&"the header is damaged"))?;
    Ok((file, index))
}

fn read_presence(bytes: &[u8], rows: usize) -> Option<Bits> {
    let length = rows.div_ceil(64) * 8;
    let raw = zstd::bulk::decompress(bytes, length).ok()?;
    let words = raw
        .as_chunks::<8>()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word));
    (raw.len() == length).then(|| Bits::from_words(words.collect(), rows))
}

impl Files {
    fn prepare(&self, checkpoint: Checkpoint<'_>) -> Result<(), ColumnError> {
        self.index.iter().try_for_each(|file| file.prepare(checkpoint))?;
        self.data.prepare(checkpoint)
    }

    /// Reads a column of the Parquet file, checked.
    fn chunk(&self, chunk: &StoredChunk) -> Result<Vec<u8>, ColumnError> {
        let bytes = read(self.data.as_ref(), &self.data_path, chunk.offset, chunk.bytes)?;
        if crc32fast::hash(&bytes) != chunk.crc {
            return Err(self.wrong_chunk(chunk, "is damaged: its checksum is wrong"));
        }
        Ok(bytes)
    }

    fn wrong_chunk(&self, chunk: &StoredChunk, what: &str) -> ColumnError {
        damaged(&self.data_path, &format!("column `{}` {what}", chunk.column))
    }

    /// Reads a section of the index, checked.
    pub(super) fn section(&self, number: u32) -> Result<Vec<u8>, ColumnError> {
        let path = &self.index_path;
        let section = self.sections.get(number as usize);
        let (section, file) = section
            .zip(self.index.as_ref())
            .ok_or_else(|| damaged(path, &format!("section {number} is missing")))?;
        let bytes = read(
            file.as_ref(),
            path,
            section.offset,
            u64::from(section.bytes),
        )?;
        if crc32fast::hash(&bytes) != section.crc {
            return Err(damaged(
                path,
                &format!("section {number} is damaged: its checksum is wrong"),
            ));
        }
        Ok(bytes)
    }

    pub(super) fn page(&self, section: u32) -> Result<Arc<Vec<u8>>, ColumnError> {
        let page = decompress_page(&self.section(section)?);
        page.map(Arc::new)
            .map_err(|error| damaged(&self.index_path, &error))
    }
}

/// The variables of a column of templates. The cache holds the column, which holds this: so this must
/// not hold the cache.
struct StoredPages {
    files: Arc<Files>,
    cache: Weak<ColumnCache>,
    first: u32,
    count: u32,
}

impl PageSource for StoredPages {
    fn page(&self, number: u32) -> Result<Arc<Vec<u8>>, ColumnError> {
        if number >= self.count {
            return Err(damaged(
                &self.files.index_path,
                &"a page of variables is missing",
            ));
        }
        let section = self.first.saturating_add(number);
        let Some(cache) = self.cache.upgrade() else {
            return self.files.page(section);
        };
        let kept = cache.get(self.files.segment, Item::Page(section), || {
            self.files.page(section).map(Kept::Page)
        })?;
        match kept {
            Kept::Page(page) => Ok(page),
            _ => self.files.page(section),
        }
    }
}

/// Which template each row of a column has, read when it is needed.
struct StoredRows {
    files: Arc<Files>,
    cache: Weak<ColumnCache>,
    chunk: StoredChunk,
    rows: usize,
    /// The column's place in the Parquet file.
    place: u32,
}

impl StoredRows {
    fn read(&self) -> Result<Vec<u32>, ColumnError> {
        let bytes = self.files.chunk(&self.chunk)?;
        template_ids(&self.chunk, self.rows, &bytes).ok_or_else(|| self.files.wrong_chunk(&self.chunk, "is damaged"))
    }
}

impl RowSource for StoredRows {
    fn rows(&self, make: &dyn Fn(&[u32]) -> Result<TemplateRows, ColumnError>) -> Result<Arc<TemplateRows>, ColumnError> {
        let read = || make(&self.read()?).map(Arc::new);
        let Some(cache) = self.cache.upgrade() else { return read() };
        match cache.get(self.files.segment, Item::Rows(self.place), || read().map(Kept::Rows))? {
            Kept::Rows(rows) => Ok(rows),
            _ => read(),
        }
    }
}

impl GroupView for StoredGroup {
    fn rows(&self) -> usize {
        usize::try_from(self.content.facts.rows).unwrap_or(0)
    }

    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError> {
        self.column_within(name, &|| Ok(()))
    }

    fn kinds(&self, attribute: &str) -> Vec<Kind> {
        let columns = self.content.columns.iter();
        columns
            .filter_map(|chunk| match &chunk.name {
                ColumnName::Attribute(name, kind) if name == attribute => Some(*kind),
                _ => None,
            })
            .collect()
    }

    fn attributes(&self) -> Vec<(String, Kind)> {
        let columns = self.content.columns.iter();
        columns
            .filter_map(|chunk| match &chunk.name {
                ColumnName::Attribute(name, kind) => Some((name.clone(), *kind)),
                _ => None,
            })
            .collect()
    }

    fn rest_may_have(&self, name: &str) -> bool {
        self.chunk(&ColumnName::Rest).is_some()
            && self
                .fields(Item::RestFields, |places| places.rest_fields)
                .is_none_or(|names| names.may_have(name))
    }

    fn resource_may_have(&self, name: &str) -> bool {
        self.fields(Item::ResourceFields, |places| places.resource_fields)
            .is_none_or(|names| names.may_have(name))
    }

    fn has_keys(&self, name: &ColumnName) -> bool {
        *name != ColumnName::Rest
            && self.chunk(name).is_some_and(|(_, chunk)| {
                matches!(
                    chunk.form,
                    Form::Templates | Form::Identifiers(_) | Form::Texts
                )
            })
    }

    fn form(&self, name: &ColumnName) -> Option<column::Form> {
        self.chunk(name).map(|(_, chunk)| match chunk.form {
            Form::Integers => column::Form::Integers,
            Form::Floats => column::Form::Floats,
            Form::Booleans => column::Form::Booleans,
            Form::Dictionary => column::Form::Dictionary,
            Form::Identifiers(_) => column::Form::Identifiers,
            Form::Templates => column::Form::Templates,
            Form::Texts => column::Form::Texts,
        })
    }

    fn references(&self) -> &[ColumnName] {
        &self.content.facts.references
    }

    fn may_have_key(&self, key: u64) -> bool {
        let places = self.places.as_ref();
        places.is_none_or(|places| self.filter(Item::Filter, places.filter).may_have(key))
    }

    fn vocabulary_may_have(&self, key: u64) -> Option<bool> {
        let section = self.places.as_ref()?.vocabulary?;
        Some(self.filter(Item::Vocabulary, section).may_have(key))
    }

    fn message_buckets(&self, folded: &str) -> u64 {
        let section = self.places.as_ref().and_then(|places| places.whereabouts);
        section.map_or(u64::MAX, |section| self.filter(Item::Whereabouts, section).buckets(&MESSAGE, folded))
    }

    fn severities(&self) -> u32 {
        self.content.facts.severities
    }

    fn timestamp_bounds_us(&self) -> (i64, i64) {
        self.content.facts.timestamp_bounds_us
    }

    fn received_bounds_us(&self) -> (i64, i64) {
        self.content.facts.received_bounds_us
    }
}
