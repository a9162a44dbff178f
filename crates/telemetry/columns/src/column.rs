//! One column of a group of lines, decoded into the form in which it is searched.
//!
//! A group holds up to [`GROUP_ROWS`] lines in the order of their sequence. What a column looks like
//! is decided when the group is closed, from what it has seen; a reader handles every form.

use std::sync::Arc;

use crate::bits::Bits;
use crate::error::ColumnError;
use crate::lines::{Kind, Texts};
use crate::template::TemplateColumn;

/// Most lines of a group.
pub const GROUP_ROWS: usize = 262_144;

/// Most attributes of a group with a column of their own; the others share one of JSON.
pub const PROMOTED_FIELDS: usize = 200;

/// Small whole numbers in as few bytes as the largest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// Up to 255.
    U8(Vec<u8>),
    /// Up to 65,535.
    U16(Vec<u16>),
    /// Up to 4 billion.
    U32(Vec<u32>),
    /// Anything.
    U64(Vec<u64>),
}

impl Codes {
    /// Gives one as a wide number; zero beyond the end.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> u64 {
        match self {
            Self::U8(codes) => codes.get(row).map_or(0, |&code| u64::from(code)),
            Self::U16(codes) => codes.get(row).map_or(0, |&code| u64::from(code)),
            Self::U32(codes) => codes.get(row).map_or(0, |&code| u64::from(code)),
            Self::U64(codes) => codes.get(row).copied().unwrap_or(0),
        }
    }

    /// Says how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
            Self::U32(codes) => codes.len(),
            Self::U64(codes) => codes.len(),
        }
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory in use.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::U8(codes) => codes.capacity(),
            Self::U16(codes) => codes.capacity() * 2,
            Self::U32(codes) => codes.capacity() * 4,
            Self::U64(codes) => codes.capacity() * 8,
        }
    }

    /// Packs numbers as narrow as the largest allows.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub fn pack(numbers: impl ExactSizeIterator<Item = u64> + Clone) -> Self {
        match numbers.clone().max().unwrap_or(0) {
            0..=0xff => Self::U8(numbers.map(|n| n as u8).collect()),
            0x100..=0xffff => Self::U16(numbers.map(|n| n as u16).collect()),
            0x1_0000..=0xffff_ffff => Self::U32(numbers.map(|n| n as u32).collect()),
            _ => Self::U64(numbers.collect()),
        }
    }
}

/// A decoded column. `presence` is nothing when every line has a value.
#[derive(Debug, Clone)]
pub enum Column {
    /// Whole numbers: `base + offset`, wrapping.
    Integers {
        /// The smallest value.
        base: i64,
        /// What to add.
        offsets: Codes,
        /// Lines with a value.
        presence: Option<Bits>,
    },
    /// Other numbers.
    Floats {
        /// One per line.
        values: Vec<f64>,
        /// Lines with a value.
        presence: Option<Bits>,
    },
    /// True and false.
    Booleans {
        /// Lines that are true.
        values: Bits,
        /// Lines with a value.
        presence: Option<Bits>,
    },
    /// Few different texts. A code at or beyond the dictionary's length means "no value".
    Dictionary {
        /// One per line.
        codes: Codes,
        /// The different texts; each once.
        dictionary: Texts,
    },
    /// Lower-case hexadecimal texts of one length, as bytes; `presence` false means the empty text
    /// for a fixed field and "no value" for an attribute.
    Identifiers {
        /// Bytes per line.
        width: usize,
        /// `width` bytes per line.
        bytes: Vec<u8>,
        /// Lines with an identifier.
        presence: Option<Bits>,
    },
    /// Texts as templates and variables.
    Templates {
        /// One per line, empty text where there is no value.
        column: Arc<TemplateColumn>,
        /// Lines with a value.
        presence: Option<Bits>,
    },
    /// Texts as they are.
    Texts {
        /// One per line.
        texts: Texts,
        /// Lines with a value.
        presence: Option<Bits>,
    },
}

/// In which form a column is, see [`Column`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// [`Column::Integers`].
    Integers,
    /// [`Column::Floats`].
    Floats,
    /// [`Column::Booleans`].
    Booleans,
    /// [`Column::Dictionary`].
    Dictionary,
    /// [`Column::Identifiers`].
    Identifiers,
    /// [`Column::Templates`].
    Templates,
    /// [`Column::Texts`].
    Texts,
}

