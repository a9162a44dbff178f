//! Requests to the log reader and its answers. All of them serialise as they appear in the API.

use serde::{Deserialize, Serialize};

use crate::archive::ArchiveState;
use crate::home::HomeState;
use crate::clip::Clipped;
use crate::row::LogRow;

/// Which of the two times of a line a request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The sender's time: for people who search.
    #[default]
    Timestamp,
    /// Our time: for alarms, tail and retention.
    ReceivedAt,
}

/// Which end of the interval comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Latest time first.
    #[default]
    NewestFirst,
    /// Earliest time first.
    OldestFirst,
}

/// Asks for lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// Search text, see [`crate::query`]; empty or `*` means every line.
    pub query: String,
    /// Start of the interval, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// At most so many lines, 1..=10,000.
    pub limit: usize,
    /// Which end first.
    #[serde(default)]
    pub order: Order,
    /// `next` of an earlier answer to the same request.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Which time.
    #[serde(default)]
    pub clock: Clock,
    /// Cuts texts that are longer than so many characters; nothing for whole lines.
    #[serde(default)]
    pub clip: Option<usize>,
}

impl SearchRequest {
    /// Makes a request for the newest 100 lines of an interval.
    #[must_use]
    pub fn new(query: impl Into<String>, since_us: i64, until_us: i64) -> Self {
        Self {
            query: query.into(),
            since_us,
            until_us,
            limit: 100,
            order: Order::NewestFirst,
            cursor: None,
            clock: Clock::Timestamp,
            clip: None,
        }
    }
}

/// Lines, and how they were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The lines in the order asked for.
    pub rows: Vec<LogRow>,
    /// Where to go on; nothing when there is no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many stored lines were looked at.
    pub scanned_rows: u64,
    /// How many segments were opened; pruned ones do not count.
    pub scanned_segments: u64,
    /// How long it took.
    pub elapsed_us: u64,
    /// False when something was left out, see `missing`.
    pub complete: bool,
    /// What was left out and why.
    pub missing: Vec<String>,
    /// Which texts of which lines were cut, as the request asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clipped: Vec<Clipped>,
    /// What is worth knowing about the answer although nothing is missing by mistake: lines that are in the
    /// archive, parts of the search text that mean nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Asks how many lines match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRequest {
    /// Search text.
    pub query: String,
    /// Start of the interval, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// Which time.
    #[serde(default)]
    pub clock: Clock,
}

/// How many lines match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountResult {
    /// Matching lines.
    pub count: u64,
    /// How many stored lines were looked at; zero when metadata answered.
    pub scanned_rows: u64,
    /// How long it took.
    pub elapsed_us: u64,
    /// False when something was left out: the count is then a lower bound.
    pub complete: bool,
    /// What was left out and why.
    pub missing: Vec<String>,
    /// What is worth knowing about the answer although nothing is missing by mistake: lines that are in the
    /// archive, parts of the search text that mean nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Asks for counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramRequest {
    /// Search text.
    pub query: String,
    /// Start of the interval, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// About how many bars, 1..=2,000; the width is rounded up to a readable one.
    #[serde(default)]
    pub buckets: Option<usize>,
    /// Exact width of a bar; wins over `buckets`.
    #[serde(default)]
    pub bucket_us: Option<i64>,
    /// Field whose values become series (`level`, `service`, any attribute).
    #[serde(default)]
    pub by: Option<String>,
    /// Which time.
    #[serde(default)]
    pub clock: Clock,
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Width of a bar.
    pub bucket_us: i64,
    /// Start of each bar; bars are aligned to multiples of the width since the epoch.
    pub starts_us: Vec<i64>,
    /// One series per value of `by`, the largest first; one named `count` without `by`.
    pub series: Vec<Series>,
    /// All matching lines.
    pub total: u64,
    /// How many stored lines were looked at.
    pub scanned_rows: u64,
    /// How long it took.
    pub elapsed_us: u64,
    /// False when something was left out.
    pub complete: bool,
    /// What was left out and why.
    pub missing: Vec<String>,
    /// What is worth knowing about the answer although nothing is missing by mistake: lines that are in the
    /// archive, parts of the search text that mean nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One line of bars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The value; `(none)` for lines without the field, `(other)` beyond the largest twenty.
    pub name: String,
    /// One count per bar.
    pub counts: Vec<u64>,
}

/// Asks for figures over matching lines, by values of fields and by time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateRequest {
    /// Search text.
    pub query: String,
    /// Start of the interval, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
    /// Which time.
    #[serde(default)]
    pub clock: Clock,
    /// What makes a group; nothing for one group of all lines. At most [`AggregateRequest::KEYS`].
    #[serde(default)]
    pub by: Vec<GroupBy>,
    /// What is measured; 1..=[`AggregateRequest::MEASURES`].
    pub measures: Vec<Measure>,
    /// The order of the groups; without it by time when there is a time, else the largest first
    /// measure first.
    #[serde(default)]
    pub order: Option<GroupOrder>,
    /// At most so many groups in the answer, 1..=10,000.
    pub limit: usize,
}

