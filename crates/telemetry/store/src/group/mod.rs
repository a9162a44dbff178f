//! Segments on disk: one closed group of lines in two files, see `docs/reference/segment-format.md`.
//!
//! `seg-N.parquet` holds the columns, as any reader of Parquet sees them; `seg-N.index` holds what
//! Parquet has no form for: the directories and variables of templates, the filter, names of fields,
//! and where everything stands. Columns are decoded when they are asked for and kept in one cache.
//!
//! Absent: the list of segments, their removal, and when they are written (see the keeper).

mod cache;
mod decode;
mod encoding;
mod examine;
mod file;
mod index;
mod layout;
mod meter;
mod parquet_file;
mod parquet_footer;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use cache::ColumnCache;
pub(crate) use examine::{Depth, ExaminedColumn};
pub(crate) use file::{GroupFiles, StoredGroup};
pub(crate) use layout::FORMAT;
pub(crate) use meter::read_so_far;
pub(crate) use write::{WrittenGroup, write_group};

pub(crate) fn data_name(number: u64) -> String {
    format!("seg-{number:016x}.parquet")
}

pub(crate) fn index_name(number: u64) -> String {
    format!("seg-{number:016x}.index")
}