impl Column {
    /// Memory in use, without the pages of templates.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let presence = match self {
            Self::Dictionary { .. } => None,
            Self::Integers { presence, .. }
            | Self::Floats { presence, .. }
            | Self::Booleans { presence, .. }
            | Self::Identifiers { presence, .. }
            | Self::Templates { presence, .. }
            | Self::Texts { presence, .. } => presence.as_ref(),
        };
        let values = match self {
            Self::Integers { offsets, .. } => offsets.memory_bytes(),
            Self::Floats { values, .. } => values.capacity() * 8,
            Self::Booleans { values, .. } => values.memory_bytes(),
            Self::Dictionary { codes, dictionary } => {
                codes.memory_bytes() + dictionary.memory_bytes()
            }
            Self::Identifiers { bytes, .. } => bytes.capacity(),
            Self::Templates { column, .. } => column.memory_bytes(),
            Self::Texts { texts, .. } => texts.memory_bytes(),
        };
        size_of::<Self>() + values + presence.map_or(0, Bits::memory_bytes)
    }
}

/// Gives a column that reads nothing twice, for those who read line by line.
///
/// # Errors
/// When the rows of a column of templates cannot be read.
pub fn held(column: Arc<Column>) -> Result<Arc<Column>, ColumnError> {
    match &*column {
        Column::Templates { column: templates, presence } if templates.is_without_rows() => {
            Ok(Arc::new(Column::Templates { column: Arc::new(templates.held()?), presence: presence.clone() }))
        }
        _ => Ok(column),
    }
}

/// Which column of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnName {
    /// Whole number, unique per store; [`Column::Integers`].
    Sequence,
    /// Their time in microseconds; [`Column::Integers`].
    Timestamp,
    /// Our time in microseconds; [`Column::Integers`].
    ReceivedAt,
    /// OpenTelemetry's number; [`Column::Integers`].
    SeverityNumber,
    /// A text column by its place in [`crate::lines::TEXT_FIELDS`]; lines without have the empty text.
    Text(u8),
    /// The resource as JSON text; [`Column::Dictionary`].
    Resource,
    /// The attributes without a column of their own, as one JSON object per line; empty for none.
    Rest,
    /// Values of one kind under one name; other kinds under that name have columns of their own.
    Attribute(String, Kind),
}

/// A group as searches see it: sealed in memory or in a file. Columns are read when they are asked for.
pub trait GroupView: Send + Sync {
    /// How many lines.
    fn rows(&self) -> usize;

    /// Gives a column; nothing when the group has none of that name (every line then has "no value").
    ///
    /// # Errors
    /// When it cannot be read.
    fn column(&self, name: &ColumnName) -> Result<Option<Arc<Column>>, ColumnError>;

    /// Kinds under which an attribute has columns.
    fn kinds(&self, attribute: &str) -> Vec<Kind>;

    /// Names of the attributes with columns.
    fn attributes(&self) -> Vec<(String, Kind)>;

    /// Says whether [`ColumnName::Rest`] may hold a value under a (dotted) name.
    fn rest_may_have(&self, name: &str) -> bool;

    /// Says whether a resource may hold a value under a (dotted) name.
    fn resource_may_have(&self, name: &str) -> bool;

    /// Says whether the words (or identifiers) of a column are among the keys, see [`crate::keys`].
    /// Only then may [`GroupView::may_have_key`] rule anything out for that column.
    fn has_keys(&self, _name: &ColumnName) -> bool {
        false
    }

    /// Says in which form a column is, when that is known without reading it: identifiers that the
    /// keys rule out are then never read.
    fn form(&self, _name: &ColumnName) -> Option<Form> {
        None
    }

    /// The columns whose values the templates of messages may refer to, in the order of their numbers.
    fn references(&self) -> &[ColumnName] {
        &[]
    }

    /// Says whether the filter may hold a key, see [`crate::keys`]; true without a filter.
    fn may_have_key(&self, key: u64) -> bool;

    /// Says whether the vocabulary may hold a key, see [`crate::keys`]; nothing without one.
    fn vocabulary_may_have(&self, _key: u64) -> Option<bool> {
        None
    }

    /// Gives the buckets of templates, a bit for each, in which a variable of a message may have a folded word, whole
    /// or in part; see [`crate::keys`].
    fn message_buckets(&self, _folded: &str) -> u64 {
        u64::MAX
    }

    /// Bit n is set when severity number n occurs.
    fn severities(&self) -> u32;

    /// Inclusive bounds of the timestamps.
    fn timestamp_bounds_us(&self) -> (i64, i64);

    /// Inclusive bounds of the times of receipt.
    fn received_bounds_us(&self) -> (i64, i64);

    /// The lines that no question may find any more, although they are still there.
    fn hidden(&self) -> Option<&Bits> {
        None
    }
}
