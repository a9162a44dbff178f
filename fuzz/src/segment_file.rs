//! The index file of a segment, taken apart and put together again with checksums that fit: what stands behind them is
//! reached by accident once in four billion times. The format is told in `docs/reference/segment-format.md`.

use std::ops::Range;

use andon_columns::wire::{put_bytes, take_bytes};
use serde_json::Value;

const PREFIX_BYTES: usize = 20;
const ENTRY_BYTES: usize = 16;

/// An index file.
pub struct IndexFile {
    /// Magic and version.
    prefix: Vec<u8>,
    /// What the file tells of the segment, JSON.
    told: Vec<u8>,
    sections: Vec<Range<usize>>,
    body: Vec<u8>,
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
}

impl IndexFile {
    /// Takes a whole file apart.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let base = PREFIX_BYTES + number(bytes.get(12..16)?);
        let mut header = bytes.get(PREFIX_BYTES..base)?;
        let told = take_bytes(&mut header)?.to_vec();
        let count = number(header.get(..4)?);
        let entries = header.get(4..)?.chunks_exact(ENTRY_BYTES);
        let sections: Vec<_> = entries.map(|entry| {
            let start = number(&entry[..8]) - base;
            start..start + number(&entry[8..12])
        }).collect();
        (sections.len() == count).then(|| Self { prefix: bytes[..12].to_vec(), told, sections, body: bytes[base..].to_vec() })
    }

    /// Everything behind the header.
    pub fn sections_mut(&mut self) -> &mut [u8] {
        &mut self.body
    }

    /// The text of the header.
    pub fn told_mut(&mut self) -> &mut [u8] {
        &mut self.told
    }

    /// Changes numbers of the header: which, and into what.
    pub fn change_numbers(&mut self, edits: impl Iterator<Item = (usize, u8)>) {
        let Ok(mut told) = serde_json::from_slice::<Value>(&self.told) else { return };
        for (at, how) in edits {
            let mut numbers = Vec::new();
            gather(&mut told, &mut numbers);
            let at = at % numbers.len().max(1);
            if let Some(number) = numbers.get_mut(at) {
                **number = other(number, how);
            }
        }
        self.told = told.to_string().into_bytes();
    }

    /// Gives the columns of the data file the checksums that they have now.
    pub fn mend_columns(&mut self, data: &[u8]) {
        let Ok(mut told) = serde_json::from_slice::<Value>(&self.told) else { return };
        let columns = told.pointer_mut("/content/columns").and_then(Value::as_array_mut);
        for column in columns.into_iter().flatten() {
            let place = |key: &str| column.get(key).and_then(Value::as_u64).and_then(|place| usize::try_from(place).ok());
            let (Some(start), Some(length)) = (place("offset"), place("bytes")) else { continue };
            let Some(bytes) = data.get(start..start.saturating_add(length)) else { continue };
            column["crc"] = crc32fast::hash(bytes).into();
        }
        self.told = told.to_string().into_bytes();
    }

    /// Puts the file together.
    pub fn write(&self) -> Vec<u8> {
        let mut header = Vec::new();
        put_bytes(&mut header, &self.told);
        let base = PREFIX_BYTES + header.len() + 4 + self.sections.len() * ENTRY_BYTES;
        header.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        for section in &self.sections {
            let bytes = self.body.get(section.clone()).unwrap_or_default();
            header.extend_from_slice(&((base + section.start) as u64).to_le_bytes());
            header.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            header.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        }
        let mut out = self.prefix.clone();
        out.extend_from_slice(&(header.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.body);
        out
    }
}

fn gather<'a>(value: &'a mut Value, numbers: &mut Vec<&'a mut Value>) {
    match value {
        Value::Number(_) => numbers.push(value),
        Value::Array(values) => values.iter_mut().for_each(|value| gather(value, numbers)),
        Value::Object(object) => object.values_mut().for_each(|value| gather(value, numbers)),
        _ => {}
    }
}

/// Another number: one of those at which code trips, or one near by.
fn other(value: &Value, how: u8) -> Value {
    let known = value.as_u64().unwrap_or(0);
    match how {
        0..=63 => u64::from(how).into(),
        64..=79 => u64::MAX.wrapping_shr(u32::from(how - 64) * 4).into(),
        80..=95 => (1u64 << (u32::from(how - 80) * 4)).into(),
        96..=111 => known.wrapping_add(u64::from(how - 95)).into(),
        112..=127 => known.wrapping_sub(u64::from(how - 111)).into(),
        128..=143 => known.wrapping_mul(u64::from(how - 126)).into(),
        144..=159 => (-i64::from(how - 143)).into(),
        160 => i64::MIN.into(),
        _ => (known / u64::from(how - 159)).into(),
    }
}
