//! Which accumulator a row of a group belongs to.

use rustc_hash::FxHashMap;

use crate::bits::Bits;

use super::codes::FieldCodes;

/// So many accumulators of a group are kept side by side without looking which of them are used.
const DENSE: usize = 1 << 16;

/// The accumulator of each row.
#[derive(Debug)]
pub(crate) enum Slots {
    /// The same for all.
    One,
    /// One number per row.
    Rows(Vec<u32>),
}

impl Slots {
    #[inline]
    pub(crate) fn get(&self, row: usize) -> usize {
        match self {
            Self::One => 0,
            Self::Rows(slots) => slots.get(row).map_or(0, |&slot| slot as usize),
        }
    }
}

/// Slots with the local codes that each stands for.
pub(crate) struct Keyed {
    pub(crate) slots: Slots,
    pub(crate) count: usize,
    form: Form,
}

enum Form {
    /// A code of each key counts in its own unit.
    Dense(Vec<usize>),
    /// Codes of each slot, key by key.
    Listed(Vec<Vec<u32>>),
}

impl Keyed {
    /// Joins the codes of the parts of a key.
    pub(crate) fn new(keys: &mut [FieldCodes], rows: &Bits) -> Self {
        if let [only] = keys
            && only.values.len() <= rows.len().max(DENSE)
        {
            return Self {
                slots: Slots::Rows(std::mem::take(&mut only.codes)),
                count: only.values.len(),
                form: Form::Dense(vec![1]),
            };
        }
        if keys.is_empty() {
            return Self { slots: Slots::One, count: 1, form: Form::Dense(Vec::new()) };
        }
        let sizes: Vec<usize> = keys.iter().map(|key| key.values.len().max(1)).collect();
        let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        match product {
            Some(product) if product <= DENSE => Self::dense(keys, &sizes, product, rows),
            _ => Self::listed(keys, rows),
        }
    }

    fn dense(keys: &[FieldCodes], sizes: &[usize], product: usize, rows: &Bits) -> Self {
        let mut units = Vec::with_capacity(sizes.len());
        let mut unit = 1;
        let mut slots = vec![0u32; rows.len()];
        for (key, &size) in keys.iter().zip(sizes) {
            units.push(unit);
            #[allow(clippy::cast_possible_truncation)]
            let step = unit as u32;
            for (slot, &code) in slots.iter_mut().zip(&key.codes) {
                *slot = slot.wrapping_add(code.wrapping_mul(step));
            }
            unit *= size;
        }
        Self { slots: Slots::Rows(slots), count: product, form: Form::Dense(units) }
    }

    fn listed(keys: &[FieldCodes], rows: &Bits) -> Self {
        let mut known: FxHashMap<u128, u32> = FxHashMap::default();
        let mut slots = vec![0u32; rows.len()];
        let mut codes = vec![Vec::new(); keys.len()];
        for_each_row(rows, |row| {
            let code = |key: &FieldCodes| key.codes.get(row).copied().unwrap_or(0);
            let packed = keys.iter().fold(0u128, |packed, key| packed << 32 | u128::from(code(key)));
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let slot = *known.entry(packed).or_insert(next);
            if slot == next {
                codes.iter_mut().zip(keys).for_each(|(list, key)| list.push(code(key)));
            }
            if let Some(place) = slots.get_mut(row) {
                *place = slot;
            }
        });
        Self { slots: Slots::Rows(slots), count: known.len(), form: Form::Listed(codes) }
    }

    /// The local code of a part of a slot's key.
    pub(crate) fn code(&self, slot: usize, key: usize, size: usize) -> u32 {
        match &self.form {
            Form::Dense(units) => {
                let unit = units.get(key).copied().unwrap_or(1);
                u32::try_from(slot / unit % size.max(1)).unwrap_or(0)
            }
            Form::Listed(codes) => {
                let codes = codes.get(key).and_then(|codes| codes.get(slot));
                codes.copied().unwrap_or(0)
            }
        }
    }
}

/// Shows each row of a set; whole words of rows without looking at their bits.
#[inline]
pub(crate) fn for_each_row(rows: &Bits, mut each: impl FnMut(usize)) {
    for (number, &word) in rows.words().iter().enumerate() {
        let first = number * 64;
        if word == u64::MAX {
            (first..first + 64).for_each(&mut each);
            continue;
        }
        let mut left = word;
        while left != 0 {
            each(first + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// Counts rows per slot.
pub(crate) fn count_rows(slots: &Slots, rows: &Bits, count: usize) -> Vec<u64> {
    let mut counts = vec![0u64; count];
    match slots {
        Slots::One => counts.iter_mut().for_each(|count| *count = rows.count() as u64),
        Slots::Rows(slots) => for_each_row(rows, |row| {
            if let Some(count) = slots.get(row).and_then(|&slot| counts.get_mut(slot as usize)) {
                *count += 1;
            }
        }),
    }
    counts
}
