//! The encodings of Parquet that segments use, written and read here: codes of a dictionary stay
//! codes, and nothing is made per line.
//!
//! Invariants: what is read is checked against the number of values that is expected; damage is
//! `None`, never a panic and never more memory than the values need.

use andon_columns::bits::Bits;
use andon_columns::lines::Texts;
use andon_columns::wire::{put_number, take_number};

/// Bits that a number needs.
pub(super) fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

/// Packs numbers of `width` bits, the lowest first, in groups of eight.
fn pack_bits(numbers: &[u64], width: u32, out: &mut Vec<u8>) {
    let mut window = 0u128;
    let mut filled = 0u32;
    let padded = numbers.len().div_ceil(8) * 8;
    let zeros = std::iter::repeat_n(&0, padded - numbers.len());
    for &number in numbers.iter().chain(zeros) {
        window |= u128::from(number) << filled;
        filled += width;
        while filled >= 8 {
            #[allow(clippy::cast_possible_truncation)]
            out.push(window as u8);
            window >>= 8;
            filled -= 8;
        }
    }
}

/// Reads numbers of `width` bits; missing bytes read as zero, and callers have checked the length.
fn unpack_bits(bytes: &[u8], width: u32, count: usize, mut each: impl FnMut(u64)) {
    let mask = if width >= 64 {
        u64::MAX
    } else {
        (1u64 << width) - 1
    };
    let mut at = 0usize;
    for _ in 0..count {
        let (byte, shift) = (at / 8, at % 8);
        let window = match bytes.get(byte..byte + 8).and_then(|w| w.first_chunk::<8>()) {
            Some(window) => u64::from_le_bytes(*window),
            None => tail_window(bytes, byte),
        };
        let mut number = window >> shift;
        if width as usize + shift > 64
            && let Some(&next) = bytes.get(byte + 8)
        {
            number |= u64::from(next) << (64 - shift);
        }
        each(number & mask);
        at += width as usize;
    }
}

fn tail_window(bytes: &[u8], from: usize) -> u64 {
    let mut window = [0u8; 8];
    for (slot, byte) in window.iter_mut().zip(bytes.get(from..).unwrap_or_default()) {
        *slot = *byte;
    }
    u64::from_le_bytes(window)
}

/// Writes numbers as one run of packed bits, as definition levels and codes are written.
pub(super) fn write_packed(numbers: &[u64], width: u32, out: &mut Vec<u8>) {
    put_number(out, (numbers.len().div_ceil(8) as u64) << 1 | 1);
    pack_bits(numbers, width, out);
}

/// Reads `count` numbers of runs and packed bits, each of at most 32 bits.
pub(super) fn read_packed(mut input: &[u8], width: u32, count: usize) -> Option<Vec<u32>> {
    if width > 32 {
        return None;
    }
    let mut numbers: Vec<u32> = Vec::with_capacity(count);
    while numbers.len() < count {
        let left = count - numbers.len();
        let header = take_number(&mut input)?;
        let length = usize::try_from(header >> 1).ok()?;
        if header & 1 == 0 {
            let bytes = input.split_off(..width.div_ceil(8) as usize)?;
            let number = u32::try_from(tail_window(bytes, 0)).ok()?;
            numbers.resize(numbers.len() + length.min(left), number);
            if length == 0 {
                return None;
            }
            continue;
        }
        let bytes = input.split_off(..length.checked_mul(width as usize)?)?;
        let taken = length.checked_mul(8)?.min(left);
        if taken == 0 {
            return None;
        }
        match width {
            8 => numbers.extend(bytes.iter().take(taken).map(|&byte| u32::from(byte))),
            16 => {
                let pairs = bytes.as_chunks::<2>().0.iter().take(taken);
                numbers.extend(pairs.map(|pair| u32::from(u16::from_le_bytes(*pair))));
            }
            #[allow(clippy::cast_possible_truncation)]
            _ => unpack_bits(bytes, width, taken, |number| numbers.push(number as u32)),
        }
    }
    Some(numbers)
}

