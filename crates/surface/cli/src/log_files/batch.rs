//! Records that are sent together.

use std::collections::BTreeSet;

use super::record::Record;

/// Most records of a batch.
const BATCH_RECORDS: usize = 8_192;
/// Most bytes of a batch; a single longer record is one of its own.
const BATCH_BYTES: usize = 1 << 20;

/// Records that are sent together, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The JSON lines, each with its end.
    pub(crate) body: Vec<u8>,
    /// The first line of the file of each record.
    pub(crate) lines: Vec<u64>,
    /// Where in the body each record ends.
    ends: Vec<usize>,
    /// The last line of the file that is dealt with once the batch is stored.
    pub(crate) last_line: u64,
    /// Where in the unpacked file it ends.
    pub(crate) end: u64,
}

impl Batch {
    /// Tells whether another record would be too much.
    pub(crate) fn is_full_for(&self, record: &Record) -> bool {
        !self.lines.is_empty() && (self.lines.len() >= BATCH_RECORDS || self.body.len() + record.json.len() > BATCH_BYTES)
    }

    pub(crate) fn push(&mut self, record: &Record) {
        self.body.extend_from_slice(&record.json);
        self.body.push(b'\n');
        self.lines.push(record.line);
        self.ends.push(self.body.len());
        (self.last_line, self.end) = (record.last_line, record.end);
    }

    /// Takes away the records that are stored already.
    pub(crate) fn without(&self, stored: &BTreeSet<u64>) -> Self {
        let mut rest = Self { last_line: self.last_line, end: self.end, ..Self::default() };
        let mut start = 0;
        for (line, end) in self.lines.iter().zip(&self.ends) {
            if !stored.contains(line) {
                rest.body.extend_from_slice(self.body.get(start..*end).unwrap_or_default());
                rest.lines.push(*line);
                rest.ends.push(rest.body.len());
            }
            start = *end;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_not_sent_again() {
        let mut batch = Batch::default();
        for line in [1_u64, 2, 5] {
            batch.push(&Record { line, last_line: line, end: line * 10, json: format!("{{\"n\":{line}}}").into_bytes() });
        }
        let rest = batch.without(&BTreeSet::from([2, 9]));
        assert_eq!((rest.body.as_slice(), rest.lines.as_slice(), rest.end), (b"{\"n\":1}\n{\"n\":5}\n".as_slice(), [1, 5].as_slice(), 50));
        assert!(batch.without(&BTreeSet::from([1, 2, 5])).body.is_empty());
        assert_eq!(batch.without(&BTreeSet::new()), batch);
    }
}
