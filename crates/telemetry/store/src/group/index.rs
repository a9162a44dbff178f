//! The index file: a small header with a table of sections, each read by itself when it is needed.
//!
//! ```text
//! "ANDONIDX"  version u32  header bytes u32  crc of the header u32
//! header: JSON of content and places after its length, number of sections,
//!         and per section offset u64, bytes u32, crc u32
//! sections
//! ```

use andon_columns::wire::{put_bytes, take_bytes};
use serde::{Deserialize, Serialize};

use super::layout::{Content, FORMAT, Places};

const MAGIC: &[u8; 8] = b"ANDONIDX";
/// Bytes before the header.
pub(super) const PREFIX_BYTES: usize = 20;
/// Largest header that is read back.
const HEADER_BYTES: u64 = 64 << 20;

/// A part of the index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) crc: u32,
}

#[derive(Serialize, Deserialize)]
struct Told {
    /// Length of the Parquet file.
    data_bytes: u64,
    content: Content,
    places: Places,
}

/// The header.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) data_bytes: u64,
    pub(super) content: Content,
    pub(super) places: Places,
    pub(super) sections: Vec<Section>,
}

/// Gathers the sections.
#[derive(Default)]
pub(super) struct IndexWriter {
    body: Vec<u8>,
    sections: Vec<Section>,
}

impl IndexWriter {
    /// Adds a section and gives its number.
    pub(super) fn add(&mut self, bytes: &[u8]) -> u32 {
        let number = u32::try_from(self.sections.len()).unwrap_or(u32::MAX);
        self.sections.push(Section {
            offset: self.body.len() as u64,
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            crc: crc32fast::hash(bytes),
        });
        self.body.extend_from_slice(bytes);
        number
    }

    pub(super) fn next(&self) -> u32 {
        u32::try_from(self.sections.len()).unwrap_or(u32::MAX)
    }

    /// Writes the file.
    pub(super) fn finish(self, data_bytes: u64, content: Content, places: Places) -> Vec<u8> {
        let told = Told {
            data_bytes,
            content,
            places,
        };
        let mut header = Vec::new();
        put_bytes(&mut header, &serde_json::to_vec(&told).unwrap_or_default());
        let base = PREFIX_BYTES + header.len() + 4 + self.sections.len() * 16;
        let count = u32::try_from(self.sections.len()).unwrap_or(u32::MAX);
        header.extend_from_slice(&count.to_le_bytes());
        for section in &self.sections {
            header.extend_from_slice(&(base as u64 + section.offset).to_le_bytes());
            header.extend_from_slice(&section.bytes.to_le_bytes());
            header.extend_from_slice(&section.crc.to_le_bytes());
        }
        let mut out = Vec::with_capacity(base + self.body.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.body);
        out
    }
}

/// What stands before the header: its length and its checksum.
pub(super) fn read_prefix(prefix: &[u8], file_bytes: u64) -> Result<(usize, u32), String> {
    let number = |at: usize| {
        let bytes = prefix.get(at..at + 4).and_then(|b| b.first_chunk::<4>());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    if prefix.get(..8) != Some(MAGIC) {
        return Err("it does not begin as an index does".to_owned());
    }
    if number(8) != FORMAT {
        return Err(format!(
            "it has format {}, this version reads {FORMAT}",
            number(8)
        ));
    }
    let length = u64::from(number(12));
    if length > HEADER_BYTES || length + PREFIX_BYTES as u64 > file_bytes {
        return Err("its header is longer than the file".to_owned());
    }
    Ok((number(12) as usize, number(16)))
}

/// Reads the header; nothing when it makes no sense.
pub(super) fn read_header(header: &[u8], crc: u32, file_bytes: u64) -> Option<Index> {
    if crc32fast::hash(header) != crc {
        return None;
    }
    let mut input = header;
    let told: Told = serde_json::from_slice(take_bytes(&mut input)?).ok()?;
    let count = u32::from_le_bytes(*input.split_off(..4)?.first_chunk::<4>()?);
    if input.len() as u64 != u64::from(count) * 16 {
        return None;
    }
    let mut sections = Vec::with_capacity(count as usize);
    for entry in input.as_chunks::<16>().0 {
        let (offset, rest) = entry.split_first_chunk::<8>()?;
        let (bytes, rest) = rest.split_first_chunk::<4>()?;
        let section = Section {
            offset: u64::from_le_bytes(*offset),
            bytes: u32::from_le_bytes(*bytes),
            crc: u32::from_le_bytes(*rest.first_chunk::<4>()?),
        };
        let end = section.offset.checked_add(u64::from(section.bytes))?;
        if end > file_bytes {
            return None;
        }
        sections.push(section);
    }
    told.content.is_sound(told.data_bytes).then_some(Index {
        data_bytes: told.data_bytes,
        content: told.content,
        places: told.places,
        sections,
    })
}
