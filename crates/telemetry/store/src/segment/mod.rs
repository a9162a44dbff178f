//! Immutable Parquet files with an index beside them.
//!
//! A segment `seg-N.parquet` holds lines sorted by their time in row groups of 65,536: the fixed
//! OpenTelemetry columns, at most 200 promoted attributes as typed columns `a.NAME`, and one JSON
//! column for the rest. A value whose type is not the promoted one stays in the rest, so that a
//! conflict of types is never refused. `seg-N.index` holds, per row group, its extent and a Bloom
//! filter of words and values; without it everything still works, only slower.

mod file;
mod index;
mod rows;
mod write;

pub(crate) use file::{GroupReader, Opened, OpenedCache, Segment, SegmentEntry};
pub(crate) use index::PromotedType;
pub(crate) use rows::{ColumnBatch, column, promoted_column};
pub(crate) use write::{Written, write_segment};

/// Version of the layout of segments.
pub(crate) const FORMAT: u32 = 1;

/// Lines per row group.
pub(crate) const GROUP_ROWS: usize = 65_536;

/// Most promoted attributes per segment.
pub(crate) const PROMOTED_FIELDS: usize = 200;

/// Most names of other attributes that the index lists.
pub(crate) const LISTED_FIELDS: usize = 5_000;

pub(crate) fn data_name(number: u64) -> String {
    format!("seg-{number:016x}.parquet")
}

pub(crate) fn index_name(number: u64) -> String {
    format!("seg-{number:016x}.index")
}

/// Number of a segment by the name of one of its files.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let stem = name.strip_prefix("seg-")?;
    let hex = stem
        .strip_suffix(".parquet")
        .or_else(|| stem.strip_suffix(".index"))?;
    u64::from_str_radix(hex, 16).ok()
}
