//! How far the import of a file has come, in a small file of its own, so that it goes on after anything.
//!
//! Invariants: what is written here is stored on the server; the file is replaced in one step. One file per
//! imported file and server, named after both.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::format::Shape;
use super::source::{Identity, sum};

/// Largest state that is read: a larger one is none of ours.
const STATE_BYTES: u64 = 64 << 10;

/// How far the import of a file has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// The file, as it was named.
    pub(crate) path: String,
    /// What identifies it.
    pub(crate) identity: Identity,
    /// The name of the import, which its lines carry.
    pub(crate) import: String,
    /// What the lines of the file are.
    pub(crate) shape: Shape,
    /// The moment against which times without a year are read.
    pub(crate) near: Timestamp,
    /// Where to go on, in bytes of the unpacked file: everything before is stored or refused.
    pub(crate) offset: u64,
    /// The lines of the file before it.
    pub(crate) lines: u64,
    /// Records stored.
    pub(crate) accepted: u64,
    /// Records refused.
    pub(crate) refused: u64,
    /// Records stored but cut for their size.
    pub(crate) truncated: u64,
    /// The length of the file as it lay there when its end was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finished_bytes: Option<u64>,
}

/// Where the states of imports are kept.
#[derive(Clone, Debug)]
pub(crate) struct States {
    folder: PathBuf,
}

impl States {
    /// Takes the folder that was named, or the usual one of the person.
    pub(crate) fn new(named: Option<&Path>) -> Self {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let usual = || {
            let base = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")));
            base.unwrap_or_else(std::env::temp_dir).join("andon/imports")
        };
        Self { folder: named.map_or_else(usual, Path::to_owned) }
    }

    /// Names the state of a file and a server.
    pub(crate) fn place(&self, device: u64, inode: u64, server: &str) -> PathBuf {
        let name = sum(format!("{device}:{inode}:{server}").as_bytes());
        self.folder.join(format!("{}.json", name.get(..24).unwrap_or_default()))
    }
}

impl State {
    /// Reads a state; nothing where there is none, or one that cannot be read.
    pub(crate) fn read(place: &Path) -> Option<Self> {
        let metadata = fs::metadata(place).ok()?;
        let bytes = (metadata.len() <= STATE_BYTES).then(|| fs::read(place).ok())??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Writes the state in one step; `is_last` waits until it is on the disk.
    pub(crate) fn write(&self, place: &Path, is_last: bool) -> io::Result<()> {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        let begun = place.with_extension("json.part");
        let mut file = fs::File::create(&begun)?;
        file.write_all(&serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        if is_last {
            file.sync_all()?;
        }
        fs::rename(&begun, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_files::format::Format;

    #[test]
    fn a_state_is_read_as_it_was_written_and_a_broken_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let states = States::new(Some(folder.path()));
        let place = states.place(1, 2, "http://a");
        assert_ne!(place, states.place(1, 2, "http://b"));
        assert_eq!(State::read(&place), None);
        let identity = Identity { device: 1, inode: 2, head_bytes: 3, head_sha256: "ab".to_owned() };
        let state = State {
            path: "app.log".to_owned(), identity, import: "1f".to_owned(), shape: Shape { format: Format::Text, is_stamped: true },
            near: Timestamp::UNIX_EPOCH, offset: 10, lines: 2, accepted: 1, refused: 1, truncated: 0, finished_bytes: None,
        };
        state.write(&place, false).unwrap();
        assert_eq!(State::read(&place), Some(state.clone()));
        fs::write(&place, b"{").unwrap();
        assert_eq!(State::read(&place), None);
        state.write(&place, true).unwrap();
        assert_eq!(State::read(&place), Some(state));
    }
}
