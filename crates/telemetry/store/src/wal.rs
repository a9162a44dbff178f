//! The write-ahead log: one file per memory chunk, appended in groups, read only at start.
//!
//! A file is a header (`ANDONWAL`, version, kind) and records: marker, length, checksum, payload. A
//! payload is the first sequence, the time of receipt, and a batch of lines as columns; the records of
//! version 1 hold rows ([`crate::log_v1`]) and are still read.
//! Reading never refuses to start: a torn tail is cut, a damaged middle is stepped over by looking
//! for the next marker with a right checksum, and both are reported. One record at a time is held.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_columns::lines::Lines;
use andon_reader::{ReaderError, code};
use crc32fast::Hasher;

use crate::disk::{Disk, DiskFile, DiskRead};
use crate::failure::read_failed;
use crate::log_v1;

const MAGIC: &[u8; 8] = b"ANDONWAL";
const VERSION: u16 = 2;
const HEADER_BYTES: usize = 16;
/// What the markers of all versions begin with; the version follows.
const MARKER: &[u8; 3] = b"\xa5LR";
/// The version in the markers of today.
const NEWEST_RECORD: u8 = b'2';
const FRAME_BYTES: usize = 12;
const BATCH_HEADER_BYTES: usize = 16;
const RECORD_HEADER_BYTES: usize = FRAME_BYTES + BATCH_HEADER_BYTES;

/// Records that are smaller are written together.
const LARGE_BYTES: usize = 128 << 10;
/// How much of a file is read at once, where records are smaller.
const WINDOW_BYTES: usize = 1 << 20;

/// Name of the log file with a number.
pub(crate) fn file_name(number: u64) -> String {
    format!("log-{number:016x}.wal")
}

/// Number of a log file by its name.
pub(crate) fn file_number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("log-")?.strip_suffix(".wal")?, 16).ok()
}

/// A batch as it is logged. Everything that takes time is done where the batch comes from; sequence
/// and time of receipt are filled in by the committer.
pub(crate) struct Record {
    bytes: Vec<u8>,
    payload: Hasher,
}

impl Record {
    pub(crate) fn of(lines: &Lines) -> Self {
        let mut bytes = Vec::with_capacity(RECORD_HEADER_BYTES + lines.encoded_bytes());
        bytes.resize(RECORD_HEADER_BYTES, 0);
        lines.encode(&mut bytes);
        let mut payload = Hasher::new();
        payload.update(bytes.get(RECORD_HEADER_BYTES..).unwrap_or_default());
        Self { bytes, payload }
    }

    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// What is written to the file, once it is stamped.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Fills in what is only known when the group is written.
    pub(crate) fn stamp(&mut self, first_sequence: u64, received_at_us: i64) {
        // A batch is bounded far below 4 GiB by its sender.
        let length = u32::try_from(self.bytes.len() - FRAME_BYTES).unwrap_or(u32::MAX);
        let mut header = [0; RECORD_HEADER_BYTES];
        header[..3].copy_from_slice(MARKER);
        header[3] = NEWEST_RECORD;
        header[4..8].copy_from_slice(&length.to_le_bytes());
        header[12..20].copy_from_slice(&first_sequence.to_le_bytes());
        header[20..].copy_from_slice(&received_at_us.to_le_bytes());
        let mut whole = Hasher::new();
        whole.update(&header[FRAME_BYTES..]);
        whole.combine(&self.payload);
        header[8..12].copy_from_slice(&whole.finalize().to_le_bytes());
        if let Some(room) = self.bytes.first_chunk_mut::<RECORD_HEADER_BYTES>() {
            *room = header;
        }
    }
}

