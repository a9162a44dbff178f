//! The proof of a deletion: what each file was and what it became, by its SHA-256, in a file that stays.

use std::io;
use std::path::{Path, PathBuf};

use andon_reader::{Deletion, SegmentDigest};
use sha2::{Digest as _, Sha256};

use crate::disk::{Disk, read_whole};
use crate::group::WrittenGroup;

/// How much of a file is read at once.
const PART_BYTES: u64 = 1 << 20;

/// Name of the file of a deletion's proof.
pub(crate) fn proof_path(folder: &Path, deletion: u64) -> PathBuf {
    folder.join(format!("deletion-{deletion:016x}.json"))
}

/// The bytes of a proof, and their SHA-256.
pub(crate) fn write_proof(deletion: &Deletion) -> (Vec<u8>, String) {
    let mut bytes = serde_json::to_vec_pretty(deletion).unwrap_or_default();
    bytes.push(b'\n');
    let digest = hex_of(&Sha256::digest(&bytes));
    (bytes, digest)
}

/// Reads a proof; also tells the SHA-256 of its file.
///
/// # Errors
/// When the file cannot be read; what it holds may be damaged, then there is no deletion.
pub(crate) fn read_proof(disk: &dyn Disk, folder: &Path, deletion: u64) -> io::Result<(Option<Deletion>, String)> {
    let bytes = read_whole(disk, &proof_path(folder, deletion))?;
    Ok((serde_json::from_slice(&bytes).ok(), hex_of(&Sha256::digest(&bytes))))
}

/// The digest of a segment that was just encoded.
pub(crate) fn digest_of_written(segment: u64, written: &WrittenGroup) -> SegmentDigest {
    SegmentDigest {
        segment,
        data_sha256: hex_of(&Sha256::digest(&written.data)),
        index_sha256: hex_of(&Sha256::digest(&written.index)),
    }
}

/// The digest of a file as it is on the disk; one that is not there has the empty one.
///
/// # Errors
/// As the operating system says.
pub(crate) fn digest_of_file(disk: &dyn Disk, path: &Path) -> io::Result<String> {
    let file = match disk.open(path) {
        Ok(file) => file,
        // A segment may have lost its index and still be searched in part.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut digest = Sha256::new();
    let mut at = 0;
    while at < file.length() {
        let length = PART_BYTES.min(file.length() - at);
        let mut part = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_at(at, &mut part)?;
        digest.update(&part);
        at += length;
    }
    Ok(hex_of(&digest.finalize()))
}

fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _a_text_takes_all = write!(text, "{byte:02x}");
    }
    text
}
