//! The values of one variable of one template, as they are gathered.
//!
//! Numbers keep their exact text as long as all are canonical or all have one width; what does not
//! fit turns the whole variable into text.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use super::scan::{Kind, Piece};

/// Rows after which a list of texts decides whether its values repeat.
const DECISION_ROWS: usize = 2_048;

/// Whole numbers with what is needed to write them as they were.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) values: Vec<i64>,
    /// Some number has leading zeros.
    pub(super) is_padded: bool,
    /// Digits of the numbers, 0 for a number with a sign.
    pub(super) width: u8,
    /// Not all numbers have that width.
    pub(super) is_mixed: bool,
}

impl Numbers {
    fn is_exact_with(&self, piece: &Piece) -> bool {
        let is_mixed = self.is_mixed || (!self.values.is_empty() && piece.digits != self.width);
        let is_padded = self.is_padded || is_padded(piece);
        !(is_mixed && is_padded)
    }

    fn push(&mut self, piece: &Piece) {
        if self.values.is_empty() {
            self.width = piece.digits;
        }
        self.is_mixed |= piece.digits != self.width;
        self.is_padded |= is_padded(piece);
        self.values.push(piece.number);
    }

    fn to_texts(&self) -> Texts {
        let mut texts = Texts::default();
        let mut text = String::new();
        for &number in &self.values {
            text.clear();
            let width = if self.is_padded { self.width } else { 0 };
            write_number(number, width, &mut text);
            texts.push(text.as_bytes());
        }
        texts
    }
}

#[inline]
fn is_padded(piece: &Piece) -> bool {
    match piece.kind {
        Kind::Padded => true,
        _ => piece.digits == 2 && piece.number < 10,
    }
}

/// Two digits for each number below a hundred.
static PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut table = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        #[allow(clippy::cast_possible_truncation)]
        let (tens, ones) = ((number / 10) as u8, (number % 10) as u8);
        table[number] = [b'0' + tens, b'0' + ones];
        number += 1;
    }
    table
}

/// Room for any number in digits.
pub(super) type Digits = [u8; 24];

/// Writes a number in decimal digits at the end of the room, with zeros in front up to the width;
/// gives the bytes written.
#[inline]
pub(super) fn digits_of(number: i64, width: u8, room: &mut Digits) -> &[u8] {
    let mut at = room.len();
    let mut left = number.unsigned_abs();
    while left >= 10 {
        #[allow(clippy::cast_possible_truncation)]
        let pair = PAIRS[(left % 100) as usize];
        left /= 100;
        at -= 2;
        if let Some(place) = room.get_mut(at..at + 2) {
            place.copy_from_slice(&pair);
        }
    }
    if left > 0 || at == room.len() {
        at -= 1;
        #[allow(clippy::cast_possible_truncation)]
        if let Some(digit) = room.get_mut(at) {
            *digit = b'0' + left as u8;
        }
    }
    while at > room.len() - usize::from(width.min(20)) {
        at -= 1;
        if let Some(digit) = room.get_mut(at) {
            *digit = b'0';
        }
    }
    if number < 0 {
        at -= 1;
        if let Some(digit) = room.get_mut(at) {
            *digit = b'-';
        }
    }
    room.get(at..).unwrap_or_default()
}

/// Appends a number in decimal digits, with zeros in front up to the width.
pub(super) fn write_number(number: i64, width: u8, out: &mut String) {
    let mut room: Digits = [0; 24];
    let text = digits_of(number, width, &mut room);
    out.push_str(std::str::from_utf8(text).unwrap_or_default());
}

/// Appends a number whose last digits stand behind a point.
pub(super) fn write_decimal(mantissa: i64, scale: u8, out: &mut String) {
    let divisor = 10u64.pow(u32::from(scale.min(18)));
    let magnitude = mantissa.unsigned_abs();
    if mantissa < 0 {
        out.push('-');
    }
    // Both fit: a mantissa has at most 19 digits.
    write_number(i64::try_from(magnitude / divisor).unwrap_or(i64::MAX), 0, out);
    out.push('.');
    write_number(
        i64::try_from(magnitude % divisor).unwrap_or(i64::MAX),
        scale.min(18),
        out,
    );
}

