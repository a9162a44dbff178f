//! A disk in memory that loses what was not synced, tears writes and runs full: for tests of
//! durability, here and in other crates. `kill -9` cannot show a missing fsync; this can.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, DiskRead, Room};

/// A simulated disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    inner: Arc<Mutex<Inner>>,
    resumed: Arc<Condvar>,
}

#[derive(Default)]
struct Inner {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Contents>,
    capacity_bytes: Option<u64>,
    failing_syncs: u32,
    /// Syncs until the power is gone.
    syncs_left: Option<u64>,
    are_syncs_paused: bool,
    syncs: u64,
}

#[derive(Default, Clone)]
struct Contents {
    current: Vec<u8>,
    durable: Vec<u8>,
}

impl Inner {
    fn used_bytes(&self) -> u64 {
        self.names
            .values()
            .filter_map(|&i| self.files.get(i))
            .map(|f| f.current.len() as u64)
            .sum()
    }

    fn use_power(&mut self) -> io::Result<()> {
        match &mut self.syncs_left {
            Some(0) => Err(io::Error::other("the power of the simulated disk is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn file(&mut self, index: usize) -> io::Result<&mut Contents> {
        self.files
            .get_mut(index)
            .ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl SimulatedDisk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses power: names and contents fall back to what was synced. Of what was appended since,
    /// `torn_bytes` may survive per file, as a real disk may do.
    pub fn crash(&self, torn_bytes: usize) {
        let mut inner = self.lock();
        inner.syncs_left = None;
        inner.names = inner.durable_names.clone();
        for file in &mut inner.files {
            let mut after = file.durable.clone();
            if let Some(appended) = file.current.strip_prefix(file.durable.as_slice()) {
                after.extend_from_slice(&appended[..torn_bytes.min(appended.len())]);
            }
            file.current.clone_from(&after);
            file.durable = after;
        }
    }

    /// Takes the power away after so many more syncs of files and folders: nothing is durable from then on, until
    /// [`SimulatedDisk::crash`].
    pub fn power_off_after(&self, syncs: u64) {
        self.lock().syncs_left = Some(syncs);
    }

    /// Limits the space; writes beyond fail after filling what is left.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity_bytes = bytes;
    }

    /// Makes so many of the next syncs of files fail.
    pub fn fail_syncs(&self, count: u32) {
        self.lock().failing_syncs = count;
    }

    /// Lets syncs of files wait until they are resumed, as a slow disk does.
    pub fn pause_syncs(&self, paused: bool) {
        self.lock().are_syncs_paused = paused;
        self.resumed.notify_all();
    }

    /// Counts the syncs of files so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Space in use.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.lock().used_bytes()
    }

    /// Names of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    /// Changes the contents of a file behind the store's back, durably.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.lock();
        if let Some(&index) = inner.names.get(path)
            && let Some(file) = inner.files.get_mut(index)
        {
            change(&mut file.current);
            file.durable.clone_from(&file.current);
        }
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    index: usize,
}

struct SimulatedRead(Vec<u8>);

impl Disk for SimulatedDisk {
    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let inner = self.lock();
        let inside = inner
            .names
            .keys()
            .filter(|name| name.parent() == Some(path));
        Ok(inside
            .filter_map(|n| n.file_name()?.to_str().map(str::to_owned))
            .collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        inner.files.push(Contents::default());
        let index = inner.files.len() - 1;
        inner.names.insert(path.to_owned(), index);
        drop(inner);
        Ok(Box::new(SimulatedFile {
            disk: self.clone(),
            index,
        }))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let index = *self.lock().names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(SimulatedFile {
            disk: self.clone(),
            index,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskRead>> {
        let mut inner = self.lock();
        let index = *inner.names.get(path).ok_or(ErrorKind::NotFound)?;
        let bytes = inner.file(index)?.current.clone();
        Ok(Arc::new(SimulatedRead(bytes)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        let index = inner.names.remove(from).ok_or(ErrorKind::NotFound)?;
        inner.names.insert(to.to_owned(), index);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock()
            .names
            .remove(path)
            .map(|_| ())
            .ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.use_power()?;
        inner
            .durable_names
            .retain(|name, _| name.parent() != Some(path));
        let inside: Vec<_> = inner
            .names
            .iter()
            .filter(|(n, _)| n.parent() == Some(path))
            .map(|(n, i)| (n.clone(), *i))
            .collect();
        inner.durable_names.extend(inside);
        Ok(())
    }

    fn room(&self, _path: &Path) -> io::Result<Room> {
        let inner = self.lock();
        let total_bytes = inner.capacity_bytes.unwrap_or(u64::MAX);
        Ok(Room {
            free_bytes: total_bytes.saturating_sub(inner.used_bytes()),
            total_bytes,
        })
    }
}

impl DiskFile for SimulatedFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let free = inner
            .capacity_bytes
            .map(|cap| cap.saturating_sub(inner.used_bytes()));
        let fitting = free.map_or(bytes.len(), |f| {
            bytes.len().min(usize::try_from(f).unwrap_or(usize::MAX))
        });
        inner
            .file(self.index)?
            .current
            .extend_from_slice(&bytes[..fitting]);
        if fitting < bytes.len() {
            Err(ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let paused = |inner: &mut Inner| inner.are_syncs_paused;
        let waited = self.disk.resumed.wait_while(self.disk.lock(), paused);
        let mut inner = waited.unwrap_or_else(PoisonError::into_inner);
        if inner.failing_syncs > 0 {
            inner.failing_syncs -= 1;
            return Err(io::Error::other("simulated failure of a sync"));
        }
        inner.use_power()?;
        inner.syncs += 1;
        let file = inner.file(self.index)?;
        file.durable.clone_from(&file.current);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.disk.lock().file(self.index)?.current.truncate(length);
        Ok(())
    }
}

impl DiskRead for SimulatedRead {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start
            .checked_add(buffer.len())
            .ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.0.get(start..end).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
