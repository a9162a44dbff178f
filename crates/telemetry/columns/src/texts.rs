//! Many texts in one allocation: how columns of text are held, logged and read.

use crate::wire::{put_bytes, put_number, take_bytes, take_number};

/// Many texts in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    pub(crate) ends: Vec<u32>,
    pub(crate) bytes: Vec<u8>,
}

impl Texts {
    /// Says how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end();
    }

    /// Gives one; empty beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> &str {
        std::str::from_utf8(self.get_bytes(index)).unwrap_or_default()
    }

    /// Gives the bytes of one.
    #[must_use]
    pub fn get_bytes(&self, index: usize) -> &[u8] {
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before).map_or(0, |&end| end as usize),
        };
        let end = self.ends.get(index).map_or(start, |&end| end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Gives them in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Gives the places of the texts that hold some bytes, ascending.
    pub fn holding<'a>(&'a self, needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let finder = memchr::memmem::Finder::new(needle);
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let start = from + finder.find(self.bytes.get(from..)?)?;
                let index = self.ends.partition_point(|&end| end as usize <= start);
                let end = *self.ends.get(index)? as usize;
                if start + needle.len() <= end {
                    from = end;
                    return Some(index);
                }
                // It reaches into the next text.
                from = start + 1;
            }
        })
    }

    /// Memory in use.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.ends.capacity() * 4 + self.bytes.capacity()
    }

    /// Says how many bytes they have together.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Ends a text written piecewise; a batch is bounded far below 4 GiB by its maker.
    pub(crate) fn end(&mut self) {
        self.ends
            .push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Writes them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, self.ends.len() as u64);
        let mut start = 0;
        for &end in &self.ends {
            put_number(out, u64::from(end - start));
            start = end;
        }
        put_bytes(out, &self.bytes);
    }

    /// Reads what [`Texts::encode`] wrote; nothing when the bytes make no sense.
    #[must_use]
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let count = usize::try_from(take_number(input)?).ok()?;
        if count > input.len() {
            return None;
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u32;
        for _ in 0..count {
            end = end.checked_add(u32::try_from(take_number(input)?).ok()?)?;
            ends.push(end);
        }
        let bytes = take_bytes(input)?;
        if bytes.len() != end as usize {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        if !ends.iter().all(|&end| text.is_char_boundary(end as usize)) {
            return None;
        }
        Some(Self {
            ends,
            bytes: bytes.to_vec(),
        })
    }
}

/// Cuts a text at a character and says how many bytes went.
pub(crate) fn truncated(text: &str) -> (&str, u64) {
    if text.len() <= crate::lines::LONGEST_TEXT_BYTES {
        return (text, 0);
    }
    let end = text.floor_char_boundary(crate::lines::LONGEST_TEXT_BYTES);
    (text.get(..end).unwrap_or_default(), (text.len() - end) as u64)
}
