//! Splits a text into what stays the same from line to line and what changes.
//!
//! A skeleton is the text with a mark for each variable: the byte `0xFF`, which no text has, and a
//! byte for the kind. Equal skeletons are one template. Nothing is thrown away: constants and
//! variables together are the text again, whatever it holds.
//!
//! Words without a digit are constant. Coarser levels exist for texts that would each make a
//! template of their own: whole tokens, then the whole text.

use memchr::memchr;

/// The byte before a variable's kind; it occurs in no UTF-8 text.
pub(super) const MARK: u8 = 0xFF;
/// Most variables of one template; a text with more is taken coarser.
pub(super) const SLOTS: usize = 96;
/// Most other columns that a text may refer to.
pub(super) const REFERENCES: usize = 32;
/// Texts longer than this are not taken apart.
const SCANNED_BYTES: usize = 16 * 1024;
/// Longest text between quotes that is taken as one variable.
const QUOTED_BYTES: usize = 8 * 1024;
/// Longest single value; a longer text becomes several.
pub(super) const VALUE_BYTES: usize = 4 << 20;
/// Longest unit behind a number (`24983us`).
const UNIT_BYTES: usize = 4;
/// Shortest run of hexadecimal digits and letters that counts as one number.
const HEX_BYTES: usize = 6;

/// What a variable is, as far as a single text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number, perhaps of two digits with a leading zero.
    Digits,
    /// Three or more digits with a leading zero.
    Padded,
    /// A number with digits on both sides of a point.
    Decimal,
    /// Four numbers of 0 to 255.
    Ipv4,
    /// Anything else.
    Text,
    /// The value of another column.
    Reference(u8),
}

const REFERENCE_CODE: u8 = 0x40;

impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Digits => 1,
            Self::Padded => 2,
            Self::Decimal => 3,
            Self::Ipv4 => 4,
            Self::Text => 5,
            Self::Reference(number) => REFERENCE_CODE | number,
        }
    }

    pub(super) fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Digits,
            2 => Self::Padded,
            3 => Self::Decimal,
            4 => Self::Ipv4,
            5 => Self::Text,
            code if code & !(REFERENCE_CODE | 31) == 0 && code & REFERENCE_CODE != 0 => {
                Self::Reference(code & 31)
            }
            _ => return None,
        })
    }
}

/// A variable found in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// Digits of a whole number without sign, or digits behind the point.
    pub(super) digits: u8,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) number: i64,
}

/// How finely a text is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Fine,
    /// Each token with a digit is one variable.
    Tokens,
    /// The whole text is one variable.
    Whole,
}

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const BOUNDARY: u8 = 3;
const QUOTE: u8 = 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [OTHER; 256];
    let mut byte = 0usize;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation)]
        let b = byte as u8;
        table[byte] = match b {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | 0x80..=0xFF => LETTER,
            b'"' => QUOTE,
            b' ' | b'\t' | b'\n' | b'\r' | b'\'' | b'=' | b',' | b';' | b':' | b'(' | b')'
            | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'|' => BOUNDARY,
            _ => OTHER,
        };
        byte += 1;
    }
    table
}

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

#[inline]
fn class_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).map_or(BOUNDARY, |&b| class(b))
}

#[inline]
fn class_before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(BOUNDARY, |before| class_at(bytes, before))
}

/// Says whether nothing before this place belongs to the same token.
#[inline]
fn starts_token(bytes: &[u8], at: usize) -> bool {
    matches!(class_before(bytes, at), BOUNDARY | QUOTE)
}

const ONES: u64 = u64::MAX / 255;
const LOW: u64 = ONES * 0x7F;

/// The next digit, slash or quotation mark, eight bytes at a time.
#[inline]
fn next_event(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let mut place = from;
    let mut chunks = rest.chunks_exact(8);
    for chunk in &mut chunks {
        let mut array = [0; 8];
        array.copy_from_slice(chunk);
        let word = u64::from_le_bytes(array);
        let low = word & LOW;
        // Bytes above 0x2E and below 0x3A, none of them past ASCII; no sum leaves its byte.
        let above = low + ONES * (127 - 0x2E);
        let below = ONES * (127 + 0x3A) - low;
        let quote = word ^ (ONES * 0x22);
        let no_quote = ((quote & LOW) + LOW) | quote;
        let found = ((above & below & !word) | !no_quote) & !LOW;
        if found != 0 {
            return Some(place + (found.trailing_zeros() / 8) as usize);
        }
        place += 8;
    }
    let is_event = |byte: &u8| matches!(byte, b'/'..=b'9' | b'"');
    chunks.remainder().iter().position(is_event).map(|at| place + at)
}

