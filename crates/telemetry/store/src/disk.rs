//! The few file operations the store needs, so that a simulated disk can stand in for the real one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::select::Checkpoint;

/// A disk. Nothing is durable before `sync_data` of the file and `sync_directory` of its folder.
pub trait Disk: Send + Sync + 'static {
    /// Makes a folder and its parents.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Lists the names of the files in a folder.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Makes an empty file, replacing one of that name.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for writing at its end.
    ///
    /// # Errors
    /// As the operating system says.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskRead>>;
    /// Renames a file, replacing the target.
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names created, renamed and removed in a folder durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Tells how much room the file system of a folder has.
    ///
    /// # Errors
    /// As the operating system says.
    fn room(&self, path: &Path) -> io::Result<Room>;
}

/// The room of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What can still be written.
    pub free_bytes: u64,
    /// All of it, used or not.
    pub total_bytes: u64,
}

/// A file being written.
pub trait DiskFile: Send {
    /// Writes at the end. After an error any part may have been written.
    ///
    /// # Errors
    /// As the operating system says.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes the contents durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Cuts the file; later writes go to the new end.
    ///
    /// # Errors
    /// As the operating system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A file being read.
pub trait DiskRead: Send + Sync {
    /// Length in bytes.
    fn length(&self) -> u64;
    /// Fills the buffer from a place.
    ///
    /// # Errors
    /// As the operating system says; also when the file is shorter.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Has the file on the disk before it is read, where it may lie elsewhere; waits as long as the checkpoint lets it.
    ///
    /// # Errors
    /// When it cannot be had, or the checkpoint stops the work.
    fn prepare(&self, _checkpoint: Checkpoint<'_>) -> Result<(), ColumnError> {
        Ok(())
    }
}

/// Reads a whole file.
///
/// # Errors
/// As the operating system says.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.length()).map_err(io::Error::other)?;
    let mut buffer = vec![0; length];
    file.read_at(0, &mut buffer)?;
    Ok(buffer)
}

/// Names the file that is written before it takes the place of another.
pub(crate) fn temporary_of(path: &Path) -> PathBuf {
    // The whole name stays in it: the two files of a segment may be written at the same time.
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
/// As the operating system says; the file of that name is then as before.
pub(crate) fn write_atomically(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_of(path);
    let written = disk.create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    if let Err(error) = written.and_then(|()| disk.rename(&temporary, path)) {
        let _best_effort = disk.remove(&temporary);
        return Err(error);
    }
    path.parent()
        .map_or(Ok(()), |folder| disk.sync_directory(folder))
}

/// The disk of this machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

struct RealFile(File);

struct RealRead {
    file: File,
    length: u64,
}

impl Disk for RealDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)?;
        // The name of a new folder is as volatile as that of a new file.
        path.parent()
            .filter(|parent| parent.is_dir())
            .map_or(Ok(()), |parent| self.sync_directory(parent))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        // Append mode keeps "write at the end" true after a cut.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(
            OpenOptions::new().append(true).open(path)?,
        )))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskRead>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Arc::new(RealRead { file, length }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn room(&self, path: &Path) -> io::Result<Room> {
        let told = rustix::fs::statvfs(path)?;
        Ok(Room {
            free_bytes: told.f_bavail.saturating_mul(told.f_frsize),
            total_bytes: told.f_blocks.saturating_mul(told.f_frsize),
        })
    }
}

impl DiskFile for RealFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

impl DiskRead for RealRead {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}
