//! Segments on disk: opened on demand, kept open within a budget, removed when nobody reads them.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use andon_reader::ReaderError;
use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::reader::{ChunkReader, Length};
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, DiskRead, read_whole};
use crate::extent::Extent;
use crate::failure::read_failed;
use crate::record::StoredRow;

use super::index::{Group, Index};
use super::rows::{ColumnBatch, promoted_name};
use super::{FORMAT, data_name, index_name};

/// What the manifest says about a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    pub(crate) number: u64,
    pub(crate) format: u32,
    pub(crate) bytes: u64,
    pub(crate) extent: Extent,
}

/// A segment that belongs to the store.
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    is_condemned: AtomicBool,
}

impl Segment {
    pub(crate) fn new(entry: SegmentEntry, folder: &Path, disk: &Arc<dyn Disk>) -> Self {
        Self {
            entry,
            folder: folder.to_owned(),
            disk: Arc::clone(disk),
            is_condemned: AtomicBool::new(false),
        }
    }

    pub(crate) fn extent(&self) -> &Extent {
        &self.entry.extent
    }

    /// Removes the files once the last reader is done.
    pub(crate) fn condemn(&self) {
        self.is_condemned.store(true, Ordering::Release);
    }

    pub(crate) fn data_path(&self) -> PathBuf {
        self.folder.join(data_name(self.entry.number))
    }

    fn open(&self) -> Result<Opened, ReaderError> {
        let path = self.data_path();
        let file = SegmentFile(self.disk.open(&path).map_err(|e| read_failed(&path, &e))?);
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|e| read_failed(&path, &e))?;
        let index_path = self.folder.join(index_name(self.entry.number));
        let read = read_whole(self.disk.as_ref(), &index_path).ok();
        let index = read.as_deref().and_then(Index::from_bytes);
        let groups = metadata.metadata().num_row_groups();
        let index = match index.filter(|index| index.groups.len() == groups) {
            Some(index) => index,
            None => {
                tracing::warn!(path = %index_path.display(), "the index of a segment is missing or damaged; searching it is slower");
                self.index_without_file(&metadata)
            }
        };
        Ok(Opened {
            file,
            metadata,
            index,
            path,
        })
    }

    /// An index that rules nothing out.
    fn index_without_file(&self, metadata: &ArrowReaderMetadata) -> Index {
        let mut index = Index {
            format: FORMAT,
            ..Index::default()
        };
        for field in metadata.schema().fields() {
            if let Some(name) = promoted_name(field.name()) {
                // Only the name matters for reading; the type is the column's.
                index
                    .promoted
                    .insert(name.to_owned(), super::PromotedType::Text);
            }
        }
        for group in metadata.metadata().row_groups() {
            let rows = u64::try_from(group.num_rows()).unwrap_or(0);
            index.push(
                Group::new(
                    Extent {
                        rows,
                        ..self.entry.extent
                    },
                    u32::MAX,
                ),
                &[],
            );
        }
        index
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.is_condemned.load(Ordering::Acquire) {
            for name in [data_name(self.entry.number), index_name(self.entry.number)] {
                if let Err(error) = self.disk.remove(&self.folder.join(&name)) {
                    tracing::warn!(%error, name, "a dropped segment could not be removed; the next start tries again");
                }
            }
        }
    }
}

/// A segment ready to be read.
pub(crate) struct Opened {
    file: SegmentFile,
    metadata: ArrowReaderMetadata,
    pub(crate) index: Index,
    path: PathBuf,
}

impl Opened {
    fn memory_bytes(&self) -> usize {
        self.index.memory_bytes() + self.metadata.metadata().memory_size()
    }

