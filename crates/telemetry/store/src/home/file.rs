//! A file of a segment, wherever it is: on the disk, at the home, or on its way from there.
//!
//! Invariants: what is not verified to be at the home is never dropped; however many want a file, it comes once;
//! nobody waits longer than a checkpoint lets it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use andon_columns::ColumnError;
use andon_columns::select::Checkpoint;

use crate::config::StoreConfig;
use crate::disk::{Disk, DiskRead, write_atomically};
use crate::home::Home;
use crate::objects::ObjectFile;
use crate::place::PlaceError;
use crate::proof::digest_of_file;

/// How often who waits for a file looks whether to go on waiting.
const LOOK_UP: Duration = Duration::from_millis(20);
/// How often a file is fetched that is dropped again before it could be read.
const READ_TRIES: usize = 8;

/// A file of a segment.
pub(crate) struct SegmentFile {
    pub(super) number: u64,
    /// The index is dropped last: it rules its segment out without the data.
    pub(super) is_index: bool,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    home: Option<Arc<Home>>,
    wait_max: Duration,
    state: Mutex<State>,
    changed: Condvar,
    /// When it was last read, in the home's count of readings.
    pub(super) read_at: AtomicU64,
    /// It was fetched for somebody who has not read it yet.
    is_awaited: AtomicBool,
}

struct State {
    presence: Presence,
    /// What is at which place, verified.
    kept: Option<Kept>,
}

#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) place: String,
    pub(crate) file: ObjectFile,
}

enum Presence {
    /// On the disk.
    Here,
    /// At the home alone; with why it did not come when it was last wanted.
    Away(Option<PlaceError>),
    /// On its way.
    Coming,
    /// Of a segment that is no more.
    Gone,
}

impl SegmentFile {
    /// Takes a file of a listed segment. One that is at a place counts as here when it is whole.
    pub(crate) fn new(config: &StoreConfig, home: Option<&Arc<Home>>, number: u64, name: &str, kept: Option<Kept>) -> Arc<Self> {
        let path = config.folder.join(name);
        let is_whole = |kept: &Kept| config.disk.open(&path).is_ok_and(|file| file.length() == kept.file.bytes);
        let is_here = kept.as_ref().is_none_or(is_whole);
        let presence = if is_here { Presence::Here } else { Presence::Away(None) };
        let file = Arc::new(Self {
            number,
            is_index: name.ends_with(".index"),
            path,
            disk: Arc::clone(&config.disk),
            home: home.cloned(),
            wait_max: config.query_timeout,
            state: Mutex::new(State { presence, kept }),
            changed: Condvar::new(),
            read_at: AtomicU64::new(0),
            is_awaited: AtomicBool::new(false),
        });
        if let Some(home) = home {
            home.know(&file);
        }
        file
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_here(&self) -> bool {
        matches!(self.state().presence, Presence::Here)
    }

    /// Says whether its segment is still read by somebody, or listed.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state().presence, Presence::Gone)
    }

    /// Says whether the home of this store has it.
    pub(crate) fn is_kept(&self) -> bool {
        let home = self.home.as_ref().map(|home| home.name());
        self.state().kept.as_ref().is_some_and(|kept| Some(kept.place.as_str()) == home)
    }

