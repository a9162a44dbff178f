//! What lies in a folder of telemetry, for people: segments with their columns and templates, logs, and whether
//! every checksum fits.
//!
//! Invariants: nothing is written, so that it may be called while a server owns the folder; what a running server
//! removes meanwhile is no damage. One segment and one record of a log is held at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use andon_reader::ReaderError;
use serde::Serialize;

use crate::disk::Disk;
use crate::failure::read_failed;
use crate::group::{ColumnCache, Depth, ExaminedColumn, StoredGroup, data_name, index_name};
use crate::manifest::{Listing, Manifest};
use crate::segment::{SegmentEntry, number_of};
use crate::wal::{LogFile, file_number};

/// Templates shown per column.
const TEMPLATES: usize = 10;

/// What lies in a folder of telemetry.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// The segments, oldest first.
    pub segments: Vec<InspectedSegment>,
    /// The log files, oldest first.
    pub logs: Vec<InspectedLog>,
    /// The columns over all segments, the largest first.
    pub columns: Vec<InspectedColumn>,
    /// Lines in segments.
    pub rows: u64,
    /// Lines in log files that are in no segment yet.
    pub logged_rows: u64,
    /// Bytes of segments on the disk.
    pub bytes: u64,
    /// Bytes of the values of segments as they are; only where they were measured.
    pub plain_bytes: u64,
    /// Bytes of log files.
    pub log_bytes: u64,
    /// Everything that is damaged.
    pub damage: Vec<String>,
    /// What is no part of the store, or waits to be tidied: copies of damaged files, left-overs of a crash.
    pub other_files: Vec<String>,
}

/// A segment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectedSegment {
    /// Its number, as in the names of its files.
    pub name: String,
    /// Lines.
    pub rows: u64,
    /// Bytes of both files.
    pub bytes: u64,
    /// The stream of its lines; empty for the default one.
    pub stream: String,
    /// Inclusive bounds of the senders' times, microseconds since the epoch.
    pub timestamps_us: (i64, i64),
    /// Inclusive bounds of the times of receipt.
    pub received_us: (i64, i64),
    /// Inclusive bounds of the ids.
    pub ids: (u64, u64),
    /// Bytes of the filter that rules it out.
    pub filter_bytes: u64,
    /// The place that has it, too; nothing when it is on the disk alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Whether it is on the disk; nothing else is known of one that is not.
    pub is_here: bool,
    /// Its columns; empty when it cannot be opened.
    pub columns: Vec<InspectedColumn>,
    /// What is damaged.
    pub damage: Vec<String>,
}

/// A column of one segment, or of all.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectedColumn {
    /// Its name in the Parquet file.
    pub name: String,
    /// In which form it is searched.
    pub form: String,
    /// How its values are written.
    pub encoding: String,
    /// Bytes in both files.
    pub bytes: u64,
    /// Bytes of the values as they are; nothing when they were not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_bytes: Option<u64>,
    /// Lines with a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<u64>,
    /// Different values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// How many templates its texts have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<u64>,
    /// The most frequent templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_templates: Vec<InspectedTemplate>,
    /// What is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// A template of texts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectedTemplate {
    /// Its text, with the types of its variables.
    pub text: String,
    /// Lines of it.
    pub rows: u64,
}

/// A log file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectedLog {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Whole batches.
    pub batches: u64,
    /// Lines in them.
    pub rows: u64,
    /// Whether its lines are in segments, so that it only waits to be removed.
    pub is_flushed: bool,
    /// What is damaged or torn.
    pub notes: Vec<String>,
}

/// What is to be looked at.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// Only this segment, by its number; its values are counted, too.
    pub segment: Option<u64>,
    /// Only checksums and sizes.
    pub is_quick: bool,
}

/// Looks at a folder.
///
/// # Errors
/// When it cannot be listed, or a newer version has written it. Damage is no error.
pub fn inspect(disk: &Arc<dyn Disk>, folder: &Path, options: &InspectOptions) -> Result<Inspection, ReaderError> {
    let names = disk.list(folder).map_err(|error| read_failed(folder, &error))?;
    let (manifest, notes) = Manifest::open(disk, folder)?;
    let mut found = Inspection { damage: notes, ..Inspection::default() };
    let cache = Arc::new(ColumnCache::new(0));
    let depth = match (options.segment, options.is_quick) {
        (Some(_), _) => Depth::Values,
        (None, false) => Depth::Sizes,
        (None, true) => Depth::Checksums,
    };
    for entry in manifest.listing.segments.values() {
        if options.segment.is_none_or(|number| number == entry.number)
            && let Some(segment) = segment(disk, folder, entry, depth, &cache)
        {
            found.add(segment);
        }
    }
    if options.segment.is_none() {
        found.add_logs(disk, folder, &names, &manifest.listing);
        found.other_files = names.into_iter().filter(|name| is_other(name, &manifest.listing)).collect();
    }
    found.columns.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(found)
}

