//! The Parquet file, column by column.
//!
//! Between the last column and the footer stands a checksum of the footer, where readers of Parquet
//! do not look: `"ANDONSUM"`, the length and the CRC-32 of the footer, four bytes each.

use std::sync::Arc;

use andon_columns::column::ColumnName;
use andon_columns::group::GroupFacts;
use andon_columns::lines::Kind;
use andon_reader::ReaderError;
use bytes::Bytes;
use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
};
use parquet::column::page::{CompressedPage, Page as ParquetPage, PageWriter as _};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter,
    RowGroupMetaData,
};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{SchemaDescriptor, Type};

use super::layout::{Content, FORMAT, Form, Page, StoredChunk, Writing};
use super::write::failed;

/// Key of the version among the file's key-value pairs.
pub(super) const VERSION_KEY: &str = "andon.format";
/// Key of the description among the file's key-value pairs.
pub(super) const CONTENT_KEY: &str = "andon.group";
pub(super) const SUM_MAGIC: &[u8; 8] = b"ANDONSUM";
/// The checksum before the footer.
pub(super) const SUM_BYTES: usize = 16;
/// A column is compressed when that leaves at most so many of 100 bytes.
const WORTH_PERCENT: usize = 97;
/// Bytes of a page on which compression is tried first.
const TRIED_BYTES: usize = 128 << 10;

/// A column ready to be written.
pub(super) struct Chunk {
    pub(super) name: ColumnName,
    pub(super) title: String,
    pub(super) form: Form,
    pub(super) is_optional: bool,
    pub(super) writing: Writing,
    /// Values with their levels before them.
    pub(super) body: Vec<u8>,
    /// Values, absent ones not counted.
    pub(super) values: usize,
    pub(super) dictionary: Vec<u8>,
    pub(super) dictionary_values: usize,
    pub(super) bounds: Option<(i64, i64)>,
}

impl Chunk {
    pub(super) fn new(name: ColumnName, title: String, form: Form) -> Self {
        Self {
            name,
            title,
            form,
            is_optional: false,
            writing: Writing::Plain,
            body: Vec::new(),
            values: 0,
            dictionary: Vec::new(),
            dictionary_values: 0,
            bounds: None,
        }
    }

    fn schema(&self) -> Result<Type, ReaderError> {
        let (physical, logical) = match self.form {
            Form::Integers => (
                PhysicalType::INT64,
                matches!(self.name, ColumnName::Timestamp | ColumnName::ReceivedAt)
                    .then(|| LogicalType::timestamp(true, TimeUnit::MICROS)),
            ),
            Form::Floats => (PhysicalType::DOUBLE, None),
            Form::Booleans => (PhysicalType::BOOLEAN, None),
            Form::Dictionary | Form::Texts => (PhysicalType::BYTE_ARRAY, Some(self.text_type())),
            Form::Identifiers(_) => (PhysicalType::FIXED_LEN_BYTE_ARRAY, None),
            Form::Templates => (PhysicalType::INT32, None),
        };
        let length = match self.form {
            Form::Identifiers(width) => i32::try_from(width).unwrap_or(0),
            _ => -1,
        };
        let repetition = if self.is_optional {
            Repetition::OPTIONAL
        } else {
            Repetition::REQUIRED
        };
        Type::primitive_type_builder(&self.title, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .with_length(length)
            .build()
            .map_err(|e| failed(&e))
    }

    fn text_type(&self) -> LogicalType {
        match self.name {
            ColumnName::Attribute(_, Kind::Json) => LogicalType::Json,
            _ => LogicalType::String,
        }
    }

    fn encoding(&self) -> Encoding {
        match self.writing {
            Writing::Plain => Encoding::PLAIN,
            Writing::Dictionary => Encoding::RLE_DICTIONARY,
            Writing::Delta => Encoding::DELTA_BINARY_PACKED,
            Writing::Split => Encoding::BYTE_STREAM_SPLIT,
        }
    }
}

struct Added {
    schema: Type,
    stored: StoredChunk,
    encoding: Encoding,
    raw_bytes: u64,
    bounds: Option<(i64, i64)>,
    nulls: u64,
}

/// The file while it grows.
pub(super) struct DataFile {
    out: TrackedWrite<Vec<u8>>,
    rows: usize,
    columns: Vec<Added>,
    compressor: zstd::bulk::Compressor<'static>,
}

impl DataFile {
    pub(super) fn new(facts: &GroupFacts) -> Result<Self, ReaderError> {
        use std::io::Write as _;
        let mut out = TrackedWrite::new(Vec::new());
        out.write_all(b"PAR1").map_err(|e| failed(&e))?;
        Ok(Self {
            out,
            rows: usize::try_from(facts.rows).map_err(|e| failed(&e))?,
            columns: Vec::new(),
            compressor: zstd::bulk::Compressor::new(1).map_err(|e| failed(&e))?,
        })
    }

