//! The limits of the catalog. Each is an error with a place, not a surprise.

/// The most labels, annotations, tags or links on one object.
pub(crate) const ENTRIES_MAX: usize = 1_000;
/// The longest value of an annotation, in bytes.
pub(crate) const ANNOTATION_BYTES_MAX: usize = 262_144;
/// The longest title, description or link, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 65_536;
/// The most references in one field.
pub(crate) const REFERENCES_MAX: usize = 10_000;
