//! The names of members that a stream has used, so that a known one costs one comparison.

use std::collections::HashMap;

use andon_columns::lines::Lines;

use super::role::{Named, Role, role_of};

/// Most names that are remembered; then it begins anew.
const NAMES: usize = 4_096;
/// Longest name that is remembered, bytes.
pub(crate) const NAME_BYTES: usize = 200;

/// Stands for "none yet".
pub(crate) const NONE: usize = usize::MAX;

/// One name.
pub(crate) struct Key {
    name: Box<str>,
    /// The name as it is written: in quotes, with the colon.
    written: Box<[u8]>,
    /// The first 16 bytes of it, and which of them count.
    head: u128,
    mask: u128,
    pub(crate) role: Role,
    /// The name that came after this one last.
    pub(crate) next: usize,
    /// The line that has used it last.
    pub(crate) seen_in: u64,
    /// The number of the attribute in a batch.
    field: u32,
    batch: u64,
}

impl Key {
    fn new(name: &str, role: Role) -> Self {
        let written = [b"\"", name.as_bytes(), b"\":"].concat();
        let mut head = [0; 16];
        let mut mask = [0; 16];
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(&written) {
            (*head, *mask) = (*byte, 0xff);
        }
        Self {
            name: name.into(),
            written: written.into(),
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            role,
            next: NONE,
            seen_in: 0,
            field: 0,
            batch: 0,
        }
    }

    /// Says whether this name stands here, and where its value begins.
    #[inline]
    fn follows(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at..)?;
        let is_same = match rest.first_chunk::<16>() {
            Some(chunk) if self.written.len() <= 16 => {
                u128::from_le_bytes(*chunk) & self.mask == self.head
            }
            _ => rest.starts_with(&self.written),
        };
        is_same.then_some(at + self.written.len())
    }
}

/// All names of a stream.
pub(crate) struct Keys {
    named: Named,
    keys: Vec<Key>,
    place_of: HashMap<Box<str>, usize>,
    /// The name with which the last line began.
    first: usize,
}

impl Keys {
    pub(crate) fn new(named: Named) -> Self {
        Self {
            named,
            keys: Vec::new(),
            place_of: HashMap::new(),
            first: NONE,
        }
    }

    /// Says whether the request named the field with the time.
    pub(crate) fn has_named_time(&self) -> bool {
        self.named.time.is_some()
    }

    /// Finds the key that is likely to stand here after another, and where its value begins.
    #[inline]
    pub(crate) fn expected(&self, after: usize, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let likely = match self.keys.get(after) {
            Some(before) => before.next,
            None => self.first,
        };
        Some((likely, self.keys.get(likely)?.follows(bytes, at)?))
    }

    /// Finds a key by its name and remembers what it came after.
    pub(crate) fn find(&mut self, name: &str, after: usize) -> Option<usize> {
        if name.len() > NAME_BYTES {
            return None;
        }
        let place = match self.place_of.get(name) {
            Some(&place) => place,
            None => self.add(name)?,
        };
        match self.keys.get_mut(after) {
            Some(before) => before.next = place,
            None => self.first = place,
        }
        Some(place)
    }

    fn add(&mut self, name: &str) -> Option<usize> {
        if self.keys.len() >= NAMES {
            // The line at hand goes the slow way: it has used names that are forgotten now.
            self.keys.clear();
            self.place_of.clear();
            self.first = NONE;
            return None;
        }
        let role = role_of(name, &self.named);
        self.keys.push(Key::new(name, role));
        let place = self.keys.len() - 1;
        self.place_of.insert(name.into(), place);
        Some(place)
    }

    /// Notes that a line uses a key and says what it is for; nothing when the line has used it before.
    #[inline]
    pub(crate) fn begin(&mut self, key: usize, line: u64) -> Option<Role> {
        let key = self.keys.get_mut(key)?;
        if key.seen_in == line {
            return None;
        }
        key.seen_in = line;
        Some(key.role)
    }

    /// Gives the number of a key's attribute in a batch.
    #[inline]
    pub(crate) fn field(&mut self, key: usize, batch: u64, lines: &mut Lines) -> u32 {
        match self.keys.get_mut(key) {
            Some(key) if key.batch == batch => key.field,
            Some(key) => {
                key.field = lines.field(&key.name);
                key.batch = batch;
                key.field
            }
            None => 0,
        }
    }
}