/// Looks at a segment; nothing when a running server has removed it.
fn segment(disk: &Arc<dyn Disk>, folder: &Path, entry: &SegmentEntry, depth: Depth, cache: &Arc<ColumnCache>) -> Option<InspectedSegment> {
    let extent = &entry.extent;
    let mut told = InspectedSegment {
        name: format!("{:016x}", entry.number),
        rows: extent.rows,
        bytes: entry.bytes,
        stream: entry.stream.clone(),
        timestamps_us: (extent.min_timestamp_us, extent.max_timestamp_us),
        received_us: (extent.min_received_us, extent.max_received_us),
        ids: (extent.min_sequence, extent.max_sequence),
        filter_bytes: 0,
        home: entry.stored.as_ref().map(|stored| stored.place.clone()),
        is_here: true,
        columns: Vec::new(),
        damage: Vec::new(),
    };
    let files = [data_name(entry.number), index_name(entry.number)];
    if entry.stored.is_some() && files.iter().any(|name| disk.open(&folder.join(name)).is_err()) {
        told.is_here = false;
        return Some(told);
    }
    let group = match StoredGroup::open(disk.as_ref(), folder, entry.number, cache) {
        Ok(group) => group,
        Err(error) => {
            let is_listed = Manifest::open(disk, folder).is_ok_and(|(now, _)| now.listing.segments.contains_key(&entry.number));
            told.damage.push(error.to_string());
            return is_listed.then_some(told);
        }
    };
    told.filter_bytes = group.filter_bytes();
    told.damage = group.surroundings_damage();
    for column in group.examine(depth) {
        told.damage.extend(column.damage.clone());
        told.columns.push(shown(column));
    }
    Some(told)
}

fn shown(column: ExaminedColumn) -> InspectedColumn {
    let count = column.templates.len() as u64;
    let top = column.templates.into_iter().take(TEMPLATES).map(|(text, rows)| InspectedTemplate { text, rows });
    InspectedColumn {
        name: column.title,
        form: column.form.to_owned(),
        encoding: column.writing.to_owned(),
        bytes: column.stored_bytes,
        plain_bytes: column.plain_bytes,
        values: column.values,
        distinct: column.distinct,
        templates: (count > 0).then_some(count),
        top_templates: top.collect(),
        damage: column.damage,
    }
}

fn is_other(name: &str, listing: &Listing) -> bool {
    match (number_of(name), file_number(name)) {
        (Some(number), _) => !listing.segments.contains_key(&number),
        (_, Some(_)) => false,
        _ => name.ends_with(".damaged") || name.ends_with(".tmp"),
    }
}

impl Inspection {
    fn add(&mut self, segment: InspectedSegment) {
        self.rows += segment.rows;
        self.bytes += if segment.is_here { segment.bytes } else { 0 };
        self.damage.extend(segment.damage.iter().cloned());
        let mut known: BTreeMap<String, usize> = self.columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
        for column in &segment.columns {
            self.plain_bytes += column.plain_bytes.unwrap_or(0);
            let place = *known.entry(column.name.clone()).or_insert_with(|| {
                self.columns.push(InspectedColumn { name: column.name.clone(), form: column.form.clone(), encoding: column.encoding.clone(), ..InspectedColumn::default() });
                self.columns.len() - 1
            });
            if let Some(sum) = self.columns.get_mut(place) {
                sum.add(column);
            }
        }
        self.segments.push(segment);
    }

    fn add_logs(&mut self, disk: &Arc<dyn Disk>, folder: &Path, names: &[String], listing: &Listing) {
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| file_number(name)).collect();
        numbers.sort_unstable();
        for number in numbers {
            let name = crate::wal::file_name(number);
            // One that a running server has removed meanwhile is no damage.
            let Ok(mut file) = LogFile::open(disk.as_ref(), &folder.join(&name)) else { continue };
            let is_flushed = number <= listing.flushed_log;
            let mut log = InspectedLog { name, bytes: file.length(), batches: 0, rows: 0, is_flushed, notes: Vec::new() };
            while let Ok(Some(lines)) = file.next() {
                log.batches += 1;
                log.rows += lines.len() as u64;
            }
            log.notes.append(&mut file.notes);
            if file.is_damaged {
                self.damage.extend(log.notes.iter().cloned());
            }
            self.log_bytes += log.bytes;
            if !is_flushed {
                self.logged_rows += log.rows;
            }
            self.logs.push(log);
        }
    }
}

impl InspectedColumn {
    fn add(&mut self, other: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).reduce(|a, b| a + b);
        self.bytes += other.bytes;
        self.plain_bytes = sum(self.plain_bytes, other.plain_bytes);
        self.values = sum(self.values, other.values);
        self.templates = self.templates.max(other.templates);
        for template in &other.top_templates {
            match self.top_templates.iter_mut().find(|known| known.text == template.text) {
                Some(known) => known.rows += template.rows,
                None => self.top_templates.push(template.clone()),
            }
        }
        self.top_templates.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.text.cmp(&b.text)));
        self.top_templates.truncate(TEMPLATES * 4);
        if self.damage.is_none() {
            self.damage.clone_from(&other.damage);
        }
        if self.encoding != other.encoding && !self.encoding.contains(&other.encoding) {
            self.encoding = format!("{}, {}", self.encoding, other.encoding);
        }
    }
}

/// Names of the files of a segment.
pub(crate) fn files_of(number: u64) -> [String; 2] {
    [data_name(number), index_name(number)]
}