/// Appends an address of four numbers.
pub(super) fn write_ipv4(address: u32, out: &mut String) {
    for (index, part) in address.to_be_bytes().into_iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        write_number(i64::from(part), 0, out);
    }
}

/// Texts, each stored once while they repeat.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// One per row while values are stored once; empty when each row has its own.
    codes: Vec<u32>,
    rows: usize,
    table: Vec<u32>,
    is_plain: bool,
}

impl Texts {
    /// Number of stored texts.
    pub(super) fn entries(&self) -> usize {
        self.ends.len()
    }

    /// Says whether each row has its own text.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// A stored text.
    pub(super) fn entry(&self, entry: usize) -> &[u8] {
        let end = self.ends.get(entry).copied().unwrap_or(0);
        let start = match entry.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The text of a row.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        if self.is_plain {
            return self.entry(row);
        }
        self.entry(self.codes.get(row).copied().unwrap_or(0) as usize)
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        self.rows += 1;
        if self.is_plain {
            self.append(text);
            return;
        }
        let code = self.code(text);
        self.codes.push(code);
        if self.rows == DECISION_ROWS && self.ends.len() * 2 > self.rows {
            self.make_plain();
        }
    }

    /// Gives each row its own text when storing them once does not pay.
    pub(super) fn settle(&mut self) {
        if !self.is_plain && self.ends.len() * 2 > self.rows && self.ends.len() > 1 {
            self.make_plain();
        }
        self.table = Vec::new();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.ends.capacity() * 8
            + (self.codes.capacity() + self.table.capacity()) * 4
    }

