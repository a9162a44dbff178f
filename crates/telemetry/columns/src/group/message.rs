//! The messages of a group while it grows. They may repeat values of other columns of their line, and then refer
//! to them.
//!
//! Invariant: which columns may be referred to depends on nothing but the lines, so that messages and the other
//! columns are gathered apart: some fixed ones, and the first [`REFERENCE_COLUMNS`] columns of texts or whole
//! numbers among the attributes, in the order in which they first appear.

use crate::column::ColumnName;
use crate::keys::{GroupKeys, KeySpace, Keys};
use crate::lines::{Cell, Kind};

use super::attributes::GROWING_COLUMNS;
use super::text::{Absence, TextBuilder};
use super::{Part, StoredColumn};

/// Place of the message in [`crate::lines::TEXT_FIELDS`].
pub(super) const PLACE: usize = 2;
pub(super) const NAME: ColumnName = ColumnName::Text(2);
/// Fixed text fields that messages may refer to: service, trace id and span id.
pub(super) const FIXED_REFERENCES: [u8; 3] = [1, 3, 4];
/// Most attributes that messages may refer to.
pub(super) const REFERENCE_COLUMNS: usize = 16;
const REFERENCES: usize = FIXED_REFERENCES.len() + REFERENCE_COLUMNS;
/// Longest value that a message may refer to.
const REFERENCE_BYTES: usize = 256;
/// Smaller numbers would be found in messages by accident.
const SMALLEST_REFERENCE: i64 = 100;

/// Says whether messages may refer to a column of attributes.
pub(super) fn is_referable(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Integer)
}

/// Messages, and what they may refer to.
#[derive(Debug)]
pub(super) struct Messages {
    builder: TextBuilder,
    rows: u32,
    numbering: Numbering,
    numbers: NumberTexts,
}

/// What becomes of them.
pub(super) struct FinishedMessages {
    pub(super) column: StoredColumn,
    pub(super) keys: GroupKeys,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            builder: TextBuilder::new(Absence::Empty),
            rows: 0,
            numbering: Numbering::default(),
            numbers: NumberTexts::default(),
        }
    }
}

impl Messages {
    pub(super) fn memory_bytes(&self) -> usize {
        self.builder.memory_bytes()
    }

    pub(super) fn push_lines(&mut self, part: &Part<'_>, fields: &[u32]) {
        let lines = part.lines;
        let texts: [_; 6] = std::array::from_fn(|place| lines.texts(place));
        for row in part.rows() {
            let texts = texts.map(|texts| texts.map_or("", |texts| texts.get(row)));
            self.push(&texts, super::cells_of(lines, row, fields));
        }
    }

    /// Adds the message of the next line, given its texts and its attributes by their numbers.
    pub(super) fn push<'a>(&mut self, texts: &[&'a str; 6], cells: impl Iterator<Item = (u32, Cell<'a>)>) {
        let mut referred: [Option<Cell<'a>>; REFERENCE_COLUMNS] = [None; REFERENCE_COLUMNS];
        for (field, cell) in cells {
            let number = self.numbering.number(self.rows, field, cell.kind());
            if let Some(slot) = number.and_then(|number| referred.get_mut(usize::from(number))) {
                *slot = Some(cell);
            }
        }
        self.numbers.write(&referred);
        let mut references = [""; REFERENCES];
        let (fixed, named) = references.split_at_mut(FIXED_REFERENCES.len());
        for (slot, place) in fixed.iter_mut().zip(FIXED_REFERENCES) {
            let text = texts.get(usize::from(place)).copied().unwrap_or_default();
            *slot = if text.len() <= REFERENCE_BYTES { text } else { "" };
        }
        for (number, (slot, cell)) in named.iter_mut().zip(&referred).enumerate() {
            *slot = match cell {
                Some(Cell::Text(text)) if text.len() <= REFERENCE_BYTES => text,
                Some(Cell::Integer(_)) => self.numbers.get(number),
                _ => "",
            };
        }
        self.builder.push(self.rows, texts[PLACE], &references);
        self.rows += 1;
    }

    pub(super) fn finish(self, rows: usize) -> FinishedMessages {
        let mut keys = GroupKeys { whereabouts: Some(Keys::default()), ..GroupKeys::default() };
        let column = self.builder.finish(rows, KeySpace::of(&NAME), &mut keys);
        FinishedMessages { column, keys }
    }
}

/// Numbers the columns of attributes to which messages may refer.
#[derive(Debug, Default)]
struct Numbering {
    fields: Vec<Numbered>,
    columns: usize,
    referable: u8,
}

/// A name of an attribute.
#[derive(Debug, Clone, Copy, Default)]
struct Numbered {
    /// The last row that had a value, plus one: the first value of a line wins.
    seen: u32,
    kinds: [ColumnNumber; 5],
}

#[derive(Debug, Clone, Copy, Default)]
enum ColumnNumber {
    #[default]
    Unseen,
    NotReferable,
    Referable(u8),
}

impl Numbering {
    /// The number of the column of a value of a line, if messages may refer to it.
    fn number(&mut self, row: u32, field: u32, kind: Kind) -> Option<u8> {
        let place = field as usize;
        if place >= self.fields.len() {
            self.fields.resize(place + 1, Numbered::default());
        }
        let known = self.fields.get_mut(place)?;
        if known.seen > row {
            return None;
        }
        known.seen = row + 1;
        let number = known.kinds.get_mut(kind as usize)?;
        if matches!(number, ColumnNumber::Unseen) && self.columns < GROWING_COLUMNS {
            self.columns += 1;
            *number = ColumnNumber::NotReferable;
            if is_referable(kind) && usize::from(self.referable) < REFERENCE_COLUMNS {
                *number = ColumnNumber::Referable(self.referable);
                self.referable += 1;
            }
        }
        match *number {
            ColumnNumber::Referable(number) => Some(number),
            _ => None,
        }
    }
}

/// Writes a number that is not negative.
fn write_digits(mut number: i64, out: &mut String) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    let written = digits.get(start..).unwrap_or_default();
    out.push_str(std::str::from_utf8(written).unwrap_or_default());
}

/// The numbers of a line as texts, without an allocation per line.
#[derive(Debug, Default)]
struct NumberTexts {
    text: String,
    places: [(usize, usize); REFERENCE_COLUMNS],
}

impl NumberTexts {
    fn write(&mut self, cells: &[Option<Cell<'_>>; REFERENCE_COLUMNS]) {
        self.text.clear();
        for (place, cell) in self.places.iter_mut().zip(cells) {
            let start = self.text.len();
            if let Some(Cell::Integer(number)) = cell
                && *number >= SMALLEST_REFERENCE
            {
                write_digits(*number, &mut self.text);
            }
            *place = (start, self.text.len());
        }
    }

    fn get(&self, number: usize) -> &str {
        let place = self.places.get(number).copied().unwrap_or_default();
        self.text.get(place.0..place.1).unwrap_or_default()
    }
}
