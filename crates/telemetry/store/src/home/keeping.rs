//! What the keeper does for the home: the list says what is there, and what is to be removed from there.

use andon_reader::ReaderError;
use serde::{Deserialize, Serialize};

use crate::keeper::Keeper;
use crate::manifest::{Change, Listing};
use crate::objects::Stored;

/// What happened at the home, part of a change of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HomeStep {
    /// Segments whose files are there now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stored: Vec<(u64, Stored)>,
    /// Segments that were dropped and whose objects are gone now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<u64>,
}

impl HomeStep {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Listing {
    /// Takes a segment out of the list; what the home has of it is to be removed there.
    pub(crate) fn unlist(&mut self, number: u64) {
        if let Some(stored) = self.segments.remove(&number).and_then(|entry| entry.stored) {
            self.discarded.insert(number, stored);
        }
    }

    pub(crate) fn apply_home(&mut self, step: &HomeStep) {
        for (number, stored) in &step.stored {
            if let Some(entry) = self.segments.get_mut(number) {
                entry.stored = Some(stored.clone());
            }
        }
        step.removed.iter().for_each(|number| {
            self.discarded.remove(number);
        });
    }

    /// The names of all objects that the home should have, or that are known to be removed.
    pub(crate) fn home_objects(&self) -> impl Iterator<Item = &str> {
        let listed = self.segments.values().filter_map(|entry| entry.stored.as_ref());
        listed.chain(self.discarded.values()).flat_map(Stored::names)
    }
}

impl Keeper {
    /// Lists a segment as being at the home; false when it is listed no more.
    pub(crate) fn note_stored(&mut self, number: u64, stored: Stored) -> Result<bool, ReaderError> {
        if !self.manifest.listing.segments.contains_key(&number) {
            return Ok(false);
        }
        self.apply_home(HomeStep { stored: vec![(number, stored)], ..HomeStep::default() })?;
        Ok(true)
    }

    /// Forgets dropped segments whose objects are gone.
    pub(crate) fn note_removed(&mut self, numbers: Vec<u64>) -> Result<(), ReaderError> {
        self.apply_home(HomeStep { removed: numbers, ..HomeStep::default() })
    }

    fn apply_home(&mut self, home: HomeStep) -> Result<(), ReaderError> {
        self.apply(&Change { home, ..Change::default() })
    }
}
