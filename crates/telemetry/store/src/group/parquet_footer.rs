//! What a segment says about itself when its index is gone: the description in the Parquet footer.

use parquet::file::metadata::ParquetMetaDataReader;

use crate::disk::DiskRead;

use super::layout::Content;
use super::parquet_file::{CONTENT_KEY, SUM_BYTES, SUM_MAGIC};

/// Largest footer that is read back.
const FOOTER_BYTES: u64 = 64 << 20;
/// Length of the footer and `PAR1`.
const END_BYTES: u64 = 8;

/// Reads the description.
pub(super) fn read_footer(file: &dyn DiskRead) -> Result<Content, String> {
    let length = file.length();
    let at = |offset: u64, bytes: u64| -> Result<Vec<u8>, String> {
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(0)];
        let read = file.read_at(offset, &mut buffer);
        read.map(|()| buffer).map_err(|error| error.to_string())
    };
    let short = || "the Parquet file has no end".to_owned();
    let end = at(length.checked_sub(END_BYTES).ok_or_else(short)?, END_BYTES)?;
    let footer_bytes = end
        .first_chunk::<4>()
        .map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    let whole = footer_bytes + END_BYTES + SUM_BYTES as u64;
    if !end.ends_with(b"PAR1") || footer_bytes > FOOTER_BYTES || whole > length {
        return Err(short());
    }
    let tail = at(length - whole, whole)?;
    let footer = checked(&tail).ok_or("the footer of the Parquet file is damaged")?;
    let metadata =
        ParquetMetaDataReader::decode_metadata(footer).map_err(|error| error.to_string())?;
    let pairs = metadata.file_metadata().key_value_metadata();
    let content = pairs
        .into_iter()
        .flatten()
        .find(|pair| pair.key == CONTENT_KEY);
    let content = content
        .and_then(|pair| pair.value.as_deref())
        .ok_or("the Parquet file does not describe itself as a segment")?;
    let content: Content = serde_json::from_str(content).map_err(|error| error.to_string())?;
    if !content.is_sound(length) {
        return Err("the Parquet file describes itself wrongly".to_owned());
    }
    Ok(content)
}

/// The footer without its end, if the checksum before it fits.
fn checked(tail: &[u8]) -> Option<&[u8]> {
    let (sum, footer) = tail.split_at_checked(SUM_BYTES)?;
    let crc = sum
        .last_chunk::<4>()
        .map(|bytes| u32::from_le_bytes(*bytes))?;
    if sum.get(..8)? != SUM_MAGIC || crc32fast::hash(footer) != crc {
        return None;
    }
    footer.get(..footer.len().checked_sub(8)?)
}
