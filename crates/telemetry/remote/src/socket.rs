//! Unix sockets in a folder: private to their owner, whatever the length of the folder's path.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{ErrorKind, Result};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;

/// The longest path that the kernel takes for a socket, its closing zero not counted.
const LONGEST_PATH_BYTES: usize = 107;

/// Where a socket is.
#[derive(Clone, Debug)]
pub struct SocketPath {
    path: PathBuf,
    /// Where the path is too long: the folder, held open, through which the socket is reached.
    _folder: Option<Arc<File>>,
}

impl SocketPath {
    /// Makes the folder, readable by its owner alone, and tells where the socket of a name is in it.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn inside(folder: &Path, name: &str) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let path = std::path::absolute(folder)?.join(name);
        if path.as_os_str().len() <= LONGEST_PATH_BYTES {
            return Ok(Self { path, _folder: None });
        }
        let held = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd())).join(name);
        Ok(Self { path, _folder: Some(Arc::new(held)) })
    }

    pub(crate) fn as_path(&self) -> &Path {
        &self.path
    }

    /// Opens the socket; what a process that has ended left behind makes room.
    ///
    /// # Errors
    /// When the folder cannot be written, or the path is no socket.
    pub fn listen(&self) -> Result<UnixListener> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&self.path)?;
        std::fs::set_permissions(&self.path, Permissions::from_mode(0o600))?;
        Ok(listener)
    }
}