impl AggregateRequest {
    /// Most parts of a group's key.
    pub const KEYS: usize = 4;
    /// Most measures.
    pub const MEASURES: usize = 16;
    /// Most groups in an answer.
    pub const LIMIT: usize = 10_000;
}

/// Part of a group's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GroupBy {
    /// The first value of a field, with its type: the number 200 and the text `200` are two groups.
    Field {
        /// Its name as in a search.
        name: String,
    },
    /// Intervals of time, aligned to multiples of their width since the epoch.
    Time {
        /// Their width, above zero.
        width_us: i64,
    },
}

/// What is measured of a group. Numbers are whole and other numbers; a text is no number here, even
/// when it reads like one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Measure {
    /// Lines.
    Count,
    /// Sum of a field's numbers; nothing when there is none.
    Sum {
        /// Its name as in a search.
        field: String,
    },
    /// Mean of a field's numbers.
    Avg {
        /// Its name as in a search.
        field: String,
    },
    /// Smallest of a field's numbers.
    Min {
        /// Its name as in a search.
        field: String,
    },
    /// Largest of a field's numbers.
    Max {
        /// Its name as in a search.
        field: String,
    },
    /// Number of different values of a field, exactly.
    Distinct {
        /// Its name as in a search.
        field: String,
    },
}

/// By which column of the answer its rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOrder {
    /// Place of the column: first the parts of the key, then the measures.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// Figures, one row per group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AggregateResult {
    /// Names of the columns: the parts of the key, then the measures.
    pub columns: Vec<String>,
    /// One value per column: a time in microseconds, a value of a field, null for lines without.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// How many groups there are, those beyond the limit included; nothing when only the largest were
    /// looked for.
    pub groups_total: Option<u64>,
    /// How many stored lines were looked at.
    pub scanned_rows: u64,
    /// How long it took.
    pub elapsed_us: u64,
    /// False when something was left out.
    pub complete: bool,
    /// What was left out and why.
    pub missing: Vec<String>,
    /// What is worth knowing about the answer although nothing is missing by mistake: lines that are in the
    /// archive, parts of the search text that mean nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Asks which fields occur.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsRequest {
    /// Search text that the lines must match.
    pub query: String,
    /// Start of the interval, inclusive.
    pub since_us: i64,
    /// End of the interval, exclusive.
    pub until_us: i64,
}

/// Type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text.
    Text,
    /// Whole or fractional numbers.
    Number,
    /// True and false.
    Boolean,
    /// Lists and objects.
    Structure,
    /// Several of these.
    Mixed,
}

/// What is known about one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSummary {
    /// Name as used in the search language.
    pub name: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// In how many of the sampled lines it occurs.
    pub count: u64,
    /// The most frequent values, at most ten.
    pub top: Vec<ValueCount>,
    /// Different values seen, counted up to 1,000.
    pub distinct: u64,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text, at most 200 characters of it.
    pub value: String,
    /// How often.
    pub count: u64,
}

/// Which fields occur, from the newest matching lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldsResult {
    /// The fields, the fixed ones first, then by count.
    pub fields: Vec<FieldSummary>,
    /// From how many lines this was made, at most 10,000.
    pub sampled_rows: u64,
    /// True when the sample is every matching line.
    pub complete: bool,
    /// What is worth knowing about the answer although nothing is missing by mistake: lines that are in the
    /// archive, parts of the search text that mean nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a live tail delivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TailEvent {
    /// A line that matches.
    Row {
        /// The line.
        row: Box<LogRow>,
    },
    /// The reader was too slow: so many stored lines (matching or not) were skipped here.
    Lagged {
        /// Lines skipped.
        skipped: u64,
    },
}

/// The state of the store, for status pages and alarms about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Lines that can be searched now.
    pub rows: u64,
    /// Of these, lines that are still in memory and the write-ahead log.
    pub memory_rows: u64,
    /// Memory used by those, approximately.
    pub memory_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes of segment files and their indexes.
    pub segment_bytes: u64,
    /// Bytes of write-ahead log files.
    pub log_bytes: u64,
    /// The highest size allowed on disk, zero when unlimited.
    pub disk_cap_bytes: u64,
    /// How long lines are kept, zero when for ever.
    pub retention_s: u64,
    /// Oldest stored time of receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_received_at_us: Option<i64>,
    /// Lines removed because of age, ever.
    pub dropped_by_age_rows: u64,
    /// Lines removed because of the disk cap, ever.
    pub dropped_by_cap_rows: u64,
    /// Lines acknowledged since start.
    pub appended_rows: u64,
    /// Lines that arrived larger than allowed and were truncated since start.
    pub truncated_rows: u64,
    /// Lines whose append was answered with an error since start.
    pub refused_rows: u64,
    /// Why the last write failed; nothing when the last one succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
    /// The archive, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveState>,
    /// The home of the segments, where they are not on the disk alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<HomeState>,
    /// What recovery found at start: torn tails, damaged records, damaged files.
    pub recovery_notes: Vec<String>,
}
