//! Texts as templates and typed variables: a column that is small, exact and searchable in place.
//!
//! Purpose: log messages, paths and identifiers repeat their words and change their numbers. Each row
//! is kept as the number of its template and the values of the template's variables; a value that
//! another column of the row has, too, is kept as a reference to it.
//!
//! Invariants: what goes in comes out byte for byte, whatever it holds; damaged bytes are an error,
//! never a panic, and never take more memory than they are worth; what a search finds is what a test
//! of every rendered text would find.
//!
//! Layout of a column of a group: the rows' template numbers (kept by the caller, next to the other
//! columns), one directory frame ([`layout`]), and pages of about 32 KiB with the values grouped by
//! template and variable. Counting what lies in constant text therefore reads no rows.
//!
//! Absent: caches and files (a [`PageSource`] is asked for pages), templates that live longer than a
//! group.

mod build;
mod byte_set;
mod column;
mod encode;
mod gather;
mod layout;
mod pattern;
mod probe;
mod scan;
mod select;
mod slot;
mod values;
mod words;

pub use build::TemplateBuilder;
pub use column::{
    NoReferences, PageSource, References, RowSource, SingleInteger, TemplateColumn, TemplatePart,
    TemplateRows, TemplateView, VariableKind, decompress_page, encode_texts,
};
pub use encode::TemplateEncoded;
pub use gather::NumberedTexts;
pub(crate) use pattern::Needle;
pub use pattern::{EqualPattern, Known, Literal, SubstringPattern, TextPattern, WordsPattern};
pub use select::Checkpoint;
pub(crate) use words::is_one_word;

#[cfg(test)]
mod tests;
