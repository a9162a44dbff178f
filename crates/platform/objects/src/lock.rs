//! The lock of a data directory: two servers never share one.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use andon_api::{ErrorCode, Problem};

/// Holds a data directory for this process until dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of a directory, creating the directory where it is missing.
    ///
    /// # Errors
    /// `SYS-0002` when another process holds it, `SYS-0001` when the directory cannot be written.
    pub fn take(directory: &Path) -> Result<Self, Problem> {
        let cannot = |error: std::io::Error| {
            Problem::new(ErrorCode::SystemFault, format!("The data directory {} cannot be used: {error}.", directory.display()))
        };
        // Records hold the secrets of webhooks: a new data directory is its owner's alone.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot)?;
        let path = directory.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(_) => Err(Problem::new(
                ErrorCode::SystemUnavailable,
                format!("The data directory {} is in use by another process.", directory.display()),
            )
            .hint("Stop the other server, or start this one with another --data directory.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_data_directory_is_taken_once_and_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("data");
        let held = DirectoryLock::take(&directory).unwrap();
        let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(DirectoryLock::take(&directory).is_err());
        drop(held);
        assert!(DirectoryLock::take(&directory).is_ok());
    }
}
