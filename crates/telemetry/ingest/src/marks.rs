//! What is not as it was sent is marked on the line itself, so that nobody takes it for the original.

use std::borrow::Cow;

use andon_reader::Attributes;

/// How many bytes were cut off; the store uses the same name for what it cuts.
pub(crate) const TRUNCATED: &str = "andon.truncated_bytes";
/// The line held bytes that are not UTF-8; each such place is shown as U+FFFD.
pub(crate) const INVALID_UTF8: &str = "andon.invalid_utf8";
/// The line could not be read as its protocol asks and is kept as it came.
pub(crate) const UNPARSED: &str = "andon.unparsed";

/// Reads text, lossily where it must be, and says whether anything was lost.
pub(crate) fn text_of(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (String::from_utf8_lossy(bytes), true),
    }
}

/// Marks a line with what became of it on the way in.
pub(crate) fn mark(attributes: &mut Attributes, cut_bytes: u64, is_lossy: bool) {
    if cut_bytes > 0 {
        attributes.insert(TRUNCATED.to_owned(), cut_bytes.into());
    }
    if is_lossy {
        attributes.insert(INVALID_UTF8.to_owned(), true.into());
    }
}