    fn append(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn make_plain(&mut self) {
        let mut plain = Self {
            is_plain: true,
            ..Self::default()
        };
        for row in 0..self.codes.len() {
            plain.append(self.row(row));
        }
        plain.rows = self.rows;
        *self = plain;
    }

    /// Few values are compared one by one, many through a table of hashes.
    fn code(&mut self, text: &[u8]) -> u32 {
        const FEW: usize = 4;
        if self.table.is_empty() {
            let known = (0..self.ends.len()).find(|&entry| self.entry(entry) == text);
            if let Some(entry) = known {
                return as_code(entry);
            }
            self.append(text);
            if self.ends.len() > FEW {
                self.grow();
            }
            return as_code(self.ends.len() - 1);
        }
        let mask = self.table.len() - 1;
        let mut place = hash(text) & mask;
        loop {
            match self.table.get(place).copied() {
                Some(code) if code != u32::MAX => {
                    if self.entry(code as usize) == text {
                        return code;
                    }
                }
                _ => break,
            }
            place = (place + 1) & mask;
        }
        let code = as_code(self.ends.len());
        self.append(text);
        if let Some(slot) = self.table.get_mut(place) {
            *slot = code;
        }
        if self.ends.len() * 2 > self.table.len() {
            self.grow();
        }
        code
    }

    fn grow(&mut self) {
        let size = (self.ends.len() * 4).next_power_of_two();
        let mut table = vec![u32::MAX; size];
        for entry in 0..self.ends.len() {
            let mut place = hash(self.entry(entry)) & (size - 1);
            while table.get(place).is_some_and(|&code| code != u32::MAX) {
                place = (place + 1) & (size - 1);
            }
            if let Some(slot) = table.get_mut(place) {
                *slot = as_code(entry);
            }
        }
        self.table = table;
    }
}

fn as_code(entry: usize) -> u32 {
    u32::try_from(entry).unwrap_or(u32::MAX - 1)
}

#[allow(clippy::cast_possible_truncation)]
fn hash(text: &[u8]) -> usize {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish() as usize
}

/// The values of a variable, one for each row of its template.
#[derive(Debug)]
pub(super) enum SlotValues {
    Reference(u8),
    Numbers(Numbers),
    Decimals { mantissas: Vec<i64>, scales: Vec<u8> },
    Ipv4(Vec<u32>),
    Texts(Texts),
}

impl SlotValues {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Digits | Kind::Padded => Self::Numbers(Numbers::default()),
            Kind::Decimal => Self::Decimals {
                mantissas: Vec::new(),
                scales: Vec::new(),
            },
            Kind::Ipv4 => Self::Ipv4(Vec::new()),
            Kind::Text => Self::Texts(Texts::default()),
            Kind::Reference(number) => Self::Reference(number),
        }
    }

    /// Takes the value of the next row.
    #[inline]
    pub(super) fn push(&mut self, piece: &Piece, text: &[u8]) {
        let written = text
            .get(piece.start as usize..piece.end as usize)
            .unwrap_or_default();
        match self {
            Self::Numbers(numbers) if numbers.is_exact_with(piece) => numbers.push(piece),
            Self::Numbers(numbers) => {
                let mut texts = numbers.to_texts();
                texts.push(written);
                *self = Self::Texts(texts);
            }
            Self::Decimals { mantissas, scales } => {
                mantissas.push(piece.number);
                scales.push(piece.digits);
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Ipv4(addresses) => addresses.push(piece.number as u32),
            Self::Texts(texts) => texts.push(written),
            Self::Reference(_) => {}
        }
    }

    /// Appends the text of a row's value; references append nothing.
    pub(super) fn write(&self, row: usize, out: &mut String) {
        match self {
            Self::Reference(_) => {}
            Self::Numbers(numbers) => {
                let width = if numbers.is_padded { numbers.width } else { 0 };
                write_number(numbers.values.get(row).copied().unwrap_or(0), width, out);
            }
            Self::Decimals { mantissas, scales } => write_decimal(
                mantissas.get(row).copied().unwrap_or(0),
                scales.get(row).copied().unwrap_or(0),
                out,
            ),
            Self::Ipv4(addresses) => write_ipv4(addresses.get(row).copied().unwrap_or(0), out),
            Self::Texts(texts) => {
                out.push_str(std::str::from_utf8(texts.row(row)).unwrap_or_default());
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Reference(_) => 0,
            Self::Numbers(numbers) => numbers.values.capacity() * 8,
            Self::Decimals { mantissas, scales } => mantissas.capacity() * 8 + scales.capacity(),
            Self::Ipv4(addresses) => addresses.capacity() * 4,
            Self::Texts(texts) => texts.memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_by_row_whether_they_repeat_or_not() {
        for different in [1usize, 3, 40, 5_000] {
            let mut texts = Texts::default();
            for row in 0..5_000 {
                texts.push(format!("value {}", row % different).as_bytes());
            }
            texts.settle();
            assert_eq!(texts.is_plain(), different == 5_000);
            for row in 0..5_000 {
                assert_eq!(texts.row(row), format!("value {}", row % different).as_bytes());
            }
        }
    }

    #[test]
    fn numbers_are_written_as_they_were() {
        let mut text = String::new();
        write_number(7, 3, &mut text);
        text.push(' ');
        write_number(i64::MIN, 0, &mut text);
        text.push(' ');
        write_decimal(-5, 1, &mut text);
        text.push(' ');
        write_decimal(760_795, 7, &mut text);
        text.push(' ');
        write_ipv4(0x0A01_022D, &mut text);
        for number in [0i64, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 12_345, i64::MAX, -10, -1] {
            let mut written = String::new();
            write_number(number, 0, &mut written);
            assert_eq!(written, number.to_string());
        }
        assert_eq!(text, "007 -9223372036854775808 -0.5 0.0760795 10.1.2.45");
    }
}