    /// Adds a column.
    pub(super) fn add(&mut self, chunk: Chunk) -> Result<(), ReaderError> {
        let offset = self.out.bytes_written();
        let schema = chunk.schema()?;
        let is_compressed = self.is_worth_compressing(&chunk)?;
        let encoding = chunk.encoding();
        let mut raw_bytes = 0;
        let dictionary = if chunk.writing == Writing::Dictionary {
            let page = self.page(
                &chunk.dictionary,
                chunk.dictionary_values,
                None,
                is_compressed,
            )?;
            raw_bytes += page.1;
            Some(page.0)
        } else {
            None
        };
        let page = self.page(&chunk.body, self.rows, Some(encoding), is_compressed)?;
        raw_bytes += page.1;
        std::io::Write::flush(&mut self.out).map_err(|e| failed(&e))?;
        let bytes = self.out.inner().get(offset..).unwrap_or_default();
        let relative = |page: Page| -> Result<Page, ReaderError> {
            let start = u32::try_from(offset).map_err(|e| failed(&e))?;
            Ok(Page {
                offset: page.offset - start,
                ..page
            })
        };
        let stored = StoredChunk {
            name: chunk.name,
            column: chunk.title,
            form: chunk.form,
            is_optional: chunk.is_optional,
            is_compressed,
            writing: chunk.writing,
            offset: offset as u64,
            bytes: bytes.len() as u64,
            crc: crc32fast::hash(bytes),
            dictionary: dictionary.map(relative).transpose()?,
            page: Page {
                values: u32::try_from(chunk.values).map_err(|e| failed(&e))?,
                ..relative(page.0)?
            },
        };
        self.columns.push(Added {
            schema,
            stored,
            encoding,
            raw_bytes,
            bounds: chunk.bounds.filter(|_| chunk.values > 0),
            nulls: (self.rows - chunk.values.min(self.rows)) as u64,
        });
        Ok(())
    }

    fn is_worth_compressing(&mut self, chunk: &Chunk) -> Result<bool, ReaderError> {
        let mut worth = |bytes: &[u8]| -> Result<bool, ReaderError> {
            let middle = bytes.len() / 2;
            let start = middle.saturating_sub(TRIED_BYTES / 2);
            let end = (start + TRIED_BYTES).min(bytes.len());
            let sample = bytes.get(start..end).unwrap_or_default();
            let compressed = self.compressor.compress(sample).map_err(|e| failed(&e))?;
            Ok(compressed.len() * 100 <= sample.len() * WORTH_PERCENT)
        };
        Ok(worth(&chunk.body)? || worth(&chunk.dictionary)?)
    }

    /// Writes a page; gives its place in the file and its length with its header before compression.
    fn page(
        &mut self,
        raw: &[u8],
        values: usize,
        encoding: Option<Encoding>,
        is_compressed: bool,
    ) -> Result<(Page, u64), ReaderError> {
        let stored = if is_compressed {
            self.compressor.compress(raw).map_err(|e| failed(&e))?
        } else {
            raw.to_vec()
        };
        let number = |n: usize| u32::try_from(n).map_err(|e| failed(&e));
        let stored_bytes = number(stored.len())?;
        let num_values = number(values)?;
        let buf = Bytes::from(stored);
        let page = match encoding {
            None => ParquetPage::DictionaryPage {
                buf,
                num_values,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            },
            Some(encoding) => ParquetPage::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            },
        };
        let mut writer = SerializedPageWriter::new(&mut self.out);
        let spec = writer
            .write_page(CompressedPage::new(page, raw.len()))
            .map_err(|e| failed(&e))?;
        let end = number(self.out.bytes_written())?;
        let place = Page {
            offset: end - stored_bytes,
            stored_bytes,
            raw_bytes: number(raw.len())?,
            values: num_values,
        };
        Ok((place, spec.uncompressed_size as u64))
    }