/// Takes texts apart, reusing its buffers.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// The constants with a mark for each variable.
    pub(super) skeleton: Vec<u8>,
    /// The variables in their order.
    pub(super) pieces: Vec<Piece>,
    constant_start: usize,
}

/// The values of other columns that a token may equal, with a quick test of the first byte.
struct References<'a> {
    values: &'a [&'a str],
    first_bytes: u64,
}

impl<'a> References<'a> {
    fn new(values: &'a [&'a str]) -> Self {
        let values = values.get(..values.len().min(REFERENCES)).unwrap_or(values);
        let mut first_bytes = 0;
        for value in values {
            if is_referable(value)
                && let Some(&first) = value.as_bytes().first()
            {
                first_bytes |= 1 << (first & 63);
            }
        }
        Self {
            values,
            first_bytes,
        }
    }

    #[inline]
    fn may_start_with(&self, byte: u8) -> bool {
        self.first_bytes >> (byte & 63) & 1 == 1
    }

    /// The column whose value stands at this place as a token, and its length.
    fn find(&self, rest: &[u8]) -> Option<(u8, usize)> {
        let mut best: Option<(u8, usize)> = None;
        for (number, value) in self.values.iter().enumerate() {
            let value_bytes = value.as_bytes();
            if value_bytes.first() == rest.first()
                && rest.starts_with(value_bytes)
                && best.is_none_or(|(_, length)| value.len() > length)
                && is_referable(value)
                && matches!(class_at(rest, value.len()), BOUNDARY | QUOTE)
                && let Ok(number) = u8::try_from(number)
            {
                best = Some((number, value.len()));
            }
        }
        best
    }
}

/// Plain words stay constant text: only what looks variable is worth a reference.
fn is_referable(value: &str) -> bool {
    value.len() >= 2
        && value.len() <= QUOTED_BYTES
        && (value.starts_with('/') || value.bytes().any(|byte| byte.is_ascii_digit()))
}

impl Scanner {
    /// Takes a text apart; the result is in `skeleton` and `pieces`.
    pub(super) fn scan(&mut self, text: &str, references: &[&str], level: Level) {
        self.skeleton.clear();
        self.pieces.clear();
        self.constant_start = 0;
        let fits = text.len() <= SCANNED_BYTES;
        let done = match level {
            Level::Fine if fits => self.scan_fine(text.as_bytes(), &References::new(references)),
            Level::Tokens if fits => {
                self.scan_tokens(text.as_bytes(), &References::new(references))
            }
            _ => false,
        };
        if !done {
            self.scan_whole(text);
        }
    }

    fn scan_whole(&mut self, text: &str) {
        self.skeleton.clear();
        self.pieces.clear();
        self.constant_start = 0;
        let mut start = 0;
        while start < text.len() {
            let end = text.floor_char_boundary((start + VALUE_BYTES).min(text.len()));
            self.take(text.as_bytes(), Kind::Text, start, end);
            start = end;
        }
    }

