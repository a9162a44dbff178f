//! Names of objects that may be at the place without being listed: written down before they are put there, so that
//! a crash in between leaves nothing behind for good.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, read_whole, write_atomically};

pub(crate) struct Pending {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    names: BTreeSet<String>,
    /// Whether the file may be there.
    is_written: bool,
}

impl Pending {
    /// Reads what an earlier life wrote down. What cannot be read leaves objects behind at worst.
    pub(crate) fn open(disk: &Arc<dyn Disk>, folder: &Path, file_name: &str) -> Self {
        let path = folder.join(file_name);
        let names = match read_whole(disk.as_ref(), &path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the list of unfinished uploads is damaged; the place may hold objects that nothing names");
                BTreeSet::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => {
                tracing::warn!(%error, "the list of unfinished uploads cannot be read");
                BTreeSet::new()
            }
        };
        Self { disk: Arc::clone(disk), path, names, is_written: true }
    }

    /// Notes, durably, that objects of these names are about to be there.
    pub(crate) fn begin(&mut self, names: &[&str]) -> io::Result<()> {
        self.is_written = true;
        self.names.extend(names.iter().map(|&name| name.to_owned()));
        write_atomically(self.disk.as_ref(), &self.path, &serde_json::to_vec(&self.names)?)
    }

    /// Takes out names that are listed now, or gone. The file follows with the next upload or when all are settled.
    pub(crate) fn settle(&mut self, names: &[&str]) {
        names.iter().for_each(|&name| {
            self.names.remove(name);
        });
    }

    /// The names that are not settled.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }

    /// Removes the file when nothing is left in it.
    pub(crate) fn finish(&mut self) {
        if !self.names.is_empty() || !std::mem::take(&mut self.is_written) {
            return;
        }
        match self.disk.remove(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::warn!(%error, "the list of unfinished uploads cannot be removed"),
            _ => {}
        }
    }
}
