//! A file as it is read: known again by where it lies on the disk and how it begins, unpacked on the way.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// How much of the beginning of a file is looked at, to know it again and to find out what it is.
pub(crate) const HEAD_BYTES: usize = 64 << 10;
/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// Largest window of a zstd frame, as a power of two: 128 MiB, what `zstd --long` uses.
const WINDOW_LOG: u32 = 27;

/// What identifies a file, so that an import goes on with the right one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    /// The device and the number of the file on it.
    pub(crate) device: u64,
    /// The number of the file on its device.
    pub(crate) inode: u64,
    /// How many bytes of its beginning were summed up.
    pub(crate) head_bytes: u64,
    /// Their SHA-256.
    pub(crate) head_sha256: String,
}

impl Identity {
    /// Makes the identity of a file of which nothing is known yet.
    pub(crate) fn of(metadata: &Metadata, head: &[u8]) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), head_bytes: head.len() as u64, head_sha256: sum(head) }
    }

    /// Tells whether a file is this one, perhaps longer by now.
    pub(crate) fn is_of(&self, metadata: &Metadata, head: &[u8]) -> bool {
        let beginning = usize::try_from(self.head_bytes).ok().and_then(|end| head.get(..end));
        self.device == metadata.dev() && self.inode == metadata.ino() && beginning.is_some_and(|head| sum(head) == self.head_sha256)
    }

    /// The name of an import of the file, which its lines carry.
    pub(crate) fn import_id(&self, begun_at: Timestamp) -> String {
        let text = format!("{}:{}:{}:{}", self.device, self.inode, self.head_sha256, begun_at.as_nanosecond());
        sum(text.as_bytes()).get(..20).unwrap_or_default().to_owned()
    }
}

pub(crate) fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Tells how a file is packed from its first bytes; what is packed otherwise is refused with the way out.
pub(crate) fn packing_of(head: &[u8], name: &str) -> Result<Packing, Failure> {
    let refuse = |what: &str, way: String| Err(Failure::usage(format!("{name} is {what}.")).at(name).hint(way));
    match head {
        [0x1f, 0x8b, ..] => Ok(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Packing::Zstd),
        [b'B', b'Z', b'h', ..] => refuse("packed with bzip2", format!("Unpack it on the way: bzcat {name} | andon import logs -")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => refuse("packed with xz", format!("Unpack it on the way: xzcat {name} | andon import logs -")),
        [b'P', b'K', 3, 4, ..] => refuse("a zip archive", format!("Unpack it on the way: unzip -p {name} | andon import logs -")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            refuse("written in UTF-16", format!("Convert it on the way: iconv -f utf-16 -t utf-8 {name} | andon import logs -"))
        }
        [b'P', b'A', b'R', b'1', ..] => refuse("a Parquet file", "Write its rows as JSON, one per line, with a tool that reads Parquet.".to_owned()),
        head if head.iter().take(4_096).filter(|byte| **byte == 0).count() > head.len().min(4_096) / 10 => {
            refuse("no text", "Lines of text or JSON can be imported, plain or packed with gzip or zstd.".to_owned())
        }
        _ => Ok(Packing::Plain),
    }
}

/// Counts what is read of the packed file.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// A file that is open to be read from an offset on.
pub(crate) struct Source {
    /// Its unpacked bytes, from the offset on.
    pub(crate) reader: Box<dyn BufRead + Send>,
    /// Bytes read of the file as it lies there, for the progress.
    pub(crate) read: Arc<AtomicU64>,
}

/// Opens a stream, unpacked, from an offset in its unpacked bytes on.
pub(crate) fn open_at(mut file: File, packing: Packing, offset: u64) -> io::Result<Source> {
    let read = Arc::new(AtomicU64::new(0));
    if packing == Packing::Plain {
        file.seek(SeekFrom::Start(offset))?;
        read.store(offset, Ordering::Relaxed);
        return Ok(Source { reader: Box::new(BufReader::with_capacity(BUFFER_BYTES, Counted { inner: file, read: read.clone() })), read });
    }
    file.seek(SeekFrom::Start(0))?;
    let mut reader = unpacked(file, packing, &read)?;
    let skipped = io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
    if skipped < offset {
        return Err(io::Error::other("it is shorter than it was when the import began"));
    }
    Ok(Source { reader, read })
}

/// Opens what comes from the standard input or a pipe, unpacked; its head was read already.
pub(crate) fn open_stream(head: Vec<u8>, rest: impl Read + Send + 'static, packing: Packing) -> io::Result<Source> {
    let read = Arc::new(AtomicU64::new(0));
    let reader = unpacked(io::Cursor::new(head).chain(rest), packing, &read)?;
    Ok(Source { reader, read })
}

fn unpacked(stream: impl Read + Send + 'static, packing: Packing, read: &Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
    let counted = BufReader::with_capacity(BUFFER_BYTES, Counted { inner: stream, read: read.clone() });
    Ok(match packing {
        Packing::Plain => Box::new(counted),
        Packing::Gzip => Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(counted))),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(counted)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        }
    })
}

