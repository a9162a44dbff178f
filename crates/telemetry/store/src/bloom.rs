//! A Bloom filter over 64-bit hashes that stay the same across versions and machines.
//! About 1 % false positives at ten bits per key; never a false negative.

use andon_reader::query::FixedField;

const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

/// Hashes bytes (FNV-1a with a final mix); part of the segment format.
fn hash(seed: u8, parts: [&[u8]; 2]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325u64 ^ u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for part in parts {
        for &byte in part {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        state = (state ^ 0xff).wrapping_mul(0x0100_0000_01b3);
    }
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

/// Key of a word of a message.
pub(crate) fn word_key(folded: &str) -> u64 {
    hash(1, [folded.as_bytes(), b""])
}

/// Key of the whole value of a fixed field.
pub(crate) fn value_key(field: FixedField, folded: &str) -> u64 {
    let seed = match field {
        FixedField::Service => 2,
        FixedField::TraceId => 3,
        FixedField::SpanId => 4,
        FixedField::Scope => 5,
        _ => 6,
    };
    hash(seed, [folded.as_bytes(), b""])
}

/// Key of a word (or canonical number) of a named value.
pub(crate) fn field_word_key(name: &str, folded: &str) -> u64 {
    hash(16, [name.as_bytes(), folded.as_bytes()])
}

/// Builds a filter from distinct hashes.
pub(crate) fn build(keys: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let bytes = (keys.len() * BITS_PER_KEY).div_ceil(8).max(8);
    let mut filter = vec![0u8; bytes];
    for key in keys {
        for bit in probes(key, bytes) {
            if let Some(byte) = filter.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    filter
}

/// Says whether the key may have been put in; an empty filter says yes.
pub(crate) fn may_contain(filter: &[u8], key: u64) -> bool {
    filter.is_empty()
        || probes(key, filter.len()).all(|bit| {
            filter
                .get(bit / 8)
                .is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
        })
}

fn probes(key: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let bits = (bytes as u64) * 8;
    let step = (key >> 32) | 1;
    (0..PROBES).map(move |probe| {
        #[allow(clippy::cast_possible_truncation)]
        let bit = (key.wrapping_add(probe.wrapping_mul(step)) % bits) as usize;
        bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_put_in_is_found_and_few_others_are() {
        let key = |i: u32| word_key(&format!("word{i}"));
        let filter = build((0..5_000).map(key).collect::<Vec<_>>().into_iter());
        assert!((0..5_000).all(|i| may_contain(&filter, key(i))));
        let wrong = (5_000..15_000)
            .filter(|&i| may_contain(&filter, key(i)))
            .count();
        assert!(wrong < 300, "{wrong} false positives in 10,000");
    }

    #[test]
    fn hashes_are_part_of_the_format() {
        assert_eq!(word_key("timeout"), word_key("timeout"));
        assert_ne!(word_key("a"), field_word_key("a", ""));
        assert_ne!(field_word_key("ab", "c"), field_word_key("a", "bc"));
    }
}