/// Writes which lines have a value.
pub(super) fn write_levels(presence: &Bits, out: &mut Vec<u8>) {
    let mut levels = Vec::with_capacity(presence.len() / 8 + 8);
    let bytes = presence.len().div_ceil(8);
    put_number(&mut levels, (bytes as u64) << 1 | 1);
    let words = presence.words().iter().flat_map(|word| word.to_le_bytes());
    levels.extend(words.take(bytes));
    out.extend_from_slice(
        &u32::try_from(levels.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    out.extend_from_slice(&levels);
}

/// Reads which of `rows` lines have a value.
pub(super) fn read_levels(input: &mut &[u8], rows: usize) -> Option<Bits> {
    let length = u32::from_le_bytes(*input.split_off(..4)?.first_chunk::<4>()?);
    let mut levels = input.split_off(..usize::try_from(length).ok()?)?;
    let header = take_number(&mut levels)?;
    let is_one_run = header == (rows.div_ceil(8) as u64) << 1 | 1;
    if !is_one_run || levels.len() != rows.div_ceil(8) {
        return None;
    }
    let words = levels.chunks(8).map(|chunk| tail_window(chunk, 0));
    Some(Bits::from_words(words.collect(), rows))
}

/// Writes numbers byte by byte: all first bytes, then all second bytes, and so on.
pub(super) fn write_split(numbers: &[u64], width: usize, out: &mut Vec<u8>) {
    out.reserve(numbers.len() * width);
    for byte in 0..width {
        #[allow(clippy::cast_possible_truncation)]
        out.extend(numbers.iter().map(|number| (number >> (8 * byte)) as u8));
    }
}

/// Reads what [`write_split`] wrote.
pub(super) fn read_split(input: &[u8], width: usize, count: usize) -> Option<Vec<u64>> {
    if input.len() != count.checked_mul(width)? || width > 8 {
        return None;
    }
    let mut numbers = vec![0u64; count];
    for (byte, plane) in input.chunks_exact(count.max(1)).enumerate() {
        // Planes of nothing but zeros are most of them.
        if plane.iter().all(|&b| b == 0) {
            continue;
        }
        for (number, part) in numbers.iter_mut().zip(plane) {
            *number |= u64::from(*part) << (8 * byte);
        }
    }
    Some(numbers)
}

const DELTA_BLOCK: usize = 128;
const DELTA_PARTS: usize = 4;
const DELTA_PART: usize = DELTA_BLOCK / DELTA_PARTS;

#[allow(clippy::cast_sign_loss)]
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

#[allow(clippy::cast_possible_wrap)]
fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Writes numbers as differences (`DELTA_BINARY_PACKED`).
#[allow(clippy::cast_sign_loss)]
pub(super) fn write_delta(numbers: &[i64], out: &mut Vec<u8>) {
    put_number(out, DELTA_BLOCK as u64);
    put_number(out, DELTA_PARTS as u64);
    put_number(out, numbers.len() as u64);
    put_number(out, zigzag(numbers.first().copied().unwrap_or(0)));
    let differences: Vec<i64> = numbers
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    for block in differences.chunks(DELTA_BLOCK) {
        let least = block.iter().copied().min().unwrap_or(0);
        put_number(out, zigzag(least));
        let above: Vec<u64> = block.iter().map(|d| d.wrapping_sub(least) as u64).collect();
        let mut widths = [0u8; DELTA_PARTS];
        for (width, part) in widths.iter_mut().zip(above.chunks(DELTA_PART)) {
            let most = part.iter().copied().max().unwrap_or(0);
            *width = u8::try_from(bits_of(most)).unwrap_or(64);
        }
        out.extend_from_slice(&widths);
        for (width, part) in widths.iter().zip(above.chunks(DELTA_PART)) {
            let mut padded = [0u64; DELTA_PART];
            for (slot, number) in padded.iter_mut().zip(part) {
                *slot = *number;
            }
            if *width > 0 {
                pack_bits(&padded, u32::from(*width), out);
            }
        }
    }
}

/// Reads what [`write_delta`] wrote.
#[allow(clippy::cast_possible_wrap)]
pub(super) fn read_delta(mut input: &[u8], count: usize) -> Option<Vec<i64>> {
    let input = &mut input;
    let is_ours = take_number(input)? == DELTA_BLOCK as u64
        && take_number(input)? == DELTA_PARTS as u64
        && take_number(input)? == count as u64;
    let mut last = unzigzag(take_number(input)?);
    if !is_ours {
        return None;
    }
    let mut numbers = Vec::with_capacity(count);
    if count > 0 {
        numbers.push(last);
    }
    while numbers.len() < count {
        let least = unzigzag(take_number(input)?);
        let widths = *input
            .split_off(..DELTA_PARTS)?
            .first_chunk::<DELTA_PARTS>()?;
        for width in widths {
            let left = (count - numbers.len()).min(DELTA_PART);
            if left == 0 {
                break;
            }
            if width > 64 {
                return None;
            }
            let bytes = input.split_off(..DELTA_PART / 8 * usize::from(width))?;
            unpack_bits(bytes, u32::from(width), left, |above| {
                last = last.wrapping_add(least).wrapping_add(above as i64);
                numbers.push(last);
            });
        }
    }
    Some(numbers)
}

/// Writes texts after their lengths (`PLAIN`).
pub(super) fn write_texts<'a>(texts: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    for text in texts {
        out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Reads `count` texts.
pub(super) fn read_texts(mut input: &[u8], count: usize) -> Option<Texts> {
    let mut texts = Texts::default();
    for _ in 0..count {
        let length = u32::from_le_bytes(*input.split_off(..4)?.first_chunk::<4>()?);
        let bytes = input.split_off(..usize::try_from(length).ok()?)?;
        texts.push(std::str::from_utf8(bytes).ok()?);
    }
    input.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(any::<i64>(), 0..600), shift in 0u32..64) {
            let numbers: Vec<i64> = numbers.iter().map(|n| n >> shift).collect();
            let mut out = Vec::new();
            write_delta(&numbers, &mut out);
            prop_assert_eq!(read_delta(&out, numbers.len()), Some(numbers.clone()));
            #[allow(clippy::cast_sign_loss)]
            let wide: Vec<u64> = numbers.iter().map(|&n| n as u64).collect();
            out.clear();
            write_split(&wide, 8, &mut out);
            prop_assert_eq!(read_split(&out, 8, wide.len()), Some(wide));
        }

        #[test]
        fn codes_come_back(codes in prop::collection::vec(any::<u32>(), 0..300), width in 1u32..=32) {
            let codes: Vec<u64> = codes.iter().map(|&code| u64::from(code >> (32 - width))).collect();
            let mut out = Vec::new();
            write_packed(&codes, width, &mut out);
            let read = read_packed(&out, width, codes.len());
            prop_assert_eq!(read.map(|codes| codes.into_iter().map(u64::from).collect::<Vec<_>>()), Some(codes));
        }

        #[test]
        fn levels_come_back(rows in prop::collection::vec(any::<bool>(), 0..300)) {
            let mut bits = Bits::none(rows.len());
            rows.iter().enumerate().filter(|(_, has)| **has).for_each(|(row, _)| bits.set(row));
            let mut out = Vec::new();
            write_levels(&bits, &mut out);
            prop_assert_eq!(read_levels(&mut out.as_slice(), rows.len()), Some(bits));
        }

        #[test]
        fn damage_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), width in 0u32..70, count in 0usize..1_000) {
            let _unread = (read_packed(&bytes, width, count), read_delta(&bytes, count), read_texts(&bytes, count),
                read_split(&bytes, width as usize, count), read_levels(&mut bytes.as_slice(), count));
        }
    }
}