/// Reads the beginning of a stream.
pub(crate) fn head_of(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    stream.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Reads the beginning of what is packed, as far as the packed beginning goes.
pub(crate) fn unpacked_head(head: &[u8], packing: Packing) -> Vec<u8> {
    let mut unpacked_head = Vec::new();
    if let Ok(mut reader) = unpacked(io::Cursor::new(head.to_vec()), packing, &Arc::default()) {
        // The packed beginning breaks off somewhere; what was unpacked before is all that is wanted.
        let _breaks_off = reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut unpacked_head);
    }
    unpacked_head
}

/// Opens a file and tells what it is on the disk.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder; name its files"));
    }
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn packed_files_are_unpacked_from_any_place_on() {
        let text: Vec<u8> = (0..50_000).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        // Rotated files are often several packed ones, one behind the other.
        let packed = [gzip(&text[..1_000]), gzip(&text[1_000..])].concat();
        for (bytes, packing) in [(text.clone(), Packing::Plain), (packed, Packing::Gzip), (zstd::encode_all(text.as_slice(), 3).unwrap(), Packing::Zstd)] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            assert_eq!(packing_of(&bytes, "x").unwrap(), packing);
            let mut source = open_at(File::open(file.path()).unwrap(), packing, 7_777).unwrap();
            let mut rest = Vec::new();
            source.reader.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, &text[7_777..]);
            assert_eq!(source.read.load(Ordering::Relaxed), bytes.len() as u64);
            assert_eq!(unpacked_head(&bytes[..bytes.len().min(HEAD_BYTES)], packing)[..100], text[..100]);
            assert!(packing == Packing::Plain || open_at(File::open(file.path()).unwrap(), packing, u64::MAX).is_err());
        }
    }

    #[test]
    fn a_file_that_grew_is_the_same_and_another_one_is_not() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first\n").unwrap();
        let identity = Identity::of(&file.as_file().metadata().unwrap(), b"first\n");
        assert!(identity.is_of(&file.as_file().metadata().unwrap(), b"first\nsecond\n"));
        assert!(!identity.is_of(&file.as_file().metadata().unwrap(), b"other\nsecond\n"));
        let other = tempfile::NamedTempFile::new().unwrap();
        assert!(!identity.is_of(&other.as_file().metadata().unwrap(), b"first\n"));
    }

    #[test]
    fn what_cannot_be_read_names_the_way_out() {
        for (head, way) in [(b"BZh9".as_slice(), "bzcat x"), (b"\xfd7zXZ\0", "xzcat x"), (b"PK\x03\x04", "unzip -p x"), (b"\xff\xfea\0", "iconv")] {
            let refusal = packing_of(head, "x").unwrap_err().text(false);
            assert!(refusal.contains(way), "{refusal}");
        }
        assert!(packing_of(&[0; 100], "x").is_err());
        assert!(packing_of(b"", "x").is_ok());
    }
}