    /// Ends the constant before a variable and notes the variable.
    #[inline]
    fn take(&mut self, bytes: &[u8], kind: Kind, start: usize, end: usize) {
        self.take_number(bytes, kind, start, end, 0, 0);
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn take_number(
        &mut self,
        bytes: &[u8],
        kind: Kind,
        start: usize,
        end: usize,
        number: i64,
        digits: u8,
    ) {
        if let Some(constant) = bytes.get(self.constant_start..start) {
            self.skeleton.extend_from_slice(constant);
        }
        self.skeleton.push(MARK);
        self.skeleton.push(kind.code());
        self.pieces.push(Piece {
            kind,
            digits,
            start: start as u32,
            end: end as u32,
            number,
        });
        self.constant_start = end;
    }

    fn finish(&mut self, bytes: &[u8]) -> bool {
        if let Some(constant) = bytes.get(self.constant_start..) {
            self.skeleton.extend_from_slice(constant);
        }
        self.pieces.len() <= SLOTS
    }

    /// Returns false when the text has too many variables for this level.
    ///
    /// Only digits, quotation marks and slashes can begin something variable, so that only these are
    /// stopped at; where a word or token begins is looked up backwards from there.
    fn scan_fine(&mut self, bytes: &[u8], references: &References<'_>) -> bool {
        let mut floor = 0;
        let mut from = 0;
        while let Some(at) = next_event(bytes, from) {
            match bytes.get(at) {
                Some(b'"') => {
                    let end = self.scan_quote(bytes, at, starts_token(bytes, at), references);
                    if self.constant_start > at {
                        floor = end;
                    }
                    from = end;
                }
                Some(b'/') => {
                    from = at + 1;
                    if references.may_start_with(b'/')
                        && starts_token(bytes, at)
                        && let Some(end) = self.take_reference(bytes, at, references)
                    {
                        (floor, from) = (end, end);
                    }
                }
                _ => {
                    let end = self.scan_digit(bytes, floor, at, references);
                    (floor, from) = (end, end);
                }
            }
            if self.pieces.len() > SLOTS {
                return false;
            }
        }
        self.finish(bytes)
    }

    fn take_reference(
        &mut self,
        bytes: &[u8],
        start: usize,
        references: &References<'_>,
    ) -> Option<usize> {
        let (number, length) = references.find(bytes.get(start..)?)?;
        self.take(bytes, Kind::Reference(number), start, start + length);
        Some(start + length)
    }

    /// A digit; what stands before it back to `floor` is still free. Returns where to go on.
    fn scan_digit(
        &mut self,
        bytes: &[u8],
        floor: usize,
        digit: usize,
        references: &References<'_>,
    ) -> usize {
        let mut start = digit;
        while start > floor && class_before(bytes, start) == LETTER {
            start -= 1;
        }
        if references.first_bytes != 0 {
            let mut token = start;
            while token > floor && !matches!(class_before(bytes, token), BOUNDARY | QUOTE) {
                token -= 1;
            }
            if bytes
                .get(token)
                .is_some_and(|&byte| references.may_start_with(byte))
                && starts_token(bytes, token)
                && let Some(end) = self.take_reference(bytes, token, references)
            {
                return end;
            }
        }
        // A UUID whose first digits are all letters.
        if start >= floor + 9
            && bytes.get(start - 1) == Some(&b'-')
            && class_at(bytes, start - 9) == LETTER
            && (start == 9 || !matches!(class_before(bytes, start - 9), LETTER | DIGIT))
            && is_uuid(bytes, start - 9)
        {
            self.take(bytes, Kind::Text, start - 9, start + 27);
            return start + 27;
        }
        self.scan_run(bytes, start, digit)
    }

    /// A run of letters and digits whose first digit is known; returns where to go on.
    fn scan_run(&mut self, bytes: &[u8], start: usize, first_digit: usize) -> usize {
        let mut digits_end = first_digit + 1;
        while class_at(bytes, digits_end) == DIGIT {
            digits_end += 1;
        }
        let mut end = digits_end;
        let mut more_digits = false;
        loop {
            match class_at(bytes, end) {
                LETTER => {}
                DIGIT => more_digits = true,
                _ => break,
            }
            end += 1;
        }
        if end - start == 8 && is_uuid(bytes, start) {
            self.take(bytes, Kind::Text, start, start + 36);
            return start + 36;
        }
        let has_letters = start < first_digit || digits_end < end;
        if !has_letters {
            return self.scan_number(bytes, start, end);
        }
        if bytes.get(start..start + 2) == Some(b"0x") && all_hex(bytes, start + 2, end) {
            self.take(bytes, Kind::Text, start + 2, end);
            return end;
        }
        let one_number = !more_digits
            && !(end - start >= HEX_BYTES && all_hex(bytes, start, end))
            && (digits_end == end || (start == first_digit && end - digits_end <= UNIT_BYTES));
        if one_number {
            if start == first_digit {
                return self.scan_number(bytes, start, digits_end);
            }
            self.take_digits(bytes, first_digit, digits_end);
            return digits_end;
        }
        self.take(bytes, Kind::Text, start, end);
        end
    }

    /// Digits that begin a run: a number, a decimal, an address or a version.
    fn scan_number(&mut self, bytes: &[u8], start: usize, end: usize) -> usize {
        let mut ends = [0usize; 5];
        ends[0] = end;
        let mut groups = 1;
        while groups < 5
            && let Some(&last) = ends.get(groups - 1)
            && bytes.get(last) == Some(&b'.')
            && class_at(bytes, last + 1) == DIGIT
        {
            let mut at = last + 2;
            while class_at(bytes, at) == DIGIT {
                at += 1;
            }
            if let Some(slot) = ends.get_mut(groups) {
                *slot = at;
            }
            groups += 1;
        }
        match groups {
            1 => {
                self.take_digits(bytes, start, end);
                end
            }
            2 if self.take_decimal(bytes, start, end, ends[1]) => ends[1],
            4 => match ipv4(bytes.get(start..ends[3]).unwrap_or_default()) {
                Some(address) => {
                    let number = i64::from(address);
                    self.take_number(bytes, Kind::Ipv4, start, ends[3], number, 0);
                    ends[3]
                }
                None => self.take_groups(bytes, start, ends.get(..4).unwrap_or_default()),
            },
            _ => self.take_groups(bytes, start, ends.get(..groups).unwrap_or_default()),
        }
    }

    /// Numbers with points between them, each on its own.
    fn take_groups(&mut self, bytes: &[u8], start: usize, ends: &[usize]) -> usize {
        let mut from = start;
        for &end in ends {
            self.take_digits(bytes, from, end);
            from = end + 1;
        }
        from - 1
    }

    /// A minus that can only be a sign: nothing that it could join or part stands before it.
    fn sign_start(&self, bytes: &[u8], start: usize) -> Option<usize> {
        let minus = start.checked_sub(1)?;
        if bytes.get(minus) != Some(&b'-') || minus < self.constant_start {
            return None;
        }
        if minus == self.constant_start && minus > 0 {
            return None;
        }
        match minus.checked_sub(1).and_then(|before| bytes.get(before)) {
            Some(&before) if matches!(class(before), LETTER | DIGIT) => None,
            _ => Some(minus),
        }
    }

    fn take_digits(&mut self, bytes: &[u8], start: usize, end: usize) {
        let digits = bytes.get(start..end).unwrap_or_default();
        let leading_zero = digits.len() > 1 && digits.first() == Some(&b'0');
        let (Some(number), Ok(length)) = (parse(digits), u8::try_from(digits.len())) else {
            self.take(bytes, Kind::Text, start, end);
            return;
        };
        if leading_zero {
            let kind = if digits.len() == 2 {
                Kind::Digits
            } else {
                Kind::Padded
            };
            self.take_number(bytes, kind, start, end, number, length);
        } else if number != 0
            && let Some(minus) = self.sign_start(bytes, start)
        {
            self.take_number(bytes, Kind::Digits, minus, end, -number, 0);
        } else {
            self.take_number(bytes, Kind::Digits, start, end, number, length);
        }
    }

    fn take_decimal(&mut self, bytes: &[u8], start: usize, point: usize, end: usize) -> bool {
        let whole = bytes.get(start..point).unwrap_or_default();
        let fraction = bytes.get(point + 1..end).unwrap_or_default();
        if (whole.len() > 1 && whole.first() == Some(&b'0')) || whole.len() + fraction.len() > 18 {
            return false;
        }
        let (Some(whole), Some(part), Ok(scale)) =
            (parse(whole), parse(fraction), u8::try_from(fraction.len()))
        else {
            return false;
        };
        let number = whole * 10i64.pow(u32::from(scale)) + part;
        match self.sign_start(bytes, start) {
            Some(minus) if number != 0 => {
                self.take_number(bytes, Kind::Decimal, minus, end, -number, scale);
            }
            _ => self.take_number(bytes, Kind::Decimal, start, end, number, scale),
        }
        true
    }

    /// A quotation mark; returns where to go on.
    fn scan_quote(
        &mut self,
        bytes: &[u8],
        quote: usize,
        token_starts: bool,
        references: &References<'_>,
    ) -> usize {
        let start = quote + 1;
        let window_end = (start + QUOTED_BYTES).min(bytes.len());
        let window = bytes.get(start..window_end).unwrap_or_default();
        if !token_starts {
            return start;
        }
        let Some(length) = memchr(b'"', window) else {
            return start;
        };
        // The name of a JSON member is constant; a request line is worth taking apart.
        if bytes.get(start + length + 1) == Some(&b':') {
            return start;
        }
        let content = window.get(..length).unwrap_or_default();
        if references.first_bytes != 0 && holds_reference(content, window, references) {
            return start;
        }
        self.take(bytes, Kind::Text, start, start + length);
        start + length + 1
    }

    fn scan_tokens(&mut self, bytes: &[u8], references: &References<'_>) -> bool {
        let mut at = 0;
        while at < bytes.len() {
            let end = bytes
                .get(at..)
                .and_then(|rest| rest.iter().position(|&b| matches!(b, b' ' | b'\t' | b'\n')))
                .map_or(bytes.len(), |length| at + length);
            let token = bytes.get(at..end).unwrap_or_default();
            match references.find(bytes.get(at..).unwrap_or_default()) {
                Some((number, length)) if length == token.len() => {
                    self.take(bytes, Kind::Reference(number), at, end);
                }
                _ if token.iter().any(u8::is_ascii_digit) => self.take(bytes, Kind::Text, at, end),
                _ => {}
            }
            if self.pieces.len() > SLOTS {
                return false;
            }
            at = end + 1;
        }
        self.finish(bytes)
    }
}

/// Says whether the text between quotes has another column's value as its first or second token.
fn holds_reference(content: &[u8], window: &[u8], references: &References<'_>) -> bool {
    let second = memchr(b' ', content.get(..content.len().min(12)).unwrap_or_default());
    let places = [Some(0), second.map(|space| space + 1)];
    places.into_iter().flatten().any(|place| {
        content
            .get(place)
            .is_some_and(|&byte| references.may_start_with(byte))
            && window
                .get(place..)
                .and_then(|rest| references.find(rest))
                .is_some_and(|(_, length)| place + length <= content.len())
    })
}

fn all_hex(bytes: &[u8], start: usize, end: usize) -> bool {
    start < end
        && bytes
            .get(start..end)
            .is_some_and(|run| run.iter().all(u8::is_ascii_hexdigit))
}

/// Eight, four, four, four and twelve hexadecimal digits, and nothing that goes on behind them.
pub(super) fn is_uuid(bytes: &[u8], start: usize) -> bool {
    let Some(run) = bytes.get(start..start + 36) else {
        return false;
    };
    if run.get(8) != Some(&b'-') || matches!(class_at(bytes, start + 36), LETTER | DIGIT) {
        return false;
    }
    run.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Reads digits; nothing when the number is larger than the largest `i64`.
fn parse(digits: &[u8]) -> Option<i64> {
    if digits.len() > 19 {
        return None;
    }
    let mut number = 0u64;
    for &digit in digits {
        number = number * 10 + u64::from(digit.wrapping_sub(b'0'));
    }
    i64::try_from(number).ok()
}

/// Reads four numbers of 0 to 255 without leading zeros.
fn ipv4(text: &[u8]) -> Option<u32> {
    let mut address = 0u32;
    for part in text.split(|&b| b == b'.') {
        if part.len() > 3 || (part.len() > 1 && part.first() == Some(&b'0')) {
            return None;
        }
        let number = u32::try_from(parse(part)?).ok().filter(|&n| n <= 255)?;
        address = address << 8 | number;
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton(text: &str, references: &[&str]) -> String {
        let mut scanner = Scanner::default();
        scanner.scan(text, references, Level::Fine);
        let mut shown = String::new();
        let mut bytes = scanner.skeleton.iter();
        while let Some(&byte) = bytes.next() {
            if byte == MARK {
                let kind = bytes.next().and_then(|&code| Kind::of_code(code));
                shown.push_str(&format!("<{:?}>", kind.unwrap()));
            } else {
                shown.push(byte as char);
            }
        }
        shown
    }

    #[test]
    fn what_changes_is_recognised_by_its_form() {
        for (text, expected) in [
            ("took 24983us", "took <Digits>us"),
            ("blk_-1608999687919862906 x", "blk_<Digits> x"),
            ("on 2016-09-28 04:30:31", "on <Digits>-<Digits>-<Digits> <Digits>:<Digits>:<Digits>"),
            ("from 10.1.2.45:80", "from <Ipv4>:<Digits>"),
            ("v=-0.5 w=007 k8s", "v=<Decimal> w=<Padded> <Text>"),
            ("id 0x7f3a NEEDLE-7f3a9c41", "id 0x<Text> NEEDLE-<Text>"),
            ("[78f5b6c9-c11b-4c98-b396-17f41dc9e4b2]", "[<Text>]"),
            ("agent=\"Mozilla/5.0 (X11)\" {\"k\":\"v\"}", "agent=\"<Text>\" {\"k\":\"<Text>\"}"),
            ("1.2.3 99999999999999999999", "<Digits>.<Digits>.<Digits> <Text>"),
            ("-0 -00 --5", "-<Digits> -<Digits> -<Digits>"),
        ] {
            assert_eq!(skeleton(text, &[]), expected);
        }
    }

    #[test]
    fn events_are_found_wherever_they_stand() {
        let mut bytes = Vec::new();
        for byte in 0..=255u8 {
            for place in 0..20 {
                bytes.clear();
                bytes.resize(20, b'x');
                bytes[place] = byte;
                let is_event = matches!(byte, b'/'..=b'9' | b'"');
                assert_eq!(next_event(&bytes, 0), is_event.then_some(place), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn references_keep_to_whole_tokens() {
        let references = ["/a", "u47", "200"];
        for (text, expected) in [
            ("GET /a 200", "GET <Reference(0)> <Reference(2)>"),
            ("GET /a/b 2001 u479", "GET /a/b <Digits> u<Digits>"),
            ("user=u47, \"GET /a HTTP\"", "user=<Reference(1)>, \"GET <Reference(0)> HTTP\""),
            ("x/a xu47", "x/a xu<Digits>"),
        ] {
            assert_eq!(skeleton(text, &references), expected);
        }
    }
}