    /// Ends the file; gives its bytes and what stands where.
    pub(super) fn finish(
        self,
        facts: &GroupFacts,
    ) -> Result<(Vec<u8>, Vec<StoredChunk>), ReaderError> {
        let metadata = self.metadata(facts)?;
        let mut data = self.out.into_inner().map_err(|e| failed(&e))?;
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &metadata)
            .finish()
            .map_err(|e| failed(&e))?;
        data.extend_from_slice(SUM_MAGIC);
        let length = u32::try_from(footer.len()).map_err(|e| failed(&e))?;
        data.extend_from_slice(&length.to_le_bytes());
        data.extend_from_slice(&crc32fast::hash(&footer).to_le_bytes());
        data.extend_from_slice(&footer);
        let columns = self.columns.into_iter().map(|added| added.stored).collect();
        Ok((data, columns))
    }

    fn metadata(&self, facts: &GroupFacts) -> Result<ParquetMetaData, ReaderError> {
        let fields = self
            .columns
            .iter()
            .map(|c| Arc::new(c.schema.clone()))
            .collect();
        let root = Type::group_type_builder("lines")
            .with_fields(fields)
            .build()
            .map_err(|e| failed(&e))?;
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(root)));
        let rows = i64::try_from(self.rows).map_err(|e| failed(&e))?;
        let mut chunks = Vec::new();
        for (added, descriptor) in self.columns.iter().zip(schema.columns()) {
            chunks
                .push(added.metadata(ColumnChunkMetaData::builder(Arc::clone(descriptor)), rows)?);
        }
        let raw: u64 = self.columns.iter().map(|c| c.raw_bytes).sum();
        let group = RowGroupMetaData::builder(Arc::clone(&schema))
            .set_num_rows(rows)
            .set_total_byte_size(i64::try_from(raw).unwrap_or(i64::MAX))
            .set_column_metadata(chunks)
            .set_ordinal(0)
            .set_file_offset(4)
            .build()
            .map_err(|e| failed(&e))?;
        let content = Content {
            format: FORMAT,
            facts: facts.clone(),
            columns: self.columns.iter().map(|c| c.stored.clone()).collect(),
        };
        let content = serde_json::to_string(&content).map_err(|e| failed(&e))?;
        let pairs = vec![
            KeyValue::new(VERSION_KEY.to_owned(), FORMAT.to_string()),
            KeyValue::new(CONTENT_KEY.to_owned(), content),
        ];
        let file = FileMetaData::new(2, rows, Some("andon".to_owned()), Some(pairs), schema, None);
        Ok(ParquetMetaData::new(file, vec![group]))
    }
}

impl Added {
    fn metadata(
        &self,
        builder: parquet::file::metadata::ColumnChunkMetaDataBuilder,
        rows: i64,
    ) -> Result<ColumnChunkMetaData, ReaderError> {
        let signed = |n: u64| i64::try_from(n).map_err(|e| failed(&e));
        let stored = &self.stored;
        let start = signed(stored.offset)?;
        let mut data_page = start;
        let mut encodings = vec![Encoding::RLE, self.encoding];
        if let Some(page) = stored.dictionary {
            data_page = start + i64::from(page.offset) + i64::from(page.stored_bytes);
            encodings.push(Encoding::PLAIN);
        }
        let compression = if stored.is_compressed {
            Compression::ZSTD(ZstdLevel::try_new(1).map_err(|e| failed(&e))?)
        } else {
            Compression::UNCOMPRESSED
        };
        let mut builder = builder
            .set_encodings(encodings)
            .set_num_values(rows)
            .set_compression(compression)
            .set_total_compressed_size(signed(stored.bytes)?)
            .set_total_uncompressed_size(signed(self.raw_bytes)?)
            .set_data_page_offset(data_page)
            .set_dictionary_page_offset(stored.dictionary.map(|_| start));
        if let Some((low, high)) = self.bounds {
            let bounds = Statistics::int64(Some(low), Some(high), None, Some(self.nulls), false);
            builder = builder.set_statistics(bounds);
        }
        builder.build().map_err(|e| failed(&e))
    }
}
