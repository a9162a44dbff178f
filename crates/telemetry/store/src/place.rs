//! Where segments lie beside the disk (the archive, the home): a folder, or whatever else keeps objects by name.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_reader::{ReaderError, code};
use bytes::Bytes;

use crate::disk::{Disk, read_whole, temporary_of, write_atomically};

/// Keeps objects by name. Calls block, so each must have a deadline of its own.
pub trait ObjectPlace: Send + Sync + 'static {
    /// Names the place for people, without secrets; the list of segments remembers it.
    fn name(&self) -> String;

    /// Stores an object, whole or not at all; one of the same name is replaced by the same bytes.
    ///
    /// # Errors
    /// When the place refuses or cannot be reached.
    fn put(&self, name: &str, bytes: Bytes, sha256: &[u8; 32]) -> Result<(), PlaceError>;

    /// Reads an object of at most so many bytes.
    ///
    /// # Errors
    /// When it is not there or larger, or the place refuses or cannot be reached.
    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, PlaceError>;

    /// Tells what the place knows of an object; nothing when it is not there.
    ///
    /// # Errors
    /// When the place refuses or cannot be reached.
    fn head(&self, name: &str) -> Result<Option<ObjectFacts>, PlaceError>;

    /// Removes an object; it is no error when it is not there.
    ///
    /// # Errors
    /// When the place refuses or cannot be reached.
    fn delete(&self, name: &str) -> Result<(), PlaceError>;

    /// Lists the objects whose names begin so, in the order of their names.
    ///
    /// # Errors
    /// When the place refuses or cannot be reached.
    fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, PlaceError>;

    /// Ends running calls soon: the store is being closed.
    fn close(&self) {}
}

/// What a place knows of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, where the place has computed it; without it the object is read back.
    pub sha256: Option<[u8; 32]>,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// Why a place did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceError {
    /// What happened, with the name of the place.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Whether the trouble is with this object alone; the next one may do.
    pub is_of_object: bool,
}

impl PlaceError {
    /// Makes an error of the whole place.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), is_of_object: false }
    }

    /// Makes an error of one object.
    pub fn of_object(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { is_of_object: true, ..Self::new(message, hint) }
    }
}

impl From<PlaceError> for ReaderError {
    fn from(error: PlaceError) -> Self {
        Self::new(code::ARCHIVE_FAILED, error.message).with_hint(error.hint)
    }
}

/// A folder, for example of another file system. It must be there: making it would hide that what should be
/// mounted on it is not.
pub struct FolderPlace {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl FolderPlace {
    /// Takes a folder of a disk.
    pub fn new(disk: Arc<dyn Disk>, folder: impl Into<PathBuf>) -> Self {
        Self { disk, folder: folder.into() }
    }

    fn path(&self, name: &str) -> Result<PathBuf, PlaceError> {
        // Names are ours; one that leads elsewhere comes from a damaged list.
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(PlaceError::of_object(format!("`{name}` is no name of an object"), DAMAGED_HINT));
        }
        Ok(self.folder.join(name))
    }
}

const DAMAGED_HINT: &str = "the list of segments is damaged; the start of the telemetry says more in the server's log";

fn failed(what: &str, path: &Path, error: &io::Error) -> PlaceError {
    let message = format!("the place cannot {what} {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound if what == "read" => PlaceError::of_object(message, "the object was removed by somebody else; bring it back from a backup of the place"),
        io::ErrorKind::NotFound => PlaceError::new(message, "make the folder, or mount what it is on"),
        io::ErrorKind::PermissionDenied => PlaceError::new(message, "give the server's user the right to write in the folder"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PlaceError::new(message, "make room there; lines stay on the server's disk until then"),
        _ => PlaceError::new(message, "check the file system of the folder"),
    }
}

impl ObjectPlace for FolderPlace {
    fn name(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    fn put(&self, name: &str, bytes: Bytes, _sha256: &[u8; 32]) -> Result<(), PlaceError> {
        let path = self.path(name)?;
        write_atomically(self.disk.as_ref(), &path, &bytes).map_err(|error| failed("write", &path, &error))
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, PlaceError> {
        let path = self.path(name)?;
        let length = self.disk.open(&path).map_err(|error| failed("read", &path, &error))?.length();
        if length > bytes_max {
            let message = format!("{} has {length} bytes, {bytes_max} were put there", path.display());
            return Err(PlaceError::of_object(message, CHANGED_HINT));
        }
        read_whole(self.disk.as_ref(), &path).map_err(|error| failed("read", &path, &error))
    }

    fn head(&self, name: &str) -> Result<Option<ObjectFacts>, PlaceError> {
        let path = self.path(name)?;
        match self.disk.open(&path) {
            Ok(file) => Ok(Some(ObjectFacts { bytes: file.length(), sha256: None })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, &error)),
        }
    }

    fn delete(&self, name: &str) -> Result<(), PlaceError> {
        let path = self.path(name)?;
        // What a crash left of writing it, if anything.
        let _mostly_not_there = self.disk.remove(&temporary_of(&path));
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, &error)),
            _ => self.disk.sync_directory(&self.folder).map_err(|error| failed("write", &self.folder, &error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, PlaceError> {
        let names = self.disk.list(&self.folder).map_err(|error| failed("list", &self.folder, &error))?;
        let wanted = names.into_iter().filter(|name| name.starts_with(prefix));
        let mut objects: Vec<StoredObject> = wanted
            .map(|name| {
                let bytes = self.disk.open(&self.folder.join(&name)).map_or(0, |file| file.length());
                StoredObject { name, bytes }
            })
            .collect();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }
}

/// What to do when an object is not what was put there.
pub(crate) const CHANGED_HINT: &str = "somebody else changed or damaged the object; bring it back from a backup of the place";