    /// Says whether somebody waits to read it.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed)
    }

    /// Notes that a place has it.
    pub(crate) fn keep(&self, kept: Kept) {
        self.state().kept = Some(kept);
    }

    /// Bytes that dropping it would free.
    pub(super) fn droppable_bytes(&self) -> u64 {
        let is_kept = self.is_kept();
        let state = self.state();
        match (&state.presence, &state.kept) {
            (Presence::Here, Some(kept)) if is_kept => kept.file.bytes,
            _ => 0,
        }
    }

    /// Removes it from the disk, when the home has it.
    pub(super) fn drop_from_disk(&self) {
        if !self.is_kept() {
            return;
        }
        let mut state = self.state();
        if matches!(state.presence, Presence::Here) {
            // Also when it cannot be removed: then it is replaced by the same bytes.
            let _nothing_depends_on_it = self.disk.remove(&self.path);
            state.presence = Presence::Away(None);
        }
    }

    /// Removes it for good.
    pub(crate) fn condemn(&self) {
        let mut state = self.state();
        match self.disk.remove(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %self.path.display(), "a dropped segment could not be removed; the next start tries again");
            }
            _ => {}
        }
        state.presence = Presence::Gone;
    }

    /// Tells the SHA-256 of what is on the disk, else of what was verified to be at the place.
    ///
    /// # Errors
    /// As the operating system says.
    pub(crate) fn digest(&self) -> io::Result<String> {
        let state = self.state();
        match (&state.presence, &state.kept) {
            (Presence::Away(_) | Presence::Coming, Some(kept)) => Ok(kept.file.sha256.clone()),
            _ => digest_of_file(self.disk.as_ref(), &self.path),
        }
    }

    /// Opens it for reading, now or whenever it is read.
    ///
    /// # Errors
    /// As the operating system says.
    pub(crate) fn reader(self: &Arc<Self>) -> io::Result<Arc<dyn DiskRead>> {
        let kept = self.state().kept.as_ref().map(|kept| kept.file.bytes);
        if self.home.is_none() && kept.is_none() {
            return self.disk.open(&self.path);
        }
        let length = match kept {
            Some(bytes) => bytes,
            None => self.disk.open(&self.path)?.length(),
        };
        Ok(Arc::new(Reader { file: Arc::clone(self), length }))
    }

    /// Has it on the disk.
    ///
    /// # Errors
    /// When the home cannot give it, or the checkpoint stops the work.
    pub(crate) fn bring(self: &Arc<Self>, checkpoint: Checkpoint<'_>) -> Result<(), ColumnError> {
        let mut has_asked = false;
        let mut state = self.state();
        loop {
            match &state.presence {
                Presence::Here | Presence::Gone => return Ok(()),
                Presence::Away(Some(error)) if has_asked => return Err(self.missing(error)),
                Presence::Away(_) => {
                    self.order(state.kept.as_ref()).map_err(|error| self.missing(&error))?;
                    state.presence = Presence::Coming;
                }
                Presence::Coming => {
                    checkpoint().map_err(|stopped| ColumnError::stopped(format!("{}; {} was on its way", stopped.message, self.path.display())))?;
                    state = self.changed.wait_timeout(state, LOOK_UP).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
            has_asked = true;
        }
    }

    /// Has it fetched when it is not on the disk, and waits for nothing.
    ///
    /// # Errors
    /// When it is not on the disk; only when it cannot come at all that is a damage.
    pub(crate) fn call(self: &Arc<Self>) -> Result<(), ColumnError> {
        let mut state = self.state();
        match &state.presence {
            Presence::Here | Presence::Gone => return Ok(()),
            Presence::Away(Some(error)) if error.is_of_object => return Err(self.missing(error)),
            Presence::Away(_) => match self.order(state.kept.as_ref()) {
                Ok(()) => state.presence = Presence::Coming,
                Err(error) if error.is_of_object => return Err(self.missing(&error)),
                Err(_) => {}
            },
            Presence::Coming => {}
        }
        Err(ColumnError::stopped(format!("{} is on its way", self.path.display())))
    }

    fn missing(&self, error: &PlaceError) -> ColumnError {
        ColumnError::damaged(format!("{} is not on the disk: {}; {}", self.path.display(), error.message, error.hint))
    }

    fn order(self: &Arc<Self>, kept: Option<&Kept>) -> Result<(), PlaceError> {
        let place = kept.map(|kept| kept.place.as_str()).unwrap_or_default();
        match &self.home {
            Some(home) if home.name() == place => home.order(self),
            _ => {
                let message = format!("it is in {place}, which is not the home of this server's segments");
                Err(PlaceError::of_object(message, format!("start the server with --segments {place}")))
            }
        }
    }

    /// Fetches it; tells everybody who waits.
    pub(super) fn fetch(&self, home: &Home) {
        let kept = self.state().kept.clone();
        let fetched = kept.ok_or_else(|| PlaceError::of_object("nothing is known of it", "please report it")).and_then(|kept| {
            let bytes = kept.file.fetch(home.place())?;
            home.has_read(bytes.len() as u64);
            if !home.make_room(bytes.len() as u64) {
                return Err(PlaceError::new("the disk has no room for it", "free space on the server's disk"));
            }
            let written = write_atomically(self.disk.as_ref(), &self.path, &bytes);
            written.map_err(|error| PlaceError::new(format!("it cannot be written: {error}"), "check the server's disk"))
        });
        home.note_read(fetched.as_ref().err());
        self.touch();
        self.is_awaited.store(fetched.is_ok(), Ordering::Relaxed);
        let mut state = self.state();
        state.presence = match (&state.presence, fetched) {
            (Presence::Gone, _) => {
                let _mostly_not_there = self.disk.remove(&self.path);
                Presence::Gone
            }
            (_, Ok(())) => Presence::Here,
            (_, Err(error)) => Presence::Away(Some(error)),
        };
        self.changed.notify_all();
    }

    /// Tells everybody who waits that it does not come.
    pub(super) fn cancel(&self, error: PlaceError) {
        let mut state = self.state();
        if matches!(state.presence, Presence::Coming) {
            state.presence = Presence::Away(Some(error));
        }
        self.changed.notify_all();
    }

    fn touch(&self) {
        if let Some(home) = &self.home {
            self.read_at.store(home.tick(), Ordering::Relaxed);
        }
    }

    /// Notes that it is not on the disk after all.
    fn lose(&self) {
        let mut state = self.state();
        if matches!(state.presence, Presence::Here) && state.kept.is_some() {
            state.presence = Presence::Away(None);
        }
    }
}

/// Reads a file that may leave the disk in between: no handle is kept, which would keep its room.
struct Reader {
    file: Arc<SegmentFile>,
    length: u64,
}

impl DiskRead for Reader {
    fn length(&self) -> u64 {
        self.length
    }

    fn prepare(&self, checkpoint: Checkpoint<'_>) -> Result<(), ColumnError> {
        self.file.touch();
        self.file.bring(checkpoint)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let file = &self.file;
        let deadline = Instant::now() + file.wait_max;
        let checkpoint = || match Instant::now() >= deadline {
            true => Err(ColumnError::stopped("stopped at the time limit of a query")),
            false => Ok(()),
        };
        for _ in 0..READ_TRIES {
            file.touch();
            file.bring(&checkpoint).map_err(|error| io::Error::other(error.message))?;
            match file.disk.open(&file.path) {
                Ok(opened) => {
                    file.is_awaited.store(false, Ordering::Relaxed);
                    return opened.read_at(offset, buffer);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => file.lose(),
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}