    /// Reads columns of one row group, `None` for all columns; a selection reads only some lines.
    pub(crate) fn read(
        &self,
        group: usize,
        columns: Option<&BTreeSet<String>>,
        selection: Option<RowSelection>,
    ) -> Result<GroupReader, ReaderError> {
        let descriptor = self.metadata.metadata().file_metadata().schema_descr();
        let mask = match columns {
            None => ProjectionMask::all(),
            Some(names) => {
                let fields = self.metadata.schema().fields();
                let wanted = fields
                    .iter()
                    .enumerate()
                    .filter(|(_, field)| names.contains(field.name()));
                ProjectionMask::roots(descriptor, wanted.map(|(at, _)| at))
            }
        };
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.file.clone(),
            self.metadata.clone(),
        )
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(8_192);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let reader = builder.build().map_err(|e| read_failed(&self.path, &e))?;
        Ok(GroupReader {
            reader,
            path: self.path.clone(),
        })
    }

    /// Reads every line, for a merge.
    pub(crate) fn read_rows(&self, rows: &mut Vec<StoredRow>) -> Result<(), ReaderError> {
        for group in 0..self.index.groups.len() {
            let mut resources: HashMap<String, Arc<str>> = HashMap::new();
            for batch in self.read(group, None, None)? {
                let columns = ColumnBatch::new(&batch?);
                for index in 0..columns.rows {
                    let row = columns.row(index);
                    let resource = match resources.get(row.resource_text()) {
                        Some(known) => Arc::clone(known),
                        None => {
                            let text: Arc<str> = Arc::from(row.resource_text());
                            resources.insert(row.resource_text().to_owned(), Arc::clone(&text));
                            text
                        }
                    };
                    rows.push(row.to_stored_row(resource));
                }
            }
        }
        Ok(())
    }

    /// Average size of a line of a row group.
    pub(crate) fn row_bytes(&self, group: usize) -> u64 {
        let rows = self
            .index
            .groups
            .get(group)
            .map_or(1, |group| group.extent.rows.max(1));
        self.column_bytes(group, None) / rows
    }

    /// Uncompressed size of columns of a row group, for the budget of a query.
    pub(crate) fn column_bytes(&self, group: usize, columns: Option<&BTreeSet<String>>) -> u64 {
        let Some(group) = self.metadata.metadata().row_groups().get(group) else {
            return 0;
        };
        let read = group.columns().iter().filter(|chunk| {
            let root = chunk.column_path().parts().first();
            columns.is_none_or(|names| root.is_some_and(|root| names.contains(root)))
        });
        read.map(|chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0))
            .sum()
    }
}

/// Batches of one row group.
pub(crate) struct GroupReader {
    reader: ParquetRecordBatchReader,
    path: PathBuf,
}

impl Iterator for GroupReader {
    type Item = Result<RecordBatch, ReaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.reader.next()?;
        Some(next.map_err(|error| read_failed(&self.path, &error)))
    }
}

/// Keeps footers, filters and handles of recently read segments.
pub(crate) struct OpenedCache {
    capacity_bytes: usize,
    clock: AtomicU64,
    entries: Mutex<HashMap<u64, (Arc<Opened>, u64)>>,
}

/// Most segments kept open, for the sake of file handles.
const OPEN_SEGMENTS: usize = 256;

impl OpenedCache {
    pub(crate) fn new(capacity_bytes: usize) -> Self {
        Self {
            capacity_bytes,
            clock: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    pub(crate) fn open(&self, segment: &Segment) -> Result<Arc<Opened>, ReaderError> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let number = segment.entry.number;
        {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((opened, used)) = entries.get_mut(&number) {
                *used = now;
                return Ok(Arc::clone(opened));
            }
        }
        let opened = Arc::new(segment.open()?);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(number, (Arc::clone(&opened), now));
        self.evict(&mut entries);
        Ok(opened)
    }

    pub(crate) fn forget(&self, number: u64) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number);
    }

    fn evict(&self, entries: &mut HashMap<u64, (Arc<Opened>, u64)>) {
        let mut total: usize = entries
            .values()
            .map(|(opened, _)| opened.memory_bytes())
            .sum();
        while entries.len() > 1 && (total > self.capacity_bytes || entries.len() > OPEN_SEGMENTS) {
            let oldest = entries
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(number, _)| *number);
            let Some((removed, _)) = oldest.and_then(|number| entries.remove(&number)) else {
                return;
            };
            total = total.saturating_sub(removed.memory_bytes());
        }
    }
}

/// Lets the Parquet reader read through the disk.
#[derive(Clone)]
struct SegmentFile(Arc<dyn DiskRead>);

impl Length for SegmentFile {
    fn len(&self) -> u64 {
        self.0.length()
    }
}

impl ChunkReader for SegmentFile {
    type T = BufReader<SegmentCursor>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(SegmentCursor {
            file: Arc::clone(&self.0),
            at: start,
        }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut buffer = vec![0; length];
        self.0.read_at(start, &mut buffer)?;
        Ok(buffer.into())
    }
}

struct SegmentCursor {
    file: Arc<dyn DiskRead>,
    at: u64,
}

impl Read for SegmentCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left =
            usize::try_from(self.file.length().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let target = buffer.get_mut(..length).unwrap_or_default();
        self.file.read_at(self.at, target)?;
        self.at += length as u64;
        Ok(length)
    }
}
