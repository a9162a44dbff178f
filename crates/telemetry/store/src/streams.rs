//! Streams: lines with a retention of their own. Which stream a line belongs to is decided when its chunk becomes a
//! segment, and never again; the list is kept in a file, so that it holds before the server speaks.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use andon_reader::query::{self, Filter, RowView};
use andon_reader::{DEFAULT_STREAM, ReaderError, StreamRule, StreamStatus, code, custody_limits};
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, read_whole, write_atomically};
use crate::failure::write_failed;
use crate::manifest::Dropped;
use crate::shared::Shared;

const FILE_NAME: &str = "streams.json";

/// The streams in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct StreamSet {
    streams: Vec<(StreamRule, Filter)>,
}

/// The file of the streams.
#[derive(Serialize, Deserialize)]
struct Kept {
    streams: Vec<StreamRule>,
}

impl StreamSet {
    /// Checks and orders streams.
    ///
    /// # Errors
    /// When there are too many, two have one name, or a query is wrong.
    pub(crate) fn new(mut rules: Vec<StreamRule>) -> Result<Self, ReaderError> {
        let refuse = |what: String| ReaderError::new(code::REQUEST, what);
        if rules.len() > custody_limits::STREAMS {
            let most = custody_limits::STREAMS;
            return Err(refuse(format!("{} streams are too many, at most {most} are kept apart", rules.len())));
        }
        rules.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let mut names = std::collections::BTreeSet::new();
        let mut streams = Vec::with_capacity(rules.len());
        for rule in rules {
            if rule.name.is_empty() || rule.name == DEFAULT_STREAM || !names.insert(rule.name.clone()) {
                return Err(refuse(format!("`{}` is no name of a stream, or is given twice", rule.name)));
            }
            let filter = Filter::compile(&query::parse(&rule.query)?)?;
            streams.push((rule, filter));
        }
        Ok(Self { streams })
    }

    /// Reads the list that was kept; none when there is none, and a note when it cannot be read.
    pub(crate) fn read(disk: &dyn Disk, folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE_NAME);
        let read = match read_whole(disk, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (Self::default(), None),
            Err(error) => Err(error.to_string()),
            Ok(bytes) => serde_json::from_slice::<Kept>(&bytes).map_err(|error| error.to_string()),
        };
        match read.and_then(|kept| Self::new(kept.streams).map_err(|error| error.message)) {
            Ok(set) => (set, None),
            Err(why) => {
                let what = "the streams are not known until the server tells them, lines go to the default one";
                (Self::default(), Some(format!("{}: DAMAGED: {why}; {what}", path.display())))
            }
        }
    }

    /// Keeps the list for the next start.
    pub(crate) fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), ReaderError> {
        let kept = Kept { streams: self.rules().cloned().collect() };
        let bytes = serde_json::to_vec_pretty(&kept).unwrap_or_default();
        let path = folder.join(FILE_NAME);
        write_atomically(disk, &path, &bytes).map_err(|error| write_failed("the list of streams", &path, &error))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &StreamRule> {
        self.streams.iter().map(|(rule, _)| rule)
    }

    pub(crate) fn rule(&self, name: &str) -> Option<&StreamRule> {
        self.rules().find(|rule| rule.name == name)
    }

    /// Finds the place of the stream to which a line belongs; none for the default one.
    pub(crate) fn place_of<R: RowView>(&self, line: &R) -> Option<usize> {
        self.streams.iter().position(|(_, filter)| filter.matches(line))
    }

    /// Tells how long lines of a stream stay; nothing when the store's own setting holds.
    pub(crate) fn retention_us(&self, stream: &str) -> Option<i64> {
        self.rule(stream).and_then(|rule| rule.retention_us).filter(|&age_us| age_us > 0)
    }
}

/// Tells what each stream holds, the default one first.
pub(crate) fn describe(shared: &Shared, dropped: &BTreeMap<String, Dropped>) -> Vec<StreamStatus> {
    let set = shared.streams();
    let own_us = shared.config.retention.map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    let mut by_name: BTreeMap<&str, StreamStatus> = BTreeMap::new();
    let segments = shared.visible().segments.clone();
    let known = set.rules().map(|rule| rule.name.as_str());
    let stored = segments.iter().map(|segment| segment.entry.stream.as_str());
    for name in known.chain([""]).chain(stored).chain(dropped.keys().map(String::as_str)) {
        by_name.entry(name).or_default();
    }
    for segment in &segments {
        let Some(status) = by_name.get_mut(segment.entry.stream.as_str()) else { continue };
        let extent = segment.extent();
        status.rows += extent.rows;
        status.bytes += segment.entry.bytes;
        status.segments += 1;
        let oldest = status.oldest_received_at_us.unwrap_or(i64::MAX);
        status.oldest_received_at_us = Some(oldest.min(extent.min_received_us));
    }
    let finish = |(name, mut status): (&str, StreamStatus)| {
        let gone = dropped.get(name).copied().unwrap_or_default();
        status.name = if name.is_empty() { DEFAULT_STREAM.to_owned() } else { name.to_owned() };
        status.is_known = name.is_empty() || set.rule(name).is_some();
        status.retention_us = set.retention_us(name).unwrap_or(own_us);
        status.size_bytes = set.rule(name).and_then(|rule| rule.size_bytes);
        status.dropped_by_age_rows = gone.by_age_rows;
        status.dropped_by_size_rows = gone.by_size_rows;
        status.dropped_by_cap_rows = gone.by_cap_rows;
        status
    };
    by_name.into_iter().map(finish).collect()
}