/// Reads the sequence with which a log begins; nothing when it has no whole record header.
pub(crate) fn first_sequence(disk: &dyn Disk, path: &Path) -> Option<u64> {
    let mut bytes = [0u8; 8];
    let file = disk.open(path).ok()?;
    file.read_at((HEADER_BYTES + FRAME_BYTES) as u64, &mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// What a log file begins with.
pub(crate) fn log_header() -> [u8; HEADER_BYTES] {
    let mut header = [0u8; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header
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
        let made = file
            .write_all(&log_header())
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

    /// Writes records and waits until they are durable: all of them or none.
    pub(crate) fn append(&mut self, records: &[&Record]) -> Result<(), AppendError> {
        if let Err(error) = self.write(records) {
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
        let written: usize = records.iter().map(|record| record.length()).sum();
        self.length += written as u64;
        Ok(())
    }

    /// Large records as they are, small ones together: few calls, nothing large copied.
    fn write(&mut self, records: &[&Record]) -> io::Result<()> {
        let mut small: Vec<u8> = Vec::new();
        for record in records {
            let is_large = record.length() >= LARGE_BYTES;
            if is_large || small.len() >= LARGE_BYTES {
                self.write_small(&mut small)?;
            }
            if is_large {
                self.file.write_all(&record.bytes)?;
            } else {
                small.extend_from_slice(&record.bytes);
            }
        }
        self.write_small(&mut small)
    }

    fn write_small(&mut self, small: &mut Vec<u8>) -> io::Result<()> {
        if small.is_empty() {
            return Ok(());
        }
        self.file.write_all(small)?;
        small.clear();
        Ok(())
    }
}

/// A failed append, and whether the file can still be used.
pub(crate) struct AppendError {
    pub(crate) error: io::Error,
    pub(crate) is_clean: bool,
}

/// A log file that is read from its beginning to its end.
pub(crate) struct LogFile {
    file: Arc<dyn DiskRead>,
    path: PathBuf,
    at: u64,
    /// Bytes that were read, and where they begin.
    window: Vec<u8>,
    window_at: u64,
    /// What was wrong, for people.
    pub(crate) notes: Vec<String>,
    /// True when records in the middle were lost: the file is worth keeping.
    pub(crate) is_damaged: bool,
}

impl LogFile {
    /// Opens a log file.
    ///
    /// # Errors
    /// When it cannot be read, or a newer version has written it.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, ReaderError> {
        let file = disk.open(path).map_err(|error| read_failed(path, &error))?;
        let mut log = Self {
            file,
            path: path.to_owned(),
            at: HEADER_BYTES as u64,
            window: Vec::new(),
            window_at: 0,
            notes: Vec::new(),
            is_damaged: false,
        };
        let header = log.bytes(0, HEADER_BYTES)?.map(<[u8]>::to_vec);
        let Some(header) = header else {
            log.at = log.length();
            let what = "no complete header, the file holds no line";
            log.notes.push(format!("{}: {what}", path.display()));
            return Ok(log);
        };
        let version = u16::from_le_bytes([header[8], header[9]]);
        // A header has no checksum: what it says of a newer version counts only when the records bear it out.
        let is_newer = version > VERSION && log.has_newer_records()?;
        if !header.starts_with(MAGIC) || (version > VERSION && !is_newer) {
            log.notes.push(format!("{}: damaged header", path.display()));
            log.is_damaged = true;
        } else if is_newer {
            let what = format!(
                "{} has format {version}, this version reads up to {VERSION}",
                path.display()
            );
            return Err(ReaderError::new(code::NEWER_FORMAT, what)
                .with_hint("start the newer version again"));
        }
        Ok(log)
    }

    /// Says whether the first record calls itself newer and nothing in the file is a record of ours, that first
    /// one included: the version in its marker has no checksum either.
    fn has_newer_records(&mut self) -> Result<bool, ReaderError> {
        let first = HEADER_BYTES as u64;
        let marker = self.bytes(first, MARKER.len() + 1)?;
        let version = marker.and_then(|bytes| bytes.strip_prefix(MARKER)?.first());
        Ok(version.is_some_and(|&version| version > NEWEST_RECORD)
            && self.record_as(first, NEWEST_RECORD)?.is_none()
            && self.next_record(first + 1)?.is_none())
    }

    /// Length of the file.
    pub(crate) fn length(&self) -> u64 {
        self.file.length()
    }

    /// Where what was read ends.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// Reads the next batch, stamped as it was; nothing at the end.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn next(&mut self) -> Result<Option<Lines>, ReaderError> {
        while self.at < self.length() {
            if let Some((lines, next)) = self.record(self.at)? {
                self.at = next;
                return Ok(Some(lines));
            }
            let next = self.next_record(self.at + 1)?;
            let (at, lost) = (self.at, next.unwrap_or(self.length()) - self.at);
            let path = self.path.display();
            if next.is_some() {
                self.is_damaged = true;
                self.notes.push(format!("{path}: DAMAGED: {lost} bytes at offset {at} are unreadable and were skipped, lines after them were kept"));
            } else {
                self.notes.push(format!("{path}: torn tail: {lost} bytes at offset {at} were never acknowledged and were cut"));
            }
            self.at += lost;
        }
        Ok(None)
    }

    /// Gives bytes of the file; nothing when it ends before.
    fn bytes(&mut self, at: u64, length: usize) -> Result<Option<&[u8]>, ReaderError> {
        let left = self.length().saturating_sub(at);
        if left < length as u64 {
            return Ok(None);
        }
        let end = at + length as u64;
        let is_there = at >= self.window_at && end <= self.window_at + self.window.len() as u64;
        if !is_there {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            self.window.clear();
            self.window.resize(wanted.min(WINDOW_BYTES).max(length), 0);
            // After one large record the room for it is given back.
            self.window.shrink_to(WINDOW_BYTES);
            self.window_at = at;
            if let Err(error) = self.file.read_at(at, &mut self.window) {
                self.window.clear();
                return Err(read_failed(&self.path, &error));
            }
        }
        let start = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(start..start + length))
    }

    /// Reads the record at an offset, and says where the next one starts.
    fn record(&mut self, at: u64) -> Result<Option<(Lines, u64)>, ReaderError> {
        let Some(frame) = self.bytes(at, FRAME_BYTES)?.and_then(<[u8]>::first_chunk::<FRAME_BYTES>) else {
            return Ok(None);
        };
        let [m, a, r, version, ..] = *frame;
        if [m, a, r] != *MARKER || !matches!(version, b'1' | b'2') {
            return Ok(None);
        }
        self.record_as(at, version)
    }

    /// Reads the record at an offset as one of a version, whatever its marker says.
    fn record_as(&mut self, at: u64, version: u8) -> Result<Option<(Lines, u64)>, ReaderError> {
        let Some(frame) = self.bytes(at, FRAME_BYTES)?.and_then(<[u8]>::first_chunk) else {
            return Ok(None);
        };
        let [_, _, _, _, l0, l1, l2, l3, c0, c1, c2, c3]: [u8; FRAME_BYTES] = *frame;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let start = at + FRAME_BYTES as u64;
        let Some(payload) = self.bytes(start, length)? else {
            return Ok(None);
        };
        if crc32fast::hash(payload).to_le_bytes() != [c0, c1, c2, c3] {
            return Ok(None);
        }
        let lines = decode(version, payload);
        Ok(lines.map(|lines| (lines, start + length as u64)))
    }

    /// Looks for a whole record behind damage.
    fn next_record(&mut self, from: u64) -> Result<Option<u64>, ReaderError> {
        let mut at = from;
        while at < self.length() {
            let left = usize::try_from(self.length() - at).unwrap_or(usize::MAX);
            let Some(window) = self.bytes(at, left.min(WINDOW_BYTES))? else {
                return Ok(None);
            };
            let length = window.len();
            let found: Vec<usize> = memchr::memmem::find_iter(window, MARKER).collect();
            for offset in found {
                if self.record(at + offset as u64)?.is_some() {
                    return Ok(Some(at + offset as u64));
                }
            }
            if length == left {
                return Ok(None);
            }
            // A marker may lie across the end of the window.
            at += (length + 1 - MARKER.len()) as u64;
        }
        Ok(None)
    }
}

fn decode(version: u8, payload: &[u8]) -> Option<Lines> {
    let (sequence, rest) = payload.split_first_chunk::<8>()?;
    let (received, encoded) = rest.split_first_chunk::<8>()?;
    let mut lines = match version {
        b'1' => log_v1::decode(encoded)?,
        _ => Lines::decode(encoded)?,
    };
    lines.stamp(
        u64::from_le_bytes(*sequence),
        i64::from_le_bytes(*received),
    );
    Some(lines)
}
