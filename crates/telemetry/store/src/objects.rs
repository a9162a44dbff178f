//! The two files of a segment as objects of a place: how they are named, stored, verified and read.

use std::io;
use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::disk::{Disk, read_whole};
use crate::group::{data_name, index_name};
use crate::place::{CHANGED_HINT, ObjectPlace, PlaceError};

/// A file of a segment as a place keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectFile {
    /// Its name at the place.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

/// The files of a segment at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// Where they are, as the place names itself.
    pub(crate) place: String,
    pub(crate) data: ObjectFile,
    pub(crate) index: ObjectFile,
}

/// Reads the data and the index of a segment from the disk.
pub(crate) fn read_files(disk: &dyn Disk, folder: &Path, number: u64) -> io::Result<[Bytes; 2]> {
    let read = |name: String| read_whole(disk, &folder.join(name)).map(Bytes::from);
    Ok([read(data_name(number))?, read(index_name(number))?])
}

impl ObjectFile {
    /// Names a file by its content, so that nothing else ever has its name.
    fn of(number: u64, ending: &str, bytes: &[u8]) -> Self {
        let sha256 = hex(&Sha256::digest(bytes));
        let name = format!("seg-{number:016x}-{}.{ending}", sha256.get(..16).unwrap_or_default());
        Self { name, bytes: bytes.len() as u64, sha256 }
    }

    /// Reads the object, and makes sure that it is what was put there.
    ///
    /// # Errors
    /// When it is not, or the place refuses or cannot be reached.
    pub(crate) fn fetch(&self, place: &dyn ObjectPlace) -> Result<Vec<u8>, PlaceError> {
        let bytes = place.get(&self.name, self.bytes)?;
        if bytes.len() as u64 == self.bytes && hex(&Sha256::digest(&bytes)) == self.sha256 {
            return Ok(bytes);
        }
        Err(PlaceError::of_object(format!("{} in {} is not what was put there", self.name, place.name()), CHANGED_HINT))
    }

    /// Makes sure that the place has what was put there: by its own digest, else by reading it back.
    fn verify(&self, place: &dyn ObjectPlace, digest: &[u8; 32]) -> Result<(), PlaceError> {
        let wrong = |what: &str| {
            let message = format!("{} does not keep what it is given: {} {what}", place.name(), self.name);
            PlaceError::new(message, "check the place; lines stay on the disk until it keeps them")
        };
        let Some(facts) = place.head(&self.name)? else {
            return Err(wrong("is not there after it was stored"));
        };
        if facts.bytes != self.bytes {
            return Err(wrong(&format!("has {} bytes of {}", facts.bytes, self.bytes)));
        }
        let kept = match facts.sha256 {
            Some(sha256) => sha256,
            None => Sha256::digest(place.get(&self.name, self.bytes)?).into(),
        };
        if kept == *digest { Ok(()) } else { Err(wrong("has other bytes")) }
    }
}

impl Stored {
    /// Describes files that are to be at a place.
    pub(crate) fn of(place: &dyn ObjectPlace, number: u64, [data, index]: &[Bytes; 2]) -> Self {
        let (data, index) = (ObjectFile::of(number, "parquet", data), ObjectFile::of(number, "index", index));
        Self { place: place.name(), data, index }
    }

    /// The names of its objects.
    pub(crate) fn names(&self) -> [&str; 2] {
        [&self.data.name, &self.index.name]
    }

    /// Puts the files there and verifies that they are.
    ///
    /// # Errors
    /// When the place refuses, cannot be reached, or keeps something else.
    pub(crate) fn put(&self, place: &dyn ObjectPlace, contents: [Bytes; 2]) -> Result<(), PlaceError> {
        for (file, bytes) in [&self.data, &self.index].into_iter().zip(contents) {
            let digest = Sha256::digest(&bytes).into();
            place.put(&file.name, bytes, &digest)?;
            file.verify(place, &digest)?;
        }
        Ok(())
    }

    /// Removes the objects.
    ///
    /// # Errors
    /// When the place refuses or cannot be reached.
    pub(crate) fn delete(&self, place: &dyn ObjectPlace) -> Result<(), PlaceError> {
        self.names().into_iter().try_for_each(|name| place.delete(name))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
