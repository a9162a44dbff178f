//! The write-ahead log: one file per memory chunk, appended in groups, read only at start.
//!
//! A file is a header (`ANDONWAL`, version, kind) and records: marker, length, checksum, payload.
//! Recovery never refuses to start: a torn tail is cut, a damaged middle is stepped over by looking
//! for the next marker with a right checksum, and both are reported.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::{ReaderError, code};

use crate::disk::{Disk, DiskFile, read_whole};
use crate::failure::read_failed;
use crate::record::{StoredRow, decode_rows, stamp};

const MAGIC: &[u8; 8] = b"ANDONWAL";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 16;
const MARKER: &[u8; 4] = b"\xa5LR1";
const FRAME_BYTES: usize = 12;
const BATCH_HEADER_BYTES: usize = 16;

/// Name of the log file with a number.
pub(crate) fn file_name(number: u64) -> String {
    format!("log-{number:016x}.wal")
}

/// Number of a log file by its name.
pub(crate) fn file_number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("log-")?.strip_suffix(".wal")?, 16).ok()
}

fn checksum(parts: [&[u8]; 2]) -> u32 {
    let mut crc = flate2::Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}

/// Appends one batch as a record to a buffer.
pub(crate) fn put_record(
    out: &mut Vec<u8>,
    first_sequence: u64,
    received_at_us: i64,
    encoded: &[u8],
) {
    let mut header = [0u8; BATCH_HEADER_BYTES];
    header[..8].copy_from_slice(&first_sequence.to_le_bytes());
    header[8..].copy_from_slice(&received_at_us.to_le_bytes());
    // A batch is bounded far below 4 GiB by the committer.
    let length = u32::try_from(BATCH_HEADER_BYTES + encoded.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(MARKER);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum([&header, encoded]).to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(encoded);
}

/// The file being written.
pub(crate) struct WalWriter {
    file: Box<dyn DiskFile>,
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
}

impl WalWriter {
    /// Makes a log file and makes it durable, so that the first record needs one sync only.
    pub(crate) fn create(disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(file_name(number));
        let mut file = disk.create(&path)?;
        let mut header = [0u8; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..10].copy_from_slice(&VERSION.to_le_bytes());
        let made = file
            .write_all(&header)
            .and_then(|()| file.sync_data())
            .and_then(|()| disk.sync_directory(folder));
        if let Err(error) = made {
            let _best_effort = disk.remove(&path);
            return Err(error);
        }
        Ok(Self {
            file,
            path,
            length: HEADER_BYTES as u64,
        })
    }

    /// Says whether anything has been logged.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == HEADER_BYTES as u64
    }

    /// Writes records and waits until they are durable.
    pub(crate) fn append(&mut self, records: &[u8]) -> Result<(), AppendError> {
        if let Err(error) = self.file.write_all(records) {
            let is_clean = self.file.truncate(self.length).is_ok();
            return Err(AppendError { error, is_clean });
        }
        if let Err(error) = self.file.sync_data() {
            // After a failed sync the kernel may forget what is dirty: never trust this file again.
            let _best_effort = self.file.truncate(self.length);
            return Err(AppendError {
                error,
                is_clean: false,
            });
        }
        self.length += records.len() as u64;
        Ok(())
    }
}

/// A failed append, and whether the file can still be used.
pub(crate) struct AppendError {
    pub(crate) error: io::Error,
    pub(crate) is_clean: bool,
}

/// What was found in one log file.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) batches: Vec<Vec<StoredRow>>,
    pub(crate) file_bytes: u64,
    /// What was wrong, for people.
    pub(crate) notes: Vec<String>,
    /// True when records in the middle were lost: the file is worth keeping.
    pub(crate) is_damaged: bool,
}

/// Reads a log file.
pub(crate) fn recover(disk: &dyn Disk, path: &Path) -> Result<Recovered, ReaderError> {
    let bytes = read_whole(disk, path).map_err(|error| read_failed(path, &error))?;
    let mut found = Recovered {
        file_bytes: bytes.len() as u64,
        ..Recovered::default()
    };
    if bytes.len() < HEADER_BYTES {
        found.notes.push(format!(
            "{}: no complete header, the file holds no line",
            path.display()
        ));
        return Ok(found);
    }
    if &bytes[..8] == MAGIC {
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version > VERSION {
            return Err(ReaderError::new(
                code::NEWER_FORMAT,
                format!(
                    "{} has format {version}, this version reads up to {VERSION}",
                    path.display()
                ),
            )
            .with_hint("start the newer version again"));
        }
    } else {
        found
            .notes
            .push(format!("{}: damaged header", path.display()));
        found.is_damaged = true;
    }
    read_records(&bytes, path, &mut found);
    Ok(found)
}

fn read_records(bytes: &[u8], path: &Path, found: &mut Recovered) {
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        if let Some((rows, next)) = read_record(bytes, at) {
            found.batches.push(rows);
            at = next;
            continue;
        }
        let next = next_record(bytes, at + 1);
        let lost = next.unwrap_or(bytes.len()) - at;
        if next.is_some() {
            found.is_damaged = true;
            found.notes.push(format!("{}: DAMAGED: {lost} bytes at offset {at} are unreadable and were skipped, lines after them were kept", path.display()));
        } else {
            found.notes.push(format!(
                "{}: torn tail: {lost} bytes at offset {at} were never acknowledged and were cut",
                path.display()
            ));
        }
        at += lost;
    }
}

/// Reads the record at an offset, and says where the next one starts.
fn read_record(bytes: &[u8], at: usize) -> Option<(Vec<StoredRow>, usize)> {
    let frame = bytes.get(at..at.checked_add(FRAME_BYTES)?)?;
    let (marker, rest) = frame.split_first_chunk::<4>()?;
    let (length, crc) = rest.split_first_chunk::<4>()?;
    if marker != MARKER {
        return None;
    }
    let start = at + FRAME_BYTES;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let payload = bytes.get(start..end)?;
    if checksum([payload, &[]]).to_le_bytes() != crc {
        return None;
    }
    let (sequence, rest) = payload.split_first_chunk::<8>()?;
    let (received, encoded) = rest.split_first_chunk::<8>()?;
    let mut rows = decode_rows(encoded)?;
    stamp(
        &mut rows,
        u64::from_le_bytes(*sequence),
        i64::from_le_bytes(*received),
    );
    Some((rows, end))
}

fn next_record(bytes: &[u8], from: usize) -> Option<usize> {
    let finder = memchr::memmem::Finder::new(MARKER);
    let rest = bytes.get(from..)?;
    finder
        .find_iter(rest)
        .map(|found| from + found)
        .find(|&at| read_record(bytes, at).is_some())
}
