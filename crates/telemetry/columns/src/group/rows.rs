//! Which rows of a group have a value: nothing is kept while all of them do.

use crate::bits::Bits;

/// Rows with a value, ascending.
#[derive(Debug, Default)]
pub(super) struct RowSet {
    count: u32,
    /// Empty while the rows are `0..count`.
    rows: Vec<u32>,
}

impl RowSet {
    #[inline]
    pub(super) fn push(&mut self, row: u32) {
        if self.rows.is_empty() {
            if row == self.count {
                self.count += 1;
                return;
            }
            self.rows.extend(0..self.count);
        }
        self.rows.push(row);
        self.count += 1;
    }

    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let dense = if self.rows.is_empty() { self.count } else { 0 };
        (0..dense)
            .chain(self.rows.iter().copied())
            .map(|row| row as usize)
    }

    /// Nothing when every one of `rows` rows has a value.
    pub(super) fn presence(&self, rows: usize) -> Option<Bits> {
        if self.count() == rows {
            return None;
        }
        let mut bits = Bits::none(rows);
        self.iter().for_each(|row| bits.set(row));
        Some(bits)
    }

    /// Puts one value per row with a value at its row; the others get `absent`.
    pub(super) fn spread<T: Copy>(&self, values: &[T], absent: T, rows: usize) -> Vec<T> {
        if self.count() == rows {
            return values.to_vec();
        }
        let mut spread = vec![absent; rows];
        for (row, value) in self.iter().zip(values) {
            if let Some(slot) = spread.get_mut(row) {
                *slot = *value;
            }
        }
        spread
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.capacity() * 4
    }
}
