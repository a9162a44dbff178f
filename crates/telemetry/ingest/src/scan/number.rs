//! JSON numbers over bytes, exactly as `serde_json` reads them.

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    /// Fits 64 bits.
    Integer(i64),
    /// Anything else.
    Other(serde_json::Number),
}

/// Powers of ten that are exact.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Reads the number at a place and says where it ends; nothing where there is none.
#[inline]
pub(crate) fn number_at(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    let is_negative = *bytes.get(start)? == b'-';
    let first = start + usize::from(is_negative);
    let (number, end) = digits(bytes, first, 0);
    let count = end - first;
    let has_needless_zero = count > 1 && bytes.get(first) == Some(&b'0');
    if count == 0 || has_needless_zero {
        return None;
    }
    match bytes.get(end) {
        Some(b'.' | b'e' | b'E') => {}
        // Minus zero is no integer.
        _ if count <= 18 && !(is_negative && number == 0) => {
            let number = i64::try_from(number).ok()?;
            let signed = if is_negative { -number } else { number };
            return Some((Number::Integer(signed), end));
        }
        _ => {}
    }
    decimal(bytes, is_negative, first, end).or_else(|| any_number(bytes, start))
}

/// Reads digits on top of a number; more than eighteen are counted, but make no sense.
#[inline]
fn digits(bytes: &[u8], start: usize, mut number: u64) -> (u64, usize) {
    let mut at = start;
    while let Some(&digit @ b'0'..=b'9') = bytes.get(at) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (number, at)
}

/// Short decimals: both parts are exact, so that one division rounds as well as anything can.
fn decimal(bytes: &[u8], is_negative: bool, first: usize, point: usize) -> Option<(Number, usize)> {
    if bytes.get(point) != Some(&b'.') {
        return None;
    }
    let (whole, _) = digits(bytes, first, 0);
    let (number, end) = digits(bytes, point + 1, whole);
    let decimals = end - point - 1;
    let is_short = decimals > 0 && end - first - 1 <= 15;
    if !is_short || matches!(bytes.get(end), Some(b'e' | b'E' | b'.')) {
        return None;
    }
    #[allow(clippy::cast_precision_loss)]
    let value = number as f64 / POWERS.get(decimals)?;
    let signed = if is_negative { -value } else { value };
    Some((Number::Other(serde_json::Number::from_f64(signed)?), end))
}

fn any_number(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    let rest = bytes.get(start..)?;
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
    let number: serde_json::Number = serde_json::from_slice(rest.get(..length)?).ok()?;
    let number = match number.as_i64() {
        Some(integer) => Number::Integer(integer),
        None => Number::Other(number),
    };
    Some((number, start + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn numbers_are_read_as_serde_reads_them(text in prop_oneof![
            "-?[0-9]{1,22}",
            "-?[0-9]{1,9}\\.[0-9]{0,9}",
            "-?[0-9]{1,20}\\.[0-9]{1,20}",
            "-?[0-9]{1,3}(\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}",
            "[-+.eE0-9]{1,6}",
        ]) {
            let expected: Option<serde_json::Number> = serde_json::from_str(&text).ok();
            let line = format!("{text},");
            let found = number_at(line.as_bytes(), 0)
                .filter(|(_, end)| *end == text.len())
                .map(|(number, _)| match number {
                    Number::Integer(integer) => serde_json::Number::from(integer),
                    Number::Other(number) => number,
                });
            let show = |number: Option<serde_json::Number>| number.map(|number| number.to_string());
            prop_assert_eq!(show(found), show(expected));
        }
    }
}
