//! The inner loops: 64 rows at a time from a column of plain numbers to the bits that pass.
//!
//! Written so that the compiler turns comparisons into vector instructions; words without a wanted
//! row are skipped.

use crate::bits::Bits;
use crate::column::Codes;

/// With so few rows wanted of 64, they are looked at one by one.
const FEW: u32 = 8;

/// Gives the rows of `within` whose number passes.
pub(crate) fn rows_where<T: Copy>(
    numbers: &[T],
    within: &Bits,
    passes: impl Fn(T) -> bool,
) -> Bits {
    let mut words = vec![0u64; within.words().len()];
    let (chunks, tail) = numbers.as_chunks::<64>();
    let mut wanted = words.iter_mut().zip(within.words());
    for (chunk, (word, &mask)) in chunks.iter().zip(&mut wanted) {
        if mask == 0 {
            continue;
        }
        *word = if mask.count_ones() <= FEW {
            pick(chunk, mask, &passes)
        } else {
            pack(chunk, &passes) & mask
        };
    }
    if let Some((word, &mask)) = wanted.next() {
        *word = pick(tail, mask, &passes);
    }
    Bits::from_words(words, within.len())
}

fn pick<T: Copy>(numbers: &[T], mask: u64, passes: &impl Fn(T) -> bool) -> u64 {
    let mut left = mask;
    let mut word = 0;
    while left != 0 {
        let bit = left.trailing_zeros();
        left &= left - 1;
        if numbers.get(bit as usize).is_some_and(|&n| passes(n)) {
            word |= 1 << bit;
        }
    }
    word
}

#[inline]
fn pack<T: Copy>(numbers: &[T; 64], passes: &impl Fn(T) -> bool) -> u64 {
    /// Gathers the lowest bit of eight bytes in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut flags = [0u8; 64];
    for (flag, &number) in flags.iter_mut().zip(numbers) {
        *flag = u8::from(passes(number));
    }
    let mut word = 0;
    for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56;
        word |= gathered << (index * 8);
    }
    word
}

/// Gives the rows of `within` whose code lies in an inclusive interval.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn codes_between(codes: &Codes, low: u64, high: u64, within: &Bits) -> Bits {
    let limit = match codes {
        Codes::U8(_) => u64::from(u8::MAX),
        Codes::U16(_) => u64::from(u16::MAX),
        Codes::U32(_) => u64::from(u32::MAX),
        Codes::U64(_) => u64::MAX,
    };
    if low > high || low > limit {
        return Bits::none(within.len());
    }
    let width = high.min(limit) - low;
    match codes {
        Codes::U8(codes) => {
            let (low, width) = (low as u8, width as u8);
            rows_where(codes, within, |code| code.wrapping_sub(low) <= width)
        }
        Codes::U16(codes) => {
            let (low, width) = (low as u16, width as u16);
            rows_where(codes, within, |code| code.wrapping_sub(low) <= width)
        }
        Codes::U32(codes) => {
            let (low, width) = (low as u32, width as u32);
            rows_where(codes, within, |code| code.wrapping_sub(low) <= width)
        }
        Codes::U64(codes) => rows_where(codes, within, |code| code.wrapping_sub(low) <= width),
    }
}

/// Gives the rows of `within` whose code a table accepts; `beyond` answers for codes past its end.
pub(crate) fn codes_in(codes: &Codes, table: &[bool], beyond: bool, within: &Bits) -> Bits {
    if let Some((low, high)) = only_run(table, beyond) {
        return codes_between(codes, low, high, within);
    }
    let get = |code: usize| table.get(code).copied().unwrap_or(beyond);
    match codes {
        Codes::U8(codes) => {
            let mut whole = [beyond; 256];
            whole.iter_mut().zip(table).for_each(|(to, &from)| *to = from);
            rows_where(codes, within, |code| whole[code as usize])
        }
        Codes::U16(codes) => rows_where(codes, within, |code| get(usize::from(code))),
        Codes::U32(codes) => rows_where(codes, within, |code| get(code as usize)),
        Codes::U64(codes) => rows_where(codes, within, |code| {
            get(usize::try_from(code).unwrap_or(usize::MAX))
        }),
    }
}

/// The codes accepted, when they lie next to each other.
fn only_run(table: &[bool], beyond: bool) -> Option<(u64, u64)> {
    let Some(first) = table.iter().position(|&is_in| is_in) else {
        // Nothing of the table: the codes past it, or none at all.
        return Some(if beyond { (table.len() as u64, u64::MAX) } else { (1, 0) });
    };
    let run = table.iter().skip(first).take_while(|&&is_in| is_in).count();
    let after = first + run;
    if table.iter().skip(after).any(|&is_in| is_in) {
        return None;
    }
    match (beyond, after == table.len()) {
        (false, _) => Some((first as u64, after as u64 - 1)),
        (true, true) => Some((first as u64, u64::MAX)),
        (true, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bits(flags: &[bool]) -> Bits {
        let mut bits = Bits::none(flags.len());
        (0..flags.len()).filter(|&row| flags[row]).for_each(|row| bits.set(row));
        bits
    }

    proptest! {
        #[test]
        fn kernels_pick_the_rows_that_pass(
            rows in prop::collection::vec((0u64..70, prop::bool::weighted(0.7)), 0..400),
            scale in prop::sample::select(vec![1u64, 300, 70_000, 1 << 40]),
            table in prop::collection::vec(any::<bool>(), 0..70),
            (beyond, low, high) in (any::<bool>(), 0u64..80, 0u64..80),
        ) {
            let within = bits(&rows.iter().map(|row| row.1).collect::<Vec<_>>());
            let small = Codes::pack(rows.iter().map(|row| row.0));
            let large = Codes::pack(rows.iter().map(|row| row.0 * scale));
            let found = codes_between(&large, low * scale, high * scale, &within);
            let expected: Vec<bool> = rows.iter().map(|row| row.1 && low <= row.0 && row.0 <= high).collect();
            prop_assert_eq!(found, bits(&expected));
            let found = codes_in(&small, &table, beyond, &within);
            let passes = |code: u64| table.get(code as usize).copied().unwrap_or(beyond);
            let expected: Vec<bool> = rows.iter().map(|row| row.1 && passes(row.0)).collect();
            prop_assert_eq!(found, bits(&expected));
        }
    }
}
